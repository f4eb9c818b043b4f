//! The digests of a context's files, remembered across runs so that an unchanged file is not read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::Error;
use super::scan::{Context, Found, FoundKind, Identity, Moment};
use crate::digest::{Digest, Hasher};

const MAGIC: &[u8] = b"tarsia file digests 1\n";

/// The largest index that is read back: more would be some 20 million files.
const INDEX_LIMIT: u64 = 4 << 30;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// Where the digests of a context's files are remembered.
#[derive(Debug, Clone)]
pub struct ContextIndex {
    /// The file.
    pub path: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
}

/// The digest of each file in `found`, in its order; `None` for what is no file.
///
/// `index` is where the digests of this context are remembered. It is advice: an index that cannot be read or
/// written costs time, never correctness. Runs on the current rayon pool.
pub fn digest_files(
    context: &Context,
    found: &[Found],
    index: Option<&ContextIndex>,
) -> Result<Vec<Option<Digest>>, Error> {
    let known = index.map(|index| Index::load(&index.path)).unwrap_or_default();
    let mut at = 0;
    let mut digests: Vec<Option<Digest>> = Vec::with_capacity(found.len());
    let mut missing = Vec::new();
    for (position, file) in found.iter().enumerate() {
        let digest = match file.kind {
            FoundKind::File => {
                let digest = known.lookup(&mut at, file);
                if digest.is_none() {
                    missing.push(position);
                }
                digest
            }
            _ => None,
        };
        digests.push(digest);
    }
    if missing.is_empty() && known.records.len() == digests.iter().flatten().count() {
        return Ok(digests);
    }
    let read: Vec<(usize, Digest, Moment)> = missing
        .par_iter()
        .map(|&position| {
            let started = Moment::now();
            let digest = digest_file(context, &found[position])?;
            Ok((position, digest, started))
        })
        .collect::<Result<_, Error>>()?;
    let mut started = vec![None; found.len()];
    for (position, digest, moment) in read {
        digests[position] = Some(digest);
        started[position] = Some(moment);
    }
    if let Some(index) = index.filter(|index| index.writable) {
        let records = found.iter().zip(&digests).zip(&started).filter_map(|((file, digest), started)| {
            let settled = started.is_none_or(|started| file.identity.is_settled(started));
            digest.filter(|_| settled).map(|digest| Record { path: file.path.clone(), identity: file.identity, digest })
        });
        // Failing to remember is no failure.
        let _ = Index { records: records.collect() }.save(&index.path);
    }
    Ok(digests)
}

fn digest_file(context: &Context, file: &Found) -> Result<Digest, Error> {
    let mut hasher = Hasher::new();
    read_unchanged(&context.locate(file), &file.identity, &mut |bytes| hasher.update(bytes))?;
    Ok(hasher.finish())
}

/// Reads a file whole, handing its bytes on in pieces, and makes sure that it is and stays the one that was scanned.
///
/// # Errors
///
/// [`Error::Changed`] if identity or size differ before or after.
pub fn read_unchanged(path: &Path, identity: &Identity, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let io = |doing, source| Error::Io { doing, path: path.to_owned(), source };
    let changed = || Error::Changed(path.to_owned());
    // A path that has become a link or a FIFO since the scan must neither be followed nor waited for.
    let mut file = match File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(changed()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(changed()),
        Err(source) => return Err(io("open", source)),
    };
    let unchanged = |file: &File| -> Result<bool, Error> {
        let metadata = file.metadata().map_err(|source| io("look at", source))?;
        Ok(metadata.is_file() && Identity::of(&metadata) == *identity)
    };
    if !unchanged(&file)? {
        return Err(changed());
    }
    let size = BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(CHUNK, 0);
        let mut size = 0u64;
        loop {
            let read = match file.read(buffer) {
                Ok(0) => return Ok(size),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(io("read", source)),
            };
            size += read as u64;
            if size > identity.size {
                return Err(changed());
            }
            sink(&buffer[..read]);
            // The last read of a file whose size is known need not be followed by an empty one.
            if size == identity.size {
                return Ok(size);
            }
        }
    })?;
    if size != identity.size || !unchanged(&file)? {
        return Err(changed());
    }
    Ok(())
}

struct Record {
    path: Box<[u8]>,
    identity: Identity,
    digest: Digest,
}

/// Digests by path, sorted, as they were when last written.
#[derive(Default)]
struct Index {
    records: Vec<Record>,
}

impl Index {
    /// The index in the file, or an empty one if it is not there, damaged or of another version.
    fn load(path: &Path) -> Index {
        let read = || -> io::Result<Vec<u8>> {
            let file = File::open(path)?;
            let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len().min(INDEX_LIMIT)).unwrap_or(0));
            file.take(INDEX_LIMIT).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().ok().and_then(|bytes| Index::parse(&bytes)).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Index> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (path, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let (numbers, after) = after.split_first_chunk::<40>()?;
            let (digest, after) = after.split_first_chunk::<32>()?;
            let number = |at: usize| {
                let mut eight = [0; 8];
                eight.copy_from_slice(&numbers[at * 8..at * 8 + 8]);
                u64::from_le_bytes(eight)
            };
            records.push(Record {
                path: path.into(),
                identity: Identity {
                    device: number(0),
                    inode: number(1),
                    size: number(2),
                    modified: Moment(number(3).cast_signed()),
                    changed: Moment(number(4).cast_signed()),
                },
                digest: Digest::from_bytes(*digest),
            });
            rest = after;
        }
        Some(Index { records })
    }

    /// The digest of `file` if it is known. Asked for in path order: `at` is where the last answer stood.
    fn lookup(&self, at: &mut usize, file: &Found) -> Option<Digest> {
        while self.records.get(*at).is_some_and(|record| record.path < file.path) {
            *at += 1;
        }
        let record = self.records.get(*at)?;
        (record.path == file.path && record.identity == file.identity).then_some(record.digest)
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        for record in &self.records {
            let length = u32::try_from(record.path.len()).map_err(io::Error::other)?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&record.path);
            let Identity { device, inode, size, modified, changed } = record.identity;
            for number in [device, inode, size, modified.0.cast_unsigned(), changed.0.cast_unsigned()] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(record.digest.as_bytes());
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&bytes)?;
        // Losing the index in a crash costs one reading of the files; half of one fails its checksum. No fsync.
        file.persist(path)?;
        Ok(())
    }
}
