//! What a run tells while it works. The library prints nothing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that takes a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Looking at the files of a context.
    Scan {
        /// The context.
        context: String,
    },
    /// Computing the base tree of an image; its layers are read once.
    ReadBase {
        /// The base.
        base: String,
    },
    /// Packing and compressing a layer.
    Assemble {
        /// The image.
        image: String,
        /// The layer.
        layer: String,
    },
    /// Fetching a layer of a base.
    Fetch {
        /// The base.
        base: String,
        /// The layer's digest, short.
        layer: String,
    },
    /// Fetching a file of the web.
    Download {
        /// Its address.
        url: String,
    },
    /// Unpacking a local archive.
    Unpack {
        /// The archive.
        archive: String,
    },
    /// Comparing two layers.
    Compare {
        /// The layer's name, or its digest, short.
        layer: String,
    },
    /// Sending a layer.
    Upload {
        /// The layer's name, or its digest, short.
        layer: String,
        /// To where.
        repository: String,
    },
    /// Writing a layout or an archive.
    Write {
        /// To where.
        output: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A task began.
    Begin {
        /// Its number, unique in the run.
        id: u64,
        /// What it is.
        task: Task,
        /// How many bytes it is about; 0 if that is not known.
        total: u64,
    },
    /// A task is further on.
    Advance {
        /// Its number.
        id: u64,
        /// How many bytes were done since last told.
        bytes: u64,
    },
    /// A task ended, well or not.
    End {
        /// Its number.
        id: u64,
    },
    /// Something worth knowing that is no error.
    Note(String),
}

/// Hears of events, from any thread.
pub trait Listener: Send + Sync {
    /// Is told of an event. Must return soon.
    fn hear(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Listener for F {
    fn hear(&self, event: Event) {
        self(event);
    }
}

/// Tells one listener, numbering tasks.
#[derive(Clone)]
pub struct Events {
    listener: Arc<dyn Listener>,
    next: Arc<AtomicU64>,
    /// What was told once.
    told: Arc<Mutex<BTreeSet<String>>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    /// Events for `listener`.
    pub fn to(listener: Arc<dyn Listener>) -> Events {
        Events { listener, next: Arc::new(AtomicU64::new(0)), told: Arc::default() }
    }

    /// Events that nobody hears.
    pub fn silent() -> Events {
        Events::to(Arc::new(|_| {}))
    }

    /// Begins a task; it ends when the value is dropped.
    pub fn begin(&self, task: Task, total: u64) -> Running {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.listener.hear(Event::Begin { id, task, total });
        Running { listener: Arc::clone(&self.listener), id }
    }

    /// Tells something worth knowing, unless the same was told in this way before: several platforms may come upon it.
    pub fn note_once(&self, text: String) {
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.note(text);
        }
    }

    /// Tells something worth knowing.
    pub fn note(&self, text: impl Into<String>) {
        self.listener.hear(Event::Note(text.into()));
    }
}

/// A task under way.
pub struct Running {
    listener: Arc<dyn Listener>,
    id: u64,
}

impl Running {
    /// So many more bytes are done.
    pub fn advance(&self, bytes: u64) {
        self.listener.hear(Event::Advance { id: self.id, bytes });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.hear(Event::End { id: self.id });
    }
}
