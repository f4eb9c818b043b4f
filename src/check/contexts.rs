//! Rules about contexts: what their ignore patterns were meant to leave out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::finding::{FilePlace, Finding, LayerPlace, Paths, Place, counted};
use crate::build::{PreparedImage, PreparedLayer};
use crate::context::{Context, Ground, IgnoreRules, Miss, misses};
use crate::entry::{Kind, normalise_path};
use crate::error::Error;
use crate::layer::{Copy, CopySource, Source};
use crate::spec::{CopyFrom, LayerContent, Rule};

/// A context as several layers may share it: its folder, its ignore file, the patterns that follow.
type Shared = (PathBuf, PathBuf, Vec<String>);

/// The ignore patterns of an image's contexts that miss. `first` is the place of its first own layer.
pub(super) fn findings(image: &PreparedImage, first: usize) -> Result<Vec<Finding>, Error> {
    let mut contexts: BTreeMap<Shared, Vec<(usize, &PreparedLayer)>> = BTreeMap::new();
    let mut found = Vec::new();
    for (place, layer) in image.layers.iter().enumerate().map(|(at, layer)| (first + at, layer)) {
        // What is copied from a stage came from the context of its Dockerfile, if it came from one.
        if let LayerContent::Copy { from: CopyFrom::Stage(stage), .. } = &layer.recipe.content {
            let (folder, ignore) = stage.context();
            let ignore = ignore.unwrap_or_else(|| folder.join(".dockerignore"));
            if folder.is_dir() {
                contexts.entry((folder, ignore, Vec::new())).or_default().push((place, layer));
            }
            continue;
        }
        let Some(folder) = layer.recipe.content.context_path(&image.platform) else { continue };
        let own = folder.join(".dockerignore");
        let shared = match &layer.recipe.content {
            LayerContent::Context { exclude, .. } => (folder, own, exclude.clone()),
            LayerContent::Copy { from: CopyFrom::Context { ignore, .. }, copy, .. } => {
                found.extend(excluded(&folder, copy, place, layer)?);
                (folder, ignore.clone().unwrap_or(own), Vec::new())
            }
            _ => continue,
        };
        contexts.entry(shared).or_default().push((place, layer));
    }
    for ((folder, ignore_file, exclude), layers) in contexts {
        let context = Context::open_with(&folder, &ignore_file, &exclude)?;
        let left = layers.iter().flat_map(|(_, layer)| files(layer, context.root())).collect();
        for miss in misses(context.rules(), &[Ground { root: context.root(), left }]) {
            let Some((place, layer)) = layers.iter().find(|(_, layer)| has_one(layer, context.root(), &miss)) else {
                continue;
            };
            found.push(finding(&miss, &ignore_file, *place, layer));
        }
    }
    Ok(found)
}

/// The same of the patterns of `COPY --exclude`, which are relative to each source.
fn excluded(folder: &Path, copy: &Copy, place: usize, layer: &PreparedLayer) -> Result<Vec<Finding>, Error> {
    let mut rules = IgnoreRules::default();
    for pattern in &copy.exclude {
        rules.push_raw(pattern).map_err(crate::context::Error::Pattern)?;
    }
    let mut roots = Vec::new();
    for source in &copy.sources {
        // What wildcards name is seldom a folder, and its parts are anchored in each of them.
        if let CopySource::Path(path) = source
            && !path.iter().any(|byte| b"*?[\\".contains(byte))
            && let Some(path) = normalise_path(path)
        {
            let root = folder.join(OsStr::from_bytes(&path));
            if root.is_dir() {
                roots.push(root);
            }
        }
    }
    let grounds: Vec<Ground<'_>> =
        roots.iter().map(|root| Ground { root, left: files(layer, root).collect() }).collect();
    if rules.is_empty() || grounds.is_empty() {
        return Ok(Vec::new());
    }
    Ok(misses(&rules, &grounds).iter().map(|miss| finding(miss, folder, place, layer)).collect())
}

/// The files of a layer that come from below a folder, relative to it, with their sizes.
fn files(layer: &PreparedLayer, root: &Path) -> impl Iterator<Item = (Box<[u8]>, u64)> {
    layer.contents.items().iter().filter_map(move |item| {
        let (Source::File(file), Kind::File { size, .. }) = (&item.source, &item.entry.kind) else { return None };
        let path = file.path();
        let path = path.strip_prefix(root).ok()?;
        Some((path.as_os_str().as_bytes().into(), *size))
    })
}

fn has_one(layer: &PreparedLayer, root: &Path, miss: &Miss) -> bool {
    files(layer, root).any(|file| miss.files.binary_search(&file).is_ok())
}

fn finding(miss: &Miss, ignore_file: &Path, place: usize, layer: &PreparedLayer) -> Finding {
    let mut paths = Paths::default();
    for (path, size) in &miss.files {
        paths.add_named(|| String::from_utf8_lossy(path).into_owned(), *size);
    }
    let recipe = &layer.recipe;
    let file = match miss.line {
        0 => recipe.exclude_spans.get(miss.place).or(recipe.span.as_ref()).map(FilePlace::from),
        line => Some(FilePlace { file: ignore_file.to_owned(), line: Some(line), column: None }),
    };
    let why = format!(
        "the ignore pattern `{}` matches nothing, because it is anchored at the context's root: `{}` would leave out {}",
        miss.pattern,
        miss.anywhere,
        counted(paths.count as u64, "file")
    );
    let help = format!("write `{}`; if it is meant so, `/{}`", miss.anywhere, miss.pattern);
    let layer = LayerPlace { index: place, name: Some(layer.name.clone()), digest: None };
    Finding { rule: Rule::IgnorePattern, place: Place { file, layer: Some(layer), field: None, paths }, why, help }
}
