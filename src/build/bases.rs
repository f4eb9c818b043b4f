//! Bases: the image below a recipe, for each platform it is made for.

use std::sync::Arc;

use super::prepare::{Prepared, PreparedBase};
use crate::base::{self, BaseImage, Wanted};
use crate::error::Error;
use crate::image::{self, Location, Platform, Reference};
use crate::registry::Traffic;
use crate::spec::{Base, Recipe};
use crate::workshop::Workshop;

/// How bases are found for a recipe.
pub(crate) struct Bases<'a> {
    pub workshop: &'a Workshop,
    pub recipe: &'a Recipe,
    /// Whether every one has to be pinned.
    pub locked: bool,
    pub traffic: &'a Arc<Traffic>,
    pub prepared: &'a [Prepared],
}

impl Bases<'_> {
    /// The image below for the wanted platforms: those that the lock file pins by their digests, the others as they are now.
    pub fn published(&self, location: &Location, name: &str, wanted: &[Platform]) -> Result<Vec<BaseImage>, Error> {
        let &Bases { workshop, recipe, locked, traffic, .. } = self;
        let unpinned = |platforms: &[Platform]| {
            let which = if platforms.is_empty() { Wanted::Default } else { Wanted::These(platforms) };
            base::resolve(workshop, location, name, which, traffic)
        };
        let Location::Registry(reference) = location else { return unpinned(wanted) };
        if reference.digest.is_some() {
            return unpinned(wanted);
        }
        let pinned = |platform: Option<&Platform>| -> Result<Option<BaseImage>, Error> {
            let Some((platform, digest)) = recipe.lock.as_ref().and_then(|lock| lock.pin(name, platform)) else {
                return Ok(None);
            };
            let pinned = Location::Registry(Reference { digest: Some(digest), ..reference.clone() });
            let which = Wanted::These(std::slice::from_ref(&platform));
            Ok(base::resolve(workshop, &pinned, name, which, traffic)?.pop())
        };
        let or_now = |platforms: &[Platform]| {
            if locked {
                let platform = platforms.first().map(|platform| format!(" for {platform}")).unwrap_or_default();
                let message = format!("`{name}` is not in `{}`{platform}", crate::spec::LOCK_FILE);
                return Err(Error::request(message, "run `tarsia lock` and commit the file"));
            }
            unpinned(platforms)
        };
        if wanted.is_empty() {
            return pinned(None)?.map_or_else(|| or_now(&[]), |image| Ok(vec![image]));
        }
        let mut images = Vec::new();
        for platform in wanted {
            images.push(pinned(Some(platform))?);
        }
        // The others are asked for together: one answer for all of them, whatever happens to the tag meanwhile.
        let open = wanted.iter().zip(&images).filter(|(_, image)| image.is_none());
        let open: Vec<Platform> = open.map(|(platform, _)| platform.clone()).collect();
        let mut now = if open.is_empty() { Vec::new() } else { or_now(&open)? }.into_iter();
        Ok(images.into_iter().filter_map(|image| image.or_else(|| now.next())).collect())
    }

    /// Whether a registry will be asked for the base of the first of the wanted platforms: it is not known here, and not
    /// refused for want of a pin.
    pub fn will_ask(&self, wanted: &[Platform]) -> bool {
        let &Bases { workshop, recipe, locked, .. } = self;
        let first = wanted.first();
        let below = recipe.stage.as_ref().map(|stage| stage.base(first).map(|below| below.base));
        let base = match &below {
            Some(Ok(base)) => base,
            Some(Err(_)) => return false,
            None => &recipe.base,
        };
        let Base::Image { location: Location::Registry(reference), name } = base else { return false };
        let pin = || Some(recipe.lock.as_ref()?.pin(name, first)?.1);
        match reference.digest.or_else(pin) {
            Some(digest) => workshop.store().known_document(&digest).is_none(),
            None => !locked,
        }
    }

    /// The base of the recipe for each of the wanted platforms; for those that it is for by itself if none is named.
    pub fn find(&self, wanted: &[Platform]) -> Result<Vec<(Platform, PreparedBase)>, Error> {
        let Some(stage) = &self.recipe.stage else { return self.find_as(&self.recipe.base, wanted) };
        if wanted.is_empty() {
            let below = stage.base(None)?;
            return self.find_as(&below.base, below.platform.as_slice());
        }
        let mut found = Vec::new();
        let mut rest = wanted;
        while let Some(first) = rest.first() {
            let below = stage.base(Some(first))?;
            // Platforms with the same base are asked for together.
            let mut count = 0;
            for platform in rest {
                let other = stage.base(Some(platform))?;
                if let Some(named) = other.platform.filter(|named| !platform.accepts(named)) {
                    return Err(Error::request(
                        format!(
                            "the image `{}` is asked for for {platform}, but its FROM names {named}",
                            self.recipe.name
                        ),
                        "write --platform=$TARGETPLATFORM there, or leave it out",
                    ));
                }
                if other.base != below.base {
                    break;
                }
                count += 1;
            }
            let (same, others) = rest.split_at(count.max(1));
            found.extend(self.find_as(&below.base, same)?);
            rest = others;
        }
        Ok(found)
    }

    fn find_as(&self, base: &Base, wanted: &[Platform]) -> Result<Vec<(Platform, PreparedBase)>, Error> {
        let &Bases { recipe, prepared, .. } = self;
        let fallback = [Platform::fallback()];
        match base {
            Base::Scratch => {
                let wanted = if wanted.is_empty() { &fallback[..] } else { wanted };
                Ok(wanted.iter().map(|p| (p.clone(), PreparedBase::Image(BaseImage::scratch(p)))).collect())
            }
            Base::Image { location, name } => {
                let images = self.published(location, name, wanted).map_err(|source| in_base(recipe, name, source))?;
                // What the user asked for names the platform; a base may state a variant that means the same.
                let named = |index: usize, image: &BaseImage| {
                    wanted.get(index).cloned().unwrap_or_else(|| image.platform.clone())
                };
                let images = images.into_iter().enumerate();
                Ok(images.map(|(index, image)| (named(index, &image), PreparedBase::Image(image))).collect())
            }
            Base::Recipe(name) => {
                let place = prepared.iter().position(|other| other.name == *name).ok_or_else(|| {
                    Error::request(
                        format!("the image `{}` is built on `{name}`, which is not part of this run", recipe.name),
                        "put the recipe of the base before it",
                    )
                })?;
                let below = &prepared[place].platforms;
                if wanted.is_empty() {
                    let all = below.iter().enumerate();
                    return Ok(all
                        .map(|(at, image)| (image.platform.clone(), PreparedBase::Prepared(place, at)))
                        .collect());
                }
                let find = |platform: &Platform| {
                    let at = below.iter().position(|image| platform.accepts(&image.platform)).ok_or_else(|| {
                        let offered: Vec<String> = below.iter().map(|image| image.platform.to_string()).collect();
                        let error =
                            image::ImageError::Platform { wanted: platform.to_string(), offered: offered.join(", ") };
                        in_base(recipe, name, error.into())
                    })?;
                    Ok((platform.clone(), PreparedBase::Prepared(place, at)))
                };
                wanted.iter().map(find).collect()
            }
        }
    }
}

pub(super) fn in_base(recipe: &Recipe, base: &str, source: Error) -> Error {
    Error::Base { image: recipe.name.clone(), base: base.to_owned(), source: Box::new(source) }
}
