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
    /// In as many groups at most, two or more: large ones alone, the small ones together, those for any platform apart from
    /// the others.
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

/// What decides in which group a distribution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight<'a> {
    /// Its name.
    pub name: &'a str,
    /// The size of its wheel, in bytes.
    pub size: u64,
    /// Whether its wheel is for any platform.
    pub is_pure: bool,
}

/// Groups distributions, which are sorted by their names.
pub fn group(distributions: &[Weight<'_>], split: Split) -> Vec<Group> {
    let count = distributions.len();
    match split {
        Split::One | Split::Groups(0 | 1) => vec![Group { name: None, members: (0..count).collect() }],
        Split::Each if count <= MOST_LAYERS => {
            let alone = |(at, one): (usize, &Weight<'_>)| Group { name: Some(one.name.to_owned()), members: vec![at] };
            distributions.iter().enumerate().map(alone).collect()
        }
        Split::Each => in_slots(distributions, MOST_LAYERS),
        Split::Groups(count) => in_slots(distributions, count.min(MOST_LAYERS)),
    }
}

/// Each name prefers slots in an order of its own. Large distributions take one each, the first of their order that is free.
/// Each of the others goes to the first of its order that no large one has: of the last quarter of the slots, one at least, if
/// its wheel is for some platforms only, else of those before.
fn in_slots(distributions: &[Weight<'_>], slots: usize) -> Vec<Group> {
    let platform_slots = (slots / 4).max(1);
    let preferences = |name: &str, range: std::ops::Range<usize>| {
        let mut order: Vec<usize> = range.collect();
        order.sort_by_cached_key(|slot| weight(name, *slot));
        order
    };
    let (mut large, mut small): (Vec<usize>, Vec<usize>) =
        (0..distributions.len()).partition(|&at| distributions[at].size >= LARGE);
    // Not by size: which of them are taken must not change with their versions.
    large.sort_by_cached_key(|&at| weight(distributions[at].name, slots));
    // Both kinds of small ones keep a slot: the first and the last.
    let room = if small.is_empty() && large.len() <= slots { slots } else { slots.saturating_sub(2) };
    if large.len() > room {
        small.extend(large.split_off(room));
        small.sort_unstable();
    }
    let mut groups: Vec<Group> =
        (1..=slots).map(|number| Group { name: Some(number.to_string()), members: Vec::new() }).collect();
    let mut is_taken = vec![false; slots];
    for at in large {
        let name = distributions[at].name;
        let free = if room == slots { 0..slots } else { 1..slots - 1 };
        if let Some(slot) = preferences(name, free).into_iter().find(|&slot| !is_taken[slot]) {
            is_taken[slot] = true;
            // Slots are called by numbers.
            let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
            let name = if is_number { format!("distribution-{name}") } else { name.to_owned() };
            groups[slot] = Group { name: Some(name), members: vec![at] };
        }
    }
    for at in small {
        let Weight { name, is_pure, .. } = distributions[at];
        let range = if is_pure { 0..slots - platform_slots } else { slots - platform_slots..slots };
        if let Some(slot) = preferences(name, range).into_iter().find(|&slot| !is_taken[slot]) {
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

    /// Of these wheels some are large, and some for one platform.
    fn sized(large: &[&str]) -> Vec<Weight<'static>> {
        let one = |name: &&'static str| Weight {
            name,
            size: if large.contains(name) { LARGE } else { LARGE - 1 },
            is_pure: !["aiohttp", "numpy", "pandas", "pillow", "yarl"].contains(name),
        };
        NAMES.iter().map(one).collect()
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
        // What is for any platform is the same layer for all.
        let pure = sized(&large);
        assert!(
            groups
                .iter()
                .all(|group| group.members.iter().all(|&at| pure[at].is_pure == pure[group.members[0]].is_pure))
        );
        let all: usize = groups.iter().map(|group| group.members.len()).sum();
        assert_eq!(all, NAMES.len());
    }

    #[test]
    fn a_distribution_that_comes_or_grows_moves_few() {
        let without: Vec<Weight> = sized(&["numpy"]).into_iter().filter(|one| one.name != "six").collect();
        let slots = |all: &[Weight<'static>]| -> std::collections::BTreeMap<&'static str, String> {
            let groups = group(all, Split::Groups(5));
            groups
                .iter()
                .flat_map(|group| group.members.iter().map(|&at| (all[at].name, group.name.clone().unwrap())))
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
        let many: Vec<Weight> = names.iter().map(|name| Weight { name, size: 1, is_pure: true }).collect();
        assert!(group(&many, Split::Each).len() <= MOST_LAYERS);
    }
}
