//! Choosing: which wheel of each distribution is laid, and where it is. Nothing is resolved: names, versions and digests are
//! the lock's, or those of the files that the spec names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Python;
use super::house::{House, HouseWheel};
use super::index;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::python::{Lock, LockedFiles, LockedPackage, LockedWheel, Refusal, Target, WheelName, best};
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
    /// The question that an index answered with it, if one was asked.
    pub question: Option<Digest>,
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
    let failed = |error: crate::python::LockError| python.refuse(error.to_string(), error.help.clone());
    let lock = Lock::read(file).map_err(failed)?;
    let packages = lock.packages(&target.environment(), &wheels.extras).map_err(failed)?;
    let house = wheels.wheelhouse.as_ref().map(|path| House::open(python, &wheels.path(path, python.platform)));
    let house = house.transpose()?.unwrap_or_default();
    let beside = file.parent().unwrap_or(Path::new(""));
    let own = wheels.index.as_slice();
    let indexes: Vec<&str> = match (own, lock.indexes()) {
        ([], []) => vec![DEFAULT_INDEX],
        ([], named) => named.iter().map(String::as_str).collect(),
        (own, _) => own.iter().map(String::as_str).collect(),
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
    })
}

/// Of a lock that names digests: a wheel of the wheelhouse, else one that an index has.
fn of_digests(
    python: &Python<'_>,
    package: &LockedPackage,
    digests: &BTreeSet<Digest>,
    house: &House,
    indexes: &[&str],
    target: &Target,
) -> Result<Choice, Error> {
    let is_meant = |name: &WheelName, digest: &Digest| name.distribution == package.name && digests.contains(digest);
    let here: Vec<&HouseWheel> = house.wheels.iter().filter(|wheel| is_meant(&wheel.name, &wheel.digest)).collect();
    if let Ok(at) = best(&here.iter().map(|wheel| &wheel.name).collect::<Vec<_>>(), target)
        && let Some(wheel) = here.get(at)
    {
        return Ok(Choice::of_house(wheel, false));
    }
    let question = question(package, digests, indexes, target);
    if let Some(laid) = python.remembered().and_then(|remembered| remembered.answer(&question).cloned())
        && let (Some(url), true) = (laid.url, digests.contains(&laid.digest))
    {
        let place = Place::There { url };
        let (name, file) = (package.name.clone(), laid.file);
        return Ok(Choice { name, file, digest: laid.digest, size: Some(laid.size), place, question: Some(question) });
    }
    let mut found = Vec::new();
    for index in indexes {
        found.extend(index::files(python, index, &package.name, digests)?);
    }
    found.retain(|file| is_meant(&file.name, &file.digest));
    if found.is_empty() {
        let what = match here.is_empty() {
            true => {
                format!("no file of `{}` that {} names has one of the locked digests", package.name, listed(indexes))
            }
            false => return Err(refused(python, package, here.iter().map(|wheel| &wheel.name), target)),
        };
        let help =
            format!("build a wheel if there is only a source distribution, and lock its digest: {}", way(package));
        return Err(python.refuse(what, Some(help)));
    }
    match best(&found.iter().map(|file| &file.name).collect::<Vec<_>>(), target) {
        Ok(at) => match found.get(at) {
            Some(file) => Ok(Choice {
                name: package.name.clone(),
                file: file.name.file.clone(),
                digest: file.digest,
                size: file.size,
                place: Place::There { url: file.url.clone() },
                question: Some(question),
            }),
            None => Err(no_wheel_at_all(python, package)),
        },
        Err(refusals) => Err(no_wheel(python, &package.name, Some(package), target, &refusals)),
    }
}

/// What an index is asked: which of the files with these digests is the best for the target.
fn question(package: &LockedPackage, digests: &BTreeSet<Digest>, indexes: &[&str], target: &Target) -> Digest {
    let mut question = Hasher::new();
    question.field(b"the best of the files with these digests");
    question.field(package.name.as_bytes());
    indexes.iter().for_each(|index| question.field(index.as_bytes()));
    digests.iter().for_each(|digest| question.field(digest.as_bytes()));
    question.field(described(target).as_bytes());
    question.finish()
}

fn refused<'a>(
    python: &Python<'_>,
    package: &LockedPackage,
    names: impl Iterator<Item = &'a WheelName>,
    target: &Target,
) -> Error {
    let refusals = best(&names.collect::<Vec<_>>(), target).err().unwrap_or_default();
    no_wheel(python, &package.name, Some(package), target, &refusals)
}

fn listed(indexes: &[&str]) -> String {
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
    let source = package.source.as_ref().map(|source| format!(", but as `{source}`")).unwrap_or_default();
    let what = format!("`{}`{version} is not locked as a wheel{source}, and nothing is built here", package.name);
    python.refuse(what, Some(format!("build a wheel, and lock that: {}", way(package))))
}
