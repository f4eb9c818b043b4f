//! Members' bytes.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::DeflateDecoder;

use super::{Member, Method, Place, named};
use crate::layer::Stream;

/// A member as a stream of its bytes.
#[derive(Debug)]
pub struct MemberStream {
    pub(super) archive: Arc<str>,
    pub(super) place: Arc<Place>,
    pub(super) member: Member,
}

impl Stream for MemberStream {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(open(&self.place, &self.member)))
    }

    fn name(&self) -> String {
        format!("{} of {}", named(&self.member.path), named(&self.archive))
    }
}

/// Begins to read a member.
pub(super) fn open(place: &Arc<Place>, member: &Member) -> MemberReader {
    let packed = Packed { place: Arc::clone(place), at: member.data, left: member.packed };
    MemberReader {
        bytes: match member.method {
            Method::Stored => Bytes::Stored(packed),
            // Nothing can be packed into nothing; readers do not look.
            Method::Deflated if member.packed == 0 => Bytes::Stored(packed),
            Method::Deflated => Bytes::Deflated(DeflateDecoder::new(BufReader::with_capacity(BUFFER, packed))),
        },
        packed: member.packed,
        left: member.size,
        crc: crc32fast::Hasher::new(),
        expected: member.crc,
        is_checked: false,
    }
}

/// How many packed bytes are read at once.
const BUFFER: usize = 32 << 10;

/// The packed bytes of a member.
#[derive(Debug)]
struct Packed {
    place: Arc<Place>,
    at: u64,
    left: u64,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(part) = buffer.get_mut(..count) else { return Ok(0) };
        self.place.read(self.at, part)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

enum Bytes {
    Stored(Packed),
    Deflated(DeflateDecoder<BufReader<Packed>>),
}

/// Reads a member. The read that gives its last byte fails if there are more, or if the checksum is another.
pub(super) struct MemberReader {
    bytes: Bytes,
    packed: u64,
    left: u64,
    crc: crc32fast::Hasher,
    expected: u32,
    is_checked: bool,
}

impl MemberReader {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Stored(packed) => packed.read(buffer),
            Bytes::Deflated(decoder) => decoder.read(buffer),
        }
    }

    /// Makes sure at the end that it is the end.
    fn check(&mut self) -> io::Result<()> {
        self.is_checked = true;
        if self.fill(&mut [0])? != 0 {
            return Err(invalid("it has more bytes than the directory says"));
        }
        if let Bytes::Deflated(decoder) = &self.bytes
            && decoder.total_in() != self.packed
        {
            return Err(invalid("its packed bytes end before the directory says"));
        }
        if std::mem::take(&mut self.crc).finalize() != self.expected {
            return Err(invalid("its checksum is not what the directory says"));
        }
        Ok(())
    }
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut read = 0;
        if count > 0 {
            let Some(part) = buffer.get_mut(..count) else { return Ok(0) };
            read = self.fill(part)?;
            if read == 0 {
                return Err(invalid("it has fewer bytes than the directory says"));
            }
            self.left -= read as u64;
            self.crc.update(part.get(..read).unwrap_or_default());
        }
        if self.left == 0 && !self.is_checked {
            self.check()?;
        }
        Ok(read)
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
