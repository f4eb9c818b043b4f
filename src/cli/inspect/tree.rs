//! The tree of directories.

use std::collections::BTreeSet;

use tarsia::Error;
use tarsia::inspect::{Outline, OutlineRow, outline_of_layer};

use super::{Contents, View, table};
use crate::cli::report::{self, bytes};
use crate::cli::terminal::{LEAST, Terminal, columns, cut_end, cut_middle, cut_start, shown, shown_path};

/// The columns of the layers that a path comes from.
const LAYERS: usize = 7;

/// What is drawn of each directory that was asked for.
pub fn outlines<'a>(view: &'a View<'_>) -> Vec<(&'a [u8], Outline<'a>)> {
    let draw = |directory: &'a [u8]| match &view.contents {
        Contents::Tree(files) => files.outline(directory, view.depth),
        Contents::LayerTree(changes) => outline_of_layer(changes, directory, view.depth),
        _ => Outline::default(),
    };
    view.below.iter().map(|directory| (&**directory, draw(directory))).collect()
}

/// Prints the layers, for their numbers, and the trees.
pub fn print(view: &View<'_>, terminal: Terminal) -> Result<(), Error> {
    let mut text = match view.layer {
        Some(_) => table::whole(view, terminal),
        None => format!("{}{}", table::head(view.image, terminal), table::layers(view.image, terminal)),
    };
    for (directory, outline) in outlines(view) {
        draw(directory, &outline, terminal, &mut text);
    }
    report::print(&text)
}

fn draw(directory: &[u8], outline: &Outline<'_>, terminal: Terminal, text: &mut String) {
    text.push_str(&format!("     size  {:<LAYERS$}  path\n", "layer"));
    let (size, layers) = (bytes(outline.size), ranges(&outline.layers));
    let top = cut_middle(&shown_path(directory), terminal.room(9 + 2 + LAYERS + 2));
    text.push_str(&format!("{size:>9}  {layers:<LAYERS$}  {}\n", terminal.bold(&top)));
    // Whether more follows at each depth above the row.
    let mut open: Vec<bool> = Vec::new();
    for row in &outline.rows {
        open.truncate(row.depth);
        let above: String = open.iter().map(|&open| if open { "│   " } else { "    " }).collect();
        let branch = if row.last { "└── " } else { "├── " };
        open.push(!row.last);
        let size = if row.whiteout { String::new() } else { bytes(row.size) };
        let before = format!("{size:>9}  {:<LAYERS$}  ", ranges(&row.layers));
        let is_cut = row.paths > 0 && row.depth + 1 >= outline.depth;
        let (name, after) = (name(row), after(row, is_cut));
        // Where it is narrow, what is said of a path gives way to its name, and how deep it lies to both.
        let least = columns(&name).min(LEAST);
        let whole = format!("{above}{branch}");
        let room = terminal.left(columns(&before) + least);
        let kept = if columns(&after) + columns(branch) <= room { after } else { String::new() };
        let (after, deep) = (kept.as_str(), cut_start(&whole, room.saturating_sub(columns(&kept))));
        let before = format!("{before}{deep}");
        let name = cut_end(&name, terminal.room(columns(&before) + columns(after)));
        let name = if row.whiteout && row.file.is_none() { terminal.red(&name) } else { name };
        text.push_str(&format!("{before}{name}{}\n", terminal.dim(after)));
    }
}

/// The last part of a path, with a slash after a directory and its target after a link.
fn name(row: &OutlineRow<'_>) -> String {
    let name = row.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let name = shown(&String::from_utf8_lossy(name));
    let link = row.file.and_then(|file| file.link.as_ref());
    match link {
        Some(link) => format!("{name} -> {}", shown(&String::from_utf8_lossy(link))),
        None if row.file.map_or(row.paths > 0, |file| file.kind == 'd') => format!("{name}/"),
        None => name,
    }
}

/// What else is to be said of a path.
fn after(row: &OutlineRow<'_>, is_cut: bool) -> String {
    let mut words = Vec::new();
    if row.whiteout {
        words.push(if row.file.is_some() { "replaced".to_owned() } else { "deleted".to_owned() });
    }
    if row.opaque {
        words.push("all below deleted before".to_owned());
    }
    if is_cut {
        words.push(format!("{} below", row.paths));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// Numbers of layers as short as they can be: `0-3,5`. Too many for the column are first and last.
pub fn ranges(layers: &BTreeSet<usize>) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &layer in layers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == layer => *last = layer,
            _ => parts.push((layer, layer)),
        }
    }
    let part = |&(first, last): &(usize, usize)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    let all = parts.iter().map(part).collect::<Vec<_>>().join(",");
    match (layers.first(), layers.last()) {
        (Some(first), Some(last)) if all.len() > LAYERS => format!("{first}…{last}"),
        _ => all,
    }
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn layers_are_told_shortly() {
        for (layers, text) in [
            (&[][..], ""),
            (&[4], "4"),
            (&[0, 1], "0,1"),
            (&[0, 1, 2, 5], "0-2,5"),
            (&[0, 2, 4, 6], "0,2,4,6"),
            (&[0, 2, 4, 6, 8], "0…8"),
        ] {
            assert_eq!(ranges(&layers.iter().copied().collect()), text);
        }
    }
}
