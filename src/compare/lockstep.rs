//! Lockstep: two streams of entries read side by side, entries that have no partner yet kept until they do.
//!
//! Streams in the same order keep nothing: each entry meets its partner at once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::difference::{FileDifference, Found, Measure, What, between};
use crate::image::Member;

/// How much entries without a partner, and all differences of a run, may take of memory together, in bytes: some
/// million.
const KEPT_LIMIT: usize = 512 << 20;

/// How many entries one stream may be ahead of the other.
const AHEAD: usize = 64;

/// More than may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more differs, or lies in another order, than can be kept in {} MiB", KEPT_LIMIT >> 20)]
pub struct TooMuch;

impl TooMuch {
    /// What to do about it.
    pub const HELP: &str = "compare images that have more in common";
}

/// How much memory the differences take that a run has found so far, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    taken: usize,
    limit: usize,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept { taken: 0, limit: KEPT_LIMIT }
    }
}

impl Kept {
    /// Takes in another difference.
    ///
    /// # Errors
    ///
    /// [`TooMuch`].
    pub(super) fn add(&mut self, file: &FileDifference) -> Result<(), TooMuch> {
        let sides = [&file.left, &file.right].into_iter().flatten();
        self.taken += file.path.len() + sides.map(|found| cost(&found.member)).sum::<usize>();
        self.check()
    }

    fn check(self) -> Result<(), TooMuch> {
        if self.taken > self.limit { Err(TooMuch) } else { Ok(()) }
    }
}

/// What two streams of entries have come to.
#[derive(Debug, Default)]
pub struct Matched {
    /// The paths that differ, sorted.
    pub files: Vec<FileDifference>,
    /// How many entries stand at another place of their stream, if both hold the same.
    pub moved: u64,
    /// Whether anything differs that does not count.
    pub ignored: bool,
}

/// An entry and its place in its stream.
type Numbered = (u64, Arc<Member>);

/// Entries of one stream whose partner has not come, by path in the order they came.
type Waiting = BTreeMap<Box<[u8]>, VecDeque<Numbered>>;

/// Pairs the entries of two streams.
#[derive(Debug, Default)]
pub struct Pairing {
    measure: Measure,
    left: Waiting,
    right: Waiting,
    /// How much both hold, and what was found before.
    kept: Kept,
    matched: Matched,
}

impl Pairing {
    /// Nothing yet.
    pub fn new(measure: Measure, kept: Kept) -> Pairing {
        Pairing { measure, kept, ..Pairing::default() }
    }

    /// Takes the next entry of each stream.
    ///
    /// # Errors
    ///
    /// [`TooMuch`].
    pub fn step(&mut self, number: u64, left: Option<Member>, right: Option<Member>) -> Result<(), TooMuch> {
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) if left.path == right.path && !self.is_waited_for(&left.path) => {
                self.compare((number, Arc::new(left)), (number, Arc::new(right)));
                return self.kept.check();
            }
            other => other,
        };
        if let Some(left) = left {
            let left = (number, Arc::new(left));
            match take(&mut self.right, &left.1.path) {
                Some(right) => {
                    self.kept.taken -= cost(&right.1);
                    self.compare(left, right);
                }
                None => self.kept.taken += keep(&mut self.left, left),
            }
        }
        if let Some(right) = right {
            let right = (number, Arc::new(right));
            match take(&mut self.left, &right.1.path) {
                Some(left) => {
                    self.kept.taken -= cost(&left.1);
                    self.compare(left, right);
                }
                None => self.kept.taken += keep(&mut self.right, right),
            }
        }
        self.kept.check()
    }

    fn is_waited_for(&self, path: &[u8]) -> bool {
        self.left.contains_key(path) || self.right.contains_key(path)
    }

    fn compare(&mut self, (at, left): Numbered, (place, right): Numbered) {
        let (what, ignored) = between(&left, &right, self.measure);
        self.matched.ignored |= ignored;
        self.matched.moved += u64::from(at != place);
        if !what.is_empty() {
            self.kept.taken += cost(&left) + cost(&right);
            let found = |member| Some(Found { member, layer: None });
            self.matched.files.push(FileDifference {
                path: left.path.clone(),
                what,
                left: found(left),
                right: found(right),
            });
        }
    }

    /// What has come of it, when both streams are over, and how much is kept with it.
    pub fn finish(self) -> (Matched, Kept) {
        let mut matched = self.matched;
        let lonely = |waiting: Waiting| waiting.into_values().flatten().map(|(_, member)| member);
        for member in lonely(self.left) {
            let path = member.path.clone();
            let left = Some(Found { member, layer: None });
            matched.files.push(FileDifference { path, what: vec![What::Removed], left, right: None });
        }
        for member in lonely(self.right) {
            let path = member.path.clone();
            let right = Some(Found { member, layer: None });
            matched.files.push(FileDifference { path, what: vec![What::Added], left: None, right });
        }
        if matched.files.iter().any(|file| file.left.is_none() || file.right.is_none()) {
            // What comes after an entry of only one side stands at another place whatever the order is.
            matched.moved = 0;
        }
        matched.files.sort_by(|a, b| a.path.cmp(&b.path));
        (matched, self.kept)
    }
}

fn keep(waiting: &mut Waiting, entry: Numbered) -> usize {
    let cost = cost(&entry.1);
    waiting.entry(entry.1.path.clone()).or_default().push_back(entry);
    cost
}

fn take(waiting: &mut Waiting, path: &[u8]) -> Option<Numbered> {
    let of_path = waiting.get_mut(path)?;
    let entry = of_path.pop_front();
    if of_path.is_empty() {
        waiting.remove(path);
    }
    entry
}

/// How much memory an entry takes, about: all that is said of it. What several entries share is counted for each.
pub fn cost(member: &Member) -> usize {
    let Member { path, link, attributes, form, .. } = member;
    let attributes = attributes.iter().map(|(name, value)| name.len() + value.len() + 64);
    let records = form.records.iter().map(|record| record.len() + 32);
    let names = form.user.len() + form.group.len();
    400 + 2 * path.len()
        + link.as_ref().map_or(0, |link| link.len())
        + attributes.sum::<usize>()
        + records.sum::<usize>()
        + names
}

/// What becomes of a stream's entries: whether more of them are wanted.
pub type Tell<'a> = dyn FnMut(Member) -> ControlFlow<()> + 'a;

/// What comes over from a reader: an entry, or that it has failed and no more will come.
type Message = Result<Member, Failed>;

struct Failed;

/// What a reader has come to; nothing if its thread panicked.
type Outcome<T, E> = Option<Result<T, E>>;

/// What has matched, and how much is kept with it.
type Pairs = Result<(Matched, Kept), TooMuch>;

/// Reads two streams on a thread each and pairs their entries. Each reader tells of its entries one after the other,
/// and stops when it is told to. Once one has failed, the other is stopped, and what has matched so far means nothing.
pub fn pair<T: Send, E: Send>(
    measure: Measure,
    kept: Kept,
    left: impl FnOnce(&mut Tell<'_>) -> Result<T, E> + Send,
    right: impl FnOnce(&mut Tell<'_>) -> Result<T, E> + Send,
) -> (Outcome<T, E>, Outcome<T, E>, Pairs) {
    std::thread::scope(|scope| {
        let (to_left, from_left) = sync_channel(AHEAD);
        let (to_right, from_right) = sync_channel(AHEAD);
        let left = scope.spawn(move || run(left, &to_left));
        let right = scope.spawn(move || run(right, &to_right));
        let matched = match_all(measure, kept, &from_left, &from_right);
        // Whoever still has something to tell learns that nobody listens.
        drop((from_left, from_right));
        (left.join().ok(), right.join().ok(), matched)
    })
}

fn run<T, E>(reader: impl FnOnce(&mut Tell<'_>) -> Result<T, E>, channel: &SyncSender<Message>) -> Result<T, E> {
    let result = reader(&mut |member| match channel.send(Ok(member)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    if result.is_err() {
        let _ = channel.send(Err(Failed));
    }
    result
}

fn match_all(measure: Measure, kept: Kept, left: &Receiver<Message>, right: &Receiver<Message>) -> Pairs {
    let mut pairing = Pairing::new(measure, kept);
    for number in 0.. {
        let (left, right) = (left.recv().ok().transpose(), right.recv().ok().transpose());
        match (left, right) {
            (Ok(None), Ok(None)) => break,
            (Ok(left), Ok(right)) => pairing.step(number, left, right)?,
            (Err(Failed), _) | (_, Err(Failed)) => break,
        }
    }
    Ok(pairing.finish())
}

#[cfg(test)]
mod tests;
