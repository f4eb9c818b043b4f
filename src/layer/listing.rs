//! Listings: a layer's table of contents, kept beside its record.
//!
//! It tells what a layer holds without the layer: which files differ from the last version, where in the blob a
//! file lies.

use super::blocks::Extent;
use super::codec::Codec;
use super::error::Error;
use crate::binary::{Reader, put_number, put_signed, put_text};
use crate::entry::{Entry, Kind};

const MAGIC: &[u8] = b"tarsia listing 2\n";

/// The largest listing that is read back, in bytes before compression: some two million entries.
const SIZE_LIMIT: usize = 256 << 20;

/// The most entries and the most blocks that are read back: in a few bytes each, they would take many times the memory.
const COUNT_LIMIT: usize = 4_000_000;

/// What a layer holds and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// How the layer is compressed.
    pub codec: Codec,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// Its blocks, in order. They begin after the codec's header, if it has one.
    pub extents: Vec<Extent>,
}

impl Listing {
    /// The compressed bytes of a listing.
    ///
    /// # Errors
    ///
    /// If zstd cannot allocate its working memory.
    pub fn encode<'a>(
        codec: Codec,
        entries: impl IntoIterator<Item = &'a Entry>,
        extents: &[Extent],
    ) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        put_text(&mut body, codec.to_string().as_bytes());
        put_number(&mut body, extents.len() as u64);
        for extent in extents {
            put_number(&mut body, extent.plain);
            put_number(&mut body, extent.compressed);
            put_number(&mut body, u64::from(extent.crc));
            put_number(&mut body, u64::from(extent.check));
        }
        for entry in entries {
            put_entry(&mut body, entry);
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crate::binary::compress(&body).map_err(Error::Write)?);
        Ok(bytes)
    }

    /// Reads a listing back. It may come from a registry: nothing in it is believed, everything is bounded.
    ///
    /// # Errors
    ///
    /// [`Error::Listing`] if it is damaged, of another version, or too large.
    pub fn decode(bytes: &[u8]) -> Result<Listing, Error> {
        let frame = bytes.strip_prefix(MAGIC).ok_or(Error::Listing("it is of another version"))?;
        let size = ::zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size <= SIZE_LIMIT);
        let size = size.ok_or(Error::Listing("its size is missing or absurd"))?;
        let body = ::zstd::bulk::decompress(frame, size).map_err(|_| Error::Listing("it does not decompress"))?;
        parse(&body).ok_or(Error::Listing("it is cut off or malformed"))
    }
}

fn parse(body: &[u8]) -> Option<Listing> {
    let mut reader = Reader(body);
    let codec = std::str::from_utf8(reader.text()?).ok()?.parse().ok()?;
    let count = reader.number().filter(|&count| count <= COUNT_LIMIT as u64)?;
    let mut extents = Vec::new();
    for _ in 0..count {
        extents.push(Extent {
            plain: reader.number()?,
            compressed: reader.number()?,
            crc: u32::try_from(reader.number()?).ok()?,
            check: u32::try_from(reader.number()?).ok()?,
        });
    }
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        if entries.len() == COUNT_LIMIT {
            return None;
        }
        entries.push(take_entry(&mut reader)?);
    }
    let ordered = entries.windows(2).all(|pair: &[Entry]| pair[0].path < pair[1].path);
    ordered.then_some(Listing { codec, entries, extents })
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.push(match entry.kind {
        Kind::Directory => b'd',
        Kind::File { .. } => b'f',
        Kind::Symlink { .. } => b'l',
        Kind::Hardlink { .. } => b'h',
    });
    put_text(out, &entry.path);
    put_number(out, u64::from(entry.mode));
    put_number(out, entry.uid);
    put_number(out, entry.gid);
    put_signed(out, entry.mtime);
    match &entry.kind {
        Kind::Directory => {}
        Kind::File { size, digest } => {
            put_number(out, *size);
            out.extend_from_slice(digest.as_bytes());
        }
        Kind::Symlink { target } | Kind::Hardlink { target } => put_text(out, target),
    }
}

fn take_entry(reader: &mut Reader<'_>) -> Option<Entry> {
    let kind = reader.byte()?;
    let path: Box<[u8]> = reader.text()?.into();
    let mode = u32::try_from(reader.number()?).ok().filter(|&mode| mode <= 0o7777)?;
    let (uid, gid, mtime) = (reader.number()?, reader.number()?, reader.signed()?);
    let kind = match kind {
        b'd' => Kind::Directory,
        b'f' => Kind::File { size: reader.number()?, digest: reader.digest()? },
        b'l' => Kind::Symlink { target: reader.text()?.into() },
        b'h' => Kind::Hardlink { target: reader.text()?.into() },
        _ => return None,
    };
    let normal = !path.is_empty() && crate::entry::normalise_path(&path).as_deref() == Some(&*path);
    normal.then_some(Entry { path, mode, uid, gid, mtime, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_listing_comes_back_and_a_damaged_one_does_not() {
        let entry = |path: &[u8], kind| Entry { path: path.into(), mode: 0o755, uid: 1, gid: 2, mtime: -3, kind };
        let entries = vec![
            entry(b"a", Kind::Directory),
            entry(b"a/b", Kind::File { size: 9, digest: Digest::of(b"x") }),
            entry(b"a/c", Kind::Symlink { target: (*b"../\xff").into() }),
            entry(b"a/d", Kind::Hardlink { target: (*b"a/b").into() }),
        ];
        let extents = vec![Extent { plain: 5, compressed: 3, crc: u32::MAX, check: 7 }];
        let bytes = Listing::encode(Codec::Zstd, &entries, &extents).unwrap();
        assert_eq!(Listing::decode(&bytes).unwrap(), Listing { codec: Codec::Zstd, entries, extents });
        for cut in 0..bytes.len() {
            assert!(Listing::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn more_than_can_be_is_refused_before_it_is_read() {
        let mut body = Vec::new();
        put_text(&mut body, b"gzip");
        put_number(&mut body, COUNT_LIMIT as u64 + 1);
        body.resize(body.len() + 3 * (COUNT_LIMIT + 1), 0);
        assert_eq!(parse(&body), None);
    }

    #[test]
    fn paths_out_of_order_or_outside_the_root_are_refused() {
        let entry =
            |path: &[u8]| Entry { path: path.into(), mode: 0o755, uid: 0, gid: 0, mtime: 0, kind: Kind::Directory };
        for paths in [[b"b".as_slice(), b"a"], [b"../x", b"z"], [b"", b"a"], [b"/a", b"b"]] {
            let bytes = Listing::encode(Codec::Gzip, &paths.map(entry), &[]).unwrap();
            assert!(Listing::decode(&bytes).is_err(), "{paths:?}");
        }
    }
}
