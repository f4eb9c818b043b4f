//! Entries: the paths of a layer, as a layer key, a tar header and a listing see them.

use crate::digest::Digest;

/// One path of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path below the root, `/` between its parts, with none at either end. Never empty.
    pub path: Box<[u8]>,
    /// The permission bits, `07777` at most.
    pub mode: u32,
    /// The owner.
    pub uid: u64,
    /// The group.
    pub gid: u64,
    /// The modification time in whole seconds since 1970.
    pub mtime: i64,
    /// What is there.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// The digest of its content.
        digest: Digest,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as it is.
        target: Box<[u8]>,
    },
    /// Another name of a file earlier in the same layer.
    Hardlink {
        /// The path of that file's entry.
        target: Box<[u8]>,
    },
}

impl Kind {
    /// The word for it in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Directory => "directory",
            Kind::File { .. } => "file",
            Kind::Symlink { .. } => "symlink",
            Kind::Hardlink { .. } => "hard link",
        }
    }
}

/// Who owns an entry, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner {
    /// The user.
    pub uid: u64,
    /// The group.
    pub gid: u64,
}

/// The directories above `path`, outermost first: `a` and `a/b` for `a/b/c`.
pub fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// Brings a path that a person wrote into an entry's form: no `/` at the ends, no empty or `.` parts. `None` if it
/// leaves the root through `..` or holds a NUL byte.
pub fn normalise_path(path: &[u8]) -> Option<Box<[u8]>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            _ if part.contains(&0) => return None,
            _ => parts.push(part),
        }
    }
    Some(parts.join(&b'/').into())
}

/// Resolves `.` and `..` by the text alone; what would leave the root stays at it. No `/` at the ends.
pub fn lexical(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The longest path of an entry, in bytes: Linux's own limit.
const PATH_LIMIT: usize = 4096;
/// The longest part of one: that of Linux's file systems.
const PART_LIMIT: usize = 255;
/// How many parts it may have: no image is nearly as deep.
const DEPTH_LIMIT: usize = 256;

/// Why nothing can lie at a path, if nothing can: a part that is none, or more of it than a file system takes.
pub fn unfit(path: &[u8]) -> Option<&'static str> {
    if path.len() > PATH_LIMIT {
        return Some("paths have no more than 4,096 bytes");
    }
    let mut depth = 0;
    for part in path.split(|&byte| byte == b'/') {
        depth += 1;
        match part {
            b"" | b"." | b".." => return Some("its parts have to be names"),
            _ if part.len() > PART_LIMIT => return Some("names have no more than 255 bytes"),
            _ if part.contains(&0) => return Some("no name has a NUL byte"),
            _ if depth > DEPTH_LIMIT => return Some("paths have no more than 256 parts"),
            _ => {}
        }
    }
    None
}

/// Whether a part of the path would be taken for a whiteout: see the
/// [layer specification](https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts).
pub fn names_a_whiteout(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| part.starts_with(b".wh."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_into_one_form() {
        for (written, normal) in [("/a//b/./c/", Some("a/b/c")), ("a", Some("a")), ("/", Some("")), ("a/../b", None)] {
            assert_eq!(normalise_path(written.as_bytes()).as_deref(), normal.map(str::as_bytes), "{written}");
        }
        assert_eq!(normalise_path(b"a\0b"), None);
    }

    #[test]
    fn what_no_file_system_holds_is_unfit() {
        let long = "n".repeat(256);
        let deep = vec!["d"; 257].join("/");
        let far = vec!["0123456789abcdef"; 250].join("/");
        for path in ["..", "a/../b", "a//b", "./a", "", "a/", "a\0b", &long, &deep, &far] {
            assert!(unfit(path.as_bytes()).is_some(), "{path}");
        }
        assert_eq!(unfit(b"a/.b/..c"), None);
        assert!(names_a_whiteout(b"a/.wh.b/c") && !names_a_whiteout(b"a/.who/x.wh.y"));
    }

    #[test]
    fn parents_come_outermost_first() {
        let all: Vec<&[u8]> = parents(b"a/b/c").collect();
        assert_eq!(all, [b"a".as_slice(), b"a/b"]);
        assert_eq!(parents(b"a").count(), 0);
    }
}
