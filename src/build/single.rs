//! Single layers: some of a recipe's, each over an image that is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Options;
use super::bases::Bases;
use super::laying::Laying;
use super::prepare::{Memory, PreparedLayer};
use super::python::Grounds;
use super::scans::Scans;
use crate::error::Error;
use crate::image::{DEFAULT_PATH, Platform};
use crate::layer::Stack;
use crate::registry::Traffic;
use crate::spec::{LayerRecipe, Recipe};
use crate::workshop::Workshop;

/// Lays layers of a recipe one by one. Each context is scanned once, when the first layer that needs it is laid.
pub(crate) struct Single<'a> {
    pub workshop: &'a Workshop,
    /// The recipe, for what its messages name and its lock pins.
    pub recipe: &'a Recipe,
    pub options: &'a Options,
    pub traffic: &'a Arc<Traffic>,
    /// The `PATH` of the image.
    pub search_path: String,
    scans: Scans,
}

impl<'a> Single<'a> {
    pub fn new(
        workshop: &'a Workshop,
        recipe: &'a Recipe,
        options: &'a Options,
        traffic: &'a Arc<Traffic>,
    ) -> Single<'a> {
        let search_path = DEFAULT_PATH.to_owned();
        Single { workshop, recipe, options, traffic, search_path, scans: Scans::default() }
    }

    /// Lays one layer over `stack`, where it is left. Nothing if it changes nothing.
    ///
    /// # Errors
    ///
    /// Whatever laying reports.
    pub fn lay(
        &mut self,
        layer: &LayerRecipe,
        platform: &Platform,
        stack: &mut Stack,
    ) -> Result<Option<PreparedLayer>, Error> {
        let Single { workshop, recipe, options, traffic, .. } = *self;
        let layers = std::slice::from_ref(layer);
        self.scans.add(workshop, &recipe.name, layers, std::slice::from_ref(platform), &options.outputs)?;
        let bases = Bases { workshop, recipe, locked: options.locked, traffic, prepared: &[] };
        let memory: Arc<dyn Memory> = Arc::new(super::NoMemory);
        let mut laying = Laying::new(bases, &memory, 0, &self.scans, options);
        laying.search_path.clone_from(&self.search_path);
        Ok(laying.lay_all(layers, platform, stack)?.pop())
    }

    /// The names of the layers that wheels are split into over `stack`.
    ///
    /// # Errors
    ///
    /// Whatever choosing them reports.
    pub fn parts(&self, layer: &LayerRecipe, platform: &Platform, stack: &Stack) -> Result<Vec<String>, Error> {
        self.with_laying(|laying| laying.parts(layer, platform, stack))
    }

    /// What the laying of a layer's distributions, of these names, depends on in the image below; nothing for another layer.
    ///
    /// # Errors
    ///
    /// If there is no place for them in it, or it cannot be read.
    pub fn grounds(
        &self,
        layer: &LayerRecipe,
        names: &BTreeSet<String>,
        platform: &Platform,
        stack: &Stack,
    ) -> Result<Option<Grounds>, Error> {
        self.with_laying(|laying| laying.grounds(layer, names, platform, stack))
    }

    fn with_laying<T>(&self, ask: impl FnOnce(&Laying<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let Single { workshop, recipe, options, traffic, .. } = *self;
        let bases = Bases { workshop, recipe, locked: options.locked, traffic, prepared: &[] };
        let memory: Arc<dyn Memory> = Arc::new(super::NoMemory);
        let mut laying = Laying::new(bases, &memory, 0, &self.scans, options);
        laying.search_path.clone_from(&self.search_path);
        ask(&laying)
    }
}
