//! Looking after the store: what it holds, what may go, what is damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Store, StoreError, record};
use crate::digest::{Digest, Digesting};
use crate::image::Layer;

/// A layer in the store.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The layer, under the name it had when it was assembled.
    pub layer: Layer,
    /// When it was last used, to the day.
    pub used: SystemTime,
    /// Whether its blob is here. A layer found in a registry is known without it.
    pub here: bool,
}

/// What pruning leaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Remove layers that were not used for longer than this.
    pub unused_for: Option<Duration>,
    /// Remove the layers, then the packs, that were not used for longest until no more than this many bytes of blobs and
    /// packs are left.
    pub bytes: Option<u64>,
}

/// What pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many layers.
    pub layers: usize,
    /// How many bytes, of blobs and all else.
    pub bytes: u64,
}

/// A blob or a pack that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its name; of a pack with the folder, `packs/<key>`.
    pub name: String,
    /// The digest of what it holds.
    pub holds: Digest,
}

impl Store {
    /// The layers, last used first.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn layers(&self) -> Result<Vec<Kept>, StoreError> {
        let mut layers = Vec::new();
        for (path, metadata) in self.files("layers")? {
            let name = path.file_name().and_then(|name| name.to_str()).and_then(Digest::from_hex);
            let layer = name.and_then(|_| record::parse(&self.read_file(&path)?));
            if let Some(layer) = layer.filter(|layer| Some(layer.key) == name) {
                let here = self.has_blob(&layer.digest, layer.size);
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                layers.push(Kept { layer, used, here });
            }
        }
        layers.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.layer.key.cmp(&b.layer.key)));
        Ok(layers)
    }

    /// Removes what `keep` does not keep, blobs that no kept layer needs, and what interrupted runs left behind.
    /// Waits until no other process uses the store.
    ///
    /// # Errors
    ///
    /// If something cannot be removed.
    pub fn prune(&self, keep: Keep) -> Result<Pruned, StoreError> {
        let path = self.root.join("lock");
        let Some(lock) = &self.lock else { return Ok(Pruned::default()) };
        lock.unlock().map_err(self.io("lock", &path))?;
        lock.lock().map_err(self.io("lock", &path))?;
        let pruned = self.prune_alone(keep);
        lock.unlock().map_err(self.io("lock", &path))?;
        lock.lock_shared().map_err(self.io("lock", &path))?;
        pruned
    }

    fn prune_alone(&self, keep: Keep) -> Result<Pruned, StoreError> {
        let now = SystemTime::now();
        let mut pruned = Pruned::default();
        let mut kept_blobs: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut kept_keys = BTreeSet::new();
        let mut full = false;
        for kept in self.layers()? {
            let Layer { key, digest, size, .. } = kept.layer;
            let age = now.duration_since(kept.used).unwrap_or_default();
            let total: u64 = kept_blobs.values().sum();
            let more = if kept.here && !kept_blobs.contains_key(&digest) { size } else { 0 };
            full |= keep.bytes.is_some_and(|limit| limit == 0 || total + more > limit);
            if full || keep.unused_for.is_some_and(|limit| age > limit) {
                pruned.layers += 1;
                for folder in ["layers", "listings"] {
                    pruned.bytes += self.remove(&self.root.join(folder).join(key.hex()))?;
                }
            } else {
                kept_keys.insert(key);
                if kept.here {
                    kept_blobs.insert(digest, size);
                }
            }
        }
        for (path, _) in self.files("blobs/sha256")? {
            let digest = path.file_name().and_then(|name| name.to_str()).and_then(Digest::from_hex);
            if digest.is_none_or(|digest| !kept_blobs.contains_key(&digest)) {
                pruned.bytes += self.remove(&path)?;
            }
        }
        for (path, _) in self.files("listings")? {
            let key = path.file_name().and_then(|name| name.to_str()).and_then(Digest::from_hex);
            if key.is_none_or(|key| !kept_keys.contains(&key)) {
                pruned.bytes += self.remove(&path)?;
            }
        }
        // Nobody is at work, so nobody writes.
        for (path, _) in self.files("temporary")? {
            pruned.bytes += self.remove(&path)?;
        }
        // What packs hold can be taken out of layers and archives again.
        let mut packs = self.files("packs")?;
        let used = |metadata: &fs::Metadata| metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        packs.sort_by_key(|(_, metadata)| std::cmp::Reverse(used(metadata)));
        let mut total: u64 = kept_blobs.values().sum();
        for (path, metadata) in packs {
            let age = now.duration_since(used(&metadata)).unwrap_or_default();
            let full = keep.bytes.is_some_and(|limit| limit == 0 || total + metadata.len() > limit);
            if full || keep.unused_for.is_some_and(|limit| age > limit) {
                pruned.bytes += self.remove(&path)?;
            } else {
                total += metadata.len();
            }
        }
        for folder in ["latest", "trees", "contexts"] {
            for (path, metadata) in self.files(folder)? {
                let age = metadata.modified().ok().and_then(|used| now.duration_since(used).ok()).unwrap_or_default();
                if keep.bytes == Some(0) || keep.unused_for.is_some_and(|limit| age > limit) {
                    pruned.bytes += self.remove(&path)?;
                }
            }
        }
        Ok(pruned)
    }

    /// Digests every blob and every pack; `progress` is told the bytes read. Damaged ones are removed and returned, so
    /// that the next run makes or fetches them again.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn verify(&self, progress: &dyn Fn(u64)) -> Result<Vec<Damage>, StoreError> {
        let mut damaged = Vec::new();
        for (path, metadata) in self.files("blobs/sha256")? {
            let file = File::open(&path).map_err(self.io("open", &path))?;
            let mut reader = Digesting::new(file);
            io::copy(&mut reader, &mut io::sink()).map_err(self.io("read", &path))?;
            let (_, holds, _) = reader.finish();
            progress(metadata.len());
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name != holds.hex() {
                self.remove(&path)?;
                damaged.push(Damage { name, holds });
            }
        }
        for (path, metadata) in self.files("packs")? {
            let found = self.damaged_pack(&path)?;
            progress(metadata.len());
            if let Some(holds) = found {
                let name = path.file_name().map(|name| format!("packs/{}", name.to_string_lossy())).unwrap_or_default();
                self.remove(&path)?;
                damaged.push(Damage { name, holds });
            }
        }
        Ok(damaged)
    }

    fn files(&self, folder: &str) -> Result<Vec<(PathBuf, fs::Metadata)>, StoreError> {
        let folder = self.root.join(folder);
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(self.io("read the folder", &folder))? {
            let entry = entry.map_err(self.io("read the folder", &folder))?;
            // Another process may have renamed it away.
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                files.push((entry.path(), metadata));
            }
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(files)
    }

    fn remove(&self, path: &Path) -> Result<u64, StoreError> {
        let size = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
        match fs::remove_file(path) {
            Ok(()) => Ok(size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.io("remove", path)(error)),
        }
    }
}
