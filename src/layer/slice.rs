//! Slices: contents that lie one after another in a file of the store, and are what their entries say or nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use crate::digest::{Digest, Hasher};

/// A file that holds many contents. Once open it can be read whatever becomes of its name.
#[derive(Debug)]
pub struct SliceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Nothing where nothing is kept: then there is nothing to read.
    pub file: Option<File>,
}

/// The content of one file, in a file that holds many.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The file.
    pub file: Arc<SliceFile>,
    /// Where in it the content begins.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
}

/// Reads a slice from its beginning to its end.
#[derive(Debug)]
pub(super) struct SliceReader {
    pub slice: Arc<Slice>,
    pub offset: u64,
}

impl io::Read for SliceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.slice.size.saturating_sub(self.offset);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.slice.read_part(self.offset, &mut buffer[..count]).map_err(io::Error::other)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Slice {
    /// Reads the part of the content that begins `offset` bytes into it.
    pub(super) fn read_part(&self, offset: u64, part: &mut [u8]) -> Result<(), Error> {
        let SliceFile { path, file } = &*self.file;
        let failed = |source| Error::Slice { path: path.clone(), source };
        let Some(file) = file else {
            return Err(failed(io::Error::other("a store that is only looked at keeps no contents")));
        };
        let end = offset.checked_add(part.len() as u64);
        let begin = end.filter(|&end| end <= self.size).and_then(|_| self.offset.checked_add(offset));
        let Some(begin) = begin else { return Err(self.damaged()) };
        file.read_exact_at(part, begin).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(),
            _ => failed(error),
        })
    }

    /// Appends the content to `out` if it is of this size and digest.
    pub(super) fn append(&self, size: u64, digest: &Digest, out: &mut Vec<u8>) -> Result<(), Error> {
        if size != self.size {
            return Err(self.damaged());
        }
        let start = out.len();
        out.resize(start + usize::try_from(size).map_err(|_| self.damaged())?, 0);
        self.read_part(0, &mut out[start..])?;
        let mut hasher = Hasher::new();
        hasher.update(&out[start..]);
        if hasher.finish() == *digest { Ok(()) } else { Err(self.damaged()) }
    }

    /// Gives the file up, so that the next run makes it anew.
    pub(super) fn damaged(&self) -> Error {
        let path: &Path = &self.file.path;
        let _ = std::fs::remove_file(path);
        Error::Damaged(path.to_owned())
    }
}

#[cfg(test)]
mod tests;
