//! Groups: which distributions share a layer.
//!
//! A group is chosen by the distribution's name alone, and by whether it is large, so that a new version of one moves no
//! other into another layer.

use std::fmt;

use super::distribution::Distribution;
use crate::digest::{Digest, Hasher};

/// How distributions are split into layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// All of them in one.
    #[default]
    One,
    /// Each in its own, as far as the [limit](MOST_LAYERS) allows.
    Each,
    /// In as many groups at most: large ones alone, the small ones together.
    Groups(usize),
}

/// How many layers the distributions of one recipe make at most. Overlay file systems stack no more than 127 directories, and
/// the base and other layers want some of them.
pub const MOST_LAYERS: usize = 100;

/// From how many installed bytes on a distribution is large.
const LARGE: u64 = 4 << 20;

/// Some distributions that share a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What tells it from the others: the name of the only distribution it can hold, or a number; nothing if there is but one.
    pub name: Option<String>,
    /// The places of its distributions, in their order.
    pub members: Vec<usize>,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Split::One => f.write_str("one"),
            Split::Each => f.write_str("each"),
            Split::Groups(count) => write!(f, "{count}"),
        }
    }
}

/// Groups distributions, which are sorted by their names.
pub fn group(distributions: &[Distribution], split: Split) -> Vec<Group> {
    let count = distributions.len();
    match split {
        Split::One | Split::Groups(0 | 1) => vec![Group { name: None, members: (0..count).collect() }],
        Split::Each if count <= MOST_LAYERS => {
            let alone = |(at, one): (usize, &Distribution)| Group { name: Some(one.name.clone()), members: vec![at] };
            distributions.iter().enumerate().map(alone).collect()
        }
        Split::Each => in_slots(distributions, MOST_LAYERS),
        Split::Groups(count) => in_slots(distributions, count.min(MOST_LAYERS)),
    }
}

/// Each name prefers slots in an order of its own. Large distributions take one each, the first of their order that is free;
/// at least one slot is left for the others, each of which goes to the first of its order that no large one has.
fn in_slots(distributions: &[Distribution], slots: usize) -> Vec<Group> {
    let preferences = |one: &Distribution| {
        let mut order: Vec<usize> = (0..slots).collect();
        order.sort_by_cached_key(|slot| weight(&one.name, *slot));
        order
    };
    let mut large: Vec<usize> = (0..distributions.len()).filter(|&at| size(&distributions[at]) >= LARGE).collect();
    // Not by size: which of them are taken must not change with their versions.
    large.sort_by_cached_key(|&at| weight(&distributions[at].name, slots));
    let room = if large.len() == distributions.len() { slots } else { slots - 1 };
    large.truncate(room);
    let mut owners: Vec<Option<usize>> = vec![None; slots];
    for &at in &large {
        if let Some(slot) = preferences(&distributions[at]).into_iter().find(|&slot| owners[slot].is_none()) {
            owners[slot] = Some(at);
        }
    }
    let mut shared: Vec<Vec<usize>> = vec![Vec::new(); slots];
    for at in (0..distributions.len()).filter(|at| !large.contains(at)) {
        if let Some(slot) = preferences(&distributions[at]).into_iter().find(|&slot| owners[slot].is_none()) {
            shared[slot].push(at);
        }
    }
    let groups = owners.iter().zip(shared).enumerate().map(|(slot, (owner, members))| match owner {
        Some(at) => Group { name: Some(distributions[*at].name.clone()), members: vec![*at] },
        None => Group { name: Some((slot + 1).to_string()), members },
    });
    groups.filter(|group| !group.members.is_empty()).collect()
}

fn weight(name: &str, slot: usize) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(name.as_bytes());
    hasher.field(&(slot as u64).to_le_bytes());
    hasher.finish()
}

/// How many bytes a distribution's files have.
fn size(one: &Distribution) -> u64 {
    one.files.iter().map(|file| file.content.size).sum()
}
