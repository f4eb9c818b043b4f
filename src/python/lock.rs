//! Locks: which distributions, of which versions, in which files.
//!
//! Nothing is resolved: what a lock does not pin is an error.

use std::collections::BTreeSet;
use std::path::Path;

use super::marker::Environment;
use super::name::WheelName;
use crate::digest::Digest;

/// A lock file: `pylock.toml`, `requirements.txt` with hashes, or `uv.lock`.
#[derive(Debug, Clone)]
pub struct Lock {}

/// What of a lock is wanted beside the dependencies that everybody needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Extras of the locked project.
    pub extras: BTreeSet<String>,
    /// Its dependency groups.
    pub groups: BTreeSet<String>,
}

/// A distribution that a lock pins.
#[derive(Debug, Clone)]
pub struct LockedPackage {
    /// Its name, normalised.
    pub name: String,
    /// Its version, if it is pinned by one.
    pub version: Option<String>,
    /// The files that it may come from.
    pub files: LockedFiles,
    /// Whether there is a source distribution, by its name: for the message when no wheel is left.
    pub source: Option<String>,
    /// The line of the lock that says so, from 1, for messages.
    pub line: usize,
}

/// The files of a locked distribution.
#[derive(Debug, Clone)]
pub enum LockedFiles {
    /// These wheels.
    Wheels(Vec<LockedWheel>),
    /// Whatever has one of these digests: a `requirements.txt` names no files. `indexes` is where they may be looked for,
    /// if the file says so.
    Digests(BTreeSet<Digest>),
}

/// A wheel that a lock names.
#[derive(Debug, Clone)]
pub struct LockedWheel {
    /// What its file name says.
    pub name: WheelName,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, if it is known.
    pub size: Option<u64>,
    /// Where it can be downloaded.
    pub url: Option<String>,
    /// Where it lies, relative to the lock.
    pub path: Option<String>,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", message(file, *line, *column, what))]
pub struct LockError {
    /// The lock.
    pub file: std::path::PathBuf,
    /// The line, from 1; 0 if it is about the whole.
    pub line: usize,
    /// The column, from 1; 0 if it is about the whole line.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

fn message(file: &Path, line: usize, column: usize, what: &str) -> String {
    match (line, column) {
        (0, _) => format!("{}: {what}", file.display()),
        (line, 0) => format!("{}:{line}: {what}", file.display()),
        (line, column) => format!("{}:{line}:{column}: {what}", file.display()),
    }
}

impl Lock {
    /// Reads a lock, whose kind its name says.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is malformed, or leaves something open.
    pub fn read(file: &Path) -> Result<Lock, LockError> {
        let _ = file;
        unimplemented!()
    }

    /// The distributions that are to be there in this environment, sorted by name, each once.
    ///
    /// # Errors
    ///
    /// If an extra does not exist, a marker cannot be decided, one name has two versions, or what is needed has no file.
    pub fn packages(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LockedPackage>, LockError> {
        let _ = (environment, extras);
        unimplemented!()
    }

    /// The addresses of the indexes that it names, the first one first: `--index-url`, `--extra-index-url`.
    pub fn indexes(&self) -> &[String] {
        unimplemented!()
    }
}
