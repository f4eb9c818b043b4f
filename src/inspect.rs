//! Inspecting: what is in an image, and which layer put it there.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use crate::base::{self, BaseImage, Wanted};
use crate::digest::Digest;
use crate::entry::normalise_path;
use crate::error::Error;
use crate::image::{Descriptor, LAYER_KEY, LAYER_NAME, Location, Platform};
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
        result.map_err(|error| base::blame(&image.origin, error))?;
    }
    Ok(files)
}

fn lay_over(files: &mut BTreeMap<Vec<u8>, InspectedFile>, layer: usize, stream: impl Read) -> io::Result<()> {
    let mut added = BTreeMap::new();
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries()? {
        let entry = entry?;
        let Some(path) = normalise_path(&entry.path_bytes()).filter(|path| !path.is_empty()) else { continue };
        let at = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(at);
        if name == b".wh..wh..opq" {
            files.retain(|other, _| !other.starts_with(parent));
            continue;
        }
        if let Some(name) = name.strip_prefix(b".wh.") {
            let hidden = [parent, name].concat();
            let below = [&hidden[..], b"/"].concat();
            files.retain(|other, _| *other != hidden && !other.starts_with(&below));
            continue;
        }
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => 'f',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            tar::EntryType::XGlobalHeader => continue,
            _ => '?',
        };
        let file = InspectedFile {
            kind,
            mode: header.mode()? & 0o7777,
            uid: header.uid()?,
            gid: header.gid()?,
            size: entry.size(),
            link: entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()),
            layer,
        };
        added.insert(path.into_vec(), file);
    }
    files.append(&mut added);
    Ok(())
}
