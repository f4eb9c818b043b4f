//! Named layers: those of a spec, found in the published image by their annotations, and laid over what lies below them
//! there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::below::Below;
use super::next::{Next, Replacement};
use super::subject::SubjectImage;
use super::{NamedLayer, Replacements, Run};
use crate::build::Single;
use crate::entry::{normalise_path, parents};
use crate::error::Error;
use crate::image::accounts::AccountFile;
use crate::image::{BASE_FACTS, Descriptor, Facts, Tree, TreeError, parse_facts};
use crate::layer::{Contents, NoFiles, Stack};
use crate::spec::{Base, BaseTree, CopyFrom, LayerContent, LayerRecipe, Workspace};

/// The image at this place with new versions of the named layers.
pub(super) fn next(run: &Run<'_>, workspace: &Workspace, place: usize, named: &[NamedLayer]) -> Result<Next, Error> {
    let image = &run.subject.images[place];
    let wanted = positions(run, workspace, image, named)?;
    let mut facts = published_facts(image);
    let mut single = Single::new(run.workshop, run.recipe, run.options, &run.traffic);
    let mut layers: Vec<Descriptor> = image.manifest.layers.clone();
    let mut replacements = Replacements::new();
    for (at, layer) in &wanted {
        let over = Over { run, workspace, image, layers: &layers, at: *at };
        let (mut stack, others) = over.stack(layer)?;
        let Some(laid) = single.lay(layer, &image.platform, &mut stack)? else {
            let message = format!("the layer `{}` would change nothing: it cannot take the place of one", layer.name);
            return Err(Error::request(message, "push the spec instead"));
        };
        if image.layer_key(*at) == Some(laid.key) {
            continue;
        }
        if let (Some(others), Some((_, known))) = (others, &mut facts) {
            over.correct(known, &stack, layer, &others)?;
        }
        let listing = over.below(*at + 1).small_listing(&image.manifest.layers[*at]);
        let (made, why) = (run.made(&laid)?, run.why(&laid, listing.as_ref()));
        layers[*at] = made.descriptor();
        replacements.insert(*at, Replacement { layer: made, why });
    }
    let facts = facts.and_then(|(ground, facts)| Some(format!("{ground} {}", facts.to_text()?)));
    let facts = facts.filter(|_| !replacements.is_empty());
    Next::replacing(place, image, replacements, facts.as_deref())
}

/// What the image's annotation knows of the image at the bottom: its digest and the facts.
fn published_facts(image: &SubjectImage) -> Option<(String, Facts)> {
    let (ground, facts) = image.manifest.annotations.get(BASE_FACTS)?.split_once(' ')?;
    Some((ground.to_owned(), parse_facts(facts)?))
}

/// Where the named layers are in the image, lowest first.
fn positions(
    run: &Run<'_>,
    workspace: &Workspace,
    image: &SubjectImage,
    named: &[NamedLayer],
) -> Result<Vec<(usize, LayerRecipe)>, Error> {
    let recipe = run.recipe;
    let quoted = |names: BTreeSet<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let own: Vec<&LayerRecipe> = recipe.layers.iter().filter(|layer| layer.is_for(&image.platform)).collect();
    let names: BTreeSet<&str> = own.iter().map(|layer| layer.name.as_str()).collect();
    let mut found: Vec<(usize, LayerRecipe)> = Vec::new();
    for NamedLayer { name, context } in named {
        let Some(layer) = own.iter().find(|layer| layer.name == *name) else {
            // A layer may be for other platforms only.
            if recipe.layers.iter().any(|layer| layer.name == *name) {
                continue;
            }
            let of_another = workspace.recipes.iter().find(|r| r.layers.iter().any(|layer| layer.name == *name));
            let help = match of_another {
                _ if recipe.stage.is_some() => "bump what a Dockerfile copies with --image IMAGE alone".to_owned(),
                Some(other) => format!("it is a layer of `{}`: bump that, and then this with --base", other.name),
                None => format!("its layers are {}", quoted(names)),
            };
            return Err(Error::request(format!("the spec of `{}` has no layer `{name}`", recipe.name), help));
        };
        let count = image.manifest.layers.len();
        let Some(at) = (0..count).rev().find(|&at| image.layer_name(at) == Some(name)) else {
            let there: BTreeSet<&str> = (0..count).filter_map(|at| image.layer_name(at)).collect();
            let message = format!("`{}` has no layer `{name}`", run.subject.location);
            return Err(Error::request(message, format!("it has {}; push the spec to add layers", quoted(there))));
        };
        // Above a layer of this spec lie layers of this spec.
        if let Some(stranger) =
            (at + 1..count).find(|&above| image.layer_name(above).is_none_or(|n| !names.contains(n)))
        {
            let called = image
                .layer_name(stranger)
                .map_or_else(|| image.manifest.layers[stranger].digest.short(), str::to_owned);
            let message =
                format!("above `{name}` in `{}` lies `{called}`, which is not in the spec", run.subject.location);
            return Err(Error::request(message, "the spec has changed since it was pushed: push it instead"));
        }
        if !found.iter().any(|(other, _)| *other == at) {
            found.push((at, moved(layer, context.as_deref())?));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    let lacking: BTreeSet<&str> = names.iter().copied().filter(|name| !has(image, name)).collect();
    if !lacking.is_empty() && own.iter().any(|l| lacking.contains(&*l.name) && matters(l)) {
        let note = format!("the image has no layer {}, which the spec has: push it to add them", quoted(lacking));
        run.workshop.events().note(note);
    }
    Ok(found)
}

fn has(image: &SubjectImage, name: &str) -> bool {
    (0..image.manifest.layers.len()).any(|at| image.layer_name(at) == Some(name))
}

/// Whether a layer is always there, whatever it holds.
fn matters(layer: &LayerRecipe) -> bool {
    matches!(layer.content, LayerContent::Context { .. } | LayerContent::Entries(_))
}

/// The layer with its context elsewhere.
fn moved(layer: &LayerRecipe, context: Option<&std::path::Path>) -> Result<LayerRecipe, Error> {
    let mut layer = layer.clone();
    if let LayerContent::Copy { from: CopyFrom::Recipe { name, .. }, .. } = &layer.content {
        let message =
            format!("the layer `{}` is copied from the image `{name}`, which would have to be built", layer.name);
        return Err(Error::request(message, "push the spec instead"));
    }
    let Some(context) = context else { return Ok(layer) };
    match &mut layer.content {
        LayerContent::Context { folder, path, .. }
        | LayerContent::Copy { from: CopyFrom::Context { folder, path, .. }, .. } => {
            *folder = std::path::PathBuf::new();
            *path = context.to_string_lossy().into_owned();
        }
        _ => {
            let message = format!("the layer `{}` has no context that could lie elsewhere", layer.name);
            return Err(Error::request(message, format!("write --layer {}", layer.name)));
        }
    }
    Ok(layer)
}

/// The place of a layer in an image, some of whose layers are new already.
struct Over<'a> {
    run: &'a Run<'a>,
    workspace: &'a Workspace,
    image: &'a SubjectImage,
    layers: &'a [Descriptor],
    at: usize,
}

impl Over<'_> {
    /// The lowest layers.
    fn below(&self, count: usize) -> Below {
        self.run.below(self.image, count, self.layers)
    }

    /// What the layer is laid over; and where all that it asks is asked of the image at the bottom, what those layers of
    /// the image hold that may have asked the same.
    fn stack(&self, layer: &LayerRecipe) -> Result<(Stack, Option<Vec<Contents>>), Error> {
        let (bottom, is_read) = self.bottom();
        let mut stack = match (self.needs_no_contents(layer, bottom), is_read) {
            (false, BaseTree::Read) => return Ok((self.below(self.at).stack(), None)),
            (false, BaseTree::Assume) => {
                let message = format!("what the layer `{}` needs of the image below is not read", layer.name);
                return Err(Error::request(message, "push the spec instead, or take `base_tree` out of it"));
            }
            (true, BaseTree::Read) => {
                let facts = published_facts(self.image).map(|(_, facts)| facts).unwrap_or_default();
                self.below(bottom).stack_knowing(facts)
            }
            (true, BaseTree::Assume) => Stack::over("the base", Tree::new(), Arc::new(NoFiles)),
        };
        let mut others = Vec::new();
        for at in (bottom..self.layers.len()).filter(|at| *at != self.at) {
            let lower = self.image.layer_name(at).and_then(|name| self.recipe_of(name));
            let is_apart = lower.map_or(Ok(false), |lower| is_apart(stack.tree(), lower, layer));
            if is_apart.map_err(|error| Error::layer(&self.run.recipe.name, layer, error.into()))? {
                continue;
            }
            let contents = self.below(at + 1).outline(at)?;
            if at < self.at {
                stack.push(Arc::new(contents.clone()));
            }
            others.push(contents);
        }
        Ok((stack, Some(others)))
    }

    /// Corrects what is known of the image at the bottom to what a push of the whole image would have asked: what only
    /// this layer had asked is not asked any more, and what it asks now is new.
    fn correct(&self, facts: &mut Facts, stack: &Stack, layer: &LayerRecipe, others: &[Contents]) -> Result<(), Error> {
        let failed = |error: TreeError| Error::layer(&self.run.recipe.name, layer, error.into());
        let mut own = Vec::new();
        for to in destinations(layer).unwrap_or_default() {
            own.push(stack.tree().resolve(&to).map_err(failed)?);
        }
        let asked_by_others = |path: &[u8]| others.iter().any(|other| other.find(path).is_some());
        facts.retain_paths(|path| {
            asked_by_others(path) || !own.iter().any(|to| path != &**to && is_at_or_below(path, to))
        });
        facts.extend(stack.tree().asked_facts());
        Ok(())
    }

    /// The lowest of the layers that the specs say, and whether what lies below them is read.
    fn bottom(&self) -> (usize, BaseTree) {
        let annotated = || (0..self.at).find(|&at| self.image.layer_name(at).is_some()).unwrap_or(self.at);
        let mut said: Vec<&LayerRecipe> = Vec::new();
        let mut recipe = Some(self.run.recipe);
        let mut is_read = BaseTree::Read;
        while let Some(one) = recipe {
            is_read = one.base_tree;
            said.extend(one.layers.iter().rev().filter(|layer| layer.is_for(&self.image.platform)));
            recipe = match &one.base {
                Base::Recipe(name) => self.workspace.recipes.iter().find(|other| other.name == *name),
                _ => None,
            };
        }
        let mut at = self.layers.len();
        for layer in said {
            match at > 0 && self.image.layer_name(at - 1) == Some(&layer.name) {
                true => at -= 1,
                false if matters(layer) => return (annotated(), is_read),
                false => {}
            }
        }
        (at.min(self.at), is_read)
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
            let lower = self.image.layer_name(at).and_then(|name| self.recipe_of(name));
            lower.is_none_or(|lower| AccountFile::ALL.iter().any(|file| may_hold(lower, file.path().as_bytes())))
        };
        by_numbers || !(bottom..self.at).any(may_name_owners)
    }

    /// What the specs say of a layer: this one's first, then those of the specs that it is built on.
    fn recipe_of(&self, name: &str) -> Option<&LayerRecipe> {
        let others = self.workspace.recipes.iter().rev();
        let layers = self.run.recipe.layers.iter().chain(others.flat_map(|recipe| &recipe.layers));
        layers.into_iter().find(|layer| layer.name == name)
    }
}

/// Where a layer's files go, as far as the spec alone tells.
fn destinations(layer: &LayerRecipe) -> Option<Vec<Box<[u8]>>> {
    match &layer.content {
        LayerContent::Context { to, .. } => Some(vec![normalise_path(to)?]),
        LayerContent::Entries(entries) => entries.iter().map(|entry| normalise_path(&entry.path)).collect(),
        LayerContent::Copy { .. } | LayerContent::Steps { .. } | LayerContent::Run => None,
    }
}

fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path == directory || parents(path).any(|parent| parent == directory)
}

/// Whether a layer may hold something at this path that the layers below it do not.
fn may_hold(layer: &LayerRecipe, path: &[u8]) -> bool {
    destinations(layer).is_none_or(|all| all.iter().any(|to| is_at_or_below(path, to)))
}

/// Whether nothing that `lower` holds changes how `layer` is laid: their files go to different places, and the
/// directories above both are what either of them would make of them.
fn is_apart(tree: &Tree, lower: &LayerRecipe, layer: &LayerRecipe) -> Result<bool, crate::image::TreeError> {
    if lower.owner != layer.owner {
        return Ok(false);
    }
    let (Some(lower), Some(upper)) = (destinations(lower), destinations(layer)) else { return Ok(false) };
    for one in &lower {
        let one = tree.resolve(one)?;
        for other in &upper {
            let other = tree.resolve(other)?;
            if is_at_or_below(&one, &other) || is_at_or_below(&other, &one) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
