//! Comparing: two images for one platform, from the documents down to the files, in bounded memory.
//!
//! Documents are compared field by field. Layers are aligned and compared by diff_id first, digest second; only
//! where the plain streams differ are their entries read, side by side. Every blob that is read is held to its
//! digest, and every plain stream to the diff_id that the config states.

mod align;
mod difference;
mod fields;
mod layers;
mod lockstep;
mod reading;
mod subject;
mod tree;

use std::collections::BTreeSet;

pub use align::Marks;
pub use difference::{FileDifference, Found, Ignore, What};
pub use fields::FieldDifference;
pub use layers::{LayerComparison, LayerSide, Verdict};
pub use lockstep::Kept;
pub(crate) use reading::of_layer;
pub(crate) use subject::damage;
pub use subject::{Offer, Offered, Subject, SubjectLayer};

use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Index, LAYER_KEY, Platform};
use align::{Aligned, align};
use difference::Measure;
use layers::compare_pair;

/// How two images are compared.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only these layers, by their names; all layers and documents if empty.
    pub layers: Vec<String>,
    /// What does not count.
    pub ignore: Vec<Ignore>,
    /// Compares the trees that unpacking gives, and the settings that decide how a container runs.
    pub tree: bool,
    /// Reads the right side's layers also where their digests agree: those that the left side made, and all that lie
    /// on this machine. Of the others it asks whether they are there.
    pub thorough: bool,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// The digest of its manifest or index, if it has one.
    pub digest: Option<Digest>,
}

/// Two images for one platform, or the indexes over them, compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The platform; nothing for indexes, and for an image that is damaged before it says.
    pub platform: Option<Platform>,
    /// The left side, if it has an image for the platform.
    pub left: Option<Side>,
    /// The right side.
    pub right: Option<Side>,
    /// What is damaged of one side, if nothing can be compared for it.
    pub damaged: Option<String>,
    /// The fields of manifests that differ, as `manifest.…`, and of descriptors of layers, as `layers[0].…`.
    pub manifest: Vec<FieldDifference>,
    /// The fields of configs that differ.
    pub config: Vec<FieldDifference>,
    /// All layers that were compared.
    pub layers: Vec<LayerComparison>,
    /// The paths of the trees that differ, if trees were compared.
    pub files: Vec<FileDifference>,
    /// What does not count.
    pub ignored: Vec<Ignore>,
    /// What may explain a difference, and what was taken where there was a choice.
    pub hints: Vec<String>,
    /// The published image that the left side was rebuilt on: its name and the digest of its manifest.
    pub base: Option<(String, Digest)>,
    /// Whether trees were compared.
    pub tree: bool,
}

impl Comparison {
    /// A comparison that has found nothing yet.
    pub fn of(platform: Option<Platform>, left: Option<Side>, right: Option<Side>) -> Comparison {
        Comparison {
            platform,
            left,
            right,
            damaged: None,
            manifest: Vec::new(),
            config: Vec::new(),
            layers: Vec::new(),
            files: Vec::new(),
            ignored: Vec::new(),
            hints: Vec::new(),
            base: None,
            tree: false,
        }
    }

    /// Whether nothing that counts differs.
    pub fn is_equal(&self) -> bool {
        self.left.is_some()
            && self.right.is_some()
            && self.damaged.is_none()
            && self.manifest.is_empty()
            && self.config.is_empty()
            && self.files.is_empty()
            && self.layers.iter().all(LayerComparison::is_equal)
    }

    /// The digest that both sides have, if they are byte for byte the same.
    pub fn same_digest(&self) -> Option<Digest> {
        let (left, right) = (self.left.as_ref()?.digest?, self.right.as_ref()?.digest?);
        (left == right).then_some(left)
    }
}

/// Compares two images. `kept` is how much the run keeps of what it found before.
///
/// # Errors
///
/// If a registry or this machine fails; more differs than can be kept.
pub fn compare(left: &Subject, right: &Subject, options: &Options, kept: &mut Kept) -> Result<Comparison, Error> {
    let side = |subject: &Subject| Some(Side { name: subject.name.clone(), digest: subject.digest() });
    let mut comparison = Comparison::of(Some(right.platform.clone()), side(left), side(right));
    comparison.ignored.clone_from(&options.ignore);
    if options.tree {
        comparison.tree = true;
        tree::compare(left, right, Measure::without(&options.ignore).unpacked(), &mut comparison, kept)?;
        return Ok(comparison);
    }
    let measure = Measure::without(&options.ignore);
    let marks = |subject: &Subject| subject.layers.iter().map(|layer| layer.marks.clone()).collect::<Vec<_>>();
    for pair in align(&marks(left), &marks(right)) {
        if is_meant(left, right, pair, &options.layers) {
            comparison.layers.push(compare_pair(left, right, pair, measure, options.thorough, kept)?);
        }
    }
    if options.thorough {
        layers::look_up(right, &mut comparison.layers)?;
    }
    if !options.layers.is_empty() {
        return Ok(comparison);
    }
    comparison.config = fields::configs(left.config.as_json(), right.config.as_json(), measure);
    let is_same = comparison.config.is_empty() && comparison.layers.iter().all(LayerComparison::is_equal);
    if is_same && left.config_bytes != right.config_bytes && !measure.ignores() {
        comparison.config.push(written("config", Digest::of(&left.config_bytes), Digest::of(&right.config_bytes)));
    }
    // What an archive does not have cannot differ.
    if let (Some((before, _)), Some((now, _))) = (&left.stored, &right.stored) {
        comparison.manifest = fields::manifests(left, right, measure);
        for layer in &comparison.layers {
            if let (Some(left), Some(right)) = (&layer.left, &layer.right) {
                let (before, now) = (&left.layer.descriptor, &right.layer.descriptor);
                // The key says what the layer holds.
                let without: &[&str] = if before.digest == now.digest { &[] } else { &[LAYER_KEY] };
                let path = format!("layers[{}]", right.place);
                comparison.manifest.extend(fields::descriptors(&path, before, now, without));
            }
        }
        if before != now && comparison.is_equal() && !measure.ignores() {
            comparison.manifest.push(written("manifest", *before, *now));
        }
    }
    Ok(comparison)
}

/// Two documents that say the same in other bytes.
fn written(document: &str, left: Digest, right: Digest) -> FieldDifference {
    let value = |digest: Digest| Some(serde_json::json!(digest));
    FieldDifference { field: format!("the bytes of the {document}"), left: value(left), right: value(right) }
}

/// Compares the indexes over two images.
pub fn compare_indexes(left: (Side, &Index, &[u8]), right: (Side, &Index, &[u8]), ignore: &[Ignore]) -> Comparison {
    let ((left_side, left, left_bytes), (right_side, right, right_bytes)) = (left, right);
    let mut comparison = Comparison::of(None, Some(left_side), Some(right_side));
    comparison.ignored = ignore.to_vec();
    let measure = Measure::without(ignore);
    let document = |index: &Index| {
        let mut document = serde_json::json!(index);
        let images: BTreeSet<String> = index.images().map(|image| image.digest.to_string()).collect();
        for descriptor in document["manifests"].as_array_mut().into_iter().flatten() {
            let is_image = descriptor["digest"].as_str().is_some_and(|digest| images.contains(digest));
            if let Some(descriptor) = descriptor.as_object_mut().filter(|_| is_image && measure.ignores()) {
                // What the images are is compared for each platform; what else there is is not.
                descriptor.remove("digest");
                descriptor.remove("size");
            }
        }
        document.as_object().cloned().unwrap_or_default()
    };
    fields::objects("index", &document(left), &document(right), &mut comparison.manifest);
    if comparison.manifest.is_empty() && left_bytes != right_bytes && !measure.ignores() {
        comparison.manifest.push(written("index", Digest::of(left_bytes), Digest::of(right_bytes)));
    }
    comparison
}

/// Makes sure that each of these names is that of a layer of one of the images.
///
/// # Errors
///
/// The first that is none, with those there are.
pub fn check_names<'a>(names: &[String], subjects: impl IntoIterator<Item = &'a Subject>) -> Result<(), Error> {
    let layers = subjects.into_iter().flat_map(|subject| &subject.layers);
    let known: BTreeSet<String> = layers.flat_map(|layer| called(layer).map(str::to_owned)).collect();
    match names.iter().find(|name| !known.contains(*name)) {
        None => Ok(()),
        Some(name) => {
            // Wheels may be split into several.
            let is_part = |layer: &&String| layer.strip_prefix(&**name).is_some_and(|rest| rest.starts_with('/'));
            let parts: Vec<String> = known.iter().filter(is_part).map(|name| format!("`{name}`")).collect();
            if !parts.is_empty() {
                let message = format!("neither image has a layer `{name}`, but parts of it");
                return Err(Error::request(message, format!("name those that are meant, of {}", parts.join(", "))));
            }
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let help = match known.is_empty() {
                true => "the images have no layers with names".to_owned(),
                false => format!("the layers are {}", known.join(", ")),
            };
            Err(Error::request(format!("neither image has a layer `{name}`"), help))
        }
    }
}

/// What a layer may be called by: its name, or if it has none what made it.
fn called(layer: &SubjectLayer) -> impl Iterator<Item = &str> {
    layer.name().into_iter()
}

fn is_meant(left: &Subject, right: &Subject, pair: Aligned, names: &[String]) -> bool {
    let is_named = |layer: &SubjectLayer| called(layer).any(|name| names.iter().any(|other| other == name));
    names.is_empty()
        || pair.left.is_some_and(|place| is_named(&left.layers[place]))
        || pair.right.is_some_and(|place| is_named(&right.layers[place]))
}
