//! The workshop: what every run works with.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::events::Events;
use crate::layer::Permits;
use crate::registry::{Door, Settings};
use crate::store::{House, Store};
use crate::workers::Workers;

/// The store, the threads, the door to registries, and who hears of progress.
///
/// Threads and connections are made when they are first needed. A clone is another handle to the same workshop.
#[derive(Debug, Clone)]
pub struct Workshop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    workers: Arc<Workers>,
    permits: OnceLock<Arc<Permits>>,
    door: Door,
    events: Events,
    /// What goes with the workshop: the folder of a store that is its own.
    house: Option<House>,
}

impl Workshop {
    /// A workshop with its store in `store` and `jobs` workers (0: one a core).
    ///
    /// # Errors
    ///
    /// If the store cannot be opened.
    pub fn open(store: &Path, jobs: usize, registries: Settings, events: Events) -> Result<Workshop, Error> {
        Ok(Workshop::with(Store::open(store)?, jobs, registries, events))
    }

    /// A workshop in which nothing is kept: its store is only looked at.
    pub fn look(store: &Path, jobs: usize, registries: Settings, events: Events) -> Workshop {
        Workshop::with(Store::look(store), jobs, registries, events)
    }

    /// A workshop that remembers nothing: its store is new and empty, and goes with it. It lies in the temporary folder of
    /// the store in `store`, or of this machine where there can be none.
    ///
    /// # Errors
    ///
    /// If no store can be made.
    pub fn apart(store: &Path, jobs: usize, registries: Settings, events: Events) -> Result<Workshop, Error> {
        let (apart, house) = Store::apart(store)?;
        let mut workshop = Workshop::with(apart, jobs, registries, events);
        if let Some(inner) = Arc::get_mut(&mut workshop.0) {
            inner.house = Some(house);
        }
        Ok(workshop)
    }

    fn with(store: Store, jobs: usize, registries: Settings, events: Events) -> Workshop {
        Workshop(Arc::new(Inner {
            store,
            permits: OnceLock::new(),
            workers: Arc::new(Workers::new(jobs)),
            door: Door::new(registries),
            events,
            house: None,
        }))
    }

    /// This machine's blobs and records.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// How many layers, and how many blocks, are worked on at once.
    pub fn jobs(&self) -> usize {
        self.0.workers.jobs()
    }

    /// The way to registries.
    pub fn door(&self) -> &Door {
        &self.0.door
    }

    /// Where progress is told.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    pub(crate) fn permits(&self) -> &Arc<Permits> {
        self.0.permits.get_or_init(|| Arc::new(Permits::for_jobs(self.jobs())))
    }

    /// The worker threads, not started yet if nothing has needed them.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.0.workers
    }

    /// The worker threads, started.
    ///
    /// # Errors
    ///
    /// If the system gives no more threads.
    pub fn pool(&self) -> Result<&rayon::ThreadPool, Error> {
        self.0.workers.pool()
    }
}
