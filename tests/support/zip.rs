//! Zip files written record by record, so that they can hold what libraries refuse to write.
//!
//! What a member is said to have and what it has are apart: each can be changed by itself.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Not compressed.
pub const STORED: u16 = 0;
/// Compressed with deflate.
pub const DEFLATED: u16 = 8;

/// A member, as an honest tool would write it until something of it is changed.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name in the directory.
    pub name: Vec<u8>,
    /// Its name in front of its bytes, if it is another one.
    pub local_name: Option<Vec<u8>>,
    /// What it holds once it is unpacked; the other fields do not follow when it is changed.
    pub content: Vec<u8>,
    /// The bytes in the file.
    pub bytes: Vec<u8>,
    /// How they are said to be compressed.
    pub method: u16,
    /// The general purpose flags.
    pub flags: u16,
    /// The checksum that is stated.
    pub crc: u32,
    /// The size that is stated.
    pub size: u32,
    /// The compressed size that is stated.
    pub compressed_size: u32,
    /// Type and mode, as Unix has them.
    pub mode: u32,
    /// Extra fields in the directory.
    pub extra: Vec<u8>,
    /// Where the directory says that it lies, if not where it does.
    pub offset: Option<u32>,
}

impl Member {
    /// A file of mode 0644, compressed.
    pub fn new(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Member {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content.as_ref()).unwrap();
        Member::of(name.as_ref(), content.as_ref(), encoder.finish().unwrap(), DEFLATED)
    }

    /// A file of mode 0644, as it is.
    pub fn stored(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Member {
        Member::of(name.as_ref(), content.as_ref(), content.as_ref().to_vec(), STORED)
    }

    fn of(name: &[u8], content: &[u8], bytes: Vec<u8>, method: u16) -> Member {
        Member {
            name: name.to_vec(),
            local_name: None,
            content: content.to_vec(),
            method,
            flags: if name.is_ascii() { 0 } else { 1 << 11 },
            crc: crc32fast::hash(content),
            size: u32::try_from(content.len()).unwrap(),
            compressed_size: u32::try_from(bytes.len()).unwrap(),
            bytes,
            mode: 0o100_644,
            extra: Vec::new(),
            offset: None,
        }
    }

    /// The same with another mode.
    pub fn mode(mut self, mode: u32) -> Member {
        self.mode = mode;
        self
    }

    /// The same name with other content.
    pub fn with(&self, content: impl AsRef<[u8]>) -> Member {
        Member::new(&self.name, content).mode(self.mode)
    }
}

/// A zip file of these members, in this order.
pub fn zip(members: &[Member]) -> Vec<u8> {
    zip_with(members, |_| {})
}

/// The same, whose last record, the end of the directory, is changed.
pub fn zip_with(members: &[Member], change: impl FnOnce(&mut [u8; 22])) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        let offset = member.offset.unwrap_or(u32::try_from(file.len()).unwrap());
        let shared = |name: &[u8], extra: &[u8]| {
            let mut header = Vec::new();
            header.extend(20u16.to_le_bytes());
            header.extend(member.flags.to_le_bytes());
            header.extend(member.method.to_le_bytes());
            // Midnight of 1980-01-01.
            header.extend([0, 0, 0x21, 0]);
            header.extend(member.crc.to_le_bytes());
            header.extend(member.compressed_size.to_le_bytes());
            header.extend(member.size.to_le_bytes());
            header.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            header.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
            header
        };
        let local_name = member.local_name.as_ref().unwrap_or(&member.name);
        file.extend(b"PK\x03\x04");
        file.extend(shared(local_name, &[]));
        file.extend(local_name);
        file.extend(&member.bytes);
        directory.extend(b"PK\x01\x02");
        // Made by version 2.0 on Unix.
        directory.extend([20, 3]);
        directory.extend(shared(&member.name, &member.extra));
        // No comment, the first disk, no internal attributes.
        directory.extend([0; 6]);
        directory.extend((member.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&member.extra);
    }
    let mut end = [0; 22];
    end[..4].copy_from_slice(b"PK\x05\x06");
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    end[8..10].copy_from_slice(&count);
    end[10..12].copy_from_slice(&count);
    end[12..16].copy_from_slice(&u32::try_from(directory.len()).unwrap().to_le_bytes());
    end[16..20].copy_from_slice(&u32::try_from(file.len()).unwrap().to_le_bytes());
    change(&mut end);
    file.extend(directory);
    file.extend(end);
    file
}
