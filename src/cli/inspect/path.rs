//! The history of a path.

use tarsia::inspect::{Event, Inspected, InspectedFile, Removal, Trace};

use super::files::described;
use super::tree::ranges;
use crate::cli::report::bytes;
use crate::cli::terminal::{Terminal, columns, cut_end, cut_middle, padded, shown, shown_path};

/// The columns of kind, mode, owner and size, as a rule.
const DETAIL: usize = 19;

/// What is told of each path: what lies there, then layer by layer, the highest first, what each did to it.
pub fn text(image: &Inspected, traces: &[Trace], terminal: Terminal) -> String {
    let mut text = String::new();
    for trace in traces {
        one(image, trace, terminal, &mut text);
    }
    text
}

fn one(image: &Inspected, trace: &Trace, terminal: Terminal, text: &mut String) {
    let asked = shown_path(&trace.asked);
    let mut verdict = match &trace.file {
        Some(file) => format!(" is a {}", file.kind_word()),
        None if trace.is_there() => " is the root".to_owned(),
        None if trace.past.is_empty() && trace.before_links.is_empty() => " is in no layer".to_owned(),
        None => " is not there any more".to_owned(),
    };
    if let Some(InspectedFile { kind: 'l' | 'h', link: Some(link), .. }) = &trace.file {
        verdict.push_str(&format!(" to {}", shown(&String::from_utf8_lossy(link))));
    }
    let verdict = cut_end(&verdict, terminal.room(columns(&asked).min(DETAIL)));
    let room = terminal.room(columns(&verdict));
    text.push_str(&format!("{}{verdict}\n", terminal.bold(&cut_middle(&asked, room))));
    for link in &trace.links {
        let target = shown(&String::from_utf8_lossy(&link.target));
        row(link.layer, "link followed", &format!("{} -> {target}", shown_path(&link.path)), image, terminal, text);
    }
    if !trace.links.is_empty() {
        let lies = if trace.is_there() { "it lies at" } else { "it would lie at" };
        let room = terminal.room(8 + columns(lies));
        text.push_str(&format!("       {lies} {}\n", cut_middle(&shown_path(&trace.path), room)));
    }
    if let Some(file) = &trace.file {
        row(file.layer, "put it there", &described(file), image, terminal, text);
    }
    history(&trace.path, &trace.past, image, terminal, text);
    for (path, past) in trace.before_links.iter().rev() {
        let room = terminal.room(31);
        text.push_str(&format!("       before the link, it lay at {}\n", cut_middle(&shown_path(path), room)));
        history(path, past, image, terminal, text);
    }
    if let Some(leads) = &trace.leads {
        text.push_str(&format!("       it leads to {}\n", cut_middle(&shown_path(leads), terminal.room(19))));
    }
    if let Some(below) = &trace.below {
        let (paths, size, layers) = (below.paths, bytes(below.size), ranges(&below.layers));
        let layers = match below.layers.len() {
            0 => String::new(),
            1 => format!(" of layer {layers}"),
            _ => format!(" of layers {layers}"),
        };
        text.push_str(&format!("       below it {paths} path{}, {size}{layers}\n", if paths == 1 { "" } else { "s" }));
    }
    // What the base's tree tells is what its layers left; whoever is not content with that can have them read.
    if trace.merged > 0 && !trace.path.is_empty() {
        let last = trace.merged - 1;
        // The hint has a line of its own where it does not fit.
        let how = if terminal.left(82) > 0 { " " } else { "\n       " };
        let how = format!("{how}(--no-remote-cache reads them)");
        text.push_str(&format!("       before that, in layers 0-{last}: not looked at{how}\n"));
    }
    for near in &trace.near {
        text.push_str(&format!("       did you mean {}?\n", cut_middle(&shown_path(near), terminal.room(21))));
    }
}

/// What happened at a path, the highest layer's doing first.
fn history(path: &[u8], past: &[Event], image: &Inspected, terminal: Terminal, text: &mut String) {
    for event in past.iter().rev() {
        match event {
            Event::Put(file) => row(file.layer, "held it before", &described(file), image, terminal, text),
            Event::Removed { layer, how } => row(*layer, "removed it", &removal(path, how), image, terminal, text),
        }
    }
}

/// A layer and what it did.
fn row(layer: usize, what: &str, detail: &str, image: &Inspected, terminal: Terminal, text: &mut String) {
    let before = format!("  {layer:>3}  {what:<14}  ");
    let label = image.layers.get(layer).map(|layer| shown(&layer.label())).unwrap_or_default();
    // Where it is narrow, the layer's name gives way first.
    let room = terminal.room(columns(&before));
    let detail = padded(&cut_middle(detail, room), DETAIL.min(room));
    let left = room.saturating_sub(columns(&detail) + 2);
    let label = if left < 4 { String::new() } else { format!("  {}", terminal.dim(&cut_end(&label, left))) };
    text.push_str(format!("{before}{detail}{label}").trim_end());
    text.push('\n');
}

fn removal(path: &[u8], how: &Removal) -> String {
    let (words, at) = match how {
        Removal::Whiteout(at) => ("by a whiteout", at),
        Removal::Opaque(at) => ("with all that lay", at),
        Removal::Replaced(at) => ("by what it put", at),
    };
    match how {
        Removal::Whiteout(_) if **at == *path => words.to_owned(),
        Removal::Whiteout(_) => format!("{words} of {}", shown_path(at)),
        Removal::Opaque(_) => format!("{words} below {}", shown_path(at)),
        Removal::Replaced(_) => format!("{words} at {}", shown_path(at)),
    }
}
