//! Nodes: what an image's file system holds, without contents.

use std::collections::BTreeMap;
use std::io::Read;

use super::layer_reader::{Change, read_layer};
use super::tree::{TreeError, resolve};
use crate::binary::{Reader, put_number, put_text};
use crate::entry::{normalise_path, parents};

const MAGIC: &[u8] = b"tarsia tree 1\n";

/// The largest tree that is read back, in bytes before compression.
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

/// All paths of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes {
    nodes: BTreeMap<Box<[u8]>, Node>,
}

impl Nodes {
    /// The paths of `scratch`.
    pub fn new() -> Nodes {
        Nodes::default()
    }

    /// What lies at `path`, links in it not followed.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn put(&mut self, path: &[u8], node: Node) {
        let was_directory = matches!(self.get(path), Some(Node::Directory { .. }));
        if was_directory && !matches!(node, Node::Directory { .. }) {
            self.remove_below(path);
        }
        self.nodes.insert(path.into(), node);
    }

    fn remove_below(&mut self, path: &[u8]) {
        let prefix = [path, b"/"].concat();
        let below: Vec<Box<[u8]>> = self
            .nodes
            .range(Box::from(&prefix[..])..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&prefix))
            .cloned()
            .collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    fn remove(&mut self, path: &[u8]) {
        self.nodes.remove(path);
        self.remove_below(path);
    }

    /// Lays a layer's plain tar stream over the tree, whiteouts and opaque directories applied as the
    /// [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts) says.
    ///
    /// # Errors
    ///
    /// A malformed stream, a path outside of the root, absurd sizes and counts.
    pub fn apply_tar(&mut self, stream: impl Read) -> Result<(), TreeError> {
        // A whiteout hides what lower layers hold, never what its own layer does, whatever the order in the stream.
        let mut added: Vec<(Box<[u8]>, Node)> = Vec::new();
        let mut room = Room::below(self);
        read_layer(stream, |change| {
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
                    let node = match entry.kind {
                        tar::EntryType::Directory => {
                            Node::Directory { mode: entry.mode, uid: entry.uid, gid: entry.gid }
                        }
                        tar::EntryType::Symlink => Node::Symlink { target: entry.link.unwrap_or_default() },
                        _ => Node::File,
                    };
                    room.take(&path, &node)?;
                    added.push((path, node));
                }
            }
            Ok(())
        })?;
        for (path, node) in added {
            let path = self.real(&path)?;
            // Layers of other tools may leave parents out; whoever unpacks them makes them so.
            for parent in parents(&path) {
                if self.get(parent).is_none() {
                    let node = Node::Directory { mode: 0o755, uid: 0, gid: 0 };
                    room.take(parent, &node)?;
                    self.nodes.insert(parent.into(), node);
                }
            }
            self.put(&path, node);
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

    /// The tree's compact form.
    ///
    /// # Errors
    ///
    /// If zstd cannot allocate its working memory.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut last: &[u8] = b"";
        for (path, node) in &self.nodes {
            // Sorted paths share their beginnings.
            let shared = path.iter().zip(last).take_while(|(a, b)| a == b).count();
            put_number(&mut body, shared as u64);
            put_text(&mut body, &path[shared..]);
            match node {
                Node::Directory { mode, uid, gid } => {
                    body.push(b'd');
                    put_number(&mut body, u64::from(*mode));
                    put_number(&mut body, *uid);
                    put_number(&mut body, *gid);
                }
                Node::Symlink { target } => {
                    body.push(b'l');
                    put_text(&mut body, target);
                }
                Node::File => body.push(b'f'),
            }
            last = path;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crate::binary::compress(&body)?);
        Ok(bytes)
    }

    /// Reads a tree's compact form. Nothing in it is believed, everything is bounded.
    ///
    /// # Errors
    ///
    /// [`TreeError::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Nodes, TreeError> {
        let frame = bytes.strip_prefix(MAGIC).ok_or(TreeError::Damaged)?;
        let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size <= SIZE_LIMIT);
        let body = zstd::bulk::decompress(frame, size.ok_or(TreeError::Damaged)?).map_err(|_| TreeError::Damaged)?;
        parse(&body).ok_or(TreeError::Damaged)
    }
}

/// How much a tree may still grow.
struct Room {
    nodes: usize,
    bytes: usize,
}

impl Room {
    fn below(tree: &Nodes) -> Room {
        let bytes: usize = tree.nodes.iter().map(|(path, node)| Room::size(path, node)).sum();
        Room { nodes: NODE_LIMIT.saturating_sub(tree.nodes.len()), bytes: SIZE_LIMIT.saturating_sub(bytes) }
    }

    fn size(path: &[u8], node: &Node) -> usize {
        path.len() + if let Node::Symlink { target } = node { target.len() } else { 0 }
    }

    fn take(&mut self, path: &[u8], node: &Node) -> Result<(), TreeError> {
        let too_many = |what, limit| TreeError::TooMany { what, limit };
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| too_many("paths", NODE_LIMIT as u64))?;
        let left = self.bytes.checked_sub(Room::size(path, node));
        self.bytes = left.ok_or_else(|| too_many("bytes of paths", SIZE_LIMIT as u64))?;
        Ok(())
    }
}

fn parse(body: &[u8]) -> Option<Nodes> {
    let mut reader = Reader(body);
    let mut nodes = BTreeMap::new();
    let mut last: Vec<u8> = Vec::new();
    while !reader.0.is_empty() {
        let shared = usize::try_from(reader.number()?).ok()?;
        let mut path = last.get(..shared)?.to_vec();
        path.extend_from_slice(reader.text()?);
        let normal = path > last && normalise_path(&path).as_deref() == Some(&path[..]);
        if !normal || nodes.len() >= NODE_LIMIT {
            return None;
        }
        let node = match reader.byte()? {
            b'd' => Node::Directory {
                mode: u32::try_from(reader.number()?).ok().filter(|&mode| mode <= 0o7777)?,
                uid: reader.number()?,
                gid: reader.number()?,
            },
            b'l' => Node::Symlink { target: reader.text()?.into() },
            b'f' => Node::File,
            _ => return None,
        };
        nodes.insert(path.clone().into(), node);
        last = path;
    }
    Some(Nodes { nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(paths: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, link) in paths {
            let mut header = tar::Header::new_ustar();
            header.set_size(0);
            header.set_uid(7);
            header.set_gid(8);
            header.set_mode(0o1777);
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            if let Some(target) = link {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(target).unwrap();
            } else if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            header.set_cksum();
            builder.append(&header, &[][..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn tree(layers: &[&[(&str, Option<&str>)]]) -> Nodes {
        let mut tree = Nodes::new();
        for layer in layers {
            tree.apply_tar(&stream(layer)[..]).unwrap();
        }
        tree
    }

    #[test]
    fn whiteouts_hide_lower_layers_only() {
        let tree = tree(&[
            &[("d/", None), ("d/old", None), ("e/", None), ("e/f", None), ("g", None)],
            &[("d/new", None), ("d/.wh..wh..opq", None), (".wh.e", None), ("g/", None), ("g/h", None)],
        ]);
        assert_eq!(tree.get(b"d/old"), None);
        assert_eq!(tree.get(b"d/new"), Some(&Node::File));
        assert_eq!(tree.get(b"e/f"), None);
        assert_eq!(tree.get(b"e"), None);
        assert_eq!(tree.get(b"g"), Some(&Node::Directory { mode: 0o1777, uid: 7, gid: 8 }));
    }

    #[test]
    fn what_is_written_through_a_link_lies_where_the_link_leads() {
        let tree = tree(&[
            &[("usr/", None), ("usr/lib/", None), ("lib", Some("usr/lib"))],
            &[("lib/x/", None), ("lib/x/y", None)],
            &[("lib/x/.wh.y", None)],
        ]);
        assert_eq!(tree.get(b"usr/lib/x"), Some(&Node::Directory { mode: 0o1777, uid: 7, gid: 8 }));
        assert_eq!(tree.get(b"usr/lib/x/y"), None);
        assert_eq!(tree.get(b"lib/x"), None);
    }

    #[test]
    fn paths_outside_the_root_are_refused() {
        let mut tree = Nodes::new();
        let error = tree.apply_tar(&stream(&[("../etc/passwd", None)])[..]).unwrap_err();
        assert!(matches!(error, TreeError::Outside(_)));
    }

    #[test]
    fn the_compact_form_comes_back_and_rubbish_does_not() {
        let tree = tree(&[&[("usr/lib/", None), ("lib", Some("usr/lib")), ("f", None)]]);
        let bytes = tree.encode().unwrap();
        assert_eq!(Nodes::decode(&bytes).unwrap(), tree);
        for cut in 0..bytes.len() {
            assert!(Nodes::decode(&bytes[..cut]).is_err());
        }
    }
}
