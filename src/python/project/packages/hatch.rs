//! Hatchling: `[tool.hatch.build]` and `[tool.hatch.build.targets.wheel]`
//! ([build configuration](https://hatch.pypa.io/latest/config/build/)).

use super::super::fault::{Fault, quoted};
use super::super::folder::Folder;
use super::super::glob::GitPatterns;
use super::super::repository::IgnoreFile;
use super::super::tree::{Tree, prefix};
use super::super::value::Value;
use super::{Choice, add, is_itself, itself, path_of};
use crate::python::normalise_name;

/// Keys that decide which files are laid, and those that do not matter here.
const KEYS: [&str; 17] = [
    "packages",
    "include",
    "exclude",
    "only-include",
    "force-include",
    "sources",
    "ignore-vcs",
    "targets",
    "reproducible",
    "directory",
    "dev-mode-dirs",
    "dev-mode-exact",
    "strict-naming",
    "core-metadata-version",
    "versions",
    "macos-max-compat",
    "bypass-selection",
];

/// Directories that are never entered.
const EXCLUDED: [&str; 9] =
    [".venv", ".hatch", ".tox", ".nox", ".ruff_cache", ".pytest_cache", ".mypy_cache", ".pixi", "__pycache__"];

/// What `[tool.hatch.build]` says about wheels.
#[derive(Debug)]
pub(in super::super) struct Hatch {
    packages: Vec<String>,
    include: Vec<String>,
    only: Vec<(String, String)>,
    force: Vec<(String, String)>,
    sources: Vec<(String, String)>,
    exclude: GitPatterns,
    line: usize,
}

impl Hatch {
    pub(super) fn read(document: &Value, folder: &Folder) -> Result<Hatch, Fault> {
        let empty = Value::parse("")?;
        let build = document.find(&["tool", "hatch", "build"]).unwrap_or(&empty);
        let wheel = build.find(&["targets", "wheel"]).unwrap_or(&empty);
        for table in [build, wheel] {
            table.check_keys(&KEYS)?;
        }
        let get = |key: &str| wheel.get(key).or_else(|| build.get(key));
        let texts = |key: &str| get(key).map(Value::texts).transpose().map(Option::unwrap_or_default);
        let paths = |key: &str| -> Result<Vec<String>, Fault> {
            let Some(value) = get(key) else { return Ok(Vec::new()) };
            value.texts()?.iter().map(|text| path_of(value, text)).collect()
        };
        let pairs = |key: &str| -> Result<Vec<(String, String)>, Fault> {
            let Some(value) = get(key) else { return Ok(Vec::new()) };
            let pair = |(from, to): &(String, Value)| Ok((path_of(to, from)?, path_of(to, to.text()?)?));
            value.table()?.iter().map(pair).collect()
        };
        let packages = paths("packages")?;
        let mut sources = match get("sources") {
            Some(value) if value.is_table() => pairs("sources")?,
            Some(_) => paths("sources")?.into_iter().map(|path| (path, String::new())).collect(),
            None => Vec::new(),
        };
        add_sources(&mut sources, &packages);
        let mut exclude = GitPatterns::default();
        let mut push = |line: &str, value: Option<&Value>| {
            let at = value.map_or(0, |value| value.line);
            exclude.push(line).map_err(|why| Fault::backend(at, format!("the pattern {} {why}", quoted(line))))
        };
        push("*.py[cdo]", None)?;
        push("/dist", None)?;
        if !get("ignore-vcs").map(Value::flag).transpose()?.unwrap_or(false) {
            exclude.append(ignore_files(folder)?);
        }
        let mut push = |line: &str, value: Option<&Value>| {
            let at = value.map_or(0, |value| value.line);
            exclude.push(line).map_err(|why| Fault::backend(at, format!("the pattern {} {why}", quoted(line))))
        };
        texts("exclude")?.iter().try_for_each(|line| push(line, get("exclude")))?;
        Ok(Hatch {
            packages,
            include: texts("include")?,
            only: paths("only-include")?.into_iter().map(|path| (path.clone(), path)).collect(),
            force: pairs("force-include")?,
            sources,
            exclude,
            line: build.line,
        })
    }

    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let mut found = Vec::new();
        let mut roots = self.only.clone();
        if self.packages.is_empty() && self.include.is_empty() && self.only.is_empty() {
            match default(tree, name) {
                Some(Default::Package(package)) => found.push(package),
                Some(Default::Module(file)) => roots.push((file.clone(), file)),
                None if is_itself(tree, name) => return self.itself(tree, name),
                // What is forced is all there is then.
                None if !self.force.is_empty() => return self.forced(tree, Choice::new(), &self.sources),
                None => return Err(self.undecided(name)),
            }
        }
        let mut sources = self.sources.clone();
        add_sources(&mut sources, &found);
        // `include` counts for nothing beside packages, which are roots then.
        if roots.is_empty() {
            roots.extend(self.packages.iter().chain(&found).map(|package| (package.clone(), package.clone())));
        }
        let mut choice = Choice::new();
        if roots.is_empty() {
            let mut include = GitPatterns::default();
            for line in &self.include {
                include
                    .push(line)
                    .map_err(|why| Fault::backend(self.line, format!("the pattern {} {why}", quoted(line))))?;
            }
            for path in tree.below("").filter(|path| include.is_empty() || include.matches(path)) {
                self.add(&mut choice, path, path, &sources)?;
            }
        }
        for (from, to) in &roots {
            if !tree.is_file(from) && !tree.is_dir(from) {
                return Err(self.missing(from));
            }
            let below = prefix(from);
            if tree.is_file(from) {
                add(&mut choice, distribution_path(to, &sources), from)?;
            }
            for path in tree.below(from) {
                let target = format!("{}{}", prefix(to), path.strip_prefix(&below).unwrap_or(path));
                self.add(&mut choice, path, &target, &sources)?;
            }
        }
        let choice = self.forced(tree, choice, &sources)?;
        if choice.is_empty() {
            return Err(
                Fault::at(self.line, "no file is found").help("see whether the ignore rules leave the package out")
            );
        }
        Ok(choice)
    }

    /// Adds a file unless it is left out.
    fn add(&self, choice: &mut Choice, path: &str, target: &str, sources: &[(String, String)]) -> Result<(), Fault> {
        let is_left_out =
            self.exclude.matches(path) || path.split('/').rev().skip(1).any(|part| EXCLUDED.contains(&part));
        if is_left_out { Ok(()) } else { add(choice, distribution_path(target, sources), path) }
    }

    fn forced(&self, tree: &Tree, mut choice: Choice, sources: &[(String, String)]) -> Result<Choice, Fault> {
        for (from, to) in &self.force {
            if tree.is_file(from) {
                add(&mut choice, distribution_path(to, sources), from)?;
            } else if tree.is_dir(from) {
                let below = prefix(from);
                for path in tree.below(from) {
                    let target = format!("{}{}", prefix(to), path.strip_prefix(&below).unwrap_or(path));
                    add(&mut choice, distribution_path(&target, sources), path)?;
                }
            } else {
                return Err(self.missing(from));
            }
        }
        Ok(choice)
    }

    fn itself(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let mut choice = itself(tree, name)?;
        choice.retain(|_, path| !self.exclude.matches(path));
        self.forced(tree, choice, &self.sources)
    }

    fn missing(&self, path: &str) -> Fault {
        let what = format!("{} does not exist in the project's folder, or the ignore rules leave it out", quoted(path));
        Fault::at(self.line, what)
    }

    fn undecided(&self, name: &str) -> Fault {
        let what = format!("no package is named as the project {}", quoted(name));
        Fault::at(self.line, what).help("name it: `packages = [\"src/…\"]` in `[tool.hatch.build.targets.wheel]`")
    }
}

/// The patterns of version control that hatchling reads: those of the next `.gitignore` and `.hgignore`, in the folder or
/// above it within the repository. Wherever the file lies, they are about paths from the project's folder.
fn ignore_files(folder: &Folder) -> Result<GitPatterns, Fault> {
    let mut patterns = GitPatterns::default();
    let mut place = String::new();
    for (name, boundary) in [(".gitignore", ".git"), (".hgignore", ".hg")] {
        let Some(file) = IgnoreFile::next(folder, name, boundary)? else { continue };
        // Mercurial's other syntax is passed over.
        let mut is_glob = name == ".gitignore";
        for (at, line) in file.text.lines().enumerate() {
            match line.trim().strip_prefix("syntax: ").filter(|_| name == ".hgignore") {
                Some(syntax) => is_glob = syntax == "glob",
                None if is_glob => patterns.push(line).map_err(|why| {
                    Fault::backend(at + 1, format!("the pattern {} {why}", quoted(line))).of(&file.path)
                })?,
                None => {}
            }
        }
        place = std::cmp::max_by_key(place, file.place, String::len);
    }
    // Where they ignore the project itself, none of them counts. Hatchling asks for the folder's whole path; how the
    // directories above the ignore file are called is no matter here, so they are one of a name that nothing has.
    let whole = if place.is_empty() { "\0".to_owned() } else { format!("\0/{place}") };
    match patterns.matches(&whole) {
        true => Ok(GitPatterns::default()),
        false => Ok(patterns),
    }
}

enum Default {
    Package(String),
    Module(String),
}

/// What hatchling takes if it is told nothing.
fn default(tree: &Tree, name: &str) -> Option<Default> {
    let written = name.replace(['-', '.'], "_");
    for name in [written, normalise_name(name).replace('-', "_")] {
        for package in [name.clone(), format!("src/{name}")] {
            if tree.is_file(&format!("{package}/__init__.py")) {
                return Some(Default::Package(package));
            }
        }
        let file = format!("{name}.py");
        if tree.is_file(&file) {
            return Some(Default::Module(file));
        }
        // The only one below any directory is one of a namespace.
        let inner = format!("/{name}/__init__.py");
        let mut namespaces =
            tree.below("").filter_map(|path| path.strip_suffix(&inner)).filter(|path| !path.contains('/'));
        if let (Some(namespace), None) = (namespaces.next(), namespaces.next()) {
            return Some(Default::Package(namespace.to_owned()));
        }
    }
    None
}

/// A package's parents are no part of where it goes.
fn add_sources(sources: &mut Vec<(String, String)>, packages: &[String]) {
    for package in packages {
        if let Some((parent, _)) = package.rsplit_once('/')
            && !sources.iter().any(|(from, _)| from == package)
            && !sources.iter().any(|(from, _)| from == parent)
        {
            sources.push((parent.to_owned(), String::new()));
        }
    }
    sources.sort();
}

fn distribution_path(path: &str, sources: &[(String, String)]) -> String {
    for (from, to) in sources {
        if let Some(rest) = path.strip_prefix(&prefix(from)) {
            return format!("{}{rest}", prefix(to));
        }
    }
    path.to_owned()
}
