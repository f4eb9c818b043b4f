//! Setuptools: `[tool.setuptools]`, and its automatic discovery
//! ([package discovery](https://setuptools.pypa.io/en/latest/userguide/package_discovery.html),
//! [data files](https://setuptools.pypa.io/en/latest/userguide/datafiles.html)).

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::super::entry_points::is_identifier;
use super::super::fault::{Fault, quoted};
use super::super::folder::Folder;
use super::super::glob::{MOST, Notation, compile};
use super::super::tree::{Tree, prefix};
use super::super::value::Value;
use super::manifest::Manifest;
use super::{Choice, add, is_itself, itself, path_of};
use crate::python::normalise_name;

const KEYS: [&str; 13] = [
    "packages",
    "py-modules",
    "package-dir",
    "package-data",
    "exclude-package-data",
    "include-package-data",
    "dynamic",
    "zip-safe",
    "platforms",
    "license-files",
    "provides",
    "obsoletes",
    "eager-resources",
];

/// Folders of a flat layout that are no packages.
const NO_PACKAGES: [&str; 34] = [
    "ci",
    "bin",
    "debian",
    "doc",
    "docs",
    "documentation",
    "manpages",
    "news",
    "newsfragments",
    "changelog",
    "test",
    "tests",
    "unit_test",
    "unit_tests",
    "example",
    "examples",
    "scripts",
    "tools",
    "util",
    "utils",
    "python",
    "build",
    "dist",
    "venv",
    "env",
    "requirements",
    "tasks",
    "fabfile",
    "site_scons",
    "benchmark",
    "benchmarks",
    "exercise",
    "exercises",
    "htmlcov",
];

/// Files of a flat layout that are no modules.
const NO_MODULES: [&str; 21] = [
    "setup",
    "conftest",
    "test",
    "tests",
    "example",
    "examples",
    "build",
    "toxfile",
    "noxfile",
    "pavement",
    "dodo",
    "tasks",
    "fabfile",
    "Sconstruct",
    "SConstruct",
    "conanfile",
    "manage",
    "benchmark",
    "benchmarks",
    "exercise",
    "exercises",
];

/// What `[tool.setuptools]` says.
#[derive(Debug)]
pub(in super::super) struct Setuptools {
    packages: Packages,
    modules: Option<Vec<String>>,
    /// Where packages lie, by name; that of the empty name holds all the others.
    directories: BTreeMap<String, String>,
    data: Vec<(String, Regex)>,
    without: Vec<(String, Regex)>,
    manifest: Manifest,
    line: usize,
}

#[derive(Debug)]
enum Packages {
    Discovered,
    Listed(Vec<String>),
    Found(Vec<Find>),
}

#[derive(Debug)]
struct Find {
    place: String,
    include: Vec<Regex>,
    exclude: Vec<(String, Regex)>,
    namespaces: bool,
}

impl Setuptools {
    pub(super) fn read(document: &Value, folder: &Folder) -> Result<Setuptools, Fault> {
        let empty = Value::parse("")?;
        let tool = document.find(&["tool", "setuptools"]).unwrap_or(&empty);
        tool.check_keys(&KEYS)?;
        if let Some(value) = tool.get("license-files") {
            return Err(value.wrong("is not read here").help("write it as `project.license-files`"));
        }
        let mut directories = BTreeMap::new();
        for (package, place) in tool.get("package-dir").map(Value::table).transpose()?.unwrap_or_default() {
            directories.insert(package.clone(), path_of(place, place.text()?)?);
        }
        let packages = match tool.get("packages") {
            None => Packages::Discovered,
            Some(value) if value.is_table() => {
                value.check_keys(&["find"])?;
                Packages::Found(value.get("find").map(read_find).transpose()?.unwrap_or_default())
            }
            Some(value) => Packages::Listed(value.texts()?),
        };
        let patterns = |key: &str| -> Result<Vec<(String, Regex)>, Fault> {
            let mut patterns = Vec::new();
            let notation = if key == "package-data" { Notation::Path } else { Notation::Name };
            for (package, value) in tool.get(key).map(Value::table).transpose()?.unwrap_or_default() {
                let package = if package == "*" { "" } else { package };
                for pattern in value.texts()? {
                    let compiled = compile(pattern.strip_prefix("./").unwrap_or(&pattern), notation);
                    let compiled =
                        compiled.map_err(|why| value.wrong(format!("has {}, which {why}", quoted(&pattern))))?;
                    patterns.push((package.to_owned(), compiled));
                    if patterns.len() > MOST {
                        return Err(value.wrong(format!("has one of more than {MOST} patterns")));
                    }
                }
            }
            Ok(patterns)
        };
        let manifest = match tool.get("include-package-data").map(Value::flag).transpose()?.unwrap_or(true) {
            true => read_manifest(document, folder)?,
            false => Manifest::default(),
        };
        Ok(Setuptools {
            packages,
            modules: tool.texts_at("py-modules")?,
            directories,
            data: patterns("package-data")?,
            without: patterns("exclude-package-data")?,
            manifest,
            line: tool.line,
        })
    }

    /// Where a module lies, without its suffix.
    pub(super) fn module_place(&self, module: &str) -> String {
        self.place(&self.directories, module)
    }

    fn place(&self, directories: &BTreeMap<String, String>, package: &str) -> String {
        // The most specific one first.
        let mut parent = package;
        loop {
            if let Some(place) = directories.get(parent) {
                let rest = package.strip_prefix(parent).unwrap_or_default().trim_start_matches('.').replace('.', "/");
                return match rest.is_empty() {
                    true => place.clone(),
                    false => format!("{}{rest}", prefix(place)),
                };
            }
            if parent.is_empty() {
                return package.replace('.', "/");
            }
            parent = parent.rsplit_once('.').map_or("", |(parent, _)| parent);
        }
    }

    /// Chooses the files; `plain` are the modules, whose mode setuptools does not keep as it does that of data.
    pub(super) fn choose(&self, tree: &Tree, name: &str, plain: &mut BTreeSet<String>) -> Result<Choice, Fault> {
        let mut directories = self.directories.clone();
        let mut modules = self.modules.clone().unwrap_or_default();
        let packages: BTreeSet<String> = match &self.packages {
            Packages::Listed(packages) => packages.iter().cloned().collect(),
            Packages::Found(finds) => {
                let mut packages = BTreeSet::new();
                for find in finds {
                    let found = find.packages(tree)?;
                    for package in found.iter().filter(|_| !find.place.is_empty()) {
                        directories.insert(package.clone(), format!("{}/{}", find.place, package.replace('.', "/")));
                    }
                    packages.extend(found);
                }
                packages
            }
            Packages::Discovered if self.modules.is_some() => BTreeSet::new(),
            Packages::Discovered => {
                let named: Vec<(&String, &String)> =
                    directories.iter().filter(|(package, _)| !package.is_empty()).collect();
                let source = directories.get("").cloned().unwrap_or_else(|| "src".to_owned());
                if !named.is_empty() {
                    let all = named.iter().flat_map(|(package, place)| {
                        std::iter::once((*package).clone())
                            .chain(everything(tree, place).into_iter().map(move |below| format!("{package}.{below}")))
                    });
                    all.collect()
                } else if is_itself(tree, name)
                    && (!tree.is_dir(&source) || source == "src" && tree.is_file("src/__init__.py"))
                {
                    return self.itself(tree, name);
                } else if tree.is_dir(&source) {
                    directories.insert(String::new(), source.clone());
                    modules = modules_in(tree, &source);
                    everything(tree, &source).into_iter().collect()
                } else {
                    let packages = flat_packages(tree, self.line)?;
                    if packages.is_empty() {
                        modules = flat_modules(tree, self.line)?;
                    }
                    packages
                }
            }
        };
        let mut choice = Choice::new();
        for module in &modules {
            let path = format!("{}.py", self.place(&directories, module));
            if !tree.is_file(&path) {
                return Err(missing(self.line, "module", module, &path));
            }
            add(&mut choice, format!("{}.py", module.replace('.', "/")), &path)?;
        }
        plain.extend(choice.keys().cloned());
        self.add_packages(&mut choice, plain, tree, &packages, &directories)?;
        match choice.is_empty() {
            true => {
                let help = "name them in `[tool.setuptools]` as `packages` or `py-modules`, and see whether the ignore rules leave them";
                Err(Fault::at(self.line, "no package and no module is found").help(help))
            }
            false => Ok(choice),
        }
    }

    /// The folder as the package: setuptools has no such layout, so all data files are laid, and modes are kept.
    fn itself(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let mut choice = itself(tree, name)?;
        choice
            .retain(|_, path| path.ends_with(".py") || !self.without.iter().any(|(_, pattern)| pattern.is_match(path)));
        Ok(choice)
    }

    fn add_packages(
        &self,
        choice: &mut Choice,
        plain: &mut BTreeSet<String>,
        tree: &Tree,
        packages: &BTreeSet<String>,
        directories: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let places: BTreeMap<String, &String> =
            packages.iter().map(|package| (self.place(directories, package), package)).collect();
        for (place, package) in &places {
            if !package.split('.').all(|part| !part.is_empty() && !part.contains('/')) {
                return Err(Fault::at(self.line, format!("{} is no name of a package", quoted(package))));
            }
            if !tree.is_dir(place) {
                return Err(missing(self.line, "package", package, place));
            }
            let target = package.replace('.', "/");
            let from = prefix(place);
            for path in tree.within(place).filter(|path| path.ends_with(".py")) {
                let target = format!("{target}/{}", path.strip_prefix(&from).unwrap_or(path));
                plain.insert(target.clone());
                add(choice, target, path)?;
            }
            for path in tree.below(place) {
                let rest = path.strip_prefix(&from).unwrap_or(path);
                if self.is_data(package, rest) && !self.is_without(package, rest) {
                    add(choice, format!("{target}/{rest}"), path)?;
                }
            }
        }
        // Each belongs to the innermost package that it lies in.
        for path in self.manifest.files(tree) {
            let mut directory = path;
            let package = loop {
                let Some((parent, _)) = directory.rsplit_once('/') else { break None };
                directory = parent;
                if let Some(package) = places.get(parent) {
                    break Some((parent, *package));
                }
            };
            let Some((place, package)) = package else { continue };
            let rest = path.strip_prefix(&prefix(place)).unwrap_or(path);
            let is_module = !rest.contains('/') && rest.strip_suffix(".py").is_some_and(is_identifier);
            if !is_module && !self.is_without(package, rest) {
                add(choice, format!("{}/{rest}", package.replace('.', "/")), path)?;
            }
        }
        Ok(())
    }

    fn is_data(&self, package: &str, path: &str) -> bool {
        let is_typing = path == "py.typed" || !path.contains('/') && path.ends_with(".pyi") && !path.starts_with('.');
        is_typing || matches(&self.data, package, path)
    }

    fn is_without(&self, package: &str, path: &str) -> bool {
        matches(&self.without, package, path)
    }
}

fn matches(patterns: &[(String, Regex)], package: &str, path: &str) -> bool {
    patterns.iter().any(|(of, pattern)| (of.is_empty() || of == package) && pattern.is_match(path))
}

fn missing(line: usize, kind: &str, name: &str, path: &str) -> Fault {
    let what = format!("the {kind} {} is to lie at {}, and does not", quoted(name), quoted(path));
    Fault::at(line, what).help("see whether the ignore rules leave it out")
}

/// `MANIFEST.in`, unless version control decides about data files.
fn read_manifest(document: &Value, folder: &Folder) -> Result<Manifest, Fault> {
    let requires = document.find(&["build-system", "requires"]);
    for requirement in requires.map(Value::texts).transpose()?.unwrap_or_default() {
        let name: String =
            requirement.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        if let Some(value) =
            requires.filter(|_| matches!(normalise_name(&name).as_str(), "setuptools-scm" | "setuptools-git"))
        {
            let what = format!("names {}, by which all data files in version control are laid", quoted(&name));
            return Err(value.backend(what));
        }
    }
    if !folder.is_file("MANIFEST.in") {
        return Ok(Manifest::default());
    }
    let text = folder.text("MANIFEST.in").map_err(|why| Fault::at(0, format!("`MANIFEST.in` {why}")))?;
    Manifest::parse(&text)
}

fn read_find(value: &Value) -> Result<Vec<Find>, Fault> {
    if let Some((_, value)) = value.stranger(&["where", "include", "exclude", "namespaces"])? {
        return Err(value.wrong("is none of `where`, `include`, `exclude` and `namespaces`"));
    }
    let places =
        value.get("where").map(|value| value.text_or_texts()).transpose()?.unwrap_or_else(|| vec![".".to_owned()]);
    let namespaces = value.get("namespaces").map(Value::flag).transpose()?.unwrap_or(true);
    let patterns = |key: &str| -> Result<Option<Vec<(String, Regex)>>, Fault> {
        let Some(texts) = value.get(key).map(Value::text_or_texts).transpose()?.filter(|texts| !texts.is_empty())
        else {
            return Ok(None);
        };
        let compiled = |text: String| {
            let pattern = compile(&text, Notation::Name);
            let pattern = pattern.map_err(|why| value.wrong(format!("has {}, which {why}", quoted(&text))))?;
            Ok((text, pattern))
        };
        texts.into_iter().map(compiled).collect::<Result<_, Fault>>().map(Some)
    };
    let find = |place: String| {
        Ok(Find {
            place: path_of(value, &place)?,
            include: patterns("include")?.unwrap_or_default().into_iter().map(|(_, pattern)| pattern).collect(),
            exclude: patterns("exclude")?.unwrap_or_default(),
            namespaces,
        })
    };
    places.into_iter().map(find).collect()
}

impl Find {
    fn packages(&self, tree: &Tree) -> Result<BTreeSet<String>, Fault> {
        let mut packages = BTreeSet::new();
        let from = prefix(&self.place);
        if !tree.is_dir(&self.place) {
            return Err(missing(0, "folder", "where", &self.place));
        }
        // Directories come before what is in them: a directory that is not entered takes all below it along.
        let mut skipped: Option<String> = None;
        for directory in tree.directories(&self.place) {
            if skipped.as_ref().is_some_and(|skipped| directory.starts_with(skipped.as_str())) {
                continue;
            }
            let relative = directory.strip_prefix(&from).unwrap_or(directory);
            let package = relative.replace('/', ".");
            let is_package = self.namespaces || tree.is_file(&format!("{directory}/__init__.py"));
            let name = relative.rsplit('/').next().unwrap_or_default();
            if name.contains('.') || !is_package {
                skipped = Some(prefix(directory));
                continue;
            }
            let is_included = self.include.is_empty() || self.include.iter().any(|pattern| pattern.is_match(&package));
            if is_included
                && package != "ez_setup"
                && !self.exclude.iter().any(|(_, pattern)| pattern.is_match(&package))
            {
                packages.insert(package.clone());
            }
            let all = [format!("{package}*"), format!("{package}.*")];
            if self.exclude.iter().any(|(text, _)| all.contains(text)) {
                skipped = Some(prefix(directory));
            }
        }
        Ok(packages)
    }
}

/// All directories below one, as packages.
fn everything(tree: &Tree, place: &str) -> Vec<String> {
    let from = prefix(place);
    let relative = tree.directories(place).map(|directory| directory.strip_prefix(&from).unwrap_or(directory));
    relative.filter(|path| !path.contains('.')).map(|path| path.replace('/', ".")).collect()
}

fn modules_in(tree: &Tree, place: &str) -> Vec<String> {
    let from = prefix(place);
    let names = tree.within(place).filter_map(|path| path.strip_prefix(&from)?.strip_suffix(".py"));
    names.filter(|name| is_identifier(name)).map(str::to_owned).collect()
}

fn flat_packages(tree: &Tree, line: usize) -> Result<BTreeSet<String>, Fault> {
    let fits = |directory: &&str| {
        let mut parts = directory.split('/');
        let first = parts.next().unwrap_or_default();
        let is_first = is_identifier(first) || first.ends_with("-stubs");
        is_first && parts.all(is_identifier) && !first.starts_with(['.', '_']) && !NO_PACKAGES.contains(&first)
    };
    let packages: BTreeSet<String> = tree.directories("").filter(fits).map(|path| path.replace('/', ".")).collect();
    let top: Vec<&str> =
        packages.iter().map(String::as_str).filter(|name| !name.contains('.') && !name.ends_with("-stubs")).collect();
    match top.len() {
        0 => Ok(BTreeSet::new()),
        1 => Ok(packages),
        _ => Err(several(line, "packages", &top)),
    }
}

fn flat_modules(tree: &Tree, line: usize) -> Result<Vec<String>, Fault> {
    let mut modules = modules_in(tree, "");
    modules.retain(|name| !name.starts_with('_') && !NO_MODULES.contains(&name.as_str()));
    match modules.len() {
        0 | 1 => Ok(modules),
        _ => Err(several(line, "modules", &modules.iter().map(String::as_str).collect::<Vec<_>>())),
    }
}

fn several(line: usize, kind: &str, names: &[&str]) -> Fault {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| quoted(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let key = if kind == "packages" { "packages" } else { "py-modules" };
    let what = format!("there are several top-level {kind}: {}{more}", shown.join(", "));
    Fault::at(line, what).help(format!("say which of them are meant: `{key} = [\"…\"]` in `[tool.setuptools]`"))
}
