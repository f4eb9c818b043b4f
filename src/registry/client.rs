//! The client: one connection pool, one set of credentials and tokens, any number of repositories.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use super::answer::Answer;
use super::auth::{Asker, CredentialProvider, HostAuth, Sources};
use super::cause::Cause;
use super::credentials::{CredentialStore, Environment};
use super::ecr::{self, Ecr, EcrHost};
use super::endpoint::{Endpoint, Mirror, Rules};
use super::error::{Action, Error, Login};
use super::pace::Pace;
use super::retry::{Failure, RetryPolicy, Tries};
use super::scope::{Access, Scopes};
use super::traffic::Traffic;
use super::transport::{Response, Transport};
use super::wire::{Authorization, Request, Wire, answer, refusal};
use crate::image::Repository;

/// Requests in flight at one host, if nothing else is said.
pub const DEFAULT_CONCURRENCY: usize = 8;

/// The distance between two manifests put into ECR, which takes
/// [ten a second](https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html).
const PUT_IMAGE_SPACING: Duration = Duration::from_millis(100);

/// How registries are spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Registries spoken to by plain HTTP: `host:port`, or `host` for all its ports. Loopback hosts need no mention
    /// unless certificate authorities are named.
    pub plain_http: Vec<String>,
    /// PEM files of certificate authorities trusted beside the machine's own.
    pub ca_files: Vec<PathBuf>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether every request is an error.
    pub offline: bool,
    /// Servers that stand in for registries. The first one for a host counts.
    pub mirrors: Vec<Mirror>,
    /// Requests in flight at one host, at most; at least 1.
    pub concurrency: usize,
    /// How often and how patiently failed requests are repeated.
    pub retry: RetryPolicy,
    /// Where files and helpers with credentials are looked for.
    pub environment: Environment,
    /// Asked for credentials when files and helpers have none.
    pub providers: Vec<Arc<dyn CredentialProvider>>,
    /// Whether Amazon's own interface is used for its registries, with the credentials of the process's AWS
    /// environment. Without the cargo feature `ecr` it never is.
    pub aws: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            plain_http: Vec::new(),
            ca_files: Vec::new(),
            user_agent: concat!("tarsia/", env!("CARGO_PKG_VERSION")).to_owned(),
            offline: false,
            mirrors: Vec::new(),
            concurrency: DEFAULT_CONCURRENCY,
            retry: RetryPolicy::default(),
            environment: Environment::process(),
            providers: Vec::new(),
            aws: true,
        }
    }
}

/// A registry and what is known of it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) endpoint: Endpoint,
    auth: HostAuth,
    /// Repositories that are pushed to: their tokens are asked for with that permission from then on.
    pushed: Mutex<HashSet<String>>,
    /// The pace of manifests that are put, where that is limited beyond all other requests.
    pub(super) manifests: Option<Pace>,
    /// Whether it has refused a blob that was sent while it was being made.
    pub(super) refuses_growing: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    wire: Wire,
    sources: Sources,
    ecr: Arc<Ecr>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// A handle to everything that requests share. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

impl Client {
    /// A client with these settings. Reads no file and makes no connection: certificate authorities are loaded with the
    /// first https request, credentials when a registry first asks who is there.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a mirror whose endpoint is no URL.
    pub fn new(settings: Settings) -> Result<Client, Error> {
        let rules = Rules::new(&settings.plain_http, &settings.mirrors, !settings.ca_files.is_empty())?;
        let transport = Arc::new(Transport::new(settings.user_agent, settings.ca_files, settings.concurrency));
        let ecr = Ecr::new(settings.aws, &transport, &settings.retry);
        let wire = Wire { rules, transport, retry: settings.retry, offline: settings.offline };
        Ok(Client::over(wire, CredentialStore::new(settings.environment), settings.providers, ecr))
    }

    fn over(wire: Wire, store: CredentialStore, mut providers: Vec<Arc<dyn CredentialProvider>>, ecr: Ecr) -> Client {
        let ecr = Arc::new(ecr);
        providers.push(ecr.clone());
        let sources = Sources { store: Arc::new(store), providers };
        Client(Arc::new(Inner { wire, sources, ecr, hosts: Mutex::default() }))
    }

    /// A client that asks another interface than Amazon's.
    #[cfg(test)]
    pub(super) fn with_ecr(settings: Settings, ecr: Ecr) -> Client {
        let rules = Rules::new(&settings.plain_http, &settings.mirrors, false).unwrap();
        let transport = Arc::new(Transport::new(settings.user_agent, settings.ca_files, settings.concurrency));
        let wire = Wire { rules, transport, retry: settings.retry, offline: settings.offline };
        Client::over(wire, CredentialStore::new(settings.environment), settings.providers, ecr)
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// A repository in its registry. Its requests are counted in `traffic`.
    pub fn repository(&self, repository: &Repository, traffic: Arc<Traffic>) -> RemoteRepository {
        RemoteRepository {
            client: self.clone(),
            repository: Arc::new(repository.clone()),
            host: self.host(&repository.host),
            traffic,
        }
    }

    fn host(&self, name: &str) -> Result<Arc<Host>, Error> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(host.clone());
        }
        let endpoint = self.0.wire.rules.endpoint(name)?;
        let manifests = EcrHost::of(name).map(|_| Pace::steady(PUT_IMAGE_SPACING));
        let host = Arc::new(Host {
            endpoint,
            auth: HostAuth::default(),
            pushed: Mutex::default(),
            manifests,
            refuses_growing: AtomicBool::new(false),
        });
        hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }
}

/// A repository of a registry. Cloning it is cheap; all its requests are counted in one [`Traffic`].
#[derive(Clone)]
pub struct RemoteRepository {
    client: Client,
    repository: Arc<Repository>,
    host: Result<Arc<Host>, Error>,
    pub(super) traffic: Arc<Traffic>,
}

impl fmt::Debug for RemoteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteRepository").field(&self.repository).finish()
    }
}

/// A request below a repository.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Bytes>,
    pub(super) scopes: Scopes,
    /// Whether it waits for a turn at its host.
    pub(super) queue: bool,
}

/// An answer, and who asked.
pub(super) struct Reply {
    pub(super) response: Response,
    authorization: Option<Authorization>,
    /// What it says, if that was read already.
    said: Option<Answer>,
}

impl Reply {
    /// The error of an answer that is no success.
    pub(super) async fn refusal(self, action: &Action) -> Error {
        if let Some(said) = self.said {
            let login = self.authorization.map_or(Login::Anonymous, |authorization| authorization.login);
            return Error::of_answer(action, &login, said, 1);
        }
        refusal(self.response, action, self.authorization.as_ref(), 1).await
    }

    /// The answer, if it is one of success.
    pub(super) async fn success(self, action: &Action) -> Result<Response, Error> {
        match self.response.status().is_success() {
            true => Ok(self.response),
            false => Err(self.refusal(action).await),
        }
    }
}

impl RemoteRepository {
    /// The repository as images name it.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The counter of its requests.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// This repository, about to be pushed to: tokens are asked for with that permission at once, so that one token
    /// serves for looking and for pushing. Uploads do this by themselves, but looking comes before them.
    #[must_use]
    pub fn for_push(self) -> RemoteRepository {
        if let Ok(host) = &self.host {
            let mut pushed = host.pushed.lock().unwrap_or_else(PoisonError::into_inner);
            pushed.insert(self.repository.path.clone());
        }
        self
    }

    pub(super) fn host(&self) -> Result<&Arc<Host>, Error> {
        self.host.as_ref().map_err(Clone::clone)
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.client.0.wire
    }

    pub(super) fn same_server(&self, other: &Repository) -> bool {
        self.repository.host == other.host
    }

    /// The URL of `rest` below the repository.
    pub(super) fn url(&self, rest: &[&str]) -> Result<Url, Error> {
        Ok(self.host()?.endpoint.url(&self.repository.path, rest))
    }

    /// What is needed to read, or to read and write once the repository has been pushed to.
    pub(super) fn scopes(&self) -> Result<Scopes, Error> {
        let host = self.host()?;
        let pushed = host.pushed.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.repository.path);
        let access = if pushed { Access::Push } else { Access::Pull };
        Ok(Scopes::new(host.endpoint.name(&self.repository.path), access))
    }

    /// What is needed to write.
    pub(super) fn push_scopes(&self) -> Result<Scopes, Error> {
        self.clone().for_push().scopes()
    }

    /// Names what is attempted, for errors. `object` follows the repository's name.
    pub(super) fn action(&self, verb: &'static str, object: &str, writes: bool) -> Action {
        Action {
            verb,
            object: format!("{}{object}", self.repository),
            host: self.repository.host.clone(),
            path: self.repository.path.clone(),
            writes,
        }
    }

    /// Names what is attempted with a manifest.
    pub(super) fn manifest_action(&self, verb: &'static str, reference: &str, writes: bool) -> Action {
        let separator = if reference.contains(':') { '@' } else { ':' };
        self.action(verb, &format!("{separator}{reference}"), writes)
    }

    fn asker<'a>(&'a self, host: &'a Host, action: &'a Action, scopes: &'a Scopes) -> Asker<'a> {
        Asker {
            wire: self.wire(),
            sources: &self.client.0.sources,
            endpoint: &host.endpoint,
            path: &self.repository.path,
            scopes,
            action,
            traffic: &self.traffic,
        }
    }

    /// Makes a request, proving who asks if that is wanted. Any answer but a 401 is returned, also one of failure.
    pub(super) async fn call(&self, action: &Action, call: Call<'_>) -> Result<Reply, Error> {
        let Call { method, url, headers, body, scopes, queue } = call;
        // Held until the host has answered, and its challenge if it made one.
        let _meeting = match self.wire().offline {
            true => None,
            false => self.host()?.auth.meeting().await,
        };
        let mut authorization = self.authorization(action, &url, &scopes).await?;
        let request = Request { action, method, url, headers, body, traffic: &self.traffic, queue };
        let mut answered = false;
        loop {
            let mut response = self.wire().ask(&request, authorization.as_ref()).await?;
            if !self.is_challenge(&response)? {
                let mut said = None;
                if response.status() == StatusCode::FORBIDDEN && !answered {
                    let refusal = answer(&mut response, authorization.as_ref()).await;
                    // The answer to a HEAD gives no reason.
                    let may_have_ended = request.method == Method::HEAD || ecr::speaks_of_an_end(&refusal);
                    let new = match may_have_ended {
                        true => self.renewed(action, &response.url, &scopes, authorization.as_ref()).await?,
                        false => None,
                    };
                    if new.is_some() {
                        (authorization, answered) = (new, true);
                        continue;
                    }
                    said = Some(refusal);
                }
                return Ok(Reply { response, authorization, said });
            }
            authorization = Some(self.prove(action, &scopes, response, authorization.as_ref(), answered).await?);
            answered = true;
        }
    }

    /// What to send with a request from the start.
    pub(super) async fn authorization(
        &self,
        action: &Action,
        url: &Url,
        scopes: &Scopes,
    ) -> Result<Option<Authorization>, Error> {
        if self.wire().offline {
            return Err(Error::Offline { action: Box::new(action.clone()) });
        }
        let host = self.host()?;
        match host.endpoint.owns(url) {
            true => host.auth.known(self.asker(host, action, scopes)).await,
            false => Ok(None),
        }
    }

    /// Whether an answer asks who is there. A server that the registry redirects to has no right to.
    pub(super) fn is_challenge(&self, response: &Response) -> Result<bool, Error> {
        Ok(response.status() == StatusCode::UNAUTHORIZED && self.host()?.endpoint.owns(&response.url))
    }

    /// What to send in answer to a 401, if one has not been `answered` already. It is something that was not refused
    /// before; if there is nothing, the 401 is the error.
    pub(super) async fn prove(
        &self,
        action: &Action,
        scopes: &Scopes,
        mut response: Response,
        refused: Option<&Authorization>,
        answered: bool,
    ) -> Result<Authorization, Error> {
        let said = answer(&mut response, refused).await;
        let headers = response.headers().clone();
        // Its turn at the host is over; what follows may need one.
        drop(response);
        let host = self.host()?;
        let new = match answered {
            true => None,
            false => host.auth.answer(self.asker(host, action, scopes), &headers, refused).await?,
        };
        new.ok_or_else(|| {
            let login = refused.map_or(Login::Anonymous, |refused| refused.login.clone());
            Error::of_answer(action, &login, said, 1)
        })
    }

    /// What to send instead of a password of Amazon's that has ended: ECR answers 403 then, not 401.
    pub(super) async fn renewed(
        &self,
        action: &Action,
        url: &Url,
        scopes: &Scopes,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, Error> {
        let host = self.host()?;
        match refused {
            Some(refused) if refused.login == ecr::login() && host.endpoint.owns(url) => {
                host.auth.renew(self.asker(host, action, scopes), Some(refused)).await
            }
            _ => Ok(None),
        }
    }

    #[cfg(test)]
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn ecr(&self) -> &Ecr {
        &self.client.0.ecr
    }

    /// Whether docker's or podman's files say who the user is at this registry.
    pub(super) async fn has_stored_login(&self) -> Result<bool, Error> {
        let (host, action, scopes) = (self.host()?, self.action("look up", "", false), self.scopes()?);
        Ok(host.auth.stored(self.asker(host, &action, &scopes)).await?.is_some())
    }

    /// Reads a whole answer of at most `limit` bytes into memory, again if the connection breaks on the way.
    pub(super) async fn read(
        &self,
        action: &Action,
        url: &Url,
        headers: &HeaderMap,
        limit: u64,
    ) -> Result<Whole, Error> {
        let mut tries = Tries::new(&self.wire().retry);
        loop {
            let scopes = self.scopes()?;
            let (url, headers) = (url.clone(), headers.clone());
            let call = Call { method: Method::GET, url, headers, body: None, scopes, queue: true };
            let mut response = self.call(action, call).await?.success(action).await?;
            let too_large = || Error::TooLarge { action: Box::new(action.clone()), limit };
            if response.content_length().is_some_and(|length| length > limit) {
                return Err(too_large());
            }
            match response.body(limit).await {
                Ok(body) => {
                    let (headers, url) = (response.headers().clone(), response.url.clone());
                    return Ok(Whole { headers, url, body: body.ok_or_else(too_large)? });
                }
                Err(cause) => {
                    drop(response);
                    self.pause(action, cause, &mut tries).await?;
                }
            }
        }
    }

    /// Waits before the next attempt after a broken connection, or gives up.
    pub(super) async fn pause(&self, action: &Action, cause: Cause, tries: &mut Tries) -> Result<(), Error> {
        match Failure::of_cause(&cause).and_then(|failure| tries.failed(failure, None)) {
            Some(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            None => {
                let action = Box::new(action.clone());
                Err(Error::Broken { action, server: None, tries: tries.made().max(1), cause })
            }
        }
    }
}

/// A whole answer.
pub(super) struct Whole {
    pub(super) headers: HeaderMap,
    /// Where it came from in the end.
    pub(super) url: Url,
    pub(super) body: Bytes,
}
