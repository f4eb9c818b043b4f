//! Bumping: a published image with some of its layers replaced. What is not replaced is taken from its documents as it
//! is, byte for byte; nothing of it is read.
//!
//! Three ways lead here: layers of a spec by their names ([`bump`]), layers of anybody's image by a selector
//! ([`replace()`]), and what a Dockerfile copies after its last RUN ([`keep()`]).

mod below;
mod keep;
mod landing;
mod named;
mod next;
mod rebase;
mod replace;
mod resemble;
mod subject;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::address::Destination;
use crate::base::BaseImage;
use crate::build::{self, Options, PreparedLayer, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{self, BASE_DIGEST, BASE_NAME, Descriptor, Layer, Location, Platform, Reference, Repository};
use crate::layer::Listing;
use crate::published::{Lookup, Published};
use crate::registry::Traffic;
use crate::spec::{LayerRecipe, Recipe, Workspace};
use crate::why::Why;
use crate::workshop::Workshop;

use below::{Below, Seen};
use landing::Landing;
use next::Next;
use subject::{Subject, SubjectImage};

pub use keep::keep;
pub use replace::{Replace, Selector, replace};

/// A layer of a spec that is to be new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLayer {
    /// Its name.
    pub name: String,
    /// Where its context is, instead of where the spec says.
    pub context: Option<PathBuf>,
}

/// What is wanted of a bump, beside what is to change.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The image to start from; what the spec's first tag stands for if not given.
    pub image: Option<Location>,
    /// Where the image goes, instead of where it is.
    pub destination: Destination,
    /// What repositories are asked beside.
    pub lookup: Lookup,
    /// Stages that run something and are copied from, of which the user says that nothing they are made of has changed.
    pub unchanged_stages: Vec<String>,
    /// Nothing is sent or written: only what would change is told.
    pub dry_run: bool,
}

/// An image that was bumped.
#[derive(Debug)]
pub struct Bumped {
    /// Its name.
    pub name: String,
    /// Where it is: a repository, or a layout.
    pub place: String,
    /// The repository, if it is in one.
    pub repository: Option<Repository>,
    /// Its tags there.
    pub tags: Vec<String>,
    /// Its topmost document.
    pub top: Descriptor,
    /// The digest of the image it comes from.
    pub replaces: Digest,
    /// The image for each platform that was looked at.
    pub platforms: Vec<BumpedImage>,
    /// Whether anything is new: a layer, or what a tag stands for.
    pub changed: bool,
    /// What the user should know beside.
    pub notes: Vec<String>,
    /// Requests made for it.
    pub traffic: Arc<Traffic>,
}

/// A bumped image for one platform.
#[derive(Debug)]
pub struct BumpedImage {
    /// The platform.
    pub platform: Platform,
    /// The digest of its manifest before.
    pub before: Digest,
    /// The digest of its manifest now.
    pub digest: Digest,
    /// The base, as its annotations name it: reference and digest.
    pub base: Option<(String, Option<String>)>,
    /// The digest of the base before, if it is on another now.
    pub base_before: Option<String>,
    /// Its layers, lowest first.
    pub layers: Vec<BumpedLayer>,
}

/// A layer of a bumped image.
#[derive(Debug, Clone)]
pub struct BumpedLayer {
    /// Its name, if it is annotated with one.
    pub name: Option<String>,
    /// Its key, if it is annotated with one.
    pub key: Option<Digest>,
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// What became of it.
    pub status: Status,
    /// The descriptor of the layer that it takes the place of.
    pub before: Option<Descriptor>,
    /// Why it is another.
    pub why: Option<Why>,
}

/// Replaces layers of a spec by their names, reads no other context, and moves the tags if they still stand for what was
/// read. With `rebase`, the layers go onto what the base's reference stands for now.
///
/// # Errors
///
/// A layer that the spec or the image does not have, whatever laying and assembling report, whatever the registry
/// refuses, a tag that somebody else has moved.
pub fn bump(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    layers: &[NamedLayer],
    rebase: bool,
    request: &Request,
) -> Result<Bumped, Error> {
    let recipe = only(workspace)?;
    let run = Run::begin(workshop, workspace, recipe, options, request)?;
    for NamedLayer { name, .. } in layers {
        let said = recipe.layers.iter().find(|layer| layer.name == *name);
        let is_for = |layer: &LayerRecipe| run.subject.images.iter().any(|image| layer.is_for(&image.platform));
        if said.is_some_and(|layer| !is_for(layer)) {
            let message = format!("the layer `{name}` is for none of the platforms of `{}`", run.subject.location);
            return Err(Error::request(message, "name another layer, or another --platform"));
        }
    }
    let mut next = Vec::new();
    for place in 0..run.subject.images.len() {
        let bumped = named::next(&run, workspace, place, layers)?;
        next.push(if rebase { rebase::next(&run, workspace, bumped)? } else { bumped });
    }
    run.finish(next)
}

/// The one recipe that was asked for.
fn only(workspace: &Workspace) -> Result<&Recipe, Error> {
    let requested = workspace.recipes.iter().zip(&workspace.requested).filter(|(_, requested)| **requested);
    let recipes: Vec<&Recipe> = requested.map(|(recipe, _)| recipe).collect();
    match recipes[..] {
        [only] => Ok(only),
        _ => {
            let names: Vec<String> = recipes.iter().map(|recipe| format!("`{}`", recipe.name)).collect();
            let message = format!("one image is bumped at a time, and these were named: {}", names.join(", "));
            Err(Error::request(message, "name one spec"))
        }
    }
}

/// A bump on its way: the image as it is, and where it goes.
struct Run<'a> {
    workshop: &'a Workshop,
    recipe: &'a Recipe,
    options: &'a Options,
    request: &'a Request,
    subject: Subject,
    landing: Landing,
    published: Arc<Published>,
    traffic: Arc<Traffic>,
    /// What layers were seen to hold.
    seen: Arc<Seen>,
    notes: Mutex<Vec<String>>,
}

impl<'a> Run<'a> {
    /// Notes what the user should know.
    fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// Reads the image that a recipe was pushed as, and what the tags that are to move stand for.
    fn begin(
        workshop: &'a Workshop,
        workspace: &Workspace,
        recipe: &'a Recipe,
        options: &'a Options,
        request: &'a Request,
    ) -> Result<Run<'a>, Error> {
        let Destination { to, tags, .. } = &request.destination;
        let (location, tags, to) = match &request.image {
            Some(location) => (location.clone(), tags.clone(), to.clone()),
            None => {
                let own = Destination { tags: Vec::new(), ..request.destination.clone() };
                let address = own.addresses(workspace)?.into_values().next();
                let Some(address) = address else {
                    return Err(Error::request("no image was asked for", "name a spec"));
                };
                let Some(tag) = address.tags.iter().find(|tag| !tag.contains("{digest}")) else {
                    let message = format!("no tag of `{}` tells which image is to be bumped", recipe.name);
                    return Err(Error::request(message, "name the image with --image"));
                };
                let reference =
                    Reference { repository: address.repository.clone(), tag: Some(tag.clone()), digest: None };
                let tags = if tags.is_empty() { address.tags.clone() } else { tags.clone() };
                (Location::Registry(reference), tags, None)
            }
        };
        Run::of(workshop, recipe, options, request, &location, to.as_ref(), &tags)
    }

    /// Reads the image at `location`.
    fn of(
        workshop: &'a Workshop,
        recipe: &'a Recipe,
        options: &'a Options,
        request: &'a Request,
        location: &Location,
        to: Option<&Repository>,
        tags: &[String],
    ) -> Result<Run<'a>, Error> {
        if request.lookup.remote && tags.contains(&request.lookup.cache_tag) {
            let message =
                format!("an image cannot be tagged `{}`: that is the cache image's tag", request.lookup.cache_tag);
            return Err(Error::request(message, "choose another with --cache-tag, or use --no-remote-cache"));
        }
        let traffic = Arc::new(Traffic::default());
        let subject = Subject::read(workshop, location, &options.platforms, &traffic)?;
        let landing = Landing::of(workshop, &subject, to, tags, &traffic)?;
        let remote = match &landing {
            Landing::Repository(remote, _) => Some((0, remote.clone(), Vec::new())),
            Landing::Layout(..) => None,
        };
        let published = Published::new(workshop, request.lookup.clone(), remote);
        let (seen, notes) = (Arc::default(), Mutex::default());
        Ok(Run { workshop, recipe, options, request, subject, landing, published, traffic, seen, notes })
    }

    /// The lowest layers of an image of the subject, some of which may be new.
    fn below(&self, image: &SubjectImage, count: usize, layers: &[Descriptor]) -> Below {
        let name = self.subject.location.to_string();
        Below {
            workshop: self.workshop.clone(),
            image: BaseImage {
                platform: image.platform.clone(),
                documents: image.lowest(&name, count, layers),
                origin: Arc::clone(&self.subject.origin),
            },
            grounds: image.grounds.clone(),
            published: Arc::clone(&self.published),
            seen: Arc::clone(&self.seen),
        }
    }

    /// A layer as this machine has it, else assembled.
    fn made(&self, layer: &PreparedLayer) -> Result<Layer, Error> {
        let store = self.workshop.store();
        let recorded = store.record(&layer.key).filter(|found| !self.options.no_cache && found.key == layer.key);
        if let Some(recorded) = recorded
            && store.has_listing(&layer.key)
            && store.has_blob(&recorded.digest, recorded.size)
        {
            store.set_latest(&self.recipe.name, &layer.platform, &layer.name, &layer.key)?;
            return Ok(Layer { name: layer.name.clone(), ..recorded });
        }
        build::assemble_one(self.workshop, self.workshop.pool()?, &self.recipe.name, layer, &|_| true)
    }

    /// Why a layer is another than the one that `listing` tells of, if there is one.
    fn why(&self, layer: &PreparedLayer, listing: Option<&Listing>) -> Option<Why> {
        listing.map(|last| Why::between(Some(last), layer))
    }

    /// Brings the images to where they go, and tells what became of them.
    fn finish(self, mut next: Vec<Next>) -> Result<Bumped, Error> {
        let Run { workshop, recipe, request, subject, landing, traffic, .. } = &self;
        let note = |text| self.note(text);
        let landed = landing.land(workshop, subject, &mut next, request.dry_run, traffic, &note)?;
        let repository = match landing {
            Landing::Repository(remote, _) => Some(remote.repository().clone()),
            Landing::Layout(..) => None,
        };
        let platforms = next.into_iter().map(|next| {
            let before = &subject.images[next.place];
            let annotation = |manifest: &image::Manifest, key: &str| manifest.annotations.get(key).cloned();
            let base = annotation(&next.manifest, BASE_NAME);
            let (old, new) = (annotation(&before.manifest, BASE_DIGEST), annotation(&next.manifest, BASE_DIGEST));
            BumpedImage {
                platform: before.platform.clone(),
                before: before.digest,
                digest: next.digest(),
                base: base.map(|name| (name, new.clone())),
                base_before: old.filter(|_| next.base.is_some()),
                layers: next.layers,
            }
        });
        Ok(Bumped {
            name: recipe.name.clone(),
            place: landing.place(),
            repository,
            tags: landed.tags,
            top: landed.top,
            replaces: subject.top.digest,
            platforms: platforms.collect(),
            changed: landed.changed,
            notes: std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner)),
            traffic: Arc::clone(traffic),
        })
    }
}

/// Layers by their places in an image.
type Replacements = BTreeMap<usize, next::Replacement>;
