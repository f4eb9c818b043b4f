//! Archives written by the campaign: the layers of its bases, and what ADD unpacks.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

/// A member of an archive.
#[derive(Clone)]
pub struct Member {
    path: String,
    kind: EntryType,
    target: Option<String>,
    content: Vec<u8>,
    mode: u32,
    uid: u64,
    gid: u64,
}

impl Member {
    fn new(path: &str, kind: EntryType, mode: u32) -> Member {
        Member { path: path.to_owned(), kind, target: None, content: Vec::new(), mode, uid: 0, gid: 0 }
    }

    pub fn directory(path: &str, mode: u32) -> Member {
        Member::new(path, EntryType::Directory, mode)
    }

    pub fn file(path: &str, mode: u32, content: &[u8]) -> Member {
        Member { content: content.to_owned(), ..Member::new(path, EntryType::Regular, mode) }
    }

    pub fn link(path: &str, target: &str) -> Member {
        Member { target: Some(target.to_owned()), ..Member::new(path, EntryType::Symlink, 0o777) }
    }

    /// A hard link to an earlier member, whose mode and owner it has to repeat: some unpackers set them again.
    pub fn same(path: &str, of: &Member) -> Member {
        let target = Some(of.path.clone());
        Member { path: path.to_owned(), kind: EntryType::Link, target, content: Vec::new(), ..of.clone() }
    }

    pub fn owned(self, uid: u64, gid: u64) -> Member {
        Member { uid, gid, ..self }
    }
}

/// A tar archive of these, in this order.
pub fn tar(members: &[Member]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = Header::new_ustar();
        let slash = if member.kind == EntryType::Directory { "/" } else { "" };
        // Written as it is: an archive of the campaign may hold `./a`, which the crate would clean.
        let name = format!("{}{slash}", member.path);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if let Some(target) = &member.target {
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        }
        header.set_entry_type(member.kind);
        header.set_mode(member.mode);
        header.set_uid(member.uid);
        header.set_gid(member.gid);
        header.set_size(member.content.len() as u64);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        builder.append(&header, &member.content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
