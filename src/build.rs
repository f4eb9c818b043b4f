//! Building: recipes in, images out.
//!
//! Three steps, each a value that can be looked at before the next: [`prepare`] scans the contexts and gives every
//! layer its key; [`assemble`] makes the layers that nothing known answers for; [`compose`] writes the documents.

mod bases;
mod compose;
mod layers;
mod laying;
mod prepare;
mod python;
mod scans;
mod single;
mod supply;

pub(crate) use bases::Bases;
pub use compose::{Built, BuiltImage, BuiltLayer, compose};
pub(crate) use layers::{Audience, assemble_one};
pub use layers::{Known, Layers, assemble, recorded_layers};
pub(crate) use laying::ImageFiles;
pub use prepare::{Memory, Prepared, PreparedBase, PreparedImage, PreparedLayer, prepare, prepare_with};
pub(crate) use python::Grounds;
pub(crate) use scans::is_new;
pub(crate) use single::Single;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Facts, Nodes, Platform};
use crate::python::Remembered;
use crate::spec::Workspace;
use crate::workshop::Workshop;

/// What a run may decide beside the recipes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time of all entries and documents, in seconds since 1970.
    pub epoch: i64,
    /// Builds for these platforms instead of the recipes'.
    pub platforms: Vec<Platform>,
    /// Assembles every layer, whatever is known.
    pub no_cache: bool,
    /// Where the run writes: no context may hold these, or each run would pack what the last one wrote.
    pub outputs: Vec<PathBuf>,
    /// Uses no base that is not pinned, by a digest in its reference or by the lock file.
    pub locked: bool,
}

/// What became of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is the base's.
    Base,
    /// It was known.
    Reused,
    /// It was assembled.
    Built,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Uploaded,
}

impl Status {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Status::Base => "base",
            Status::Reused => "reused",
            Status::Built => "built",
            Status::Mounted => "mounted",
            Status::Uploaded => "uploaded",
        }
    }
}

/// A memory that holds nothing but what this machine's store does.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn facts(&self, _: usize, _: &Digest) -> Option<Facts> {
        None
    }

    fn has_nodes(&self, _: &Digest) -> bool {
        false
    }

    fn nodes(&self, _: usize, _: &Digest) -> Option<Nodes> {
        None
    }

    fn distributions(&self, _: usize, _: &str) -> Option<Arc<Remembered>> {
        None
    }
}

/// Prepares, assembles and composes; nothing leaves the machine.
///
/// # Errors
///
/// Whatever the three steps report.
pub fn build(workshop: &Workshop, workspace: &Workspace, options: &Options) -> Result<Vec<Built>, Error> {
    let prepared = prepare(workshop, workspace, options)?;
    let mut layers = recorded_layers(workshop, &prepared, options);
    // What a repository said of a layer is not this machine's own work.
    layers.retain(|key, known| known.here && workshop.store().has_listing(key));
    let assembled = Mutex::new(Vec::new());
    assemble(workshop, &prepared, &layers, &|layer| {
        assembled.lock().unwrap_or_else(PoisonError::into_inner).push(layer);
        true
    })?;
    for layer in assembled.into_inner().unwrap_or_else(PoisonError::into_inner) {
        layers.insert(layer.key, Known::built(layer));
    }
    Ok(compose(&prepared, &layers, options).into_iter().flatten().collect())
}
