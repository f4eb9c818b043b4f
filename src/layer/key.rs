//! Layer keys: the digest of all that decides a layer's bytes, and of nothing else.

use super::codec::Codec;
use crate::digest::{Digest, Hasher};
use crate::entry::{Entry, Kind};

/// The version of the bytes a layer is made of: the order of entries, tar headers, where blocks are cut. A change to
/// any of them is a new version, and with it every layer gets another key.
pub const FORMAT_VERSION: u64 = 1;

/// The key of the layer with these entries, compressed by `codec`.
///
/// Length-prefixed fields keep neighbours apart; no source path, source time or host name is among them.
pub fn layer_key<'a>(codec: Codec, entries: impl IntoIterator<Item = &'a Entry>) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(b"tarsia layer");
    hasher.field(&FORMAT_VERSION.to_le_bytes());
    hasher.field(codec.id().as_bytes());
    for entry in entries {
        let (kind, size, content): (&[u8], u64, &[u8]) = match &entry.kind {
            Kind::Directory => (b"directory", 0, b""),
            Kind::File { size, digest } => (b"file", *size, digest.as_bytes()),
            Kind::Symlink { target } => (b"symlink", 0, target),
            Kind::Hardlink { target } => (b"hardlink", 0, target),
        };
        let mut numbers = [0; 40];
        let fields = [u64::from(entry.mode), entry.uid, entry.gid, entry.mtime.cast_unsigned(), size];
        for (slot, number) in numbers.chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        hasher.field(&entry.path);
        hasher.field(kind);
        hasher.field(&numbers);
        hasher.field(content);
    }
    hasher.finish()
}
