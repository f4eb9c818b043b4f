//! Trees: all layers of an image laid over each other, and the settings that decide how a container runs.
//!
//! What differs by construction between two builders is not looked at: times, where layers are cut, how tar streams are
//! written, histories, when and by whom the image was made.

mod paths;
mod settings;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::difference::{FileDifference, Found, Measure, What, between};
use super::lockstep::{Kept, TooMuch};
use super::reading::{self, Unread};
use super::{Comparison, LayerComparison, LayerSide, Subject, Verdict};
use crate::error::Error;
use crate::events::Task;
use crate::image::{Member, TreeError};
use paths::{Layer, Paths, SIZE_LIMIT};

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Left,
    Right,
}

/// Compares the trees of two images and their settings.
///
/// # Errors
///
/// If a registry or this machine fails; an image has more paths, or more differs, than can be kept.
pub fn compare(
    left: &Subject,
    right: &Subject,
    measure: Measure,
    comparison: &mut Comparison,
    kept: &mut Kept,
) -> Result<(), Error> {
    comparison.config = settings::compare(&left.config, &right.config);
    // What both have at the bottom is read once, and is the same on both sides.
    let shared = left.layers.iter().zip(&right.layers).take_while(|(left, right)| is_same(left, right)).count();
    let mut below = Paths::within(SIZE_LIMIT);
    if !lay_all(&mut below, right, 0..shared, Where::Right, comparison)? {
        return Ok(());
    }
    let mut before = below.clone();
    if !lay_all(&mut before, left, shared..left.layers.len(), Where::Left, comparison)? {
        return Ok(());
    }
    let mut now = below;
    if !lay_all(&mut now, right, shared..right.layers.len(), Where::Right, comparison)? {
        return Ok(());
    }
    before.imply_root()?;
    now.imply_root()?;
    comparison.files = differences(&before, &now, measure, kept)?;
    Ok(())
}

fn is_same(left: &super::SubjectLayer, right: &super::SubjectLayer) -> bool {
    left.marks.diff_id.is_some() && left.marks.diff_id == right.marks.diff_id
}

/// Lays layers over what there is. Answers false if one of them is damaged, which the comparison then says.
fn lay_all(
    paths: &mut Paths,
    subject: &Subject,
    places: std::ops::Range<usize>,
    which: Where,
    comparison: &mut Comparison,
) -> Result<bool, Error> {
    for place in places {
        let layer = &subject.layers[place];
        let name = layer.name().map_or_else(|| layer.descriptor.digest.short(), str::to_owned);
        let _running = subject.workshop().events().begin(Task::Compare { layer: name }, 0);
        match lay(paths, subject, place) {
            Ok(()) => {}
            Err(Unread::Failed(error)) => return Err(error),
            Err(Unread::Stopped) => {
                let message =
                    format!("the paths of `{}` take more than {} MiB of memory", subject.name, SIZE_LIMIT >> 20);
                return Err(Error::request(message, "compare its layers, without --tree"));
            }
            Err(Unread::Damaged(why)) => {
                let side = Some(LayerSide { place, layer: layer.clone() });
                let (left, right) = if which == Where::Left { (side, None) } else { (None, side) };
                comparison.layers.push(LayerComparison {
                    verdict: Verdict::Damaged,
                    left,
                    right,
                    moved: false,
                    why: Some(why),
                    files: Vec::new(),
                });
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn lay(paths: &mut Paths, subject: &Subject, place: usize) -> Result<(), Unread> {
    let mut layer = Layer::at(place);
    let mut stopped = Ok(());
    let read = reading::members(subject, &subject.layers[place], &mut |member| {
        stopped = paths.take(&mut layer, member);
        if stopped.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match stopped.and_then(|()| paths.end(layer)) {
        Ok(()) => read.map(drop),
        Err(TreeError::TooMany { .. }) => Err(Unread::Stopped),
        Err(error) => Err(Unread::Damaged(reading::of_layer(&error))),
    }
}

fn differences(left: &Paths, right: &Paths, measure: Measure, kept: &mut Kept) -> Result<Vec<FileDifference>, Error> {
    let mut files: Vec<FileDifference> = Vec::new();
    let found = |member: &Arc<Member>, layer: usize| Some(Found { member: Arc::clone(member), layer: Some(layer) });
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let (before, now) = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some((before, ..)), Some((now, ..))) if before == now => (left.next(), right.next()),
            (Some((before, ..)), Some((now, ..))) if before > now => (None, right.next()),
            (None, Some(_)) => (None, right.next()),
            (Some(_), _) => (left.next(), None),
        };
        let file = match (before, now) {
            (Some((path, before, below)), Some((_, now, above))) => {
                if Arc::ptr_eq(before, now) {
                    continue;
                }
                let (what, _) = between(before, now, measure);
                FileDifference { path: path.into(), what, left: found(before, below), right: found(now, above) }
            }
            (Some((path, before, layer)), None) => {
                FileDifference { path: path.into(), what: vec![What::Removed], left: found(before, layer), right: None }
            }
            (None, Some((path, now, layer))) => {
                FileDifference { path: path.into(), what: vec![What::Added], left: None, right: found(now, layer) }
            }
            (None, None) => break,
        };
        if !file.what.is_empty() {
            kept.add(&file).map_err(|too_much| {
                Error::request(format!("the trees cannot be compared: {too_much}"), TooMuch::HELP)
            })?;
            files.push(file);
        }
    }
    Ok(files)
}
