//! Laying: the layers of an image over its base, each with its key, and the images and stages that they copy from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Options;
use super::bases::{Bases, in_base};
use super::prepare::{Lore, Memory, PreparedBase, PreparedLayer};
use super::python::{Grounds, Outcome, Owners, Python};
use super::scans::Scans;
use super::supply::FromElsewhere;
use crate::base::{self, BaseImage};
use crate::context::Context;
use crate::digest::Digest;
use crate::entry::Owner;
use crate::error::Error;
use crate::image::accounts::OwnerName;
use crate::image::{ConfigEdits, Location, Nodes, Platform, Tree};
use crate::layer::{self, BaseFiles, Contents, ContextTree, Copy, FileContent, NoFiles, SourceTree, Stack};
use crate::spec::dockerfile::Stage;
use crate::spec::{Base, CopyFrom, LayerContent, LayerRecipe, SpecError};
use crate::workshop::Workshop;

/// What a recipe says for one platform.
pub(super) struct Said<'a> {
    pub layers: Cow<'a, [LayerRecipe]>,
    pub config: ConfigEdits,
}

/// What tells the things of a run apart that are copied from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum SourceKey {
    Stage(PathBuf, usize, Platform),
    Image(String, Platform),
}

/// How deep stages may be copied from each other.
const DEPTH_LIMIT: usize = 100;

/// Lays the layers of one recipe.
pub(super) struct Laying<'a> {
    bases: Bases<'a>,
    memory: &'a Arc<dyn Memory>,
    place: usize,
    scans: &'a Scans,
    options: &'a Options,
    /// Images and stages that were copied from.
    sources: BTreeMap<SourceKey, Stack>,
    /// The digests of the images among them.
    others: Vec<Digest>,
    depth: usize,
    /// The `PATH` of the image that is laid.
    pub search_path: String,
    /// The digest of the image at the bottom of what is laid.
    pub ground: Option<Digest>,
    /// What was learnt of distributions.
    lore: Lore,
}

impl<'a> Laying<'a> {
    pub fn new(
        bases: Bases<'a>,
        memory: &'a Arc<dyn Memory>,
        place: usize,
        scans: &'a Scans,
        options: &'a Options,
    ) -> Laying<'a> {
        Laying {
            bases,
            memory,
            place,
            scans,
            options,
            sources: BTreeMap::new(),
            others: Vec::new(),
            depth: 0,
            search_path: String::new(),
            ground: None,
            lore: Lore::default(),
        }
    }

    /// What the recipe says for a platform, over this base.
    pub fn said(&self, platform: &Platform, base: &PreparedBase) -> Result<Said<'a>, Error> {
        let recipe = self.bases.recipe;
        match (&recipe.stage, base) {
            (Some(stage), PreparedBase::Image(image)) => {
                let evaluated = stage.evaluate(platform, &image.documents.config)?;
                Ok(Said { layers: Cow::Owned(evaluated.layers), config: evaluated.config })
            }
            _ => Ok(Said { layers: Cow::Borrowed(&recipe.layers), config: recipe.config.clone() }),
        }
    }

    /// An image with nothing laid over it yet.
    pub fn stack_over(&self, image: &BaseImage) -> Stack {
        let tree = self.tree(image);
        let files = ImageFiles { workshop: self.bases.workshop.clone(), image: image.clone(), tree: tree.clone() };
        Stack::over(&format!("the image `{}`", image.name()), tree, Arc::new(files))
    }

    /// The tree of a base: what the memory knows of it, and its paths should they be needed.
    fn tree(&self, image: &BaseImage) -> Tree {
        let Some((_, digest)) = image.documents.named else { return Tree::new() };
        let (workshop, place) = (self.bases.workshop.clone(), self.place);
        // With the paths at hand nobody needs to be asked.
        let at_hand = workshop.store().has_tree(&digest) || self.memory.has_nodes(&digest);
        let facts = if at_hand { None } else { self.memory.facts(place, &digest) };
        let (image, memory, name) = (image.clone(), Arc::clone(self.memory), self.bases.recipe.name.clone());
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

    /// Lays the layers that are for `platform`, one after the other.
    pub fn lay_all(
        &mut self,
        layers: &[LayerRecipe],
        platform: &Platform,
        stack: &mut Stack,
    ) -> Result<Vec<PreparedLayer>, Error> {
        let mut laid = Vec::new();
        let anew = self.options.no_cache;
        let mut push = |layer: &LayerRecipe, name: String, contents: Contents, stack: &mut Stack| {
            let contents = Arc::new(contents);
            stack.push(Arc::clone(&contents));
            laid.push(PreparedLayer {
                name,
                key: contents.key(layer.compression),
                codec: layer.compression,
                contents,
                recipe: Arc::new(layer.clone()),
                platform: platform.clone(),
                anew,
            });
        };
        let mut owners = Owners::new();
        for layer in layers.iter().filter(|layer| layer.is_for(platform)) {
            if let Some(outcome) = self.distributions(layer, platform, stack, &mut owners)? {
                for (name, contents) in outcome.layers {
                    push(layer, name, contents, stack);
                }
                self.lore.wheels.extend(outcome.wheels);
                self.lore.replacements.extend(outcome.replacements);
                continue;
            }
            let contents = self.lay(layer, platform, stack)?;
            let may_be_nothing = matches!(layer.content, LayerContent::Copy { .. } | LayerContent::Steps { .. });
            if !may_be_nothing || !contents.is_empty() {
                push(layer, layer.name.clone(), contents, stack);
            }
        }
        Ok(laid)
    }

    /// The layers of Python distributions; nothing for another layer.
    fn distributions(
        &self,
        layer: &LayerRecipe,
        platform: &Platform,
        stack: &Stack,
        owners: &mut Owners,
    ) -> Result<Option<Outcome>, Error> {
        let python = self.python(layer, platform);
        match &layer.content {
            LayerContent::Wheels(wheels) => python.wheels(wheels, stack, owners).map(Some),
            LayerContent::Package(package) => python.package(package, stack, owners).map(Some),
            _ => Ok(None),
        }
    }

    /// The names of the layers that wheels are split into.
    pub fn parts(&self, layer: &LayerRecipe, platform: &Platform, stack: &Stack) -> Result<Vec<String>, Error> {
        match self.distributions(layer, platform, stack, &mut Owners::new())? {
            Some(outcome) => Ok(outcome.layers.into_iter().map(|(name, _)| name).collect()),
            None => Ok(vec![layer.name.clone()]),
        }
    }

    /// What the laying of a layer's distributions, of these names, depends on in the image below; nothing for another layer.
    pub fn grounds(
        &self,
        layer: &LayerRecipe,
        names: &BTreeSet<String>,
        platform: &Platform,
        stack: &Stack,
    ) -> Result<Option<Grounds>, Error> {
        let installation = match &layer.content {
            LayerContent::Wheels(wheels) => &wheels.installation,
            LayerContent::Package(package) => &package.installation,
            _ => return Ok(None),
        };
        self.python(layer, platform).grounds(installation, names, stack).map(Some)
    }

    /// How the distributions of a layer are laid.
    fn python<'b>(&'b self, layer: &'b LayerRecipe, platform: &'b Platform) -> Python<'b> {
        let Laying { bases, memory, place, options, search_path, ground, .. } = self;
        let image = &bases.recipe.name;
        Python {
            workshop: bases.workshop,
            image,
            layer,
            layers: &bases.recipe.layers,
            platform,
            search_path,
            options,
            ground: *ground,
            memory: memory.as_ref(),
            place: *place,
        }
    }

    fn lay(&mut self, layer: &LayerRecipe, platform: &Platform, stack: &Stack) -> Result<Contents, Error> {
        let image = &self.bases.recipe.name;
        let failed = |error| Error::layer(image, layer, error);
        let owner = |text: &Option<String>| -> Result<Option<Owner>, layer::Error> {
            let name = text.as_ref().map(|text| text.parse::<OwnerName>()).transpose()?;
            name.map(|name| stack.owner(&name)).transpose()
        };
        let mtime = layer.mtime.unwrap_or(self.options.epoch);
        match &layer.content {
            LayerContent::Context { .. } | LayerContent::Entries(_) => {
                self.scans.lay(layer, platform, stack, self.options.epoch).map_err(failed)
            }
            // Their layers may be several.
            LayerContent::Wheels(_) | LayerContent::Package(_) => Ok(Contents::default()),
            LayerContent::Run => {
                let message = format!("`{}` would have to be run", layer.name);
                let help = "tarsia runs nothing: build that stage where it can run".to_owned();
                Err(match &layer.span {
                    Some(span) => SpecError::At { span: span.clone(), message, help: Some(help) }.into(),
                    None => Error::request(message, help),
                })
            }
            LayerContent::Steps { steps, owner: text } => {
                let owner = owner(text).map_err(failed)?;
                layer::perform(steps, owner, stack, mtime).map_err(failed)
            }
            LayerContent::Copy { from, copy, owner: text } => {
                let owner = owner(text).map_err(failed)?;
                let workshop = self.bases.workshop;
                let supply = FromElsewhere { workshop };
                let copied = |tree: &dyn SourceTree| layer::copy(copy, tree, &supply, owner, stack, mtime);
                match from {
                    CopyFrom::Context { ignore, .. } => {
                        let folder = layer.content.context_path(platform).unwrap_or_default();
                        copied(&self.context(&folder, ignore.as_deref(), layer, copy).map_err(failed)?).map_err(failed)
                    }
                    CopyFrom::Image { location, name } => {
                        let source = self.image(location, name, platform)?;
                        copied(&source).map_err(failed)
                    }
                    CopyFrom::Stage(stage) => {
                        let source = self.stage(stage, platform)?;
                        copied(&source).map_err(failed)
                    }
                    CopyFrom::Recipe { name, platform: named } => {
                        let source = self.recipe(name, named.as_ref().unwrap_or(platform), layer)?;
                        copied(&source).map_err(failed)
                    }
                }
            }
        }
    }

    fn context(
        &self,
        folder: &Path,
        ignore: Option<&Path>,
        layer: &LayerRecipe,
        copy: &Copy,
    ) -> Result<ContextTree, layer::Error> {
        let own = folder.join(".dockerignore");
        let context = Context::open_with(folder, ignore.unwrap_or(&own), &[])?;
        // Each copy remembers the files it copies.
        let mut sources = Vec::new();
        for source in &copy.sources {
            if let layer::CopySource::Path(path) = source {
                sources.extend_from_slice(path);
                sources.push(0);
            }
        }
        let index = self.bases.workshop.store().context_index(folder, &sources, &copy.exclude);
        let (outputs, workers) = (self.options.outputs.clone(), Arc::clone(self.bases.workshop.workers()));
        Ok(ContextTree::new(context, layer.modes, Some(index), outputs, workers))
    }

    /// The digests of the images that were copied from since this was last asked.
    pub fn take_others(&mut self) -> Vec<Digest> {
        std::mem::take(&mut self.others)
    }

    /// What was learnt of distributions since this was last asked.
    pub fn take_lore(&mut self) -> Lore {
        std::mem::take(&mut self.lore)
    }

    /// An image that is copied from.
    fn image(&mut self, location: &Location, name: &str, platform: &Platform) -> Result<Stack, Error> {
        let key = SourceKey::Image(name.to_owned(), platform.clone());
        if let Some(stack) = self.sources.get(&key) {
            return Ok(stack.clone());
        }
        let image = self.published(location, name, platform)?;
        let stack = self.stack_over(&image);
        self.sources.insert(key, stack.clone());
        Ok(stack)
    }

    fn published(&mut self, location: &Location, name: &str, platform: &Platform) -> Result<BaseImage, Error> {
        let found = self.bases.published(location, name, std::slice::from_ref(platform));
        let image = found.map_err(|source| in_base(self.bases.recipe, name, source))?.pop();
        let image = image
            .ok_or_else(|| Error::request(format!("there is no image `{name}` for {platform}"), "name another"))?;
        self.others.extend(image.documents.named.as_ref().map(|(_, digest)| *digest));
        Ok(image)
    }

    /// A stage that is copied from, its own layers laid.
    fn stage(&mut self, stage: &Stage, platform: &Platform) -> Result<Stack, Error> {
        let below = stage.base(Some(platform))?;
        let built_for = below.platform.unwrap_or_else(|| platform.clone());
        let (file, index) = stage.identity();
        let key = SourceKey::Stage(file, index, platform.clone());
        if let Some(stack) = self.sources.get(&key) {
            return Ok(stack.clone());
        }
        if self.depth >= DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} stages copy from each other");
            return Err(Error::request(message, "merge some of them"));
        }
        let image = match &below.base {
            Base::Image { location, name } => self.published(location, name, &built_for)?,
            _ => BaseImage::scratch(&built_for),
        };
        let stack = match &below.base {
            Base::Image { .. } => self.stack_over(&image),
            _ => Stack::over("", Tree::new(), Arc::new(NoFiles)),
        };
        let mut stack = stack.called(&format!("the stage `{}`", stage.name()));
        // ARGs speak of the platform that is built for, whatever a FROM on the way names.
        let evaluated = stage.evaluate(platform, &image.documents.config)?;
        self.depth += 1;
        let laid = self.lay_all(&evaluated.layers, platform, &mut stack);
        self.depth -= 1;
        laid?;
        self.sources.insert(key, stack.clone());
        Ok(stack)
    }

    /// The image that another recipe of the run makes.
    fn recipe(&mut self, name: &str, platform: &Platform, layer: &LayerRecipe) -> Result<Stack, Error> {
        let images =
            || self.bases.prepared.iter().filter(|image| image.name == *name).flat_map(|image| &image.platforms);
        if let Some(image) = images().find(|image| platform.accepts(&image.platform)) {
            self.others.extend(image.grounds());
            return Ok(image.stack.clone().called(&format!("the image `{name}`")));
        }
        let offered: Vec<String> = images().map(|image| image.platform.to_string()).collect();
        let message =
            format!("the image `{name}` is copied from for {platform}, and it is made for {}", offered.join(", "));
        let help = "add the platform to its `platforms`, or name one of these: image = { spec = …, platform = \"…\" }";
        Err(match &layer.span {
            Some(span) => SpecError::At { span: span.clone(), message, help: Some(help.to_owned()) }.into(),
            None => Error::request(message, help),
        })
    }
}

/// The contents of an image's files.
pub(crate) struct ImageFiles {
    pub workshop: Workshop,
    pub image: BaseImage,
    pub tree: Tree,
}

impl BaseFiles for ImageFiles {
    fn contents(&self, paths: &[Box<[u8]>]) -> Result<Vec<FileContent>, Box<dyn std::error::Error + Send + Sync>> {
        let files = base::files(&self.workshop, &self.image, self.tree.ground()?, paths)?;
        let content = |file: base::BaseFile| FileContent { size: file.size, digest: file.digest, source: file.source };
        Ok(files.into_iter().map(content).collect())
    }
}
