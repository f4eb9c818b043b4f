//! Reading: what layers hold, told by whatever is nearest.
//!
//! What lies on this machine is read. What would have to be downloaded is told by listings and by the base's tree where
//! there are such: those of the store were made here; those of a repository's cache image are as true as whoever can push
//! to it, and are asked for only if that is allowed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Inspected;
use super::changes::{Changed, Room, from_blob, from_listing};
use super::files::Files;
use super::source::{layers_of, lowest};
use crate::base::Origin;
use crate::build::Memory;
use crate::compare::{damage, of_layer};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Nodes, TreeError};
use crate::layer::{Listing, layer_key};
use crate::published::{Lookup, Published};
use crate::workshop::Workshop;

/// What told of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The layer itself.
    Layer,
    /// Its listing in the store, made when it was assembled here.
    Listing,
    /// Its listing in the repository's cache image.
    CachedListing,
    /// The tree of the base, computed here.
    Tree,
    /// The tree of the base, as a repository told it.
    HeardTree,
}

impl Told {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Told::Layer => "layer",
            Told::Listing => "listing",
            Told::CachedListing => "cached listing",
            Told::Tree => "tree",
            Told::HeardTree => "heard tree",
        }
    }
}

/// How an image is read.
pub struct Reading<'a> {
    workshop: &'a Workshop,
    image: &'a Inspected,
    /// The repository and its cache image, if the image is in one.
    published: Option<Arc<Published>>,
    told: RefCell<BTreeMap<usize, Told>>,
}

impl<'a> Reading<'a> {
    /// Of an image, with the help of its repository's cache image if `lookup` allows it.
    pub fn of(workshop: &'a Workshop, image: &'a Inspected, lookup: Lookup) -> Reading<'a> {
        let published = match image.image.origin.as_ref() {
            Origin::Registry(remote) => {
                Some(Published::new(workshop, lookup, [(0, remote.as_ref().clone(), Vec::new())]))
            }
            _ => None,
        };
        Reading { workshop, image, published, told: RefCell::default() }
    }

    /// What told of a layer, if it was read.
    pub fn told(&self, place: usize) -> Option<Told> {
        self.told.borrow().get(&place).copied()
    }

    fn tell(&self, place: usize, told: Told) {
        self.told.borrow_mut().insert(place, told);
    }

    /// What a layer itself holds, in the order of its paths or of its stream; whiteouts are not applied.
    ///
    /// # Errors
    ///
    /// If it has to be read, and cannot be.
    pub fn layer(&self, place: usize) -> Result<Vec<Changed>, Error> {
        self.changes(place, &mut Room::default())
    }

    /// The paths of the image, its layers laid over each other: whiteouts are applied, links on the way to a path followed
    /// as whoever unpacks the image does. With `past`, a base that lies on this machine is read layer by layer: its tree
    /// tells what is there, and not what was.
    ///
    /// # Errors
    ///
    /// If a layer has to be read, and cannot be.
    pub fn files(&self, past: bool) -> Result<Files, Error> {
        let mut room = Room::default();
        let count = self.image.layers.len();
        let (mut files, below) = match self.tree(past) {
            Some((nodes, told)) => {
                let below = nodes.layers() as usize;
                (0..below).for_each(|place| self.tell(place, told));
                let files = Files::of_tree(&nodes, &mut room).map_err(|error| self.blame(0, error.into()))?;
                (files, below)
            }
            None => (Files::default(), 0),
        };
        for place in below..count {
            let changes = self.changes(place, &mut room)?;
            files.lay(place, changes, &mut room).map_err(|error| self.blame(place, error.into()))?;
        }
        Ok(files)
    }

    fn changes(&self, place: usize, room: &mut Room) -> Result<Vec<Changed>, Error> {
        let image = &self.image.image;
        let Some(descriptor) = image.documents.layers.get(place) else { return Ok(Vec::new()) };
        if let Some((listing, told)) = self.listing(place) {
            self.tell(place, told);
            return from_listing(&listing, place, room).map_err(|error| self.blame(place, error.into()));
        }
        self.tell(place, Told::Layer);
        from_blob(self.workshop, image, descriptor, place, room).map_err(|error| self.blame(place, error))
    }

    /// An error of reading a layer: what is wrong with it is told with the layer, a way to it that fails as it is.
    fn blame(&self, place: usize, error: Error) -> Error {
        let name = self.image.image.name();
        let why = match &error {
            Error::Tree(TreeError::TooMany { what, limit }) => {
                let message = format!("`{name}` has more than {limit} {what}");
                return Error::request(message, "look at one layer with --layer");
            }
            Error::Tree(error) => of_layer(error),
            // What a registry says about a blob names it already.
            Error::Output(_) => match damage(&error) {
                Some(why) => why,
                None => return error,
            },
            _ => return error,
        };
        let digest = self.image.layers.get(place).map(|layer| format!(" ({})", layer.descriptor.digest));
        let why = why.strip_prefix("failed to read it: ").unwrap_or(&why);
        let message = format!("layer {place} of `{name}`{} cannot be read: {why}", digest.unwrap_or_default());
        Error::request(message, "`tarsia check` tells of all that is wrong with the image")
    }

    /// The listing of a layer that would have to be downloaded.
    fn listing(&self, place: usize) -> Option<(Listing, Told)> {
        let published = self.published.as_ref()?;
        let layer = self.image.layers.get(place)?;
        let key: Digest = layer.key.as_ref()?.parse().ok()?;
        let store = self.workshop.store();
        let (digest, size) = (layer.descriptor.digest, layer.descriptor.size);
        // The key is what the image says. It is this layer's if the layer that was made of it here is the same.
        let made = store.record(&key).is_some_and(|made| made.digest == digest && made.diff_id == layer.diff_id);
        if made && let Some(listing) = store.listing(&key).filter(|listing| is_of(listing, &key)) {
            return Some((listing, Told::Listing));
        }
        if store.has_blob(&digest, size) {
            return None;
        }
        let listing = published.listing_of(0, &key, &digest, &layer.diff_id)?;
        is_of(&listing, &key).then_some((listing, Told::CachedListing))
    }

    /// The tree of the base, if it would have to be downloaded.
    fn tree(&self, past: bool) -> Option<(Nodes, Told)> {
        let published = self.published.as_ref()?;
        let layers = &self.image.image.documents.layers;
        let store = self.workshop.store();
        let is_here = |below: usize| layers.iter().take(below).all(|layer| store.has_blob(&layer.digest, layer.size));
        let fits = |nodes: &Nodes, stated: Option<usize>| {
            let below = nodes.layers() as usize;
            below > 0
                && below <= layers.len()
                && stated.is_none_or(|stated| stated == below)
                && !(past && is_here(below))
        };
        for base in self.bases() {
            let stated = layers_of(self.workshop, &self.image.image, &base);
            // That the lowest layers are this base's is known if its manifest is here; otherwise the image says so.
            if stated.is_some()
                && let Some(nodes) = store.tree(&base).filter(|nodes| fits(nodes, stated))
            {
                return Some((nodes, Told::Tree));
            }
            if store.known_document(&base).is_some() && stated.is_none() {
                continue;
            }
            if let Some(nodes) = published.nodes(0, &base).filter(|nodes| fits(nodes, stated)) {
                return Some((nodes, Told::HeardTree));
            }
        }
        None
    }

    /// The digests of images that the image says it is built on: the lowest, whose tree its layers asked, and the one below.
    fn bases(&self) -> Vec<Digest> {
        // Nobody has published the tree of a base that none of ours was laid over.
        if self.image.layers.iter().all(|layer| layer.key.is_none()) {
            return Vec::new();
        }
        let lowest = lowest(&self.image.image);
        let below = self.image.base.as_ref().and_then(|base| base.digest);
        let all: Vec<Digest> = lowest.into_iter().chain(below).collect();
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|base| seen.insert(*base)).collect()
    }
}

/// Whether these entries give this key: a listing that somebody else put there is that of the layer or none.
fn is_of(listing: &Listing, key: &Digest) -> bool {
    layer_key(listing.codec, &listing.entries) == *key
}
