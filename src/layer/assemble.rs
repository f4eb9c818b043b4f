//! Assembling: contents in, compressed blob out, with both digests, in bounded memory.
//!
//! Blocks are read and compressed as tasks of the rayon pool; the calling thread takes them in order, digests the
//! plain and the compressed stream and writes. [`Permits`] bound how many blocks exist at once, over all layers that
//! are being assembled: at most two buffers of 2 MiB each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use super::blocks::{self, Block, Compressed, Extent};
use super::codec::Codec;
use super::contents::{Contents, FileSource, Item, Source, append_content};
use super::error::Error;
use super::{gzip, tar, zstd};
use crate::context::{self, Identity};
use crate::digest::{Digest, Hasher};
use crate::entry::{Entry, Kind};

/// What assembling a layer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The digest of the plain tar stream.
    pub diff_id: Digest,
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The blob's blocks, in order.
    pub extents: Vec<Extent>,
}

/// Bounds how many blocks are in memory at once. Shared by all layers of a run.
#[derive(Debug)]
pub struct Permits {
    free: Mutex<usize>,
    returned: Condvar,
}

impl Permits {
    /// Permits for `count` blocks, at least one.
    pub fn new(count: usize) -> Permits {
        Permits { free: Mutex::new(count.max(1)), returned: Condvar::new() }
    }

    /// As many as keep `jobs` workers busy, and never more than some 40 MB of blocks.
    pub fn for_jobs(jobs: usize) -> Permits {
        Permits::new((jobs + jobs / 2 + 2).min(12))
    }

    fn take(&self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }

    fn try_take(&self) -> bool {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let some = *free > 0;
        *free -= usize::from(some);
        some
    }

    fn give(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.returned.notify_one();
    }
}

struct Packed {
    plain: Vec<u8>,
    compressed: Compressed,
}

/// Packs `contents` with `codec` into `out`, on `pool`. `progress` is told the number of plain bytes done since it
/// was last told.
///
/// The bytes depend on contents and codec alone: not on threads, not on what is on disk around the files.
///
/// # Errors
///
/// A file that cannot be read or is not what was scanned; `out` cannot be written.
pub fn assemble(
    contents: &Arc<Contents>,
    codec: Codec,
    pool: &rayon::ThreadPool,
    permits: &Arc<Permits>,
    out: &mut dyn Write,
    progress: &dyn Fn(u64),
) -> Result<Assembled, Error> {
    let blocks = blocks::cut(contents.entries());
    let last = blocks.len() - 1;
    let mut started = 0;
    let mut pending: VecDeque<mpsc::Receiver<Result<Packed, Error>>> = VecDeque::new();
    let mut stream = Stream::new(out);
    let mut recheck = Recheck::default();
    let mut streams = Streams::default();
    if codec == Codec::Gzip {
        stream.framing(&gzip::HEADER)?;
    }
    for block in &blocks {
        // Start as many blocks as permits allow; wait for one only if none of ours is under way, so that layers
        // that are assembled side by side never wait for each other in a circle.
        while started < blocks.len() {
            if pending.is_empty() {
                permits.take();
            } else if !permits.try_take() {
                break;
            }
            let ahead = streams.part(contents.items(), &blocks[started]);
            pending.push_back(start(pool, contents, blocks[started].clone(), started == last, codec, ahead));
            started += 1;
        }
        let packed = match pending.pop_front().map(|receiver| receiver.recv()) {
            Some(Ok(packed)) => packed,
            // A task that ends without an answer has panicked.
            _ => Err(Error::Write(io::Error::other("a worker stopped unexpectedly"))),
        };
        let result = packed.and_then(|packed| {
            recheck.see(block, contents.items(), &packed.plain)?;
            stream.block(&packed)?;
            progress(packed.plain.len() as u64);
            Ok(())
        });
        permits.give();
        if let Err(error) = result {
            for receiver in pending {
                let _ = receiver.recv();
                permits.give();
            }
            return Err(error);
        }
    }
    if codec == Codec::Gzip {
        let trailer = gzip::trailer(stream.crc.clone().finalize(), stream.plain_size);
        stream.framing(&trailer)?;
    }
    stream.finish()
}

fn start(
    pool: &rayon::ThreadPool,
    contents: &Arc<Contents>,
    block: Block,
    is_last: bool,
    codec: Codec,
    ahead: Result<Option<Vec<u8>>, Error>,
) -> mpsc::Receiver<Result<Packed, Error>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let contents = Arc::clone(contents);
    pool.spawn(move || {
        let packed = ahead
            .and_then(|ahead| read(contents.items(), &block, is_last, ahead))
            .and_then(|plain| compress(codec, &plain).map(|compressed| Packed { plain, compressed }));
        // Nobody listens any more if another block has failed.
        let _ = sender.send(packed);
    });
    receiver
}

/// The plain bytes of a block. `ahead` is the part of a file, if that had to be read before.
fn read(items: &[Item], block: &Block, is_last: bool, ahead: Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let mut plain = ahead.unwrap_or_default();
    match *block {
        Block::Entries { first, end, size } => {
            plain.reserve_exact(size as usize + tar::END.len());
            for item in &items[first..end] {
                tar::write_header(&mut plain, &item.entry);
                if let Kind::File { size, digest } = &item.entry.kind
                    && !blocks::is_large(&item.entry)
                {
                    append_content(item, digest, &mut plain)?;
                    plain.resize(plain.len() + tar::padding(*size) as usize, 0);
                }
            }
        }
        Block::Part { entry, offset, length } => {
            let item = &items[entry];
            let Kind::File { size, .. } = item.entry.kind else { return Ok(plain) };
            // The padding, and the end of the whole stream.
            plain.reserve_exact(length as usize + 2048 - plain.len());
            plain.resize(length as usize, 0);
            match &item.source {
                Source::Nothing | Source::Stream(_) => {}
                Source::Text(text) => {
                    plain.copy_from_slice(&text[offset as usize..(offset + length) as usize]);
                }
                Source::File(file) => read_part(file, offset, &mut plain)?,
                Source::Slice(slice) => slice.read_part(offset, &mut plain)?,
            }
            if offset + length == size {
                plain.resize(plain.len() + tar::padding(size) as usize, 0);
            }
        }
    }
    if is_last {
        plain.extend_from_slice(&tar::END);
    }
    Ok(plain)
}

/// Large contents that can only be read from the front: their parts are read in order, by the thread that starts the blocks.
#[derive(Default)]
struct Streams {
    /// The entry that is being read.
    open: Option<(usize, Box<dyn Read + Send>)>,
}

impl Streams {
    /// The bytes of the block, if it is a part of such a content.
    fn part(&mut self, items: &[Item], block: &Block) -> Result<Option<Vec<u8>>, Error> {
        let &Block::Part { entry, offset, length } = block else { return Ok(None) };
        let Some(Item { entry: Entry { kind: Kind::File { size, .. }, .. }, source: Source::Stream(stream) }) =
            items.get(entry)
        else {
            return Ok(None);
        };
        let failed = |error| Error::stream(&**stream, error);
        let mut reader = match self.open.take() {
            Some((open, reader)) if open == entry && offset > 0 => reader,
            _ => stream.open().map_err(failed)?,
        };
        let mut part = Vec::with_capacity(length as usize + 2048);
        let read = (&mut reader).take(length).read_to_end(&mut part).map_err(failed)? as u64;
        let is_last = offset + length == *size;
        // What is longer than it says is not what it says either.
        if read != length || is_last && reader.read(&mut [0]).map_err(failed)? != 0 {
            return Err(Error::NotAsStated(stream.name()));
        }
        if !is_last {
            self.open = Some((entry, reader));
        }
        Ok(Some(part))
    }
}

/// Reads a part of a file that must be the one that was scanned, before and after.
fn read_part(source: &FileSource, offset: u64, part: &mut [u8]) -> Result<(), Error> {
    let (path, identity) = (source.path(), source.identity());
    let io = |doing, source_error| context::Error::Io { doing, path: path.clone(), source: source_error };
    let changed = || context::Error::Changed(path.clone());
    let file =
        File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ELOOP) => changed(),
                _ => io("open", error),
            }
        })?;
    let check = |file: &File| -> Result<(), Error> {
        let metadata = file.metadata().map_err(|error| io("look at", error))?;
        if metadata.is_file() && Identity::of(&metadata) == identity { Ok(()) } else { Err(changed().into()) }
    };
    check(&file)?;
    file.read_exact_at(part, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(),
        _ => io("read", error),
    })?;
    check(&file)
}

fn compress(codec: Codec, plain: &[u8]) -> Result<Compressed, Error> {
    thread_local! {
        static DEFLATER: RefCell<Option<gzip::Deflater>> = const { RefCell::new(None) };
        static ZSTD: RefCell<Option<zstd::Compressor>> = const { RefCell::new(None) };
    }
    match codec {
        Codec::Gzip => {
            Ok(DEFLATER.with_borrow_mut(|deflater| deflater.get_or_insert_with(gzip::Deflater::new).block(plain)))
        }
        Codec::Zstd => ZSTD.with_borrow_mut(|compressor| {
            let compressor = match compressor {
                Some(compressor) => compressor,
                None => compressor.insert(zstd::Compressor::new().map_err(Error::Write)?),
            };
            compressor.block(plain).map_err(Error::Write)
        }),
        Codec::None => Ok(Compressed { bytes: Vec::new(), crc: crc32fast::hash(plain) }),
    }
}

/// The blob being written and all that is learnt on the way.
struct Stream<'a> {
    out: &'a mut dyn Write,
    plain: Hasher,
    plain_size: u64,
    crc: crc32fast::Hasher,
    blob: Hasher,
    size: u64,
    extents: Vec<Extent>,
}

impl<'a> Stream<'a> {
    fn new(out: &'a mut dyn Write) -> Stream<'a> {
        Stream {
            out,
            plain: Hasher::new(),
            plain_size: 0,
            crc: crc32fast::Hasher::new(),
            blob: Hasher::new(),
            size: 0,
            extents: Vec::new(),
        }
    }

    fn framing(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.blob.update(bytes);
        self.size += bytes.len() as u64;
        self.out.write_all(bytes).map_err(Error::Write)
    }

    fn block(&mut self, packed: &Packed) -> Result<(), Error> {
        let Packed { plain, compressed } = packed;
        let bytes = if compressed.bytes.is_empty() { plain } else { &compressed.bytes };
        self.plain.update(plain);
        self.plain_size += plain.len() as u64;
        self.crc.combine(&crc32fast::Hasher::new_with_initial_len(compressed.crc, plain.len() as u64));
        self.extents.push(Extent { plain: plain.len() as u64, compressed: bytes.len() as u64, crc: compressed.crc });
        self.framing(bytes)
    }

    fn finish(self) -> Result<Assembled, Error> {
        Ok(Assembled {
            diff_id: self.plain.finish(),
            digest: self.blob.finish(),
            size: self.size,
            extents: self.extents,
        })
    }
}

/// Digests large files of which nothing proves that they are what they were, as their parts pass by in order.
#[derive(Default)]
struct Recheck {
    hasher: Hasher,
}

impl Recheck {
    fn see(&mut self, block: &Block, items: &[Item], plain: &[u8]) -> Result<(), Error> {
        let &Block::Part { entry, offset, length } = block else { return Ok(()) };
        let Item { entry: Entry { kind: Kind::File { size, digest }, .. }, source } = &items[entry] else {
            return Ok(());
        };
        let is_settled = match source {
            Source::File(file) => file.is_settled(),
            Source::Slice(_) | Source::Stream(_) => false,
            Source::Nothing | Source::Text(_) => true,
        };
        if is_settled {
            return Ok(());
        }
        if offset == 0 {
            self.hasher = Hasher::new();
        }
        self.hasher.update(&plain[..length as usize]);
        if offset + length == *size && std::mem::take(&mut self.hasher).finish() != *digest {
            return Err(match source {
                Source::File(file) => context::Error::Changed(file.path()).into(),
                Source::Slice(slice) => slice.damaged(),
                Source::Stream(stream) => Error::NotAsStated(stream.name()),
                Source::Nothing | Source::Text(_) => return Ok(()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
