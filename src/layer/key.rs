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
    // A hasher that is asked for every few bytes is busier with itself than with them.
    let mut fields = Vec::with_capacity(AT_ONCE + 8 * 1024);
    put_field(&mut fields, b"tarsia layer");
    put_field(&mut fields, &FORMAT_VERSION.to_le_bytes());
    put_field(&mut fields, codec.id().as_bytes());
    for entry in entries {
        let (kind, size, content): (&[u8], u64, &[u8]) = match &entry.kind {
            Kind::Directory => (b"directory", 0, b""),
            Kind::File { size, digest } => (b"file", *size, digest.as_bytes()),
            Kind::Symlink { target } => (b"symlink", 0, target),
            Kind::Hardlink { target } => (b"hardlink", 0, target),
        };
        put_field(&mut fields, &entry.path);
        put_field(&mut fields, kind);
        fields.extend_from_slice(&40u64.to_le_bytes());
        for number in [u64::from(entry.mode), entry.uid, entry.gid, entry.mtime.cast_unsigned(), size] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        put_field(&mut fields, content);
        if fields.len() >= AT_ONCE {
            hasher.update(&fields);
            fields.clear();
        }
    }
    hasher.update(&fields);
    hasher.finish()
}

/// How many bytes are digested at a time.
const AT_ONCE: usize = 16 * 1024;

/// Appends the length of a field and the field.
fn put_field(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&(field.len() as u64).to_le_bytes());
    out.extend_from_slice(field);
}
