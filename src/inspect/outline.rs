//! Outlines: the directory tree of an image or a layer, as deep as there is room for, with sums.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Changed, InspectedFile, LayerChange};
use super::files::Files;
use crate::entry::parents;

/// How many rows an outline has at most whose depth nobody chose.
const FITTING: usize = 60;

/// A path of an outline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutlineRow<'a> {
    /// The path.
    pub path: &'a [u8],
    /// How deep it lies: 0 for what lies at the top.
    pub depth: usize,
    /// Whether nothing follows it in its directory.
    pub last: bool,
    /// What lies there. Nothing for what a layer takes away, and for directories that it does not say itself.
    pub file: Option<&'a InspectedFile>,
    /// Whether the layer takes it away.
    pub whiteout: bool,
    /// Whether the layer takes away what lower layers put below it.
    pub opaque: bool,
    /// Its size; of a directory, that of all files below it.
    pub size: u64,
    /// How many paths lie below it.
    pub paths: usize,
    /// The layers that put there what lies there and below it.
    pub layers: BTreeSet<usize>,
}

/// A tree of directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline<'a> {
    /// How deep it goes.
    pub depth: usize,
    /// Its rows: each directory before what lies in it, sorted by name.
    pub rows: Vec<OutlineRow<'a>>,
    /// The sum of all sizes.
    pub size: u64,
    /// How many paths there are.
    pub paths: usize,
    /// The layers that put them there.
    pub layers: BTreeSet<usize>,
}

/// What is known of a path.
#[derive(Debug, Clone, Copy)]
enum Item<'a> {
    File(&'a InspectedFile),
    Whiteout,
    Opaque,
}

impl Files {
    /// The outline of what lies below a directory (empty: the root), `depth` directories deep; without one, as deep as
    /// some sixty rows go, and at least one.
    pub fn outline(&self, directory: &[u8], depth: Option<usize>) -> Outline<'_> {
        let below = self.below(directory).map(|(path, file)| (&**path, Item::File(file)));
        let mut outline = outline(below, directory, depth);
        if let Some(own) = self.get(directory) {
            outline.size = outline.size.saturating_add(own.size);
            outline.layers.insert(own.layer);
        }
        outline
    }
}

/// The same of what a layer itself holds; links are not followed.
pub fn outline_of_layer<'a>(changes: &'a [Changed], directory: &[u8], depth: Option<usize>) -> Outline<'a> {
    let is_below = |path: &[u8]| match directory.is_empty() {
        true => !path.is_empty(),
        false => path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/")),
    };
    let items = changes.iter().filter(|(path, _)| is_below(path)).map(|(path, change)| {
        let item = match change {
            LayerChange::Put(file) => Item::File(file),
            LayerChange::Whiteout => Item::Whiteout,
            LayerChange::Opaque => Item::Opaque,
        };
        (&**path, item)
    });
    outline(items, directory, depth)
}

/// Rows by path, and the names of what lies in each directory.
#[derive(Default)]
struct Drawing<'a> {
    rows: BTreeMap<&'a [u8], OutlineRow<'a>>,
    below: BTreeMap<&'a [u8], BTreeSet<&'a [u8]>>,
}

fn outline<'a>(
    items: impl Iterator<Item = (&'a [u8], Item<'a>)> + Clone,
    directory: &[u8],
    depth: Option<usize>,
) -> Outline<'a> {
    let skip = if directory.is_empty() { 0 } else { directory.len() + 1 };
    let level = |path: &[u8]| path.iter().skip(skip).filter(|&&byte| byte == b'/').count();
    let depth = depth.unwrap_or_else(|| fitting(items.clone().map(|(path, _)| level(path)))).max(1);
    let mut outline = Outline { depth, ..Outline::default() };
    let mut drawing = Drawing::default();
    for (path, item) in items {
        let (size, layer) = match item {
            Item::File(file) => (file.size, Some(file.layer)),
            Item::Whiteout | Item::Opaque => (0, None),
        };
        outline.size = outline.size.saturating_add(size);
        outline.layers.extend(layer);
        outline.paths += 1;
        let is_row = level(path) < depth;
        let mut above = &path[..directory.len()];
        for part in parents(path).filter(|part| part.len() >= skip.max(1)).take(depth).chain(is_row.then_some(path)) {
            drawing.below.entry(above).or_default().insert(part);
            let row = drawing.rows.entry(part).or_default();
            row.path = part;
            row.depth = level(part);
            row.size = row.size.saturating_add(size);
            row.layers.extend(layer);
            row.paths += usize::from(part.len() < path.len());
            above = part;
        }
        if let Some(row) = drawing.rows.get_mut(path).filter(|_| is_row) {
            match item {
                Item::File(file) => row.file = Some(file),
                Item::Whiteout => row.whiteout = true,
                Item::Opaque => row.opaque = true,
            }
        }
    }
    let top = drawing.below.remove(directory).unwrap_or_default();
    drawing.write(&top, &mut outline.rows);
    outline
}

impl<'a> Drawing<'a> {
    fn write(&mut self, names: &BTreeSet<&'a [u8]>, rows: &mut Vec<OutlineRow<'a>>) {
        for &path in names {
            let Some(row) = self.rows.remove(path) else { continue };
            rows.push(OutlineRow { last: names.last() == Some(&path), ..row });
            if let Some(below) = self.below.remove(path) {
                self.write(&below, rows);
            }
        }
    }
}

/// The greatest depth at which there are no more rows than fit.
fn fitting(levels: impl Iterator<Item = usize>) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    levels.for_each(|level| *counts.entry(level).or_default() += 1);
    let (mut rows, mut depth) = (0, 0);
    for (level, count) in counts {
        rows += count;
        if rows > FITTING {
            return level;
        }
        depth = level + 1;
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64, layer: usize) -> LayerChange {
        LayerChange::Put(InspectedFile { kind: 'f', mode: 0o644, uid: 0, gid: 0, size, link: None, layer })
    }

    fn rows(outline: &Outline<'_>) -> Vec<(String, usize, bool, u64, usize)> {
        let row = |row: &OutlineRow<'_>| {
            (String::from_utf8_lossy(row.path).into_owned(), row.depth, row.last, row.size, row.paths)
        };
        outline.rows.iter().map(row).collect()
    }

    #[test]
    fn directories_sum_what_lies_below_also_what_is_cut() {
        // `a-b` lies between `a` and `a/b` in the alphabet, and after both in the tree.
        let changes: Vec<Changed> =
            ["a/b/c", "a/d", "a-b", "e"].map(|path| (path.as_bytes().into(), file(10, 1))).into();
        let deep = outline_of_layer(&changes, b"", None);
        let expected = [
            ("a", 0, false, 20, 2),
            ("a/b", 1, false, 10, 1),
            ("a/b/c", 2, true, 10, 0),
            ("a/d", 1, true, 10, 0),
            ("a-b", 0, false, 10, 0),
            ("e", 0, true, 10, 0),
        ];
        assert_eq!(
            rows(&deep),
            expected.map(|(path, depth, last, size, paths)| (path.to_owned(), depth, last, size, paths))
        );
        let flat = outline_of_layer(&changes, b"", Some(1));
        assert_eq!(rows(&flat).len(), 3);
        assert_eq!((flat.rows[0].size, flat.rows[0].paths, flat.size, flat.paths), (20, 2, 40, 4));
        let below = outline_of_layer(&changes, b"a", Some(1));
        assert_eq!(rows(&below), [("a/b".to_owned(), 0, false, 10, 1), ("a/d".to_owned(), 0, true, 10, 0)]);
    }

    #[test]
    fn an_outline_of_any_depth_fits() {
        let changes: Vec<Changed> =
            (0..200).map(|number| (format!("a/b/{number}").into_bytes().into(), file(1, 0))).collect();
        assert_eq!(rows(&outline_of_layer(&changes, b"", None)).len(), 2);
        let many: Vec<Changed> = (0..200).map(|number| (number.to_string().into_bytes().into(), file(1, 0))).collect();
        assert_eq!(rows(&outline_of_layer(&many, b"", None)).len(), 200, "the top is always shown");
        let marks = [(b"a".as_slice().into(), LayerChange::Opaque), (b"b".as_slice().into(), LayerChange::Whiteout)];
        let marks = outline_of_layer(&marks, b"", None);
        assert!(marks.rows[0].opaque && marks.rows[1].whiteout);
    }
}
