//! Archives: what `ADD` makes of a local tar.
//!
//! Entries are laid in the archive's order as docker's
//! [`archive`](https://github.com/moby/go-archive/blob/main/archive.go) unpacks them: what is in the way goes, modes and
//! owners are the archive's.

use super::contents::Source;
use super::draft::{Draft, join, split};
use super::error::{Error, display};
use super::source_tree::FileContent;
use crate::digest::Digest;
use crate::entry::{Kind, Owner};
use crate::image::Node;

/// An entry of an archive.
#[derive(Debug, Clone)]
pub struct ArchiveEntry {
    /// Its path, without anything that leaves the archive.
    pub path: Box<[u8]>,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub owner: Owner,
    /// What it is.
    pub kind: ArchiveKind,
}

/// What an entry of an archive is.
#[derive(Debug, Clone)]
pub enum ArchiveKind {
    /// A directory.
    Directory,
    /// A file.
    File(FileContent),
    /// A symbolic link, as it is.
    Symlink(Box<[u8]>),
    /// Another name of an entry before it, by its path in the archive.
    Hardlink(Box<[u8]>),
}

/// What cannot be had from the context or the image below: files from elsewhere, and what archives hold.
pub trait Supply {
    /// The file at `url`, made sure to be what the digest says.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    fn fetch(&self, url: &str, checksum: &Digest) -> Result<FileContent, Box<dyn std::error::Error + Send + Sync>>;

    /// The entries of an archive in their order; nothing if it is none.
    ///
    /// # Errors
    ///
    /// If it is one that cannot be read, or holds what no layer can.
    fn unpack(
        &self,
        archive: &FileContent,
    ) -> Result<Option<Vec<ArchiveEntry>>, Box<dyn std::error::Error + Send + Sync>>;
}

/// Lays an archive's entries below `to`, a directory that is there. `owner` takes the place of theirs.
pub(super) fn lay(
    name: &str,
    entries: Vec<ArchiveEntry>,
    to: &[u8],
    owner: Option<Owner>,
    draft: &mut Draft<'_>,
) -> Result<(), Error> {
    for entry in entries {
        let (above, last) = split(&entry.path);
        // Links on the way are followed, those that the archive itself made included; the archive sees nothing above `to`.
        let above = draft.resolve_within(to, above)?;
        draft.make_directories(&above, 0o755, Some(Owner::default()))?;
        let place = join(&above, last);
        let owner = owner.unwrap_or(entry.owner);
        let here = draft.node(&place)?;
        let is_directory = matches!(here, Some(Node::Directory { .. }));
        if here.is_some() && !(is_directory && matches!(entry.kind, ArchiveKind::Directory)) {
            draft.remove(&place)?;
        }
        match entry.kind {
            ArchiveKind::Directory => draft.put(&place, entry.mode, owner, Kind::Directory, Source::Nothing),
            ArchiveKind::File(content) => {
                let kind = Kind::File { size: content.size, digest: content.digest };
                draft.put(&place, entry.mode, owner, kind, content.source);
            }
            ArchiveKind::Symlink(target) => {
                draft.put(&place, 0o777, owner, Kind::Symlink { target }, Source::Nothing);
            }
            ArchiveKind::Hardlink(target) => {
                let (within, last) = split(&target);
                let there = join(&draft.resolve_within(to, within)?, last);
                if !draft.link(&there, &place)? {
                    let why = format!(
                        "`{}` is another name of `{}`, which is no file",
                        display(&entry.path),
                        display(&target)
                    );
                    return Err(Error::Archive { archive: name.to_owned(), why });
                }
            }
        }
    }
    Ok(())
}
