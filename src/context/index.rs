//! The index: digests of a context's files as they were when last written, in the order of their paths.
//!
//! ```text
//! "tarsia file digests 2\n"
//! number of records, 8 bytes
//! blocks: length and CRC-32 of what follows, 4 bytes each; then records:
//!   how much of the path before it its own begins with, and the rest of it, each with its length as LEB128
//!   device, inode, size, times of modification and change, 8 bytes each; digest, 32 bytes
//! ```
//!
//! It is read and written a block at a time, along with the walk's answer, and never held whole.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::scan::{Found, Identity, Moment};
use crate::binary::{Reader, put_number, put_text};
use crate::digest::Digest;

const MAGIC: &[u8] = b"tarsia file digests 2\n";

/// After how many bytes a block ends.
const BLOCK: usize = 64 << 10;

/// The most bytes of a block: the last record may have a long path.
const BLOCK_LIMIT: usize = BLOCK + (32 << 10);

/// An index that is read from its front to its end. One that is not there, damaged or of another version has ended.
#[derive(Default)]
pub(super) struct Index {
    source: Option<BufReader<File>>,
    /// How many records it holds.
    pub count: u64,
    block: Vec<u8>,
    /// How much of the block was read.
    at: usize,
    path: Vec<u8>,
    known: Option<(Identity, Digest)>,
}

impl Index {
    pub(super) fn open(path: &Path) -> Index {
        let mut index = Index::default();
        let begin = || -> io::Result<(BufReader<File>, u64)> {
            let mut source = BufReader::with_capacity(BLOCK_LIMIT, File::open(path)?);
            let mut magic = [0; MAGIC.len()];
            source.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut count = [0; 8];
            source.read_exact(&mut count)?;
            Ok((source, u64::from_le_bytes(count)))
        };
        if let Ok((source, count)) = begin() {
            (index.source, index.count) = (Some(source), count);
            index.step();
        }
        index
    }

    /// The digest of `file` if it is known. Asked for in path order.
    pub(super) fn lookup(&mut self, file: &Found) -> Option<Digest> {
        while self.known.is_some() && *self.path < *file.path {
            self.step();
        }
        let (identity, digest) = self.known.as_ref()?;
        (*self.path == *file.path && *identity == file.identity).then_some(*digest)
    }

    /// Goes on to the next record.
    fn step(&mut self) {
        if self.at == self.block.len() && !self.next_block() {
            self.known = None;
            return;
        }
        let mut reader = Reader(&self.block[self.at..]);
        self.known = read_record(&mut reader, &mut self.path);
        self.at = if self.known.is_some() { self.block.len() - reader.0.len() } else { self.block.len() };
        if self.known.is_none() {
            self.source = None;
        }
    }

    fn next_block(&mut self) -> bool {
        let Some(source) = &mut self.source else { return false };
        let mut read = || -> io::Result<bool> {
            let mut head = [0; 8];
            source.read_exact(&mut head)?;
            let [a, b, c, d, e, f, g, h] = head;
            let length = u32::from_le_bytes([a, b, c, d]) as usize;
            if length > BLOCK_LIMIT {
                return Ok(false);
            }
            self.block.resize(length, 0);
            source.read_exact(&mut self.block)?;
            Ok(crc32fast::hash(&self.block) == u32::from_le_bytes([e, f, g, h]))
        };
        self.at = 0;
        let is_there = read().unwrap_or(false);
        if !is_there {
            (self.source, self.block) = (None, Vec::new());
        }
        is_there
    }
}

/// Reads a record's facts, and makes its path of the one before it.
fn read_record(reader: &mut Reader<'_>, path: &mut Vec<u8>) -> Option<(Identity, Digest)> {
    let shared = usize::try_from(reader.number()?).ok().filter(|&shared| shared <= path.len())?;
    path.truncate(shared);
    path.extend_from_slice(reader.text()?);
    let identity = Identity {
        device: reader.fixed()?,
        inode: reader.fixed()?,
        size: reader.fixed()?,
        modified: Moment(reader.fixed()?.cast_signed()),
        changed: Moment(reader.fixed()?.cast_signed()),
    };
    Some((identity, reader.digest()?))
}

/// Writes an index of these records, sorted by path, of which there are `count`.
pub(super) fn write<'a>(
    path: &Path,
    count: u64,
    records: impl Iterator<Item = (&'a Found, &'a Digest)>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = BufWriter::with_capacity(BLOCK_LIMIT, file);
    out.write_all(MAGIC)?;
    out.write_all(&count.to_le_bytes())?;
    let mut block = Vec::with_capacity(BLOCK_LIMIT);
    let mut before: &[u8] = b"";
    let mut records = records.peekable();
    while let Some((found, digest)) = records.next() {
        let shared = before.iter().zip(&found.path).take_while(|(a, b)| a == b).count();
        put_number(&mut block, shared as u64);
        put_text(&mut block, &found.path[shared..]);
        let Identity { device, inode, size, modified, changed } = found.identity;
        for number in [device, inode, size, modified.0.cast_unsigned(), changed.0.cast_unsigned()] {
            block.extend_from_slice(&number.to_le_bytes());
        }
        block.extend_from_slice(digest.as_bytes());
        before = &found.path;
        if block.len() >= BLOCK || records.peek().is_none() {
            let length = u32::try_from(block.len()).map_err(io::Error::other)?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(&crc32fast::hash(&block).to_le_bytes())?;
            out.write_all(&block)?;
            block.clear();
        }
    }
    // Losing the index in a crash costs one reading of the files; half of one ends where it was cut. No fsync.
    out.into_inner().map_err(io::IntoInnerError::into_error)?.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::FoundKind;

    fn files(count: u64) -> Vec<Found> {
        let moment = |number: u64| Moment(number.cast_signed() - 5);
        let file = |number: u64| Found {
            path: format!("package/module_{:03}/file_{number:06}", number / 100).into_bytes().into(),
            kind: FoundKind::File,
            mode: 0o644,
            is_linked: false,
            identity: Identity {
                device: 1,
                inode: number,
                size: number * 7,
                modified: moment(number),
                changed: moment(number),
            },
            seen: Moment(0),
            source: None,
        };
        (0..count).map(file).collect()
    }

    fn digest(file: &Found) -> Digest {
        Digest::of(&file.path)
    }

    #[test]
    fn what_is_written_is_found_along_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contexts/index");
        let mut files = files(3_000);
        let digests: Vec<Digest> = files.iter().map(digest).collect();
        // Every third is not remembered.
        let records = files.iter().zip(&digests).filter(|(file, _)| file.identity.inode % 3 != 0);
        write(&path, 2_000, records).unwrap();
        // One has changed since.
        files[1_000].identity.size += 1;
        let mut index = Index::open(&path);
        assert_eq!(index.count, 2_000);
        for file in &files {
            let is_known = file.identity.inode % 3 != 0 && file.identity.inode != 1_000;
            assert_eq!(index.lookup(file), is_known.then(|| digest(file)));
        }
    }

    #[test]
    fn damage_makes_forget_and_never_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let files = files(3_000);
        let digests: Vec<Digest> = files.iter().map(digest).collect();
        write(&path, 3_000, files.iter().zip(&digests)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert!(whole.len() > 2 * BLOCK);
        let known = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut index = Index::open(&path);
            let known = files.iter().filter(|file| {
                let found = index.lookup(file);
                assert!(found.is_none_or(|found| found == digest(file)));
                found.is_some()
            });
            known.count()
        };
        assert_eq!(known(&whole), 3_000);
        for at in (0..whole.len()).step_by(1_997) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            let (damaged, cut) = (known(&bytes), known(&whole[..at]));
            // The number of records is looked at by others.
            assert!(damaged < 3_000 || (MAGIC.len()..MAGIC.len() + 8).contains(&at), "{at}");
            assert!(cut <= damaged, "{at}");
        }
        assert_eq!(known(b"tarsia file digests 1\n"), 0);
    }
}
