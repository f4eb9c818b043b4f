//! Changes: what a layer itself holds.

use std::io::{self, Read};

use crate::base::{self, BaseImage};
use crate::entry::{Entry, Kind};
use crate::error::Error;
use crate::image::{Change, Descriptor, LayerEntry, TreeError, read_layer};
use crate::layer::Listing;
use crate::workshop::Workshop;

/// How many paths may be told of in all layers together.
pub(super) const FILE_LIMIT: usize = 4_000_000;
/// How many bytes their names and links may have.
const NAMES_LIMIT: usize = 512 << 20;

/// What lies at a path of an image.
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
    pub link: Option<Box<[u8]>>,
    /// The layer that put it there last: its place among the layers.
    pub layer: usize,
}

/// What a layer does to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerChange {
    /// It puts this there.
    Put(InspectedFile),
    /// It takes away what lower layers put there, and all below it.
    Whiteout,
    /// It takes away what lower layers put below it.
    Opaque,
}

/// A path and what a layer does to it.
pub type Changed = (Box<[u8]>, LayerChange);

/// How much more may be told of.
#[derive(Debug)]
pub(super) struct Room {
    paths: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { paths: FILE_LIMIT, bytes: NAMES_LIMIT }
    }
}

impl Room {
    pub(super) fn take(&mut self, path: &[u8], link: Option<&[u8]>) -> Result<(), TreeError> {
        let too_many = |what, limit: usize| TreeError::TooMany { what, limit: limit as u64 };
        self.paths = self.paths.checked_sub(1).ok_or_else(|| too_many("paths", FILE_LIMIT))?;
        let bytes = path.len() + link.map_or(0, <[u8]>::len);
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| too_many("bytes of paths", NAMES_LIMIT))?;
        Ok(())
    }
}

/// What a layer's blob holds, in the order of its stream; whiteouts are not applied.
pub(super) fn from_blob(
    workshop: &Workshop,
    image: &BaseImage,
    layer: &Descriptor,
    place: usize,
    room: &mut Room,
) -> Result<Vec<Changed>, Error> {
    let mut blob = base::open_blob(workshop, &image.origin, layer)?;
    let result = from_stream(base::decompress(&layer.media_type, &mut blob), place, room);
    // Tar readers stop at the end of the archive; the digest is known only at the end of the blob.
    io::copy(&mut blob, &mut io::sink()).map_err(|error| base::blame(&image.origin, error))?;
    Ok(result?)
}

fn from_stream(stream: impl Read, layer: usize, room: &mut Room) -> Result<Vec<Changed>, TreeError> {
    let mut changes = Vec::new();
    read_layer(stream, |change| {
        let (path, change) = match change {
            Change::Opaque(path) => (path, LayerChange::Opaque),
            Change::Whiteout(path) => (path, LayerChange::Whiteout),
            Change::Put(path, entry) => (path, LayerChange::Put(InspectedFile::of(entry, layer))),
        };
        let link = match &change {
            LayerChange::Put(file) => file.link.as_deref(),
            _ => None,
        };
        room.take(&path, link)?;
        changes.push((path, change));
        Ok(())
    })?;
    Ok(changes)
}

/// What a listing says that a layer holds.
pub(super) fn from_listing(listing: &Listing, layer: usize, room: &mut Room) -> Result<Vec<Changed>, TreeError> {
    let mut changes = Vec::with_capacity(listing.entries.len());
    for entry in &listing.entries {
        let (path, change) = match marked(&entry.path) {
            Some(marked) => marked,
            None => (entry.path.clone(), LayerChange::Put(InspectedFile::listed(entry, layer))),
        };
        let link = match &change {
            LayerChange::Put(file) => file.link.as_deref(),
            _ => None,
        };
        room.take(&path, link)?;
        changes.push((path, change));
    }
    Ok(changes)
}

/// What a layer of ours takes away by an entry of this name, if it is such a name.
fn marked(path: &[u8]) -> Option<Changed> {
    let (parent, name) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    };
    match name.strip_prefix(b".wh.")? {
        b".wh..opq" => Some((parent.into(), LayerChange::Opaque)),
        gone if parent.is_empty() => Some((gone.into(), LayerChange::Whiteout)),
        gone => Some(([parent, b"/", gone].concat().into(), LayerChange::Whiteout)),
    }
}

impl InspectedFile {
    fn listed(entry: &Entry, layer: usize) -> InspectedFile {
        let (kind, size, link) = match &entry.kind {
            Kind::Directory => ('d', 0, None),
            Kind::File { size, .. } => ('f', *size, None),
            Kind::Symlink { target } => ('l', 0, Some(target.clone())),
            Kind::Hardlink { target } => ('h', 0, Some(target.clone())),
        };
        let Entry { mode, uid, gid, .. } = *entry;
        InspectedFile { kind, mode, uid, gid, size, link, layer }
    }

    fn of(entry: LayerEntry, layer: usize) -> InspectedFile {
        let kind = match entry.kind {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            _ if entry.has_content() => 'f',
            _ => '?',
        };
        let LayerEntry { mode, uid, gid, size, link, .. } = entry;
        let link = link.filter(|_| matches!(kind, 'l' | 'h'));
        InspectedFile { kind, mode, uid, gid, size, link, layer }
    }

    /// The word for what it is.
    pub fn kind_word(&self) -> &'static str {
        match self.kind {
            'd' => "directory",
            'f' => "file",
            'l' => "symlink",
            'h' => "hard link",
            _ => "special file",
        }
    }
}
