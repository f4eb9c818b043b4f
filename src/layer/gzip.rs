//! Gzip: one member, made of blocks that know nothing of each other.
//!
//! Each block is deflated by itself and brought to a byte boundary, so blocks can be compressed in parallel, copied
//! from an earlier layer, and read out of the middle. See ARCHITECTURE.md for the readers this was tried with.

use flate2::{Compress, Compression, FlushCompress};

use super::blocks::Compressed;
use super::noise::{self, Run};

/// Names these bytes in a layer key. Change it whenever the level, the compressor or this file changes them.
pub const ID: &str = "gzip zlib-rs-0.6.8 level 3, noise stored";

/// On trees of Python packages level 6 makes 4 % less of it and takes 60 % longer.
const LEVEL: u32 = 3;

/// RFC 1952: deflate, no flags, no time, no extra flags, unknown system. "No time" and "unknown" say nothing of the
/// machine.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The largest stored block of RFC 1951.
const STORED_LIMIT: usize = 65_535;

/// Deflates blocks, keeping its working memory between them.
pub struct Deflater {
    state: Compress,
    /// Room for the worst answer. What is handed out is a copy of the right size: many blocks are in memory at once.
    room: Vec<u8>,
}

impl Deflater {
    /// A compressor at the fixed level.
    pub fn new() -> Deflater {
        Deflater { state: Compress::new(Compression::new(LEVEL), false), room: Vec::new() }
    }

    /// Compresses one block: what is content, as far as it shrinks. What is noise is stored.
    pub fn block(&mut self, plain: &[u8]) -> Compressed {
        let crc = crc32fast::hash(plain);
        let runs = noise::runs(plain);
        let mut bytes = Vec::new();
        if runs.is_empty() {
            bytes.extend_from_slice(self.deflate(plain).unwrap_or_default());
        }
        for run in runs {
            match run {
                Run::Noise(range) => store(&plain[range], &mut bytes),
                Run::Content(range) => {
                    let content = &plain[range];
                    match self.deflate(content) {
                        Some(deflated) if deflated.len() < stored_size(content.len()) => {
                            bytes.extend_from_slice(deflated);
                        }
                        _ => store(content, &mut bytes),
                    }
                }
            }
        }
        bytes.shrink_to_fit();
        Compressed { bytes, crc }
    }

    fn deflate(&mut self, plain: &[u8]) -> Option<&[u8]> {
        // One call with room for the worst answer: the bytes then do not depend on how a buffer was filled.
        let needed = plain.len() + plain.len() / 8 + 1024;
        if self.room.len() < needed {
            self.room.resize(needed, 0);
        }
        self.state.reset();
        self.state.compress(plain, &mut self.room, FlushCompress::Sync).ok()?;
        let (read, written) = (self.state.total_in() as usize, self.state.total_out() as usize);
        (read == plain.len()).then(|| &self.room[..written])
    }
}

fn stored_size(plain: usize) -> usize {
    plain + plain.div_ceil(STORED_LIMIT) * 5
}

fn store(plain: &[u8], out: &mut Vec<u8>) {
    for chunk in plain.chunks(STORED_LIMIT) {
        let length = chunk.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(chunk);
    }
}

/// What follows the last block: an empty final deflate block, the checksum and the size of all plain bytes.
pub fn trailer(crc: u32, size: u64) -> [u8; 10] {
    let mut trailer = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    trailer[2..6].copy_from_slice(&crc.to_le_bytes());
    trailer[6..].copy_from_slice(&(size as u32).to_le_bytes());
    trailer
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }

    #[test]
    fn blocks_join_to_one_member() {
        let blocks = [b"hello ".repeat(1000), noise(200_000), Vec::new(), vec![0; 70_000]];
        let mut deflater = Deflater::new();
        let mut stream = HEADER.to_vec();
        let mut crc = crc32fast::Hasher::new();
        for block in &blocks {
            stream.extend_from_slice(&deflater.block(block).bytes);
            crc.update(block);
        }
        let plain = blocks.concat();
        stream.extend_from_slice(&trailer(crc.finalize(), plain.len() as u64));
        let mut read = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(&stream[..]);
        decoder.read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
        assert!(decoder.into_inner().is_empty(), "one member and nothing after it");
    }

    #[test]
    fn a_block_does_not_depend_on_those_before_it() {
        let block = b"the quick brown fox ".repeat(500);
        let fresh = Deflater::new().block(&block).bytes;
        let mut used = Deflater::new();
        used.block(&noise(100_000));
        assert_eq!(used.block(&block).bytes, fresh);
    }

    #[test]
    fn noise_is_stored() {
        for size in [10_000, 1 << 20] {
            let block = noise(size);
            assert_eq!(Deflater::new().block(&block).bytes.len(), stored_size(size));
        }
    }

    #[test]
    fn what_only_looks_like_noise_is_compressed() {
        let block = noise(20_011).repeat(52);
        assert!(Deflater::new().block(&block).bytes.len() < block.len() / 10);
    }

    #[test]
    fn what_stands_between_noise_is_compressed() {
        let text = b"text is not like noise ".repeat(5_000);
        let (alone, noise) = (Deflater::new().block(&text).bytes.len(), noise(500_000));
        let block = [&noise[..], &text, &noise].concat();
        let compressed = Deflater::new().block(&block).bytes;
        assert!(compressed.len() < 2 * stored_size(noise.len()) + alone + 20_000, "{}", compressed.len());
        let mut read = Vec::new();
        flate2::read::DeflateDecoder::new(&compressed[..]).take(block.len() as u64).read_to_end(&mut read).unwrap();
        assert_eq!(read, block);
    }
}
