//! Layers: those that are known, and those that have to be assembled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Options, Prepared, PreparedLayer, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{Layer, Repository};
use crate::layer::{Listing, Previous, assemble_over};
use crate::store::{NewBlob, Store};
use crate::workshop::Workshop;

/// A layer that need not be assembled, or was.
#[derive(Debug, Clone)]
pub struct Known {
    /// The layer.
    pub layer: Layer,
    /// What became of it.
    pub status: Status,
    /// Whether its blob is in the store.
    pub here: bool,
    /// Repositories that are said to have its blob.
    pub holders: Vec<Repository>,
}

impl Known {
    /// A layer that was just assembled.
    pub fn built(layer: Layer) -> Known {
        Known { layer, status: Status::Built, here: true, holders: Vec::new() }
    }
}

/// Layers by key.
pub type Layers = BTreeMap<Digest, Known>;

/// The layers that records of this machine answer for, whether their blobs are here or not.
pub fn recorded_layers(workshop: &Workshop, prepared: &[Prepared], options: &Options) -> Layers {
    let mut known = Layers::new();
    if options.no_cache {
        return known;
    }
    for layer in all_layers(prepared) {
        if known.contains_key(&layer.key) {
            continue;
        }
        if let Some(recorded) = workshop.store().record(&layer.key) {
            let here = workshop.store().has_blob(&recorded.digest, recorded.size);
            let layer = Layer { name: layer.name.clone(), ..recorded };
            known.insert(layer.key, Known { layer, status: Status::Reused, here, holders: Vec::new() });
        }
    }
    known
}

pub(crate) fn all_layers(prepared: &[Prepared]) -> impl Iterator<Item = &PreparedLayer> {
    prepared.iter().flat_map(|image| &image.platforms).flat_map(|image| &image.layers)
}

/// Hears of layers that are being assembled, from several threads.
pub trait Audience: Sync {
    /// A layer is about to be written into `blob`. Who wants to read along says so now.
    fn begun(&self, _layer: &PreparedLayer, _blob: &mut NewBlob<'_>) {}

    /// A layer lies in the store. If this answers false, the others are given up.
    fn done(&self, layer: Layer) -> bool;
}

impl<F: Fn(Layer) -> bool + Sync> Audience for F {
    fn done(&self, layer: Layer) -> bool {
        self(layer)
    }
}

/// Assembles every layer that is not in `layers`, several at once, and tells the audience.
///
/// # Errors
///
/// The first failure; what was finished before it stays in the store.
pub fn assemble(
    workshop: &Workshop,
    prepared: &[Prepared],
    layers: &Layers,
    audience: &dyn Audience,
) -> Result<(), Error> {
    let mut missing: Vec<(&str, &PreparedLayer)> = Vec::new();
    let mut seen = BTreeSet::new();
    for image in prepared {
        for layer in image.platforms.iter().flat_map(|platform| &platform.layers) {
            if !layers.contains_key(&layer.key) && seen.insert(layer.key) {
                missing.push((&image.name, layer));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    // The largest first: the last one to end then ends soonest.
    missing.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.contents.size()));
    let pool = workshop.pool()?;
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failure: Mutex<Option<Error>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workshop.jobs().min(missing.len()) {
            scope.spawn(|| {
                while let Some((image, layer)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let go_on = match assemble_one(workshop, pool, image, layer, audience) {
                        Ok(layer) => audience.done(layer),
                        Err(error) => {
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                            false
                        }
                    };
                    if !go_on {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Assembles a layer of the image of this name. The audience is told that it begins.
pub(crate) fn assemble_one(
    workshop: &Workshop,
    pool: &rayon::ThreadPool,
    image: &str,
    layer: &PreparedLayer,
    audience: &dyn Audience,
) -> Result<Layer, Error> {
    let store = workshop.store();
    let task = Task::Assemble { image: image.to_owned(), layer: layer.name.clone() };
    let running = workshop.events().begin(task, layer.contents.plain_size());
    let failed = |source| Error::Layer {
        span: None,
        image: image.to_owned(),
        layer: layer.name.clone(),
        source: Box::new(source),
    };
    let mut blob = store.new_blob()?;
    audience.begun(layer, &mut blob);
    let previous = previous(store, image, layer);
    let advance = |bytes| running.advance(bytes);
    let assembled =
        assemble_over(previous, &layer.contents, layer.codec, pool, workshop.permits(), &mut blob, &advance)
            .map_err(failed)?;
    blob.commit(&assembled.digest)?;
    let listing = Listing::encode(layer.codec, layer.contents.entries(), &assembled.extents).map_err(failed)?;
    let finished = Layer {
        name: layer.name.clone(),
        key: layer.key,
        diff_id: assembled.diff_id,
        digest: assembled.digest,
        size: assembled.size,
        media_type: layer.codec.media_type().to_owned(),
    };
    store.put_record(&finished, Some(&listing))?;
    store.set_latest(image, &layer.platform, &layer.name, &layer.key)?;
    Ok(finished)
}

/// The version of the layer that this machine assembled last, if all of it is still here.
fn previous(store: &Store, image: &str, layer: &PreparedLayer) -> Option<Previous> {
    let key = store.latest(image, &layer.platform, &layer.name).filter(|_| !layer.anew)?;
    let last = store.record(&key)?;
    let blob = store.open_blob(&last.digest, last.size).ok().flatten()?;
    Previous::new(&key, layer.codec, store.listing(&key)?, blob)
}
