//! Trees of installed distributions: how two of them differ, and whether their `RECORD` tells the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What is the same, or not, about a path.
#[derive(Debug, PartialEq, Eq)]
enum Laid {
    Folder,
    Link(String),
    /// Whether somebody may execute it, and the digest of what it holds.
    File(bool, String),
}

/// Whatever lies below a folder, folders too.
fn tree(root: &Path) -> BTreeMap<String, Laid> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let laid = if metadata.is_dir() {
                Laid::Folder
            } else if metadata.is_symlink() {
                Laid::Link(fs::read_link(&path).unwrap().display().to_string())
            } else {
                Laid::File(metadata.permissions().mode() & 0o111 != 0, hash(&fs::read(&path).unwrap()))
            };
            all.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), laid);
            if metadata.is_dir() {
                todo.push(path);
            }
        }
    }
    all
}

/// A digest as `RECORD` has it.
fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

/// What a file of `.dist-info` is called, if it is one.
fn metadata_name(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    folder.ends_with(".dist-info").then_some(name)
}

/// How the tree that the program laid differs from pip's; `site` is where packages lie below both.
///
/// What may differ, and why:
/// - `REQUESTED` is not laid: it says that somebody asked for a distribution by name, which pip lays for whatever is named
///   and a lock does not say.
/// - `INSTALLER` says who did it.
/// - `direct_url.json`: the `url` names a place on the machine where it was done. All else of it is the same.
/// - `RECORD`: the order of rows, and the rows of these three. With `--target`, pip installs into a folder of another shape
///   first and moves what it has laid: its rows still lead to where scripts and data lay then (pypa/pip#7658, which is
///   open), so a path that leaves the tree is one from its root.
pub fn differences(ours: &Path, pips: &Path, site: &str) -> Vec<String> {
    let (laid, pip_laid) = (tree(ours), tree(pips));
    let mut found = Vec::new();
    let paths: BTreeSet<&String> = laid.keys().chain(pip_laid.keys()).collect();
    for path in paths {
        let name = metadata_name(path);
        match (laid.get(path), pip_laid.get(path)) {
            (Some(_), None) => found.push(format!("{path}: pip has it not")),
            (None, Some(_)) if name == Some("REQUESTED") => {}
            (None, Some(_)) => found.push(format!("{path}: only pip has it")),
            (Some(one), Some(other)) if one == other => {}
            (Some(Laid::File(executable, _)), Some(Laid::File(pip_executable, _))) => {
                if executable != pip_executable {
                    found.push(format!("{path}: executable is {executable}, and pip's {pip_executable}"));
                }
                let (one, other) = (ours.join(path), pips.join(path));
                let same = match name {
                    Some("INSTALLER") => true,
                    Some("direct_url.json") => origin(&one) == origin(&other),
                    Some("RECORD") => rows(&one, site) == rows(&other, site),
                    _ => fs::read(one).unwrap() == fs::read(other).unwrap(),
                };
                if !same {
                    found.push(format!("{path}: other content"));
                }
            }
            (one, other) => found.push(format!("{path}: {one:?}, and pip's {other:?}")),
        }
    }
    found
}

/// `direct_url.json` without its address.
fn origin(file: &Path) -> Value {
    let mut origin: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let url = origin.as_object_mut().unwrap().remove("url");
    assert!(url.is_some_and(|url| url.as_str().unwrap().starts_with("file:///")), "{}", file.display());
    origin
}

/// A row of `RECORD`: a path from the tree's root, a digest, a size.
type Row = (String, String, String);

/// The rows of a `RECORD`, sorted, as far as both may have the same.
fn rows(file: &Path, site: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, hash, size) in raw_rows(file) {
        let path = resolve(site, &path).1;
        match metadata_name(&path) {
            Some("REQUESTED") => {}
            Some("INSTALLER" | "direct_url.json") => rows.push((path, String::new(), String::new())),
            _ => rows.push((path, hash, size)),
        }
    }
    rows.sort();
    rows
}

/// The rows of a `RECORD` as they stand there.
fn raw_rows(file: &Path) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(file).unwrap();
    let rows = reader.deserialize();
    rows.map(|row| row.unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

/// A path that is relative to a folder, from the root; and whether it stays below that.
fn resolve(folder: &str, path: &str) -> (bool, String) {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let mut stays = true;
    for part in path.split('/') {
        match part {
            ".." => stays &= parts.pop().is_some(),
            part => parts.push(part),
        }
    }
    (stays, parts.join("/"))
}

/// What `RECORD` of the distributions below `site` says and is not so: rows that are not sorted, of nothing, of something
/// else, of what another one has too; and the files that are in none, but for those that were there before.
pub fn untruths(root: &Path, site: &str, before: &BTreeSet<String>) -> Vec<String> {
    let laid = tree(root);
    let mut found = Vec::new();
    let mut recorded = BTreeSet::new();
    for record in laid.keys().filter(|path| metadata_name(path) == Some("RECORD")) {
        let rows = raw_rows(&root.join(record));
        if !rows.is_sorted_by(|one, other| one.0 < other.0) {
            found.push(format!("{record} is not sorted"));
        }
        for (path, hash, size) in rows {
            let (stays, path) = resolve(site, &path);
            if !stays {
                found.push(format!("{record}: {path} is outside"));
            }
            let content = fs::read(root.join(&path)).unwrap_or_default();
            let is_true = match laid.get(&path) {
                Some(Laid::File(..)) if path == *record => hash.is_empty() && size.is_empty(),
                Some(Laid::File(_, real)) => hash == format!("sha256={real}") && size == content.len().to_string(),
                _ => false,
            };
            if !is_true {
                found.push(format!("{record}: {path} is not so"));
            }
            if !recorded.insert(path.clone()) {
                found.push(format!("{record}: {path} stands twice"));
            }
        }
    }
    let files = laid.iter().filter(|(_, laid)| **laid != Laid::Folder).map(|(path, _)| path);
    found.extend(files.filter(|path| !recorded.contains(*path) && !before.contains(*path)).map(|path| {
        let of = metadata_name(path).unwrap_or(path);
        format!("{path}: {of} is in no RECORD")
    }));
    found
}

/// The paths below a folder.
pub fn paths(root: &Path) -> BTreeSet<String> {
    tree(root).into_keys().collect()
}
