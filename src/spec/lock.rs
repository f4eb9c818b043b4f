//! The lock file: which digest each base reference stood for when it was last pinned.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::SpecError;
use crate::digest::Digest;
use crate::image::Platform;

/// The name of the lock file, beside the specs.
pub const LOCK_FILE: &str = "tarsia.lock";

/// The version of the file's form.
const VERSION: u32 = 1;

/// The bases of the specs in a folder, each pinned to the digest of its manifest for a platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<(String, String), Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockTable {
    version: u32,
    #[serde(default)]
    base: Vec<PinTable>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinTable {
    reference: String,
    platform: String,
    digest: Digest,
}

impl Lock {
    /// Where the lock file of a spec is.
    pub fn path(spec: &Path) -> PathBuf {
        spec.with_file_name(LOCK_FILE)
    }

    /// Reads a lock file; nothing if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is malformed, or of another version.
    pub fn read(path: &Path) -> Result<Option<Lock>, SpecError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SpecError::Read { path: path.to_owned(), source }),
        };
        let malformed = |why: String| SpecError::Lock { path: path.to_owned(), why };
        let table: LockTable = toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        if table.version != VERSION {
            return Err(malformed(format!("it is of version {}, and this program knows {VERSION}", table.version)));
        }
        for pin in &table.base {
            pin.platform.parse::<Platform>().map_err(|error| malformed(error.to_string()))?;
        }
        let pins = table.base.into_iter().map(|pin| ((pin.reference, pin.platform), pin.digest));
        Ok(Some(Lock { pins: pins.collect() }))
    }

    /// Writes the lock file, whole or not at all. Answers whether it is another than before.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<bool, SpecError> {
        let pins = self.pins.iter().map(|((reference, platform), digest)| PinTable {
            reference: reference.clone(),
            platform: platform.clone(),
            digest: *digest,
        });
        let table = LockTable { version: VERSION, base: pins.collect() };
        let failed = |source| SpecError::WriteLock { path: path.to_owned(), source };
        let body = toml::to_string(&table).map_err(|error| failed(io::Error::other(error)))?;
        let text = format!("# Written by `tarsia lock`: the digest that each base stood for.\n{body}");
        if fs::read_to_string(path).is_ok_and(|present| present == text) {
            return Ok(false);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(true)
    }

    /// The digest that `reference` is pinned to for `platform`; without one, for the only platform it is pinned for, of
    /// several for [`Platform::fallback`].
    pub fn pin(&self, reference: &str, platform: Option<&Platform>) -> Option<(Platform, Digest)> {
        let pins = self.pins.iter().filter(|((other, _), _)| other == reference);
        let pins: Vec<(Platform, Digest)> =
            pins.filter_map(|((_, own), digest)| Some((own.parse().ok()?, *digest))).collect();
        if let ([pin], None) = (&pins[..], platform) {
            return Some(pin.clone());
        }
        let fallback = Platform::fallback();
        let wanted = platform.unwrap_or(&fallback);
        // Specs may call one platform by two names; each was pinned by its own.
        let exact = pins.iter().find(|(own, _)| own == wanted);
        exact.or_else(|| pins.iter().find(|(own, _)| wanted.accepts(own))).cloned()
    }

    /// Pins a reference for a platform.
    pub fn set(&mut self, reference: &str, platform: &Platform, digest: Digest) {
        self.pins.insert((reference.to_owned(), platform.to_string()), digest);
    }

    /// Every pin: reference, platform, digest.
    pub fn pins(&self) -> impl Iterator<Item = (&str, &str, Digest)> {
        self.pins.iter().map(|((reference, platform), digest)| (reference.as_str(), platform.as_str(), *digest))
    }
}
