//! Whether two layers hold the same: times do not count, nor whether a layer says the directories that something lies
//! in, and modes only where an instruction sets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::digest::Digest;
use crate::entry::{Entry, Kind, parents};

/// A path of which two layers say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub path: Box<[u8]>,
    what: What,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Changed,
    ModeOrOwner,
    Gone,
    New,
}

impl Mismatch {
    /// Whether nothing lay there before, as far as the layer told.
    pub fn is_new(&self) -> bool {
        self.what == What::New
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = String::from_utf8_lossy(&self.path);
        let path: String = path.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        let what = match self.what {
            What::Changed => "has changed",
            What::ModeOrOwner => "has another mode or owner",
            What::Gone => "is gone",
            What::New => "is new",
        };
        write!(f, "`/{path}` {what}")
    }
}

/// Whether modes count, or only the right to execute: builders take a context's modes as they are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modes {
    All,
    Execute,
}

/// What a path is, as far as it counts.
#[derive(PartialEq, Eq)]
enum Held<'a> {
    File {
        size: u64,
        digest: Digest,
        mode: u32,
        owner: (u64, u64),
    },
    Link {
        target: &'a [u8],
        owner: (u64, u64),
    },
    /// One that something lies in may or may not be said by a layer.
    Directory {
        mode: u32,
        owner: (u64, u64),
        is_full: bool,
    },
}

/// The paths that differ, sorted.
pub(super) fn mismatches<'a>(before: &'a [Entry], now: impl Iterator<Item = &'a Entry>, modes: Modes) -> Vec<Mismatch> {
    let now: Vec<&Entry> = now.collect();
    let (before, now) = (held(before.iter(), modes), held(now.into_iter(), modes));
    let paths: BTreeSet<&[u8]> = before.keys().chain(now.keys()).copied().collect();
    let differing = paths.into_iter().filter_map(|path| {
        let what = match (before.get(path), now.get(path)) {
            (Some(before), Some(now)) if before == now => return None,
            (Some(Held::Directory { mode, owner, .. }), Some(Held::Directory { mode: m, owner: o, .. }))
                if (mode, owner) == (m, o) =>
            {
                return None;
            }
            (Some(Held::Directory { is_full: true, .. }), None)
            | (None, Some(Held::Directory { is_full: true, .. })) => {
                return None;
            }
            (Some(Held::File { digest: one, .. }), Some(Held::File { digest: other, .. })) if one == other => {
                What::ModeOrOwner
            }
            (Some(Held::Directory { .. }), Some(Held::Directory { .. })) => What::ModeOrOwner,
            (Some(_), Some(_)) => What::Changed,
            (Some(_), None) => What::Gone,
            (None, _) => What::New,
        };
        Some(Mismatch { path: path.into(), what })
    });
    differing.collect()
}

/// What a layer holds.
fn held<'a>(entries: impl Iterator<Item = &'a Entry>, modes: Modes) -> BTreeMap<&'a [u8], Held<'a>> {
    let entries: BTreeMap<&[u8], &Entry> = entries.map(|entry| (&*entry.path, entry)).collect();
    let full: BTreeSet<&[u8]> = entries.keys().filter_map(|path| parents(path).last()).collect();
    let mut held = BTreeMap::new();
    for (&path, &entry) in &entries {
        let owner = (entry.uid, entry.gid);
        let file = |entry: &Entry, size, digest| Held::File {
            size,
            digest,
            mode: if modes == Modes::All { entry.mode } else { entry.mode & 0o100 },
            owner,
        };
        let what = match &entry.kind {
            Kind::Directory => Held::Directory {
                mode: if modes == Modes::All { entry.mode } else { 0 },
                owner,
                is_full: full.contains(path),
            },
            Kind::File { size, digest } => file(entry, *size, *digest),
            Kind::Symlink { target } => Held::Link { target, owner },
            Kind::Hardlink { target } => match entries.get(&**target).map(|first| (&first.kind, first)) {
                Some((Kind::File { size, digest }, first)) => file(first, *size, *digest),
                _ => Held::Link { target, owner },
            },
        };
        held.insert(path, what);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, mode: u32, kind: Kind) -> Entry {
        Entry { path: path.as_bytes().into(), mode, uid: 0, gid: 0, mtime: 0, kind }
    }

    fn file(path: &str, mode: u32, text: &str) -> Entry {
        entry(path, mode, Kind::File { size: text.len() as u64, digest: Digest::of(text.as_bytes()) })
    }

    fn told(before: &[Entry], now: &[Entry]) -> Vec<String> {
        mismatches(before, now.iter(), Modes::Execute).iter().map(Mismatch::to_string).collect()
    }

    #[test]
    fn what_no_command_could_tell_does_not_count() {
        let before = [entry("a", 0o700, Kind::Directory), file("a/f", 0o600, "x"), file("a/run", 0o700, "y")];
        let mut now = vec![file("a/f", 0o644, "x"), file("a/run", 0o755, "y")];
        now.iter_mut().for_each(|entry| entry.mtime = 5);
        assert_eq!(told(&before, &now), Vec::<String>::new());
        // Another name of a file is a file.
        now.push(entry("a/s", 0o644, Kind::Hardlink { target: b"a/f"[..].into() }));
        let with = [&before[..], &[file("a/s", 0o644, "x")]].concat();
        assert_eq!(told(&with, &now), Vec::<String>::new());
    }

    #[test]
    fn all_else_does() {
        let before = [file("f", 0o644, "x"), file("gone", 0o644, ""), file("run", 0o644, "y")];
        let now = [file("f", 0o644, "z"), file("run", 0o755, "y"), entry("empty", 0o755, Kind::Directory)];
        let expected = ["`/empty` is new", "`/f` has changed", "`/gone` is gone", "`/run` has another mode or owner"];
        assert_eq!(told(&before, &now), expected);
    }

    #[test]
    fn owners_always_count_and_modes_where_they_are_set() {
        let before =
            [entry("d", 0o755, Kind::Directory), entry("d/l", 0o777, Kind::Symlink { target: b"x"[..].into() })];
        let mut now = before.clone();
        now.iter_mut().for_each(|entry| entry.uid = 7);
        assert_eq!(told(&before, &now), ["`/d` has another mode or owner", "`/d/l` has changed"]);
        let (before, now) = ([file("f", 0o600, "x")], [file("f", 0o4644, "x")]);
        assert_eq!(mismatches(&before, now.iter(), Modes::Execute), []);
        assert_eq!(mismatches(&before, now.iter(), Modes::All).len(), 1);
    }
}
