//! The listening sockets, their threads, and one request from its head to its answer.

use std::collections::HashMap;
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::amazon;
use super::auth;
use super::blobs;
use super::faults::Action;
use super::http::{Body, Head, Response, reset_on_close};
use super::log::{Kind, Request};
use super::manifests;
use super::route::Target;
use super::storage::digest_of;
use super::uploads;
use super::{Call, Shared, lock};

/// How long a connection may be silent, between requests and within one.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections beyond this number are closed at once.
const MOST_CONNECTIONS: usize = 1024;
/// How long a closed registry waits for its threads.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listening socket and the thread that accepts for it.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    thread: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(shared: &Arc<Shared>, address: Ipv4Addr) -> Listener {
        let socket = TcpListener::bind((address, 0)).expect("a free port on this machine");
        let address = socket.local_addr().expect("the address of a bound socket");
        let shared = Arc::clone(shared);
        let thread = thread::spawn(move || accept(&shared, &socket));
        Listener { address, thread }
    }

    /// Wakes the accepting thread, which has been told to end, and waits for it.
    pub(super) fn stop(self) {
        if TcpStream::connect_timeout(&self.address, PATIENCE).is_ok() {
            let _ = self.thread.join();
        }
    }
}

fn accept(shared: &Arc<Shared>, socket: &TcpListener) {
    for stream in socket.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let stream = Arc::new(stream);
        let Some(number) = shared.connections.open(&stream) else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Dropped last, also when a handler panics.
            let _running = Running { connections: &shared.connections, number };
            // The only one left when it is dropped: a socket is reset when its last owner closes it.
            let stream = stream;
            match serve(&shared, &stream, number) {
                End::Close => linger(&stream),
                End::Reset => reset_on_close(&stream),
            }
            shared.connections.forget(number);
        });
    }
}

/// Ends the sending side and reads until the client closes too, for a moment: closing a socket
/// with unread bytes would be a reset, and the answer might be lost.
fn linger(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = [0; 16 * 1024];
    for _ in 0..64 {
        if !matches!(stream.read(&mut buffer), Ok(1..)) {
            return;
        }
    }
}

/// The open connections, so that they can be ended.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    changed: Condvar,
}

#[derive(Default)]
struct Open {
    streams: HashMap<u64, Arc<TcpStream>>,
    running: usize,
    next: u64,
    closed: bool,
}

impl Connections {
    fn open(&self, stream: &Arc<TcpStream>) -> Option<u64> {
        let mut open = lock(&self.open);
        if open.closed || open.running >= MOST_CONNECTIONS {
            return None;
        }
        open.next += 1;
        open.running += 1;
        let number = open.next;
        open.streams.insert(number, Arc::clone(stream));
        Some(number)
    }

    fn forget(&self, number: u64) {
        lock(&self.open).streams.remove(&number);
    }

    /// Ends every connection and waits for the threads.
    pub(super) fn close(&self) {
        let mut open = lock(&self.open);
        open.closed = true;
        for stream in open.streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
        let deadline = Instant::now() + PATIENCE;
        while open.running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            open = self.changed.wait_timeout(open, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// Sleeps, unless the registry is closed before.
    fn sleep(&self, time: Duration) {
        let open = lock(&self.open);
        let _ = self.changed.wait_timeout_while(open, time, |open| !open.closed);
    }
}

/// A connection's thread, for as long as it runs.
struct Running<'c> {
    connections: &'c Connections,
    number: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.connections.open);
        open.streams.remove(&self.number);
        open.running -= 1;
        drop(open);
        self.connections.changed.notify_all();
    }
}

enum End {
    Close,
    Reset,
}

fn serve(shared: &Shared, stream: &TcpStream, connection: u64) -> End {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(SILENCE));
    let _ = stream.set_write_timeout(Some(SILENCE));
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    loop {
        let outcome = match Head::read(&mut reader) {
            Ok(None) => return End::Close,
            Ok(Some(head)) => Body::of(&head, &mut reader, stream)
                .and_then(|mut body| exchange(shared, stream, connection, &head, &mut body)),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => return End::Close,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return End::Reset,
            Err(error) => {
                if error.kind() == ErrorKind::InvalidData {
                    let refused = Response::error(400, "UNSUPPORTED", error.to_string());
                    let _ = refused.send(stream, false, usize::MAX, true, |_| {});
                }
                return End::Close;
            }
        }
    }
}

/// One request and its answer. Returns whether the connection goes on.
fn exchange(shared: &Shared, stream: &TcpStream, connection: u64, head: &Head, body: &mut Body) -> io::Result<bool> {
    let arrived = Instant::now();
    let target = Target::of(&head.path);
    let kind = target.kind(head);
    let header = |name| head.header(name).map(str::to_owned);
    let mut request = Request {
        method: head.method.clone(),
        path: head.path.clone(),
        query: head.query.clone(),
        kind,
        status: 0,
        bytes_up: 0,
        bytes_down: 0,
        authorization: header("authorization"),
        user_agent: header("user-agent"),
        host: header("host"),
        range: header("range"),
        content_type: header("content-type"),
        content_length: head.content_length(),
        content_range: header("content-range"),
        at: arrived.duration_since(shared.started),
        took: Duration::ZERO,
        connection,
    };
    let call = Call { shared, quirks: lock(&shared.quirks).clone(), head };
    let action = strike(&call, &target, kind);
    let answer = answer(&call, &target, action.as_ref(), body);
    request.bytes_up = body.received();
    request.took = arrived.elapsed();
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => {
            lock(&shared.journal).add(request);
            return Err(error);
        }
    };
    if call.quirks.no_content_digest_header {
        response.remove_header("Docker-Content-Digest");
    }
    let mut most = usize::MAX;
    match action {
        Some(Action::TruncateResponse(bytes)) => most = bytes,
        Some(Action::NoLocation) => response.remove_header("Location"),
        Some(Action::DropDigestHeader) => response.remove_header("Docker-Content-Digest"),
        Some(Action::WrongDigestHeader) => {
            response.remove_header("Docker-Content-Digest");
            response = response.header("Docker-Content-Digest", digest_of(b"something else"));
        }
        Some(Action::WrongBody(bytes)) => {
            response.status = 200;
            response.replace_content(bytes);
        }
        _ => {}
    }
    let close = !head.keep_alive || body.is_held_back();
    let truncated = most != usize::MAX;
    request.status = response.status;
    let number = lock(&shared.journal).add(request);
    let count = |bytes| lock(&shared.journal).set_bytes_down(number, bytes);
    response.send(stream, head.method == "HEAD", most, close, count)?;
    Ok(!close && !truncated)
}

/// What an armed fault, chaos or the pace does to a request.
fn strike(call: &Call, target: &Target, kind: Kind) -> Option<Action> {
    let mut faults = lock(&call.shared.faults);
    if let Some(action) = faults.strike(&call.head.method, kind, &call.head.target()) {
        return Some(action);
    }
    if let Some(chaos) = call.quirks.chaos
        && let Some(action) = faults.chaos(chaos, &target.asks(call.head))
    {
        return Some(action);
    }
    drop(faults);
    let limit = call.quirks.max_requests_per_second.filter(|_| call.head.path.starts_with("/v2"))?;
    let exceeded = lock(&call.shared.pace).exceeds(limit);
    exceeded.then_some(Action::Status(429, Some("TOOMANYREQUESTS")))
}

/// Carries a request out, as far as a fault lets it. "Connection reset" asks for a reset.
fn answer(call: &Call, target: &Target, action: Option<&Action>, body: &mut Body) -> io::Result<Response> {
    let reset = || Err(io::Error::from(ErrorKind::ConnectionReset));
    let refused = match action {
        Some(Action::ResetBeforeBody) => return reset(),
        Some(Action::Status(status, code)) => Some(refusal(*status, *code)),
        Some(Action::StatusWithRetryAfter(status, seconds)) => {
            let code = (*status == 429).then_some("TOOMANYREQUESTS");
            Some(refusal(*status, code).header("Retry-After", seconds.to_string()))
        }
        Some(Action::ResetAfterBytes(bytes)) => {
            body.cut_after(*bytes as u64);
            None
        }
        Some(Action::Delay(time)) => {
            call.shared.connections.sleep(*time);
            None
        }
        _ => None,
    };
    let response = match refused {
        Some(refused) => refused,
        None => match auth::challenge(call, target) {
            Some(challenge) => challenge,
            None => carry_out(call, target, body)?,
        },
    };
    body.drain()?;
    match action {
        Some(Action::ResetAfterBytes(_) | Action::ResetBeforeResponse) => reset(),
        _ => Ok(response),
    }
}

fn refusal(status: u16, code: Option<&str>) -> Response {
    match code {
        Some("TOOMANYREQUESTS") => Response::error(status, "TOOMANYREQUESTS", "Rate exceeded"),
        Some(code) => Response::error(status, code, "refused by a fault of the test"),
        None => Response::new(status),
    }
}

fn carry_out(call: &Call, target: &Target, body: &mut Body) -> io::Result<Response> {
    Ok(match target {
        Target::Ping => {
            Response::new(200).header("Docker-Distribution-Api-Version", "registry/2.0").json(&serde_json::json!({}))
        }
        Target::Token => return auth::token(call, body),
        Target::Amazon if call.quirks.amazon && call.head.method == "POST" => return amazon::operation(call, body),
        Target::Credentials if call.quirks.amazon => amazon::credentials(),
        Target::Uploads { repository } if call.head.method == "POST" => return uploads::start(call, repository, body),
        Target::Uploads { .. } => call.unsupported(),
        Target::Upload { repository, session } => return uploads::upload(call, repository, session, body),
        Target::Blob { repository, digest } => blobs::blob(call, repository, digest),
        Target::Manifest { repository, reference } => return manifests::manifest(call, repository, reference, body),
        Target::Tags { repository } => manifests::tags(call, repository),
        Target::Referrers { repository, digest } => manifests::referrers(call, repository, digest),
        Target::Storage { repository, digest } => blobs::stored(call, repository, digest),
        Target::Amazon | Target::Credentials | Target::Unknown => {
            match super::lock(&call.shared.files).get(&call.head.path).filter(|_| call.head.method == "GET") {
                Some(bytes) => Response::new(200).content("application/octet-stream", Arc::clone(bytes)),
                None => Response::error(404, "UNSUPPORTED", format!("no such path: {}", call.head.path)),
            }
        }
    })
}
