//! Assembling: contents in, compressed blob out, with both digests, in bounded memory.
//!
//! Blocks are read and compressed, or copied from the layer's previous version, as tasks of the rayon pool; the calling
//! thread takes them in order and digests the plain stream, and a thread behind it digests the compressed one and writes.
//! [`Permits`] bound how many blocks exist at once, over all layers that are being assembled: at most two buffers of
//! 2 MiB each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::{Arc, mpsc};

use super::blocks::{self, Block, Compressed, Extent};
use super::codec::Codec;
use super::contents::{Contents, FileSource, Item, Source, append_content};
use super::error::Error;
use super::permits::{Permit, Permits};
use super::previous::{Copies, Previous};
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

struct Packed {
    plain: Vec<u8>,
    compressed: Compressed,
    _permit: Permit,
}

/// What is assembled, and how.
struct Plan {
    contents: Arc<Contents>,
    codec: Codec,
    blocks: Vec<Block>,
    copies: Copies,
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
    out: &mut (dyn Write + Send),
    progress: &dyn Fn(u64),
) -> Result<Assembled, Error> {
    assemble_over(None, contents, codec, pool, permits, out, progress)
}

/// The same with the help of the layer's previous version, if there is one: blocks that have not changed are copied from
/// it. The bytes are the same.
///
/// # Errors
///
/// As [`assemble`].
pub fn assemble_over(
    previous: Option<Previous>,
    contents: &Arc<Contents>,
    codec: Codec,
    pool: &rayon::ThreadPool,
    permits: &Arc<Permits>,
    out: &mut (dyn Write + Send),
    progress: &dyn Fn(u64),
) -> Result<Assembled, Error> {
    let blocks = blocks::cut(contents.entries());
    let copies = previous.map(|previous| previous.copies(contents.entries(), &blocks)).unwrap_or_default();
    let plan = Arc::new(Plan { contents: Arc::clone(contents), codec, blocks, copies });
    let mut blob = Blob::begin(codec, out)?;
    let (diff_id, plain_size) = match &plan.blocks[..] {
        // A thread would take longer to start than it had to do.
        [_] => conduct(&plan, pool, permits, progress, &mut |packed| blob.block(&packed))?,
        _ => std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel::<Packed>(1);
            let blob = &mut blob;
            let writing = scope.spawn(move || receiver.iter().try_for_each(|packed| blob.block(&packed)));
            let conducted =
                conduct(&plan, pool, permits, progress, &mut |packed| sender.send(packed).map_err(|_| stopped()));
            drop(sender);
            // If writing has failed, conducting has only noticed that nobody listens.
            writing.join().map_err(|_| stopped())??;
            conducted
        })?,
    };
    blob.finish(diff_id, plain_size)
}

/// Has the blocks packed and takes them in order; `hand` is given each. Answers digest and size of the plain stream.
fn conduct(
    plan: &Arc<Plan>,
    pool: &rayon::ThreadPool,
    permits: &Arc<Permits>,
    progress: &dyn Fn(u64),
    hand: &mut dyn FnMut(Packed) -> Result<(), Error>,
) -> Result<(Digest, u64), Error> {
    let items = plan.contents.items();
    let mut started = 0;
    let mut pending: VecDeque<mpsc::Receiver<Result<Packed, Error>>> = VecDeque::new();
    let mut hasher = Hasher::new();
    let mut plain_size = 0;
    let mut recheck = Recheck::default();
    let mut streams = Streams::default();
    for block in &plan.blocks {
        // Start as many blocks as permits allow; wait for one only if none of ours is under way, so that layers
        // that are assembled side by side never wait for each other in a circle.
        while started < plan.blocks.len() {
            let permit = match pending.is_empty() {
                true => permits.take(),
                false => match permits.try_take() {
                    Some(permit) => permit,
                    None => break,
                },
            };
            let ahead = streams.part(items, &plan.blocks[started]);
            pending.push_back(start(pool, plan, started, ahead, permit));
            started += 1;
        }
        let packed = match pending.pop_front().map(|receiver| receiver.recv()) {
            Some(Ok(packed)) => packed?,
            // A task that ends without an answer has panicked.
            _ => return Err(stopped()),
        };
        recheck.see(block, items, &packed.plain)?;
        hasher.update(&packed.plain);
        let size = packed.plain.len() as u64;
        hand(packed)?;
        plain_size += size;
        progress(size);
    }
    Ok((hasher.finish(), plain_size))
}

fn stopped() -> Error {
    Error::Write(io::Error::other("a worker stopped unexpectedly"))
}

fn start(
    pool: &rayon::ThreadPool,
    plan: &Arc<Plan>,
    number: usize,
    ahead: Result<Option<Vec<u8>>, Error>,
    permit: Permit,
) -> mpsc::Receiver<Result<Packed, Error>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let plan = Arc::clone(plan);
    pool.spawn(move || {
        let is_last = number + 1 == plan.blocks.len();
        let packed = ahead
            .and_then(|ahead| read(plan.contents.items(), &plan.blocks[number], is_last, ahead))
            .and_then(|plain| {
                let compressed = match plan.copies.get(number, &plain) {
                    Some(copied) => copied,
                    None => compress(plan.codec, &plain)?,
                };
                Ok(Packed { plain, compressed, _permit: permit })
            });
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
struct Blob<'a> {
    out: &'a mut (dyn Write + Send),
    codec: Codec,
    crc: crc32fast::Hasher,
    hasher: Hasher,
    size: u64,
    extents: Vec<Extent>,
}

impl<'a> Blob<'a> {
    fn begin(codec: Codec, out: &'a mut (dyn Write + Send)) -> Result<Blob<'a>, Error> {
        let crc = crc32fast::Hasher::new();
        let mut blob = Blob { out, codec, crc, hasher: Hasher::new(), size: 0, extents: Vec::new() };
        if codec == Codec::Gzip {
            blob.write(&gzip::HEADER)?;
        }
        Ok(blob)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // What is not compressed has the digest of the plain stream.
        if self.codec != Codec::None {
            self.hasher.update(bytes);
        }
        self.size += bytes.len() as u64;
        self.out.write_all(bytes).map_err(Error::Write)
    }

    fn block(&mut self, packed: &Packed) -> Result<(), Error> {
        let Packed { plain, compressed, .. } = packed;
        let (bytes, check) = match self.codec {
            Codec::None => (plain, compressed.crc),
            _ => (&compressed.bytes, crc32fast::hash(&compressed.bytes)),
        };
        self.crc.combine(&crc32fast::Hasher::new_with_initial_len(compressed.crc, plain.len() as u64));
        let (plain, crc) = (plain.len() as u64, compressed.crc);
        self.extents.push(Extent { plain, compressed: bytes.len() as u64, crc, check });
        self.write(bytes)
    }

    fn finish(mut self, diff_id: Digest, plain_size: u64) -> Result<Assembled, Error> {
        if self.codec == Codec::Gzip {
            let trailer = gzip::trailer(self.crc.clone().finalize(), plain_size);
            self.write(&trailer)?;
        }
        let Blob { codec, hasher, size, extents, .. } = self;
        let digest = if codec == Codec::None { diff_id } else { hasher.finish() };
        Ok(Assembled { diff_id, digest, size, extents })
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
