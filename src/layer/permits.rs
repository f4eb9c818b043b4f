//! Permits: how many blocks may be in memory at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bounds how many blocks are in memory at once. Shared by all layers of a run.
#[derive(Debug)]
pub struct Permits {
    free: Mutex<usize>,
    returned: Condvar,
}

impl Permits {
    /// Permits for `count` blocks, at least one.
    pub fn new(count: usize) -> Permits {
        Permits { free: Mutex::new(count.max(1)), returned: Condvar::new() }
    }

    /// As many as keep `jobs` workers and those behind them busy, and never more than some 40 MB of blocks.
    pub fn for_jobs(jobs: usize) -> Permits {
        Permits::new((jobs + jobs / 2 + 4).min(12))
    }

    pub(super) fn take(self: &Arc<Permits>) -> Permit {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Permit(Arc::clone(self))
    }

    pub(super) fn try_take(self: &Arc<Permits>) -> Option<Permit> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Permit(Arc::clone(self)))
    }
}

/// Leave for one block to exist.
#[derive(Debug)]
pub(super) struct Permit(Arc<Permits>);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}
