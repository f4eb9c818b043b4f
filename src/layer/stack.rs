//! The stack: the image below a layer with everything in it, contents included.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::contents::{Contents, Item, Source, append_content};
use super::error::{Error, display};
use super::source_tree::{FileContent, SourceEntry, SourceKind, SourceTree};
use crate::digest::Digest;
use crate::entry::{Entry, Kind, Owner};
use crate::image::accounts::{ACCOUNTS_LIMIT, OwnerName};
use crate::image::{Node, Tree, Where};

/// The contents of a base's files, fetched when they are needed.
pub trait BaseFiles: Send + Sync {
    /// The contents of files of the base, in their order.
    ///
    /// # Errors
    ///
    /// If they cannot be had.
    fn contents(&self, paths: &[Box<[u8]>]) -> Result<Vec<FileContent>, Box<dyn std::error::Error + Send + Sync>>;
}

/// A base without files.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl BaseFiles for NoFiles {
    fn contents(&self, _: &[Box<[u8]>]) -> Result<Vec<FileContent>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Vec::new())
    }
}

/// An image that is being made: the tree of its base, and the layers laid over it.
#[derive(Clone)]
pub struct Stack {
    name: Arc<str>,
    tree: Drawn,
    layers: Vec<Arc<Contents>>,
    files: Arc<dyn BaseFiles>,
}

/// A tree in which layers are drawn when it is asked for. The topmost one, which is the whole of many images, seldom is.
struct Drawn {
    tree: OnceLock<Tree>,
    /// The tree without these layers, until it is drawn.
    due: Mutex<Option<(Tree, Vec<Arc<Contents>>)>>,
}

impl Drawn {
    fn of(tree: Tree) -> Drawn {
        Drawn { tree: OnceLock::from(tree), due: Mutex::default() }
    }

    fn due(&self) -> MutexGuard<'_, Option<(Tree, Vec<Arc<Contents>>)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| {
            let due = self.due().take();
            let (mut tree, layers) = due.unwrap_or_default();
            layers.iter().for_each(|layer| tree.apply(layer.entries()));
            tree
        })
    }

    fn facts(&self) -> Option<String> {
        if let Some((tree, _)) = &*self.due() {
            return tree.facts();
        }
        self.tree().facts()
    }

    fn push(&mut self, layer: Arc<Contents>) {
        if let Some(tree) = self.tree.take() {
            *self.due() = Some((tree, Vec::new()));
        }
        if let Some((_, layers)) = &mut *self.due() {
            layers.push(layer);
        }
    }
}

impl Clone for Drawn {
    fn clone(&self) -> Drawn {
        // Whoever makes another image of it lays something over it.
        Drawn::of(self.tree().clone())
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("name", &self.name).field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

impl Stack {
    /// A base with nothing on it yet. `name` is what it is called in messages.
    pub fn over(name: &str, tree: Tree, files: Arc<dyn BaseFiles>) -> Stack {
        Stack { name: name.into(), tree: Drawn::of(tree), layers: Vec::new(), files }
    }

    /// The same, called otherwise in messages.
    pub fn called(self, name: &str) -> Stack {
        Stack { name: name.into(), ..self }
    }

    /// The paths.
    pub fn tree(&self) -> &Tree {
        self.tree.tree()
    }

    /// All that was asked of the base, as [`Tree::facts`] writes it.
    pub fn facts(&self) -> Option<String> {
        self.tree.facts()
    }

    /// Lays a layer on top.
    pub fn push(&mut self, contents: Arc<Contents>) {
        self.tree.push(Arc::clone(&contents));
        self.layers.push(contents);
    }

    /// What one of our layers holds at `path`.
    fn own(&self, layer: usize, path: &[u8]) -> Option<&Item> {
        self.layers.get(layer)?.find(path)
    }

    /// The bytes of a small file of one of our layers.
    fn own_text(&self, layer: usize, path: &[u8]) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        if let (Some(item), Some(content)) = (self.own(layer, path), self.own_content(layer, path)) {
            if content.size > ACCOUNTS_LIMIT {
                return Err(crate::image::TreeError::TooMany {
                    what: "bytes in its list of accounts",
                    limit: ACCOUNTS_LIMIT,
                }
                .into());
            }
            let file = Item { entry: item.entry.clone(), source: content.source };
            append_content(&file, &content.digest, &mut text)?;
        }
        Ok(text)
    }

    fn own_content(&self, layer: usize, path: &[u8]) -> Option<FileContent> {
        let mut item = self.own(layer, path)?;
        if let Kind::Hardlink { target } = &item.entry.kind {
            item = self.own(layer, target)?;
        }
        match &item.entry.kind {
            Kind::File { size, digest } => {
                Some(FileContent { size: *size, digest: *digest, source: item.source.clone() })
            }
            _ => None,
        }
    }

    fn entry(&self, path: &[u8], node: &Node, place: Where) -> Result<SourceEntry, Error> {
        let path: Box<[u8]> = path.into();
        if let Node::Directory { mode, uid, gid } = *node {
            return Ok(SourceEntry { path, kind: SourceKind::Directory, mode, uid, gid, inode: None });
        }
        match place {
            Where::Own(layer) => {
                let Some(item) = self.own(layer, &path) else {
                    return Err(Error::Vanished(display(&path)));
                };
                let Entry { mode, uid, gid, .. } = item.entry;
                // A base's inodes are of eight bytes; a layer's number alone has as many.
                let inode = |target: &[u8]| Some([&layer.to_le_bytes()[..], target].concat().into());
                let (kind, inode) = match &item.entry.kind {
                    Kind::Symlink { target } => (SourceKind::Symlink(target.clone()), None),
                    Kind::Hardlink { target } => (SourceKind::File, inode(target)),
                    Kind::File { .. } => (SourceKind::File, inode(&path)),
                    Kind::Directory => (SourceKind::Directory, None),
                };
                Ok(SourceEntry { path, kind, mode, uid, gid, inode })
            }
            Where::Ground => {
                let detail = self.tree().detail(&path)?;
                let Some(detail) = detail else {
                    return Err(Error::Vanished(display(&path)));
                };
                let kind = match node {
                    Node::Symlink { target } => SourceKind::Symlink(target.clone()),
                    _ if detail.kind.is_file() => SourceKind::File,
                    _ => SourceKind::Other("device, FIFO or socket"),
                };
                let number = [detail.layer.to_le_bytes(), detail.entry.to_le_bytes()].concat();
                let inode = (kind == SourceKind::File).then(|| number.into());
                Ok(SourceEntry { path, kind, mode: detail.mode, uid: detail.uid, gid: detail.gid, inode })
            }
        }
    }
}

impl SourceTree for Stack {
    fn name(&self) -> String {
        self.name.to_string()
    }

    fn look(&self, path: &[u8]) -> Result<Option<SourceEntry>, Error> {
        if path.is_empty() {
            let kind = SourceKind::Directory;
            return Ok(Some(SourceEntry { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, inode: None }));
        }
        let Some(node) = self.tree().get(path)? else { return Ok(None) };
        let place = self.tree().own_layer(path).map_or(Where::Ground, Where::Own);
        self.entry(path, &node, place).map(Some)
    }

    fn below(&self, path: &[u8], depth: usize) -> Result<Vec<SourceEntry>, Error> {
        let start = if path.is_empty() { 0 } else { path.len() + 1 };
        let mut entries = Vec::new();
        for (path, node, place) in self.tree().below(path)? {
            let level = path[start.min(path.len())..].iter().filter(|&&byte| byte == b'/').count() + 1;
            if level <= depth {
                entries.push(self.entry(&path, &node, place)?);
            }
        }
        Ok(entries)
    }

    fn contents(&self, files: &[&SourceEntry]) -> Result<Vec<FileContent>, Error> {
        let mut found: Vec<Option<FileContent>> = Vec::new();
        let mut wanted: Vec<Box<[u8]>> = Vec::new();
        for file in files {
            match self.tree().own_layer(&file.path) {
                Some(layer) => found.push(self.own_content(layer, &file.path)),
                None => {
                    found.push(None);
                    wanted.push(file.path.clone());
                }
            }
        }
        let mut fetched =
            if wanted.is_empty() { Vec::new() } else { self.files.contents(&wanted).map_err(Error::Elsewhere)? }
                .into_iter();
        let all = found.into_iter().zip(files).map(|(content, file)| {
            content.or_else(|| fetched.next()).ok_or_else(|| Error::Vanished(display(&file.path)))
        });
        all.collect()
    }
}

impl Stack {
    /// The numbers of an owner, by the image's own `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    ///
    /// A name that is not in them; files that cannot be read.
    pub fn owner(&self, owner: &OwnerName) -> Result<Owner, Error> {
        Ok(self.tree().owner(owner, &|layer, path| Ok(self.own_text(layer, path)?))?)
    }

    /// What lies at `path`, without a file's content.
    pub(super) fn outline(&self, path: &[u8], mtime: i64) -> Result<Option<Entry>, Error> {
        let Some(entry) = self.look(path)? else { return Ok(None) };
        let kind = match entry.kind {
            SourceKind::Directory => Kind::Directory,
            SourceKind::Symlink(target) => Kind::Symlink { target },
            SourceKind::File => Kind::File { size: 0, digest: Digest::of(b"") },
            SourceKind::Other(kind) => return Err(Error::Special { path: display(path), kind }),
        };
        Ok(Some(Entry { path: path.into(), mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime, kind }))
    }

    /// What lies at `path`, ready to be said again by another layer: a file with its content.
    ///
    /// # Errors
    ///
    /// If the content cannot be had.
    pub(super) fn item(&self, path: &[u8], mtime: i64) -> Result<Option<Item>, Error> {
        let Some(entry) = self.look(path)? else { return Ok(None) };
        let (kind, source) = match &entry.kind {
            SourceKind::Directory => (Kind::Directory, Source::Nothing),
            SourceKind::Symlink(target) => (Kind::Symlink { target: target.clone() }, Source::Nothing),
            SourceKind::File => match self.contents(&[&entry])?.pop() {
                Some(content) => (Kind::File { size: content.size, digest: content.digest }, content.source),
                None => return Ok(None),
            },
            SourceKind::Other(kind) => {
                return Err(Error::Special { path: display(path), kind });
            }
        };
        let entry = Entry { path: path.into(), mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime, kind };
        Ok(Some(Item { entry, source }))
    }
}
