//! What a spec says of Python distributions.

use std::path::PathBuf;

use super::recipe::join;
use crate::image::Platform;
use crate::python::{Extras, Libc, PythonVersion, Split};

/// Wheels that are laid as installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheels {
    /// What relative paths are relative to.
    pub folder: PathBuf,
    /// A folder of wheels, patterns of wheels' files, or a lock; `{os}`, `{arch}` and `{variant}` stand for the platform's.
    pub from: Vec<String>,
    /// Where the wheels of a lock are looked for first.
    pub wheelhouse: Option<String>,
    /// The index that knows where the files of a lock are that names none.
    pub index: Option<String>,
    /// What of a lock is wanted beside what everybody needs.
    pub extras: Extras,
    /// How they are split into layers.
    pub split: Split,
    /// Which of these layers is meant, by what follows the recipe's name and `/` in its own; all if not given.
    pub part: Option<String>,
    /// For which interpreter, and where.
    pub installation: Installation,
}

/// A pure-Python project that is laid as installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What relative paths are relative to.
    pub folder: PathBuf,
    /// The project's directory; `{os}`, `{arch}` and `{variant}` stand for the platform's.
    pub path: String,
    /// Ignore patterns that follow those of the `.dockerignore` in it.
    pub exclude: Vec<String>,
    /// For which interpreter, and where.
    pub installation: Installation,
}

/// For which interpreter distributions are laid, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The interpreter's version.
    pub python: PythonVersion,
    /// The folder, absolute; what the interpreter itself looks into if not given.
    pub into: Option<Box<[u8]>>,
    /// The program that scripts name; the one in the image if not given.
    pub interpreter: Option<String>,
    /// The C library; the one in the image if not given.
    pub libc: Option<Libc>,
}

impl Wheels {
    /// Whether both are of the same recipe, whichever part of it they are.
    pub fn is_beside(&self, other: &Wheels) -> bool {
        let whole = |wheels: &Wheels| Wheels { part: None, ..wheels.clone() };
        self.part != other.part && whole(self) == whole(other)
    }

    /// A path that the spec names, for `platform`.
    pub fn path(&self, path: &str, platform: &Platform) -> PathBuf {
        join(&self.folder, &for_platform(path, platform))
    }
}

/// A text with the platform's words in it.
pub(super) fn for_platform(text: &str, platform: &Platform) -> String {
    text.replace("{os}", &platform.os)
        .replace("{arch}", &platform.architecture)
        .replace("{variant}", platform.variant.as_deref().unwrap_or_default())
}
