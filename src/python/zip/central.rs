//! The directory of a zip.

use super::end::End;
use super::fields::{Extra, Fields};
use super::{DEFLATE_RATIO, Member, Method, Place, named, names};

/// An entry of the directory.
#[derive(Debug)]
pub struct Entry {
    /// The member that it tells of. Where its data begin is not known yet.
    pub member: Member,
    /// The name as it is written.
    pub name: Box<[u8]>,
    /// The bits that say how it is written.
    pub flags: u16,
    /// Where its own header begins.
    pub header: u64,
}

impl Entry {
    /// Its name for messages.
    pub fn shown(&self) -> String {
        named(&self.member.path)
    }

    /// What its own header has to repeat: method, checksum, packed size and size.
    pub fn facts(&self) -> (u16, u32, u64, u64) {
        let method = match self.member.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        };
        (method, self.member.crc, self.member.packed, self.member.size)
    }
}

/// The bit that says that checksum and sizes come after the data.
pub const DESCRIPTOR: u16 = 1 << 3;
/// The bit that says that the name is UTF-8.
pub const UTF8: u16 = 1 << 11;
/// The bits of encryption, and the one of patches.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const PATCHED: u16 = 1 << 5;

const SIGNATURE: &[u8; 4] = b"PK\x01\x02";

/// Reads all entries, sorted bytewise by path.
pub fn read(place: &Place, end: &End) -> Result<Vec<Entry>, String> {
    let bytes = place.bytes(end.directory, end.size)?;
    let mut fields = Fields(&bytes);
    let mut entries = Vec::new();
    for at in 1..=end.entries {
        let header =
            read_header(&mut fields).ok_or_else(|| format!("the entry {at} of its directory makes no sense"))?;
        entries.push(entry(header)?);
    }
    if !fields.0.is_empty() {
        return Err(format!("its directory has more than the {} entries that its end record counts", end.entries));
    }
    entries.sort_by(|a, b| a.member.path.cmp(&b.member.path));
    Ok(entries)
}

/// The fields of an entry (APPNOTE 4.3.12).
struct Header<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    disk: u16,
    attributes: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

fn read_header<'a>(fields: &mut Fields<'a>) -> Option<Header<'a>> {
    if fields.take(4)? != SIGNATURE {
        return None;
    }
    // The versions of the writer and of the reader.
    fields.take(4)?;
    let (flags, method) = (fields.short()?, fields.short()?);
    // The time.
    fields.take(4)?;
    let (crc, packed, size) = (fields.word()?, fields.word()?, fields.word()?);
    let (name, extra, comment) = (fields.short()?, fields.short()?, fields.short()?);
    let disk = fields.short()?;
    // The internal attributes.
    fields.take(2)?;
    let (attributes, offset) = (fields.word()?, fields.word()?);
    let (name, extra) = (fields.take(name.into())?, fields.take(extra.into())?);
    fields.take(comment.into())?;
    Some(Header { flags, method, crc, packed, size, disk, attributes, offset, name, extra })
}

fn entry(header: Header) -> Result<Entry, String> {
    let (path, is_directory) = names::check(header.name, header.flags & UTF8 != 0)?;
    let refused = |why: &str| Err(format!("the member {} {why}", named(path)));
    if header.flags & ENCRYPTED != 0 {
        return refused("is encrypted");
    }
    if header.flags & PATCHED != 0 {
        return refused("is a patch of something else");
    }
    if header.disk != 0 {
        return refused("lies on another disk");
    }
    let method = match header.method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => return refused(&format!("is packed by method {other}, and only stored and deflated ones are read")),
    };
    let mode = header.attributes >> 16;
    if let Some(why) = kind_contradicts(mode, header.attributes, is_directory) {
        return refused(why);
    }
    let told = Extra::parse(header.extra, header.name)
        .and_then(|extra| extra.numbers([header.size, header.packed, header.offset]));
    let [size, packed, offset] = match told {
        Ok(numbers) => numbers,
        Err(why) => return refused(&why),
    };
    if is_directory && size != 0 {
        return refused("is a directory with contents");
    }
    if method == Method::Stored && size != packed {
        return refused("is stored, and has two sizes");
    }
    if size > packed.saturating_mul(DEFLATE_RATIO) {
        return refused(&format!("would grow from {packed} bytes to {size}, more than deflate can"));
    }
    let member = Member {
        path: path.into(),
        is_directory,
        is_executable: mode & TYPE == FILE && mode & 0o111 != 0,
        size,
        crc: header.crc,
        method,
        packed,
        data: 0,
    };
    Ok(Entry { member, name: header.name.into(), flags: header.flags, header: offset })
}

/// The bits of a mode that say what a file is.
const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;
/// The bit of MS-DOS for directories.
const DOS_DIRECTORY: u32 = 0x10;

/// Why the attributes do not fit a file or a directory, if they do not. The mode is looked at whatever system the entry
/// says it is from, for so do those who would make a link of it.
fn kind_contradicts(mode: u32, attributes: u32, is_directory: bool) -> Option<&'static str> {
    match mode & TYPE {
        0 if !is_directory && attributes & DOS_DIRECTORY != 0 => Some("is a directory by its attributes alone"),
        0 => None,
        SYMLINK => Some("is a symbolic link"),
        FILE if is_directory => Some("is a file with the name of a directory"),
        DIRECTORY if !is_directory => Some("is a directory by its attributes alone"),
        FILE | DIRECTORY => None,
        _ => Some("is a special file"),
    }
}
