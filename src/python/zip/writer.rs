//! A writer of zips for tests, of right and of wrong ones: every form that real writers use, and the places of all
//! headers, so that a test can write something else over them.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A member that is to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub is_deflated: bool,
    pub mode: u32,
    pub descriptor: Option<Descriptor>,
    /// Whether its sizes are written into extra fields although they fit.
    pub is_long: bool,
    /// Other extra fields, in both headers.
    pub extra: Vec<u8>,
    /// What lies after it and belongs to none.
    pub after: Vec<u8>,
}

/// The form of a data descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    pub is_signed: bool,
    pub is_long: bool,
}

impl Entry {
    pub fn file(name: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Entry {
        Entry {
            name: name.into(),
            content: content.into(),
            is_deflated: true,
            mode: 0o100_644,
            descriptor: None,
            is_long: false,
            extra: Vec::new(),
            after: Vec::new(),
        }
    }

    pub fn of_mode(self, mode: u32) -> Entry {
        Entry { mode, ..self }
    }

    pub fn stored(self) -> Entry {
        Entry { is_deflated: false, ..self }
    }

    pub fn directory(name: &str) -> Entry {
        Entry::file(name, "").stored().of_mode(0o040_755)
    }
}

/// A zip as it was written, and where what begins.
#[derive(Debug, Clone)]
pub struct Written {
    pub bytes: Vec<u8>,
    pub locals: Vec<usize>,
    pub datas: Vec<usize>,
    pub centrals: Vec<usize>,
    pub end: usize,
}

impl Written {
    /// Writes over what is there.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A field of the last member's own header.
    pub fn in_local(&mut self, field: usize, bytes: &[u8]) {
        self.put(self.locals.last().unwrap() + field, bytes);
    }

    /// A field of the last entry of the directory.
    pub fn in_central(&mut self, field: usize, bytes: &[u8]) {
        self.put(self.centrals.last().unwrap() + field, bytes);
    }

    /// A field of both.
    pub fn in_both(&mut self, local: usize, bytes: &[u8]) {
        self.in_local(local, bytes);
        self.in_central(local + 2, bytes);
    }

    /// A field of the end record.
    pub fn in_end(&mut self, field: usize, bytes: &[u8]) {
        self.put(self.end + field, bytes);
    }

    /// The zip in a file without a name, `offset` bytes into it.
    pub fn file(&self, offset: u64) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PK\x05\x06 what lies around is no matter").unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&self.bytes).unwrap();
        file.write_all(b"PK\x05\x06 nor after").unwrap();
        Arc::new(file)
    }
}

pub fn write(entries: &[Entry], has_long_end: bool) -> Written {
    let mut out = Vec::new();
    let (mut locals, mut datas, mut centrals) = (Vec::new(), Vec::new(), Vec::new());
    let mut directory = Vec::new();
    for entry in entries {
        let packed = if entry.is_deflated { deflated(&entry.content) } else { entry.content.clone() };
        let crc = crc32fast::hash(&entry.content).to_le_bytes();
        let sizes = [packed.len() as u64, entry.content.len() as u64];
        let is_utf8 = !entry.name.is_ascii();
        let flags = u16::from(entry.descriptor.is_some()) << 3 | u16::from(is_utf8) << 11;
        let method: u16 = if entry.is_deflated { 8 } else { 0 };
        let header = out.len();

        let common = |crc: [u8; 4], sizes: [u64; 2], extra: &[u8]| {
            let mut fields = [20u16.to_le_bytes(), flags.to_le_bytes(), method.to_le_bytes()].concat();
            fields.extend([0, 0, 0x21, 0]);
            fields.extend(crc);
            for size in sizes {
                fields.extend(if entry.is_long { [0xff; 4] } else { (size as u32).to_le_bytes() });
            }
            fields.extend((entry.name.len() as u16).to_le_bytes());
            fields.extend((extra.len() as u16).to_le_bytes());
            fields
        };
        let extra_of = |sizes: [u64; 2]| {
            let mut extra = Vec::new();
            if entry.is_long {
                extra.extend([1, 0, 16, 0]);
                extra.extend(sizes[1].to_le_bytes());
                extra.extend(sizes[0].to_le_bytes());
            }
            extra.extend(&entry.extra);
            extra
        };
        // With a descriptor nothing is known when the header is written.
        let (local_crc, local_sizes) = if entry.descriptor.is_some() { ([0; 4], [0, 0]) } else { (crc, sizes) };
        let extra = extra_of(local_sizes);
        locals.push(header);
        out.extend(b"PK\x03\x04");
        out.extend(common(local_crc, local_sizes, &extra));
        out.extend(&entry.name);
        out.extend(&extra);
        datas.push(out.len());
        out.extend(&packed);
        if let Some(descriptor) = entry.descriptor {
            if descriptor.is_signed {
                out.extend(b"PK\x07\x08");
            }
            out.extend(crc);
            for size in sizes {
                out.extend(&size.to_le_bytes()[..if descriptor.is_long { 8 } else { 4 }]);
            }
        }
        out.extend(&entry.after);

        let extra = extra_of(sizes);
        centrals.push(directory.len());
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(common(crc, sizes, &extra));
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend((header as u32).to_le_bytes());
        directory.extend(&entry.name);
        directory.extend(&extra);
    }
    let start = out.len();
    let centrals = centrals.into_iter().map(|at| start + at).collect();
    let size = directory.len();
    out.extend(directory);
    let count = entries.len() as u64;
    if has_long_end {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44u64.to_le_bytes());
        out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [count, count, size as u64, start as u64] {
            out.extend(number.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(at.to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    let end = out.len();
    out.extend(b"PK\x05\x06\0\0\0\0");
    if has_long_end {
        out.extend([0xff; 12]);
    } else {
        out.extend((count as u16).to_le_bytes());
        out.extend((count as u16).to_le_bytes());
        out.extend((size as u32).to_le_bytes());
        out.extend((start as u32).to_le_bytes());
    }
    out.extend([0, 0]);
    Written { bytes: out, locals, datas, centrals, end }
}

pub fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
