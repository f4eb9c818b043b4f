//! Selection: the best of several wheels for a target.

mod miss;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::name::{WheelName, shown};
use super::tags::Tag;
use super::target::Target;

/// A wheel that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The wheel's file name.
    pub file: String,
    /// Why not: "it is for CPython 3.11", "it needs glibc 2.39, and the image has 2.34".
    pub why: String,
}

/// The place of the best of these wheels for the target: the one with the tag that comes first in
/// [the target's](Target::tags), of several the one with the greatest build tag, then the first by name.
///
/// # Errors
///
/// Why each of them is none.
pub fn best(wheels: &[&WheelName], target: &Target) -> Result<usize, Vec<Refusal>> {
    let tags = target.tags();
    let mut places: BTreeMap<&Tag, usize> = BTreeMap::new();
    for (place, tag) in tags.iter().enumerate() {
        places.entry(tag).or_insert(place);
    }
    let rank = |wheel: &WheelName| wheel.tags.iter().filter_map(|tag| places.get(tag)).min().copied();
    let ranked = wheels.iter().enumerate().filter_map(|(at, wheel)| Some((rank(wheel)?, at, wheel)));
    match ranked.min_by_key(|&(rank, _, wheel)| (rank, Reverse(&wheel.build), &wheel.file)) {
        Some((_, at, _)) => Ok(at),
        None => Err(wheels.iter().map(|wheel| refusal(wheel, target)).collect()),
    }
}

/// Why a wheel is not for the target: what the tag lacks that comes nearest to it.
fn refusal(wheel: &WheelName, target: &Target) -> Refusal {
    let misses = wheel.tags.iter().filter_map(|tag| miss::of(tag, target));
    let nearest = misses.min_by_key(|miss| miss.distance);
    let why = nearest.map_or_else(|| "none of its tags is one that the target has".to_owned(), |miss| miss.why);
    Refusal { file: shown(&wheel.file), why }
}
