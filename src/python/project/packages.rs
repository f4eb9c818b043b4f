//! Which files of a project are laid, and where: what its build backend is told, else what the backend would find.

mod hatch;
mod manifest;
mod others;
mod setuptools;

use std::collections::{BTreeMap, BTreeSet};

use super::backend::Backend;
use super::entry_points::is_identifier;
use super::fault::{Fault, quoted};
use super::folder::{Folder, inside};
use super::tree::{Tree, prefix};
use super::value::Value;

/// How many files a project lays at most.
const MOST: usize = 100_000;

/// The files that are laid: where each goes, relative to the library directory, and where in the folder it lies.
pub(super) type Choice = BTreeMap<String, String>;

/// What is laid, and how.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The files.
    pub files: Choice,
    /// Where those go that nobody can execute, whatever their mode says.
    pub plain: BTreeSet<String>,
}

/// What decides which files are laid.
#[derive(Debug)]
pub(super) enum Layout {
    Setuptools(setuptools::Setuptools),
    Hatch(hatch::Hatch),
    Flit(others::Flit),
    Uv(others::Uv),
    Pdm(others::Pdm),
    Poetry(others::Poetry),
}

impl Layout {
    /// Reads what the backend is told about files.
    pub(super) fn read(document: &Value, backend: Backend, folder: &Folder, name: &str) -> Result<Layout, Fault> {
        Ok(match backend {
            Backend::Setuptools => Layout::Setuptools(setuptools::Setuptools::read(document, folder)?),
            Backend::Hatch => Layout::Hatch(hatch::Hatch::read(document, folder)?),
            Backend::Flit => Layout::Flit(others::Flit::read(document, name)?),
            Backend::Uv => Layout::Uv(others::Uv::read(document, name)?),
            Backend::Pdm => Layout::Pdm(others::Pdm::read(document)?),
            Backend::Poetry => Layout::Poetry(others::Poetry::read(document, folder)?),
        })
    }

    /// The paths, without a suffix, that a module may have in the folder.
    pub(super) fn module_places(&self, module: &str, name: &str, folder: &Folder) -> Vec<String> {
        let path = module.replace('.', "/");
        let mut places = match self {
            Layout::Setuptools(layout) => vec![layout.module_place(module)],
            _ => Vec::new(),
        };
        places.extend([path.clone(), format!("src/{path}")]);
        // The folder itself may be the package.
        let own = module_name(name);
        if !folder.is_file("__init__.py") {
            return places;
        }
        if path == own {
            places.push(".".to_owned());
        } else if let Some(rest) = path.strip_prefix(&prefix(&own)) {
            places.push(rest.to_owned());
        }
        places
    }

    /// Chooses the files.
    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Chosen, Fault> {
        let mut plain = BTreeSet::new();
        let choice = match self {
            Layout::Setuptools(layout) => layout.choose(tree, name, &mut plain)?,
            Layout::Hatch(layout) => layout.choose(tree, name)?,
            Layout::Flit(layout) => layout.choose(tree, name)?,
            Layout::Uv(layout) => layout.choose(tree, name)?,
            Layout::Pdm(layout) => layout.choose(tree, name)?,
            Layout::Poetry(layout) => layout.choose(tree, name)?,
        };
        if choice.len() > MOST {
            return Err(Fault::at(0, format!("it would lay more than {MOST} files")));
        }
        check_packages(tree, &choice)?;
        Ok(Chosen { files: choice, plain })
    }
}

/// Refuses what shows that a package is more than is laid of it: what is compiled or would have to be, and links to
/// directories, which backends walk through.
fn check_packages(tree: &Tree, choice: &Choice) -> Result<(), Fault> {
    let parent = |path: &str| path.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
    let packages: BTreeSet<String> = choice.values().map(|path| parent(path)).filter(|path| !path.is_empty()).collect();
    let in_packages = |path: &&str| packages.contains(&parent(path));
    choice.values().map(String::as_str).chain(tree.below("").filter(in_packages)).try_for_each(check_pure)?;
    tree.links().filter(in_packages).try_for_each(|link| tree.content(link).map(drop))
}

/// Refuses what is compiled, or would have to be.
fn check_pure(path: &str) -> Result<(), Fault> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_compiled = [".so", ".pyd", ".dylib"].iter().any(|suffix| name.ends_with(suffix)) || name.contains(".so.");
    let what = match name {
        _ if is_compiled => "is compiled, so it is for one platform alone",
        _ if name.ends_with(".pyx") => "has to be compiled (Cython)",
        _ => return Ok(()),
    };
    Err(Fault::backend(0, format!("{} {what}", quoted(path))))
}

/// The package of a project that says no other.
pub(super) fn module_name(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

/// Adds a file, unless another one goes there.
fn add(choice: &mut Choice, target: String, path: &str) -> Result<(), Fault> {
    if target.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Fault::at(0, format!("{} would go to {}, which is no path", quoted(path), quoted(&target))));
    }
    match choice.insert(target.clone(), path.to_owned()) {
        Some(other) if other != path => {
            let what = format!("{} and {} would both go to {}", quoted(&other), quoted(path), quoted(&target));
            Err(Fault::at(0, what))
        }
        _ => Ok(()),
    }
}

/// Adds all files below a directory.
fn add_below(choice: &mut Choice, tree: &Tree, directory: &str, target: &str) -> Result<(), Fault> {
    let from = prefix(directory);
    for path in tree.below(directory) {
        let rest = path.strip_prefix(&from).unwrap_or(path);
        add(choice, format!("{}{rest}", prefix(target)), path)?;
    }
    Ok(())
}

/// A path in the folder that a value names.
fn path_of(value: &Value, text: &str) -> Result<String, Fault> {
    inside(text).map_err(|why| value.wrong(format!("names {}, which {why}", quoted(text))))
}

/// What lies beside a package's `__init__.py` and is no part of it when the folder itself is the package.
const BESIDE: [&str; 12] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "MANIFEST.in",
    "build",
    "dist",
    "doc",
    "docs",
    "test",
    "tests",
    "node_modules",
    "venv",
];

/// Whether the folder itself is the package: `__init__.py` lies beside `pyproject.toml`, and no package or module of the
/// project's name does.
fn is_itself(tree: &Tree, name: &str) -> bool {
    let own = module_name(name);
    let is_elsewhere = |root: &str| tree.is_dir(&format!("{root}{own}")) || tree.is_file(&format!("{root}{own}.py"));
    is_identifier(&own) && tree.is_file("__init__.py") && !is_elsewhere("") && !is_elsewhere("src/")
}

/// The folder as the package that the project is named after: all of it but what is about the project or lies hidden.
fn itself(tree: &Tree, name: &str) -> Result<Choice, Fault> {
    let mut choice = Choice::new();
    for path in tree.below("") {
        let first = path.split('/').next().unwrap_or_default();
        if !BESIDE.contains(&first) && !first.starts_with('.') && !first.ends_with(".egg-info") {
            add(&mut choice, format!("{}/{path}", module_name(name)), path)?;
        }
    }
    Ok(choice)
}
