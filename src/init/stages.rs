//! Stages: those that the image is made of, and those that it copies from, each for its platforms.

use std::sync::Arc;

use crate::base::BaseImage;
use crate::build::{Bases, PreparedBase};
use crate::error::Error;
use crate::image::{Config, Platform};
use crate::registry::Traffic;
use crate::spec::dockerfile::{Evaluated, Stage};
use crate::spec::{Base, CopyFrom, LayerContent, Recipe, SpecError};
use crate::workshop::Workshop;

/// A stage whose image gets a spec.
#[derive(Debug)]
pub(super) struct Planned {
    pub stage: Stage,
    /// The image for each platform, and for each that it is built for on the way to another.
    pub images: Vec<PlannedImage>,
    /// Whether something copies from it that is for another platform.
    is_elsewhere: bool,
}

#[derive(Debug)]
pub(super) struct PlannedImage {
    /// Its own platform.
    pub platform: Platform,
    /// The platform of the image that is wanted in the end: ARGs speak of it.
    pub target: Platform,
    pub base: Base,
    /// The base's config.
    pub below: Config,
    pub evaluated: Evaluated,
}

/// Finds bases as a build does.
pub(super) struct Planning<'a> {
    workshop: &'a Workshop,
    recipe: &'a Recipe,
    traffic: Arc<Traffic>,
}

impl<'a> Planning<'a> {
    pub fn new(workshop: &'a Workshop, recipe: &'a Recipe) -> Planning<'a> {
        Planning { workshop, recipe, traffic: Arc::default() }
    }

    fn bases(&self) -> Bases<'_> {
        let Planning { workshop, recipe, traffic } = self;
        Bases { workshop, recipe, locked: false, traffic, prepared: &[] }
    }

    /// The stage, first, and all that are copied from.
    pub fn plan(&self, stage: &Stage, platforms: &[Platform]) -> Result<Vec<Planned>, Error> {
        let mut wanted: Vec<Platform> = Vec::new();
        for platform in platforms {
            if !wanted.contains(platform) {
                wanted.push(platform.clone());
            }
        }
        let mut images = Vec::new();
        for (platform, base) in self.bases().find(&wanted)? {
            let PreparedBase::Image(image) = base else { continue };
            let named = wanted.contains(&platform).then_some(&platform);
            let base = stage.base(named)?.base;
            images.push(evaluate(stage, platform.clone(), &platform, base, image.documents.config)?);
        }
        let mut planned = vec![Planned { stage: stage.clone(), images, is_elsewhere: false }];
        let mut todo: Vec<(usize, usize)> = (0..planned[0].images.len()).map(|at| (0, at)).rev().collect();
        while let Some((of, at)) = todo.pop() {
            let image = &planned[of].images[at];
            let (platform, target) = (image.platform.clone(), image.target.clone());
            let copied: Vec<Stage> =
                image.evaluated.layers.iter().filter_map(|layer| copied_stage(&layer.content)).collect();
            for stage in copied {
                todo.extend(self.add(&mut planned, stage, &platform, &target)?);
            }
        }
        Ok(planned)
    }

    /// Adds what an image for `platform` copies from; answers its place if it is new.
    fn add(
        &self,
        planned: &mut Vec<Planned>,
        stage: Stage,
        platform: &Platform,
        target: &Platform,
    ) -> Result<Option<(usize, usize)>, Error> {
        let below = stage.base(Some(target))?;
        let own = below.platform.unwrap_or_else(|| target.clone());
        let of = match planned.iter().skip(1).position(|other| other.stage.identity() == stage.identity()) {
            Some(found) => found + 1,
            None => {
                planned.push(Planned { stage: stage.clone(), images: Vec::new(), is_elsewhere: false });
                planned.len() - 1
            }
        };
        planned[of].is_elsewhere |= own != *platform;
        if planned[of].images.iter().any(|image| image.platform == own && image.target == *target) {
            return Ok(None);
        }
        let config = match &below.base {
            Base::Image { location, name } => {
                let found = self.bases().published(location, name, std::slice::from_ref(&own));
                let image: Option<BaseImage> = found
                    .map_err(|source| Error::Base {
                        image: self.recipe.name.clone(),
                        base: name.clone(),
                        source: Box::new(source),
                    })?
                    .pop();
                image.map_or_else(|| Config::scratch(&own), |image| image.documents.config)
            }
            _ => Config::scratch(&own),
        };
        let image = evaluate(&stage, own, target, below.base, config)?;
        planned[of].images.push(image);
        Ok(Some((of, planned[of].images.len() - 1)))
    }
}

fn evaluate(
    stage: &Stage,
    platform: Platform,
    target: &Platform,
    base: Base,
    below: Config,
) -> Result<PlannedImage, SpecError> {
    let evaluated = stage.evaluate(target, &below)?;
    Ok(PlannedImage { platform, target: target.clone(), base, below, evaluated })
}

fn copied_stage(content: &LayerContent) -> Option<Stage> {
    match content {
        LayerContent::Copy { from: CopyFrom::Stage(stage), .. } => Some(stage.clone()),
        _ => None,
    }
}

/// What stands for `stage` in the spec of an image that is built for `target`.
pub(super) fn copied(
    planned: &[Planned],
    names: &[String],
    stage: &Stage,
    target: &Platform,
) -> Result<CopyFrom, Error> {
    let named = planned.iter().zip(names).skip(1).find(|(other, _)| other.stage.identity() == stage.identity());
    let (is_elsewhere, name) = named.map(|(planned, name)| (planned.is_elsewhere, name.clone())).unwrap_or_default();
    let own = stage.base(Some(target))?.platform.unwrap_or_else(|| target.clone());
    Ok(CopyFrom::Recipe { name, platform: is_elsewhere.then_some(own) })
}
