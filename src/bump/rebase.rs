//! Rebasing: the layers stay, the base below them is what its reference stands for now, and the config is derived from
//! its config as the spec says.

use std::sync::Arc;

use super::below::Below;
use super::next::Next;
use super::subject::{Subject, SubjectImage};
use super::{Replacements, Run, Status};
use crate::address::Destination;
use crate::base::{self, BaseImage};
use crate::digest::Digest;
use crate::entry::parents;
use crate::error::Error;
use crate::image::accounts::AccountFile;
use crate::image::{
    self, BASE_DIGEST, BASE_FACTS, BaseDocuments, Descriptor, LAYER_KEY, LAYER_NAME, Layer, Location, MANIFEST_LIMIT,
    Manifest, Node, Nodes, Reference, parse_facts,
};
use crate::spec::{Base, LayerContent, LayerRecipe, Workspace};

/// The same image on the base's newest version.
///
/// # Errors
///
/// A base that is not what lies at the bottom of the image, or whose new version answers otherwise what the layers
/// needed to know of it.
pub(super) fn next(run: &Run<'_>, workspace: &Workspace, bumped: Next) -> Result<Next, Error> {
    let before = &run.subject.images[bumped.place];
    let depends = |layer: &&LayerRecipe| {
        layer.is_for(&before.platform)
            && !matches!(layer.content, LayerContent::Context { .. } | LayerContent::Entries(_))
    };
    if let Some(layer) = run.recipe.layers.iter().find(depends) {
        let message = format!("what the layer `{}` holds may depend on what is in the base", layer.name);
        return Err(Error::request(message, "push the spec instead: its layers are made anew where they have to be"));
    }
    let (location, name) = newest(run, workspace)?;
    let newest = Subject::read(run.workshop, &location, std::slice::from_ref(&before.platform), &run.traffic)?;
    let Some(new) = newest.images.first() else {
        let message = format!("`{location}` has no image for {}", before.platform);
        return Err(Error::request(message, "choose another --platform"));
    };
    let old: Digest = match before.manifest.annotations.get(BASE_DIGEST).and_then(|digest| digest.parse().ok()) {
        Some(digest) => digest,
        None => {
            let message = format!("`{}` does not say what base it is on", run.subject.location);
            return Err(Error::request(message, "push the spec instead"));
        }
    };
    if old == new.digest {
        return Ok(bumped);
    }
    let base = BaseImage {
        platform: new.platform.clone(),
        documents: BaseDocuments {
            named: Some((name.clone(), new.digest)),
            layers: new.manifest.layers.clone(),
            config: new.config.clone(),
            platform: new.platform.clone(),
            annotations: new.manifest.annotations.clone(),
        },
        origin: Arc::clone(&newest.origin),
    };
    let count = old_base(run, &newest.location, &old, before)?;
    let own = own_layers(run, &bumped, count)?;
    let facts = holds(run, &bumped, count, new, &base)?;
    let documents = &base.documents;
    let composed = image::compose(documents, &own, &run.recipe.config, facts, run.options.epoch);
    let mut next = Next::of(bumped.place, composed.manifest_bytes, composed.config_bytes, before, Replacements::new())?;
    for layer in &mut next.layers[..documents.layers.len()] {
        layer.status = Status::Base;
    }
    // What was said of the layers that are new is said of them where they are now.
    for layer in bumped.layers.into_iter().filter(|layer| layer.before.is_some()) {
        if let Some(same) = next.layers.iter_mut().find(|other| other.key.is_some() && other.key == layer.key) {
            *same = layer;
        }
    }
    next.made = bumped.made;
    next.base = Some(base);
    Ok(next)
}

/// Where the base's newest version is, and how the spec calls it.
fn newest(run: &Run<'_>, workspace: &Workspace) -> Result<(Location, String), Error> {
    let recipe = run.recipe;
    if recipe.stage.is_some() {
        let help = "what a Dockerfile's commands make depends on the base: build the image again";
        return Err(Error::request("an image of a Dockerfile cannot be put onto another base", help));
    }
    match &recipe.base {
        Base::Scratch => Err(Error::request(format!("the image `{}` has no base", recipe.name), "leave --base away")),
        Base::Image { location, name } => {
            let fixed = matches!(location, Location::Registry(reference) if reference.digest.is_some());
            if fixed {
                let message = format!("the spec of `{}` names its base by a digest", recipe.name);
                return Err(Error::request(message, "change the digest in the spec and push it"));
            }
            if recipe.lock.as_ref().is_some_and(|lock| lock.pin(name, None).is_some()) {
                let note =
                    format!("`{}` pins `{name}` to what it was: run `tarsia lock` as well", crate::spec::LOCK_FILE);
                run.note(note);
            }
            Ok((location.clone(), name.clone()))
        }
        Base::Recipe(name) => {
            // The image of another spec is where that spec was pushed to.
            let place = workspace.recipes.iter().position(|other| other.name == *name);
            let requested = (0..workspace.recipes.len()).map(|at| Some(at) == place).collect();
            let other = Workspace { recipes: workspace.recipes.clone(), requested };
            let own = Destination { variables: run.request.destination.variables.clone(), ..Destination::default() };
            let address = own.addresses(&other)?.into_values().next();
            let tag = address.as_ref().and_then(|address| address.tags.iter().find(|tag| !tag.contains("{digest}")));
            match (&address, tag) {
                (Some(address), Some(tag)) => {
                    let (repository, tag) = (address.repository.clone(), Some(tag.clone()));
                    Ok((Location::Registry(Reference { repository, tag, digest: None }), name.clone()))
                }
                _ => {
                    let message = format!("no tag of `{name}` tells which image is its newest");
                    Err(Error::request(message, "give its spec a tag without {digest}"))
                }
            }
        }
    }
}

/// How many layers the old base has, made sure to be the lowest of the image.
fn old_base(run: &Run<'_>, location: &Location, old: &Digest, image: &SubjectImage) -> Result<usize, Error> {
    let manifest = old_manifest(run, location, old)?;
    let lowest = image.manifest.layers.iter().map(|layer| layer.digest);
    let is_prefix = manifest.layers.len() <= image.manifest.layers.len()
        && manifest.layers.iter().map(|layer| layer.digest).eq(lowest.take(manifest.layers.len()));
    if is_prefix {
        return Ok(manifest.layers.len());
    }
    let message = format!("the base {old} is not what lies at the bottom of `{}`", run.subject.location);
    Err(Error::request(message, "something else put its layers together: push the spec instead"))
}

fn old_manifest(run: &Run<'_>, location: &Location, old: &Digest) -> Result<Manifest, Error> {
    let subject = match location {
        Location::Registry(reference) => {
            let pinned = Location::Registry(Reference { digest: Some(*old), tag: None, ..reference.clone() });
            Subject::read(run.workshop, &pinned, &[], &run.traffic)?
        }
        Location::Layout { path, .. } => {
            let layout = crate::output::Layout::open(path)?;
            let size = std::fs::metadata(layout.blob_path(old)).map_or(0, |metadata| metadata.len());
            let bytes = base::read(
                run.workshop,
                &base::Origin::Layout(layout),
                &Descriptor::new(image::media_type::MANIFEST, *old, size),
                MANIFEST_LIMIT,
            )?;
            return match image::Document::parse(&bytes, "")? {
                image::Document::Manifest(manifest) => Ok(manifest),
                image::Document::Index(_) => Err(Error::request(format!("the base {old} is an index"), "")),
            };
        }
        other => {
            let message = format!("the base `{other}` is an archive: what it was before is not known");
            return Err(Error::request(message, "push the spec instead"));
        }
    };
    match subject.images.into_iter().next() {
        Some(image) => Ok(image.manifest),
        None => Err(Error::request(format!("the base {old} has no image"), "push the spec instead")),
    }
}

/// The layers above the base.
fn own_layers(run: &Run<'_>, bumped: &Next, count: usize) -> Result<Vec<Layer>, Error> {
    let layer = |layer: &super::BumpedLayer| {
        let annotations = &layer.descriptor.annotations;
        let (name, key) = (annotations.get(LAYER_NAME)?.clone(), annotations.get(LAYER_KEY)?.parse().ok()?);
        let Descriptor { digest, size, media_type, .. } = layer.descriptor.clone();
        Some(Layer { name, key, diff_id: layer.diff_id, digest, size, media_type })
    };
    let all = bumped.layers.iter().skip(count).map(|own| {
        layer(own).ok_or_else(|| {
            let digest = own.descriptor.digest.short();
            let message = format!("the layer {digest} of `{}` is not of a spec", run.subject.location);
            Error::request(message, "push the spec instead")
        })
    });
    all.collect()
}

/// Makes sure that the layers would be the same over the new base, and gives the facts that say so.
fn holds(
    run: &Run<'_>,
    bumped: &Next,
    count: usize,
    new: &SubjectImage,
    base: &BaseImage,
) -> Result<Option<String>, Error> {
    let refuse = |what: String| {
        let message = format!("the layers do not fit onto the new base: {what}");
        Err(Error::request(message, "push the spec instead: its layers are made anew where they have to be"))
    };
    let before = &run.subject.images[bumped.place];
    let mut grounds = new.grounds.clone();
    grounds.insert(0, new.digest);
    let nodes = Below {
        workshop: run.workshop.clone(),
        image: base.clone(),
        grounds,
        published: Arc::clone(&run.published),
        seen: Arc::clone(&run.seen),
    }
    .nodes()?;
    let text = bumped.manifest.annotations.get(BASE_FACTS).and_then(|text| text.split_once(' '));
    let facts = text.and_then(|(ground, facts)| Some((ground.to_owned(), parse_facts(facts)?)));
    let is_of_a_spec = matches!(run.recipe.base, Base::Recipe(_));
    if let (Some((_, facts)), false) = (&facts, is_of_a_spec) {
        return match facts.contradiction(&nodes)? {
            Some(what) => refuse(what),
            None => Ok(facts.to_text().map(|text| format!("{} {text}", new.digest))),
        };
    }
    let old_nodes = run.below(before, count, &before.manifest.layers).nodes()?;
    let whole = run.below(before, bumped.layers.len(), &bumped.manifest.layers);
    for at in count..bumped.layers.len() {
        for entry in whole.headers(at)?.iter() {
            for path in parents(&entry.path).chain([&entry.path[..]]) {
                if !same(&old_nodes, &nodes, path) {
                    return refuse(format!("`/{}` is not what it was", String::from_utf8_lossy(path)));
                }
            }
        }
    }
    if let Some((_, facts)) = &facts
        && let Some(path) = facts.paths().find(|path| !same(&old_nodes, &nodes, path))
    {
        return refuse(format!("`/{}` is not what it was", String::from_utf8_lossy(path)));
    }
    if let Some((_, facts)) = &facts
        && let Some(path) = facts.directories().find(|path| old_nodes.children(path) != nodes.children(path))
    {
        return refuse(format!("`/{}` has other names in it", String::from_utf8_lossy(path)));
    }
    for file in AccountFile::ALL {
        if old_nodes.accounts(file)? != nodes.accounts(file)? {
            return refuse(format!("`/{}` names other users", file.path()));
        }
    }
    // Facts are of the image at the bottom: they hold as long as it is the same.
    let same_ground = facts.filter(|(ground, _)| new.grounds.first().is_some_and(|new| new.to_string() == *ground));
    Ok(same_ground.and_then(|(ground, facts)| Some(format!("{ground} {}", facts.to_text()?))))
}

/// Whether two images agree on a path as far as a layer above them has to know it.
fn same(one: &Nodes, other: &Nodes, path: &[u8]) -> bool {
    match (one.get(path), other.get(path)) {
        // Neither is in the way of anything that is not a directory.
        (None | Some(Node::File), None | Some(Node::File)) => true,
        (one, other) => one == other,
    }
}
