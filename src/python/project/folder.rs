//! The files that describe a project. They are read from its folder whether or not the ignore rules leave them, as a
//! Dockerfile is. Outside of the folder nothing is read but what [`super::repository`] reads.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::fault::{Fault, quoted};
use super::value::Value;
use crate::context::{IgnoreRules, InvalidPattern};

/// The most bytes of a file that describes a project.
pub(super) const LIMIT: u64 = 4 << 20;

/// How many paths are looked at for one license file's pattern.
const LOOKED_AT: usize = 100_000;

/// A project's folder.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it really is.
    root: PathBuf,
    /// What the spec leaves out.
    exclude: IgnoreRules,
}

impl Folder {
    pub(super) fn open(folder: &Path) -> std::io::Result<Folder> {
        Ok(Folder { root: fs::canonicalize(folder)?, exclude: IgnoreRules::default() })
    }

    /// The same without what the spec leaves out, as far as it goes into what is laid.
    ///
    /// # Errors
    ///
    /// If a pattern is malformed.
    pub(super) fn without(mut self, exclude: &[String]) -> Result<Folder, InvalidPattern> {
        exclude.iter().try_for_each(|pattern| self.exclude.push(pattern))?;
        Ok(self)
    }

    /// Whether the spec leaves a file out.
    pub(super) fn is_excluded(&self, path: &str) -> bool {
        inside(path).is_ok_and(|path| self.exclude.ignores(path.as_bytes()).unwrap_or(false))
    }

    /// Where it really is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a regular file.
    pub(super) fn is_file(&self, path: &str) -> bool {
        self.locate(path).is_ok_and(|path| path.is_file())
    }

    /// A file's text; an end of line is a `\n`, as Python reads texts.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, to be said after its name.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        self.text_of(path, LIMIT)
    }

    /// The same of a file that a value names, and whose text is laid.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or the spec leaves it out.
    pub(super) fn laid_text(&self, value: &Value, file: &str) -> Result<String, Fault> {
        let wrong = |why: String| value.wrong(format!("names {}, which {why}", quoted(file)));
        match self.is_excluded(file) {
            true => Err(wrong("the layer's `exclude` leaves out".to_owned()).help("take it out of one of the two")),
            false => self.text(file).map_err(wrong),
        }
    }

    /// The same of a file that has no more bytes than `limit`.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, to be said after its name.
    pub(super) fn text_of(&self, path: &str, limit: u64) -> Result<String, String> {
        let text = String::from_utf8(self.bytes_of(path, limit)?).map_err(|_| "is not UTF-8".to_owned())?;
        Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
    }

    /// A file's bytes.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, to be said after its name.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        self.bytes_of(path, LIMIT)
    }

    fn bytes_of(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        bytes_at(&self.locate(path)?, limit)
    }

    /// Where a path leads; nowhere but in the folder.
    fn locate(&self, path: &str) -> Result<PathBuf, String> {
        let relative = inside(path)?;
        match fs::canonicalize(self.root.join(relative)) {
            Ok(real) if real.starts_with(&self.root) => Ok(real),
            Ok(_) => Err("is a link, or lies behind one, that leads out of the project's folder".to_owned()),
            Err(error) => Err(match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => "does not exist".to_owned(),
                _ => format!("cannot be read: {error}"),
            }),
        }
    }

    /// Whether there is a directory, and no link to one.
    pub(super) fn is_dir(&self, path: &str) -> bool {
        fs::symlink_metadata(self.root.join(path)).is_ok_and(|metadata| metadata.is_dir())
    }

    /// The regular files below a directory (empty: the folder) down to `depth` levels, links not followed, sorted.
    ///
    /// # Errors
    ///
    /// Why they cannot be listed, in words.
    pub(super) fn list(&self, directory: &str, depth: usize) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        let mut directories = vec![(directory.to_owned(), 1)];
        let mut looked_at = 0;
        while let Some((directory, level)) = directories.pop() {
            let cannot = |error: std::io::Error| format!("the project's folder cannot be listed: {error}");
            for child in fs::read_dir(self.root.join(&directory)).map_err(cannot)? {
                let child = child.map_err(cannot)?;
                looked_at += 1;
                if looked_at > LOOKED_AT {
                    return Err(format!("the project's folder holds more than {LOOKED_AT} files"));
                }
                let Ok(name) = child.file_name().into_string() else { continue };
                let slash = if directory.is_empty() { "" } else { "/" };
                let path = format!("{directory}{slash}{name}");
                let kind = child.file_type().map_err(cannot)?;
                if kind.is_dir() && level < depth {
                    directories.push((path, level + 1));
                } else if kind.is_file() {
                    files.push(path);
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

/// Opens a regular file, which is no link.
pub(super) fn open_at(path: &Path) -> Result<File, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let open = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = open.map_err(cannot)?;
    match file.metadata().map_err(cannot)?.is_file() {
        true => Ok(file),
        false => Err("is no regular file".to_owned()),
    }
}

/// The bytes of a regular file, which is no link.
pub(super) fn bytes_at(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = open_at(path)?.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match bytes.len() as u64 > limit {
        true => Err(format!("has more than {} MiB", limit >> 20)),
        false => Ok(bytes),
    }
}

/// A path of a project's configuration, tidied: relative, `/` between its parts, no `.` and no `..`; empty for the folder.
///
/// # Errors
///
/// Why it is none, to be said after it.
pub(super) fn inside(path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
            Component::CurDir => {}
            Component::ParentDir if parts.pop().is_some() => {}
            Component::ParentDir => return Err("leads out of the project's folder".to_owned()),
            Component::RootDir | Component::Prefix(_) => return Err("is to be relative".to_owned()),
        }
    }
    if path.contains(['\0', '\\']) {
        return Err("has a character that no path here has".to_owned());
    }
    Ok(parts.join("/"))
}
