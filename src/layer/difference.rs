//! Differences: what changed between two versions of a layer, entry by entry.

use super::codec::Codec;
use super::listing::Listing;
use crate::entry::{Entry, Kind};

/// How many entries are named.
pub const NAMED: usize = 10;

/// In what an entry differs from the one of the same path before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It is of another kind.
    Kind,
    /// Its content is another.
    Content,
    /// Its link leads elsewhere.
    Link,
    /// Its mode is another.
    Mode,
    /// Its owner is another.
    Owner,
    /// Its time is another.
    Time,
}

impl Aspect {
    /// The word for so many of it.
    fn words(self, count: usize) -> String {
        match self {
            Aspect::Added => format!("{count} added"),
            Aspect::Removed => format!("{count} removed"),
            Aspect::Content if count == 1 => "1 file changed".to_owned(),
            Aspect::Content => format!("{count} files changed"),
            Aspect::Kind => format!("{count} kind"),
            Aspect::Link => format!("{count} link"),
            Aspect::Mode => format!("{count} mode"),
            Aspect::Owner => format!("{count} owner"),
            Aspect::Time => format!("{count} time"),
        }
    }

    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Aspect::Added => "added",
            Aspect::Removed => "removed",
            Aspect::Kind => "kind",
            Aspect::Content => "content",
            Aspect::Link => "link",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Time => "time",
        }
    }
}

/// What changed between two versions of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The codec before and now, if it changed.
    pub codec: Option<(Codec, Codec)>,
    /// Every entry that differs, sorted by path, with its first differing aspect and all of them.
    pub entries: Vec<(Box<[u8]>, Vec<Aspect>)>,
}

impl Difference {
    /// Compares what a layer held with what it is to hold. Both are sorted by path.
    pub fn between<'a>(before: &Listing, codec: Codec, now: impl IntoIterator<Item = &'a Entry>) -> Difference {
        let mut difference =
            Difference { codec: (before.codec != codec).then_some((before.codec, codec)), entries: Vec::new() };
        let mut old = before.entries.iter().peekable();
        for new in now {
            while let Some(gone) = old.next_if(|old| old.path < new.path) {
                difference.entries.push((gone.path.clone(), vec![Aspect::Removed]));
            }
            let aspects = match old.next_if(|old| old.path == new.path) {
                Some(old) => aspects(old, new),
                None => vec![Aspect::Added],
            };
            if !aspects.is_empty() {
                difference.entries.push((new.path.clone(), aspects));
            }
        }
        difference.entries.extend(old.map(|gone| (gone.path.clone(), vec![Aspect::Removed])));
        difference
    }

    /// In a line: `3 files changed, 1 added, 1 mode`, an entry counted once for each aspect.
    pub fn summary(&self) -> String {
        const ORDER: [Aspect; 8] = [
            Aspect::Content,
            Aspect::Added,
            Aspect::Removed,
            Aspect::Kind,
            Aspect::Link,
            Aspect::Mode,
            Aspect::Owner,
            Aspect::Time,
        ];
        let mut parts = Vec::new();
        if let Some((before, now)) = self.codec {
            parts.push(format!("compression {before} → {now}"));
        }
        for aspect in ORDER {
            let count = self.entries.iter().filter(|(_, aspects)| aspects.contains(&aspect)).count();
            if count > 0 {
                parts.push(aspect.words(count));
            }
        }
        if parts.is_empty() { "the format or the compressor".to_owned() } else { parts.join(", ") }
    }

    /// The first [`NAMED`] entries, `/path (what)` each.
    pub fn named(&self) -> Vec<String> {
        self.describe(NAMED)
    }

    /// All entries, `/path (what)` each.
    pub fn all(&self) -> Vec<String> {
        self.describe(usize::MAX)
    }

    fn describe(&self, limit: usize) -> Vec<String> {
        let name = |(path, aspects): &(Box<[u8]>, Vec<Aspect>)| {
            let words: Vec<&str> = aspects.iter().map(|aspect| aspect.word()).collect();
            format!("/{} ({})", String::from_utf8_lossy(path), words.join(", "))
        };
        self.entries.iter().take(limit).map(name).collect()
    }
}

fn aspects(old: &Entry, new: &Entry) -> Vec<Aspect> {
    let mut aspects = Vec::new();
    match (&old.kind, &new.kind) {
        (Kind::File { digest: before, .. }, Kind::File { digest: now, .. }) if before != now => {
            aspects.push(Aspect::Content);
        }
        (Kind::Symlink { target: before }, Kind::Symlink { target: now })
        | (Kind::Hardlink { target: before }, Kind::Hardlink { target: now })
            if before != now =>
        {
            aspects.push(Aspect::Link);
        }
        (before, now) if std::mem::discriminant(before) != std::mem::discriminant(now) => aspects.push(Aspect::Kind),
        _ => {}
    }
    if old.mode != new.mode {
        aspects.push(Aspect::Mode);
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        aspects.push(Aspect::Owner);
    }
    if old.mtime != new.mtime {
        aspects.push(Aspect::Time);
    }
    aspects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn file(path: &str, content: &str) -> Entry {
        Entry {
            path: path.as_bytes().into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            kind: Kind::File { size: content.len() as u64, digest: Digest::of(content.as_bytes()) },
        }
    }

    #[test]
    fn every_aspect_is_told() {
        let mut moded = file("d", "x");
        moded.mode = 0o755;
        moded.mtime = 1;
        let link = |target: &str| Entry { kind: Kind::Symlink { target: target.as_bytes().into() }, ..file("l", "") };
        let before = Listing {
            codec: Codec::Gzip,
            entries: vec![file("a", "1"), file("b", "1"), file("d", "x"), file("k", ""), link("p")],
            extents: Vec::new(),
        };
        let now = [file("b", "2"), file("c", "1"), moded, Entry { kind: Kind::Directory, ..file("k", "") }, link("q")];
        let difference = Difference::between(&before, Codec::Zstd, &now);
        assert_eq!(
            difference.summary(),
            "compression gzip → zstd, 1 file changed, 1 added, 1 removed, 1 kind, 1 link, 1 mode, 1 time"
        );
        assert_eq!(
            difference.named(),
            ["/a (removed)", "/b (content)", "/c (added)", "/d (mode, time)", "/k (kind)", "/l (link)"]
        );
        let same = Difference::between(&before, Codec::Gzip, &before.entries);
        assert_eq!(same, Difference::default());
    }
}
