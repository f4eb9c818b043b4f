//! Steps: what the one-liners of a `RUN` do to the file system, done without a shell.
//!
//! Each behaves as GNU's command of the same name does when root runs it with the umask 022; where that would fail, so
//! does the layer.

mod written;

use std::collections::BTreeMap;

use super::chmod::Chmod;
use super::contents::{Contents, Source};
use super::draft::{Draft, join, split};
use super::error::{Error, check_fit, display};
use super::matching::{has_wildcard, matches};
use super::stack::Stack;
use crate::digest::Digest;
use crate::entry::{Entry, Kind, Owner};
use crate::image::Node;

const UMASK: u32 = 0o022;
/// How many names a pattern may match.
const MATCH_LIMIT: usize = 100_000;

/// A path that a command was given, made absolute: no `/` in front, its end as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The path; of a pattern, with `\` before what is no wildcard.
    pub path: Vec<u8>,
    /// Whether it is a pattern: `*`, `?` and `[…]` stand for existing names.
    pub is_pattern: bool,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `mkdir`
    MakeDirectory {
        /// The directories.
        paths: Vec<Argument>,
        /// `-p`
        parents: bool,
        /// `-m`
        mode: Option<Chmod>,
    },
    /// `WORKDIR`: as `mkdir -p`, and where a link on the way leads nowhere, there
    WorkingDirectory {
        /// The directory.
        path: Vec<u8>,
    },
    /// `chmod`
    ChangeMode {
        /// The mode.
        mode: Chmod,
        /// What gets it.
        paths: Vec<Argument>,
        /// `-R`
        recursive: bool,
    },
    /// `chown`
    ChangeOwner {
        /// The owner; the group stays where none is given.
        owner: NewOwner,
        /// What gets it.
        paths: Vec<Argument>,
        /// `-R`
        recursive: bool,
        /// `-h`
        no_dereference: bool,
    },
    /// `touch`
    Touch {
        /// The files.
        paths: Vec<Argument>,
    },
    /// `ln -s`
    Link {
        /// Where the links point.
        targets: Vec<Vec<u8>>,
        /// The link, or the directory it is put into.
        path: Argument,
        /// `-f`
        force: bool,
        /// `-n`
        no_dereference: bool,
    },
    /// `rm`
    Remove {
        /// What goes.
        paths: Vec<Argument>,
        /// `-r`
        recursive: bool,
        /// `-f`
        force: bool,
    },
}

/// The owner that `chown` was given, names resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOwner {
    /// As written: `user`, `user:group`, `user:` or `:group`.
    pub written: String,
}

/// Does all steps, one after the other. `owner` owns what is made; without one it is root's.
///
/// # Errors
///
/// If a command would fail, or names what is not there.
pub fn perform(steps: &[Step], owner: Option<Owner>, stack: &Stack, mtime: i64) -> Result<Contents, Error> {
    let mut draft = Draft::over(stack, mtime);
    for step in steps {
        let mut performing = Performing { draft: &mut draft, stack, owner, step };
        performing.perform()?;
    }
    draft.finish()
}

struct Performing<'a, 'b> {
    draft: &'a mut Draft<'b>,
    stack: &'b Stack,
    owner: Option<Owner>,
    step: &'a Step,
}

impl Performing<'_, '_> {
    fn perform(&mut self) -> Result<(), Error> {
        match self.step {
            Step::MakeDirectory { paths, parents, mode } => {
                for path in self.expand(paths)? {
                    self.make_directory(&path, *parents, mode.as_ref())?;
                }
            }
            Step::WorkingDirectory { path } => {
                check_fit(path)?;
                let real = self.draft.resolve(path)?;
                self.draft.make_directories(&real, 0o755, self.owner)?;
            }
            Step::ChangeMode { mode, paths, recursive } => {
                for path in self.expand(paths)? {
                    for path in self.reached(&path, *recursive, true)? {
                        let is_directory = self.draft.is_directory(&path)?;
                        self.change(&path, |entry| entry.mode = mode.apply(entry.mode, is_directory, UMASK))?;
                    }
                }
            }
            Step::ChangeOwner { owner, paths, recursive, no_dereference } => {
                let (uid, gid) = self.new_owner(&owner.written)?;
                for path in self.expand(paths)? {
                    let follow = !no_dereference && !recursive;
                    for path in self.reached_as(&path, *recursive, follow, true)? {
                        self.change(&path, |entry| {
                            entry.uid = uid.unwrap_or(entry.uid);
                            entry.gid = gid.unwrap_or(entry.gid);
                            // The kernel takes these bits away from what changes its owner.
                            if matches!(entry.kind, Kind::File { .. }) {
                                entry.mode &= if entry.mode & 0o010 == 0 { !0o4000 } else { !0o6000 };
                            }
                        })?;
                    }
                }
            }
            Step::Touch { paths } => {
                for path in self.expand(paths)? {
                    self.touch(&path)?;
                }
            }
            Step::Link { targets, path, force, no_dereference } => {
                for path in self.expand(std::slice::from_ref(path))? {
                    self.link(targets, &path, *force, *no_dereference)?;
                }
            }
            Step::Remove { paths, recursive, force } => {
                for path in self.expand(paths)? {
                    self.remove(&path, *recursive, *force)?;
                }
            }
        }
        Ok(())
    }

    fn fail(&self, why: impl Into<String>) -> Error {
        Error::Step { step: self.step.name(), why: why.into() }
    }

    /// What `chown` was told: the user, the group, each if it was named. `user:` has the user's own group.
    fn new_owner(&self, written: &str) -> Result<(Option<u64>, Option<u64>), Error> {
        let (user, group) = match written.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (written, None),
        };
        // `user:` means the user's own group here; `--chown` reads it otherwise.
        let owner = if group == Some("") { user } else { written };
        let owner = self.stack.owner(&owner.parse()?)?;
        let is_number = user.bytes().all(|byte| byte.is_ascii_digit());
        if group == Some("") && is_number {
            return Err(self.fail(format!("`{written}` names no group")));
        }
        Ok(((!user.is_empty()).then_some(owner.uid), group.map(|_| owner.gid)))
    }

    /// The paths that arguments stand for: a pattern that matches nothing stands for itself, as in `sh`.
    fn expand(&self, arguments: &[Argument]) -> Result<Vec<Vec<u8>>, Error> {
        let mut paths = Vec::new();
        for argument in arguments {
            // As long as no path can be, or as deep.
            let length = argument.path.len();
            let parts = argument.path.iter().filter(|&&byte| byte == b'/').count();
            if length > 4096 || parts > 256 {
                return Err(self.fail(format!("no path is so long: `{}`", display(&argument.path))));
            }
            if !argument.is_pattern {
                paths.push(argument.path.clone());
                continue;
            }
            let found = self.matching(&argument.path)?;
            if found.is_empty() {
                paths.push(unescape(&argument.path));
            }
            paths.extend(found);
        }
        Ok(paths)
    }

    fn matching(&self, pattern: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let parts: Vec<&[u8]> = pattern.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
        let mut found: Vec<Vec<u8>> = vec![Vec::new()];
        // Links may lead to one directory by many ways.
        let mut known: BTreeMap<Box<[u8]>, Vec<Vec<u8>>> = BTreeMap::new();
        for part in parts {
            let mut next = Vec::new();
            for path in found {
                if !has_wildcard(part) {
                    let child = join(&path, &unescape(part)).into_vec();
                    if self.draft.node(&self.draft.resolve_parent(&child)?)?.is_some() {
                        next.push(child);
                    }
                    continue;
                }
                let real = self.draft.resolve(&path)?;
                if !known.contains_key(&real) {
                    let names = self.names(&real)?;
                    known.insert(real.clone(), names);
                }
                let pattern = shell_classes(part);
                for name in known.get(&real).into_iter().flatten() {
                    // A leading dot has to be written.
                    let hidden = name.starts_with(b".") && !part.starts_with(b".");
                    if !hidden && matches(&pattern, name) {
                        next.push(join(&path, name).into_vec());
                    }
                }
                if next.len() > MATCH_LIMIT {
                    return Err(self.fail(format!("a pattern matches more than {MATCH_LIMIT} names")));
                }
            }
            found = next;
        }
        if pattern.ends_with(b"/") {
            // Only directories, and links to some, have something behind a slash.
            let mut directories = Vec::new();
            for mut path in found {
                if self.draft.is_directory(&self.draft.resolve(&path)?)? {
                    path.push(b'/');
                    directories.push(path);
                }
            }
            found = directories;
        }
        Ok(found)
    }

    /// The names in a directory; none if it is none.
    fn names(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        if !self.draft.is_directory(directory)? {
            return Ok(Vec::new());
        }
        let skip = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let names = self.draft.below(directory)?.into_iter().map(|(below, _)| below[skip..].to_vec());
        Ok(names.filter(|name| !name.contains(&b'/')).collect())
    }

    fn make_directory(&mut self, path: &[u8], parents: bool, mode: Option<&Chmod>) -> Result<(), Error> {
        let is_last = |at: usize| path[at..].iter().all(|&byte| byte == b'/');
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        // Part by part, as the command does it: `a/../b` makes `a` as well.
        for end in ends.chain([path.len()]).filter(|&end| end > 0 && path[end - 1] != b'/') {
            let (part, last) = (&path[..end], is_last(end));
            let named = self.draft.resolve_parent(part)?;
            match self.draft.node(&named)? {
                Some(Node::Directory { .. }) if parents || !last => {}
                Some(Node::Symlink { .. })
                    if (parents || !last) && self.draft.is_directory(&self.draft.resolve(part)?)? => {}
                Some(_) => return Err(self.fail(format!("`{}` exists", display(&named)))),
                None if parents || last => {
                    let written = if last { mode.map_or(0o755, |mode| mode.apply(0o777, true, UMASK)) } else { 0o755 };
                    if !self.draft.is_directory(split(&named).0)? {
                        return Err(self.fail(format!("there is no directory `{}`", display(split(&named).0))));
                    }
                    let (mode, owner) = self.draft.inherited(&named, written, self.owner)?;
                    self.draft.put(&named, mode, owner, Kind::Directory, Source::Nothing);
                }
                None => return Err(self.fail(format!("there is no directory `{}`", display(part)))),
            }
        }
        Ok(())
    }

    /// What a change reaches: the path, links followed, and all below it.
    fn reached(&self, path: &[u8], recursive: bool, follow: bool) -> Result<Vec<Box<[u8]>>, Error> {
        self.reached_as(path, recursive, follow, false)
    }

    fn reached_as(&self, path: &[u8], recursive: bool, follow: bool, links: bool) -> Result<Vec<Box<[u8]>>, Error> {
        let real = if follow { self.draft.resolve(path)? } else { self.draft.resolve_parent(trimmed(path))? };
        if real.is_empty() {
            return Err(self.fail("the root itself cannot be changed: layers say nothing of it"));
        }
        let Some(node) = self.draft.node(&real)? else {
            return Err(self.fail(format!("there is no `{}`", display(path))));
        };
        if path.ends_with(b"/") && !self.draft.is_directory(&self.draft.resolve(path)?)? {
            return Err(self.fail(format!("`{}` is no directory", display(&real))));
        }
        let mut reached = vec![real.clone()];
        if recursive && matches!(node, Node::Directory { .. }) {
            let below = self.draft.below(&real)?.into_iter();
            reached
                .extend(below.filter(|(_, node)| links || !matches!(node, Node::Symlink { .. })).map(|(path, _)| path));
        }
        Ok(reached)
    }

    fn change(&mut self, path: &[u8], change: impl FnOnce(&mut Entry)) -> Result<(), Error> {
        let name = display(path);
        // A change that changes nothing leaves the layer alone.
        match self.draft.change(path, change)? {
            true => Ok(()),
            false => Err(self.fail(format!("there is no `{name}`"))),
        }
    }

    fn touch(&mut self, path: &[u8]) -> Result<(), Error> {
        let real = self.draft.resolve(path)?;
        match self.draft.node(&real)? {
            Some(Node::Directory { .. }) => return Ok(()),
            Some(_) if path.ends_with(b"/") => {
                return Err(self.fail(format!("`{}` is no directory", display(&real))));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let (above, _) = split(&real);
        if path.ends_with(b"/") || !self.draft.is_directory(above)? {
            return Err(self.fail(format!("there is no directory `{}`", display(above))));
        }
        let kind = Kind::File { size: 0, digest: Digest::of(b"") };
        let (_, owner) = self.draft.inherited(&real, 0, self.owner)?;
        self.draft.put(&real, 0o644, owner, kind, Source::Nothing);
        Ok(())
    }

    fn link(&mut self, targets: &[Vec<u8>], path: &[u8], force: bool, no_dereference: bool) -> Result<(), Error> {
        let named = self.draft.resolve_parent(trimmed(path))?;
        let is_link = matches!(self.draft.node(&named)?, Some(Node::Symlink { .. }));
        let real = if no_dereference && is_link { named.clone() } else { self.draft.resolve(path)? };
        let into = self.draft.is_directory(&real)?;
        if (targets.len() > 1 || path.ends_with(b"/")) && !into {
            return Err(self.fail(format!("`{}` is no directory", display(path))));
        }
        for target in targets {
            let place = if into {
                let name = trimmed(target).rsplit(|&byte| byte == b'/').next().unwrap_or_default();
                join(&real, name)
            } else {
                named.clone()
            };
            match self.draft.node(&place)? {
                Some(Node::Directory { .. }) => {
                    return Err(self.fail(format!("`{}` is a directory", display(&place))));
                }
                Some(_) if !force => return Err(self.fail(format!("`{}` exists", display(&place)))),
                _ => {}
            }
            let (above, _) = split(&place);
            if !self.draft.is_directory(above)? {
                return Err(self.fail(format!("there is no directory `{}`", display(above))));
            }
            let kind = Kind::Symlink { target: target.as_slice().into() };
            let (_, owner) = self.draft.inherited(&place, 0, self.owner)?;
            self.draft.put(&place, 0o777, owner, kind, Source::Nothing);
        }
        Ok(())
    }

    fn remove(&mut self, path: &[u8], recursive: bool, force: bool) -> Result<(), Error> {
        let named = trimmed(path);
        if matches!(split(named).1, b"." | b"..") {
            return Err(self.fail(format!("`rm` does not take `.` and `..` away: `{}`", display(path))));
        }
        let real = self.draft.resolve_parent(named)?;
        if real.is_empty() {
            return Err(self.fail("the root cannot be removed"));
        }
        match self.draft.node(&real)? {
            // What is there is no directory, so there is nothing at this path. Of a link to one, commands differ in
            // whether it is emptied.
            Some(Node::Symlink { .. })
                if path.ends_with(b"/") && self.draft.is_directory(&self.draft.resolve(named)?)? =>
            {
                Err(self.fail(format!("`{}` is a link to a directory: name the directory", display(&real))))
            }
            Some(Node::Symlink { .. } | Node::File) if path.ends_with(b"/") && force => Ok(()),
            Some(Node::Symlink { .. } | Node::File) if path.ends_with(b"/") => {
                Err(self.fail(format!("`{}` is no directory", display(&real))))
            }
            None if force => Ok(()),
            None => Err(self.fail(format!("there is no `{}`", display(path)))),
            Some(Node::Directory { .. }) if !recursive => Err(self.fail(format!("`{}` is a directory", display(path)))),
            Some(_) => self.draft.remove(&real),
        }
    }
}

impl Step {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Step::MakeDirectory { .. } | Step::WorkingDirectory { .. } => "mkdir",
            Step::ChangeMode { .. } => "chmod",
            Step::ChangeOwner { .. } => "chown",
            Step::Touch { .. } => "touch",
            Step::Link { .. } => "ln",
            Step::Remove { .. } => "rm",
        }
    }
}

/// A path without the slashes at its end.
fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    &path[..end]
}

fn unescape(pattern: &[u8]) -> Vec<u8> {
    let mut bytes = pattern.iter();
    let mut plain = Vec::new();
    while let Some(&byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next().copied().unwrap_or(b'\\') } else { byte });
    }
    plain
}

/// Shells negate classes with `!`, Go with `^`.
fn shell_classes(pattern: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        out.push(byte);
        match byte {
            b'\\' => out.extend(bytes.next()),
            b'[' if bytes.next_if_eq(&b'!').is_some() => out.push(b'^'),
            _ => {}
        }
    }
    out
}
