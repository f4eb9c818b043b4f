//! The worker threads, started when there is work for several.

use std::sync::OnceLock;

use crate::error::Error;

/// How many workers there are at most. One layer is digested by one thread, which more than these only outrun; and each
/// has buffers of its own.
const MOST_JOBS: usize = 8;

/// Threads for work that the processor bounds. Whoever has little of it does it alone: starting the threads takes longer
/// than to look at a thousand files.
#[derive(Debug)]
pub struct Workers {
    /// How many were asked for; 0: one a core.
    asked: usize,
    jobs: OnceLock<usize>,
    pool: OnceLock<rayon::ThreadPool>,
}

impl Workers {
    /// So many workers (0: one a core), none of which is started yet.
    pub fn new(jobs: usize) -> Workers {
        Workers { asked: jobs, jobs: OnceLock::new(), pool: OnceLock::new() }
    }

    /// How many they are.
    pub fn jobs(&self) -> usize {
        // How many cores a process may use is told by half a dozen files.
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        *self.jobs.get_or_init(|| if self.asked == 0 { cores() } else { self.asked }.min(MOST_JOBS))
    }

    /// The threads.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn pool(&self) -> Result<&rayon::ThreadPool, Error> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs())
            .thread_name(|index| format!("worker {index}"))
            // A task that panics has sent no answer, and that is how whoever waits for it learns of it.
            .panic_handler(|_| {})
            .build()
            .map_err(|error| Error::Threads(error.to_string()))?;
        Ok(self.pool.get_or_init(|| pool))
    }

    /// The threads for work that whoever asks can do as well, only slower: nothing if it would be one thread, or there
    /// can be none.
    pub(crate) fn help(&self) -> Option<&rayon::ThreadPool> {
        if self.jobs() > 1 { self.pool().ok() } else { None }
    }
}
