//! Remembering: after a push that added layers, the repository's cache image is told of them. Best-effort: a push that
//! has succeeded does not fail for its cache.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join_all};
use futures_util::stream::{FuturesUnordered, TryStreamExt};

use super::Outcomes;
use crate::build::{Layers, Memory, Status};
use crate::digest::Digest;
use crate::image::{
    CACHE_CONFIG, CacheImage, CachedLayer, DISTRIBUTIONS, Descriptor, Document, LISTING, Manifest, TREE, media_type,
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

/// A repository, and what its cache image is to learn from the images that go there.
pub(super) struct Letter<'a> {
    remote: &'a RemoteRepository,
    news: Vec<News>,
}

/// A cache image that has only to be put.
pub(super) struct Draft<'a> {
    remote: &'a RemoteRepository,
    cache: CacheImage,
    manifest: Manifest,
}

/// Writes down in the repositories what wheels lay that had to be downloaded because nobody remembered it, where nothing else
/// is to be written down.
pub(super) fn remember_wheels(workshop: &Workshop, survey: &Survey, lookup: &Lookup) {
    let mut letters = Vec::new();
    for target in survey.targets.iter().filter(|_| lookup.remote) {
        let image = &survey.prepared[target.place];
        if image.platforms.iter().any(|platform| platform.lore().is_news()) {
            let mut news = News::default();
            news.add_wheels(survey, target);
            add(&mut letters, target, news);
        }
    }
    let drafts = prepare(workshop, letters, lookup);
    write(workshop, drafts, lookup);
}

/// Writes down here which layers there are now, and tells what the repositories are to learn.
pub(super) fn news<'a>(
    workshop: &Workshop,
    survey: &'a Survey,
    layers: &Layers,
    outcomes: &Outcomes,
    lookup: &Lookup,
) -> Vec<Letter<'a>> {
    let store = workshop.store();
    for known in layers.values().filter(|known| !known.here) {
        // What was found in a registry is found here the next time, without its blob.
        let _ = store.put_record(&known.layer, None);
    }
    let mut letters = Vec::new();
    for target in survey.targets.iter().filter(|_| lookup.remote) {
        let news = news_of(workshop, survey, target, layers, outcomes);
        if !news.layers.is_empty() || !news.trees.is_empty() {
            add(&mut letters, target, news);
        }
    }
    letters
}

fn add<'a>(letters: &mut Vec<Letter<'a>>, target: &'a Target, news: News) {
    let same = |letter: &&mut Letter<'_>| letter.remote.repository() == target.remote.repository();
    match letters.iter_mut().find(same) {
        Some(letter) => letter.news.push(news),
        None => letters.push(Letter { remote: &target.remote, news: vec![news] }),
    }
}

/// Cache images that have only to be put, or why they cannot be, with their repositories.
pub(super) type Drafts<'a> = Vec<(&'a RemoteRepository, Result<Option<Draft<'a>>, registry::Error>)>;

/// Sends what cache images are to hold, and reads what they say. What comes of it is told by [`write`].
pub(super) fn prepare<'a>(workshop: &Workshop, letters: Vec<Letter<'a>>, lookup: &Lookup) -> Drafts<'a> {
    if letters.is_empty() {
        return Vec::new();
    }
    let all = letters.into_iter().map(async |letter| (letter.remote, draft(letter, &lookup.cache_tag).await));
    workshop.door().block_on(join_all(all)).unwrap_or_default()
}

/// Puts cache images.
pub(super) fn write(workshop: &Workshop, drafts: Drafts<'_>, lookup: &Lookup) {
    if drafts.is_empty() {
        return;
    }
    let all = drafts.into_iter().map(async |(remote, draft)| match draft {
        Ok(Some(draft)) => (remote, put(draft, &lookup.cache_tag).await),
        Ok(None) => (remote, Ok(())),
        Err(error) => (remote, Err(error)),
    });
    let Ok(written) = workshop.door().block_on(join_all(all)) else { return };
    for (remote, written) in written {
        if let Err(error) = written {
            let repository = remote.repository();
            workshop.events().note(format!("the cache image of `{repository}` was not written: {error}"));
        }
    }
}

fn news_of(workshop: &Workshop, survey: &Survey, target: &Target, layers: &Layers, outcomes: &Outcomes) -> News {
    let store = workshop.store();
    let image = &survey.prepared[target.place];
    let mut news = News::default();
    for layer in image.platforms.iter().flat_map(|platform| &platform.layers) {
        let Some(known) = layers.get(&layer.key) else { continue };
        let outcome = outcomes.get(&(target.place, known.layer.digest));
        // What was assembled and then found there was sent by a run that failed before it could tell.
        let is_untold = survey.published.is_asked() && !survey.layers.contains_key(&layer.key);
        let is_new = matches!(outcome, Some(Status::Uploaded | Status::Mounted))
            || (is_untold && matches!(outcome, Some(Status::Reused)));
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

async fn draft<'a>(letter: Letter<'a>, tag: &str) -> Result<Option<Draft<'a>>, registry::Error> {
    let Letter { remote, mut news } = letter;
    let blobs: BTreeMap<Digest, (Descriptor, Vec<u8>)> =
        news.iter_mut().flat_map(|news| std::mem::take(&mut news.blobs)).collect();
    // They are what somebody made for the first time: nobody is asked whether they are there.
    let sending = blobs.into_values().map(async |(descriptor, bytes)| {
        remote.upload(&descriptor, BlobSource::Bytes(bytes.into()), None, &|_| {}).await
    });
    // Read again, as late as possible: two writers may lose each other's entries, never more.
    let (found, sent) = join(remote.try_manifest(tag), try_join_all(sending)).await;
    let (found, _) = (found?, sent?);
    let current = found.as_ref().map(|found| found.digest);
    let mut cache = match found {
        Some(found) => match Document::parse(&found.bytes, &found.media_type) {
            Ok(Document::Manifest(manifest)) => CacheImage::read(&manifest),
            _ => CacheImage::default(),
        },
        None => CacheImage::default(),
    };
    let before = cache.to_manifest();
    for news in news {
        cache.add(news.layers, news.trees);
        if let Some((image, distributions)) = news.distributions {
            cache.add_distributions(&image, distributions);
        }
    }
    let manifest = cache.to_manifest();
    if manifest == before {
        return Ok(None);
    }
    match current {
        // Where tags may not be moved, this one would have to be an exception.
        Some(current) => remote.may_replace(tag, &current, &Digest::of(&manifest.to_bytes())).await?,
        // All cache images have the same config; one that is there has brought it.
        None => put_config(remote).await?,
    }
    Ok(Some(Draft { remote, cache, manifest }))
}

async fn put_config(remote: &RemoteRepository) -> Result<(), registry::Error> {
    let config = Descriptor::of(media_type::CONFIG, CACHE_CONFIG);
    remote.upload(&config, BlobSource::Bytes(Bytes::from_static(CACHE_CONFIG)), None, &|_| {}).await
}

async fn put(draft: Draft<'_>, tag: &str) -> Result<(), registry::Error> {
    let Draft { remote, mut cache, manifest } = draft;
    let put = async |manifest: &Manifest| {
        remote.put_manifest(tag, media_type::MANIFEST, &Bytes::from(manifest.to_bytes())).await
    };
    let Err(error) = put(&manifest).await else { return Ok(()) };
    // A blob that was deleted since, or never was what an entry says, makes a registry refuse the whole.
    if !error.answer().is_some_and(|answer| matches!(answer.status, 400 | 404)) {
        return Err(error);
    }
    let has_config = remote.blob_exists(&manifest.config.digest).await?;
    if !has_config {
        put_config(remote).await?;
    }
    let asking: FuturesUnordered<_> = manifest
        .layers
        .iter()
        .map(async |blob| Ok::<_, registry::Error>((!remote.holds(blob).await?).then_some(blob.digest)))
        .collect();
    let gone: BTreeSet<Digest> = asking.try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    if gone.is_empty() && has_config {
        return Err(error);
    }
    cache.forget(&gone);
    put(&cache.to_manifest()).await.map(|_| ())
}
