//! Downloads: files of the web that are no registry's. Nobody is told who asks.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use tokio::runtime::Handle;

use super::client::Client;
use super::error::{Action, Error};
use super::retry::Tries;
use super::traffic::Traffic;
use super::transport::Response;
use super::wire::{Request, refusal};

/// A file of the web, read from a thread.
pub struct Download {
    handle: Handle,
    client: Client,
    url: Url,
    action: Action,
    response: Option<Response>,
    rest: Bytes,
}

impl Download {
    /// Makes no request yet.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no URL of the web.
    pub(super) fn new(handle: Handle, client: Client, url: &str) -> Result<Download, Error> {
        let invalid =
            |why: &str| Error::Invalid(format!("what is to be fetched has no address to fetch it from: {why}"));
        let parsed = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(invalid("it is not reached by HTTP"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("credentials do not belong into it"));
        }
        let host = parsed.host_str().unwrap_or_default().to_owned();
        let path = parsed.path().to_owned();
        // Without the query, which may hold a secret.
        let object = format!("{}{path}", super::endpoint::shown(&parsed));
        let action = Action { verb: "fetch", object, host, path, writes: false };
        Ok(Download { handle, client, url: parsed, action, response: None, rest: Bytes::new() })
    }

    /// What is attempted, for errors.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Where it is: after the first byte was read, where redirects have led to. What it says of itself is relative to that.
    pub fn address(&self) -> &str {
        self.response.as_ref().map_or(&self.url, |response| &response.url).as_str()
    }

    async fn open(&self) -> Result<Response, Error> {
        let traffic: Arc<Traffic> = Arc::default();
        let request = Request {
            action: &self.action,
            method: Method::GET,
            url: self.url.clone(),
            headers: HeaderMap::new(),
            body: None,
            traffic: &traffic,
            queue: true,
        };
        let response = self.client.wire().ask(&request, None).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response, &self.action, None, 1).await),
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let response = match &mut self.response {
            Some(response) => response,
            None => {
                let opened = self.open().await?;
                self.response.insert(opened)
            }
        };
        match response.chunk().await {
            Ok(chunk) => Ok(chunk),
            Err(cause) => {
                let action = Box::new(self.action.clone());
                Err(Error::Broken {
                    action,
                    server: None,
                    tries: Tries::new(&self.client.wire().retry).made().max(1),
                    cause,
                })
            }
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let handle = self.handle.clone();
            match handle.block_on(self.chunk()) {
                Ok(Some(chunk)) => self.rest = chunk,
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let count = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
