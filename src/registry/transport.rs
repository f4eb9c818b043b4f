//! Transport: one HTTP request at a time on the wire, at the pace that its host can bear.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::cause::Cause;
use super::endpoint::is_near;
use super::error::Error;
use super::pace::{Pace, Turn};
use super::traffic::Traffic;

/// How long a connection may take to come about.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be silent: before an answer begins, between two pieces of its body, or of ours.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a registry may think after the last byte of an upload: it digests and files the blob meanwhile.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(300);
/// How long an unused connection is kept: less than the minute after which load balancers close theirs.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// How often an upload's progress is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The largest file of certificate authorities read: 4 MiB.
const MAX_CA_FILE: u64 = 4 << 20;
/// Pieces in which a body in memory is handed over, so that progress can be seen: 64 KiB.
const BODY_PIECE: usize = 64 << 10;

/// Called with the number of bytes of a blob transferred so far. After a failure it may begin again at 0.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// The pieces of a body that is sent.
pub(super) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A body to send.
pub(super) enum Body<'a> {
    /// None at all.
    Empty,
    /// A small one, which can be sent again.
    Bytes(&'a Bytes),
    /// A large one, which cannot. Of unknown size while it is still being made.
    Stream { pieces: BodyStream, size: Option<u64>, progress: Progress<'a> },
}

/// One request to one URL.
pub(super) struct Exchange<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body<'a>,
    pub(super) traffic: &'a Arc<Traffic>,
    /// Whether to wait for a turn. A request on which another one waits that has its turn already must not.
    pub(super) queue: bool,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) url: Url,
    inner: reqwest::Response,
    traffic: Arc<Traffic>,
    _turn: Option<Turn>,
}

/// The clients of the HTTP library, each made when it is first needed.
#[derive(Debug, Default)]
struct Clients {
    /// http, no proxy
    local: OnceCell<reqwest::Client>,
    /// http
    plain: OnceCell<reqwest::Client>,
    /// https, no proxy
    local_tls: OnceCell<reqwest::Client>,
    /// https
    tls: OnceCell<reqwest::Client>,
}

/// Sends requests. Knows nothing of registries.
#[derive(Debug)]
pub(super) struct Transport {
    user_agent: String,
    ca_files: Vec<PathBuf>,
    concurrency: usize,
    clients: Clients,
    paces: Mutex<HashMap<String, Arc<Pace>>>,
}

/// Why an exchange failed: because of the other side, or because of what was to be sent.
#[derive(Debug)]
pub(super) enum Fault {
    Wire(Cause),
    Ours(Error),
}

/// A client that reads no certificate authorities: it is used for http only, but its library wants to be told
/// everything about TLS all the same.
fn plain_client() -> Result<reqwest::ClientBuilder, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls))
}

/// A client that trusts the machine's certificate authorities and those of the files.
fn tls_client(ca_files: &[PathBuf]) -> Result<reqwest::ClientBuilder, Error> {
    // The HTTP library takes the process's provider of cryptography. If somebody has installed one, theirs it is.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only if another thread was faster, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut extra = Vec::new();
    for path in ca_files {
        let error = |why: String| Error::CaFile { path: path.clone(), why };
        let mut pem = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_CA_FILE + 1), &mut pem))
            .map_err(|failure| error(failure.to_string()))?;
        if pem.len() as u64 > MAX_CA_FILE {
            return Err(error(format!("it is larger than {MAX_CA_FILE} bytes")));
        }
        let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| error("it is malformed".to_owned()))?;
        if found.is_empty() {
            return Err(error("it holds no certificate".to_owned()));
        }
        extra.extend(found);
    }
    Ok(reqwest::Client::builder().tls_certs_merge(extra))
}

impl Transport {
    /// Makes no connection and reads no file yet.
    pub(super) fn new(user_agent: String, ca_files: Vec<PathBuf>, concurrency: usize) -> Transport {
        Transport { user_agent, ca_files, concurrency, clients: Clients::default(), paces: Mutex::default() }
    }

    async fn client(&self, url: &Url) -> Result<&reqwest::Client, Fault> {
        let near = url.host_str().is_some_and(is_near);
        let tls = url.scheme() == "https";
        let cell = match (tls, near) {
            (false, true) => &self.clients.local,
            (false, false) => &self.clients.plain,
            (true, true) => &self.clients.local_tls,
            (true, false) => &self.clients.tls,
        };
        let (user_agent, ca_files) = (self.user_agent.clone(), self.ca_files.clone());
        cell.get_or_try_init(|| async move {
            let build = move || {
                let builder = if tls { tls_client(&ca_files)? } else { plain_client()? };
                let builder = builder
                    .user_agent(user_agent)
                    .connect_timeout(CONNECT_TIMEOUT)
                    .pool_idle_timeout(POOL_IDLE)
                    .redirect(reqwest::redirect::Policy::none())
                    .retry(reqwest::retry::never())
                    .referer(false);
                let builder = if near { builder.no_proxy() } else { builder };
                builder.build().map_err(Unbuilt::Client)
            };
            match tokio::task::spawn_blocking(build).await {
                Ok(Ok(client)) => Ok(client),
                Ok(Err(Unbuilt::Settings(error))) => Err(Fault::Ours(error)),
                Ok(Err(Unbuilt::Client(error))) => Err(Fault::Wire(Cause::of(error))),
                Err(stopped) => Err(Fault::Wire(Cause::Request(stopped.to_string()))),
            }
        })
        .await
    }

    /// The pace of the URL's host.
    pub(super) fn pace(&self, url: &Url) -> Arc<Pace> {
        let host =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.entry(host).or_insert_with(|| Arc::new(Pace::new(self.concurrency))).clone()
    }

    /// Sends one request and waits until its answer begins. Follows no redirect and repeats nothing.
    pub(super) async fn send(&self, exchange: Exchange<'_>) -> Result<Response, Fault> {
        let Exchange { method, url, headers, body, traffic, queue } = exchange;
        let client = self.client(url).await?;
        let pace = self.pace(url);
        let turn = if queue { Some(pace.turn().await) } else { None };
        pace.start().await;

        let feed: Arc<Feed> = Arc::default();
        let mut request = client.request(method.clone(), url.clone()).headers(headers);
        let progress: Option<Progress<'_>> = match body {
            Body::Empty => {
                if method == Method::POST || method == Method::PUT {
                    // Some servers answer 411 without it.
                    request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
                }
                None
            }
            Body::Bytes(bytes) => {
                request = request.header(CONTENT_LENGTH, bytes.len());
                request = request.body(counted(pieces(bytes.clone()), Some(bytes.len() as u64), &feed, traffic));
                None
            }
            Body::Stream { pieces, size, progress } => {
                // Nobody asks for the end of a body of no bytes.
                feed.ended.store(size == Some(0), Relaxed);
                if let Some(size) = size {
                    request = request.header(CONTENT_LENGTH, size);
                }
                request = request.body(counted(pieces, size, &feed, traffic));
                Some(progress)
            }
        };
        traffic.request();
        let answer = watched(request.send(), &feed, progress).await;
        // A body of ours that failed broke the connection, not the other way round.
        if let Some(error) = feed.fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(Fault::Ours(error));
        }
        let inner = answer.map_err(Fault::Wire)?;
        if inner.status() != StatusCode::TOO_MANY_REQUESTS {
            pace.answered();
        }
        Ok(Response { url: url.clone(), inner, traffic: traffic.clone(), _turn: turn })
    }
}

enum Unbuilt {
    Settings(Error),
    Client(reqwest::Error),
}

impl From<Error> for Unbuilt {
    fn from(error: Error) -> Unbuilt {
        Unbuilt::Settings(error)
    }
}

/// How far a body that is being sent is.
#[derive(Debug, Default)]
struct Feed {
    /// Bytes handed over.
    sent: AtomicU64,
    /// Whether the connection waits for more of the body, and not the other way round.
    waits: AtomicBool,
    /// Whether all of it has been handed over.
    ended: AtomicBool,
    /// Why there is no more of it.
    fault: Mutex<Option<Error>>,
}

/// Waits for an answer as long as there is progress.
async fn watched(
    answer: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
    feed: &Feed,
    progress: Option<Progress<'_>>,
) -> Result<reqwest::Response, Cause> {
    let mut answer = std::pin::pin!(answer);
    let mut moved = Instant::now();
    let mut seen = 0;
    loop {
        let answered = timeout(PROGRESS_INTERVAL, &mut answer).await;
        let now = feed.sent.load(Relaxed);
        if now != seen {
            seen = now;
            moved = Instant::now();
            if let Some(progress) = progress {
                progress(now);
            }
        }
        match answered {
            Ok(answer) => return answer.map_err(Cause::of),
            Err(_) => {
                if feed.waits.load(Relaxed) {
                    // Whoever makes the body is slow; that is not the connection's fault.
                    moved = Instant::now();
                }
                let patience = if feed.ended.load(Relaxed) { COMMIT_TIMEOUT } else { IDLE_TIMEOUT };
                if moved.elapsed() >= patience {
                    return Err(Cause::Idle);
                }
            }
        }
    }
}

/// A body in memory, in pieces.
pub(super) fn pieces(mut bytes: Bytes) -> BodyStream {
    Box::pin(futures_util::stream::iter(std::iter::from_fn(move || {
        let piece = bytes.split_to(bytes.len().min(BODY_PIECE));
        (!piece.is_empty()).then_some(Ok(piece))
    })))
}

/// A body that is counted as it is handed over, and keeps its failure for whoever sent it.
fn counted(mut pieces: BodyStream, size: Option<u64>, feed: &Arc<Feed>, traffic: &Arc<Traffic>) -> reqwest::Body {
    let (feed, traffic) = (feed.clone(), traffic.clone());
    reqwest::Body::wrap_stream(futures_util::stream::poll_fn(move |context| {
        let polled = pieces.as_mut().poll_next(context);
        feed.waits.store(polled.is_pending(), Relaxed);
        polled.map(|next| match next {
            Some(Ok(piece)) => {
                let sent = feed.sent.fetch_add(piece.len() as u64, Relaxed) + piece.len() as u64;
                // Of a body of known size nobody asks for the end.
                if size.is_some_and(|size| sent >= size) {
                    feed.ended.store(true, Relaxed);
                }
                traffic.up(piece.len());
                Some(Ok(piece))
            }
            Some(Err(error)) => {
                let text = error.to_string();
                *feed.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some(Err(std::io::Error::other(text)))
            }
            None => {
                feed.ended.store(true, Relaxed);
                None
            }
        })
    }))
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        self.inner.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// A header that is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The announced size of the body, which a HEAD has too.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str())?.trim().parse().ok()
    }

    /// The next piece of the body.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        let chunk = timeout(IDLE_TIMEOUT, self.inner.chunk()).await.map_err(|_| Cause::Idle)?.map_err(Cause::of)?;
        if let Some(chunk) = &chunk {
            self.traffic.down(chunk.len());
        }
        Ok(chunk)
    }

    /// The rest of the body; `None` if it is longer than `limit` bytes.
    pub(super) async fn body(&mut self, limit: u64) -> Result<Option<Bytes>, Cause> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body.freeze()))
    }

    /// The beginning of the body, at most `limit` bytes, whatever becomes of the rest.
    pub(super) async fn beginning(&mut self, limit: usize) -> Bytes {
        let mut body = BytesMut::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == limit {
                break;
            }
        }
        body.freeze()
    }
}
