//! Traffic: what was really sent and received, for reports and for tests that assert how little it was.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Counts requests and body bytes. Shared by all who work for one image.
///
/// Every attempt counts, also the ones that failed, were challenged or redirected, and requests for tokens.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

/// What a [`Traffic`] has counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// HTTP requests sent.
    pub sent: u64,
    /// Bytes of request bodies handed to the connection.
    pub bytes_up: u64,
    /// Bytes of response bodies received.
    pub bytes_down: u64,
}

impl Traffic {
    /// What was counted so far.
    pub fn snapshot(&self) -> Requests {
        Requests {
            sent: self.sent.load(Relaxed),
            bytes_up: self.bytes_up.load(Relaxed),
            bytes_down: self.bytes_down.load(Relaxed),
        }
    }

    pub(super) fn request(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub(super) fn up(&self, bytes: usize) {
        self.bytes_up.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn down(&self, bytes: usize) {
        self.bytes_down.fetch_add(bytes as u64, Relaxed);
    }
}
