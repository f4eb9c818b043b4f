//! Growing uploads: a blob that is sent while it is still being made.
//!
//! What docker's and containerd's clients send: one PATCH with everything, in chunks, and an empty PUT that names the
//! digest. It is tried once. Whoever asked for it sends the blob the ordinary way if it does not succeed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use tokio::sync::watch;

use super::client::RemoteRepository;
use super::ecr::EcrHost;
use super::error::{Action, Error};
use super::pull::{named_digest, wrong_digest};
use super::push::{FILE_PIECE, UploadSession, read_piece};
use super::retry::{Failure, Tries, retry_after};
use super::transport::{BodyStream, Fault, Progress, Response};
use super::wire::{Request, Upload};
use crate::digest::Digest;
use crate::store::Growing;

/// Why such an upload came to nothing.
enum Stray {
    /// For good: the registry has stored something else.
    Lied(Error),
    /// The registry does not take it in this form.
    Refused,
    /// Another attempt might have succeeded, or there is nothing to send.
    Lost,
}

impl RemoteRepository {
    /// Whether blobs can be sent here while they are being made. Amazon's registries lose every PATCH after the first and
    /// say otherwise: nothing is built on their PATCH. Nor on that of a registry that has refused one in this run.
    pub fn takes_growing(&self) -> bool {
        let taken = self.host().is_ok_and(|host| !host.refuses_growing.load(Relaxed));
        let is_ecr = |host: &str| EcrHost::of(host).is_some();
        taken && !is_ecr(&self.repository().host) && !self.host().is_ok_and(|host| is_ecr(&host.endpoint.server()))
    }

    /// Opens an upload ahead of its blob.
    ///
    /// # Errors
    ///
    /// As [`upload`](Self::upload).
    pub async fn open_upload(&self) -> Result<UploadSession, Error> {
        self.open_session(&self.action("upload blob", "", true)).await
    }

    /// Uploads a blob while it is being made. Answers whether it is there; if not, it has to be sent when it is whole.
    /// Being slow at making it is no failure. No turn is taken: what the blob is made of may have to be asked for first.
    ///
    /// # Errors
    ///
    /// [`Error::WrongDigest`] if the registry says that it has stored something else.
    pub async fn upload_growing(&self, growing: Growing, progress: Progress<'_>) -> Result<bool, Error> {
        match self.follow(growing, progress).await {
            Ok(()) => Ok(true),
            Err(Stray::Lied(error)) => Err(error),
            Err(Stray::Lost) => Ok(false),
            Err(Stray::Refused) => {
                if let Ok(host) = self.host() {
                    host.refuses_growing.store(true, Relaxed);
                }
                Ok(false)
            }
        }
    }

    async fn follow(&self, mut growing: Growing, progress: Progress<'_>) -> Result<(), Stray> {
        let action = self.action("upload blob", "", true);
        let open = self.open_session(&action).await.map_err(|_| Stray::Lost)?;
        // A registry that answers early goes on being sent what is asked of the stream, by whoever holds the connection.
        let (going_on, stop) = watch::channel(());
        let pieces = pieces(&action, growing.clone(), stop);
        let response = self.step(&action, Method::PATCH, open, pieces, None, progress).await?;
        drop(going_on);
        let next = self.session(&action, &response).map_err(|_| Stray::Lost)?;
        let growth = growing.beyond(u64::MAX).await.ok_or(Stray::Lost)?;
        if received(&response).is_some_and(|received| received != growth.written) {
            return Err(Stray::Refused);
        }
        drop(response);
        let digest = growth.digest.ok_or(Stray::Lost)?;
        let nothing = Box::pin(futures_util::stream::empty());
        let closing = next.closing(&digest);
        let response = self.step(&action, Method::PUT, closing, nothing, Some(0), &|_| {}).await?;
        match named_digest(response.headers()) {
            Some(found) if found != digest => Err(Stray::Lied(wrong_digest(&action, digest, found))),
            _ => Ok(()),
        }
    }

    /// One request of a session.
    async fn step(
        &self,
        action: &Action,
        method: Method,
        session: UploadSession,
        pieces: BodyStream,
        size: Option<u64>,
        progress: Progress<'_>,
    ) -> Result<Response, Stray> {
        let scopes = self.push_scopes().map_err(|_| Stray::Lost)?;
        let url = session.into_url();
        let authorization = self.authorization(action, &url, &scopes).await.map_err(|_| Stray::Lost)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let request = Request { action, method, url, headers, body: None, traffic: &self.traffic, queue: false };
        let upload = Upload { pieces, size, progress };
        let response = match self.wire().attempt(&request, authorization.as_ref(), Some(upload)).await {
            Ok(response) => response,
            Err(Fault::Ours(_)) => return Err(Stray::Lost),
            // Servers that do not know it have been seen to hang up.
            Err(Fault::Wire(_)) => return Err(Stray::Refused),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if let Some(failure) = Failure::of_status(status) {
            // Whatever is asked next waits as long as the registry wants.
            let mut tries = Tries::new(&self.wire().retry);
            let _ = self.wire().pause(&mut tries, failure, &response.url, retry_after(response.headers()));
            return Err(Stray::Lost);
        }
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Stray::Lost,
            _ => Stray::Refused,
        })
    }
}

/// How many bytes a registry says it has got, if it does: `Range: 0-<the last>`.
fn received(response: &Response) -> Option<u64> {
    let range = response.header(RANGE.as_str())?;
    let (first, last) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    (first.trim() == "0").then(|| last.checked_add(1))?
}

/// The pieces of a blob as they come to be, as long as somebody wants them.
fn pieces(action: &Action, growing: Growing, stop: watch::Receiver<()>) -> BodyStream {
    let action = action.clone();
    Box::pin(futures_util::stream::try_unfold((growing, stop, 0), move |(mut growing, mut stop, at)| {
        let action = action.clone();
        async move {
            let failed = |error| Error::local(&action, "reading what was just written failed", error);
            // Not for every few bytes: a whole piece, or what is left.
            let growth = tokio::select! {
                growth = growing.beyond(at + FILE_PIECE as u64 - 1) => growth,
                _ = stop.changed() => None,
            };
            let Some(growth) = growth.filter(|_| stop.has_changed().is_ok()) else {
                return Err(failed(io::Error::other("the blob was given up")));
            };
            if growth.written <= at {
                return Ok(None);
            }
            let length = usize::try_from(growth.written - at).unwrap_or(FILE_PIECE).min(FILE_PIECE);
            let file = Arc::clone(&growing.file);
            let read = tokio::task::spawn_blocking(move || read_piece(&file, at, length)).await;
            let piece = read.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(failed)?;
            Ok(Some((piece, (growing, stop, at + length as u64))))
        }
    }))
}

impl UploadSession {
    /// Where the upload is closed that has received this blob.
    pub(super) fn closing(self, digest: &Digest) -> UploadSession {
        let mut url = self.into_url();
        // The registry's own query is kept as it is: it may be signed.
        let digest = format!("digest=sha256%3A{}", digest.hex());
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&{digest}"),
            _ => digest,
        };
        url.set_query(Some(&query));
        UploadSession::at(url)
    }
}
