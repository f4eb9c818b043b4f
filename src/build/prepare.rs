//! Preparing: everything that decides the bytes, before any are made.

use std::sync::Arc;

use super::Options;
use super::bases::Bases;
use super::laying::Laying;
use super::scans::Scans;
use crate::base::BaseImage;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{self, Facts, Nodes, Platform, Tree};
use crate::layer::{Codec, Contents, NoFiles, Stack};
use crate::python::{Laid, Remembered, Replacement};
use crate::registry::Traffic;
use crate::spec::{Base, BaseTree, CopyFrom, LayerContent, LayerRecipe, Workspace};
use crate::workshop::Workshop;

/// What others remember of the bases of a run's images, so that they need not be read.
pub trait Memory: Send + Sync {
    /// Told when a registry is about to be asked for a base, or else when the first image's contexts have been read: what
    /// will have to be asked for may be asked for from then on. What is wrong with a run is found out before.
    fn look_ahead(&self) {}

    /// Facts about the base with this digest that the image at this place of the workspace needed before.
    fn facts(&self, place: usize, base: &Digest) -> Option<Facts>;

    /// Whether the paths of the base with this digest are at hand, so that nobody has to be asked.
    fn has_nodes(&self, base: &Digest) -> bool;

    /// The paths of the base with this digest.
    fn nodes(&self, place: usize, base: &Digest) -> Option<Nodes>;

    /// What is remembered of the Python distributions of the image of this name, at this place of the workspace.
    fn distributions(&self, place: usize, image: &str) -> Option<Arc<Remembered>>;
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
    /// What the recipe changes in the config.
    pub config: image::ConfigEdits,
    /// The base with the layers laid over it.
    pub(super) stack: Stack,
    /// The digest of the image that the tree's questions go to.
    ground: Option<Digest>,
    /// The digests of the images that are copied from.
    others: Vec<Digest>,
    /// What was learnt of the distributions in it.
    lore: Lore,
}

/// What a run learnt of Python distributions, worth to be remembered.
#[derive(Debug, Default)]
pub(crate) struct Lore {
    /// The wheels that were laid.
    pub wheels: Vec<Laid>,
    /// The files of old versions that were taken away.
    pub replacements: Vec<Replacement>,
}

impl Lore {
    /// Whether something had to be read or downloaded because nobody remembered it.
    pub fn is_news(&self) -> bool {
        self.wheels.iter().any(|laid| laid.is_news) || self.replacements.iter().any(|one| one.is_news)
    }
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
    /// What says so.
    pub recipe: Arc<LayerRecipe>,
    /// The platform that it was laid for; others may have the same layer.
    pub platform: Platform,
    /// Whether it is assembled from the files alone, and nothing copied from its previous version.
    pub anew: bool,
}

impl PreparedImage {
    /// What the image's layers needed to know of the base at the bottom, for whoever makes them again: the base's
    /// digest and the facts. Nothing if nothing was asked, or too much.
    pub fn facts(&self) -> Option<String> {
        let ground = self.ground?;
        self.stack.facts().filter(|facts| !facts.is_empty()).map(|facts| format!("{ground} {facts}"))
    }

    /// The base with the layers laid over it.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// What was learnt of the distributions in it.
    pub(crate) fn lore(&self) -> &Lore {
        &self.lore
    }

    /// The digests of the images whose paths may have been read: the one at the bottom, and those that are copied from.
    pub fn grounds(&self) -> impl Iterator<Item = Digest> {
        self.ground.into_iter().chain(self.others.iter().copied())
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
    let uses = uses(workspace);
    for ((recipe, &requested), used) in workspace.recipes.iter().zip(&workspace.requested).zip(&uses) {
        let place = prepared.len();
        let traffic = Arc::clone(&traffics[place]);
        let mut wanted = if options.platforms.is_empty() { &recipe.platforms } else { &options.platforms }.clone();
        if !requested && !wanted.is_empty() {
            for named in &used.platforms {
                if !wanted.iter().any(|wanted| named.accepts(wanted)) {
                    wanted.push((*named).clone());
                }
            }
        }
        let bases = Bases { workshop, recipe, locked: options.locked, traffic: &traffic, prepared: &prepared };
        if bases.will_ask(&wanted) {
            memory.look_ahead();
        }
        let found = bases.find(&wanted)?;
        let platforms: Vec<Platform> = found.iter().map(|(platform, _)| platform.clone()).collect();
        scans.add(workshop, &recipe.name, &recipe.layers, &platforms, &options.outputs)?;
        memory.look_ahead();
        let mut laying = Laying::new(bases, memory, place, &scans, options);
        let mut images = Vec::new();
        for (platform, base) in found {
            let (mut stack, ground) = match (&base, recipe.base_tree) {
                (&PreparedBase::Prepared(below, at), _) => {
                    let below = &prepared[below].platforms[at];
                    (below.stack.clone(), below.ground)
                }
                (PreparedBase::Image(image), BaseTree::Read) => {
                    (laying.stack_over(image), image.documents.named.as_ref().map(|(_, digest)| *digest))
                }
                (PreparedBase::Image(_), BaseTree::Assume) => {
                    (Stack::over("the base", Tree::new(), Arc::new(NoFiles)), None)
                }
            };
            let said = laying.said(&platform, &base)?;
            laying.search_path = search_path(&said.config, &base, &prepared);
            laying.ground = ground;
            let mut layers = laying.lay_all(&said.layers, &platform, &mut stack)?;
            let count = layers.len() + layers_of(&base, &prepared);
            if count > LAYER_LIMIT && said.layers.iter().any(|layer| matches!(layer.content, LayerContent::Wheels(_))) {
                let message =
                    format!("the image `{}` would have {count} layers, and {LAYER_LIMIT} is the most", recipe.name);
                return Err(Error::request(message, "write a number of groups for `split`, for example split = 20"));
            }
            if !used.as_image {
                // What is only copied from needs no blobs.
                layers.clear();
            }
            let (others, lore) = (laying.take_others(), laying.take_lore());
            images.push(PreparedImage { platform, base, layers, config: said.config, stack, ground, others, lore });
        }
        prepared.push(Prepared { name: recipe.name.clone(), requested, platforms: images, traffic });
    }
    Ok(prepared)
}

/// How many layers an image may have that wheels make many of: container engines stack no more.
const LAYER_LIMIT: usize = 127;

/// How many layers there are below a recipe's own.
fn layers_of(base: &PreparedBase, prepared: &[Prepared]) -> usize {
    match base {
        PreparedBase::Image(image) => image.documents.layers.len(),
        &PreparedBase::Prepared(place, at) => {
            let below = &prepared[place].platforms[at];
            below.layers.len() + layers_of(&below.base, prepared)
        }
    }
}

/// Where an image's programs are looked for: its `PATH`, or docker's where none is set.
fn search_path(edits: &image::ConfigEdits, base: &PreparedBase, prepared: &[Prepared]) -> String {
    let set = |edits: &image::ConfigEdits| {
        edits.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone())
    };
    if let Some(path) = set(edits) {
        return path;
    }
    match base {
        PreparedBase::Image(image) => image.documents.config.variable("PATH").unwrap_or(image::DEFAULT_PATH).to_owned(),
        &PreparedBase::Prepared(place, at) => {
            let below = &prepared[place].platforms[at];
            search_path(&below.config, &below.base, prepared)
        }
    }
}

/// What becomes of a recipe's image.
#[derive(Clone, Default)]
struct Uses<'a> {
    /// Whether it was asked for, or such an image is built on it.
    as_image: bool,
    /// The platforms that others name when they copy from it.
    platforms: Vec<&'a Platform>,
}

fn uses(workspace: &Workspace) -> Vec<Uses<'_>> {
    let mut uses: Vec<Uses<'_>> = Vec::new();
    let requested = workspace.requested.iter().copied().chain(std::iter::repeat(false));
    uses.extend(workspace.recipes.iter().zip(requested).map(|(_, as_image)| Uses { as_image, ..Uses::default() }));
    // Whoever needs an image comes after it.
    for (place, recipe) in workspace.recipes.iter().enumerate().rev() {
        let find = |name: &str| workspace.recipes.iter().position(|other| other.name == *name);
        let own = uses[place].clone();
        if let Base::Recipe(name) = &recipe.base
            && let Some(base) = find(name)
        {
            uses[base].as_image |= own.as_image;
            uses[base].platforms.extend(&own.platforms);
        }
        for layer in &recipe.layers {
            if let LayerContent::Copy { from: CopyFrom::Recipe { name, platform }, .. } = &layer.content
                && let Some(copied) = find(name)
            {
                match platform {
                    Some(platform) => uses[copied].platforms.push(platform),
                    None => uses[copied].platforms.extend(&own.platforms),
                }
            }
        }
    }
    uses
}
