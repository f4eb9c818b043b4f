//! Gzip: one member, made of blocks that know nothing of each other.
//!
//! Each block is deflated by itself and brought to a byte boundary, so blocks can be compressed in parallel, copied
//! from an earlier layer, and read out of the middle. See ARCHITECTURE.md for the readers this was tried with.

use flate2::{Compress, Compression, FlushCompress};

use super::blocks::Compressed;

/// Names these bytes in a layer key. Change it whenever the level, the compressor or this file changes them.
pub const ID: &str = "gzip zlib-rs-0.6.8 level 4";

const LEVEL: u32 = 4;

/// RFC 1952: deflate, no flags, no time, no extra flags, unknown system. "No time" and "unknown" say nothing of the
/// machine.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The largest stored block of RFC 1951.
const STORED_LIMIT: usize = 65_535;

/// Deflates blocks, keeping its working memory between them.
pub struct Deflater(Compress);

impl Deflater {
    /// A compressor at the fixed level.
    pub fn new() -> Deflater {
        Deflater(Compress::new(Compression::new(LEVEL), false))
    }

    /// Compresses one block, or stores it if it does not shrink.
    pub fn block(&mut self, plain: &[u8]) -> Compressed {
        let stored_size = plain.len() + plain.len().div_ceil(STORED_LIMIT) * 5;
        let mut bytes = vec![0; stored_size + 64];
        self.0.reset();
        // One call with room for the whole answer: the bytes then do not depend on how a buffer was filled.
        let done = self.0.compress(plain, &mut bytes, FlushCompress::Sync);
        let (read, written) = (self.0.total_in() as usize, self.0.total_out() as usize);
        if done.is_err() || read != plain.len() || written >= stored_size {
            bytes.clear();
            store(plain, &mut bytes);
        } else {
            bytes.truncate(written);
        }
        Compressed { bytes, crc: crc32fast::hash(plain) }
    }
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
        let block = noise(1 << 20);
        assert_eq!(Deflater::new().block(&block).bytes.len(), block.len() + block.len().div_ceil(65_535) * 5);
    }
}
