//! Drafts: a layer that is being drawn over the image below, one change after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::{Contents, Item, Source};
use super::error::{Error, check_fit, display};
use super::stack::Stack;
use crate::digest::Digest;
use crate::entry::{Entry, Kind, Owner, parents};
use crate::image::{Node, TreeError, resolve};

/// What a whiteout's name begins with: the
/// [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts).
const WHITEOUT: &[u8] = b".wh.";

/// A path and what lies there.
pub(super) type Lying = (Box<[u8]>, Node);

/// How many entries a layer may have.
const ENTRY_LIMIT: usize = 1_000_000;

/// A layer that is being drawn.
pub(super) struct Draft<'a> {
    stack: &'a Stack,
    /// The time of every entry.
    pub mtime: i64,
    items: BTreeMap<Box<[u8]>, Item>,
    /// How many other names the files among them have.
    linked: BTreeMap<Box<[u8]>, usize>,
    /// Paths of the image below that are gone, and all below them.
    removed: BTreeSet<Box<[u8]>>,
}

impl<'a> Draft<'a> {
    pub fn over(stack: &'a Stack, mtime: i64) -> Draft<'a> {
        Draft { stack, mtime, items: BTreeMap::new(), linked: BTreeMap::new(), removed: BTreeSet::new() }
    }

    /// What lies at `path` now, links not followed. The root is a directory.
    pub fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if path.is_empty() {
            return Ok(Some(Node::Directory { mode: 0o755, uid: 0, gid: 0 }));
        }
        if let Some(item) = self.items.get(path) {
            return Ok(Some(node(&item.entry)));
        }
        if self.is_removed(path) {
            return Ok(None);
        }
        self.stack.tree().get(path)
    }

    fn is_removed(&self, path: &[u8]) -> bool {
        !self.removed.is_empty() && parents(path).chain([path]).any(|part| self.removed.contains(part))
    }

    /// Whether a directory lies at `path`, links not followed.
    pub fn is_directory(&self, path: &[u8]) -> Result<bool, TreeError> {
        Ok(matches!(self.node(path)?, Some(Node::Directory { .. })))
    }

    /// Where `path` really lies once all links in it are followed within the root.
    pub fn resolve(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        resolve(path, |path| self.node(path))
    }

    /// The same within the directory `root`: links lead nowhere above it.
    pub fn resolve_within(&self, root: &[u8], path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        let inner = resolve(path, |path| self.node(&join(root, path)))?;
        Ok(join(root, &inner))
    }

    /// The same with the last part left as it is.
    pub fn resolve_parent(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        let (parent, name) = split(path);
        if matches!(name, b"" | b"." | b"..") {
            return self.resolve(path);
        }
        Ok(join(&self.resolve(parent)?, name))
    }

    /// Everything below the directory `path`, sorted.
    pub fn below(&self, path: &[u8]) -> Result<Vec<Lying>, Error> {
        let mut all: BTreeMap<Box<[u8]>, Node> = BTreeMap::new();
        let tree = self.stack.tree();
        if !self.is_removed(path) && (path.is_empty() || matches!(tree.get(path)?, Some(Node::Directory { .. }))) {
            for (path, node, _) in tree.below(path)? {
                if !self.is_removed(&path) {
                    all.insert(path, node);
                }
            }
        }
        let prefix = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let own = self.items.range(Box::from(&prefix[..])..).take_while(|(path, _)| path.starts_with(&prefix));
        all.extend(own.map(|(path, item)| (path.clone(), node(&item.entry))));
        Ok(all.into_iter().collect())
    }

    /// Whether the draft itself holds a file at `path`.
    pub fn is_file(&self, path: &[u8]) -> bool {
        self.items.get(path).is_some_and(|item| matches!(item.entry.kind, Kind::File { .. }))
    }

    /// Other names of the file at `path` get its content: the first of them becomes the file.
    fn release(&mut self, path: &[u8]) {
        if !self.is_file(path) || self.linked.remove(path).is_none() {
            return;
        }
        let links = self
            .items
            .iter()
            .filter(|(_, item)| matches!(&item.entry.kind, Kind::Hardlink { target } if **target == *path));
        let names: Vec<Box<[u8]>> = links.map(|(name, _)| name.clone()).collect();
        let Some(first) = names.first() else { return };
        let Some(file) = self.items.get(path).cloned() else { return };
        if names.len() > 1 {
            self.linked.insert(first.clone(), names.len() - 1);
        }
        for name in &names {
            if let Some(item) = self.items.get_mut(name) {
                if name == first {
                    item.entry.kind = file.entry.kind.clone();
                    item.source = file.source.clone();
                } else {
                    item.entry.kind = Kind::Hardlink { target: first.clone() };
                }
            }
        }
    }

    /// Puts an entry where nothing lies, or something it may stand for.
    pub fn put(&mut self, path: &[u8], mode: u32, owner: Owner, kind: Kind, source: Source) {
        self.release(path);
        if let Kind::Hardlink { target } = &kind {
            *self.linked.entry(target.clone()).or_default() += 1;
        }
        let entry = Entry { path: path.into(), mode, uid: owner.uid, gid: owner.gid, mtime: self.mtime, kind };
        self.items.insert(path.into(), Item { entry, source });
    }

    /// Changes mode or owner of what lies at `path`; answers whether anything does. What stays as it is leaves the layer
    /// alone.
    pub fn change(&mut self, path: &[u8], change: impl FnOnce(&mut Entry)) -> Result<bool, Error> {
        if let Some(item) = self.items.get_mut(path) {
            change(&mut item.entry);
            return Ok(true);
        }
        if self.is_removed(path) {
            return Ok(false);
        }
        let Some(before) = self.stack.outline(path, self.mtime)? else { return Ok(false) };
        let mut after = before.clone();
        change(&mut after);
        if (after.mode, after.uid, after.gid) == (before.mode, before.uid, before.gid) {
            return Ok(true);
        }
        let Some(mut item) = self.stack.item(path, self.mtime)? else { return Ok(false) };
        (item.entry.mode, item.entry.uid, item.entry.gid) = (after.mode, after.uid, after.gid);
        self.items.insert(path.into(), item);
        Ok(true)
    }

    /// Makes `path` another name of the file at `target`; answers whether that is a file.
    pub fn link(&mut self, target: &[u8], path: &[u8]) -> Result<bool, Error> {
        let first = match self.items.get(target).map(|item| &item.entry.kind) {
            Some(Kind::Hardlink { target }) => target.clone(),
            _ => Box::from(target),
        };
        let item = match self.items.get(&first) {
            Some(item) => Some(item.clone()),
            None if self.is_removed(&first) => None,
            None => self.stack.item(&first, self.mtime)?,
        };
        let Some(item) = item.filter(|item| matches!(item.entry.kind, Kind::File { .. })) else { return Ok(false) };
        let entry = Entry { path: path.into(), ..item.entry.clone() };
        if *first < *path {
            // A link's file has to be in the layer, before it.
            self.items.entry(first.clone()).or_insert(item);
            *self.linked.entry(first.clone()).or_default() += 1;
            let kind = Kind::Hardlink { target: first };
            self.items.insert(path.into(), Item { entry: Entry { kind, ..entry }, source: Source::Nothing });
        } else {
            self.items.insert(path.into(), Item { entry, source: item.source });
            let others = self
                .items
                .values_mut()
                .filter(|item| matches!(&item.entry.kind, Kind::Hardlink { target } if *target == first));
            let relinked: Vec<Box<[u8]>> = others.map(|item| item.entry.path.clone()).collect();
            for name in relinked.into_iter().chain([first]) {
                if *name != *path
                    && let Some(item) = self.items.get(&name).cloned().or(self.stack.item(&name, self.mtime)?)
                {
                    let kind = Kind::Hardlink { target: path.into() };
                    let entry = Entry { kind, ..item.entry };
                    *self.linked.entry(path.into()).or_default() += 1;
                    self.items.insert(name, Item { entry, source: Source::Nothing });
                }
            }
        }
        Ok(true)
    }

    /// Makes the directory `path` and those above it, as far as they are missing. No part of it is a link. Without an
    /// `owner` they are root's, and of the group that they inherit.
    pub fn make_directories(&mut self, path: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), Error> {
        if path.is_empty() {
            return Ok(());
        }
        for part in parents(path).chain([path]) {
            match self.node(part)? {
                Some(Node::Directory { .. }) => {}
                Some(other) => {
                    return Err(Error::Replaces { path: display(part), new: "directory", old: other.name() });
                }
                None => {
                    let (mode, owner) = self.inherited(part, mode, owner)?;
                    self.put(part, mode, owner, Kind::Directory, Source::Nothing);
                }
            }
        }
        Ok(())
    }

    /// Mode and owner of what is made in a directory: one with the set-group-ID bit hands on its group, and to directories
    /// the bit. An owner that is given comes after that.
    pub fn inherited(&self, path: &[u8], mode: u32, owner: Option<Owner>) -> Result<(u32, Owner), Error> {
        match self.node(split(path).0)? {
            Some(Node::Directory { mode: above, gid, .. }) if above & 0o2000 != 0 => {
                Ok((mode | 0o2000, owner.unwrap_or(Owner { uid: 0, gid })))
            }
            _ => Ok((mode, owner.unwrap_or_default())),
        }
    }

    /// Takes `path` away, and all below it.
    pub fn remove(&mut self, path: &[u8]) -> Result<(), Error> {
        let prefix = [path, b"/"].concat();
        let below = self.items.range(Box::from(&prefix[..])..).take_while(|(own, _)| own.starts_with(&prefix));
        let gone: Vec<Box<[u8]>> = below.map(|(own, _)| own.clone()).chain([path.into()]).collect();
        for own in gone {
            self.release(&own);
            self.items.remove(&own);
        }
        if !self.is_removed(path) && self.stack.tree().get(path)?.is_some() {
            self.removed.insert(path.into());
        }
        Ok(())
    }

    /// The layer: what was put, whiteouts for what is gone, and the directories above both.
    pub fn finish(mut self) -> Result<Contents, Error> {
        if self.items.len() > ENTRY_LIMIT {
            return Err(Error::TooMany(ENTRY_LIMIT));
        }
        for path in self.items.keys() {
            check_fit(path)?;
        }
        let mut hidden: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let removed = self.removed.iter().filter(|path| !parents(path).any(|above| self.removed.contains(above)));
        let mut todo: Vec<Box<[u8]>> = removed.cloned().collect();
        while let Some(path) = todo.pop() {
            match self.items.get(&path).map(|item| &item.entry.kind) {
                None => {
                    hidden.insert(path);
                }
                // What is made again where a directory was starts empty.
                Some(Kind::Directory) => {
                    if matches!(self.stack.tree().get(&path)?, Some(Node::Directory { .. })) {
                        let below = self.stack.tree().below(&path)?;
                        let level = |other: &[u8]| !other[path.len() + 1..].contains(&b'/');
                        todo.extend(below.into_iter().map(|(other, ..)| other).filter(|other| level(other)));
                    }
                }
                Some(_) => {}
            }
        }
        for path in hidden {
            let (parent, name) = split(&path);
            let name = [WHITEOUT, name].concat();
            let kind = Kind::File { size: 0, digest: Digest::of(b"") };
            self.put(&join(parent, &name), 0, Owner::default(), kind, Source::Nothing);
        }
        let mut above: BTreeSet<Box<[u8]>> = BTreeSet::new();
        for path in self.items.keys() {
            let mut parent = split(path).0;
            // Where one is there, those above it are.
            while !parent.is_empty() && !self.items.contains_key(parent) && above.insert(parent.into()) {
                parent = split(parent).0;
            }
        }
        for path in above {
            if !self.items.contains_key(&path) {
                let (mode, owner) = match self.stack.tree().get(&path)? {
                    Some(Node::Directory { mode, uid, gid }) => (mode, Owner { uid, gid }),
                    Some(other) => {
                        return Err(Error::Replaces { path: display(&path), new: "directory", old: other.name() });
                    }
                    None => (0o755, Owner::default()),
                };
                self.put(&path, mode, owner, Kind::Directory, Source::Nothing);
            }
        }
        Contents::new(self.items.into_values().collect())
    }
}

fn node(entry: &Entry) -> Node {
    match &entry.kind {
        Kind::Directory => Node::Directory { mode: entry.mode, uid: entry.uid, gid: entry.gid },
        Kind::Symlink { target } => Node::Symlink { target: target.clone() },
        Kind::File { .. } | Kind::Hardlink { .. } => Node::File,
    }
}

/// A path's directory and its last part.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

pub(super) fn join(directory: &[u8], name: &[u8]) -> Box<[u8]> {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.into(),
        (_, true) => directory.into(),
        _ => [directory, b"/", name].concat().into(),
    }
}
