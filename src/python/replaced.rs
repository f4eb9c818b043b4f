//! Replacing: what of an image goes when another version of a distribution is laid.
//!
//! An installer removes the files that the old version's `RECORD` names. Here no file of the image is read: the old version is
//! known by its metadata folder, and what lies in packages that the new version has itself goes as a whole.

use std::collections::BTreeSet;
use std::io::Read;

use super::distribution::{Distribution, DistributionFile};
use super::name::normalise_name;
use super::scheme::Scheme;
use crate::entry::parents;
use crate::image::{Node, Tree, TreeError};

/// How much of a package's `__init__.py` is looked at, in bytes.
const INIT_LIMIT: u64 = 64 << 10;

/// The paths of the image that have to go before the distribution of this name is laid. `packages` are those that are its
/// alone.
///
/// # Errors
///
/// If the tree cannot be had.
pub fn replaced(name: &str, packages: &[Box<[u8]>], scheme: &Scheme, tree: &Tree) -> Result<Vec<Box<[u8]>>, TreeError> {
    let mut gone = Vec::new();
    for library in BTreeSet::from([&scheme.pure, &scheme.platform]) {
        let real = tree.resolve(library)?;
        let old = tree.children(&real)?.into_iter().filter(|file| metadata_name(file).as_deref() == Some(name));
        let old: Vec<Box<[u8]>> = old.map(|file| join(library, &file)).collect();
        if old.is_empty() {
            continue;
        }
        gone.extend(old);
        for package in packages {
            if matches!(tree.get(&tree.resolve(package)?)?, Some(Node::Directory { .. })) {
                gone.push(package.clone());
            }
        }
    }
    Ok(gone)
}

/// The name, normalised, of the distribution whose metadata a file of a library folder holds: `NAME-VERSION.dist-info`,
/// `.egg-info`.
pub fn metadata_name(file: &[u8]) -> Option<String> {
    let file = std::str::from_utf8(file).ok()?;
    let stem = file.strip_suffix(".dist-info").or_else(|| file.strip_suffix(".egg-info"))?;
    Some(normalise_name(stem.split('-').next().unwrap_or_default()))
}

/// The outermost packages that are the distribution's alone. A package that says it is shared, as namespaces of the old kind
/// do, is not.
pub(super) fn packages(distribution: &Distribution, library: &[u8]) -> BTreeSet<Box<[u8]>> {
    let prefix = if library.is_empty() { Vec::new() } else { [library, b"/"].concat() };
    let package = |file: &'_ DistributionFile| {
        let package = file.path.strip_suffix(b"/__init__.py")?;
        (package.len() > prefix.len() && package.starts_with(&prefix)).then(|| Box::from(package))
    };
    let mut all: Vec<(Box<[u8]>, &DistributionFile)> =
        distribution.files.iter().filter_map(|file| Some((package(file)?, file))).collect();
    // The outermost first: what lies in them need not be looked at.
    all.sort_by_key(|(package, _)| parents(package).count());
    let mut packages: BTreeSet<Box<[u8]>> = BTreeSet::new();
    for (package, init) in all {
        if !parents(&package).any(|above| packages.contains(above)) && !is_shared(init) {
            packages.insert(package);
        }
    }
    packages
}

/// Whether a package's `__init__.py` says that others lie in it too. One that cannot be read is taken for such.
fn is_shared(init: &DistributionFile) -> bool {
    let mut text = Vec::new();
    let opened = init.content.source.open();
    let is_read = opened.is_ok_and(|content| content.take(INIT_LIMIT).read_to_end(&mut text).is_ok());
    let says = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
    !is_read || says(b"extend_path") || says(b"declare_namespace")
}

fn join(directory: &[u8], name: &[u8]) -> Box<[u8]> {
    if directory.is_empty() { name.into() } else { [directory, b"/", name].concat().into() }
}
