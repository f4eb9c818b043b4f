//! Distributions above a layer that is new: what they were laid by has to be as it was.

use std::collections::BTreeSet;

use super::over::{Over, Renewed};
use crate::build::{Grounds, Single};
use crate::entry::parents;
use crate::error::Error;
use crate::python::metadata_name;
use crate::spec::LayerRecipe;

/// Makes sure that a layer of distributions would be laid over what is new below it as it was over what was there: with the
/// same interpreter, C library and folders, and with the same other versions to take away.
///
/// # Errors
///
/// If not.
pub(super) fn must_be_the_same(
    over: &Over<'_>,
    single: &Single<'_>,
    layer: &LayerRecipe,
    renewed: &[Renewed],
) -> Result<(), Error> {
    let (at, image) = (over.at, over.image);
    let own = over.below(at + 1).headers(at)?;
    let names = distributions(own.iter().map(|entry| &entry.path));
    let before = Over { run: over.run, said: over.said, image, layers: &image.manifest.layers, at };
    let grounds = |over: &Over<'_>| {
        let (stack, _) = over.stack(layer)?;
        single.grounds(layer, &names, &image.platform, &stack)
    };
    let (was, is) = (grounds(&before), grounds(over)?);
    let has_others = is.as_ref().is_some_and(Grounds::has_others);
    let is_another = was.ok() != Some(is);
    // What is taken away in a folder is what lay in it, and with another version below all that lies in packages goes.
    let emptied: BTreeSet<&[u8]> = own.iter().filter_map(|entry| whiteout_folder(&entry.path)).collect();
    let packages = own.iter().filter(|_| has_others).filter_map(|entry| entry.path.strip_suffix(b"/__init__.py"));
    // Every library folder is shared; metadata in it were compared above.
    let libraries: BTreeSet<&[u8]> =
        own.iter().filter_map(|entry| metadata(&entry.path).map(|_| parent(&entry.path))).collect();
    let folders: Vec<&[u8]> =
        emptied.into_iter().chain(packages).filter(|folder| !libraries.contains(folder)).collect();
    let mut lies_in_emptied = false;
    for below in renewed {
        let old = over.run.below(image, below.at + 1, &image.manifest.layers).outline(below.at)?;
        // What another version takes with it stands in its RECORD, which is another now.
        let others = distributions(old.entries().chain(below.contents.entries()).map(|entry| &entry.path));
        lies_in_emptied |= has_others && !others.is_disjoint(&names);
        let paths: BTreeSet<&[u8]> = old.entries().chain(below.contents.entries()).map(|entry| &*entry.path).collect();
        lies_in_emptied |= folders.iter().any(|folder| {
            let prefix = [folder, &b"/"[..]].concat();
            paths.range(&prefix[..]..).next().is_some_and(|path| path.starts_with(&prefix))
        });
    }
    if !is_another && !lies_in_emptied {
        return Ok(());
    }
    let name = &layer.name;
    let message = format!(
        "the layer `{name}` above would have to be made anew: the interpreter, the C library, or another version of what it \
         holds that lies below it is another now"
    );
    Err(Error::request(message, format!("name it as well (--layer {name}), or push the spec")))
}

/// The distributions that a layer of these paths holds. What some of them bring along in packages of their own is not meant.
pub(super) fn distributions<'a>(paths: impl Iterator<Item = &'a Box<[u8]>>) -> BTreeSet<String> {
    let mut all: BTreeSet<(&[u8], String)> = BTreeSet::new();
    for path in paths {
        let folder = parent(path);
        all.extend(metadata(path).map(|name| (folder, name)));
        all.extend(metadata(folder).map(|name| (parent(folder), name)));
    }
    let libraries: BTreeSet<&[u8]> = all.iter().map(|(library, _)| *library).collect();
    let is_outermost = |library: &[u8]| !parents(library).any(|above| libraries.contains(above));
    all.iter().filter(|(library, _)| is_outermost(library)).map(|(_, name)| name.clone()).collect()
}

/// The distribution whose metadata a folder of this path holds.
fn metadata(path: &[u8]) -> Option<String> {
    let name = last(path);
    metadata_name(name).filter(|_| !name.starts_with(b".wh."))
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

fn parent(path: &[u8]) -> &[u8] {
    parents(path).last().unwrap_or_default()
}

/// The folder that something is taken away in.
fn whiteout_folder(path: &[u8]) -> Option<&[u8]> {
    last(path).starts_with(b".wh.").then(|| parent(path))
}
