//! The files that describe a project. They are read from its folder whether or not the ignore rules leave them, as a
//! Dockerfile is; nothing outside of the folder ever is.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// The most bytes of a file that describes a project.
pub(super) const LIMIT: u64 = 4 << 20;

/// How many paths are looked at for one license file's pattern.
const LOOKED_AT: usize = 100_000;

/// A project's folder.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it really is.
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(folder: &Path) -> std::io::Result<Folder> {
        Ok(Folder { root: fs::canonicalize(folder)? })
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
        let path = self.locate(path)?;
        let cannot = |error: std::io::Error| format!("cannot be read: {error}");
        let open = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path);
        let file = open.map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err("is no regular file".to_owned());
        }
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > limit {
            return Err(format!("has more than {} MiB", limit >> 20));
        }
        Ok(bytes)
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

    /// The regular files down to `depth` levels, links not followed, sorted.
    ///
    /// # Errors
    ///
    /// Why they cannot be listed, in words.
    pub(super) fn list(&self, depth: usize) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        let mut directories = vec![(String::new(), 1)];
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
