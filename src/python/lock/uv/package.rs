//! Packages of the lock, and their files.

use toml::Spanned;

use super::super::LockedWheel;
use super::super::condition::Condition;
use super::super::file::{Location, NamedFile, project_name, sha256};
use super::super::pin::{Pin, PinnedFiles};
use super::super::text::{LockText, Place, shown};
use super::edge::{self, Edge};
use super::tables::{FileTable, PackageTable, Source};
use super::{LockError, Package};
use crate::python::name::normalise_name;

impl Package {
    /// Reads a package.
    ///
    /// # Errors
    ///
    /// If a name or a marker in it is malformed.
    pub(super) fn read(text: &LockText, table: &Spanned<PackageTable>) -> Result<Package, LockError> {
        let table = table.get_ref();
        let place = text.of(&table.name);
        let name = project_name(table.name.get_ref(), &place)?;
        let version = table.version.as_deref();
        let wheel = |wheel: &Spanned<FileTable>| {
            let place = text.of(wheel);
            locked_wheel(wheel.get_ref(), &table.source, &name, version, &place)
        };
        let wheels = table.wheels.iter().map(wheel).collect();
        let source = source_distribution(&table.source, table.sdist.as_ref());
        let markers = table.resolution_markers.iter();
        let mut extras = edge::named(text, &table.optional_dependencies)?;
        for extra in &table.metadata.provides_extras {
            extras.entry(normalise_name(extra)).or_default();
        }
        let mut groups = edge::named(text, &table.dev_dependencies)?;
        for group in table.metadata.requires_dev.keys() {
            groups.entry(normalise_name(group)).or_default();
        }
        Ok(Package {
            markers: markers
                .map(|marker| Condition::marker(marker.get_ref(), text.of(marker)))
                .collect::<Result<_, _>>()?,
            dependencies: table.dependencies.iter().map(|edge| Edge::read(text, edge)).collect::<Result<_, _>>()?,
            extras,
            groups,
            source: table.source.clone(),
            pin: Pin {
                line: place.line,
                name,
                version: table.version.clone(),
                files: PinnedFiles::Wheels(wheels),
                source,
                folder: None,
                place,
            },
        })
    }

    /// Its name and its version, for messages.
    pub(super) fn called(&self) -> String {
        let version = self.pin.version.as_deref().map(|version| format!(" {}", shown(version)));
        format!("`{}`{}", self.pin.name, version.unwrap_or_default())
    }
}

/// What to do where uv writes no hash: locking again does not help.
const NO_HASH: &str = "lock with `pip-compile --generate-hashes` or `pip lock`, which take hashes of the files themselves, and \
                       name the folder as `wheelhouse`";

fn locked_wheel(
    wheel: &FileTable,
    source: &Source,
    package: &str,
    version: Option<&str>,
    place: &Place,
) -> Result<LockedWheel, LockError> {
    let location = match (&wheel.url, &wheel.path) {
        (Some(url), _) => Location::address(url, place)?,
        (None, Some(path)) => match source.registry.as_deref() {
            Some(registry) => in_registry(registry, path, place)?,
            None => Location::path(path, place)?,
        },
        // The source is the file.
        (None, None) => match (&source.path, &source.url) {
            (Some(path), _) => Location::path(path, place)?,
            (None, Some(url)) => Location::address(url, place)?,
            (None, None) => return Err(place.error("the lock does not say where the wheel is", "run `uv lock` again")),
        },
    };
    let hash = wheel.hash.as_deref().and_then(|hash| hash.split_once(':'));
    let none = match wheel.hash.is_none() {
        true => "the wheel has no hash: uv writes none for an index that gives none, nor for a folder of wheels",
        false => "the wheel's hash does not say its algorithm",
    };
    let digest = sha256(hash, none, place).map_err(|error| match wheel.hash {
        Some(_) => error,
        None => LockError { help: Some(NO_HASH.to_owned()), ..error },
    })?;
    NamedFile { name: wheel.filename.as_deref(), location, size: wheel.size, digest }.wheel(package, version, place)
}

/// A file of a folder that serves as an index.
fn in_registry(registry: &str, path: &str, place: &Place) -> Result<Location, LockError> {
    let folder = match registry.contains("://") {
        true => Location::address(registry, place)?,
        false => Location::path(registry, place)?,
    };
    match folder {
        Location::Path(folder) => Location::path(&format!("{}/{path}", folder.trim_end_matches('/')), place),
        Location::Url(_) => Location::path(path, place),
    }
}

/// What there is beside wheels.
fn source_distribution(source: &Source, sdist: Option<&FileTable>) -> Option<String> {
    if let Some(git) = &source.git {
        return Some(shown(&format!("git+{git}")));
    }
    let sdist = sdist?;
    let from = sdist.filename.as_ref().or(sdist.url.as_ref()).or(sdist.path.as_ref());
    let from = from.or(source.path.as_ref()).or(source.url.as_ref())?;
    let name = from.split(['?', '#']).next()?.rsplit('/').next()?;
    Some(shown(name))
}
