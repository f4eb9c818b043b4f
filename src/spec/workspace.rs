//! Specs that belong together: those asked for, those they are built on, in the order to build them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dockerfile::{Arguments, Program};
use super::error::SpecError;
use super::lock::Lock;
use super::recipe::{Base, CopyFrom, LayerContent, Recipe};
use super::resolve::{OtherSpec, Resolved, Source, is_image_name};
use super::variables::Variables;

/// The largest spec, in bytes.
const SIZE_LIMIT: u64 = 16 << 20;

/// How many specs may need each other: no image has as many layers.
const SPEC_LIMIT: usize = 1000;

/// What the Dockerfiles of a run are built with.
#[derive(Debug, Clone, Default)]
pub struct Dockerfiles {
    /// Their images' name; that of the folder they lie in if not given.
    pub name: Option<String>,
    /// All else.
    pub arguments: Arguments,
}

/// The recipes of a run, each after those it is built on and copies from.
#[derive(Debug)]
pub struct Workspace {
    /// The recipes.
    pub recipes: Vec<Recipe>,
    /// Which of them were asked for; the others are only built on or copied from.
    pub requested: Vec<bool>,
}

impl Workspace {
    /// A workspace of recipes written in code, all of them asked for. What a recipe is built on or copies
    /// from comes before it.
    pub fn of(recipes: Vec<Recipe>) -> Workspace {
        let requested = vec![true; recipes.len()];
        Workspace { recipes, requested }
    }
}

/// Loads specs: files, or folders whose `*.toml` files are all specs, but for those of Python (`pyproject.toml`,
/// `pylock.toml`, `pylock.NAME.toml`). Dockerfiles among them are built with nothing
/// else.
///
/// # Errors
///
/// [`SpecError`] with the place of the first mistake.
pub fn load(paths: &[PathBuf], variables: &Variables) -> Result<Workspace, SpecError> {
    load_with(paths, variables, &Dockerfiles::default())
}

/// The same with what the Dockerfiles among them are built with.
///
/// # Errors
///
/// [`SpecError`]: the first mistake of a TOML file, all mistakes of a Dockerfile.
pub fn load_with(paths: &[PathBuf], variables: &Variables, dockerfiles: &Dockerfiles) -> Result<Workspace, SpecError> {
    let mut loader = Loader { variables, dockerfiles, specs: Vec::new(), by_path: BTreeMap::new() };
    let mut requested = Vec::new();
    for path in paths {
        for file in files(path)? {
            let index = loader.load(&file)?;
            if !requested.contains(&index) {
                requested.push(index);
            }
        }
    }
    loader.order(&requested)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, SpecError> {
    let read = |source| SpecError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(read)?.is_dir() {
        if path.extension().is_none_or(|extension| extension != "toml") && !is_dockerfile(path) {
            return Err(SpecError::Kind(path.to_owned()));
        }
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        let is_toml = file.extension().is_some_and(|extension| extension == "toml");
        if is_toml && !is_pythons(&file) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(SpecError::NoSpecs(path.to_owned()));
    }
    Ok(files)
}

/// Whether a file's name is Python's own: that of a project, or of a
/// [lock](https://packaging.python.org/en/latest/specifications/pylock-toml/).
fn is_pythons(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "pyproject.toml" || name.starts_with("pylock.")
}

/// Whether a file's name says that it is a Dockerfile: `Dockerfile`, `Dockerfile.*`, `*.Dockerfile`, and the same with
/// `Containerfile`.
pub fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_one = |word: &str| {
        name == word || name.strip_prefix(word).is_some_and(|rest| rest.starts_with('.')) || {
            name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
        }
    };
    (is_one("Dockerfile") || is_one("Containerfile")) && !name.ends_with(".dockerignore") && !name.ends_with(".toml")
}

/// The name of a Dockerfile's image: that of the folder it lies in, as far as an image may be called so.
fn folder_name(file: &Path) -> String {
    let folder = fs::canonicalize(file).ok().and_then(|file| Some(file.parent()?.file_name()?.to_owned()));
    let folder = folder.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let parts = folder.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    if name.is_empty() { "image".to_owned() } else { name }
}

struct Loader<'a> {
    variables: &'a Variables,
    dockerfiles: &'a Dockerfiles,
    specs: Vec<Spec>,
    by_path: BTreeMap<PathBuf, usize>,
}

struct Spec {
    file: PathBuf,
    recipe: Recipe,
    /// What it is built on and what it copies from, in this order.
    needs: Vec<usize>,
}

impl Loader<'_> {
    /// Loads a spec and all it is built on; returns its place among [`Loader::specs`].
    fn load(&mut self, file: &Path) -> Result<usize, SpecError> {
        let read = |source| SpecError::Read { path: file.to_owned(), source };
        let identity = fs::canonicalize(file).map_err(read)?;
        if let Some(&index) = self.by_path.get(&identity) {
            return Ok(index);
        }
        let metadata = fs::metadata(file).map_err(read)?;
        if !metadata.is_file() || metadata.len() > SIZE_LIMIT {
            return Err(SpecError::Kind(file.to_owned()));
        }
        let text: Arc<str> = fs::read_to_string(file).map_err(read)?.into();
        let Resolved { mut recipe, base_spec, copied_specs } = if is_dockerfile(file) {
            Resolved { recipe: self.dockerfile(file, text)?, base_spec: None, copied_specs: Vec::new() }
        } else {
            let source = Source { file: file.to_owned(), text };
            source.resolve(source.parse()?, self.variables)?
        };
        recipe.lock = Lock::read(&Lock::path(file))?;
        if let Some(other) = self.specs.iter().find(|spec| spec.recipe.name == recipe.name) {
            return Err(SpecError::SameName { name: recipe.name, first: other.file.clone(), second: file.to_owned() });
        }
        let index = self.specs.len();
        self.by_path.insert(identity, index);
        self.specs.push(Spec { file: file.to_owned(), recipe, needs: Vec::new() });
        if let Some(other) = base_spec {
            let name = self.needed(index, other)?;
            self.specs[index].recipe.base = Base::Recipe(name);
        }
        for (layer, other) in copied_specs {
            let needed = self.needed(index, other)?;
            let layer = self.specs[index].recipe.layers.get_mut(layer);
            if let Some(LayerContent::Copy { from: CopyFrom::Recipe { name, .. }, .. }) =
                layer.map(|layer| &mut layer.content)
            {
                *name = needed;
            }
        }
        Ok(index)
    }

    /// Loads a spec that another needs; returns its image's name.
    fn needed(&mut self, by: usize, OtherSpec { path, span }: OtherSpec) -> Result<String, SpecError> {
        if !path.is_file() {
            let message = format!("there is no spec `{}`", path.display());
            return Err(SpecError::At { span, message, help: None });
        }
        if self.specs.len() > SPEC_LIMIT {
            let message = format!("more than {SPEC_LIMIT} specs are built on each other");
            return Err(SpecError::At { span, message, help: None });
        }
        let needed = self.load(&path)?;
        if !self.specs[by].needs.contains(&needed) {
            self.specs[by].needs.push(needed);
        }
        Ok(self.specs[needed].recipe.name.clone())
    }

    fn dockerfile(&self, file: &Path, text: Arc<str>) -> Result<Recipe, SpecError> {
        let name = self.dockerfiles.name.clone().unwrap_or_else(|| folder_name(file));
        if !is_image_name(&name) {
            return Err(SpecError::Name(name));
        }
        let stage = Program::load(file, text, self.dockerfiles.arguments.clone())?;
        let mut recipe = Recipe::scratch(&name);
        recipe.file = Some(file.to_owned());
        recipe.stage = Some(stage);
        Ok(recipe)
    }

    /// What is needed before what needs it, otherwise as asked for.
    fn order(self, requested: &[usize]) -> Result<Workspace, SpecError> {
        let mut order: Vec<usize> = Vec::new();
        for &index in requested {
            // The chain that is being followed: each with how many of its needs were looked at.
            let mut chain: Vec<(usize, usize)> = vec![(index, 0)];
            while let Some((index, looked_at)) = chain.last_mut() {
                let Some(&needed) = self.specs[*index].needs.get(*looked_at) else {
                    if !order.contains(index) {
                        order.push(*index);
                    }
                    chain.pop();
                    continue;
                };
                *looked_at += 1;
                if let Some(start) = chain.iter().position(|&(above, _)| above == needed) {
                    let names = chain[start..].iter().map(|(index, _)| index).chain([&needed]);
                    let names: Vec<String> =
                        names.map(|&index| format!("`{}`", self.specs[index].file.display())).collect();
                    return Err(SpecError::Cycle(names.join(" → ")));
                }
                if !order.contains(&needed) {
                    chain.push((needed, 0));
                }
            }
        }
        let is_requested = order.iter().map(|index| requested.contains(index)).collect();
        let mut specs: Vec<Option<Spec>> = self.specs.into_iter().map(Some).collect();
        let recipes = order.iter().filter_map(|&index| specs[index].take()).map(|spec| spec.recipe).collect();
        Ok(Workspace { recipes, requested: is_requested })
    }
}
