//! Supply: files from elsewhere, and what local archives hold.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;

use crate::digest::{Digest, Digesting, Hasher};
use crate::entry::Owner;
use crate::error::Error;
use crate::events::Task;
use crate::image::{Change, TreeError, read_contents};
use crate::layer::{ArchiveEntry, ArchiveKind, FileContent, Source, Supply, shown_url};
use crate::store::{Pack, PackError, Packed};
use crate::workshop::Workshop;

/// How many entries an archive may have.
const ENTRY_LIMIT: usize = 1_000_000;
/// The largest file that is fetched, in bytes.
pub(super) const FETCH_LIMIT: u64 = 16 << 30;

/// What comes from elsewhere, by way of the store.
pub(super) struct FromElsewhere<'a> {
    pub workshop: &'a Workshop,
}

impl Supply for FromElsewhere<'_> {
    fn fetch(&self, url: &str, checksum: &Digest) -> Result<FileContent, Box<dyn std::error::Error + Send + Sync>> {
        let other = |digest| {
            let help = "if that is the file that is meant, write this digest in --checksum";
            Error::request(format!("`{}` is not what its checksum says, but {digest}", shown_url(url)), help)
        };
        Ok(fetch(self.workshop, url, checksum, &other)?)
    }

    fn unpack(
        &self,
        archive: &FileContent,
    ) -> Result<Option<Vec<ArchiveEntry>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(unpack(self.workshop, archive)?)
    }
}

/// A file of the web that is what `checksum` says, or no file. `other` is the error where it is another.
pub(super) fn fetch(
    workshop: &Workshop,
    url: &str,
    checksum: &Digest,
    other: &dyn Fn(Digest) -> Error,
) -> Result<FileContent, Error> {
    let key = file_key(checksum);
    let content = |pack: &Pack| {
        let size = pack.size();
        pack.source(0, size).map(|source| FileContent { size, digest: *checksum, source })
    };
    if let Some(found) = workshop.store().pack(&key).as_ref().and_then(content) {
        return Ok(found);
    }
    let _running = workshop.events().begin(Task::Download { url: shown_url(url) }, 0);
    let mut new = workshop.store().new_pack()?;
    let mut file = workshop.door().download(url)?.take(FETCH_LIMIT + 1);
    let Packed { size, digest, .. } = new.add(&mut file).map_err(|error| match error {
        PackError::Store(error) => error.into(),
        PackError::Read(error) => match error.downcast::<crate::registry::Error>() {
            Ok(error) => error.into(),
            Err(error) => Error::request(format!("failed to fetch `{}`: {error}", shown_url(url)), "try again"),
        },
        PackError::TooLarge { .. } => too_large(url),
    })?;
    if size > FETCH_LIMIT {
        return Err(too_large(url));
    }
    if digest != *checksum {
        return Err(other(digest));
    }
    let pack = new.commit(&key, Vec::new())?;
    content(&pack).ok_or_else(|| too_large(url))
}

/// Whether the file that is what `checksum` says is here already.
pub(super) fn is_kept(workshop: &Workshop, checksum: &Digest) -> bool {
    workshop.store().pack(&file_key(checksum)).is_some()
}

/// What a file from elsewhere is kept by.
fn file_key(checksum: &Digest) -> Digest {
    let mut key = Hasher::new();
    key.field(b"a file from elsewhere");
    key.field(checksum.as_bytes());
    key.finish()
}

fn too_large(url: &str) -> Error {
    Error::request(format!("`{}` is larger than {FETCH_LIMIT} bytes", shown_url(url)), "copy it from the context")
}

/// What is read of an archive, by its first bytes.
fn decompress<'a>(mut reader: impl BufRead + 'a) -> io::Result<Option<Box<dyn Read + 'a>>> {
    let first = reader.fill_buf()?;
    let begins = |magic: &[u8]| first.starts_with(magic);
    Ok(Some(if begins(&[0x1f, 0x8b, 0x08]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(reader))
    } else if begins(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(reader))
    } else if begins(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        Box::new(lzma_rust2::XzReader::new(reader, true))
    } else if begins(&[0x28, 0xb5, 0x2f, 0xfd]) {
        match zstd::stream::read::Decoder::with_buffer(reader) {
            Ok(decoder) => Box::new(decoder),
            Err(_) => return Ok(None),
        }
    } else {
        Box::new(reader)
    }))
}

/// The entries of a local archive, their contents in the store; nothing for what is no archive.
fn unpack(workshop: &Workshop, archive: &FileContent) -> Result<Option<Vec<ArchiveEntry>>, Error> {
    let name = match &archive.source {
        Source::File(file) => file.path().display().to_string(),
        _ => archive.digest.to_string(),
    };
    let refuse = |why: String| {
        Error::request(format!("the archive `{name}` cannot be unpacked: {why}"), "unpack it yourself, or use COPY")
    };
    let opened = archive.source.open().map_err(|error| refuse(error.to_string()))?;
    if !begins_as_tar(opened) {
        return Ok(None);
    }
    let mut key = Hasher::new();
    key.field(b"entries of an archive");
    key.field(archive.digest.as_bytes());
    let key = key.finish();
    let mut entries: Vec<(Described, Option<Packed>)> = Vec::new();
    if let Some(pack) = workshop.store().pack(&key)
        && let Some(found) = index::parse(&pack)
    {
        return Ok(Some(found));
    }
    let _running = workshop.events().begin(Task::Unpack { archive: name.clone() }, archive.size);
    let mut new = workshop.store().new_pack()?;
    let mut source = Digesting::new(archive.source.open().map_err(|error| refuse(error.to_string()))?);
    let mut failure: Option<Error> = None;
    let result = match decompress(BufReader::with_capacity(256 << 10, &mut source)) {
        Ok(Some(plain)) => read_contents(plain, |_, change, content| {
            let Change::Put(path, entry) = change else {
                failure = Some(refuse("it holds a name that begins with `.wh.`, which would be a whiteout".to_owned()));
                return Ok(ControlFlow::Break(()));
            };
            if entries.len() >= ENTRY_LIMIT {
                return Err(TreeError::TooMany { what: "entries in an archive", limit: ENTRY_LIMIT as u64 });
            }
            let has_content = entry.has_content();
            match Described::of(path, entry) {
                Ok(described) => {
                    let packed = match has_content.then(|| new.add(content)).transpose() {
                        Ok(packed) => packed,
                        Err(PackError::Read(error)) => return Err(error.into()),
                        Err(PackError::Store(error)) => {
                            failure = Some(error.into());
                            return Ok(ControlFlow::Break(()));
                        }
                        Err(PackError::TooLarge { limit }) => {
                            return Err(TreeError::TooMany { what: "bytes in an archive", limit });
                        }
                    };
                    entries.push((described, packed));
                    Ok(ControlFlow::Continue(()))
                }
                Err(why) => {
                    failure = Some(refuse(why));
                    Ok(ControlFlow::Break(()))
                }
            }
        }),
        _ => return Ok(None),
    };
    if let Some(failure) = failure {
        return Err(failure);
    }
    result.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        refuse(format!("{error}{cause}").replace("a layer of the base image", "it").replace("the base image", "it"))
    })?;
    // What follows the archive's end belongs to the file all the same.
    io::copy(&mut source, &mut io::sink()).map_err(|error| refuse(error.to_string()))?;
    let (_, digest, _) = source.finish();
    if digest != archive.digest {
        return Err(refuse("it changed while it was read".to_owned()));
    }
    let index = index::encode(&entries);
    let pack = new.commit(&key, index)?;
    index::parse(&pack).map(Some).ok_or_else(|| refuse("it is too large".to_owned()))
}

/// Whether a file, decompressed, begins with a tar header: docker goes by that and not by names.
fn begins_as_tar(opened: impl Read) -> bool {
    let Ok(Some(plain)) = decompress(BufReader::with_capacity(64 << 10, opened)) else { return false };
    // A header and its long names and records are small.
    let mut tar = tar::Archive::new(plain.take(4 << 20));
    let Ok(mut entries) = tar.entries() else { return false };
    entries.next().is_some_and(|entry| entry.is_ok())
}

/// What an entry says, its content aside.
struct Described {
    path: Box<[u8]>,
    mode: u32,
    owner: Owner,
    kind: u8,
    link: Box<[u8]>,
}

impl Described {
    fn of(path: Box<[u8]>, entry: crate::image::LayerEntry) -> Result<Described, String> {
        let named = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let (kind, link) = match entry.kind {
            tar::EntryType::Directory => (b'd', Box::default()),
            tar::EntryType::Symlink => (b'l', entry.link.unwrap_or_default()),
            tar::EntryType::Link => {
                let link = entry.link.unwrap_or_default();
                match crate::entry::normalise_path(&link) {
                    Some(target) => (b'h', target),
                    None => {
                        return Err(format!("`{}` is another name of `{}` outside of it", named(&path), named(&link)));
                    }
                }
            }
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => (b'f', Box::default()),
            _ => {
                return Err(format!("`{}` is a device, a FIFO or something else that no layer can hold", named(&path)));
            }
        };
        Ok(Described { path, mode: entry.mode, owner: Owner { uid: entry.uid, gid: entry.gid }, kind, link })
    }
}

/// How a pack of an archive's contents says what the entries are.
mod index {
    use super::{ArchiveEntry, ArchiveKind, Described, FileContent, Owner, Packed};
    use crate::binary::{Reader, put_number, put_text};
    use crate::store::Pack;

    pub fn encode(entries: &[(Described, Option<Packed>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (entry, packed) in entries {
            put_text(&mut out, &entry.path);
            put_number(&mut out, u64::from(entry.mode));
            put_number(&mut out, entry.owner.uid);
            put_number(&mut out, entry.owner.gid);
            out.push(entry.kind);
            match packed {
                Some(packed) => {
                    put_number(&mut out, packed.size);
                    out.extend_from_slice(packed.digest.as_bytes());
                }
                None => put_text(&mut out, &entry.link),
            }
        }
        out
    }

    pub fn parse(pack: &Pack) -> Option<Vec<ArchiveEntry>> {
        let mut reader = Reader(pack.index());
        let mut entries = Vec::new();
        let mut offset = 0;
        while !reader.0.is_empty() {
            let path = reader.text()?.into();
            let mode = u32::try_from(reader.number()?).ok()?;
            let owner = Owner { uid: reader.number()?, gid: reader.number()? };
            let kind = match reader.byte()? {
                b'f' => {
                    let (size, digest) = (reader.number()?, reader.digest()?);
                    let source = pack.source(offset, size)?;
                    offset += size;
                    ArchiveKind::File(FileContent { size, digest, source })
                }
                b'd' => {
                    reader.text()?;
                    ArchiveKind::Directory
                }
                b'l' => ArchiveKind::Symlink(reader.text()?.into()),
                b'h' => ArchiveKind::Hardlink(reader.text()?.into()),
                _ => return None,
            };
            entries.push(ArchiveEntry { path, mode, owner, kind });
        }
        Some(entries)
    }
}
