//! A context as something to copy from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::contents::{FileSource, Source};
use super::error::{Error, display};
use super::place::Modes;
use super::source_tree::{FileContent, SourceEntry, SourceKind, SourceTree};
use crate::context::{Context, ContextIndex, Found, FoundKind, Scanned, digest_files};
use crate::workers::Workers;

/// A context, of which only what is copied is looked at.
///
/// Owners are 0:0, and modes what a checkout's umask leaves of them: see [`Modes`].
pub struct ContextTree {
    context: Context,
    modes: Modes,
    index: Option<ContextIndex>,
    /// Where the run writes: what is copied may not hold these.
    outputs: Vec<PathBuf>,
    workers: Arc<Workers>,
    found: RefCell<BTreeMap<Box<[u8]>, Found>>,
}

impl ContextTree {
    /// A tree of what the context's rules leave. `index` is where digests of its files are remembered.
    pub fn new(
        context: Context,
        modes: Modes,
        index: Option<ContextIndex>,
        outputs: Vec<PathBuf>,
        workers: Arc<Workers>,
    ) -> ContextTree {
        ContextTree { context, modes, index, outputs, workers, found: RefCell::default() }
    }

    fn entry(&self, found: Found) -> SourceEntry {
        let (kind, mode) = match &found.kind {
            FoundKind::Directory => (SourceKind::Directory, self.modes.dir(found.mode)),
            FoundKind::File => (SourceKind::File, self.modes.file(found.mode)),
            FoundKind::Symlink(target) => (SourceKind::Symlink(target.clone()), 0o777),
            FoundKind::Other(kind) => (SourceKind::Other(kind), 0),
        };
        let inode = (found.is_linked && kind == SourceKind::File)
            .then(|| [found.identity.device.to_le_bytes(), found.identity.inode.to_le_bytes()].concat().into());
        let path = found.path.clone();
        self.found.borrow_mut().insert(path.clone(), found);
        SourceEntry { path, kind, mode, uid: 0, gid: 0, inode }
    }
}

impl SourceTree for ContextTree {
    fn name(&self) -> String {
        format!("the context `{}`", self.context.root().display())
    }

    fn look(&self, path: &[u8]) -> Result<Option<SourceEntry>, Error> {
        if path.is_empty() {
            let kind = SourceKind::Directory;
            return Ok(Some(SourceEntry { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, inode: None }));
        }
        Ok(self.context.look(path, &self.workers)?.map(|found| self.entry(found)))
    }

    fn below(&self, path: &[u8], depth: usize) -> Result<Vec<SourceEntry>, Error> {
        if depth == usize::MAX {
            for output in &self.outputs {
                self.context.refuse_output(path, output)?;
            }
        }
        Ok(self.context.walk(path, depth, &self.workers)?.into_iter().map(|found| self.entry(found)).collect())
    }

    fn contents(&self, files: &[&SourceEntry]) -> Result<Vec<FileContent>, Error> {
        let known = self.found.borrow();
        let mut found = Vec::with_capacity(files.len());
        for file in files {
            found.push(known.get(&file.path).cloned().ok_or_else(|| Error::Vanished(display(&file.path)))?);
        }
        // The index is read along with the files, in their order.
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| found[a].path.cmp(&found[b].path));
        let sorted: Vec<Found> = order.iter().map(|&at| found[at].clone()).collect();
        let digests = digest_files(&self.context, &sorted, self.index.as_ref(), &self.workers)?;
        let mut contents: Vec<Option<FileContent>> = vec![None; found.len()];
        let scanned = Arc::new(Scanned::new(&self.context, sorted));
        for (place, (at, digest)) in order.into_iter().zip(digests).enumerate() {
            contents[at] = FileSource::new(&scanned, place).zip(digest).map(|(file, digest)| FileContent {
                size: file.identity().size,
                digest,
                source: Source::File(file),
            });
        }
        let all = contents.into_iter().zip(files);
        all.map(|(content, file)| content.ok_or_else(|| Error::Vanished(display(&file.path)))).collect()
    }
}
