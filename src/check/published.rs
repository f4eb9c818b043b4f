//! Published images, their layers read once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use serde_json::Value;

use super::files::Published;
use super::finding::{LayerPlace, counted};
use super::layers::{Layer, Member, MemberKind, Reading};
use super::readable::Unreadable;
use super::stream::Stream;
use super::subject::Subject;
use crate::base::{self, Origin, Top};
use crate::compare::damage;
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{
    BaseDocuments, CONFIG_LIMIT, Change, Config, Descriptor, DetailKind, Document, ImageError, LAYER_NAME, LayerEntry,
    Location, MANIFEST_LIMIT, Manifest, Node, Nodes, Platform, TreeError,
};
use crate::registry::Traffic;
use crate::workshop::Workshop;

/// How the history of a layer of ours begins.
const HISTORY: &str = "tarsia layer ";

/// The image at `location`, for one platform or for all it has.
pub(super) fn read(
    workshop: &Workshop,
    location: &Location,
    platform: Option<&Platform>,
    traffic: &Arc<Traffic>,
) -> Result<Vec<Subject>, Error> {
    let (origin, top) = base::open(workshop, location, traffic)?;
    let wanted = platform.map(std::slice::from_ref);
    let mut found: Vec<(Manifest, Option<Platform>)> = Vec::new();
    let (mut index, mut is_stored) = (None, true);
    match top {
        Top::Made(manifest) => {
            is_stored = false;
            found.push((*manifest, None));
        }
        Top::Stored(bytes, media_type) => match Document::parse(&bytes, &media_type)? {
            Document::Manifest(manifest) => found.push((manifest, None)),
            Document::Index(documents) => {
                let images = documents.images().count();
                index = Some(match documents.manifests.len() - images {
                    0 => counted(images as u64, "image"),
                    others => format!("{}, and attestations or the like ({others})", counted(images as u64, "image")),
                });
                let descriptors = match wanted {
                    Some(wanted) => base::select(&documents, wanted)?,
                    None => documents.images().collect(),
                };
                for descriptor in descriptors {
                    let bytes = base::read(workshop, &origin, descriptor, MANIFEST_LIMIT)?;
                    match Document::parse(&bytes, &descriptor.media_type)? {
                        Document::Manifest(manifest) => found.push((manifest, descriptor.platform.clone())),
                        Document::Index(_) => return Err(ImageError::MediaType(descriptor.media_type.clone()).into()),
                    }
                }
            }
        },
    }
    let mut subjects = Vec::new();
    for (manifest, stated) in found {
        let config = Config::parse(&base::read(workshop, &origin, &manifest.config, CONFIG_LIMIT)?)?;
        let platform = stated.unwrap_or_else(|| config.platform());
        if let Some(wanted) = wanted.and_then(<[Platform]>::first).filter(|wanted| !wanted.accepts(&platform)) {
            let (wanted, offered) = (wanted.to_string(), platform.to_string());
            return Err(ImageError::Platform { wanted, offered }.into());
        }
        let digest = Digest::of(&manifest.to_bytes());
        let documents = BaseDocuments::new(location.to_string(), digest, &manifest, config, platform.clone())?;
        let (layers, nodes) = read_layers(workshop, &origin, location, &documents)?;
        let is_complete = layers.iter().all(|layer| layer.holds.is_some());
        subjects.push(Subject {
            name: None,
            reference: Some(location.to_string()),
            platform,
            profile: None,
            allow: Vec::new(),
            file: None,
            index: index.clone(),
            media_types: if is_stored { media_types(&manifest) } else { Vec::new() },
            history: documents.config.layers_of_history(),
            config: documents.config,
            layers,
            files: Box::new(Published { nodes, is_complete }),
            findings: Vec::new(),
        });
    }
    Ok(subjects)
}

fn media_types(manifest: &Manifest) -> Vec<(String, String)> {
    let documents = [
        ("mediaType".to_owned(), manifest.media_type.clone()),
        ("config.mediaType".to_owned(), manifest.config.media_type.clone()),
    ];
    let layers = manifest.layers.iter().enumerate();
    let layers = layers.map(|(place, layer)| (format!("layers[{place}].mediaType"), layer.media_type.clone()));
    documents.into_iter().chain(layers).collect()
}

fn read_layers(
    workshop: &Workshop,
    origin: &Origin,
    location: &Location,
    documents: &BaseDocuments,
) -> Result<(Vec<Layer>, Nodes), Error> {
    let is_built = is_built_here(documents);
    let total = documents.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    let running = workshop.events().begin(Task::ReadBase { base: location.to_string() }, total);
    let mut nodes = Nodes::new();
    let mut unreadable = Unreadable::new(&documents.config);
    let mut covers: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let mut layers: Vec<Layer> = Vec::new();
    let diff_ids = documents.config.diff_ids();
    for (place, descriptor) in documents.layers.iter().enumerate() {
        let name = descriptor.annotations.get(LAYER_NAME);
        let own = !is_built || name.is_some();
        let mut reading = Reading::new(own, &documents.platform.architecture);
        let mut watch = |below: &Nodes, change: &Change, content: &mut dyn Read| {
            watch(&mut reading, &mut unreadable, (place, own), below, change, content)?;
            covered(below, change, |layer| covers.entry(layer).or_default().extend([place]));
            Ok(())
        };
        let stated = diff_ids.get(place).copied();
        let stream = read_layer(workshop, origin, descriptor, stated, |plain| nodes.apply_watched(plain, &mut watch))?;
        if nodes.layers() as usize == place {
            // Layers keep their places, also above one that is missing.
            nodes.apply_entries(std::iter::empty())?;
        }
        // What a broken layer was heard to say is no more than its beginning.
        let holds = stream.unreadable.is_none().then(|| reading.finish());
        layers.push(Layer {
            place: LayerPlace { index: place, name: name.cloned(), digest: Some(descriptor.digest) },
            file: None,
            media_type: descriptor.media_type.clone(),
            blob_size: descriptor.size,
            own,
            from_context: false,
            allow: Vec::new(),
            elsewhere: None,
            stream: Some(stream),
            holds,
        });
        running.advance(descriptor.size);
    }
    for (place, (code, other)) in unreadable.finish() {
        if let Some(holds) = layers.get_mut(place).and_then(|layer| layer.holds.as_mut()) {
            (holds.unreadable_code, holds.unreadable) = (code, other);
        }
    }
    for (_, _, detail) in nodes.below(b"") {
        if let Some(detail) = detail.filter(|detail| !matches!(detail.kind, DetailKind::HardLink { .. }))
            && let Some(holds) = layers.get_mut(detail.layer as usize).and_then(|layer| layer.holds.as_mut())
        {
            holds.left += 1;
        }
    }
    for (layer, by) in covers {
        if let Some(holds) = layers.get_mut(layer as usize).and_then(|layer| layer.holds.as_mut()) {
            holds.covered_by = by;
        }
    }
    Ok((layers, nodes))
}

/// Whether the image was built by this program: what is told apart by name is ours then, and the others are a base's. A layer
/// of somebody else's image that was replaced has a name too, but its history is theirs.
fn is_built_here(documents: &BaseDocuments) -> bool {
    let is_empty = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) == Some(true);
    let history = documents.config.history().iter().filter(|entry| !is_empty(entry));
    let is_ours = |entry: &Value| {
        let made = entry.get("created_by").and_then(Value::as_str);
        made.is_some_and(|made| made.starts_with(HISTORY))
    };
    documents
        .layers
        .iter()
        .zip(history)
        .any(|(layer, made)| layer.annotations.contains_key(LAYER_NAME) && is_ours(made))
}

/// Reads a layer to the end of its blob. What is wrong with it is told; a way to it that fails is an error.
fn read_layer(
    workshop: &Workshop,
    origin: &Origin,
    descriptor: &Descriptor,
    stated: Option<Digest>,
    read: impl FnOnce(&mut dyn Read) -> Result<(), TreeError>,
) -> Result<Stream, Error> {
    let told = |error: Error| damage(&error).map(Stream::unreadable).ok_or(error);
    let mut blob = match base::open_blob(workshop, origin, descriptor) {
        Ok(blob) => blob,
        Err(error) => return told(error),
    };
    let stream = Stream::read(&descriptor.media_type, &mut blob, stated, read);
    // The digest is known only at the end of the blob, and a blob that is not what it says explains all else.
    match io::copy(&mut blob, &mut io::sink()) {
        Ok(_) => Ok(stream),
        Err(error) => told(base::blame(origin, error)),
    }
}

fn watch(
    reading: &mut Reading,
    unreadable: &mut Unreadable,
    (layer, own): (usize, bool),
    below: &Nodes,
    change: &Change,
    content: &mut dyn Read,
) -> Result<(), TreeError> {
    let member = match change {
        Change::Put(path, entry) => member(path, entry),
        Change::Whiteout(path) => whiteout(path),
        Change::Opaque(directory) => {
            unreadable.remove_below(directory);
            reading.renew(directory);
            return Ok(());
        }
    };
    unreadable.put(layer, own, &member);
    let mut head = Vec::new();
    content.take(reading.head(&member) as u64).read_to_end(&mut head)?;
    let directory = match below.get(member.path) {
        Some(&Node::Directory { mode, uid, gid }) => Some((mode, uid, gid)),
        _ => None,
    };
    reading.take(&member, directory, &head);
    Ok(())
}

fn member<'a>(path: &'a [u8], entry: &LayerEntry) -> Member<'a> {
    let kind = match entry.kind {
        tar::EntryType::Directory => MemberKind::Directory,
        tar::EntryType::Symlink => MemberKind::Symlink,
        tar::EntryType::Link => MemberKind::HardLink,
        _ if entry.has_content() => MemberKind::File,
        _ => MemberKind::Other,
    };
    let size = if kind == MemberKind::File { entry.size } else { 0 };
    Member { path, kind, mode: entry.mode, uid: entry.uid, gid: entry.gid, size }
}

fn whiteout(path: &[u8]) -> Member<'_> {
    Member { path, kind: MemberKind::Whiteout, mode: 0, uid: 0, gid: 0, size: 0 }
}

/// Tells of the layers whose files a change covers.
fn covered(below: &Nodes, change: &Change, mut tell: impl FnMut(u32)) {
    match change {
        Change::Put(path, _) => below.detail(path).into_iter().for_each(|detail| tell(detail.layer)),
        Change::Whiteout(path) => {
            below.detail(path).into_iter().for_each(|detail| tell(detail.layer));
            below.below(path).filter_map(|(_, _, detail)| detail).for_each(|detail| tell(detail.layer));
        }
        Change::Opaque(path) => {
            below.below(path).filter_map(|(_, _, detail)| detail).for_each(|detail| tell(detail.layer));
        }
    }
}
