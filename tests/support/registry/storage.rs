//! What the registry holds: blobs, manifests and tags, each repository for itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The digest of these bytes, `sha256:<hex>`.
pub fn digest_of(bytes: &[u8]) -> String {
    digest_text(Sha256::digest(bytes).as_slice())
}

pub(super) fn digest_text(hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

pub(super) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
pub(super) fn is_repository_name(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let component = |part: &str| {
        let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.bytes().next().is_some_and(alphanumeric)
            && part.bytes().last().is_some_and(alphanumeric)
            && separators
                .into_iter()
                .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
    };
    text.len() <= 255 && text.split('/').all(component)
}

#[derive(Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Arc<Vec<u8>>,
}

impl Manifest {
    pub(super) fn document(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: HashMap<String, Arc<Vec<u8>>>,
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Repository {
    /// A manifest by tag or digest, with its digest.
    pub(super) fn manifest(&self, reference: &str) -> Option<(&str, &Manifest)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.get_key_value(digest).map(|(digest, manifest)| (digest.as_str(), manifest))
    }

    pub(super) fn put_manifest(&mut self, reference: &str, manifest: Manifest) -> String {
        let digest = digest_of(&manifest.bytes);
        self.manifests.insert(digest.clone(), manifest);
        if !is_digest(reference) {
            self.tags.insert(reference.to_owned(), digest.clone());
        }
        digest
    }

    /// Returns true if and only if a manifest of this repository names the blob.
    pub(super) fn refers_to_blob(&self, digest: &str) -> bool {
        self.manifests.values().any(|manifest| {
            let document = manifest.document();
            let layers = document["layers"].as_array().into_iter().flatten();
            layers.chain([&document["config"]]).any(|descriptor| descriptor["digest"] == digest)
        })
    }
}

/// Every repository by name.
#[derive(Default)]
pub(super) struct Storage {
    pub(super) repositories: BTreeMap<String, Repository>,
}

impl Storage {
    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Arc<Vec<u8>>> {
        self.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    pub(super) fn make(&mut self, repository: &str) -> &mut Repository {
        self.repositories.entry(repository.to_owned()).or_default()
    }
}
