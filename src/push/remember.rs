//! Remembering: after a push that added layers, the repository's cache image is told of them. Best-effort: a push that
//! has succeeded does not fail for its cache.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, TryStreamExt};

use super::Outcomes;
use crate::build::{Memory, Status};
use crate::digest::Digest;
use crate::image::{
    CACHE_CONFIG, CacheImage, CachedLayer, DISTRIBUTIONS, Descriptor, Document, LISTING, TREE, media_type,
};
use crate::published::Lookup;
use crate::python::{Laid, Remembered};
use crate::registry::{self, BlobSource, RemoteRepository};
use crate::survey::{Survey, Target};
use crate::workshop::Workshop;

/// What a repository's cache image is to learn.
#[derive(Default)]
struct News {
    layers: Vec<CachedLayer>,
    /// Blobs to be sent first, by digest.
    blobs: BTreeMap<Digest, (Descriptor, Vec<u8>)>,
    trees: Vec<(Digest, Descriptor)>,
    /// What is remembered of the distributions of the image of this name.
    distributions: Option<(String, Descriptor)>,
}

impl News {
    /// What the image's wheels lay, beside what is remembered of the same versions for other platforms.
    fn add_wheels(&mut self, survey: &Survey, target: &Target) {
        let image = &survey.prepared[target.place];
        let lore = || image.platforms.iter().map(|platform| platform.lore());
        let new: Vec<&Laid> = lore().flat_map(|lore| &lore.wheels).collect();
        let replacements = lore().flat_map(|lore| &lore.replacements);
        if new.is_empty() && replacements.clone().next().is_none() {
            return;
        }
        let old = survey.published.distributions(target.place, &image.name);
        let beside = old.as_ref().map(|old| old.beside(&new)).unwrap_or_default();
        if let Ok(bytes) = Remembered::encode(new.iter().copied().chain(beside), replacements) {
            let descriptor = Descriptor::of(DISTRIBUTIONS, &bytes);
            self.blobs.insert(descriptor.digest, (descriptor.clone(), bytes));
            self.distributions = Some((image.name.clone(), descriptor));
        }
    }
}

/// Writes down in the repositories what wheels lay that had to be downloaded because nobody remembered it, where nothing else
/// is to be written down.
pub(super) fn remember_wheels(workshop: &Workshop, survey: &Survey, lookup: &Lookup) {
    for target in survey.targets.iter().filter(|_| lookup.remote) {
        let image = &survey.prepared[target.place];
        if image.platforms.iter().any(|platform| platform.lore().is_news()) {
            let mut news = News::default();
            news.add_wheels(survey, target);
            tell(workshop, target, lookup, news);
        }
    }
}

/// Writes down, here and in the repositories, which layers there are now.
pub(super) fn remember(workshop: &Workshop, survey: &Survey, outcomes: &Outcomes, lookup: &Lookup) {
    let store = workshop.store();
    for known in survey.layers.values().filter(|known| !known.here) {
        // What was found in a registry is found here the next time, without its blob.
        let _ = store.put_record(&known.layer, None);
    }
    if !lookup.remote {
        return;
    }
    for target in &survey.targets {
        let news = news(workshop, survey, target, outcomes);
        if !news.layers.is_empty() || !news.trees.is_empty() {
            tell(workshop, target, lookup, news);
        }
    }
}

fn tell(workshop: &Workshop, target: &Target, lookup: &Lookup, news: News) {
    let written = workshop.door().block_on(write(&target.remote, &lookup.cache_tag, news));
    if let Err(error) = written.and_then(|written| written) {
        let repository = target.remote.repository();
        workshop.events().note(format!("the cache image of `{repository}` was not written: {error}"));
    }
}

fn news(workshop: &Workshop, survey: &Survey, target: &Target, outcomes: &Outcomes) -> News {
    let store = workshop.store();
    let image = &survey.prepared[target.place];
    let mut news = News::default();
    for layer in image.platforms.iter().flat_map(|platform| &platform.layers) {
        let Some(known) = survey.layers.get(&layer.key) else { continue };
        let outcome = outcomes.get(&(target.place, known.layer.digest));
        let is_new = matches!(outcome, Some(Status::Uploaded | Status::Mounted));
        if !is_new || news.layers.iter().any(|cached| cached.layer.key == layer.key) {
            continue;
        }
        let listing = store.listing_bytes(&layer.key).map(|bytes| {
            let descriptor = Descriptor::of(LISTING, &bytes);
            news.blobs.insert(descriptor.digest, (descriptor.clone(), bytes));
            descriptor
        });
        news.layers.push(CachedLayer { layer: known.layer.clone(), image: image.name.clone(), listing });
    }
    for ground in image.platforms.iter().flat_map(|platform| platform.grounds()) {
        if survey.published.has_tree(target.place, &ground) || news.trees.iter().any(|(of, _)| *of == ground) {
            continue;
        }
        if let Some(bytes) = store.tree_bytes(&ground) {
            let descriptor = Descriptor::of(TREE, &bytes);
            news.blobs.insert(descriptor.digest, (descriptor.clone(), bytes));
            news.trees.push((ground, descriptor));
        }
    }
    // They go along with layers, so that nobody is asked for them alone.
    if !news.layers.is_empty() {
        news.add_wheels(survey, target);
    }
    news
}

async fn write(remote: &RemoteRepository, tag: &str, news: News) -> Result<(), registry::Error> {
    // Read again, as late as possible: two writers may lose each other's entries, never more.
    let found = remote.try_manifest(tag).await?;
    let current = found.as_ref().map(|found| found.digest);
    let mut cache = match found {
        Some(found) => match Document::parse(&found.bytes, &found.media_type) {
            Ok(Document::Manifest(manifest)) => CacheImage::read(&manifest),
            _ => CacheImage::default(),
        },
        None => CacheImage::default(),
    };
    let before = cache.to_manifest();
    cache.add(news.layers, news.trees);
    if let Some((image, distributions)) = news.distributions {
        cache.add_distributions(&image, distributions);
    }
    let mut manifest = cache.to_manifest();
    if manifest == before {
        return Ok(());
    }
    if let Some(current) = current {
        // Where tags may not be moved, this one would have to be an exception.
        remote.may_replace(tag, &current, &Digest::of(&manifest.to_bytes())).await?;
    }
    let config = (Descriptor::of(media_type::CONFIG, CACHE_CONFIG), CACHE_CONFIG.to_vec());
    for (descriptor, bytes) in news.blobs.into_values().chain([config]) {
        if !remote.blob_exists(&descriptor.digest).await? {
            remote.upload(&descriptor, BlobSource::Bytes(bytes.into()), None, &|_| {}).await?;
        }
    }
    let put = remote.put_manifest(tag, media_type::MANIFEST, &Bytes::from(manifest.to_bytes())).await;
    let Err(error) = put else { return Ok(()) };
    // A blob that was deleted since, or never was what an entry says, makes a registry refuse the whole.
    if !error.answer().is_some_and(|answer| matches!(answer.status, 400 | 404)) {
        return Err(error);
    }
    let asking: FuturesUnordered<_> = manifest
        .layers
        .iter()
        .map(async |blob| Ok::<_, registry::Error>((!remote.holds(blob).await?).then_some(blob.digest)))
        .collect();
    let gone: BTreeSet<Digest> = asking.try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    if gone.is_empty() {
        return Err(error);
    }
    cache.forget(&gone);
    manifest = cache.to_manifest();
    remote.put_manifest(tag, media_type::MANIFEST, &Bytes::from(manifest.to_bytes())).await?;
    Ok(())
}
