//! Planning: what a push would do and why, layer by layer. Writes nothing anywhere.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{FuturesUnordered, TryStreamExt};

use crate::address::Destination;
use crate::build::{Built, Known, Options, PreparedBase, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Descriptor, Repository, media_type};
use crate::published::Lookup;
use crate::registry::{self, RemoteRepository, Requests};
use crate::spec::Workspace;
use crate::survey::{Survey, Target, chain, survey};
use crate::why::Inquiry;
use crate::workshop::Workshop;

pub use crate::why::{Found, Why};

/// What would become of a layer.
#[derive(Debug, Clone)]
pub struct PlannedLayer {
    /// Its name, if it is one of ours.
    pub name: Option<String>,
    /// Its key, if it is one of ours.
    pub key: Option<Digest>,
    /// Its descriptor, if it is known.
    pub descriptor: Option<Descriptor>,
    /// The digest of its plain tar stream, if it is known.
    pub diff_id: Option<Digest>,
    /// What would become of it.
    pub status: Status,
    /// Why it would be assembled, if it would.
    pub why: Option<Why>,
    /// Where it is known from, if it is one of ours and would not be assembled.
    pub found: Option<Found>,
}

/// What would become of an image for one platform.
#[derive(Debug, Clone)]
pub struct PlannedPlatform {
    /// The platform, as text.
    pub platform: String,
    /// Its layers, lowest first.
    pub layers: Vec<PlannedLayer>,
}

/// What would become of an image.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// Its repository.
    pub repository: Repository,
    /// Its tags; `{digest}` stands in them as long as the digest is not known.
    pub tags: Vec<String>,
    /// Its digest, if all its layers are known.
    pub digest: Option<Digest>,
    /// The base's name and digest, if it has one and the digest is known.
    pub base: Option<(String, Option<Digest>)>,
    /// The image for each platform.
    pub platforms: Vec<PlannedPlatform>,
    /// Whether there is anything to do.
    pub work: bool,
    /// Requests made for this image.
    pub requests: Requests,
}

/// Finds out what a push would do.
///
/// # Errors
///
/// As [`survey`].
pub fn plan(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    destination: &Destination,
    lookup: &Lookup,
) -> Result<Vec<Planned>, Error> {
    let survey = survey(workshop, workspace, options, destination, lookup)?;
    let present = workshop.door().block_on(present(workshop, &survey))??;
    let mut planned = Vec::new();
    let mut sent = Sent::new();
    for target in &survey.targets {
        let image = plan_image(workshop, &survey, target, options, &present, &mut sent);
        planned.push(image);
    }
    Ok(planned)
}

/// Where layers will be by the time an image's turn comes, by key, and what had to be done for it.
type Sent = BTreeMap<Digest, Vec<(Repository, Status)>>;

/// Where blobs are: which repository has which.
type Present = BTreeSet<(Repository, Digest)>;

/// Asks the repositories of images that are not current for every blob that is known.
async fn present(workshop: &Workshop, survey: &Survey) -> Result<Present, registry::Error> {
    let mut questions: BTreeMap<(Repository, Digest), (Descriptor, RemoteRepository)> = BTreeMap::new();
    let targets: BTreeSet<&Repository> = survey.targets.iter().map(|target| target.remote.repository()).collect();
    let targets = &targets;
    for target in survey.targets.iter().filter(|target| !survey.current.contains(&target.place)) {
        let own = target.remote.repository();
        for image in survey.prepared[target.place].platforms.iter().flat_map(|p| chain(&survey.prepared, p)) {
            for known in image.layers.iter().filter_map(|layer| survey.layers.get(&layer.key)) {
                for holder in known.holders.iter().chain([own]) {
                    let question = (holder.clone(), known.layer.digest);
                    if let Entry::Vacant(slot) = questions.entry(question) {
                        let remote = workshop.door().repository(holder, target.remote.traffic())?;
                        slot.insert((known.layer.descriptor(), remote));
                    }
                }
            }
            if let PreparedBase::Image(base) = &image.base {
                for layer in &base.documents.layers {
                    let question = questions.entry((own.clone(), layer.digest));
                    question.or_insert_with(|| (layer.clone(), target.remote.clone()));
                }
            }
        }
    }
    let asking: FuturesUnordered<_> = questions
        .into_iter()
        .map(async |((repository, digest), (descriptor, remote))| {
            let exists = match remote.holds(&descriptor).await {
                Err(error) if error.is_denied() || !targets.contains(&repository) => false,
                answer => answer?,
            };
            Ok::<_, registry::Error>(exists.then_some((repository, digest)))
        })
        .collect();
    Ok(asking.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
}

fn plan_image(
    workshop: &Workshop,
    survey: &Survey,
    target: &Target,
    options: &Options,
    present: &Present,
    sent: &mut Sent,
) -> Planned {
    let prepared = &survey.prepared[target.place];
    let built = survey.built[target.place].as_ref();
    let current = survey.current.contains(&target.place);
    let own = target.remote.repository();
    let mut platforms = Vec::new();
    for platform in &prepared.platforms {
        let mut images: Vec<_> = chain(&survey.prepared, platform).collect();
        images.reverse();
        let mut layers = Vec::new();
        for image in images {
            if let PreparedBase::Image(base) = &image.base {
                let diff_ids = base.documents.config.diff_ids();
                for (descriptor, diff_id) in base.documents.layers.iter().zip(diff_ids) {
                    let mut descriptor = descriptor.clone();
                    descriptor.media_type = media_type::to_oci(&descriptor.media_type).to_owned();
                    layers.push(PlannedLayer {
                        name: None,
                        key: None,
                        descriptor: Some(descriptor),
                        diff_id: Some(diff_id),
                        status: Status::Base,
                        why: None,
                        found: None,
                    });
                }
            }
            for layer in &image.layers {
                let earlier = sent.entry(layer.key).or_default();
                let status = status(survey.layers.get(&layer.key), own, current, present, earlier);
                earlier.push((own.clone(), status));
                let why = (status == Status::Built).then(|| match survey.layers.get(&layer.key) {
                    Some(_) => Why::Lost,
                    None => {
                        let mut inquiry = Inquiry::default();
                        inquiry.add(workshop, survey, target, platform, image, layer, options);
                        inquiry.finish(&survey.published).remove(&layer.key).unwrap_or(Why::New)
                    }
                });
                let found = if why.is_none() { Found::of(survey, target.place, &layer.key) } else { None };
                let known = survey.layers.get(&layer.key).map(|known| &known.layer);
                layers.push(PlannedLayer {
                    name: Some(layer.name.clone()),
                    key: Some(layer.key),
                    descriptor: known.map(|layer| layer.descriptor()),
                    diff_id: known.map(|layer| layer.diff_id),
                    status,
                    why,
                    found,
                });
            }
        }
        platforms.push(PlannedPlatform { platform: platform.platform.to_string(), layers });
    }
    Planned {
        name: prepared.name.clone(),
        repository: own.clone(),
        tags: built.map_or_else(|| target.tags.clone(), |image| target.tags_of(image)),
        digest: built.map(|image| image.top().digest),
        base: base_of(survey, target),
        platforms,
        work: !current,
        requests: prepared.traffic.snapshot(),
    }
}

/// What would become of a layer of an image that goes to the repository `own`.
fn status(
    known: Option<&Known>,
    own: &Repository,
    current: bool,
    present: &Present,
    earlier: &[(Repository, Status)],
) -> Status {
    if current {
        return Status::Reused;
    }
    if let Some((_, status)) = earlier.iter().find(|(repository, _)| repository == own) {
        return *status;
    }
    let has = |holder: &Repository| known.is_some_and(|k| present.contains(&(holder.clone(), k.layer.digest)));
    let holders = known.into_iter().flat_map(|known| &known.holders).filter(|holder| has(holder));
    let mut elsewhere = holders.chain(earlier.iter().map(|(repository, _)| repository)).peekable();
    let somewhere = known.is_some_and(|known| known.here) || elsewhere.peek().is_some();
    if has(own) {
        Status::Reused
    } else if elsewhere.any(|holder| holder.host == own.host) {
        Status::Mounted
    } else if somewhere {
        Status::Uploaded
    } else {
        Status::Built
    }
}

fn base_of(survey: &Survey, target: &Target) -> Option<(String, Option<Digest>)> {
    match &survey.prepared[target.place].platforms.first()?.base {
        PreparedBase::Image(base) => {
            let (name, digest) = base.documents.named.as_ref()?;
            Some((name.clone(), Some(*digest)))
        }
        &PreparedBase::Prepared(place, at) => {
            let digest = survey.built[place].as_ref().map(|image: &Built| image.platforms[at].image.descriptor.digest);
            Some((survey.prepared[place].name.clone(), digest))
        }
    }
}
