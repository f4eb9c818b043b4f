//! Upload sessions: POST, PATCH, PUT, mounts.

use std::io;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use super::http::{Body, Response};
use super::storage::{digest_text, is_digest, is_repository_name};
use super::{Call, lock};

/// The most bytes a session takes.
const LARGEST_BLOB: usize = 2 << 30;
/// The most sessions open at once.
const MOST_SESSIONS: usize = 4096;

/// An upload under way.
pub(super) struct Session {
    repository: String,
    bytes: Vec<u8>,
    hash: Sha256,
    /// What the client was told has arrived. More than `bytes` if a quirk lost some.
    claimed: u64,
    patches: u32,
    /// A body ended before its end. The session goes on from where it stands, for a client that
    /// says where that is, and answers 416 to one that does not.
    broken: bool,
    /// Changes with each answer; travels in the location's query if a quirk asks for it.
    state: u64,
}

/// POST of `/v2/<name>/blobs/uploads/`.
pub(super) fn start(call: &Call, repository: &str, body: &mut Body) -> io::Result<Response> {
    if !is_repository_name(repository) {
        return Ok(Response::error(400, "NAME_INVALID", format!("not a repository name: {repository}")));
    }
    if !call.may_push_to(repository) {
        return Ok(Response::error(404, "NAME_UNKNOWN", format!("no repository {repository}")));
    }
    if let Some(digest) = call.head.query("mount") {
        let from = call.head.query("from").unwrap_or_default();
        if mount(call, repository, &from, &digest) {
            return Ok(created(call, repository, &digest));
        }
    }
    let mut sessions = lock(&call.shared.sessions);
    if sessions.len() >= MOST_SESSIONS {
        return Ok(Response::error(429, "TOOMANYREQUESTS", "too many uploads at once"));
    }
    let id = call.shared.next_session();
    let session = Session {
        repository: repository.to_owned(),
        bytes: Vec::new(),
        hash: Sha256::new(),
        claimed: 0,
        patches: 0,
        broken: false,
        state: 0,
    };
    let shared_session = Arc::new(Mutex::new(session));
    sessions.insert(id.clone(), Arc::clone(&shared_session));
    drop(sessions);
    let mut session = lock(&shared_session);
    match call.head.query("digest") {
        Some(digest) => finish(call, &mut session, &id, &digest, body),
        None => Ok(status(call, &mut session, &id, 202)),
    }
}

/// PATCH, PUT, GET and DELETE of `/v2/<name>/blobs/uploads/<session>`.
pub(super) fn upload(call: &Call, repository: &str, id: &str, body: &mut Body) -> io::Result<Response> {
    let found = lock(&call.shared.sessions).get(id).cloned();
    let Some(session) = found else { return Ok(unknown(id)) };
    let mut session = lock(&session);
    let still_open = lock(&call.shared.sessions).contains_key(id);
    if !still_open || session.repository != repository {
        return Ok(unknown(id));
    }
    if call.quirks.location_with_query && call.head.query("_state") != Some(session.state.to_string()) {
        return Ok(Response::error(400, "BLOB_UPLOAD_INVALID", "the location's query is missing or an old one"));
    }
    match call.head.method.as_str() {
        "GET" => Ok(status(call, &mut session, id, 204)),
        "DELETE" => {
            lock(&call.shared.sessions).remove(id);
            Ok(Response::new(204))
        }
        "PATCH" => patch(call, &mut session, id, body),
        "PUT" => match call.head.query("digest") {
            Some(digest) => finish(call, &mut session, id, &digest, body),
            None => Ok(Response::error(400, "DIGEST_INVALID", "no digest in the query")),
        },
        _ => Ok(call.unsupported()),
    }
}

fn patch(call: &Call, session: &mut Session, id: &str, body: &mut Body) -> io::Result<Response> {
    if let Some(refused) = refuse_position(call, session, id) {
        return Ok(refused);
    }
    session.patches += 1;
    let lost = call.quirks.patch_lost_after_first && session.patches > 1;
    if let Some(refused) = receive(session, body, lost)? {
        return Ok(refused);
    }
    Ok(status(call, session, id, if call.quirks.patch_answers_201 { 201 } else { 202 }))
}

fn finish(call: &Call, session: &mut Session, id: &str, digest: &str, body: &mut Body) -> io::Result<Response> {
    if !is_digest(digest) {
        return Ok(Response::error(400, "DIGEST_INVALID", format!("not a digest: {digest}")));
    }
    if let Some(refused) = refuse_position(call, session, id) {
        return Ok(refused);
    }
    if let Some(refused) = receive(session, body, false)? {
        return Ok(refused);
    }
    lock(&call.shared.sessions).remove(id);
    let received = digest_text(session.hash.clone().finalize().as_slice());
    if received != digest {
        let message = format!("{} bytes received have the digest {received}", session.bytes.len());
        return Ok(Response::error(400, "DIGEST_INVALID", message));
    }
    let bytes = Arc::new(std::mem::take(&mut session.bytes));
    lock(&call.shared.storage).make(&session.repository).blobs.insert(digest.to_owned(), bytes);
    Ok(created(call, &session.repository, digest))
}

/// Takes a body into the session, or loses it.
fn receive(session: &mut Session, body: &mut Body, lost: bool) -> io::Result<Option<Response>> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) => {
                session.broken = true;
                return Err(error);
            }
        };
        session.claimed += read as u64;
        if lost {
            continue;
        }
        if session.bytes.len() + read > LARGEST_BLOB {
            session.broken = true;
            return Ok(Some(Response::error(413, "SIZE_INVALID", "the blob is too large")));
        }
        session.hash.update(&buffer[..read]);
        session.bytes.extend_from_slice(&buffer[..read]);
    }
}

/// Checks `Content-Range: <first>-<last>` against what the session holds and the body's length.
fn refuse_position(call: &Call, session: &mut Session, id: &str) -> Option<Response> {
    let Some(header) = call.head.header("content-range") else {
        if !session.broken {
            return None;
        }
        return Some(out_of_order(call, session, id));
    };
    let range = header.trim_start_matches("bytes ").split('/').next().unwrap_or_default();
    let range = range
        .split_once('-')
        .and_then(|(first, last)| Some((first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?)));
    let Some((first, last)) = range else {
        return Some(Response::error(400, "BLOB_UPLOAD_INVALID", format!("not a Content-Range: {header}")));
    };
    if first != session.claimed {
        return Some(out_of_order(call, session, id));
    }
    match call.head.content_length() {
        Some(length) if length > 0 && first + length != last + 1 => {
            Some(Response::error(400, "SIZE_INVALID", "Content-Range and Content-Length differ"))
        }
        _ => {
            session.broken = false;
            None
        }
    }
}

fn out_of_order(call: &Call, session: &mut Session, id: &str) -> Response {
    let at = session.claimed;
    let mut refused = Response::error(416, "RANGE_INVALID", format!("the session stands at byte {at}"));
    refused.headers.extend(status(call, session, id, 416).headers);
    refused
}

/// An answer that says where the session is and how much it holds.
fn status(call: &Call, session: &mut Session, id: &str, status: u16) -> Response {
    session.state += 1;
    let query = if call.quirks.location_with_query { format!("?_state={}", session.state) } else { String::new() };
    Response::new(status)
        .header("Location", call.location(&format!("/v2/{}/blobs/uploads/{id}{query}", session.repository)))
        .header("Docker-Upload-UUID", id)
        .header("Range", format!("0-{}", session.claimed.saturating_sub(1)))
}

fn created(call: &Call, repository: &str, digest: &str) -> Response {
    let response = Response::new(201).header("Location", call.location(&format!("/v2/{repository}/blobs/{digest}")));
    call.with_digest(response, digest)
}

fn mount(call: &Call, repository: &str, from: &str, digest: &str) -> bool {
    if call.quirks.no_mount {
        return false;
    }
    let mut storage = lock(&call.shared.storage);
    let Some(source) = storage.repositories.get(from) else { return false };
    let Some(bytes) = source.blobs.get(digest).cloned() else { return false };
    if call.quirks.mount_only_referenced && !source.refers_to_blob(digest) {
        return false;
    }
    storage.make(repository).blobs.insert(digest.to_owned(), bytes);
    true
}

fn unknown(id: &str) -> Response {
    Response::error(404, "BLOB_UPLOAD_UNKNOWN", format!("no upload {id}"))
}
