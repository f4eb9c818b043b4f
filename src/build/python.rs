//! Python distributions: chosen for a platform, found, and laid in groups.

mod absent;
mod choose;
mod house;
mod index;
mod obtain;

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Memory, Options, supply};
use crate::context::Context;
use crate::entry::Owner;
use crate::error::Error;
use crate::image::{Platform, Tree};
use crate::layer::{self, Contents, PlacedFile, Stack, place_files};
use crate::python::{
    Distribution, Group, Interpreter, Laid, MOST_LAYERS, Project, Scheme, Split, Target, WheelFile, conflict,
    find_libc, group, metadata_name, replaced,
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
    pub platform: &'a Platform,
    /// The image's `PATH`.
    pub search_path: &'a str,
    pub options: &'a Options,
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

/// Wheels that share a layer.
pub(super) struct Shared {
    /// The layer's name.
    pub name: String,
    pub wheels: Vec<Laid>,
}

impl Python<'_> {
    /// The distributions of `wheels`, as they share layers over `stack`, and where they go.
    pub fn wheels(&self, wheels: &Wheels, stack: &Stack) -> Result<(Scheme, Vec<Shared>), Error> {
        let tree = stack.tree();
        let (target, scheme) = self.installation(&wheels.installation, tree)?;
        let mut choices = choose(self, wheels, &target)?;
        if let (Split::Each, Some(part)) = (wheels.split, &wheels.part)
            && choices.len() <= MOST_LAYERS
        {
            // The others would only be left out again.
            choices.retain(|choice| choice.name == *part);
        }
        let laid = self.laid(&choices, &target, &scheme)?;
        let distributions: Vec<&Distribution> = laid.iter().map(|laid| &laid.distribution).collect();
        if let Some(conflict) = conflict(&distributions) {
            let help = "leave one of them out, or lay it into a folder of its own with `into`";
            return Err(self.refuse(conflict.to_string(), Some(help.to_owned())));
        }
        let names: Vec<(&str, u64)> = laid.iter().map(|laid| (laid.distribution.name.as_str(), laid.size)).collect();
        let groups = group(&names, wheels.split);
        let mut laid: Vec<Option<Laid>> = laid.into_iter().map(Some).collect();
        let is_meant = |group: &Group| wheels.part.is_none() || wheels.part == group.name;
        let shared = groups.into_iter().filter(is_meant).map(|group| Shared {
            name: match group.name {
                Some(name) if wheels.part.is_none() => format!("{}/{name}", self.layer.name),
                _ => self.layer.name.clone(),
            },
            wheels: group.members.into_iter().filter_map(|at| laid.get_mut(at)?.take()).collect(),
        });
        let shared: Vec<Shared> = shared.collect();
        if shared.is_empty() && wheels.part.is_some() {
            let what = "none of the distributions goes into it any more".to_owned();
            return Err(self.refuse(what, Some("push the spec instead".to_owned())));
        }
        Ok((scheme, shared))
    }

    /// The contents of a layer of distributions.
    pub fn lay(&self, shared: Shared, scheme: &Scheme, stack: &Stack) -> Result<Contents, Error> {
        let all = shared.wheels.into_iter().map(|laid| (laid.packages, laid.distribution));
        self.lay_all(all.collect(), scheme, stack)
    }

    /// A project, laid over `stack`.
    pub fn package(&self, package: &Package, stack: &Stack) -> Result<Contents, Error> {
        let (target, scheme) = self.installation(&package.installation, stack.tree())?;
        let folder = self.layer.content.context_path(self.platform).unwrap_or_default();
        let context = Context::open(&folder, &package.exclude).map_err(|error| self.failed(error))?;
        for output in &self.options.outputs {
            context.refuse_output(b"", output).map_err(|error| self.failed(error))?;
        }
        let failed = |error: crate::python::ProjectError| self.refuse(error.to_string(), error.help.clone());
        let project = Project::read(&folder).map_err(failed)?;
        self.check_python(project.requires_python(), project.name(), &target)?;
        let index = self.workshop.store().context_index(&folder, b"package", &package.exclude);
        let lay = || project.lay(&context, &scheme, Some(&index));
        let distribution = self.workshop.pool()?.install(lay).map_err(failed)?;
        let packages = Laid::packages_of(&distribution, &scheme);
        self.lay_all(vec![(packages, distribution)], &scheme, stack)
    }

    /// Lays distributions, each with the packages that are its alone.
    fn lay_all(
        &self,
        distributions: Vec<(Vec<Box<[u8]>>, Distribution)>,
        scheme: &Scheme,
        stack: &Stack,
    ) -> Result<Contents, Error> {
        let failed = |error: layer::Error| self.failed(error);
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        for (packages, distribution) in &distributions {
            let old = replaced(&distribution.name, packages, scheme, stack.tree());
            gone.extend(old.map_err(|error| failed(error.into()))?);
        }
        let owner: Owner = stack.owner(&self.layer.owner).map_err(failed)?;
        let mut seen: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let mut files = Vec::new();
        for file in distributions.into_iter().flat_map(|(_, distribution)| distribution.files) {
            // Two of them may lay the same file.
            if seen.insert(file.path.clone()) {
                let mode = if file.executable { 0o755 } else { 0o644 };
                files.push(PlacedFile { path: file.path, mode, content: file.content });
            }
        }
        let mtime = self.layer.mtime.unwrap_or(self.options.epoch);
        place_files(files, &gone, owner, stack, mtime).map_err(failed)
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
            (Some(into), _) => Scheme::into_folder(&tree.resolve(into).map_err(failed)?, python, &program),
            (None, Some(found)) => Scheme { interpreter: program, ..found.scheme },
            (None, None) => {
                let what = format!(
                    "the image has no python{}.{} in its PATH, `{}`",
                    python.major, python.minor, self.search_path
                );
                let help = "say where the distributions go, for example into = \"/var/task/\"";
                return Err(self.refuse(what, Some(help.to_owned())));
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
        let files = obtain::obtain(self.workshop, &here)?;
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

    /// The layer cannot be made.
    fn failed(&self, error: impl Into<layer::Error>) -> Error {
        Error::layer(self.image, self.layer, error.into())
    }
}
