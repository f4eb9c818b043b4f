//! Records: which blob a layer key gave.

use std::fs;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::digest::Digest;
use crate::image::Layer;
use crate::layer::Listing;

/// What is known of an assembled layer. Everything here follows from the key, so it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The version of this record's form.
    pub version: u32,
    /// The layer's name when it was assembled, for people.
    pub name: String,
    /// Its key.
    pub key: Digest,
    /// The digest of its plain tar stream.
    pub diff_id: Digest,
    /// The digest of its blob.
    pub digest: Digest,
    /// The size of its blob.
    pub size: u64,
    /// The blob's media type.
    pub media_type: String,
}

/// Records of another version are no records.
const VERSION: u32 = 1;

impl LayerRecord {
    /// The record of a layer.
    pub fn of(layer: &Layer) -> LayerRecord {
        let Layer { name, key, diff_id, digest, size, media_type } = layer.clone();
        LayerRecord { version: VERSION, name, key, diff_id, digest, size, media_type }
    }

    /// The layer, under the name it has in the image at hand.
    pub fn to_layer(&self, name: &str) -> Layer {
        let LayerRecord { key, diff_id, digest, size, ref media_type, .. } = *self;
        Layer { name: name.to_owned(), key, diff_id, digest, size, media_type: media_type.clone() }
    }
}

impl Store {
    /// The record of a layer key, if there is one and it is of this version.
    pub fn record(&self, key: &Digest) -> Option<LayerRecord> {
        let path = self.root.join("layers").join(key.hex());
        let record: LayerRecord = serde_json::from_slice(&self.read_file(&path)?).ok()?;
        if record.version != VERSION || record.key != *key {
            return None;
        }
        // Pruning goes by the time of last use. Once a day is often enough to write it down.
        const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
        let file = self.lock.as_ref().and_then(|_| fs::File::options().append(true).open(&path).ok());
        if let Some(file) = file
            && file.metadata().and_then(|m| m.modified()).is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > DAY))
        {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Some(record)
    }

    /// Keeps the record and the listing, if it is known, of a layer whose blob is stored or lies in a registry.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn put_record(&self, record: &LayerRecord, listing: Option<&[u8]>) -> Result<(), StoreError> {
        if let Some(listing) = listing {
            self.write_file(&self.root.join("listings").join(record.key.hex()), listing)?;
        }
        let json = serde_json::to_vec(record).unwrap_or_default();
        self.write_file(&self.root.join("layers").join(record.key.hex()), &json)
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

    /// The key that the layer of this name had when the image of this name was last made here.
    pub fn latest(&self, image: &str, layer: &str) -> Option<Digest> {
        let text = self.read_file(&self.latest_path(image, layer))?;
        std::str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    /// Remembers the key of an image's layer.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn set_latest(&self, image: &str, layer: &str, key: &Digest) -> Result<(), StoreError> {
        if self.latest(image, layer) == Some(*key) {
            return Ok(());
        }
        self.write_file(&self.latest_path(image, layer), format!("{key}\n").as_bytes())
    }

    fn latest_path(&self, image: &str, layer: &str) -> std::path::PathBuf {
        self.root.join("latest").join(Digest::of(format!("{image}\0{layer}").as_bytes()).hex())
    }
}
