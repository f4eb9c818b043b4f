//! Files: contents that go to places of their own, over whatever lies there.

use std::collections::BTreeMap;

use super::contents::Contents;
use super::draft::{Draft, join, split};
use super::error::{Error, check_fit, display};
use super::source_tree::FileContent;
use super::stack::Stack;
use crate::entry::{Kind, Owner};
use crate::image::Node;

/// A file and where it goes.
#[derive(Debug, Clone)]
pub struct PlacedFile {
    /// Where it goes, in an entry's form. Links of the image on the way are followed.
    pub path: Box<[u8]>,
    /// Its permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: FileContent,
}

/// Lays `files` over `stack`. What lies at and below the paths in `gone` goes away first.
///
/// # Errors
///
/// A directory where a file goes, or something else where a directory has to be.
pub fn place_files(
    files: Vec<PlacedFile>,
    gone: &[Box<[u8]>],
    owner: Owner,
    stack: &Stack,
    mtime: i64,
) -> Result<Contents, Error> {
    let mut draft = Draft::over(stack, mtime);
    for path in gone {
        draft.remove(&draft.resolve_parent(path)?)?;
    }
    let mut directories: BTreeMap<Box<[u8]>, Box<[u8]>> = BTreeMap::new();
    for PlacedFile { path, mode, content } in files {
        check_fit(&path)?;
        let (directory, name) = split(&path);
        let real = match directories.get(directory) {
            Some(real) => real.clone(),
            None => {
                let real = draft.resolve(directory)?;
                draft.make_directories(&real, 0o755, Some(owner))?;
                directories.insert(directory.into(), real.clone());
                real
            }
        };
        let place = join(&real, name);
        match draft.node(&place)? {
            Some(Node::Directory { .. }) => {
                return Err(Error::Replaces { path: display(&place), new: "file", old: "directory" });
            }
            // A file in the place of a link to a directory takes away all that is found through the link.
            Some(Node::Symlink { .. }) if draft.is_directory(&draft.resolve(&place)?)? => {
                return Err(Error::Replaces { path: display(&place), new: "file", old: "symlink to a directory" });
            }
            _ => {}
        }
        let kind = Kind::File { size: content.size, digest: content.digest };
        draft.put(&place, mode, owner, kind, content.source);
    }
    draft.finish()
}
