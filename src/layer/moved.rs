//! Moves: whether all that a layer holds lies elsewhere now.

use std::collections::BTreeSet;

use crate::entry::{Entry, Kind};

/// From where to where the entries of a layer moved; both the root if they did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved<'a> {
    /// The directory that they lay below.
    pub from: &'a [u8],
    /// The directory that they lie below now.
    pub to: &'a [u8],
}

impl<'a> Moved<'a> {
    /// Whether entries moved: before and now they all lie below one directory each, and more than half of them is there
    /// under the same name, while under the same path there is less.
    pub fn between<'b>(before: &'a [Entry], now: impl Iterator<Item = &'b Entry> + Clone) -> Option<Moved<'a>>
    where
        'b: 'a,
    {
        let (from, to) = (destination(before.iter()), destination(now.clone()));
        if from == to {
            return None;
        }
        let rests: BTreeSet<&[u8]> = before.iter().filter_map(|entry| rest(from, &entry.path)).collect();
        let paths: BTreeSet<&[u8]> = before.iter().map(|entry| &*entry.path).collect();
        let (mut count, mut moved, mut stayed) = (0, 0, 0);
        for entry in now {
            let Some(rest) = rest(to, &entry.path) else { continue };
            count += 1;
            moved += usize::from(rests.contains(rest));
            stayed += usize::from(paths.contains(&*entry.path));
        }
        (moved * 2 > count.max(rests.len()) && moved > stayed).then_some(Moved { from, to })
    }

    /// Where an entry lay below the old destination, as the path from there; nothing for what is on the way to it.
    pub fn before<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        Moved::below(self.from, path).filter(|rest| !rest.is_empty() || !self.to.is_empty())
    }

    /// The same below the new one.
    pub fn now<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        // The root is never an entry, so a destination has nothing to be compared with if it was the root.
        Moved::below(self.to, path).filter(|rest| !rest.is_empty() || !self.from.is_empty())
    }

    /// The directory itself, as nothing, or what lies below it, by its path from there.
    fn below<'p>(directory: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
        if path == directory { Some(b"") } else { rest(directory, path) }
    }
}

/// The path from a directory to what lies below it.
fn rest<'p>(directory: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    if directory.is_empty() { Some(path) } else { path.strip_prefix(directory)?.strip_prefix(b"/") }
}

/// The deepest directory that all entries lie below, those aside that are on the way to it.
fn destination<'a>(entries: impl Iterator<Item = &'a Entry>) -> &'a [u8] {
    let mut entries = entries.peekable();
    let mut deepest: &[u8] = b"";
    // Sorted entries begin with the directories on the way.
    while let Some(entry) = entries.next_if(|entry| entry.kind == Kind::Directory && is_next(deepest, &entry.path)) {
        let below = entries.peek().is_some_and(|next| rest(&entry.path, &next.path).is_some());
        if !below {
            break;
        }
        deepest = &entry.path;
    }
    // The next that does not lie below it lies beside it, and then all lie below what is above both.
    for entry in entries {
        while rest(deepest, &entry.path).is_none() {
            deepest = deepest.iter().rposition(|&byte| byte == b'/').map_or(b"", |slash| &deepest[..slash]);
        }
    }
    deepest
}

fn is_next(directory: &[u8], path: &[u8]) -> bool {
    rest(directory, path).is_some_and(|rest| !rest.contains(&b'/'))
}
