//! OCI image layouts: a folder of blobs with an index.
//!
//! See the [layout specification](https://github.com/opencontainers/image-spec/blob/main/image-layout.md).

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::FileRange;
use super::error::OutputError;
use crate::digest::{Digest, Digesting};
use crate::image::{Descriptor, Document, Index, MANIFEST_LIMIT};

/// The annotation that names an image in a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What `oci-layout` holds.
pub(super) const LAYOUT_FILE: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// How the names of files begin that are being written.
const TEMPORARY: &str = ".tarsia-";

/// A folder that holds images.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens a layout that is there.
    ///
    /// # Errors
    ///
    /// If the folder is not there or no layout.
    pub fn open(root: &Path) -> Result<Layout, OutputError> {
        let path = root.join("oci-layout");
        match fs::metadata(root) {
            Err(source) => Err(OutputError::Io { doing: "open the layout", path: root.to_owned(), source }),
            Ok(_) if path.is_file() => Ok(Layout { root: root.to_owned() }),
            Ok(_) => Err(OutputError::Not {
                path: root.to_owned(),
                what: "an OCI layout",
                why: "it holds no file `oci-layout`".to_owned(),
            }),
        }
    }

    /// Opens the layout in `root`, making it if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made, or there is a folder that holds something else.
    pub fn create(root: &Path) -> Result<Layout, OutputError> {
        let layout = Layout { root: root.to_owned() };
        if root.join("oci-layout").is_file() {
            return Ok(layout);
        }
        if !is_free(root) && !root.join("oci-layout").is_file() {
            return Err(OutputError::Taken(root.to_owned()));
        }
        let blobs = root.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|source| OutputError::Io {
            doing: "make the folder",
            path: blobs,
            source,
        })?;
        layout.write("oci-layout", LAYOUT_FILE)?;
        Ok(layout)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn io(&self, doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
        let path = path.to_owned();
        move |source| OutputError::Io { doing, path, source }
    }

    /// Where a blob lies, if it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Whether the blob is there, of the right size.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.blob_path(digest)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    /// Opens a blob.
    ///
    /// # Errors
    ///
    /// If it is not there or of another size.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<FileRange, OutputError> {
        let path = self.blob_path(&descriptor.digest);
        if !self.has_blob(&descriptor.digest, descriptor.size) {
            return Err(OutputError::MissingBlob { path: self.root.clone(), digest: descriptor.digest });
        }
        File::open(&path).and_then(|file| FileRange::new(file, 0, descriptor.size)).map_err(self.io("open", &path))
    }

    /// Puts a small blob.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, OutputError> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(&digest);
        // Documents are small: look whether what is there is what should be.
        if !fs::read(&path).is_ok_and(|present| present == bytes) {
            self.write(&format!("blobs/sha256/{}", digest.hex()), bytes)?;
        }
        Ok(digest)
    }

    /// Puts a blob that a reader gives.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, or is not what its digest says.
    pub fn put_blob_from(&self, digest: &Digest, size: u64, reader: &mut dyn Read) -> Result<(), OutputError> {
        let path = self.blob_path(digest);
        let mut file = self.temporary()?;
        let mut digesting = Digesting::new(reader);
        io::copy(&mut digesting, &mut file).map_err(self.io("write", &path))?;
        let (_, actual, copied) = digesting.finish();
        if copied != size || actual != *digest {
            return Err(OutputError::WrongBlob { expected: *digest, actual });
        }
        self.publish(file, &path)
    }

    /// Puts a blob that is a file: as another name of it where the file system can, else as a copy. The caller vouches
    /// for its digest, and never writes into the file; it is read-only, and so is what is put here.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn put_blob_file(&self, digest: &Digest, source: &Path) -> Result<(), OutputError> {
        let path = self.blob_path(digest);
        // Whoever wrote into the layout would write into the store; but then its digest is looked at whenever it is used.
        let folder = self.root.join("blobs/sha256");
        fs::create_dir_all(&folder).map_err(self.io("make the folder", &folder))?;
        if fs::hard_link(source, &path).is_ok() {
            return self.settle(&path);
        }
        let mut file = self.temporary()?;
        let mut original = File::open(source).map_err(self.io("open", source))?;
        io::copy(&mut original, file.as_file_mut()).map_err(self.io("write", &path))?;
        self.publish(file, &path)
    }

    /// Names images, all at once: whoever reads the index sees none or all of them. An image of the same name is
    /// replaced, others stay.
    ///
    /// # Errors
    ///
    /// If the index is unreadable or cannot be written.
    pub fn name_images(&self, images: &[(String, Descriptor)]) -> Result<(), OutputError> {
        self.name_images_if(images, |_, _| Ok(()))
    }

    /// The same, unless `look` refuses: it is told each name and what stands under it while nobody else can change it.
    ///
    /// # Errors
    ///
    /// As [`Layout::name_images`], and what `look` reports.
    pub fn name_images_if<E: From<OutputError>>(
        &self,
        images: &[(String, Descriptor)],
        look: impl Fn(&str, Option<&Descriptor>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Two processes may add to one layout: the folder itself is what they take turns at.
        let folder = File::open(&self.root).map_err(self.io("open", &self.root))?;
        folder.lock().map_err(self.io("lock", &self.root))?;
        let mut index = self.index()?;
        let before = index.to_bytes();
        for (name, _) in images {
            look(name, index.manifests.iter().find(|other| other.annotations.get(REF_NAME) == Some(name)))?;
        }
        for (name, descriptor) in images {
            let mut descriptor = descriptor.clone();
            descriptor.annotations.insert(REF_NAME.to_owned(), name.clone());
            match index.manifests.iter_mut().find(|other| other.annotations.get(REF_NAME) == Some(name)) {
                Some(other) => *other = descriptor,
                None => index.manifests.push(descriptor),
            }
        }
        index.manifests.sort_by(|a, b| a.annotations.get(REF_NAME).cmp(&b.annotations.get(REF_NAME)));
        let bytes = index.to_bytes();
        if bytes != before || !self.root.join("index.json").exists() {
            self.write("index.json", &bytes)?;
        }
        Ok(())
    }

    /// Its index; an empty one if there is none yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn index(&self) -> Result<Index, OutputError> {
        let path = self.root.join("index.json");
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(MANIFEST_LIMIT + 1).read_to_end(&mut bytes).map_err(self.io("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Index::new(Vec::new())),
            Err(error) => return Err(self.io("open", &path)(error)),
        };
        match Document::parse(&bytes, crate::image::media_type::INDEX) {
            Ok(Document::Index(index)) => Ok(index),
            Ok(Document::Manifest(_)) => Err(OutputError::Not {
                path,
                what: "an image index",
                why: "it is the manifest of one image".to_owned(),
            }),
            Err(source) => Err(OutputError::Document { path, source }),
        }
    }

    /// The image of this name, or the only one.
    ///
    /// # Errors
    ///
    /// If there is none, or several and no name was given.
    pub fn find(&self, name: Option<&str>) -> Result<Descriptor, OutputError> {
        find(&self.root, self.index()?, name)
    }

    fn temporary(&self) -> Result<tempfile::NamedTempFile, OutputError> {
        // Beside the final names, so that a rename never crosses file systems.
        let folder = self.root.join("blobs");
        fs::create_dir_all(folder.join("sha256")).map_err(self.io("make the folder", &folder))?;
        tempfile::Builder::new()
            .prefix(TEMPORARY)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&folder)
            .map_err(self.io("make a temporary file in", &folder))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let path = self.root.join(name);
        let mut file = self.temporary()?;
        file.write_all(bytes).map_err(self.io("write", &path))?;
        self.publish(file, &path)
    }

    fn publish(&self, file: tempfile::NamedTempFile, path: &Path) -> Result<(), OutputError> {
        file.as_file().sync_all().map_err(self.io("write", path))?;
        file.persist(path).map_err(|error| self.io("write", path)(error.error))?;
        self.settle(path)
    }

    /// Makes sure that the name is on disk.
    fn settle(&self, path: &Path) -> Result<(), OutputError> {
        let folder = path.parent().unwrap_or(&self.root);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(self.io("write", folder))
    }
}

/// Whether a folder is empty, is not there, or holds no more than the beginning of a layout: another process may be
/// making it, or was killed.
fn is_free(root: &Path) -> bool {
    let only = |folder: &Path, allowed: &dyn Fn(&OsStr) -> bool| {
        fs::read_dir(folder)
            .map_or(true, |mut entries| entries.all(|entry| entry.is_ok_and(|e| allowed(&e.file_name()))))
    };
    only(root, &|name| name == "blobs")
        && only(&root.join("blobs"), &|name| name == "sha256" || name.as_bytes().starts_with(TEMPORARY.as_bytes()))
        && only(&root.join("blobs/sha256"), &|_| false)
}

/// The image of this name in an index, or the only one. A name such as `@sha256:…` is the digest of one.
pub(super) fn find(path: &Path, index: Index, name: Option<&str>) -> Result<Descriptor, OutputError> {
    let named = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
    let names: Vec<String> = index.manifests.iter().filter_map(named).collect();
    let listed = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let refuse = |found| Err(OutputError::Image { path: path.to_owned(), found });
    let is_meant = |descriptor: &Descriptor, name: &str| match name.strip_prefix('@') {
        Some(digest) => descriptor.digest.to_string() == digest,
        None => named(descriptor).as_deref() == Some(name),
    };
    match name {
        Some(name) => match index.manifests.iter().find(|descriptor| is_meant(descriptor, name)) {
            Some(descriptor) => Ok(descriptor.clone()),
            None if names.is_empty() => refuse(format!("no image named `{name}`")),
            None => refuse(format!("no image named `{name}`, but {}", listed())),
        },
        None => match <[Descriptor; 1]>::try_from(index.manifests) {
            Ok([only]) => Ok(only),
            Err(all) if all.is_empty() => refuse("no image".to_owned()),
            Err(all) => refuse(format!("{} images: {}", all.len(), listed())),
        },
    }
}
