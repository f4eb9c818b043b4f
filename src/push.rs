//! Pushing: what is missing is assembled, what is missing is sent, manifests last.

pub(crate) mod deliver;
mod remember;
mod send;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::build::{self, Built, Options, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::Repository;
use crate::spec::Workspace;
use crate::survey::{Survey, survey};
use crate::why::{Inquiry, Whys};
use crate::workshop::Workshop;

pub use crate::address::Destination;
pub use crate::published::Lookup;

/// An image that is in its repository now.
#[derive(Debug)]
pub struct Pushed {
    /// The image.
    pub built: Built,
    /// Where it is.
    pub repository: Repository,
    /// Its tags there.
    pub tags: Vec<String>,
    /// Whether anything was new there: a manifest, or what a tag stands for.
    pub changed: bool,
    /// Why the layers that were assembled were not known, by key; those of all images of the run.
    pub whys: Arc<Whys>,
}

/// What became of blobs, by target and digest.
type Outcomes = BTreeMap<(usize, Digest), Status>;

/// Pushes the images that were asked for.
///
/// An image whose tags all stand for what it would be is left alone. A failed run leaves every tag as it was; what it
/// has sent is found by the next.
///
/// # Errors
///
/// Whatever building reports, and what registries refuse.
pub fn push(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    destination: &Destination,
    lookup: &Lookup,
) -> Result<Vec<Pushed>, Error> {
    let mut survey = survey(workshop, workspace, options, destination, lookup)?;
    let (mut moved, mut outcomes, mut whys) = (BTreeMap::new(), Outcomes::new(), Whys::new());
    if survey.current.len() < survey.targets.len() {
        let lost = confirm(workshop, &mut survey)?;
        let inquiry = Inquiry::of(workshop, &survey, options, &lost);
        let published = Arc::clone(&survey.published);
        // What repositories have to be asked for is asked while layers are assembled and sent.
        (moved, outcomes) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| inquiry.finish(&published));
            let done = deliver(workshop, &mut survey, workspace, options, destination, lookup);
            whys = asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done
        })?;
    } else {
        remember::remember_wheels(workshop, &survey, lookup);
    }
    let whys = Arc::new(whys);
    let mut built = build::compose(&survey.prepared, &survey.layers, options);
    let mut pushed = Vec::new();
    for target in &survey.targets {
        let Some(mut image) = built[target.place].take() else { continue };
        for layer in image.platforms.iter_mut().flat_map(|platform| &mut platform.layers) {
            if layer.status != Status::Base {
                let outcome = outcomes.get(&(target.place, layer.descriptor.digest));
                layer.status = outcome.copied().unwrap_or(Status::Reused);
            }
        }
        let tags = target.tags_of(&image);
        let changed = moved.get(&target.place).copied().unwrap_or(false);
        let (repository, whys) = (target.remote.repository().clone(), Arc::clone(&whys));
        pushed.push(Pushed { built: image, repository, tags, changed, whys });
    }
    Ok(pushed)
}

/// Makes sure of the layers that are known and not here. Those that exist nowhere any more are known no longer, and are
/// returned.
fn confirm(workshop: &Workshop, survey: &mut Survey) -> Result<BTreeSet<Digest>, Error> {
    let heard = survey.heard();
    let mut lost = workshop.door().block_on(deliver::confirm(workshop, survey))??;
    // Where a record of an earlier run does not lead, other images and the cache image may.
    if survey.seek(lost.iter().filter(|key| heard.contains(key)))? {
        lost.retain(|key| !heard.contains(key));
        lost.extend(workshop.door().block_on(deliver::confirm(workshop, survey))??);
    }
    for key in &lost {
        survey.layers.remove(key);
    }
    Ok(lost.into_iter().collect())
}

/// Assembles and sends what is missing. Answers which images' tags moved, and what became of blobs.
fn deliver(
    workshop: &Workshop,
    survey: &mut Survey,
    workspace: &Workspace,
    options: &Options,
    destination: &Destination,
    lookup: &Lookup,
) -> Result<(BTreeMap<usize, bool>, Outcomes), Error> {
    if workshop.door().block_on(survey.is_fixed())?? {
        let made = Mutex::new(Vec::new());
        let note = |layer| made.lock().unwrap_or_else(PoisonError::into_inner).push(layer);
        build::assemble(workshop, &survey.prepared, &survey.layers, &|layer| {
            note(layer);
            true
        })?;
        survey.learn(workshop, options, made.into_inner().unwrap_or_else(PoisonError::into_inner))?;
    }
    if survey.current.len() == survey.targets.len() {
        return Ok((BTreeMap::new(), Outcomes::new()));
    }
    if destination.create_repository {
        for target in survey.pending() {
            let settings = &workspace.recipes[target.place].ecr;
            workshop.door().block_on(target.remote.ensure_repository(settings))??;
        }
    }
    let sent = send::send(workshop, survey, options, lookup)?;
    Ok((sent.moved, sent.outcomes))
}
