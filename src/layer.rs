//! The bytes: what a layer holds, its key, its tar stream, its compressed blob.
//!
//! Knows contexts and trees; knows no spec, no manifest and no registry. The same [`Contents`] give the same key and
//! the same blob on every machine.

mod archive;
mod assemble;
mod blocks;
mod chmod;
mod codec;
mod contents;
mod context_tree;
mod copy;
mod difference;
mod draft;
mod error;
mod files;
mod gzip;
mod key;
mod listing;
mod matching;
mod moved;
mod noise;
mod permits;
mod place;
mod previous;
mod select;
mod slice;
mod source_tree;
mod stack;
mod steps;
mod tar;
mod zstd;

pub use archive::{ArchiveEntry, ArchiveKind, Supply};
pub use assemble::{Assembled, assemble, assemble_over};
pub use blocks::{Block, Extent, GREATEST, LEAST, PART, cut};
pub use chmod::{Chmod, InvalidMode};
pub use codec::Codec;
pub use contents::{Contents, FileSource, Item, Source, Stream};
pub use context_tree::ContextTree;
pub use copy::{Copy, CopySource, copy, shown_url};
pub use difference::{Aspect, Destinations, Difference, NAMED};
pub use error::Error;
pub use files::{PlacedFile, place_files};
pub use key::{FORMAT_VERSION, layer_key};
pub use listing::Listing;
pub(crate) use matching::{has_wildcard, is_malformed, matches};
pub use permits::Permits;
pub use place::{InlineContent, InlineEntry, Modes, Placement, place, place_inline};
pub use previous::Previous;
pub use slice::{Slice, SliceFile};
pub use source_tree::{FileContent, SourceEntry, SourceKind, SourceTree};
pub use stack::{BaseFiles, NoFiles, Stack};
pub use steps::{Argument, NewOwner, Step, perform};
