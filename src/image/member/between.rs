//! What a tar stream holds between contents: the headers of each entry as they are, and the rest that no reader looks at.
//!
//! The tar reader takes records apart by line, and a value may hold line breaks: what it makes of them is not what they say.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::digest::{Digest, Hasher};

/// A size of a tar stream's blocks.
const BLOCK: usize = 512;

/// What of a stream has passed.
pub(super) struct Passed {
    position: u64,
    entries: u64,
    /// Where the content of the last entry ends, and where the next entry's headers may begin.
    content_end: u64,
    next: u64,
    /// What has come since then. The reader takes in no more than some MiB of headers.
    headers: Vec<u8>,
    /// Bytes of padding that are not zero, and what follows the last entry.
    rest: Hasher,
}

impl Passed {
    pub(super) fn new() -> Rc<RefCell<Passed>> {
        Rc::new(RefCell::new(Passed {
            position: 0,
            entries: 0,
            content_end: 0,
            next: 0,
            headers: Vec::new(),
            rest: Hasher::new(),
        }))
    }

    /// The headers of an entry whose content of so many bytes comes next.
    pub(super) fn begin(&mut self, stored: u64) -> Vec<u8> {
        self.entries += 1;
        self.content_end = self.position.saturating_add(stored);
        self.next = self.content_end.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX);
        std::mem::take(&mut self.headers)
    }

    /// Reads the stream to its end, and gives the digest of what it holds beside its entries.
    pub(super) fn end(&mut self, mut stream: impl Read) -> io::Result<Digest> {
        let mut rest = std::mem::replace(&mut self.rest, Hasher::new());
        rest.update(&u64::MAX.to_le_bytes());
        rest.update(&self.headers);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(rest.finish()),
                read => rest.update(&buffer[..read]),
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        let begin = self.position;
        self.position += bytes.len() as u64;
        let at = |position: u64| usize::try_from(position.saturating_sub(begin)).unwrap_or(usize::MAX).min(bytes.len());
        let (padding, headers) = (at(self.content_end), at(self.next));
        for (place, byte) in (begin..).zip(bytes).take(headers).skip(padding).filter(|(_, byte)| **byte != 0) {
            self.rest.update(&self.entries.to_le_bytes());
            self.rest.update(&(place - self.content_end).to_le_bytes());
            self.rest.update(&[*byte]);
        }
        self.headers.extend_from_slice(&bytes[headers..]);
    }
}

/// A stream that tells what passes.
pub(super) struct Told<R>(pub(super) R, pub(super) Rc<RefCell<Passed>>);

impl<R: Read> Read for Told<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.borrow_mut().pass(&buffer[..read]);
        Ok(read)
    }
}

/// The headers of an entry.
pub(super) struct Headers<'a> {
    /// Its own, as it is: the tar reader writes owners of records into it.
    pub own: &'a tar::Header,
    /// The content of the PAX header before it.
    pub records: &'a [u8],
    /// Whether its name, and whether its link, stands in an entry of its own before it, as GNU tar writes long ones.
    pub long_name: bool,
    /// The same of its link.
    pub long_link: bool,
}

impl Headers<'_> {
    /// Takes apart what stands before an entry's content.
    ///
    /// # Errors
    ///
    /// If there is no header among it.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Headers<'_>> {
        let (mut records, mut long_name, mut long_link) = (&b""[..], false, false);
        let mut rest = bytes;
        loop {
            let (header, content) = rest.split_at_checked(BLOCK).ok_or_else(|| malformed("an entry has no header"))?;
            let own = tar::Header::from_byte_slice(header);
            let is_known = own.as_ustar().is_some() || own.as_gnu().is_some();
            match own.entry_type() {
                tar::EntryType::XHeader | tar::EntryType::GNULongName | tar::EntryType::GNULongLink if is_known => {}
                _ => return Ok(Headers { own, records, long_name, long_link }),
            }
            let size = usize::try_from(own.entry_size()?).unwrap_or(usize::MAX);
            let content_bytes = content.get(..size).ok_or_else(|| malformed("an entry has no header"))?;
            match own.entry_type() {
                tar::EntryType::XHeader => records = content_bytes,
                tar::EntryType::GNULongName => long_name = true,
                _ => long_link = true,
            }
            rest = content.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
        }
    }
}

/// An error of a stream that does not say what it says as the format wants it.
pub(super) fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
