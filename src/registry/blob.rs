//! Blob: a stream of verified bytes that outlives the connections it comes over.

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::cause::Cause;
use super::client::{Call, RemoteRepository};
use super::error::{Action, Error};
use super::pull::{range_start, wrong_digest};
use super::retry::Tries;
use super::transport::Response;
use crate::digest::{Digest, Hasher};
use crate::image::Descriptor;

/// How much must come over a connection before it counts as progress, and broken connections are forgotten: 1 MiB.
const PROGRESS: u64 = 1 << 20;

/// Reads one blob. A connection that breaks is replaced by one that goes on where it ended.
pub struct BlobReader {
    repository: RemoteRepository,
    action: Action,
    digest: Digest,
    size: u64,
    queue: bool,
    response: Option<Response>,
    /// Bytes of the response that were received before, since the server knows no ranges.
    skip: u64,
    /// Bytes received.
    offset: u64,
    hasher: Hasher,
    tries: Tries,
    /// The offset at which broken connections were last forgotten.
    mark: u64,
    finished: bool,
}

impl BlobReader {
    /// Makes no request yet. One that does not `queue` must be read by somebody who has a turn already.
    pub(super) fn new(repository: RemoteRepository, descriptor: &Descriptor, queue: bool) -> BlobReader {
        BlobReader {
            action: repository.action("read blob", &format!("@{}", descriptor.digest), false),
            tries: Tries::new(&repository.wire().retry),
            repository,
            digest: descriptor.digest,
            size: descriptor.size,
            queue,
            response: None,
            skip: 0,
            offset: 0,
            hasher: Hasher::new(),
            mark: 0,
            finished: false,
        }
    }

    /// What this reader does, for errors.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The next bytes; `None` at the end. The last piece is given out only when digest and size are right.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the repository has no such blob, [`Error::WrongDigest`] or [`Error::WrongSize`] if it is
    /// not what its descriptor says, [`Error::Broken`] if connections keep breaking.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.finished {
                return Ok(None);
            }
            let response = match &mut self.response {
                Some(response) => response,
                None => {
                    let opened = self.open().await?;
                    self.response.insert(opened)
                }
            };
            match response.chunk().await {
                Ok(Some(mut chunk)) => {
                    let skipped = self.skip.min(chunk.len() as u64);
                    self.skip -= skipped;
                    let chunk = chunk.split_off(skipped as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    self.take_in(&chunk)?;
                    if self.offset == self.size {
                        self.finish().await?;
                    }
                    return Ok(Some(chunk));
                }
                Ok(None) if self.offset == self.size => self.finish().await?,
                Ok(None) => self.broke(Cause::Truncated { received: self.offset, expected: self.size }).await?,
                Err(cause) => self.broke(cause).await?,
            }
        }
    }

    fn take_in(&mut self, chunk: &Bytes) -> Result<(), Error> {
        let end = self.offset + chunk.len() as u64;
        if end > self.size {
            return Err(self.wrong_size(end));
        }
        self.hasher.update(chunk);
        self.offset = end;
        if self.offset - self.mark >= PROGRESS {
            self.mark = self.offset;
            self.tries.reset();
        }
        Ok(())
    }

    /// Checks the digest, and that nothing follows.
    async fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        if let Some(mut response) = self.response.take() {
            // A connection that breaks now has nothing left to bring.
            while let Ok(Some(chunk)) = response.chunk().await {
                if !chunk.is_empty() {
                    return Err(self.wrong_size(self.size + chunk.len() as u64));
                }
            }
        }
        let found = std::mem::take(&mut self.hasher).finish();
        match found == self.digest {
            true => Ok(()),
            false => Err(wrong_digest(&self.action, self.digest, found)),
        }
    }

    fn wrong_size(&self, found: u64) -> Error {
        Error::WrongSize { action: Box::new(self.action.clone()), expected: self.size, found }
    }

    async fn broke(&mut self, cause: Cause) -> Result<(), Error> {
        // The turn at the host is given up with the response.
        self.response = None;
        self.skip = 0;
        self.repository.pause(&self.action, cause, &mut self.tries).await
    }

    async fn open(&mut self) -> Result<Response, Error> {
        let mut headers = HeaderMap::new();
        if self.offset > 0 {
            let value = HeaderValue::from_str(&format!("bytes={}-", self.offset));
            headers.insert(RANGE, value.map_err(|error| Error::Invalid(error.to_string()))?);
        }
        let call = Call {
            method: Method::GET,
            url: self.repository.url(&["blobs", &self.digest.to_string()])?,
            headers,
            body: None,
            scopes: self.repository.scopes()?,
            queue: self.queue,
        };
        let response = self.repository.call(&self.action, call).await?.success(&self.action).await?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            match response.header(CONTENT_RANGE.as_str()).and_then(range_start) {
                Some(start) if start == self.offset => {}
                _ => return Err(Error::malformed(&self.action, "another range came than was asked for")),
            }
        } else {
            if let Some(length) = response.content_length().filter(|length| *length != self.size) {
                return Err(self.wrong_size(length));
            }
            self.skip = self.offset;
        }
        Ok(response)
    }
}
