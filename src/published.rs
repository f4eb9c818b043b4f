//! What repositories already hold, looked at when it is first needed. Cache images and other people's images are
//! best-effort: one that does not answer is noted, and the run does the work itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;

use futures_util::future::try_join_all;

use crate::build::{Known, Memory, Status};
use crate::digest::Digest;
use crate::image::{
    BASE_FACTS, CONFIG_LIMIT, CacheImage, Config, Document, Facts, LAYER_DIFF_ID, LAYER_KEY, LAYER_NAME, Layer,
    Manifest, Nodes, Platform, Reference, Repository, parse_facts,
};
use crate::layer::{Codec, Listing};
use crate::python::Remembered;
use crate::registry::{self, RemoteRepository, Traffic};
use crate::workshop::Workshop;

/// The largest listing or tree that is fetched, in bytes.
const BLOB_LIMIT: u64 = 64 << 20;

/// The tag of a repository's cache image, unless another is asked for.
pub const CACHE_TAG: &str = "tarsia-cache";

/// Where to look for layers beside this machine.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Whether repositories are looked at.
    pub remote: bool,
    /// Images whose layers are looked at beside those that are about to be replaced.
    pub cache_from: Vec<Reference>,
    /// The tag of the cache image.
    pub cache_tag: String,
}

impl Default for Lookup {
    fn default() -> Lookup {
        Lookup { remote: true, cache_from: Vec::new(), cache_tag: CACHE_TAG.to_owned() }
    }
}

/// An image of a repository, for one platform.
#[derive(Debug, Clone)]
pub struct PublishedImage {
    /// The repository.
    pub repository: Repository,
    /// The digest of what the tag stands for: this image's manifest, or an index over it.
    pub top: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: Config,
}

impl PublishedImage {
    /// The layer with this key, if the image has it. Its diff_id is the config's, or what a cache image says.
    fn layer(&self, key: &Digest) -> Option<Layer> {
        let wanted = key.to_string();
        let at = self.manifest.layers.iter().position(|layer| layer.annotations.get(LAYER_KEY) == Some(&wanted))?;
        let descriptor = &self.manifest.layers[at];
        let diff_ids = self.config.diff_ids();
        // A cache image has them in annotations.
        let diff_id = match diff_ids.len() == self.manifest.layers.len() {
            true => diff_ids[at],
            false => descriptor.annotations.get(LAYER_DIFF_ID)?.parse().ok()?,
        };
        Some(Layer {
            name: descriptor.annotations.get(LAYER_NAME).cloned().unwrap_or_default(),
            key: *key,
            diff_id,
            digest: descriptor.digest,
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
        })
    }
}

/// A repository that an image goes to.
struct Place {
    remote: RemoteRepository,
    /// The tags about to be replaced whose names are known beforehand.
    tags: Vec<String>,
    cache: OnceLock<Option<CacheImage>>,
}

/// What the tags about to be replaced stand for.
#[derive(Default)]
struct Replaced {
    images: Vec<PublishedImage>,
    /// Nothing for a tag that does not exist.
    tops: BTreeMap<String, Option<Digest>>,
}

/// How far the look ahead is.
enum Ahead {
    /// Nobody wants it, or it has been waited for.
    Over,
    /// It is to begin as soon as the run is known to need a registry.
    Wanted,
    /// It is under way.
    Begun(JoinHandle<()>),
}

/// What the repositories of a run hold.
pub struct Published {
    /// This one, for the thread that looks ahead.
    me: Weak<Published>,
    ahead: Mutex<Ahead>,
    workshop: Workshop,
    lookup: Lookup,
    places: BTreeMap<usize, Place>,
    replaced: OnceLock<Result<BTreeMap<usize, Replaced>, registry::Error>>,
    others: OnceLock<Vec<PublishedImage>>,
    /// Blobs that are said to be trees and are none.
    no_trees: Mutex<BTreeSet<Digest>>,
    /// Listings that were fetched, by the keys of their layers.
    listings: Mutex<BTreeMap<Digest, Listing>>,
    /// What is remembered of distributions, by the digests of the blobs that say so; nothing for those that are none.
    distributions: Mutex<BTreeMap<Digest, Option<Arc<Remembered>>>>,
}

impl Published {
    /// For images at these places of a workspace, with their repositories and tags.
    pub fn new(
        workshop: &Workshop,
        lookup: Lookup,
        targets: impl IntoIterator<Item = (usize, RemoteRepository, Vec<String>)>,
    ) -> Arc<Published> {
        let places = targets.into_iter().map(|(place, remote, tags)| {
            let tags = tags.into_iter().filter(|tag| !tag.contains("{digest}")).collect();
            (place, Place { remote, tags, cache: OnceLock::new() })
        });
        Arc::new_cyclic(|me| Published {
            me: me.clone(),
            ahead: Mutex::new(Ahead::Over),
            workshop: workshop.clone(),
            lookup,
            places: places.collect(),
            replaced: OnceLock::new(),
            others: OnceLock::new(),
            no_trees: Mutex::default(),
            listings: Mutex::default(),
            distributions: Mutex::default(),
        })
    }

    fn note(&self, what: &str, error: &dyn std::fmt::Display) {
        self.workshop.events().note(format!("{what} could not be looked at: {error}"));
    }

    /// What the tags about to be replaced stand for, by place. All are looked at at once. A registry that refuses here
    /// would refuse the push as well.
    fn replaced(&self) -> &Result<BTreeMap<usize, Replaced>, registry::Error> {
        self.replaced.get_or_init(|| {
            if !self.lookup.remote {
                return Ok(BTreeMap::new());
            }
            self.workshop
                .door()
                .block_on(try_join_all(self.places.iter().map(async |(place, at)| {
                    let mut replaced = Replaced::default();
                    for tag in &at.tags {
                        let (top, images) = fetch(&at.remote, tag, &replaced.images).await?;
                        replaced.tops.insert(tag.clone(), top);
                        replaced.images.extend(images);
                    }
                    Ok((*place, replaced))
                })))?
                .map(|all| all.into_iter().collect())
        })
    }

    /// Wants a look ahead: it begins with the first [`Memory::look_ahead`].
    pub fn want_ahead(&self) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Ahead::Wanted;
    }

    /// Waits for the look ahead, if there is one. A run that fails does not: what it has to say is said at once.
    pub fn await_ahead(&self) {
        let ahead = std::mem::replace(&mut *self.ahead.lock().unwrap_or_else(PoisonError::into_inner), Ahead::Over);
        if let Ahead::Begun(thread) = ahead {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }

    /// Looks at what a machine that knows nothing will have to ask for: what the tags about to be replaced stand for, and
    /// where they stand for nothing the cache image.
    fn look(&self) {
        let Ok(replaced) = self.replaced() else { return };
        let bare: Vec<usize> = self.places.keys().copied().filter(|place| is_bare(replaced.get(place))).collect();
        std::thread::scope(|scope| {
            for places in bare.chunks(bare.len().div_ceil(8).max(1)) {
                scope.spawn(|| places.iter().for_each(|&place| _ = self.cache(place)));
            }
        });
    }

    /// Whether the repository at a place holds nothing, as far as was looked at: neither an image nor a cache image.
    pub fn is_bare(&self, place: usize) -> bool {
        let replaced = self.replaced.get().and_then(|all| all.as_ref().ok()).and_then(|all| all.get(&place));
        let cache = self.places.get(&place).and_then(|at| at.cache.get());
        is_bare(replaced) && matches!(cache, Some(None))
    }

    fn images(&self) -> impl Iterator<Item = &PublishedImage> {
        self.replaced().iter().flat_map(|all| all.values()).flat_map(|replaced| &replaced.images)
    }

    /// The images of `--cache-from`.
    fn others(&self) -> &[PublishedImage] {
        self.others.get_or_init(|| {
            let traffic = self.places.values().next().map(|place| Arc::clone(place.remote.traffic()));
            let traffic = traffic.unwrap_or_else(|| Arc::new(Traffic::default()));
            let mut images = Vec::new();
            for reference in self.lookup.cache_from.iter().filter(|_| self.lookup.remote) {
                let found =
                    self.workshop.door().repository(&reference.repository, &traffic).and_then(|remote| {
                        self.workshop.door().block_on(fetch(&remote, &reference.asks_for(), &[]))?
                    });
                match found {
                    Ok((_, found)) => images.extend(found),
                    Err(error) => self.note(&format!("`{reference}`"), &error),
                }
            }
            images
        })
    }

    /// The cache image of the repository at a place, if it has one.
    pub fn cache(&self, place: usize) -> Option<&CacheImage> {
        let at = self.places.get(&place).filter(|_| self.lookup.remote)?;
        at.cache
            .get_or_init(|| {
                let found = self.workshop.door().block_on(at.remote.try_manifest(&self.lookup.cache_tag));
                match found.and_then(|found| found) {
                    Ok(found) => match Document::parse(&found?.bytes, "") {
                        Ok(Document::Manifest(manifest)) => Some(CacheImage::read(&manifest)),
                        _ => None,
                    },
                    Err(error) => {
                        self.note(&format!("`{}:{}`", at.remote.repository(), self.lookup.cache_tag), &error);
                        None
                    }
                }
            })
            .as_ref()
    }

    /// Whether the repository at a place has the tree of the image with this digest, as far as is known: one that was
    /// fetched and could not be read counts as none.
    pub fn has_tree(&self, place: usize, of: &Digest) -> bool {
        let no_trees = self.no_trees.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trees = self.cache(place).into_iter().flat_map(|cache| &cache.trees);
        trees.any(|(other, tree)| other == of && !no_trees.contains(&tree.digest))
    }

    /// What a tag of the repository at a place stands for, if it was looked at.
    pub fn known_top(&self, place: usize, tag: &str) -> Option<Option<Digest>> {
        self.replaced.get()?.as_ref().ok()?.get(&place)?.tops.get(tag).copied()
    }

    /// The key that the layer of this name has in the image for this platform that is about to be replaced at a place, if
    /// that was looked at and has one such layer.
    pub fn replaced_key(&self, place: usize, platform: &Platform, layer: &str) -> Option<Digest> {
        let replaced = self.replaced.get()?.as_ref().ok()?.get(&place)?;
        let image = replaced.images.iter().find(|image| platform.accepts(&image.config.platform()))?;
        let named = |descriptor: &&crate::image::Descriptor| {
            descriptor.annotations.get(LAYER_NAME).is_some_and(|name| name == layer)
        };
        let mut all = image.manifest.layers.iter().filter(named);
        let key = all.next()?.annotations.get(LAYER_KEY)?.parse().ok()?;
        // Images below may have named one of theirs the same.
        all.next().is_none().then_some(key)
    }

    /// The listing of the layer with this key, this blob and this diff_id: from the cache image of the repository at a place.
    pub fn listing_of(&self, place: usize, key: &Digest, digest: &Digest, diff_id: &Digest) -> Option<Listing> {
        let same = |layer: &Layer| layer.key == *key && layer.digest == *digest && layer.diff_id == *diff_id;
        self.cache(place)?.layers.iter().find(|cached| same(&cached.layer))?;
        self.listing(place, key)
    }

    /// Whether the cache image of the repository at a place has the listing of the layer with this key.
    pub fn has_listing(&self, place: usize, key: &Digest) -> bool {
        let mut layers = self.cache(place).into_iter().flat_map(|cache| &cache.layers);
        layers.any(|cached| cached.layer.key == *key && cached.listing.is_some())
    }

    /// Looks for the layer with this key and this compression, needed by the images at `places`: in the images about to
    /// be replaced, in those of `--cache-from`, in the repositories' cache images.
    ///
    /// # Errors
    ///
    /// If a repository that an image goes to refuses to be looked at.
    pub fn find(&self, key: &Digest, codec: Codec, places: &BTreeSet<usize>) -> Result<Option<Known>, registry::Error> {
        if let Err(error) = self.replaced() {
            return Err(error.clone());
        }
        if !self.lookup.remote {
            return Ok(None);
        }
        let known = |layer: Layer, holders| Known { layer, status: Status::Reused, here: false, holders };
        let tagged = self.images().chain(self.others());
        let mut found: Option<Known> = None;
        for image in tagged {
            if let Some(layer) = image.layer(key).filter(|layer| may_be(layer, codec)) {
                let known = found.get_or_insert_with(|| known(layer.clone(), Vec::new()));
                if known.layer.digest == layer.digest && !known.holders.contains(&image.repository) {
                    known.holders.push(image.repository.clone());
                }
            }
        }
        let in_cache = || {
            places.iter().find_map(|&place| {
                let is = |layer: &Layer| layer.key == *key && may_be(layer, codec);
                let cached = self.cache(place)?.layers.iter().find(|cached| is(&cached.layer))?;
                Some(known(cached.layer.clone(), vec![self.places[&place].remote.repository().clone()]))
            })
        };
        Ok(found.or_else(in_cache))
    }

    /// The listing that the layer of this name last had, for the image at a place: from its repository's cache image.
    pub fn last_listing(&self, place: usize, image: &str, layer: &str) -> Option<Listing> {
        let cached = self.cache(place)?.layers.iter().find(|c| c.image == image && c.layer.name == layer)?;
        self.blob(place, cached.listing.as_ref()?).and_then(|bytes| Listing::decode(&bytes).ok())
    }

    /// The listing of the layer with this key: from the cache image of the repository at a place.
    pub fn listing(&self, place: usize, key: &Digest) -> Option<Listing> {
        self.listing_within(place, key, BLOB_LIMIT)
    }

    /// The same, if it has at most so many bytes as it is stored.
    pub fn listing_within(&self, place: usize, key: &Digest, most: u64) -> Option<Listing> {
        let cached = self.cache(place)?.layers.iter().find(|cached| cached.layer.key == *key)?;
        let listing = cached.listing.as_ref().filter(|listing| listing.size <= most)?;
        let listings = || self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = listings().get(key).cloned() {
            return Some(known);
        }
        let found = self.blob(place, listing).and_then(|bytes| Listing::decode(&bytes).ok())?;
        listings().insert(*key, found.clone());
        Some(found)
    }

    fn blob(&self, place: usize, descriptor: &crate::image::Descriptor) -> Option<Vec<u8>> {
        let remote = &self.places.get(&place)?.remote;
        match self.workshop.door().block_on(remote.blob(descriptor, BLOB_LIMIT)).and_then(|bytes| bytes) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.note(&format!("a blob of `{}`", remote.repository()), &error);
                None
            }
        }
    }
}

/// What holds a layer in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The image that this tag stands for, as `repository:tag`.
    Tag(String),
    /// An image of `--cache-from`, as `repository@digest`.
    CacheFrom(String),
    /// This repository's cache image, as `repository:tag`.
    Cache(String),
}

impl Published {
    /// Where [`Published::find`] found this layer for the image at a place; nothing is asked for this.
    pub fn source(&self, place: usize, layer: &Layer) -> Option<Source> {
        let has = |image: &&PublishedImage| image.layer(&layer.key).is_some_and(|other| other.digest == layer.digest);
        let replaced = self.replaced.get().and_then(|all| all.as_ref().ok());
        let places = || [place].into_iter().chain(self.places.keys().copied().filter(move |&other| other != place));
        let tag = places().find_map(|place| {
            let all = replaced?.get(&place)?;
            let image = all.images.iter().find(has)?;
            let (tag, _) = all.tops.iter().find(|(_, top)| **top == Some(image.top))?;
            Some(Source::Tag(format!("{}:{tag}", image.repository)))
        });
        let other = || {
            let image = self.others.get()?.iter().find(has)?;
            Some(Source::CacheFrom(format!("{}@{}", image.repository, image.top)))
        };
        let cached = || {
            places().find_map(|place| {
                let at = self.places.get(&place)?;
                let is = |other: &Layer| other.key == layer.key && other.digest == layer.digest;
                at.cache.get()?.as_ref()?.layers.iter().find(|cached| is(&cached.layer))?;
                Some(Source::Cache(format!("{}:{}", at.remote.repository(), self.lookup.cache_tag)))
            })
        };
        tag.or_else(other).or_else(cached)
    }

    /// Whether repositories may be asked for what they know of layers.
    pub fn is_asked(&self) -> bool {
        self.lookup.remote
    }
}

/// Whether this can be a layer of this compression. What a repository says of a layer is believed, unless it contradicts
/// itself: the media type follows from the compression, and only what is not compressed is its own tar stream.
fn may_be(layer: &Layer, codec: Codec) -> bool {
    layer.media_type == codec.media_type() && (layer.digest == layer.diff_id) == (codec == Codec::None)
}

impl Memory for Published {
    fn look_ahead(&self) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ahead::Wanted, Some(me)) = (&*ahead, self.me.upgrade()) {
            *ahead = Ahead::Begun(std::thread::spawn(move || me.look()));
        }
    }

    fn facts(&self, _: usize, base: &Digest) -> Option<Facts> {
        // Facts about a base are true whichever image they travel with; together they answer more.
        let mut all = Facts::new();
        for image in self.images() {
            let text = image.manifest.annotations.get(BASE_FACTS).map(String::as_str).unwrap_or_default();
            if let Some((of, facts)) = text.split_once(' ')
                && of.parse() == Ok(*base)
            {
                all.extend(parse_facts(facts).unwrap_or_default());
            }
        }
        Some(all).filter(|all| !all.is_empty())
    }

    fn has_nodes(&self, base: &Digest) -> bool {
        self.lookup.remote && self.workshop.store().has_heard_tree(base)
    }

    fn nodes(&self, place: usize, base: &Digest) -> Option<Nodes> {
        if !self.lookup.remote {
            return None;
        }
        let store = self.workshop.store();
        if let Some(nodes) = store.heard_tree(base) {
            return Some(nodes);
        }
        // An image that is only built on has no repository of its own in this run; those above it may know.
        let places = [place].into_iter().chain(self.places.keys().copied().filter(|&other| other != place));
        places.into_iter().find_map(|place| {
            let (_, tree) = self.cache(place)?.trees.iter().find(|(of, _)| of == base)?;
            let bytes = self.blob(place, tree)?;
            let Ok(nodes) = Nodes::decode(&bytes) else {
                self.no_trees.lock().unwrap_or_else(PoisonError::into_inner).insert(tree.digest);
                return None;
            };
            // It was not read here, so it is kept apart from those that were.
            let _ = store.put_heard_tree(base, &nodes);
            Some(nodes)
        })
    }

    fn distributions(&self, place: usize, image: &str) -> Option<Arc<Remembered>> {
        let places = [place].into_iter().chain(self.places.keys().copied().filter(|&other| other != place));
        places.into_iter().find_map(|place| {
            let (_, blob) = self.cache(place)?.distributions.iter().find(|(of, _)| of == image)?;
            let mut known = self.distributions.lock().unwrap_or_else(PoisonError::into_inner);

            match known.get(&blob.digest) {
                Some(remembered) => remembered.clone(),
                None => {
                    let bytes = self.blob(place, blob);
                    let remembered = bytes.and_then(|bytes| Remembered::decode(&bytes)).map(Arc::new);
                    known.insert(blob.digest, remembered.clone());
                    remembered
                }
            }
        })
    }
}

/// Whether the tags were looked at and stand for nothing.
fn is_bare(replaced: Option<&Replaced>) -> bool {
    replaced.is_some_and(|replaced| !replaced.tops.is_empty() && replaced.tops.values().all(Option::is_none))
}

/// What is behind a tag: the digest of the topmost document, and the images, one or one a platform, unless they are
/// among `known`. Documents that make no sense are no images.
async fn fetch(
    remote: &RemoteRepository,
    tag: &str,
    known: &[PublishedImage],
) -> Result<(Option<Digest>, Vec<PublishedImage>), registry::Error> {
    let found = sensible(remote.try_manifest(tag).await)?.flatten();
    let Some(top) = found else { return Ok((None, Vec::new())) };
    if known.iter().any(|image| image.top == top.digest) {
        return Ok((Some(top.digest), Vec::new()));
    }
    let mut manifests = Vec::new();
    match Document::parse(&top.bytes, &top.media_type) {
        Ok(Document::Manifest(manifest)) => manifests.push(manifest),
        Ok(Document::Index(index)) => {
            for image in index.images() {
                let found = sensible(remote.try_manifest(&image.digest.to_string()).await)?.flatten();
                let Some(found) = found else { continue };
                if let Ok(Document::Manifest(manifest)) = Document::parse(&found.bytes, &found.media_type) {
                    manifests.push(manifest);
                }
            }
        }
        Err(_) => {}
    }
    let mut images = Vec::new();
    for manifest in manifests {
        let config = sensible(remote.blob(&manifest.config, CONFIG_LIMIT).await)?;
        if let Some(Ok(config)) = config.map(|bytes| Config::parse(&bytes)) {
            let repository = remote.repository().clone();
            images.push(PublishedImage { repository, top: top.digest, manifest, config });
        }
    }
    Ok((Some(top.digest), images))
}

/// What was asked for; nothing if it is not there or is not what it should be. That is no reason to fail: it is about to
/// be replaced.
fn sensible<T>(answer: Result<T, registry::Error>) -> Result<Option<T>, registry::Error> {
    use registry::Error;
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(
            Error::NotFound { .. }
            | Error::WrongDigest { .. }
            | Error::WrongSize { .. }
            | Error::TooLarge { .. }
            | Error::Malformed { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}
