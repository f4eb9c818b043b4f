//! The walk itself: one directory at a time, by all threads if there are many.

use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::ignore::Verdict;
use super::scan::{Context, Found, FoundKind, Identity, Moment};
use crate::workers::Workers;

/// How many names one thread looks at before it calls for others.
const ALONE: usize = 1_000;

/// A walk under way.
pub(super) struct Walk<'a> {
    context: &'a Context,
    seen: Moment,
    /// How many parts the paths have at most.
    depth: usize,
    /// Whether what no layer can hold is an error.
    strict: bool,
    gathered: Mutex<Gathered>,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
}

/// What was found so far, and how to bring it into order.
#[derive(Default)]
struct Gathered {
    /// In the order in which directories were read.
    found: Vec<Found>,
    /// Each directory's part of it.
    runs: Vec<Run>,
    /// Ignored directories in which something came back.
    brought: Vec<Found>,
}

/// What was found in one directory: sorted, and next to each other.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    start: usize,
    length: usize,
    /// How much of the directory above comes before what lies in this one.
    place: usize,
    /// The first of the runs of the directories in it, in the order of what lies in them, and how many there are.
    below: usize,
    count: usize,
}

/// A directory to be read.
struct Folder {
    path: Vec<u8>,
    verdict: Option<Verdict>,
    /// If it is ignored itself, it comes along when something in it comes back.
    pending: Option<Arc<Pending>>,
    run: usize,
}

/// An ignored directory that is walked because something in it may come back.
struct Pending {
    path: Box<[u8]>,
    above: Option<Arc<Pending>>,
    is_back: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many parts a path has.
pub(super) fn levels(path: &[u8]) -> usize {
    if path.is_empty() { 0 } else { path.iter().filter(|&&byte| byte == b'/').count() + 1 }
}

/// The order of what lies in two directories.
fn order_below(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    a.iter().chain(b"/").cmp(b.iter().chain(b"/"))
}

impl<'a> Walk<'a> {
    pub(super) fn new(context: &'a Context, seen: Moment, depth: usize, strict: bool) -> Walk<'a> {
        let (gathered, failed, error) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
        Walk { context, seen, depth, strict, gathered, failed, error }
    }

    /// Everything below the directory `path` that the rules leave, sorted.
    pub(super) fn below(self, path: &[u8], verdict: Option<Verdict>, workers: &Workers) -> Result<Vec<Found>, Error> {
        lock(&self.gathered).runs.push(Run::default());
        let mut todo = vec![Folder { path: path.to_vec(), verdict, pending: None, run: 0 }];
        let mut looked_at = 0;
        while let Some(folder) = todo.pop() {
            looked_at += self.read(&folder, &mut |folder| todo.push(folder))?;
            if looked_at >= ALONE
                && !todo.is_empty()
                && let Some(pool) = workers.help()
            {
                pool.scope(|scope| todo.drain(..).for_each(|folder| self.directory(scope, folder)));
            }
        }
        if let Some(error) = lock(&self.error).take() {
            return Err(error);
        }
        Ok(std::mem::take(&mut *lock(&self.gathered)).sorted())
    }

    /// Reads a directory in a task of its own, and those in it likewise.
    fn directory<'scope>(&'scope self, scope: &rayon::Scope<'scope>, folder: Folder) {
        scope.spawn(move |scope| {
            if self.failed.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.read(&folder, &mut |folder| self.directory(scope, folder)) {
                // One failure is enough to report; the others stop as soon as they see it.
                self.failed.store(true, Ordering::Relaxed);
                lock(&self.error).get_or_insert(error);
            }
        });
    }

    /// Reads one directory, hands on those in it, and answers how many names it has.
    fn read(&self, folder: &Folder, hand_on: &mut dyn FnMut(Folder)) -> Result<usize, Error> {
        let rules = self.context.rules();
        let directory = self.context.at(&folder.path);
        let io = |doing, path: &Path, source| Error::Io { doing, path: path.to_owned(), source };
        let mut here: Vec<Found> = Vec::new();
        let mut folders: Vec<Folder> = Vec::new();
        let mut looked_at = 0;
        let mut path = folder.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        let (start, level) = (path.len(), levels(&folder.path) + 1);
        for child in fs::read_dir(&directory).map_err(|source| io("read the directory", &directory, source))? {
            let child = child.map_err(|source| io("read the directory", &directory, source))?;
            looked_at += 1;
            path.truncate(start);
            path.extend_from_slice(child.file_name().as_bytes());
            let verdict =
                if rules.is_empty() { None } else { Some(self.context.judge(&path, folder.verdict.as_ref())?) };
            // What is ignored is not even looked at: the directory tells what is a directory.
            if let Some(ignored) = verdict.as_ref().filter(|verdict| verdict.ignored) {
                let is_directory = child.file_type().map_err(|source| io("look at", &child.path(), source))?.is_dir();
                if is_directory && rules.may_return_below(&path, ignored) {
                    let above = folder.pending.clone();
                    let pending = Pending { path: path[..].into(), above, is_back: AtomicBool::new(false) };
                    let pending = Some(Arc::new(pending));
                    folders.push(Folder { path: path.clone(), verdict, pending, run: 0 });
                }
                continue;
            }
            let metadata = child.metadata().map_err(|source| io("look at", &child.path(), source))?;
            here.push(self.admit(&path, &metadata)?);
            if metadata.is_dir() && level < self.depth {
                folders.push(Folder { path: path.clone(), verdict, pending: None, run: 0 });
            }
        }
        if !here.is_empty() {
            self.bring(folder.pending.as_ref())?;
        }
        here.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        folders.sort_unstable_by(|a, b| order_below(&a.path, &b.path));
        lock(&self.gathered).add(folder.run, here, &mut folders);
        folders.into_iter().for_each(hand_on);
        Ok(looked_at)
    }

    /// Brings back the ignored directories above something that came back.
    fn bring(&self, mut pending: Option<&Arc<Pending>>) -> Result<(), Error> {
        while let Some(Pending { path, above, is_back }) = pending.map(|pending| &**pending) {
            if is_back.swap(true, Ordering::Relaxed) {
                return Ok(());
            }
            let at = self.context.at(path);
            let metadata = fs::symlink_metadata(&at).map_err(|source| Error::Io { doing: "look at", path: at, source });
            let found = self.admit(path, &metadata?)?;
            lock(&self.gathered).brought.push(found);
            pending = above.as_ref();
        }
        Ok(())
    }

    pub(super) fn admit(&self, path: &[u8], metadata: &Metadata) -> Result<Found, Error> {
        let located = || self.context.at(path);
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let is_whiteout = name.starts_with(b".wh.");
        if is_whiteout && self.strict {
            return Err(Error::Whiteout(located()));
        }
        let kind = metadata.file_type();
        let kind = if is_whiteout {
            FoundKind::Other("file whose name would make it a whiteout")
        } else if kind.is_dir() {
            FoundKind::Directory
        } else if kind.is_file() {
            FoundKind::File
        } else if kind.is_symlink() {
            let target = fs::read_link(located()).map_err(|source| Error::Io {
                doing: "read the link",
                path: located(),
                source,
            })?;
            FoundKind::Symlink(target.into_os_string().into_vec().into())
        } else {
            let kind = match () {
                () if kind.is_fifo() => "FIFO",
                () if kind.is_socket() => "socket",
                () if kind.is_block_device() => "block device",
                () => "character device",
            };
            if self.strict {
                return Err(Error::Special { path: located(), kind });
            }
            FoundKind::Other(kind)
        };
        Ok(Found {
            path: path.into(),
            kind,
            mode: metadata.mode() & 0o7777,
            is_linked: metadata.nlink() > 1,
            identity: Identity::of(metadata),
            seen: self.seen,
            source: None,
        })
    }
}

impl Gathered {
    /// Adds what was found in a directory, and gives each of the directories in it a run of its own.
    fn add(&mut self, run: usize, mut here: Vec<Found>, folders: &mut [Folder]) {
        let (start, below) = (self.found.len(), self.runs.len());
        for (at, folder) in folders.iter_mut().enumerate() {
            folder.run = below + at;
            let place = here.partition_point(|found| found.path.iter().lt(folder.path.iter().chain(b"/")));
            self.runs.push(Run { place, ..Run::default() });
        }
        if let Some(run) = self.runs.get_mut(run) {
            *run = Run { start, length: here.len(), below, count: folders.len(), ..*run };
        }
        self.found.append(&mut here);
    }

    /// All of it, sorted bytewise by path. Each run is sorted, so that nothing is compared.
    fn sorted(mut self) -> Vec<Found> {
        // From each place, where what belongs there lies.
        let mut order: Vec<usize> = Vec::with_capacity(self.found.len());
        // The run, how much of it is placed, and how many of the directories in it.
        let mut stack = vec![(0, 0, 0)];
        while let Some((run, placed, entered)) = stack.last_mut() {
            let Run { start, length, below, count, .. } = self.runs[*run];
            let next = if *entered < count { self.runs[below + *entered].place } else { length };
            order.extend(start + *placed..start + next);
            *placed = next;
            if *entered < count {
                *entered += 1;
                let child = below + *entered - 1;
                stack.push((child, 0, 0));
            } else {
                stack.pop();
            }
        }
        permute(&mut self.found, order);
        if !self.brought.is_empty() {
            self.found.append(&mut self.brought);
            self.found.sort_by(|a, b| a.path.cmp(&b.path));
        }
        self.found
    }
}

/// Brings elements into order in place. `order` holds, for each place, where its element lies.
fn permute<T>(elements: &mut [T], mut order: Vec<usize>) {
    for first in 0..order.len() {
        let mut at = first;
        loop {
            let from = std::mem::replace(&mut order[at], at);
            if from == first {
                break;
            }
            elements.swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_walk_is_sorted_whatever_the_names_are(paths in prop::collection::btree_set("[a.-]{1,2}(/[a.-]{1,2}){0,3}", 0..40)) {
            let folder = tempfile::tempdir().unwrap();
            for path in paths.iter().filter(|path| path.split('/').all(|part| !matches!(part, "." | ".."))) {
                let path = folder.path().join(path);
                if fs::create_dir_all(path.parent().unwrap()).is_ok() {
                    let _ = fs::write(path, "");
                }
            }
            let context = Context::open(folder.path(), &[]).unwrap();
            let found = context.scan(b"", &Workers::new(1)).unwrap();
            prop_assert!(found.windows(2).all(|pair| pair[0].path < pair[1].path));
            let mut all = 0;
            let mut todo = vec![folder.path().to_owned()];
            while let Some(folder) = todo.pop() {
                for entry in fs::read_dir(folder).unwrap().flatten() {
                    all += 1;
                    todo.extend(entry.file_type().unwrap().is_dir().then(|| entry.path()));
                }
            }
            prop_assert_eq!(found.len(), all);
        }
    }
}
