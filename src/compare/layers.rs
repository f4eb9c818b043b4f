//! Layers: two of them compared, by diff_id first, digest second, entries last.

use super::align::Aligned;
use super::difference::{FileDifference, Measure};
use super::lockstep::{self, Kept, TooMuch};
use super::reading::{self, Unread};
use super::subject::{Subject, SubjectLayer};
use crate::error::Error;
use crate::events::Task;
use crate::image::media_type;

/// What was found out about a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The same, as far as it counts.
    Identical,
    /// The same plain stream, compressed otherwise.
    Recompressed,
    /// The same paths with the same contents; modes, owners, times or attributes differ, or the stream's form.
    MetadataOnly,
    /// The same entries in another order.
    OrderDiffers,
    /// Paths or contents differ.
    ContentDiffers,
    /// Only the left side has it.
    Missing,
    /// Only the right side has it.
    Extra,
    /// Its bytes are not what they are said to be, or cannot be read as a layer.
    Damaged,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Identical => "identical",
            Verdict::Recompressed => "recompressed",
            Verdict::MetadataOnly => "metadata only",
            Verdict::OrderDiffers => "order differs",
            Verdict::ContentDiffers => "content differs",
            Verdict::Missing => "missing",
            Verdict::Extra => "extra",
            Verdict::Damaged => "damaged",
        }
    }
}

/// A layer on one side.
#[derive(Debug, Clone)]
pub struct LayerSide {
    /// Its place, counted from 0.
    pub place: usize,
    /// The layer.
    pub layer: SubjectLayer,
}

/// Two layers, compared.
#[derive(Debug, Clone)]
pub struct LayerComparison {
    /// What was found out.
    pub verdict: Verdict,
    /// The left side's.
    pub left: Option<LayerSide>,
    /// The right side's.
    pub right: Option<LayerSide>,
    /// Whether they stand in another order than most.
    pub moved: bool,
    /// What the verdict does not say: what is damaged, what differs beside the entries.
    pub why: Option<String>,
    /// The paths that differ, sorted.
    pub files: Vec<FileDifference>,
}

impl LayerComparison {
    /// What the layer is called.
    pub fn name(&self) -> Option<&str> {
        [&self.left, &self.right].into_iter().flatten().find_map(|side| side.layer.name())
    }

    pub(super) fn is_equal(&self) -> bool {
        self.verdict == Verdict::Identical && !self.moved
    }
}

/// Compares the layers of a pair. With `thorough` the right side's is read also if the digests agree: if the left side made
/// its own, or if it lies on this machine.
///
/// # Errors
///
/// If a registry or this machine fails; more differs than can be kept.
pub(super) fn compare_pair(
    left: &Subject,
    right: &Subject,
    pair: Aligned,
    measure: Measure,
    thorough: bool,
    kept: &mut Kept,
) -> Result<LayerComparison, Error> {
    let side = |subject: &Subject, place: Option<usize>| {
        place.map(|place| LayerSide { place, layer: subject.layers[place].clone() })
    };
    let mut comparison = LayerComparison {
        verdict: Verdict::Identical,
        left: side(left, pair.left),
        right: side(right, pair.right),
        moved: pair.moved,
        why: None,
        files: Vec::new(),
    };
    let (before, now) = match (pair.left, pair.right) {
        (Some(before), Some(now)) => (&left.layers[before], &right.layers[now]),
        (left, _) => {
            comparison.verdict = if left.is_some() { Verdict::Missing } else { Verdict::Extra };
            return Ok(comparison);
        }
    };
    let task = Task::Compare { layer: now.name().map_or_else(|| now.descriptor.digest.short(), str::to_owned) };
    let running = right.workshop().events().begin(task, 0);
    let outcome = match before.descriptor.digest == now.descriptor.digest {
        true => match thorough && is_read(before, (right, now)) {
            true => both(left, Ok(()), settle(reading::check(right, now))?).map(|()| Verdict::Identical),
            false => Ok(Verdict::Identical),
        },
        false if before.marks.diff_id == now.marks.diff_id => {
            let (one, other) = std::thread::scope(|scope| {
                let one = scope.spawn(|| reading::check(left, before));
                let other = reading::check(right, now);
                (one.join().unwrap_or(Err(Unread::Stopped)), other)
            });
            both(left, settle(one)?, settle(other)?).map(|()| Verdict::Recompressed)
        }
        false => compare_entries((left, before), (right, now), measure, &mut comparison, kept)?,
    };
    drop(running);
    match outcome {
        Ok(verdict) => comparison.verdict = verdict,
        Err(why) => {
            comparison.verdict = Verdict::Damaged;
            comparison.why = Some(why);
        }
    }
    Ok(comparison)
}

/// Whether the right side's layer is read although the digests agree.
fn is_read(before: &SubjectLayer, (right, now): (&Subject, &SubjectLayer)) -> bool {
    before.is_made || (right.is_local() && !media_type::is_nondistributable(&now.descriptor.media_type))
}

/// Asks whether the layers of the right side that were not read are there at all.
///
/// # Errors
///
/// If the registry fails.
pub(super) fn look_up(right: &Subject, comparisons: &mut [LayerComparison]) -> Result<(), Error> {
    let unread = |comparison: &LayerComparison| match (&comparison.left, &comparison.right) {
        (Some(left), Some(LayerSide { layer, .. })) => {
            left.layer.descriptor.digest == layer.descriptor.digest
                && !is_read(&left.layer, (right, layer))
                && !media_type::is_nondistributable(&layer.descriptor.media_type)
        }
        _ => false,
    };
    let unread: Vec<&mut LayerComparison> = comparisons.iter_mut().filter(|comparison| unread(comparison)).collect();
    let descriptor = |comparison: &LayerComparison| comparison.right.as_ref().map(|side| side.layer.descriptor.clone());
    let absent = right.absent(unread.iter().filter_map(|comparison| descriptor(comparison)).collect())?;
    for comparison in unread {
        if let Some(descriptor) = descriptor(comparison).filter(|descriptor| absent.contains(&descriptor.digest)) {
            comparison.verdict = Verdict::Damaged;
            comparison.why = Some(format!("the repository does not hold its blob {}", descriptor.digest));
        }
    }
    Ok(())
}

/// Reads two layers side by side.
fn compare_entries(
    (left, before): (&Subject, &SubjectLayer),
    (right, now): (&Subject, &SubjectLayer),
    measure: Measure,
    comparison: &mut LayerComparison,
    kept: &mut Kept,
) -> Result<Result<Verdict, String>, Error> {
    let (one, other, matched) = lockstep::pair(
        measure,
        *kept,
        |tell| reading::members(left, before, tell),
        |tell| reading::members(right, now, tell),
    );
    let (one, other) = (one.unwrap_or(Err(Unread::Stopped)), other.unwrap_or(Err(Unread::Stopped)));
    let is_same_beside = matches!((&one, &other), (Ok(one), Ok(other)) if one == other);
    let one = settle(one.map(drop))?;
    let other = settle(other.map(drop))?;
    // Both are stopped if more differs than can be kept; whatever is damaged is why otherwise.
    let (matched, kept_now) = match matched {
        Ok(matched) => matched,
        Err(too_much) => {
            let layer = now.name().map_or_else(|| now.descriptor.digest.to_string(), str::to_owned);
            let message = format!("the layers `{layer}` cannot be compared entry by entry: {too_much}");
            return Err(Error::request(message, TooMuch::HELP));
        }
    };
    if let Err(why) = both(left, one, other) {
        return Ok(Err(why));
    }
    let of_content = matched.files.iter().flat_map(|file| &file.what).any(|what| what.is_of_content());
    let verdict = match &matched {
        _ if of_content => Verdict::ContentDiffers,
        matched if !matched.files.is_empty() => Verdict::MetadataOnly,
        matched if matched.moved > 0 => Verdict::OrderDiffers,
        // What does not count explains why the streams differ, if nothing stands beside the entries.
        matched if matched.ignored && is_same_beside => Verdict::Identical,
        _ => {
            comparison.why =
                Some("all entries are equal: the tar streams differ in what they say beside them".to_owned());
            Verdict::MetadataOnly
        }
    };
    if matched.moved > 0 {
        let entries = if matched.moved == 1 { "entry stands" } else { "entries stand" };
        comparison.why = Some(format!("order differs: {} {entries} at another place in the tar stream", matched.moved));
    }
    comparison.files = matched.files;
    *kept = kept_now;
    Ok(Ok(verdict))
}

/// A layer that was read, or what is damaged of it; nothing if it was not read because of the other side.
type Settled = Result<(), Option<String>>;

/// A failure on the way to a layer is one of the whole.
fn settle(read: Result<(), Unread>) -> Result<Settled, Error> {
    match read {
        Ok(()) => Ok(Ok(())),
        Err(Unread::Damaged(why)) => Ok(Err(Some(why))),
        Err(Unread::Stopped) => Ok(Err(None)),
        Err(Unread::Failed(error)) => Err(error),
    }
}

/// What is damaged of a pair.
fn both(left: &Subject, one: Settled, other: Settled) -> Result<(), String> {
    let whys = [one.map_err(|why| why.map(|why| format!("{}: {why}", left.name))), other];
    if whys.iter().all(Result::is_ok) {
        return Ok(());
    }
    let whys: Vec<String> = whys.into_iter().filter_map(|side| side.err().flatten()).collect();
    Err(if whys.is_empty() { "reading it stopped unexpectedly".to_owned() } else { whys.join("; ") })
}
