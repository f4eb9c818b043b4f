//! This machine's memory: blobs by digest, and which key gave which layer.
//!
//! ```text
//! blobs/sha256/<hex>      content, named by its digest
//! layers/<key>            a record: which blob a layer key gave
//! listings/<key>          the layer's listing
//! latest/<name>           the key that a layer of an image had last
//! trees/<digest>          the base tree of an image's manifest digest; with `.heard`, as a repository told it
//! packs/<key>             contents of files, taken out of layers or archives
//! contexts/<hex>          digests of a context's files
//! temporary/              what is being written
//! ```
//!
//! Everything appears under its name by a rename and complete, so several processes share a store without asking each
//! other. [`Store::prune`] waits until nobody else is at work. Beside it only what is damaged is removed, and temporary
//! files that have not been written to for a day.

mod blob;
mod error;
mod growing;
mod pack;
mod prune;
mod record;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use blob::NewBlob;
pub use error::StoreError;
pub use growing::{Growing, Growth};
pub use pack::{NewPack, PACK_LIMIT, Pack, PackError, Packed};
pub use prune::{Damage, Keep, Kept, Pruned};

use crate::context::ContextIndex;
use crate::digest::{Digest, Hasher};
use crate::image::{Descriptor, MANIFEST_LIMIT, Nodes};

/// The largest record or tree that is read back, in bytes.
const FILE_LIMIT: u64 = 64 << 20;

/// A folder of blobs and records.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Held shared while the store is in use, so that pruning waits. Nothing for a store that is only looked at.
    lock: Option<File>,
}

/// The folder of a store of its own, removed when it is dropped, and the store in whose temporary folder it lies.
#[derive(Debug)]
pub struct House {
    // The folder goes before the lock that keeps others from removing it.
    _folder: tempfile::TempDir,
    _around: Option<Store>,
}

/// How the names of such folders begin.
const APART: &str = "apart-";

/// Removes what runs that were killed left behind. Nobody writes to one file for a day.
fn sweep(folder: &Path) {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        if written.is_ok_and(|written| written.elapsed().is_ok_and(|ago| ago > DAY)) {
            let path = entry.path();
            if !entry.file_name().as_bytes().starts_with(APART.as_bytes()) {
                let _ = fs::remove_file(path);
            } else if File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

fn begins_a_tree(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    read.is_ok() && Nodes::is_encoded(&beginning)
}

impl Store {
    /// Opens the store in `root`, making it if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made or locked.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        // Tools that back up or clean caches know this mark: https://bford.info/cachedir/
        const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Blobs and records of tarsia.\n";
        let io = |doing, path: &Path, source| StoreError::Io { doing, path: path.to_owned(), source };
        for folder in ["blobs/sha256", "layers", "listings", "latest", "trees", "packs", "contexts", "temporary"] {
            let folder = root.join(folder);
            if !folder.is_dir() {
                fs::create_dir_all(&folder).map_err(|error| io("make the folder", &folder, error))?;
            }
        }
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(&tag, TAG).map_err(|error| io("write", &tag, error))?;
        }
        let path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| io("open", &path, error))?;
        lock.lock_shared().map_err(|error| io("lock", &path, error))?;
        sweep(&root.join("temporary"));
        Ok(Store { root: root.to_owned(), lock: Some(lock) })
    }

    /// A new store that knows nothing, in the temporary folder of the store in `root`, or of this machine if there can
    /// be none; and what removes it when it is dropped.
    ///
    /// # Errors
    ///
    /// If none can be made.
    pub fn apart(root: &Path) -> Result<(Store, House), StoreError> {
        let around = Store::open(root).ok();
        let folder = around.as_ref().map_or_else(std::env::temp_dir, |store| store.root.join("temporary"));
        let made = tempfile::Builder::new().prefix(APART).tempdir_in(&folder);
        let made = made.map_err(|source| StoreError::Io { doing: "make a folder in", path: folder, source })?;
        let store = Store::open(made.path())?;
        Ok((store, House { _folder: made, _around: around }))
    }

    /// The store in `root`, to be looked at only: nothing is made, and what would be kept is forgotten.
    pub fn look(root: &Path) -> Store {
        Store { root: root.to_owned(), lock: None }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn io(&self, doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Io { doing, path, source }
    }

    /// Whether anything is kept in it, or it is only looked at.
    pub fn keeps(&self) -> bool {
        self.lock.is_some()
    }

    /// Where the blob with this digest lies, if it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Whether a blob is there and of the right size. A blob cut short by a full disk is not believed; one that was
    /// damaged in place is found by [`Store::verify`].
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        fs::symlink_metadata(self.blob_path(digest)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    /// Opens a blob for reading, if it is there and of the right size.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be opened.
    pub fn open_blob(&self, digest: &Digest, size: u64) -> Result<Option<File>, StoreError> {
        let path = self.blob_path(digest);
        match File::open(&path) {
            Ok(file) => Ok(file.metadata().is_ok_and(|metadata| metadata.len() == size).then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io("open", &path)(error)),
        }
    }

    /// Removes a blob that was found to be damaged, and says so.
    pub fn discard(&self, digest: &Digest) -> StoreError {
        let _ = fs::remove_file(self.blob_path(digest));
        StoreError::Damaged(*digest)
    }

    /// The content of a small blob, if it is there and is what its digest says.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read.
    pub fn read_blob(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_blob(&descriptor.digest, descriptor.size)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let path = self.blob_path(&descriptor.digest);
        file.take(descriptor.size).read_to_end(&mut bytes).map_err(self.io("read", &path))?;
        Ok(Some(bytes).filter(|bytes| Digest::of(bytes) == descriptor.digest))
    }

    /// Begins a blob whose digest is not known yet.
    ///
    /// # Errors
    ///
    /// If no temporary file can be made.
    pub fn new_blob(&self) -> Result<NewBlob<'_>, StoreError> {
        NewBlob::begin(self)
    }

    /// Stores a small blob.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.lock.is_some() && !self.has_blob(&digest, bytes.len() as u64) {
            let mut blob = self.new_blob()?;
            let path = blob.path().to_owned();
            blob.write_all(bytes).map_err(self.io("write", &path))?;
            blob.commit(&digest)?;
        }
        Ok(digest)
    }

    /// A manifest or an index by its digest alone, if it is here and undamaged.
    pub fn known_document(&self, digest: &Digest) -> Option<Vec<u8>> {
        let size = fs::metadata(self.blob_path(digest)).ok()?.len();
        if size > MANIFEST_LIMIT {
            return None;
        }
        self.read_blob(&Descriptor::new("", *digest, size)).ok().flatten()
    }

    /// Where the digests of the files below `from` in `context` are remembered. What is excluded is part of the
    /// name: two layers that take different files of one context do not make each other forget.
    pub fn context_index(&self, context: &Path, from: &[u8], exclude: &[String]) -> ContextIndex {
        let name = fs::canonicalize(context).unwrap_or_else(|_| context.to_owned());
        let mut hasher = Hasher::new();
        hasher.field(name.as_os_str().as_bytes());
        hasher.field(from);
        exclude.iter().for_each(|pattern| hasher.field(pattern.as_bytes()));
        let path = self.root.join("contexts").join(hasher.finish().hex());
        ContextIndex { path, writable: self.lock.is_some() }
    }

    /// Whether the paths of the image whose manifest has this digest are here. Only how they begin is looked at: a tree
    /// that an earlier version kept is none.
    pub fn has_tree(&self, manifest: &Digest) -> bool {
        begins_a_tree(&self.root.join("trees").join(manifest.hex()))
    }

    /// The paths of the image whose manifest has this digest, if it was computed before and is undamaged.
    pub fn tree(&self, manifest: &Digest) -> Option<Nodes> {
        Nodes::decode(&self.read_file(&self.root.join("trees").join(manifest.hex()))?).ok()
    }

    /// The same as it is stored.
    pub fn tree_bytes(&self, manifest: &Digest) -> Option<Vec<u8>> {
        let bytes = self.read_file(&self.root.join("trees").join(manifest.hex()))?;
        Nodes::decode(&bytes).is_ok().then_some(bytes)
    }

    /// Keeps the paths of an image.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put_tree(&self, manifest: &Digest, tree: &Nodes) -> Result<(), StoreError> {
        let path = self.root.join("trees").join(manifest.hex());
        let bytes = tree.encode().map_err(self.io("encode", &path))?;
        self.write_file(&path, &bytes)
    }

    /// Whether the paths of an image are here as a repository told them.
    pub fn has_heard_tree(&self, manifest: &Digest) -> bool {
        begins_a_tree(&self.heard_tree_path(manifest))
    }

    /// The paths of an image as a repository told them: to be believed as far as the repository is.
    pub fn heard_tree(&self, manifest: &Digest) -> Option<Nodes> {
        Nodes::decode(&self.read_file(&self.heard_tree_path(manifest))?).ok()
    }

    /// Keeps the paths of an image as a repository told them.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn put_heard_tree(&self, manifest: &Digest, tree: &Nodes) -> Result<(), StoreError> {
        let path = self.heard_tree_path(manifest);
        let bytes = tree.encode().map_err(self.io("encode", &path))?;
        self.write_file(&path, &bytes)
    }

    fn heard_tree_path(&self, manifest: &Digest) -> PathBuf {
        self.root.join("trees").join(format!("{}.heard", manifest.hex()))
    }

    fn read_file(&self, path: &Path) -> Option<Vec<u8>> {
        let file = File::open(path).ok()?;
        if file.metadata().ok()?.len() > FILE_LIMIT {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes a file so that it is there whole or not at all.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        if self.lock.is_none() {
            return Ok(());
        }
        let mut file = self.temporary()?;
        let name = file.path().to_owned();
        file.write_all(bytes).map_err(self.io("write", &name))?;
        self.publish(file, path)
    }

    /// The same for what is small, can be found out again, and counts as none if it is damaged: whether it outlives a
    /// failure of the machine is not worth to wait for the disk.
    fn write_hint(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        if self.lock.is_none() {
            return Ok(());
        }
        let mut file = self.temporary()?;
        let name = file.path().to_owned();
        file.write_all(bytes).map_err(self.io("write", &name))?;
        file.persist(path).map(|_| ()).map_err(|error| self.io("write", path)(error.error))
    }

    fn temporary(&self) -> Result<tempfile::NamedTempFile, StoreError> {
        let folder = self.root.join("temporary");
        tempfile::NamedTempFile::new_in(&folder).map_err(self.io("make a temporary file in", &folder))
    }

    /// Gives a complete temporary file its name: contents to disk, rename, folder to disk.
    fn publish(&self, file: tempfile::NamedTempFile, path: &Path) -> Result<(), StoreError> {
        file.as_file().sync_all().map_err(self.io("write", path))?;
        file.persist(path).map_err(|error| self.io("write", path)(error.error))?;
        let folder = path.parent().unwrap_or(&self.root);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(self.io("write", folder))
    }
}
