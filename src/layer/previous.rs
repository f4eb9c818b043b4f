//! The previous version of a layer: what of it can be had again without compressing it.
//!
//! A block's compressed bytes depend on its plain bytes alone. A block of the new version that is made of the same
//! entries as one of the old is therefore copied from the old blob. It has been read all the same: the digest of the
//! whole plain stream needs every byte.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::blocks::{self, Block, Compressed, Extent};
use super::codec::Codec;
use super::gzip;
use super::key::layer_key;
use super::listing::Listing;
use crate::digest::Digest;
use crate::entry::{Entry, Kind};

/// A layer that this machine assembled before, and its blob.
#[derive(Debug)]
pub struct Previous {
    entries: Vec<Entry>,
    blocks: Vec<Lying>,
    blob: File,
}

/// A block and where its compressed bytes lie in the blob.
#[derive(Debug)]
struct Lying {
    block: Block,
    offset: u64,
    extent: Extent,
}

/// Compressed bytes of an earlier layer that stand for a block.
#[derive(Debug, Clone, Copy)]
struct Copied {
    offset: u64,
    extent: Extent,
}

impl Previous {
    /// The layer of `key`, its listing and its blob. Nothing if it was not made by `codec` as it is today: then its bytes
    /// are others, even where the contents are the same.
    pub fn new(key: &Digest, codec: Codec, listing: Listing, blob: File) -> Option<Previous> {
        let Listing { codec: its, entries, extents } = listing;
        let cut = blocks::cut(&entries);
        if its != codec || codec == Codec::None || cut.len() != extents.len() || layer_key(codec, &entries) != *key {
            return None;
        }
        let mut offset = if codec == Codec::Gzip { gzip::HEADER.len() as u64 } else { 0 };
        let mut blocks = Vec::with_capacity(cut.len());
        for (block, extent) in cut.into_iter().zip(extents) {
            blocks.push(Lying { block, offset, extent });
            offset = offset.checked_add(extent.compressed)?;
        }
        Some(Previous { entries, blocks, blob })
    }

    /// What stands for the blocks `cut` of a new version with these entries.
    pub(super) fn copies<'a>(self, entries: impl Iterator<Item = &'a Entry>, cut: &[Block]) -> Copies {
        let blocks = self.match_blocks(entries, cut);
        Copies { blocks, blob: Some(self.blob) }
    }

    fn match_blocks<'a>(&self, entries: impl Iterator<Item = &'a Entry>, cut: &[Block]) -> Vec<Option<Copied>> {
        let new: Vec<&Entry> = entries.collect();
        // Blocks of entries are found by their first path, parts of large files by what they are parts of: so a large file
        // may also have been moved.
        let (mut whole, mut parts) = (BTreeMap::new(), BTreeMap::new());
        // The last block ends with the end of the stream.
        let last = self.blocks.len() - 1;
        for (index, lying) in self.blocks.iter().enumerate() {
            match lying.block {
                Block::Entries { first, end, .. } if end > first => {
                    whole.insert(&*self.entries[first].path, (lying, index == last));
                }
                Block::Entries { .. } => {}
                Block::Part { entry, offset, .. } => {
                    if let Kind::File { size, digest } = &self.entries[entry].kind {
                        parts.insert((digest, *size, offset), (lying, index == last));
                    }
                }
            }
        }
        let found = cut.iter().enumerate().map(|(index, block)| {
            let (lying, was_last) = match *block {
                Block::Entries { first, end, .. } => {
                    let candidate = whole.get(&*new.get(first)?.path)?;
                    let Block::Entries { first: old, end: old_end, .. } = candidate.0.block else { return None };
                    let same = self.entries[old..old_end].iter().eq(new[first..end].iter().copied());
                    Some(candidate).filter(|_| same)?
                }
                Block::Part { entry, offset, .. } => match &new[entry].kind {
                    Kind::File { size, digest } => parts.get(&(digest, *size, offset))?,
                    _ => return None,
                },
            };
            let is_last = index + 1 == cut.len();
            (*was_last == is_last).then_some(Copied { offset: lying.offset, extent: lying.extent })
        });
        found.collect()
    }
}

/// What of a new version can be copied.
#[derive(Debug, Default)]
pub(super) struct Copies {
    blocks: Vec<Option<Copied>>,
    blob: Option<File>,
}

impl Copies {
    /// The compressed bytes for the block of this number, whose plain ones are `plain`; nothing if there are none, or if
    /// either is not what the listing says. Then something has damaged the store, and the block is compressed anew.
    pub fn get(&self, block: usize, plain: &[u8]) -> Option<Compressed> {
        let Copied { offset, extent } = self.blocks.get(block)?.as_ref()?;
        if plain.len() as u64 != extent.plain || crc32fast::hash(plain) != extent.crc {
            return None;
        }
        // No block grows by more than its framing.
        let most = plain.len() + plain.len() / 8 + 1024;
        let size = usize::try_from(extent.compressed).ok().filter(|&size| size <= most)?;
        let mut bytes = vec![0; size];
        self.blob.as_ref()?.read_exact_at(&mut bytes, *offset).ok()?;
        (crc32fast::hash(&bytes) == extent.check).then_some(Compressed { bytes, crc: extent.crc })
    }
}

#[cfg(test)]
mod tests;
