//! Pinning: the digest that each base stands for now, written into the lock file beside its spec.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{self, Wanted};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{Location, Platform};
use crate::registry::Traffic;
use crate::spec::{Lock, Workspace};
use crate::workshop::Workshop;

/// A base that was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The lock file.
    pub file: PathBuf,
    /// The reference as the spec has it.
    pub reference: String,
    /// The platform.
    pub platform: Platform,
    /// The digest of its manifest now.
    pub digest: Digest,
    /// The digest it was pinned to before.
    pub before: Option<Digest>,
}

/// Asks registries what the images stand for now that the recipes are built on and copy from, and writes it down. Those
/// without a registry, and those named by a digest, need no pin. Pins of other specs in the same folder stay.
///
/// # Errors
///
/// If a base cannot be found, or a lock file cannot be read or written.
pub fn pin(
    workshop: &Workshop,
    workspace: &Workspace,
    platforms: &[Platform],
    traffic: &Arc<Traffic>,
) -> Result<Vec<Pinned>, Error> {
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    let mut pinned = Vec::new();
    for recipe in &workspace.recipes {
        let Some(spec) = &recipe.file else { continue };
        let file = Lock::path(spec);
        let wanted = if platforms.is_empty() { &recipe.platforms } else { platforms };
        let mut asked: BTreeMap<String, (Location, Vec<Platform>)> = BTreeMap::new();
        for platform in wanted.iter().map(Some).chain(wanted.is_empty().then_some(None)) {
            for (location, name) in recipe.images(platform)? {
                if matches!(&location, Location::Registry(reference) if reference.digest.is_none()) {
                    asked.entry(name).or_insert((location, Vec::new())).1.extend(platform.cloned());
                }
            }
        }
        for (name, (location, wanted)) in asked {
            let which = if wanted.is_empty() { Wanted::Default } else { Wanted::These(&wanted) };
            let images = base::resolve(workshop, &location, &name, which, traffic).map_err(|source| Error::Base {
                image: recipe.name.clone(),
                base: name.clone(),
                source: Box::new(source),
            })?;
            let lock = locks.entry(file.clone()).or_insert_with(|| recipe.lock.clone().unwrap_or_default());
            for (index, image) in images.iter().enumerate() {
                let platform = wanted.get(index).unwrap_or(&image.platform);
                let Some((_, digest)) = image.documents.named else { continue };
                let before = lock.pin(&name, Some(platform)).map(|(_, digest)| digest);
                lock.set(&name, platform, digest);
                let reference = name.clone();
                let row = Pinned { file: file.clone(), reference, platform: platform.clone(), digest, before };
                if !pinned.iter().any(|other: &Pinned| {
                    (&other.file, &other.reference, &other.platform) == (&row.file, &row.reference, &row.platform)
                }) {
                    pinned.push(row);
                }
            }
        }
    }
    for (file, lock) in &locks {
        lock.write(file)?;
    }
    Ok(pinned)
}
