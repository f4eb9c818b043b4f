//! Layers: what there is to say of one, gathered while its entries pass by.

use std::collections::{BTreeMap, BTreeSet};

use super::content;
use super::finding::{FilePlace, LayerPlace, Paths};
use super::stream::Stream;
use crate::entry::parents;
use crate::spec::{Profile, Rule};

/// How many paths are remembered to be looked at again once the whole image is known.
const CANDIDATE_LIMIT: usize = 10_000;

/// A layer of an image that is checked.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub place: LayerPlace,
    /// Where its spec says what it holds.
    pub file: Option<FilePlace>,
    pub media_type: String,
    /// How many bytes its blob has; 0 if there is none yet.
    pub blob_size: u64,
    /// Whether its contents are the business of whoever asks: those of a base are not.
    pub own: bool,
    /// Whether they come from a directory of this machine.
    pub from_context: bool,
    /// Rules that its spec allows.
    pub allow: Vec<Rule>,
    /// Whether its own image is checked in the same run, and with which profile.
    pub elsewhere: Option<Option<Profile>>,
    /// What its blob turned out to be; nothing if there is none yet, or it was not read.
    pub stream: Option<Stream>,
    /// What it holds; nothing if it was not read.
    pub holds: Option<Holds>,
}

/// What a layer holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    /// How many entries it has.
    pub entries: u64,
    /// How many of them are neither directories nor other names of files.
    pub files: u64,
    /// How many of these the image still has.
    pub left: u64,
    /// The layers that have replaced or removed some, by their places.
    pub covered_by: BTreeSet<usize>,
    /// How many bytes its plain tar stream has.
    pub plain: u64,
    /// Directories that paths of it lie in and that it does not hold.
    pub absent: Paths,
    /// Directories that come after what lies in them.
    pub late: Paths,
    /// Directories that had the sticky bit below.
    pub unstuck: Vec<Box<[u8]>>,
    /// Directories with something in them, whose mode or owner was another one below.
    pub changed: Paths,
    /// Folders and files that no image needs, each with all that lies in it.
    pub git: Paths,
    pub python_cache: Paths,
    pub desktop: Paths,
    /// The folders of virtual environments.
    pub environments: Vec<Box<[u8]>>,
    /// Secrets by what they are.
    pub secrets: BTreeMap<&'static str, Paths>,
    /// Programs by the architecture they are for, if it is not the image's.
    pub foreign: BTreeMap<&'static str, Paths>,
    /// What the function's user cannot read: code, and other paths.
    pub unreadable_code: Paths,
    pub unreadable: Paths,
}

/// One entry of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub path: &'a [u8],
    pub kind: MemberKind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    Directory,
    File,
    HardLink,
    Symlink,
    /// A device, a FIFO, or what only its own tool understands.
    Other,
    /// A whiteout: its path is the one that goes.
    Whiteout,
}

/// Mode and owner of a directory.
pub(super) type Directory = (u32, u64, u64);

/// A layer that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    holds: Holds,
    own: bool,
    architecture: String,
    /// The directories that have passed by, links included: they may lead to one.
    directories: BTreeSet<Box<[u8]>>,
    /// Those that the layer lays something into, at any depth.
    used: BTreeSet<Box<[u8]>>,
    /// The directory whose parents were looked for last.
    checked: Option<Box<[u8]>>,
    absent: BTreeSet<Box<[u8]>>,
    changed: BTreeSet<Box<[u8]>>,
    /// Directories that the layer makes anew: nothing of what was there is left.
    renewed: BTreeSet<Box<[u8]>>,
    git: Folders,
    python_cache: Folders,
}

/// Folders and how many bytes lie in them.
#[derive(Debug, Default)]
struct Folders {
    folders: BTreeSet<Box<[u8]>>,
    size: u64,
}

impl Folders {
    fn add(&mut self, folder: &[u8], size: u64) {
        if !self.folders.contains(folder) {
            self.folders.insert(folder.into());
        }
        self.size = self.size.saturating_add(size);
    }

    fn paths(&self) -> Paths {
        let mut paths = Paths::default();
        self.folders.iter().for_each(|folder| paths.add(folder, 0));
        paths.size = self.size;
        paths
    }
}

impl Reading {
    /// Of a layer of an image for `architecture`.
    pub fn new(own: bool, architecture: &str) -> Reading {
        Reading { own, architecture: architecture.to_owned(), ..Reading::default() }
    }

    /// How many of the first bytes of an entry's content are wanted.
    pub fn head(&self, member: &Member<'_>) -> usize {
        if self.own && member.kind == MemberKind::File { content::head(member.path, member.mode) } else { 0 }
    }

    /// The next entry: what was the directory at its path below this layer, if there is one, and the wanted first bytes.
    pub fn take(&mut self, member: &Member<'_>, below: Option<Directory>, head: &[u8]) {
        self.parents(member);
        self.holds.entries += 1;
        let blocks = member.size.div_ceil(512).saturating_add(1);
        self.holds.plain = self.holds.plain.saturating_add(blocks.saturating_mul(512));
        match member.kind {
            MemberKind::Directory => self.directory(member, below),
            MemberKind::Symlink => {
                self.directories.insert(member.path.into());
                self.holds.files += 1;
            }
            MemberKind::File | MemberKind::Other => self.holds.files += 1,
            MemberKind::HardLink | MemberKind::Whiteout => {}
        }
        if self.own && member.kind != MemberKind::Whiteout {
            self.name(member);
            if member.kind == MemberKind::File {
                self.content(member, head);
            }
        }
    }

    /// The layer hides all that was in a directory.
    pub fn renew(&mut self, directory: &[u8]) {
        if self.renewed.len() < CANDIDATE_LIMIT {
            self.renewed.insert(directory.into());
        }
    }

    fn parents(&mut self, member: &Member<'_>) {
        let Some(parent) = parents(member.path).last() else { return };
        if self.checked.as_deref() != Some(parent) {
            for parent in parents(member.path) {
                if !self.directories.contains(parent) && self.absent.len() < CANDIDATE_LIMIT {
                    self.absent.insert(parent.into());
                }
            }
            // Most entries lie beside the one before.
            self.checked = Some(parent.into());
        }
        let is_laid = !matches!(member.kind, MemberKind::Directory | MemberKind::Whiteout);
        if is_laid && !self.used.contains(parent) {
            self.used.extend(parents(member.path).map(Box::from));
        }
    }

    fn directory(&mut self, member: &Member<'_>, below: Option<Directory>) {
        self.directories.insert(member.path.into());
        let Some(below) = below else { return };
        if below.0 & 0o1000 != 0 && member.mode & 0o1000 == 0 && self.holds.unstuck.len() < CANDIDATE_LIMIT {
            self.holds.unstuck.push(member.path.into());
        }
        if below != (member.mode, member.uid, member.gid) {
            self.changed.insert(member.path.into());
        }
    }

    /// What the path alone tells.
    fn name(&mut self, member: &Member<'_>) {
        for (at, part) in parts(member.path) {
            match part {
                b".git" => return self.git.add(&member.path[..at + part.len()], member.size),
                b"__pycache__" => return self.python_cache.add(&member.path[..at + part.len()], member.size),
                _ => {}
            }
        }
        match content::name(member.path) {
            b"pyvenv.cfg" if self.holds.environments.len() < CANDIDATE_LIMIT => {
                self.holds.environments.push(parents(member.path).last().unwrap_or_default().into());
            }
            b".DS_Store" | b"Thumbs.db" | b"desktop.ini" => self.holds.desktop.add(member.path, member.size),
            _ => {}
        }
    }

    fn content(&mut self, member: &Member<'_>, head: &[u8]) {
        if let Some(what) = content::secret(member.path, head) {
            self.holds.secrets.entry(what).or_default().add(member.path, member.size);
        }
        if let Some(architecture) = content::elf_architecture(head)
            && !content::runs_on(architecture, &self.architecture)
        {
            self.holds.foreign.entry(architecture).or_default().add(member.path, member.size);
        }
    }

    /// All entries have passed by.
    pub fn finish(mut self) -> Holds {
        for path in &self.absent {
            let paths = if self.directories.contains(path) { &mut self.holds.late } else { &mut self.holds.absent };
            paths.add(path, 0);
        }
        for path in self.changed.intersection(&self.used) {
            let is_new = parents(path).chain([&path[..]]).any(|part| self.renewed.contains(part));
            if !is_new && !self.renewed.contains(&b""[..]) {
                self.holds.changed.add(path, 0);
            }
        }
        self.holds.git = self.git.paths();
        self.holds.python_cache = self.python_cache.paths();
        self.holds
    }
}

/// The parts of a path, each with where it begins.
fn parts(path: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    path.split(|&byte| byte == b'/').map(move |part| {
        let begins = at;
        at += part.len() + 1;
        (begins, part)
    })
}
