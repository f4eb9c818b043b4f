//! Streams: whether the blob of a published layer is what the image's documents, and those who read it, take it for.

use std::io::{self, BufRead, BufReader, Read};

use super::finding::{Finding, Paths};
use super::layers::Layer;
use super::subject::Subject;
use crate::base::decompress_exactly;
use crate::compare::of_layer;
use crate::digest::{Digest, Digesting};
use crate::image::{LAYER_LIMIT, TreeError};
use crate::spec::Rule;

/// What the blob of a layer turned out to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    /// Why it could not be read.
    pub unreadable: Option<String>,
    /// What the config says that its plain stream is, and what it is, if these are two.
    pub diff_ids: Option<(Digest, Digest)>,
    /// How many gzip members it is made of; 0 of one that is not gzip.
    pub members: u64,
    /// Whether something lies behind the last of them.
    pub trailing: bool,
}

impl Stream {
    /// Of a blob that could not be read.
    pub fn unreadable(why: impl Into<String>) -> Stream {
        Stream { unreadable: Some(why.into()), ..Stream::default() }
    }

    /// Reads a blob of this media type to the end of its plain stream, of which the config says `stated`.
    pub fn read(
        media_type: &str,
        blob: &mut (dyn Read + Send),
        stated: Option<Digest>,
        read: impl FnOnce(&mut dyn Read) -> Result<(), TreeError>,
    ) -> Stream {
        let plain = match media_type.ends_with("gzip") {
            true => Plain::Gzip(Members::new(BufReader::with_capacity(256 << 10, blob))),
            false => Plain::Other(decompress_exactly(media_type, blob)),
        };
        let mut plain = Digesting::new(plain.take(LAYER_LIMIT + 1));
        // As everywhere: some layers end with the last byte of the last file.
        if let Err(error) = read(&mut (&mut plain).chain(io::repeat(0).take(3 * 512))) {
            let why = of_layer(&error);
            return Stream::unreadable(why.strip_prefix("failed to read it: ").unwrap_or(&why));
        }
        // Tar readers stop at the end of the archive, and what follows belongs to the digest all the same.
        if let Err(error) = io::copy(&mut plain, &mut io::sink()) {
            return Stream::unreadable(format!("it cannot be decompressed to its end: {error}"));
        }
        let (plain, found, size) = plain.finish();
        if size > LAYER_LIMIT {
            return Stream::unreadable(format!("it has more than {LAYER_LIMIT} bytes once it is decompressed"));
        }
        let diff_ids = stated.filter(|stated| *stated != found).map(|stated| (stated, found));
        let (members, trailing) = match plain.into_inner() {
            Plain::Gzip(members) => (members.count, members.trailing),
            Plain::Other(_) => (0, false),
        };
        Stream { unreadable: None, diff_ids, members, trailing }
    }
}

/// The plain stream of a blob.
enum Plain<'a, R> {
    Gzip(Members<R>),
    Other(Box<dyn Read + 'a>),
}

impl<R: BufRead> Read for Plain<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Plain::Gzip(members) => members.read(buffer),
            Plain::Other(plain) => plain.read(buffer),
        }
    }
}

/// Gzip members one after another, counted. What follows the last one and is none is passed over, as gzip does.
struct Members<R> {
    state: State<R>,
    count: u64,
    trailing: bool,
}

enum State<R> {
    Between(R),
    Within(flate2::bufread::GzDecoder<R>),
    Ended,
}

impl<R: BufRead> Members<R> {
    fn new(blob: R) -> Members<R> {
        Members { state: State::Between(blob), count: 0, trailing: false }
    }

    /// What comes after a member, or before the first.
    fn next(&mut self, mut blob: R) -> io::Result<State<R>> {
        const MAGIC: [u8; 2] = [0x1f, 0x8b];
        let is_member = match blob.fill_buf()? {
            [] if self.count > 0 => return Ok(State::Ended),
            [] => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")),
            // The second byte is not in the buffer yet: it is a member's, or an error that says so.
            [first] => *first == MAGIC[0],
            bytes => bytes.starts_with(&MAGIC),
        };
        if is_member {
            self.count += 1;
            return Ok(State::Within(flate2::bufread::GzDecoder::new(blob)));
        }
        if self.count == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not gzip, as its media type says"));
        }
        self.trailing = true;
        Ok(State::Ended)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(blob) => self.next(blob)?,
                State::Within(mut member) => match member.read(buffer)? {
                    0 => State::Between(member.into_inner()),
                    read => {
                        self.state = State::Within(member);
                        return Ok(read);
                    }
                },
            };
        }
    }
}

/// What is wrong with the blobs of layers for whoever reads them.
pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    let mut found = Vec::new();
    for layer in &subject.layers {
        let Some(stream) = &layer.stream else { continue };
        if let Some(unreadable) = &stream.unreadable {
            let why = format!("{} cannot be read: {unreadable}", layer.called());
            let help = "make the image again, or push it again from where it is whole";
            found.push(layer.finding(Rule::UnreadableLayer, Paths::default(), why, help));
        }
        if let Some((stated, is)) = stream.diff_ids {
            let why = format!(
                "the plain stream of {} is {is}, and the config says {stated}: whoever unpacks it refuses it",
                layer.called()
            );
            let help = "make the image again with a tool that writes the digest of the tar stream";
            let mut finding = layer.finding(Rule::WrongDiffId, Paths::default(), why, help);
            finding.place.field = Some(format!("config.rootfs.diff_ids[{}]", layer.place.index));
            found.push(finding);
        }
        if stream.trailing {
            let why = format!(
                "{} has bytes after the end of its gzip stream: some readers refuse it, others ignore them",
                layer.called()
            );
            found.push(layer.finding(Rule::TrailingBytes, Paths::default(), why, "compress the layer again"));
        }
    }
    found
}

/// Readers that stop after the first member have existed (soci-snapshotter#1871, composefs-rs#381).
pub(super) fn members(layer: &Layer) -> Option<Finding> {
    let members = layer.stream.as_ref().map(|stream| stream.members).filter(|members| *members > 1)?;
    let why = format!(
        "{} is made of {members} gzip members, and nobody has shown that Lambda reads more than the first",
        layer.called()
    );
    Some(layer.finding(Rule::GzipMembers, Paths::default(), why, "compress it again, as one member"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// The text, the members and whether more follows; read through buffers of this size.
    fn read(blob: &[u8], buffer: usize) -> io::Result<(Vec<u8>, u64, bool)> {
        let mut members = Members::new(BufReader::with_capacity(buffer, blob));
        let mut text = Vec::new();
        members.read_to_end(&mut text)?;
        Ok((text, members.count, members.trailing))
    }

    #[test]
    fn members_are_counted_however_they_arrive() {
        let (a, b) = (gzip(b"a"), gzip(b"b"));
        for buffer in [1, 2, 3, 7, 4096] {
            assert_eq!(read(&a, buffer).unwrap(), (b"a".to_vec(), 1, false));
            assert_eq!(read(&[&a[..], &b].concat(), buffer).unwrap(), (b"ab".to_vec(), 2, false));
            assert_eq!(read(&[&a[..], &gzip(b""), &b].concat(), buffer).unwrap(), (b"ab".to_vec(), 3, false));
            assert_eq!(read(&[&a[..], b"more"].concat(), buffer).unwrap(), (b"a".to_vec(), 1, true));
            assert_eq!(read(&[&a[..], &[0; 512]].concat(), buffer).unwrap(), (b"a".to_vec(), 1, true));
            assert!(read(b"plain", buffer).is_err() && read(b"", buffer).is_err());
            assert!(read(&a[..a.len() - 1], buffer).is_err());
        }
    }
}
