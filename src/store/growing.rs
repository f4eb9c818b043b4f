//! A blob that is read while it is being written.

use std::fs::File;
use std::sync::Arc;

use tokio::sync::watch;

use crate::digest::Digest;

/// How far a blob is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Growth {
    /// How many of its bytes are there.
    pub written: u64,
    /// Its digest, once all of them are.
    pub digest: Option<Digest>,
}

/// A blob that is being written, for who reads along. Its file can be read after it has got its name, too.
#[derive(Debug, Clone)]
pub struct Growing {
    /// The file.
    pub file: Arc<File>,
    /// Closed without a digest if the blob was given up.
    growth: watch::Receiver<Growth>,
}

impl Growing {
    /// For who writes into `file`: where to tell how far it is; and for who reads along.
    pub(super) fn begin(file: File) -> (watch::Sender<Growth>, Growing) {
        let (sender, growth) = watch::channel(Growth::default());
        (sender, Growing { file: Arc::new(file), growth })
    }

    /// Waits until there are more than `position` bytes, or all of them. Nothing if there will never be.
    pub async fn beyond(&mut self, position: u64) -> Option<Growth> {
        let grown = self.growth.wait_for(|growth| growth.written > position || growth.digest.is_some()).await;
        grown.ok().map(|growth| *growth)
    }
}
