//! Sending: the threads assemble, the tasks deliver, and at last the tags move.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all, try_join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};

use super::deliver::{Ahead, Begun, Parcel, Presence, deliver, deliver_begun, send_along};
use super::{Outcomes, remember};
use crate::build::{
    self, Audience, Built, Known, Layers, Options, Prepared, PreparedBase, PreparedImage, PreparedLayer, Status,
};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Descriptor, Layer, Repository, media_type};
use crate::published::{Lookup, Published};
use crate::registry::{self, BlobSource, EcrHost};
use crate::store::{Growing, NewBlob};
use crate::survey::{Survey, Target, chain, differing_tags};
use crate::workshop::Workshop;

/// What a run that has sent everything has to tell.
pub(super) struct Sent {
    /// Whether tags moved, by place.
    pub(super) moved: BTreeMap<usize, bool>,
    /// What became of blobs.
    pub(super) outcomes: Outcomes,
}

/// From how many plain bytes on a layer is sent while it is being made: 8 MiB. What is smaller is made in less time than
/// a request takes, and goes up in a request that can be repeated.
const ALONG_FROM: u64 = 8 << 20;

/// What the threads that assemble tell the tasks that send.
enum Told {
    /// The layer with this key and this name is being made.
    Begun(Digest, String, Option<Growing>),
    /// It lies in the store.
    Done(Layer),
}

/// Tells of layers as they are made.
struct Teller {
    sender: mpsc::Sender<Told>,
    /// Whether layers are told of before they are done.
    early: bool,
}

impl Audience for Teller {
    fn begun(&self, layer: &PreparedLayer, blob: &mut NewBlob<'_>) {
        if self.early {
            let growing = (layer.contents.plain_size() >= ALONG_FROM).then(|| blob.growing()).flatten();
            // If nobody listens any more, the answer to `done` says so.
            let _ = self.sender.blocking_send(Told::Begun(layer.key, layer.name.clone(), growing));
        }
    }

    fn done(&self, layer: Layer) -> bool {
        self.sender.blocking_send(Told::Done(layer)).is_ok()
    }
}

/// Assembles what is missing and sends every layer as it is made; at last moves the tags, and remembers what was made.
pub(super) fn send(
    workshop: &Workshop,
    survey: &mut Survey,
    options: &Options,
    lookup: &Lookup,
) -> Result<Sent, Error> {
    let shipment = Shipment::of(workshop, survey, options)?;
    let (sender, receiver) = mpsc::channel::<Told>(16);
    let known = &survey.layers;
    let delivered = std::thread::scope(|scope| {
        // The one channel between the threads that assemble and the tasks that send.
        let assembling = scope.spawn(|| {
            let teller = Teller { sender, early: shipment.begins_early() };
            build::assemble(workshop, shipment.prepared, known, &teller)
        });
        // If sending fails, the channel is closed, and assembling stops at the next layer.
        let delivered = workshop.door().block_on(shipment.deliver(receiver))?;
        let assembled = assembling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assembled.and(delivered)
    })?;
    // Everything is there. Only now does any tag move: a run that failed before has left all of them as they were.
    let Delivered { outcomes, early, ready, arrived, images } = delivered;
    // What is to be remembered is written down and sent meanwhile.
    let (moved, drafts) = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| workshop.door().block_on(shipment.publish(&images, early, ready)));
        let news = remember::news(workshop, survey, &arrived, &outcomes, lookup);
        let drafts = remember::prepare(workshop, news, lookup);
        (publishing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), drafts)
    });
    let moved = moved?;
    // Where a registry has refused a manifest or a tag, the next run need not send the layers again, on any machine.
    if moved.as_ref().map_or_else(|error| error.answer().is_some(), |_| true) {
        remember::write(workshop, drafts, lookup);
    }
    let moved = moved?;
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

/// A blob on its way to an image: which, and what became of it.
type Delivery<'s> = BoxFuture<'s, Result<(usize, Digest, Status), Error>>;

/// What there is when every blob has arrived.
struct Delivered {
    outcomes: Outcomes,
    /// Images whose manifest is there already, with the tags that have to move.
    early: BTreeMap<usize, Vec<String>>,
    /// Images whose configs are there, with the tags that have to move.
    ready: BTreeMap<usize, Vec<String>>,
    /// Every layer.
    arrived: Layers,
    /// Every image.
    images: Vec<Option<Built>>,
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

    /// Whether something is begun for layers before they are made. Where nobody was asked for a layer's key, the layer
    /// may well be there under its digest, so that is awaited.
    fn begins_early(&self) -> bool {
        self.published.is_asked()
    }

    /// Of the images that need a blob the first one of each registry: the others mount from there.
    fn firsts(&self, needing: &[usize]) -> Vec<usize> {
        let mut firsts: Vec<usize> = Vec::new();
        for &index in needing {
            if firsts.iter().all(|&first| self.host(first) != self.host(index)) {
                firsts.push(index);
            }
        }
        firsts
    }

    /// Begins what can be begun for a layer that is being made.
    async fn begin(&self, index: usize, name: &str, growing: Option<Growing>, done: oneshot::Sender<Ahead>) {
        let remote = &self.pending[index].remote;
        let ahead = match growing {
            Some(growing) => Ahead::Sent(send_along(self.workshop, name, remote, growing).await),
            None => Ahead::Opened(remote.open_upload().await),
        };
        // If the layer never comes, nobody waits for this.
        let _ = done.send(ahead);
    }

    /// The ways of a blob to the images that need it. `there` says for an image whether its repository has the blob;
    /// `begun` what was begun there already.
    fn deliveries<'s>(
        &'s self,
        parcel: &Parcel<'a>,
        needing: &[usize],
        there: impl Fn(usize) -> Presence,
        mut begun: impl FnMut(usize) -> Option<Begun>,
    ) -> Vec<Delivery<'s>> {
        let delivery = |(nth, &index): (usize, &usize)| {
            let (workshop, parcel, remote) = (self.workshop, parcel.clone(), &self.pending[index].remote);
            let there = there(index);
            // The first of the same registry that gets it: the others mount from there.
            let before = needing[..nth].iter().copied().find(|&other| self.host(other) == self.host(index));
            let before = before.map(|before| (&self.pending[before].remote, self.complete[before].subscribe()));
            let begun = begun(index);
            async move {
                let (digest, status) = match begun {
                    Some(begun) => deliver_begun(workshop, parcel, remote, begun).await?,
                    None => deliver(workshop, parcel, remote, there, before).await?,
                };
                Ok((index, digest, status))
            }
            .boxed()
        };
        needing.iter().enumerate().map(delivery).collect()
    }

    /// Sends every blob to every repository that needs it. Layers that are not known come through `told`.
    async fn deliver(&self, mut told: mpsc::Receiver<Told>) -> Result<Delivered, Error> {
        let arrived = Mutex::new(self.known.clone());
        let put_early = async |index: usize| {
            let layers = arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let target = self.pending[index];
            let mut tags = Vec::new();
            if let Some(image) = self.compose(&layers).swap_remove(target.place) {
                tags = differing_tags(target, &image, self.published).await?;
                if !tags.is_empty() {
                    put_configs(target, &image).await?;
                    put_manifests(target, &image, true).await?;
                }
            }
            Ok::<_, Error>((index, tags))
        };
        // Once every layer is known, so are the configs. They are sent beside the last layers.
        let images = OnceCell::new();
        let configure = async |index: usize| {
            let images = images.get_or_init(|| {
                let layers = arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.compose(&layers)
            });
            let target = self.pending[index];
            let mut tags = Vec::new();
            if let Some(image) = &images[target.place] {
                tags = differing_tags(target, image, self.published).await?;
                if !tags.is_empty() {
                    put_configs(target, image).await?;
                }
            }
            Ok::<_, Error>((index, tags))
        };

        let mut sending = FuturesUnordered::new();
        let is_early: Vec<bool> = (0..self.pending.len()).map(|index| self.is_mounted_from(index)).collect();
        let mut left = vec![0; self.pending.len()];
        self.needs().flatten().for_each(|&index| left[index] += 1);
        let (mut putting, mut configuring) = (FuturesUnordered::new(), FuturesUnordered::new());
        for index in (0..self.pending.len()).filter(|&index| left[index] == 0 && is_early[index]) {
            putting.push(put_early(index));
        }
        let mut beginning = FuturesUnordered::new();
        let mut begun: BTreeMap<(Digest, usize), Begun> = BTreeMap::new();
        let mut outcomes = Outcomes::new();
        let (mut early, mut ready) = (BTreeMap::new(), BTreeMap::new());
        let mut there = std::pin::pin!(self.there());
        let (mut open, mut asking) = (true, true);
        loop {
            tokio::select! {
                found = &mut there, if asking => {
                    asking = false;
                    let found = found?;
                    let known = self.known.values().filter_map(|known| {
                        let mut parcel = Parcel::of_layer(known);
                        parcel.also_in(self.holders.get(&known.layer.digest));
                        Some((parcel, self.wanted.get(&known.layer.key)?))
                    });
                    let bases = self.bases.values().map(|(parcel, needing)| (parcel.clone(), needing));
                    for (parcel, needing) in bases.chain(known) {
                        let digest = parcel.digest();
                        let there = |index: usize| found[index].get(&digest).copied().unwrap_or(Presence::Unknown);
                        sending.extend(self.deliveries(&parcel, needing, there, |_| None));
                    }
                }
                one = told.recv(), if open => match one {
                    Some(Told::Begun(key, name, growing)) => {
                        for index in self.firsts(self.wanted.get(&key).map_or(&[][..], Vec::as_slice)) {
                            let (done, ahead) = oneshot::channel();
                            let name = name.clone();
                            let takes = self.pending[index].remote.takes_growing();
                            let growing = growing.clone().filter(|_| takes);
                            begun.insert((key, index), Begun { along: growing.is_some(), ahead });
                            beginning.push(async move { self.begin(index, &name, growing, done).await });
                        }
                    }
                    Some(Told::Done(layer)) => {
                        let known = Known::built(layer);
                        let needing = self.wanted.get(&known.layer.key).map_or(&[][..], Vec::as_slice);
                        // Where its key was asked for, nobody is known to have it.
                        let there = |_| if self.begins_early() { Presence::Unlikely } else { Presence::Unknown };
                        let begun = |index| begun.remove(&(known.layer.key, index));
                        sending.extend(self.deliveries(&Parcel::of_layer(&known), needing, there, begun));
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
                        let late = (0..self.pending.len()).filter(|&index| !is_early[index]);
                        configuring.extend(late.map(&configure));
                    }
                },
                Some(()) = beginning.next() => {}
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
                Some(put) = configuring.next() => {
                    let (index, tags) = put?;
                    ready.insert(index, tags);
                }
                else => break,
            }
        }
        drop((sending, putting, configuring, beginning));
        let images = images.into_inner();
        let arrived = arrived.into_inner().unwrap_or_else(PoisonError::into_inner);
        let images = images.unwrap_or_else(|| self.compose(&arrived));
        Ok(Delivered { outcomes, early, ready, arrived, images })
    }

    /// Which of the blobs that are known before anything is assembled are where they are needed already: for each
    /// image, all in one question if the registry can answer it.
    async fn there(&self) -> Result<Vec<BTreeMap<Digest, Presence>>, registry::Error> {
        let own = self.known.values().filter_map(|known| {
            let needing = self.wanted.get(&known.layer.key)?;
            Some((Parcel::of_layer(known), needing))
        });
        let bases = self.bases.values().map(|(parcel, needing)| (parcel.clone(), needing));
        let mut found: Vec<BTreeMap<Digest, Presence>> = vec![BTreeMap::new(); self.pending.len()];
        let mut questions: Vec<Vec<Digest>> = vec![Vec::new(); self.pending.len()];
        for (parcel, needing) in bases.chain(own) {
            for &index in needing {
                if parcel.is_in(self.pending[index].remote.repository()) {
                    continue;
                }
                // A mount brings what can be mounted, and is as quick as the question. Amazon answers all questions at
                // once, and mounts only what a manifest names.
                let (host, place) = (self.host(index), self.pending[index].place);
                let mounts = parcel.is_at(host) && EcrHost::of(host).is_none();
                match mounts && self.published.is_bare(place) {
                    true => drop(found[index].insert(parcel.digest(), Presence::Unlikely)),
                    false => questions[index].push(parcel.digest()),
                }
            }
        }
        let asking = self.pending.iter().zip(questions).zip(found).map(async |((target, digests), mut found)| {
            let there = target.remote.existing(&digests).await?;
            let presence = |digest| if there.contains(digest) { Presence::There } else { Presence::Absent };
            found.extend(digests.iter().map(|digest| (*digest, presence(digest))));
            Ok(found)
        });
        try_join_all(asking).await
    }

    /// Puts the manifests that are not there yet, and moves the tags. Answers, by place, whether any moved.
    async fn publish(
        &self,
        images: &[Option<Built>],
        early: BTreeMap<usize, Vec<String>>,
        ready: BTreeMap<usize, Vec<String>>,
    ) -> Result<BTreeMap<usize, bool>, registry::Error> {
        // All manifests first: one that is refused leaves every tag as it was.
        let manifests = ready.iter().filter(|(_, tags)| !tags.is_empty()).map(async |(&index, _)| {
            let target = self.pending[index];
            match &images[target.place] {
                Some(image) => put_manifests(target, image, false).await,
                None => Ok(()),
            }
        });
        try_join_all(manifests).await?;
        // What is built on another image of the run comes after it; images that have nothing to do with each other do
        // not wait for each other.
        let mut levels: BTreeMap<usize, Vec<(usize, Vec<String>)>> = BTreeMap::new();
        for (index, tags) in early.into_iter().chain(ready) {
            let depth = |platform| chain(self.prepared, platform).count();
            let platforms = &self.prepared[self.pending[index].place].platforms;
            let level = platforms.iter().map(depth).max().unwrap_or_default();
            levels.entry(level).or_default().push((index, tags));
        }
        let mut moved = BTreeMap::new();
        for (_, level) in levels {
            let all = join_all(level.into_iter().map(async |(index, tags)| {
                let target = self.pending[index];
                if let Some(image) = &images[target.place] {
                    let bytes = Bytes::copy_from_slice(image.top_bytes());
                    for tag in &tags {
                        target.remote.put_manifest(tag, &image.top().media_type, &bytes).await?;
                    }
                }
                Ok::<_, registry::Error>((target.place, !tags.is_empty()))
            }));
            for one in all.await {
                let (place, moves) = one?;
                moved.insert(place, moves);
            }
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

/// Puts the configs of an image.
async fn put_configs(target: &Target, image: &Built) -> Result<(), registry::Error> {
    for platform in &image.platforms {
        let size = platform.image.manifest_bytes.len() as u64;
        registry::limits::check(&target.remote.repository().host, &platform.image.manifest.layers, size)?;
    }
    let configs = image.platforms.iter().map(async |platform| {
        let bytes = Bytes::copy_from_slice(&platform.image.config_bytes);
        target.remote.upload(&platform.image.manifest.config, BlobSource::Bytes(bytes), None, &|_| {}).await
    });
    try_join_all(configs).await.map(|_| ())
}

/// Puts the manifests of an image by their digests: those below its index, and the topmost one if it is needed before
/// its tags.
async fn put_manifests(target: &Target, image: &Built, top_too: bool) -> Result<(), registry::Error> {
    let below = image.platforms.iter().filter(|_| image.index.is_some() || top_too);
    let manifests = below.map(async |platform| {
        let Descriptor { digest, media_type, .. } = &platform.image.descriptor;
        let bytes = Bytes::copy_from_slice(&platform.image.manifest_bytes);
        target.remote.put_manifest(&digest.to_string(), media_type, &bytes).await.map(|_| ())
    });
    try_join_all(manifests).await.map(|_| ())
}
