//! Preparing: everything that decides the bytes, before any are made.

use std::sync::Arc;

use super::Options;
use super::scans::Scans;
use crate::base::{self, BaseImage, Wanted};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{self, Facts, Location, Nodes, Platform, Reference, Tree};
use crate::layer::{Codec, Contents};
use crate::registry::Traffic;
use crate::spec::{Base, BaseTree, Recipe, Workspace};
use crate::workshop::Workshop;

/// What others remember of the bases of a run's images, so that they need not be read.
pub trait Memory: Send + Sync {
    /// Facts about the base with this digest that the image at this place of the workspace needed before.
    fn facts(&self, place: usize, base: &Digest) -> Option<Facts>;

    /// Whether the paths of the base with this digest are at hand, so that nobody has to be asked.
    fn has_nodes(&self, base: &Digest) -> bool;

    /// The paths of the base with this digest.
    fn nodes(&self, place: usize, base: &Digest) -> Option<Nodes>;
}

/// A recipe with everything that decides its bytes.
#[derive(Debug)]
pub struct Prepared {
    /// The image's name.
    pub name: String,
    /// Whether it was asked for, or is only built on.
    pub requested: bool,
    /// The image for each platform.
    pub platforms: Vec<PreparedImage>,
    /// What the recipe changes in the config.
    pub config: image::ConfigEdits,
    /// Requests made for this image.
    pub traffic: Arc<Traffic>,
}

/// A prepared image for one platform.
#[derive(Debug)]
pub struct PreparedImage {
    /// The platform.
    pub platform: Platform,
    /// What it is built on.
    pub base: PreparedBase,
    /// Its layers, lowest first.
    pub layers: Vec<PreparedLayer>,
    /// The tree with the layers laid over the base.
    tree: Tree,
    /// The digest of the image that the tree's questions go to.
    ground: Option<Digest>,
}

/// What a prepared image is built on.
#[derive(Debug)]
pub enum PreparedBase {
    /// An image that is there.
    Image(BaseImage),
    /// An image of the same run: its place among the prepared, and the platform's place in it.
    Prepared(usize, usize),
}

/// A layer whose key is known.
#[derive(Debug, Clone)]
pub struct PreparedLayer {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Digest,
    /// How it is compressed.
    pub codec: Codec,
    /// What it holds.
    pub contents: Arc<Contents>,
}

impl PreparedImage {
    /// What the image's layers needed to know of the base at the bottom, for whoever makes them again: the base's
    /// digest and the facts. Nothing if nothing was asked, or too much.
    pub fn facts(&self) -> Option<String> {
        let ground = self.ground?;
        self.tree.facts().filter(|facts| !facts.is_empty()).map(|facts| format!("{ground} {facts}"))
    }

    /// The digest of the image at the bottom whose paths were read, if they are in the store.
    pub fn ground(&self) -> Option<Digest> {
        self.ground
    }
}

/// Scans contexts, reads bases, and gives every layer of every recipe its key.
///
/// # Errors
///
/// If a context or a base cannot be read, or a layer's entries contradict each other or the image below.
pub fn prepare(workshop: &Workshop, workspace: &Workspace, options: &Options) -> Result<Vec<Prepared>, Error> {
    let traffics: Vec<_> = workspace.recipes.iter().map(|_| Arc::default()).collect();
    let memory: Arc<dyn Memory> = Arc::new(super::NoMemory);
    prepare_with(workshop, workspace, options, &memory, &traffics)
}

/// The same with the help of what others remember of bases. `traffics` counts the requests for each
/// recipe.
///
/// # Errors
///
/// If a context or a base cannot be read, or a layer's entries contradict each other or the image below.
pub fn prepare_with(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    memory: &Arc<dyn Memory>,
    traffics: &[Arc<Traffic>],
) -> Result<Vec<Prepared>, Error> {
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut scans = Scans::default();
    for (recipe, &requested) in workspace.recipes.iter().zip(&workspace.requested) {
        let traffic = Arc::clone(&traffics[prepared.len()]);
        let wanted = if options.platforms.is_empty() { &recipe.platforms } else { &options.platforms };
        let bases = bases(workshop, recipe, wanted, options.locked, &prepared, &traffic)?;
        let platforms: Vec<Platform> = bases.iter().map(|(platform, _)| platform.clone()).collect();
        scans.add(workshop, recipe, &platforms, &options.outputs)?;
        let mut images = Vec::new();
        for (platform, base) in bases {
            let (mut tree, ground) = match (&base, recipe.base_tree) {
                (&PreparedBase::Prepared(below, at), _) => {
                    let below = &prepared[below].platforms[at];
                    (below.tree.clone(), below.ground)
                }
                (PreparedBase::Image(image), BaseTree::Read) => (
                    tree(workshop, recipe, image, memory, prepared.len()),
                    image.documents.named.as_ref().map(|(_, d)| *d),
                ),
                (PreparedBase::Image(_), BaseTree::Assume) => (Tree::new(), None),
            };
            let mut layers = Vec::new();
            for layer in recipe.layers.iter().filter(|layer| layer.is_for(&platform)) {
                let contents = scans
                    .lay(layer, &platform, &tree, options.epoch)
                    .map_err(|source| Error::layer(&recipe.name, layer, source))?;
                tree.apply(contents.entries());
                layers.push(PreparedLayer {
                    name: layer.name.clone(),
                    key: contents.key(layer.compression),
                    codec: layer.compression,
                    contents: Arc::new(contents),
                });
            }
            images.push(PreparedImage { platform, base, layers, tree, ground });
        }
        prepared.push(Prepared {
            name: recipe.name.clone(),
            requested,
            platforms: images,
            config: recipe.config.clone(),
            traffic,
        });
    }
    Ok(prepared)
}

/// The image below for the wanted platforms: those that the lock file pins by their digests, the others as they are now.
fn published_bases(
    workshop: &Workshop,
    recipe: &Recipe,
    location: &Location,
    name: &str,
    wanted: &[Platform],
    locked: bool,
    traffic: &Arc<Traffic>,
) -> Result<Vec<BaseImage>, Error> {
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

/// The tree of a base: what the memory knows of it, and its paths should they be needed.
fn tree(workshop: &Workshop, recipe: &Recipe, image: &BaseImage, memory: &Arc<dyn Memory>, place: usize) -> Tree {
    let Some((_, digest)) = image.documents.named else { return Tree::new() };
    // With the paths at hand nobody needs to be asked.
    let at_hand = workshop.store().has_tree(&digest) || memory.has_nodes(&digest);
    let facts = if at_hand { None } else { memory.facts(place, &digest) };
    let (workshop, image, memory, name) = (workshop.clone(), image.clone(), Arc::clone(memory), recipe.name.clone());
    let load = move || -> Result<Nodes, Error> {
        if let Some(nodes) = workshop.store().tree(&digest) {
            return Ok(nodes);
        }
        if let Some(nodes) = memory.nodes(place, &digest) {
            return Ok(nodes);
        }
        base::nodes(&workshop, &image).map_err(|error| Error::Base {
            image: name.clone(),
            base: image.name().to_owned(),
            source: Box::new(error),
        })
    };
    Tree::lazily(facts.unwrap_or_default(), Box::new(move || Ok(load()?)))
}

fn in_base(recipe: &Recipe, base: &str, source: Error) -> Error {
    Error::Base { image: recipe.name.clone(), base: base.to_owned(), source: Box::new(source) }
}

/// The base of a recipe for each platform.
fn bases(
    workshop: &Workshop,
    recipe: &Recipe,
    wanted: &[Platform],
    locked: bool,
    prepared: &[Prepared],
    traffic: &Arc<Traffic>,
) -> Result<Vec<(Platform, PreparedBase)>, Error> {
    let fallback = [Platform::fallback()];
    match &recipe.base {
        Base::Scratch => {
            let wanted = if wanted.is_empty() { &fallback[..] } else { wanted };
            Ok(wanted.iter().map(|p| (p.clone(), PreparedBase::Image(BaseImage::scratch(p)))).collect())
        }
        Base::Image { location, name } => {
            let images = published_bases(workshop, recipe, location, name, wanted, locked, traffic)
                .map_err(|source| in_base(recipe, name, source))?;
            // What the user asked for names the platform; a base may state a variant that means the same.
            let named =
                |index: usize, image: &BaseImage| wanted.get(index).cloned().unwrap_or_else(|| image.platform.clone());
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
