//! Records: which blob a layer key gave.

use std::fs;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::digest::Digest;
use crate::image::{Layer, Platform};
use crate::layer::Listing;

/// A layer as it is written down. Everything in it follows from the key, so it never changes.
#[derive(Debug, Serialize, Deserialize)]
struct LayerRecord {
    /// The version of this record's form.
    version: u32,
    #[serde(flatten)]
    layer: Layer,
}

/// Records of another version are no records.
const VERSION: u32 = 1;

/// Reads a record.
pub(super) fn parse(bytes: &[u8]) -> Option<Layer> {
    let record: LayerRecord = serde_json::from_slice(bytes).ok()?;
    (record.version == VERSION).then_some(record.layer)
}

impl Store {
    /// The layer that a key gave, under the name it had then, if there is a record of this version.
    pub fn record(&self, key: &Digest) -> Option<Layer> {
        let path = self.root.join("layers").join(key.hex());
        let layer = parse(&self.read_file(&path)?).filter(|layer| layer.key == *key)?;
        // Pruning goes by the time of last use. Once a day is often enough to write it down.
        const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
        let file = self.lock.as_ref().and_then(|_| fs::File::options().append(true).open(&path).ok());
        if let Some(file) = file
            && file.metadata().and_then(|m| m.modified()).is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > DAY))
        {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Some(layer)
    }

    /// Keeps the record and the listing, if it is known, of a layer whose blob is stored or lies in a registry.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn put_record(&self, layer: &Layer, listing: Option<&[u8]>) -> Result<(), StoreError> {
        let path = self.root.join("layers").join(layer.key.hex());
        // What was assembled here is this machine's own word; what a repository says does not take its place.
        if listing.is_none() && self.has_listing(&layer.key) {
            return Ok(());
        }
        let record = LayerRecord { version: VERSION, layer: layer.clone() };
        let json = serde_json::to_vec(&record).unwrap_or_default();
        // What lies in a registry only is found there again.
        let Some(listing) = listing else { return self.write_hint(&path, &json) };
        self.write_file(&self.root.join("listings").join(layer.key.hex()), listing)?;
        self.write_file(&path, &json)
    }

    /// Whether the layer of this key was assembled on this machine: its listing is kept then, and only then.
    pub fn has_listing(&self, key: &Digest) -> bool {
        self.root.join("listings").join(key.hex()).is_file()
    }

    /// The listing of a layer key, if there is one and it is undamaged.
    pub fn listing(&self, key: &Digest) -> Option<Listing> {
        Listing::decode(&self.listing_bytes(key)?).ok()
    }

    /// The listing of a layer key as it is stored.
    pub fn listing_bytes(&self, key: &Digest) -> Option<Vec<u8>> {
        self.read_file(&self.root.join("listings").join(key.hex()))
    }

    /// The key that the layer of this name had when the image of this name was last made here for this platform.
    pub fn latest(&self, image: &str, platform: &Platform, layer: &str) -> Option<Digest> {
        let text = self.read_file(&self.latest_path(image, platform, layer))?;
        std::str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    /// Remembers the key of an image's layer.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn set_latest(&self, image: &str, platform: &Platform, layer: &str, key: &Digest) -> Result<(), StoreError> {
        if self.latest(image, platform, layer) == Some(*key) {
            return Ok(());
        }
        self.write_hint(&self.latest_path(image, platform, layer), format!("{key}\n").as_bytes())
    }

    fn latest_path(&self, image: &str, platform: &Platform, layer: &str) -> std::path::PathBuf {
        let name = format!("{image}\0{platform}\0{layer}");
        self.root.join("latest").join(Digest::of(name.as_bytes()).hex())
    }
}
