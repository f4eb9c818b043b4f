//! Wheels: what a `.whl` holds, and what it lays.
//!
//! A wheel is opened by its directory, its `RECORD` and its metadata; what its other members hold is read when a layer
//! is assembled, and held to `RECORD` then. Where pip is more lenient than the
//! [specification](https://packaging.python.org/en/latest/specifications/binary-distribution-format/) the latter is
//! meant, but nothing that pip installs from PyPI's usual wheels is refused.

mod direct_url;
mod entry_points;
mod headers;
mod lay;
mod open;
pub(super) mod scripts;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::distribution::Distribution;
use super::name::WheelName;
use super::scheme::Scheme;
use super::zip::{Archive, Member, shown};
use crate::digest::Digest;
use entry_points::EntryPoints;

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

/// A wheel whose every file is in its `RECORD`.
#[derive(Debug, Clone)]
pub struct Wheel {
    /// The file's name, for messages.
    label: Arc<str>,
    digest: Digest,
    name: WheelName,
    archive: Archive,
    /// Its files but `RECORD`, sorted by path.
    files: Arc<[WheelMember]>,
    /// The directory of its metadata.
    info: String,
    /// The directory of what goes elsewhere than the library.
    data: Option<String>,
    /// Whether the library is `purelib`.
    is_pure_library: bool,
    metadata: Arc<Metadata>,
    entry_points: Arc<EntryPoints>,
}

/// A file of a wheel and the digest that `RECORD` has of it.
#[derive(Debug)]
struct WheelMember {
    member: Member,
    digest: Digest,
}

/// What of `METADATA` is asked for.
#[derive(Debug)]
struct Metadata {
    version: String,
    requires_python: Option<String>,
}

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
    /// Reads a wheel's directory, its metadata and its `RECORD`; no other member is read, but those of which `RECORD` has
    /// no SHA-256.
    ///
    /// # Errors
    ///
    /// If it is no wheel, is hostile, or contradicts itself.
    pub fn open(file: WheelFile) -> Result<Wheel, WheelError> {
        open::open(&file).map_err(|why| WheelError { wheel: shown(&file.name), why })
    }

    /// The wheel as it is laid. `is_local`: it was named itself and not found through a lock, so `direct_url.json` says so.
    ///
    /// # Errors
    ///
    /// If what has to be rewritten cannot be read or is malformed.
    pub fn lay(&self, scheme: &Scheme, is_local: bool) -> Result<Distribution, WheelError> {
        lay::lay(self, scheme, is_local).map_err(|why| WheelError { wheel: shown(&self.name.file), why })
    }

    /// The interpreters that it can be used with, as it is written: `Requires-Python`.
    pub fn requires_python(&self) -> Option<&str> {
        self.metadata.requires_python.as_deref()
    }
}
