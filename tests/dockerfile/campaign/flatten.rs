//! Layers laid over each other, and a config read: the campaign's own, so that tarsia does not judge itself.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tar::EntryType;

use super::outcome::Image;

/// What an image's archive or layout holds, by path.
type Files = HashMap<String, Vec<u8>>;

#[derive(Clone)]
struct Node {
    kind: Kind,
    mode: u32,
    uid: u64,
    gid: u64,
}

#[derive(Clone)]
enum Kind {
    Directory,
    /// The inode's number is the campaign's own: files that share it are hard links of each other.
    File {
        size: u64,
        digest: String,
        inode: usize,
    },
    Link(String),
    Other(String),
}

/// Reads the only image of a docker archive.
pub fn docker_archive(bytes: &[u8]) -> Image {
    let mut files = Files::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        if let Some(target) = entry.link_name().unwrap() {
            // Old archives give one layer's file several names.
            content = files[target.to_str().unwrap().trim_start_matches("../")].clone();
        }
        entry.read_to_end(&mut content).unwrap();
        files.insert(path, content);
    }
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let image = &manifest[0];
    let layers: Vec<&[u8]> =
        image["Layers"].as_array().into_iter().flatten().map(|name| &files[name.as_str().unwrap()][..]).collect();
    read(&layers, &files[image["Config"].as_str().unwrap()])
}

/// Reads the image of this name, or the only one, of an OCI layout.
pub fn layout(folder: &Path, name: Option<&str>) -> Image {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let descriptors = index["manifests"].as_array().unwrap();
    let named = |descriptor: &&Value| match name {
        Some(name) => descriptor["annotations"]["org.opencontainers.image.ref.name"] == name,
        None => true,
    };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        fs::read(folder.join("blobs").join(digest.replace(':', "/"))).unwrap()
    };
    let mut manifest: Value = serde_json::from_slice(&blob(descriptors.iter().find(named).unwrap())).unwrap();
    if let Some(platforms) = manifest["manifests"].as_array() {
        manifest = serde_json::from_slice(&blob(&platforms[0])).unwrap();
    }
    let layers: Vec<Vec<u8>> = manifest["layers"].as_array().unwrap().iter().map(blob).collect();
    let layers: Vec<&[u8]> = layers.iter().map(|layer| &layer[..]).collect();
    read(&layers, &blob(&manifest["config"]))
}

fn read(layers: &[&[u8]], config: &[u8]) -> Image {
    let mut nodes = BTreeMap::new();
    let mut inodes = 0;
    for layer in layers {
        lay(&mut nodes, &decompress(layer), &mut inodes);
    }
    Image::new(describe(&nodes), &serde_json::from_slice(config).unwrap())
}

fn decompress(layer: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if layer.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(layer).read_to_end(&mut plain).unwrap();
    } else if layer.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        zstd::Decoder::new(layer).unwrap().read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(layer);
    }
    plain
}

/// Lays a layer over what is below it.
fn lay(nodes: &mut BTreeMap<String, Node>, layer: &[u8], inodes: &mut usize) {
    // A whiteout speaks of the layers below only, wherever in its own layer it stands.
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let path = normal(&entry.unwrap().path_bytes());
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            remove(nodes, folder, false);
        } else if let Some(name) = name.strip_prefix(".wh.") {
            remove(nodes, format!("{folder}/{name}").trim_start_matches('/'), true);
        }
    }
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = normal(&entry.path_bytes());
        if path.is_empty() || path.rsplit('/').next().unwrap().starts_with(".wh.") {
            continue;
        }
        let header = entry.header().clone();
        let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
        let node = match header.entry_type() {
            EntryType::Link => nodes[&normal(target.unwrap().as_bytes())].clone(),
            kind => Node {
                kind: match kind {
                    EntryType::Directory => Kind::Directory,
                    EntryType::Symlink => Kind::Link(target.unwrap()),
                    EntryType::Regular | EntryType::Continuous => {
                        let mut content = Vec::new();
                        entry.read_to_end(&mut content).unwrap();
                        *inodes += 1;
                        Kind::File { size: content.len() as u64, digest: short_digest(&content), inode: *inodes }
                    }
                    kind => Kind::Other(format!("{kind:?}")),
                },
                mode: header.mode().unwrap() & 0o7777,
                uid: entry_id(&mut entry, "uid", header.uid().unwrap()),
                gid: entry_id(&mut entry, "gid", header.gid().unwrap()),
            },
        };
        if !matches!(node.kind, Kind::Directory) {
            remove(nodes, &path, true);
        }
        nodes.insert(path, node);
    }
}

/// An owner too large for the header stands in a PAX record.
fn entry_id(entry: &mut tar::Entry<'_, &[u8]>, key: &str, id: u64) -> u64 {
    let Ok(Some(records)) = entry.pax_extensions() else { return id };
    let record = records.filter_map(Result::ok).find(|record| record.key() == Ok(key));
    record.and_then(|record| record.value().ok()?.parse().ok()).unwrap_or(id)
}

fn remove(nodes: &mut BTreeMap<String, Node>, path: &str, itself: bool) {
    let below = if path.is_empty() { String::new() } else { format!("{path}/") };
    nodes.retain(|other, _| !(other.starts_with(&below) || (itself && other == path)));
}

/// A path without `./`, `/` and a slash at its end.
fn normal(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

pub fn short_digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn describe(nodes: &BTreeMap<String, Node>) -> BTreeMap<String, String> {
    let mut first_names: HashMap<usize, &str> = HashMap::new();
    let mut tree = BTreeMap::new();
    for (path, node) in nodes {
        let owner = format!("{}:{}", node.uid, node.gid);
        let mut line = match &node.kind {
            Kind::Directory => format!("d {:04o} {owner}", node.mode),
            Kind::File { size, digest, inode } => {
                let mut line = format!("f {:04o} {owner} {size} {digest}", node.mode);
                match first_names.get(inode) {
                    Some(first) => line += &format!(" is {first}"),
                    None => _ = first_names.insert(*inode, path),
                }
                line
            }
            Kind::Link(target) => format!("l {owner} {target}"),
            Kind::Other(kind) => format!("{kind} {:04o} {owner}", node.mode),
        };
        // A layer that lays something below what is no directory breaks the image: the two must never look alike.
        if let Some((folder, _)) = path.rsplit_once('/') {
            match nodes.get(folder).map(|node| &node.kind) {
                Some(Kind::Directory) => {}
                Some(_) => line += " (below what is no directory)",
                None => line += " (without its directory)",
            }
        }
        tree.insert(path.clone(), line);
    }
    tree
}
