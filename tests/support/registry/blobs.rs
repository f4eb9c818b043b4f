//! Blobs: existence, whole reads, ranges, redirects to another host.

use std::ops::Range;
use std::sync::Arc;

use super::http::Response;
use super::storage::is_digest;
use super::{Call, STORAGE_KEY, lock};

/// HEAD, GET and DELETE of `/v2/<name>/blobs/<digest>`.
pub(super) fn blob(call: &Call, repository: &str, digest: &str) -> Response {
    if !is_digest(digest) {
        return Response::error(400, "DIGEST_INVALID", format!("not a digest: {digest}"));
    }
    let mut storage = lock(&call.shared.storage);
    let Some(found) = storage.repositories.get_mut(repository) else {
        return Response::error(404, "NAME_UNKNOWN", format!("no repository {repository}"));
    };
    if call.head.method == "DELETE" {
        return match found.blobs.remove(digest) {
            Some(_) => Response::new(202),
            None => unknown(digest),
        };
    }
    let Some(bytes) = found.blobs.get(digest).cloned() else { return unknown(digest) };
    drop(storage);
    match call.head.method.as_str() {
        "HEAD" => whole(call, digest, bytes),
        "GET" => match call.shared.storage_host(&call.quirks) {
            Some(host) => Response::new(307)
                .header("Location", format!("http://{host}/storage/{repository}/blobs/{digest}?{STORAGE_KEY}")),
            None => whole_or_part(call, digest, bytes),
        },
        _ => call.unsupported(),
    }
}

/// GET of `/storage/<name>/blobs/<digest>`, where redirects lead: no credentials, a signed query.
pub(super) fn stored(call: &Call, repository: &str, digest: &str) -> Response {
    if call.head.query != STORAGE_KEY {
        return Response::error(403, "DENIED", "the query's signature is missing");
    }
    match lock(&call.shared.storage).blob(repository, digest) {
        Some(bytes) => {
            let mut response = whole_or_part(call, digest, bytes);
            response.remove_header("Docker-Content-Digest");
            response
        }
        None => unknown(digest),
    }
}

fn unknown(digest: &str) -> Response {
    Response::error(404, "BLOB_UNKNOWN", format!("no blob {digest} in this repository"))
}

fn whole(call: &Call, digest: &str, bytes: Arc<Vec<u8>>) -> Response {
    call.with_digest(Response::new(200), digest)
        .header("Accept-Ranges", "bytes")
        .content("application/octet-stream", bytes)
}

fn whole_or_part(call: &Call, digest: &str, bytes: Arc<Vec<u8>>) -> Response {
    let length = bytes.len();
    match call.head.header("range").map(|range| part(range, length)) {
        None | Some(Part::Ignored) => whole(call, digest, bytes),
        Some(Part::Satisfiable(part)) => call
            .with_digest(Response::new(206), digest)
            .header("Content-Range", format!("bytes {}-{}/{length}", part.start, part.end - 1))
            .content_part("application/octet-stream", bytes, part),
        Some(Part::Unsatisfiable) => Response::error(416, "RANGE_INVALID", "the range lies outside of the blob")
            .header("Content-Range", format!("bytes */{length}")),
    }
}

enum Part {
    Satisfiable(Range<usize>),
    Unsatisfiable,
    /// Malformed, or several ranges: a server may answer with the whole (RFC 9110, section 14.2).
    Ignored,
}

fn part(header: &str, length: usize) -> Part {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Ignored;
    };
    let range = match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
        (Err(_), Ok(suffix)) if first.trim().is_empty() => length.saturating_sub(suffix)..length,
        _ => return Part::Ignored,
    };
    if range.start < range.end { Part::Satisfiable(range) } else { Part::Unsatisfiable }
}
