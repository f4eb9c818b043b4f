//! Images as files of this machine: OCI layouts, and layouts and `docker save` archives in tar files. Both ways.

mod archive;
mod error;
mod layout;
mod write_archive;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};

pub use archive::{Archive, DockerImage};
pub use error::OutputError;
pub use layout::{Layout, REF_NAME};
pub use write_archive::{ArchiveContents, ArchiveImage, write_docker_archive, write_oci_archive};

/// Where a blob's bytes are: a file, or a stretch of one.
#[derive(Debug)]
pub struct FileRange {
    file: Take<File>,
}

impl FileRange {
    /// `size` bytes of `file` from `offset` on.
    ///
    /// # Errors
    ///
    /// If the file cannot seek.
    pub fn new(mut file: File, offset: u64, size: u64) -> std::io::Result<FileRange> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(FileRange { file: file.take(size) })
    }
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}
