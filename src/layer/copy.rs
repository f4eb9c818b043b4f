//! Copying: what `COPY` and `ADD` lay, and where.
//!
//! The rules are docker's, of [BuildKit's file operations](https://github.com/moby/buildkit/tree/master/solver/llbsolver/file)
//! and [fsutil's `copy`](https://github.com/tonistiigi/fsutil/blob/master/copy/copy.go), links at the destination
//! included. Modes and times aside, which are not a checkout's affair.

use std::collections::BTreeMap;

use super::archive::{self, ArchiveEntry, Supply};
use super::chmod::Chmod;
use super::contents::{Contents, Source};
use super::draft::{Draft, join, split};
use super::error::{Error, check_fit, display};
use super::select::{Below, Selected, Selection, select};
use super::source_tree::{FileContent, SourceEntry, SourceKind, SourceTree};
use super::stack::Stack;
use crate::digest::Digest;
use crate::entry::{Kind, Owner, normalise_path};
use crate::image::Node;

/// What is copied, and how.
#[derive(Debug, Clone, Default)]
pub struct Copy {
    /// What is copied, in this order.
    pub sources: Vec<CopySource>,
    /// Where to, from the root. With a `/` or a `/.` at its end it is a directory.
    pub to: Vec<u8>,
    /// Ignore patterns, relative to each source.
    pub exclude: Vec<String>,
    /// Whether the sources' own directories are kept.
    pub parents: bool,
    /// Whether local archives are unpacked.
    pub unpack: bool,
    /// The mode of what is copied; without one a context's are normalised and an image's kept.
    pub chmod: Option<Chmod>,
}

/// Something to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySource {
    /// A path of the tree that is copied from, wildcards allowed.
    Path(Vec<u8>),
    /// A file that the spec itself holds.
    Text {
        /// Its name, where the destination is a directory.
        name: String,
        /// Its content.
        text: Vec<u8>,
    },
    /// A file from elsewhere.
    Url {
        /// Where it is.
        url: String,
        /// The digest of its content.
        checksum: Digest,
        /// Whether it is unpacked if it is an archive.
        unpack: bool,
    },
}

/// A source that was found, with its contents.
enum Piece {
    Tree(Selected, BTreeMap<Box<[u8]>, FileContent>),
    File {
        name: Vec<u8>,
        mode: u32,
        content: FileContent,
    },
    /// The entries of an archive, and what it is called in messages.
    Archive(String, Vec<ArchiveEntry>),
}

/// Lays what a `COPY` or `ADD` copies from `tree` over `stack`. `owner` is what `--chown` says.
///
/// # Errors
///
/// A source that is missing; something in the way at the destination; whatever cannot be read.
pub fn copy(
    copy: &Copy,
    tree: &dyn SourceTree,
    supply: &dyn Supply,
    owner: Option<Owner>,
    stack: &Stack,
    mtime: i64,
) -> Result<Contents, Error> {
    let mut draft = Draft::over(stack, mtime);
    let mut laying = Laying { copy, owner, draft: &mut draft };
    for source in &copy.sources {
        for piece in pieces(copy, source, tree, supply)? {
            laying.lay(piece)?;
        }
    }
    draft.finish()
}

fn pieces(copy: &Copy, source: &CopySource, tree: &dyn SourceTree, supply: &dyn Supply) -> Result<Vec<Piece>, Error> {
    match source {
        CopySource::Path(path) => {
            let selection = Selection { exclude: &copy.exclude, parents: copy.parents };
            let mut pieces = Vec::new();
            for selected in select(tree, path, &selection)? {
                let entries = selected.below.iter().map(|below| &below.entry).chain([&selected.root]);
                let files: Vec<&SourceEntry> = entries.filter(|entry| entry.kind == SourceKind::File).collect();
                let contents = tree.contents(&files)?;
                if copy.unpack
                    && selected.root.kind == SourceKind::File
                    && let Some(content) = contents.first()
                    && let Some(entries) = supply.unpack(content).map_err(Error::Elsewhere)?
                {
                    pieces.push(Piece::Archive(display(&selected.root.path), entries));
                    continue;
                }
                let contents = files.iter().map(|file| file.path.clone()).zip(contents).collect();
                pieces.push(Piece::Tree(selected, contents));
            }
            Ok(pieces)
        }
        CopySource::Text { name, text } => {
            let content = FileContent {
                size: text.len() as u64,
                digest: Digest::of(text),
                source: Source::Text(text.as_slice().into()),
            };
            Ok(vec![Piece::File { name: name.clone().into_bytes(), mode: 0o644, content }])
        }
        CopySource::Url { url, checksum, unpack } => {
            let content = supply.fetch(url, checksum).map_err(Error::Elsewhere)?;
            if *unpack && let Some(entries) = supply.unpack(&content).map_err(Error::Elsewhere)? {
                return Ok(vec![Piece::Archive(url.clone(), entries)]);
            }
            Ok(vec![Piece::File { name: url_name(url), mode: 0o600, content }])
        }
    }
}

/// The name of a file from elsewhere: the last part of its path, decoded.
fn url_name(url: &str) -> Vec<u8> {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let name = path.split_once('/').map_or("", |(_, path)| path).trim_end_matches('/').rsplit('/').next();
    let mut decoded = Vec::new();
    let mut rest = name.unwrap_or_default().as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    if matches!(decoded.as_slice(), b"" | b"." | b"..") { b"__unnamed__".to_vec() } else { decoded }
}

/// An address for messages: without what may be secret in it, a password or a query.
pub fn shown_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.find('?').map_or((rest, ""), |at| (&rest[..at], "?…"));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // Elsewhere it is part of the address: `git@host:path`.
    let is_web = scheme.starts_with("http");
    let host = host.rsplit_once('@').filter(|_| is_web).map_or(host, |(_, host)| host);
    let slashes = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{slashes}{host}{path}{query}")
}

struct Laying<'a, 'b> {
    copy: &'a Copy,
    owner: Option<Owner>,
    draft: &'a mut Draft<'b>,
}

impl Laying<'_, '_> {
    fn lay(&mut self, piece: Piece) -> Result<(), Error> {
        match piece {
            Piece::Tree(selected, contents) if selected.root.kind == SourceKind::Directory => {
                self.lay_directory(selected, contents)
            }
            Piece::Tree(Selected { name, root, .. }, mut contents) => {
                let SourceKind::File = root.kind else {
                    return Err(Error::Special { path: display(&root.path), kind: kind_name(&root.kind) });
                };
                let Some(content) = contents.remove(&root.path) else {
                    return Err(Error::Vanished(display(&root.path)));
                };
                self.lay_file(&name, root.mode, Owner { uid: root.uid, gid: root.gid }, content)
            }
            Piece::File { name, mode, content } => self.lay_file(&name, mode, Owner::default(), content),
            Piece::Archive(name, entries) => {
                let to = self.destination()?;
                let to = self.draft.resolve(&to)?;
                self.draft.make_directories(&to, 0o755, self.owner)?;
                archive::lay(&name, entries, &to, self.owner, self.draft)
            }
        }
    }

    /// The destination as a path; what of it has to be a directory is one then.
    fn destination(&self) -> Result<Box<[u8]>, Error> {
        let to = normalise_path(&self.copy.to)
            .ok_or_else(|| Error::Destination(String::from_utf8_lossy(&self.copy.to).into_owned()))?;
        check_fit(&to)?;
        Ok(to)
    }

    fn prepare(&mut self) -> Result<Box<[u8]>, Error> {
        let to = self.destination()?;
        let is_directory = self.copy.to.ends_with(b"/") || self.copy.to.ends_with(b"/.");
        let ensured = self.draft.resolve(if is_directory { &to } else { split(&to).0 })?;
        self.make(&ensured)?;
        Ok(self.draft.resolve(&to)?)
    }

    /// Makes the directories on the way to what is copied.
    fn make(&mut self, path: &[u8]) -> Result<(), Error> {
        // Docker hands the mode to `mkdir`, which knows no special bits and obeys its umask.
        let mode = self.copy.chmod.as_ref().and_then(Chmod::octal).map_or(0o755, |mode| mode & 0o755);
        self.draft.make_directories(path, mode, self.owner)
    }

    fn lay_directory(
        &mut self,
        selected: Selected,
        mut contents: BTreeMap<Box<[u8]>, FileContent>,
    ) -> Result<(), Error> {
        let to = self.prepare()?;
        if let Some(other) = self.draft.node(&to)?.filter(|node| !matches!(node, Node::Directory { .. })) {
            return Err(Error::Replaces { path: display(&to), new: "directory", old: other.name() });
        }
        self.make(&to)?;
        // Names of one file in the source stay names of one file.
        let mut inodes: BTreeMap<Box<[u8]>, Box<[u8]>> = BTreeMap::new();
        for Below { relative, entry, is_meant } in selected.below {
            let path = join(&to, &relative);
            let here = self.draft.node(&path)?;
            let owner = self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid });
            let mode = self.mode(entry.mode, entry.kind == SourceKind::Directory);
            match entry.kind {
                SourceKind::Directory => {
                    let owner = match here {
                        None => owner,
                        // One that only comes along keeps the owner it has.
                        Some(Node::Directory { uid, gid, .. }) if !is_meant => Owner { uid, gid },
                        Some(Node::Directory { .. }) => owner,
                        Some(other) => {
                            let (new, old) = ("directory", other.name());
                            return Err(Error::Replaces { path: display(&path), new, old });
                        }
                    };
                    self.draft.put(&path, mode, owner, Kind::Directory, Source::Nothing);
                }
                SourceKind::Symlink(target) => {
                    self.refuse_directory(&path, here.as_ref(), "symlink")?;
                    self.draft.put(&path, 0o777, owner, Kind::Symlink { target }, Source::Nothing);
                }
                SourceKind::File => {
                    self.refuse_directory(&path, here.as_ref(), "file")?;
                    let first = entry.inode.as_ref().and_then(|inode| inodes.get(inode)).cloned();
                    if let Some(target) = first.filter(|target| self.draft.is_file(target)) {
                        self.draft.put(&path, mode, owner, Kind::Hardlink { target }, Source::Nothing);
                        continue;
                    }
                    let Some(content) = contents.remove(&entry.path) else {
                        return Err(Error::Vanished(display(&entry.path)));
                    };
                    if let Some(inode) = entry.inode {
                        inodes.insert(inode, path.clone());
                    }
                    let kind = Kind::File { size: content.size, digest: content.digest };
                    self.draft.put(&path, mode, owner, kind, content.source);
                }
                SourceKind::Other(kind) => return Err(Error::Special { path: display(&entry.path), kind }),
            }
        }
        Ok(())
    }

    /// `name` is one part of a path, by which the file is called in a directory.
    fn lay_file(&mut self, name: &[u8], mode: u32, owner: Owner, content: FileContent) -> Result<(), Error> {
        let mut to = self.prepare()?;
        if name.contains(&b'/') {
            return Err(Error::Unfit { path: display(name), why: "a file's name has no slash" });
        }
        if self.draft.is_directory(&to)? {
            to = join(&to, name);
        }
        self.make(split(&to).0)?;
        let here = self.draft.node(&to)?;
        self.refuse_directory(&to, here.as_ref(), "file")?;
        let (owner, mode) = (self.owner.unwrap_or(owner), self.mode(mode, false));
        let kind = Kind::File { size: content.size, digest: content.digest };
        self.draft.put(&to, mode, owner, kind, content.source);
        Ok(())
    }

    fn mode(&self, mode: u32, is_directory: bool) -> u32 {
        self.copy.chmod.as_ref().map_or(mode, |chmod| chmod.apply(mode, is_directory, 0))
    }

    fn refuse_directory(&self, path: &[u8], here: Option<&Node>, new: &'static str) -> Result<(), Error> {
        match here {
            Some(Node::Directory { .. }) => Err(Error::Replaces { path: display(path), new, old: "directory" }),
            _ if path.is_empty() => Err(Error::Replaces { path: display(path), new, old: "directory" }),
            _ => Ok(()),
        }
    }
}

fn kind_name(kind: &SourceKind) -> &'static str {
    match kind {
        SourceKind::Directory => "directory",
        SourceKind::File => "file",
        SourceKind::Symlink(_) => "symlink",
        SourceKind::Other(kind) => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_files_and_hide_secrets() {
        for (url, name, shown) in [
            ("https://h.example/a%2Bb.tar?k=secret", "a+b.tar", "https://h.example/a%2Bb.tar?…"),
            ("https://u:secret@h.example/x/#frag", "x", "https://h.example/x/#frag"),
            ("http://h.example", "__unnamed__", "http://h.example"),
            ("http://h.example/%2e%2e", "__unnamed__", "http://h.example/%2e%2e"),
            ("http://h.example/100%", "100%", "http://h.example/100%"),
        ] {
            assert_eq!(url_name(url), name.as_bytes(), "{url}");
            assert_eq!(shown_url(url), shown, "{url}");
        }
    }
}
