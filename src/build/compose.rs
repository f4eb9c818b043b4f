//! Composing: the documents of images whose layers are known.

use std::sync::Arc;

use super::{Layers, Options, Prepared, PreparedBase, PreparedImage, Status};
use crate::base::BaseImage;
use crate::digest::Digest;
use crate::image::{self, BaseDocuments, Descriptor, Image, Index, Layer, Platform};
use crate::registry::Traffic;

/// An image with its documents, for all its platforms.
#[derive(Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Whether it was asked for.
    pub requested: bool,
    /// The image for each platform.
    pub platforms: Vec<BuiltImage>,
    /// The index over them, if there are several: descriptor and bytes.
    pub index: Option<(Descriptor, Vec<u8>)>,
    /// Requests made for this image.
    pub traffic: Arc<Traffic>,
}

impl Built {
    /// What a tag points at: the index, or the manifest of the only platform.
    pub fn top(&self) -> &Descriptor {
        match &self.index {
            Some((descriptor, _)) => descriptor,
            None => &self.platforms[0].image.descriptor,
        }
    }

    /// The bytes of [`Built::top`].
    pub fn top_bytes(&self) -> &[u8] {
        match &self.index {
            Some((_, bytes)) => bytes,
            None => &self.platforms[0].image.manifest_bytes,
        }
    }
}

/// A built image for one platform.
#[derive(Debug)]
pub struct BuiltImage {
    /// The platform.
    pub platform: Platform,
    /// Its documents.
    pub image: Image,
    /// The lowest image of this run's making that is not from this run: what brings the base's blobs.
    pub base: BaseImage,
    /// What became of each layer of the manifest, lowest first.
    pub layers: Vec<BuiltLayer>,
}

/// A layer of a built image.
#[derive(Debug, Clone)]
pub struct BuiltLayer {
    /// Its descriptor in the manifest.
    pub descriptor: Descriptor,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// Its name and key, if it is one of ours.
    pub ours: Option<(String, Digest)>,
    /// What became of it.
    pub status: Status,
    /// Whether this image's own recipe says it, or an image below.
    pub own: bool,
}

/// Writes the documents of all images. Nothing for an image with a layer, of its own or below, that is not in
/// `layers`.
pub fn compose(prepared: &[Prepared], layers: &Layers, options: &Options) -> Vec<Option<Built>> {
    let mut built: Vec<Option<Built>> = Vec::new();
    for image in prepared {
        let platforms: Option<Vec<BuiltImage>> =
            image.platforms.iter().map(|platform| compose_one(platform, &built, layers, options)).collect();
        built.push(platforms.map(|platforms| {
            let index = (platforms.len() > 1).then(|| {
                let all = platforms.iter().map(|image| image.image.descriptor.clone());
                let bytes = Index::new(all.collect()).to_bytes();
                (Descriptor::of(image::media_type::INDEX, &bytes), bytes)
            });
            Built {
                name: image.name.clone(),
                requested: image.requested,
                platforms,
                index,
                traffic: Arc::clone(&image.traffic),
            }
        }));
    }
    built
}

fn compose_one(
    platform: &PreparedImage,
    built: &[Option<Built>],
    layers: &Layers,
    options: &Options,
) -> Option<BuiltImage> {
    let (documents, base, mut reported) = match &platform.base {
        PreparedBase::Image(base) => {
            let diff_ids = base.documents.config.diff_ids();
            let below = base.documents.layers.iter().zip(diff_ids).map(|(descriptor, diff_id)| BuiltLayer {
                descriptor: descriptor.clone(),
                diff_id,
                ours: None,
                status: Status::Base,
                own: false,
            });
            (base.documents.clone(), base.clone(), below.collect::<Vec<_>>())
        }
        &PreparedBase::Prepared(place, at) => {
            let image = built[place].as_ref()?;
            let below = &image.platforms[at];
            let documents = BaseDocuments {
                named: Some((image.name.clone(), below.image.descriptor.digest)),
                layers: below.image.manifest.layers.clone(),
                config: below.image.config.clone(),
                platform: below.image.descriptor.platform.clone().unwrap_or_else(|| below.platform.clone()),
                annotations: below.image.manifest.annotations.clone(),
            };
            let reported = below.layers.iter().cloned().map(|layer| BuiltLayer { own: false, ..layer });
            (documents, below.base.clone(), reported.collect())
        }
    };
    let mut own = Vec::new();
    for layer in &platform.layers {
        let known = layers.get(&layer.key)?;
        // Two images may have the same layer under different names.
        let status = known.status;
        let known = Layer { name: layer.name.clone(), ..known.layer.clone() };
        reported.push(BuiltLayer {
            descriptor: known.descriptor(),
            diff_id: known.diff_id,
            ours: Some((known.name.clone(), known.key)),
            status,
            own: true,
        });
        own.push(known);
    }
    let composed = image::compose(&documents, &own, &platform.config, platform.facts(), options.epoch);
    // The manifest's descriptors are the authority: bases of docker's family were converted.
    for (layer, descriptor) in reported.iter_mut().zip(&composed.manifest.layers) {
        layer.descriptor = descriptor.clone();
    }
    Some(BuiltImage { platform: platform.platform.clone(), image: composed, base, layers: reported })
}
