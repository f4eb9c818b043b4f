//! A blob on its way into the store.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;
use tokio::sync::watch;

use super::growing::{Growing, Growth};
use super::{Store, StoreError};
use crate::digest::Digest;

/// A blob that is being written. Dropped before it is committed, it leaves nothing behind.
#[derive(Debug)]
pub struct NewBlob<'a> {
    store: &'a Store,
    file: NamedTempFile,
    /// Who reads along.
    readers: Option<watch::Sender<Growth>>,
}

impl<'a> NewBlob<'a> {
    pub(super) fn begin(store: &'a Store) -> Result<NewBlob<'a>, StoreError> {
        Ok(NewBlob { store, file: store.temporary()?, readers: None })
    }

    /// Where it is being written.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The blob as it grows from here on, for one who reads along. Nothing if the system gives no more files: then it is
    /// read when it is there.
    pub fn growing(&mut self) -> Option<Growing> {
        let (sender, growing) = Growing::begin(self.file.as_file().try_clone().ok()?);
        self.readers = Some(sender);
        Some(growing)
    }

    /// Gives the blob its name. The caller has digested what it wrote.
    ///
    /// # Errors
    ///
    /// If the disk is full or refuses.
    pub fn commit(self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.store.blob_path(digest);
        if let Some(readers) = &self.readers {
            // All of it is there. Whether it stays is of no concern to them.
            readers.send_modify(|growth| growth.digest = Some(*digest));
        }
        // Nobody has a reason to write into content that is named by its digest.
        self.file.as_file().set_permissions(Permissions::from_mode(0o444)).map_err(self.store.io("write", &path))?;
        self.store.publish(self.file, &path)
    }
}

impl Write for NewBlob<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if let Some(readers) = &self.readers {
            readers.send_modify(|growth| growth.written += written as u64);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
