//! Members: the entries of a layer as its tar stream writes them, whiteouts and the root among them.

mod between;
mod records;
mod shape;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use super::layer_reader::{LAYER_LIMIT, OPAQUE, PATH_LIMIT, WHITEOUT, Walked, split, walk};
use super::tree::TreeError;
use crate::digest::{Digest, Hasher};
use crate::entry::lexical;
use between::{Headers, Passed, Told, malformed};
use records::Records;
pub use shape::Shape;

/// An entry of a layer's tar stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The path below the root; empty for the root itself.
    pub path: Box<[u8]>,
    /// What is there.
    pub kind: MemberKind,
    /// Its permission bits, `07777` at most.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Its time: seconds since 1970, and nanoseconds.
    pub time: (i64, u32),
    /// The size of a file's content in bytes.
    pub size: u64,
    /// The digest of a file's content.
    pub digest: Option<Digest>,
    /// Where a symlink points, as it is; the path of the file that a hard link is another name of.
    pub link: Option<Box<[u8]>>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes; of a value over 64 bytes its digest.
    pub attributes: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// How the stream says all this.
    pub form: Arc<Form>,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A file of which the stream holds the pieces between its holes, as GNU's PAX records tell.
    Pieces,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
    Hardlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// Anything else, by the type flag of its header.
    Other(u8),
}

impl MemberKind {
    /// PAX records for all entries that follow: nothing that is unpacked, and no reader of layers heeds them.
    pub const GLOBAL_RECORDS: MemberKind = MemberKind::Other(b'g');

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            MemberKind::Directory => "directory",
            MemberKind::File => "file",
            MemberKind::Pieces => "sparse file",
            MemberKind::Symlink => "symlink",
            MemberKind::Hardlink => "hard link",
            MemberKind::CharacterDevice => "character device",
            MemberKind::BlockDevice => "block device",
            MemberKind::Fifo => "FIFO",
            MemberKind::GLOBAL_RECORDS => "global records",
            MemberKind::Other(_) => "entry of an unknown type",
        }
    }
}

/// How a tar stream says what a member is: nothing that unpacking would show, but bytes all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// `ustar`, `GNU` or `v7`.
    pub format: &'static str,
    /// The keys of its PAX records, those of attributes left out, sorted; of records that nothing else tells as `key=value`.
    pub records: Vec<Box<str>>,
    /// Whether its name or its link stands in an entry of its own before it, as GNU tar writes long ones.
    pub long_names: bool,
    /// The name of its owner.
    pub user: Box<[u8]>,
    /// The name of its group.
    pub group: Box<[u8]>,
    /// What its path begins with beside the path: `./`, `/`, or nothing.
    pub prefix: &'static str,
    /// Whether its path ends in a slash.
    pub slash: bool,
    /// The rest of its header: how numbers are written, what stands in fields that mean nothing.
    pub header: Shape,
}

impl Form {
    /// What can be said of it in a few words.
    pub fn words(&self, with_time: bool, with_owner: bool) -> String {
        let mut words = self.format.to_owned();
        let records: Vec<&str> = self.records(with_time, with_owner).collect();
        if !records.is_empty() {
            words.push_str(&format!(", PAX {}", records.join(" ")));
        }
        if self.long_names {
            words.push_str(", long names");
        }
        if !self.prefix.is_empty() {
            words.push_str(&format!(", begins with {}", self.prefix));
        }
        if self.slash {
            words.push_str(", ends with /");
        }
        words
    }

    /// The keys of its records that say something else than times and owners, and those if they are asked for.
    pub fn records(&self, with_time: bool, with_owner: bool) -> impl Iterator<Item = &str> {
        let key = |record: &str| record.split_once('=').map_or(record.len(), |(key, _)| key.len());
        self.records.iter().map(AsRef::as_ref).filter(move |record: &&str| match &record[..key(record)] {
            "mtime" | "atime" | "ctime" | "LIBARCHIVE.creationtime" => with_time,
            "uid" | "gid" | "uname" | "gname" => with_owner,
            _ => true,
        })
    }
}

impl Member {
    /// Whether it is one of the marks of the
    /// [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts), and what it hides.
    pub fn whiteout(&self) -> Option<Whiteout> {
        let (parent, name) = split(&self.path);
        if name == OPAQUE {
            return Some(Whiteout::Opaque(parent.into()));
        }
        let hidden = name.strip_prefix(WHITEOUT)?;
        if hidden.starts_with(WHITEOUT) {
            return Some(Whiteout::Nothing);
        }
        Some(Whiteout::Path(if parent.is_empty() { hidden.into() } else { [parent, b"/", hidden].concat().into() }))
    }
}

/// What a whiteout hides of the layers below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whiteout {
    /// All that lies below this directory; empty: the root.
    Opaque(Box<[u8]>),
    /// This path, and all below it.
    Path(Box<[u8]>),
    /// Nothing: a note of AUFS.
    Nothing,
}

/// Reads a layer's plain tar stream and tells of every member, in the order of the stream; contents are digested as
/// they pass by. Gives the digest of what the stream holds beside its members: padding, and what follows the last of them.
/// Reads no further once `tell` asks for a stop; the digest says nothing then.
///
/// # Errors
///
/// A malformed stream, or one that readers understand in different ways; a path outside of the root or of absurd length;
/// more of something than there may be.
pub fn read_members(
    mut stream: impl Read,
    mut tell: impl FnMut(Member) -> ControlFlow<()>,
) -> Result<Digest, TreeError> {
    let passed = Passed::new();
    let mut stopped = ControlFlow::Continue(());
    let mut last: Option<Arc<Form>> = None;
    // What a sparse file's holes give is not bounded by the stream.
    let mut contents_left = LAYER_LIMIT;
    walk(Told(&mut stream, Rc::clone(&passed)), |_, path, entry| {
        let stored = match entry.header().entry_type() {
            tar::EntryType::GNUSparse => entry.header().entry_size()?,
            _ => entry.size(),
        };
        let headers = passed.borrow_mut().begin(stored);
        let (mut member, form) = describe(path, entry, &Headers::parse(&headers)?)?;
        member.form = match last.take() {
            Some(last) if *last == form => last,
            _ => Arc::new(form),
        };
        last = Some(Arc::clone(&member.form));
        if matches!(member.kind, MemberKind::File | MemberKind::Pieces | MemberKind::Other(_)) {
            let mut hasher = Hasher::new();
            let mut content = entry.take(contents_left.saturating_add(1));
            member.size = io::copy(&mut content, &mut HashWriter(&mut hasher))?;
            contents_left = contents_left
                .checked_sub(member.size)
                .ok_or(TreeError::TooMany { what: "bytes in the files of a layer", limit: LAYER_LIMIT })?;
            member.digest = Some(hasher.finish());
        }
        stopped = tell(member);
        Ok(stopped)
    })?;
    match stopped {
        ControlFlow::Continue(()) => Ok(passed.borrow_mut().end(stream)?),
        ControlFlow::Break(()) => Ok(Digest::of(b"")),
    }
}

struct HashWriter<'a>(&'a mut Hasher);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that the headers of an entry say.
fn describe<R: Read>(
    path: Box<[u8]>,
    entry: &mut Walked<'_, R>,
    headers: &Headers<'_>,
) -> Result<(Member, Form), TreeError> {
    let raw = entry.path_bytes().into_owned();
    // Global records are no records of an entry, whatever stands before them.
    let records = match entry.header().entry_type() {
        tar::EntryType::XGlobalHeader => Records::default(),
        _ => Records::of(headers.records)?,
    };
    agree(entry, &raw, &records, headers)?;
    let in_pieces = records.in_pieces;
    let link = match &records.link {
        _ if headers.long_link => entry.link_name_bytes().map(|link| Box::<[u8]>::from(link.as_ref())),
        Some(link) => Some(link.clone()),
        None => headers.own.link_name_bytes().map(|link| link.as_ref().into()),
    };
    if let Some(link) = link.as_ref().filter(|link| link.len() > PATH_LIMIT) {
        return Err(TreeError::TooLong(link.len()));
    }
    let size = entry.size();
    let header = headers.own;
    let kind = match header.entry_type() {
        _ if in_pieces => MemberKind::Pieces,
        tar::EntryType::Directory => MemberKind::Directory,
        // Headers older than POSIX have no type for directories.
        tar::EntryType::Regular if raw.ends_with(b"/") => MemberKind::Directory,
        tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => MemberKind::File,
        tar::EntryType::Symlink => MemberKind::Symlink,
        tar::EntryType::Link => MemberKind::Hardlink,
        tar::EntryType::Char => MemberKind::CharacterDevice,
        tar::EntryType::Block => MemberKind::BlockDevice,
        tar::EntryType::Fifo => MemberKind::Fifo,
        other => MemberKind::Other(other.as_byte()),
    };
    let format = match (header.as_ustar(), header.as_gnu()) {
        (Some(_), _) => "ustar",
        (_, Some(_)) => "GNU",
        _ => "v7",
    };
    let named = |key: &str, field: Option<&[u8]>| match key {
        "uname" if records.user.is_some() => records.user.clone().unwrap_or_default(),
        "gname" if records.group.is_some() => records.group.clone().unwrap_or_default(),
        _ => field.unwrap_or_default().into(),
    };
    let form = Form {
        format,
        long_names: headers.long_name || headers.long_link,
        user: named("uname", header.username_bytes()),
        group: named("gname", header.groupname_bytes()),
        prefix: if raw.starts_with(b"./") {
            "./"
        } else if raw.starts_with(b"/") {
            "/"
        } else {
            ""
        },
        slash: raw.ends_with(b"/"),
        header: Shape::of(header.as_bytes()),
        records: records.keys,
    };
    let is_device = matches!(kind, MemberKind::CharacterDevice | MemberKind::BlockDevice);
    let device = match is_device {
        true => Some((header.device_major()?.unwrap_or_default(), header.device_minor()?.unwrap_or_default())),
        false => None,
    };
    let link = match kind {
        MemberKind::Symlink => link,
        MemberKind::Hardlink => link.map(|link| lexical(&link).into()),
        _ => None,
    };
    let member = Member {
        path,
        kind,
        mode: header.mode()? & 0o7777,
        uid: records.uid.map_or_else(|| header.uid(), Ok)?,
        gid: records.gid.map_or_else(|| header.gid(), Ok)?,
        time: match records.time {
            Some(time) => time,
            None => (i64::try_from(header.mtime()?).unwrap_or(i64::MAX), 0),
        },
        size: if kind == MemberKind::Directory { 0 } else { size },
        digest: None,
        link,
        device,
        attributes: records.attributes,
        form: Arc::new(form.clone()),
    };
    Ok((member, form))
}

/// Makes sure that the tar reader has understood an entry as its headers say: it takes records apart by line and takes the
/// first of several, where others go by their length and take the last.
fn agree<R: Read>(
    entry: &Walked<'_, R>,
    raw: &[u8],
    records: &Records,
    headers: &Headers<'_>,
) -> Result<(), TreeError> {
    let path = match &records.path {
        Some(path) => &**path,
        None => &headers.own.path_bytes(),
    };
    if !headers.long_name && path != raw {
        return Err(malformed("the PAX records of an entry say more than one path").into());
    }
    if entry.header().entry_type() != tar::EntryType::GNUSparse
        && entry.size() != records.size.map_or_else(|| headers.own.entry_size(), Ok)?
    {
        return Err(malformed("the PAX records of an entry say more than one size").into());
    }
    Ok(())
}
