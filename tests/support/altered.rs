//! Images altered in a layout: what no tool changes inside of a layer is changed header by header, and all documents
//! are made to fit again.

use std::fs;
use std::io::Read;

use serde_json::Value;

use super::Sandbox;
use super::images::gzip;
use super::registry::digest_of;

/// The members of a layer: header and content of each, in order.
pub type Members = Vec<(tar::Header, Vec<u8>)>;

/// Where a member of this path stands.
#[track_caller]
pub fn position(members: &Members, path: &str) -> usize {
    let is =
        |(header, _): &(tar::Header, Vec<u8>)| header.path().unwrap().to_str().unwrap().trim_end_matches('/') == path;
    members.iter().position(is).unwrap_or_else(|| panic!("no {path} in the layer"))
}

/// Changes the header of the member of this path.
#[track_caller]
pub fn header<'a>(members: &'a mut Members, path: &str) -> &'a mut tar::Header {
    let at = position(members, path);
    &mut members[at].0
}

/// Reads a plain tar stream of ustar headers alone.
pub fn members(tar: &[u8]) -> Members {
    let mut members = Vec::new();
    let mut rest = tar;
    while rest.len() >= 512 && rest[..512].iter().any(|&byte| byte != 0) {
        let header = tar::Header::from_byte_slice(&rest[..512]).clone();
        let size = usize::try_from(header.entry_size().unwrap()).unwrap();
        members.push((header, rest[512..512 + size].to_vec()));
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    members
}

/// Writes members as a tar stream.
pub fn write(members: &Members) -> Vec<u8> {
    let mut tar = Vec::new();
    for (header, content) in members {
        let mut header = header.clone();
        if header.entry_type().is_file() {
            header.set_size(content.len() as u64);
        }
        // As POSIX has it: six digits, a NUL, a space.
        header.as_mut_bytes()[148..156].fill(b' ');
        let sum: u32 = header.as_bytes().iter().map(|&byte| u32::from(byte)).sum();
        header.as_mut_bytes()[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A member that is to be added.
pub fn new_file(path: &str, content: &[u8]) -> (tar::Header, Vec<u8>) {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).unwrap();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_device_major(0).unwrap();
    header.set_device_minor(0).unwrap();
    (header, content.to_vec())
}

/// How the tests alter an image of the layout `out`.
impl Sandbox {
    /// Changes the documents of an image, and points all that names them at what they have become.
    #[track_caller]
    pub fn alter(&self, image: &str, change: impl FnOnce(&mut Value, &mut Value)) {
        let index_file = self.path("out/index.json");
        let read = |bytes: Vec<u8>| -> Value { serde_json::from_slice(&bytes).unwrap() };
        let mut index = read(fs::read(&index_file).unwrap());
        let named = |descriptor: &&mut Value| descriptor["annotations"]["org.opencontainers.image.ref.name"] == image;
        let top = index["manifests"].as_array_mut().unwrap().iter_mut().find(named).unwrap();
        let blob =
            |descriptor: &Value| read(fs::read(self.blob("out", descriptor["digest"].as_str().unwrap())).unwrap());
        let mut manifest = blob(top);
        let mut config = blob(&manifest["config"]);
        change(&mut manifest, &mut config);
        self.put(&mut manifest["config"], config.to_string().as_bytes());
        self.put(top, manifest.to_string().as_bytes());
        fs::write(index_file, index.to_string()).unwrap();
    }

    /// Changes the members of the layer of this name and compresses it anew.
    #[track_caller]
    pub fn alter_layer(&self, image: &str, layer: &str, change: impl FnOnce(&mut Members)) {
        self.replace_layer(image, layer, |tar| {
            let mut members = members(tar);
            assert_eq!(write(&members), tar, "the layer is not of ustar headers alone");
            change(&mut members);
            write(&members)
        });
    }

    /// Puts another plain stream in the place of a layer's.
    #[track_caller]
    pub fn replace_layer(&self, image: &str, layer: &str, change: impl FnOnce(&[u8]) -> Vec<u8>) {
        self.alter(image, |manifest, config| {
            let layers = manifest["layers"].as_array_mut().unwrap();
            let named = |descriptor: &Value| descriptor["annotations"]["dev.tarsia.layer.name"] == layer;
            let place = layers.iter().position(named).unwrap_or_else(|| panic!("no layer {layer}"));
            let blob = fs::read(self.blob("out", layers[place]["digest"].as_str().unwrap())).unwrap();
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&blob[..]).read_to_end(&mut plain).unwrap();
            let plain = change(&plain);
            config["rootfs"]["diff_ids"][place] = digest_of(&plain).into();
            self.put(&mut layers[place], &gzip(&plain));
        });
    }

    /// Puts a blob into the layout `out` and points a descriptor at it.
    pub fn put(&self, descriptor: &mut Value, bytes: &[u8]) {
        let digest = digest_of(bytes);
        fs::write(self.blob("out", &digest), bytes).unwrap();
        descriptor["digest"] = digest.into();
        descriptor["size"] = bytes.len().into();
    }
}
