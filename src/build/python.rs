//! Python distributions: chosen for a platform, found, and laid in groups.

mod choose;
mod house;
mod index;
mod obtain;

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::Options;
use crate::context::Context;
use crate::entry::Owner;
use crate::error::Error;
use crate::image::{Platform, Tree};
use crate::layer::{self, Contents, PlacedFile, Stack, place_files};
use crate::python::{Distribution, Interpreter, Project, Scheme, Target, Wheel, WheelFile, conflict, find_libc, group, replaced};
use crate::spec::{Installation, LayerRecipe, Package, Wheels};
use crate::workshop::Workshop;

use choose::{Choice, choose};

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
}

/// Distributions that share a layer.
pub(super) struct Shared {
    /// The layer's name.
    pub name: String,
    distributions: Vec<Distribution>,
}

impl Python<'_> {
    /// The distributions of `wheels`, as they share layers over `stack`, and where they go.
    pub fn wheels(&self, wheels: &Wheels, stack: &Stack) -> Result<(Scheme, Vec<Shared>), Error> {
        let tree = stack.tree();
        let (target, scheme) = self.installation(&wheels.installation, tree)?;
        let choices = choose(self, wheels, &target)?;
        let files = obtain::obtain(self, &choices)?;
        let sizes: Vec<u64> = files.iter().map(|file| file.size).collect();
        let distributions = self.open(files, &choices, &target, &scheme)?;
        if let Some(conflict) = conflict(&distributions) {
            let help = "leave one of them out, or lay it into a folder of its own with `into`";
            return Err(self.refuse(conflict.to_string(), Some(help.to_owned())));
        }
        let names = choices.iter().map(|choice| choice.name.as_str());
        let groups = group(&names.zip(sizes).collect::<Vec<_>>(), wheels.split);
        let mut distributions: Vec<Option<Distribution>> = distributions.into_iter().map(Some).collect();
        let shared = groups.into_iter().map(|group| Shared {
            name: match group.name {
                Some(name) => format!("{}/{name}", self.layer.name),
                None => self.layer.name.clone(),
            },
            distributions: group.members.into_iter().filter_map(|at| distributions.get_mut(at)?.take()).collect(),
        });
        Ok((scheme, shared.collect()))
    }

    /// The contents of a layer of distributions.
    pub fn lay(&self, shared: Shared, scheme: &Scheme, stack: &Stack) -> Result<Contents, Error> {
        self.lay_all(shared.distributions, scheme, stack)
    }

    /// A project, laid over `stack`.
    pub fn package(&self, package: &Package, stack: &Stack) -> Result<Contents, Error> {
        let (target, scheme) = self.installation(&package.installation, stack.tree())?;
        let folder = self.layer.content.context_path(self.platform).unwrap_or_default();
        let context = Context::open(&folder, &package.exclude)?;
        for output in &self.options.outputs {
            context.refuse_output(b"", output)?;
        }
        let failed = |error: crate::python::ProjectError| self.refuse(error.to_string(), error.help.clone());
        let project = Project::read(&folder).map_err(failed)?;
        self.check_python(project.requires_python(), project.name(), &target)?;
        let distribution = self.workshop.pool()?.install(|| project.lay(&context, &scheme)).map_err(failed)?;
        self.lay_all(vec![distribution], &scheme, stack)
    }

    fn lay_all(&self, distributions: Vec<Distribution>, scheme: &Scheme, stack: &Stack) -> Result<Contents, Error> {
        let failed = |error| Error::layer(self.image, self.layer, error);
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        for distribution in &distributions {
            gone.extend(replaced(distribution, scheme, stack.tree()).map_err(|error| failed(error.into()))?);
        }
        let owner: Owner = stack.owner(&self.layer.owner).map_err(failed)?;
        let mut seen: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let mut files = Vec::new();
        for file in distributions.into_iter().flat_map(|distribution| distribution.files) {
            // Two of them may lay the same file.
            if seen.insert(file.path.clone()) {
                let mode = if file.executable { 0o755 } else { 0o644 };
                files.push(PlacedFile { path: file.path, mode, content: file.content });
            }
        }
        let mtime = self.layer.mtime.unwrap_or(self.options.epoch);
        place_files(files, &gone, owner, stack, mtime).map_err(failed)
    }

    /// For what, and where, distributions are laid.
    fn installation(&self, installation: &Installation, tree: &Tree) -> Result<(Target, Scheme), Error> {
        let failed = |error: crate::image::TreeError| Error::layer(self.image, self.layer, error.into());
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

    /// Opens the chosen wheels, several at once.
    fn open(
        &self,
        files: Vec<WheelFile>,
        choices: &[Choice],
        target: &Target,
        scheme: &Scheme,
    ) -> Result<Vec<Distribution>, Error> {
        let open = |(file, choice): (WheelFile, &Choice)| {
            let refused = |error: crate::python::WheelError| self.refuse(error.to_string(), None);
            let wheel = Wheel::open(file).map_err(refused)?;
            self.check_python(wheel.requires_python(), &choice.file, target)?;
            wheel.lay(scheme, choice.is_local()).map_err(refused)
        };
        let opened: Vec<Result<Distribution, Error>> =
            self.workshop.pool()?.install(|| files.into_par_iter().zip(choices).map(open).collect());
        // The first of several mistakes, whichever thread was faster.
        opened.into_iter().collect()
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
        Error::layer(self.image, self.layer, layer::Error::Refused { what, help })
    }
}
