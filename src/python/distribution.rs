//! Distributions as they are laid.

use crate::layer::FileContent;

/// A distribution as it lies in an image: a wheel or a project once it is installed.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Its name, normalised.
    pub name: String,
    /// Its version, as its metadata say.
    pub version: String,
    /// What it is called in messages: the wheel's file name, or the project's folder.
    pub origin: String,
    /// Its files, sorted by path, each once.
    pub files: Vec<DistributionFile>,
}

/// A file of a distribution.
#[derive(Debug, Clone)]
pub struct DistributionFile {
    /// Where it goes in the image, in an entry's form.
    pub path: Box<[u8]>,
    /// Whether it may be executed.
    pub executable: bool,
    /// What it holds.
    pub content: FileContent,
}
