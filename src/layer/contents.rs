//! The contents of a layer that is to be: its entries, and where the bytes of each file are.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::context::{Found, Identity, Scanned, read_unchanged};
use crate::digest::{Digest, Hasher};
use crate::entry::{Entry, Kind};

use super::codec::Codec;
use super::error::Error;
use super::key::layer_key;
use super::slice::Slice;
use super::slice::SliceReader;
use super::tar;

/// An entry and where its bytes come from.
#[derive(Debug, Clone)]
pub struct Item {
    /// What the layer says.
    pub entry: Entry,
    /// Where a file's bytes are.
    pub source: Source,
}

/// Where the bytes of an entry are.
#[derive(Debug, Clone)]
pub enum Source {
    /// It has none.
    Nothing,
    /// Here.
    Text(Arc<[u8]>),
    /// In a file that was scanned.
    File(FileSource),
    /// In a file of the store. It is always digested again when it is packed.
    Slice(Arc<Slice>),
    /// In something that can only be read from the front. It is always digested when it is packed.
    Stream(Arc<dyn Stream>),
}

/// A content that can only be read from the front: a member of an archive.
pub trait Stream: fmt::Debug + Send + Sync {
    /// Begins to read. It need not be made sure of: whoever reads it digests it.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;

    /// What it is called in messages.
    fn name(&self) -> String;
}

impl Source {
    /// Opens the content. Who reads it has to make sure that it is what its digest says.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(match self {
            Source::Nothing => Box::new(std::io::empty()),
            Source::Text(text) => Box::new(Cursor::new(Arc::clone(text))),
            Source::File(file) => {
                let path = file.path();
                let mut options = File::options();
                options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
                let io = |source| crate::context::Error::Io { doing: "open", path: path.clone(), source };
                Box::new(options.open(&path).map_err(io)?)
            }
            Source::Slice(slice) => Box::new(SliceReader { slice: Arc::clone(slice), offset: 0 }),
            Source::Stream(stream) => stream.open().map_err(|error| Error::stream(&**stream, error))?,
        })
    }
}

/// A scanned file.
#[derive(Debug, Clone)]
pub struct FileSource {
    scanned: Arc<Scanned>,
    index: usize,
}

impl FileSource {
    /// The file that was found at this place; nothing if nothing was.
    pub fn new(scanned: &Arc<Scanned>, index: usize) -> Option<FileSource> {
        scanned.found().get(index).map(|_| FileSource { scanned: Arc::clone(scanned), index })
    }

    fn found(&self) -> &Found {
        &self.scanned.found()[self.index]
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.scanned.locate(self.found())
    }

    /// What it was when scanned.
    pub fn identity(&self) -> Identity {
        self.found().identity
    }

    /// Whether the identity alone proves that the content is what was digested; otherwise the content is digested
    /// again when it is packed.
    pub fn is_settled(&self) -> bool {
        self.identity().is_settled(self.found().seen)
    }
}

/// A layer's entries, sorted bytewise by path, unique, each directory before what lies in it.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    items: Vec<Item>,
}

impl Contents {
    /// Sorts `items` into a layer.
    ///
    /// # Errors
    ///
    /// Two entries of one path, or an entry below something that is no directory.
    pub fn new(mut items: Vec<Item>) -> Result<Contents, Error> {
        let name = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
        if !items.is_sorted_by(|a, b| a.entry.path < b.entry.path) {
            items.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
            if let Some([twice, _]) = items.windows(2).find(|pair| pair[0].entry.path == pair[1].entry.path) {
                return Err(Error::Duplicate(name(&twice.entry.path)));
            }
        }
        // Directories above the entry at hand, and what may yet turn out to be one: each begins with the one before it.
        let mut above: Vec<&Entry> = Vec::new();
        for Item { entry, .. } in &items {
            if let Some(why) = crate::entry::unfit(&entry.path) {
                return Err(Error::Unfit { path: super::error::display(&entry.path), why });
            }
            while above.last().is_some_and(|last| !entry.path.starts_with(&last.path)) {
                above.pop();
            }
            if let Some(slash) = entry.path.iter().rposition(|&byte| byte == b'/') {
                let parent = &entry.path[..slash];
                match above.iter().rev().find(|other| other.path.len() <= slash) {
                    Some(found) if found.path.len() == slash && found.kind == Kind::Directory => {}
                    Some(found) if found.path.len() == slash => {
                        let (path, child) = (name(parent), name(&entry.path));
                        return Err(Error::NotADirectory { path, kind: found.kind.name(), child });
                    }
                    _ => return Err(Error::NoParent { path: name(&entry.path), parent: name(parent) }),
                }
            }
            above.push(entry);
        }
        Ok(Contents { items })
    }

    /// The item at `path`.
    pub fn find(&self, path: &[u8]) -> Option<&Item> {
        let at = self.items.binary_search_by(|item| (*item.entry.path).cmp(path)).ok()?;
        self.items.get(at)
    }

    /// Whether the layer would hold nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The entries with their sources, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.items.iter().map(|item| &item.entry)
    }

    /// The key of the layer with these contents.
    pub fn key(&self, codec: Codec) -> Digest {
        layer_key(codec, self.entries())
    }

    /// The number of bytes of its plain tar stream.
    pub fn plain_size(&self) -> u64 {
        let entries = self.entries().map(|entry| match entry.kind {
            Kind::File { size, .. } => tar::header_size(entry) + size + tar::padding(size),
            _ => tar::header_size(entry),
        });
        entries.sum::<u64>() + tar::END.len() as u64
    }

    /// The number of bytes in its files.
    pub fn size(&self) -> u64 {
        self.items
            .iter()
            .map(|item| match item.entry.kind {
                Kind::File { size, .. } => size,
                _ => 0,
            })
            .sum()
    }
}

/// Appends the content of a file to `out`.
pub(super) fn append_content(item: &Item, digest: &Digest, out: &mut Vec<u8>) -> Result<(), Error> {
    match &item.source {
        Source::Nothing => Ok(()),
        Source::Text(text) => {
            out.extend_from_slice(text);
            Ok(())
        }
        Source::Slice(slice) => match item.entry.kind {
            Kind::File { size, .. } => slice.append(size, digest, out),
            _ => Ok(()),
        },
        Source::Stream(stream) => match item.entry.kind {
            Kind::File { size, .. } => append_stream(&**stream, size, digest, out),
            _ => Ok(()),
        },
        Source::File(file) => {
            let start = out.len();
            let path = file.path();
            read_unchanged(&path, &file.identity(), &mut |bytes| out.extend_from_slice(bytes))?;
            if !file.is_settled() {
                let mut hasher = Hasher::new();
                hasher.update(&out[start..]);
                if hasher.finish() != *digest {
                    return Err(Error::Context(crate::context::Error::Changed(path)));
                }
            }
            Ok(())
        }
    }
}

/// Appends all of a stream that has to be of this size and digest.
fn append_stream(stream: &dyn Stream, size: u64, digest: &Digest, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    let failed = |error| Error::stream(stream, error);
    stream.open().map_err(failed)?.take(size.saturating_add(1)).read_to_end(out).map_err(failed)?;
    if (out.len() - start) as u64 == size && Digest::of(&out[start..]) == *digest {
        return Ok(());
    }
    Err(Error::NotAsStated(stream.name()))
}
