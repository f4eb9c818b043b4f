//! What was asked of the registry: the request log that tests count and sum.

use std::fmt;
use std::time::Duration;

/// What a request was for, told from its method, path and query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `GET /v2/`
    Ping,
    /// `GET` or `POST /token`
    Token,
    /// `POST /`, Amazon's own interface
    Amazon,
    /// `HEAD /v2/<name>/blobs/<digest>`
    BlobHead,
    /// `GET /v2/<name>/blobs/<digest>`, whole or a range
    BlobGet,
    /// `POST /v2/<name>/blobs/uploads/`, also the monolithic one with `?digest=`
    UploadStart,
    /// `POST /v2/<name>/blobs/uploads/?mount=<digest>&from=<name>`
    Mount,
    /// `PATCH` of an upload session
    UploadPatch,
    /// `PUT` that closes an upload session
    UploadPut,
    /// `HEAD /v2/<name>/manifests/<reference>`
    ManifestHead,
    /// `GET /v2/<name>/manifests/<reference>`
    ManifestGet,
    /// `PUT /v2/<name>/manifests/<reference>`
    ManifestPut,
    /// `GET /v2/<name>/tags/list`
    Tags,
    /// `GET /v2/<name>/referrers/<digest>`
    Referrers,
    /// A blob read from the storage that
    /// [`Quirks::redirect_blobs_to`](super::Quirks::redirect_blobs_to) sends clients to
    Storage,
    /// Everything else: an upload's status, deletions, unknown paths
    Other,
}

/// One request, as the registry saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path without its query, percent-decoded.
    pub path: String,
    /// The query as it was sent, without the `?`; empty if there was none.
    pub query: String,
    /// What the request was for.
    pub kind: Kind,
    /// The status answered; 0 if the connection ended before there was an answer.
    pub status: u16,
    /// Body bytes received, without the framing of a chunked body.
    pub bytes_up: u64,
    /// Body bytes sent.
    pub bytes_down: u64,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The `Host` header.
    pub host: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Content-Length` header; `None` for a chunked body and for none.
    pub content_length: Option<u64>,
    /// The `Content-Range` header.
    pub content_range: Option<String>,
    /// When the request's head had arrived, since the registry's start.
    pub at: Duration,
    /// From the head's arrival until the answer began.
    pub took: Duration,
    /// Which connection it came over; requests over one connection share the number.
    pub connection: u64,
}

impl Request {
    /// The path with its query, as in a request line.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.1} ms  {:<12} {:>3}  up {:>9}  down {:>9}  {} {}",
            self.at.as_secs_f64() * 1e3,
            format!("{:?}", self.kind),
            self.status,
            self.bytes_up,
            self.bytes_down,
            self.method,
            self.target(),
        )
    }
}

/// Requests in the order in which they were answered.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<Request>);

impl Log {
    /// How many requests there were.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if and only if there were no requests.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many requests of this kind there were.
    pub fn count(&self, kind: Kind) -> usize {
        self.count_where(|request| request.kind == kind)
    }

    /// How many requests the closure holds for.
    pub fn count_where(&self, holds: impl Fn(&Request) -> bool) -> usize {
        self.0.iter().filter(|request| holds(request)).count()
    }

    /// The requests the closure holds for, as a log of their own.
    pub fn only(&self, holds: impl Fn(&Request) -> bool) -> Log {
        Log(self.0.iter().filter(|request| holds(request)).cloned().collect())
    }

    /// The requests of this kind.
    pub fn of(&self, kind: Kind) -> Log {
        self.only(|request| request.kind == kind)
    }

    /// Body bytes received, summed.
    pub fn bytes_up(&self) -> u64 {
        self.0.iter().map(|request| request.bytes_up).sum()
    }

    /// Body bytes sent, summed.
    pub fn bytes_down(&self) -> u64 {
        self.0.iter().map(|request| request.bytes_down).sum()
    }

    /// Each request as `METHOD path`, without queries.
    pub fn paths(&self) -> Vec<String> {
        self.0.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// Over how many connections the requests came.
    pub fn connections(&self) -> usize {
        let mut numbers: Vec<u64> = self.0.iter().map(|request| request.connection).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }
}

/// One request a line, and a line of totals: made for assertion messages.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for request in &self.0 {
            writeln!(f, "{request}")?;
        }
        write!(f, "{} requests, {} bytes up, {} bytes down", self.len(), self.bytes_up(), self.bytes_down())
    }
}

/// Requests kept beyond this number are dropped, so that a client in a loop cannot fill the memory.
const MOST_REQUESTS: usize = 200_000;

/// The log while it is written. Entries are numbered, so that a response still being sent can
/// correct its own count even if the log was cleared in between.
#[derive(Default)]
pub(super) struct Journal {
    entries: Vec<(u64, Request)>,
    next: u64,
}

impl Journal {
    pub(super) fn add(&mut self, request: Request) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.entries.len() < MOST_REQUESTS {
            self.entries.push((number, request));
        }
        number
    }

    pub(super) fn set_bytes_down(&mut self, number: u64, bytes: u64) {
        if let Ok(index) = self.entries.binary_search_by_key(&number, |entry| entry.0) {
            self.entries[index].1.bytes_down = bytes;
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn snapshot(&self) -> Log {
        Log(self.entries.iter().map(|entry| entry.1.clone()).collect())
    }
}
