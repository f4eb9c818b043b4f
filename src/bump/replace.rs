//! Replacing: a layer of anybody's image, found by its digest, its place or the text of its history entry, by the files
//! of a directory.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::next::{FactsEdit, Next, Replacement};
use super::resemble::{Alike, resembling};
use super::subject::SubjectImage;
use super::{Bumped, Replacements, Request, Run};
use crate::build::{Options, PreparedLayer, Single};
use crate::entry::{Entry, Kind, names_a_whiteout, parents};
use crate::error::Error;
use crate::image::{Change, Descriptor, Location, media_type};
use crate::layer::Codec;
use crate::spec::{LayerContent, LayerRecipe, Recipe};
use crate::workshop::Workshop;

/// The longest name that a layer takes over from the history, in characters.
const NAME_LIMIT: usize = 200;

/// How much of a layer's history entry a message shows, in characters.
const LINE_LIMIT: usize = 160;

/// The largest layer that is read to say what it hides, in bytes.
const READ_LIMIT: u64 = 4 << 20;

/// How many digits of a digest name a layer at least.
const LEAST_DIGITS: usize = 12;

/// Which layer of an image is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one whose digest, or whose plain digest, begins with these hex digits.
    Digest(String),
    /// The one at this place, counted from 0, the lowest first.
    Place(usize),
    /// The one whose history entry holds this text.
    Text(String),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Selector, String> {
        let is_hex =
            |text: &str| text.len() <= 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if let Some(digits) = text.strip_prefix("sha256:") {
            return match is_hex(digits) && digits.len() >= LEAST_DIGITS {
                true => Ok(Selector::Digest(digits.to_owned())),
                false => Err(format!("`{text}` is no digest, nor its first {LEAST_DIGITS} digits or more")),
            };
        }
        match text.parse() {
            _ if text.trim().is_empty() => Err("nothing selects a layer".to_owned()),
            Ok(place) if text.len() < 4 && !text.starts_with('+') => Ok(Selector::Place(place)),
            _ if is_hex(text) && text.len() >= LEAST_DIGITS => Ok(Selector::Digest(text.to_owned())),
            _ => Ok(Selector::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Digest(digits) => f.write_str(digits),
            Selector::Place(place) => write!(f, "{place}"),
            Selector::Text(text) => f.write_str(text),
        }
    }
}

/// A layer that is to be replaced, and what by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// Which layer.
    pub selector: Selector,
    /// The directory, or the file, that takes its place.
    pub context: PathBuf,
    /// Where in the image it goes: a directory's contents go into it, a file into it if it ends in `/`.
    pub to: String,
}

impl FromStr for Replace {
    type Err = String;

    /// `SELECTOR=DIR:/dest`. The destination begins with the last `:/`; what selects ends with the last `=` before it,
    /// so that a text of the history may hold both.
    fn from_str(text: &str) -> Result<Replace, String> {
        let wrong = || format!("`{text}` is not of the form SELECTOR=DIR:/DESTINATION");
        let at = text.rfind(":/").ok_or_else(wrong)?;
        let (selector, context) = text[..at].rsplit_once('=').ok_or_else(wrong)?;
        if context.is_empty() {
            return Err(wrong());
        }
        Ok(Replace { selector: selector.parse()?, context: context.into(), to: text[at + 1..].to_owned() })
    }
}

/// Replaces layers of the image at `location`, whoever built it, and moves the tags if they still stand for what was
/// read.
///
/// # Errors
///
/// A selector that fits no layer or several, whatever laying and assembling report, whatever the registry refuses, a tag
/// that somebody else has moved.
pub fn replace(
    workshop: &Workshop,
    location: &Location,
    options: &Options,
    wanted: &[Replace],
    request: &Request,
) -> Result<Bumped, Error> {
    let recipe = Recipe::scratch(&image_name(location));
    let Request { destination, .. } = request;
    let run = Run::of(workshop, &recipe, options, request, location, destination.to.as_ref(), &destination.tags)?;
    let mut next = Vec::new();
    for place in 0..run.subject.images.len() {
        next.push(one(&run, place, wanted)?);
    }
    run.finish(next)
}

/// What the image is called: the last part of its repository or of its layout's name.
fn image_name(location: &Location) -> String {
    let text = match location {
        Location::Registry(reference) => reference.repository.path.clone(),
        Location::Layout { name: Some(name), .. } => name.clone(),
        other => other.to_string(),
    };
    text.rsplit(['/', ':']).next().unwrap_or(&text).to_owned()
}

fn one(run: &Run<'_>, place: usize, wanted: &[Replace]) -> Result<Next, Error> {
    let image = &run.subject.images[place];
    let mut places: Vec<(usize, &Replace)> = Vec::new();
    for replace in wanted {
        let at = find(run, image, &replace.selector)?;
        if let Some((_, other)) = places.iter().find(|(other, _)| *other == at) {
            let message = format!("`{}` and `{}` are one layer", other.selector, replace.selector);
            return Err(Error::request(message, "replace it once"));
        }
        places.push((at, replace));
    }
    places.sort_by_key(|(at, _)| *at);
    let mut single = Single::new(run.workshop, run.recipe, run.options, &run.traffic);
    let mut layers: Vec<Descriptor> = image.manifest.layers.clone();
    let mut replacements = Replacements::new();
    let mut made: Vec<(usize, PreparedLayer)> = Vec::new();
    for (at, replace) in places {
        let below = |count: usize, layers: &[Descriptor]| run.below(image, count, layers);
        let mut recipe = recipe(image, at, replace)?;
        let old = below(at + 1, &layers).headers(at)?;
        keep_owner(run, &mut recipe, &old);
        let mut stack = below(at, &layers).stack();
        let Some(laid) = single.lay(&recipe, &image.platform, &mut stack)? else { continue };
        let laid = resembling(laid, &old, Alike { files: true, owners: true })?;
        if image.layer_key(at) == Some(laid.key) {
            continue;
        }
        let listing = below(at + 1, &layers).small_listing(&layers[at]);
        let (layer, why) = (run.made(&laid)?, run.why(&laid, listing.as_ref()));
        layers[at] = layer.descriptor();
        replacements.insert(at, Replacement { layer, why });
        made.push((at, laid));
    }
    for (at, laid) in &made {
        tell_of_hidden(run, image, *at, laid, &layers);
    }
    Next::replacing(place, image, replacements, &FactsEdit::Keep)
}

/// The layer that takes the place of one.
fn recipe(image: &SubjectImage, at: usize, replace: &Replace) -> Result<LayerRecipe, Error> {
    let name = image.layer_name(at).map(str::to_owned).unwrap_or_else(|| name_from_history(image, at));
    let is_file = std::fs::metadata(&replace.context).is_ok_and(|metadata| metadata.is_file());
    let (path, from) = match (is_file, replace.context.file_name()) {
        (true, Some(file)) => {
            let folder = replace.context.parent().filter(|parent| !parent.as_os_str().is_empty());
            (folder.map_or_else(|| PathBuf::from("."), std::path::Path::to_owned), file.as_encoded_bytes().to_vec())
        }
        _ => (replace.context.clone(), Vec::new()),
    };
    let content = LayerContent::Context {
        folder: PathBuf::new(),
        path: path.to_string_lossy().into_owned(),
        from,
        to: replace.to.clone().into_bytes(),
        exclude: Vec::new(),
    };
    let mut recipe = LayerRecipe::new(&name, content);
    let media_type = media_type::to_oci(&image.manifest.layers[at].media_type);
    recipe.compression = match media_type {
        media_type::LAYER_ZSTD => Codec::Zstd,
        media_type::LAYER => Codec::None,
        _ => Codec::Gzip,
    };
    Ok(recipe)
}

/// A name for a layer that has none: what made it, as its history entry says.
fn name_from_history(image: &SubjectImage, at: usize) -> String {
    let Some(text) = image.created_by(at) else { return format!("layer {at}") };
    shown(text).chars().take(NAME_LIMIT).collect()
}

/// The text of a history entry without what builders put around the instruction.
pub(super) fn shown(text: &str) -> String {
    let text = text.strip_prefix("/bin/sh -c #(nop) ").unwrap_or(text);
    let text = text.strip_suffix("# buildkit").unwrap_or(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What a layer was owned by as a whole, its successor is owned by: COPY --chown says so in images of docker.
fn keep_owner(run: &Run<'_>, recipe: &mut LayerRecipe, old: &[Entry]) {
    let files = old.iter().filter(|entry| !matches!(entry.kind, Kind::Directory) && !names_a_whiteout(&entry.path));
    let owners: BTreeSet<(u64, u64)> = files.map(|file| (file.uid, file.gid)).collect();
    let owners: Vec<(u64, u64)> = owners.into_iter().collect();
    match owners[..] {
        [] | [(0, 0)] => {}
        [(uid, gid)] => {
            if let Ok(owner) = format!("{uid}:{gid}").parse() {
                recipe.owner = owner;
            }
        }
        _ => run.note(format!(
            "what `{}` holds has {} owners: files that are new are owned by 0:0",
            recipe.name,
            owners.len()
        )),
    }
}

/// Says which files of a new layer nobody will see, because a layer above holds them as well or takes them away. It is
/// for the user's eyes only: large layers are not read for it, and one that cannot be read is none of its business.
fn tell_of_hidden(run: &Run<'_>, image: &SubjectImage, at: usize, laid: &PreparedLayer, layers: &[Descriptor]) {
    for (above, layer) in layers.iter().enumerate().skip(at + 1) {
        let is_new = layer.digest != image.manifest.layers[above].digest;
        if layer.size > READ_LIMIT && !is_new {
            continue;
        }
        let Ok(entries) = run.below(image, above + 1, layers).headers(above) else { continue };
        let changes: Vec<Change> = entries.iter().map(Change::of).collect();
        let hides = |path: &[u8]| {
            changes.iter().any(|change| match change {
                Change::Put(other, entry) => {
                    let is_in_the_way = **other == *path || parents(path).any(|parent| *parent == **other);
                    is_in_the_way && entry.kind != tar::EntryType::Directory
                }
                Change::Whiteout(other) => **other == *path || parents(path).any(|parent| *parent == **other),
                Change::Opaque(other) => parents(path).any(|parent| *parent == **other),
            })
        };
        let files = laid.contents.entries().filter(|entry| !matches!(entry.kind, Kind::Directory));
        let hidden: Vec<&Entry> = files.filter(|entry| hides(&entry.path)).collect();
        if let Some(first) = hidden.first() {
            let path = shown(&String::from_utf8_lossy(&first.path));
            let more = if hidden.len() > 1 { format!(" and {} more", hidden.len() - 1) } else { String::new() };
            let what = image.created_by(above).map(|text| format!(" (`{}`)", shown(text))).unwrap_or_default();
            run.note(format!(
                "`/{path}`{more} of the new layer {at} will not be seen: layer {above}{what} holds it as well, or takes it away"
            ));
        }
    }
}

/// The layer that a selector means.
fn find(run: &Run<'_>, image: &SubjectImage, selector: &Selector) -> Result<usize, Error> {
    let count = image.manifest.layers.len();
    let fitting: Vec<usize> = match selector {
        Selector::Place(place) => (0..count).filter(|at| at == place).collect(),
        Selector::Digest(digits) => {
            let begins = |digest: &crate::digest::Digest| digest.hex().starts_with(digits.as_str());
            (0..count).filter(|&at| begins(&image.manifest.layers[at].digest) || begins(&image.diff_ids[at])).collect()
        }
        Selector::Text(text) => {
            let wanted = shown(text);
            let is_in = |created_by: &str| shown(created_by).contains(&wanted);
            if image.history_places().is_none() {
                let message = format!("the history of `{}` does not tell which layer is whose", run.subject.location);
                return Err(Error::request(message, layers(image)));
            }
            let entries = image.config.history().iter();
            let all = entries.filter(|entry| entry.get("created_by").and_then(|by| by.as_str()).is_some_and(is_in));
            let fitting: Vec<usize> = (0..count).filter(|&at| image.created_by(at).is_some_and(is_in)).collect();
            if fitting.is_empty() && all.count() > 0 {
                let message =
                    format!("what `{text}` stands for in the history of `{}` made no layer", run.subject.location);
                return Err(Error::request(message, layers(image)));
            }
            fitting
        }
    };
    match fitting[..] {
        [only] => Ok(only),
        [] => {
            let message = format!("no layer of `{}` is meant by `{selector}`", run.subject.location);
            Err(Error::request(message, layers(image)))
        }
        _ => {
            let places: Vec<String> = fitting.iter().map(usize::to_string).collect();
            let message = format!(
                "several layers of `{}` are meant by `{selector}`: {}",
                run.subject.location,
                places.join(", ")
            );
            Err(Error::request(message, "name one by its place or its digest"))
        }
    }
}

/// The layers, for who has named none.
fn layers(image: &SubjectImage) -> String {
    let line = |at: usize| {
        let what = image.created_by(at).map(shown).unwrap_or_default();
        let what: String = what.chars().take(LINE_LIMIT).collect();
        format!("{at} {} {what}", image.manifest.layers[at].digest.short()).trim_end().to_owned()
    };
    let lines: Vec<String> = (0..image.manifest.layers.len()).map(line).collect();
    format!("its layers are: {}", lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_digests_places_or_texts() {
        let digest = "ab".repeat(32);
        for (text, selector) in [
            ("3", Selector::Place(3)),
            ("sha256:abababababab", Selector::Digest("ab".repeat(6))),
            (digest.as_str(), Selector::Digest(digest.clone())),
            ("COPY handler.py", Selector::Text("COPY handler.py".into())),
            ("1234", Selector::Text("1234".into())),
            ("abc", Selector::Text("abc".into())),
            ("+1", Selector::Text("+1".into())),
        ] {
            assert_eq!(text.parse(), Ok(selector), "{text}");
        }
        for text in ["", " ", "sha256:xyz", "sha256:ab"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_replaced_may_hold_what_separates() {
        let parsed: Replace = "ENV A=b:/c=src=dir:x:/var/task/".parse().unwrap();
        let selector = Selector::Text("ENV A=b:/c=src".into());
        assert_eq!(parsed, Replace { selector, context: "dir:x".into(), to: "/var/task/".into() });
        for text in ["COPY x", "=dir:/x", "COPY x=:/x", "COPY x=dir:x"] {
            assert!(text.parse::<Replace>().is_err(), "{text}");
        }
    }
}
