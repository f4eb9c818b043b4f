use std::io;
use std::path::PathBuf;

use crate::digest::Digest;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("failed to {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A blob is not what its digest says any more. It is gone now.
    #[error("the blob {0} in the store was damaged")]
    Damaged(Digest),
}

impl StoreError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let source = match self {
            StoreError::Io { source, .. } => source,
            StoreError::Damaged(_) => {
                return Some("it was removed; run again, and it is made or fetched anew".to_owned());
            }
        };
        match source.kind() {
            io::ErrorKind::StorageFull => Some("make room, for example with `tarsia cache prune`".to_owned()),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Some("name a writable folder with --cache-dir or TARSIA_CACHE_DIR".to_owned())
            }
            _ => None,
        }
    }
}
