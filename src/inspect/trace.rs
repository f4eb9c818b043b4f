//! Traces: the history of a path, layer by layer.

use std::collections::BTreeSet;

use super::changes::InspectedFile;
use super::files::{Event, Files};
use crate::entry::parents;
use crate::image::follow;

/// How many paths are offered instead of one that no layer has.
const NEAR: usize = 5;
/// How many letters a name may differ in and still be near.
const DISTANCE: usize = 2;
/// How many names are compared in search of near ones.
const COMPARED: usize = 20_000;

/// A link on the way to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Where it lies.
    pub path: Box<[u8]>,
    /// Where it points, as it is.
    pub target: Box<[u8]>,
    /// The layer that put it there.
    pub layer: usize,
}

/// What lies below a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Below {
    /// How many paths.
    pub paths: usize,
    /// How many bytes in its files.
    pub size: u64,
    /// The layers that put them there.
    pub layers: BTreeSet<usize>,
}

/// The history of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The path that was asked for, without slashes at its ends.
    pub asked: Box<[u8]>,
    /// The links on the way to it.
    pub links: Vec<Followed>,
    /// Where it really lies. Empty for the root.
    pub path: Box<[u8]>,
    /// What lies there, and which layer put it there last. Nothing for the root.
    pub file: Option<InspectedFile>,
    /// Where it leads in the end, of a symlink; nothing if that goes in a circle.
    pub leads: Option<Box<[u8]>>,
    /// What was there before, the lowest layer's doing first.
    pub past: Vec<Event>,
    /// What happened at the path as it is written before its links led elsewhere: the directories of lower layers lay where
    /// links lie now. Of each such path that something happened to, in the order of the links.
    pub before_links: Vec<(Box<[u8]>, Vec<Event>)>,
    /// What lies below, of a directory.
    pub below: Option<Below>,
    /// Of so many layers, from the lowest, only what they left together is known: one of them may have held the path before.
    pub merged: usize,
    /// Paths that may have been meant, if no layer ever had this one.
    pub near: Vec<Box<[u8]>>,
}

impl Trace {
    /// Whether the path is in the image.
    pub fn is_there(&self) -> bool {
        self.file.is_some() || self.path.is_empty()
    }
}

/// The history of a path: links on the way to it are followed within the root, the last part is not.
pub fn trace(files: &Files, asked: &[u8]) -> Trace {
    let asked: Box<[u8]> = crate::entry::lexical(asked).into();
    let (path, links) = resolve(files, &asked);
    let file = files.get(&path).cloned();
    let past = files.past(&path).to_vec();
    let leads = files.symlink(&path).and_then(|_| end_of(files, &path));
    let is_directory = path.is_empty() || file.as_ref().is_some_and(|file| file.kind == 'd');
    let below = is_directory.then(|| {
        let mut below = Below::default();
        for (_, file) in files.below(&path) {
            below.paths += 1;
            below.size = below.size.saturating_add(file.size);
            below.layers.insert(file.layer);
        }
        below
    });
    let before_links: Vec<_> = written(&asked, &links)
        .into_iter()
        .filter(|written| *written != path)
        .map(|written| (files.past(&written).to_vec(), written))
        .filter(|(past, _)| !past.is_empty())
        .map(|(past, written)| (written, past))
        .collect();
    let is_known = file.is_some() || path.is_empty() || !past.is_empty() || !before_links.is_empty();
    let mut near = if is_known { Vec::new() } else { near(files, &path) };
    near.retain(|near| *near != asked);
    Trace { asked, links, path, file, leads, past, before_links, below, merged: files.merged(), near }
}

/// The path as it is written before each link on the way to it is followed. Ends where `..` in a link's target leads
/// another way than its text.
fn written(asked: &[u8], links: &[Followed]) -> Vec<Box<[u8]>> {
    let mut paths = Vec::new();
    let mut path: Box<[u8]> = asked.into();
    for Followed { path: link, target, .. } in links {
        let Some(rest) = path.strip_prefix(&link[..]).filter(|rest| rest.starts_with(b"/")) else { break };
        let above = match link.iter().rposition(|&byte| byte == b'/') {
            Some(slash) if !target.starts_with(b"/") => &link[..slash],
            _ => &[],
        };
        let next = crate::entry::lexical(&[above, b"/", target, rest].concat()).into();
        paths.push(std::mem::replace(&mut path, next));
    }
    paths
}

/// Where a path really lies, and the links that lead there. One that leads in a circle lies where it is written.
fn resolve(files: &Files, asked: &[u8]) -> (Box<[u8]>, Vec<Followed>) {
    let Some(slash) = asked.iter().rposition(|&byte| byte == b'/') else { return (asked.into(), Vec::new()) };
    let mut links = Vec::new();
    let seen = std::cell::RefCell::new(&mut links);
    let parent = follow(
        &asked[..slash],
        |path| {
            let link = files.get(path).filter(|file| file.kind == 'l');
            Ok(link.and_then(|file| {
                let target = file.link.clone()?;
                seen.borrow_mut().push(Followed { path: path.into(), target: target.clone(), layer: file.layer });
                Some(target)
            }))
        },
        || (),
    );
    match parent {
        Ok(parent) if parent.is_empty() => (asked[slash + 1..].into(), links),
        Ok(parent) => ([&parent, &asked[slash..]].concat().into(), links),
        Err(()) => (asked.into(), Vec::new()),
    }
}

/// Where a path leads, its last part followed as well; nothing if that goes in a circle.
fn end_of(files: &Files, path: &[u8]) -> Option<Box<[u8]>> {
    follow(path, |path| Ok(files.symlink(path).map(Into::into)), || ()).ok()
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// Paths whose names are like that of one that no layer has: the same name elsewhere, or nearly the same in the same place.
fn near(files: &Files, path: &[u8]) -> Vec<Box<[u8]>> {
    // The first part of the path that is not there: most mistakes are in one of them.
    let missing = parents(path).chain([path]).find(|part| files.get(part).is_none()).unwrap_or(path);
    let above = missing.iter().rposition(|&byte| byte == b'/').map_or(&b""[..], |slash| &missing[..slash]);
    let rest = &path[missing.len()..];
    let (wanted, last) = (name(missing), name(path));
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut found: Vec<(usize, Box<[u8]>)> = Vec::new();
    let siblings = files.below(above).filter(|(other, _)| {
        let below = if above.is_empty() { &other[..] } else { &other[above.len() + 1..] };
        !below.contains(&b'/')
    });
    for (sibling, _) in siblings.take(COMPARED) {
        let distance = strsim::osa_distance(&text(wanted).to_lowercase(), &text(name(sibling)).to_lowercase());
        if distance <= DISTANCE.min(wanted.len() / 2) {
            // With the rest of the path, if that makes one that is there.
            let whole = [sibling, rest].concat();
            let offered = if files.get(&whole).is_some() { whole.into() } else { sibling.clone() };
            found.push((distance, offered));
        }
    }
    if !last.is_empty() {
        let all = files.below(b"").map(|(path, _)| &**path).chain(files.touched());
        let same = all.filter(|other| name(other) == last && *other != path).take(NEAR);
        found.extend(same.map(|other| (DISTANCE + 1, other.into())));
    }
    found.sort();
    let mut seen = BTreeSet::new();
    found.into_iter().map(|(_, path)| path).filter(|path| seen.insert(path.clone())).take(NEAR).collect()
}

impl Files {
    /// The directory that a path means: links are followed, also the last one.
    pub fn directory(&self, asked: &[u8]) -> Box<[u8]> {
        let asked = crate::entry::lexical(asked);
        end_of(self, &asked).unwrap_or_else(|| asked.into())
    }
}
