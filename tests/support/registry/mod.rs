//! An OCI distribution registry inside the test process, with fault switches and a request log.
//!
//! It keeps everything in memory, listens on 127.0.0.1, and ends when its last handle is dropped.
//! It is strict where real registries are: a manifest whose blobs are missing is refused, so are
//! a `Content-Type` that differs from `mediaType`, a digest that is not the content's, a descriptor with
//! a wrong size, a chunk out of order, a token without the scope.
//!
//! ```ignore
//! let registry = Registry::with(Quirks { auth: Auth::bearer("me", "secret"), ..Quirks::default() });
//! registry.fault(Fault::on(Kind::UploadPut, Action::ResetAfterBytes(1000)));
//! // … push to registry.host() …
//! let log = registry.log();
//! assert_eq!(log.count(Kind::BlobGet), 0, "the base was read:\n{log}");
//! ```

#![allow(dead_code, unreachable_pub, unused_imports)]

mod amazon;
mod auth;
mod blobs;
mod faults;
mod http;
mod log;
mod manifests;
mod quirks;
mod route;
mod server;
mod storage;
mod uploads;

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use faults::{Action, Chaos, Fault};
pub use log::{Kind, Log, Request};
pub use quirks::{Auth, Quirks};
pub use storage::digest_of;

use amazon::Amazon;
use auth::Tokens;
use faults::Faults;
use http::{Head, Response};
use log::Journal;
use server::{Connections, Listener};
use storage::{Manifest, Storage, is_digest};
use uploads::Session;

/// The query that a redirect to the storage carries, and without which the storage refuses.
const STORAGE_KEY: &str = "X-Signature=8f14e45f%2Bceea%3D&X-Expires=600";

/// A handle on a running registry. Clones are handles on the same one; the last one ends it.
#[derive(Clone)]
pub struct Registry {
    running: Arc<Running>,
}

impl Registry {
    /// Starts a plain registry: no authentication, no faults.
    pub fn start() -> Registry {
        Registry::with(Quirks::default())
    }

    /// Starts a registry with these quirks.
    pub fn with(quirks: Quirks) -> Registry {
        let shared = Arc::new(Shared::default());
        let listener = Listener::start(&shared, Ipv4Addr::LOCALHOST);
        shared.address.set(listener.address).expect("a registry is started once");
        let registry = Registry { running: Arc::new(Running { shared, listeners: Mutex::new(vec![listener]) }) };
        registry.set_quirks(quirks);
        registry
    }

    /// `127.0.0.1:<port>`, as it stands in an image's reference.
    pub fn host(&self) -> String {
        self.shared().host()
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        self.shared().url()
    }

    /// Replaces the quirks; requests that arrive from now on meet the new ones.
    pub fn set_quirks(&self, quirks: Quirks) {
        let shared = self.shared();
        let mut storage_port = lock(&shared.storage_port);
        if let (Some(host), None) = (&quirks.redirect_blobs_to, *storage_port) {
            let address = host.parse().unwrap_or(Ipv4Addr::LOCALHOST);
            let listener = Listener::start(shared, address);
            *storage_port = Some(listener.address.port());
            lock(&self.running.listeners).push(listener);
        }
        drop(storage_port);
        *lock(&shared.quirks) = quirks;
    }

    /// The quirks as they are now.
    pub fn quirks(&self) -> Quirks {
        lock(&self.shared().quirks).clone()
    }

    /// Arms a fault, after those armed before.
    pub fn fault(&self, fault: Fault) {
        lock(&self.shared().faults).arm(fault);
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        lock(&self.shared().faults).disarm();
    }

    /// The requests answered (or broken off) since the start or the last [`clear_log`](Registry::clear_log).
    pub fn log(&self) -> Log {
        lock(&self.shared().journal).snapshot()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.shared().journal).clear();
    }

    /// Makes an empty repository, for [`Quirks::create_on_push`] being off.
    pub fn create_repository(&self, repository: &str) {
        lock(&self.shared().storage).make(repository);
    }

    /// The names of all repositories, sorted.
    pub fn repositories(&self) -> Vec<String> {
        lock(&self.shared().storage).repositories.keys().cloned().collect()
    }

    /// Puts a blob into a repository without a request, and returns its digest.
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let digest = digest_of(&bytes);
        lock(&self.shared().storage).make(repository).blobs.insert(digest.clone(), Arc::new(bytes));
        digest
    }

    /// Serves these bytes at a path that is none of a registry's, such as `/files/x.tar`, and returns their URL.
    pub fn put_file(&self, path: &str, bytes: impl Into<Vec<u8>>) -> String {
        lock(&self.shared().files).insert(path.to_owned(), Arc::new(bytes.into()));
        format!("{}{path}", self.url())
    }

    /// Puts a manifest into a repository without a request or a check, and returns its digest.
    ///
    /// # Panics
    ///
    /// If `reference` is a digest, and not the one of these bytes.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> String {
        let manifest = Manifest { media_type: media_type.to_owned(), bytes: Arc::new(bytes.into()) };
        let digest = lock(&self.shared().storage).make(repository).put_manifest(reference, manifest);
        assert!(!is_digest(reference) || reference == digest, "the manifest has the digest {digest}, not {reference}");
        digest
    }

    /// A manifest's media type and bytes, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let storage = lock(&self.shared().storage);
        let (_, manifest) = storage.repositories.get(repository)?.manifest(reference)?;
        Some((manifest.media_type.clone(), manifest.bytes.to_vec()))
    }

    /// The digest that a tag stands for.
    pub fn resolve(&self, repository: &str, tag: &str) -> Option<String> {
        lock(&self.shared().storage).repositories.get(repository)?.tags.get(tag).cloned()
    }

    /// A blob's bytes.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        lock(&self.shared().storage).blob(repository, digest).map(|bytes| bytes.to_vec())
    }

    /// The digests of a repository's blobs, sorted.
    pub fn blobs(&self, repository: &str) -> Vec<String> {
        let storage = lock(&self.shared().storage);
        let blobs = storage.repositories.get(repository).map(|found| found.blobs.keys().cloned());
        let mut digests: Vec<String> = blobs.into_iter().flatten().collect();
        digests.sort();
        digests
    }

    /// The digests of a repository's manifests, sorted.
    pub fn manifests(&self, repository: &str) -> Vec<String> {
        let storage = lock(&self.shared().storage);
        let manifests = storage.repositories.get(repository).map(|found| found.manifests.keys().cloned());
        manifests.into_iter().flatten().collect()
    }

    /// A repository's tags, sorted.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let storage = lock(&self.shared().storage);
        let tags = storage.repositories.get(repository).map(|found| found.tags.keys().cloned());
        tags.into_iter().flatten().collect()
    }

    /// Deletes a blob without a request, as a registry's garbage collection would.
    pub fn delete_blob(&self, repository: &str, digest: &str) {
        if let Some(found) = lock(&self.shared().storage).repositories.get_mut(repository) {
            found.blobs.remove(digest);
        }
    }

    /// Deletes a tag without a request. Its manifest stays.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        if let Some(found) = lock(&self.shared().storage).repositories.get_mut(repository) {
            found.tags.remove(tag);
        }
    }

    /// Deletes a manifest without a request, and the tags that stand for it.
    pub fn delete_manifest(&self, repository: &str, digest: &str) {
        if let Some(found) = lock(&self.shared().storage).repositories.get_mut(repository) {
            found.tags.retain(|_, tagged| tagged != digest);
            found.manifests.remove(digest);
        }
    }

    /// The operations that Amazon's interface was asked, with their parameters.
    pub fn amazon(&self) -> Vec<(String, serde_json::Value)> {
        lock(&self.shared().amazon).asked.clone()
    }

    /// How many upload sessions are open, broken ones among them.
    pub fn open_uploads(&self) -> usize {
        lock(&self.shared().sessions).len()
    }

    /// Makes every token given out so far invalid.
    pub fn revoke_tokens(&self) {
        lock(&self.shared().tokens).revoke_all();
    }

    /// The refresh token (docker's `identitytoken`) that `POST /token` takes.
    pub fn refresh_token(&self) -> String {
        self.shared().refresh_token()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.running.shared
    }
}

/// What the last handle takes down with it. The threads hold the shared part only.
struct Running {
    shared: Arc<Shared>,
    listeners: Mutex<Vec<Listener>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for listener in lock(&self.listeners).drain(..) {
            listener.stop();
        }
        self.shared.connections.close();
    }
}

/// What the handles and the connections' threads share.
struct Shared {
    started: Instant,
    address: OnceLock<SocketAddr>,
    storage_port: Mutex<Option<u16>>,
    stopping: AtomicBool,
    connections: Connections,
    quirks: Mutex<Quirks>,
    faults: Mutex<Faults>,
    pace: Mutex<Pace>,
    journal: Mutex<Journal>,
    tokens: Mutex<Tokens>,
    amazon: Mutex<Amazon>,
    storage: Mutex<Storage>,
    /// What is served beside the registry.
    files: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    sessions: Mutex<HashMap<String, Arc<Mutex<Session>>>>,
    session_count: AtomicU64,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            started: Instant::now(),
            address: OnceLock::new(),
            storage_port: Mutex::default(),
            stopping: AtomicBool::default(),
            connections: Connections::default(),
            quirks: Mutex::default(),
            faults: Mutex::default(),
            pace: Mutex::default(),
            journal: Mutex::default(),
            tokens: Mutex::default(),
            amazon: Mutex::default(),
            storage: Mutex::default(),
            files: Mutex::default(),
            sessions: Mutex::default(),
            session_count: AtomicU64::default(),
        }
    }
}

impl Shared {
    fn host(&self) -> String {
        self.address.get().expect("the registry has been started").to_string()
    }

    fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Where a GET of a blob is sent, if a quirk says so.
    fn storage_host(&self, quirks: &Quirks) -> Option<String> {
        let host = quirks.redirect_blobs_to.as_ref()?;
        match *lock(&self.storage_port) {
            Some(port) if !host.contains(':') => Some(format!("{host}:{port}")),
            _ => Some(host.clone()),
        }
    }

    fn refresh_token(&self) -> String {
        format!("refresh.{}", digest_of(self.host().as_bytes()).trim_start_matches("sha256:"))
    }

    fn next_session(&self) -> String {
        let number = self.session_count.fetch_add(1, Ordering::SeqCst);
        format!("{:08x}-0000-4000-8000-{:012x}", number as u32, number)
    }
}

/// A request on its way through the handlers.
struct Call<'c> {
    shared: &'c Shared,
    quirks: Quirks,
    head: &'c Head,
}

impl Call<'_> {
    /// A path as it stands in `Location`.
    fn location(&self, path: &str) -> String {
        if self.quirks.relative_location { path.to_owned() } else { format!("{}{path}", self.shared.url()) }
    }

    fn with_digest(&self, response: Response, digest: &str) -> Response {
        response.header("Docker-Content-Digest", digest)
    }

    fn may_push_to(&self, repository: &str) -> bool {
        self.quirks.create_on_push || lock(&self.shared.storage).repositories.contains_key(repository)
    }

    fn unsupported(&self) -> Response {
        let message = format!("{} is not for {}", self.head.method, self.head.path);
        Response::error(405, "UNSUPPORTED", message)
    }
}

/// When the requests of the last second arrived.
#[derive(Default)]
struct Pace {
    arrivals: VecDeque<Instant>,
}

impl Pace {
    /// Counts a request, unless it is one too many for the last second.
    fn exceeds(&mut self, limit: u32) -> bool {
        let now = Instant::now();
        while self.arrivals.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.arrivals.pop_front();
        }
        if self.arrivals.len() >= limit as usize {
            return true;
        }
        self.arrivals.push_back(now);
        false
    }
}

/// Locks, also after a thread has panicked: a failed assertion elsewhere must not hide behind this one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
