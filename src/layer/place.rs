//! Placing: where what was found in a context goes in the image, with which mode and owner.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::context::{Found, FoundKind, Scanned};
use crate::digest::Digest;
use crate::entry::{Entry, Kind, Owner, normalise_path, parents};
use crate::image::accounts::OwnerName;
use crate::image::{Node, Tree};

use super::contents::{Contents, FileSource, Item, Source};
use super::error::Error;
use super::stack::Stack;

/// The modes that a layer's files get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Modes {
    /// 0755 for directories and for files that their owner may execute, 0644 for the others: what a umask did to a
    /// checkout does not show.
    #[default]
    Normalize,
    /// As on disk.
    Keep,
    /// These, where given; normalised where not.
    Fixed {
        /// For files.
        file: Option<u32>,
        /// For directories.
        dir: Option<u32>,
    },
}

impl Modes {
    pub(super) fn file(self, mode: u32) -> u32 {
        match self {
            Modes::Keep => mode,
            Modes::Fixed { file: Some(fixed), .. } => fixed,
            _ if mode & 0o100 != 0 => 0o755,
            _ => 0o644,
        }
    }

    pub(super) fn dir(self, mode: u32) -> u32 {
        match self {
            Modes::Keep => mode,
            Modes::Fixed { dir: Some(fixed), .. } => fixed,
            _ => 0o755,
        }
    }
}

/// Where and how a layer's entries are laid.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// The destination. A directory's contents go into it; a file goes into it if it ends in `/`, and becomes it if
    /// not.
    pub to: Vec<u8>,
    /// Who owns what is laid, created parents included.
    pub owner: Owner,
    /// The modes.
    pub modes: Modes,
    /// The time of every entry, in seconds since 1970.
    pub mtime: i64,
}

/// An entry that the spec itself holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineEntry {
    /// Its path.
    pub path: Vec<u8>,
    /// Its mode; without one, 0755 for directories and 0644 for files.
    pub mode: Option<u32>,
    /// Its owner; without one, the layer's.
    pub owner: Option<OwnerName>,
    /// What is there.
    pub content: InlineContent,
}

/// What an inline entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InlineContent {
    /// A directory.
    Directory,
    /// A file with this text.
    Text(Vec<u8>),
    /// A symlink to this target.
    Link(Vec<u8>),
}

/// Makes entries, knowing what lies below them.
struct Layout<'a> {
    tree: &'a Tree,
    placement: &'a Placement,
    /// The directory that was last found to be missing in the image: nothing lies in it.
    missing: RefCell<Vec<u8>>,
}

impl Layout<'_> {
    fn entry(&self, path: Box<[u8]>, mode: u32, owner: Owner, kind: Kind) -> Entry {
        Entry { path, mode, uid: owner.uid, gid: owner.gid, mtime: self.placement.mtime, kind }
    }

    /// What the image has at `path`.
    fn below(&self, path: &[u8]) -> Result<Option<Node>, Error> {
        let mut missing = self.missing.borrow_mut();
        if !missing.is_empty() && path.strip_prefix(&missing[..]).is_some_and(|rest| rest.starts_with(b"/")) {
            return Ok(None);
        }
        let node = self.tree.get(path)?;
        if node.is_none() {
            missing.clear();
            missing.extend_from_slice(path);
        }
        Ok(node)
    }

    /// A directory as the image has it already, else as asked.
    fn directory(&self, path: Box<[u8]>, mode: u32, owner: Owner) -> Result<Item, Error> {
        let (mode, owner) = match self.below(&path)? {
            Some(Node::Directory { mode, uid, gid }) => (mode, Owner { uid, gid }),
            Some(other) => return Err(replaces(&path, "directory", other.name())),
            None => (mode, owner),
        };
        Ok(Item { entry: self.entry(path, mode, owner, Kind::Directory), source: Source::Nothing })
    }

    /// The directories above `path`, and `path` itself if it has a mode; none for the root.
    fn directories(&self, path: &[u8], mode: Option<u32>) -> Result<Vec<Item>, Error> {
        let own = mode.filter(|_| !path.is_empty()).map(|mode| (path, mode));
        let all = parents(path).map(|parent| (parent, 0o755)).chain(own);
        all.map(|(path, mode)| self.directory(path.into(), mode, self.placement.owner)).collect()
    }

    fn check_not_directory(&self, path: &[u8], new: &'static str) -> Result<(), Error> {
        match self.below(path)? {
            Some(Node::Directory { .. }) => Err(replaces(path, new, "directory")),
            // A file in the place of `lib -> usr/lib` takes away all that is found through the link.
            Some(Node::Symlink { .. }) if new == "file" => match self.tree.get(&self.tree.resolve(path)?)? {
                Some(Node::Directory { .. }) => Err(replaces(path, new, "symlink to a directory")),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// The mode of the directory `from`. A context's own root is where it was checked out to, and says nothing.
fn from_mode(from: &[u8], found: &[Found]) -> u32 {
    found.first().filter(|first| *first.path == *from).map_or(0o755, |first| first.mode)
}

fn replaces(path: &[u8], new: &'static str, old: &'static str) -> Error {
    Error::Replaces { path: format!("/{}", String::from_utf8_lossy(path)), new, old }
}

fn destination(to: &[u8]) -> Result<Box<[u8]>, Error> {
    normalise_path(to).ok_or_else(|| Error::Destination(String::from_utf8_lossy(to).into_owned()))
}

/// Lays what was found below `from` in a context over `tree`.
///
/// `scanned` and `digests` are the answers of [`crate::context::Context::scan`] and [`crate::context::digest_files`]. Symlinks of the
/// image on the way to the destination are followed; directories that it has already keep their mode and owner.
///
/// # Errors
///
/// A destination outside the root; a directory where the image has something else, or a file where it has a directory.
pub fn place(
    from: &[u8],
    scanned: &Arc<Scanned>,
    digests: &[Option<Digest>],
    placement: &Placement,
    tree: &Tree,
) -> Result<Contents, Error> {
    let found = scanned.found();
    let layout = Layout { tree, placement, missing: RefCell::default() };
    let to = destination(&placement.to)?;
    let single =
        matches!(found, [only] if !from.is_empty() && *only.path == *from && only.kind != FoundKind::Directory);
    let is_named = single && !placement.to.ends_with(b"/");
    let root = if is_named {
        // The last part names the file itself: only its parents are followed.
        let parent = parents(&to).last().unwrap_or_default();
        let name = if parent.is_empty() { &to[..] } else { &to[parent.len() + 1..] };
        let path = join(&tree.resolve(parent)?, name);
        layout.check_not_directory(&path, "file")?;
        path
    } else {
        tree.resolve(&to)?
    };
    // The destination stands for the directory that is laid, and is a mere parent of a file.
    let mode = match (is_named, single) {
        (true, _) => None,
        (_, true) => Some(0o755),
        _ => Some(placement.modes.dir(from_mode(from, found))),
    };
    let mut items = layout.directories(&root, mode)?;
    items.reserve_exact(found.len());
    let mut inodes: HashMap<(u64, u64), Box<[u8]>> = HashMap::new();
    for (index, (file, digest)) in found.iter().zip(digests).enumerate() {
        let path = if single {
            match placement.to.ends_with(b"/") {
                true => join(&root, from.rsplit(|&byte| byte == b'/').next().unwrap_or_default()),
                false => root.clone(),
            }
        } else {
            let below = file.path.strip_prefix(from).unwrap_or(&file.path);
            let below = below.strip_prefix(b"/").unwrap_or(below);
            if below.is_empty() {
                continue;
            }
            join(&root, below)
        };
        if path.is_empty() {
            return Err(Error::Destination(String::from_utf8_lossy(&placement.to).into_owned()));
        }
        let item = match &file.kind {
            FoundKind::Directory => layout.directory(path, placement.modes.dir(file.mode), placement.owner)?,
            FoundKind::Symlink(target) => {
                layout.check_not_directory(&path, "symlink")?;
                let kind = Kind::Symlink { target: target.clone() };
                Item { entry: layout.entry(path, 0o777, placement.owner, kind), source: Source::Nothing }
            }
            FoundKind::Other(kind) => {
                return Err(Error::Special { path: format!("/{}", String::from_utf8_lossy(&file.path)), kind });
            }
            FoundKind::File => {
                layout.check_not_directory(&path, "file")?;
                let mode = placement.modes.file(file.mode);
                let inode = (file.identity.device, file.identity.inode);
                match inodes.get(&inode) {
                    Some(first) if file.is_linked => {
                        let kind = Kind::Hardlink { target: first.clone() };
                        Item { entry: layout.entry(path, mode, placement.owner, kind), source: Source::Nothing }
                    }
                    _ => {
                        if file.is_linked {
                            inodes.insert(inode, path.clone());
                        }
                        let digest = digest.unwrap_or_else(|| Digest::of(b""));
                        let kind = Kind::File { size: file.identity.size, digest };
                        let source = FileSource::new(scanned, index).map_or(Source::Nothing, Source::File);
                        Item { entry: layout.entry(path, mode, placement.owner, kind), source }
                    }
                }
            }
        };
        items.push(item);
    }
    Contents::new(items)
}

/// Lays the entries that a spec itself holds over `tree`.
///
/// # Errors
///
/// As [`place`], and two entries of one path.
pub fn place_inline(entries: &[InlineEntry], placement: &Placement, stack: &Stack) -> Result<Contents, Error> {
    let tree = stack.tree();
    let layout = Layout { tree, placement, missing: RefCell::default() };
    let mut named: BTreeMap<Box<[u8]>, Item> = BTreeMap::new();
    for inline in entries {
        let written = destination(&inline.path)?;
        if written.is_empty() {
            return Err(Error::Destination(String::from_utf8_lossy(&inline.path).into_owned()));
        }
        let parent = parents(&written).last().unwrap_or_default();
        let name = if parent.is_empty() { &written[..] } else { &written[parent.len() + 1..] };
        let path = join(&tree.resolve(parent)?, name);
        let own = inline.owner.as_ref().map(|owner| stack.owner(owner)).transpose()?;
        let owner = own.unwrap_or(placement.owner);
        let item = match &inline.content {
            InlineContent::Directory => {
                let mut item = layout.directory(path.clone(), 0o755, owner)?;
                // What the spec spells out wins over what is there.
                item.entry.mode = inline.mode.unwrap_or(item.entry.mode);
                if let Some(owner) = own {
                    (item.entry.uid, item.entry.gid) = (owner.uid, owner.gid);
                }
                item
            }
            InlineContent::Text(text) => {
                layout.check_not_directory(&path, "file")?;
                let kind = Kind::File { size: text.len() as u64, digest: Digest::of(text) };
                let mode = inline.mode.unwrap_or(0o644);
                Item { entry: layout.entry(path.clone(), mode, owner, kind), source: Source::Text(text[..].into()) }
            }
            InlineContent::Link(target) => {
                layout.check_not_directory(&path, "symlink")?;
                let kind = Kind::Symlink { target: target[..].into() };
                Item { entry: layout.entry(path.clone(), 0o777, owner, kind), source: Source::Nothing }
            }
        };
        if named.insert(path.clone(), item).is_some() {
            return Err(Error::Duplicate(format!("/{}", String::from_utf8_lossy(&path))));
        }
    }
    let mut above: BTreeMap<Box<[u8]>, Item> = BTreeMap::new();
    for path in named.keys() {
        for parent in parents(path).filter(|parent| !named.contains_key(*parent)) {
            if !above.contains_key(parent) {
                above.insert(parent.into(), layout.directory(parent.into(), 0o755, placement.owner)?);
            }
        }
    }
    Contents::new(named.into_values().chain(above.into_values()).collect())
}

fn join(directory: &[u8], name: &[u8]) -> Box<[u8]> {
    if directory.is_empty() { name.into() } else { [directory, b"/", name].concat().into() }
}
