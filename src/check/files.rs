//! The files of an image, asked for one at a time: those of a published one, or of one that is not made yet.

use crate::error::Error;
use crate::image::{Node, Nodes, TreeError, follow};
use crate::layer::{self, SourceKind, SourceTree, Stack};

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lying {
    Directory { mode: u32, uid: u64, gid: u64 },
    File { mode: u32 },
    Symlink { target: Box<[u8]> },
}

/// What a path leads to, and where that really lies.
pub(super) type Found = (Box<[u8]>, Lying);

/// The files of an image.
pub(super) trait Files {
    /// What lies at a path, links in it not followed.
    fn at(&self, path: &[u8]) -> Result<Option<Lying>, Error>;

    /// The names in a directory.
    fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>, Error>;

    /// Whether what is not found is not there: false where a base was not read.
    fn is_complete(&self) -> bool;
}

impl dyn Files + '_ {
    /// What a path leads to, all links followed within the root. Links in a circle lead nowhere.
    pub fn find(&self, path: &[u8]) -> Result<Option<Found>, Error> {
        let target = |path: &[u8]| match self.at(path)? {
            Some(Lying::Symlink { target }) => Ok(Some(target)),
            _ => Ok(None),
        };
        let real = match follow(path, |path| target(path).map_err(Some), || None) {
            Ok(real) => real,
            Err(None) => return Ok(None),
            Err(Some(error)) => return Err(error),
        };
        Ok(self.at(&real)?.map(|lying| (real, lying)))
    }
}

/// The files of a published image.
pub(super) struct Published {
    pub nodes: Nodes,
    /// Whether every layer could be read.
    pub is_complete: bool,
}

impl Files for Published {
    fn at(&self, path: &[u8]) -> Result<Option<Lying>, Error> {
        Ok(self.nodes.get(path).map(|node| match node {
            Node::Directory { mode, uid, gid } => Lying::Directory { mode: *mode, uid: *uid, gid: *gid },
            Node::Symlink { target } => Lying::Symlink { target: target.clone() },
            Node::File => Lying::File { mode: self.nodes.detail(path).map_or(0, |detail| detail.mode) },
        }))
    }

    fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>, Error> {
        let start = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let below = self.nodes.below(directory).filter_map(|(path, _, _)| path.get(start..));
        Ok(below.filter(|name| !name.contains(&b'/')).map(Box::from).collect())
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// The files of an image that is not made yet.
pub(super) struct Prepared {
    pub stack: Stack,
    /// Whether the base was read.
    pub is_complete: bool,
}

impl Files for Prepared {
    fn at(&self, path: &[u8]) -> Result<Option<Lying>, Error> {
        let entry = self.stack.look(path).map_err(of_layer)?;
        Ok(entry.map(|entry| match entry.kind {
            SourceKind::Directory => Lying::Directory { mode: entry.mode, uid: entry.uid, gid: entry.gid },
            SourceKind::Symlink(target) => Lying::Symlink { target },
            SourceKind::File | SourceKind::Other(_) => Lying::File { mode: entry.mode },
        }))
    }

    fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>, Error> {
        let below = self.stack.below(directory, 1).map_err(of_layer)?;
        Ok(below.iter().filter_map(|entry| entry.path.rsplit(|&byte| byte == b'/').next()).map(Box::from).collect())
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// An error of a layer's making that was met while looking around.
pub(super) fn of_layer(error: layer::Error) -> Error {
    match error {
        layer::Error::Tree(TreeError::Unavailable(why)) => match why.downcast::<Error>() {
            Ok(error) => *error,
            Err(why) => TreeError::Unavailable(why).into(),
        },
        layer::Error::Tree(error) => error.into(),
        layer::Error::Context(error) => error.into(),
        error => Error::Request { help: error.help(), message: error.to_string() },
    }
}
