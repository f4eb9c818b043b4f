//! Building: recipes in, images out.
//!
//! Three steps, each a value that can be looked at before the next: [`prepare`] scans the contexts and gives every
//! layer its key; [`assemble`] makes the layers that no record answers for; [`compose`] writes the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::base::{self, BaseImage, Wanted};
use crate::context::{Context, Found, digest_files};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{self, BaseDocuments, Descriptor, Image, Index, Layer, Platform, Tree};
use crate::layer::{Codec, Contents, Listing, Placement, assemble as assemble_layer, place, place_inline};
use crate::registry::Traffic;
use crate::spec::{Base, BaseTree, LayerContent, LayerRecipe, Recipe, Workspace};
use crate::store::LayerRecord;
use crate::workshop::Workshop;

/// What a run may decide beside the recipes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time of all entries and documents, in seconds since 1970.
    pub epoch: i64,
    /// Builds for these platforms instead of the recipes'.
    pub platforms: Vec<Platform>,
    /// Assembles every layer, whatever is known.
    pub no_cache: bool,
}

/// A recipe with everything that decides its bytes.
#[derive(Debug)]
pub struct Prepared {
    /// The image's name.
    pub name: String,
    /// Whether it was asked for, or is only built on.
    pub requested: bool,
    /// The image for each platform.
    pub platforms: Vec<PreparedImage>,
    /// What the recipe changes in the config.
    pub config: image::ConfigEdits,
    /// Requests made for this image.
    pub traffic: Arc<Traffic>,
}

/// A prepared image for one platform.
#[derive(Debug)]
pub struct PreparedImage {
    /// The platform.
    pub platform: Platform,
    /// What it is built on.
    pub base: PreparedBase,
    /// Its layers, lowest first.
    pub layers: Vec<PreparedLayer>,
    /// The tree with the layers laid over the base.
    tree: Tree,
}

/// What a prepared image is built on.
#[derive(Debug)]
pub enum PreparedBase {
    /// An image that is there.
    Image(BaseImage),
    /// An image of the same run: its place among the prepared, and the platform's place in it.
    Prepared(usize, usize),
}

/// A layer whose key is known.
#[derive(Debug, Clone)]
pub struct PreparedLayer {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Digest,
    /// How it is compressed.
    pub codec: Codec,
    /// What it holds.
    pub contents: Arc<Contents>,
}

/// What became of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is the base's.
    Base,
    /// It was known.
    Reused,
    /// It was assembled.
    Built,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Uploaded,
}

impl Status {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Status::Base => "base",
            Status::Reused => "reused",
            Status::Built => "built",
            Status::Mounted => "mounted",
            Status::Uploaded => "uploaded",
        }
    }
}

/// An image with its documents, for all its platforms.
#[derive(Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Whether it was asked for.
    pub requested: bool,
    /// The image for each platform.
    pub platforms: Vec<BuiltImage>,
    /// The index over them, if there are several: descriptor and bytes.
    pub index: Option<(Descriptor, Vec<u8>)>,
    /// Requests made for this image.
    pub traffic: Arc<Traffic>,
}

impl Built {
    /// What a tag points at: the index, or the manifest of the only platform.
    pub fn top(&self) -> &Descriptor {
        match &self.index {
            Some((descriptor, _)) => descriptor,
            None => &self.platforms[0].image.descriptor,
        }
    }

    /// The bytes of [`Built::top`].
    pub fn top_bytes(&self) -> &[u8] {
        match &self.index {
            Some((_, bytes)) => bytes,
            None => &self.platforms[0].image.manifest_bytes,
        }
    }
}

/// A built image for one platform.
#[derive(Debug)]
pub struct BuiltImage {
    /// The platform.
    pub platform: Platform,
    /// Its documents.
    pub image: Image,
    /// The lowest image of this run's making that is not from this run: what brings the base's blobs.
    pub base: BaseImage,
    /// What became of each layer of the manifest, lowest first.
    pub layers: Vec<BuiltLayer>,
}

/// A layer of a built image.
#[derive(Debug, Clone)]
pub struct BuiltLayer {
    /// Its descriptor in the manifest.
    pub descriptor: Descriptor,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// Its name and key, if it is one of ours.
    pub ours: Option<(String, Digest)>,
    /// What became of it.
    pub status: Status,
    /// Whether this image's own recipe says it, or an image below.
    pub own: bool,
}

/// Layers by key, with what became of them.
pub type Layers = BTreeMap<Digest, (Layer, Status)>;

/// Scans contexts, reads bases, and gives every layer of every recipe its key.
///
/// # Errors
///
/// If a context or a base cannot be read, or a layer's entries contradict each other or the image below.
pub fn prepare(workshop: &Workshop, workspace: &Workspace, options: &Options) -> Result<Vec<Prepared>, Error> {
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut scans = Scans::default();
    for (recipe, &requested) in workspace.recipes.iter().zip(&workspace.requested) {
        let traffic = Arc::new(Traffic::default());
        let wanted = if options.platforms.is_empty() { &recipe.platforms } else { &options.platforms };
        let bases = bases(workshop, recipe, wanted, &prepared, &traffic)?;
        let platforms: Vec<Platform> = bases.iter().map(|(platform, _)| platform.clone()).collect();
        scans.add(workshop, recipe, &platforms)?;
        let mut images = Vec::new();
        for (platform, base) in bases {
            let mut tree = match (&base, recipe.base_tree) {
                (PreparedBase::Prepared(image, place), _) => prepared[*image].platforms[*place].tree.clone(),
                (PreparedBase::Image(image), BaseTree::Read) if !recipe.layers.is_empty() => {
                    base::tree(workshop, image).map_err(|source| in_base(recipe, image.name(), source))?
                }
                (PreparedBase::Image(_), _) => Tree::new(),
            };
            let mut layers = Vec::new();
            for layer in recipe.layers.iter().filter(|layer| layer.is_for(&platform)) {
                let contents = lay(&scans, layer, &platform, &tree, options.epoch).map_err(|source| Error::Layer {
                    image: recipe.name.clone(),
                    layer: layer.name.clone(),
                    source: Box::new(source),
                })?;
                tree.apply(contents.entries());
                layers.push(PreparedLayer {
                    name: layer.name.clone(),
                    key: contents.key(layer.compression),
                    codec: layer.compression,
                    contents: Arc::new(contents),
                });
            }
            images.push(PreparedImage { platform, base, layers, tree });
        }
        prepared.push(Prepared {
            name: recipe.name.clone(),
            requested,
            platforms: images,
            config: recipe.config.clone(),
            traffic,
        });
    }
    Ok(prepared)
}

fn in_base(recipe: &Recipe, base: &str, source: Error) -> Error {
    Error::Base { image: recipe.name.clone(), base: base.to_owned(), source: Box::new(source) }
}

/// The base of a recipe for each platform.
fn bases(
    workshop: &Workshop,
    recipe: &Recipe,
    wanted: &[Platform],
    prepared: &[Prepared],
    traffic: &Arc<Traffic>,
) -> Result<Vec<(Platform, PreparedBase)>, Error> {
    let fallback = [Platform::fallback()];
    match &recipe.base {
        Base::Scratch => {
            let wanted = if wanted.is_empty() { &fallback[..] } else { wanted };
            Ok(wanted.iter().map(|p| (p.clone(), PreparedBase::Image(BaseImage::scratch(p)))).collect())
        }
        Base::Image { location, name } => {
            let which = if wanted.is_empty() { Wanted::Default } else { Wanted::These(wanted) };
            let images = base::resolve(workshop, location, name, which, traffic)
                .map_err(|source| in_base(recipe, name, source))?;
            // What the user asked for names the platform; a base may state a variant that means the same.
            let named =
                |index: usize, image: &BaseImage| wanted.get(index).cloned().unwrap_or_else(|| image.platform.clone());
            let images = images.into_iter().enumerate();
            Ok(images.map(|(index, image)| (named(index, &image), PreparedBase::Image(image))).collect())
        }
        Base::Recipe(name) => {
            let place = prepared.iter().position(|other| other.name == *name).ok_or_else(|| {
                Error::request(
                    format!("the image `{}` is built on `{name}`, which is not part of this run", recipe.name),
                    "put the recipe of the base before it",
                )
            })?;
            let below = &prepared[place].platforms;
            if wanted.is_empty() {
                let all = below.iter().enumerate();
                return Ok(all
                    .map(|(at, image)| (image.platform.clone(), PreparedBase::Prepared(place, at)))
                    .collect());
            }
            let find = |platform: &Platform| {
                let at = below.iter().position(|image| platform.accepts(&image.platform)).ok_or_else(|| {
                    let offered: Vec<String> = below.iter().map(|image| image.platform.to_string()).collect();
                    let error =
                        image::ImageError::Platform { wanted: platform.to_string(), offered: offered.join(", ") };
                    in_base(recipe, name, error.into())
                })?;
                Ok((platform.clone(), PreparedBase::Prepared(place, at)))
            };
            wanted.iter().map(find).collect()
        }
    }
}

/// What identifies a scan: several images and platforms may lay the same files.
type ScanKey = (PathBuf, Vec<u8>, Vec<String>);

/// The contexts of a run, each scanned once.
#[derive(Default)]
struct Scans(BTreeMap<ScanKey, Scan>);

struct Scan {
    context: Context,
    found: Vec<Found>,
    digests: Vec<Option<Digest>>,
}

fn scan_key(layer: &LayerRecipe, platform: &Platform) -> Option<ScanKey> {
    match &layer.content {
        LayerContent::Context { from, exclude, .. } => {
            Some((layer.content.context_path(platform)?, from.clone(), exclude.clone()))
        }
        LayerContent::Entries(_) => None,
    }
}

impl Scans {
    /// Scans the contexts of a recipe that are not scanned yet, all at once.
    fn add(&mut self, workshop: &Workshop, recipe: &Recipe, platforms: &[Platform]) -> Result<(), Error> {
        let mut new: BTreeMap<ScanKey, &str> = BTreeMap::new();
        for platform in platforms {
            for layer in recipe.layers.iter().filter(|layer| layer.is_for(platform)) {
                if let Some(key) = scan_key(layer, platform).filter(|key| !self.0.contains_key(key)) {
                    new.entry(key).or_insert(&layer.name);
                }
            }
        }
        let scanned: Vec<(ScanKey, Scan)> = workshop.pool()?.install(|| {
            new.into_par_iter()
                .map(|(key, layer)| {
                    let scan = scan(workshop, &key).map_err(|error| Error::Layer {
                        image: recipe.name.clone(),
                        layer: layer.to_owned(),
                        source: Box::new(error.into()),
                    })?;
                    Ok((key, scan))
                })
                .collect::<Result<_, Error>>()
        })?;
        self.0.extend(scanned);
        Ok(())
    }
}

fn scan(workshop: &Workshop, (path, from, exclude): &ScanKey) -> Result<Scan, crate::context::Error> {
    let _running = workshop.events().begin(Task::Scan { context: path.display().to_string() }, 0);
    let context = Context::open(path, exclude)?;
    let found = context.scan(from)?;
    let index = workshop.store().context_index(path, from, exclude);
    let digests = digest_files(&context, &found, Some(&index))?;
    Ok(Scan { context, found, digests })
}

fn lay(
    scans: &Scans,
    layer: &LayerRecipe,
    platform: &Platform,
    tree: &Tree,
    epoch: i64,
) -> Result<Contents, crate::layer::Error> {
    let mut placement =
        Placement { to: Vec::new(), owner: layer.owner, modes: layer.modes, mtime: layer.mtime.unwrap_or(epoch) };
    match (&layer.content, scan_key(layer, platform).and_then(|key| scans.0.get(&key))) {
        (LayerContent::Context { from, to, .. }, Some(Scan { context, found, digests })) => {
            placement.to.clone_from(to);
            place(context, from, found, digests, &placement, tree)
        }
        (LayerContent::Entries(entries), _) => place_inline(entries, &placement, tree),
        (LayerContent::Context { .. }, None) => unreachable!("every context of the recipe was scanned"),
    }
}

/// The layers that records of this machine answer for.
pub fn known_layers(workshop: &Workshop, prepared: &[Prepared], options: &Options) -> Layers {
    let mut known = Layers::new();
    if options.no_cache {
        return known;
    }
    for layer in all_layers(prepared) {
        if known.contains_key(&layer.key) {
            continue;
        }
        let record = workshop.store().record(&layer.key);
        if let Some(record) = record.filter(|record| workshop.store().has_blob(&record.digest, record.size)) {
            known.insert(layer.key, (record.to_layer(&layer.name), Status::Reused));
        }
    }
    known
}

fn all_layers(prepared: &[Prepared]) -> impl Iterator<Item = &PreparedLayer> {
    prepared.iter().flat_map(|image| &image.platforms).flat_map(|image| &image.layers)
}

/// Assembles every layer that is not in `layers` yet, several at once, and adds it. `done` is told of each as soon as
/// it lies in the store; if it answers false, the others are given up.
///
/// # Errors
///
/// The first failure; what was finished before it stays in the store.
pub fn assemble(
    workshop: &Workshop,
    prepared: &[Prepared],
    layers: &mut Layers,
    done: &(dyn Fn(&Layer) -> bool + Sync),
) -> Result<(), Error> {
    let mut missing: Vec<(&str, &PreparedLayer)> = Vec::new();
    let mut seen = BTreeSet::new();
    for image in prepared {
        for layer in image.platforms.iter().flat_map(|platform| &platform.layers) {
            if !layers.contains_key(&layer.key) && seen.insert(layer.key) {
                missing.push((&image.name, layer));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    // The largest first: the last one to end then ends soonest.
    missing.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.contents.size()));
    let pool = workshop.pool()?;
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let finished: Mutex<Vec<Result<Layer, Error>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workshop.jobs().min(missing.len()) {
            scope.spawn(|| {
                while let Some((image, layer)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let result = assemble_one(workshop, pool, image, layer);
                    if !result.as_ref().is_ok_and(done) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    finished.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    for result in finished.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let layer = result?;
        layers.insert(layer.key, (layer, Status::Built));
    }
    Ok(())
}

fn assemble_one(
    workshop: &Workshop,
    pool: &rayon::ThreadPool,
    image: &str,
    layer: &PreparedLayer,
) -> Result<Layer, Error> {
    let store = workshop.store();
    let task = Task::Assemble { image: image.to_owned(), layer: layer.name.clone() };
    let running = workshop.events().begin(task, layer.contents.size());
    let failed = |source| Error::Layer { image: image.to_owned(), layer: layer.name.clone(), source: Box::new(source) };
    let mut blob = store.new_blob()?;
    let assembled = assemble_layer(&layer.contents, layer.codec, pool, workshop.permits(), &mut blob, &|bytes| {
        running.advance(bytes);
    })
    .map_err(failed)?;
    blob.commit(&assembled.digest)?;
    let listing = Listing::encode(layer.codec, layer.contents.entries(), &assembled.extents).map_err(failed)?;
    let finished = Layer {
        name: layer.name.clone(),
        key: layer.key,
        diff_id: assembled.diff_id,
        digest: assembled.digest,
        size: assembled.size,
        media_type: layer.codec.media_type().to_owned(),
    };
    store.put_record(&LayerRecord::of(&finished), &listing)?;
    store.set_latest(image, &layer.name, &layer.key)?;
    Ok(finished)
}

/// Writes the documents of all images. Nothing for an image with a layer, of its own or below, that is not in
/// `layers`.
pub fn compose(prepared: &[Prepared], layers: &Layers, options: &Options) -> Vec<Option<Built>> {
    let mut built: Vec<Option<Built>> = Vec::new();
    for image in prepared {
        let platforms: Option<Vec<BuiltImage>> =
            image.platforms.iter().map(|platform| compose_one(image, platform, &built, layers, options)).collect();
        built.push(platforms.map(|platforms| {
            let index = (platforms.len() > 1).then(|| {
                let all = platforms.iter().map(|image| image.image.descriptor.clone());
                let bytes = Index::new(all.collect()).to_bytes();
                (Descriptor::of(image::media_type::INDEX, &bytes), bytes)
            });
            Built {
                name: image.name.clone(),
                requested: image.requested,
                platforms,
                index,
                traffic: Arc::clone(&image.traffic),
            }
        }));
    }
    built
}

fn compose_one(
    image: &Prepared,
    platform: &PreparedImage,
    built: &[Option<Built>],
    layers: &Layers,
    options: &Options,
) -> Option<BuiltImage> {
    let (documents, base, mut reported) = match &platform.base {
        PreparedBase::Image(base) => {
            let diff_ids = base.documents.config.diff_ids();
            let below = base.documents.layers.iter().zip(diff_ids).map(|(descriptor, diff_id)| BuiltLayer {
                descriptor: descriptor.clone(),
                diff_id,
                ours: None,
                status: Status::Base,
                own: false,
            });
            (base.documents.clone(), base.clone(), below.collect::<Vec<_>>())
        }
        &PreparedBase::Prepared(place, at) => {
            let image = built[place].as_ref()?;
            let below = &image.platforms[at];
            let documents = BaseDocuments {
                named: Some((image.name.clone(), below.image.descriptor.digest)),
                layers: below.image.manifest.layers.clone(),
                config: below.image.config.clone(),
            };
            let reported = below.layers.iter().cloned().map(|layer| BuiltLayer { own: false, ..layer });
            (documents, below.base.clone(), reported.collect())
        }
    };
    let mut own = Vec::new();
    for layer in &platform.layers {
        let (known, status) = layers.get(&layer.key)?;
        // Two images may have the same layer under different names.
        let known = Layer { name: layer.name.clone(), ..known.clone() };
        reported.push(BuiltLayer {
            descriptor: known.descriptor(),
            diff_id: known.diff_id,
            ours: Some((known.name.clone(), known.key)),
            status: *status,
            own: true,
        });
        own.push(known);
    }
    let composed = image::compose(&documents, &own, &image.config, options.epoch);
    // The manifest's descriptors are the authority: bases of docker's family were converted.
    for (layer, descriptor) in reported.iter_mut().zip(&composed.manifest.layers) {
        layer.descriptor = descriptor.clone();
    }
    Some(BuiltImage { platform: platform.platform.clone(), image: composed, base, layers: reported })
}

/// Prepares, assembles and composes; nothing leaves the machine.
///
/// # Errors
///
/// Whatever the three steps report.
pub fn build(workshop: &Workshop, workspace: &Workspace, options: &Options) -> Result<Vec<Built>, Error> {
    let prepared = prepare(workshop, workspace, options)?;
    let mut layers = known_layers(workshop, &prepared, options);
    assemble(workshop, &prepared, &mut layers, &|_| true)?;
    Ok(compose(&prepared, &layers, options).into_iter().flatten().collect())
}
