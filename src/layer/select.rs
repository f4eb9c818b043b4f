//! Selecting: which paths of a source tree a `COPY` means.
//!
//! The rules are docker's ([fsutil's `copy`](https://github.com/tonistiigi/fsutil/blob/master/copy/copy.go) as BuildKit
//! calls it); they do not depend on where things are copied to.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::split;
use super::error::{Error, display};
use super::matching::{has_wildcard, is_malformed, matches};
use super::source_tree::{SourceEntry, SourceKind, SourceTree, follow};
use crate::context::{IgnoreRules, Verdict};
use crate::entry::{lexical, parents};

/// A source, found.
#[derive(Debug)]
pub(super) struct Selected {
    /// The name it was found by; it gives the file its name in a directory.
    pub name: Box<[u8]>,
    /// What is there, links followed.
    pub root: SourceEntry,
    /// What lies below it, sorted by path.
    pub below: Vec<Below>,
}

/// Something below a source.
#[derive(Debug)]
pub(super) struct Below {
    /// Its path, relative to the source.
    pub relative: Box<[u8]>,
    /// What is there.
    pub entry: SourceEntry,
    /// Whether it is meant itself, or comes along with what lies in it.
    pub is_meant: bool,
}

/// What of each source is meant.
#[derive(Debug, Default)]
pub(super) struct Selection<'a> {
    /// Ignore patterns, relative to each source.
    pub exclude: &'a [String],
    /// Whether the sources' own directories are kept (`--parents`).
    pub parents: bool,
}

/// The paths that `source` means, wildcards in it included.
///
/// # Errors
///
/// A literal source that is not there; a pattern that is malformed; a tree that cannot be read.
pub(super) fn select(tree: &dyn SourceTree, source: &[u8], selection: &Selection<'_>) -> Result<Vec<Selected>, Error> {
    if is_malformed(source) {
        return Err(Error::Pattern(String::from_utf8_lossy(source).into_owned()));
    }
    let mut exclude = IgnoreRules::default();
    for pattern in selection.exclude {
        exclude.push_raw(pattern).map_err(crate::context::Error::Pattern)?;
    }
    if !selection.parents {
        let source = lexical(source);
        let mut selected = Vec::new();
        for name in named(tree, &source)? {
            selected.push(take(tree, &source, name, None, &exclude)?);
        }
        return Ok(selected);
    }
    let at = source.windows(3).position(|part| part == b"/./");
    let (pivot, pattern) = at.map_or((&b""[..], source), |at| (&source[..at], &source[at + 3..]));
    let (pivot, pattern) = (lexical(pivot), lexical(pattern));
    if pattern.is_empty() {
        return Err(missing(tree, source));
    }
    if !has_wildcard(&pivot) && !has_wildcard(&pattern) {
        // What is named has to be there, and not by way of links.
        let whole = lexical(&[&pivot[..], b"/", &pattern[..]].concat());
        for part in parents(&whole) {
            if !tree.look(part)?.is_some_and(|entry| entry.kind == SourceKind::Directory) {
                return Err(missing(tree, source));
            }
        }
        if tree.look(&whole)?.is_none() {
            return Err(missing(tree, source));
        }
    }
    let mut include = IgnoreRules::default();
    let text = String::from_utf8_lossy(&pattern).into_owned();
    include.push_raw(&text).map_err(crate::context::Error::Pattern)?;
    let mut selected = Vec::new();
    for name in named(tree, &pivot)? {
        selected.push(take(tree, source, name, Some(&include), &exclude)?);
    }
    Ok(selected)
}

/// The paths that a source names: itself, or what its wildcards match.
fn named(tree: &dyn SourceTree, source: &[u8]) -> Result<Vec<Box<[u8]>>, Error> {
    let parts: Vec<&[u8]> = source.split(|&byte| byte == b'/').collect();
    let Some(first) = parts.iter().position(|part| has_wildcard(part)) else { return Ok(vec![source.into()]) };
    let start = follow(tree, &parts[..first].join(&b'/'))?;
    let pattern = parts[first..].join(&b'/');
    match tree.look(&start)? {
        Some(SourceEntry { kind: SourceKind::Directory, .. }) => {}
        Some(_) => return Ok(Vec::new()),
        None => return Err(missing(tree, &parts[..first].join(&b'/'))),
    }
    let mut found: Vec<Box<[u8]>> = Vec::new();
    for entry in tree.below(&start, parts.len() - first)? {
        let relative = relative(&start, &entry.path);
        if matches(&pattern, relative) {
            found.push(entry.path);
        }
    }
    Ok(found)
}

fn take(
    tree: &dyn SourceTree,
    source: &[u8],
    name: Box<[u8]>,
    include: Option<&IgnoreRules>,
    exclude: &IgnoreRules,
) -> Result<Selected, Error> {
    let real = follow(tree, &name)?;
    let root = tree.look(&real)?.ok_or_else(|| missing(tree, source))?;
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default().into();
    if root.kind != SourceKind::Directory {
        return Ok(Selected { name: base, root, below: Vec::new() });
    }
    let all = tree.below(&real, usize::MAX)?;
    let mut included: Option<Judge<'_>> = include.map(Judge::new);
    let mut excluded = Judge::new(exclude);
    let mut keep = vec![false; all.len()];
    for (entry, keep) in all.iter().zip(&mut keep) {
        let path = relative(&real, &entry.path);
        let is_in = match &mut included {
            Some(judge) => judge.matches(path)?,
            None => true,
        };
        *keep = !(exclude_matches(&mut excluded, path)?) && is_in;
    }
    // Directories come along with what is kept in them.
    let mut needed: BTreeSet<Box<[u8]>> = BTreeSet::new();
    for (entry, _) in all.iter().zip(&keep).filter(|(_, keep)| **keep) {
        let mut parent = split(&entry.path).0;
        while !parent.is_empty() && needed.insert(parent.into()) {
            parent = split(parent).0;
        }
    }
    let mut below = Vec::new();
    for (entry, is_meant) in all.into_iter().zip(keep) {
        if is_meant || needed.contains(&entry.path) {
            below.push(Below { relative: relative(&real, &entry.path).into(), entry, is_meant });
        }
    }
    Ok(Selected { name: base, root, below })
}

fn exclude_matches(judge: &mut Judge<'_>, path: &[u8]) -> Result<bool, Error> {
    if judge.rules.is_empty() { Ok(false) } else { judge.matches(path) }
}

/// Asks rules about the paths of a walk, each after the directory it lies in.
struct Judge<'a> {
    rules: &'a IgnoreRules,
    verdicts: BTreeMap<Box<[u8]>, Verdict>,
}

impl<'a> Judge<'a> {
    fn new(rules: &'a IgnoreRules) -> Judge<'a> {
        Judge { rules, verdicts: BTreeMap::new() }
    }

    fn matches(&mut self, path: &[u8]) -> Result<bool, Error> {
        let above = parents(path).last().and_then(|parent| self.verdicts.get(parent));
        let verdict = self.rules.judge(path, above).map_err(crate::context::Error::Pattern)?;
        let matches = verdict.ignored;
        self.verdicts.insert(path.into(), verdict);
        Ok(matches)
    }
}

fn missing(tree: &dyn SourceTree, source: &[u8]) -> Error {
    Error::MissingSource { path: display(&lexical(source)), tree: tree.name() }
}

fn relative<'a>(directory: &[u8], path: &'a [u8]) -> &'a [u8] {
    let below = path.strip_prefix(directory).unwrap_or(path);
    below.strip_prefix(b"/").unwrap_or(below)
}
