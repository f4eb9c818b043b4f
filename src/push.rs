//! Pushing: what is missing is assembled, what is missing is sent, manifests last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt, TryStreamExt};

use crate::base::{BaseImage, Origin};
use crate::build::{self, Built, Layers, Options, Prepared, PreparedBase, PreparedImage, Status};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{self, Descriptor, Layer, Repository, media_type};
use crate::registry::{self, BlobSource, MountOutcome, RemoteRepository};
use crate::spec::{Recipe, SpecError, Unset, Variables, Workspace};
use crate::workshop::Workshop;

/// Where images go.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// Instead of the recipes' repositories; with several images a prefix of theirs.
    pub to: Option<Repository>,
    /// Instead of the recipes' tags; `{digest}` stands for 12 digits of the digest.
    pub tags: Vec<String>,
    /// The values of variables in repositories and tags.
    pub variables: Variables,
}

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

/// An image on its way: its place among the prepared, and where it goes.
struct Target {
    place: usize,
    remote: RemoteRepository,
    tags: Vec<String>,
}

/// What a blob became, by repository.
type Outcomes = BTreeMap<(Repository, Digest), Status>;

/// Pushes the images that were asked for.
///
/// An image whose tags all stand for what it would be is left alone after one request a tag. A failed run leaves
/// every tag as it was; what it has sent is found by the next.
///
/// # Errors
///
/// Whatever building reports, and what registries refuse.
pub fn push(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    destination: &Destination,
) -> Result<Vec<Pushed>, Error> {
    let addresses = addresses(workspace, destination)?;
    let prepared =
        build::prepare(workshop, workspace, options, &(Arc::new(build::NoMemory) as Arc<dyn build::Memory>))?;
    let mut layers = build::recorded_layers(workshop, &prepared, options);
    layers.retain(|_, known| known.here);
    let mut targets = Vec::new();
    for (place, (repository, tags)) in addresses {
        let remote = workshop.door().repository(&repository, &prepared[place].traffic)?.for_push();
        targets.push(Target { place, remote, tags });
    }

    let known = build::compose(&prepared, &layers, options);
    let current = workshop.door().block_on(current(&targets, &known))??;
    let mut outcomes = Outcomes::new();
    let pending: Vec<&Target> = targets.iter().filter(|target| !current.contains(&target.place)).collect();
    if !pending.is_empty() {
        outcomes = send(workshop, &prepared, &mut layers, &pending)?;
    }
    drop(known);

    let mut built = build::compose(&prepared, &layers, options);
    let mut pushed = Vec::new();
    for target in &targets {
        let Some(mut image) = built[target.place].take() else { continue };
        let repository = target.remote.repository().clone();
        let mut changed = false;
        if current.contains(&target.place) {
            set_status(&mut image, |_| Some(Status::Reused));
        } else {
            changed = workshop.door().block_on(publish(target, &image))??;
            set_status(&mut image, |digest| outcomes.get(&(repository.clone(), digest)).copied());
        }
        let tags = expand(&target.tags, &image);
        pushed.push(Pushed { built: image, repository, tags, changed });
    }
    Ok(pushed)
}

fn set_status(image: &mut Built, status: impl Fn(Digest) -> Option<Status>) {
    for layer in image.platforms.iter_mut().flat_map(|platform| &mut platform.layers) {
        if layer.status != Status::Base {
            layer.status = status(layer.descriptor.digest).unwrap_or(Status::Reused);
        }
    }
}

/// Repository and tags of each image that was asked for, by its place in the workspace.
type Addresses = BTreeMap<usize, (Repository, Vec<String>)>;

fn addresses(workspace: &Workspace, destination: &Destination) -> Result<Addresses, Error> {
    let requested = workspace.requested.iter().filter(|&&requested| requested).count();
    let mut addresses = Addresses::new();
    for (place, recipe) in workspace.recipes.iter().enumerate() {
        if !workspace.requested[place] {
            continue;
        }
        let repository = match &destination.to {
            Some(to) if requested > 1 => to.join(&recipe.name),
            Some(to) => to.clone(),
            None => repository_of(recipe, &destination.variables)?,
        };
        let tags = if destination.tags.is_empty() {
            recipe.expand_tags(&destination.variables).map_err(|unset| unset_in(recipe, unset))?
        } else {
            destination.tags.clone()
        };
        for tag in &tags {
            if !image::is_tag(&tag.replace("{digest}", "0123456789ab")) {
                let help = "tags are up to 128 letters, digits, `_`, `.` and `-`; `{digest}` may stand in them";
                return Err(Error::request(format!("`{tag}` is not a tag"), help));
            }
        }
        addresses.insert(place, (repository, tags));
    }
    Ok(addresses)
}

fn repository_of(recipe: &Recipe, variables: &Variables) -> Result<Repository, Error> {
    let Some(template) = &recipe.repository else {
        return Err(Error::request(
            format!("the spec of `{}` does not say where to push the image", recipe.name),
            "add `repository = \"…\"` to it, or use --to REPOSITORY",
        ));
    };
    let text = template.expand(variables).map_err(|unset| unset_in(recipe, unset))?;
    text.parse().map_err(|error| Error::request(format!("{error}"), "see `repository` in the spec"))
}

fn unset_in(recipe: &Recipe, unset: Unset) -> Error {
    let file = recipe.file.as_ref().map_or_else(|| recipe.name.clone(), |file| file.display().to_string());
    SpecError::Unset { file, unset }.into()
}

fn expand(tags: &[String], image: &Built) -> Vec<String> {
    tags.iter().map(|tag| tag.replace("{digest}", &image.top().digest.short())).collect()
}

/// The places of the images whose tags all stand for what they would be.
async fn current(targets: &[Target], built: &[Option<Built>]) -> Result<BTreeSet<usize>, registry::Error> {
    let checks = FuturesUnordered::new();
    for target in targets {
        if let Some(image) = &built[target.place] {
            checks.push(async move {
                let differing = differing_tags(target, image).await?;
                Ok::<_, registry::Error>((target.place, differing.is_empty()))
            });
        }
    }
    let checked: Vec<(usize, bool)> = checks.try_collect().await?;
    Ok(checked.into_iter().filter(|(_, current)| *current).map(|(place, _)| place).collect())
}

/// The tags that do not exist or stand for another image.
async fn differing_tags(target: &Target, image: &Built) -> Result<Vec<String>, registry::Error> {
    let mut differing = Vec::new();
    for tag in expand(&target.tags, image) {
        let head = target.remote.head_manifest(&tag).await?;
        let digest = match head {
            None => None,
            Some(head) if head.digest.is_some() => head.digest,
            // A registry that does not name the digest has to be asked for the manifest itself.
            Some(_) => target.remote.try_manifest(&tag).await?.map(|manifest| manifest.digest),
        };
        if digest != Some(image.top().digest) {
            differing.push(tag);
        }
    }
    Ok(differing)
}

/// A blob that images need, and where its bytes are.
struct Parcel<'a> {
    descriptor: Descriptor,
    /// What it is called in progress.
    name: String,
    /// Where it has to be, in the order of the images.
    remotes: Vec<&'a RemoteRepository>,
    /// The base that brings it; none for a layer that lies in the store.
    base: Option<&'a BaseImage>,
}

/// Assembles what is missing and sends every layer that `targets` need, each as soon as it is there.
fn send(
    workshop: &Workshop,
    prepared: &[Prepared],
    layers: &mut Layers,
    targets: &[&Target],
) -> Result<Outcomes, Error> {
    let mut base_blobs: BTreeMap<Digest, Parcel<'_>> = BTreeMap::new();
    let mut wanted: BTreeMap<Digest, Vec<&RemoteRepository>> = BTreeMap::new();
    for target in targets {
        for platform in &prepared[target.place].platforms {
            for chain in chain(prepared, platform) {
                for layer in &chain.layers {
                    add(wanted.entry(layer.key).or_default(), &target.remote);
                }
                if let PreparedBase::Image(base) = &chain.base {
                    for layer in &base.documents.layers {
                        if media_type::is_nondistributable(&layer.media_type) {
                            continue;
                        }
                        let parcel = base_blobs.entry(layer.digest).or_insert_with(|| Parcel {
                            descriptor: layer.clone(),
                            name: format!("{} {}", base.name(), layer.digest.short()),
                            remotes: Vec::new(),
                            base: Some(base),
                        });
                        add(&mut parcel.remotes, &target.remote);
                    }
                }
            }
        }
    }
    let parcel = |layer: &Layer| {
        wanted.get(&layer.key).map(|remotes| Parcel {
            descriptor: layer.descriptor(),
            name: layer.name.clone(),
            remotes: remotes.clone(),
            base: None,
        })
    };
    let ready: Vec<Parcel<'_>> =
        base_blobs.into_values().chain(layers.values().filter_map(|known| parcel(&known.layer))).collect();

    // The one channel between the threads that assemble and the tasks that send.
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Layer>(16);
    std::thread::scope(|scope| {
        let assembling = scope.spawn(move || {
            build::assemble(workshop, prepared, layers, &|layer| sender.blocking_send(layer.clone()).is_ok())
        });
        let sent = workshop.door().block_on(async {
            let mut sending = FuturesUnordered::new();
            sending.extend(ready.into_iter().map(|parcel| deliver(workshop, parcel)));
            let mut outcomes = Outcomes::new();
            let mut open = true;
            loop {
                tokio::select! {
                    layer = receiver.recv(), if open => match layer {
                        Some(layer) => sending.extend(parcel(&layer).map(|parcel| deliver(workshop, parcel))),
                        None => open = false,
                    },
                    Some(done) = sending.next() => outcomes.extend(done?),
                    else => return Ok(outcomes),
                }
            }
        });
        // If sending failed, the channel is closed now, and assembling stops at the next layer.
        drop(receiver);
        let assembled = assembling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let sent: Result<Outcomes, Error> = sent?;
        match (assembled, sent) {
            (Ok(()), sent) => sent,
            (Err(error), _) => Err(error),
        }
    })
}

/// A prepared image and those of the same run below it.
fn chain<'a>(prepared: &'a [Prepared], image: &'a PreparedImage) -> impl Iterator<Item = &'a PreparedImage> {
    std::iter::successors(Some(image), |image| match image.base {
        PreparedBase::Prepared(place, at) => Some(&prepared[place].platforms[at]),
        PreparedBase::Image(_) => None,
    })
}

fn add<'a>(remotes: &mut Vec<&'a RemoteRepository>, remote: &'a RemoteRepository) {
    if !remotes.iter().any(|other| other.repository() == remote.repository()) {
        remotes.push(remote);
    }
}

/// Brings a blob to every repository that needs it: one after the other, so that the first has it when the next asks
/// to mount it.
async fn deliver(workshop: &Workshop, parcel: Parcel<'_>) -> Result<Outcomes, Error> {
    let digest = parcel.descriptor.digest;
    let mut outcomes = Outcomes::new();
    let mut holders: Vec<Repository> = Vec::new();
    if let Some(Origin::Registry(remote)) = parcel.base.map(|base| &*base.origin) {
        holders.push(remote.repository().clone());
    }
    for remote in &parcel.remotes {
        let repository = remote.repository();
        let status = if holders.contains(repository) || remote.blob_exists(&digest).await? {
            Status::Reused
        } else {
            bring(workshop, &parcel, remote, &holders).await?
        };
        outcomes.insert((repository.clone(), digest), status);
        holders.push(repository.clone());
    }
    Ok(outcomes)
}

/// Mounts a blob from a repository that has it, or uploads it.
async fn bring(
    workshop: &Workshop,
    parcel: &Parcel<'_>,
    remote: &RemoteRepository,
    holders: &[Repository],
) -> Result<Status, Error> {
    let descriptor = &parcel.descriptor;
    let mut session = None;
    if let Some(from) = holders.iter().rev().find(|holder| holder.host == remote.repository().host) {
        match remote.mount(&descriptor.digest, from).await? {
            MountOutcome::Mounted => return Ok(Status::Mounted),
            MountOutcome::Session(opened) => session = Some(opened),
        }
    }
    let task = Task::Upload { layer: parcel.name.clone(), repository: remote.repository().to_string() };
    let running = workshop.events().begin(task, descriptor.size);
    // The wire tells how far it is, and begins anew when it tries again.
    let furthest = AtomicU64::new(0);
    let progress = |position| {
        let before = furthest.fetch_max(position, Ordering::Relaxed);
        running.advance(position.saturating_sub(before));
    };
    let store = workshop.store();
    let stored = store.has_blob(&descriptor.digest, descriptor.size);
    let source = match parcel.base {
        Some(base) if !stored => match &*base.origin {
            Origin::Registry(origin) => BlobSource::Remote(origin),
            _ => {
                // Reading a layout or an archive blocks; the runtime has another thread meanwhile.
                tokio::task::block_in_place(|| crate::base::keep_layer(workshop, base, descriptor))?;
                BlobSource::File(store.blob_path(&descriptor.digest))
            }
        },
        _ => BlobSource::File(store.blob_path(&descriptor.digest)),
    };
    remote.upload(descriptor, source, session, &progress).await?;
    Ok(Status::Uploaded)
}

/// Puts configs, manifests, and last the tags that do not stand for the image yet. Answers whether there were any.
async fn publish(target: &Target, image: &Built) -> Result<bool, registry::Error> {
    let tags = differing_tags(target, image).await?;
    if tags.is_empty() {
        return Ok(false);
    }
    for platform in &image.platforms {
        let config = &platform.image.manifest.config;
        let bytes = Bytes::copy_from_slice(&platform.image.config_bytes);
        target.remote.upload(config, BlobSource::Bytes(bytes), None, &|_| {}).await?;
        if image.index.is_some() {
            let Descriptor { digest, media_type, .. } = &platform.image.descriptor;
            let bytes = Bytes::copy_from_slice(&platform.image.manifest_bytes);
            target.remote.put_manifest(&digest.to_string(), media_type, &bytes).await?;
        }
    }
    let bytes = Bytes::copy_from_slice(image.top_bytes());
    for tag in &tags {
        target.remote.put_manifest(tag, &image.top().media_type, &bytes).await?;
    }
    Ok(true)
}
