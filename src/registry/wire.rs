//! Wire: one request as its asker sees it: redirects followed, passing failures repeated.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use tokio::time::sleep;

use super::answer::Answer;
use super::endpoint::{Rules, origin, shown};
use super::error::{Action, Error, Login};
use super::retry::{Failure, RetryPolicy, Tries, retry_after};
use super::traffic::Traffic;
use super::transport::{Body, BodyStream, Exchange, Fault, Progress, Response, Transport};

/// The most redirects followed for one request.
const MAX_REDIRECTS: usize = 10;
/// How much of an answer that is no success is read: 64 KiB.
const MAX_REFUSAL: usize = 64 << 10;

/// Proof of who asks, and the only server that may see it.
#[derive(Debug, Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    /// As whom it is made.
    pub(super) login: Login,
    /// The server, by one of its URLs.
    pub(super) server: Url,
}

/// A request that can be made more than once.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) action: &'a Action,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// A body small enough to keep.
    pub(super) body: Option<&'a Bytes>,
    pub(super) traffic: &'a Arc<Traffic>,
    /// Whether it waits for a turn at its host; not if another request waits for it that has one.
    pub(super) queue: bool,
}

/// A body that can be sent once.
pub(super) struct Upload<'a> {
    pub(super) pieces: BodyStream,
    /// Its size, unless it is still being made.
    pub(super) size: Option<u64>,
    pub(super) progress: Progress<'a>,
}

/// What every request goes through.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) rules: Rules,
    pub(super) transport: Arc<Transport>,
    pub(super) retry: RetryPolicy,
    pub(super) offline: bool,
}

impl Wire {
    /// Makes a request until there is an answer that more attempts would not change.
    pub(super) async fn ask(
        &self,
        request: &Request<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Error> {
        let mut tries = Tries::new(&self.retry);
        loop {
            match self.attempt(request, authorization, None).await {
                Ok(response) => {
                    let Some(failure) = Failure::of_status(response.status()) else { return Ok(response) };
                    let asked = retry_after(response.headers());
                    let delay = self.pause(&mut tries, failure, &response.url, asked);
                    match delay {
                        Some(delay) => {
                            drop(response);
                            sleep(delay).await;
                        }
                        None => return Err(refusal(response, request.action, authorization, tries.made()).await),
                    }
                }
                Err(Fault::Ours(error)) => return Err(error),
                Err(Fault::Wire(cause)) => {
                    let delay = Failure::of_cause(&cause).and_then(|failure| tries.failed(failure, None));
                    match delay {
                        Some(delay) => sleep(delay).await,
                        None => return Err(self.broken(request, cause, &tries)),
                    }
                }
            }
        }
    }

    /// How long to wait before the next attempt, after an answer that is worth one. `None` to give up. A complaint
    /// slows all of the host's requests down.
    pub(super) fn pause(
        &self,
        tries: &mut Tries,
        failure: Failure,
        url: &Url,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let delay = tries.failed(failure, asked)?;
        if failure == Failure::Throttled {
            self.transport.pace(url).complained(asked.is_some(), delay);
        }
        Some(delay)
    }

    /// The error of a request that got no answer.
    pub(super) fn broken(&self, request: &Request<'_>, cause: super::cause::Cause, tries: &Tries) -> Error {
        let server = request.url.host_str().unwrap_or_default();
        let named = request.action.host.split(':').next() == Some(server);
        let server = (!named).then(|| shown(&request.url).into_boxed_str());
        Error::Broken { action: Box::new(request.action.clone()), server, tries: tries.made().max(1), cause }
    }

    /// Makes a request once, with all its redirects. The authorization is shown to its own server only.
    pub(super) async fn attempt(
        &self,
        request: &Request<'_>,
        authorization: Option<&Authorization>,
        upload: Option<Upload<'_>>,
    ) -> Result<Response, Fault> {
        if self.offline {
            return Err(Fault::Ours(Error::Offline { action: Box::new(request.action.clone()) }));
        }
        let follows = upload.is_none();
        let mut upload = upload;
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut headers = request.headers.clone();
            if let Some(authorization) = authorization
                && origin(&authorization.server) == origin(&url)
            {
                headers.insert(AUTHORIZATION, authorization.header.clone());
            }
            let body = match (upload.take(), request.body) {
                (Some(Upload { pieces, size, progress }), _) => Body::Stream { pieces, size, progress },
                (None, Some(bytes)) => Body::Bytes(bytes),
                (None, None) => Body::Empty,
            };
            let response = self
                .transport
                .send(Exchange {
                    method: request.method.clone(),
                    url: &url,
                    headers,
                    body,
                    traffic: request.traffic,
                    queue: request.queue,
                })
                .await?;
            match self.redirected(request, &response, follows).map_err(Fault::Ours)? {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        Err(Fault::Ours(redirect(request.action, &url, "it is the end of a long chain of redirects")))
    }

    /// Where an answer sends its asker; `None` if it is no redirect.
    fn redirected(&self, request: &Request<'_>, response: &Response, follows: bool) -> Result<Option<Url>, Error> {
        let keeps_method = match response.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let location = response.header(LOCATION.as_str());
        let location = location.ok_or_else(|| Error::malformed(request.action, "a redirect without a target"))?;
        let next = response.url.join(location);
        let next = next.map_err(|_| Error::malformed(request.action, "a redirect to something that is no URL"))?;
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        if !follows || !(reads || keeps_method) {
            return Err(redirect(request.action, &next, "an upload cannot follow"));
        }
        self.may_go(request.action, &response.url, &next)?;
        Ok(Some(next))
    }

    /// Refuses a way from encrypted to unencrypted, and to what is not the web at all.
    pub(super) fn may_go(&self, action: &Action, from: &Url, to: &Url) -> Result<(), Error> {
        match to.scheme() {
            "https" => Ok(()),
            "http" if from.scheme() == "http" || self.rules.may_be_plain(to) => Ok(()),
            "http" => Err(redirect(action, to, "that connection would not be encrypted")),
            _ => Err(redirect(action, to, "it is not reached by HTTP")),
        }
    }
}

fn redirect(action: &Action, to: &Url, why: &'static str) -> Error {
    Error::Redirect { action: Box::new(action.clone()), to: shown(to), why }
}

/// Reads why a request was refused.
pub(super) async fn answer(response: &mut Response, authorization: Option<&Authorization>) -> Answer {
    let body = response.beginning(MAX_REFUSAL).await;
    let secret = authorization.and_then(|authorization| authorization.header.to_str().ok());
    Answer::read(response.status(), &body, secret)
}

/// The error of an answer that is no success.
pub(super) async fn refusal(
    mut response: Response,
    action: &Action,
    authorization: Option<&Authorization>,
    tries: u32,
) -> Error {
    let login = authorization.map_or(Login::Anonymous, |authorization| authorization.login.clone());
    let answer = answer(&mut response, authorization).await;
    Error::of_answer(action, &login, answer, tries)
}
