//! `uv.lock`: a graph of packages, from the project over its dependencies
//! ([uv's description](https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile)).

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::DeTable;

use super::condition::{Condition, RequiresPython};
use super::pin::Pin;
use super::text::{LockText, Place, listed, shown};
use super::{Environment, Extras, LocalProject, LockError, LockedPackage};

mod edge;
mod package;
mod tables;
mod walk;

use edge::Edge;
use tables::{LockTable, Source};
use walk::Walk;

/// How many packages of one name there may be.
const MOST_OF_A_NAME: usize = 100;

/// uv's lock.
#[derive(Debug, Clone)]
pub(super) struct UvLock {
    requires_python: Option<RequiresPython>,
    /// The environments that it is for; for all, if there are none.
    supported: Vec<Condition>,
    conflicts: Vec<Vec<Choice>>,
    packages: Vec<Package>,
    /// The places of the packages of a name.
    by_name: BTreeMap<String, Vec<usize>>,
    /// The places of the projects that the lock is of.
    roots: Vec<usize>,
    /// What the lock wants beside projects.
    requirements: Vec<Edge>,
    /// The groups that the lock has beside those of projects.
    groups: BTreeMap<String, Vec<Edge>>,
    whole: Place,
}

/// A package of the lock: a node of the graph.
#[derive(Debug, Clone)]
struct Package {
    pin: Pin,
    source: Source,
    /// The environments that it is in the lock for, if it is one of several of its name.
    markers: Vec<Condition>,
    dependencies: Vec<Edge>,
    extras: BTreeMap<String, Vec<Edge>>,
    groups: BTreeMap<String, Vec<Edge>>,
}

/// An extra, a group, or neither, of a package: what may not be wanted together with another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    package: String,
    extra: Option<String>,
    group: Option<String>,
}

impl UvLock {
    /// Reads the lock.
    ///
    /// # Errors
    ///
    /// If it is malformed, of another version, or of no project.
    pub fn read(text: &LockText, table: Spanned<DeTable<'_>>) -> Result<UvLock, LockError> {
        check_version(text, &table)?;
        let lock: LockTable = text.tables(table)?;
        let marker = |marker: &Spanned<String>| Condition::marker(marker.get_ref(), text.of(marker));
        let requires_python = lock.requires_python.as_ref();
        let packages: Vec<Package> =
            lock.package.iter().map(|package| Package::read(text, package)).collect::<Result<_, _>>()?;
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, package) in packages.iter().enumerate() {
            let of_name = by_name.entry(package.pin.name.clone()).or_default();
            of_name.push(at);
            if of_name.len() > MOST_OF_A_NAME {
                let what = format!("there are more than {MOST_OF_A_NAME} packages named `{}`", package.pin.name);
                return Err(package.pin.place.error(what, "is it a lock that uv wrote?"));
            }
        }
        let requirements: Vec<Edge> =
            lock.manifest.requirements.iter().map(|edge| Edge::read(text, edge)).collect::<Result<_, _>>()?;
        let groups = edge::named(text, &lock.manifest.dependency_groups)?;
        let roots = roots(&packages, &lock.manifest.members);
        if roots.is_empty() && requirements.is_empty() && groups.is_empty() {
            let what = "it is of no project: no package's source is `.`, and no members of a workspace are named";
            return Err(Place::whole(text.file()).error(what, "lock the project with `uv lock`"));
        }
        Ok(UvLock {
            requires_python: requires_python
                .map(|value| RequiresPython::parse(value.get_ref(), text.of(value)))
                .transpose()?,
            supported: lock.supported_markers.iter().map(marker).collect::<Result<_, _>>()?,
            conflicts: lock.conflicts.into_iter().map(tables::choices).collect(),
            packages,
            by_name,
            roots,
            requirements,
            groups,
            whole: Place::whole(text.file()),
        })
    }

    /// What is to be installed.
    ///
    /// # Errors
    ///
    /// If the lock is not for this environment, lacks an extra or a group, or leads to two versions of a package.
    pub fn packages(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LockedPackage>, LockError> {
        let reached = self.reached(environment, extras)?;
        let pins = reached.into_iter().filter(|package| package.source.local().is_none());
        pins.map(|package| package.pin.package()).collect()
    }

    /// The projects of this machine among it.
    ///
    /// # Errors
    ///
    /// As [`UvLock::packages`].
    pub fn local_projects(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LocalProject>, LockError> {
        let reached = self.reached(environment, extras)?;
        let project = |package: &Package| {
            let path = package.source.local()?.to_owned();
            let is_package = package.source.r#virtual.is_none();
            Some(LocalProject { name: package.pin.name.clone(), path, is_package })
        };
        Ok(reached.into_iter().filter_map(project).collect())
    }

    /// The packages that are wanted, sorted by name, each name once.
    fn reached(&self, environment: &Environment, extras: &Extras) -> Result<Vec<&Package>, LockError> {
        if let Some(requires_python) = &self.requires_python {
            requires_python.check("the lock", environment)?;
        }
        self.check_supported(environment)?;
        self.check_known("extra", &extras.extras, self.known_extras())?;
        self.check_known("dependency group", &extras.groups, self.known_groups())?;
        self.check_conflicts(extras)?;
        Walk::reach(self, environment, extras)
    }

    fn check_supported(&self, environment: &Environment) -> Result<(), LockError> {
        for condition in &self.supported {
            if condition.holds(environment)? {
                return Ok(());
            }
        }
        match self.supported.first() {
            None => Ok(()),
            Some(first) => Err(first.place.error(
                "the target is none of the environments that the lock is for",
                "name its platform and interpreter in `environments` of [tool.uv], and run `uv lock`",
            )),
        }
    }

    fn check_known(&self, what: &str, asked: &BTreeSet<String>, there: BTreeSet<&str>) -> Result<(), LockError> {
        let unknown: Vec<&str> = asked.iter().map(String::as_str).filter(|name| !there.contains(name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let help = match there.is_empty() {
            true => format!("the locked project has no {what}s"),
            false => format!("its {what}s are {}", listed(there)),
        };
        Err(self.whole.error(format!("the lock has no {what} {}", listed(unknown)), help))
    }

    fn check_conflicts(&self, extras: &Extras) -> Result<(), LockError> {
        let roots: BTreeSet<&str> = self.root_packages().map(|package| package.pin.name.as_str()).collect();
        for set in &self.conflicts {
            let asked = set.iter().filter(|choice| {
                let extra = choice.extra.as_ref().is_some_and(|extra| extras.extras.contains(extra));
                let group = choice.group.as_ref().is_some_and(|group| extras.groups.contains(group));
                roots.contains(choice.package.as_str()) && (extra || group)
            });
            let asked: Vec<&str> =
                asked.filter_map(|choice| choice.extra.as_deref().or(choice.group.as_deref())).collect();
            if asked.len() > 1 {
                let what = format!("{} exclude each other, by the lock's `conflicts`", listed(asked));
                return Err(self.whole.error(what, "ask for one of them"));
            }
        }
        Ok(())
    }

    fn root_packages(&self) -> impl Iterator<Item = &Package> {
        self.roots.iter().filter_map(|at| self.packages.get(*at))
    }

    fn known_extras(&self) -> BTreeSet<&str> {
        self.root_packages().flat_map(|package| package.extras.keys()).map(String::as_str).collect()
    }

    fn known_groups(&self) -> BTreeSet<&str> {
        let of_projects = self.root_packages().flat_map(|package| package.groups.keys());
        of_projects.chain(self.groups.keys()).map(String::as_str).collect()
    }
}

/// The places of the packages that the lock is of: the one in the lock's own folder, else the workspace's members.
fn roots(packages: &[Package], members: &[String]) -> Vec<usize> {
    let members: BTreeSet<String> = members.iter().map(|name| super::normalise_name(name)).collect();
    let local = packages.iter().enumerate().filter_map(|(at, package)| Some((at, package, package.source.local()?)));
    let at_home: Vec<usize> = local.clone().filter(|(_, _, path)| *path == ".").map(|(at, ..)| at).collect();
    match at_home.is_empty() {
        false => at_home,
        true => local.filter(|(_, package, _)| members.contains(&package.pin.name)).map(|(at, ..)| at).collect(),
    }
}

/// Refuses what is written in a form that is not known; a revision is only an addition.
fn check_version(text: &LockText, table: &Spanned<DeTable<'_>>) -> Result<(), LockError> {
    let help = "run `uv lock` with a version of uv that writes `version = 1`";
    let Some(value) = table.get_ref().get("version") else {
        return Err(Place::whole(text.file()).error("it has no `version`", help));
    };
    match value.get_ref().as_integer().map(|version| version.to_string()) {
        Some(version) if version == "1" => Ok(()),
        Some(version) => {
            let what = format!("it is of version {}, and this program knows 1", shown(&version));
            Err(text.of(value).error(what, help))
        }
        None => Err(text.of(value).error("`version` is not a number", help)),
    }
}
