//! Wheels: what a `.whl` holds, and what it lays.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::distribution::Distribution;
use super::scheme::Scheme;
use crate::digest::Digest;

/// A wheel's file, open.
#[derive(Debug, Clone)]
pub struct WheelFile {
    /// The wheel's file name, which says what it is for.
    pub name: String,
    /// Where it lies, for messages.
    pub path: PathBuf,
    /// The file it lies in.
    pub file: Arc<File>,
    /// Where in the file it begins.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
}

/// A wheel whose directory and `RECORD` agree.
#[derive(Debug, Clone)]
pub struct Wheel {}

/// Why a wheel is refused.
#[derive(Debug, thiserror::Error)]
#[error("the wheel `{wheel}` is refused: {why}")]
pub struct WheelError {
    /// Its file name.
    pub wheel: String,
    /// Why.
    pub why: String,
}

impl Wheel {
    /// Reads a wheel's directory, its metadata and its `RECORD`; no other member is read.
    ///
    /// # Errors
    ///
    /// If it is no wheel, is hostile, or contradicts itself.
    pub fn open(file: WheelFile) -> Result<Wheel, WheelError> {
        let _ = file;
        unimplemented!()
    }

    /// The wheel as it is laid. `is_local`: it was named itself and not found through a lock, so `direct_url.json` says so.
    ///
    /// # Errors
    ///
    /// If what has to be rewritten cannot be read or is malformed.
    pub fn lay(&self, scheme: &Scheme, is_local: bool) -> Result<Distribution, WheelError> {
        let _ = (scheme, is_local);
        unimplemented!()
    }
}

impl Wheel {
    /// What interpreters it says it is for.
    pub fn requires_python(&self) -> Option<&str> {
        unimplemented!()
    }
}
