//! Trees: all layers of an image laid over each other, and the settings that decide how a container runs.
//!
//! What differs by construction between two builders is not looked at: times, where layers are cut, how tar streams are
//! written, histories, when and by whom the image was made.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::difference::{FileDifference, Found, Measure, What, between};
use super::lockstep::{Kept, TooMuch};
use super::reading::{self, Unread};
use super::{Comparison, LayerComparison, LayerSide, Subject, Verdict};
use crate::digest::Digest;
use crate::error::Error;
use crate::events::Task;
use crate::image::{Form, Member, MemberKind, Whiteout};

/// How many paths an image may have.
const PATHS_LIMIT: usize = 4_000_000;

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Left,
    Right,
}

/// A path of a tree.
#[derive(Debug, Clone)]
struct Placed {
    member: Arc<Member>,
    /// The place of the layer that put it there last.
    layer: usize,
}

/// The paths of an image.
#[derive(Debug, Clone, Default)]
struct Tree(BTreeMap<Box<[u8]>, Placed>);

/// Compares the trees of two images and their settings.
///
/// # Errors
///
/// If a registry or this machine fails; an image has more paths, or more differs, than can be kept.
pub fn compare(
    left: &Subject,
    right: &Subject,
    measure: Measure,
    comparison: &mut Comparison,
    kept: &mut Kept,
) -> Result<(), Error> {
    comparison.config = settings::compare(&left.config, &right.config);
    // What both have at the bottom is read once, and is the same on both sides.
    let shared = left.layers.iter().zip(&right.layers).take_while(|(left, right)| is_same(left, right)).count();
    let mut below = Tree::default();
    if !below.lay_all(right, 0..shared, Where::Right, comparison)? {
        return Ok(());
    }
    let mut before = below.clone();
    if !before.lay_all(left, shared..left.layers.len(), Where::Left, comparison)? {
        return Ok(());
    }
    let mut now = below;
    if !now.lay_all(right, shared..right.layers.len(), Where::Right, comparison)? {
        return Ok(());
    }
    let implied = Arc::new(implied());
    before.imply(&implied);
    now.imply(&implied);
    comparison.files = differences(&before.0, &now.0, measure, kept)?;
    Ok(())
}

fn is_same(left: &super::SubjectLayer, right: &super::SubjectLayer) -> bool {
    left.marks.diff_id.is_some() && left.marks.diff_id == right.marks.diff_id
}

impl Tree {
    /// Lays layers over what there is. Answers false if one of them is damaged, which the comparison then says.
    fn lay_all(
        &mut self,
        subject: &Subject,
        places: std::ops::Range<usize>,
        which: Where,
        comparison: &mut Comparison,
    ) -> Result<bool, Error> {
        for place in places {
            let layer = &subject.layers[place];
            let name = layer.name().map_or_else(|| layer.descriptor.digest.short(), str::to_owned);
            let _running = subject.workshop().events().begin(Task::Compare { layer: name }, 0);
            match self.lay(subject, place) {
                Ok(()) => {}
                Err(Unread::Failed(error)) => return Err(error),
                Err(Unread::Stopped) => {
                    let message = format!("`{}` has more than {PATHS_LIMIT} paths", subject.name);
                    return Err(Error::request(message, "compare its layers, without --tree"));
                }
                Err(Unread::Damaged(why)) => {
                    let side = Some(LayerSide { place, layer: layer.clone() });
                    let (left, right) = if which == Where::Left { (side, None) } else { (None, side) };
                    comparison.layers.push(LayerComparison {
                        verdict: Verdict::Damaged,
                        left,
                        right,
                        moved: false,
                        why: Some(why),
                        files: Vec::new(),
                    });
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn lay(&mut self, subject: &Subject, place: usize) -> Result<(), Unread> {
        // A whiteout hides what lower layers hold, never what its own layer does, wherever in it it stands.
        let mut added: BTreeMap<Box<[u8]>, Arc<Member>> = BTreeMap::new();
        reading::members(subject, &subject.layers[place], &mut |member| {
            match member.whiteout() {
                _ if member.kind == MemberKind::GLOBAL_RECORDS => {}
                Some(Whiteout::Nothing) => {}
                Some(Whiteout::Opaque(directory)) if directory.is_empty() => self.0.clear(),
                Some(Whiteout::Opaque(directory)) => self.remove_below(&directory),
                Some(Whiteout::Path(path)) => {
                    self.0.remove(&path);
                    self.remove_below(&path);
                }
                // The root is there whatever a layer says.
                None if member.path.is_empty() => {}
                None => drop(added.insert(member.path.clone(), Arc::new(member))),
            }
            match self.0.len() + added.len() > PATHS_LIMIT {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        let mut resolved = Vec::with_capacity(added.len());
        for (path, member) in &added {
            let member = match member.kind {
                MemberKind::Hardlink => self.other_name(member, &added),
                _ => Arc::clone(member),
            };
            resolved.push((path.clone(), member));
        }
        for (path, member) in resolved {
            let was_directory = self.0.get(&path).is_some_and(|before| before.member.kind == MemberKind::Directory);
            if was_directory && member.kind != MemberKind::Directory {
                self.remove_below(&path);
            }
            self.0.insert(path, Placed { member, layer: place });
        }
        Ok(())
    }

    /// What another name of a file is: the file, whichever of its names comes first in which stream.
    fn other_name(&self, link: &Arc<Member>, added: &BTreeMap<Box<[u8]>, Arc<Member>>) -> Arc<Member> {
        let mut found = link;
        // A link to a link of the same layer is no longer than the layer, and most are not at all.
        for _ in 0..16 {
            let Some(target) = &found.link else { break };
            match added.get(target).or_else(|| self.0.get(target).map(|placed| &placed.member)) {
                Some(member) if member.kind == MemberKind::Hardlink => found = member,
                Some(member) => return Arc::new(Member { path: link.path.clone(), ..Member::clone(member) }),
                None => break,
            }
        }
        Arc::clone(link)
    }

    fn remove_below(&mut self, directory: &[u8]) {
        let prefix = [directory, b"/"].concat();
        let below: Vec<Box<[u8]>> = self
            .0
            .range::<[u8], _>((std::ops::Bound::Included(&prefix[..]), std::ops::Bound::Unbounded))
            .map(|(path, _)| path.clone())
            .take_while(|path| path.starts_with(&prefix))
            .collect();
        for path in below {
            self.0.remove(&path);
        }
    }

    /// Puts directories where no layer says what a path lies in: unpacking makes them.
    fn imply(&mut self, implied: &Arc<Member>) {
        let mut missing: BTreeSet<(Box<[u8]>, usize)> = BTreeSet::new();
        for (path, placed) in &self.0 {
            for parent in crate::entry::parents(path) {
                if !self.0.contains_key(parent) {
                    missing.insert((parent.into(), placed.layer));
                }
            }
        }
        for (path, layer) in missing {
            self.0.entry(path).or_insert_with(|| Placed { member: Arc::clone(implied), layer });
        }
    }
}

/// A directory as unpacking makes it where none is described.
fn implied() -> Member {
    let form = Form {
        format: "ustar",
        records: Vec::new(),
        long_names: false,
        user: Box::default(),
        group: Box::default(),
        prefix: "",
        slash: true,
        header: Digest::of(b""),
    };
    Member {
        path: Box::default(),
        kind: MemberKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        time: (0, 0),
        size: 0,
        digest: None,
        link: None,
        device: None,
        attributes: BTreeMap::new(),
        form: Arc::new(form),
    }
}

fn differences(
    left: &BTreeMap<Box<[u8]>, Placed>,
    right: &BTreeMap<Box<[u8]>, Placed>,
    measure: Measure,
    kept: &mut Kept,
) -> Result<Vec<FileDifference>, Error> {
    let mut files: Vec<FileDifference> = Vec::new();
    let found = |placed: &Placed| Some(Found { member: Arc::clone(&placed.member), layer: Some(placed.layer) });
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let (before, now) = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some((before, _)), Some((now, _))) if before == now => (left.next(), right.next()),
            (Some((before, _)), Some((now, _))) if before > now => (None, right.next()),
            (None, Some(_)) => (None, right.next()),
            (Some(_), _) => (left.next(), None),
        };
        let file = match (before, now) {
            (Some((path, before)), Some((_, now))) => {
                if Arc::ptr_eq(&before.member, &now.member) {
                    continue;
                }
                let (what, _) = between(&before.member, &now.member, measure);
                FileDifference { path: path.clone(), what, left: found(before), right: found(now) }
            }
            (Some((path, before)), None) => {
                FileDifference { path: path.clone(), what: vec![What::Removed], left: found(before), right: None }
            }
            (None, Some((path, now))) => {
                FileDifference { path: path.clone(), what: vec![What::Added], left: None, right: found(now) }
            }
            (None, None) => break,
        };
        if !file.what.is_empty() {
            kept.add(&file).map_err(|too_much| {
                Error::request(format!("the trees cannot be compared: {too_much}"), TooMuch::HELP)
            })?;
            files.push(file);
        }
    }
    Ok(files)
}
