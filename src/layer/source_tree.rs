//! What can be copied from: a context, or the tree of an image.

use super::contents::Source;
use super::error::{Error, display};
use crate::digest::Digest;
use crate::image;

/// One path that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Where it lies in its tree; empty for the root.
    pub path: Box<[u8]>,
    /// What is there.
    pub kind: SourceKind,
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u64,
    /// The group.
    pub gid: u64,
    /// What names the same file elsewhere in the tree, for a file with several names.
    pub inode: Option<Box<[u8]>>,
}

/// What a path that can be copied is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link and its target, as it is.
    Symlink(Box<[u8]>),
    /// Something that no layer of ours holds, and the word for it.
    Other(&'static str),
}

/// The bytes of a file.
#[derive(Debug, Clone)]
pub struct FileContent {
    /// How many there are.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
    /// Where they are.
    pub source: Source,
}

/// Paths that can be copied. Links are never followed by it.
pub trait SourceTree {
    /// What it is called in messages: "the context `.`".
    fn name(&self) -> String;

    /// What lies at `path`; the root is a directory.
    ///
    /// # Errors
    ///
    /// If the tree cannot be read.
    fn look(&self, path: &[u8]) -> Result<Option<SourceEntry>, Error>;

    /// Everything below the directory `path` down to `depth` levels, sorted by path.
    ///
    /// # Errors
    ///
    /// If the tree cannot be read.
    fn below(&self, path: &[u8], depth: usize) -> Result<Vec<SourceEntry>, Error>;

    /// The contents of files that were looked at, in their order.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    fn contents(&self, files: &[&SourceEntry]) -> Result<Vec<FileContent>, Error>;
}

/// Where `path` really lies once all links in it are followed within the tree's root.
///
/// # Errors
///
/// If the links go in a circle, or the tree cannot be read.
pub(super) fn follow(tree: &dyn SourceTree, path: &[u8]) -> Result<Box<[u8]>, Error> {
    let target = |path: &[u8]| match tree.look(path)? {
        Some(SourceEntry { kind: SourceKind::Symlink(target), .. }) => Ok(Some(target)),
        _ => Ok(None),
    };
    image::follow(path, target, || Error::SourceLoop { path: display(path), tree: tree.name() })
}
