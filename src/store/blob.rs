//! A blob on its way into the store.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Store, StoreError};
use crate::digest::Digest;

/// A blob that is being written. Dropped before it is committed, it leaves nothing behind.
#[derive(Debug)]
pub struct NewBlob<'a> {
    store: &'a Store,
    file: NamedTempFile,
}

impl<'a> NewBlob<'a> {
    pub(super) fn begin(store: &'a Store) -> Result<NewBlob<'a>, StoreError> {
        Ok(NewBlob { store, file: store.temporary()? })
    }

    /// Where it is being written.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the blob its name. The caller has digested what it wrote.
    ///
    /// # Errors
    ///
    /// If the disk is full or refuses.
    pub fn commit(self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.store.blob_path(digest);
        // Nobody has a reason to write into content that is named by its digest.
        self.file.as_file().set_permissions(Permissions::from_mode(0o444)).map_err(self.store.io("write", &path))?;
        self.store.publish(self.file, &path)
    }
}

impl Write for NewBlob<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
