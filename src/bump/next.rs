//! What comes next: the subject's documents with layers replaced, every other byte as it was.

use std::collections::BTreeMap;

use super::subject::SubjectImage;
use super::{BumpedLayer, Status};
use crate::base::BaseImage;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::Step::{At, Key};
use crate::image::{BASE_FACTS, Descriptor, Document, LAYER_KEY, LAYER_NAME, Layer, Manifest, Splice, media_type};
use crate::why::Why;

/// A layer that takes the place of one of the subject's.
pub(super) struct Replacement {
    /// The layer.
    pub layer: Layer,
    /// Why it is another than before.
    pub why: Option<Why>,
}

/// What becomes of the annotation that tells what the layers needed to know of the base.
pub(super) enum FactsEdit {
    /// It stays.
    Keep,
    /// It goes: there is nothing to tell, or too much.
    Remove,
    /// It is this, if there was one.
    Set(String),
}

/// An image for one platform as it is to be.
pub(super) struct Next {
    /// Its place among the subject's images.
    pub place: usize,
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's bytes.
    pub manifest_bytes: Vec<u8>,
    /// The config's bytes.
    pub config_bytes: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<BumpedLayer>,
    /// Those among them that were made here.
    pub made: Vec<Layer>,
    /// The base that it is on from now on, if it is another.
    pub base: Option<BaseImage>,
}

impl Next {
    /// The image with these layers, by their places, in the place of its own.
    ///
    /// # Errors
    ///
    /// If its documents have no place for them.
    pub fn replacing(
        place: usize,
        image: &SubjectImage,
        replacements: BTreeMap<usize, Replacement>,
        facts: &FactsEdit,
    ) -> Result<Next, Error> {
        let unfit = || Error::request("the image's documents cannot be changed: a layer has no place in them", "");
        let mut config = Splice::of(&image.config_bytes)?;
        let mut manifest = Splice::of(&image.bytes)?;
        for (&at, Replacement { layer, .. }) in &replacements {
            let descriptor = descriptor(layer, &image.manifest.media_type)?;
            let replaced = config.replace(&[Key("rootfs"), Key("diff_ids"), At(at)], &layer.diff_id)
                && manifest.replace(&[Key("layers"), At(at)], &descriptor);
            if !replaced {
                return Err(unfit());
            }
        }
        let config_bytes = config.finish();
        let told = Descriptor::of(&image.manifest.config.media_type, &config_bytes);
        if told.digest != image.manifest.config.digest {
            // A descriptor that embeds its content would go on telling the old.
            let embeds = image.manifest.config.other.contains_key("data");
            let replaced = match embeds {
                true => manifest.replace(&[Key("config")], &told),
                false => {
                    manifest.replace(&[Key("config"), Key("digest")], &told.digest)
                        && manifest.replace(&[Key("config"), Key("size")], &told.size)
                }
            };
            if !replaced {
                return Err(unfit());
            }
        }
        let has_facts = image.manifest.annotations.contains_key(BASE_FACTS);
        match facts {
            FactsEdit::Set(text) if has_facts => {
                if !manifest.set(&[Key("annotations")], BASE_FACTS, text) {
                    return Err(unfit());
                }
            }
            FactsEdit::Remove => manifest.remove(&[Key("annotations")], BASE_FACTS),
            FactsEdit::Set(_) | FactsEdit::Keep => {}
        }
        let made = replacements.values().map(|replacement| replacement.layer.clone()).collect();
        let mut next = Next::of(place, manifest.finish(), config_bytes, image, replacements)?;
        next.made = made;
        Ok(next)
    }

    /// The image with these documents.
    ///
    /// # Errors
    ///
    /// If they are none.
    pub fn of(
        place: usize,
        manifest_bytes: Vec<u8>,
        config_bytes: Vec<u8>,
        before: &SubjectImage,
        mut replacements: BTreeMap<usize, Replacement>,
    ) -> Result<Next, Error> {
        let Document::Manifest(manifest) = Document::parse(&manifest_bytes, &before.manifest.media_type)? else {
            return Err(Error::request("the image's documents cannot be changed: its manifest is an index", ""));
        };
        // Of an image of somebody else nobody knows what is its base.
        let is_ours = before.manifest.layers.iter().any(|layer| layer.annotations.contains_key(LAYER_KEY));
        let diff_ids = crate::image::Config::parse(&config_bytes)?.diff_ids();
        let layers = manifest.layers.iter().zip(diff_ids).enumerate().map(|(at, (descriptor, diff_id))| {
            let replacement = replacements.remove(&at);
            BumpedLayer {
                name: descriptor.annotations.get(LAYER_NAME).cloned(),
                key: descriptor.annotations.get(LAYER_KEY).and_then(|key| key.parse().ok()),
                descriptor: descriptor.clone(),
                diff_id,
                status: match (&replacement, descriptor.annotations.contains_key(LAYER_KEY)) {
                    (Some(_), _) => Status::Built,
                    (None, false) if is_ours => Status::Base,
                    (None, _) => Status::Reused,
                },
                before: replacement.as_ref().and_then(|_| before.manifest.layers.get(at).cloned()),
                why: replacement.and_then(|replacement| replacement.why),
            }
        });
        let layers = layers.collect();
        Ok(Next { place, manifest, manifest_bytes, config_bytes, layers, made: Vec::new(), base: None })
    }

    /// How an index or a tag points at it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest_bytes)
    }
}

/// A layer of ours as a manifest of this family points at it.
///
/// # Errors
///
/// A compression that the family does not have.
fn descriptor(layer: &Layer, manifest: &str) -> Result<Descriptor, Error> {
    let mut descriptor = layer.descriptor();
    if manifest == media_type::DOCKER_MANIFEST {
        // One manifest is of one family, and docker's knows no zstd and no annotations.
        descriptor.annotations.clear();
        descriptor.media_type = match descriptor.media_type.as_str() {
            media_type::LAYER_GZIP => media_type::DOCKER_LAYER_GZIP.to_owned(),
            media_type::LAYER => media_type::DOCKER_LAYER.to_owned(),
            _ => {
                let help = "use gzip, or convert the image to OCI first";
                return Err(Error::request("an image of docker's own form has no zstd layers", help));
            }
        };
    }
    Ok(descriptor)
}
