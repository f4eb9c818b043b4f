//! Subjects: the images that are compared, each for one platform with its documents and the way to its blobs.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use super::align::Marks;
use crate::base::{self, Origin, Top};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{
    CONFIG_LIMIT, Config, Descriptor, Document, ImageError, Index, LAYER_NAME, Location, MANIFEST_LIMIT, Manifest,
    Platform,
};
use crate::output::OutputError;
use crate::registry::{self, Traffic};
use crate::workshop::Workshop;

/// How many platforms an image may be for: the documents of all are in memory at once.
const PLATFORM_LIMIT: usize = 100;

/// An image for one platform.
#[derive(Debug)]
pub struct Subject {
    /// What it is called in reports.
    pub name: String,
    /// What it is for.
    pub platform: Platform,
    /// Its manifest: digest and bytes; nothing of an archive that has none.
    pub stored: Option<(Digest, Vec<u8>)>,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its config.
    pub config: Config,
    /// The config's bytes.
    pub config_bytes: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<SubjectLayer>,
    /// Whether the image below was made by the same run.
    pub base_is_made: bool,
    blobs: Blobs,
}

/// A layer of a subject.
#[derive(Debug, Clone)]
pub struct SubjectLayer {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// What its name, its content and its maker are.
    pub marks: Marks,
    /// Whether it was made for the comparison.
    pub is_made: bool,
}

impl SubjectLayer {
    /// What it is called: its name, else what made it.
    pub fn name(&self) -> Option<&str> {
        self.marks.name.as_deref().or(self.marks.created_by.as_deref())
    }
}

/// Where the blobs of a subject are.
#[derive(Debug)]
enum Blobs {
    /// Where the image was published.
    Published(Workshop, Arc<Origin>),
    /// In the store, those of the base where it was published.
    Made(Workshop, Arc<Origin>),
}

/// An image of a platform, or why it cannot be read.
#[derive(Debug)]
pub struct Offer {
    /// What it is for, if that is known.
    pub platform: Option<Platform>,
    /// The image; or what is damaged of it.
    pub subject: Result<Box<Subject>, String>,
}

/// A published image with all it is for.
#[derive(Debug)]
pub struct Offered {
    /// What it is called.
    pub name: String,
    /// The index over it, with its bytes, if it has one.
    pub index: Option<(Index, Vec<u8>)>,
    /// The image for each platform.
    pub images: Vec<Offer>,
}

impl Offered {
    /// Reads the documents of an image. What is damaged of it is told in its place.
    ///
    /// # Errors
    ///
    /// If it cannot be found.
    pub fn load(workshop: &Workshop, location: &Location, traffic: &Arc<Traffic>) -> Result<Offered, Error> {
        let name = location.to_string();
        let (origin, top) = match base::open(workshop, location, traffic) {
            Ok(opened) => opened,
            // An image that is not there is not damaged.
            Err(error) => match damage(&error).filter(|_| !is_absent(&error)) {
                Some(why) => {
                    return Ok(Offered {
                        name,
                        index: None,
                        images: vec![Offer { platform: None, subject: Err(why) }],
                    });
                }
                None => return Err(error),
            },
        };
        let origin = Arc::new(origin);
        let load = |stored, manifest, platform: Option<Platform>| -> Result<Offer, Error> {
            let subject = match Subject::published(workshop, &name, &origin, stored, manifest, platform.clone()) {
                Ok(subject) => Ok(Box::new(subject)),
                Err(error) => Err(damage(&error).ok_or(error)?),
            };
            let platform = platform.or_else(|| subject.as_ref().ok().map(|subject| subject.platform.clone()));
            Ok(Offer { platform, subject })
        };
        let (bytes, media_type) = match top {
            Top::Made(manifest) => {
                let images = vec![load(None, *manifest, None)?];
                return Ok(Offered { name, index: None, images });
            }
            Top::Stored(bytes, media_type) => (bytes, media_type),
        };
        match Document::parse(&bytes, &media_type)? {
            Document::Manifest(manifest) => {
                let images = vec![load(Some((Digest::of(&bytes), bytes)), manifest, None)?];
                Ok(Offered { name, index: None, images })
            }
            Document::Index(index) => {
                if index.images().count() > PLATFORM_LIMIT {
                    let message = format!("`{name}` lists more than {PLATFORM_LIMIT} images");
                    return Err(Error::request(message, "name one of them by its digest"));
                }
                let mut images = Vec::new();
                for descriptor in index.images() {
                    let platform = descriptor.platform.clone();
                    let read = base::read(workshop, &origin, descriptor, MANIFEST_LIMIT).and_then(|bytes| {
                        match Document::parse(&bytes, &descriptor.media_type)? {
                            Document::Manifest(manifest) => Ok((bytes, manifest)),
                            Document::Index(_) => Err(ImageError::MediaType(descriptor.media_type.clone()).into()),
                        }
                    });
                    images.push(match read {
                        Ok((bytes, manifest)) => load(Some((descriptor.digest, bytes)), manifest, platform)?,
                        Err(error) => Offer { platform, subject: Err(damage(&error).ok_or(error)?) },
                    });
                }
                Ok(Offered { name, index: Some((index, bytes)), images })
            }
        }
    }

    /// What the image is for, in words.
    pub fn platforms(&self) -> String {
        let names: Vec<String> =
            self.images.iter().filter_map(|offer| Some(offer.platform.as_ref()?.to_string())).collect();
        names.join(", ")
    }
}

impl Subject {
    fn published(
        workshop: &Workshop,
        name: &str,
        origin: &Arc<Origin>,
        stored: Option<(Digest, Vec<u8>)>,
        manifest: Manifest,
        platform: Option<Platform>,
    ) -> Result<Subject, Error> {
        let config_bytes = base::read(workshop, origin, &manifest.config, CONFIG_LIMIT)?;
        let config = Config::parse(&config_bytes)?;
        let diff_ids = config.diff_ids();
        if diff_ids.len() != manifest.layers.len() {
            return Err(ImageError::LayerCount { diff_ids: diff_ids.len(), layers: manifest.layers.len() }.into());
        }
        let layers = manifest.layers.iter().cloned().zip(diff_ids.into_iter().map(|diff_id| (diff_id, false)));
        Ok(Subject {
            name: name.to_owned(),
            // The index's word counts: many a config leaves the variant out.
            platform: platform.unwrap_or_else(|| config.platform()),
            stored,
            layers: subject_layers(layers, &config),
            manifest,
            config,
            config_bytes,
            base_is_made: false,
            blobs: Blobs::Published(workshop.clone(), Arc::clone(origin)),
        })
    }

    /// An image that was built in `workshop`: its own layers lie in the store there.
    pub fn built(workshop: &Workshop, name: &str, built: &crate::build::BuiltImage, base_is_made: bool) -> Subject {
        let layers = built.layers.iter().map(|layer| (layer.descriptor.clone(), (layer.diff_id, layer.ours.is_some())));
        let image = &built.image;
        Subject {
            name: name.to_owned(),
            platform: built.platform.clone(),
            stored: Some((image.descriptor.digest, image.manifest_bytes.clone())),
            layers: subject_layers(layers, &image.config),
            manifest: image.manifest.clone(),
            config: image.config.clone(),
            config_bytes: image.config_bytes.clone(),
            base_is_made,
            blobs: Blobs::Made(workshop.clone(), Arc::clone(&built.base.origin)),
        }
    }

    /// The digest of its manifest, if it has one.
    pub fn digest(&self) -> Option<Digest> {
        self.stored.as_ref().map(|(digest, _)| *digest)
    }

    /// Where progress is told.
    pub(super) fn workshop(&self) -> &Workshop {
        match &self.blobs {
            Blobs::Published(workshop, _) | Blobs::Made(workshop, _) => workshop,
        }
    }

    /// Whether its blobs are on this machine.
    pub(super) fn is_local(&self) -> bool {
        match &self.blobs {
            Blobs::Published(_, origin) => !matches!(origin.as_ref(), Origin::Registry(_)),
            Blobs::Made(..) => true,
        }
    }

    /// Those of these blobs that are not where the image was published, by one question each; of an image on this machine
    /// none is asked for.
    pub(super) fn absent(&self, blobs: Vec<Descriptor>) -> Result<BTreeSet<Digest>, Error> {
        let Blobs::Published(workshop, origin) = &self.blobs else { return Ok(BTreeSet::new()) };
        let Origin::Registry(remote) = origin.as_ref() else { return Ok(BTreeSet::new()) };
        if blobs.is_empty() {
            return Ok(BTreeSet::new());
        }
        let there = workshop.door().block_on(remote.holding(&blobs))??;
        Ok(blobs.into_iter().map(|blob| blob.digest).filter(|digest| !there.contains(digest)).collect())
    }

    /// Opens the blob of a layer; that of a published image where it was published.
    pub(super) fn open(&self, layer: &SubjectLayer) -> Result<Box<dyn Read + Send>, Error> {
        match &self.blobs {
            Blobs::Published(workshop, origin) => base::open_published(workshop, origin, &layer.descriptor),
            Blobs::Made(workshop, origin) if !layer.is_made => base::open_blob(workshop, origin, &layer.descriptor),
            Blobs::Made(workshop, _) => {
                let descriptor = &layer.descriptor;
                let file = workshop.store().open_blob(&descriptor.digest, descriptor.size)?;
                let file = file.ok_or_else(|| workshop.store().discard(&descriptor.digest))?;
                Ok(base::checked(Box::new(file), descriptor))
            }
        }
    }

    /// An error of reading a blob, as that of the place it was read from.
    pub(super) fn blame(&self, error: std::io::Error) -> Error {
        match &self.blobs {
            Blobs::Published(_, origin) | Blobs::Made(_, origin) => base::blame(origin, error),
        }
    }
}

fn subject_layers(layers: impl Iterator<Item = (Descriptor, (Digest, bool))>, config: &Config) -> Vec<SubjectLayer> {
    let text = |entry: &serde_json::Value| entry.get("created_by").and_then(|text| text.as_str()).map(str::to_owned);
    let with_layer =
        |entry: &&serde_json::Value| entry.get("empty_layer").and_then(serde_json::Value::as_bool) != Some(true);
    let mut history = config.history().iter().filter(with_layer).map(text);
    layers
        .map(|(descriptor, (diff_id, is_made))| {
            let marks = Marks {
                name: descriptor.annotations.get(LAYER_NAME).cloned(),
                diff_id: Some(diff_id),
                created_by: history.next().flatten(),
            };
            SubjectLayer { descriptor, marks, is_made }
        })
        .collect()
}

/// Whether the image itself could not be found.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Registry(error) if error.is_not_found())
}

/// What is damaged of an image, if that is why it could not be read: a part of it is missing, is not what its digest
/// says, or makes no sense. Nothing if the way to it failed.
pub(crate) fn damage(error: &Error) -> Option<String> {
    let is_damage = match error {
        Error::Output(error) => match &**error {
            OutputError::MissingBlob { .. } | OutputError::WrongBlob { .. } => true,
            OutputError::Io { doing: "read", source, .. } => {
                source.kind() == std::io::ErrorKind::InvalidData || source.kind() == std::io::ErrorKind::UnexpectedEof
            }
            _ => false,
        },
        Error::Registry(error) => {
            error.is_not_found()
                || matches!(**error, registry::Error::WrongDigest { .. } | registry::Error::WrongSize { .. })
        }
        Error::Image(_) | Error::Tree(_) => true,
        _ => false,
    };
    is_damage.then(|| with_causes(error))
}

/// An error with what it comes from.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = error.source();
    }
    text
}
