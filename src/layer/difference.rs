//! Differences: what changed between two versions of a layer. What changed of all entries at once, the destination, the
//! owner, the time, is told once; the rest entry by entry.

use super::codec::Codec;
use super::listing::Listing;
use super::moved::Moved;
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
    Mode {
        /// What it was.
        before: u32,
        /// What it is.
        now: u32,
    },
    /// Its owner is another.
    Owner {
        /// Who it was, and the group.
        before: (u64, u64),
        /// Who it is, and the group.
        now: (u64, u64),
    },
    /// Its time is another.
    Time {
        /// What it was, in seconds since 1970.
        before: i64,
        /// What it is.
        now: i64,
    },
}

impl Aspect {
    /// The order in which a summary counts them.
    const WORDS: [&'static str; 8] = ["content", "added", "removed", "kind", "link", "mode", "owner", "time"];

    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Aspect::Added => "added",
            Aspect::Removed => "removed",
            Aspect::Kind => "kind",
            Aspect::Content => "content",
            Aspect::Link => "link",
            Aspect::Mode { .. } => "mode",
            Aspect::Owner { .. } => "owner",
            Aspect::Time { .. } => "time",
        }
    }

    /// The word for it in text, with what it was and is.
    fn told(self) -> String {
        match self {
            Aspect::Mode { before, now } => format!("mode {before:04o} → {now:04o}"),
            Aspect::Owner { before, now } => format!("owner {}", owners(before, now)),
            Aspect::Time { before, now } => format!("time {before} → {now}"),
            other => other.word().to_owned(),
        }
    }
}

fn owners(before: (u64, u64), now: (u64, u64)) -> String {
    format!("{}:{} → {}:{}", before.0, before.1, now.0, now.1)
}

/// The directory that all entries lay below, and the one they lie below now.
pub type Destinations = (Box<[u8]>, Box<[u8]>);

/// What changed between two versions of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The codec before and now, if it changed.
    pub codec: Option<(Codec, Codec)>,
    /// Where all entries lay and lie, if they moved.
    pub destination: Option<Destinations>,
    /// The owner of all entries that were there before, before and now, if it is another.
    pub owner: Option<((u64, u64), (u64, u64))>,
    /// The time of all entries that were there before, before and now, if it is another.
    pub time: Option<(i64, i64)>,
    /// Every entry that differs in something else, sorted by path, with all in which it does.
    pub entries: Vec<(Box<[u8]>, Vec<Aspect>)>,
}

impl Difference {
    /// Compares what a layer held with what it is to hold. Both are sorted by path.
    pub fn between<'a, I>(before: &Listing, codec: Codec, now: I) -> Difference
    where
        I: IntoIterator<Item = &'a Entry>,
        I::IntoIter: Clone,
    {
        let now = now.into_iter();
        let moved = Moved::between(&before.entries, now.clone());
        let mut difference = Difference {
            codec: (before.codec != codec).then_some((before.codec, codec)),
            destination: moved.as_ref().map(|moved| (moved.from.into(), moved.to.into())),
            ..Difference::default()
        };
        // Whatever all lies below is part of where it lies.
        let place = moved.unwrap_or_default();
        let mut old = before.entries.iter().filter_map(|entry| Some((entry, place.before(&entry.path)?))).peekable();
        let mut common = Common::default();
        for (new, rest) in now.filter_map(|entry| Some((entry, place.now(&entry.path)?))) {
            while let Some((gone, _)) = old.next_if(|(_, was)| *was < rest) {
                difference.entries.push((gone.path.clone(), vec![Aspect::Removed]));
            }
            let aspects = match old.next_if(|(_, was)| *was == rest) {
                Some((old, _)) => {
                    let aspects = aspects(old, new, &place);
                    common.add(&aspects, new);
                    aspects
                }
                None => vec![Aspect::Added],
            };
            if !aspects.is_empty() {
                difference.entries.push((new.path.clone(), aspects));
            }
        }
        difference.entries.extend(old.map(|(gone, _)| (gone.path.clone(), vec![Aspect::Removed])));
        difference.owner = common.owner.value();
        difference.time = common.time.value();
        difference.tell_once();
        difference
    }

    /// Takes away from the entries what was told of all of them.
    fn tell_once(&mut self) {
        let (owner, time) = (self.owner, self.time);
        let is_told = |aspect: &Aspect| match aspect {
            Aspect::Owner { before, now } => owner == Some((*before, *now)),
            Aspect::Time { before, now } => time == Some((*before, *now)),
            _ => false,
        };
        for (_, aspects) in &mut self.entries {
            aspects.retain(|aspect| !is_told(aspect));
        }
        self.entries.retain(|(_, aspects)| !aspects.is_empty());
    }

    /// In a line: `destination /code → /srv, 3 files changed, 1 added, 1 mode`, an entry counted once for each aspect.
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> =
            self.whole().into_iter().map(|(word, before, now)| format!("{word} {before} → {now}")).collect();
        for word in Aspect::WORDS {
            let has = |(_, aspects): &&(Box<[u8]>, Vec<Aspect>)| aspects.iter().any(|aspect| aspect.word() == word);
            let count = self.entries.iter().filter(has).count();
            match (word, count) {
                (_, 0) => {}
                ("content", 1) => parts.push("1 file changed".to_owned()),
                ("content", count) => parts.push(format!("{count} files changed")),
                (word, count) => parts.push(format!("{count} {word}")),
            }
        }
        if parts.is_empty() { "the format or the compressor".to_owned() } else { parts.join(", ") }
    }

    /// What changed of the layer as a whole: the word for it, what it was and what it is.
    pub fn whole(&self) -> Vec<(&'static str, String, String)> {
        let mut whole = Vec::new();
        if let Some((before, now)) = self.codec {
            whole.push(("compression", before.to_string(), now.to_string()));
        }
        if let Some((before, now)) = &self.destination {
            let path = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
            whole.push(("destination", path(before), path(now)));
        }
        if let Some((before, now)) = self.owner {
            whole.push(("owner", format!("{}:{}", before.0, before.1), format!("{}:{}", now.0, now.1)));
        }
        if let Some((before, now)) = self.time {
            whole.push(("time", before.to_string(), now.to_string()));
        }
        whole
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
            let words: Vec<String> = aspects.iter().map(|aspect| aspect.told()).collect();
            format!("/{} ({})", String::from_utf8_lossy(path), words.join(", "))
        };
        self.entries.iter().take(limit).map(name).collect()
    }
}

/// What may have changed of all entries that were there before.
#[derive(Default)]
struct Common {
    owner: Same<(u64, u64)>,
    time: Same<i64>,
}

/// A change that is the same wherever it is one.
#[derive(Default)]
enum Same<T> {
    #[default]
    Unknown,
    Is(T, T),
    Differs,
}

impl<T: PartialEq + Copy> Same<T> {
    fn add(&mut self, change: Option<(T, T)>) {
        *self = match (&self, change) {
            (Same::Unknown, Some((before, now))) => Same::Is(before, now),
            (Same::Is(before, now), Some(other)) if (*before, *now) == other => return,
            _ => Same::Differs,
        };
    }

    fn value(&self) -> Option<(T, T)> {
        match self {
            Same::Is(before, now) => Some((*before, *now)),
            _ => None,
        }
    }
}

impl Common {
    fn add(&mut self, aspects: &[Aspect], now: &Entry) {
        let owner = aspects.iter().find_map(|aspect| match aspect {
            Aspect::Owner { before, now } => Some((*before, *now)),
            _ => None,
        });
        // Directories that the image has already keep their owners.
        if owner.is_some() || now.kind != Kind::Directory {
            self.owner.add(owner);
        }
        self.time.add(aspects.iter().find_map(|aspect| match aspect {
            Aspect::Time { before, now } => Some((*before, *now)),
            _ => None,
        }));
    }
}

fn aspects(old: &Entry, new: &Entry, place: &Moved<'_>) -> Vec<Aspect> {
    let mut aspects = Vec::new();
    match (&old.kind, &new.kind) {
        (Kind::File { digest: before, .. }, Kind::File { digest: now, .. }) if before != now => {
            aspects.push(Aspect::Content);
        }
        (Kind::Symlink { target: before }, Kind::Symlink { target: now }) if before != now => {
            aspects.push(Aspect::Link);
        }
        // The first name of a file has moved with the others.
        (Kind::Hardlink { target: before }, Kind::Hardlink { target: now })
            if place.before(before) != place.now(now) =>
        {
            aspects.push(Aspect::Link);
        }
        (before, now) if std::mem::discriminant(before) != std::mem::discriminant(now) => aspects.push(Aspect::Kind),
        _ => {}
    }
    if old.mode != new.mode {
        aspects.push(Aspect::Mode { before: old.mode, now: new.mode });
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        aspects.push(Aspect::Owner { before: (old.uid, old.gid), now: (new.uid, new.gid) });
    }
    if old.mtime != new.mtime {
        aspects.push(Aspect::Time { before: old.mtime, now: new.mtime });
    }
    aspects
}

#[cfg(test)]
mod tests;
