//! Zip files, read as strictly as what comes from elsewhere has to be.
//!
//! A zip can be read in several ways: from its directory at the end, or from the front, member by member; with the first
//! or the last of two entries of one name. Where two ways give different files, what was inspected is not what is
//! installed ([CVE-2025-54368](https://github.com/astral-sh/uv/security/advisories/GHSA-8qf3-x8v5-2pj8),
//! [PyPI's rules](https://blog.pypi.org/posts/2025-08-07-wheel-archive-confusion-attacks/)). So only files that every
//! way gives the same for are read: members that fill the file from its first byte to the directory without gaps, each
//! told alike by the directory and by its own header, and nothing after the one end record
//! ([APPNOTE](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)).

mod central;
mod end;
mod fields;
mod local;
mod names;
mod reader;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod writer;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub use names::shown;
pub use reader::MemberStream;

/// The most members of a file: the largest wheels of PyPI have some 50,000.
const MEMBERS: u64 = 200_000;
/// The most bytes of its directory, which is kept while it is read: 335 a member.
const DIRECTORY: u64 = 64 << 20;
/// The most bytes that all its members hold: the largest wheels of PyPI have some 5 GiB.
const CONTENTS: u64 = 16 << 30;
/// The ratio that deflate cannot pass: two bits for 258 bytes.
const DEFLATE_RATIO: u64 = 1032;
/// From how many bytes on the ratio of the whole matters, and what it may be: PyPI's own numbers.
const RATIO_FROM: u64 = 64 << 20;
const RATIO: u64 = 50;

/// A zip file whose directory and headers agree.
#[derive(Debug, Clone)]
pub struct Archive {
    file: Arc<Place>,
    members: Arc<[Member]>,
}

/// Where a zip lies.
#[derive(Debug)]
struct Place {
    file: Arc<File>,
    offset: u64,
    size: u64,
}

/// A member: a file, or the mention of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path, in an entry's form; a directory's too.
    pub path: Box<str>,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Whether it is a file that its mode lets execute, as pip takes it.
    pub is_executable: bool,
    /// The number of bytes that it holds.
    pub size: u64,
    crc: u32,
    method: Method,
    packed: u64,
    data: u64,
}

/// How a member's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
}

impl Archive {
    /// Reads the directory and every member's own header, no contents.
    ///
    /// # Errors
    ///
    /// Why it is refused, in words.
    pub fn open(file: Arc<File>, offset: u64, size: u64) -> Result<Archive, String> {
        let place = Place { file, offset, size };
        let end = end::find(&place)?;
        let mut entries = central::read(&place, &end)?;
        names::check_apart(&entries)?;
        bound(&entries, size)?;

        // Each has to end where the next begins, so that nothing lies between them.
        let mut order: Vec<(u64, usize)> = entries.iter().enumerate().map(|(at, entry)| (entry.header, at)).collect();
        order.sort_unstable();
        match order.first().map_or(end.directory, |&(first, _)| first) {
            0 => {}
            bytes => return Err(format!("{bytes} bytes lie before its first member")),
        }
        for (place_in_order, &(begin, at)) in order.iter().enumerate() {
            let next = order.get(place_in_order + 1);
            if let Some((first, second)) = next
                .filter(|next| next.0 == begin)
                .and_then(|next| Some((entries.get(at)?.shown(), entries.get(next.1)?.shown())))
            {
                return Err(format!("the members {first} and {second} begin at one place"));
            }
            let next = next.map_or(end.directory, |&(next, _)| next);
            let Some(entry) = entries.get_mut(at) else { continue };
            entry.member.data = local::check(&place, entry, next)?;
        }

        let members: Arc<[Member]> = entries.into_iter().map(|entry| entry.member).collect();
        Ok(Archive { file: Arc::new(place), members })
    }

    /// The members, sorted bytewise by path.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member at a path.
    pub fn find(&self, path: &str) -> Option<&Member> {
        let at = self.members.binary_search_by(|member| (*member.path).cmp(path)).ok()?;
        self.members.get(at)
    }

    /// A member as a stream of its bytes; `archive` is what the file is called in messages.
    pub fn stream(&self, archive: &Arc<str>, member: &Member) -> MemberStream {
        MemberStream { archive: Arc::clone(archive), place: Arc::clone(&self.file), member: member.clone() }
    }

    /// All bytes of a member that may have no more than `limit`.
    ///
    /// # Errors
    ///
    /// If it has more, or is not what the directory says; in words.
    pub fn read(&self, member: &Member, limit: u64) -> Result<Vec<u8>, String> {
        if member.size > limit {
            return Err(format!(
                "its `{}` has {} bytes, and {limit} are the most that are read",
                shown(&member.path),
                member.size
            ));
        }
        let mut content = Vec::new();
        match reader::open(&self.file, member).read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(format!("its member {} cannot be read: {error}", named(&member.path))),
        }
    }

    /// Opens a member; its end is only reached if it is what the directory says.
    pub fn open_member(&self, member: &Member) -> impl Read + Send + use<> {
        reader::open(&self.file, member)
    }
}

impl Place {
    /// Reads the bytes that begin at `at`.
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(bytes.len() as u64).filter(|&end| end <= self.size);
        let begin = end.and_then(|_| self.offset.checked_add(at));
        let begin = begin.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early"))?;
        self.file.read_exact_at(bytes, begin)
    }

    /// The `length` bytes that begin at `at`; of bounded length, so the caller has to have looked at it.
    fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, String> {
        let length = usize::try_from(length).map_err(|_| "it is too large".to_owned())?;
        let mut bytes = vec![0; length];
        self.read(at, &mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(bytes)
    }
}

/// A member's name for messages, in the marks of code.
fn named(name: &str) -> String {
    format!("`{}`", shown(name))
}

/// Refuses what would fill a disk: [`CONTENTS`] and [`RATIO`].
fn bound(entries: &[central::Entry], size: u64) -> Result<(), String> {
    let mut total = 0u64;
    for entry in entries {
        total = total.saturating_add(entry.member.size);
    }
    if total > CONTENTS {
        return Err(format!("its members hold {total} bytes, and {CONTENTS} are the most that are laid"));
    }
    if total > RATIO_FROM && total / RATIO > size {
        return Err(format!("its members hold {total} bytes in a file of {size}, more than {RATIO} times as many"));
    }
    Ok(())
}
