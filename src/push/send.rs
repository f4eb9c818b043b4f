//! Sending: the threads assemble, the tasks deliver, and at last the tags move.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, watch};

use super::Outcomes;
use super::deliver::{Parcel, deliver};
use crate::build::{self, Built, Known, Layers, Options, Prepared, PreparedBase, PreparedImage};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Descriptor, Layer, Repository, media_type};
use crate::published::Published;
use crate::registry::{self, BlobSource};
use crate::survey::{Survey, Target, chain, differing_tags};
use crate::workshop::Workshop;

/// What a run that has sent everything has to tell.
pub(super) struct Sent {
    /// Whether tags moved, by place.
    pub(super) moved: BTreeMap<usize, bool>,
    /// What became of blobs.
    pub(super) outcomes: Outcomes,
}

/// Assembles what is missing and sends every layer as soon as it is there; at last moves the tags.
pub(super) fn send(workshop: &Workshop, survey: &mut Survey, options: &Options) -> Result<Sent, Error> {
    let shipment = Shipment::of(workshop, survey, options)?;
    let (sender, receiver) = mpsc::channel::<Layer>(16);
    let known = &survey.layers;
    let delivered = std::thread::scope(|scope| {
        // The one channel between the threads that assemble and the tasks that send.
        let assembling = scope.spawn(|| {
            let sender = sender;
            build::assemble(workshop, shipment.prepared, known, &|layer| sender.blocking_send(layer).is_ok())
        });
        // If sending fails, the channel is closed, and assembling stops at the next layer.
        let delivered = workshop.door().block_on(shipment.deliver(receiver))?;
        let assembled = assembling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assembled.and(delivered)
    })?;
    // Everything is there. Only now does any tag move: a run that failed before has left all of them as they were.
    let Delivered { outcomes, mut early, arrived } = delivered;
    let moved = workshop.door().block_on(shipment.publish(&arrived, &mut early))??;
    drop(shipment);
    survey.layers = arrived;
    Ok(Sent { moved, outcomes })
}

/// What is to be sent, and to whom. Images are named by their place among those that have work left; these are in the
/// order of the workspace, so what is built on comes first.
struct Shipment<'a> {
    workshop: &'a Workshop,
    options: &'a Options,
    prepared: &'a [Prepared],
    published: &'a Published,
    known: &'a Layers,
    pending: Vec<&'a Target>,
    /// Layers of bases, with the images that need them.
    bases: BTreeMap<Digest, (Parcel<'a>, Vec<usize>)>,
    /// Layers of ours by key, with the images that need them.
    wanted: BTreeMap<Digest, Vec<usize>>,
    /// Repositories of images that are left alone, by the blobs they have.
    holders: BTreeMap<Digest, Vec<Repository>>,
    /// Where it is told that an image's manifest is there, for those who mount from its repository.
    complete: Vec<watch::Sender<bool>>,
}

/// What there is when every blob has arrived.
struct Delivered {
    outcomes: Outcomes,
    /// Images whose manifest is there already, with the tags that have to move.
    early: BTreeMap<usize, Vec<String>>,
    /// Every layer.
    arrived: Layers,
}

impl<'a> Shipment<'a> {
    fn of(workshop: &'a Workshop, survey: &'a Survey, options: &'a Options) -> Result<Shipment<'a>, Error> {
        let Survey { prepared, targets, layers, built, current, published } = survey;
        let (left_alone, pending): (Vec<&Target>, Vec<&Target>) =
            targets.iter().partition(|target| current.contains(&target.place));
        let mut bases: BTreeMap<Digest, (Parcel<'_>, Vec<usize>)> = BTreeMap::new();
        let mut wanted: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for (index, target) in pending.iter().enumerate() {
            let host = &target.remote.repository().host;
            for platform in &prepared[target.place].platforms {
                registry::limits::check_number(host, number_of_layers(prepared, platform))?;
            }
            // What is known whole is checked whole; of the rest, each layer when it is there.
            for platform in built[target.place].iter().flat_map(|image| &image.platforms) {
                let size = platform.image.manifest_bytes.len() as u64;
                registry::limits::check(host, &platform.image.manifest.layers, size)?;
            }
            for image in images(prepared, target) {
                for layer in &image.layers {
                    add(wanted.entry(layer.key).or_default(), index);
                }
                if let PreparedBase::Image(base) = &image.base {
                    for layer in &base.documents.layers {
                        if !media_type::is_nondistributable(&layer.media_type) {
                            registry::limits::check_layer(host, layer)?;
                            let entry = bases.entry(layer.digest);
                            let (_, needing) = entry.or_insert_with(|| (Parcel::of_base(base, layer), Vec::new()));
                            add(needing, index);
                        }
                    }
                }
            }
        }
        let holders = holders(prepared, layers, &left_alone);
        for (digest, (parcel, _)) in &mut bases {
            parcel.also_in(holders.get(digest));
        }
        let complete = pending.iter().map(|_| watch::Sender::new(false)).collect();
        Ok(Shipment {
            workshop,
            options,
            prepared,
            published,
            known: layers,
            pending,
            bases,
            wanted,
            holders,
            complete,
        })
    }

    /// For every blob, the images that need it.
    fn needs(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.bases.values().map(|(_, needing)| needing).chain(self.wanted.values())
    }

    /// Whether others mount blobs from this image's repository. Then its manifest is put, by its digest, as soon as it
    /// can be: some registries mount only what a manifest names.
    fn is_mounted_from(&self, index: usize) -> bool {
        self.needs().any(|needing| {
            let mut same = needing.iter().filter(|&&other| self.host(other) == self.host(index));
            same.next() == Some(&index) && same.next().is_some()
        })
    }

    fn host(&self, index: usize) -> &str {
        &self.pending[index].remote.repository().host
    }

    fn compose(&self, layers: &Layers) -> Vec<Option<Built>> {
        build::compose(self.prepared, layers, self.options)
    }

    /// Sends every blob to every repository that needs it. Layers that are not known come through `assembled`.
    async fn deliver(&self, mut assembled: mpsc::Receiver<Layer>) -> Result<Delivered, Error> {
        let there = self.there().await?;
        let dispatch = |parcel: Parcel<'a>, needing: &[usize]| {
            let deliveries = needing.iter().enumerate().map(|(nth, &index)| {
                // The first of the same registry that gets it: the others mount from there.
                let before = needing[..nth].iter().copied().find(|&other| self.host(other) == self.host(index));
                let before = before.map(|before| (&self.pending[before].remote, self.complete[before].subscribe()));
                let there = there[index].get(&parcel.digest()).copied();
                let delivery = deliver(self.workshop, parcel.clone(), &self.pending[index].remote, there, before);
                async move { delivery.await.map(|(digest, status)| (index, digest, status)) }
            });
            deliveries.collect::<Vec<_>>()
        };
        let arrived = Mutex::new(self.known.clone());
        let put_early = async |index: usize| {
            let layers = arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let target = self.pending[index];
            let mut tags = Vec::new();
            if let Some(image) = self.compose(&layers).swap_remove(target.place) {
                tags = differing_tags(target, &image, self.published).await?;
                if !tags.is_empty() {
                    put_documents(target, &image, true).await?;
                }
            }
            Ok::<_, Error>((index, tags))
        };

        let mut sending = FuturesUnordered::new();
        for (parcel, needing) in self.bases.values() {
            sending.extend(dispatch(parcel.clone(), needing));
        }
        for known in self.known.values() {
            if let Some(needing) = self.wanted.get(&known.layer.key) {
                let mut parcel = Parcel::of_layer(known);
                parcel.also_in(self.holders.get(&known.layer.digest));
                sending.extend(dispatch(parcel, needing));
            }
        }
        let is_early: Vec<bool> = (0..self.pending.len()).map(|index| self.is_mounted_from(index)).collect();
        let mut left = vec![0; self.pending.len()];
        self.needs().flatten().for_each(|&index| left[index] += 1);
        let mut putting = FuturesUnordered::new();
        for index in (0..self.pending.len()).filter(|&index| left[index] == 0 && is_early[index]) {
            putting.push(put_early(index));
        }
        let mut outcomes = Outcomes::new();
        let mut early = BTreeMap::new();
        let mut open = true;
        loop {
            tokio::select! {
                layer = assembled.recv(), if open => match layer {
                    Some(layer) => {
                        let known = Known::built(layer);
                        let needing = self.wanted.get(&known.layer.key).map_or(&[][..], Vec::as_slice);
                        sending.extend(dispatch(Parcel::of_layer(&known), needing));
                        arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(known.layer.key, known);
                    }
                    None => {
                        open = false;
                        let arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                        // A layer that will never come leaves its image incomplete, and whoever waits for that image
                        // would wait for ever. Assembling has the error to tell.
                        if self.wanted.keys().any(|key| !arrived.contains_key(key)) {
                            break;
                        }
                    }
                },
                Some(delivered) = sending.next() => {
                    let (index, digest, status) = delivered?;
                    outcomes.insert((self.pending[index].place, digest), status);
                    left[index] -= 1;
                    if left[index] == 0 && is_early[index] {
                        putting.push(put_early(index));
                    }
                }
                Some(put) = putting.next() => {
                    let (index, tags) = put?;
                    self.complete[index].send_replace(true);
                    early.insert(index, tags);
                }
                else => break,
            }
        }
        drop((sending, putting));
        let arrived = arrived.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Delivered { outcomes, early, arrived })
    }

    /// Which of the blobs that are known before anything is assembled are where they are needed already: for each
    /// image, all in one question if the registry can answer it.
    async fn there(&self) -> Result<Vec<BTreeMap<Digest, bool>>, registry::Error> {
        let own = self.known.values().filter_map(|known| {
            let needing = self.wanted.get(&known.layer.key)?;
            Some((Parcel::of_layer(known), needing))
        });
        let bases = self.bases.values().map(|(parcel, needing)| (parcel.clone(), needing));
        let mut questions: Vec<Vec<Digest>> = vec![Vec::new(); self.pending.len()];
        for (parcel, needing) in bases.chain(own) {
            for &index in needing {
                if !parcel.is_in(self.pending[index].remote.repository()) {
                    questions[index].push(parcel.digest());
                }
            }
        }
        let asking = self.pending.iter().zip(questions).map(async |(target, digests)| {
            let found = target.remote.existing(&digests).await?;
            Ok(digests.into_iter().map(|digest| (digest, found.contains(&digest))).collect())
        });
        futures_util::future::try_join_all(asking).await
    }

    /// Puts the documents that are not there yet, and moves the tags. Answers, by place, whether any moved.
    async fn publish(
        &self,
        layers: &Layers,
        early: &mut BTreeMap<usize, Vec<String>>,
    ) -> Result<BTreeMap<usize, bool>, registry::Error> {
        let images = self.compose(layers);
        // All documents first: a manifest that is refused leaves every tag as it was.
        let mut ready = Vec::new();
        for (index, target) in self.pending.iter().enumerate() {
            let Some(image) = &images[target.place] else { continue };
            let tags = match early.remove(&index) {
                Some(tags) => tags,
                None => {
                    let tags = differing_tags(target, image, self.published).await?;
                    if !tags.is_empty() {
                        put_documents(target, image, false).await?;
                    }
                    tags
                }
            };
            ready.push((target, image, tags));
        }
        let mut moved = BTreeMap::new();
        for (target, image, tags) in ready {
            let bytes = Bytes::copy_from_slice(image.top_bytes());
            for tag in &tags {
                target.remote.put_manifest(tag, &image.top().media_type, &bytes).await?;
            }
            moved.insert(target.place, !tags.is_empty());
        }
        Ok(moved)
    }
}

/// The images of a target for all platforms, each followed by those of the same run below it.
fn images<'a>(prepared: &'a [Prepared], target: &Target) -> impl Iterator<Item = &'a PreparedImage> {
    prepared[target.place].platforms.iter().flat_map(|platform| chain(prepared, platform))
}

/// What images that are left alone have in their repositories: it can be mounted from there.
fn holders(prepared: &[Prepared], layers: &Layers, left_alone: &[&Target]) -> BTreeMap<Digest, Vec<Repository>> {
    let mut holders: BTreeMap<Digest, Vec<Repository>> = BTreeMap::new();
    for target in left_alone {
        for image in images(prepared, target) {
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
    holders
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
