//! Manifests and indexes: the documents that tie an image together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::descriptor::Descriptor;
use super::error::ImageError;
use super::media_type;
use super::platform::Platform;

/// The largest manifest or index that is read or written, in bytes: what registries accept.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

/// An image manifest. Fields are written in this order; those this version does not know follow, sorted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u64,
    /// Its own media type.
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    /// The config.
    pub config: Descriptor,
    /// The layers, lowest first. Writers in Go say `null` for none.
    #[serde(deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// Free annotations, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whatever else the document holds.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// An image index: one image for several platforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u64,
    /// Its own media type.
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    /// The images, in order of preference.
    pub manifests: Vec<Descriptor>,
    /// Free annotations, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whatever else the document holds.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// A manifest or an index, as a reference may name either.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several.
    Index(Index),
}

impl Document {
    /// Reads a document that came with this media type (empty: the document's own).
    ///
    /// # Errors
    ///
    /// [`ImageError`] if it is too large, malformed, of an old schema or of no known type.
    pub fn parse(bytes: &[u8], media_type: &str) -> Result<Document, ImageError> {
        if bytes.len() as u64 > MANIFEST_LIMIT {
            return Err(ImageError::TooLarge { what: "manifest", limit: MANIFEST_LIMIT });
        }
        let malformed = |source| ImageError::Malformed { what: "manifest", source };
        #[derive(Deserialize)]
        struct Probe {
            #[serde(rename = "mediaType", default)]
            media_type: String,
            #[serde(rename = "schemaVersion", default)]
            schema_version: u64,
            #[serde(default)]
            manifests: Option<serde::de::IgnoredAny>,
        }
        let probe: Probe = serde_json::from_slice(bytes).map_err(malformed)?;
        if probe.schema_version != 2 {
            return Err(ImageError::Schema(probe.schema_version));
        }
        // The document's own word counts; a Content-Type that says otherwise is a confused registry.
        let own = if probe.media_type.is_empty() { media_type } else { &probe.media_type };
        if media_type::is_index(own) || (own.is_empty() && probe.manifests.is_some()) {
            let mut index: Index = serde_json::from_slice(bytes).map_err(malformed)?;
            sort(&mut index.other);
            index.manifests.iter_mut().for_each(|descriptor| sort(&mut descriptor.other));
            index.media_type = if own.is_empty() { media_type::INDEX.to_owned() } else { own.to_owned() };
            Ok(Document::Index(index))
        } else if media_type::is_manifest(own) || own.is_empty() {
            let mut manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
            sort(&mut manifest.other);
            sort(&mut manifest.config.other);
            manifest.layers.iter_mut().for_each(|descriptor| sort(&mut descriptor.other));
            manifest.media_type = if own.is_empty() { media_type::MANIFEST.to_owned() } else { own.to_owned() };
            Ok(Document::Manifest(manifest))
        } else {
            Err(ImageError::MediaType(own.chars().take(200).collect()))
        }
    }
}

/// Brings unknown fields into one order, whatever the features of serde_json's maps are.
fn sort(fields: &mut BTreeMap<String, serde_json::Value>) {
    fields.values_mut().for_each(serde_json::Value::sort_all_objects);
}

impl Manifest {
    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

impl Index {
    /// An index of these images.
    pub fn new(manifests: Vec<Descriptor>) -> Index {
        Index {
            schema_version: 2,
            media_type: media_type::INDEX.to_owned(),
            manifests,
            annotations: BTreeMap::new(),
            other: BTreeMap::new(),
        }
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Its images, without what else hangs on it: build tools attach attestations as images for `unknown/unknown`.
    pub fn images(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().filter(|descriptor| {
            media_type::is_manifest(&descriptor.media_type)
                && descriptor.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
        })
    }

    /// The first image for `platform`.
    pub fn find(&self, platform: &Platform) -> Option<&Descriptor> {
        self.images().find(|image| image.platform.as_ref().is_some_and(|offered| platform.accepts(offered)))
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Compact JSON. Our documents hold maps with text keys and nothing that can fail to serialise.
fn to_bytes(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_survive() {
        let text = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"c","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2,"data":"e30="},"layers":[],"annotations":{"a":"b"},"subject":{"x":1}}"#;
        let Document::Manifest(manifest) = Document::parse(text.as_bytes(), "").unwrap() else { panic!("an index") };
        assert_eq!(String::from_utf8(manifest.to_bytes()).unwrap(), text);
    }

    #[test]
    fn old_and_foreign_documents_are_refused() {
        for (text, media_type) in [
            (r#"{"schemaVersion":1,"name":"x"}"#, ""),
            (r#"{"schemaVersion":2,"mediaType":"text/html"}"#, ""),
            (r#"{"schemaVersion":2,"config":{},"layers":[]}"#, ""),
            ("nonsense", media_type::MANIFEST),
        ] {
            assert!(Document::parse(text.as_bytes(), media_type).is_err(), "{text}");
        }
    }
}
