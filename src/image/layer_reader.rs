//! Reading a layer's tar stream in bounded memory, whatever it holds.

use std::cell::Cell;
use std::io::{Read, Take};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::tree::TreeError;
use crate::entry::{Entry, Kind, normalise_path};

/// The longest path an image may hold: Linux's own limit.
pub(super) const PATH_LIMIT: usize = 4096;
/// How many bytes the headers of one entry may take, long names and records included.
const HEADERS_LIMIT: u64 = 4 << 20;
/// How many plain bytes one layer may have: ECR's and Lambda's limits lie far below.
pub(crate) const LAYER_LIMIT: u64 = 64 << 30;

/// What a layer's entry says, its content aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// What is there.
    pub kind: tar::EntryType,
    /// Its permission bits, `07777` at most.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Where a link points.
    pub link: Option<Box<[u8]>>,
}

impl LayerEntry {
    fn of(entry: &Entry) -> LayerEntry {
        let (kind, size, link) = match &entry.kind {
            Kind::Directory => (tar::EntryType::Directory, 0, None),
            Kind::File { size, .. } => (tar::EntryType::Regular, *size, None),
            Kind::Symlink { target } => (tar::EntryType::Symlink, 0, Some(target.clone())),
            Kind::Hardlink { target } => (tar::EntryType::Link, 0, Some(target.clone())),
        };
        LayerEntry { kind, mode: entry.mode, uid: entry.uid, gid: entry.gid, size, link }
    }

    /// Whether it is a regular file.
    pub fn has_content(&self) -> bool {
        matches!(self.kind, tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse)
    }
}

/// What a layer does to the image below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing of what lies below this directory (empty: the root) stays.
    Opaque(Box<[u8]>),
    /// This path, and all below it, is gone.
    Whiteout(Box<[u8]>),
    /// This path is now so.
    Put(Box<[u8]>, LayerEntry),
}

impl Change {
    /// What an entry of ours does.
    pub fn of(entry: &Entry) -> Change {
        let (parent, name) = match entry.path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&entry.path[..slash], &entry.path[slash + 1..]),
            None => (&b""[..], &entry.path[..]),
        };
        match name.strip_prefix(b".wh.") {
            Some(b".wh..opq") => Change::Opaque(parent.into()),
            Some(name) if parent.is_empty() => Change::Whiteout(name.into()),
            Some(name) => Change::Whiteout([parent, b"/", name].concat().into()),
            None => Change::Put(entry.path.clone(), LayerEntry::of(entry)),
        }
    }
}

/// Reads a layer's plain tar stream and tells of every entry, in the order of the stream. Whiteouts are recognised as
/// the [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts) says.
///
/// # Errors
///
/// A malformed stream, a path outside of the root or of absurd length, and whatever `tell` reports.
pub fn read_layer(stream: impl Read, mut tell: impl FnMut(Change) -> Result<(), TreeError>) -> Result<(), TreeError> {
    read_contents(stream, |_, change, _| tell(change).map(ControlFlow::Continue))
}

/// The same with each entry's number in the stream, counted from 0, and its content. Reads no further once `tell` asks
/// for a stop.
///
/// # Errors
///
/// As [`read_layer`].
pub fn read_contents(
    stream: impl Read,
    mut tell: impl FnMut(u32, Change, &mut dyn Read) -> Result<ControlFlow<()>, TreeError>,
) -> Result<(), TreeError> {
    walk(stream, |number, path, entry| {
        if path.is_empty() || entry.header().entry_type() == tar::EntryType::XGlobalHeader {
            return Ok(ControlFlow::Continue(()));
        }
        let (parent, name) = split(&path);
        let change = if name == OPAQUE {
            Change::Opaque(parent.into())
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            // AUFS keeps its own notes under `.wh..wh.` names; they are no paths of the image.
            if name.starts_with(WHITEOUT) {
                return Ok(ControlFlow::Continue(()));
            }
            Change::Whiteout(if parent.is_empty() { name.into() } else { [parent, b"/", name].concat().into() })
        } else {
            let in_pieces = is_in_pieces(entry)?;
            let header = entry.header();
            let told = LayerEntry {
                kind: if in_pieces { tar::EntryType::new(b'?') } else { header.entry_type() },
                mode: header.mode()? & 0o7777,
                uid: header.uid()?,
                gid: header.gid()?,
                size: entry.size(),
                link: entry.link_name_bytes().map(|link| link.as_ref().into()),
            };
            if let Some(link) = told.link.as_ref().filter(|link| link.len() > PATH_LIMIT) {
                return Err(TreeError::TooLong(link.len()));
            }
            Change::Put(path, told)
        };
        tell(number, change, entry)
    })
}

/// The name of a file that hides what lies below its directory.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";
/// How the name of a file begins that hides another.
pub(super) const WHITEOUT: &[u8] = b".wh.";

/// A path's directory and its last part.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    }
}

/// An entry of a stream that is read within its limits.
pub(super) type Walked<'a, R> = tar::Entry<'a, Metered<Take<R>>>;

/// Hands on every entry of a tar stream with its number and its path, which is empty for the root. Reads no further
/// once `tell` asks for a stop.
pub(super) fn walk<R: Read>(
    stream: R,
    mut tell: impl FnMut(u32, Box<[u8]>, &mut Walked<'_, R>) -> Result<ControlFlow<()>, TreeError>,
) -> Result<(), TreeError> {
    let allowance = Rc::new(Cell::new(HEADERS_LIMIT));
    let stream = Metered { stream: stream.take(LAYER_LIMIT), allowance: Rc::clone(&allowance) };
    let mut archive = tar::Archive::new(stream);
    for (number, entry) in (0..).zip(archive.entries()?) {
        let mut entry = entry?;
        // The way to the next entry leads over this one's content.
        let stored = match entry.header().entry_type() {
            tar::EntryType::GNUSparse => entry.header().entry_size()?,
            _ => entry.size(),
        };
        allowance.set(HEADERS_LIMIT.saturating_add(stored));
        let raw = entry.path_bytes();
        if raw.len() > PATH_LIMIT {
            return Err(TreeError::TooLong(raw.len()));
        }
        let path = within_root(&raw)
            .ok_or_else(|| TreeError::Outside(String::from_utf8_lossy(&raw[..raw.len().min(200)]).into_owned()))?;
        if tell(number, path, &mut entry)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// A path of a tar stream, `..` taken by its text as all readers of layers do; nothing if it leaves the root.
fn within_root(raw: &[u8]) -> Option<Box<[u8]>> {
    if !raw.windows(2).any(|pair| pair == b"..") {
        return normalise_path(raw);
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in raw.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    // The root itself by way of something below it is nothing that a layer says.
    normalise_path(&parts.join(&b'/')).filter(|path| !path.is_empty())
}

/// Whether what the stream holds of a file is not its content, but the pieces between its holes, as GNU's PAX records
/// tell. No tool that makes images writes such.
pub(super) fn is_in_pieces<R: Read>(entry: &mut tar::Entry<'_, R>) -> std::io::Result<bool> {
    let Some(records) = entry.pax_extensions()? else { return Ok(false) };
    Ok(records.flatten().any(|record| record.key_bytes().starts_with(b"GNU.sparse.")))
}

/// A stream of which no more is read than is allowed: names and records of any length would be taken into memory
/// whole by the tar reader.
pub(super) struct Metered<R> {
    stream: R,
    allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        match self.allowance.get().checked_sub(read as u64) {
            Some(left) => self.allowance.set(left),
            None => return Err(std::io::Error::other("the names and records of one entry are larger than 4 MiB")),
        }
        Ok(read)
    }
}
