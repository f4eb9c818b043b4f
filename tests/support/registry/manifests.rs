//! Manifests, tags and referrers.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Body, Head, Response};
use super::storage::{Manifest, Repository, digest_of, is_digest, is_repository_name, is_tag};
use super::{Call, lock};

const LARGEST_MANIFEST: usize = 4 << 20;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// HEAD, GET, PUT and DELETE of `/v2/<name>/manifests/<reference>`.
pub(super) fn manifest(call: &Call, repository: &str, reference: &str, body: &mut Body) -> io::Result<Response> {
    if !is_repository_name(repository) {
        return Ok(Response::error(400, "NAME_INVALID", format!("not a repository name: {repository}")));
    }
    if !is_digest(reference) && !is_tag(reference) {
        return Ok(Response::error(400, "TAG_INVALID", format!("neither a tag nor a digest: {reference}")));
    }
    match call.head.method.as_str() {
        "HEAD" | "GET" => Ok(get(call, repository, reference)),
        "PUT" => match body.read_all(LARGEST_MANIFEST)? {
            Some(bytes) => Ok(put(call, repository, reference, bytes)),
            None => Ok(Response::error(413, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")),
        },
        "DELETE" => Ok(delete(call, repository, reference)),
        _ => Ok(call.unsupported()),
    }
}

fn get(call: &Call, repository: &str, reference: &str) -> Response {
    let storage = lock(&call.shared.storage);
    let Some(repository) = storage.repositories.get(repository) else {
        return Response::error(404, "NAME_UNKNOWN", format!("no repository {repository}"));
    };
    let Some((digest, manifest)) = repository.manifest(reference) else {
        return Response::error(404, "MANIFEST_UNKNOWN", format!("no manifest {reference}"));
    };
    if !accepts(call.head, &manifest.media_type) {
        let message = format!("the manifest is a {}, which the Accept header leaves out", manifest.media_type);
        return Response::error(404, "MANIFEST_UNKNOWN", message);
    }
    call.with_digest(Response::new(200), digest).content(&manifest.media_type, Arc::clone(&manifest.bytes))
}

fn accepts(head: &Head, media_type: &str) -> bool {
    let mut accepted = head.headers("accept").flat_map(|value| value.split(',')).map(media_type_of).peekable();
    accepted.peek().is_none() || accepted.any(|accept| accept == media_type || accept == "*/*")
}

fn media_type_of(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

fn put(call: &Call, name: &str, reference: &str, bytes: Vec<u8>) -> Response {
    if !call.may_push_to(name) {
        return Response::error(404, "NAME_UNKNOWN", format!("no repository {name}"));
    }
    let content_type = media_type_of(call.head.header("content-type").unwrap_or_default()).to_owned();
    let document = match document(&content_type, &bytes) {
        Ok(document) => document,
        Err(message) => return Response::error(400, "MANIFEST_INVALID", message),
    };
    let digest = digest_of(&bytes);
    if is_digest(reference) && reference != digest {
        return Response::error(400, "DIGEST_INVALID", format!("the manifest has the digest {digest}"));
    }
    let mut storage = lock(&call.shared.storage);
    let known = storage.repositories.get(name);
    if call.quirks.immutable_tags && known.is_some_and(|repository| repository.tags.contains_key(reference)) {
        let message = format!(
            "The image tag '{reference}' already exists in the '{name}' repository and cannot be overwritten \
             because the repository is immutable."
        );
        return Response::error(400, "TAG_INVALID", message);
    }
    if let Err(refused) = check_references(known.unwrap_or(&Repository::default()), &document) {
        return refused;
    }
    storage.make(name).put_manifest(reference, Manifest { media_type: content_type, bytes: Arc::new(bytes) });
    let location = call.location(&format!("/v2/{name}/manifests/{digest}"));
    let mut response = call.with_digest(Response::new(201).header("Location", location), &digest);
    if let (true, Some(subject)) = (call.quirks.referrers, document["subject"]["digest"].as_str()) {
        response = response.header("OCI-Subject", subject);
    }
    response
}

/// The manifest as JSON, if it is what its `Content-Type` says.
fn document(content_type: &str, bytes: &[u8]) -> Result<Value, String> {
    if ![OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&content_type) {
        return Err(format!("the Content-Type is none of a manifest: '{content_type}'"));
    }
    let document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if document["schemaVersion"] != 2 {
        return Err("schemaVersion is not 2".to_owned());
    }
    match document.get("mediaType") {
        Some(media_type) if media_type != content_type => {
            Err(format!("the Content-Type is '{content_type}', mediaType {media_type}"))
        }
        None if content_type == DOCKER_MANIFEST || content_type == DOCKER_LIST => Err("no mediaType".to_owned()),
        _ => Ok(document),
    }
}

/// What a manifest names must be in the repository and have the size it says. A subject may be missing,
/// and so may a layer that has URLs of its own.
fn check_references(repository: &Repository, document: &Value) -> Result<(), Response> {
    let invalid = |message: String| Err(Response::error(400, "MANIFEST_INVALID", message));
    let list = |name: &str| document[name].as_array().into_iter().flatten();
    let image = document.get("manifests").is_none();
    let blobs = document.get("config").into_iter().chain(list("layers")).filter(|layer| layer.get("urls").is_none());
    if image && !(document["config"].is_object() && document["layers"].is_array()) {
        return invalid("an image manifest has a config and layers".to_owned());
    }
    let named = blobs.map(|blob| (blob, true)).chain(list("manifests").map(|manifest| (manifest, false)));
    for (descriptor, is_blob) in named {
        let (Some(digest), Some(size)) = (descriptor["digest"].as_str(), descriptor["size"].as_u64()) else {
            return invalid(format!("a descriptor without digest or size: {descriptor}"));
        };
        if !descriptor["mediaType"].is_string() {
            return invalid(format!("a descriptor without mediaType: {descriptor}"));
        }
        let found = match is_blob {
            true => repository.blobs.get(digest).map(|blob| blob.len()),
            false => repository.manifests.get(digest).map(|manifest| manifest.bytes.len()),
        };
        match found {
            None => {
                let what = if is_blob { "blob" } else { "manifest" };
                let message = format!("the manifest names {what} {digest}, which is not in this repository");
                return Err(Response::error(404, "MANIFEST_BLOB_UNKNOWN", message));
            }
            Some(length) if length as u64 != size => {
                return invalid(format!("{digest} has {length} bytes, its descriptor says {size}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn delete(call: &Call, repository: &str, reference: &str) -> Response {
    let mut storage = lock(&call.shared.storage);
    let Some(repository) = storage.repositories.get_mut(repository) else {
        return Response::error(404, "NAME_UNKNOWN", format!("no repository {repository}"));
    };
    let found = if is_digest(reference) {
        repository.tags.retain(|_, digest| digest != reference);
        repository.manifests.remove(reference).is_some()
    } else {
        repository.tags.remove(reference).is_some()
    };
    match found {
        true => Response::new(202),
        false => Response::error(404, "MANIFEST_UNKNOWN", format!("no manifest {reference}")),
    }
}

/// GET of `/v2/<name>/tags/list`, in pages if `n` or a quirk says so.
pub(super) fn tags(call: &Call, name: &str) -> Response {
    if call.head.method != "GET" {
        return call.unsupported();
    }
    let longest = call.quirks.max_tags_page.unwrap_or(usize::MAX);
    let page = match call.head.query("n").map(|n| n.parse::<usize>()) {
        None => longest,
        Some(Ok(n)) if n <= longest => n,
        Some(_) => return Response::error(400, "PAGINATION_NUMBER_INVALID", "n is no number, or too large a one"),
    };
    let storage = lock(&call.shared.storage);
    let Some(repository) = storage.repositories.get(name) else {
        return Response::error(404, "NAME_UNKNOWN", format!("no repository {name}"));
    };
    let last = call.head.query("last").unwrap_or_default();
    let after: Vec<&String> = repository.tags.keys().filter(|tag| **tag > last).collect();
    let tags = &after[..after.len().min(page)];
    let mut response = Response::new(200);
    if let (true, Some(last)) = (tags.len() < after.len(), tags.last()) {
        let link = format!("</v2/{name}/tags/list?n={page}&last={last}>; rel=\"next\"");
        response = response.header("Link", link);
    }
    response.json(&json!({ "name": name, "tags": tags }))
}

/// GET of `/v2/<name>/referrers/<digest>`.
pub(super) fn referrers(call: &Call, name: &str, subject: &str) -> Response {
    if !call.quirks.referrers || call.head.method != "GET" {
        return Response::error(404, "UNSUPPORTED", "this registry has no referrers");
    }
    if !is_digest(subject) {
        return Response::error(400, "DIGEST_INVALID", format!("not a digest: {subject}"));
    }
    let wanted = call.head.query("artifactType");
    let storage = lock(&call.shared.storage);
    let manifests = storage.repositories.get(name).map(|repository| &repository.manifests);
    let mut found = Vec::new();
    for (digest, manifest) in manifests.into_iter().flatten() {
        let document = manifest.document();
        if document["subject"]["digest"] != subject {
            continue;
        }
        let artifact_type = document.get("artifactType").unwrap_or(&document["config"]["mediaType"]);
        if wanted.as_ref().is_some_and(|wanted| artifact_type != wanted) {
            continue;
        }
        let mut descriptor =
            json!({ "mediaType": manifest.media_type, "digest": digest, "size": manifest.bytes.len() });
        if artifact_type.is_string() {
            descriptor["artifactType"] = artifact_type.clone();
        }
        if let Some(annotations) = document.get("annotations") {
            descriptor["annotations"] = annotations.clone();
        }
        found.push(descriptor);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found });
    let mut response = Response::new(200);
    if wanted.is_some() {
        response = response.header("OCI-Filters-Applied", "artifactType");
    }
    response.content(OCI_INDEX, Arc::new(index.to_string().into_bytes()))
}
