//! The contents of an image's files, taken out of the layers that hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;

use super::{BaseImage, blame, decompress_exactly, open_blob};
use crate::binary::{Reader, put_number};
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::events::Task;
use crate::image::{Change, Descriptor, Nodes, TreeError, read_contents};
use crate::layer::Source;
use crate::store::{Pack, PackError, Packed};
use crate::workshop::Workshop;

/// How many files may be taken out of one image.
const FILES_LIMIT: usize = 1_000_000;

/// The content of a file of an image.
#[derive(Debug, Clone)]
pub struct BaseFile {
    /// How many bytes it has.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
    /// Where they are: in the store.
    pub source: Source,
}

/// The contents of the regular files at these paths of an image whose tree is `nodes`, in the order of `paths`. Names of
/// one file have one content.
///
/// Only layers that hold one of them are read, each once, and to its end: what its digest does not vouch for is not
/// used. What was taken out stays in the store as a pack, one for a layer and the entries taken out of it, so that the
/// next run reads nothing. In a workshop that only looks, sizes and digests are right and nothing is kept.
///
/// # Errors
///
/// A path at which there is no file with a content; a layer that cannot be read or does not hold what the tree says;
/// more files or bytes than there may be.
pub fn files(
    workshop: &Workshop,
    base: &BaseImage,
    nodes: &Nodes,
    paths: &[Box<[u8]>],
) -> Result<Vec<BaseFile>, Error> {
    if paths.len() > FILES_LIMIT {
        return Err(TreeError::TooMany { what: "files to be copied", limit: FILES_LIMIT as u64 }.into());
    }
    let no_content = |path: &[u8]| TreeError::NoContent(String::from_utf8_lossy(path).into_owned());
    let mut places = Vec::with_capacity(paths.len());
    for path in paths {
        let detail = nodes.detail(path).filter(|detail| detail.kind.is_file()).ok_or_else(|| no_content(path))?;
        places.push((detail.layer, detail.entry));
    }
    let mut wanted: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for &(layer, entry) in &places {
        wanted.entry(layer).or_default().insert(entry);
    }
    let mut found: BTreeMap<(u32, u32), BaseFile> = BTreeMap::new();
    for (layer, entries) in wanted {
        let descriptor = base.documents.layers.get(layer as usize).ok_or(TreeError::Damaged)?;
        let contents = contents(workshop, base, descriptor, &entries)?;
        found.extend(entries.into_iter().map(|entry| (layer, entry)).zip(contents));
    }
    let files = paths.iter().zip(places);
    files.map(|(path, place)| found.get(&place).cloned().ok_or_else(|| no_content(path).into())).collect()
}

/// The contents of these entries of a layer, in their order.
fn contents(
    workshop: &Workshop,
    base: &BaseImage,
    layer: &Descriptor,
    entries: &BTreeSet<u32>,
) -> Result<Vec<BaseFile>, Error> {
    let mut key = Hasher::new();
    key.field(b"entries of a layer");
    key.field(layer.digest.as_bytes());
    // The bytes that come out of the blob depend on how it is read.
    key.field(layer.media_type.as_bytes());
    entries.iter().for_each(|entry| key.field(&entry.to_le_bytes()));
    let key = key.finish();
    if let Some(found) = workshop.store().pack(&key).and_then(|pack| parse(&pack, entries.len())) {
        return Ok(found);
    }
    let pack = take_out(workshop, base, layer, entries, &key)?;
    parse(&pack, entries.len()).ok_or_else(|| TreeError::Damaged.into())
}

/// Reads a layer and packs the contents of these entries.
fn take_out(
    workshop: &Workshop,
    base: &BaseImage,
    layer: &Descriptor,
    entries: &BTreeSet<u32>,
    key: &Digest,
) -> Result<Pack, Error> {
    let task = Task::Fetch { base: base.name().to_owned(), layer: layer.digest.short() };
    let running = workshop.events().begin(task, layer.size);
    let mut new = workshop.store().new_pack()?;
    let mut index = Vec::new();
    let mut left = entries.iter().copied().peekable();
    let mut failure: Option<Error> = None;
    let mut blob = open_blob(workshop, &base.origin, layer)?;
    // Nothing is read past the last content, and no content may be made up of what would pad the stream.
    let result = read_contents(decompress_exactly(&layer.media_type, &mut blob), |number, change, content| {
        if left.next_if_eq(&number).is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        let (path, size) = match change {
            Change::Put(path, entry) if entry.has_content() => (path, entry.size),
            Change::Put(path, _) | Change::Opaque(path) | Change::Whiteout(path) => {
                return Err(TreeError::NoContent(String::from_utf8_lossy(&path).into_owned()));
            }
        };
        match new.add(content) {
            Ok(Packed { size: read, .. }) if read != size => {
                let message = format!("`/{}` ends before its content does", String::from_utf8_lossy(&path));
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
            }
            Ok(packed) => {
                put_number(&mut index, packed.size);
                index.extend_from_slice(packed.digest.as_bytes());
            }
            Err(PackError::Read(error)) => return Err(error.into()),
            Err(PackError::Store(error)) => failure = Some(error.into()),
            Err(PackError::TooLarge { limit }) => {
                failure = Some(TreeError::TooMany { what: "bytes in the files to be copied", limit }.into());
            }
        }
        let is_done = failure.is_some() || left.peek().is_none();
        Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    // The digest is known only at the end of the blob. One that could not be read to its end says so again here: what
    // came of it above is only the consequence.
    io::copy(&mut blob, &mut io::sink()).map_err(|error| blame(&base.origin, error))?;
    result?;
    if left.peek().is_some() {
        return Err(TreeError::Damaged.into());
    }
    running.advance(layer.size);
    Ok(new.commit(key, index)?)
}

/// What the index of a pack says; nothing if it does not speak of so many contents, one after another to the end.
fn parse(pack: &Pack, count: usize) -> Option<Vec<BaseFile>> {
    let mut reader = Reader(pack.index());
    let (mut files, mut offset) = (Vec::new(), 0);
    for _ in 0..count {
        let (size, digest) = (reader.number()?, reader.digest()?);
        files.push(BaseFile { size, digest, source: pack.source(offset, size)? });
        offset += size;
    }
    (reader.0.is_empty() && offset == pack.size()).then_some(files)
}

#[cfg(test)]
mod tests;
