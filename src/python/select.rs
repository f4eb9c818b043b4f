//! Selection: the best of several wheels for a target.

use super::name::WheelName;
use super::target::Target;

/// A wheel that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The wheel's file name.
    pub file: String,
    /// Why not: "it is for CPython 3.11", "it needs glibc 2.39, and the image has 2.34".
    pub why: String,
}

/// The place of the best of these wheels for the target.
///
/// # Errors
///
/// Why each of them is none.
pub fn best(wheels: &[&WheelName], target: &Target) -> Result<usize, Vec<Refusal>> {
    let _ = (wheels, target);
    unimplemented!()
}
