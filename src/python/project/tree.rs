//! The files of a project that can be laid: what the ignore rules leave of its folder.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, quoted};
use super::folder::inside;
use crate::context::{Found, FoundKind};

/// How many links are followed for one file.
const HOPS: usize = 8;

/// What is never laid: what Python and version control keep beside the sources.
const NEVER: [&str; 6] = ["__pycache__", ".git", ".hg", ".svn", ".bzr", ".DS_Store"];

/// The paths of a project's folder, without caches and version control.
#[derive(Debug)]
pub(super) struct Tree {
    /// The place of each path in what was found.
    paths: BTreeMap<String, usize>,
    directories: BTreeSet<String>,
    links: BTreeMap<String, String>,
}

impl Tree {
    /// The tree of what was found.
    ///
    /// # Errors
    ///
    /// If a name is not UTF-8: `RECORD` could not hold it.
    pub(super) fn new(found: &[Found]) -> Result<Tree, Fault> {
        let mut tree = Tree { paths: BTreeMap::new(), directories: BTreeSet::new(), links: BTreeMap::new() };
        for (place, found) in found.iter().enumerate() {
            let Ok(path) = std::str::from_utf8(&found.path) else {
                let what = format!("the name of {} is not UTF-8", quoted(&String::from_utf8_lossy(&found.path)));
                return Err(Fault::at(0, what).help("rename it, or name it in the ignore file or in `exclude`"));
            };
            if path.split('/').any(|part| NEVER.contains(&part)) || path.ends_with(".pyc") || path.ends_with(".pyo") {
                continue;
            }
            match &found.kind {
                FoundKind::Directory => {
                    tree.directories.insert(path.to_owned());
                }
                FoundKind::File => {
                    tree.paths.insert(path.to_owned(), place);
                }
                FoundKind::Symlink(target) => {
                    tree.links.insert(path.to_owned(), String::from_utf8_lossy(target).into_owned());
                    tree.paths.insert(path.to_owned(), place);
                }
                FoundKind::Other(_) => {}
            }
        }
        Ok(tree)
    }

    /// Whether there is a file, or a link.
    pub(super) fn is_file(&self, path: &str) -> bool {
        self.paths.contains_key(path)
    }

    /// Whether there is a directory; the folder itself is one.
    pub(super) fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains(path)
    }

    /// The files below a directory (empty: the folder), sorted.
    pub(super) fn below<'a>(&'a self, directory: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = prefix(directory);
        let range = self.paths.range(prefix.clone()..);
        range.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&prefix))
    }

    /// The directories below a directory, sorted.
    pub(super) fn directories<'a>(&'a self, directory: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = prefix(directory);
        let range = self.directories.range(prefix.clone()..);
        range.map(String::as_str).take_while(move |path| path.starts_with(&prefix))
    }

    /// The files that lie right in a directory.
    pub(super) fn within<'a>(&'a self, directory: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let length = prefix(directory).len();
        self.below(directory).filter(move |path| path.get(length..).is_some_and(|rest| !rest.contains('/')))
    }

    /// The links, sorted.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.links.keys().map(String::as_str)
    }

    /// The place of a file's content in what was found: its own, or that of the file that a link leads to.
    ///
    /// # Errors
    ///
    /// If a link leads out of the folder, or to no file.
    pub(super) fn content(&self, path: &str) -> Result<usize, Fault> {
        let lost = |why: &str| {
            let what = format!("the link {} {why}", quoted(path));
            Fault::at(0, what).help("put a copy in its place, or name it in the ignore file or in `exclude`")
        };
        let mut at = path.to_owned();
        for _ in 0..HOPS {
            let Some(target) = self.links.get(&at) else {
                return self
                    .paths
                    .get(&at)
                    .copied()
                    .ok_or_else(|| lost("leads to no file that the ignore rules leave"));
            };
            let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
            let is_whole = parent.is_empty() || target.starts_with('/');
            let joined = if is_whole { target.clone() } else { format!("{parent}/{target}") };
            at = inside(&joined).map_err(|_| lost("leads out of the project's folder"))?;
            if self.is_dir(&at) {
                return Err(lost("leads to a directory, which is not followed"));
            }
        }
        Err(lost("leads to too many others"))
    }
}

/// What the paths below a directory begin with.
pub(super) fn prefix(directory: &str) -> String {
    if directory.is_empty() { String::new() } else { format!("{directory}/") }
}
