//! The contexts of a run, each scanned once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Options;
use crate::context::{Context, Scanned, digest_files};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::Platform;
use crate::layer::{Contents, Placement, Stack, place, place_inline};
use crate::spec::{LayerContent, LayerRecipe, Recipe};
use crate::workshop::Workshop;

/// What identifies a scan: several images and platforms may lay the same files.
type ScanKey = (PathBuf, Vec<u8>, Vec<String>);

/// Whether this machine has never scanned any context of a recipe that has some: then none of their layers is known
/// here.
pub fn is_new(workshop: &Workshop, recipe: &Recipe, options: &Options) -> bool {
    let fallback = [Platform::fallback()];
    let wanted = if options.platforms.is_empty() { &recipe.platforms } else { &options.platforms };
    let platforms = if wanted.is_empty() { &fallback[..] } else { &wanted[..] };
    let keys =
        || platforms.iter().flat_map(|platform| recipe.layers.iter().map(move |layer| scan_key(layer, platform)));
    let is_here = |(path, from, exclude): ScanKey| workshop.store().context_index(&path, &from, &exclude).path.exists();
    keys().any(|key| key.is_some()) && !keys().flatten().any(is_here)
}

/// The contexts of a run, each scanned once.
#[derive(Default)]
pub(super) struct Scans(BTreeMap<ScanKey, Scan>);

struct Scan {
    scanned: Arc<Scanned>,
    digests: Vec<Option<Digest>>,
}

fn scan_key(layer: &LayerRecipe, platform: &Platform) -> Option<ScanKey> {
    match &layer.content {
        LayerContent::Context { from, exclude, .. } => {
            Some((layer.content.context_path(platform)?, from.clone(), exclude.clone()))
        }
        LayerContent::Entries(_)
        | LayerContent::Copy { .. }
        | LayerContent::Steps { .. }
        | LayerContent::Wheels(_)
        | LayerContent::Package(_)
        | LayerContent::Run => None,
    }
}

impl Scans {
    /// Scans the contexts of an image's layers that are not scanned yet.
    pub(super) fn add(
        &mut self,
        workshop: &Workshop,
        image: &str,
        layers: &[LayerRecipe],
        platforms: &[Platform],
        outputs: &[PathBuf],
    ) -> Result<(), Error> {
        let mut new: BTreeMap<ScanKey, &LayerRecipe> = BTreeMap::new();
        for platform in platforms {
            for layer in layers.iter().filter(|layer| layer.is_for(platform)) {
                if let Some(key) = scan_key(layer, platform).filter(|key| !self.0.contains_key(key)) {
                    new.entry(key).or_insert(layer);
                }
            }
        }
        for (key, layer) in new {
            let scan = scan(workshop, &key, outputs).map_err(|error| Error::layer(image, layer, error.into()))?;
            self.0.insert(key, scan);
        }
        Ok(())
    }

    /// Lays a layer whose context was scanned over `stack`.
    pub(super) fn lay(
        &self,
        layer: &LayerRecipe,
        platform: &Platform,
        stack: &Stack,
        epoch: i64,
    ) -> Result<Contents, crate::layer::Error> {
        let owner = stack.owner(&layer.owner)?;
        let mtime = layer.mtime.unwrap_or(epoch);
        let mut placement = Placement { to: Vec::new(), owner, modes: layer.modes, mtime };
        match (&layer.content, scan_key(layer, platform).and_then(|key| self.0.get(&key))) {
            (LayerContent::Context { from, to, .. }, Some(Scan { scanned, digests })) => {
                placement.to.clone_from(to);
                place(from, scanned, digests, &placement, stack.tree())
            }
            (LayerContent::Entries(entries), _) => place_inline(entries, &placement, stack),
            _ => unreachable!("every context of the recipe was scanned, and nothing else is asked for here"),
        }
    }
}

fn scan(
    workshop: &Workshop,
    (path, from, exclude): &ScanKey,
    outputs: &[PathBuf],
) -> Result<Scan, crate::context::Error> {
    let _running = workshop.events().begin(Task::Scan { context: path.display().to_string() }, 0);
    let context = Context::open(path, exclude)?;
    for output in outputs {
        context.refuse_output(from, output)?;
    }
    let found = context.scan(from, workshop.workers())?;
    let index = workshop.store().context_index(path, from, exclude);
    let digests = digest_files(&context, &found, Some(&index), workshop.workers())?;
    Ok(Scan { scanned: Arc::new(Scanned::new(&context, found)), digests })
}
