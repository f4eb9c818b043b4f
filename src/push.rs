//! Pushing: what is missing is assembled, what is missing is sent, manifests last.

pub(crate) mod deliver;
mod remember;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use crate::build::{self, Built, Known, Layers, Options, Prepared, PreparedBase, PreparedImage, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Descriptor, Layer, Repository, media_type};
use crate::registry::{self, BlobSource};
use crate::spec::Workspace;
use crate::survey::{Survey, Target, chain, differing_tags, survey};
use crate::workshop::Workshop;

pub use crate::address::Destination;
pub use crate::published::Lookup;

use deliver::{Parcel, deliver};

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
    let mut moved = BTreeMap::new();
    let mut outcomes = Outcomes::new();
    if survey.current.len() < survey.targets.len() {
        let lost = workshop.door().block_on(deliver::confirm(workshop, &mut survey))??;
        for key in lost {
            survey.layers.remove(&key);
        }
        if workshop.door().block_on(survey.is_fixed())?? {
            let made = Mutex::new(Vec::new());
            let note = |layer| made.lock().unwrap_or_else(PoisonError::into_inner).push(layer);
            build::assemble(workshop, &survey.prepared, &survey.layers, &|layer| {
                note(layer);
                true
            })?;
            survey.learn(workshop, options, made.into_inner().unwrap_or_else(PoisonError::into_inner))?;
        }
    }
    if survey.current.len() < survey.targets.len() {
        if destination.create_repository {
            for target in survey.pending() {
                let settings = &workspace.recipes[target.place].ecr;
                workshop.door().block_on(target.remote.ensure_repository(settings))??;
            }
        }
        (moved, outcomes) = send(workshop, &mut survey, options)?;
        remember::remember(workshop, &survey, &outcomes, lookup);
    }
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
        pushed.push(Pushed { built: image, repository: target.remote.repository().clone(), tags, changed });
    }
    Ok(pushed)
}

/// What a target still waits for before its manifest can be put.
struct Waiting {
    blobs: usize,
    /// Whether others mount blobs from its repository: then its manifest is put, by its digest, as soon as it can be.
    is_mounted_from: bool,
    published: watch::Sender<bool>,
}

/// Assembles what is missing and sends every layer as soon as it is there; at last moves the tags. Answers, by place,
/// whether any moved.
fn send(
    workshop: &Workshop,
    survey: &mut Survey,
    options: &Options,
) -> Result<(BTreeMap<usize, bool>, Outcomes), Error> {
    let Survey { prepared, targets, layers, current, published, .. } = survey;
    let prepared: &[Prepared] = prepared;
    let pending: Vec<&Target> = targets.iter().filter(|target| !current.contains(&target.place)).collect();

    // Who needs what. Targets are in the order of the workspace: what is built on comes first.
    let mut bases: BTreeMap<Digest, (Parcel<'_>, Vec<usize>)> = BTreeMap::new();
    let mut wanted: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (index, target) in pending.iter().enumerate() {
        let host = &target.remote.repository().host;
        for platform in &prepared[target.place].platforms {
            registry::limits::check_number(host, number_of_layers(prepared, platform))?;
        }
        for image in prepared[target.place].platforms.iter().flat_map(|platform| chain(prepared, platform)) {
            for layer in &image.layers {
                add(wanted.entry(layer.key).or_default(), index);
            }
            if let PreparedBase::Image(base) = &image.base {
                for layer in &base.documents.layers {
                    if !media_type::is_nondistributable(&layer.media_type) {
                        registry::limits::check_layer(host, layer)?;
                        let entry = bases.entry(layer.digest);
                        let (_, targets) = entry.or_insert_with(|| (Parcel::of_base(base, layer), Vec::new()));
                        add(targets, index);
                    }
                }
            }
        }
    }
    // What images that are left alone have can be mounted from their repositories.
    let mut holders: BTreeMap<Digest, Vec<Repository>> = BTreeMap::new();
    for target in targets.iter().filter(|target| current.contains(&target.place)) {
        for image in prepared[target.place].platforms.iter().flat_map(|platform| chain(prepared, platform)) {
            let own = image.layers.iter().filter_map(|layer| layers.get(&layer.key)).map(|known| known.layer.digest);
            let below = match &image.base {
                PreparedBase::Image(base) => &base.documents.layers[..],
                PreparedBase::Prepared(..) => &[],
            };
            for digest in own.chain(below.iter().map(|layer| layer.digest)) {
                holders.entry(digest).or_default().push(target.remote.repository().clone());
            }
        }
    }
    for (digest, (parcel, _)) in &mut bases {
        parcel.also_in(holders.get(digest));
    }
    let is_mounted_from = |index: usize| {
        let host = &pending[index].remote.repository().host;
        let after = |targets: &Vec<usize>| {
            let later = targets.iter().skip_while(|&&target| target != index).skip(1);
            later.clone().any(|&later| pending[later].remote.repository().host == *host)
        };
        bases.values().map(|(_, targets)| targets).chain(wanted.values()).any(after)
    };
    let waiting: Vec<Waiting> = (0..pending.len())
        .map(|index| Waiting {
            blobs: bases
                .values()
                .map(|(_, targets)| targets)
                .chain(wanted.values())
                .filter(|t| t.contains(&index))
                .count(),
            is_mounted_from: is_mounted_from(index),
            published: watch::Sender::new(false),
        })
        .collect();

    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Layer>(16);
    let known: &Layers = layers;
    let arrived: Mutex<Layers> = Mutex::new(known.clone());
    let (outcomes, mut early) = std::thread::scope(|scope| {
        // The one channel between the threads that assemble and the tasks that send.
        let assembling = scope
            .spawn(move || build::assemble(workshop, prepared, known, &|layer| sender.blocking_send(layer).is_ok()));
        let sent: Result<(Outcomes, BTreeMap<usize, Vec<String>>), Error> = workshop.door().block_on(async {
            let mut left: Vec<usize> = waiting.iter().map(|waiting| waiting.blobs).collect();
            let mut sending = FuturesUnordered::new();
            let mut publishing = FuturesUnordered::new();
            let there = there(&pending, &bases, &wanted, known).await?;
            let dispatch = |parcel, targets: Vec<usize>| {
                let parcel: Parcel<'_> = parcel;
                let deliveries: Vec<_> = targets
                    .iter()
                    .enumerate()
                    .map(|(nth, &target)| {
                        let before = nth.checked_sub(1).map(|nth| targets[nth]);
                        let before =
                            before.map(|before| (&pending[before].remote, waiting[before].published.subscribe()));
                        let there = there[target].get(&parcel.digest()).copied();
                        let delivery = deliver(workshop, parcel.clone(), &pending[target].remote, there, before);
                        async move { delivery.await.map(|(digest, status)| (target, digest, status)) }
                    })
                    .collect();
                deliveries
            };
            for (parcel, targets) in bases.values() {
                sending.extend(dispatch(parcel.clone(), targets.clone()));
            }
            for known in known.values() {
                if let Some(targets) = wanted.get(&known.layer.key) {
                    let mut parcel = Parcel::of_layer(known);
                    parcel.also_in(holders.get(&known.layer.digest));
                    sending.extend(dispatch(parcel, targets.clone()));
                }
            }
            let publish = |index: usize| {
                let layers = arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let image = build::compose(prepared, &layers, options).swap_remove(pending[index].place);
                let target = pending[index];
                let published = &*published;
                async move {
                    let Some(image) = image else { return Ok((index, Vec::new())) };
                    let tags = differing_tags(target, &image, published).await?;
                    if !tags.is_empty() {
                        put_documents(target, &image, true).await?;
                    }
                    Ok::<_, Error>((index, tags))
                }
            };
            let is_early = |index: usize| waiting[index].is_mounted_from;
            publishing.extend((0..pending.len()).filter(|&index| left[index] == 0 && is_early(index)).map(publish));
            let mut outcomes = Outcomes::new();
            let mut early = BTreeMap::new();
            let mut open = true;
            loop {
                tokio::select! {
                    layer = receiver.recv(), if open => match layer {
                        Some(layer) => {
                            let known = Known::built(layer);
                            let targets = wanted.get(&known.layer.key).cloned().unwrap_or_default();
                            sending.extend(dispatch(Parcel::of_layer(&known), targets));
                            arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(known.layer.key, known);
                        }
                        None => open = false,
                    },
                    Some(delivered) = sending.next() => {
                        let (index, digest, status) = delivered?;
                        outcomes.insert((pending[index].place, digest), status);
                        left[index] -= 1;
                        if left[index] == 0 && is_early(index) {
                            publishing.push(publish(index));
                        }
                    }
                    Some(put) = publishing.next() => {
                        let (index, tags) = put?;
                        waiting[index].published.send_replace(true);
                        early.insert(index, tags);
                    }
                    else => return Ok((outcomes, early)),
                }
            }
        })?;
        // If sending failed, the channel is closed now, and assembling stops at the next layer.
        drop(receiver);
        let assembled = assembling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assembled.and(sent)
    })?;
    let arrived = arrived.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Everything is there. Only now does any tag move: a run that failed before has left all of them as they were.
    let images = build::compose(prepared, &arrived, options);
    let moved = workshop.door().block_on(async {
        let mut moved = BTreeMap::new();
        for (index, target) in pending.iter().enumerate() {
            let Some(image) = &images[target.place] else { continue };
            let tags = match early.remove(&index) {
                Some(tags) => tags,
                None => {
                    let tags = differing_tags(target, image, published).await?;
                    if !tags.is_empty() {
                        put_documents(target, image, false).await?;
                    }
                    tags
                }
            };
            let bytes = Bytes::copy_from_slice(image.top_bytes());
            for tag in &tags {
                target.remote.put_manifest(tag, &image.top().media_type, &bytes).await?;
            }
            moved.insert(target.place, !tags.is_empty());
        }
        Ok::<_, registry::Error>(moved)
    })??;
    *layers = arrived;
    Ok((moved, outcomes))
}

/// Which of the blobs that are known before anything is assembled are where they are needed already: for each of
/// `pending`, all in one question if the registry can answer it.
async fn there(
    pending: &[&Target],
    bases: &BTreeMap<Digest, (Parcel<'_>, Vec<usize>)>,
    wanted: &BTreeMap<Digest, Vec<usize>>,
    known: &Layers,
) -> Result<Vec<BTreeMap<Digest, bool>>, registry::Error> {
    let own = known.values().filter_map(|known| Some((Parcel::of_layer(known), wanted.get(&known.layer.key)?)));
    let mut questions: Vec<Vec<Digest>> = vec![Vec::new(); pending.len()];
    for (parcel, targets) in bases.values().map(|(parcel, targets)| (parcel.clone(), targets)).chain(own) {
        for &index in targets {
            if !parcel.is_in(pending[index].remote.repository()) {
                questions[index].push(parcel.digest());
            }
        }
    }
    let asking = pending.iter().zip(questions).map(async |(target, digests)| {
        let found = target.remote.existing(&digests).await?;
        Ok(digests.into_iter().map(|digest| (digest, found.contains(&digest))).collect())
    });
    futures_util::future::try_join_all(asking).await
}

/// How many layers an image has, those of its base among them.
fn number_of_layers(prepared: &[Prepared], image: &PreparedImage) -> usize {
    let base = |image: &PreparedImage| match &image.base {
        PreparedBase::Image(base) => base.documents.layers.len(),
        PreparedBase::Prepared(..) => 0,
    };
    chain(prepared, image).map(|image| image.layers.len() + base(image)).sum()
}

fn add(targets: &mut Vec<usize>, target: usize) {
    if !targets.contains(&target) {
        targets.push(target);
    }
}

/// Puts the configs of an image, and its manifests by their digests: those below its index, and the topmost one if it
/// is needed before its tags.
async fn put_documents(target: &Target, image: &Built, top_too: bool) -> Result<(), registry::Error> {
    for platform in &image.platforms {
        let manifest = &platform.image.manifest;
        let size = platform.image.manifest_bytes.len() as u64;
        registry::limits::check(&target.remote.repository().host, &manifest.layers, size)?;
        let bytes = Bytes::copy_from_slice(&platform.image.config_bytes);
        target.remote.upload(&manifest.config, BlobSource::Bytes(bytes), None, &|_| {}).await?;
        if image.index.is_some() || top_too {
            let Descriptor { digest, media_type, .. } = &platform.image.descriptor;
            let bytes = Bytes::copy_from_slice(&platform.image.manifest_bytes);
            target.remote.put_manifest(&digest.to_string(), media_type, &bytes).await?;
        }
    }
    Ok(())
}
