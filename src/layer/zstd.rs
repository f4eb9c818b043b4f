//! Zstd: one frame a block, as RFC 8878 lets frames follow each other.

use super::blocks::Compressed;

/// Names these bytes in a layer key. Change it whenever the level, the compressor or this file changes them.
pub const ID: &str = "zstd zstd-1.5.7 level 3";

const LEVEL: i32 = 3;

/// Compresses blocks, keeping its working memory between them.
pub struct Compressor(::zstd::bulk::Compressor<'static>);

impl Compressor {
    /// A compressor at the fixed level.
    ///
    /// # Errors
    ///
    /// If zstd cannot allocate its working memory.
    pub fn new() -> std::io::Result<Compressor> {
        ::zstd::bulk::Compressor::new(LEVEL).map(Compressor)
    }

    /// Compresses one block to one frame.
    pub fn block(&mut self, plain: &[u8]) -> std::io::Result<Compressed> {
        let mut bytes = self.0.compress(plain)?;
        // It comes with room for the worst answer, and many blocks are in memory at once.
        bytes.shrink_to_fit();
        Ok(Compressed { bytes, crc: crc32fast::hash(plain) })
    }
}
