//! Steps: what the one-liners of a `RUN` do to the file system, done without a shell.
//!
//! Each behaves as GNU's command of the same name does when root runs it with the umask 022; where that would fail, so
//! does the layer.

use std::fmt;

use super::chmod::Chmod;
use super::contents::{Contents, Source};
use super::draft::{Draft, join, split};
use super::error::Error;
use super::matching::{has_wildcard, matches};
use super::source_tree::display;
use super::stack::Stack;
use crate::digest::Digest;
use crate::entry::{Entry, Kind, Owner};
use crate::image::Node;

const UMASK: u32 = 0o022;

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
        for part in parts {
            let mut next = Vec::new();
            for path in found {
                let real = self.draft.resolve(&path)?;
                if !has_wildcard(part) {
                    let child = join(&path, &unescape(part)).into_vec();
                    if self.draft.node(&self.draft.resolve_parent(&child)?)?.is_some() {
                        next.push(child);
                    }
                } else if self.draft.is_directory(&real)? {
                    let skip = if real.is_empty() { 0 } else { real.len() + 1 };
                    for (below, _) in self.draft.below(&real)? {
                        let name = &below[skip..];
                        // A leading dot has to be written.
                        let hidden = name.starts_with(b".") && !part.starts_with(b".");
                        if !name.contains(&b'/') && !hidden && matches(&shell_classes(part), name) {
                            next.push(join(&path, name).into_vec());
                        }
                    }
                }
            }
            found = next;
        }
        Ok(found)
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
                Some(_) => return Err(self.fail(format!("`{}` exists", display(part)))),
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
        if self.draft.node(&real)?.is_some() {
            return Ok(());
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
        if matches!(trimmed(path).rsplit(|&byte| byte == b'/').next(), Some(b"." | b"..")) {
            return Err(self.fail("`.` and `..` are not removed"));
        }
        let real = self.draft.resolve_parent(trimmed(path))?;
        if real.is_empty() {
            return Err(self.fail("the root cannot be removed"));
        }
        match self.draft.node(&real)? {
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

impl fmt::Display for Step {
    /// The command, as a shell would read it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = vec![self.name().to_owned()];
        let mut flags = String::from("-");
        let paths: &[Argument] = match self {
            Step::MakeDirectory { paths, parents, mode } => {
                if *parents {
                    flags.push('p');
                }
                if let Some(mode) = mode {
                    words.push("-m".to_owned());
                    words.push(quote(mode.to_string().as_bytes()));
                }
                paths
            }
            Step::WorkingDirectory { path } => {
                return write!(f, "mkdir -p {}", quote(&[b"/", path.as_slice()].concat()));
            }
            Step::ChangeMode { mode, paths, recursive } => {
                if *recursive {
                    words.push("-R".to_owned());
                }
                let mode = mode.to_string();
                if mode.starts_with('-') {
                    words.push("--".to_owned());
                }
                words.push(quote(mode.as_bytes()));
                paths
            }
            Step::ChangeOwner { owner, paths, recursive, no_dereference } => {
                if *recursive {
                    flags.push('R');
                }
                if *no_dereference {
                    flags.push('h');
                }
                if flags.len() > 1 {
                    words.push(std::mem::replace(&mut flags, "-".to_owned()));
                }
                words.push(quote(owner.written.as_bytes()));
                paths
            }
            Step::Touch { paths } => paths,
            Step::Link { targets, path, force, no_dereference } => {
                flags.push('s');
                if *force {
                    flags.push('f');
                }
                if *no_dereference {
                    flags.push('n');
                }
                words.push(std::mem::replace(&mut flags, "-".to_owned()));
                if targets.iter().any(|target| target.starts_with(b"-")) {
                    words.push("--".to_owned());
                }
                words.extend(targets.iter().map(|target| quote(target)));
                std::slice::from_ref(path)
            }
            Step::Remove { paths, recursive, force } => {
                if *recursive {
                    flags.push('r');
                }
                if *force {
                    flags.push('f');
                }
                paths
            }
        };
        if flags.len() > 1 {
            words.push(flags);
        }
        words.extend(paths.iter().map(|path| {
            let whole = [b"/", path.path.as_slice()].concat();
            if path.is_pattern { pattern(&whole) } else { quote(&whole) }
        }));
        f.write_str(&words.join(" "))
    }
}

/// A word that a shell takes as it is.
fn quote(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A pattern with all but its wildcards escaped.
fn pattern(word: &[u8]) -> String {
    let mut written = String::new();
    let text = String::from_utf8_lossy(word);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                written.push('\\');
                written.extend(characters.next());
            }
            c if c.is_ascii_alphanumeric() || "/._-+=:,@%*?[]^!".contains(c) => written.push(c),
            // After a backslash it would join lines.
            '\n' => written.push_str("'\n'"),
            c => {
                written.push('\\');
                written.push(c);
            }
        }
    }
    written
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
