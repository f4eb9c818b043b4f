//! Nodes: what an image's file system holds. Of contents there are two: `/etc/passwd` and `/etc/group`, which give
//! names to owners.

mod encoding;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::{Bound, ControlFlow};

use super::accounts::{ACCOUNTS_LIMIT, AccountFile};
use super::layer_reader::{Change, LayerEntry, read_contents};
use super::tree::{TreeError, resolve};
use crate::entry::{Entry, normalise_path, parents};

/// The largest tree, in bytes of its paths and all that is said of them.
const SIZE_LIMIT: usize = 256 << 20;
/// How many paths an image may have.
const NODE_LIMIT: usize = 4_000_000;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory {
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u64,
        /// Its group.
        gid: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: Box<[u8]>,
    },
    /// A file, or something else that is neither directory nor link.
    File,
}

impl Node {
    /// The word for it in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Node::Directory { .. } => "directory",
            Node::Symlink { .. } => "symlink",
            Node::File => "file",
        }
    }
}

/// One of the files that name owners, and its text.
type Accounts = (AccountFile, Box<[u8]>);

/// A change that a layer makes, read before it is known what lies below.
#[derive(Debug)]
pub struct ReadChange {
    /// The place of its entry in the stream.
    number: u32,
    change: Change,
    /// What it says of users or groups.
    accounts: Option<Accounts>,
}

/// Reads what a layer changes. Several can be read at once; each is laid in its turn.
///
/// # Errors
///
/// As [`Nodes::apply_tar`], but for counts; and whatever `tell` reports.
pub fn read_changes(
    stream: impl Read,
    mut tell: impl FnMut(ReadChange) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    read_contents(stream, |number, change, content| {
        let accounts = accounts_in(&change, content)?;
        tell(ReadChange { number, change, accounts })?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The text of one of the files that name owners, if a change puts it.
fn accounts_in(change: &Change, content: &mut dyn Read) -> Result<Option<Accounts>, TreeError> {
    let Change::Put(path, entry) = change else { return Ok(None) };
    let Some(file) = AccountFile::at(path).filter(|_| entry.has_content() && entry.size <= ACCOUNTS_LIMIT) else {
        return Ok(None);
    };
    let mut text = Vec::new();
    content.take(ACCOUNTS_LIMIT).read_to_end(&mut text)?;
    Ok(Some((file, text.into())))
}

/// What is known of a path that is no directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// The layer that holds its content, the lowest being 0. Of a hard link: the layer that holds the file it is
    /// another name of.
    pub layer: u32,
    /// Which entry of that layer's tar stream it is, counted from 0. Paths of one layer and one entry are names of
    /// one file.
    pub entry: u32,
    /// What it is.
    pub kind: DetailKind,
}

/// What a path is that is no directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetailKind {
    /// A regular file.
    Regular,
    /// A regular file that was put there as another name of one that was there.
    HardLink {
        /// Where that one lay then. A higher layer may have put something else there since: the content is that of
        /// [`Detail::layer`] and [`Detail::entry`].
        target: Box<[u8]>,
    },
    /// A symbolic link.
    Symlink,
    /// A device, a FIFO, or what only its own tool understands.
    Other,
}

impl DetailKind {
    /// Whether it is a file with a content.
    pub fn is_file(&self) -> bool {
        matches!(self, DetailKind::Regular | DetailKind::HardLink { .. })
    }
}

/// What lies at a path, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lying {
    node: Node,
    /// Nothing for a directory.
    detail: Option<Detail>,
    placed: Placed,
}

impl Lying {
    fn directory(mode: u32, uid: u64, gid: u64, layer: u32) -> Lying {
        Lying { node: Node::Directory { mode, uid, gid }, detail: None, placed: Placed { layer, size: 0 } }
    }
}

/// Who put a path there, and how large it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Placed {
    /// The layer that says the path last, the lowest being 0.
    pub layer: u32,
    /// The size that it says, in bytes: that of a regular file's content.
    pub size: u64,
}

/// A path, what lies there and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedNode<'a> {
    /// The path.
    pub path: &'a [u8],
    /// What lies there.
    pub node: &'a Node,
    /// What is known of it, unless it is a directory.
    pub detail: Option<&'a Detail>,
    /// Who put it there, and how large it is.
    pub placed: Placed,
}

/// The content of one of the files that name owners.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AccountText {
    /// The layer and the entry it was read from: it counts as long as what lies at the path is that one.
    from: (u32, u32),
    text: Box<[u8]>,
}

/// What [`Nodes::apply_watched`] tells.
pub type Watch<'a> = dyn FnMut(&Nodes, &Change, &mut dyn Read) -> Result<(), TreeError> + 'a;

/// All paths of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes {
    nodes: BTreeMap<Box<[u8]>, Lying>,
    accounts: BTreeMap<AccountFile, AccountText>,
    layers: u32,
}

impl Nodes {
    /// The paths of `scratch`.
    pub fn new() -> Nodes {
        Nodes::default()
    }

    /// What lies at `path`, links in it not followed.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path).map(|lying| &lying.node)
    }

    /// What is known of what lies at `path`, links in it not followed: nothing of a directory.
    pub fn detail(&self, path: &[u8]) -> Option<&Detail> {
        self.nodes.get(path)?.detail.as_ref()
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many layers were laid.
    pub fn layers(&self) -> u32 {
        self.layers
    }

    /// Everything below a directory (empty: the root), bytewise sorted by path.
    pub fn below(&self, directory: &[u8]) -> impl Iterator<Item = (&[u8], &Node, Option<&Detail>)> {
        self.range_below(directory).map(|(path, lying)| (&**path, &lying.node, lying.detail.as_ref()))
    }

    /// The names in a directory (empty: the root), sorted.
    pub fn children(&self, directory: &[u8]) -> BTreeSet<Box<[u8]>> {
        let start = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let names = self.range_below(directory).filter_map(|(path, _)| path.get(start..));
        names.filter(|name| !name.contains(&b'/')).map(Into::into).collect()
    }

    /// Everything, bytewise sorted by path.
    pub fn all(&self) -> impl Iterator<Item = PlacedNode<'_>> {
        self.nodes.iter().map(|(path, lying)| PlacedNode {
            path,
            node: &lying.node,
            detail: lying.detail.as_ref(),
            placed: lying.placed,
        })
    }

    fn range_below(&self, directory: &[u8]) -> std::collections::btree_map::Range<'_, Box<[u8]>, Lying> {
        if directory.is_empty() {
            return self.nodes.range::<[u8], _>(..);
        }
        // What follows `/` in the alphabet ends the range.
        let (first, end) = ([directory, b"/"].concat(), [directory, b"0"].concat());
        self.nodes.range::<[u8], _>((Bound::Excluded(&first[..]), Bound::Excluded(&end[..])))
    }

    /// The text of a file that names owners; nothing if the image has none.
    ///
    /// # Errors
    ///
    /// [`TreeError::Accounts`], if something lies there whose content is not kept: a link, or a file larger than
    /// [`ACCOUNTS_LIMIT`].
    pub fn accounts(&self, file: AccountFile) -> Result<Option<&[u8]>, TreeError> {
        let path = file.path().as_bytes();
        let real = resolve(path, |path| Ok(self.get(path).cloned()))?;
        let refuse = |why: &str| Err(TreeError::Accounts { path: file.path(), why: why.to_owned() });
        match self.detail(&real) {
            None if matches!(self.get(&real), Some(Node::Directory { .. })) => refuse("it is a directory"),
            None => Ok(None),
            Some(_) if *real != *path => refuse("it lies behind a link"),
            Some(detail) => match self.accounts.get(&file) {
                Some(kept) if kept.from == (detail.layer, detail.entry) => Ok(Some(&kept.text)),
                _ if detail.kind != DetailKind::Regular => refuse("it is no regular file of its own"),
                _ => refuse("it is larger than 1 MiB"),
            },
        }
    }

    #[cfg(test)]
    pub(super) fn put(&mut self, path: &[u8], node: Node) {
        let kind = if node == Node::File { DetailKind::Regular } else { DetailKind::Symlink };
        let detail = Detail { mode: 0o644, uid: 0, gid: 0, layer: 0, entry: self.len() as u32, kind };
        let detail = Some(detail).filter(|_| !matches!(node, Node::Directory { .. }));
        self.layers = 1;
        self.lay(path, Lying { node, detail, placed: Placed::default() });
    }

    fn lay(&mut self, path: &[u8], lying: Lying) {
        let was_directory = matches!(self.get(path), Some(Node::Directory { .. }));
        if was_directory && !matches!(lying.node, Node::Directory { .. }) {
            self.remove_below(path);
        }
        self.nodes.insert(path.into(), lying);
    }

    fn remove_below(&mut self, path: &[u8]) {
        let below: Vec<Box<[u8]>> = self.range_below(path).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    fn remove(&mut self, path: &[u8]) {
        self.nodes.remove(path);
        self.remove_below(path);
    }

    /// Lays the next layer's plain tar stream over the tree, whiteouts and opaque directories applied as the
    /// [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts) says.
    ///
    /// # Errors
    ///
    /// A malformed stream, a path outside of the root, absurd sizes and counts.
    pub fn apply_tar(&mut self, stream: impl Read) -> Result<(), TreeError> {
        self.apply_watched(stream, &mut |_, _, _| Ok(()))
    }

    /// The same, and tells `watch` of each change before it is laid: the paths below, the change, and the content of
    /// what it puts (without that of files that name owners).
    ///
    /// # Errors
    ///
    /// As [`Nodes::apply_tar`], and whatever `watch` reports.
    pub fn apply_watched(&mut self, stream: impl Read, watch: &mut Watch<'_>) -> Result<(), TreeError> {
        let layer = self.layers;
        self.layers = layer.checked_add(1).ok_or(TreeError::TooMany { what: "layers", limit: u32::MAX.into() })?;
        // A whiteout hides what lower layers hold, never what its own layer does, whatever the order in the stream.
        let mut added: Vec<(Box<[u8]>, Lying)> = Vec::new();
        let mut room = Room::below(self);
        read_contents(stream, |number, change, content| {
            let is_account = matches!(&change, Change::Put(path, _) if AccountFile::at(path).is_some());
            match is_account {
                true => watch(self, &change, &mut std::io::empty())?,
                false => watch(self, &change, content)?,
            }
            if let Some((file, text)) = accounts_in(&change, content)? {
                self.accounts.insert(file, AccountText { from: (layer, number), text });
            }
            self.change(change, (layer, number), &mut added, &mut room)?;
            Ok(ControlFlow::Continue(()))
        })?;
        self.settle(added, room)
    }

    /// Lays the next layer over the tree, which was read by `read_changes`.
    ///
    /// # Errors
    ///
    /// Absurd sizes and counts.
    pub fn apply_read(&mut self, changes: impl IntoIterator<Item = ReadChange>) -> Result<(), TreeError> {
        let layer = self.layers;
        self.layers = layer.checked_add(1).ok_or(TreeError::TooMany { what: "layers", limit: u32::MAX.into() })?;
        let mut added: Vec<(Box<[u8]>, Lying)> = Vec::new();
        let mut room = Room::below(self);
        for ReadChange { number, change, accounts } in changes {
            if let Some((file, text)) = accounts {
                self.accounts.insert(file, AccountText { from: (layer, number), text });
            }
            self.change(change, (layer, number), &mut added, &mut room)?;
        }
        self.settle(added, room)
    }

    /// Lays the next layer's entries over the tree: what [`Nodes::apply_tar`] does with their stream. Contents are not
    /// among them, so a layer that holds one of the files that name owners has to be streamed.
    ///
    /// # Errors
    ///
    /// Absurd sizes and counts.
    pub fn apply_entries<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) -> Result<(), TreeError> {
        let layer = self.layers;
        self.layers = layer.checked_add(1).ok_or(TreeError::TooMany { what: "layers", limit: u32::MAX.into() })?;
        let mut added: Vec<(Box<[u8]>, Lying)> = Vec::new();
        let mut room = Room::below(self);
        for (number, entry) in (0..).zip(entries) {
            self.change(Change::of(entry), (layer, number), &mut added, &mut room)?;
        }
        self.settle(added, room)
    }

    /// Hides what a whiteout hides, and notes what is put there for when all whiteouts are done.
    fn change(
        &mut self,
        change: Change,
        (layer, number): (u32, u32),
        added: &mut Vec<(Box<[u8]>, Lying)>,
        room: &mut Room,
    ) -> Result<(), TreeError> {
        match change {
            Change::Opaque(directory) if directory.is_empty() => self.nodes.clear(),
            Change::Opaque(directory) => {
                let directory = self.real(&directory)?;
                self.remove_below(&directory);
            }
            Change::Whiteout(path) => {
                let path = self.real(&path)?;
                self.remove(&path);
            }
            Change::Put(path, entry) => {
                let lying = lying(entry, layer, number)?;
                room.take(&path, &lying)?;
                added.push((path, lying));
            }
        }
        Ok(())
    }

    fn settle(&mut self, added: Vec<(Box<[u8]>, Lying)>, mut room: Room) -> Result<(), TreeError> {
        for (written, mut lying) in added {
            let before = Room::size(&written, &lying);
            let path = self.real(&written)?;
            // Layers of other tools may leave parents out; whoever unpacks them makes them so.
            for parent in parents(&path) {
                if self.get(parent).is_none() {
                    let made = Lying::directory(0o755, 0, 0, self.layers.saturating_sub(1));
                    room.take(parent, &made)?;
                    self.nodes.insert(parent.into(), made);
                }
            }
            self.follow_hard_link(&mut lying)?;
            // Links on the way may have made more of it than was written.
            room.take_bytes(Room::size(&path, &lying).saturating_sub(before))?;
            self.lay(&path, lying);
        }
        let Nodes { nodes, accounts, .. } = self;
        accounts.retain(|file, kept| {
            let detail = nodes.get(file.path().as_bytes()).and_then(|lying| lying.detail.as_ref());
            detail.is_some_and(|detail| (detail.layer, detail.entry) == kept.from)
        });
        Ok(())
    }

    /// Makes a hard link another name of what lies at its target. Without one it stays a file without content.
    fn follow_hard_link(&self, lying: &mut Lying) -> Result<(), TreeError> {
        let Some(Detail { kind: DetailKind::HardLink { target }, layer, entry, .. }) = &mut lying.detail else {
            return Ok(());
        };
        *target = self.real(target)?;
        let Some(Lying { node, detail: Some(first), .. }) = self.nodes.get(target) else { return Ok(()) };
        // A link to a symlink is one.
        lying.node = node.clone();
        (*layer, *entry) = (first.layer, first.entry);
        match &first.kind {
            DetailKind::Regular => {}
            DetailKind::HardLink { target: first } => *target = first.clone(),
            other => {
                let kind = other.clone();
                lying.detail.iter_mut().for_each(|detail| detail.kind = kind.clone());
            }
        }
        Ok(())
    }

    /// Where a path of a layer really lies: whoever unpacks it follows the links on the way to it, not the last one.
    fn real(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else { return Ok(path.into()) };
        // Most parents are directories all the way.
        if matches!(self.get(&path[..slash]), Some(Node::Directory { .. })) {
            return Ok(path.into());
        }
        let parent = resolve(&path[..slash], |path| Ok(self.get(path).cloned()))?;
        Ok(if parent.is_empty() { path[slash + 1..].into() } else { [&parent, &path[slash..]].concat().into() })
    }
}

/// What an entry of a layer puts into the tree.
fn lying(entry: LayerEntry, layer: u32, number: u32) -> Result<Lying, TreeError> {
    use tar::EntryType;
    let has_content = entry.has_content();
    let LayerEntry { kind, mode, uid, gid, size, link } = entry;
    let placed = Placed { layer, size: if has_content { size } else { 0 } };
    let link = link.unwrap_or_default();
    let (node, kind) = match kind {
        EntryType::Directory => return Ok(Lying::directory(mode, uid, gid, layer)),
        EntryType::Symlink => (Node::Symlink { target: link }, DetailKind::Symlink),
        EntryType::Link => {
            let outside = || TreeError::Outside(String::from_utf8_lossy(&link[..link.len().min(200)]).into_owned());
            (Node::File, DetailKind::HardLink { target: normalise_path(&link).ok_or_else(outside)? })
        }
        _ if has_content => (Node::File, DetailKind::Regular),
        _ => (Node::File, DetailKind::Other),
    };
    Ok(Lying { node, detail: Some(Detail { mode, uid, gid, layer, entry: number, kind }), placed })
}

/// How much a tree may still grow.
struct Room {
    nodes: usize,
    bytes: usize,
}

impl Room {
    fn below(tree: &Nodes) -> Room {
        let bytes: usize = tree.nodes.iter().map(|(path, lying)| Room::size(path, lying)).sum();
        Room { nodes: NODE_LIMIT.saturating_sub(tree.nodes.len()), bytes: SIZE_LIMIT.saturating_sub(bytes) }
    }

    fn size(path: &[u8], lying: &Lying) -> usize {
        let link = match (&lying.node, &lying.detail) {
            (Node::Symlink { target }, _) | (_, Some(Detail { kind: DetailKind::HardLink { target }, .. })) => {
                target.len()
            }
            _ => 0,
        };
        path.len() + link
    }

    fn take(&mut self, path: &[u8], lying: &Lying) -> Result<(), TreeError> {
        let too_many = || TreeError::TooMany { what: "paths", limit: NODE_LIMIT as u64 };
        self.nodes = self.nodes.checked_sub(1).ok_or_else(too_many)?;
        self.take_bytes(Room::size(path, lying))
    }

    fn take_bytes(&mut self, bytes: usize) -> Result<(), TreeError> {
        let too_many = || TreeError::TooMany { what: "bytes of paths", limit: SIZE_LIMIT as u64 };
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_many)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
