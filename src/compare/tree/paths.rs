//! Paths: the layers of an image laid over each other, entry by entry in the order of the stream, as whoever unpacks them
//! does. A whiteout hides what lower layers hold, never what its own layer does, wherever in it it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::compare::lockstep::cost;
use crate::entry::parents;
use crate::image::{Form, Member, MemberKind, Shape, TreeError, Whiteout, follow};

/// How much the entries of an image may take of memory, in bytes: about a million.
pub const SIZE_LIMIT: usize = 512 << 20;

/// A name of a file.
#[derive(Debug, Clone, Copy)]
struct Name {
    /// The place of the file among the files: names with one place are names of one file.
    file: usize,
    /// The place of the layer that put it there last.
    layer: usize,
}

/// The paths of an image.
#[derive(Debug, Clone)]
pub struct Paths {
    names: BTreeMap<Box<[u8]>, Name>,
    files: Vec<Arc<Member>>,
    /// How much more may be kept, in bytes.
    room: usize,
    limit: usize,
}

/// What a layer has said so far of its own.
#[derive(Debug, Default)]
pub struct Layer {
    place: usize,
    /// What its whiteouts have hidden: lower layers bring nothing of it back.
    hidden: BTreeSet<(bool, Box<[u8]>)>,
    /// Hard links to what was not there when they came.
    open: Vec<(Box<[u8]>, usize)>,
}

impl Layer {
    /// The layer at this place, before its first entry.
    pub fn at(place: usize) -> Layer {
        Layer { place, ..Layer::default() }
    }
}

impl Paths {
    /// None; the entries that will be laid may take so much memory.
    pub fn within(limit: usize) -> Paths {
        Paths { names: BTreeMap::new(), files: Vec::new(), room: limit, limit }
    }

    /// Every path with what lies there and the layer that put it there, bytewise sorted; the root is the empty path.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Arc<Member>, usize)> {
        self.names.iter().filter_map(|(path, name)| Some((&**path, self.files.get(name.file)?, name.layer)))
    }

    /// Takes the next entry of a layer's stream.
    ///
    /// # Errors
    ///
    /// [`TreeError::Loop`]; [`TreeError::TooMany`] if there is more than may be kept.
    pub fn take(&mut self, layer: &mut Layer, member: Member) -> Result<(), TreeError> {
        if member.kind == MemberKind::GLOBAL_RECORDS {
            return Ok(());
        }
        match member.whiteout() {
            Some(Whiteout::Nothing) => Ok(()),
            Some(Whiteout::Opaque(directory)) => {
                let directory = if directory.is_empty() { directory } else { self.real(&directory)? };
                self.hide(layer, directory, false)
            }
            Some(Whiteout::Path(path)) => {
                let path = self.real(&path)?;
                self.hide(layer, path, true)
            }
            None => self.put(layer, member),
        }
    }

    /// Ends a layer: links to what came only after them are names of that.
    ///
    /// # Errors
    ///
    /// [`TreeError::Loop`].
    pub fn end(&mut self, layer: Layer) -> Result<(), TreeError> {
        // The last first: a link to a link finds what that one has found.
        for (target, file) in layer.open.into_iter().rev() {
            let target = self.real(&target)?;
            if let Some(found) = self.names.get(&target).and_then(|name| self.files.get(name.file)).cloned()
                && let Some(link) = self.files.get_mut(file)
            {
                *link = found;
            }
        }
        Ok(())
    }

    /// Says what the root is where no layer does.
    pub fn imply_root(&mut self) -> Result<(), TreeError> {
        if self.names.contains_key(&b""[..]) { Ok(()) } else { self.imply(b"", 0) }
    }

    fn put(&mut self, layer: &mut Layer, mut member: Member) -> Result<(), TreeError> {
        let path = self.real(&std::mem::take(&mut member.path))?;
        // Layers of other tools may leave parents out; whoever unpacks them makes them so.
        for parent in parents(&path) {
            if !self.names.contains_key(parent) {
                self.imply(parent, layer.place)?;
            }
        }
        self.charge(path.len() + cost(&member))?;
        let file = match (member.kind, member.link.take()) {
            (MemberKind::Hardlink, Some(target)) => {
                let real = self.real(&target)?;
                match self.names.get(&real).map(|name| name.file) {
                    Some(file) => {
                        self.say_again(file, &member)?;
                        file
                    }
                    None => {
                        layer.open.push((target.clone(), self.files.len()));
                        member.link = Some(target);
                        self.add(member)
                    }
                }
            }
            (_, link) => {
                member.link = link;
                self.add(member)
            }
        };
        let is_directory = |paths: &Paths, file: usize| {
            paths.files.get(file).is_some_and(|member| member.kind == MemberKind::Directory)
        };
        let before = self.names.insert(path.clone(), Name { file, layer: layer.place });
        if before.is_some_and(|before| is_directory(self, before.file)) && !is_directory(self, file) {
            for path in self.below(&path) {
                self.names.remove(&path);
            }
        }
        Ok(())
    }

    fn add(&mut self, member: Member) -> usize {
        self.files.push(Arc::new(member));
        self.files.len() - 1
    }

    /// What the entry of another name says of mode, owner and attributes, it says of the file.
    fn say_again(&mut self, file: usize, link: &Member) -> Result<(), TreeError> {
        let Some(member) = self.files.get(file) else { return Ok(()) };
        let says = |member: &Member| (member.mode, member.uid, member.gid);
        let adds = link.attributes.iter().any(|(name, value)| member.attributes.get(name) != Some(value));
        if matches!(member.kind, MemberKind::Directory | MemberKind::Symlink) || (says(member) == says(link) && !adds) {
            return Ok(());
        }
        let mut said = Member::clone(member);
        (said.mode, said.uid, said.gid) = says(link);
        said.attributes.extend(link.attributes.clone());
        self.charge(cost(&said))?;
        if let Some(member) = self.files.get_mut(file) {
            *member = Arc::new(said);
        }
        Ok(())
    }

    /// Takes away what lower layers hold below a path, and at it.
    fn hide(&mut self, layer: &mut Layer, path: Box<[u8]>, itself: bool) -> Result<(), TreeError> {
        self.charge(path.len() + 64)?;
        // Once is enough, and a layer that says it over and over costs no more.
        if !layer.hidden.insert((itself, path.clone())) {
            return Ok(());
        }
        let is_lower = |name: &Name| name.layer != layer.place;
        let mut own = Vec::new();
        for below in self.below(&path) {
            if self.names.get(&below).is_some_and(is_lower) {
                self.names.remove(&below);
            } else {
                own.push(below);
            }
        }
        if itself && self.names.get(&path).is_some_and(is_lower) {
            self.names.remove(&path);
        }
        // What the layer itself put there lies in directories that it did not describe.
        for path in own {
            for parent in parents(&path) {
                if !self.names.contains_key(parent) {
                    self.imply(parent, layer.place)?;
                }
            }
        }
        Ok(())
    }

    /// All paths below one; the root's are all but itself.
    fn below(&self, directory: &[u8]) -> Vec<Box<[u8]>> {
        if directory.is_empty() {
            return self.names.keys().filter(|path| !path.is_empty()).cloned().collect();
        }
        // What follows `/` in the alphabet ends the range.
        let (first, end) = ([directory, b"/"].concat(), [directory, b"0"].concat());
        let range = (Bound::Excluded(&first[..]), Bound::Excluded(&end[..]));
        self.names.range::<[u8], _>(range).map(|(path, _)| path.clone()).collect()
    }

    /// Puts a directory as unpacking makes it where none is described.
    fn imply(&mut self, path: &[u8], layer: usize) -> Result<(), TreeError> {
        let member = implied();
        self.charge(path.len() + cost(&member))?;
        let file = self.add(member);
        self.names.insert(path.into(), Name { file, layer });
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), TreeError> {
        let too_many =
            || TreeError::TooMany { what: "bytes of paths and what is said of them", limit: self.limit as u64 };
        self.room = self.room.checked_sub(bytes).ok_or_else(too_many)?;
        Ok(())
    }

    /// Where a path of a layer really lies: whoever unpacks it follows the links on the way to it, not the last one.
    fn real(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else { return Ok(path.into()) };
        let lying = |path: &[u8]| self.names.get(path).and_then(|name| self.files.get(name.file));
        // Most parents are directories all the way.
        if lying(&path[..slash]).is_some_and(|parent| parent.kind == MemberKind::Directory) {
            return Ok(path.into());
        }
        let link = |path: &[u8]| lying(path).filter(|member| member.kind == MemberKind::Symlink)?.link.clone();
        let parent = follow(
            &path[..slash],
            |path| Ok(link(path)),
            || TreeError::Loop(String::from_utf8_lossy(path).into_owned()),
        )?;
        Ok(if parent.is_empty() { path[slash + 1..].into() } else { [&parent, &path[slash..]].concat().into() })
    }
}

fn implied() -> Member {
    let form = Form {
        format: "ustar",
        records: Vec::new(),
        long_names: false,
        user: Box::default(),
        group: Box::default(),
        prefix: "",
        slash: true,
        header: Shape::default(),
    };
    Member {
        path: Box::default(),
        kind: MemberKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        time: (0, 0),
        size: 0,
        digest: None,
        link: None,
        device: None,
        attributes: BTreeMap::new(),
        form: Arc::new(form),
    }
}

#[cfg(test)]
mod tests;
