//! What lies below a layer of a published image: its paths, asked of what is at hand before any layer is read.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{self, BaseImage};
use crate::build::{ImageFiles, Memory};
use crate::digest::{Digest, Digesting, Hasher};
use crate::entry::{Entry, Kind, normalise_path};
use crate::error::Error;
use crate::image::accounts::AccountFile;
use crate::image::{Change, Descriptor, Facts, LAYER_KEY, Nodes, Tree, TreeError, read_contents};
use crate::layer::{Contents, Item, Listing, Source, Stack};
use crate::published::Published;
use crate::workshop::Workshop;

/// The lowest layers of a published image.
#[derive(Clone)]
pub(super) struct Below {
    pub workshop: Workshop,
    /// They, as an image with its blobs where the whole image has them.
    pub image: BaseImage,
    /// The digests of images that may be the lowest of them, whose paths may be at hand.
    pub grounds: Vec<Digest>,
    /// What repositories know.
    pub published: Arc<Published>,
    /// What layers were seen to hold in this run.
    pub seen: Arc<Seen>,
}

/// What layers were seen to hold, by their digests and how they are read: each is asked for or read once.
#[derive(Default)]
pub(super) struct Seen(Mutex<BTreeMap<(Digest, String), SeenLayer>>);

#[derive(Clone)]
struct SeenLayer {
    entries: Arc<[Entry]>,
    /// Whether the contents of its files were digested.
    is_digested: bool,
}

impl Below {
    /// Everything about them, contents of files included, at the price of reading what is not at hand.
    pub fn stack(self) -> Stack {
        let loading = self.clone();
        let tree = Tree::lazily(Facts::new(), Box::new(move || Ok(loading.nodes()?)));
        self.over(tree)
    }

    /// The same of which facts are known; `nodes` are read only if another question comes up.
    pub fn stack_knowing(self, facts: Facts) -> Stack {
        let loading = self.clone();
        let tree = Tree::continued(facts, Box::new(move || Ok(loading.nodes()?)));
        self.over(tree)
    }

    fn over(self, tree: Tree) -> Stack {
        let name = format!("the image `{}`", self.image.name());
        let files = ImageFiles { workshop: self.workshop, image: self.image, tree: tree.clone() };
        Stack::over(&name, tree, Arc::new(files))
    }

    /// All their paths.
    ///
    /// # Errors
    ///
    /// If a layer cannot be read.
    pub fn nodes(&self) -> Result<Nodes, Error> {
        let layers = &self.image.documents.layers;
        let store = self.workshop.store();
        if let Some(nodes) = store.tree(&chain(layers)) {
            return Ok(nodes);
        }
        // Else those of the most layers that are at hand: read before, or the base's.
        let read = (1..layers.len()).rev().find_map(|count| store.tree(&chain(&layers[..count])));
        let base = self.grounds.iter().find_map(|ground| {
            let nodes = store.tree(ground).or_else(|| self.published.nodes(0, ground))?;
            Some(nodes).filter(|nodes| nodes.layers() as usize <= layers.len())
        });
        let mut nodes = read.into_iter().chain(base).max_by_key(Nodes::layers).unwrap_or_default();
        let mut read_any = false;
        for layer in layers.iter().skip(nodes.layers() as usize) {
            match self.listing(layer).filter(|listing| !names_owners(&listing.entries)) {
                Some(listing) => nodes.apply_entries(&listing.entries)?,
                None => {
                    base::lay(&self.workshop, &self.image, layer, &mut nodes)?;
                    read_any = true;
                }
            }
        }
        if read_any {
            store.put_tree(&chain(layers), &nodes)?;
        }
        Ok(nodes)
    }

    /// What the layer at this place holds, contents of files left out, as a layer that others can be laid over.
    ///
    /// # Errors
    ///
    /// If it has to be read and cannot be, or is none that was laid here.
    pub fn outline(&self, at: usize) -> Result<Contents, Error> {
        let items =
            self.headers(at)?.iter().map(|entry| Item { entry: entry.clone(), source: Source::Nothing }).collect();
        let failed = |source| Error::Layer {
            span: None,
            image: self.image.name().to_owned(),
            layer: at.to_string(),
            source: Box::new(source),
        };
        Contents::new(items).map_err(failed)
    }

    /// What the layer at this place holds, contents of files left out.
    ///
    /// # Errors
    ///
    /// If it has to be read and cannot be.
    pub fn headers(&self, at: usize) -> Result<Arc<[Entry]>, Error> {
        self.see(at, false)
    }

    /// What the layer at this place holds, contents of files digested.
    ///
    /// # Errors
    ///
    /// If it has to be read and cannot be.
    pub fn entries(&self, at: usize) -> Result<Arc<[Entry]>, Error> {
        self.see(at, true)
    }

    fn see(&self, at: usize, digests: bool) -> Result<Arc<[Entry]>, Error> {
        let Some(layer) = self.image.documents.layers.get(at) else { return Ok(Arc::default()) };
        let seen = || self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (layer.digest, layer.media_type.clone());
        let known = seen().get(&name).filter(|known| known.is_digested || !digests).cloned();
        if let Some(known) = known {
            return Ok(known.entries);
        }
        let found = match self.listing(layer) {
            Some(listing) => SeenLayer { entries: listing.entries.into(), is_digested: true },
            None => SeenLayer { entries: self.read(layer, digests)?.into(), is_digested: digests },
        };
        seen().insert(name, found.clone());
        Ok(found.entries)
    }

    /// The table of contents of a layer that its annotation gives a key, if it is at hand.
    fn listing(&self, layer: &Descriptor) -> Option<Listing> {
        self.listing_within(layer, u64::MAX)
    }

    /// The same, if all that it takes is a few bytes from a repository: only to say why a layer is another now.
    pub fn small_listing(&self, layer: &Descriptor) -> Option<Listing> {
        self.listing_within(layer, EXPLANATION_LIMIT)
    }

    fn listing_within(&self, layer: &Descriptor, most: u64) -> Option<Listing> {
        let key: Digest = layer.annotations.get(LAYER_KEY)?.parse().ok()?;
        self.workshop.store().listing(&key).or_else(|| self.published.listing_within(0, &key, most))
    }

    /// The entries of a layer, by streaming it; with the digests of files only if they are wanted.
    fn read(&self, layer: &Descriptor, digests: bool) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut blob = base::open_blob(&self.workshop, &self.image.origin, layer)?;
        let stream = base::decompress(&layer.media_type, &mut blob);
        let result = read_contents(stream, |_, change, content| {
            if entries.len() == ENTRY_LIMIT {
                return Err(TreeError::TooMany { what: "entries in a layer", limit: ENTRY_LIMIT as u64 });
            }
            let digest = match &change {
                Change::Put(_, told) if digests && told.has_content() => {
                    let mut digesting = Digesting::new(content);
                    std::io::copy(&mut digesting, &mut std::io::sink())?;
                    digesting.finish().1
                }
                _ => Digest::of(b""),
            };
            entries.push(entry(change, digest));
            Ok(ControlFlow::Continue(()))
        });
        std::io::copy(&mut blob, &mut std::io::sink()).map_err(|error| base::blame(&self.image.origin, error))?;
        result?;
        // Of a path that stands twice, the last counts.
        entries.reverse();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries.dedup_by(|later, first| later.path == first.path);
        Ok(entries)
    }
}

/// How many bytes are fetched to explain a layer.
const EXPLANATION_LIMIT: u64 = 32 << 10;

/// How many entries of one layer are kept.
const ENTRY_LIMIT: usize = 4_000_000;

/// What stands for the image of these layers, whatever its documents say.
fn chain(layers: &[Descriptor]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(b"paths of layers");
    for layer in layers {
        hasher.field(layer.digest.as_bytes());
        // The bytes that come out of the blob depend on how it is read.
        hasher.field(layer.media_type.as_bytes());
    }
    hasher.finish()
}

/// Whether one of the files that give names to owners is among the entries.
fn names_owners(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| AccountFile::at(&entry.path).is_some())
}

fn entry(change: Change, digest: Digest) -> Entry {
    let whiteout = |path: Vec<u8>| {
        let kind = Kind::File { size: 0, digest: Digest::of(b"") };
        Entry { path: path.into(), mode: 0, uid: 0, gid: 0, mtime: 0, kind }
    };
    match change {
        Change::Opaque(directory) if directory.is_empty() => whiteout(b".wh..wh..opq".to_vec()),
        Change::Opaque(directory) => whiteout([&directory[..], b"/.wh..wh..opq"].concat()),
        Change::Whiteout(path) => {
            let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            whiteout([&path[..name], b".wh.", &path[name..]].concat())
        }
        Change::Put(path, told) => {
            let link = told.link.clone().unwrap_or_default();
            let kind = match told.kind {
                tar::EntryType::Directory => Kind::Directory,
                tar::EntryType::Symlink => Kind::Symlink { target: link },
                tar::EntryType::Link => Kind::Hardlink { target: normalise_path(&link).unwrap_or(link) },
                _ => Kind::File { size: told.size, digest },
            };
            Entry { path, mode: told.mode, uid: told.uid, gid: told.gid, mtime: 0, kind }
        }
    }
}
