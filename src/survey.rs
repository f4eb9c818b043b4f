//! The survey: what a push would have to do, found out by looking only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, TryStreamExt};

use crate::address::{Address, Destination};
use crate::build::{self, Built, Known, Layers, Memory, Options, Prepared, PreparedBase, PreparedImage};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Layer, Location};
use crate::layer::Codec;
use crate::published::{Lookup, Published};
use crate::registry::{self, RemoteRepository};
use crate::spec::{Base, Recipe, Workspace};
use crate::workshop::Workshop;

/// An image that was asked for: its place among the prepared, and where it goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its place.
    pub place: usize,
    /// Its repository.
    pub remote: RemoteRepository,
    /// Its tags; `{digest}` still stands in them.
    pub tags: Vec<String>,
}

impl Target {
    /// The tags of the image that was built.
    pub fn tags_of(&self, image: &Built) -> Vec<String> {
        self.tags.iter().map(|tag| tag.replace("{digest}", &image.top().digest.short())).collect()
    }
}

/// What there is and what is missing.
pub struct Survey {
    /// The images with the keys of their layers.
    pub prepared: Vec<Prepared>,
    /// Where they go.
    pub targets: Vec<Target>,
    /// The layers that are known.
    pub layers: Layers,
    /// The images whose layers are all known.
    pub built: Vec<Option<Built>>,
    /// The places of the images whose tags all stand for them already.
    pub current: BTreeSet<usize>,
    /// What repositories hold.
    pub published: Arc<Published>,
}

/// Looks at contexts, the store and registries.
///
/// # Errors
///
/// If a context or a base cannot be read, an address is incomplete, or a registry refuses to answer for a tag.
pub fn survey(
    workshop: &Workshop,
    workspace: &Workspace,
    options: &Options,
    destination: &Destination,
    lookup: &Lookup,
) -> Result<Survey, Error> {
    let addresses = destination.addresses(workspace)?;
    if lookup.remote && addresses.values().any(|address| address.tags.contains(&lookup.cache_tag)) {
        let message = format!("an image cannot be tagged `{}`: that is the cache image's tag", lookup.cache_tag);
        return Err(Error::request(message, "choose another with --cache-tag, or use --no-remote-cache"));
    }
    let traffics: Vec<_> = workspace.recipes.iter().map(|_| Arc::default()).collect();
    let mut targets = Vec::new();
    for (place, Address { repository, tags }) in addresses {
        let remote = workshop.door().repository(&repository, &traffics[place])?.for_push();
        targets.push(Target { place, remote, tags });
    }
    let lookup_remote = lookup.remote;
    let mut lookup = lookup.clone();
    lookup.remote &= !options.no_cache;
    let places = targets.iter().map(|target| (target.place, target.remote.clone(), target.tags.clone()));
    let published = Published::new(workshop, lookup, places);
    let memory: Arc<dyn Memory> = Arc::<Published>::clone(&published);
    // What a machine will ask for that has never seen the contexts is asked beside the base. Not if the run is to be
    // refused for a base that is not pinned: then nobody is asked for anything.
    let is_new = targets.iter().any(|target| build::is_new(workshop, &workspace.recipes[target.place], options));
    let is_pinned = !options.locked || workspace.recipes.iter().all(is_pinned);
    if is_new && is_pinned && published.is_asked() {
        published.want_ahead();
    }
    let prepared = build::prepare_with(workshop, workspace, options, &memory, &traffics)?;
    published.await_ahead();

    let mut layers = build::recorded_layers(workshop, &prepared, options);
    if !lookup_remote {
        // What a repository said in an earlier run is not this machine's own work.
        layers.retain(|key, known| known.here && workshop.store().has_listing(key));
    }
    for (key, (codec, places)) in wanted(&prepared, &targets) {
        if !layers.contains_key(&key)
            && let Some(known) = published.find(&key, codec, &places)?
        {
            layers.insert(key, known);
        }
    }
    for key in contradicted(&prepared, &layers) {
        layers.remove(&key);
    }
    let built = build::compose(&prepared, &layers, options);
    let current = workshop.door().block_on(current(&targets, &built, &published))??;
    Ok(Survey { prepared, targets, layers, built, current, published })
}

/// Whether a recipe's base is none that could be another image tomorrow, as far as the lock file's names tell.
fn is_pinned(recipe: &Recipe) -> bool {
    match &recipe.base {
        Base::Image { location: Location::Registry(reference), name } if reference.digest.is_none() => {
            recipe.lock.as_ref().is_some_and(|lock| lock.pins().any(|(pinned, _, _)| pinned == name))
        }
        _ => true,
    }
}

impl Survey {
    /// The images that have work left.
    pub fn pending(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| !self.current.contains(&target.place))
    }

    /// The layers that are known from a record alone: it tells neither where they are nor that they still are.
    pub fn heard(&self) -> BTreeSet<Digest> {
        let heard = self.layers.iter().filter(|(_, known)| !known.here && known.holders.is_empty());
        heard.map(|(key, _)| *key).collect()
    }

    /// Forgets what is known of these layers and looks for them in repositories. Answers whether any was found.
    ///
    /// # Errors
    ///
    /// If a repository that an image goes to refuses to be looked at.
    pub fn seek<'a>(&mut self, keys: impl Iterator<Item = &'a Digest>) -> Result<bool, registry::Error> {
        let wanted = wanted(&self.prepared, &self.targets);
        let mut found = false;
        for key in keys {
            self.layers.remove(key);
            if let Some((codec, places)) = wanted.get(key)
                && let Some(known) = self.published.find(key, *codec, places)?
            {
                self.layers.insert(*key, known);
                found = true;
            }
        }
        for key in contradicted(&self.prepared, &self.layers) {
            self.layers.remove(&key);
        }
        Ok(found)
    }

    /// Whether an image that is not known yet has a tag that exists and may not be moved. Then it has to be known
    /// before anything is sent.
    ///
    /// # Errors
    ///
    /// If the registry refuses to answer.
    pub async fn is_fixed(&self) -> Result<bool, registry::Error> {
        for target in self.pending().filter(|target| self.built[target.place].is_none()) {
            for tag in target.tags.iter().filter(|tag| !tag.contains("{digest}")) {
                let fixed = match self.published.known_top(target.place, tag) {
                    Some(None) => false,
                    Some(Some(_)) => !target.remote.tag_may_move(tag).await?,
                    None => target.remote.is_fixed(tag).await?,
                };
                if fixed {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Takes in layers that have been assembled, and looks at tags again.
    ///
    /// # Errors
    ///
    /// As [`differing_tags`].
    pub fn learn(&mut self, workshop: &Workshop, options: &Options, made: Vec<Layer>) -> Result<(), Error> {
        self.layers.extend(made.into_iter().map(|layer| (layer.key, Known::built(layer))));
        self.built = build::compose(&self.prepared, &self.layers, options);
        self.current = workshop.door().block_on(current(&self.targets, &self.built, &self.published))??;
        Ok(())
    }
}

/// The layers that targets need, with their compression and the places of those that do.
fn wanted(prepared: &[Prepared], targets: &[Target]) -> BTreeMap<Digest, (Codec, BTreeSet<usize>)> {
    let mut wanted: BTreeMap<Digest, (Codec, BTreeSet<usize>)> = BTreeMap::new();
    for target in targets {
        for platform in &prepared[target.place].platforms {
            for layer in chain(prepared, platform).flat_map(|image| &image.layers) {
                wanted.entry(layer.key).or_insert((layer.codec, BTreeSet::new())).1.insert(target.place);
            }
        }
    }
    wanted
}

/// The layers of which repositories say what cannot be: a blob has one diff_id, and is the layer of one key. Of several
/// keys for one blob all but one are wrong, and nobody knows which; what this machine has is its own word.
fn contradicted(prepared: &[Prepared], layers: &Layers) -> Vec<Digest> {
    let mut below: BTreeMap<Digest, Digest> = BTreeMap::new();
    for image in prepared.iter().flat_map(|image| &image.platforms) {
        if let PreparedBase::Image(base) = &image.base {
            let documents = &base.documents;
            below.extend(documents.layers.iter().map(|layer| layer.digest).zip(documents.config.diff_ids()));
        }
    }
    let mut keys: BTreeMap<Digest, usize> = BTreeMap::new();
    for known in layers.values() {
        *keys.entry(known.layer.digest).or_default() += 1;
    }
    let wrong = |known: &Known| {
        let Layer { digest, diff_id, .. } = &known.layer;
        !known.here && (keys[digest] > 1 || below.get(digest).is_some_and(|other| other != diff_id))
    };
    layers.iter().filter(|(_, known)| wrong(known)).map(|(key, _)| *key).collect()
}

/// A prepared image and those of the same run below it.
pub fn chain<'a>(prepared: &'a [Prepared], image: &'a PreparedImage) -> impl Iterator<Item = &'a PreparedImage> {
    std::iter::successors(Some(image), |image| match image.base {
        PreparedBase::Prepared(place, at) => Some(&prepared[place].platforms[at]),
        PreparedBase::Image(_) => None,
    })
}

/// The places of the images whose tags all stand for what they would be.
async fn current(
    targets: &[Target],
    built: &[Option<Built>],
    published: &Published,
) -> Result<BTreeSet<usize>, registry::Error> {
    let checks = FuturesUnordered::new();
    for target in targets {
        if let Some(image) = &built[target.place] {
            checks.push(async move {
                let differing = differing_tags(target, image, published).await?;
                Ok::<_, registry::Error>((target.place, differing.is_empty()))
            });
        }
    }
    let checked: Vec<(usize, bool)> = checks.try_collect().await?;
    Ok(checked.into_iter().filter(|(_, current)| *current).map(|(place, _)| place).collect())
}

/// The tags that do not exist or stand for another image.
///
/// # Errors
///
/// If the registry refuses to answer, or a tag may not be moved.
pub async fn differing_tags(
    target: &Target,
    image: &Built,
    published: &Published,
) -> Result<Vec<String>, registry::Error> {
    let mut differing = Vec::new();
    for tag in target.tags_of(image) {
        let digest = match published.known_top(target.place, &tag) {
            Some(top) => top,
            None => target.remote.tag_digest(&tag).await?,
        };
        if digest != Some(image.top().digest) {
            if let Some(current) = digest {
                target.remote.may_replace(&tag, &current, &image.top().digest).await?;
            }
            differing.push(tag);
        }
    }
    Ok(differing)
}
