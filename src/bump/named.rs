//! Named layers: those of a spec, found in the published image by their annotations, and laid over what lies below them
//! there.

mod apart;
mod grounds;
mod over;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::next::{FactsEdit, Next, Replacement};
use super::subject::SubjectImage;
use super::{NamedLayer, Replacements, Run};
use crate::build::Single;
use crate::error::Error;
use crate::image::{BASE_DIGEST, BASE_FACTS, DEFAULT_PATH, Descriptor, Facts, parse_facts};
use crate::layer::Contents;
use crate::spec::{Base, CopyFrom, LayerContent, LayerRecipe, Recipe, Workspace};

use over::{Over, Renewed, Said, is_lower, recipes_from};

/// The image at this place with new versions of the named layers.
pub(super) fn next(run: &Run<'_>, workspace: &Workspace, place: usize, named: &[NamedLayer]) -> Result<Next, Error> {
    let image = &run.subject.images[place];
    let (wanted, wholes) = positions(run, workspace, image, named)?;
    let said = Said::of(run, workspace, image);
    let mut facts = published_facts(run, image);
    let mut single = Single::new(run.workshop, run.recipe, run.options, &run.traffic);
    single.search_path = image.config.variable("PATH").unwrap_or(DEFAULT_PATH).to_owned();
    let mut layers: Vec<Descriptor> = image.manifest.layers.clone();
    for whole in &wholes {
        must_make_the_same_layers(
            &Over { run, said: &said, image, layers: &layers, at: whole.lowest },
            &single,
            whole,
        )?;
    }
    let mut replacements = Replacements::new();
    let mut renewed: Vec<Renewed> = Vec::new();
    let first = wanted.keys().next().copied().unwrap_or(layers.len());
    for at in first..layers.len() {
        let over = Over { run, said: &said, image, layers: &layers, at };
        if !renewed.is_empty() {
            over.must_do_nothing(&mut single)?;
        }
        let (layer, is_named) = match (wanted.get(&at), said.layer(at)) {
            (Some(layer), _) => (layer, true),
            // What commands make of the files below is made of the new ones.
            (None, Some(layer)) if !renewed.is_empty() && matches!(layer.content, LayerContent::Steps { .. }) => {
                (layer, false)
            }
            (None, _) => {
                over.must_not_depend_on(&renewed)?;
                let own = run.recipe.layers.iter().filter(|layer| layer.is_for(&image.platform));
                let part = || image.layer_name(at).and_then(|name| own.clone().find_map(|layer| layer.part(name)));
                // If the specs have changed since, its name still tells.
                if !renewed.is_empty()
                    && let Some(layer) = said.layer(at).cloned().or_else(part).filter(holds_distributions)
                {
                    grounds::must_be_the_same(&over, &single, &layer, &renewed)?;
                }
                continue;
            }
        };
        let (mut stack, others) = over.stack(layer)?;
        let Some(laid) = single.lay(layer, &image.platform, &mut stack)? else {
            let message = format!("the layer `{}` would change nothing: it cannot take the place of one", layer.name);
            return Err(Error::request(message, "push the spec instead"));
        };
        if image.layer_key(at) == Some(laid.key) {
            continue;
        }
        if !wholes.iter().any(|whole| whole.names.contains(&layer.name)) {
            must_hold_the_same(&over, layer, &laid.contents)?;
        }
        if let (Some(others), Some((_, known)), true) = (&others, &mut facts, is_named) {
            over.correct(known, &stack, layer, others)?;
        }
        let listing = over.below(at + 1).small_listing(&image.manifest.layers[at]);
        let (made, why) = (run.made(&laid)?, run.why(&laid, listing.as_ref()));
        let near = others.map(|others| others.into_iter().map(|(other, _)| other).collect());
        renewed.push(Renewed { at, contents: Arc::clone(&laid.contents), near });
        layers[at] = made.descriptor();
        replacements.insert(at, Replacement { layer: made, why });
    }
    if !renewed.is_empty() {
        let over = Over { run, said: &said, image, layers: &layers, at: layers.len() };
        over.must_do_nothing(&mut single)?;
    }
    let facts = match (facts, replacements.is_empty()) {
        (Some((_, facts)), false) if facts.is_empty() => FactsEdit::Remove,
        (Some((ground, facts)), false) => {
            facts.to_text().map_or(FactsEdit::Remove, |text| FactsEdit::Set(format!("{ground} {text}")))
        }
        _ => FactsEdit::Keep,
    };
    Next::replacing(place, image, replacements, &facts)
}

/// What the image's annotation knows of the image at the bottom: its digest and the facts. They have to be of the base
/// that the image says it is on; on another spec's image they are of what that is on.
fn published_facts(run: &Run<'_>, image: &SubjectImage) -> Option<(String, Facts)> {
    let annotations = &image.manifest.annotations;
    let (ground, facts) = annotations.get(BASE_FACTS)?.split_once(' ')?;
    let is_its = annotations.get(BASE_DIGEST).is_some_and(|base| base == ground);
    let is_of_a_spec = matches!(run.recipe.base, Base::Recipe(_));
    (is_its || is_of_a_spec).then_some((ground.to_owned(), parse_facts(facts)?))
}

/// Wheels whose layers are all meant.
struct Whole {
    layer: LayerRecipe,
    /// The lowest of their layers.
    lowest: usize,
    names: BTreeSet<String>,
}

/// Makes sure that wheels are split into the layers that the image has.
fn must_make_the_same_layers(over: &Over<'_>, single: &Single<'_>, whole: &Whole) -> Result<(), Error> {
    let (stack, _) = over.stack(&whole.layer)?;
    let names: BTreeSet<String> = single.parts(&whole.layer, &over.image.platform, &stack)?.into_iter().collect();
    if names == whole.names {
        return Ok(());
    }
    let listed =
        |names: BTreeSet<&String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (new, old) =
        (names.difference(&whole.names).collect::<BTreeSet<_>>(), whole.names.difference(&names).collect());
    let what = match (listed(new), listed(old)) {
        (new, old) if old.is_empty() => format!("there would be {new} as well"),
        (new, old) if new.is_empty() => format!("there would be no {old}"),
        (new, old) => format!("there would be {new}, and no {old}"),
    };
    let message = format!("the wheels of `{}` make other layers now: {what}", whole.layer.name);
    Err(Error::request(message, "push the spec instead"))
}

/// Makes sure that a part of wheels holds versions of what it held: else another part would lack, or have as well, what comes
/// or goes.
fn must_hold_the_same(over: &Over<'_>, layer: &LayerRecipe, contents: &Contents) -> Result<(), Error> {
    if !matches!(&layer.content, LayerContent::Wheels(wheels) if wheels.part.is_some()) {
        return Ok(());
    }
    let old = over.run.below(over.image, over.at + 1, &over.image.manifest.layers).headers(over.at)?;
    let old = grounds::distributions(old.iter().map(|entry| &entry.path));
    let new = grounds::distributions(contents.entries().map(|entry| &entry.path));
    if old == new {
        return Ok(());
    }
    let listed = |names: BTreeSet<&String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let (new, old) = (listed(new.difference(&old).collect()), listed(old.difference(&new).collect()));
    let what = match (new.join(", "), old.join(", ")) {
        (new, old) if old.is_empty() => format!("{new} would come into it"),
        (new, old) if new.is_empty() => format!("{old} would not be in it"),
        (new, old) => format!("{new} would come into it, and {old} not be in it"),
    };
    let message = format!("the wheels of `{}` make other layers now: {what}", layer.name);
    Err(Error::request(message, "push the spec instead"))
}

/// The places of the layers that a recipe's layer of wheels is split into, by those that are the topmost of such names.
fn parts(image: &SubjectImage, layer: &LayerRecipe, lower: &[&Recipe]) -> BTreeMap<usize, LayerRecipe> {
    let part = |at: usize| layer.part(image.layer_name(at)?).filter(|_| !is_lower(lower, image, at));
    let mut all: BTreeMap<usize, LayerRecipe> = BTreeMap::new();
    let mut places = (0..image.manifest.layers.len()).rev().map(|at| (at, part(at))).skip_while(|(_, p)| p.is_none());
    while let Some((at, Some(part))) = places.next() {
        if all.values().any(|other| other.name == part.name) {
            break;
        }
        all.insert(at, part);
    }
    all
}

/// Makes sure that it can be told which layers are whose: two specs may call wheels the same, and split them.
fn must_be_told_apart(own: &[&LayerRecipe], lower: &[&Recipe], name: &str) -> Result<(), Error> {
    let is_split = |layer: &&LayerRecipe| layer.part(&layer.name).is_none();
    let layers = || lower.iter().flat_map(|recipe| recipe.layers.iter().map(move |layer| (recipe, layer)));
    let same = own.iter().filter(|layer| is_split(layer)).find_map(|layer| {
        layers().find(|(_, other)| other.name == layer.name && is_split(other)).map(|(recipe, _)| (recipe, layer))
    });
    let Some((recipe, layer)) = same else { return Ok(()) };
    let message = format!(
        "`{name}` cannot be bumped: the spec of `{}` below splits wheels that it calls `{}` as well, and which layer is whose \
         cannot be told",
        recipe.name, layer.name
    );
    Err(Error::request(message, "push the spec instead, or call one of them otherwise"))
}

/// Where the named layers are in the image, lowest first.
fn positions(
    run: &Run<'_>,
    workspace: &Workspace,
    image: &SubjectImage,
    named: &[NamedLayer],
) -> Result<(BTreeMap<usize, LayerRecipe>, Vec<Whole>), Error> {
    let recipe = run.recipe;
    let quoted = |names: BTreeSet<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let own: Vec<&LayerRecipe> = recipe.layers.iter().filter(|layer| layer.is_for(&image.platform)).collect();
    let names: BTreeSet<&str> = own.iter().map(|layer| layer.name.as_str()).collect();
    let mut found: BTreeMap<usize, LayerRecipe> = BTreeMap::new();
    let mut wholes = Vec::new();
    let recipes = recipes_from(run, workspace);
    let lower = recipes.get(1..).unwrap_or_default();
    let twice = |name: &str| Error::request(format!("the layer `{name}` is named twice"), "name it once");
    for NamedLayer { name, context } in named {
        if own.iter().any(|layer| holds_distributions(layer) && (layer.name == *name || layer.part(name).is_some())) {
            must_be_told_apart(&own, lower, name)?;
        }
        if let Some(layer) = own.iter().find(|layer| layer.name == *name && layer.part(name).is_none()) {
            let parts = parts(image, layer, lower);
            if let Some(part) = parts.iter().find_map(|(at, part)| found.contains_key(at).then_some(part)) {
                return Err(twice(&part.name));
            }
            if let Some(lowest) = parts.keys().next().copied() {
                let layer = moved(layer, context.as_deref())?;
                let names = parts.values().map(|part| part.name.clone()).collect();
                wholes.push(Whole { layer, lowest, names });
                found.extend(parts);
                continue;
            }
        }
        let Some(layer) = own.iter().find_map(|layer| layer.part(name)) else {
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
        let is_part = matches!(&layer.content, LayerContent::Wheels(wheels) if wheels.part.is_some());
        let is_it = |at: &usize| image.layer_name(*at) == Some(name) && !(is_part && is_lower(lower, image, *at));
        let Some(at) = (0..count).rev().find(is_it) else {
            let there: BTreeSet<&str> = (0..count).filter_map(|at| image.layer_name(at)).collect();
            let message = format!("`{}` has no layer `{name}`", run.subject.location);
            return Err(Error::request(message, format!("it has {}; push the spec to add layers", quoted(there))));
        };
        // Above a layer of this spec lie layers of this spec.
        if let Some(stranger) = (at + 1..count).find(|&above| image.layer_name(above).is_none_or(|n| !is_said(&own, n)))
        {
            let called = image
                .layer_name(stranger)
                .map_or_else(|| image.manifest.layers[stranger].digest.short(), str::to_owned);
            let message =
                format!("above `{name}` in `{}` lies `{called}`, which is not in the spec", run.subject.location);
            return Err(Error::request(message, "the spec has changed since it was pushed: push it instead"));
        }
        if found.insert(at, moved(&layer, context.as_deref())?).is_some() {
            return Err(twice(name));
        }
    }
    let lacking = own.iter().filter(|layer| !has(image, layer)).map(|layer| layer.name.as_str());
    let lacking: BTreeSet<&str> = lacking.collect();
    if !lacking.is_empty() && own.iter().any(|l| lacking.contains(&*l.name) && matters(l)) {
        let note = format!("the image has no layer {}, which the spec has: push it to add them", quoted(lacking));
        run.note(note);
    }
    Ok((found, wholes))
}

/// Whether one of these makes a layer of this name.
fn is_said(layers: &[&LayerRecipe], name: &str) -> bool {
    layers.iter().any(|layer| layer.part(name).is_some())
}

/// Whether the image has a layer of what a recipe says.
fn has(image: &SubjectImage, layer: &LayerRecipe) -> bool {
    (0..image.manifest.layers.len()).any(|at| image.layer_name(at).is_some_and(|name| layer.part(name).is_some()))
}

/// Whether a layer is always there, whatever it holds.
fn matters(layer: &LayerRecipe) -> bool {
    matches!(
        layer.content,
        LayerContent::Context { .. } | LayerContent::Entries(_) | LayerContent::Wheels(_) | LayerContent::Package(_)
    )
}

fn holds_distributions(layer: &LayerRecipe) -> bool {
    matches!(layer.content, LayerContent::Wheels(_) | LayerContent::Package(_))
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
        LayerContent::Package(package) => {
            package.folder = std::path::PathBuf::new();
            package.path = context.to_string_lossy().into_owned();
        }
        LayerContent::Wheels(_) => {
            let message = format!("the wheels of the layer `{}` cannot lie elsewhere", layer.name);
            return Err(Error::request(message, format!("write --layer {}", layer.name)));
        }
        _ => {
            let message = format!("the layer `{}` has no context that could lie elsewhere", layer.name);
            return Err(Error::request(message, format!("write --layer {}", layer.name)));
        }
    }
    Ok(layer)
}
