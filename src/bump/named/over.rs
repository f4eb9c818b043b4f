//! What a named layer is laid over, and what lies above it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::Run;
use super::super::below::Below;
use super::super::subject::SubjectImage;
use super::apart::{destinations, is_apart, is_at_or_below, is_part_beside, may_hold};
use super::records::with_records;
use super::{holds_distributions, matters, published_facts};
use crate::build::Single;
use crate::entry::{Entry, Kind, normalise_path, parents};
use crate::error::Error;
use crate::image::accounts::{AccountFile, OwnerName};
use crate::image::{Descriptor, Facts, Tree, TreeError};
use crate::layer::{Contents, NoFiles, Stack};
use crate::spec::{Base, BaseTree, LayerContent, LayerRecipe, Recipe, Workspace};

/// What the specs say of the layers of a published image.
pub(super) struct Said<'a> {
    /// The lowest layer that they say.
    bottom: usize,
    /// Whether what lies below that is read.
    base_tree: BaseTree,
    /// What they say between layers that is not there, because it did nothing: each with the place of the layer above it.
    absent: Vec<(usize, &'a LayerRecipe)>,
    /// What they say of each layer. Nothing at all if the image has other layers than they say: they have changed since.
    layers: BTreeMap<usize, Cow<'a, LayerRecipe>>,
}

impl<'a> Said<'a> {
    pub fn of(run: &Run<'a>, workspace: &'a Workspace, image: &SubjectImage) -> Said<'a> {
        let mut said: Vec<(&LayerRecipe, usize)> = Vec::new();
        let mut base_tree = BaseTree::Read;
        let recipes = recipes_from(run, workspace);
        for (depth, recipe) in recipes.iter().enumerate() {
            base_tree = recipe.base_tree;
            said.extend(recipe.layers.iter().rev().filter(|layer| layer.is_for(&image.platform)).map(|l| (l, depth)));
        }
        let (mut layers, mut absent) = (BTreeMap::new(), Vec::new());
        let mut at = image.manifest.layers.len();
        for (layer, depth) in said {
            let before = at;
            let lower = recipes.get(depth + 1..).unwrap_or_default();
            // Wheels may make several.
            while let Some(part) = at.checked_sub(1).and_then(|place| {
                let name = image.layer_name(place)?;
                let is_taken = (at..before).any(|above| image.layer_name(above) == Some(name));
                let is_free =
                    |part: &LayerRecipe| part.name == layer.name || !(is_taken || is_lower(lower, image, place));
                layer.part(name).filter(is_free)
            }) {
                at -= 1;
                let is_whole = part.name == layer.name;
                layers.insert(at, if is_whole { Cow::Borrowed(layer) } else { Cow::Owned(part) });
                if is_whole {
                    break;
                }
            }
            match at < before {
                true => {}
                // One that does nothing is not there.
                false if !matters(layer) => absent.push((at, layer)),
                false => {
                    let named = (0..image.manifest.layers.len()).find(|&at| image.layer_name(at).is_some());
                    let bottom = named.unwrap_or(0);
                    return Said { bottom, base_tree, absent: Vec::new(), layers: BTreeMap::new() };
                }
            }
        }
        Said { bottom: at, base_tree, absent, layers }
    }

    /// Commands that did nothing, right below the layer at this place.
    pub fn commands_below(&self, at: usize) -> impl Iterator<Item = &'a LayerRecipe> {
        let absent = self.absent.iter().filter(move |(above, _)| *above == at).map(|(_, layer)| *layer);
        absent.filter(|layer| matches!(layer.content, LayerContent::Steps { .. }))
    }

    /// What they say of a layer.
    pub fn layer(&self, at: usize) -> Option<&LayerRecipe> {
        self.layers.get(&at).map(AsRef::as_ref)
    }
}

/// The spec of the image, and those that it is built on, one on the other.
pub(super) fn recipes_from<'a>(run: &Run<'a>, workspace: &'a Workspace) -> Vec<&'a Recipe> {
    let below = |recipe: &&'a Recipe| match &recipe.base {
        Base::Recipe(name) => workspace.recipes.iter().find(|other| other.name == *name),
        _ => None,
    };
    std::iter::successors(Some(run.recipe), below).collect()
}

/// Whether the layer at this place is one that the `lower` specs name so, though a part of wheels above could be called
/// the same: of all layers of that name theirs are the lowest.
pub(super) fn is_lower(lower: &[&Recipe], image: &SubjectImage, place: usize) -> bool {
    let Some(name) = image.layer_name(place) else { return false };
    let named = |layer: &&LayerRecipe| layer.name == name && layer.is_for(&image.platform);
    let claims = lower.iter().flat_map(|recipe| &recipe.layers).filter(named).count();
    claims > 0 && (0..=place).filter(|&at| image.layer_name(at) == Some(name)).count() <= claims
}

/// A layer that is new.
pub(super) struct Renewed {
    /// Its place.
    pub at: usize,
    /// What it holds.
    pub contents: Arc<Contents>,
    /// The layers whose files may meet its own, if that is known; all others keep out of its way.
    pub near: Option<Vec<usize>>,
}

impl Renewed {
    /// Whether its files may meet those of the layer at this place.
    pub fn is_near(&self, at: usize) -> bool {
        self.near.as_ref().is_none_or(|near| near.contains(&at))
    }
}

/// The place of a layer in an image, some of whose layers are new already.
pub(super) struct Over<'a> {
    pub run: &'a Run<'a>,
    pub said: &'a Said<'a>,
    pub image: &'a SubjectImage,
    pub layers: &'a [Descriptor],
    pub at: usize,
}

/// Layers by their places, contents of files left out.
type Outlines = Vec<(usize, Arc<Contents>)>;

impl Over<'_> {
    /// The lowest layers.
    pub fn below(&self, count: usize) -> Below {
        self.run.below(self.image, count, self.layers)
    }

    /// What the layer is laid over; and where all that it asks is asked of the image at the bottom, what those layers of
    /// the image hold that may have asked the same.
    pub fn stack(&self, layer: &LayerRecipe) -> Result<(Stack, Option<Outlines>), Error> {
        let bottom = self.said.bottom.min(self.at);
        if !self.needs_no_contents(layer, bottom) {
            if self.said.base_tree == BaseTree::Assume {
                let message = format!("what the layer `{}` needs of the image below is not read", layer.name);
                return Err(Error::request(message, "push the spec instead, or take `base_tree` out of it"));
            }
            return Ok((self.below(self.at).stack(), None));
        }
        // Whether two layers keep out of each other's way depends on links that others bring.
        let mut near: BTreeMap<usize, Arc<Contents>> = BTreeMap::new();
        loop {
            let mut stack = self.bare_stack(bottom);
            for (_, contents) in near.range(..self.at) {
                stack.push(Arc::clone(contents));
            }
            let mut found = false;
            for at in (bottom..self.layers.len()).filter(|at| *at != self.at) {
                if near.contains_key(&at) {
                    continue;
                }
                let is_apart = self.said.layer(at).map_or(Ok(false), |other| is_apart(stack.tree(), other, layer));
                if !is_apart.map_err(|error| Error::layer(&self.run.recipe.name, layer, error.into()))? {
                    let below = self.below(at + 1);
                    let outline = below.outline(at)?;
                    let outline = match holds_distributions(layer) {
                        true => with_records(outline, &below)
                            .map_err(|error| Error::layer(&self.run.recipe.name, layer, error))?,
                        false => outline,
                    };
                    near.insert(at, Arc::new(outline));
                    found = true;
                }
            }
            if !found {
                return Ok((stack, Some(near.into_iter().collect())));
            }
        }
    }

    /// What lies below the layers that the specs say.
    fn bare_stack(&self, bottom: usize) -> Stack {
        match self.said.base_tree {
            BaseTree::Assume => Stack::over("the base", Tree::new(), Arc::new(NoFiles)),
            BaseTree::Read => {
                let facts = published_facts(self.run, self.image);
                let facts = facts.map(|(_, facts)| facts).unwrap_or_default();
                self.below(bottom).stack_knowing(facts)
            }
        }
    }

    /// Corrects what is known of the image at the bottom to what a push of the whole image would have asked: what only
    /// this layer had asked is not asked any more, and what it asks now is new. Nothing if the specs have changed since:
    /// then nobody knows who has asked what.
    pub fn correct(
        &self,
        facts: &mut Facts,
        stack: &Stack,
        layer: &LayerRecipe,
        others: &Outlines,
    ) -> Result<(), Error> {
        if self.said.layers.is_empty() {
            return Ok(());
        }
        let failed = |error: TreeError| Error::layer(&self.run.recipe.name, layer, error.into());
        let mut own = Vec::new();
        for to in destinations(layer).unwrap_or_default() {
            own.push(stack.tree().resolve(&to).map_err(failed)?);
        }
        // What the distributions of before held, and what they took away, was asked for.
        let old = match layer.content {
            LayerContent::Wheels(_) | LayerContent::Package(_) => {
                Some(self.run.below(self.image, self.at + 1, &self.image.manifest.layers).outline(self.at)?)
            }
            _ => None,
        };
        let held = |path: &[u8]| old.as_ref().is_some_and(|old| holds(old, path));
        let asked = stack.tree().asked_facts();
        let is_gone = |path: &[u8]| held(path) && !asked.paths().chain(asked.directories()).any(|asked| asked == path);
        let mut others: Vec<Arc<Contents>> = others.iter().map(|(_, other)| Arc::clone(other)).collect();
        if facts.paths().chain(facts.directories()).any(is_gone) {
            // The other parts of the same wheels are nobody's neighbours, and may have asked the same.
            for at in (self.said.bottom..self.layers.len()).filter(|at| *at != self.at) {
                if self.said.layer(at).is_some_and(|other| is_part_beside(other, layer)) {
                    others.push(Arc::new(self.below(at + 1).outline(at)?));
                }
            }
        }
        let asked_by_others = |path: &[u8]| others.iter().any(|other| holds(other, path));
        facts.retain_paths(|path| {
            let is_own = held(path) || own.iter().any(|to| path != &**to && is_at_or_below(path, to));
            asked_by_others(path) || !is_own
        });
        facts.extend(asked);
        Ok(())
    }

    /// Makes sure that commands right below this place, which did nothing and so have no layer, would do nothing now.
    ///
    /// # Errors
    ///
    /// If one would.
    pub fn must_do_nothing(&self, single: &mut Single<'_>) -> Result<(), Error> {
        for layer in self.said.commands_below(self.at) {
            let (mut stack, _) = self.stack(layer)?;
            if single.lay(layer, &self.image.platform, &mut stack)?.is_some() {
                let message = format!("`{}` did nothing before, and would do something now", layer.name);
                return Err(Error::request(message, "push the spec instead: the image gets another layer"));
            }
        }
        Ok(())
    }

    /// Makes sure that the layer would be the same over what is new below it.
    ///
    /// # Errors
    ///
    /// If a directory or a link that it builds on is another now.
    pub fn must_not_depend_on(&self, renewed: &[Renewed]) -> Result<(), Error> {
        let near: Vec<&Renewed> = renewed.iter().filter(|below| below.is_near(self.at)).collect();
        if near.is_empty() {
            return Ok(());
        }
        let own = self.below(self.at + 1).headers(self.at)?;
        let mut paths: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let said = self.said.layer(self.at);
        let is_root = said.is_some_and(|layer| layer.owner == OwnerName::default());
        let to = said.map(lexical_destinations).unwrap_or_default();
        for path in own.iter().map(|entry| &entry.path).chain(&to) {
            paths.extend(parents(path).map(Box::from));
            paths.insert(path.clone());
        }
        let names_owners = said.is_some_and(|layer| !layer.owner.is_numeric());
        for below in near {
            let before = self.run.below(self.image, below.at + 1, &self.image.manifest.layers).outline(below.at)?;
            let accounts = |contents: &Contents| {
                AccountFile::ALL.map(|file| contents.find(file.path().as_bytes()).map(|item| item.entry.kind.clone()))
            };
            if names_owners && accounts(&before) != accounts(&below.contents) {
                let name = self.image.layer_name(self.at).unwrap_or("a layer");
                let message = format!("the layer `{name}` above is owned by somebody whose numbers may be others now");
                return Err(Error::request(message, format!("name it as well (--layer {name}), or push the spec")));
            }
            let differs = |path: &[u8]| {
                let now = shape(&below.contents, path);
                if now == shape(&before, path) {
                    return false;
                }
                // It says the path itself, just as it would say it now.
                let is_plain = |own: &Entry| own.mode == 0o755 && (own.uid, own.gid) == (0, 0) && is_root;
                match own.iter().find(|entry| *entry.path == *path) {
                    Some(own) if matches!(own.kind, Kind::Directory) => match now {
                        Some(Shape::Directory { mode, owner }) => (mode, owner) != (own.mode, (own.uid, own.gid)),
                        None => !is_plain(own),
                        Some(_) => true,
                    },
                    Some(_) => matches!(now, Some(Shape::Directory { .. })),
                    None => {
                        !matches!((&now, shape(&before, path)), (None | Some(Shape::File), None | Some(Shape::File)))
                    }
                }
            };
            if let Some(path) = paths.iter().find(|path| differs(path)) {
                let name = self.image.layer_name(self.at).unwrap_or("a layer");
                let message = format!(
                    "the layer `{name}` above would have to be made anew: `/{}` is another directory or link now",
                    String::from_utf8_lossy(path)
                );
                return Err(Error::request(message, format!("name it as well (--layer {name}), or push the spec")));
            }
        }
        Ok(())
    }

    /// Whether only paths of the layers below are asked for, never what files hold.
    fn needs_no_contents(&self, layer: &LayerRecipe, bottom: usize) -> bool {
        if !matters(layer) {
            return false;
        }
        let by_numbers = layer.owner.is_numeric()
            && match &layer.content {
                LayerContent::Entries(entries) => {
                    entries.iter().all(|entry| entry.owner.as_ref().is_none_or(|owner| owner.is_numeric()))
                }
                _ => true,
            };
        // Only a layer of ours could say otherwise than the base who is who.
        let may_name_owners = |at: usize| {
            let lower = self.said.layer(at);
            lower.is_none_or(|lower| AccountFile::ALL.iter().any(|file| may_hold(lower, file.path().as_bytes())))
        };
        by_numbers || !(bottom..self.at).any(may_name_owners)
    }
}

/// What those above a path have to know of it.
#[derive(Debug, PartialEq, Eq)]
enum Shape<'a> {
    Directory {
        mode: u32,
        owner: (u64, u64),
    },
    Link(&'a [u8]),
    File,
    /// It is taken away, or nothing of what lies below it is left.
    Gone,
}

/// Whether a layer holds something at this path, or takes it away.
fn holds(layer: &Contents, path: &[u8]) -> bool {
    let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    layer.find(path).is_some() || layer.find(&[&path[..name], b".wh.", &path[name..]].concat()).is_some()
}

/// Nothing if the layer says nothing of it.
fn shape<'a>(layer: &'a Contents, path: &[u8]) -> Option<Shape<'a>> {
    let entry = |path: &[u8]| layer.find(path).map(|item| &item.entry);
    if let Some(entry) = entry(path) {
        return Some(match &entry.kind {
            Kind::Directory => Shape::Directory { mode: entry.mode, owner: (entry.uid, entry.gid) },
            Kind::Symlink { target } => Shape::Link(target),
            Kind::File { .. } | Kind::Hardlink { .. } => Shape::File,
        });
    }
    let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let whiteout = [&path[..name], b".wh.", &path[name..]].concat();
    let opaque = [&path[..name], b".wh..wh..opq"].concat();
    (entry(&whiteout).is_some() || entry(&opaque).is_some()).then_some(Shape::Gone)
}

/// Where a layer is said to go, links in it not followed.
fn lexical_destinations(layer: &LayerRecipe) -> Vec<Box<[u8]>> {
    match &layer.content {
        LayerContent::Copy { copy, .. } => normalise_path(&copy.to).into_iter().collect(),
        LayerContent::Wheels(wheels) => wheels.installation.into.iter().cloned().collect(),
        LayerContent::Package(package) => package.installation.into.iter().cloned().collect(),
        _ => destinations(layer).unwrap_or_default(),
    }
}
