//! Python distributions: chosen for a platform, found, and laid in groups.

mod absent;
mod choose;
mod house;
mod index;
mod obtain;
mod page;
mod projects;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{Memory, Options, supply};
use crate::context::Context;
use crate::digest::Digest;
use crate::entry::{Owner, parents};
use crate::error::Error;
use crate::image::{Platform, Tree};
use crate::layer::{self, Contents, PlacedFile, Stack, place_files};
use crate::python::{
    Conflict, Distribution, Group, Interpreter, Laid, MOST_LAYERS, Old, Project, Replacement, Scheme, Split, Target,
    Weight, WheelFile, compacted, conflict, find_libc, group, metadata_name,
};
use crate::spec::{Installation, LayerRecipe, Package, Wheels};
use crate::workshop::Workshop;

use choose::{Choice, Place, choose};

/// What scripts begin with where no interpreter is known.
const ANY_INTERPRETER: &str = "/usr/bin/env python";

/// Lays the distributions of a layer.
pub(super) struct Python<'a> {
    pub workshop: &'a Workshop,
    /// The image's name, for messages.
    pub image: &'a str,
    pub layer: &'a LayerRecipe,
    /// All of the image's layers.
    pub layers: &'a [LayerRecipe],
    pub platform: &'a Platform,
    /// The image's `PATH`.
    pub search_path: &'a str,
    pub options: &'a Options,
    /// The digest of the image at the bottom, if it has one.
    pub ground: Option<Digest>,
    pub memory: &'a dyn Memory,
    /// The recipe's place in the workspace.
    pub place: usize,
}

/// What the laying of distributions depends on in the image below.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grounds {
    target: Target,
    scheme: Scheme,
    /// The metadata of other versions that are there.
    others: BTreeSet<Box<[u8]>>,
}

impl Grounds {
    /// Whether there are other versions.
    pub fn has_others(&self) -> bool {
        !self.others.is_empty()
    }
}

/// What came of laying distributions.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The layers, by name.
    pub layers: Vec<(String, Contents)>,
    /// The wheels in them, as they are remembered.
    pub wheels: Vec<Laid>,
    /// The files of old versions that were taken away.
    pub replacements: Vec<Replacement>,
}

/// A layer, and which part of the recipe it is; nothing if it is the only one.
struct Part {
    name: Option<String>,
    contents: Contents,
}

/// Who laid a file: the distribution's name and what it is called, and the file's digest.
pub(super) type Owners = BTreeMap<Box<[u8]>, (String, String, Digest)>;

impl Python<'_> {
    /// The layers of `wheels` over `stack`, each laid as if none of the others were there. `owners` are the files of the
    /// distributions below, and these are added.
    pub fn wheels(&self, wheels: &Wheels, stack: &Stack, owners: &mut Owners) -> Result<Outcome, Error> {
        let (target, scheme) = self.installation(&wheels.installation, stack.tree())?;
        let mut choices = choose(self, wheels, &target)?;
        if let (Split::Each, Some(part)) = (wheels.split, &wheels.part)
            && choices.len() <= MOST_LAYERS
        {
            // The others would only be left out again.
            choices.retain(|choice| choice.name == *part);
        }
        let laid = self.laid(&choices, &target, &scheme)?;
        let weights: Vec<Weight<'_>> = laid
            .iter()
            .map(|laid| {
                let is_pure = laid.file.ends_with("-any.whl");
                Weight { name: &laid.distribution.name, size: laid.size, is_pure }
            })
            .collect();
        let groups = group(&weights, wheels.split);
        let distributions = laid.iter().map(|laid| laid.distribution.clone()).collect();
        let (replacements, mut parts) = self.lay(distributions, groups, &scheme, stack, owners)?;
        if let Some(meant) = &wheels.part {
            parts.retain(|part| part.name.as_ref() == Some(meant));
            if parts.is_empty() {
                let what = "none of the distributions goes into it any more".to_owned();
                return Err(self.refuse(what, Some("push the spec instead".to_owned())));
            }
        }
        let named = |Part { name, contents }: Part| match name {
            Some(name) if wheels.part.is_none() => (format!("{}/{name}", self.layer.name), contents),
            _ => (self.layer.name.clone(), contents),
        };
        Ok(Outcome { layers: parts.into_iter().map(named).collect(), wheels: laid, replacements })
    }

    /// The layer of a project over `stack`.
    pub fn package(&self, package: &Package, stack: &Stack, owners: &mut Owners) -> Result<Outcome, Error> {
        let (target, scheme) = self.installation(&package.installation, stack.tree())?;
        let folder = self.layer.content.context_path(self.platform).unwrap_or_default();
        let context = Context::open(&folder, &package.exclude).map_err(|error| self.failed(error))?;
        for output in &self.options.outputs {
            context.refuse_output(b"", output).map_err(|error| self.failed(error))?;
        }
        let failed = |error: crate::python::ProjectError| self.refuse(error.to_string(), error.help.clone());
        let project = Project::read(&folder, &package.exclude).map_err(failed)?;
        self.check_python(project.requires_python(), project.name(), &target)?;
        let index = self.workshop.store().context_index(&folder, b"package", &package.exclude);
        let distribution = project.lay(&context, &scheme, Some(&index), self.workshop.workers()).map_err(failed)?;
        let groups = group(&[Weight { name: &distribution.name.clone(), size: 0, is_pure: true }], Split::One);
        let (replacements, parts) = self.lay(vec![distribution], groups, &scheme, stack, owners)?;
        let layers = parts.into_iter().map(|part| (self.layer.name.clone(), part.contents)).collect();
        Ok(Outcome { layers, wheels: Vec::new(), replacements })
    }

    /// Lays distributions in groups, each group over `stack` as if none of the others were there.
    fn lay(
        &self,
        distributions: Vec<Distribution>,
        groups: Vec<Group>,
        scheme: &Scheme,
        stack: &Stack,
        owners: &mut Owners,
    ) -> Result<(Vec<Replacement>, Vec<Part>), Error> {
        // What a library folder has is asked as a whole: it is one fact, and that each file is not there would be many.
        for library in [&scheme.pure, &scheme.platform] {
            let names = stack.tree().resolve(library).and_then(|real| stack.tree().children(&real));
            names.map_err(|error| self.failed(error))?;
        }
        let distributions = self.resolved(distributions, stack.tree())?;
        self.must_agree(&distributions, scheme, owners)?;
        let laid: BTreeSet<Box<[u8]>> =
            distributions.iter().flat_map(|one| &one.files).map(|file| file.path.clone()).collect();
        let owner: Owner = stack.owner(&self.layer.owner).map_err(|error| self.failed(error))?;
        let mtime = self.layer.mtime.unwrap_or(self.options.epoch);
        // Two of them may lay the same file, and one of them as a script.
        let executable: BTreeSet<&[u8]> = distributions
            .iter()
            .flat_map(|one| &one.files)
            .filter(|file| file.executable)
            .map(|file| &*file.path)
            .collect();
        let (mut replacements, mut parts) = (Vec::new(), Vec::new());
        for Group { name, members } in groups {
            let mut files: BTreeMap<&[u8], PlacedFile> = BTreeMap::new();
            let mut gone: Vec<Box<[u8]>> = Vec::new();
            for distribution in members.iter().filter_map(|&at| distributions.get(at)) {
                for old in Old::find(&distribution.name, scheme, stack).map_err(|error| self.failed(error))? {
                    let replacement = self.replacement(&old, scheme, stack)?;
                    gone.extend(compacted(&old, &replacement.files, &laid, stack).map_err(|error| self.failed(error))?);
                    replacements.push(replacement);
                }
                files.extend(distribution.files.iter().map(|file| {
                    let mode = if executable.contains(&*file.path) { 0o755 } else { 0o644 };
                    (&*file.path, PlacedFile { path: file.path.clone(), mode, content: file.content.clone() })
                }));
            }
            let contents = place_files(files.into_values().collect(), &gone, owner, stack, mtime);
            parts.push(Part { name, contents: contents.map_err(|error| self.failed(error))? });
        }
        Ok((replacements, parts))
    }

    /// The files of an old version, remembered or read from the image.
    fn replacement(&self, old: &Old, scheme: &Scheme, stack: &Stack) -> Result<Replacement, Error> {
        let id = self.ground.filter(|_| old.is_grounds(stack)).map(|ground| old.id(&ground, scheme));
        let remembered = id.and_then(|id| self.remembered()?.replacement(&id).cloned());
        match (remembered, id) {
            (Some(remembered), _) => Ok(remembered),
            (None, id) => {
                // Who remembers does not ask: what is asked here must not become a fact that travels with the image.
                let files = old.files(scheme, &stack.clone()).map_err(|error| self.failed(error))?;
                let is_news = id.is_some();
                Ok(Replacement { id: id.unwrap_or_else(|| Digest::of(&old.metadata)), files, is_news })
            }
        }
    }

    /// The distributions with links of the image on the ways to their files followed.
    fn resolved(&self, mut distributions: Vec<Distribution>, tree: &Tree) -> Result<Vec<Distribution>, Error> {
        let mut folders: BTreeMap<Box<[u8]>, Box<[u8]>> = BTreeMap::new();
        for file in distributions.iter_mut().flat_map(|one| &mut one.files) {
            let folder = parents(&file.path).last().unwrap_or_default();
            let real = match folders.get(folder) {
                Some(real) => real.clone(),
                None => {
                    let real = tree.resolve(folder).map_err(|error| self.failed(error))?;
                    folders.insert(folder.into(), real.clone());
                    real
                }
            };
            if *real != *folder {
                let name = if folder.is_empty() { &file.path[..] } else { &file.path[folder.len() + 1..] };
                file.path = if real.is_empty() { name.into() } else { [&real, &b"/"[..], name].concat().into() };
            }
        }
        Ok(distributions)
    }

    /// Makes sure that no two distributions lay different files at one path, those below included, and none lays one in the
    /// interpreter's place. Another version of one below may.
    fn must_agree(&self, all: &[Distribution], scheme: &Scheme, owners: &mut Owners) -> Result<(), Error> {
        let refuse = |conflict: &Conflict| {
            let help = "leave one of them out, or lay it into a folder of its own with `into`";
            self.refuse(conflict.to_string(), Some(help.to_owned()))
        };
        if let Some(conflict) = conflict(&all.iter().collect::<Vec<_>>()) {
            return Err(refuse(&conflict));
        }
        for distribution in all {
            for file in &distribution.files {
                if let Some((name, origin, digest)) = owners.get(&file.path)
                    && *digest != file.content.digest
                    && *name != distribution.name
                {
                    let (one, other) = (origin.clone(), distribution.origin.clone());
                    return Err(refuse(&Conflict { path: file.path.clone(), one, other }));
                }
                if is_interpreter(&file.path, scheme) {
                    let path = String::from_utf8_lossy(&file.path);
                    let what = format!("`{}` lays `/{path}`, which is the interpreter's place", distribution.origin);
                    return Err(self.refuse(what, None));
                }
            }
        }
        for distribution in all {
            owners.extend(distribution.files.iter().map(|file| {
                let owner = (distribution.name.clone(), distribution.origin.clone(), file.content.digest);
                (file.path.clone(), owner)
            }));
        }
        Ok(())
    }

    /// What the laying of distributions of these names depends on in the image below.
    pub fn grounds(
        &self,
        installation: &Installation,
        names: &BTreeSet<String>,
        stack: &Stack,
    ) -> Result<Grounds, Error> {
        let tree = stack.tree();
        let failed = |error: crate::image::TreeError| self.failed(error);
        let (target, scheme) = self.installation(installation, tree)?;
        let mut others = BTreeSet::new();
        for library in [&scheme.pure, &scheme.platform] {
            let files = tree.resolve(library).and_then(|library| tree.children(&library)).map_err(failed)?;
            others
                .extend(files.into_iter().filter(|file| metadata_name(file).is_some_and(|name| names.contains(&name))));
        }
        Ok(Grounds { target, scheme, others })
    }

    /// For what, and where, distributions are laid.
    fn installation(&self, installation: &Installation, tree: &Tree) -> Result<(Target, Scheme), Error> {
        let failed = |error: crate::image::TreeError| self.failed(error);
        let python = installation.python;
        let libc = match installation.libc {
            Some(libc) => Some(libc),
            None => find_libc(tree, self.platform).map_err(failed)?,
        };
        let target = Target { python, platform: self.platform.clone(), libc };
        let found = match (&installation.into, &installation.interpreter) {
            (Some(_), Some(_)) => None,
            _ => Interpreter::find(tree, self.search_path, python).map_err(failed)?,
        };
        let program = match (&installation.interpreter, &found) {
            (Some(program), _) => program.clone(),
            (None, Some(found)) => found.program.clone(),
            (None, None) => format!("{ANY_INTERPRETER}{}.{}", python.major, python.minor),
        };
        let scheme = match (&installation.into, found) {
            (Some(into), _) => {
                let folder = tree.resolve(into).map_err(failed)?;
                if let Some(other) = Scheme::other_interpreter(&folder, python) {
                    let into = String::from_utf8_lossy(into);
                    let what = format!("`/{into}` is where {other} looks, and the layer is for {}", python.program());
                    let version = other.trim_start_matches("python");
                    let help = format!("write python = \"{version}\", or another folder for `into`");
                    return Err(self.refuse(what, Some(help)));
                }
                Scheme::into_folder(&folder, python, &program)
            }
            (None, Some(found)) => Scheme { interpreter: program, ..found.scheme },
            (None, None) => {
                let (what, help) = Interpreter::missing(tree, self.search_path, python).map_err(failed)?;
                return Err(self.refuse(what, Some(help)));
            }
        };
        Ok((target, scheme))
    }

    /// The chosen wheels as they are laid, in their order. One that would have to be downloaded, and of which it is remembered
    /// what it lays, is left where it is until its contents are needed.
    fn laid(&self, choices: &[Choice], target: &Target, scheme: &Scheme) -> Result<Vec<Laid>, Error> {
        let mut known: Vec<Option<Laid>> =
            choices.iter().map(|choice| absent::remembered(self, choice, scheme)).collect();
        let here: Vec<&Choice> =
            choices.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(choice, _)| choice).collect();
        let is_news = |choice: &&Choice| {
            matches!(choice.place, Place::There { .. }) && !supply::is_kept(self.workshop, &choice.digest)
        };
        let news: Vec<bool> = here.iter().map(is_news).collect();
        let files = obtain::obtain(self.workshop, &here).map_err(|error| self.not_had(error))?;
        let open = |((file, choice), is_news): ((WheelFile, &Choice), bool)| {
            let laid = absent::lay(file, choice, scheme).map_err(|error| self.refuse(error.to_string(), None))?;
            Ok(Laid { is_news, ..laid })
        };
        let opened: Vec<Result<Laid, Error>> =
            self.workshop.pool()?.install(|| files.into_par_iter().zip(here).zip(news).map(open).collect());
        let mut opened = opened.into_iter();
        for place in known.iter_mut().filter(|known| known.is_none()) {
            // The first of several mistakes, whichever thread was faster.
            *place = opened.next().transpose()?;
        }
        let laid: Vec<Laid> = known.into_iter().flatten().collect();
        for laid in &laid {
            self.check_python(laid.requires_python.as_deref(), &laid.file, target)?;
        }
        Ok(laid)
    }

    /// Refuses a distribution that says it is for other interpreters.
    fn check_python(&self, requires: Option<&str>, name: &str, target: &Target) -> Result<(), Error> {
        let Some(requires) = requires else { return Ok(()) };
        match target.python.satisfies(requires) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let what = format!("`{name}` is for Python {requires}, and this is {}", target.python);
                Err(self.refuse(what, None))
            }
            Err(why) => Err(self.refuse(format!("what Python `{name}` is for cannot be told: {why}"), None)),
        }
    }

    /// The layer cannot be made because of what it is to hold.
    fn refuse(&self, what: String, help: Option<String>) -> Error {
        self.failed(layer::Error::Refused { what, help })
    }

    /// The layer cannot be made because something that it is to hold cannot be had.
    fn not_had(&self, error: Error) -> Error {
        self.failed(layer::Error::Elsewhere(Box::new(error)))
    }

    /// The layer cannot be made.
    fn failed(&self, error: impl Into<layer::Error>) -> Error {
        Error::layer(self.image, self.layer, error.into())
    }
}

/// Whether an interpreter would be looked for at a path.
fn is_interpreter(path: &[u8], scheme: &Scheme) -> bool {
    let folder = parents(path).last().unwrap_or_default();
    let name = if folder.is_empty() { path } else { &path[folder.len() + 1..] };
    let is_version = |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let is_python = name.strip_prefix(b"python").is_some_and(is_version);
    (*folder == *scheme.scripts && is_python) || scheme.interpreter.as_bytes().strip_prefix(b"/") == Some(path)
}
