//! The digests of a context's files, remembered across runs so that an unchanged file is not read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::Error;
use super::index::{self, Index};
use super::scan::{Context, Found, FoundKind, Identity, Moment};
use crate::digest::{Digest, Hasher};
use crate::workers::Workers;

/// How much of a file is read at a time, in bytes: no more than a core's own cache takes.
const CHUNK: usize = 128 * 1024;

/// How many bytes one thread digests rather than to call for others, and how many a file counts for beside its own.
const ALONE: u64 = 1 << 20;
const OPENING: u64 = 16 << 10;

/// Where the digests of a context's files are remembered.
#[derive(Debug, Clone)]
pub struct ContextIndex {
    /// The file.
    pub path: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
}

/// The digest of each file in `found`, in its order, which is that of the paths; `None` for what is no file.
///
/// `index` is where the digests of this context are remembered. It is advice: an index that cannot be read or
/// written costs time, never correctness. A file whose digest is known is not opened.
pub fn digest_files(
    context: &Context,
    found: &[Found],
    index: Option<&ContextIndex>,
    workers: &Workers,
) -> Result<Vec<Option<Digest>>, Error> {
    let mut known = index.map(|index| Index::open(&index.path)).unwrap_or_default();
    let mut digests: Vec<Option<Digest>> = Vec::with_capacity(found.len());
    let mut missing = Vec::new();
    let mut files = 0;
    for (position, file) in found.iter().enumerate() {
        let is_file = file.kind == FoundKind::File;
        let digest = if is_file { known.lookup(file) } else { None };
        files += u64::from(is_file);
        if is_file && digest.is_none() {
            missing.push(position);
        }
        digests.push(digest);
    }
    if missing.is_empty() && known.count == files {
        return Ok(digests);
    }
    drop(known);
    // What is not known to lie still is digested again the next time.
    let mut unsettled = vec![false; found.len()];
    for (position, digest, started) in digest_missing(context, found, missing, workers)? {
        digests[position] = Some(digest);
        unsettled[position] = !found[position].identity.is_settled(started);
    }
    if let Some(index) = index.filter(|index| index.writable) {
        let settled = found.iter().zip(&digests).zip(&unsettled).filter(|(_, unsettled)| !**unsettled);
        let records = settled.filter_map(|((file, digest), _)| Some((file, digest.as_ref()?)));
        // Failing to remember is no failure.
        let _ = index::write(&index.path, records.clone().count() as u64, records);
    }
    Ok(digests)
}

/// A file's place, its digest, and when it began to be read.
type Digested = (usize, Digest, Moment);

/// Digests files, by their places in `found`.
fn digest_missing(
    context: &Context,
    found: &[Found],
    mut missing: Vec<usize>,
    workers: &Workers,
) -> Result<Vec<Digested>, Error> {
    let digest = |position: usize| -> Result<Digested, Error> {
        let started = Moment::now();
        Ok((position, digest_file(context, &found[position])?, started))
    };
    let work: u64 = missing.iter().map(|&position| found[position].identity.size.saturating_add(OPENING)).sum();
    let pool = if work > ALONE && missing.len() > 1 { workers.help() } else { None };
    let Some(pool) = pool else { return missing.into_iter().map(digest).collect() };
    // The largest first: a file is digested by one thread, and no thread shall begin a large one when the others end.
    missing.sort_by_key(|&position| std::cmp::Reverse(found[position].identity.size));
    let next = AtomicUsize::new(0);
    let all: Mutex<Result<Vec<Digested>, Error>> = Mutex::new(Ok(Vec::with_capacity(missing.len())));
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    pool.scope(|scope| {
        for _ in 0..workers.jobs() {
            scope.spawn(|_| {
                let mut own = Vec::new();
                while let Some(&position) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match digest(position) {
                        Ok(digested) => own.push(digested),
                        Err(error) => {
                            // One failure is enough to report, and nothing more is begun.
                            next.store(missing.len(), Ordering::Relaxed);
                            *lock() = Err(error);
                            return;
                        }
                    }
                }
                if let Ok(all) = &mut *lock() {
                    all.append(&mut own);
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
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
