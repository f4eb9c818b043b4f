//! The repository that a project lies in: what its ignore files say, and which files are tracked all the same.
//!
//! Hatchling and Poetry leave out what version control ignores. Of what git goes by, `.gitignore` files and the index
//! count; `.git/info/exclude` and the user's own ignore file do not: they are of one machine. Git is never run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::fault::{Fault, quoted};
use super::folder::{Folder, bytes_at, open_at};
use super::glob::GitIgnore;
use super::tree::prefix;

/// The most bytes of an ignore file.
const LIMIT: u64 = 1 << 20;

/// The most bytes of an index: some million files.
const INDEX_LIMIT: u64 = 1 << 30;

/// The most bytes of a path in an index.
const LONGEST: u64 = 1 << 16;

/// An ignore file in a project's folder, or above it.
#[derive(Debug)]
pub(super) struct IgnoreFile {
    /// Where it lies.
    pub path: String,
    /// What it says.
    pub text: String,
    /// The project's folder, relative to where the file lies.
    pub place: String,
}

impl IgnoreFile {
    /// The next file of this name, not above the directory with `boundary` in it.
    ///
    /// # Errors
    ///
    /// If there is one that cannot be read.
    pub(super) fn next(folder: &Folder, name: &str, boundary: &str) -> Result<Option<IgnoreFile>, Fault> {
        for directory in folder.root().ancestors() {
            let file = directory.join(name);
            if file.is_file() {
                let path = file.display().to_string();
                // A link is followed within the project only.
                let text = match directory == folder.root() {
                    true => folder.text_of(name, LIMIT),
                    false => text_at(&file),
                };
                let text = text.map_err(|why| Fault::at(0, format!("it {why}")).of(&path))?;
                let place = relative(folder.root(), directory);
                return Ok(place.map(|place| IgnoreFile { path, text, place }));
            }
            if directory.join(boundary).exists() {
                break;
            }
        }
        Ok(None)
    }
}

/// A git repository, and where in it a project lies.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
    /// The project's folder, relative to the repository's.
    place: String,
}

impl Repository {
    /// The one that the folder lies in.
    pub(super) fn of(folder: &Folder) -> Option<Repository> {
        let has_git = |directory: &&Path| {
            let git = directory.join(".git");
            git.join("HEAD").is_file() || git.is_file()
        };
        let root = folder.root().ancestors().find(has_git)?;
        Some(Repository { root: root.to_owned(), place: relative(folder.root(), root)? })
    }

    /// Those of the project's files that are ignored and not tracked; none if the project itself is ignored.
    ///
    /// # Errors
    ///
    /// If an ignore file or the index cannot be read.
    pub(super) fn ignored<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Result<BTreeSet<String>, Fault> {
        let mut ignoring = Ignoring { root: &self.root, files: BTreeMap::new(), directories: BTreeMap::new() };
        if ignoring.is_below_ignored(&format!("{}x", prefix(&self.place)))? {
            return Ok(BTreeSet::new());
        }
        let before = prefix(&self.place);
        let mut ignored = BTreeMap::new();
        for path in paths {
            let full = format!("{before}{path}");
            if ignoring.is_below_ignored(&full)? || ignoring.judge(&full, false)? {
                ignored.insert(full.into_bytes(), path.to_owned());
            }
        }
        if !ignored.is_empty() {
            let first = ignored.values().next().map_or_else(String::new, |path| quoted(path));
            let index = git_directory(&self.root).and_then(|git| without_tracked(&git.join("index"), &mut ignored));
            index.map_err(|why| {
                let what = format!("git ignores {first}, and whether it is tracked all the same is not known: {why}");
                Fault::backend(0, what).of(&self.root.join(".git").display().to_string())
            })?;
        }
        Ok(ignored.into_values().collect())
    }
}

/// What the ignore files of a repository say, each read once.
struct Ignoring<'a> {
    root: &'a Path,
    /// By the directory that they lie in.
    files: BTreeMap<String, Option<GitIgnore>>,
    directories: BTreeMap<String, bool>,
}

impl Ignoring<'_> {
    /// Whether a directory above a path is ignored: nothing below it can come back.
    fn is_below_ignored(&mut self, path: &str) -> Result<bool, Fault> {
        for (at, _) in path.match_indices('/') {
            let Some(directory) = path.get(..at) else { continue };
            let is_ignored = match self.directories.get(directory) {
                Some(is_ignored) => *is_ignored,
                None => {
                    let is_ignored = self.judge(directory, true)?;
                    self.directories.insert(directory.to_owned(), is_ignored);
                    is_ignored
                }
            };
            if is_ignored {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the files above a path say about it, the innermost first.
    fn judge(&mut self, path: &str, is_directory: bool) -> Result<bool, Fault> {
        let mut at = path;
        loop {
            at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !self.files.contains_key(at) {
                self.files.insert(at.to_owned(), read_ignore_file(&self.root.join(at).join(".gitignore"))?);
            }
            let rest = path.strip_prefix(&prefix(at)).unwrap_or(path);
            if let Some(Some(file)) = self.files.get(at)
                && let Some(is_ignored) = file.judge(rest, is_directory)
            {
                return Ok(is_ignored);
            }
            if at.is_empty() {
                return Ok(false);
            }
        }
    }
}

fn read_ignore_file(path: &Path) -> Result<Option<GitIgnore>, Fault> {
    // Git follows no link here either.
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let name = path.display().to_string();
    let text = text_at(path).map_err(|why| Fault::at(0, format!("it {why}")).of(&name))?;
    let mut ignore = GitIgnore::default();
    for (at, line) in text.lines().enumerate() {
        let pushed = ignore.push(line);
        pushed.map_err(|why| Fault::backend(at + 1, format!("the pattern {} {why}", quoted(line))).of(&name))?;
    }
    Ok(Some(ignore))
}

fn text_at(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes_at(path, LIMIT)?).map_err(|_| "is not UTF-8".to_owned())
}

fn relative(path: &Path, root: &Path) -> Option<String> {
    path.strip_prefix(root).ok()?.to_str().map(str::to_owned)
}

/// The directory with the index: `.git`, or where the file of that name says (a work tree's, a submodule's).
fn git_directory(root: &Path) -> Result<PathBuf, String> {
    let git = root.join(".git");
    if git.is_dir() {
        return Ok(git);
    }
    let text = text_at(&git)?;
    let target = text.strip_prefix("gitdir: ").ok_or("it names no directory")?;
    Ok(root.join(target.trim_end()))
}

/// Removes what the index names ([gitformat-index](https://git-scm.com/docs/gitformat-index)). Without an index nothing is
/// tracked.
fn without_tracked(index: &Path, paths: &mut BTreeMap<Vec<u8>, String>) -> Result<(), String> {
    if !index.exists() {
        return Ok(());
    }
    let mut file = BufReader::new(open_at(index)?.take(INDEX_LIMIT));
    let header: [u8; 12] = read(&mut file)?;
    let [b'D', b'I', b'R', b'C', 0, 0, 0, version @ 2..=4, count @ ..] = header else {
        return Err("the index has a form that is not read here".to_owned());
    };
    let mut name = Vec::new();
    for _ in 0..u32::from_be_bytes(count) {
        // Times, numbers and the SHA-1; the flags.
        let _: [u8; 60] = read(&mut file)?;
        let flags = u16::from_be_bytes(read(&mut file)?);
        let is_extended = version >= 3 && flags & 0x4000 != 0;
        if is_extended {
            let _: [u8; 2] = read(&mut file)?;
        }
        // The last version says how much of the name before goes.
        let kept = if version == 4 { name.len().checked_sub(read_offset(&mut file)?).ok_or(BROKEN)? } else { 0 };
        name.truncate(kept);
        let read_bytes = (&mut file).take(LONGEST).read_until(0, &mut name);
        read_bytes.map_err(|error| format!("the index cannot be read: {error}"))?;
        // The length that the flags say holds the form to account: of SHA-256 the entries are longer.
        let length = usize::from(flags & 0x0fff);
        if name.pop() != Some(0) || length < 0x0fff && length != name.len() {
            return Err(BROKEN.to_owned());
        }
        if version < 4 {
            // Entries end with one to eight zeros, at a multiple of eight.
            let end = 62 + if is_extended { 2 } else { 0 } + name.len();
            for _ in 0..(7 - end % 8) {
                let _: [u8; 1] = read(&mut file)?;
            }
        }
        paths.remove(&name);
    }
    // A split index has the rest elsewhere.
    match read::<4>(&mut file)? == *b"link" {
        true => Err("the index is split".to_owned()),
        false => Ok(()),
    }
}

const BROKEN: &str = "the index is not what it is to be";

fn read<const LENGTH: usize>(file: &mut impl Read) -> Result<[u8; LENGTH], String> {
    let mut bytes = [0; LENGTH];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(BROKEN.to_owned()),
    }
}

/// A number as git writes offsets: seven bits a byte, each further byte adding one.
fn read_offset(file: &mut impl Read) -> Result<usize, String> {
    let mut offset = 0_usize;
    for count in 0..5 {
        let [byte] = read(file)?;
        offset += usize::from(count > 0);
        offset = offset << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(offset);
        }
    }
    Err(BROKEN.to_owned())
}
