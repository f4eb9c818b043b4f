//! Copying: an image as it is, byte for byte, between registries, layouts and archives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, TryStreamExt};

use crate::base::{self, Origin, Top};
use crate::build::Status;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{
    CONFIG_LIMIT, Config, Descriptor, Document, Image, ImageError, Index, Location, MANIFEST_LIMIT, Manifest, Platform,
    Reference, media_type,
};
use crate::output::{ArchiveContents, ArchiveImage, Layout, OutputError, write_docker_archive, write_oci_archive};
use crate::push::deliver::{Parcel, Presence, deliver};
use crate::registry::{self, RemoteRepository, Traffic};
use crate::workshop::Workshop;

/// A manifest that is copied.
struct Whole {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    manifest: Manifest,
}

/// What was copied.
#[derive(Debug, Clone)]
pub struct Copied {
    /// The digest of the topmost document.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Where it is now.
    pub destination: Location,
    /// The platforms it is for, as far as they are known.
    pub platforms: Vec<Platform>,
    /// What became of each blob.
    pub blobs: Vec<(Descriptor, Status)>,
    /// Whether anything was new at the destination.
    pub changed: bool,
}

/// Copies the image at `from` to `to`: all of it, or for these platforms only.
///
/// One platform of an index becomes a single manifest, several an index of those. Everything else stays as it is,
/// digests included. What the destination has is not sent again.
///
/// # Errors
///
/// If the image cannot be read, a platform is not in it, or the destination cannot be written.
pub fn copy(
    workshop: &Workshop,
    from: &Location,
    to: &Location,
    platforms: &[Platform],
    traffic: &Arc<Traffic>,
) -> Result<Copied, Error> {
    let (origin, top) = base::open(workshop, from, traffic)?;
    let (bytes, media_type) = match top {
        Top::Stored(bytes, media_type) => (bytes, media_type),
        Top::Made(manifest) => (manifest.to_bytes(), manifest.media_type.clone()),
    };
    let read = |descriptor: &Descriptor| -> Result<Whole, Error> {
        let bytes = base::read(workshop, &origin, descriptor, MANIFEST_LIMIT)?;
        match Document::parse(&bytes, &descriptor.media_type)? {
            Document::Manifest(manifest) => Ok(Whole { descriptor: descriptor.clone(), bytes, manifest }),
            Document::Index(index) => Err(ImageError::MediaType(index.media_type).into()),
        }
    };
    let (wholes, index) = match Document::parse(&bytes, &media_type)? {
        Document::Manifest(manifest) => {
            let mut descriptor = Descriptor::of(&manifest.media_type, &bytes);
            if let [wanted] = platforms {
                let config = Config::parse(&base::read(workshop, &origin, &manifest.config, CONFIG_LIMIT)?)?;
                if !wanted.accepts(&config.platform()) {
                    let offered = config.platform().to_string();
                    return Err(ImageError::Platform { wanted: wanted.to_string(), offered }.into());
                }
                descriptor.platform = Some(config.platform());
            } else if !platforms.is_empty() {
                let help = "the image is no index";
                return Err(Error::request(format!("`{from}` is for one platform only"), help));
            }
            (vec![Whole { descriptor, bytes, manifest }], None)
        }
        // Docker's archive has no place for an index, nor for what builders put beside the images in it.
        Document::Index(index) if platforms.is_empty() && matches!(to, Location::DockerArchive { .. }) => {
            let wholes = index.images().map(read).collect::<Result<Vec<_>, _>>()?;
            (wholes, None)
        }
        Document::Index(index) if platforms.is_empty() => {
            let wholes = index.manifests.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            (wholes, Some((Descriptor::of(&index.media_type, &bytes), bytes)))
        }
        Document::Index(index) => {
            let wholes = base::select(&index, platforms)?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let several = (wholes.len() > 1).then(|| {
                let mut index = Index::new(wholes.iter().map(|whole| whole.descriptor.clone()).collect());
                // Media types of one family: the index is of the manifests'.
                if wholes.iter().any(|whole| whole.manifest.media_type == media_type::DOCKER_MANIFEST) {
                    index.media_type = media_type::DOCKER_LIST.to_owned();
                }
                let bytes = index.to_bytes();
                (Descriptor::of(&index.media_type, &bytes), bytes)
            });
            (wholes, several)
        }
    };
    if wholes.len() != 1 && matches!(to, Location::DockerArchive { .. }) {
        let all = wholes.iter().filter_map(|whole| whole.descriptor.platform.as_ref()).map(Platform::to_string);
        let message = format!("`{to}` holds one platform, and `{from}` is for {}", all.collect::<Vec<_>>().join(", "));
        return Err(Error::request(message, "choose one with --platform"));
    }
    let top = match &index {
        Some((descriptor, _)) => descriptor.clone(),
        None => wholes[0].descriptor.clone(),
    };
    let cargo = Cargo { workshop, origin: &origin, name: from.to_string(), wholes: &wholes, index: &index, top: &top };
    let (destination, blobs, changed) = match to {
        Location::Registry(reference) => cargo.to_registry(reference, traffic)?,
        Location::Layout { .. } => cargo.to_layout(to)?,
        Location::OciArchive { .. } | Location::DockerArchive { .. } => cargo.to_archive(to)?,
    };
    let named = wholes.iter().filter_map(|whole| whole.descriptor.platform.clone());
    Ok(Copied {
        digest: top.digest,
        media_type: top.media_type.clone(),
        destination,
        platforms: named.collect(),
        blobs,
        changed,
    })
}

/// What is copied, and where it comes from.
struct Cargo<'a> {
    workshop: &'a Workshop,
    origin: &'a Origin,
    name: String,
    wholes: &'a [Whole],
    index: &'a Option<(Descriptor, Vec<u8>)>,
    top: &'a Descriptor,
}

/// Where something is now, what became of its blobs, and whether anything was new there.
type Arrival = (Location, Vec<(Descriptor, Status)>, bool);

impl Cargo<'_> {
    /// Configs and layers, each once, without those whose bytes lie behind URLs.
    fn blobs(&self) -> Vec<&Descriptor> {
        let mut seen = BTreeSet::new();
        let all =
            self.wholes.iter().flat_map(|whole| [&whole.manifest.config].into_iter().chain(&whole.manifest.layers));
        all.filter(|blob| !media_type::is_nondistributable(&blob.media_type) && seen.insert(blob.digest)).collect()
    }

    fn top_bytes(&self) -> &[u8] {
        match self.index {
            Some((_, bytes)) => bytes,
            None => &self.wholes[0].bytes,
        }
    }

    fn to_registry(&self, reference: &Reference, traffic: &Arc<Traffic>) -> Result<Arrival, Error> {
        let remote = self.workshop.door().repository(&reference.repository, traffic)?.for_push();
        if reference.digest.is_some_and(|digest| digest != self.top.digest) {
            let message = format!("`{reference}` names a digest, and the image has another: {}", self.top.digest);
            return Err(Error::request(message, "leave the digest away, or name a tag"));
        }
        let asked = match (&reference.digest, &reference.tag) {
            (Some(_), None) => self.top.digest.to_string(),
            (_, tag) => tag.clone().unwrap_or_else(|| "latest".to_owned()),
        };
        let (blobs, changed) = self.workshop.door().block_on(self.send(&remote, &asked))??;
        let mut reached = reference.clone();
        reached.digest = Some(self.top.digest);
        Ok((Location::Registry(reached), blobs, changed))
    }

    async fn send(&self, remote: &RemoteRepository, asked: &str) -> Result<(Vec<(Descriptor, Status)>, bool), Error> {
        let blobs = self.blobs();
        let digest = remote.tag_digest(asked).await?;
        if digest == Some(self.top.digest) {
            return Ok((blobs.into_iter().map(|blob| (blob.clone(), Status::Reused)).collect(), false));
        }
        if let Some(current) = digest {
            remote.may_replace(asked, &current, &self.top.digest).await?;
        }
        for whole in self.wholes {
            let size = whole.bytes.len() as u64;
            registry::limits::check(&remote.repository().host, &whole.manifest.layers, size)?;
        }
        let parcels: Vec<Parcel<'_>> =
            blobs.iter().map(|blob| Parcel::of_origin(self.origin, &self.name, blob)).collect();
        let unknown = parcels.iter().filter(|parcel| !parcel.is_in(remote.repository()));
        let there = remote.existing(&unknown.map(Parcel::digest).collect::<Vec<_>>()).await?;
        let sending: FuturesUnordered<_> = parcels
            .into_iter()
            .map(|parcel| {
                let there = if there.contains(&parcel.digest()) { Presence::There } else { Presence::Absent };
                async move { deliver(self.workshop, parcel, remote, there, None).await }
            })
            .collect();
        let outcomes: BTreeMap<Digest, Status> = sending.try_collect().await?;
        if self.index.is_some() {
            for whole in self.wholes {
                let digest = whole.descriptor.digest.to_string();
                let bytes = Bytes::copy_from_slice(&whole.bytes);
                remote.put_manifest(&digest, &whole.manifest.media_type, &bytes).await?;
            }
        }
        remote.put_manifest(asked, &self.top.media_type, &Bytes::copy_from_slice(self.top_bytes())).await?;
        let status = |blob: &Descriptor| outcomes.get(&blob.digest).copied().unwrap_or(Status::Reused);
        Ok((blobs.into_iter().map(|blob| (blob.clone(), status(blob))).collect(), true))
    }

    fn to_layout(&self, to: &Location) -> Result<Arrival, Error> {
        let Location::Layout { path, name } = to else { return Err(wrong_kind(to)) };
        let layout = Layout::create(path)?;
        let mut blobs = Vec::new();
        for blob in self.blobs() {
            let status = if layout.has_blob(&blob.digest, blob.size) {
                Status::Reused
            } else {
                let mut reader = base::open_blob(self.workshop, self.origin, blob)?;
                let mut failed = None;
                let mut noting = Noting { reader: &mut reader, failed: &mut failed };
                let put = layout.put_blob_from(&blob.digest, blob.size, &mut noting);
                if let Some(error) = failed {
                    return Err(base::blame(self.origin, error));
                }
                put?;
                Status::Uploaded
            };
            blobs.push((blob.clone(), status));
        }
        for whole in self.wholes {
            layout.put_blob(&whole.bytes)?;
        }
        layout.put_blob(self.top_bytes())?;
        let name = name.clone().unwrap_or_else(|| "latest".to_owned());
        let before = layout.index()?;
        layout.name_images(&[(name.clone(), self.top.clone())])?;
        let changed = layout.index()? != before;
        Ok((Location::Layout { path: path.clone(), name: Some(name) }, blobs, changed))
    }

    fn to_archive(&self, to: &Location) -> Result<Arrival, Error> {
        let (Location::OciArchive { path, name } | Location::DockerArchive { path, name }) = to else {
            return Err(wrong_kind(to));
        };
        let name = name.clone().unwrap_or_else(|| "latest".to_owned());
        let mut contents = ArchiveContents::default();
        for whole in self.wholes {
            let config = base::read(self.workshop, self.origin, &whole.manifest.config, CONFIG_LIMIT)?;
            contents.documents.insert(whole.manifest.config.digest, config);
            contents.documents.insert(whole.descriptor.digest, whole.bytes.clone());
        }
        contents.documents.insert(self.top.digest, self.top_bytes().to_vec());
        contents.named.push((name.clone(), self.top.clone()));
        let documents: BTreeSet<Digest> = contents.documents.keys().copied().collect();
        let layers = self.blobs().into_iter().filter(|blob| !documents.contains(&blob.digest));
        contents.layers = layers.cloned().collect();
        for layer in &contents.layers {
            base::keep_layer(self.workshop, self.origin, &self.name, layer)?;
        }
        let mut open = |layer: &Descriptor| -> Result<Box<dyn Read>, OutputError> {
            let path = self.workshop.store().blob_path(&layer.digest);
            match File::open(&path) {
                Ok(file) => Ok(Box::new(file)),
                Err(source) => Err(OutputError::Io { doing: "open", path, source }),
            }
        };
        if let Location::OciArchive { .. } = to {
            write_oci_archive(path, &contents, &mut open)?;
        } else {
            let mut images = Vec::new();
            for whole in self.wholes {
                let config_bytes = contents.documents[&whole.manifest.config.digest].clone();
                images.push(Image {
                    manifest: whole.manifest.clone(),
                    manifest_bytes: whole.bytes.clone(),
                    descriptor: whole.descriptor.clone(),
                    config: Config::parse(&config_bytes)?,
                    config_bytes,
                });
            }
            let image = ArchiveImage { name: name.clone(), images: images.iter().collect() };
            write_docker_archive(path, &[image], &mut open)?;
        }
        let mut reached = to.clone();
        if let Location::OciArchive { name: slot, .. } | Location::DockerArchive { name: slot, .. } = &mut reached {
            *slot = Some(name);
        }
        Ok((reached, contents.layers.into_iter().map(|layer| (layer, Status::Uploaded)).collect(), true))
    }
}

fn wrong_kind(to: &Location) -> Error {
    Error::Request { message: format!("`{to}` is of another kind than was expected"), help: None }
}

/// A reader that notes why it failed: whoever copies from it reports the failure as its own.
struct Noting<'a, R> {
    reader: &'a mut R,
    failed: &'a mut Option<std::io::Error>,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let kind = error.kind();
            *self.failed = Some(error);
            kind.into()
        })
    }
}
