//! Pins: what a lock says about one distribution.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use super::file::same_version;
use super::text::{Place, shown};
use super::{LockError, LockedFiles, LockedPackage, LockedWheel};
use crate::digest::Digest;

/// A distribution that a lock pins.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    /// Its name, normalised.
    pub name: String,
    /// Its version, if it is said.
    pub version: Option<String>,
    /// The files that it may come from.
    pub files: PinnedFiles,
    /// The source distribution, if there is one.
    pub source: Option<String>,
    /// The folder of its sources, if that is what is locked.
    pub folder: Option<String>,
    /// Where the lock says so.
    pub place: Place,
    /// The line of the lock itself, which may have included the place's file.
    pub line: usize,
}

/// The files of a pin.
#[derive(Debug, Clone)]
pub(super) enum PinnedFiles {
    /// These wheels. What is wrong with one of them matters only if the distribution is wanted.
    Wheels(Vec<Result<LockedWheel, LockError>>),
    /// Whatever has one of these digests.
    Digests(BTreeSet<Digest>),
}

impl Pin {
    /// The pin for those who want it.
    ///
    /// # Errors
    ///
    /// If one of its wheels cannot be used.
    pub fn package(&self) -> Result<LockedPackage, LockError> {
        let files = match &self.files {
            PinnedFiles::Digests(digests) => LockedFiles::Digests(digests.clone()),
            PinnedFiles::Wheels(wheels) => LockedFiles::Wheels(wheels.iter().cloned().collect::<Result<_, _>>()?),
        };
        let version = match (&self.version, &files) {
            (None, LockedFiles::Wheels(wheels)) => wheels.first().map(|wheel| wheel.name.version.clone()),
            (version, _) => version.clone(),
        };
        let (source, folder) = (self.source.clone(), self.folder.clone());
        Ok(LockedPackage { name: self.name.clone(), version, files, source, folder, line: self.line })
    }

    /// Whether two pins of one name say the same.
    fn says_the_same(&self, other: &Pin) -> bool {
        let same_version = match (&self.version, &other.version) {
            (Some(own), Some(others)) => same_version(own, others),
            (own, others) => own == others,
        };
        let same_files = match (&self.files, &other.files) {
            (PinnedFiles::Digests(own), PinnedFiles::Digests(others)) => own == others,
            (PinnedFiles::Wheels(own), PinnedFiles::Wheels(others)) => {
                let file =
                    |wheel: &Result<LockedWheel, LockError>| wheel.as_ref().ok().map(|w| (w.name.clone(), w.digest));
                own.iter().all(Result::is_ok) && own.iter().map(file).eq(others.iter().map(file))
            }
            _ => false,
        };
        same_version && same_files && self.source == other.source && self.folder == other.folder
    }
}

/// These pins, sorted by name, each name once.
///
/// # Errors
///
/// If two of a name do not say the same (`twice_is_fine`), or there are two at all, or one cannot be used.
pub(super) fn packages<'l>(
    pins: impl IntoIterator<Item = &'l Pin>,
    twice_is_fine: bool,
) -> Result<Vec<LockedPackage>, LockError> {
    let mut by_name: BTreeMap<&str, &Pin> = BTreeMap::new();
    for pin in pins {
        match by_name.entry(&pin.name) {
            Entry::Vacant(free) => {
                free.insert(pin);
            }
            Entry::Occupied(taken) if twice_is_fine && taken.get().says_the_same(pin) => {}
            Entry::Occupied(taken) => {
                let first = taken.get();
                let version = |pin: &Pin| pin.version.as_deref().map(|v| format!(" {}", shown(v))).unwrap_or_default();
                let file = match first.place.file == pin.place.file {
                    true => String::new(),
                    false => format!("{}:", first.place.file.display()),
                };
                let what = format!(
                    "`{}`{} is pinned here, and{} at {}{}: both are for the target",
                    pin.name,
                    version(pin),
                    version(first),
                    if file.is_empty() { "line " } else { &file },
                    first.place.line,
                );
                return Err(pin.place.error(what, "leave one of them, or let markers tell them apart"));
            }
        }
    }
    by_name.values().map(|pin| pin.package()).collect()
}
