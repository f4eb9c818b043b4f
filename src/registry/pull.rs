//! Pull: manifests and blobs, looked up and read. Nothing counts until its digest and size have been checked.

use std::ops::Range;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::blob::BlobReader;
use super::client::{Call, RemoteRepository};
use super::error::{Action, Error};
use super::retry::Tries;
use super::transport::Progress;
use crate::digest::Digest;
use crate::image::{Descriptor, is_tag, media_type};

/// The largest manifest: 4 MiB, as in the
/// [distribution specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests).
pub const MAX_MANIFEST: u64 = 4 << 20;

/// The header in which registries name the digest of what they send or have stored.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";

/// What a registry tells about a manifest without sending it. Registries leave out any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// Its digest.
    pub digest: Option<Digest>,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// A manifest or index as its registry sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes; the digest is theirs.
    pub bytes: Bytes,
    /// Its digest.
    pub digest: Digest,
}

impl RawManifest {
    /// Its descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest, self.bytes.len() as u64)
    }
}

/// Refuses what is neither a tag nor a digest, before it becomes part of a URL.
pub(super) fn checked(reference: &str) -> Result<&str, Error> {
    match is_tag(reference) || reference.parse::<Digest>().is_ok() {
        true => Ok(reference),
        false => Err(Error::Invalid(format!("`{}` is neither a tag nor a digest", reference.escape_default()))),
    }
}

/// A media type without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// The digest that an answer names, if it is of the one algorithm used here.
pub(super) fn named_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn wrong_digest(action: &Action, expected: Digest, found: Digest) -> Error {
    Error::WrongDigest { action: Box::new(action.clone()), expected: Box::new(expected), found: Box::new(found) }
}

/// The media type of a manifest: its header's, else its own. Two that contradict each other make it mean two things
/// (CVE-2021-41190), so it is refused.
fn media_type_of(header: Option<&str>, bytes: &[u8]) -> Result<String, &'static str> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
    }
    let known = |name: &str| media_type::is_index(name) || media_type::is_manifest(name);
    let document: Document = serde_json::from_slice(bytes).map_err(|_| "the manifest is not a JSON object")?;
    let header = header.map(essence).filter(|name| known(name));
    match (header, document.media_type.as_deref()) {
        (Some(header), Some(own)) if header != own => Err("the manifest's media type is not that of its header"),
        (Some(name), _) | (None, Some(name)) => Ok(name.to_owned()),
        // OCI documents need not name their type.
        (None, None) => match (document.manifests, document.layers) {
            (Some(_), None) => Ok(media_type::INDEX.to_owned()),
            (None, Some(_)) => Ok(media_type::MANIFEST.to_owned()),
            _ => Err("it is neither a manifest nor an index"),
        },
    }
}

impl RemoteRepository {
    fn manifest_headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for accepted in media_type::ACCEPT_MANIFESTS {
            headers.append(ACCEPT, HeaderValue::from_static(accepted));
        }
        headers
    }

    /// What the registry tells about the manifest behind a tag or digest; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Any refusal but a 404.
    pub async fn head_manifest(&self, reference: &str) -> Result<Option<ManifestHead>, Error> {
        let action = self.manifest_action("look up manifest", reference, false);
        let call = Call {
            method: Method::HEAD,
            url: self.url(&["manifests", checked(reference)?])?,
            headers: Self::manifest_headers(),
            body: None,
            scopes: self.scopes()?,
            queue: true,
        };
        let reply = self.call(&action, call).await?;
        if reply.response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = reply.success(&action).await?;
        let media_type = response.header(CONTENT_TYPE.as_str()).map(essence).filter(|name| !name.is_empty());
        Ok(Some(ManifestHead {
            digest: named_digest(response.headers()),
            media_type: media_type.map(str::to_owned),
            size: response.content_length(),
        }))
    }

    /// The manifest or index behind a tag or digest.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none, [`Error::WrongDigest`] if its bytes are not those of the digest asked for
    /// or named by the registry, [`Error::TooLarge`] beyond [`MAX_MANIFEST`].
    pub async fn manifest(&self, reference: &str) -> Result<RawManifest, Error> {
        let action = self.manifest_action("read manifest", reference, false);
        let url = self.url(&["manifests", checked(reference)?])?;
        let whole = self.read(&action, &url, &Self::manifest_headers(), MAX_MANIFEST).await?;
        let digest = Digest::of(&whole.body);
        for expected in [reference.parse().ok(), named_digest(&whole.headers)].into_iter().flatten() {
            if expected != digest {
                return Err(wrong_digest(&action, expected, digest));
            }
        }
        let header = whole.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type_of(header, &whole.body).map_err(|what| Error::malformed(&action, what))?;
        Ok(RawManifest { media_type, bytes: whole.body, digest })
    }

    /// [`manifest`](Self::manifest), or `None` if the manifest or the whole repository does not exist.
    ///
    /// # Errors
    ///
    /// Any other failure of [`manifest`](Self::manifest).
    pub async fn try_manifest(&self, reference: &str) -> Result<Option<RawManifest>, Error> {
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the repository holds a blob.
    ///
    /// # Errors
    ///
    /// Any refusal but a 404.
    pub async fn blob_exists(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.head_blob(digest).await?.is_some())
    }

    /// Whether the repository holds the blob that a descriptor tells of. One of another size than the descriptor says is
    /// not that blob.
    ///
    /// # Errors
    ///
    /// Any refusal but a 404.
    pub async fn holds(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        let found = self.head_blob(&descriptor.digest).await?;
        // Some servers answer every HEAD with a length of zero.
        let told = |size: Option<u64>| size.filter(|&size| size > 0);
        Ok(found.is_some_and(|size| told(size).is_none_or(|size| size == descriptor.size)))
    }

    /// The size of a blob, if there is one, as far as the registry tells it.
    async fn head_blob(&self, digest: &Digest) -> Result<Option<Option<u64>>, Error> {
        let action = self.action("look up blob", &format!("@{digest}"), false);
        let call = Call {
            method: Method::HEAD,
            url: self.url(&["blobs", &digest.to_string()])?,
            headers: HeaderMap::new(),
            body: None,
            scopes: self.scopes()?,
            queue: true,
        };
        let reply = self.call(&action, call).await?;
        if reply.response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        reply.success(&action).await.map(|response| Some(response.content_length()))
    }

    /// A blob, piece by piece.
    pub fn blob_reader(&self, descriptor: &Descriptor) -> BlobReader {
        BlobReader::new(self.clone(), descriptor, true)
    }

    /// A whole blob in memory, of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] before anything is asked, if the descriptor says so; otherwise as [`BlobReader::chunk`].
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let mut reader = self.blob_reader(descriptor);
        if descriptor.size > limit {
            return Err(Error::TooLarge { action: Box::new(reader.action().clone()), limit });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Streams a blob into a writer. What has been written is worth nothing until this returns without an error.
    ///
    /// # Errors
    ///
    /// As [`BlobReader::chunk`]; [`Error::Local`] if the writer fails.
    pub async fn blob_into(
        &self,
        descriptor: &Descriptor,
        writer: &mut (impl AsyncWrite + Unpin + Send),
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let mut reader = self.blob_reader(descriptor);
        let mut written = 0;
        while let Some(chunk) = reader.chunk().await? {
            let failed = |error| Error::local(reader.action(), "writing it on this machine failed", error);
            writer.write_all(&chunk).await.map_err(failed)?;
            written += chunk.len() as u64;
            progress(written);
        }
        writer.flush().await.map_err(|error| Error::local(reader.action(), "writing it on this machine failed", error))
    }

    /// The bytes of a part of a blob. They cannot be checked here: the caller must, by a digest of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the range does not lie in the blob, [`Error::WrongSize`] if fewer bytes come than asked.
    pub async fn blob_range(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let action = self.action("read a part of blob", &format!("@{}", descriptor.digest), false);
        if range.start > range.end || range.end > descriptor.size {
            return Err(Error::Invalid(format!(
                "bytes {} to {} do not lie in blob `{}` of {} bytes",
                range.start, range.end, descriptor.digest, descriptor.size
            )));
        }
        let wanted = range.end - range.start;
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut tries = Tries::new(&self.wire().retry);
        loop {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1));
            headers.insert(RANGE, value.map_err(|error| Error::Invalid(error.to_string()))?);
            let url = self.url(&["blobs", &descriptor.digest.to_string()])?;
            let call = Call { method: Method::GET, url, headers, body: None, scopes: self.scopes()?, queue: true };
            let mut response = self.call(&action, call).await?.success(&action).await?;
            let mut skip = match response.status() {
                StatusCode::PARTIAL_CONTENT => match response.header(CONTENT_RANGE.as_str()).and_then(range_start) {
                    Some(start) if start == range.start => 0,
                    _ => return Err(Error::malformed(&action, "another range came than was asked for")),
                },
                // The server knows no ranges and sends everything from the beginning.
                _ => range.start,
            };
            let mut bytes = Vec::new();
            let broken = loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        let skipped = skip.min(chunk.len() as u64);
                        skip -= skipped;
                        let rest = &chunk[skipped as usize..];
                        let room = wanted - bytes.len() as u64;
                        bytes.extend_from_slice(&rest[..(rest.len() as u64).min(room) as usize]);
                        if bytes.len() as u64 == wanted {
                            return Ok(bytes);
                        }
                    }
                    Ok(None) => break None,
                    Err(cause) => break Some(cause),
                }
            };
            drop(response);
            match broken {
                Some(cause) => self.pause(&action, cause, &mut tries).await?,
                None => {
                    let (action, found) = (Box::new(action), bytes.len() as u64);
                    return Err(Error::WrongSize { action, expected: wanted, found });
                }
            }
        }
    }
}

/// The first byte of a `Content-Range: bytes 5-9/10`.
pub(super) fn range_start(header: &str) -> Option<u64> {
    header.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_come_from_the_header_or_the_document() {
        let of = |header: Option<&str>, body: &str| media_type_of(header, body.as_bytes());
        let oci = format!(r#"{{"mediaType":"{}"}}"#, media_type::MANIFEST);
        assert_eq!(
            of(Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"), "{}").unwrap(),
            media_type::MANIFEST
        );
        assert_eq!(of(Some("text/plain"), &oci).unwrap(), media_type::MANIFEST);
        assert_eq!(of(None, &oci).unwrap(), media_type::MANIFEST);
        assert_eq!(of(None, r#"{"manifests":[]}"#).unwrap(), media_type::INDEX);
        assert_eq!(of(None, r#"{"layers":[]}"#).unwrap(), media_type::MANIFEST);
        assert!(of(Some(media_type::INDEX), &oci).is_err());
        assert!(of(None, r#"{"layers":[],"manifests":[]}"#).is_err());
        assert!(of(None, "{}").is_err() && of(None, "[").is_err());
    }

    #[test]
    fn references_that_are_no_references_make_no_urls() {
        for reference in ["", "a/b", "../x", "a?b", "sha256:00", ".x"] {
            assert!(checked(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn content_ranges() {
        assert_eq!(range_start("bytes 5-9/10"), Some(5));
        assert_eq!(range_start("bytes */10"), None);
        assert_eq!(range_start("items 5-9/10"), None);
    }
}
