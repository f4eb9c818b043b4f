//! Wheelhouses: wheels of this machine, each with its digest.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Python;
use crate::context::{Context, Found, FoundKind, IgnoreRules, digest_files};
use crate::digest::{Digest, Digesting};
use crate::error::Error;
use crate::layer::{has_wildcard, is_malformed, matches};
use crate::python::WheelName;

/// Some wheels of this machine.
#[derive(Debug, Default)]
pub(super) struct House {
    /// The wheels, sorted by path.
    pub wheels: Vec<HouseWheel>,
}

/// A wheel of this machine.
#[derive(Debug, Clone)]
pub(super) struct HouseWheel {
    pub name: WheelName,
    pub path: PathBuf,
    pub digest: Digest,
    pub size: u64,
}

impl House {
    /// The wheels of a folder.
    pub fn open(python: &Python<'_>, folder: &Path) -> Result<House, Error> {
        House::of(python, folder, None)
    }

    /// The wheels that a path of a spec names: those of a folder, a file, or the files that a pattern matches.
    pub fn named(python: &Python<'_>, path: &Path) -> Result<House, Error> {
        if path.is_dir() {
            let house = House::open(python, path)?;
            if house.wheels.is_empty() {
                let what = format!("the folder `{}` holds no wheel", path.display());
                return Err(python.refuse(what, Some("wheels end in `.whl`".to_owned())));
            }
            return Ok(house);
        }
        let (folder, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let is_pattern = has_wildcard(name.as_bytes());
        if is_pattern && is_malformed(name.as_bytes()) {
            return Err(python.refuse(format!("`{}` is no pattern: a `[` in it does not end", path.display()), None));
        }
        if !is_pattern && path.extension().is_none_or(|extension| extension != "whl") {
            let what = format!("`{}` is neither a folder nor a wheel nor a lock", path.display());
            let help = "wheels end in `.whl`; locks are called `pylock.toml`, `requirements.txt` or `uv.lock`";
            return Err(python.refuse(what, Some(help.to_owned())));
        }
        let house = House::of(python, folder, Some(name.as_bytes()))?;
        if house.wheels.is_empty() {
            let what = format!("there is no wheel `{}`", path.display());
            return Err(python.refuse(what, None));
        }
        Ok(house)
    }

    /// The wheel with this digest.
    pub fn find(&self, digest: &Digest) -> Option<&HouseWheel> {
        self.wheels.iter().find(|wheel| wheel.digest == *digest)
    }

    fn of(python: &Python<'_>, folder: &Path, pattern: Option<&[u8]>) -> Result<House, Error> {
        let context = Context::with_rules(folder, IgnoreRules::default(), &[]).map_err(|error| python.failed(error))?;
        let is_meant = |found: &Found| {
            found.path.ends_with(b".whl") && pattern.is_none_or(|pattern| matches(pattern, &found.path))
        };
        let index = python.workshop.store().context_index(folder, b"wheels", &[]);
        let workers = python.workshop.workers();
        let mut found = context.walk(b"", 1, workers).map_err(|error| python.failed(error))?;
        // All wheels of the folder are remembered, whatever the pattern is.
        found.retain(|found| found.path.ends_with(b".whl"));
        let digests = digest_files(&context, &found, Some(&index), workers).map_err(|error| python.failed(error))?;
        let mut wheels = Vec::new();
        for (found, digest) in found.iter().zip(digests).filter(|(found, _)| is_meant(found)) {
            let path = context.locate(found);
            let (digest, size) = match (&found.kind, digest) {
                (FoundKind::File, Some(digest)) => (digest, found.identity.size),
                // Caches of installers link to wheels elsewhere.
                (FoundKind::Symlink(_), _) => digest_of(&path).map_err(|source| crate::context::Error::Io {
                    doing: "read",
                    path: path.clone(),
                    source,
                })?,
                _ => continue,
            };
            let file = String::from_utf8(found.path.to_vec())
                .map_err(|_| python.refuse(format!("`{}` is not named like a wheel", path.display()), None))?;
            let name = WheelName::parse(&file)
                .map_err(|why| python.refuse(format!("`{}` is not named like a wheel: {why}", path.display()), None))?;
            wheels.push(HouseWheel { name, path: short(path), digest, size });
        }
        Ok(House { wheels })
    }
}

/// A path without the `./` that the current folder would put in front of every message.
fn short(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_prefix(b"./") {
        Some(rest) => std::ffi::OsString::from_vec(rest.to_vec()).into(),
        None => path,
    }
}

/// The digest and the size of a file.
pub(super) fn digest_of(path: &Path) -> io::Result<(Digest, u64)> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    // A device never ends, and a FIFO may never begin.
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut reader = Digesting::new(file.take(metadata.len().saturating_add(1)));
    let size = io::copy(&mut reader, &mut io::sink())?;
    Ok((reader.finish().1, size))
}
