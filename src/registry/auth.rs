//! Auth: what a registry wants to see before it answers, found out once per host and then sent with every request.
//!
//! Nothing is asked beforehand (`GET /v2/` would cost a round trip): the first request goes out bare, and its 401 says
//! what is wanted ([token authentication](https://distribution.github.io/distribution/spec/auth/token/)).

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::challenge::{Challenge, challenges};
use super::credentials::{CredentialStore, Credentials, CredentialsError, Found};
use super::endpoint::{Endpoint, shown};
use super::error::{Action, Error, Login};
use super::scope::Scopes;
use super::token::{Token, bearer};
use super::traffic::Traffic;
use super::wire::{Authorization, Request, Wire, refusal};

/// The largest answer of a token server read: 256 KiB.
const MAX_TOKEN_ANSWER: u64 = 256 << 10;
/// How this program calls itself to token servers.
const CLIENT_ID: &str = "tarsia";

/// Credentials from elsewhere than files and helpers, such as a cloud's own interface. Asked when those have none.
///
/// It is asked for every request: it keeps what it knows, and gets it anew before it ends.
pub trait CredentialProvider: Send + Sync + fmt::Debug {
    /// The credentials for the registry `host`, if this provider is in charge of it and they are needed to read or, if
    /// it `writes`, to push; else why there are none. Requests that it makes are counted in `traffic`.
    fn credentials<'a>(
        &'a self,
        host: &'a str,
        writes: bool,
        traffic: &'a Arc<Traffic>,
    ) -> BoxFuture<'a, Result<Option<Found>, CredentialsError>>;

    /// Is told that the registry did not take credentials. If it can get others, it gives those out next.
    fn refused<'a>(&'a self, host: &'a str, credentials: &'a Credentials) -> BoxFuture<'a, ()> {
        let _ = (host, credentials);
        Box::pin(std::future::ready(()))
    }
}

/// All sources of credentials, in their order.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) store: Arc<CredentialStore>,
    pub(super) providers: Vec<Arc<dyn CredentialProvider>>,
}

impl Sources {
    /// What files and helpers hold.
    async fn stored(&self, host: &str, path: &str) -> Result<Option<Found>, Error> {
        let failed = |why: String| CredentialsError::Provider { host: host.to_owned(), why, help: None };
        let (store, name, repository) = (self.store.clone(), host.to_owned(), path.to_owned());
        // Files and helpers block.
        let found = tokio::task::spawn_blocking(move || store.lookup(&name, &repository)).await;
        Ok(found.map_err(|stopped| failed(stopped.to_string()))??)
    }

    /// What the first provider has that is in charge.
    async fn provided(&self, host: &str, writes: bool, traffic: &Arc<Traffic>) -> Result<Option<Found>, Error> {
        for provider in &self.providers {
            let found = provider.credentials(host, writes, traffic).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What a host wants to see.
#[derive(Debug, Clone)]
enum Scheme {
    Basic,
    Bearer(Arc<Realm>),
}

/// A token server, as a challenge names it.
#[derive(Debug)]
struct Realm {
    url: Url,
    service: Option<String>,
}

/// One set of scopes' token. Whoever holds the lock fetches it for all who wait.
#[derive(Default)]
struct Slot {
    token: Option<(Token, Login)>,
    /// The last failure to get one, for those who were waiting then.
    failed: Option<(Instant, Error)>,
}

/// What is known about how to prove oneself to one registry.
#[derive(Default)]
pub(super) struct HostAuth {
    /// Whether the host has answered anything yet, and who asks it first.
    met: AtomicBool,
    meeting: tokio::sync::Mutex<()>,
    scheme: Mutex<Option<Scheme>>,
    /// What files and helpers hold, by repository path.
    logins: tokio::sync::Mutex<HashMap<String, Option<Found>>>,
    slots: Mutex<HashMap<Scopes, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl fmt::Debug for HostAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostAuth(…)")
    }
}

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) wire: &'a Wire,
    pub(super) sources: &'a Sources,
    pub(super) endpoint: &'a Endpoint,
    /// The repository's path as images name it.
    pub(super) path: &'a str,
    pub(super) scopes: &'a Scopes,
    pub(super) action: &'a Action,
    pub(super) traffic: &'a Arc<Traffic>,
}

impl Asker<'_> {
    /// What credentials are sent as where Basic is wanted.
    fn basic(&self, found: &Found) -> Option<Authorization> {
        let header = match &found.credentials {
            Credentials::Basic { username, password } => basic(username, password),
            Credentials::RegistryToken(token) => bearer(token)?,
            Credentials::IdentityToken(_) => return None,
        };
        Some(self.authorization(header, Login::From(found.source.clone())))
    }

    fn authorization(&self, header: HeaderValue, login: Login) -> Authorization {
        Authorization { header, login, server: self.endpoint.root().clone() }
    }
}

/// `Basic` and a name with its password, marked so that it is never printed.
fn basic(username: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
    // Base64 is always a header's text.
    let mut header = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

/// The first request to a host. While it lasts the others wait: what it learns spares each of them a 401.
pub(super) struct Meeting<'a> {
    auth: &'a HostAuth,
    _guard: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for Meeting<'_> {
    fn drop(&mut self) {
        // Also after a failure: those who wait shall not fail one after another.
        self.auth.met.store(true, Ordering::Release);
    }
}

impl HostAuth {
    /// Whether this is the first request to the host; waits while somebody else's is.
    pub(super) async fn meeting(&self) -> Option<Meeting<'_>> {
        if self.met.load(Ordering::Acquire) {
            return None;
        }
        let guard = self.meeting.lock().await;
        (!self.met.load(Ordering::Acquire)).then_some(Meeting { auth: self, _guard: guard })
    }

    /// What to send at once, if the host has said before what it wants.
    pub(super) async fn known(&self, asker: Asker<'_>) -> Result<Option<Authorization>, Error> {
        let scheme = self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match scheme {
            None => Ok(None),
            Some(Scheme::Basic) => self.basic(asker).await,
            Some(Scheme::Bearer(realm)) => self.bearer(asker, &realm, None).await.map(Some),
        }
    }

    /// What to send in answer to a 401; `None` if there is nothing that was not refused already.
    pub(super) async fn answer(
        &self,
        asker: Asker<'_>,
        headers: &HeaderMap,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, Error> {
        let challenges = challenges(headers);
        let realm = |challenge: &Challenge| -> Option<Realm> {
            let url = asker.endpoint.root().join(challenge.parameter("realm")?).ok()?;
            matches!(url.scheme(), "http" | "https").then_some(())?;
            Some(Realm { url, service: challenge.parameter("service").map(str::to_owned) })
        };
        let bearer = challenges.iter().find_map(|challenge| match challenge.scheme.as_str() {
            "bearer" => Some((Arc::new(realm(challenge)?), challenge.parameter("scope"))),
            _ => None,
        });
        if let Some((realm, scope)) = bearer {
            *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(Scheme::Bearer(realm.clone()));
            if let Some(refused) = refused {
                self.forget(&refused.header).await;
            }
            let authorization = self.bearer(asker, &realm, scope).await?;
            return Ok(Some(authorization).filter(|new| refused.is_none_or(|old| old.header != new.header)));
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(Scheme::Basic);
            return self.renew(asker, refused).await;
        }
        Ok(None)
    }

    /// A name and password that were not refused already.
    pub(super) async fn renew(
        &self,
        asker: Asker<'_>,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, Error> {
        let Some(refused) = refused else { return self.basic(asker).await };
        let Some(found) = self.login(asker).await? else { return Ok(None) };
        let new = asker.basic(&found).filter(|new| new.header != refused.header);
        if new.is_some() {
            // Somebody else was refused the same and has found another.
            return Ok(new);
        }
        for provider in &asker.sources.providers {
            provider.refused(&asker.endpoint.host, &found.credentials).await;
        }
        Ok(self.basic(asker).await?.filter(|new| new.header != refused.header))
    }

    /// The login for the registry that files and helpers hold, or else for the mirror that stands in for it.
    pub(super) async fn stored(&self, asker: Asker<'_>) -> Result<Option<Found>, Error> {
        let mut logins = self.logins.lock().await;
        if let Some(found) = logins.get(asker.path) {
            return Ok(found.clone());
        }
        let mut found = asker.sources.stored(&asker.endpoint.host, asker.path).await?;
        let server = asker.endpoint.server();
        if found.is_none() && server != asker.endpoint.host {
            found = asker.sources.stored(&server, &asker.endpoint.name(asker.path)).await?;
        }
        logins.insert(asker.path.to_owned(), found.clone());
        Ok(found)
    }

    async fn login(&self, asker: Asker<'_>) -> Result<Option<Found>, Error> {
        if let Some(found) = self.stored(asker).await? {
            return Ok(Some(found));
        }
        let writes = asker.action.writes || asker.scopes.push();
        let provided = asker.sources.provided(&asker.endpoint.host, writes, asker.traffic).await?;
        let server = asker.endpoint.server();
        match provided {
            None if server != asker.endpoint.host => asker.sources.provided(&server, writes, asker.traffic).await,
            found => Ok(found),
        }
    }

    async fn basic(&self, asker: Asker<'_>) -> Result<Option<Authorization>, Error> {
        Ok(self.login(asker).await?.and_then(|found| asker.basic(&found)))
    }

    /// A token that covers what is asked, from the cache or the token server.
    async fn bearer(&self, asker: Asker<'_>, realm: &Realm, challenged: Option<&str>) -> Result<Authorization, Error> {
        let login = self.login(asker).await?;
        if let Some(Found { credentials: Credentials::RegistryToken(token), source }) = &login {
            let unusable = || CredentialsError::Provider {
                host: asker.endpoint.host.clone(),
                why: format!("the token from {source} cannot stand in a header"),
                help: None,
            };
            let header = bearer(token).ok_or_else(unusable)?;
            return Ok(asker.authorization(header, Login::From(source.clone())));
        }
        if let Some((token, login)) = self.covering(asker.scopes) {
            return Ok(asker.authorization(token.header, login));
        }
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(asker.scopes.clone()).or_default().clone()
        };
        let asked = Instant::now();
        let mut slot = slot.lock().await;
        if let Some((token, login)) = slot.token.as_ref().filter(|(token, _)| token.is_fresh()) {
            return Ok(asker.authorization(token.header.clone(), login.clone()));
        }
        if let Some((_, error)) = slot.failed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(error.clone());
        }
        match fetch(asker, realm, login, challenged).await {
            Ok((token, login)) => {
                *slot = Slot { token: Some((token.clone(), login.clone())), failed: None };
                Ok(asker.authorization(token.header, login))
            }
            Err(error) => {
                *slot = Slot { token: None, failed: Some((Instant::now(), error.clone())) };
                Err(error)
            }
        }
    }

    fn slots(&self) -> Vec<(Scopes, Arc<tokio::sync::Mutex<Slot>>)> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().map(|(scopes, slot)| (scopes.clone(), slot.clone())).collect()
    }

    /// A fresh token for at least these scopes, if one is at hand.
    fn covering(&self, scopes: &Scopes) -> Option<(Token, Login)> {
        self.slots().into_iter().filter(|(granted, _)| granted.cover(scopes)).find_map(|(_, slot)| {
            let slot = slot.try_lock().ok()?;
            slot.token.clone().filter(|(token, _)| token.is_fresh())
        })
    }

    /// Throws a token away that the host did not accept, unless another has taken its place meanwhile.
    async fn forget(&self, refused: &HeaderValue) {
        for (_, slot) in self.slots() {
            let mut slot = slot.lock().await;
            if slot.token.as_ref().is_some_and(|(token, _)| token.header == *refused) {
                slot.token = None;
            }
        }
    }
}

/// Asks a token server. The credentials go there only if it belongs to the registry that they are for.
async fn fetch(
    asker: Asker<'_>,
    realm: &Realm,
    login: Option<Found>,
    challenged: Option<&str>,
) -> Result<(Token, Login), Error> {
    let action = Action {
        verb: "get a token for",
        object: format!("{}/{}", asker.endpoint.host, asker.path),
        ..asker.action.clone()
    };
    // Whoever reads the token on its way could use it.
    asker.wire.may_go(&action, asker.endpoint.root(), &realm.url)?;
    let (credentials, login) = match login {
        None => (None, Login::Anonymous),
        Some(Found { credentials, source }) if asker.wire.rules.trusts(asker.endpoint, &realm.url) => {
            (Some(credentials), Login::From(source))
        }
        Some(Found { source, .. }) => (None, Login::Withheld { source, realm: shown(&realm.url) }),
    };
    let mut url = realm.url.clone();
    let mut headers = HeaderMap::new();
    let mut method = Method::GET;
    let mut form = None;
    let mut authorization = None;
    let scopes = asker.scopes.parameters(challenged);
    match &credentials {
        // OAuth 2: https://distribution.github.io/distribution/spec/auth/oauth/
        Some(Credentials::IdentityToken(refresh_token)) => {
            let mut query = url.clone();
            query.set_query(None);
            query
                .query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("service", realm.service.as_deref().unwrap_or_default())
                .append_pair("client_id", CLIENT_ID)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("refresh_token", refresh_token);
            form = Some(Bytes::from(query.query().unwrap_or_default().to_owned()));
            method = Method::POST;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        other => {
            if let Some(Credentials::Basic { username, password }) = other {
                let header = basic(username, password);
                authorization = Some(Authorization { header, login: login.clone(), server: realm.url.clone() });
            }
            let mut query = url.query_pairs_mut();
            if let Some(service) = &realm.service {
                query.append_pair("service", service);
            }
            for scope in &scopes {
                query.append_pair("scope", scope);
            }
        }
    }
    headers.remove(AUTHORIZATION);
    let (traffic, body) = (asker.traffic, form.as_ref());
    // Requests wait for this one that may have their turn at this very host already.
    let request = Request { action: &action, method, url, headers, body, traffic, queue: false };
    let mut response = asker.wire.ask(&request, authorization.as_ref()).await?;
    if !response.status().is_success() {
        let error = refusal(response, &action, authorization.as_ref(), 1).await;
        // A token server that says no says it with various words; what it means is that the login is not enough.
        return Err(match error {
            Error::Unauthorized { action, answer, .. } | Error::Denied { action, answer, .. } => {
                Error::Unauthorized { action, login: Box::new(login), answer }
            }
            other => other,
        });
    }
    let body = response.body(MAX_TOKEN_ANSWER).await;
    let body = body.map_err(|cause| Error::Broken {
        action: Box::new(action.clone()),
        server: Some(shown(&realm.url).into_boxed_str()),
        tries: 1,
        cause,
    })?;
    let body = body.ok_or_else(|| Error::TooLarge { action: Box::new(action.clone()), limit: MAX_TOKEN_ANSWER })?;
    let token = Token::read(&body).map_err(|what| Error::malformed(&action, what))?;
    Ok((token, login))
}
