use std::io;
use std::path::PathBuf;

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
}

impl StoreError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let StoreError::Io { source, .. } = self;
        match source.kind() {
            io::ErrorKind::StorageFull => Some("make room, for example with `tarsia cache prune`".to_owned()),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Some("name a writable folder with --cache-dir or TARSIA_CACHE_DIR".to_owned())
            }
            _ => None,
        }
    }
}
