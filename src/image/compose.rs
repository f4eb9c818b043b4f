//! Composing: base, layers and edits become one image's documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::{Config, ConfigEdits, timestamp};
use super::descriptor::Descriptor;
use super::error::ImageError;
use super::manifest::Manifest;
use super::media_type;
use super::platform::Platform;
use crate::digest::Digest;

/// The annotation that names the base image: its reference as the spec has it.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The annotation that pins the base image: the digest of its manifest for this platform.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The annotation that holds what the layers needed to know of the base: the digest of the image asked, and the
/// [facts](super::Tree::facts).
pub const BASE_FACTS: &str = "dev.tarsia.base.facts";
/// The annotation of a layer's descriptor that holds the layer's name.
pub const LAYER_NAME: &str = "dev.tarsia.layer.name";
/// The annotation of a layer's descriptor that holds the layer's key.
pub const LAYER_KEY: &str = "dev.tarsia.layer.key";

/// The image below: its documents, and what the annotations say of it.
#[derive(Debug, Clone)]
pub struct BaseDocuments {
    /// The reference as the spec has it, and the digest of the manifest; nothing for `scratch`.
    pub named: Option<(String, Digest)>,
    /// Its layers.
    pub layers: Vec<Descriptor>,
    /// Its config.
    pub config: Config,
    /// What it is for: what the index above it says, else what its config says.
    pub platform: Platform,
    /// The annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

impl BaseDocuments {
    /// Nothing, for this platform.
    pub fn scratch(platform: &Platform) -> BaseDocuments {
        let (config, platform) = (Config::scratch(platform), platform.clone());
        BaseDocuments { named: None, layers: Vec::new(), config, platform, annotations: BTreeMap::new() }
    }

    /// The documents of an image, made sure to fit each other.
    ///
    /// # Errors
    ///
    /// [`ImageError::LayerCount`].
    pub fn new(
        name: String,
        digest: Digest,
        manifest: &Manifest,
        config: Config,
        platform: Platform,
    ) -> Result<BaseDocuments, ImageError> {
        let (diff_ids, layers) = (config.diff_ids().len(), manifest.layers.len());
        if diff_ids != layers {
            return Err(ImageError::LayerCount { diff_ids, layers });
        }
        let (layers, annotations) = (manifest.layers.clone(), manifest.annotations.clone());
        Ok(BaseDocuments { named: Some((name, digest)), layers, config, platform, annotations })
    }
}

/// A finished layer of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name in the spec.
    pub name: String,
    /// Its key.
    pub key: Digest,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// The digest of its blob.
    pub digest: Digest,
    /// The size of its blob.
    pub size: u64,
    /// The blob's media type.
    pub media_type: String,
}

impl Layer {
    /// The layer as a manifest points at it.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(&self.media_type, self.digest, self.size);
        descriptor.annotations.insert(LAYER_NAME.into(), self.name.clone());
        descriptor.annotations.insert(LAYER_KEY.into(), self.key.to_string());
        descriptor
    }
}

/// An image for one platform: its documents and their bytes.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest.
    pub manifest: Manifest,
    /// Its bytes.
    pub manifest_bytes: Vec<u8>,
    /// How an index points at it, platform included.
    pub descriptor: Descriptor,
    /// The config.
    pub config: Config,
    /// Its bytes.
    pub config_bytes: Vec<u8>,
}

/// Composes an image. `facts` is what its layers needed to know of the base, `epoch` the time it claims to be made at, in seconds since 1970.
///
/// Nothing in the bytes names this program's version, the machine or the clock.
pub fn compose(
    base: &BaseDocuments,
    layers: &[Layer],
    edits: &ConfigEdits,
    facts: Option<String>,
    epoch: i64,
) -> Image {
    let created = timestamp(epoch);
    let mut config = base.config.clone();
    config.pad_history(&created);
    config.edit(edits);
    config.set_created(&created);
    for layer in layers {
        config.push_layer(layer.diff_id, &created, &format!("tarsia layer {}", layer.name));
    }
    let config_bytes = config.to_bytes();
    let below = base.layers.iter().cloned().map(|mut layer| {
        layer.media_type = media_type::to_oci(&layer.media_type).to_owned();
        layer
    });
    let mut annotations = BTreeMap::new();
    if let Some((name, digest)) = &base.named {
        annotations.insert(BASE_NAME.to_owned(), name.clone());
        annotations.insert(BASE_DIGEST.to_owned(), digest.to_string());
    }
    if let Some(facts) = facts {
        annotations.insert(BASE_FACTS.to_owned(), facts);
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type::MANIFEST.to_owned(),
        config: Descriptor::of(media_type::CONFIG, &config_bytes),
        layers: below.chain(layers.iter().map(Layer::descriptor)).collect(),
        annotations,
        other: BTreeMap::new(),
    };
    let manifest_bytes = manifest.to_bytes();
    let mut descriptor = Descriptor::of(media_type::MANIFEST, &manifest_bytes);
    descriptor.platform = Some(base.platform.clone());
    Image { manifest, manifest_bytes, descriptor, config, config_bytes }
}
