//! The subject: the published image that is to change, its documents as they are stored.

use std::sync::Arc;

use crate::base::{self, Origin, Top};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{
    BASE_DIGEST, BASE_FACTS, BaseDocuments, CONFIG_LIMIT, Config, Descriptor, Document, ImageError, Index, LAYER_KEY,
    LAYER_NAME, Location, MANIFEST_LIMIT, Manifest, Platform,
};
use crate::registry::Traffic;
use crate::workshop::Workshop;

/// A published image.
#[derive(Debug)]
pub(super) struct Subject {
    /// Where it is.
    pub location: Location,
    /// Where its blobs are.
    pub origin: Arc<Origin>,
    /// Its topmost document.
    pub top: Descriptor,
    /// The bytes of it.
    pub bytes: Vec<u8>,
    /// The topmost document, if it is an index.
    pub index: Option<Index>,
    /// The images that are to change: one, or one for each platform.
    pub images: Vec<SubjectImage>,
}

/// A published image for one platform.
#[derive(Debug, Clone)]
pub(super) struct SubjectImage {
    /// What it is for.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The manifest's bytes.
    pub bytes: Vec<u8>,
    /// The manifest.
    pub manifest: Manifest,
    /// The config's bytes.
    pub config_bytes: Vec<u8>,
    /// The config.
    pub config: Config,
    /// The digests of its plain layers.
    pub diff_ids: Vec<Digest>,
    /// The digests of the images at the bottom, the one that facts are known of first.
    pub grounds: Vec<Digest>,
}

impl Subject {
    /// Reads the image at `location`, for these platforms (none: all that it has).
    ///
    /// # Errors
    ///
    /// If it cannot be read, its documents do not fit each other, or it is not for one of the platforms.
    pub fn read(
        workshop: &Workshop,
        location: &Location,
        platforms: &[Platform],
        traffic: &Arc<Traffic>,
    ) -> Result<Subject, Error> {
        let (origin, top) = base::open(workshop, location, traffic)?;
        let Top::Stored(bytes, media_type) = top else {
            let help = "bring it into a layout first: tarsia copy docker-archive:FILE oci:DIR:NAME";
            return Err(Error::request(format!("`{location}` cannot be changed: it is an archive"), help));
        };
        let (document, origin) = (Document::parse(&bytes, &media_type)?, Arc::new(origin));
        let single = |descriptor: &Descriptor, bytes: Vec<u8>, manifest: Manifest| {
            let config_bytes = base::read(workshop, &origin, &manifest.config, CONFIG_LIMIT)?;
            SubjectImage::new(workshop, descriptor, bytes, manifest, config_bytes)
        };
        let mut images = Vec::new();
        let (top, index) = match document {
            Document::Manifest(manifest) => {
                let top = Descriptor::of(&manifest.media_type, &bytes);
                let image = single(&top, bytes.clone(), manifest)?;
                if let Some(wanted) = platforms.iter().find(|wanted| !wanted.accepts(&image.platform)) {
                    let offered = image.platform.to_string();
                    return Err(ImageError::Platform { wanted: wanted.to_string(), offered }.into());
                }
                images.push(image);
                (top, None)
            }
            Document::Index(index) => {
                let wanted: Vec<&Descriptor> = match platforms {
                    [] => index.images().collect(),
                    platforms => base::select(&index, platforms)?,
                };
                for descriptor in wanted {
                    let bytes = base::read(workshop, &origin, descriptor, MANIFEST_LIMIT)?;
                    match Document::parse(&bytes, &descriptor.media_type)? {
                        Document::Manifest(manifest) => images.push(single(descriptor, bytes, manifest)?),
                        Document::Index(index) => return Err(ImageError::MediaType(index.media_type).into()),
                    }
                }
                (Descriptor::of(&index.media_type, &bytes), Some(index))
            }
        };
        Ok(Subject { location: location.clone(), origin, top, bytes, index, images })
    }
}

impl SubjectImage {
    fn new(
        workshop: &Workshop,
        descriptor: &Descriptor,
        bytes: Vec<u8>,
        manifest: Manifest,
        config_bytes: Vec<u8>,
    ) -> Result<SubjectImage, Error> {
        let config = Config::parse(&config_bytes)?;
        let diff_ids = config.diff_ids();
        if diff_ids.len() != manifest.layers.len() {
            let (diff_ids, layers) = (diff_ids.len(), manifest.layers.len());
            return Err(ImageError::LayerCount { diff_ids, layers }.into());
        }
        let platform = descriptor.platform.clone().unwrap_or_else(|| config.platform());
        let (digest, grounds) = (descriptor.digest, grounds(workshop, &manifest));
        Ok(SubjectImage { platform, digest, bytes, manifest, config_bytes, config, diff_ids, grounds })
    }

    /// How a layer is called by its annotation.
    pub fn layer_name(&self, at: usize) -> Option<&str> {
        self.manifest.layers.get(at)?.annotations.get(LAYER_NAME).map(String::as_str)
    }

    /// The key that a layer's annotation names.
    pub fn layer_key(&self, at: usize) -> Option<Digest> {
        self.manifest.layers.get(at)?.annotations.get(LAYER_KEY)?.parse().ok()
    }

    /// The history entry of each layer: its place in the history. Nothing if there are not as many that stand for a
    /// layer as there are layers: then nobody knows which is whose.
    pub fn history_places(&self) -> Option<Vec<usize>> {
        let is_empty = |entry: &serde_json::Value| entry.get("empty_layer").and_then(|empty| empty.as_bool());
        let with_layer = self.config.history().iter().enumerate().filter(|(_, entry)| is_empty(entry) != Some(true));
        let places: Vec<usize> = with_layer.map(|(place, _)| place).collect();
        (places.len() == self.manifest.layers.len()).then_some(places)
    }

    /// What made a layer, as its history entry says.
    pub fn created_by(&self, at: usize) -> Option<&str> {
        let place = *self.history_places()?.get(at)?;
        self.config.history().get(place)?.get("created_by")?.as_str()
    }

    /// The lowest layers, as an image.
    pub fn lowest(&self, name: &str, count: usize, layers: &[Descriptor]) -> BaseDocuments {
        let layers = layers.iter().take(count).cloned().collect();
        BaseDocuments {
            named: Some((name.to_owned(), self.digest)),
            layers,
            config: self.config.clone(),
            platform: self.platform.clone(),
            annotations: self.manifest.annotations.clone(),
        }
    }
}

/// The digests of the images at the bottom, as far as annotations name them: the one that facts are known of first.
/// Anybody may write annotations, and leave them where they are no longer true: unless the layers above say that
/// this image was put together here, an image is taken for the bottom only if its manifest is known and its layers are
/// the lowest.
fn grounds(workshop: &Workshop, manifest: &Manifest) -> Vec<Digest> {
    let annotations = &manifest.annotations;
    let of_facts = annotations.get(BASE_FACTS).and_then(|text| text.split_once(' ')).map(|(of, _)| of);
    let named = annotations.get(BASE_DIGEST).map(String::as_str);
    let all = of_facts.into_iter().chain(named).filter_map(|digest| digest.parse().ok());
    let is_ours = manifest.layers.last().is_some_and(|layer| layer.annotations.contains_key(LAYER_KEY));
    let fits = |digest: &Digest| match workshop.store().known_document(digest).map(|b| Document::parse(&b, "")) {
        Some(Ok(Document::Manifest(base))) => {
            let lowest = manifest.layers.iter().map(|layer| layer.digest);
            base.layers.iter().map(|layer| layer.digest).eq(lowest.take(base.layers.len()))
        }
        Some(_) => false,
        None => is_ours,
    };
    all.filter(fits).collect()
}
