//! Distributions above a layer that is new: what they were laid by has to be as it was.

use std::collections::BTreeSet;

use super::over::{Over, Renewed};
use crate::build::Single;
use crate::entry::{Entry, Kind};
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
    let names: BTreeSet<String> = own.iter().filter_map(metadata).collect();
    let before = Over { run: over.run, said: over.said, image, layers: &image.manifest.layers, at };
    let grounds = |over: &Over<'_>| {
        let (stack, _) = over.stack(layer)?;
        single.grounds(layer, &names, &image.platform, &stack)
    };
    let (was, is) = (grounds(&before), grounds(over)?);
    let is_another = was.ok() != Some(is);
    // What is taken away in a folder is what lay in it.
    let emptied: BTreeSet<&[u8]> = own.iter().filter_map(|entry| whiteout_folder(&entry.path)).collect();
    let mut lies_in_emptied = false;
    for below in renewed {
        let old = over.run.below(image, below.at + 1, &image.manifest.layers).outline(below.at)?;
        let touched = |folder: &&[u8]| {
            let prefix = [*folder, b"/"].concat();
            old.entries().chain(below.contents.entries()).any(|entry| entry.path.starts_with(&prefix))
        };
        // Every library folder is shared; metadata in it were compared above.
        let library =
            |folder: &&[u8]| own.iter().any(|entry| metadata(entry).is_some() && parent(&entry.path) == *folder);
        lies_in_emptied |= emptied.iter().filter(|folder| !library(folder)).any(touched);
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

/// The distribution whose metadata a directory holds.
fn metadata(entry: &Entry) -> Option<String> {
    matches!(entry.kind, Kind::Directory).then(|| metadata_name(last(&entry.path))).flatten()
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

fn parent(path: &[u8]) -> &[u8] {
    crate::entry::parents(path).last().unwrap_or_default()
}

/// The folder that something is taken away in.
fn whiteout_folder(path: &[u8]) -> Option<&[u8]> {
    last(path).starts_with(b".wh.").then(|| parent(path))
}
