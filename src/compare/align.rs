//! Aligning: which layer of one image is compared with which of another.

use std::collections::{BTreeMap, VecDeque};

use crate::digest::Digest;

/// What tells a layer from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its annotated name.
    pub name: Option<String>,
    /// The digest of its plain stream.
    pub diff_id: Option<Digest>,
    /// What its history entry says made it.
    pub created_by: Option<String>,
}

/// Two layers that are compared, by their places; or one that has no partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aligned {
    /// The place on the left.
    pub left: Option<usize>,
    /// The place on the right.
    pub right: Option<usize>,
    /// Whether the two stand in another order than most.
    pub moved: bool,
}

/// Aligns the layers of two images: by their names, then by equal diff_ids, and what is left between two that are aligned
/// by what made it, then by place. Layers with different names are never compared.
pub fn align(left: &[Marks], right: &[Marks]) -> Vec<Aligned> {
    let mut pairs = Pairs { of_left: vec![None; left.len()], of_right: vec![None; right.len()] };
    let (all_left, all_right): (Vec<usize>, Vec<usize>) = ((0..left.len()).collect(), (0..right.len()).collect());
    pairs.by(&all_left, &all_right, |at| left[at].name.as_ref(), |at| right[at].name.as_ref());
    pairs.by(&all_left, &all_right, |at| left[at].diff_id, |at| right[at].diff_id);
    let fixed = ascending(&pairs.of_left);
    let mut begin = (0, 0);
    let ends = fixed.iter().map(|&(left, right)| (left, right)).chain([(left.len(), right.len())]);
    for end in ends {
        let free_left: Vec<usize> = (begin.0..end.0).filter(|&at| pairs.of_left[at].is_none()).collect();
        let free_right: Vec<usize> = (begin.1..end.1).filter(|&at| pairs.of_right[at].is_none()).collect();
        begin = (end.0 + 1, end.1 + 1);
        let unnamed = |marks: &[Marks], at: usize| marks[at].name.is_none();
        pairs.by(
            &free_left,
            &free_right,
            |at| left[at].created_by.as_ref().filter(|_| unnamed(left, at)),
            |at| right[at].created_by.as_ref().filter(|_| unnamed(right, at)),
        );
        let mut partners = free_right.into_iter().filter(|&at| pairs.of_right[at].is_none()).collect::<VecDeque<_>>();
        let free_left: Vec<usize> = free_left.into_iter().filter(|&at| pairs.of_left[at].is_none()).collect();
        for at in free_left {
            let fits = |&other: &usize| left[at].name.is_none() || right[other].name.is_none();
            if let Some(place) = partners.iter().position(fits).and_then(|index| partners.remove(index)) {
                pairs.join(at, place);
            }
        }
    }
    pairs.listed()
}

struct Pairs {
    of_left: Vec<Option<usize>>,
    of_right: Vec<Option<usize>>,
}

impl Pairs {
    fn join(&mut self, left: usize, right: usize) {
        self.of_left[left] = Some(right);
        self.of_right[right] = Some(left);
    }

    /// Pairs what has the same mark: the first with the first, the second with the second.
    fn by<M: Ord>(
        &mut self,
        left: &[usize],
        right: &[usize],
        of_left: impl Fn(usize) -> Option<M>,
        of_right: impl Fn(usize) -> Option<M>,
    ) {
        let mut waiting: BTreeMap<M, VecDeque<usize>> = BTreeMap::new();
        for &at in right.iter().filter(|&&at| self.of_right[at].is_none()) {
            if let Some(mark) = of_right(at) {
                waiting.entry(mark).or_default().push_back(at);
            }
        }
        for &at in left {
            let partner =
                of_left(at).filter(|_| self.of_left[at].is_none()).and_then(|mark| waiting.get_mut(&mark)?.pop_front());
            if let Some(partner) = partner {
                self.join(at, partner);
            }
        }
    }

    /// All layers in the left side's order, those of only the right side after the one they follow there.
    fn listed(&self) -> Vec<Aligned> {
        let fixed = ascending(&self.of_left);
        let is_fixed = |at: usize| fixed.binary_search_by_key(&at, |&(left, _)| left).is_ok();
        let mut extras: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        let mut after = None;
        for (at, partner) in self.of_right.iter().enumerate() {
            match partner {
                Some(_) => after = Some(at),
                None => extras.entry(after).or_default().push(at),
            }
        }
        let extra = |right: usize| Aligned { left: None, right: Some(right), moved: false };
        let mut listed: Vec<Aligned> = extras.remove(&None).into_iter().flatten().map(extra).collect();
        for (at, &partner) in self.of_left.iter().enumerate() {
            listed.push(Aligned { left: Some(at), right: partner, moved: partner.is_some() && !is_fixed(at) });
            if partner.is_some() {
                listed.extend(extras.remove(&partner).into_iter().flatten().map(extra));
            }
        }
        listed
    }
}

/// The longest run of pairs that stand in the same order on both sides, found by patience.
fn ascending(of_left: &[Option<usize>]) -> Vec<(usize, usize)> {
    let pairs: Vec<(usize, usize)> =
        of_left.iter().enumerate().filter_map(|(left, right)| Some((left, (*right)?))).collect();
    // The last pair of the best run of each length, and before each pair the one it follows.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (index, &(_, right)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < right);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run = Vec::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        run.push(pairs[index]);
        next = before[index];
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers written `name=content`, `=content` or `name=content@made by`.
    fn marks(layers: &[&str]) -> Vec<Marks> {
        let of = |layer: &&str| {
            let (name, rest) = layer.split_once('=').unwrap();
            let (content, made) = rest.split_once('@').unwrap_or((rest, ""));
            Marks {
                name: Some(name.to_owned()).filter(|name| !name.is_empty()),
                diff_id: Some(Digest::of(content.as_bytes())),
                created_by: Some(made.to_owned()).filter(|made| !made.is_empty()),
            }
        };
        layers.iter().map(of).collect()
    }

    #[track_caller]
    fn assert_aligned(left: &[&str], right: &[&str], expected: &[&str]) {
        let aligned = align(&marks(left), &marks(right));
        let shown: Vec<String> = aligned
            .iter()
            .map(|pair| {
                let place = |place: Option<usize>| place.map_or_else(|| "-".to_owned(), |place| place.to_string());
                format!("{}{}{}", place(pair.left), if pair.moved { '~' } else { ' ' }, place(pair.right))
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_inserted_layer_shifts_no_other() {
        assert_aligned(&["=a", "=b", "=c"], &["=a", "=x", "=b", "=c"], &["0 0", "- 1", "1 2", "2 3"]);
        assert_aligned(&["=a", "=x", "=b"], &["=a", "=b"], &["0 0", "1 -", "2 1"]);
        assert_aligned(&["a=1", "b=2", "c=3"], &["x=9", "a=1", "b=4", "c=5"], &["- 0", "0 1", "1 2", "2 3"]);
    }

    #[test]
    fn names_come_before_contents_and_contents_before_places() {
        assert_aligned(&["a=1", "b=2"], &["a=2", "b=1"], &["0 0", "1 1"]);
        assert_aligned(&["=1", "=2", "=3"], &["=1", "=9", "=3"], &["0 0", "1 1", "2 2"]);
        assert_aligned(&["a=1", "b=2"], &["=1", "=9"], &["0 0", "1 1"]);
        assert_aligned(&["a=1", "b=2"], &["a=1", "c=9"], &["0 0", "- 1", "1 -"]);
        // A renamed layer is the same layer.
        assert_aligned(&["a=1"], &["b=1"], &["0 0"]);
    }

    #[test]
    fn what_made_a_layer_finds_it_between_others() {
        assert_aligned(
            &["=base", "=1@COPY a", "=2@COPY b"],
            &["=base", "=9@RUN x", "=8@COPY a", "=2@COPY b"],
            &["0 0", "- 1", "1 2", "2 3"],
        );
    }

    #[test]
    fn another_order_is_seen() {
        assert_aligned(&["a=1", "b=2", "c=3"], &["b=2", "c=3", "a=1"], &["0~2", "1 0", "2 1"]);
        assert_aligned(&["=1", "=2"], &["=2", "=1"], &["0~1", "1 0"]);
    }

    #[test]
    fn layers_that_occur_twice_meet_in_order() {
        assert_aligned(&["=e", "=a", "=e"], &["=e", "=a", "=e"], &["0 0", "1 1", "2 2"]);
        assert_aligned(&[], &["=a"], &["- 0"]);
        assert_aligned(&["=a"], &[], &["0 -"]);
    }
}
