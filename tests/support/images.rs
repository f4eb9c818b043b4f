//! Images made by hand, for bases: also such as no honest tool would make.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::registry::{Registry, digest_of};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image whose every part can be replaced before it is put into a registry.
#[derive(Clone)]
pub struct HandMade {
    pub config: Value,
    /// Media type and bytes of each layer.
    pub layers: Vec<(String, Vec<u8>)>,
}

impl HandMade {
    /// An image for linux/arm64 without layers.
    pub fn new() -> HandMade {
        let config = json!({
            "architecture": "arm64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": [],
        });
        HandMade { config, layers: Vec::new() }
    }

    /// A small image with `/tmp/` at 1777 and a file.
    pub fn small() -> HandMade {
        let mut tar = Tar::default();
        tar.folder("tmp/", 0o1777).file("etc/issue", b"a small base\n");
        HandMade::new().layer(&tar.end())
    }

    /// Adds a layer, compressed, with its diff_id.
    pub fn layer(self, tar: &[u8]) -> HandMade {
        let (blob, diff_id) = (gzip(tar), digest_of(tar));
        self.blob(LAYER_GZIP, blob, &diff_id)
    }

    /// Adds a layer's blob as it is.
    pub fn blob(mut self, media_type: &str, blob: Vec<u8>, diff_id: &str) -> HandMade {
        self.layers.push((media_type.to_owned(), blob));
        let diff_ids = self.config["rootfs"]["diff_ids"].as_array_mut().unwrap();
        diff_ids.push(json!(diff_id));
        self
    }

    /// The config's bytes.
    pub fn config_bytes(&self) -> Vec<u8> {
        self.config.to_string().into_bytes()
    }

    /// The manifest.
    pub fn manifest(&self) -> Value {
        let descriptor = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()});
        let layers: Vec<Value> = self.layers.iter().map(|(media_type, blob)| descriptor(media_type, blob)).collect();
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &self.config_bytes()),
            "layers": layers,
        })
    }

    /// Puts it under a tag, without a request, and returns its digest.
    pub fn put(&self, registry: &Registry, repository: &str, tag: &str) -> String {
        registry.put_blob(repository, self.config_bytes());
        for (_, blob) in &self.layers {
            registry.put_blob(repository, blob.clone());
        }
        registry.put_manifest(repository, tag, MANIFEST, self.manifest().to_string().into_bytes())
    }

    /// Writes it as the only image of a layout, and returns its digest.
    pub fn write(&self, layout: &Path, name: &str) -> String {
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| {
            let digest = digest_of(bytes);
            fs::write(blobs.join(&digest["sha256:".len()..]), bytes).unwrap();
            digest
        };
        put(&self.config_bytes());
        for (_, blob) in &self.layers {
            put(blob);
        }
        let manifest = self.manifest().to_string();
        let digest = put(manifest.as_bytes());
        let annotations = json!({"org.opencontainers.image.ref.name": name});
        let descriptor =
            json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len(), "annotations": annotations});
        fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        fs::write(layout.join("index.json"), index.to_string()).unwrap();
        digest
    }
}

/// These bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar stream written header by header, so that it can hold what libraries refuse to write.
#[derive(Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    pub fn folder(&mut self, path: &str, mode: u32) -> &mut Tar {
        self.header(b'5', path.as_bytes(), mode, 0, "")
    }

    pub fn file(&mut self, path: &str, content: &[u8]) -> &mut Tar {
        self.header(b'0', path.as_bytes(), 0o644, content.len() as u64, "").content(content)
    }

    pub fn symlink(&mut self, path: &str, target: &str) -> &mut Tar {
        self.header(b'2', path.as_bytes(), 0o777, 0, target)
    }

    /// A PAX record in front of the next entry.
    pub fn pax(&mut self, key: &str, value: &str) -> &mut Tar {
        let rest = key.len() + value.len() + 3;
        let length = (1..).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
        let record = format!("{} {key}={value}\n", length.unwrap());
        self.header(b'x', b"PaxHeader", 0o644, record.len() as u64, "").content(record.as_bytes())
    }

    /// A header alone.
    pub fn header(&mut self, kind: u8, path: &[u8], mode: u32, size: u64, target: &str) -> &mut Tar {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.as_mut_bytes()[156] = kind;
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    /// A content with its padding.
    pub fn content(&mut self, content: &[u8]) -> &mut Tar {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// What there is, without an end.
    pub fn open_end(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// What there is, and two zero blocks.
    pub fn end(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}
