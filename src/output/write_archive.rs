//! Writing archives: the same image gives the same file, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::error::OutputError;
use super::layout::{LAYOUT_FILE, REF_NAME};
use crate::digest::Digest;
use crate::image::{Descriptor, Image, Index, media_type};

/// An image for a docker archive: the name it gets there, and its documents for each platform.
#[derive(Debug)]
pub struct ArchiveImage<'a> {
    /// Its name.
    pub name: String,
    /// Its images, one a platform.
    pub images: Vec<&'a Image>,
}

/// Opens the layer blob with this descriptor.
type OpenLayer<'a> = dyn FnMut(&Descriptor) -> Result<Box<dyn Read>, OutputError> + 'a;

/// What goes into an OCI archive.
#[derive(Debug, Default)]
pub struct ArchiveContents {
    /// Manifests, indexes and configs, by digest.
    pub documents: BTreeMap<Digest, Vec<u8>>,
    /// Layers, each once.
    pub layers: Vec<Descriptor>,
    /// The images by name.
    pub named: Vec<(String, Descriptor)>,
}

/// Writes an OCI layout into a tar file.
///
/// # Errors
///
/// If a layer cannot be read or the file not be written.
pub fn write_oci_archive(path: &Path, contents: &ArchiveContents, open: &mut OpenLayer<'_>) -> Result<(), OutputError> {
    write(path, |tar| {
        tar.bytes("oci-layout", LAYOUT_FILE)?;
        for (digest, bytes) in &contents.documents {
            tar.bytes(&blob_name(digest), bytes)?;
        }
        for layer in &contents.layers {
            tar.stream(&blob_name(&layer.digest), layer.size, &mut *open(layer)?)?;
        }
        let named = contents.named.iter().map(|(name, descriptor)| {
            let mut descriptor = descriptor.clone();
            descriptor.annotations.insert(REF_NAME.to_owned(), name.clone());
            descriptor
        });
        tar.bytes("index.json", &Index::new(named.collect()).to_bytes())
    })
}

/// Writes what `docker load` reads. Layers keep their compression, which docker recognises.
///
/// # Errors
///
/// If a layer cannot be read, the file not be written, or an image is for more than one platform: the format has no
/// word for that.
pub fn write_docker_archive(
    path: &Path,
    images: &[ArchiveImage<'_>],
    open: &mut OpenLayer<'_>,
) -> Result<(), OutputError> {
    write(path, |tar| {
        let mut rows = Vec::new();
        let mut written = BTreeSet::new();
        for image in images {
            let [platform] = image.images[..] else {
                let platforms: Vec<String> =
                    image.images.iter().map(|image| image.config.platform().to_string()).collect();
                return Err(OutputError::Platforms { path: path.to_owned(), platforms: platforms.join(", ") });
            };
            let config = format!("{}.json", platform.manifest.config.digest.hex());
            if written.insert(platform.manifest.config.digest) {
                tar.bytes(&config, &platform.config_bytes)?;
            }
            let mut layers = Vec::new();
            for layer in &platform.manifest.layers {
                let extension = match layer.media_type.as_str() {
                    media_type::LAYER => "tar",
                    media_type::LAYER_ZSTD => "tar.zst",
                    _ => "tar.gz",
                };
                let name = format!("{}.{extension}", layer.digest.hex());
                if written.insert(layer.digest) {
                    tar.stream(&name, layer.size, &mut *open(layer)?)?;
                }
                layers.push(name);
            }
            let tag = if image.name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
                image.name.clone()
            } else {
                format!("{}:latest", image.name)
            };
            rows.push(json!({"Config": config, "RepoTags": [tag], "Layers": layers}));
        }
        tar.bytes("manifest.json", json!(rows).to_string().as_bytes())
    })
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

struct TarFile<'a> {
    path: &'a Path,
    out: tar::Builder<BufWriter<File>>,
}

fn write(path: &Path, fill: impl FnOnce(&mut TarFile<'_>) -> Result<(), OutputError>) -> Result<(), OutputError> {
    let io = |source| OutputError::Io { doing: "write", path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new()
        .prefix(".tarsia-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(io)?;
    let file = temporary.as_file().try_clone().map_err(io)?;
    let mut tar = TarFile { path, out: tar::Builder::new(BufWriter::with_capacity(1 << 20, file)) };
    fill(&mut tar)?;
    tar.out.into_inner().and_then(|mut out| out.flush()).map_err(io)?;
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|error| io(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

impl TarFile<'_> {
    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        self.stream(name, bytes.len() as u64, &mut &bytes[..])
    }

    fn stream(&mut self, name: &str, size: u64, reader: &mut dyn Read) -> Result<(), OutputError> {
        let io = |source| OutputError::Io { doing: "write", path: self.path.to_owned(), source };
        let mut header = tar::Header::new_ustar();
        header.set_path(name).map_err(io)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        let mut counted = reader.take(size);
        self.out.append(&header, &mut counted).map_err(io)?;
        if counted.limit() > 0 {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}
