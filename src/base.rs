//! Bases: the image below, wherever it is, and the tree of its paths.

mod files;

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use crate::digest::{Digest, Digesting};
use crate::error::Error;
use crate::events::{Running, Task};
use crate::image::{
    BaseDocuments, CONFIG_LIMIT, Config, Descriptor, Document, ImageError, Index, Location, MANIFEST_LIMIT, Manifest,
    Nodes, Platform, ReadChange, TreeError, media_type, read_changes,
};
use crate::output::{Archive, DockerImage, Layout};
use crate::registry::{RemoteRepository, Traffic};
use crate::store::{NewBlob, StoreError};
use crate::workshop::Workshop;

pub use files::{BaseFile, files};

/// Where the blobs of an image are.
#[derive(Debug)]
pub enum Origin {
    /// Nowhere: the image has none.
    Scratch,
    /// In a layout.
    Layout(Layout),
    /// In an OCI archive.
    OciArchive(Archive),
    /// In a docker archive.
    DockerArchive(Archive, DockerImage),
    /// In a repository of a registry.
    Registry(Box<RemoteRepository>),
}

/// A base for one platform.
#[derive(Debug, Clone)]
pub struct BaseImage {
    /// The platform.
    pub platform: Platform,
    /// Its documents.
    pub documents: BaseDocuments,
    /// Where its blobs are.
    pub origin: Arc<Origin>,
}

impl BaseImage {
    /// Nothing, for `platform`.
    pub fn scratch(platform: &Platform) -> BaseImage {
        BaseImage {
            platform: platform.clone(),
            documents: BaseDocuments::scratch(platform),
            origin: Arc::new(Origin::Scratch),
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        self.documents.named.as_ref().map_or("scratch", |(name, _)| name)
    }
}

/// Which of an image's platforms are meant.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The one platform it is for; of an index of several images, [`Platform::fallback`].
    Default,
    /// All of them.
    All,
    /// These, each of which it must have.
    These(&'a [Platform]),
}

/// The image at `location`, for the wanted platforms and in their order.
///
/// # Errors
///
/// If the image cannot be found or read, or there is none for a platform.
pub fn resolve(
    workshop: &Workshop,
    location: &Location,
    name: &str,
    wanted: Wanted<'_>,
    traffic: &Arc<Traffic>,
) -> Result<Vec<BaseImage>, Error> {
    let (origin, top) = open(workshop, location, traffic)?;
    resolve_top(workshop, &Arc::new(origin), top, name, wanted)
}

/// The same of an image that is open.
///
/// # Errors
///
/// As [`resolve`].
pub(crate) fn resolve_top(
    workshop: &Workshop,
    origin: &Arc<Origin>,
    top: Top,
    name: &str,
    wanted: Wanted<'_>,
) -> Result<Vec<BaseImage>, Error> {
    let found = match top {
        Top::Made(manifest) => vec![(None, *manifest, None)],
        Top::Stored(bytes, media_type) => match Document::parse(&bytes, &media_type)? {
            Document::Manifest(manifest) => vec![(Some(Digest::of(&bytes)), manifest, None)],
            Document::Index(index) => {
                let fallback = [Platform::fallback()];
                let descriptors: Vec<&Descriptor> = match wanted {
                    Wanted::All => index.images().collect(),
                    // Builders wrap a single image, with an attestation beside it.
                    Wanted::Default if index.images().count() == 1 => index.images().collect(),
                    Wanted::Default => select(&index, &fallback)?,
                    Wanted::These(platforms) => select(&index, platforms)?,
                };
                let mut found = Vec::new();
                for descriptor in descriptors {
                    let bytes = read(workshop, origin, descriptor, MANIFEST_LIMIT)?;
                    match Document::parse(&bytes, &descriptor.media_type)? {
                        Document::Manifest(manifest) => {
                            found.push((Some(descriptor.digest), manifest, descriptor.platform.clone()));
                        }
                        Document::Index(_) => return Err(ImageError::MediaType(descriptor.media_type.clone()).into()),
                    }
                }
                found
            }
        },
    };
    let mut images = Vec::new();
    for (digest, manifest, stated) in found {
        let config = Config::parse(&read(workshop, origin, &manifest.config, CONFIG_LIMIT)?)?;
        // The index's word counts: many a config leaves the variant out.
        let platform = stated.unwrap_or_else(|| config.platform());
        // An archive without a manifest of its own is named by the one made up for it.
        let digest = digest.unwrap_or_else(|| Digest::of(&manifest.to_bytes()));
        let documents = BaseDocuments::new(name.to_owned(), digest, &manifest, config, platform.clone())?;
        images.push(BaseImage { platform, documents, origin: Arc::clone(origin) });
    }
    let Wanted::These(platforms) = wanted else { return Ok(images) };
    let fitting = platforms.iter().map(|wanted| {
        let offered = || images.iter().map(|image| image.platform.to_string()).collect::<Vec<_>>().join(", ");
        let refuse = || ImageError::Platform { wanted: wanted.to_string(), offered: offered() };
        Ok(images.iter().find(|image| wanted.accepts(&image.platform)).ok_or_else(refuse)?.clone())
    });
    fitting.collect()
}

pub(crate) fn select<'a>(index: &'a Index, platforms: &[Platform]) -> Result<Vec<&'a Descriptor>, ImageError> {
    let find = |platform: &Platform| {
        index.find(platform).ok_or_else(|| {
            let offered = index.images().filter_map(|image| image.platform.as_ref()).map(Platform::to_string);
            ImageError::Platform { wanted: platform.to_string(), offered: offered.collect::<Vec<_>>().join(", ") }
        })
    };
    platforms.iter().map(find).collect()
}

/// An image's topmost document.
pub(crate) enum Top {
    /// As it is stored: bytes and media type.
    Stored(Vec<u8>, String),
    /// Made up, because the archive has none.
    Made(Box<Manifest>),
}

pub(crate) fn open(workshop: &Workshop, location: &Location, traffic: &Arc<Traffic>) -> Result<(Origin, Top), Error> {
    let stored = |origin: Origin, descriptor: &Descriptor| -> Result<(Origin, Top), Error> {
        let bytes = read(workshop, &origin, descriptor, MANIFEST_LIMIT)?;
        Ok((origin, Top::Stored(bytes, descriptor.media_type.clone())))
    };
    match location {
        Location::Layout { path, name } => {
            let layout = Layout::open(path)?;
            let descriptor = layout.find(name.as_deref())?;
            stored(Origin::Layout(layout), &descriptor)
        }
        Location::OciArchive { path, name } => {
            let archive = Archive::open(path)?;
            let descriptor = archive.find(name.as_deref())?;
            stored(Origin::OciArchive(archive), &descriptor)
        }
        Location::DockerArchive { path, name } => {
            let archive = Archive::open(path)?;
            let image = archive.docker_image(name.as_deref())?;
            let manifest = image.manifest.clone();
            Ok((Origin::DockerArchive(archive, image), Top::Made(Box::new(manifest))))
        }
        Location::Registry(reference) => {
            let remote = workshop.door().repository(&reference.repository, traffic)?;
            // What is named by its digest and known here need not be asked for.
            if let Some(bytes) = reference.digest.and_then(|digest| workshop.store().known_document(&digest)) {
                return Ok((Origin::Registry(Box::new(remote)), Top::Stored(bytes, String::new())));
            }
            let manifest = workshop.door().block_on(remote.manifest(&reference.asks_for()))??;
            workshop.store().put_blob(&manifest.bytes)?;
            Ok((Origin::Registry(Box::new(remote)), Top::Stored(manifest.bytes.to_vec(), manifest.media_type)))
        }
    }
}

/// Reads a document whole and makes sure it is what its digest says.
pub(crate) fn read(
    workshop: &Workshop,
    origin: &Origin,
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    if descriptor.size > limit {
        return Err(ImageError::TooLarge { what: "document", limit }.into());
    }
    if let Origin::Registry(remote) = origin {
        if let Some(bytes) = workshop.store().read_blob(descriptor)? {
            return Ok(bytes);
        }
        let bytes = workshop.door().block_on(async {
            // A manifest below an index has a place of its own in the protocol.
            if media_type::is_manifest(&descriptor.media_type) || media_type::is_index(&descriptor.media_type) {
                remote.manifest(&descriptor.digest.to_string()).await.map(|manifest| manifest.bytes.to_vec())
            } else {
                remote.blob(descriptor, limit).await
            }
        })??;
        workshop.store().put_blob(&bytes)?;
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    let mut reader = open_blob(workshop, origin, descriptor)?;
    reader.read_to_end(&mut bytes).map_err(|error| blame(origin, error))?;
    Ok(bytes)
}

/// Opens a blob of an image. Its last byte is read only if all of them are what the digest says.
///
/// # Errors
///
/// If it is not there.
pub fn open_blob(workshop: &Workshop, origin: &Origin, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
    let may_be_here = match origin {
        Origin::Registry(_) => true,
        // A layer that was made here to go there.
        Origin::Layout(layout) => !layout.has_blob(&descriptor.digest, descriptor.size),
        _ => false,
    };
    if may_be_here && let Some(file) = workshop.store().open_blob(&descriptor.digest, descriptor.size)? {
        return Ok(checked(Box::new(file), descriptor));
    }
    open_published(workshop, origin, descriptor)
}

/// The same from where the image is, whatever this machine has of it.
///
/// # Errors
///
/// If it is not there.
pub fn open_published(
    workshop: &Workshop,
    origin: &Origin,
    descriptor: &Descriptor,
) -> Result<Box<dyn Read + Send>, Error> {
    let raw: Box<dyn Read + Send> = match origin {
        Origin::Scratch => Box::new(io::empty()),
        Origin::Layout(layout) => Box::new(layout.open_blob(descriptor)?),
        Origin::OciArchive(archive) => Box::new(archive.open_blob(descriptor)?),
        Origin::DockerArchive(archive, image) => Box::new(archive.open_docker_blob(image, &descriptor.digest)?),
        // It checks itself.
        Origin::Registry(remote) => return Ok(Box::new(workshop.door().blob_reader(remote, descriptor)?)),
    };
    Ok(checked(raw, descriptor))
}

/// A reader of a blob whose end is reached only if all of it is what the digest says.
pub(crate) fn checked(raw: Box<dyn Read + Send>, descriptor: &Descriptor) -> Box<dyn Read + Send> {
    let reader = Some(Digesting::new(raw));
    Box::new(Checked { reader, digest: descriptor.digest, size: descriptor.size, wrong: false })
}

/// Refuses to end a stream that is not what its digest says.
struct Checked {
    reader: Option<Digesting<Box<dyn Read + Send>>>,
    digest: Digest,
    size: u64,
    /// Whether it has ended and was not; every read says so from then on.
    wrong: bool,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.reader {
            Some(reader) => reader.read(buffer)?,
            None => 0,
        };
        if read == 0
            && !buffer.is_empty()
            && let Some((_, digest, size)) = self.reader.take().map(Digesting::finish)
        {
            self.wrong = digest != self.digest || size != self.size;
        }
        if self.wrong {
            let message = format!("the blob {} is not what its digest says", self.digest);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}

/// An error of reading a blob, as the origin's.
pub(crate) fn blame(origin: &Origin, error: io::Error) -> Error {
    match error.downcast::<crate::registry::Error>() {
        Ok(error) => error.into(),
        Err(source) => {
            let path = match origin {
                Origin::Layout(layout) => layout.root().to_owned(),
                Origin::OciArchive(archive) | Origin::DockerArchive(archive, _) => archive.path().to_owned(),
                Origin::Scratch | Origin::Registry(_) => std::path::PathBuf::from("the base's blob"),
            };
            crate::output::OutputError::Io { doing: "read", path, source }.into()
        }
    }
}

/// The paths of an image: from the store, or by streaming the headers of its layers once.
///
/// # Errors
///
/// If a layer cannot be read or holds what no layer may hold.
pub fn nodes(workshop: &Workshop, base: &BaseImage) -> Result<Nodes, Error> {
    let Some((name, digest)) = &base.documents.named else { return Ok(Nodes::new()) };
    if let Some(tree) = workshop.store().tree(digest) {
        return Ok(tree);
    }
    let total = base.documents.layers.iter().map(|layer| layer.size).sum();
    let running = workshop.events().begin(Task::ReadBase { base: name.clone() }, total);
    let tree = lay_all(workshop, base, &|bytes| running.advance(bytes))?;
    workshop.store().put_tree(digest, &tree)?;
    Ok(tree)
}

/// How many layers of an image are read at once, at most.
const MOST_AT_ONCE: usize = 4;
/// How many changes are handed over at a time, and how many times a layer gets ahead of those below it.
const BATCH: usize = 512;
const BATCHES_AHEAD: usize = 32;

/// The layers of an image over each other. Several are read at once, and laid in their order.
fn lay_all(workshop: &Workshop, base: &BaseImage, progress: &(dyn Fn(u64) + Sync)) -> Result<Nodes, Error> {
    let layers = &base.documents.layers;
    // A layer that is ahead of those below it keeps its turn at the registry while it waits; one is always left for the
    // lowest.
    let most = workshop.jobs().min(workshop.door().concurrency()).min(MOST_AT_ONCE);
    let mut tree = Nodes::new();
    if most < 2 || layers.len() < 2 {
        for layer in layers {
            lay(workshop, base, layer, &mut tree)?;
            progress(layer.size);
        }
        return Ok(tree);
    }
    let (senders, receivers): (Vec<_>, Vec<_>) =
        layers.iter().map(|_| mpsc::sync_channel::<Vec<ReadChange>>(BATCHES_AHEAD)).unzip();
    let waiting = Mutex::new(layers.iter().zip(senders));
    // Whether one has failed: then nothing more is read, and the first failure is the error.
    let (stopped, failure) = (AtomicBool::new(false), Mutex::new(None));
    let read = |layer: &Descriptor, sender: &mpsc::SyncSender<Vec<ReadChange>>| {
        let gone = |_| TreeError::from(io::Error::other("nobody takes what is read"));
        read_through(workshop, base, layer, Some(&stopped), |stream| {
            let mut batch = Vec::new();
            read_changes(stream, |change| {
                batch.push(change);
                if batch.len() < BATCH {
                    return Ok(());
                }
                sender.send(std::mem::take(&mut batch)).map_err(gone)
            })?;
            sender.send(batch).map_err(gone)
        })
    };
    let fail = |error: Error| {
        // Those that are stopped fail too, and later.
        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        stopped.store(true, Relaxed);
    };
    std::thread::scope(|scope| {
        for _ in 0..most.min(layers.len()) {
            scope.spawn(|| {
                while !stopped.load(Relaxed) {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    // The channel is closed last: whoever sees its end sees the failure too.
                    let Some((layer, sender)) = next else { return };
                    read(layer, &sender).unwrap_or_else(fail);
                }
            });
        }
        for (layer, changes) in layers.iter().zip(receivers) {
            if let Err(error) = tree.apply_read(changes.iter().flatten()) {
                // If the blob is not what its digest says, that is the error; it shows at its end.
                changes.iter().for_each(drop);
                fail(error.into());
            }
            if stopped.load(Relaxed) {
                break;
            }
            progress(layer.size);
        }
    });
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(tree), Err)
}

/// Lays a layer of an image over a tree, by streaming its headers.
///
/// # Errors
///
/// If it cannot be read or holds what no layer may hold.
pub(crate) fn lay(workshop: &Workshop, image: &BaseImage, layer: &Descriptor, tree: &mut Nodes) -> Result<(), Error> {
    read_through(workshop, image, layer, None, |stream| tree.apply_tar(stream))
}

/// Reads a layer of an image to its end. One of a registry is kept as it passes: whoever needs it next, a layout or
/// another registry, finds it on this machine. Once `stopped` is set it fails.
fn read_through(
    workshop: &Workshop,
    image: &BaseImage,
    layer: &Descriptor,
    stopped: Option<&AtomicBool>,
    read: impl FnOnce(&mut dyn Read) -> Result<(), TreeError>,
) -> Result<(), Error> {
    let store = workshop.store();
    let mut blob = open_blob(workshop, &image.origin, layer)?;
    let is_kept = store.keeps()
        && matches!(image.origin.as_ref(), Origin::Registry(_))
        && !store.has_blob(&layer.digest, layer.size);
    let mut kept = match is_kept {
        true => Some(store.new_blob()?),
        false => None,
    };
    let task = Task::Fetch { base: image.name().to_owned(), layer: layer.digest.short() };
    let running = kept.is_some().then(|| workshop.events().begin(task, layer.size));
    let mut passing =
        Passing { blob: &mut *blob, kept: kept.as_mut(), running: running.as_ref(), stopped, failed: None };
    let result = read(&mut *decompress(&layer.media_type, &mut passing));
    // Tar readers stop at the end of the archive; the digest is known only at the end of the blob. A blob that could
    // not be read to its end says so again here: what came of it above is only the consequence.
    let ended = io::copy(&mut passing, &mut io::sink());
    if let Some(failed) = passing.failed {
        return Err(failed.into());
    }
    ended.map_err(|error| blame(&image.origin, error))?;
    if let Some(kept) = kept {
        kept.commit(&layer.digest)?;
    }
    Ok(result?)
}

/// A blob that is kept as it passes.
struct Passing<'a, 'b> {
    blob: &'a mut (dyn Read + Send),
    kept: Option<&'a mut NewBlob<'b>>,
    running: Option<&'a Running>,
    /// Set when nobody wants it any more.
    stopped: Option<&'a AtomicBool>,
    /// Why it could not be kept. Nothing passes any more then.
    failed: Option<StoreError>,
}

impl Read for Passing<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stopped = || io::Error::other("what passes cannot be kept");
        if self.failed.is_some() {
            return Err(stopped());
        }
        if self.stopped.is_some_and(|stopped| stopped.load(Relaxed)) {
            return Err(io::Error::other("another layer could not be read"));
        }
        let read = self.blob.read(buffer)?;
        if let Some(kept) = &mut self.kept
            && let Err(source) = io::Write::write_all(*kept, &buffer[..read])
        {
            self.failed = Some(StoreError::Io { doing: "write", path: kept.path().to_owned(), source });
            return Err(stopped());
        }
        if let Some(running) = self.running {
            running.advance(read as u64);
        }
        Ok(read)
    }
}

pub(crate) fn decompress<'a>(media_type: &str, blob: &'a mut (dyn Read + Send)) -> Box<dyn Read + 'a> {
    // Some layers (those of `umoci insert`) end with the last byte of the last file: no padding, no zero blocks.
    // Container runtimes read them; whether the blob is whole is a matter of its digest.
    Box::new(decompress_exactly(media_type, blob).chain(io::repeat(0).take(3 * 512)))
}

/// The same without what a tar reader that goes to the end may miss there.
pub(crate) fn decompress_exactly<'a>(media_type: &str, blob: &'a mut (dyn Read + Send)) -> Box<dyn Read + 'a> {
    let reader = io::BufReader::with_capacity(256 << 10, blob);
    if media_type.ends_with("gzip") {
        Box::new(flate2::bufread::MultiGzDecoder::new(reader))
    } else if media_type.ends_with("zstd") {
        match zstd::stream::read::Decoder::with_buffer(reader) {
            Ok(decoder) => Box::new(decoder),
            Err(error) => Box::new(Failed(Some(error))),
        }
    } else {
        Box::new(reader)
    }
}

/// A reader that could not be made.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }
}

/// Makes sure that a layer of the image called `name` lies in the store, fetching it if it is nowhere on this machine.
///
/// # Errors
///
/// If it cannot be fetched or written.
pub fn keep_layer(workshop: &Workshop, origin: &Origin, name: &str, layer: &Descriptor) -> Result<(), Error> {
    let store = workshop.store();
    if store.has_blob(&layer.digest, layer.size) || matches!(origin, Origin::Scratch) {
        return Ok(());
    }
    let task = Task::Fetch { base: name.to_owned(), layer: layer.digest.short() };
    let running = workshop.events().begin(task, layer.size);
    let mut blob = open_blob(workshop, origin, layer)?;
    let mut new = store.new_blob()?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = blob.read(&mut buffer).map_err(|error| blame(origin, error))?;
        if read == 0 {
            break;
        }
        let path = new.path().to_owned();
        io::Write::write_all(&mut new, &buffer[..read]).map_err(|source| crate::store::StoreError::Io {
            doing: "write",
            path,
            source,
        })?;
        running.advance(read as u64);
    }
    Ok(new.commit(&layer.digest)?)
}
