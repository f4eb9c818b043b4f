//! Facts: what was asked of a base's tree, with the answers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::nodes::{Node, Nodes};
use super::TreeError;
use super::ground::Ground;
use crate::entry::parents;
use crate::percent::decode;

/// More facts than these do not travel with an image; its base's tree has to be looked at.
const FACT_LIMIT: usize = 100;
/// Nor do they if they take more bytes than this.
const FACT_SIZE_LIMIT: usize = 8 << 10;

/// Some of what is known of a base: paths, each with what lies there; directories, each with all names in it; and names of users and groups, each with its
/// numbers. Nothing for what there is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub(super) paths: BTreeMap<Box<[u8]>, Option<Node>>,
    /// All names in a directory: what is not among them is not there.
    pub(super) children: BTreeMap<Box<[u8]>, BTreeSet<Box<[u8]>>>,
    pub(super) users: BTreeMap<String, Option<(u64, u64)>>,
    pub(super) groups: BTreeMap<String, Option<u64>>,
}

impl Facts {
    /// Nothing.
    pub fn new() -> Facts {
        Facts::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.paths.len() + self.children.len() + self.users.len() + self.groups.len()
    }

    /// The paths that they speak of, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.paths.keys().map(|path| &**path)
    }

    /// The directories of which they tell all names, sorted.
    pub fn directories(&self) -> impl Iterator<Item = &[u8]> {
        self.children.keys().map(|path| &**path)
    }

    /// Whether nothing lies at `path` because all that lies in its directory is known.
    pub(super) fn lacks(&self, path: &[u8]) -> bool {
        let parent = parents(path).last().unwrap_or_default();
        let name = if parent.is_empty() { path } else { path.get(parent.len() + 1..).unwrap_or_default() };
        self.children.get(parent).is_some_and(|names| !names.contains(name))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the paths that `keep` does not want.
    pub fn retain_paths(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        self.paths.retain(|path, _| keep(path));
        self.children.retain(|path, _| keep(path));
    }

    /// Adds others about the same base.
    pub fn extend(&mut self, others: Facts) {
        self.paths.extend(others.paths);
        self.children.extend(others.children);
        self.users.extend(others.users);
        self.groups.extend(others.groups);
    }

    /// The first of them that is not true of an image with these paths, in words; nothing if all are.
    ///
    /// # Errors
    ///
    /// If the files that give names to owners cannot be used.
    pub fn contradiction(&self, nodes: &Nodes) -> Result<Option<String>, TreeError> {
        let named = |node: Option<&Node>| node.map_or("nothing", Node::name);
        for (path, fact) in &self.paths {
            let now = nodes.get(path);
            if now != fact.as_ref() {
                let path = String::from_utf8_lossy(path);
                let (before, now) = (named(fact.as_ref()), named(now));
                let what = match before == now {
                    true => format!("another {now}: mode, owner or target differ"),
                    false => format!("a {now}, and was a {before}").replace("a nothing", "nothing"),
                };
                return Ok(Some(format!("`/{path}` is {what}")));
            }
        }
        for (path, fact) in &self.children {
            if nodes.children(path) != *fact {
                return Ok(Some(format!("`/{}` has other names in it", String::from_utf8_lossy(path))));
            }
        }
        let ground = Ground::known(nodes.clone());
        for (name, fact) in &self.users {
            if ground.user(name)? != *fact {
                return Ok(Some(format!("the user `{name}` has other numbers")));
            }
        }
        for (name, fact) in &self.groups {
            if ground.group(name)? != *fact {
                return Ok(Some(format!("the group `{name}` has another number")));
            }
        }
        Ok(None)
    }

    /// The facts as a line of text; nothing if it is too much to travel with an image.
    ///
    /// `d:MODE:UID:GID:PATH`, `l:TARGET:PATH`, `f:PATH` or `-:PATH` (nothing there), sorted by path; then
    /// `c:NAME,NAME:PATH` (all names in a directory), sorted by path; then `u:UID:GID:NAME` or `-u:NAME` (no such user), sorted by name; then `g:GID:NAME` or `-g:NAME`; a space between
    /// them. In paths, targets and names everything but letters, digits and `._/-+` is percent-encoded.
    pub fn to_text(&self) -> Option<String> {
        if self.len() > FACT_LIMIT {
            return None;
        }
        let paths = self.paths.iter().map(|(path, node)| {
            let path = encode(path);
            match node {
                Some(Node::Directory { mode, uid, gid }) => format!("d:{mode:o}:{uid}:{gid}:{path}"),
                Some(Node::Symlink { target }) => format!("l:{}:{path}", encode(target)),
                Some(Node::File) => format!("f:{path}"),
                None => format!("-:{path}"),
            }
        });
        let children = self.children.iter().map(|(path, names)| {
            let names: Vec<String> = names.iter().map(|name| encode(name)).collect();
            format!("c:{}:{}", names.join(","), encode(path))
        });
        let users = self.users.iter().map(|(name, ids)| match (ids, encode(name.as_bytes())) {
            (Some((uid, gid)), name) => format!("u:{uid}:{gid}:{name}"),
            (None, name) => format!("-u:{name}"),
        });
        let groups = self.groups.iter().map(|(name, id)| match (id, encode(name.as_bytes())) {
            (Some(gid), name) => format!("g:{gid}:{name}"),
            (None, name) => format!("-g:{name}"),
        });
        let facts: Vec<String> = paths.chain(children).chain(users).chain(groups).collect();
        Some(facts.join(" ")).filter(|text| text.len() <= FACT_SIZE_LIMIT)
    }
}

/// Reads facts back. They come from a registry: nothing if anything in them is malformed.
pub fn parse_facts(text: &str) -> Option<Facts> {
    if text.len() > FACT_SIZE_LIMIT {
        return None;
    }
    let mut facts = Facts::new();
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
            ["c", names, path] => {
                let names = names.split(',').filter(|name| !name.is_empty());
                let names: Option<BTreeSet<Box<[u8]>>> = names.map(|name| Some(decode(name)?.into())).collect();
                let path = decode(path)?;
                if crate::entry::normalise_path(&path).as_deref() != Some(&path[..]) {
                    return None;
                }
                facts.children.insert(path.into(), names?);
                continue;
            }
            ["u", uid, gid, name] => {
                facts.users.insert(decode_name(name)?, Some((id(uid)?, id(gid)?)));
                continue;
            }
            ["-u", name] => {
                facts.users.insert(decode_name(name)?, None);
                continue;
            }
            ["g", gid, name] => {
                facts.groups.insert(decode_name(name)?, Some(id(gid)?));
                continue;
            }
            ["-g", name] => {
                facts.groups.insert(decode_name(name)?, None);
                continue;
            }
            _ => return None,
        };
        let path = decode(path)?;
        if crate::entry::normalise_path(&path).as_deref() != Some(&path[..]) || path.is_empty() {
            return None;
        }
        facts.paths.insert(path.into(), node);
    }
    Some(facts)
}

fn id(text: &str) -> Option<u64> {
    text.parse::<u32>().ok().map(u64::from)
}

fn decode_name(text: &str) -> Option<String> {
    String::from_utf8(decode(text)?).ok().filter(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_back() {
        let text = "d:1777:0:5:tmp l:usr/lib:lib -:opt f:x%20y c::opt/empty c:a%2C,b:opt/two c:x: u:1000:1001:app -u:%C3%A9t%C3%A9%3A g:50:staff -g:wheel";
        let facts = parse_facts(text).unwrap();
        assert_eq!(facts.len(), 11);
        assert!(facts.lacks(b"opt/two/c") && !facts.lacks(b"opt/two/b") && facts.lacks(b"y") && !facts.lacks(b"a/b"));
        assert_eq!(facts.users["été:"], None);
        let sorted = "l:usr/lib:lib -:opt d:1777:0:5:tmp f:x%20y c:x: c::opt/empty c:a%2C,b:opt/two u:1000:1001:app -u:%C3%A9t%C3%A9%3A g:50:staff -g:wheel";
        assert_eq!(facts.to_text().unwrap(), sorted);
    }

    #[test]
    fn malformed_facts_are_no_facts() {
        for text in [
            "x:a",
            "d:9:0:0:a",
            "d:755:0:a",
            "-:../a",
            "-:",
            "-:a%",
            "-:a%G0",
            "-:/a",
            "u:1:app",
            "u:1:2:",
            "u:-1:2:a",
            "u:4294967296:0:a",
            "u:1:2:%FF",
            "g:1:2:a",
            "g:x:a",
            "-u:",
            "-g:",
            "-x:a",
            "u",
            "-u",
        ] {
            assert_eq!(parse_facts(text), None, "{text}");
        }
    }

    #[test]
    fn too_many_facts_do_not_travel() {
        let facts = |count: usize| {
            let users = (0..count).map(|number| (format!("user{number}"), None)).collect();
            Facts { users, ..Facts::new() }
        };
        assert!(facts(FACT_LIMIT).to_text().is_some());
        assert_eq!(facts(FACT_LIMIT + 1).to_text(), None);
    }
}
