//! Contexts: what a directory holds once the ignore rules have been asked.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Error;
use super::ignore::{IgnoreRules, Verdict};
use super::walk::{Walk, levels};
use crate::entry::parents;
use crate::workers::Workers;

/// A directory and the rules that say what of it may be seen.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    rules: IgnoreRules,
    /// The file the rules come from.
    ignore_file: PathBuf,
}

/// A point in time, in nanoseconds since 1970, as file systems write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// Now.
    pub fn now() -> Moment {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn of(seconds: i64, nanoseconds: i64) -> Moment {
        Moment(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    }
}

/// What tells that a file is still the same one with the same content: git's choice of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The device it lies on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When its content last changed.
    pub modified: Moment,
    /// When its content or its inode last changed; no program can set this back.
    pub changed: Moment,
}

impl Identity {
    /// The identity that `metadata` shows.
    pub fn of(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: Moment::of(metadata.mtime(), metadata.mtime_nsec()),
            changed: Moment::of(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a write after `seen` would have to show in the identity.
    ///
    /// A clock ticks in steps; a file written twice within one step keeps its times. Like git, we do not believe
    /// times that lie within a step of the moment they were looked at. File systems that keep fractions of a second
    /// tick with the kernel (at most 10 ms); the others in steps of up to two seconds.
    pub fn is_settled(&self, seen: Moment) -> bool {
        const FINE: i64 = 50_000_000;
        const COARSE: i64 = 2_000_000_000;
        let step = if self.changed.0 % 1_000_000_000 == 0 { COARSE } else { FINE };
        self.modified.max(self.changed).0.saturating_add(step) <= seen.0
    }
}

/// One path of a context that the rules leave.
#[derive(Debug, Clone)]
pub struct Found {
    /// The path, relative to the context, `/` between its parts, without one at the end.
    pub path: Box<[u8]>,
    /// What is there.
    pub kind: FoundKind,
    /// The permission bits, `07777` at most.
    pub mode: u32,
    /// Whether the inode has other names.
    pub is_linked: bool,
    /// What tells whether it changes.
    pub identity: Identity,
    /// When `identity` was looked at, at the latest.
    pub seen: Moment,
    /// Where it lies in the context, if that is not `path`: the spec named a link, and this is what it leads to.
    pub source: Option<Box<[u8]>>,
}

impl Found {
    /// Where it lies, given where its context does.
    fn below(&self, root: &Path) -> PathBuf {
        at(root, self.source.as_ref().unwrap_or(&self.path))
    }

    /// Moves it from below `real` to below `name`.
    fn called(self, name: &[u8], real: &[u8]) -> Found {
        if name == real {
            return self;
        }
        let below = self.path.strip_prefix(real).unwrap_or(&self.path);
        let slash: &[u8] = if below.is_empty() || below.starts_with(b"/") { b"" } else { b"/" };
        Found { path: [name, slash, below].concat().into(), source: Some(self.path), ..self }
    }
}

fn at(root: &Path, path: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(path))
}

/// What was found in a context, kept for those who will read it: of a million files, each need not know where all are.
#[derive(Debug)]
pub struct Scanned {
    root: PathBuf,
    found: Vec<Found>,
}

impl Scanned {
    /// What was found in `context`.
    pub fn new(context: &Context, found: Vec<Found>) -> Scanned {
        Scanned { root: context.root.clone(), found }
    }

    /// All of it.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Where a found path lies.
    pub fn locate(&self, found: &Found) -> PathBuf {
        found.below(&self.root)
    }
}

/// The kinds of file that a layer can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link and its target, as it is.
    Symlink(Box<[u8]>),
    /// Something that no layer can hold, and the word for it; only [`Context::walk`] and [`Context::look`] find it.
    Other(&'static str),
}

impl Context {
    /// Opens the directory `root` with the rules of its `.dockerignore`, if it has one, followed by `exclude`.
    pub fn open(root: &Path, exclude: &[String]) -> Result<Context, Error> {
        Context::open_with(root, &root.join(".dockerignore"), exclude)
    }

    /// The same with the rules of another file, which need not exist.
    pub fn open_with(root: &Path, ignore_file: &Path, exclude: &[String]) -> Result<Context, Error> {
        let file = ignore_file.to_owned();
        let rules = match read_ignore_file(&file) {
            Ok(bytes) => {
                IgnoreRules::parse(&bytes).map_err(|pattern| Error::IgnoreFile { file: file.clone(), pattern })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => IgnoreRules::default(),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Error::NotADirectory(root.to_owned()));
            }
            Err(source) => return Err(Error::Io { doing: "read", path: file, source }),
        };
        Ok(Context { ignore_file: file, ..Context::with_rules(root, rules, exclude)? })
    }

    /// Opens the directory `root` with `rules` followed by `exclude`.
    pub fn with_rules(root: &Path, mut rules: IgnoreRules, exclude: &[String]) -> Result<Context, Error> {
        for pattern in exclude {
            rules.push(pattern).map_err(Error::Pattern)?;
        }
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {
                Ok(Context { root: root.to_owned(), rules, ignore_file: root.join(".dockerignore") })
            }
            Ok(_) => Err(Error::NotADirectory(root.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(root.to_owned())),
            Err(source) => Err(Error::Io { doing: "open the context", path: root.to_owned(), source }),
        }
    }

    /// Makes sure that what lies below `from` does not hold `output`, which need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Output`].
    pub fn refuse_output(&self, from: &[u8], output: &Path) -> Result<(), Error> {
        let (Ok(root), Some(output)) = (fs::canonicalize(&self.root), real_path(output)) else { return Ok(()) };
        let Ok(below) = output.strip_prefix(&root) else { return Ok(()) };
        let below = below.as_os_str().as_bytes();
        let is_taken =
            from.is_empty() || below == from || below.strip_prefix(from).is_some_and(|r| r.starts_with(b"/"));
        // The context itself is no place to write to either, and says so when it is written to.
        if below.is_empty() || !is_taken || self.rules.ignores(below).unwrap_or(false) {
            return Ok(());
        }
        Err(Error::Output { context: self.root.clone(), output })
    }

    /// Its rules.
    pub fn rules(&self) -> &IgnoreRules {
        &self.rules
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a found path lies.
    pub fn locate(&self, found: &Found) -> PathBuf {
        found.below(&self.root)
    }

    pub(super) fn at(&self, path: &[u8]) -> PathBuf {
        at(&self.root, path)
    }

    /// Walks the context from `from` (empty: its root) and returns what the rules leave, sorted bytewise by path.
    /// `from` itself is the first element unless it is the root.
    ///
    /// Ignored directories are not walked unless a later `!` could bring something in them back; when it does, the
    /// ignored parents are found as well, with their own metadata, as docker's walk does it.
    pub fn scan(&self, from: &[u8], workers: &Workers) -> Result<Vec<Found>, Error> {
        let walk = Walk::new(self, Moment::now(), usize::MAX, true);
        let real = if from.is_empty() { Vec::new() } else { self.follow(from)? };
        let start = self.judge_with_parents(&real)?;
        let mut found = Vec::new();
        if !real.is_empty() {
            let path = self.at(&real);
            let metadata =
                fs::symlink_metadata(&path).map_err(|source| Error::Io { doing: "look at", path, source })?;
            if let Some(verdict) = start.as_ref().filter(|verdict| verdict.ignored)
                && !(metadata.is_dir() && self.rules.may_return_below(&real, verdict))
            {
                return Err(self.missing(from));
            }
            let named = walk.admit(&real, &metadata)?;
            if named.kind != FoundKind::Directory {
                return Ok(vec![named.called(from, &real)]);
            }
            found.push(named);
        }
        let below = walk.below(&real, start, workers)?;
        if found.is_empty() {
            return Ok(below);
        }
        found.extend(below);
        Ok(found.into_iter().map(|found| found.called(from, &real)).collect())
    }

    /// What lies at `path`, links not followed; nothing if the rules leave it out.
    ///
    /// # Errors
    ///
    /// If it cannot be looked at.
    pub fn look(&self, path: &[u8], workers: &Workers) -> Result<Option<Found>, Error> {
        let at = self.at(path);
        let metadata = match fs::symlink_metadata(&at) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(Error::Io { doing: "look at", path: at, source }),
        };
        let verdict = self.judge_with_parents(path)?;
        if let Some(verdict) = verdict.filter(|verdict| verdict.ignored) {
            // An ignored directory is there if something in it comes back.
            let may_return = metadata.is_dir() && self.rules.may_return_below(path, &verdict);
            if !may_return || self.walk(path, usize::MAX, workers)?.is_empty() {
                return Ok(None);
            }
        }
        Walk::new(self, Moment::now(), 0, false).admit(path, &metadata).map(Some)
    }

    /// Everything below the directory `path` (empty: the root) that the rules leave, down to `depth` levels, sorted
    /// bytewise by path. Unlike [`Context::scan`] it follows no link and finds what no layer can hold as well.
    ///
    /// # Errors
    ///
    /// If a directory cannot be read.
    pub fn walk(&self, path: &[u8], depth: usize, workers: &Workers) -> Result<Vec<Found>, Error> {
        let walk = Walk::new(self, Moment::now(), depth.saturating_add(levels(path)), false);
        walk.below(path, self.judge_with_parents(path)?, workers)
    }

    /// Where `from` leads, within the context: a source that the spec names is followed if it is a link, as docker
    /// follows one.
    fn follow(&self, from: &[u8]) -> Result<Vec<u8>, Error> {
        let canonical = |path: &Path| match fs::canonicalize(path) {
            Ok(path) => Ok(path),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(self.missing(from))
            }
            Err(source) => Err(Error::Io { doing: "look at", path: path.to_owned(), source }),
        };
        let (real, root) = (canonical(&self.at(from))?, canonical(&self.root)?);
        let Ok(real) = real.strip_prefix(root) else {
            let from = String::from_utf8_lossy(from).into();
            return Err(Error::Outside { context: self.root.clone(), from });
        };
        let real = real.as_os_str().as_bytes();
        // A link that the rules leave out leads nowhere.
        if real != from && self.judge_with_parents(from)?.is_some_and(|verdict| verdict.ignored) {
            return Err(self.missing(from));
        }
        Ok(real.to_vec())
    }

    fn missing(&self, from: &[u8]) -> Error {
        Error::MissingSource { context: self.root.clone(), from: String::from_utf8_lossy(from).into() }
    }

    /// What the rules say about a path, parents first; nothing about the root.
    fn judge_with_parents(&self, path: &[u8]) -> Result<Option<Verdict>, Error> {
        let mut verdict = None;
        for path in parents(path).chain(Some(path).filter(|path| !path.is_empty())) {
            verdict = Some(self.judge(path, verdict.as_ref())?);
        }
        Ok(verdict)
    }

    pub(super) fn judge(&self, path: &[u8], parent: Option<&Verdict>) -> Result<Verdict, Error> {
        self.rules.judge(path, parent).map_err(|pattern| match pattern.line {
            0 => Error::Pattern(pattern),
            _ => Error::IgnoreFile { file: self.ignore_file.clone(), pattern },
        })
    }
}

/// Where a path really is, as far as it exists.
fn real_path(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let mut missing = Vec::new();
    let mut existing = path.as_path();
    loop {
        match fs::canonicalize(existing) {
            Ok(real) => return Some(missing.iter().rev().fold(real, |path, name| path.join(name))),
            Err(_) => {
                missing.push(existing.file_name()?);
                existing = existing.parent()?;
            }
        }
    }
}

/// Reads an ignore file. It is a file of a context that nothing is known of: it may be a FIFO, which would be waited for,
/// or have no end.
fn read_ignore_file(path: &Path) -> io::Result<Vec<u8>> {
    const LIMIT: u64 = 16 << 20;
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file of at most 16 MiB"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
