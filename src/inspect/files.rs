//! Files: the paths of an image, its layers laid over each other, and what each layer covered or took away.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;
use std::sync::Arc;

use super::changes::{Changed, InspectedFile, LayerChange, Room};
use crate::entry::parents;
use crate::image::{Detail, DetailKind, Node, Nodes, PlacedNode, TreeError, follow};

/// What happened to a path before it became what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A layer put this there, and a higher one has covered it or taken it away.
    Put(InspectedFile),
    /// A layer took away what was there.
    Removed {
        /// The layer: its place among the layers.
        layer: usize,
        /// How.
        how: Removal,
    },
}

/// How a layer took a path away. Each names the path it did so at: this one, or one above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// By a whiteout.
    Whiteout(Arc<[u8]>),
    /// By making a directory opaque.
    Opaque(Arc<[u8]>),
    /// By putting something else where a directory was.
    Replaced(Arc<[u8]>),
}

/// The paths of an image.
#[derive(Debug, Default)]
pub struct Files {
    files: BTreeMap<Box<[u8]>, InspectedFile>,
    /// What happened to paths before, the lowest layer's doing first.
    past: BTreeMap<Box<[u8]>, Vec<Event>>,
    /// Of so many layers only what they left together is known.
    merged: usize,
}

impl Files {
    /// The paths of a base, as its tree tells them.
    pub(super) fn of_tree(nodes: &Nodes, room: &mut Room) -> Result<Files, TreeError> {
        let mut files = Files { merged: nodes.layers() as usize, ..Files::default() };
        for PlacedNode { path, node, detail, placed } in nodes.all() {
            let (mut kind, mut link) = match node {
                Node::Directory { .. } => ('d', None),
                Node::Symlink { target } => ('l', Some(target.clone())),
                Node::File => ('?', None),
            };
            match detail.map(|detail| &detail.kind) {
                Some(DetailKind::Regular) => kind = 'f',
                Some(DetailKind::HardLink { target }) => (kind, link) = ('h', Some(target.clone())),
                _ => {}
            }
            let (mode, uid, gid) = match (node, detail) {
                (&Node::Directory { mode, uid, gid }, _) | (_, Some(&Detail { mode, uid, gid, .. })) => {
                    (mode, uid, gid)
                }
                _ => (0, 0, 0),
            };
            room.take(path, link.as_deref())?;
            let (size, layer) = (placed.size, placed.layer as usize);
            files.files.insert(path.into(), InspectedFile { kind, mode, uid, gid, size, link, layer });
        }
        Ok(files)
    }

    /// Of how many layers, from the lowest, only what they left together is known: not what one of them covered or took away
    /// of another. Never one.
    pub fn merged(&self) -> usize {
        if self.merged > 1 { self.merged } else { 0 }
    }

    /// What lies at a path, links in it not followed.
    pub fn get(&self, path: &[u8]) -> Option<&InspectedFile> {
        self.files.get(path)
    }

    /// What happened to a path before it became what it is, the lowest layer's doing first.
    pub fn past(&self, path: &[u8]) -> &[Event] {
        self.past.get(path).map_or(&[], Vec::as_slice)
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Everything below a directory (empty: the root), bytewise sorted by path.
    pub fn below(&self, directory: &[u8]) -> Range<'_, Box<[u8]>, InspectedFile> {
        if directory.is_empty() {
            return self.files.range::<[u8], _>(..);
        }
        // What follows `/` in the alphabet ends the range.
        let (first, end) = ([directory, b"/"].concat(), [directory, b"0"].concat());
        self.files.range::<[u8], _>((Bound::Excluded(&first[..]), Bound::Excluded(&end[..])))
    }

    /// Lays a layer over the paths.
    pub(super) fn lay(&mut self, layer: usize, changes: Vec<Changed>, room: &mut Room) -> Result<(), TreeError> {
        // A whiteout hides what lower layers hold, never what its own layer does, whatever the order in the stream.
        let mut added = Vec::new();
        for (path, change) in changes {
            match change {
                LayerChange::Opaque if path.is_empty() => {
                    self.remove_below(b"", layer, &Removal::Opaque((*path).into()))
                }
                LayerChange::Opaque => {
                    let real: Arc<[u8]> = self.real(&path)?.into();
                    self.remove_below(&real, layer, &Removal::Opaque(Arc::clone(&real)));
                }
                LayerChange::Whiteout => {
                    let real: Arc<[u8]> = self.real(&path)?.into();
                    let how = Removal::Whiteout(Arc::clone(&real));
                    self.remove_below(&real, layer, &how);
                    self.remove(&real, layer, &how);
                }
                LayerChange::Put(file) => added.push((path, file)),
            }
        }
        for (written, file) in added {
            let path = self.real(&written)?;
            // Layers of other tools may leave parents out; whoever unpacks them makes them so.
            for parent in parents(&path) {
                if !self.files.contains_key(parent) {
                    room.take(parent, None)?;
                    let made = InspectedFile { kind: 'd', mode: 0o755, uid: 0, gid: 0, size: 0, link: None, layer };
                    self.files.insert(parent.into(), made);
                }
            }
            self.put(path, file);
        }
        Ok(())
    }

    fn put(&mut self, path: Box<[u8]>, file: InspectedFile) {
        let layer = file.layer;
        if file.kind != 'd' && self.files.get(&path).is_some_and(|before| before.kind == 'd') {
            let how = Removal::Replaced((*path).into());
            self.remove_below(&path, layer, &how);
        }
        // A layer that says a path twice has put there what it says last.
        if let Some(before) = self.files.insert(path.clone(), file).filter(|before| before.layer != layer) {
            self.past.entry(path).or_default().push(Event::Put(before));
        }
    }

    fn remove_below(&mut self, directory: &[u8], layer: usize, how: &Removal) {
        let below: Vec<Box<[u8]>> = self.below(directory).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.remove(&path, layer, how);
        }
    }

    fn remove(&mut self, path: &[u8], layer: usize, how: &Removal) {
        if let Some(before) = self.files.remove(path) {
            let past = self.past.entry(path.into()).or_default();
            past.push(Event::Put(before));
            past.push(Event::Removed { layer, how: how.clone() });
        }
    }

    /// Where a path of a layer really lies: whoever unpacks it follows the links on the way to it, not the last one.
    fn real(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else { return Ok(path.into()) };
        // Most parents are directories all the way.
        if self.files.get(&path[..slash]).is_some_and(|parent| parent.kind == 'd') {
            return Ok(path.into());
        }
        let parent = follow(
            &path[..slash],
            |path| Ok(self.symlink(path).map(Into::into)),
            || TreeError::Loop(String::from_utf8_lossy(path).into_owned()),
        )?;
        Ok(if parent.is_empty() { path[slash + 1..].into() } else { [&parent, &path[slash..]].concat().into() })
    }

    /// Where the symlink at a path points, if there is one.
    pub(super) fn symlink(&self, path: &[u8]) -> Option<&[u8]> {
        self.files.get(path).filter(|file| file.kind == 'l')?.link.as_deref()
    }

    /// Paths that something happened to, bytewise sorted.
    pub(super) fn touched(&self) -> impl Iterator<Item = &[u8]> {
        self.past.keys().map(|path| &**path)
    }
}
