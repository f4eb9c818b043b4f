//! Reading archives: an OCI layout in a tar file, or what `docker save` writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::OutputError;
use super::{FileRange, layout};
use crate::digest::{Digest, Digesting};
use crate::entry::{lexical, normalise_path};
use crate::image::{CONFIG_LIMIT, Descriptor, Document, Index, MANIFEST_LIMIT, Manifest, Reference, media_type};

/// How many files an archive may hold.
const FILE_LIMIT: usize = 100_000;

/// A tar file of images: where each of its files lies.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    files: BTreeMap<Vec<u8>, (u64, u64)>,
}

/// An image of a docker archive, as a manifest with blobs that lie in the archive.
#[derive(Debug)]
pub struct DockerImage {
    /// The manifest, made up from the archive's table.
    pub manifest: Manifest,
    /// Where the blobs lie in the archive.
    places: BTreeMap<Digest, (u64, u64)>,
}

impl Archive {
    /// Reads the headers of a tar file.
    ///
    /// # Errors
    ///
    /// If it is not there or no tar file.
    pub fn open(path: &Path) -> Result<Archive, OutputError> {
        let io = |doing, source| OutputError::Io { doing, path: path.to_owned(), source };
        let file = File::open(path).map_err(|error| io("open", error))?;
        let size = file.metadata().map_err(|error| io("open", error))?.len();
        let not = |why: String| OutputError::Not { path: path.to_owned(), what: "an image archive", why };
        let mut files = BTreeMap::new();
        let mut links: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut archive = tar::Archive::new(BufReader::new(file));
        for entry in archive.entries_with_seek().map_err(|error| io("read", error))? {
            let entry = entry.map_err(|error| not(error.to_string()))?;
            let Some(name) = normalise_path(&entry.path_bytes()) else { continue };
            let kind = entry.header().entry_type();
            if kind.is_file() {
                let (offset, length) = (entry.raw_file_position(), entry.size());
                if offset.checked_add(length).is_none_or(|end| end > size) {
                    return Err(not("it is cut off".to_owned()));
                }
                files.insert(name.into_vec(), (offset, length));
            } else if let Some(target) = entry.link_name_bytes().filter(|_| kind.is_symlink() || kind.is_hard_link()) {
                // `docker save` links a layer that several images share, relative to the link's own folder.
                let mut whole = Vec::new();
                if kind.is_symlink() {
                    whole.extend_from_slice(name.rsplitn(2, |&byte| byte == b'/').nth(1).unwrap_or_default());
                    whole.push(b'/');
                }
                whole.extend_from_slice(&target);
                links.push((name.into_vec(), lexical(&whole)));
            }
            if files.len() + links.len() > FILE_LIMIT {
                return Err(not(format!("it holds more than {FILE_LIMIT} files")));
            }
        }
        for (name, target) in links {
            if let Some(&place) = files.get(&target) {
                files.insert(name, place);
            }
        }
        Ok(Archive { path: path.to_owned(), files })
    }

    /// The tar file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn range(&self, (offset, size): (u64, u64)) -> Result<FileRange, OutputError> {
        File::open(&self.path).and_then(|file| FileRange::new(file, offset, size)).map_err(|source| OutputError::Io {
            doing: "open",
            path: self.path.clone(),
            source,
        })
    }

    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, OutputError> {
        let Some(&place) = self.files.get(name.as_bytes()) else { return Ok(None) };
        if place.1 > limit {
            let why = format!("`{name}` in it is larger than {limit} bytes");
            return Err(OutputError::Not { path: self.path.clone(), what: "an image archive", why });
        }
        let mut bytes = Vec::new();
        self.range(place)?.read_to_end(&mut bytes).map_err(|source| OutputError::Io {
            doing: "read",
            path: self.path.clone(),
            source,
        })?;
        Ok(Some(bytes))
    }

    /// The image of this name in an OCI archive, or the only one.
    ///
    /// # Errors
    ///
    /// If it is no OCI archive, there is none, or several and no name was given.
    pub fn find(&self, name: Option<&str>) -> Result<Descriptor, OutputError> {
        let Some(bytes) = self.read("index.json", MANIFEST_LIMIT)? else {
            let why = "it holds no `index.json`".to_owned();
            return Err(OutputError::Not { path: self.path.clone(), what: "an OCI archive", why });
        };
        let document = Document::parse(&bytes, media_type::INDEX);
        match document.map_err(|source| OutputError::Document { path: self.path.clone(), source })? {
            Document::Index(index) => layout::find(&self.path, index, name),
            Document::Manifest(_) => layout::find(&self.path, Index::new(Vec::new()), name),
        }
    }

    /// Opens a blob of an OCI archive.
    ///
    /// # Errors
    ///
    /// If it is not there or of another size.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<FileRange, OutputError> {
        let name = format!("blobs/sha256/{}", descriptor.digest.hex());
        match self.files.get(name.as_bytes()) {
            Some(&place) if place.1 == descriptor.size => self.range(place),
            _ => Err(OutputError::MissingBlob { path: self.path.clone(), digest: descriptor.digest }),
        }
    }

    /// The image of this name in a docker archive, or the only one. Its layers are digested, which reads them once.
    ///
    /// # Errors
    ///
    /// If it is no docker archive, there is none, or several and no name was given.
    pub fn docker_image(&self, name: Option<&str>) -> Result<DockerImage, OutputError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Row {
            config: String,
            #[serde(default)]
            repo_tags: Option<Vec<String>>,
            layers: Vec<String>,
        }
        let not = |why: String| OutputError::Not { path: self.path.clone(), what: "a docker archive", why };
        let bytes =
            self.read("manifest.json", MANIFEST_LIMIT)?.ok_or_else(|| not("it holds no `manifest.json`".to_owned()))?;
        let rows: Vec<Row> = serde_json::from_slice(&bytes).map_err(|error| not(error.to_string()))?;
        let tags = |row: &Row| row.repo_tags.clone().unwrap_or_default();
        let has = |row: &Row, name: &str| tags(row).iter().any(|tag| spelled_out(tag) == spelled_out(name));
        let mut fitting = rows.iter().filter(|row| name.is_none_or(|name| has(row, name)));
        let row = match (fitting.next(), fitting.next()) {
            (Some(row), None) => row,
            (None, _) => {
                let found = format!("no image named `{}`", name.unwrap_or_default());
                return Err(OutputError::Image { path: self.path.clone(), found });
            }
            (Some(_), Some(_)) => {
                let names: Vec<String> = rows.iter().flat_map(tags).map(|name| format!("`{name}`")).collect();
                let found = format!("{} images: {}", rows.len(), names.join(", "));
                return Err(OutputError::Image { path: self.path.clone(), found });
            }
        };
        let mut places = BTreeMap::new();
        let mut descriptor = |name: &str, media_type: Option<&str>| -> Result<Descriptor, OutputError> {
            let key = lexical(name.as_bytes());
            let &place = self.files.get(&key).ok_or_else(|| not(format!("it names `{name}` but does not hold it")))?;
            let io = |source| OutputError::Io { doing: "read", path: self.path.clone(), source };
            let mut reader = Digesting::new(self.range(place)?);
            let mut start = [0; 4];
            let filled = read_start(&mut reader, &mut start).map_err(io)?;
            io::copy(&mut reader, &mut io::sink()).map_err(io)?;
            let (_, digest, size) = reader.finish();
            places.insert(digest, place);
            let media_type = media_type.unwrap_or(match &start[..filled] {
                [0x1f, 0x8b, ..] => media_type::LAYER_GZIP,
                [0x28, 0xb5, 0x2f, 0xfd] => media_type::LAYER_ZSTD,
                _ => media_type::LAYER,
            });
            Ok(Descriptor::new(media_type, digest, size))
        };
        let config = descriptor(&row.config, Some(media_type::CONFIG))?;
        if config.size > CONFIG_LIMIT {
            return Err(not("its config is absurdly large".to_owned()));
        }
        let layers = row.layers.iter().map(|name| descriptor(name, None)).collect::<Result<_, _>>()?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: media_type::MANIFEST.to_owned(),
            config,
            layers,
            annotations: BTreeMap::new(),
            other: BTreeMap::new(),
        };
        Ok(DockerImage { manifest, places })
    }

    /// Opens a blob of a docker archive's image.
    ///
    /// # Errors
    ///
    /// If it is not one of the image's.
    pub fn open_docker_blob(&self, image: &DockerImage, digest: &Digest) -> Result<FileRange, OutputError> {
        match image.places.get(digest) {
            Some(&place) => self.range(place),
            None => Err(OutputError::MissingBlob { path: self.path.clone(), digest: *digest }),
        }
    }
}

/// `alpine` and `docker.io/library/alpine:latest` name the same image: docker writes the short form, skopeo the long.
fn spelled_out(name: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) => format!("{}:{}", reference.repository, reference.asks_for()),
        Err(_) => name.to_owned(),
    }
}

fn read_start(reader: &mut impl Read, start: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < start.len() {
        match reader.read(&mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
