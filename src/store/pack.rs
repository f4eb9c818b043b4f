//! Packs: contents of files that were taken out of an image's layers or out of archives, one after another in one file.
//!
//! ```text
//! contents   one after another
//! index      whatever their maker says of them
//! trailer    the two sizes (u64, little end first), the digest of key and index, the digest of the contents, a mark
//! ```
//!
//! When a pack is opened its index is made sure of. Its contents are digested one by one when they are used, and all by
//! [`Store::verify`].

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::{Store, StoreError};
use crate::digest::{Digest, Hasher};
use crate::layer::{Slice, SliceFile, Source};

const MARK: &[u8; 16] = b"tarsia pack 1\n\0\0";
const TRAILER: usize = 8 + 8 + 32 + 32 + MARK.len();

/// How many bytes the contents of one pack may have: ECR's limit of a layer is 52 GB.
pub const PACK_LIMIT: u64 = 64 << 30;
/// How many bytes its index may have.
const INDEX_LIMIT: u64 = 256 << 20;

/// Contents that lie in the store.
#[derive(Debug, Clone)]
pub struct Pack {
    file: Arc<SliceFile>,
    index: Vec<u8>,
    size: u64,
}

impl Pack {
    /// What its maker said of the contents.
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// How many bytes the contents have.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The content of this size that begins here; nothing if the pack ends before it does.
    pub fn source(&self, offset: u64, size: u64) -> Option<Source> {
        offset.checked_add(size).filter(|&end| end <= self.size)?;
        Some(Source::Slice(Arc::new(Slice { file: Arc::clone(&self.file), offset, size })))
    }
}

/// Where a content lies in a pack, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

/// Why a content cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It cannot be read.
    #[error("failed to read the content")]
    Read(#[source] io::Error),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The contents are too large together.
    #[error("the contents have more than {limit} bytes")]
    TooLarge {
        /// How many would be allowed.
        limit: u64,
    },
}

/// A pack that is being written. Dropped before it is committed, it leaves nothing behind.
pub struct NewPack<'a> {
    store: &'a Store,
    /// Nothing for a store that is only looked at: contents are digested and forgotten.
    file: Option<BufWriter<NamedTempFile>>,
    contents: Hasher,
    size: u64,
    buffer: Vec<u8>,
}

impl NewPack<'_> {
    /// Adds all that `content` gives. What was added before a failure stays in the way: the pack is to be dropped then.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, or there is more than [`PACK_LIMIT`].
    pub fn add(&mut self, content: &mut dyn Read) -> Result<Packed, PackError> {
        let offset = self.size;
        let mut digest = Hasher::new();
        loop {
            let read = match content.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(PackError::Read(error)),
            };
            self.size += read as u64;
            if self.size > PACK_LIMIT {
                return Err(PackError::TooLarge { limit: PACK_LIMIT });
            }
            let bytes = &self.buffer[..read];
            digest.update(bytes);
            if let Some(file) = &mut self.file {
                self.contents.update(bytes);
                let path = file.get_ref().path().to_owned();
                file.write_all(bytes).map_err(self.store.io("write", &path))?;
            }
        }
        Ok(Packed { offset, size: self.size - offset, digest: digest.finish() })
    }

    /// Gives the pack its name, with what is to be known of its contents.
    ///
    /// # Errors
    ///
    /// If the disk is full or refuses.
    pub fn commit(self, key: &Digest, index: Vec<u8>) -> Result<Pack, StoreError> {
        let NewPack { store, file, contents, size, .. } = self;
        let path = store.pack_path(key);
        let Some(mut file) = file else {
            return Ok(Pack { file: Arc::new(SliceFile { path, file: None }), index, size });
        };
        let mut trailer = Vec::with_capacity(TRAILER);
        trailer.extend_from_slice(&size.to_le_bytes());
        trailer.extend_from_slice(&(index.len() as u64).to_le_bytes());
        trailer.extend_from_slice(index_digest(key, &index).as_bytes());
        trailer.extend_from_slice(contents.finish().as_bytes());
        trailer.extend_from_slice(MARK);
        file.write_all(&index).and_then(|()| file.write_all(&trailer)).map_err(store.io("write", &path))?;
        let file = file.into_inner().map_err(|error| store.io("write", &path)(error.into_error()))?;
        let open = file.as_file().try_clone().map_err(store.io("open", &path))?;
        store.publish(file, &path)?;
        Ok(Pack { file: Arc::new(SliceFile { path, file: Some(open) }), index, size })
    }
}

/// An index counts for one key only: a file under another's name is no pack.
fn index_digest(key: &Digest, index: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(key.as_bytes());
    hasher.field(index);
    hasher.finish()
}

/// What a trailer says.
struct Trailer {
    size: u64,
    index: Vec<u8>,
    index_digest: Digest,
    contents: Digest,
}

/// Reads trailer and index, if the file is as long as they say.
fn read_trailer(file: &File) -> Option<Trailer> {
    let length = file.metadata().ok()?.len();
    let mut trailer = [0; TRAILER];
    file.read_exact_at(&mut trailer, length.checked_sub(TRAILER as u64)?).ok()?;
    let (size, rest) = trailer.split_first_chunk::<8>()?;
    let (index_size, rest) = rest.split_first_chunk::<8>()?;
    let (index_digest, rest) = rest.split_first_chunk::<32>()?;
    let (contents, mark) = rest.split_first_chunk::<32>()?;
    let (size, index_size) = (u64::from_le_bytes(*size), u64::from_le_bytes(*index_size));
    let whole = size.checked_add(index_size)?.checked_add(TRAILER as u64)?;
    if mark != MARK || whole != length || index_size > INDEX_LIMIT {
        return None;
    }
    let mut index = vec![0; usize::try_from(index_size).ok()?];
    file.read_exact_at(&mut index, size).ok()?;
    let (index_digest, contents) = (Digest::from_bytes(*index_digest), Digest::from_bytes(*contents));
    Some(Trailer { size, index, index_digest, contents })
}

impl Store {
    fn pack_path(&self, key: &Digest) -> PathBuf {
        self.root.join("packs").join(key.hex())
    }

    /// The pack of this key, if there is one and its index is undamaged.
    pub fn pack(&self, key: &Digest) -> Option<Pack> {
        const DAY: Duration = Duration::from_secs(86_400);
        let path = self.pack_path(key);
        let file = File::open(&path).ok()?;
        let Trailer { size, index, index_digest: stated, .. } = read_trailer(&file)?;
        if stated != index_digest(key, &index) {
            return None;
        }
        // Pruning goes by the time of last use. Once a day is often enough to write it down.
        let used = file.metadata().and_then(|metadata| metadata.modified());
        if self.lock.is_some() && used.is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > DAY)) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(Pack { file: Arc::new(SliceFile { path, file: Some(file) }), index, size })
    }

    /// Begins a pack. In a store that is only looked at contents are digested and not kept: they have no bytes then.
    ///
    /// # Errors
    ///
    /// If no temporary file can be made.
    pub fn new_pack(&self) -> Result<NewPack<'_>, StoreError> {
        let file = match self.lock {
            Some(_) => Some(BufWriter::with_capacity(256 << 10, self.temporary()?)),
            None => None,
        };
        Ok(NewPack { store: self, file, contents: Hasher::new(), size: 0, buffer: vec![0; 256 << 10] })
    }

    /// The digest of what a file among the packs holds, if it is not the pack that its name says.
    pub(super) fn damaged_pack(&self, path: &Path) -> Result<Option<Digest>, StoreError> {
        let mut file = File::open(path).map_err(self.io("open", path))?;
        let digest = |limit: u64, file: &mut File| -> Result<Digest, StoreError> {
            let mut reader = crate::digest::Digesting::new(file.take(limit));
            io::copy(&mut reader, &mut io::sink()).map_err(self.io("read", path))?;
            Ok(reader.finish().1)
        };
        let key = path.file_name().and_then(|name| name.to_str()).and_then(Digest::from_hex);
        let trailer = read_trailer(&file)
            .filter(|trailer| key.is_some_and(|key| index_digest(&key, &trailer.index) == trailer.index_digest));
        match trailer {
            Some(Trailer { size, contents, .. }) => {
                Ok(Some(digest(size, &mut file)?).filter(|holds| *holds != contents))
            }
            None => digest(fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len()), &mut file).map(Some),
        }
    }
}

#[cfg(test)]
mod tests;
