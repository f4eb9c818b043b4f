//! The base tree: what a layer has to know of the image below.
//!
//! A layer has to say something about directories that the image below it already has, and must not change them: a
//! `/tmp` at 0755 takes away the sticky bit, a directory `lib` over the symlink `lib → usr/lib` takes away libc. The
//! tree grows layer by layer; it is a function of the base's digest and the layers alone.
//!
//! Few questions are asked of it. Their answers, the [facts](Tree::facts), travel with the image: who has them need
//! not have the base's paths, and loads them only if another question comes up.

mod error;
mod facts;
mod ground;
mod owners;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nodes::{Detail, Node, Nodes};
use crate::entry::{Entry, Kind, parents};

pub use error::TreeError;
pub use facts::{Facts, parse_facts};
pub use ground::Loader;
pub use owners::OwnFile;
pub(crate) use resolve::{follow, resolve};

use ground::Ground;

/// The paths of an image: those of a base, and the layers laid over it.
pub struct Tree {
    ground: Arc<Ground>,
    own: BTreeMap<Box<[u8]>, Own>,
    /// At and below these paths nothing of the base is left, whatever the layers have put there since.
    hidden: BTreeSet<Box<[u8]>>,
    /// How many layers were laid.
    layers: usize,
    /// What was asked of the ground, with the answers.
    asked: Mutex<Facts>,
    /// What was asked of it for layers that are laid here without having been asked for again.
    before: Facts,
}

/// What a layer put there.
#[derive(Debug, Clone)]
struct Own {
    node: Node,
    layer: usize,
}

/// Who put something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The layer of this number: see [`Tree::own_layer`].
    Own(usize),
    /// The base.
    Ground,
}

/// A path, what lies there and who put it there.
pub type Listed = (Box<[u8]>, Node, Where);

impl Clone for Tree {
    fn clone(&self) -> Tree {
        Tree {
            ground: Arc::clone(&self.ground),
            own: self.own.clone(),
            hidden: self.hidden.clone(),
            layers: self.layers,
            asked: Mutex::new(self.asked().clone()),
            before: self.before.clone(),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("own", &self.own.len()).field("facts", &self.asked().len()).finish()
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

impl Tree {
    /// The tree of `scratch`.
    pub fn new() -> Tree {
        Tree::over(Nodes::new())
    }

    /// The tree of a base with these paths.
    pub fn over(nodes: Nodes) -> Tree {
        Tree::on(Ground::known(nodes))
    }

    /// The tree of a base of which these facts are known; its paths are loaded if they do not suffice.
    pub fn lazily(facts: Facts, load: Loader) -> Tree {
        Tree::on(Ground::lazily(facts, load))
    }

    /// The same for layers that are laid over others as they were published: `facts` are what those had asked.
    pub fn continued(facts: Facts, load: Loader) -> Tree {
        Tree { before: facts.clone(), ..Tree::lazily(facts, load) }
    }

    fn on(ground: Ground) -> Tree {
        Tree {
            ground: Arc::new(ground),
            own: BTreeMap::new(),
            hidden: BTreeSet::new(),
            layers: 0,
            asked: Mutex::default(),
            before: Facts::new(),
        }
    }

    fn asked(&self) -> MutexGuard<'_, Facts> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lies at `path`, links in it not followed: nothing lies below a link.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unavailable`].
    pub fn get(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        let mut asked = self.asked();
        // Nothing of the base lies below a directory that the base does not have.
        let mut absent = self.hidden.contains(&b""[..]);
        for part in parents(path).chain([path]) {
            absent |= self.hidden.contains(part);
            let node = match self.own.get(part) {
                Some(own) => {
                    absent |= [&asked.paths, &self.before.paths].iter().any(|f| f.get(part) == Some(&None));
                    Some(own.node.clone())
                }
                None if absent => None,
                None => self.ask(&mut asked, part)?,
            };
            match node {
                Some(node) if part.len() == path.len() => return Ok(Some(node)),
                Some(Node::Directory { .. }) => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Asks the base, unless it was asked before.
    fn ask(&self, asked: &mut Facts, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if let Some(fact) = asked.paths.get(path) {
            return Ok(fact.clone());
        }
        if asked.lacks(path) {
            return Ok(None);
        }
        let node = self.ground.get(path)?;
        asked.paths.insert(path.into(), node.clone());
        Ok(node)
    }

    /// The names in a directory (empty: the root), links not followed, sorted; none if none lies there. Whatever else is
    /// asked of the base for names that are not among them costs no fact of its own.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unavailable`].
    pub fn children(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>, TreeError> {
        if !directory.is_empty() && !matches!(self.get(directory)?, Some(Node::Directory { .. })) {
            return Ok(Vec::new());
        }
        let start = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let mut names: BTreeSet<Box<[u8]>> = BTreeSet::new();
        for (path, _) in own_below(&self.own, directory) {
            let name = path[start..].split(|&byte| byte == b'/').next().unwrap_or_default();
            names.insert(name.into());
        }
        if self.ground_has_directory(directory)? {
            let mut asked = self.asked();
            let ground = match asked.children.get(directory) {
                Some(ground) => ground.clone(),
                None => self.ground.children(directory)?,
            };
            for name in &ground {
                let path = if directory.is_empty() { name.clone() } else { [directory, b"/", name].concat().into() };
                if !self.own.contains_key(&path) && !self.is_hidden(&path) {
                    names.insert(name.clone());
                }
            }
            asked.children.insert(directory.into(), ground);
        }
        Ok(names.into_iter().collect())
    }

    /// Where `path` really lies once all symlinks in it are followed, its last part included, within the image's
    /// root. Parts that do not exist stay as they are.
    ///
    /// # Errors
    ///
    /// [`TreeError::Loop`], [`TreeError::Unavailable`].
    pub fn resolve(&self, path: &[u8]) -> Result<Box<[u8]>, TreeError> {
        resolve(path, |path| self.get(path))
    }

    /// Which of the layers laid over the base put there last what lies at `path`: their number in the order in which
    /// they were laid, the first being 0, those of images below that this tree is a clone of included. Nothing if it
    /// is the base's, or nothing lies there.
    pub fn own_layer(&self, path: &[u8]) -> Option<usize> {
        self.own.get(path).map(|own| own.layer)
    }

    /// All paths of the base at the bottom, as if no layer were laid over it.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unavailable`].
    pub fn ground(&self) -> Result<&Nodes, TreeError> {
        self.ground.whole()
    }

    /// What is known of a path that is the base's and no directory. Nothing if a layer has put something there.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unavailable`].
    pub fn detail(&self, path: &[u8]) -> Result<Option<Detail>, TreeError> {
        let covered = |parent| self.own.get(parent).is_some_and(|own| !matches!(own.node, Node::Directory { .. }));
        if self.own.contains_key(path) || self.is_hidden(path) || parents(path).any(covered) {
            return Ok(None);
        }
        Ok(self.ground.whole()?.detail(path).cloned())
    }

    /// Everything below a directory (empty: the root), bytewise sorted by path; nothing if none lies there. The whole
    /// base is needed if it has the directory.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unavailable`].
    pub fn below(&self, directory: &[u8]) -> Result<Vec<Listed>, TreeError> {
        if !directory.is_empty() && !matches!(self.get(directory)?, Some(Node::Directory { .. })) {
            return Ok(Vec::new());
        }
        let mut all: BTreeMap<&[u8], (&Node, Where)> =
            own_below(&self.own, directory).map(|(path, own)| (&**path, (&own.node, Where::Own(own.layer)))).collect();
        if self.ground_has_directory(directory)? {
            for (path, node, _) in self.ground.whole()?.below(directory) {
                if !all.contains_key(path) && !self.is_hidden(path) {
                    all.insert(path, (node, Where::Ground));
                }
            }
        }
        // What lies below something that is no directory any more is not there.
        let mut directories = BTreeSet::from([directory]);
        let mut found = Vec::new();
        for (path, (node, place)) in all {
            if !directories.contains(parents(path).last().unwrap_or_default()) {
                continue;
            }
            if matches!(node, Node::Directory { .. }) {
                directories.insert(path);
            }
            found.push((path.into(), node.clone(), place));
        }
        Ok(found)
    }

    /// Whether the base has this directory, and what it has in it is not hidden as a whole.
    fn ground_has_directory(&self, directory: &[u8]) -> Result<bool, TreeError> {
        if self.is_hidden(directory) {
            return Ok(false);
        }
        let mut asked = self.asked();
        for part in parents(directory).chain([directory]).filter(|part| !part.is_empty()) {
            if !matches!(self.ask(&mut asked, part)?, Some(Node::Directory { .. })) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether what the base has at `path` is gone.
    fn is_hidden(&self, path: &[u8]) -> bool {
        !self.hidden.is_empty()
            && [&b""[..]].into_iter().chain(parents(path)).chain([path]).any(|part| self.hidden.contains(part))
    }

    /// Lays a layer's entries over the tree. An entry that is a whiteout (`.wh.NAME`, `.wh..wh..opq`) hides what lies
    /// below the layer, never what the layer itself holds.
    pub fn apply<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        let layer = self.layers;
        self.layers += 1;
        let mut put = Vec::new();
        for entry in entries {
            let parent = parents(&entry.path).last().unwrap_or_default();
            let name = if parent.is_empty() { &entry.path[..] } else { &entry.path[parent.len() + 1..] };
            match name.strip_prefix(b".wh.") {
                Some(b".wh..opq") => {
                    self.remove_below(parent);
                    self.hidden.insert(parent.into());
                }
                Some(name) => {
                    let gone = if parent.is_empty() { name.into() } else { [parent, b"/", name].concat() };
                    self.remove_below(&gone);
                    self.own.remove(&gone[..]);
                    self.hidden.insert(gone.into());
                }
                None => put.push(entry),
            }
        }
        for entry in put {
            let node = match &entry.kind {
                Kind::Directory => Node::Directory { mode: entry.mode, uid: entry.uid, gid: entry.gid },
                Kind::Symlink { target } => Node::Symlink { target: target.clone() },
                Kind::File { .. } | Kind::Hardlink { .. } => Node::File,
            };
            let is_directory = matches!(node, Node::Directory { .. });
            match self.own.insert(entry.path.clone(), Own { node, layer }) {
                Some(Own { node: Node::Directory { .. }, .. }) if !is_directory => self.remove_below(&entry.path),
                // What was hidden by a file or a link does not come back with a directory in its place.
                Some(Own { node: Node::File | Node::Symlink { .. }, .. }) if is_directory => {
                    self.hidden.insert(entry.path.clone());
                }
                _ => {}
            }
        }
    }

    /// Forgets what layers have put below a directory.
    fn remove_below(&mut self, directory: &[u8]) {
        let below: Vec<Box<[u8]>> = own_below(&self.own, directory).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.own.remove(&path);
        }
    }

    /// All that was asked of the base.
    pub fn asked_facts(&self) -> Facts {
        self.asked().clone()
    }

    /// All that was asked of the base, as a line of text; nothing if it is too much to travel with an image.
    pub fn facts(&self) -> Option<String> {
        self.asked().to_text()
    }
}

/// What layers have put below a directory.
fn own_below<'a>(
    own: &'a BTreeMap<Box<[u8]>, Own>,
    directory: &[u8],
) -> impl Iterator<Item = (&'a Box<[u8]>, &'a Own)> + use<'a> {
    if directory.is_empty() {
        return own.range::<[u8], _>(..);
    }
    // What follows `/` in the alphabet ends the range.
    let (first, end) = ([directory, b"/"].concat(), [directory, b"0"].concat());
    own.range::<[u8], _>((Bound::Excluded(&first[..]), Bound::Excluded(&end[..])))
}

#[cfg(test)]
mod tests;
