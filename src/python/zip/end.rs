//! The end of a zip: where its directory is.

use super::fields::Fields;
use super::{DIRECTORY, MEMBERS, Place};

/// Where the directory is.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Where it begins.
    pub directory: u64,
    /// How many bytes it has.
    pub size: u64,
    /// How many entries.
    pub entries: u64,
}

const SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const SIZE: u64 = 22;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_SIZE: u64 = 20;
const ZIP64: &[u8; 4] = b"PK\x06\x06";
const ZIP64_SIZE: u64 = 56;
/// How far from the end readers look for the record: it and the longest comment.
const WINDOW: u64 = SIZE + 0xffff;

/// Finds the directory. Readers differ in which of several end records they take, so there may be one only: the last
/// one, whose comment ends with the file.
pub fn find(place: &Place) -> Result<End, String> {
    let window = place.size.min(WINDOW);
    let start = place.size - window;
    let tail = place.bytes(start, window)?;
    let found = tail.windows(SIGNATURE.len()).rposition(|bytes| bytes == SIGNATURE);
    let found = found.ok_or("it is no zip: it has no end record")?;
    let mut fields = Fields(tail.get(found + SIGNATURE.len()..).unwrap_or_default());
    let told = read_end(&mut fields).ok_or("its end record is cut off")?;
    let at = start + found as u64;
    match (at + SIZE + u64::from(told.comment)).cmp(&place.size) {
        std::cmp::Ordering::Less => return Err("something lies after its end record".to_owned()),
        std::cmp::Ordering::Greater => return Err("its end record is cut off".to_owned()),
        std::cmp::Ordering::Equal => {}
    }
    // Wheels have no comment; in one a reader from the front could find more members.
    if told.comment != 0
        && tail.get(found + SIZE as usize..).is_some_and(|comment| comment.windows(2).any(|w| w == b"PK"))
    {
        return Err("its comment looks like a part of a zip".to_owned());
    }
    if told.disks != (0, 0) || told.entries_here != told.entries {
        return Err("it is a part of a zip on several disks".to_owned());
    }
    let (end, directory_end) = match locator(place, at)? {
        Some(found) => with_zip64(&told, found)?,
        None => (End { directory: told.directory.into(), size: told.size.into(), entries: told.entries.into() }, at),
    };
    if end.entries > MEMBERS {
        return Err(format!("it has {} members, and {MEMBERS} are the most that are read", end.entries));
    }
    if end.size > DIRECTORY {
        return Err(format!("its directory has {} bytes, and {DIRECTORY} are the most that are read", end.size));
    }
    if end.directory.checked_add(end.size) != Some(directory_end) {
        return Err("its directory does not lie right before its end record".to_owned());
    }
    Ok(end)
}

/// The fields of the end record (APPNOTE 4.3.16).
struct Told {
    disks: (u16, u16),
    entries_here: u16,
    entries: u16,
    size: u32,
    directory: u32,
    comment: u16,
}

fn read_end(fields: &mut Fields) -> Option<Told> {
    Some(Told {
        disks: (fields.short()?, fields.short()?),
        entries_here: fields.short()?,
        entries: fields.short()?,
        size: fields.word()?,
        directory: fields.word()?,
        comment: fields.short()?,
    })
}

/// What the end record for zip64 says, and where that begins, if the record that ends the file at `end` has one: a
/// locator right before it (APPNOTE 4.3.14, 4.3.15). Readers take it wherever they see one.
fn locator(place: &Place, end: u64) -> Result<Option<(End, u64)>, String> {
    let Some(at) = end.checked_sub(LOCATOR_SIZE) else { return Ok(None) };
    let bytes = place.bytes(at, LOCATOR_SIZE)?;
    let mut fields = Fields(&bytes);
    if fields.take(4) != Some(LOCATOR) {
        return Ok(None);
    }
    let record = (|| Some((fields.word()?, fields.long()?, fields.word()?)))();
    let Some((0, record, 0 | 1)) = record else {
        return Err("its zip64 locator names another disk".to_owned());
    };
    if record.checked_add(ZIP64_SIZE) != Some(at) {
        return Err("its zip64 end record does not lie right before its locator".to_owned());
    }
    let bytes = place.bytes(record, ZIP64_SIZE)?;
    let mut fields = Fields(&bytes);
    let read = (|| {
        let is_one = fields.take(4)? == ZIP64 && fields.long()? == ZIP64_SIZE - 12;
        fields.take(4)?;
        let on_one_disk = (fields.word()?, fields.word()?) == (0, 0);
        let (here, entries) = (fields.long()?, fields.long()?);
        let (size, directory) = (fields.long()?, fields.long()?);
        (is_one && on_one_disk && here == entries).then_some(End { directory, size, entries })
    })();
    let end = read.ok_or("its zip64 end record makes no sense")?;
    Ok(Some((end, record)))
}

/// Holds the end record for zip64 to the other: what that can say must be the same.
fn with_zip64(told: &Told, (end, record): (End, u64)) -> Result<(End, u64), String> {
    let same = |short: u64, most: u64, long: u64| short == most || short == long;
    let agrees = same(told.entries.into(), u16::MAX.into(), end.entries)
        && same(told.size.into(), u32::MAX.into(), end.size)
        && same(told.directory.into(), u32::MAX.into(), end.directory);
    if agrees { Ok((end, record)) } else { Err("its two end records contradict each other".to_owned()) }
}
