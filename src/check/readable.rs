//! What the function's user cannot read, once all layers are laid over each other.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::finding::Paths;
use super::layers::{Member, MemberKind};
use crate::entry::{normalise_path, parents};
use crate::image::Config;

/// The paths that others may not read, and who has put them there last.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// Where code lies.
    roots: Vec<Box<[u8]>>,
    /// By path: the layer's place and the size.
    paths: BTreeMap<Box<[u8]>, (usize, u64)>,
}

impl Unreadable {
    /// Nothing yet, of an image with this config: its code lies below the task root, the working directory and `/opt`.
    pub fn new(config: &Config) -> Unreadable {
        let workdir = config.setting("WorkingDir").and_then(serde_json::Value::as_str);
        let roots = [Some(super::handler::task_root(config)), workdir, Some("/opt")];
        let roots = roots.into_iter().flatten().filter_map(|root| normalise_path(root.as_bytes()));
        Unreadable { roots: roots.filter(|root| !root.is_empty()).collect(), paths: BTreeMap::new() }
    }

    /// A layer puts an entry.
    pub fn put(&mut self, layer: usize, own: bool, member: &Member<'_>) {
        let readable = match member.kind {
            MemberKind::Directory => member.mode & 0o005 == 0o005,
            MemberKind::File | MemberKind::HardLink => member.mode & 0o004 != 0,
            MemberKind::Symlink | MemberKind::Other => true,
            MemberKind::Whiteout => return self.remove(member.path),
        };
        if member.kind != MemberKind::Directory && !self.paths.is_empty() {
            self.remove_below(member.path);
        }
        if readable || !own {
            self.paths.remove(member.path);
        } else {
            self.paths.insert(member.path.into(), (layer, member.size));
        }
    }

    /// A path goes, and all below it.
    pub fn remove(&mut self, path: &[u8]) {
        self.paths.remove(path);
        self.remove_below(path);
    }

    /// All below a directory (empty: the root) goes.
    pub fn remove_below(&mut self, directory: &[u8]) {
        if directory.is_empty() {
            return self.paths.clear();
        }
        // What follows `/` in the alphabet ends the range.
        let (first, end) = ([directory, b"/"].concat(), [directory, b"0"].concat());
        let range = (Bound::Excluded(&first[..]), Bound::Excluded(&end[..]));
        let below: Vec<Box<[u8]>> = self.paths.range::<[u8], _>(range).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.paths.remove(&path);
        }
    }

    /// What is left, by layer: code, and other paths.
    pub fn finish(self) -> BTreeMap<usize, (Paths, Paths)> {
        let mut layers: BTreeMap<usize, (Paths, Paths)> = BTreeMap::new();
        for (path, &(layer, size)) in &self.paths {
            let (code, other) = layers.entry(layer).or_default();
            // A directory above the code shuts it off as well.
            let is_code = self.roots.iter().any(|root| {
                path == root
                    || parents(path).any(|parent| *parent == **root)
                    || parents(root).any(|parent| *parent == **path)
            });
            if is_code { code } else { other }.add(path, size);
        }
        layers
    }
}
