//! `pylock.toml` ([specification](https://packaging.python.org/en/latest/specifications/pylock-toml/)).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::condition::{Condition, RequiresPython};
use super::file::{Location, NamedFile, project_name, sha256};
use super::pin::{self, Pin, PinnedFiles};
use super::text::{LockText, Place, listed, shown};
use super::{Environment, Extras, LockError, LockedPackage, LockedWheel};
use crate::python::name::normalise_name;

/// A lock of the standard's kind.
#[derive(Debug, Clone)]
pub(super) struct Pylock {
    requires_python: Option<RequiresPython>,
    environments: Vec<Condition>,
    extras: BTreeSet<String>,
    groups: BTreeSet<String>,
    default_groups: BTreeSet<String>,
    packages: Vec<Package>,
    whole: Place,
}

#[derive(Debug, Clone)]
struct Package {
    pin: Pin,
    marker: Option<Condition>,
    requires_python: Option<RequiresPython>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LockTable {
    #[serde(default)]
    environments: Vec<Spanned<String>>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    extras: Vec<String>,
    #[serde(default)]
    dependency_groups: Vec<String>,
    #[serde(default)]
    default_groups: Vec<String>,
    packages: Vec<Spanned<PackageTable>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PackageTable {
    name: Spanned<String>,
    version: Option<Spanned<String>>,
    marker: Option<Spanned<String>>,
    requires_python: Option<Spanned<String>>,
    vcs: Option<Spanned<VcsTable>>,
    directory: Option<Spanned<DirectoryTable>>,
    archive: Option<Spanned<FileTable>>,
    sdist: Option<Spanned<FileTable>>,
    wheels: Option<Vec<Spanned<FileTable>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VcsTable {
    r#type: String,
    url: Option<String>,
    path: Option<String>,
    commit_id: String,
}

#[derive(Deserialize)]
struct DirectoryTable {
    path: String,
}

#[derive(Deserialize)]
struct FileTable {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<Spanned<i64>>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl Pylock {
    /// Reads the lock.
    ///
    /// # Errors
    ///
    /// If it is malformed, of another version, or contradicts itself.
    pub fn read(text: &LockText, table: Spanned<DeTable<'_>>) -> Result<Pylock, LockError> {
        check_version(text, &table)?;
        let lock: LockTable = text.tables(table)?;
        let marker = |marker: &Spanned<String>| Condition::marker(marker.get_ref(), text.of(marker));
        let names = |names: &[String]| names.iter().map(|name| normalise_name(name)).collect();
        Ok(Pylock {
            requires_python: requires_python(text, lock.requires_python.as_ref())?,
            environments: lock.environments.iter().map(marker).collect::<Result<_, _>>()?,
            extras: names(&lock.extras),
            groups: names(&lock.dependency_groups),
            default_groups: names(&lock.default_groups),
            packages: lock.packages.iter().map(|package| Package::read(text, package)).collect::<Result<_, _>>()?,
            whole: Place::whole(text.file()),
        })
    }

    /// What is to be installed, by the specification's section on installers.
    ///
    /// # Errors
    ///
    /// If the lock is not for this environment, lacks an extra or a group, or leaves open which of two is meant.
    pub fn packages(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LockedPackage>, LockError> {
        let mut environment = environment.clone();
        environment.extras = extras.extras.clone();
        self.known("extra", &extras.extras, self.extras.iter())?;
        self.known("dependency group", &extras.groups, self.groups.union(&self.default_groups))?;
        environment.groups = match extras.groups.is_empty() {
            true => self.default_groups.clone(),
            false => extras.groups.clone(),
        };
        if let Some(requires_python) = &self.requires_python {
            requires_python.check("the lock", &environment)?;
        }
        self.check_environments(&environment)?;
        let mut wanted = Vec::new();
        for package in &self.packages {
            if let Some(marker) = &package.marker
                && !marker.holds(&environment)?
            {
                continue;
            }
            if let Some(requires_python) = &package.requires_python {
                requires_python.check(&format!("`{}`", package.pin.name), &environment)?;
            }
            wanted.push(&package.pin);
        }
        pin::packages(wanted, false)
    }

    fn check_environments(&self, environment: &Environment) -> Result<(), LockError> {
        for condition in &self.environments {
            if condition.holds(environment)? {
                return Ok(());
            }
        }
        match self.environments.first() {
            None => Ok(()),
            Some(first) => Err(first.place.error(
                "the target is none of the `environments` that the lock is for",
                "lock for the target's platform and interpreter too",
            )),
        }
    }

    fn known<'l>(
        &self,
        what: &str,
        asked: &BTreeSet<String>,
        there: impl Iterator<Item = &'l String>,
    ) -> Result<(), LockError> {
        let there: BTreeSet<&str> = there.map(String::as_str).collect();
        let unknown: Vec<&str> = asked.iter().map(String::as_str).filter(|name| !there.contains(name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let help = match there.is_empty() {
            true => format!("the lock has no {what}s; lock with them"),
            false => format!("its {what}s are {}", listed(there)),
        };
        Err(self.whole.error(format!("the lock has no {what} {}", listed(unknown)), help))
    }
}

impl Package {
    fn read(text: &LockText, table: &Spanned<PackageTable>) -> Result<Package, LockError> {
        let package = table.get_ref();
        let place = text.of(&package.name);
        let name = project_name(package.name.get_ref(), &place)?;
        let version = package.version.as_ref().map(|version| version.get_ref().as_str());
        let sources = [
            ("vcs", package.vcs.is_some()),
            ("directory", package.directory.is_some()),
            ("archive", package.archive.is_some()),
            ("sdist` or `wheels", package.sdist.is_some() || package.wheels.is_some()),
        ];
        let mut present = sources.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key);
        let anew = "write the lock anew with the tool that made it";
        match (present.next(), present.next()) {
            (None, _) => return Err(place.error(format!("`{name}` comes from nowhere"), anew)),
            (Some(one), Some(other)) => {
                let what = format!("`{name}` has `{one}` and also `{other}`: only one of them can be meant");
                return Err(place.error(what, anew));
            }
            _ => {}
        }
        let mut wheels = Vec::new();
        let mut source = None;
        if let Some(vcs) = package.vcs.as_ref().map(Spanned::get_ref) {
            let from = vcs.url.as_deref().or(vcs.path.as_deref()).unwrap_or_default();
            source = Some(shown(&format!("{}+{from}@{}", vcs.r#type, vcs.commit_id)));
        }
        let folder = package.directory.as_ref().map(|directory| shown(&directory.get_ref().path));
        let archive = package.archive.iter();
        let sdist = package.sdist.iter();
        for file in archive.chain(sdist) {
            let called = file.get_ref().file_name(&text.of(file))?;
            match called.to_ascii_lowercase().ends_with(".whl") {
                true => wheels.push(file.get_ref().wheel(&name, version, &text.of(file))),
                false => source = Some(shown(&called)),
            }
        }
        for wheel in package.wheels.iter().flatten() {
            wheels.push(wheel.get_ref().wheel(&name, version, &text.of(wheel)));
        }
        let marker = package.marker.as_ref();
        let line = place.line;
        let version = version.map(str::to_owned);
        Ok(Package {
            marker: marker.map(|marker| Condition::marker(marker.get_ref(), text.of(marker))).transpose()?,
            requires_python: requires_python(text, package.requires_python.as_ref())?,
            pin: Pin { name, version, files: PinnedFiles::Wheels(wheels), source, folder, place, line },
        })
    }
}

impl FileTable {
    /// Where it is: a path goes before an address, since it needs no network.
    fn location(&self, place: &Place) -> Result<Location, LockError> {
        match (&self.path, &self.url) {
            (Some(path), _) => Location::path(path, place),
            (None, Some(url)) => Location::address(url, place),
            (None, None) => Err(place.error("the file has neither `url` nor `path`", "lock again")),
        }
    }

    fn file_name(&self, place: &Place) -> Result<String, LockError> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.location(place)?.file_name()),
        }
    }

    fn wheel(&self, package: &str, version: Option<&str>, place: &Place) -> Result<LockedWheel, LockError> {
        let hashes = self.hashes.iter().map(|(algorithm, digits)| (algorithm.as_str(), digits.as_str()));
        let size = match &self.size {
            None => None,
            Some(size) => Some(
                u64::try_from(*size.get_ref())
                    .map_err(|_| place.error("the file has a negative size", "lock again"))?,
            ),
        };
        let file = NamedFile {
            name: self.name.as_deref(),
            location: self.location(place)?,
            size,
            digest: sha256(hashes, "the file has no hash", place)?,
        };
        let mut wheel = file.wheel(package, version, place)?;
        // Whoever has no such file may still download it.
        if let (Some(_), Some(url)) = (&self.path, &self.url)
            && let Location::Url(url) = Location::address(url, place)?
        {
            wheel.url = Some(url);
        }
        Ok(wheel)
    }
}

fn requires_python(text: &LockText, value: Option<&Spanned<String>>) -> Result<Option<RequiresPython>, LockError> {
    value.map(|value| RequiresPython::parse(value.get_ref(), text.of(value))).transpose()
}

/// Refuses what is written in a form that is not known yet; later minor versions are read as what they add to.
fn check_version(text: &LockText, table: &Spanned<DeTable<'_>>) -> Result<(), LockError> {
    let anew = "write the lock anew with a tool that writes `lock-version = \"1.0\"`";
    let Some(value) = table.get_ref().get("lock-version") else {
        return Err(Place::whole(text.file()).error("it has no `lock-version`", anew));
    };
    let place = text.of(value);
    let version = value.get_ref().as_str().unwrap_or_default();
    let mut parts = version.split('.');
    let is_number = |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    if !is_number(parts.clone().next()) {
        return Err(place.error("`lock-version` is not a version such as \"1.0\"", anew));
    }
    if parts.next() != Some("1") || !is_number(parts.next()) || parts.next().is_some() {
        let what = format!("it is of version {}, and this program knows 1.x", shown(version));
        return Err(place.error(what, anew));
    }
    Ok(())
}
