//! Tar headers: POSIX ustar, with a PAX record only where ustar cannot say it.
//!
//! Set by hand rather than by a tar library, because every byte is part of a layer's digest: no GNU entries, no
//! sparse files, no access or change times, no user or group names, and nothing that a file system or a library
//! version decides. The format is that of
//! [POSIX pax](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html).

use crate::entry::{Entry, Kind};

/// Tar's unit: headers are one block, contents are padded to blocks.
pub const BLOCK: u64 = 512;

/// What ends a layer: exactly two zero blocks.
pub const END: [u8; 1024] = [0; 1024];

/// Sizes from here on (8 GiB) need a PAX record: ustar has eleven octal digits.
const SIZE_LIMIT: u64 = 1 << 33;
/// Ids from here on need a PAX record: ustar has seven octal digits.
const ID_LIMIT: u64 = 1 << 21;
/// Names up to this many bytes fit a header's `name` and `linkname`. The `prefix` field is not used.
const NAME_LIMIT: usize = 100;

/// How many zero bytes follow a content of `size` bytes.
pub fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

/// How many bytes the entry's headers take.
pub fn header_size(entry: &Entry) -> u64 {
    let records = records(entry);
    if records.is_empty() {
        BLOCK
    } else {
        let size = records.len() as u64;
        2 * BLOCK + size + padding(size)
    }
}

/// Appends the entry's headers to `out`. Its content and padding are to follow.
pub fn write_header(out: &mut Vec<u8>, entry: &Entry) {
    let records = records(entry);
    if !records.is_empty() {
        let mut header = Header::new(b'x');
        header.name(b"PaxHeader");
        header.octal(100, 8, 0o644);
        header.octal(124, 12, records.len() as u64);
        header.octal(136, 12, 0);
        header.octal(108, 8, 0);
        header.octal(116, 8, 0);
        out.extend_from_slice(&header.finish());
        out.extend_from_slice(&records);
        out.resize(out.len() + padding(records.len() as u64) as usize, 0);
    }
    let (flag, size, link): (u8, u64, &[u8]) = match &entry.kind {
        Kind::Directory => (b'5', 0, b""),
        Kind::File { size, .. } => (b'0', *size, b""),
        Kind::Symlink { target } => (b'2', 0, target),
        Kind::Hardlink { target } => (b'1', 0, target),
    };
    let mut header = Header::new(flag);
    header.name(&name(entry));
    header.octal(100, 8, u64::from(entry.mode));
    header.octal(108, 8, if entry.uid < ID_LIMIT { entry.uid } else { 0 });
    header.octal(116, 8, if entry.gid < ID_LIMIT { entry.gid } else { 0 });
    header.octal(124, 12, if size < SIZE_LIMIT { size } else { 0 });
    header.octal(136, 12, ustar_time(entry.mtime).unwrap_or(0));
    header.link(link);
    out.extend_from_slice(&header.finish());
}

/// The name in the header: directories end in a slash.
fn name(entry: &Entry) -> Vec<u8> {
    let mut name = entry.path.to_vec();
    if entry.kind == Kind::Directory {
        name.push(b'/');
    }
    name
}

fn ustar_time(mtime: i64) -> Option<u64> {
    u64::try_from(mtime).ok().filter(|&seconds| seconds < SIZE_LIMIT)
}

fn fits(name: &[u8]) -> bool {
    name.len() <= NAME_LIMIT && name.is_ascii()
}

/// The entry's PAX records, sorted by keyword; empty if ustar suffices.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    if entry.gid >= ID_LIMIT {
        record(&mut records, "gid", entry.gid.to_string().as_bytes());
    }
    if let Kind::Symlink { target } | Kind::Hardlink { target } = &entry.kind
        && !fits(target)
    {
        record(&mut records, "linkpath", target);
    }
    if ustar_time(entry.mtime).is_none() {
        record(&mut records, "mtime", entry.mtime.to_string().as_bytes());
    }
    let name = name(entry);
    if !fits(&name) {
        record(&mut records, "path", &name);
    }
    if let Kind::File { size, .. } = entry.kind
        && size >= SIZE_LIMIT
    {
        record(&mut records, "size", size.to_string().as_bytes());
    }
    if entry.uid >= ID_LIMIT {
        record(&mut records, "uid", entry.uid.to_string().as_bytes());
    }
    records
}

/// Appends `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record, its own digits included.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

struct Header([u8; BLOCK as usize]);

impl Header {
    fn new(flag: u8) -> Header {
        let mut bytes = [0; BLOCK as usize];
        bytes[156] = flag;
        bytes[257..265].copy_from_slice(b"ustar\x0000");
        let mut header = Header(bytes);
        // Device numbers are zero, spelled out, as POSIX has it.
        header.octal(329, 8, 0);
        header.octal(337, 8, 0);
        header
    }

    fn name(&mut self, name: &[u8]) {
        let length = name.len().min(NAME_LIMIT);
        self.0[..length].copy_from_slice(&name[..length]);
    }

    fn link(&mut self, target: &[u8]) {
        let length = target.len().min(NAME_LIMIT);
        self.0[157..157 + length].copy_from_slice(&target[..length]);
    }

    /// Writes `value` as octal digits with leading zeros, ended by a NUL.
    fn octal(&mut self, at: usize, width: usize, mut value: u64) {
        for slot in self.0[at..at + width - 1].iter_mut().rev() {
            *slot = b'0' + (value & 7) as u8;
            value >>= 3;
        }
        self.0[at + width - 1] = 0;
    }

    fn finish(mut self) -> [u8; BLOCK as usize] {
        self.0[148..156].fill(b' ');
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        // Six digits, a NUL, a space: the one field that POSIX ends so.
        self.octal(148, 7, sum);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn entry(path: &[u8], kind: Kind) -> Entry {
        Entry { path: path.into(), mode: 0o644, uid: 0, gid: 0, mtime: 0, kind }
    }

    fn read_back(entry: &Entry) -> (tar::Header, Vec<u8>, Option<Vec<u8>>) {
        let mut bytes = Vec::new();
        write_header(&mut bytes, entry);
        assert_eq!(bytes.len() as u64, header_size(entry));
        bytes.extend_from_slice(&END);
        let mut archive = tar::Archive::new(&bytes[..]);
        let read = archive.entries().unwrap().next().unwrap().unwrap();
        let path = read.path_bytes().into_owned();
        let link = read.link_name_bytes().map(|link| link.into_owned());
        (read.header().clone(), path, link)
    }

    #[test]
    fn short_ascii_names_need_one_header() {
        let entry = entry(b"a/b", Kind::Symlink { target: (*b"c").into() });
        assert_eq!(header_size(&entry), 512);
        let (header, path, link) = read_back(&entry);
        assert_eq!((path.as_slice(), link.as_deref()), (b"a/b".as_slice(), Some(b"c".as_slice())));
        assert!(header.as_ustar().is_some());
        assert_eq!(header.username_bytes(), Some(b"".as_slice()));
    }

    #[test]
    fn long_and_foreign_names_and_large_numbers_come_back() {
        let long = [b"d/".as_slice(), &[b'x'; 200]].concat();
        for path in [&long[..], "é".as_bytes(), b"not\xffutf8", &[b'y'; 100], &[b'y'; 101]] {
            let mut entry = entry(path, Kind::Directory);
            entry.uid = 3_000_000;
            entry.gid = 2_097_151;
            entry.mtime = -5;
            let (header, read, _) = read_back(&entry);
            assert_eq!(read, [path, b"/"].concat());
            assert_eq!(header.gid().unwrap(), 2_097_151);
        }
        let target = vec![b't'; 300];
        let (_, _, link) = read_back(&entry(b"l", Kind::Symlink { target: target.clone().into() }));
        assert_eq!(link, Some(target));
        let huge = entry(b"f", Kind::File { size: 1 << 33, digest: Digest::of(b"") });
        let mut bytes = Vec::new();
        write_header(&mut bytes, &huge);
        assert!(bytes.windows(20).any(|window| window == b"19 size=8589934592\n\0"));
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for length in [1, 80, 90, 91, 92, 93, 980, 985, 990] {
            let mut records = Vec::new();
            record(&mut records, "path", &vec![b'p'; length]);
            let written: usize = std::str::from_utf8(&records).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(written, records.len());
        }
    }
}
