//! Targets: the interpreter, the platform and the C library that wheels are chosen for. Never those of this machine.

use super::marker::Environment;
use super::tags::Tag;
use crate::image::Platform;

/// CPython of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonVersion {
    /// The 3 of 3.12.8.
    pub major: u32,
    /// The 12.
    pub minor: u32,
    /// The 8, if it is known.
    pub micro: Option<u32>,
}

/// A C library, by the least version that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc `major.minor` (manylinux).
    Glibc(u32, u32),
    /// musl `major.minor` (musllinux).
    Musl(u32, u32),
}

/// What wheels are chosen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The interpreter.
    pub python: PythonVersion,
    /// The platform; Linux alone.
    pub platform: Platform,
    /// The C library; without one only wheels that need none are for it.
    pub libc: Option<Libc>,
}

impl Target {
    /// The tags that it can use, best first: what `packaging.tags.sys_tags()` gives on it.
    pub fn tags(&self) -> Vec<Tag> {
        unimplemented!()
    }

    /// What environment markers see on it.
    pub fn environment(&self) -> Environment {
        unimplemented!()
    }
}

impl std::str::FromStr for PythonVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<PythonVersion, String> {
        let _ = text;
        unimplemented!()
    }
}

impl std::str::FromStr for Libc {
    type Err = String;

    fn from_str(text: &str) -> Result<Libc, String> {
        let _ = text;
        unimplemented!()
    }
}

impl std::fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

impl std::fmt::Display for Libc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

impl PythonVersion {
    /// Whether the version satisfies the specifiers.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn satisfies(&self, specifiers: &str) -> Result<bool, String> {
        let _ = specifiers;
        unimplemented!()
    }
}
