//! The walk over the graph: from the projects over what they need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::edge::{Edge, extra_choice, group_choice};
use super::{Environment, Extras, LockError, Package, UvLock};

/// A walk. Each package is entered once for itself and once for each of its extras, so circles end.
pub(super) struct Walk<'l, 'e> {
    lock: &'l UvLock,
    environment: &'e Environment,
    /// The extras and groups that are wanted, as markers call them.
    wanted: BTreeSet<String>,
    /// The packages that were reached, and who needed each first.
    reached: BTreeMap<usize, Reason<'l>>,
    entered: BTreeSet<(usize, Option<&'l str>)>,
    queue: VecDeque<(usize, Option<&'l str>)>,
    /// Whether a package that is one of several of its name is in the lock for the target.
    for_target: BTreeMap<usize, bool>,
}

/// Why a package is wanted.
#[derive(Clone, Copy)]
enum Reason<'l> {
    /// It is what the lock is of.
    Root,
    /// A package needs it, or the lock itself.
    Needed(Option<usize>, &'l Edge),
}

impl<'l, 'e> Walk<'l, 'e> {
    /// The packages that are reached, sorted by name, each name once.
    ///
    /// # Errors
    ///
    /// If a marker cannot be decided, a dependency is not in the lock, or two packages of one name are reached.
    pub fn reach(
        lock: &'l UvLock,
        environment: &'e Environment,
        extras: &Extras,
    ) -> Result<Vec<&'l Package>, LockError> {
        let groups = lock.root_packages().flat_map(|root| {
            let own = extras.groups.iter().filter(|group| root.groups.contains_key(*group));
            own.map(|group| group_choice(&root.pin.name, group))
        });
        let mut walk = Walk {
            lock,
            environment,
            wanted: groups.collect(),
            reached: BTreeMap::new(),
            entered: BTreeSet::new(),
            queue: VecDeque::new(),
            for_target: BTreeMap::new(),
        };
        // As uv does: the first walk finds out which extras are wanted, the second what they and their choices lead to.
        walk.go(extras)?;
        walk.reached.clear();
        walk.entered.clear();
        walk.go(extras)?;
        walk.each_once()
    }

    fn go(&mut self, extras: &Extras) -> Result<(), LockError> {
        let lock = self.lock;
        // What is asked for is wanted before the first marker is looked at.
        for at in &lock.roots {
            self.reached.insert(*at, Reason::Root);
            self.enter(*at, None);
            let Some(root) = lock.packages.get(*at) else { continue };
            for (extra, _) in extras.extras.iter().filter_map(|extra| root.extras.get_key_value(extra)) {
                self.enter(*at, Some(extra));
            }
        }
        for at in &lock.roots {
            let Some(root) = lock.packages.get(*at) else { continue };
            for group in extras.groups.iter().filter_map(|group| root.groups.get(group)) {
                self.follow(group, Some(*at))?;
            }
        }
        for group in extras.groups.iter().filter_map(|group| lock.groups.get(group)) {
            self.follow(group, None)?;
        }
        self.follow(&lock.requirements, None)?;
        while let Some((at, extra)) = self.queue.pop_front() {
            let Some(package) = lock.packages.get(at) else { continue };
            let edges = match extra {
                None => Some(&package.dependencies),
                Some(extra) => package.extras.get(extra),
            };
            self.follow(edges.map_or(&[], Vec::as_slice), Some(at))?;
        }
        Ok(())
    }

    fn enter(&mut self, at: usize, extra: Option<&'l str>) {
        if !self.entered.insert((at, extra)) {
            return;
        }
        if let (Some(extra), Some(package)) = (extra, self.lock.packages.get(at)) {
            self.wanted.insert(extra_choice(&package.pin.name, extra));
        }
        self.queue.push_back((at, extra));
    }

    fn follow(&mut self, edges: &'l [Edge], from: Option<usize>) -> Result<(), LockError> {
        for edge in edges {
            if !edge.holds(self.environment, &self.wanted)? {
                continue;
            }
            let at = self.target(edge)?;
            self.reached.entry(at).or_insert(Reason::Needed(from, edge));
            self.enter(at, None);
            for extra in &edge.extras {
                self.enter(at, Some(extra));
            }
        }
        Ok(())
    }

    /// The place of the package that an edge leads to.
    fn target(&mut self, edge: &Edge) -> Result<usize, LockError> {
        let lock = self.lock;
        let of_name = lock.by_name.get(&edge.name).map_or(&[][..], Vec::as_slice);
        let is_meant = |at: &usize| {
            lock.packages.get(*at).is_some_and(|package| {
                edge.version.as_ref().is_none_or(|version| package.pin.version.as_ref() == Some(version))
                    && edge.source.as_ref().is_none_or(|source| package.source == *source)
            })
        };
        let meant: Vec<usize> = of_name.iter().copied().filter(is_meant).collect();
        let again = "run `uv lock` again";
        match meant.as_slice() {
            [] => Err(edge.place.error(format!("`{}` is needed, and is not in the lock", edge.name), again)),
            [one] => Ok(*one),
            several => {
                let mut for_target = Vec::new();
                for at in several {
                    if self.is_for_target(*at)? {
                        for_target.push(*at);
                    }
                }
                match for_target.as_slice() {
                    [one] => Ok(*one),
                    _ => Err(edge.place.error(
                        format!("`{}` is needed, and the lock has {} of that name", edge.name, several.len()),
                        again,
                    )),
                }
            }
        }
    }

    fn is_for_target(&mut self, at: usize) -> Result<bool, LockError> {
        if let Some(known) = self.for_target.get(&at) {
            return Ok(*known);
        }
        let markers = self.lock.packages.get(at).map_or(&[][..], |package| package.markers.as_slice());
        let mut is_for_target = markers.is_empty();
        for marker in markers {
            is_for_target = is_for_target || marker.holds(self.environment)?;
        }
        self.for_target.insert(at, is_for_target);
        Ok(is_for_target)
    }

    fn each_once(&self) -> Result<Vec<&'l Package>, LockError> {
        let mut by_name: BTreeMap<&str, (usize, &Package)> = BTreeMap::new();
        for at in self.reached.keys() {
            let Some(package) = self.lock.packages.get(*at) else { continue };
            if let Some((first_at, first)) = by_name.insert(&package.pin.name, (*at, package)) {
                let what = format!(
                    "two of one name are wanted at once: {} ({}) and {} ({})",
                    first.called(),
                    self.reason(first_at),
                    package.called(),
                    self.reason(*at),
                );
                let help = "ask for fewer extras or groups at once, or lock anew: they may not exclude each other";
                return Err(package.pin.place.error(what, help));
            }
        }
        Ok(by_name.into_values().map(|(_, package)| package).collect())
    }

    fn reason(&self, at: usize) -> String {
        match self.reached.get(&at) {
            Some(Reason::Needed(from, edge)) => {
                let from = from.and_then(|from| self.lock.packages.get(from));
                let who = from.map_or_else(|| "the lock".to_owned(), Package::called);
                format!("{who} needs it, at line {}", edge.place.line)
            }
            _ => "the lock is of it".to_owned(),
        }
    }
}
