//! Groups: which distributions share a layer.
//!
//! A group is chosen by the distribution's name alone, and by whether it is large, so that a new version of one moves no
//! other into another layer.

use crate::digest::{Digest, Hasher};

/// How distributions are split into layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// All of them in one.
    #[default]
    One,
    /// Each in its own, as far as the [limit](MOST_LAYERS) allows.
    Each,
    /// In as many groups at most, two or more: large ones alone, the small ones together.
    Groups(usize),
}

/// How many layers the distributions of one recipe make at most. Overlay file systems stack no more than 127 directories, and
/// the base and other layers want some of them.
pub const MOST_LAYERS: usize = 100;

/// From how many bytes on a wheel is large.
const LARGE: u64 = 2 << 20;

/// Some distributions that share a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What tells it from the others: the name of the only distribution it can hold, or a number; nothing if there is but one.
    pub name: Option<String>,
    /// The places of its distributions, in their order.
    pub members: Vec<usize>,
}

/// Groups distributions, each given by its name and the size of its wheel, sorted by their names.
pub fn group(distributions: &[(&str, u64)], split: Split) -> Vec<Group> {
    let count = distributions.len();
    match split {
        Split::One | Split::Groups(0 | 1) => vec![Group { name: None, members: (0..count).collect() }],
        Split::Each if count <= MOST_LAYERS => {
            let alone =
                |(at, (name, _)): (usize, &(&str, u64))| Group { name: Some((*name).to_owned()), members: vec![at] };
            distributions.iter().enumerate().map(alone).collect()
        }
        Split::Each => in_slots(distributions, MOST_LAYERS),
        Split::Groups(count) => in_slots(distributions, count.min(MOST_LAYERS)),
    }
}

/// Each name prefers slots in an order of its own. Large distributions take one each, the first of their order that is free;
/// at least one slot is left for the others, each of which goes to the first of its order that no large one has.
fn in_slots(distributions: &[(&str, u64)], slots: usize) -> Vec<Group> {
    let preferences = |name: &str| {
        let mut order: Vec<usize> = (0..slots).collect();
        order.sort_by_cached_key(|slot| weight(name, *slot));
        order
    };
    let (mut large, mut small): (Vec<usize>, Vec<usize>) =
        (0..distributions.len()).partition(|&at| distributions[at].1 >= LARGE);
    // Not by size: which of them are taken must not change with their versions.
    large.sort_by_cached_key(|&at| weight(distributions[at].0, slots));
    let room = if small.is_empty() && large.len() <= slots { slots } else { slots - 1 };
    if large.len() > room {
        small.extend(large.split_off(room));
        small.sort_unstable();
    }
    let mut groups: Vec<Group> =
        (1..=slots).map(|number| Group { name: Some(number.to_string()), members: Vec::new() }).collect();
    let mut is_taken = vec![false; slots];
    for at in large {
        if let Some(slot) = preferences(distributions[at].0).into_iter().find(|&slot| !is_taken[slot]) {
            is_taken[slot] = true;
            groups[slot] = Group { name: Some(distributions[at].0.to_owned()), members: vec![at] };
        }
    }
    for at in small {
        if let Some(slot) = preferences(distributions[at].0).into_iter().find(|&slot| !is_taken[slot]) {
            groups[slot].members.push(at);
        }
    }
    groups.retain(|group| !group.members.is_empty());
    groups
}

fn weight(name: &str, slot: usize) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(name.as_bytes());
    hasher.field(&(slot as u64).to_le_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 12] = [
        "aiohttp", "attrs", "boto3", "botocore", "certifi", "idna", "numpy", "pandas", "pillow", "six", "urllib3",
        "yarl",
    ];

    fn sized(large: &[&str]) -> Vec<(&'static str, u64)> {
        NAMES.iter().map(|name| (*name, if large.contains(name) { LARGE } else { LARGE - 1 })).collect()
    }

    fn members(groups: &[Group]) -> Vec<Vec<&'static str>> {
        groups.iter().map(|group| group.members.iter().map(|&at| NAMES[at]).collect()).collect()
    }

    #[test]
    fn each_has_its_own_and_one_has_all() {
        let all = sized(&[]);
        let each = group(&all, Split::Each);
        assert_eq!(each.iter().map(|group| group.name.as_deref().unwrap()).collect::<Vec<_>>(), NAMES);
        let one = group(&all, Split::One);
        assert_eq!((one.len(), one[0].name.as_deref(), one[0].members.len()), (1, None, 12));
    }

    #[test]
    fn large_ones_are_alone() {
        let large = ["botocore", "numpy", "pandas"];
        let groups = group(&sized(&large), Split::Groups(6));
        assert!(groups.len() <= 6);
        for group in &groups {
            let names: Vec<&str> = group.members.iter().map(|&at| NAMES[at]).collect();
            let is_alone = large.iter().any(|one| names == [*one]);
            assert!(is_alone || !names.iter().any(|name| large.contains(name)), "{names:?}");
            assert_eq!(is_alone, group.name.as_deref() == Some(names[0]), "{group:?}");
        }
        let all: usize = groups.iter().map(|group| group.members.len()).sum();
        assert_eq!(all, NAMES.len());
    }

    #[test]
    fn a_distribution_that_comes_or_grows_moves_few() {
        let without: Vec<(&str, u64)> = sized(&["numpy"]).into_iter().filter(|(name, _)| *name != "six").collect();
        let slots = |all: &[(&'static str, u64)]| -> std::collections::BTreeMap<&'static str, String> {
            let groups = group(all, Split::Groups(5));
            groups
                .iter()
                .flat_map(|group| group.members.iter().map(|&at| (all[at].0, group.name.clone().unwrap())))
                .collect()
        };
        let (before, after) = (slots(&without), slots(&sized(&["numpy"])));
        assert!(before.iter().all(|(name, slot)| after[name] == *slot), "{before:?} {after:?}");
        // What grows large takes the slot that it is in or one more; only those in that slot make room.
        let grown = slots(&sized(&["numpy", "boto3"]));
        let moved: Vec<_> = after.iter().filter(|(name, slot)| grown[*name] != **slot).collect();
        let homes: std::collections::BTreeSet<_> = moved.iter().map(|(_, slot)| *slot).collect();
        assert!(homes.len() <= 2, "{moved:?}");
    }

    #[test]
    fn there_are_never_more_than_asked_for() {
        for count in 2..8 {
            for large in [&NAMES[..0], &NAMES[..3], &NAMES[..]] {
                let groups = group(&sized(large), Split::Groups(count));
                assert!((1..=count).contains(&groups.len()), "{count} {large:?}");
                let mut all = members(&groups).concat();
                all.sort_unstable();
                assert_eq!(all, NAMES);
            }
        }
        let names: Vec<String> = (0..250).map(|number| format!("d{number}")).collect();
        let many: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert!(group(&many, Split::Each).len() <= MOST_LAYERS);
    }
}
