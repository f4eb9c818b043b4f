//! The bytes: what a layer holds, its key, its tar stream, its compressed blob.
//!
//! Knows contexts and trees; knows no spec, no manifest and no registry. The same [`Contents`] give the same key and
//! the same blob on every machine.

mod assemble;
mod blocks;
mod codec;
mod contents;
mod difference;
mod error;
mod gzip;
mod key;
mod listing;
mod place;
mod slice;
mod tar;
mod zstd;

pub use assemble::{Assembled, Permits, assemble};
pub use blocks::{Block, Extent, GREATEST, LEAST, PART, cut};
pub use codec::Codec;
pub use contents::{Contents, FileSource, Item, Source};
pub use difference::{Aspect, Difference, NAMED};
pub use error::Error;
pub use key::{FORMAT_VERSION, layer_key};
pub use listing::Listing;
pub use place::{InlineContent, InlineEntry, Modes, Placement, place, place_inline};
pub use slice::{Slice, SliceFile};
