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
    fn parents_come_outermost_first() {
        let all: Vec<&[u8]> = parents(b"a/b/c").collect();
        assert_eq!(all, [b"a".as_slice(), b"a/b"]);
        assert_eq!(parents(b"a").count(), 0);
    }
}
