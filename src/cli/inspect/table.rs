//! The table: what an image runs, and its layers.

use serde_json::Value;
use tarsia::inspect::{Inspected, InspectedIndex, InspectedLayer, Pointed};

use super::View;
use crate::cli::report::bytes;
use crate::cli::terminal::{Terminal, columns, cut_end, cut_middle, padded, shown};

/// The columns of a row before the name: place, size and digest.
const BEFORE_NAME: usize = 2 + 3 + 2 + 9 + 2 + 12 + 2;
/// The columns of labels of settings.
const LABEL: usize = 2 + 12;

/// The columns of a digest, which is never cut.
const DIGEST: usize = 7 + 64;

/// An index: a line for each image and whatever else it points at.
pub fn index(index: &InspectedIndex, name: &str, terminal: Terminal) -> String {
    let name = shown(name);
    let gap = gap(columns(&name) + " index".len(), terminal);
    let mut text = format!("{} index{gap}{}\n", terminal.bold(&name), index.digest);
    for (descriptor, pointed) in &index.manifests {
        let platform = descriptor.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        let what = match pointed {
            Pointed::Image => shown(&platform),
            Pointed::Attestation(Some(of)) => format!("attestation of {}", of.short()),
            Pointed::Attestation(None) => "attestation".to_owned(),
            Pointed::Other => format!("no image: {}", shown(&descriptor.media_type)),
        };
        let what = cut_end(&what, terminal.room(2 + 9 + 2 + 12 + 2));
        text.push_str(&format!("  {:>9}  {}  {what}\n", bytes(descriptor.size), descriptor.digest.short()));
    }
    text
}

/// The line of an image: name, platform, digest.
pub fn head(image: &Inspected, terminal: Terminal) -> String {
    let (name, platform) = (shown(image.image.name()), shown(&image.image.platform.to_string()));
    let gap = gap(columns(&name) + 1 + columns(&platform), terminal);
    let digest = image.digest.map(|digest| format!("{gap}{digest}")).unwrap_or_default();
    format!("{} {platform}{digest}\n", terminal.bold(&name))
}

/// What stands in front of a digest: where it does not fit behind so many columns, it has a line of its own.
fn gap(taken: usize, terminal: Terminal) -> &'static str {
    if terminal.room(taken + 1) < DIGEST { "\n  " } else { " " }
}

/// The image with its settings and its layers; or one layer with all that is known of it.
pub fn whole(view: &View<'_>, terminal: Terminal) -> String {
    let mut text = head(view.image, terminal);
    match view.layer.and_then(|place| Some((place, view.image.layers.get(place)?))) {
        Some((place, layer)) => one_layer(place, layer, &mut text),
        None => {
            settings(view.image, terminal, &mut text);
            text.push_str(&layers(view.image, terminal));
        }
    }
    text
}

fn setting(label: &str, value: &str, terminal: Terminal, text: &mut String) {
    let room = terminal.room(LABEL);
    text.push_str(format!("  {label:<11} {}", cut_end(&shown(value), room)).trim_end());
    text.push('\n');
}

/// What matters of what the config says.
fn settings(image: &Inspected, terminal: Terminal, text: &mut String) {
    if let Some(base) = &image.base {
        let name = base.name.as_deref().unwrap_or("not named");
        let name = cut_middle(&shown(name), terminal.room(LABEL));
        let digest = base.digest.map(|digest| format!("{}{digest}", gap(LABEL + columns(&name), terminal)));
        text.push_str(&format!("  {:<11} {name}{}\n", "base", digest.unwrap_or_default()));
    }
    let config = &image.image.documents.config;
    if let Some(created) = config.as_json().get("created").and_then(Value::as_str) {
        setting("created", created, terminal, text);
    }
    const SETTINGS: [(&str, &str); 11] = [
        ("entrypoint", "Entrypoint"),
        ("cmd", "Cmd"),
        ("workdir", "WorkingDir"),
        ("user", "User"),
        ("env", "Env"),
        ("expose", "ExposedPorts"),
        ("volumes", "Volumes"),
        ("labels", "Labels"),
        ("stop signal", "StopSignal"),
        ("healthcheck", "Healthcheck"),
        ("on build", "OnBuild"),
    ];
    for (label, key) in SETTINGS {
        let Some(value) = config.setting(key) else { continue };
        for (nth, line) in lines(key, value).iter().enumerate() {
            setting(if nth == 0 { label } else { "" }, line, terminal, text);
        }
    }
}

/// A setting as it is read best: texts as they are, lists of settings one a line, commands as the lists they are.
fn lines(key: &str, value: &Value) -> Vec<String> {
    match (key, value) {
        (_, Value::String(text)) if text.is_empty() => Vec::new(),
        (_, Value::String(text)) => vec![text.clone()],
        ("Env" | "OnBuild", Value::Array(all)) => {
            all.iter().map(|each| each.as_str().map_or_else(|| each.to_string(), str::to_owned)).collect()
        }
        ("ExposedPorts" | "Volumes", Value::Object(all)) => {
            let mut names: Vec<&str> = all.keys().map(String::as_str).collect();
            names.sort_unstable();
            names.into_iter().map(str::to_owned).collect()
        }
        ("Labels", Value::Object(all)) => {
            let line = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
            let mut lines: Vec<String> = all.iter().map(line).collect();
            lines.sort_unstable();
            lines
        }
        _ => vec![value.to_string()],
    }
}

/// The layers, those of the base apart, with their sums.
pub fn layers(image: &Inspected, terminal: Terminal) -> String {
    let mut text = String::new();
    let below = image.layers.iter().filter(|layer| layer.base).count();
    let (base, own) = image.layers.split_at(below);
    let widths = Widths::of(&image.layers, terminal);
    let sum = |layers: &[InspectedLayer]| {
        let size = layers.iter().map(|layer| layer.descriptor.size).fold(0, u64::saturating_add);
        format!("{} layer{}, {}", layers.len(), if layers.len() == 1 { "" } else { "s" }, bytes(size))
    };
    if below > 0 {
        text.push_str(&format!("  of the base: {}\n", sum(base)));
        base.iter().enumerate().for_each(|(place, layer)| row(place, layer, &widths, terminal, &mut text));
        // What is built on an image of ours has its layers too, and does not say how many.
        let above = if image.base.as_ref().is_some_and(|base| base.may_be_more) { "with a key" } else { "above it" };
        text.push_str(&format!("  {above}: {}\n", sum(own)));
    }
    own.iter().enumerate().for_each(|(nth, layer)| row(below + nth, layer, &widths, terminal, &mut text));
    text.push_str(&format!("  in all: {}\n", sum(&image.layers)));
    text
}

/// How wide the columns of names and sources are.
struct Widths {
    /// Nothing if no layer has a name.
    name: usize,
    source: usize,
}

impl Widths {
    fn of(layers: &[InspectedLayer], terminal: Terminal) -> Widths {
        let room = terminal.room(BEFORE_NAME);
        let longest = layers.iter().filter_map(|layer| layer.name.as_ref()).map(|name| columns(&shown(name))).max();
        // A name is worth more than what made it, but not all there is.
        let name = longest.unwrap_or(0).min((room / 5).saturating_mul(3)).min(60);
        let gap = if name > 0 { 2 } else { 0 };
        Widths { name, source: room.saturating_sub(name + gap) }
    }
}

fn row(place: usize, layer: &InspectedLayer, widths: &Widths, terminal: Terminal, text: &mut String) {
    let name = match widths.name {
        0 => String::new(),
        width => padded(&cut_end(&shown(layer.name.as_deref().unwrap_or_default()), width), width + 2),
    };
    let source = cut_end(&shown(&layer.source()), widths.source);
    let digest = layer.descriptor.digest.short();
    let size = bytes(layer.descriptor.size);
    let line = match layer.base {
        true => terminal.dim(format!("  {place:>3}  {size:>9}  {digest}  {name}{source}").trim_end()),
        false => format!("  {place:>3}  {size:>9}  {digest}  {name}{}", terminal.dim(&source)),
    };
    text.push_str(line.trim_end());
    text.push('\n');
}

/// All that is known of a layer, nothing cut.
fn one_layer(place: usize, layer: &InspectedLayer, text: &mut String) {
    let mut say = |label: &str, value: &str| text.push_str(&format!("  {label:<11} {}\n", shown(value)));
    say("layer", &format!("{place}{}", if layer.base { ", of the base" } else { "" }));
    if let Some(name) = &layer.name {
        say("name", name);
    }
    if let Some(key) = &layer.key {
        say("key", key);
    }
    say("digest", &layer.descriptor.digest.to_string());
    say("diff_id", &layer.diff_id.to_string());
    say("size", &format!("{} ({} bytes)", bytes(layer.descriptor.size), layer.descriptor.size));
    say("media type", &layer.descriptor.media_type);
    if let Some(created_by) = &layer.created_by {
        say("created by", created_by);
    }
}
