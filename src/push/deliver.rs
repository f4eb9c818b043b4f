//! Delivering: one blob to one repository, the cheapest way.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join;
use futures_util::stream::{FuturesUnordered, TryStreamExt};
use tokio::sync::{oneshot, watch};

use crate::base::{self, BaseImage, Origin};
use crate::build::{Known, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{Descriptor, Repository};
use crate::registry::{self, BlobSource, MountOutcome, RemoteRepository, UploadSession};
use crate::store::Growing;
use crate::survey::{Survey, chain};
use crate::workshop::Workshop;

/// A blob that images need, and where its bytes are.
#[derive(Clone)]
pub(crate) struct Parcel<'a> {
    descriptor: Descriptor,
    /// What it is called in progress.
    name: String,
    /// Where an image that brings it has its blobs, and what that image is called.
    origin: Option<(&'a Origin, &'a str)>,
    /// Repositories that have it.
    holders: Vec<Repository>,
}

impl<'a> Parcel<'a> {
    /// A layer of a base.
    pub(crate) fn of_base(base: &'a BaseImage, layer: &Descriptor) -> Parcel<'a> {
        Parcel::of_origin(&base.origin, base.name(), layer)
    }

    /// A blob of the image called `name`.
    pub(crate) fn of_origin(origin: &'a Origin, name: &'a str, blob: &Descriptor) -> Parcel<'a> {
        let holders = match origin {
            Origin::Registry(remote) => vec![remote.repository().clone()],
            _ => Vec::new(),
        };
        let label = format!("{name} {}", blob.digest.short());
        Parcel { descriptor: blob.clone(), name: label, origin: Some((origin, name)), holders }
    }

    /// Other repositories have it too.
    pub(super) fn also_in(&mut self, repositories: Option<&Vec<Repository>>) {
        let new = repositories.into_iter().flatten().filter(|repository| !self.holders.contains(repository));
        let new: Vec<Repository> = new.cloned().collect();
        self.holders.extend(new);
    }

    /// The blob's digest.
    pub(crate) fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// Whether a repository is known to have it.
    pub(crate) fn is_in(&self, repository: &Repository) -> bool {
        self.holders.contains(repository)
    }

    /// Whether a repository of this registry is known to have it.
    pub(super) fn is_at(&self, host: &str) -> bool {
        self.holders.iter().any(|holder| holder.host == host)
    }

    /// A layer of ours.
    pub(crate) fn of_layer(known: &Known) -> Parcel<'a> {
        Parcel {
            descriptor: known.layer.descriptor(),
            name: known.layer.name.clone(),
            origin: None,
            holders: known.holders.clone(),
        }
    }
}

/// Asks for every layer that is known but not here, and that a target which is not current needs. Layers that exist
/// nowhere any more are returned; of the others the holders that have them are kept.
pub(super) async fn confirm(workshop: &Workshop, survey: &mut Survey) -> Result<Vec<Digest>, registry::Error> {
    let Survey { prepared, targets, layers, current, .. } = survey;
    let mut questions: BTreeMap<Repository, (RemoteRepository, BTreeMap<Digest, Descriptor>)> = BTreeMap::new();
    let own: BTreeSet<Repository> = targets.iter().map(|target| target.remote.repository().clone()).collect();
    let own = &own;
    for target in targets.iter().filter(|target| !current.contains(&target.place)) {
        for image in prepared[target.place].platforms.iter().flat_map(|platform| chain(prepared, platform)) {
            for layer in &image.layers {
                let Some(known) = layers.get(&layer.key).filter(|known| !known.here) else { continue };
                // Where it is said to be; for a record without a blob, where it is needed.
                let own = target.remote.repository();
                let said = if known.holders.is_empty() { std::slice::from_ref(own) } else { &known.holders[..] };
                for holder in said {
                    let (_, digests) = match questions.entry(holder.clone()) {
                        Entry::Occupied(entry) => entry.into_mut(),
                        Entry::Vacant(entry) => {
                            let remote = match holder == own {
                                true => target.remote.clone(),
                                false => workshop.door().repository(holder, target.remote.traffic())?,
                            };
                            entry.insert((remote, BTreeMap::new()))
                        }
                    };
                    digests.insert(layer.key, known.layer.descriptor());
                }
            }
        }
    }
    let asking: FuturesUnordered<_> = questions
        .into_iter()
        .map(async |(holder, (remote, keys))| {
            let blobs: Vec<Descriptor> = keys.values().cloned().collect();
            // Not being allowed to look at somebody else's repository is not having it; nor is one that does not answer.
            let found = match remote.holding(&blobs).await {
                Err(error) if error.is_denied() || !own.contains(&holder) => BTreeSet::new(),
                answer => answer?,
            };
            Ok::<_, registry::Error>((holder, keys, found))
        })
        .collect();
    let mut confirmed: BTreeMap<Digest, Vec<Repository>> = BTreeMap::new();
    for (holder, keys, found) in asking.try_collect::<Vec<_>>().await? {
        for (key, blob) in keys {
            confirmed.entry(key).or_default().extend(found.contains(&blob.digest).then(|| holder.clone()));
        }
    }
    let mut lost = Vec::new();
    for (key, mut holders) in confirmed {
        // Answers come in any order; what is done with them must not.
        holders.sort();
        if holders.is_empty() {
            lost.push(key);
        }
        if let Some(known) = layers.get_mut(&key) {
            known.holders = holders;
        }
    }
    Ok(lost)
}

/// What is known of whether a repository has a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has it.
    There,
    /// It has not.
    Absent,
    /// It seems to have nothing at all. What cannot be mounted is looked for before it is sent.
    Unlikely,
    /// Nobody has asked.
    Unknown,
}

/// What was begun for a layer at a repository while the layer was being made.
pub(super) enum Ahead {
    /// An upload was opened.
    Opened(Result<UploadSession, registry::Error>),
    /// It was sent along, and is there or not.
    Sent(Result<bool, registry::Error>),
}

/// What is under way for a layer at a repository.
pub(super) struct Begun {
    /// Whether it is sent along; else an upload is opened.
    pub(super) along: bool,
    /// Where it is told what came of it.
    pub(super) ahead: oneshot::Receiver<Ahead>,
}

/// Brings a layer that was just made to a repository where something was begun for it. Nobody knew its key, but an
/// earlier run may have sent it and failed before it could say so: a layer that was not sent along is looked for while
/// its upload is opened.
pub(super) async fn deliver_begun(
    workshop: &Workshop,
    parcel: Parcel<'_>,
    remote: &RemoteRepository,
    begun: Begun,
) -> Result<(Digest, Status), Error> {
    let digest = parcel.digest();
    registry::limits::check_layer(&remote.repository().host, &parcel.descriptor)?;
    let look = async { Ok(!begun.along && remote.blob_exists(&digest).await?) };
    let (found, ahead) = join(look, begun.ahead).await;
    if found.map_err(|error: registry::Error| error)? {
        return Ok((digest, Status::Reused));
    }
    let session = match ahead {
        Ok(Ahead::Opened(session)) => Some(session?),
        Ok(Ahead::Sent(sent)) => {
            // If only the answer was lost, it is there.
            if sent? || remote.blob_exists(&digest).await? {
                return Ok((digest, Status::Uploaded));
            }
            None
        }
        Err(_) => None,
    };
    upload(workshop, &parcel, remote, &[], session).await?;
    Ok((digest, Status::Uploaded))
}

/// Sends a layer along while it is being made. Answers whether it is there.
pub(super) async fn send_along(
    workshop: &Workshop,
    name: &str,
    remote: &RemoteRepository,
    growing: Growing,
) -> Result<bool, registry::Error> {
    let task = Task::Upload { layer: name.to_owned(), repository: remote.repository().to_string() };
    // How large it will be is not known yet.
    let running = workshop.events().begin(task, 0);
    let furthest = AtomicU64::new(0);
    let progress = |position| running.advance(position - furthest.swap(position, Ordering::Relaxed).min(position));
    remote.upload_growing(growing, &progress).await
}

/// Brings a blob to a repository. `there` says whether it has the blob already. `before` is another one that gets the same blob first: some registries mount only what a manifest refers to, so its manifest is waited for.
pub(crate) async fn deliver(
    workshop: &Workshop,
    parcel: Parcel<'_>,
    remote: &RemoteRepository,
    there: Presence,
    before: Option<(&RemoteRepository, watch::Receiver<bool>)>,
) -> Result<(Digest, Status), Error> {
    let repository = remote.repository();
    let digest = parcel.descriptor.digest;
    let is_there = match there {
        _ if parcel.is_in(repository) => true,
        Presence::There => true,
        Presence::Absent | Presence::Unlikely => false,
        Presence::Unknown => remote.blob_exists(&digest).await?,
    };
    if is_there {
        return Ok((digest, Status::Reused));
    }
    registry::limits::check_layer(&repository.host, &parcel.descriptor)?;
    let mut holders: Vec<Repository> = parcel.holders.clone();
    if let Some((other, mut published)) = before
        && other.repository().host == repository.host
    {
        // Ends without it only if the run has failed, and then nobody asks for this answer.
        let _ = published.wait_for(|published| *published).await;
        if other.repository() == repository {
            return Ok((digest, Status::Reused));
        }
        holders.push(other.repository().clone());
    }
    let mut session = None;
    if let Some(from) = holders.iter().rev().find(|holder| holder.host == repository.host) {
        match remote.mount(&digest, from).await? {
            MountOutcome::Mounted => return Ok((digest, Status::Mounted)),
            MountOutcome::Session(opened) => session = Some(opened),
        }
    }
    if there == Presence::Unlikely && remote.blob_exists(&digest).await? {
        return Ok((digest, Status::Reused));
    }
    upload(workshop, &parcel, remote, &holders, session).await?;
    Ok((digest, Status::Uploaded))
}

async fn upload(
    workshop: &Workshop,
    parcel: &Parcel<'_>,
    remote: &RemoteRepository,
    holders: &[Repository],
    session: Option<UploadSession>,
) -> Result<(), Error> {
    let descriptor = &parcel.descriptor;
    let store = workshop.store();
    let task = Task::Upload { layer: parcel.name.clone(), repository: remote.repository().to_string() };
    let running = workshop.events().begin(task, descriptor.size);
    // The wire tells how far it is, and begins anew when it tries again.
    let furthest = AtomicU64::new(0);
    let progress = |position| {
        let before = furthest.fetch_max(position, Ordering::Relaxed);
        running.advance(position.saturating_sub(before));
    };
    let elsewhere;
    let source = if store.has_blob(&descriptor.digest, descriptor.size) {
        BlobSource::File(store.blob_path(&descriptor.digest))
    } else {
        match parcel.origin {
            Some((origin, name)) => match origin {
                Origin::Registry(origin) => BlobSource::Remote(origin),
                _ => {
                    // Reading a layout or an archive blocks; the runtime has another thread meanwhile.
                    tokio::task::block_in_place(|| base::keep_layer(workshop, origin, name, descriptor))?;
                    BlobSource::File(store.blob_path(&descriptor.digest))
                }
            },
            // Another repository has it: it streams through, and touches no disk.
            None => match holders.first() {
                Some(holder) => {
                    elsewhere = workshop.door().repository(holder, remote.traffic())?;
                    BlobSource::Remote(&elsewhere)
                }
                None => BlobSource::File(store.blob_path(&descriptor.digest)),
            },
        }
    };
    Ok(remote.upload(descriptor, source, session, &progress).await?)
}
