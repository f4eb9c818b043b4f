//! Where a layer's tar stream is cut into blocks.
//!
//! Blocks are the unit of everything: compressed by themselves and in parallel, copied from an earlier version of the
//! layer, read out of the middle. So a block's end must depend on the entries near it and not on what lies before:
//! then a file that is added, removed or resized changes the blocks around it and no others.

use crate::digest::Digest;
use crate::entry::{Entry, Kind};

use super::tar;

/// No block of whole entries ends before it is this large.
pub const LEAST: u64 = 512 << 10;
/// No block grows past this.
pub const GREATEST: u64 = 2 << 20;
/// Files larger than this are cut from their own first byte, into parts of this size.
pub const PART: u64 = 1 << 20;
/// How far past [`LEAST`] a block goes on average.
const REACH: u64 = 512 << 10;

/// A piece of the tar stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// The headers of these entries, each followed by its content, except for files larger than [`PART`].
    Entries {
        /// The first of them.
        first: usize,
        /// The one after the last of them.
        end: usize,
        /// The number of plain bytes.
        size: u64,
    },
    /// Bytes of one large file; the last part includes the padding.
    Part {
        /// The file.
        entry: usize,
        /// Where in the file the part begins.
        offset: u64,
        /// How many bytes of the file it holds.
        length: u64,
    },
}

/// A block's compressed bytes and the checksum of its plain ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    /// What stands in the blob.
    pub bytes: Vec<u8>,
    /// CRC-32 of the plain bytes.
    pub crc: u32,
}

/// Where a block lies, as a listing remembers it. The blocks follow each other in both streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The number of plain bytes.
    pub plain: u64,
    /// The number of compressed bytes.
    pub compressed: u64,
    /// CRC-32 of the plain bytes.
    pub crc: u32,
    /// CRC-32 of the compressed bytes.
    pub check: u32,
}

/// Whether the entry is a file that is cut into parts of its own.
pub fn is_large(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::File { size, .. } if size > PART)
}

/// How many bytes of a block of whole entries this entry takes.
fn size_within(entry: &Entry) -> u64 {
    let content = match entry.kind {
        Kind::File { size, .. } if size <= PART => size + tar::padding(size),
        _ => 0,
    };
    tar::header_size(entry) + content
}

/// Cuts the layer with these entries into blocks. The two zero blocks at its end go with the last.
///
/// After an entry of `s` bytes that brings a block to at least [`LEAST`], the block ends with a probability of
/// `s / 512 KiB`, decided by the first eight bytes of the SHA-256 of the entry's path; before an entry that would take
/// it past [`GREATEST`], it ends in any case; and after the header of a large file.
pub fn cut<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut first, mut size, mut count) = (0, 0, 0);
    for (index, entry) in entries.into_iter().enumerate() {
        count = index + 1;
        let own = size_within(entry);
        if size > 0 && size + own > GREATEST {
            blocks.push(Block::Entries { first, end: index, size });
            (first, size) = (index, 0);
        }
        size += own;
        if let Kind::File { size: content, .. } = entry.kind
            && is_large(entry)
        {
            blocks.push(Block::Entries { first, end: count, size });
            let parts = (0..content).step_by(PART as usize);
            blocks.extend(parts.map(|offset| Block::Part { entry: index, offset, length: PART.min(content - offset) }));
            (first, size) = (count, 0);
        } else if size >= LEAST && ends_after(entry, own) {
            blocks.push(Block::Entries { first, end: count, size });
            (first, size) = (count, 0);
        }
    }
    if size > 0 || blocks.is_empty() {
        blocks.push(Block::Entries { first, end: count, size });
    }
    blocks
}

fn ends_after(entry: &Entry, own: u64) -> bool {
    let digest = Digest::of(&entry.path);
    let mut eight = [0; 8];
    eight.copy_from_slice(&digest.as_bytes()[..8]);
    u128::from(u64::from_be_bytes(eight)) * u128::from(REACH) < u128::from(own) << 64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: String, size: u64) -> Entry {
        Entry {
            path: path.into_bytes().into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            kind: Kind::File { size, digest: Digest::of(b"") },
        }
    }

    /// The blocks as the paths and sizes in them, so that blocks of two layers can be compared.
    fn described(entries: &[Entry]) -> Vec<String> {
        cut(entries)
            .into_iter()
            .map(|block| match block {
                Block::Entries { first, end, .. } => format!("{:?}", &entries[first..end]),
                Block::Part { entry, offset, length } => format!("{:?}+{offset}+{length}", entries[entry]),
            })
            .collect()
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let size = prop_oneof![0u64..3000, 0u64..200_000, 900_000u64..5_000_000];
        prop::collection::btree_map("[a-f]{1,6}", size, 1..400)
            .prop_map(|files| files.into_iter().map(|(path, size)| file(path, size)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_cover_every_byte_once_and_keep_their_limits(entries in entries()) {
            let mut next = 0;
            let mut within = None;
            for block in cut(&entries) {
                match block {
                    Block::Entries { first, end, size } => {
                        prop_assert_eq!(first, next);
                        prop_assert!(end > first);
                        prop_assert!(size <= GREATEST);
                        prop_assert_eq!(size, entries[first..end].iter().map(size_within).sum::<u64>());
                        prop_assert!(entries[first..end - 1].iter().all(|entry| !is_large(entry)));
                        next = end;
                        within = None;
                    }
                    Block::Part { entry, offset, length } => {
                        prop_assert_eq!(entry + 1, next);
                        prop_assert_eq!(offset, within.unwrap_or(0));
                        prop_assert!((1..=PART).contains(&length));
                        within = Some(offset + length);
                    }
                }
            }
            prop_assert_eq!(next, entries.len());
        }
    }

    #[test]
    fn one_more_file_changes_few_blocks() {
        let entries: Vec<Entry> = (0..20_000).map(|n| file(format!("d/{n:05}"), 200 + n * 7919 % 20_000)).collect();
        let before = described(&entries);
        assert!(before.len() > 100);
        for at in (0..20_000).step_by(1999) {
            let mut more = entries.clone();
            more.insert(at, file(format!("d/{at:05}a"), 5_000));
            let after = described(&more);
            let new = after.iter().filter(|block| !before.contains(block)).count();
            assert!(new <= 6, "{new} blocks changed");
        }
    }

    #[test]
    fn an_empty_layer_is_one_empty_block() {
        assert_eq!(cut([]), [Block::Entries { first: 0, end: 0, size: 0 }]);
    }
}
