//! Projects: pure-Python packages laid as installed, without their build backend.

use std::path::{Path, PathBuf};

use super::distribution::Distribution;
use super::scheme::Scheme;
use crate::context::Context;

/// A project's folder with a `pyproject.toml`.
#[derive(Debug)]
pub struct Project {}

/// Why a project cannot be laid.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {what}", file.display())]
pub struct ProjectError {
    /// The file that says so.
    pub file: PathBuf,
    /// The line, from 1; 0 if it is about the whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Project {
    /// Reads what `pyproject.toml` in the folder says.
    ///
    /// # Errors
    ///
    /// If there is none, it is malformed, or the project needs its build backend.
    pub fn read(folder: &Path) -> Result<Project, ProjectError> {
        let _ = folder;
        unimplemented!()
    }

    /// The project as it is laid; its files are those of `context`, the folder with its ignore rules.
    ///
    /// # Errors
    ///
    /// If files cannot be read, or its packages cannot be found.
    pub fn lay(&self, context: &Context, scheme: &Scheme) -> Result<Distribution, ProjectError> {
        let _ = (context, scheme);
        unimplemented!()
    }
}

impl Project {
    /// Its name.
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// What interpreters it is for.
    pub fn requires_python(&self) -> Option<&str> {
        unimplemented!()
    }
}
