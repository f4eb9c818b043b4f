//! The base tree: what a layer has to know of the image below.
//!
//! A layer has to say something about directories that the image below it already has, and must not change them: a
//! `/tmp` at 0755 takes away the sticky bit, a directory `lib` over the symlink `lib → usr/lib` takes away libc. The
//! tree grows layer by layer; it is a function of the base's digest and the layers alone.
//!
//! Few questions are asked of it. Their answers, the [facts](Tree::facts), travel with the image: who has them need
//! not have the base's paths, and loads them only if another question comes up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::nodes::{Node, Nodes};
use crate::entry::{Entry, Kind, parents};

/// How many symlinks may be followed to find one path: Linux's own limit.
const LINK_LIMIT: usize = 40;

/// More facts than these do not travel with an image; its base's tree has to be looked at.
const FACT_LIMIT: usize = 100;
/// Nor do they if they take more bytes than this.
const FACT_SIZE_LIMIT: usize = 8 << 10;

/// Why a tree cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path's links go in a circle or are too many.
    #[error("the links of `/{0}` in the image below lead in a circle")]
    Loop(String),
    /// A layer's tar stream is malformed.
    #[error("failed to read a layer of the base image")]
    Read(#[from] std::io::Error),
    /// A layer holds a path that no layer may hold.
    #[error("a layer of the base image holds the path `{0}`, which leaves the root")]
    Outside(String),
    /// A layer holds a path that no file system holds.
    #[error("a layer of the base image holds a path of {0} bytes")]
    TooLong(usize),
    /// There is too much of something.
    #[error("the base image has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many would be allowed.
        limit: u64,
    },
    /// The base's paths are needed and cannot be had.
    #[error("failed to read the tree of the base image")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored tree cannot be read back.
    #[error("the stored base tree is damaged")]
    Damaged,
}

/// How the paths of a base are had, should they be needed.
pub type Loader = Box<dyn Fn() -> Result<Nodes, Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// What is known of an image's paths: some of them, and a way to know all.
struct Ground {
    facts: Facts,
    whole: OnceLock<Nodes>,
    load: Loader,
}

impl Ground {
    fn get(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if let Some(nodes) = self.whole.get() {
            return Ok(nodes.get(path).cloned());
        }
        if let Some(fact) = self.facts.get(path) {
            return Ok(fact.clone());
        }
        let nodes = (self.load)().map_err(TreeError::Unavailable)?;
        Ok(self.whole.get_or_init(|| nodes).get(path).cloned())
    }
}

/// The paths of an image: those of a base, and the layers laid over it.
pub struct Tree {
    ground: Arc<Ground>,
    own: BTreeMap<Box<[u8]>, Node>,
    /// What was asked of the ground, with the answers.
    asked: Mutex<Facts>,
}

/// Paths of a base, each with what lies there.
pub type Facts = BTreeMap<Box<[u8]>, Option<Node>>;

impl Clone for Tree {
    fn clone(&self) -> Tree {
        Tree { ground: Arc::clone(&self.ground), own: self.own.clone(), asked: Mutex::new(self.asked().clone()) }
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
        Tree::lazily(BTreeMap::new(), Box::new(move || Ok(nodes.clone())))
    }

    /// The tree of a base of which these facts are known; its paths are loaded if they do not suffice.
    pub fn lazily(facts: Facts, load: Loader) -> Tree {
        Tree {
            ground: Arc::new(Ground { facts, whole: OnceLock::new(), load }),
            own: BTreeMap::new(),
            asked: Mutex::default(),
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
        let mut absent = false;
        for part in parents(path).chain([path]) {
            let own = self.own.get(part).cloned();
            let node = match own {
                Some(node) => {
                    absent |= asked.get(part).is_some_and(Option::is_none);
                    Some(node)
                }
                None if absent => None,
                None => match asked.get(part) {
                    Some(fact) => fact.clone(),
                    None => {
                        let node = self.ground.get(part)?;
                        asked.insert(part.into(), node.clone());
                        node
                    }
                },
            };
            match node {
                Some(node) if part.len() == path.len() => return Ok(Some(node)),
                Some(Node::Directory { .. }) => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
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

    /// Lays a layer's entries over the tree.
    pub fn apply<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            let node = match &entry.kind {
                Kind::Directory => Node::Directory { mode: entry.mode, uid: entry.uid, gid: entry.gid },
                Kind::Symlink { target } => Node::Symlink { target: target.clone() },
                Kind::File { .. } | Kind::Hardlink { .. } => Node::File,
            };
            if !matches!(node, Node::Directory { .. })
                && matches!(self.own.get(&entry.path), Some(Node::Directory { .. }))
            {
                self.own.retain(|path, _| !is_at_or_below(path, &entry.path));
            }
            self.own.insert(entry.path.clone(), node);
        }
    }

    /// All that was asked of the base, as a line of text; nothing if it is too much to travel with an image.
    ///
    /// `d:MODE:UID:GID:PATH`, `l:TARGET:PATH`, `f:PATH` or `-:PATH` (nothing there), sorted by path, a space between
    /// them; in paths and targets everything but letters, digits and `._/-+` is percent-encoded.
    pub fn facts(&self) -> Option<String> {
        let asked = self.asked();
        if asked.len() > FACT_LIMIT {
            return None;
        }
        let facts: Vec<String> = asked
            .iter()
            .map(|(path, node)| {
                let path = encode(path);
                match node {
                    Some(Node::Directory { mode, uid, gid }) => format!("d:{mode:o}:{uid}:{gid}:{path}"),
                    Some(Node::Symlink { target }) => format!("l:{}:{path}", encode(target)),
                    Some(Node::File) => format!("f:{path}"),
                    None => format!("-:{path}"),
                }
            })
            .collect();
        Some(facts.join(" ")).filter(|text| text.len() <= FACT_SIZE_LIMIT)
    }
}

/// Where a path really lies once all symlinks in it are followed within the root, given what lies at each path.
pub(super) fn resolve(
    path: &[u8],
    get: impl Fn(&[u8]) -> Result<Option<Node>, TreeError>,
) -> Result<Box<[u8]>, TreeError> {
    let mut todo: Vec<Box<[u8]>> = split(path).map(Box::from).rev().collect();
    let mut done: Vec<u8> = Vec::new();
    let mut followed = 0;
    while let Some(part) = todo.pop() {
        if &*part == b".." {
            done.truncate(done.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
            continue;
        }
        let before = done.len();
        if !done.is_empty() {
            done.push(b'/');
        }
        done.extend_from_slice(&part);
        if let Some(Node::Symlink { target }) = get(&done)? {
            followed += 1;
            if followed > LINK_LIMIT {
                return Err(TreeError::Loop(String::from_utf8_lossy(path).into_owned()));
            }
            done.truncate(if target.starts_with(b"/") { 0 } else { before });
            todo.extend(split(&target).map(Box::from).rev());
        }
    }
    Ok(done.into())
}

/// Reads facts back. They come from a registry: nothing if anything in them is malformed.
pub fn parse_facts(text: &str) -> Option<Facts> {
    if text.len() > FACT_SIZE_LIMIT {
        return None;
    }
    let mut facts = BTreeMap::new();
    for fact in text.split(' ').filter(|fact| !fact.is_empty()) {
        let parts: Vec<&str> = fact.split(':').collect();
        let (path, node) = match parts[..] {
            ["d", mode, uid, gid, path] => {
                let mode = u32::from_str_radix(mode, 8).ok().filter(|&mode| mode <= 0o7777)?;
                (path, Some(Node::Directory { mode, uid: uid.parse().ok()?, gid: gid.parse().ok()? }))
            }
            ["l", target, path] => (path, Some(Node::Symlink { target: decode(target)?.into() })),
            ["f", path] => (path, Some(Node::File)),
            ["-", path] => (path, None),
            _ => return None,
        };
        let path = decode(path)?;
        if crate::entry::normalise_path(&path).as_deref() != Some(&path[..]) || path.is_empty() {
            return None;
        }
        facts.insert(path.into(), node);
    }
    Some(facts)
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"._/-+".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn split(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && part != b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Node {
        Node::Directory { mode: 0o755, uid: 0, gid: 0 }
    }

    fn nodes(paths: &[(&str, Node)]) -> Nodes {
        let mut nodes = Nodes::new();
        paths.iter().for_each(|(path, node)| nodes.put(path.as_bytes(), node.clone()));
        nodes
    }

    fn link(target: &str) -> Node {
        Node::Symlink { target: target.as_bytes().into() }
    }

    fn linked() -> Tree {
        Tree::over(nodes(&[
            ("usr", directory()),
            ("usr/lib", directory()),
            ("lib", link("usr/lib")),
            ("abs", link("/usr/../lib")),
            ("up", link("../../../lib")),
            ("a", link("b")),
            ("b", link("a")),
            ("dangling", link("no/where")),
        ]))
    }

    #[test]
    fn links_are_followed_within_the_root() {
        let tree = linked();
        for (path, real) in [
            ("lib/x", "usr/lib/x"),
            ("abs/x", "usr/lib/x"),
            ("up/y/z", "usr/lib/y/z"),
            ("dangling/q", "no/where/q"),
            ("new/dir", "new/dir"),
            ("lib", "usr/lib"),
        ] {
            assert_eq!(tree.resolve(path.as_bytes()).unwrap(), real.as_bytes().into(), "{path}");
        }
        assert!(matches!(tree.resolve(b"a/x"), Err(TreeError::Loop(_))));
    }

    #[test]
    fn facts_answer_the_same_questions_without_the_base() {
        let ask = |tree: &Tree| {
            let places: Vec<_> = ["lib/x", "usr/lib", "opt/a/b", "opt/c", "été/x"]
                .iter()
                .map(|path| (tree.resolve(path.as_bytes()).unwrap(), tree.get(path.as_bytes()).unwrap()))
                .collect();
            (places, tree.facts().unwrap())
        };
        let whole = linked();
        let (answers, facts) = ask(&whole);
        assert_eq!(facts, "l:usr/lib:lib -:opt d:755:0:0:usr d:755:0:0:usr/lib -:usr/lib/x -:%C3%A9t%C3%A9");
        let never: Loader = Box::new(|| panic!("the base is not needed"));
        let partly = Tree::lazily(parse_facts(&facts).unwrap(), never);
        assert_eq!(ask(&partly), (answers, facts));
    }

    #[test]
    fn another_question_loads_the_base() {
        let facts = parse_facts("-:opt").unwrap();
        let tree = Tree::lazily(facts.clone(), Box::new(|| Ok(nodes(&[("usr", directory())]))));
        assert_eq!(tree.get(b"usr").unwrap(), Some(directory()));
        let failing = Tree::lazily(facts, Box::new(|| Err("no network".into())));
        assert_eq!(failing.get(b"opt/x").unwrap(), None);
        assert!(matches!(failing.get(b"usr"), Err(TreeError::Unavailable(_))));
    }

    #[test]
    fn layers_hide_what_lies_below_them() {
        let mut tree = Tree::over(nodes(&[("d", directory()), ("d/f", Node::File)]));
        let kind = Kind::Symlink { target: (*b"elsewhere").into() };
        tree.apply(&[Entry { path: (*b"d").into(), mode: 0o777, uid: 0, gid: 0, mtime: 0, kind }]);
        assert_eq!(tree.get(b"d/f").unwrap(), None);
        assert_eq!(tree.facts().unwrap(), "", "the base was not asked");
    }

    #[test]
    fn malformed_facts_are_no_facts() {
        for text in ["x:a", "d:9:0:0:a", "d:755:0:a", "-:../a", "-:", "-:a%", "-:a%G0", "-:/a"] {
            assert_eq!(parse_facts(text), None, "{text}");
        }
    }
}
