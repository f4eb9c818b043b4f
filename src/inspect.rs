//! Inspecting: what is in an image, and which layer put it there.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use crate::base::{self, BaseImage, Wanted};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Change, Descriptor, LAYER_KEY, LAYER_NAME, Location, Platform, TreeError, read_layer};
use crate::registry::Traffic;
use crate::workshop::Workshop;

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
}

/// A published image for one platform.
#[derive(Debug)]
pub struct Inspected {
    /// The image.
    pub image: BaseImage,
    /// Its layers, lowest first.
    pub layers: Vec<InspectedLayer>,
}

/// A path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedFile {
    /// `d` for a directory, `f` for a file, `l` for a symlink, `h` for a hard link, `?` for anything else.
    pub kind: char,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Where a link points.
    pub link: Option<String>,
    /// The layer that put it there last: its place among the layers.
    pub layer: usize,
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
) -> Result<Vec<Inspected>, Error> {
    let wanted = platform.map_or(Wanted::All, |platform| Wanted::These(std::slice::from_ref(platform)));
    let images = base::resolve(workshop, location, &location.to_string(), wanted, traffic)?;
    Ok(images.into_iter().map(|image| Inspected { layers: layers(&image), image }).collect())
}

fn layers(image: &BaseImage) -> Vec<InspectedLayer> {
    let config = &image.documents.config;
    let mut history = config
        .history()
        .iter()
        .filter(|entry| entry.get("empty_layer").and_then(serde_json::Value::as_bool) != Some(true))
        .map(|entry| entry.get("created_by").and_then(serde_json::Value::as_str).map(str::to_owned));
    let all = image.documents.layers.iter().zip(config.diff_ids());
    all.map(|(descriptor, diff_id)| InspectedLayer {
        name: descriptor.annotations.get(LAYER_NAME).cloned(),
        key: descriptor.annotations.get(LAYER_KEY).cloned(),
        descriptor: descriptor.clone(),
        diff_id,
        created_by: history.next().flatten(),
    })
    .collect()
}

/// The paths of an image, by reading its layers; whiteouts are applied.
///
/// # Errors
///
/// If a layer cannot be read.
pub fn files(workshop: &Workshop, image: &BaseImage) -> Result<BTreeMap<Vec<u8>, InspectedFile>, Error> {
    let mut files = BTreeMap::new();
    for (place, layer) in image.documents.layers.iter().enumerate() {
        let mut blob = base::open_blob(workshop, &image.origin, layer)?;
        let result = lay_over(&mut files, place, base::decompress(&layer.media_type, &mut blob));
        io::copy(&mut blob, &mut io::sink()).map_err(|error| base::blame(&image.origin, error))?;
        result?;
    }
    Ok(files)
}

/// How many paths an image may have.
const FILE_LIMIT: usize = 4_000_000;

fn lay_over(files: &mut BTreeMap<Vec<u8>, InspectedFile>, layer: usize, stream: impl Read) -> Result<(), TreeError> {
    // A whiteout hides what lower layers hold, never what its own layer does.
    let mut added = BTreeMap::new();
    read_layer(stream, |change| {
        match change {
            Change::Opaque(directory) if directory.is_empty() => files.clear(),
            Change::Opaque(directory) => remove_below(files, &directory),
            Change::Whiteout(path) => {
                files.remove(&path[..]);
                remove_below(files, &path);
            }
            Change::Put(path, entry) => {
                let kind = match entry.kind {
                    tar::EntryType::Directory => 'd',
                    tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => 'f',
                    tar::EntryType::Symlink => 'l',
                    tar::EntryType::Link => 'h',
                    _ => '?',
                };
                let file = InspectedFile {
                    kind,
                    mode: entry.mode,
                    uid: entry.uid,
                    gid: entry.gid,
                    size: entry.size,
                    link: entry.link.map(|link| String::from_utf8_lossy(&link).into_owned()),
                    layer,
                };
                added.insert(path.into_vec(), file);
                if files.len() + added.len() > FILE_LIMIT {
                    return Err(TreeError::TooMany { what: "paths", limit: FILE_LIMIT as u64 });
                }
            }
        }
        Ok(())
    })?;
    for (path, file) in added {
        if file.kind != 'd' && files.get(&path).is_some_and(|before| before.kind == 'd') {
            remove_below(files, &path);
        }
        files.insert(path, file);
    }
    Ok(())
}

fn remove_below(files: &mut BTreeMap<Vec<u8>, InspectedFile>, directory: &[u8]) {
    let prefix = [directory, b"/"].concat();
    let below: Vec<Vec<u8>> = files
        .range(prefix.clone()..)
        .map(|(path, _)| path.clone())
        .take_while(|path| path.starts_with(&prefix))
        .collect();
    for path in below {
        files.remove(&path);
    }
}
