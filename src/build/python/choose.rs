//! Choosing: which wheel of each distribution is laid, and where it is. Nothing is resolved: names, versions and digests are
//! the lock's, or those of the files that the spec names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Python;
use super::house::{House, HouseWheel};
use super::index::{Answer, IndexFile, Question};
use super::projects;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::python::{Lock, LockError, LockedFiles, LockedPackage, LockedWheel, Refusal, Target, WheelName, best};
use crate::spec::Wheels;

/// How many distributions a layer may have.
const DISTRIBUTION_LIMIT: usize = 10_000;
/// How many refused wheels a message names.
const NAMED: usize = 12;
/// Where files are that a lock names by their digests alone, if neither it nor the spec says.
const DEFAULT_INDEX: &str = "https://pypi.org/simple/";

/// A wheel that is to be laid.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The distribution's name, normalised.
    pub name: String,
    /// The wheel's file name.
    pub file: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size, if it is known before it is there.
    pub size: Option<u64>,
    /// Where it is.
    pub place: Place,
    /// The question that an index answered with it for good, if one was asked.
    pub question: Option<Digest>,
    /// What indexes were asked, who may know another address.
    pub asked: Option<Arc<Question>>,
}

/// Where a wheel is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A file of this machine whose digest was taken. `is_named`: the spec names it, not a lock.
    House { path: PathBuf, is_named: bool },
    /// A file that a lock names, of which nobody has made sure yet.
    Beside { path: PathBuf },
    /// A file of the web.
    There { url: String },
}

impl Choice {
    /// Whether no lock says where it comes from.
    pub fn is_local(&self) -> bool {
        matches!(self.place, Place::House { is_named: true, .. })
    }

    fn of_house(wheel: &HouseWheel, is_named: bool) -> Choice {
        Choice {
            name: wheel.name.distribution.clone(),
            file: wheel.name.file.clone(),
            digest: wheel.digest,
            size: Some(wheel.size),
            place: Place::House { path: wheel.path.clone(), is_named },
            question: None,
            asked: None,
        }
    }
}

/// The wheels that `wheels` stands for on the target, sorted by the names of their distributions.
pub(super) fn choose(python: &Python<'_>, wheels: &Wheels, target: &Target) -> Result<Vec<Choice>, Error> {
    let is_lock = |path: &Path| {
        let kind = path.extension().is_some_and(|kind| kind == "toml" || kind == "lock" || kind == "txt");
        kind && !path.is_dir()
    };
    let paths: Vec<PathBuf> = wheels.from.iter().map(|path| wheels.path(path, python.platform)).collect();
    let choices = match paths.iter().find(|path| is_lock(path)) {
        Some(lock) if paths.len() == 1 => locked(python, wheels, lock, target)?,
        Some(lock) => {
            let what = format!("the lock `{}` is not the only thing that `wheels` names", lock.display());
            return Err(python.refuse(what, Some("make two layers of them".to_owned())));
        }
        None => {
            if let Some(key) = goes_with_lock(wheels) {
                let what = format!("`{key}` goes with a lock, and `wheels` names none");
                let help = "locks are called `pylock.toml`, `requirements.txt` or `uv.lock`";
                return Err(python.refuse(what, Some(help.to_owned())));
            }
            local(python, &paths, target)?
        }
    };
    if choices.len() > DISTRIBUTION_LIMIT {
        return Err(python.refuse(format!("there are more than {DISTRIBUTION_LIMIT} distributions"), None));
    }
    Ok(choices)
}

/// What the spec says that only a lock can answer.
fn goes_with_lock(wheels: &Wheels) -> Option<&'static str> {
    [
        ("wheelhouse", wheels.wheelhouse.is_some()),
        ("index", wheels.index.is_some()),
        ("extras", !wheels.extras.extras.is_empty()),
        ("groups", !wheels.extras.groups.is_empty()),
    ]
    .into_iter()
    .find_map(|(key, is_said)| is_said.then_some(key))
}

/// Wheels that the spec itself names: of each distribution one version, of several wheels of it the best.
fn local(python: &Python<'_>, paths: &[PathBuf], target: &Target) -> Result<Vec<Choice>, Error> {
    let mut all: Vec<HouseWheel> = Vec::new();
    for path in paths {
        all.extend(House::named(python, path)?.wheels);
    }
    let mut distributions: BTreeMap<String, BTreeMap<String, Vec<HouseWheel>>> = BTreeMap::new();
    for wheel in all {
        let versions = distributions.entry(wheel.name.distribution.clone()).or_default();
        versions.entry(wheel.name.version.clone()).or_default().push(wheel);
    }
    let mut choices = Vec::new();
    for (name, versions) in &distributions {
        let mut fitting: Vec<&HouseWheel> = Vec::new();
        let mut refusals = Vec::new();
        for wheels in versions.values() {
            match best(&wheels.iter().map(|wheel| &wheel.name).collect::<Vec<_>>(), target) {
                Ok(at) => fitting.extend(wheels.get(at)),
                Err(refused) => refusals.extend(refused),
            }
        }
        match fitting[..] {
            [wheel] => choices.push(Choice::of_house(wheel, true)),
            [] => return Err(no_wheel(python, name, None, target, &refusals)),
            [one, other, ..] => {
                let what = format!("both `{}` and `{}` are there", one.name.file, other.name.file);
                return Err(python.refuse(what, Some("remove one of them, or name a lock that chooses".to_owned())));
            }
        }
    }
    Ok(choices)
}

/// Wheels that a lock pins.
fn locked(python: &Python<'_>, wheels: &Wheels, file: &Path, target: &Target) -> Result<Vec<Choice>, Error> {
    let failed = |error: LockError| python.refuse(error.to_string(), error.help.clone());
    let lock = Lock::read(file).map_err(failed)?;
    let packages = lock.packages(&target.environment(), &wheels.extras).map_err(failed)?;
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut house = House::default();
    let wheelhouse = wheels.wheelhouse.as_ref().map(|path| wheels.path(path, python.platform));
    let find_links = lock.find_links().iter().map(|path| beside.join(path));
    for folder in wheelhouse.into_iter().chain(find_links) {
        house.wheels.extend(House::open(python, &folder)?.wheels);
    }
    projects::note(python, &lock, &target.environment(), wheels, beside).map_err(failed)?;
    let indexes = match (&wheels.index, lock.no_index(), lock.indexes()) {
        (Some(index), true, _) => {
            let what = format!(
                "the lock `{}` says --no-index, and `index` names `{}`",
                file.display(),
                crate::layer::shown_url(index)
            );
            return Err(python.refuse(what, Some("take one of them out".to_owned())));
        }
        (None, true, _) => Vec::new(),
        (Some(index), false, _) => vec![index.clone()],
        (None, false, []) => vec![DEFAULT_INDEX.to_owned()],
        (None, false, named) => named.to_vec(),
    };
    let choose = |package: &LockedPackage| match &package.files {
        LockedFiles::Wheels(wheels) => of_wheels(python, package, wheels, &house, beside, target),
        LockedFiles::Digests(digests) => of_digests(python, package, digests, &house, &indexes, target),
    };
    packages.iter().map(choose).collect()
}

fn of_wheels(
    python: &Python<'_>,
    package: &LockedPackage,
    wheels: &[LockedWheel],
    house: &House,
    beside: &Path,
    target: &Target,
) -> Result<Choice, Error> {
    if wheels.is_empty() {
        return Err(no_wheel_at_all(python, package));
    }
    let names: Vec<&WheelName> = wheels.iter().map(|wheel| &wheel.name).collect();
    let at =
        best(&names, target).map_err(|refusals| no_wheel(python, &package.name, Some(package), target, &refusals))?;
    let Some(wheel) = wheels.get(at) else { return Err(no_wheel_at_all(python, package)) };
    let path = wheel.path.as_ref().map(|path| beside.join(path)).filter(|path| path.is_file());
    let place = match (house.find(&wheel.digest), path, &wheel.url) {
        (Some(found), ..) => Place::House { path: found.path.clone(), is_named: false },
        (None, Some(path), _) => Place::Beside { path },
        (None, None, Some(url)) => Place::There { url: url.clone() },
        (None, None, None) => {
            let what = match &wheel.path {
                Some(path) => format!("`{}`, which the lock names, is not there", beside.join(path).display()),
                None => format!("`{}` is nowhere: the lock names no address for it", wheel.name.file),
            };
            return Err(python.refuse(what, Some("name the folder it lies in as `wheelhouse`".to_owned())));
        }
    };
    Ok(Choice {
        name: package.name.clone(),
        file: wheel.name.file.clone(),
        digest: wheel.digest,
        size: house.find(&wheel.digest).map(|found| found.size).or(wheel.size),
        place,
        question: None,
        asked: None,
    })
}

/// Of a lock that names digests: the best of the wheels that the wheelhouse and the indexes have. A wheelhouse changes what is
/// downloaded, and not what is laid.
fn of_digests(
    python: &Python<'_>,
    package: &LockedPackage,
    digests: &BTreeSet<Digest>,
    house: &House,
    indexes: &[String],
    target: &Target,
) -> Result<Choice, Error> {
    let is_locked = |name: &WheelName, digest: &Digest| name.distribution == package.name && digests.contains(digest);
    let here: Vec<&HouseWheel> = house.wheels.iter().filter(|wheel| is_locked(&wheel.name, &wheel.digest)).collect();
    let digests_here: BTreeSet<Digest> = here.iter().map(|wheel| wheel.digest).collect();
    let asked = Question { name: package.name.clone(), indexes: indexes.to_vec(), digests: digests.clone() };
    let question = question(package, digests, indexes, target);
    let answer = match remembered(python, package, digests, &question, target) {
        _ if digests_here == *digests || indexes.is_empty() => Answer::default(),
        Some(file) => Answer { wheels: vec![file], is_complete: true, unknown: None },
        None => asked.ask(python.workshop, python.options.no_cache).map_err(|error| match error {
            Error::Distribution { name, source, .. } if !here.is_empty() => {
                let help = "a file of it is in the wheelhouse, and another may be better: put all that are locked there, \
                            or write --no-index into the lock";
                python.not_had(Error::Distribution { name, source, help: Some(help.to_owned()) })
            }
            error => python.not_had(error),
        })?,
    };
    let there = answer.wheels.iter().filter(|file| is_locked(&file.name, &file.digest));
    let there: Vec<&IndexFile> = there.filter(|file| !digests_here.contains(&file.digest)).collect();
    let all = here.iter().map(|wheel| &wheel.name).chain(there.iter().map(|file| &file.name));
    let (fitting, others): (Vec<&WheelName>, Vec<&WheelName>) = all.partition(|name| package.is_of(name));
    let name = match best(&fitting, target) {
        Ok(at) => fitting.get(at).copied(),
        Err(refusals) if !fitting.is_empty() => {
            return Err(no_wheel(python, &package.name, Some(package), target, &refusals));
        }
        Err(_) => None,
    };
    let is_it = |other: &WheelName| name.is_some_and(|name| std::ptr::eq(name, other));
    if let Some(wheel) = here.iter().find(|wheel| is_it(&wheel.name)) {
        return Ok(Choice::of_house(wheel, false));
    }
    match there.iter().find(|file| is_it(&file.name)) {
        Some(file) => Ok(Choice {
            name: package.name.clone(),
            file: file.name.file.clone(),
            digest: file.digest,
            size: file.size,
            place: Place::There { url: file.url.clone() },
            question: answer.is_complete.then_some(question),
            asked: Some(Arc::new(asked)),
        }),
        None => Err(nowhere(python, package, indexes, &others, answer.unknown)),
    }
}

/// What an index once answered, if the lock and the target agree: it may have been anybody who wrote it down.
fn remembered(
    python: &Python<'_>,
    package: &LockedPackage,
    digests: &BTreeSet<Digest>,
    question: &Digest,
    target: &Target,
) -> Option<IndexFile> {
    let remembered = python.remembered().filter(|_| !python.options.no_cache)?;
    let laid = remembered.answer(question)?;
    let (name, url) = (WheelName::parse(&laid.file).ok()?, laid.url.clone()?);
    let is_meant = name.distribution == package.name && package.is_of(&name) && digests.contains(&laid.digest);
    let is_meant = is_meant && best(&[&name], target).is_ok();
    is_meant.then_some(IndexFile { name, url, digest: laid.digest, size: Some(laid.size) })
}

/// Nobody has a wheel that is locked.
fn nowhere(
    python: &Python<'_>,
    package: &LockedPackage,
    indexes: &[String],
    others: &[&WheelName],
    unknown: Option<Box<crate::registry::Error>>,
) -> Error {
    let name = &package.name;
    if let Some(other) = others.first() {
        let version = package.version.as_deref().unwrap_or_default();
        let what = format!("the lock says version {version} of `{name}`, and its digest is that of `{}`", other.file);
        return python.refuse(what, Some("lock again".to_owned()));
    }
    if let Some(error) = unknown {
        return python.not_had(Error::distribution(name, Error::Registry(error)));
    }
    if indexes.is_empty() {
        let what = format!("no wheel of `{name}` that is here is locked, and the lock says --no-index");
        return python.refuse(what, Some("name the folder it lies in as `wheelhouse`".to_owned()));
    }
    let what = format!("no file of `{name}` that {} names has one of the locked digests", listed(indexes));
    let help = format!("build a wheel if there is only a source distribution, and lock its digest: {}", way(package));
    python.refuse(what, Some(help))
}

/// What an index is asked: which of the files with these digests is the best for the target.
fn question(package: &LockedPackage, digests: &BTreeSet<Digest>, indexes: &[String], target: &Target) -> Digest {
    let mut question = Hasher::new();
    question.field(b"the best of the files with these digests");
    question.field(package.name.as_bytes());
    indexes.iter().for_each(|index| question.field(index.as_bytes()));
    digests.iter().for_each(|digest| question.field(digest.as_bytes()));
    question.field(described(target).as_bytes());
    question.finish()
}

fn listed(indexes: &[String]) -> String {
    indexes.iter().map(|index| format!("`{}`", crate::layer::shown_url(index))).collect::<Vec<_>>().join(" or ")
}

/// How a wheel is built of what has none.
fn way(package: &LockedPackage) -> String {
    let version = package.version.as_ref().map(|version| format!("=={version}")).unwrap_or_default();
    format!("`pip wheel --no-deps {}{version}` on the target's platform", package.name)
}

/// There are wheels, and none of them fits.
fn no_wheel(
    python: &Python<'_>,
    name: &str,
    package: Option<&LockedPackage>,
    target: &Target,
    refusals: &[Refusal],
) -> Error {
    let version = package.and_then(|package| package.version.as_ref());
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let mut what = format!("no wheel of `{name}`{version} is for {}", described(target));
    for Refusal { file, why } in refusals.iter().take(NAMED) {
        what.push_str(&format!("\n  {file}: {why}"));
    }
    if refusals.len() > NAMED {
        what.push_str(&format!("\n  and {} others", refusals.len() - NAMED));
    }
    let help = match package {
        Some(package) if package.source.is_some() => {
            format!("build one from its sources, and lock that: {}", way(package))
        }
        _ => "add a wheel for it, or lay the others with `platforms` in a layer of their own".to_owned(),
    };
    python.refuse(what, Some(help))
}

fn described(target: &Target) -> String {
    let libc = target.libc.map(|libc| format!(" with {libc}")).unwrap_or_default();
    format!("Python {} on {}{libc}", target.python, target.platform)
}

/// There is no wheel.
fn no_wheel_at_all(python: &Python<'_>, package: &LockedPackage) -> Error {
    let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    if let Some(folder) = &package.folder {
        let what = format!("`{}`{version} is locked as the folder {folder:?}, and no wheel of it", package.name);
        let help = "lay it with a layer of `package = \"…\"`, and leave it out of the lock: `uv export --no-emit-project`, \
                    `--no-emit-workspace` or `--no-emit-package`";
        return python.refuse(what, Some(help.to_owned()));
    }
    let source = package.source.as_ref().map(|source| format!(", but as `{source}`")).unwrap_or_default();
    let what = format!("`{}`{version} is not locked as a wheel{source}, and nothing is built here", package.name);
    python.refuse(what, Some(format!("build a wheel, and lock that: {}", way(package))))
}
