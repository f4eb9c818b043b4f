//! Push: blobs mounted from a neighbour or uploaded in one stream, and manifests put under their names.
//!
//! An upload is one POST for a session and one PUT with everything. Never a PATCH: ECR loses every one after the first
//! (aws/containers-roadmap#2831), and a retry of either within a session answers 416 there (apple/container#1895). What
//! is still being made cannot be sent so; see [`growing`](super::growing).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use tokio::time::sleep;

use super::blob::BlobReader;
use super::client::{Call, RemoteRepository};
use super::error::{Action, Error, Login};
use super::pull::{checked, named_digest, wrong_digest};
use super::retry::{Failure, Tries, retry_after};
use super::scope::{Access, Scopes};
use super::transport::{BodyStream, Fault, Progress, Response, pieces};
use super::wire::{Request, Upload, answer};
use crate::digest::Digest;
use crate::image::{Descriptor, Repository};

/// How much of a file is read at a time: 512 KiB. Two such pieces are in memory for each upload.
pub(super) const FILE_PIECE: usize = 512 << 10;

/// An upload that the registry has opened and that has received nothing yet. It serves once.
#[derive(Debug)]
pub struct UploadSession {
    url: Url,
}

impl UploadSession {
    pub(super) fn at(url: Url) -> UploadSession {
        UploadSession { url }
    }

    pub(super) fn into_url(self) -> Url {
        self.url
    }
}

/// What became of a mount.
#[derive(Debug)]
pub enum MountOutcome {
    /// The blob is now in this repository too.
    Mounted,
    /// The registry would not or could not, and has opened an upload instead: hand it to
    /// [`upload`](RemoteRepository::upload).
    Session(UploadSession),
}

/// Where an upload's bytes come from.
#[derive(Debug, Clone)]
pub enum BlobSource<'a> {
    /// A file that holds exactly the blob.
    File(PathBuf),
    /// Memory.
    Bytes(Bytes),
    /// Another repository: the bytes stream through and are verified before the last of them is passed on.
    Remote(&'a RemoteRepository),
}

/// What a registry said to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutOutcome {
    /// The manifest's digest.
    pub digest: Digest,
    /// The subject that the registry says it has noted (`OCI-Subject`). If the manifest has a subject and this is
    /// `None`, the fallback tag `sha256-<hex>` has to be maintained.
    pub subject: Option<Digest>,
}

/// Why an attempt to upload failed.
enum Setback {
    /// For good.
    Final(Error),
    /// The token ran out under way, and there is a new one now.
    Challenged,
    /// Another attempt may succeed; if none is left, the error.
    Passing { failure: Failure, delay: Option<std::time::Duration>, error: Error, lost_answer: bool },
}

impl RemoteRepository {
    fn uploads(&self) -> Result<Url, Error> {
        let mut url = self.url(&["blobs", "uploads"])?;
        // The slash at the end is part of the path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("");
        }
        Ok(url)
    }

    /// The session that a 202 has opened.
    pub(super) fn session(&self, action: &Action, response: &Response) -> Result<UploadSession, Error> {
        let url = match response.header(LOCATION.as_str()) {
            Some(location) => response
                .url
                .join(location)
                .map_err(|_| Error::malformed(action, "the place of the upload is not a URL"))?,
            None => match response.header("docker-upload-uuid") {
                Some(uuid) => self.url(&["blobs", "uploads", uuid])?,
                None => return Err(Error::malformed(action, "it opened an upload and did not say where")),
            },
        };
        self.wire().may_go(action, &response.url, &url)?;
        Ok(UploadSession { url })
    }

    pub(super) async fn open_session(&self, action: &Action) -> Result<UploadSession, Error> {
        let call = Call {
            method: Method::POST,
            url: self.uploads()?,
            headers: HeaderMap::new(),
            body: None,
            scopes: self.push_scopes()?,
            queue: true,
        };
        let response = self.call(action, call).await?.success(action).await?;
        self.session(action, &response)
    }

    /// Asks for a blob of another repository of the same registry.
    ///
    /// Not being allowed to read `from` is no failure: an upload is opened then, as after any refusal of the mount
    /// itself. Across registries nothing is asked but an upload.
    ///
    /// # Errors
    ///
    /// As [`upload`](Self::upload): the repository cannot be pushed to.
    pub async fn mount(&self, digest: &Digest, from: &Repository) -> Result<MountOutcome, Error> {
        let action = self.action("mount blob", &format!("@{digest}"), true);
        if !self.same_server(from) {
            return self.open_session(&action).await.map(MountOutcome::Session);
        }
        let name = self.host()?.endpoint.name(&from.path);
        let mut url = self.uploads()?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", &name);
        let scopes = self.push_scopes()?.and(name, Access::Pull);
        let call = Call { method: Method::POST, url, headers: HeaderMap::new(), body: None, scopes, queue: true };
        let response = match self.call(&action, call).await {
            Ok(reply) => reply.success(&action).await,
            Err(error) => Err(error),
        };
        match response {
            Ok(response) if response.status() == StatusCode::CREATED => match named_digest(response.headers()) {
                Some(found) if found != *digest => Err(wrong_digest(&action, *digest, found)),
                _ => Ok(MountOutcome::Mounted),
            },
            Ok(response) => self.session(&action, &response).map(MountOutcome::Session),
            Err(error) if error.answer().is_some_and(|answer| answer.status < 429) => {
                self.open_session(&action).await.map(MountOutcome::Session)
            }
            Err(error) => Err(error),
        }
    }

    /// Uploads a blob: opens a session unless one is given, and sends everything in one PUT. An attempt that fails is
    /// repeated in a new session.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the repository must be created first, [`Error::Local`] if the file cannot be read or has
    /// another size, any error of reading a remote source, and all that the registry or the network object to.
    pub async fn upload(
        &self,
        descriptor: &Descriptor,
        source: BlobSource<'_>,
        session: Option<UploadSession>,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let action = self.action("upload blob", &format!("@{}", descriptor.digest), true);
        let scopes = self.push_scopes()?;
        let mut tries = Tries::new(&self.wire().retry);
        let mut session = session;
        let mut proved = false;
        loop {
            let open = match session.take() {
                Some(open) => open,
                None => self.open_session(&action).await?,
            };
            let put = self.put_blob(&action, &scopes, open, descriptor, &source, progress, proved).await;
            let (failure, asked, error, lost_answer) = match put {
                Ok(()) => return Ok(()),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Challenged) => {
                    proved = true;
                    continue;
                }
                Err(Setback::Passing { failure, delay, error, lost_answer }) => (failure, delay, error, lost_answer),
            };
            let url = self.host()?.endpoint.root();
            let delay = self.wire().pause(&mut tries, failure, url, asked);
            let delay = delay.ok_or_else(|| counted(error, tries.made()))?;
            sleep(delay).await;
            // Everything was sent and only the answer is missing: the blob may well be there.
            if lost_answer && self.blob_exists(&descriptor.digest).await.unwrap_or(false) {
                progress(descriptor.size);
                return Ok(());
            }
        }
    }

    /// One PUT into a session.
    #[allow(clippy::too_many_arguments)]
    async fn put_blob(
        &self,
        action: &Action,
        scopes: &Scopes,
        session: UploadSession,
        descriptor: &Descriptor,
        source: &BlobSource<'_>,
        progress: Progress<'_>,
        proved: bool,
    ) -> Result<(), Setback> {
        let url = session.closing(&descriptor.digest).into_url();
        let authorization = self.authorization(action, &url, scopes).await.map_err(Setback::Final)?;
        // The turn comes first: a source that is opened and then kept waiting would time out.
        let _turn = self.wire().transport.pace(&url).turn().await;
        let pieces = open(action, descriptor, source).await.map_err(Setback::Final)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let request =
            Request { action, method: Method::PUT, url, headers, body: None, traffic: &self.traffic, queue: false };
        let sent = std::sync::atomic::AtomicU64::new(0);
        let noting = |count: u64| {
            sent.store(count, std::sync::atomic::Ordering::Relaxed);
            progress(count);
        };
        let upload = Upload { pieces, size: Some(descriptor.size), progress: &noting };
        let mut response = match self.wire().attempt(&request, authorization.as_ref(), Some(upload)).await {
            Ok(response) => response,
            Err(Fault::Ours(error)) => return Err(Setback::Final(error)),
            Err(Fault::Wire(cause)) => {
                let failure = Failure::of_cause(&cause);
                let error = self.wire().broken(&request, cause, &Tries::new(&self.wire().retry));
                let lost_answer = sent.load(std::sync::atomic::Ordering::Relaxed) == descriptor.size;
                return Err(match failure {
                    Some(failure) => Setback::Passing { failure, delay: None, error, lost_answer },
                    None => Setback::Final(error),
                });
            }
        };
        let status = response.status();
        if status.is_success() {
            return match named_digest(response.headers()) {
                Some(found) if found != descriptor.digest => {
                    Err(Setback::Final(wrong_digest(action, descriptor.digest, found)))
                }
                _ => Ok(()),
            };
        }
        let delay = retry_after(response.headers());
        if self.is_challenge(&response).map_err(Setback::Final)? {
            let new = self.prove(action, scopes, response, authorization.as_ref(), proved).await;
            return Err(new.map_or_else(Setback::Final, |_| Setback::Challenged));
        }
        let login = authorization.as_ref().map_or(Login::Anonymous, |authorization| authorization.login.clone());
        let said = answer(&mut response, authorization.as_ref()).await;
        // A session that is gone (404, 416) is the registry's failure too: a new one may live.
        let gone = status == StatusCode::RANGE_NOT_SATISFIABLE
            || matches!(said.code.as_str(), "BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID");
        let failure = if gone { Some(Failure::Server) } else { Failure::of_status(status) };
        if status == StatusCode::FORBIDDEN && !proved && super::ecr::speaks_of_an_end(&said) {
            let url = response.url.clone();
            drop(response);
            let new = self.renewed(action, &url, scopes, authorization.as_ref()).await.map_err(Setback::Final)?;
            if new.is_some() {
                return Err(Setback::Challenged);
            }
        }
        let error = Error::of_answer(action, &login, said, 1);
        Err(match failure {
            Some(failure) => Setback::Passing { failure, delay, error, lost_answer: false },
            None => Setback::Final(error),
        })
    }

    /// Puts a manifest under a tag or its digest.
    ///
    /// # Errors
    ///
    /// [`Error::WrongDigest`] if the registry says that it has stored something else, or `reference` is a digest and
    /// not that of `bytes`; [`Error::NotFound`] if the repository must be created first; [`Error::ImmutableTag`] if the
    /// tag stands for another manifest and may not be moved (that it stands for this one is success); any refusal.
    pub async fn put_manifest(&self, reference: &str, media_type: &str, bytes: &Bytes) -> Result<PutOutcome, Error> {
        let action = self.manifest_action("put manifest", reference, true);
        let digest = Digest::of(bytes);
        if let Ok(named) = reference.parse::<Digest>()
            && named != digest
        {
            return Err(wrong_digest(&action, named, digest));
        }
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(media_type);
        let invalid = |_| Error::Invalid(format!("`{}` is not a media type", media_type.escape_default()));
        headers.insert(CONTENT_TYPE, value.map_err(invalid)?);
        let call = Call {
            method: Method::PUT,
            url: self.url(&["manifests", checked(reference)?])?,
            headers,
            body: Some(bytes),
            scopes: self.push_scopes()?,
            queue: true,
        };
        if let Some(pace) = &self.host()?.manifests {
            pace.start().await;
        }
        let response = match self.call(&action, call).await?.success(&action).await {
            Err(error) if error.is_immutable_tag() => {
                // It may be the very image, put by an attempt whose answer was lost, or by somebody faster.
                return match self.tag_digest(reference).await? {
                    Some(current) if current == digest => Ok(PutOutcome { digest, subject: None }),
                    current => Err(self.immutable_tag(reference, current, digest, error.answer())),
                };
            }
            response => response?,
        };
        match named_digest(response.headers()) {
            Some(found) if found != digest => Err(wrong_digest(&action, digest, found)),
            _ => {
                let subject = response.header("oci-subject").and_then(|text| text.trim().parse().ok());
                Ok(PutOutcome { digest, subject })
            }
        }
    }
}

/// The error of the last of several attempts.
fn counted(error: Error, made: u32) -> Error {
    match error {
        Error::Status { action, answer, .. } => Error::Status { action, tries: made, answer },
        Error::Throttled { action, answer, .. } => Error::Throttled { action, tries: made, answer },
        Error::Broken { action, server, cause, .. } => Error::Broken { action, server, tries: made, cause },
        other => other,
    }
}

/// Opens a source for one attempt.
async fn open(action: &Action, descriptor: &Descriptor, source: &BlobSource<'_>) -> Result<BodyStream, Error> {
    let size = descriptor.size;
    let wrong_size = |found: u64| Error::WrongSize { action: Box::new(action.clone()), expected: size, found };
    match source {
        BlobSource::Bytes(bytes) if bytes.len() as u64 == size => Ok(pieces(bytes.clone())),
        BlobSource::Bytes(bytes) => Err(wrong_size(bytes.len() as u64)),
        BlobSource::File(path) => {
            let action = action.clone();
            let what = format!("reading `{}` failed", path.display());
            let failed = |error| Error::local(&action, what.clone(), error);
            let file = tokio::fs::File::open(path).await.map_err(failed)?;
            let found = file.metadata().await.map_err(failed)?.len();
            if found != size {
                return Err(wrong_size(found));
            }
            let file = Arc::new(file.into_std().await);
            let starts = (0..size).step_by(FILE_PIECE);
            // The next piece is read while the one before it is sent.
            let pieces = futures_util::stream::iter(starts).map(move |start| {
                let length = usize::try_from(size - start).unwrap_or(FILE_PIECE).min(FILE_PIECE);
                let file = Arc::clone(&file);
                let read = tokio::task::spawn_blocking(move || read_piece(&file, start, length));
                let (action, what) = (action.clone(), what.clone());
                async move {
                    let read = read.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
                    read.map_err(|error| Error::local(&action, what, error))
                }
            });
            Ok(Box::pin(pieces.buffered(2)))
        }
        BlobSource::Remote(repository) => {
            // The upload has a turn already; this request must not wait for another.
            let mut reader = BlobReader::new((*repository).clone(), descriptor, false);
            // The first piece is fetched here, so that a source that is not there opens no upload's body.
            let first = reader.chunk().await?;
            Ok(Box::pin(futures_util::stream::try_unfold((first, reader), |(first, mut reader)| async move {
                let piece = match first {
                    Some(piece) => Some(piece),
                    None => reader.chunk().await?,
                };
                Ok(piece.map(|piece| (piece, (None, reader))))
            })))
        }
    }
}

/// A piece of a file, which is as long as it says.
pub(super) fn read_piece(file: &File, start: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, start)?;
    Ok(piece.into())
}
