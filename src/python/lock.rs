//! Locks: which distributions, of which versions, in which files.
//!
//! Nothing is resolved: what a lock does not pin is an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::marker::Environment;
use super::name::{WheelName, normalise_name};
use crate::digest::Digest;

mod condition;
mod file;
mod pin;
mod pylock;
mod requirements;
#[cfg(test)]
mod tests;
mod text;
mod uv;

use pylock::Pylock;
use requirements::Requirements;
use text::{LockText, MOST_BYTES, Place};
use uv::UvLock;

/// A lock file: `pylock.toml`, `requirements.txt` with hashes, or `uv.lock`.
#[derive(Debug, Clone)]
pub struct Lock {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Pylock(Pylock),
    Requirements(Requirements),
    Uv(UvLock),
}

/// A project that a `uv.lock` wants from this machine's files, so that no wheel of it is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalProject {
    /// Its name, normalised.
    pub name: String,
    /// Its folder, relative to the lock.
    pub path: String,
    /// Whether it is to be installed itself, and not only what it needs: uv's sources other than `virtual`.
    pub is_package: bool,
}

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
    /// The folder of its sources on this machine, if that is what is locked.
    pub folder: Option<String>,
    /// The line of the lock that says so, from 1, for messages.
    pub line: usize,
}

impl LockedPackage {
    /// Whether a wheel is of the version that is pinned. A version without a local part is also those that have one
    /// ([`==`](https://packaging.python.org/en/latest/specifications/version-specifiers/#version-matching)).
    pub fn is_of(&self, wheel: &WheelName) -> bool {
        let Some(version) = &self.version else { return true };
        let parsed = |text: &str| text.parse::<pep440_rs::Version>().ok();
        let public = || Some((parsed(version).filter(|own| !own.is_local())?, parsed(&wheel.version)?.without_local()));
        file::same_version(version, &wheel.version) || public().is_some_and(|(own, others)| own == others)
    }
}

/// The files of a locked distribution.
#[derive(Debug, Clone)]
pub enum LockedFiles {
    /// These wheels.
    Wheels(Vec<LockedWheel>),
    /// Whatever has one of these digests: a `requirements.txt` names no files. [`Lock::indexes`] and [`Lock::find_links`] are
    /// where they may be looked for.
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// Reads a lock, whose kind its name says: `pylock.toml` or `pylock.*.toml`, `uv.lock`, `*.txt`; another `.toml` is a
    /// lock of the first kind if it has a `lock-version`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is malformed, has more than 64 MiB, or leaves something open.
    pub fn read(file: &Path) -> Result<Lock, LockError> {
        kind_of(file)?;
        Lock::parse(&LockText::read(file, MOST_BYTES)?)
    }

    fn parse(text: &LockText) -> Result<Lock, LockError> {
        let kind = match kind_of(text.file())? {
            KindName::Pylock => Kind::Pylock(Pylock::read(text, text.toml()?)?),
            KindName::Requirements => Kind::Requirements(Requirements::read(text)?),
            KindName::Uv => Kind::Uv(UvLock::read(text, text.toml()?)?),
            KindName::Unknown => {
                let table = text.toml()?;
                if table.get_ref().get("lock-version").is_none() {
                    return Err(not_a_lock(text.file()));
                }
                Kind::Pylock(Pylock::read(text, table)?)
            }
        };
        Ok(Lock { kind })
    }

    /// The distributions that are to be there in this environment, sorted by name, each once. The environment's own extras
    /// and groups do not count.
    ///
    /// Without groups a `pylock.toml` gives its default ones. Projects that a `uv.lock` wants from this machine's files are
    /// left out ([`Lock::local_projects`]), and what they need is there.
    ///
    /// # Errors
    ///
    /// If an extra does not exist, a marker cannot be decided, one name has two versions, or what is needed has no file.
    pub fn packages(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LockedPackage>, LockError> {
        let (environment, extras) = (plain(environment), normalised(extras));
        match &self.kind {
            Kind::Pylock(lock) => lock.packages(&environment, &extras),
            Kind::Requirements(lock) => lock.packages(&environment, &extras),
            Kind::Uv(lock) => lock.packages(&environment, &extras),
        }
    }

    /// The projects of this machine that a `uv.lock` wants in this environment, sorted by name: the locked project itself,
    /// members of its workspace, folders. Their wheels are nowhere.
    ///
    /// # Errors
    ///
    /// As for [`Lock::packages`].
    pub fn local_projects(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LocalProject>, LockError> {
        match &self.kind {
            Kind::Uv(lock) => lock.local_projects(&plain(environment), &normalised(extras)),
            Kind::Pylock(_) | Kind::Requirements(_) => Ok(Vec::new()),
        }
    }

    /// The addresses of the indexes that it names, the first one first: `--index-url`, `--extra-index-url`. Locks of the
    /// other kinds say of each wheel where it is.
    pub fn indexes(&self) -> &[String] {
        match &self.kind {
            Kind::Requirements(lock) => &lock.indexes,
            Kind::Pylock(_) | Kind::Uv(_) => &[],
        }
    }

    /// Whether it wants no index asked: `--no-index`.
    pub fn no_index(&self) -> bool {
        matches!(&self.kind, Kind::Requirements(lock) if lock.no_index)
    }

    /// The folders of wheels that it names, relative to the lock: `--find-links`.
    pub fn find_links(&self) -> &[PathBuf] {
        match &self.kind {
            Kind::Requirements(lock) => &lock.find_links,
            Kind::Pylock(_) | Kind::Uv(_) => &[],
        }
    }
}

/// The kind that a name says.
enum KindName {
    Pylock,
    Requirements,
    Uv,
    /// It takes a look inside.
    Unknown,
}

fn kind_of(file: &Path) -> Result<KindName, LockError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match &*name {
        "pylock.toml" => Ok(KindName::Pylock),
        "uv.lock" => Ok(KindName::Uv),
        name if name.starts_with("pylock.") && name.ends_with(".toml") => Ok(KindName::Pylock),
        name if name.ends_with(".txt") => Ok(KindName::Requirements),
        name if name.ends_with(".toml") => Ok(KindName::Unknown),
        _ => Err(not_a_lock(file)),
    }
}

fn not_a_lock(file: &Path) -> LockError {
    Place::whole(file).error(
        "it is none of the locks that are known: `pylock.toml` or `pylock.*.toml`, `uv.lock`, or a `*.txt` of \
         requirements with hashes",
        "write one with `pip lock`, `uv lock`, or `pip-compile --generate-hashes`",
    )
}

/// The environment without what only markers of a `pylock.toml` see, which says it itself.
fn plain(environment: &Environment) -> Environment {
    Environment { extras: BTreeSet::new(), groups: BTreeSet::new(), ..environment.clone() }
}

fn normalised(extras: &Extras) -> Extras {
    let names = |names: &BTreeSet<String>| names.iter().map(|name| normalise_name(name)).collect();
    Extras { extras: names(&extras.extras), groups: names(&extras.groups) }
}
