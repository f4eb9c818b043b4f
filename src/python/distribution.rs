//! Distributions as they are laid.

use std::collections::BTreeMap;
use std::fmt;

use crate::entry::parents;
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

/// Two distributions that cannot lie in one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The path that both want.
    pub path: Box<[u8]>,
    /// What the one is called.
    pub one: String,
    /// What the other is called.
    pub other: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { path, one, other } = self;
        let path = String::from_utf8_lossy(path);
        if one == other {
            return write!(f, "`{one}` lays `/{}` twice, and not the same", path.escape_debug());
        }
        write!(f, "`{one}` and `{other}` both lay `/{}`, and not the same", path.escape_debug())
    }
}

/// The first path that two of these distributions fill with different contents, or one with a file and another with a
/// directory.
pub fn conflict(distributions: &[&Distribution]) -> Option<Conflict> {
    let mut laid: BTreeMap<&[u8], (usize, &DistributionFile)> = BTreeMap::new();
    let conflict = |path: &[u8], one: usize, other: usize| Conflict {
        path: path.into(),
        one: distributions[one].origin.clone(),
        other: distributions[other].origin.clone(),
    };
    for (at, distribution) in distributions.iter().enumerate() {
        for file in &distribution.files {
            match laid.get(&*file.path) {
                Some((before, other)) if other.content.digest != file.content.digest => {
                    return Some(conflict(&file.path, *before, at));
                }
                Some(_) => {}
                None => {
                    laid.insert(&file.path, (at, file));
                }
            }
        }
    }
    for (path, (at, _)) in &laid {
        for parent in parents(path) {
            if let Some((other, _)) = laid.get(parent) {
                return Some(conflict(parent, *other, *at));
            }
        }
    }
    None
}
