//! Inspecting: what is in an image, and which layer put it there.
//!
//! [`inspect`] reads documents alone. A [`Reading`] tells what a layer itself holds, and lays all of them over each other:
//! [`Files`] keep what each covered or took away, so that [`trace`] can tell the history of a path.

mod changes;
mod files;
mod outline;
mod reading;
mod source;
mod trace;

use std::sync::Arc;

use crate::base::{self, BaseImage, Top, Wanted};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Descriptor, Document, Index, LAYER_KEY, LAYER_NAME, Location, Platform};
use crate::registry::Traffic;
use crate::workshop::Workshop;

pub use changes::{Changed, InspectedFile, LayerChange};
pub use files::{Event, Files, Removal};
pub use outline::{Outline, OutlineRow, outline_of_layer};
pub use reading::{Reading, Told};
pub use source::{InspectedBase, cleaned};
pub use trace::{Below, Followed, Trace, trace};

/// A layer of a published image.
#[derive(Debug, Clone)]
pub struct InspectedLayer {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// Its name, if it is annotated with one.
    pub name: Option<String>,
    /// Its key, if it is annotated with one.
    pub key: Option<String>,
    /// What its history entry says made it.
    pub created_by: Option<String>,
    /// Whether it is known to be the base's.
    pub base: bool,
}

/// A published image for one platform.
#[derive(Debug)]
pub struct Inspected {
    /// The image.
    pub image: BaseImage,
    /// The digest of its manifest; nothing of an archive that has none.
    pub digest: Option<Digest>,
    /// Its layers, lowest first.
    pub layers: Vec<InspectedLayer>,
    /// What its annotations say of its base.
    pub base: Option<InspectedBase>,
}

/// What a location names: one image, or an index over several.
#[derive(Debug)]
pub struct Inspection {
    /// The index, if it is one.
    pub index: Option<InspectedIndex>,
    /// The images, for one platform or for all of them.
    pub images: Vec<Inspected>,
}

/// An index and all that it points at.
#[derive(Debug)]
pub struct InspectedIndex {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// What it points at, in its order.
    pub manifests: Vec<(Descriptor, Pointed)>,
}

/// What an index points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointed {
    /// An image.
    Image,
    /// An attestation (provenance, a bill of materials) that build tools hang beside the image with this digest.
    Attestation(Option<Digest>),
    /// Something that is no image.
    Other,
}

impl InspectedIndex {
    fn of(bytes: &[u8], index: &Index) -> InspectedIndex {
        let images: Vec<&Descriptor> = index.images().collect();
        // What buildx calls them: https://docs.docker.com/build/metadata/attestations/attestation-storage/
        const KIND: &str = "vnd.docker.reference.type";
        const OF: &str = "vnd.docker.reference.digest";
        let pointed = |descriptor: &Descriptor| match descriptor.annotations.get(KIND).map(String::as_str) {
            Some("attestation-manifest") => {
                Pointed::Attestation(descriptor.annotations.get(OF).and_then(|digest| digest.parse().ok()))
            }
            _ if images.iter().any(|image| std::ptr::eq(*image, descriptor)) => Pointed::Image,
            _ => Pointed::Other,
        };
        InspectedIndex {
            digest: Digest::of(bytes),
            media_type: index.media_type.clone(),
            manifests: index.manifests.iter().map(|each| (each.clone(), pointed(each))).collect(),
        }
    }
}

/// Reads the documents of an image, for one platform or for all of them.
///
/// # Errors
///
/// If it cannot be found or read.
pub fn inspect(
    workshop: &Workshop,
    location: &Location,
    platform: Option<&Platform>,
    traffic: &Arc<Traffic>,
) -> Result<Inspection, Error> {
    let wanted = platform.map_or(Wanted::All, |platform| Wanted::These(std::slice::from_ref(platform)));
    let (origin, top) = base::open(workshop, location, traffic)?;
    let is_made = matches!(top, Top::Made(_));
    let index = match &top {
        Top::Stored(bytes, media_type) => match Document::parse(bytes, media_type)? {
            Document::Index(index) => Some(InspectedIndex::of(bytes, &index)),
            Document::Manifest(_) => None,
        },
        Top::Made(_) => None,
    };
    let images = base::resolve_top(workshop, &Arc::new(origin), top, &location.to_string(), wanted)?;
    Ok(Inspection { index, images: images.into_iter().map(|image| Inspected::of(workshop, image, is_made)).collect() })
}

impl Inspected {
    fn of(workshop: &Workshop, image: BaseImage, is_made: bool) -> Inspected {
        let base = InspectedBase::of(workshop, &image);
        let below = base.as_ref().map_or(0, |base| base.layers);
        let config = &image.documents.config;
        let mut history = config
            .history()
            .iter()
            .filter(|entry| entry.get("empty_layer").and_then(serde_json::Value::as_bool) != Some(true))
            .map(|entry| entry.get("created_by").and_then(serde_json::Value::as_str).map(str::to_owned));
        let all = image.documents.layers.iter().zip(config.diff_ids()).enumerate();
        let layers = all.map(|(place, (descriptor, diff_id))| InspectedLayer {
            name: descriptor.annotations.get(LAYER_NAME).cloned(),
            key: descriptor.annotations.get(LAYER_KEY).cloned(),
            descriptor: descriptor.clone(),
            diff_id,
            created_by: history.next().flatten(),
            base: place < below,
        });
        // What stands in for a missing manifest is in no archive.
        let digest = image.documents.named.as_ref().map(|(_, digest)| *digest).filter(|_| !is_made);
        Inspected { layers: layers.collect(), base, digest, image }
    }

    /// The place of the layer that is meant by a number, by the name it is annotated with, or by its digest or diff_id
    /// or at least six digits of one.
    ///
    /// # Errors
    ///
    /// If there is none, or several are meant.
    pub fn find_layer(&self, meant: &str) -> Result<usize, Error> {
        let digits = meant.strip_prefix("sha256:").unwrap_or(meant);
        let is_digest = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let places = |is: &dyn Fn(&InspectedLayer) -> bool| -> Vec<usize> {
            self.layers.iter().enumerate().filter(|(_, layer)| is(layer)).map(|(place, _)| place).collect()
        };
        let begins = |digest: &Digest| digest.hex().starts_with(&digits.to_ascii_lowercase());
        let mut found = places(&|layer| layer.name.as_deref() == Some(meant));
        if found.is_empty() {
            found = meant.parse().ok().filter(|place| *place < self.layers.len()).into_iter().collect();
        }
        if found.is_empty() && is_digest {
            found = places(&|layer| begins(&layer.descriptor.digest) || begins(&layer.diff_id));
        }
        match found[..] {
            [place] => Ok(place),
            [] => {
                let names: Vec<&str> = self.layers.iter().filter_map(|layer| layer.name.as_deref()).collect();
                // Wheels may be split into several.
                let is_part = |name: &&str| name.strip_prefix(meant).is_some_and(|rest| rest.starts_with('/'));
                let parts: Vec<String> =
                    names.iter().copied().filter(is_part).map(|name| format!("`{name}`")).collect();
                if !parts.is_empty() {
                    let message = format!("`{}` has no layer `{meant}`, but parts of it", self.image.name());
                    return Err(Error::request(message, format!("name one of {}", parts.join(", "))));
                }
                let named = if names.is_empty() { String::new() } else { format!(", named {}", names.join(", ")) };
                let help = match self.layers.len() {
                    0 => "the image has no layers".to_owned(),
                    count => format!("the layers are 0 to {}{named}; digests do as well", count - 1),
                };
                Err(Error::request(format!("`{}` has no layer `{meant}`", self.image.name()), help))
            }
            _ => {
                let message = format!("`{}` has {} layers `{meant}`", self.image.name(), found.len());
                let numbers: Vec<String> = found.iter().map(usize::to_string).collect();
                Err(Error::request(message, format!("name one by its number: {}", numbers.join(", "))))
            }
        }
    }
}
