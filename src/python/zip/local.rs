//! Members' own headers, which have to say what the directory says.

use super::Place;
use super::central::{DESCRIPTOR, Entry, UTF8};
use super::fields::{Extra, Fields};

const SIGNATURE: &[u8; 4] = b"PK\x03\x04";
const SIZE: u64 = 30;
const DESCRIPTOR_SIGNATURE: &[u8; 4] = b"PK\x07\x08";
/// How many bytes of extra fields are read with a header at once: mostly all.
const EXTRA: u64 = 64;

/// Where the data of a member begin. Its header is held to the directory's entry, and what it has must end right at
/// `next`.
pub fn check(place: &Place, entry: &Entry, next: u64) -> Result<u64, String> {
    check_header(place, entry, next).map_err(|why| format!("the member {} {why}", entry.shown()))
}

fn check_header(place: &Place, entry: &Entry, next: u64) -> Result<u64, String> {
    let room = next.saturating_sub(entry.header);
    let named = SIZE + entry.name.len() as u64;
    let bytes = place.bytes(entry.header, room.min(named + EXTRA))?;
    let mut fields = Fields(&bytes);
    let header = read(&mut fields).ok_or("has no header where the directory says")?;
    if u64::from(header.name) != entry.name.len() as u64 || fields.take(header.name.into()) != Some(&entry.name) {
        return Err("has another name in its own header".to_owned());
    }
    let data = entry.header + named + u64::from(header.extra);
    if data > next {
        return Err("overlaps the one after it".to_owned());
    }
    let longer;
    let extra = match fields.take(header.extra.into()) {
        Some(extra) => extra,
        None => {
            longer = place.bytes(entry.header + named, header.extra.into())?;
            &longer
        }
    };
    let extra = Extra::parse(extra, &entry.name)?;
    let told = (header.size, header.packed);
    let [size, packed] = extra.numbers([told.0, told.1])?;

    let (method, crc, expected_packed, expected_size) = entry.facts();
    let is_described = header.flags & DESCRIPTOR != 0;
    if (header.flags ^ entry.flags) & (DESCRIPTOR | UTF8) != 0 || header.flags & 1 != entry.flags & 1 {
        return Err("has other flags in its own header".to_owned());
    }
    if header.method != method {
        return Err("has another method in its own header".to_owned());
    }
    // With a descriptor the header may leave out what comes after the data, but not say something else.
    let left_out = |number: u64| is_described && number == 0;
    if size != expected_size && !left_out(size) {
        return Err("has another size in its own header".to_owned());
    }
    if packed != expected_packed && !left_out(packed) {
        return Err("has another packed size in its own header".to_owned());
    }
    if header.crc != crc && !left_out(header.crc.into()) {
        return Err("has another checksum in its own header".to_owned());
    }
    let data_end = data.checked_add(expected_packed).filter(|&end| end <= next);
    let data_end = data_end.ok_or("overlaps the one after it")?;
    match next - data_end {
        0 if !is_described => Ok(data),
        rest @ (12 | 16 | 20 | 24) if is_described => {
            let bytes = place.bytes(data_end, rest)?;
            match read_descriptor(&bytes) {
                Some(descriptor) if descriptor == (crc, expected_packed, expected_size) => Ok(data),
                _ => Err("is contradicted by its data descriptor".to_owned()),
            }
        }
        _ if is_described => Err("has no data descriptor after its data".to_owned()),
        rest => Err(format!("is followed by {rest} bytes that belong to none")),
    }
}

/// The fields of a header that matter (APPNOTE 4.3.7).
struct Header {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    name: u16,
    extra: u16,
}

fn read(fields: &mut Fields) -> Option<Header> {
    if fields.take(4)? != SIGNATURE {
        return None;
    }
    // The version of the reader.
    fields.take(2)?;
    let (flags, method) = (fields.short()?, fields.short()?);
    // The time.
    fields.take(4)?;
    Some(Header {
        flags,
        method,
        crc: fields.word()?,
        packed: fields.word()?,
        size: fields.word()?,
        name: fields.short()?,
        extra: fields.short()?,
    })
}

/// Checksum, packed size and size of a data descriptor (APPNOTE 4.3.9). Its signature is optional, its sizes have 4 or 8
/// bytes; its length says which.
fn read_descriptor(bytes: &[u8]) -> Option<(u32, u64, u64)> {
    let mut fields = Fields(bytes);
    if matches!(bytes.len(), 16 | 24) && fields.take(4)? != DESCRIPTOR_SIGNATURE {
        return None;
    }
    let crc = fields.word()?;
    Some(match fields.0.len() {
        8 => (crc, fields.word()?.into(), fields.word()?.into()),
        _ => (crc, fields.long()?, fields.long()?),
    })
}
