//! The backends that are told little: flit, uv, PDM and Poetry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::super::entry_points::is_identifier;
use super::super::fault::{Fault, quoted};
use super::super::folder::Folder;
use super::super::glob::{GitPatterns, MOST, Notation, compile};
use super::super::repository::Repository;
use super::super::tree::{Tree, prefix};
use super::super::value::Value;
use super::{Choice, add, add_below, is_itself, itself, module_name, path_of};
use crate::python::normalise_name;

fn missing(line: usize, name: &str, key: &str) -> Fault {
    let what = format!("there is no package and no module {} that the ignore rules leave", quoted(name));
    Fault::at(line, what).help(format!("name the one that is meant as {key}"))
}

/// [Flit](https://flit.pypa.io/en/stable/pyproject_toml.html): one module or package.
#[derive(Debug)]
pub(in super::super) struct Flit {
    module: Option<String>,
    line: usize,
}

impl Flit {
    pub(super) fn read(document: &Value, _name: &str) -> Result<Flit, Fault> {
        let empty = Value::parse("")?;
        let tool = document.find(&["tool", "flit"]).unwrap_or(&empty);
        tool.check_keys(&["module", "sdist"])?;
        let module = tool.find(&["module", "name"]).map(Value::text).transpose()?.map(str::to_owned);
        if let Some(name) = module.as_ref().filter(|name| !name.split('.').all(is_identifier)) {
            return Err(tool.wrong(format!("names the module {}, which is no name", quoted(name))));
        }
        Ok(Flit { module, line: tool.line })
    }

    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let module = self.module.clone().unwrap_or_else(|| name.replace('-', "_"));
        let path = module.replace('.', "/");
        let mut choices = Vec::new();
        for root in ["", "src/"] {
            let (package, file) = (format!("{root}{path}"), format!("{root}{path}.py"));
            if tree.is_dir(&package) {
                let mut choice = Choice::new();
                add_below(&mut choice, tree, &package, &path)?;
                choices.push(choice);
            }
            if tree.is_file(&file) {
                choices.push(Choice::from([(format!("{path}.py"), file)]));
            }
        }
        match (choices.pop(), choices.pop()) {
            (Some(choice), None) => Ok(choice),
            (Some(_), Some(_)) => {
                Err(Fault::at(self.line, format!("several files or folders could be the module {}", quoted(&module))))
            }
            (None, _) if self.module.is_none() && is_itself(tree, name) => itself(tree, name),
            (None, _) => Err(missing(self.line, &module, "`name` in `[tool.flit.module]`")),
        }
    }
}

/// [uv](https://docs.astral.sh/uv/concepts/build-backend/): packages below a root.
#[derive(Debug)]
pub(in super::super) struct Uv {
    root: String,
    modules: Option<Vec<String>>,
    namespace: bool,
    /// What is left out at any depth.
    exclude: GitPatterns,
    /// What is left out where it lies.
    anchored: Vec<Regex>,
    line: usize,
}

impl Uv {
    pub(super) fn read(document: &Value, _name: &str) -> Result<Uv, Fault> {
        const KEYS: [&str; 8] = [
            "module-root",
            "module-name",
            "namespace",
            "wheel-exclude",
            "default-excludes",
            "source-include",
            "source-exclude",
            "preview",
        ];
        let empty = Value::parse("")?;
        let tool = document.find(&["tool", "uv", "build-backend"]).unwrap_or(&empty);
        tool.check_keys(&KEYS)?;
        let modules = tool.get("module-name").map(Value::text_or_texts).transpose()?;
        let is_name =
            |name: &String| name.split('.').all(|part| is_identifier(part.strip_suffix("-stubs").unwrap_or(part)));
        if let Some(name) = modules.iter().flatten().find(|name| !is_name(name)) {
            return Err(tool.wrong(format!("names the module {}, which is no name", quoted(name))));
        }
        let (mut exclude, mut anchored) = (GitPatterns::default(), Vec::new());
        for line in tool.texts_at("wheel-exclude")?.unwrap_or_default() {
            if line.starts_with('!') || line.contains('\\') {
                return Err(tool.backend(format!("excludes {}, which is no pattern", quoted(&line))));
            }
            // A pattern is meant at any depth unless it begins with a `/`.
            match line.strip_prefix('/') {
                Some(line) => anchored.push(line.to_owned()),
                None => exclude
                    .push(&format!("**/{line}"))
                    .map_err(|why| tool.backend(format!("excludes {}, which {why}", quoted(&line))))?,
            }
        }
        Ok(Uv {
            root: tool
                .get("module-root")
                .map_or_else(|| Ok("src".to_owned()), |value| path_of(value, value.text()?))?,
            modules,
            namespace: tool.get("namespace").map(Value::flag).transpose()?.unwrap_or(false),
            exclude,
            anchored: compile_all(&anchored, Notation::Dotted, tool.line)?,
            line: tool.line,
        })
    }

    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let modules = self.modules.clone().unwrap_or_else(|| vec![normalise_name(name).replace('-', "_")]);
        let root = prefix(&self.root);
        let mut choice = Choice::new();
        for module in &modules {
            let path = module.replace('.', "/");
            let place = format!("{root}{path}");
            let suffix = if path.ends_with("-stubs") { "pyi" } else { "py" };
            let is_there = tree.is_file(&format!("{place}/__init__.{suffix}")) || self.namespace && tree.is_dir(&place);
            if !is_there {
                return match self.modules.is_none() && is_itself(tree, name) {
                    true => itself(tree, name),
                    false => Err(missing(self.line, module, "`module-name` in `[tool.uv.build-backend]`")),
                };
            }
            add_below(&mut choice, tree, &place, &path)?;
        }
        choice.retain(|_, path| {
            !self.exclude.matches(path) && !self.anchored.iter().any(|pattern| pattern.is_match(path))
        });
        Ok(choice)
    }
}

/// [PDM](https://backend.pdm-project.org/build_config/): packages below a folder, or what is included.
#[derive(Debug)]
pub(in super::super) struct Pdm {
    folder: Option<String>,
    includes: Vec<String>,
    excludes: Vec<String>,
    line: usize,
}

impl Pdm {
    pub(super) fn read(document: &Value) -> Result<Pdm, Fault> {
        const KEYS: [&str; 7] =
            ["package-dir", "includes", "excludes", "source-includes", "is-purelib", "editable-backend", "requires"];
        let empty = Value::parse("")?;
        let tool = document.find(&["tool", "pdm", "build"]).unwrap_or(&empty);
        tool.check_keys(&KEYS)?;
        if let Some(value) = tool.get("is-purelib").filter(|value| value.flag().is_ok_and(|flag| !flag)) {
            return Err(value.backend("says that the wheel is for one platform"));
        }
        let patterns = |key: &str| -> Result<Vec<String>, Fault> {
            let Some(value) = tool.get(key) else { return Ok(Vec::new()) };
            value.texts()?.iter().map(|text| path_of(value, text)).collect()
        };
        let mut excludes = patterns("excludes")?;
        let sources = patterns("source-includes")?;
        excludes.extend(if sources.is_empty() { vec!["tests".to_owned()] } else { sources });
        Ok(Pdm {
            folder: tool.get("package-dir").map(|value| path_of(value, value.text()?)).transpose()?,
            includes: patterns("includes")?,
            excludes,
            line: tool.line,
        })
    }

    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let in_src = |pattern: &String| pattern == "src" || pattern.starts_with("src/");
        let is_src = tree.is_dir("src") && self.includes.is_empty()
            || self.includes.iter().any(in_src) && !self.excludes.iter().any(|pattern| pattern == "src");
        let folder = self.folder.clone().unwrap_or_else(|| if is_src { "src".to_owned() } else { String::new() });
        let mut includes = self.includes.clone();
        if includes.is_empty() {
            if self.folder.is_none() && is_itself(tree, name) && !tree.is_dir("src") {
                return itself(tree, name);
            }
            let packages = tree.below(&folder).filter_map(|path| path.strip_suffix("/__init__.py"));
            let below = prefix(&folder);
            let top = packages.filter(|path| path.strip_prefix(&below).is_some_and(|rest| !rest.contains('/')));
            includes.extend(top.map(str::to_owned));
            if includes.is_empty() {
                includes.push(format!("{below}*.py"));
            }
        }
        let (includes, excludes) = (self.patterns(&includes)?, self.patterns(&self.excludes)?);
        // A path that both name is decided by the more specific pattern.
        let judge = |path: &str| {
            let weight = |patterns: &[(Regex, Weight)]| {
                patterns.iter().filter(|(pattern, _)| pattern.is_match(path)).map(|(_, weight)| *weight).max()
            };
            let (included, excluded) = (weight(&includes), weight(&excludes));
            (included > excluded, excluded.is_some() && included <= excluded)
        };
        let directories: BTreeMap<&str, (bool, bool)> =
            std::iter::once("").chain(tree.directories("")).map(|path| (path, judge(path))).collect();
        let mut choice = Choice::new();
        for path in tree.below("") {
            let (is_included, is_excluded) = judge(path);
            let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
            let above: Vec<(bool, bool)> =
                std::iter::once("").chain(above).filter_map(|path| directories.get(path).copied()).collect();
            // A file that is named lies in it whatever is said about its directories.
            let is_within = above.iter().any(|(is_included, _)| *is_included)
                && !is_excluded
                && !above.iter().any(|(_, is_excluded)| *is_excluded);
            if is_included || is_within {
                add(&mut choice, path.strip_prefix(&prefix(&folder)).unwrap_or(path).to_owned(), path)?;
            }
        }
        match choice.is_empty() {
            true => Err(missing(self.line, &module_name(name), "`includes` in `[tool.pdm.build]`")),
            false => Ok(choice),
        }
    }

    fn patterns(&self, texts: &[String]) -> Result<Vec<(Regex, Weight)>, Fault> {
        let compiled = compile_all(texts, Notation::Path, self.line)?;
        Ok(compiled.into_iter().zip(texts.iter().map(|text| weight(text))).collect())
    }
}

/// How specific a pattern is: by its parts, then by its wildcards, of which fewer are more.
type Weight = (usize, Reverse<usize>);

fn weight(pattern: &str) -> Weight {
    let parts = || pattern.split('/').filter(|part| !part.is_empty());
    let wildcards = parts().map(|part| match part {
        "**" => 2,
        _ => usize::from(part.contains(['*', '?', '['])),
    });
    (parts().count(), Reverse(wildcards.sum()))
}

fn compile_all(texts: &[String], notation: Notation, line: usize) -> Result<Vec<Regex>, Fault> {
    if texts.len() > MOST {
        return Err(Fault::at(line, format!("there are more than {MOST} patterns")));
    }
    let compiled = |text: &String| {
        compile(text, notation).map_err(|why| Fault::at(line, format!("the pattern {} {why}", quoted(text))))
    };
    texts.iter().map(compiled).collect()
}

/// Whether a pattern matches a path or a directory that it lies in.
fn is_below(path: &str, patterns: &[Regex]) -> bool {
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    above.chain([path]).any(|part| patterns.iter().any(|pattern| pattern.is_match(part)))
}

/// [Poetry](https://python-poetry.org/docs/pyproject/#packages): the project's package, or those that are named.
#[derive(Debug)]
pub(in super::super) struct Poetry {
    packages: Vec<Package>,
    includes: Vec<String>,
    excludes: Vec<String>,
    repository: Option<Repository>,
    line: usize,
}

#[derive(Debug)]
struct Package {
    include: String,
    from: String,
    to: String,
}

impl Poetry {
    pub(super) fn read(document: &Value, folder: &Folder) -> Result<Poetry, Fault> {
        let empty = Value::parse("")?;
        let tool = document.find(&["tool", "poetry"]).unwrap_or(&empty);
        let mut packages = Vec::new();
        for package in tool.get("packages").map(Value::list).transpose()?.unwrap_or_default() {
            if let Some((_, value)) = package.stranger(&["include", "from", "to", "format"])? {
                return Err(value.wrong("is none of `include`, `from`, `to` and `format`"));
            }
            if !is_for_wheels(package, true)? {
                continue;
            }
            let path = |key: &str| package.get(key).map(|value| path_of(value, value.text()?)).transpose();
            let include = path("include")?.ok_or_else(|| package.wrong("has no `include`"))?;
            packages.push(Package {
                include,
                from: path("from")?.unwrap_or_default(),
                to: path("to")?.unwrap_or_default(),
            });
        }
        let (mut includes, mut excludes) = (Vec::new(), Vec::new());
        for (key, patterns, is_default) in [("include", &mut includes, false), ("exclude", &mut excludes, true)] {
            for value in tool.get(key).map(Value::list).transpose()?.unwrap_or_default() {
                if value.is_text() && is_default {
                    patterns.push(path_of(value, value.text()?)?);
                } else if value.is_table() && is_for_wheels(value, is_default)? {
                    let path = value.get("path").ok_or_else(|| value.wrong("has no `path`"))?;
                    patterns.push(path_of(path, path.text()?)?);
                }
            }
        }
        Ok(Poetry { packages, includes, excludes, repository: Repository::of(folder), line: tool.line })
    }

    pub(super) fn choose(&self, tree: &Tree, name: &str) -> Result<Choice, Fault> {
        let own = normalise_name(name).replace('-', "_");
        let mut choice = Choice::new();
        if self.packages.is_empty() {
            let place = ["", "src/"].iter().find_map(|root| {
                let (package, file) = (format!("{root}{own}"), format!("{root}{own}.py"));
                tree.is_dir(&package).then_some(package).or_else(|| tree.is_file(&file).then_some(file))
            });
            match place {
                Some(place) if place.ends_with(".py") => add(&mut choice, format!("{own}.py"), &place)?,
                Some(place) => add_below(&mut choice, tree, &place, &own)?,
                None if is_itself(tree, name) => choice = itself(tree, name)?,
                None => return Err(missing(self.line, &own, "`packages` in `[tool.poetry]`")),
            }
        }
        for package in &self.packages {
            let from = prefix(&package.from);
            let pattern = compile_all(&[format!("{from}{}", package.include)], Notation::Dotted, self.line)?;
            let before = choice.len();
            for path in tree.below(&package.from).filter(|path| is_below(path, &pattern)) {
                add(&mut choice, format!("{}{}", prefix(&package.to), path.strip_prefix(&from).unwrap_or(path)), path)?;
            }
            if choice.len() == before {
                return Err(missing(self.line, &package.include, "`packages` in `[tool.poetry]`"));
            }
        }
        let excludes = compile_all(&self.excludes, Notation::Dotted, self.line)?;
        let includes = compile_all(&self.includes, Notation::Dotted, self.line)?;
        let ignored = match &self.repository {
            Some(repository) => repository.ignored(choice.values().map(String::as_str))?,
            None => BTreeSet::new(),
        };
        choice.retain(|_, path| !is_below(path, &excludes) && !ignored.contains(path) || is_below(path, &includes));
        if choice.is_empty() && self.includes.is_empty() {
            let what = "all that it has is ignored, by `exclude` in `[tool.poetry]` or by git";
            return Err(Fault::at(self.line, what).help("name what is meant as `include` in `[tool.poetry]`"));
        }
        let chosen: BTreeSet<String> = choice.values().cloned().collect();
        for path in tree.below("").filter(|path| is_below(path, &includes) && !chosen.contains(*path)) {
            add(&mut choice, path.to_owned(), path)?;
        }
        Ok(choice)
    }
}

/// Whether an entry's `format` names wheels; `is_default` if it names nothing.
fn is_for_wheels(value: &Value, is_default: bool) -> Result<bool, Fault> {
    let formats = value.get("format").map(Value::text_or_texts).transpose()?;
    Ok(formats.map_or(is_default, |formats| formats.iter().any(|format| format == "wheel")))
}
