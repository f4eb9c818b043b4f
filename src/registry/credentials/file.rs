//! One file of credentials, docker's `config.json` or podman's `auth.json`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::{Credentials, CredentialsError};

/// The largest file read: 1 MiB.
const MAX_FILE: u64 = 1 << 20;

/// What a file says.
#[derive(Debug)]
pub(super) struct AuthFile {
    /// The file's name for messages.
    pub(super) shown: String,
    /// The helper for all registries that have none of their own.
    pub(super) store: Option<String>,
    helpers: HashMap<String, String>,
    /// By registry or, as podman writes, registry and the beginning of a repository's path.
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(default, rename = "credHelpers")]
    cred_helpers: Option<HashMap<String, String>>,
    #[serde(default, rename = "credsStore")]
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
    #[serde(default)]
    registrytoken: Option<String>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(…)")
    }
}

/// What a key of the file names: a registry as images name it, and possibly the beginning of a path.
///
/// docker has filed credentials under URLs (`https://index.docker.io/v1/`), of which only the host counts; podman's
/// keys have no scheme, and a path in them is meant.
fn normalized(key: &str) -> String {
    let (rest, url) = match key.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (key, false),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    if url || path.is_empty() || matches!(path, "v1" | "v2") { host.to_owned() } else { format!("{host}/{path}") }
}

impl AuthFile {
    /// Reads a file; `None` if there is none.
    pub(super) fn read(path: &Path, shown: String) -> Result<Option<AuthFile>, CredentialsError> {
        let error = |why: String| CredentialsError::File { path: shown.clone(), why };
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(failure) if matches!(failure.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(failure) => return Err(error(failure.to_string())),
        }
        if bytes.len() as u64 > MAX_FILE {
            return Err(error(format!("it is larger than {MAX_FILE} bytes")));
        }
        if bytes.trim_ascii().is_empty() {
            // `podman login` and secret mounts leave empty files behind.
            return Ok(None);
        }
        // The parser's own message quotes the text around the mistake, which may be a secret: only its place is told.
        let document: Document = serde_json::from_slice(&bytes).map_err(|mistake| {
            error(format!(
                "it is not the JSON that docker and podman write (line {}, column {})",
                mistake.line(),
                mistake.column()
            ))
        })?;
        let mut entries = BTreeMap::new();
        for (key, entry) in document.auths.unwrap_or_default() {
            let Some(entry) = entry else { continue };
            // An exact key is worth more than a URL that comes down to it.
            let name = normalized(&key);
            if name == key || !entries.contains_key(&name) {
                entries.insert(name, entry);
            }
        }
        let helpers = document.cred_helpers.unwrap_or_default();
        Ok(Some(AuthFile {
            helpers: helpers.into_iter().map(|(key, helper)| (normalized(&key), helper)).collect(),
            store: document.creds_store.filter(|store| !store.is_empty()),
            entries,
            shown,
        }))
    }

    /// The helper named for this very registry.
    pub(super) fn helper_of(&self, host: &str) -> Option<&str> {
        self.helpers.get(host).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The entry for a repository: the longest key that is a beginning of `host/path`, whole components only.
    pub(super) fn entry(&self, host: &str, path: &str) -> Result<Option<Credentials>, CredentialsError> {
        let full = format!("{host}/{path}");
        let mut key = full.as_str();
        loop {
            if let Some(entry) = self.entries.get(key)
                && let Some(credentials) = self.credentials(key, entry)?
            {
                return Ok(Some(credentials));
            }
            match key.rfind('/') {
                Some(slash) => key = &key[..slash],
                None => return Ok(None),
            }
        }
    }

    /// An entry's credentials; `None` for the empty entries that docker leaves when a store holds the secret.
    fn credentials(&self, key: &str, entry: &Entry) -> Result<Option<Credentials>, CredentialsError> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = said(&entry.identitytoken) {
            return Ok(Some(Credentials::IdentityToken(token)));
        }
        if let Some(token) = said(&entry.registrytoken) {
            return Ok(Some(Credentials::RegistryToken(token)));
        }
        if let Some(auth) = said(&entry.auth) {
            let malformed = || CredentialsError::File {
                path: self.shown.clone(),
                why: format!("the `auth` of `{key}` is not the base64 of `name:password`"),
            };
            let decoded = STANDARD.decode(auth.trim()).or_else(|_| STANDARD_NO_PAD.decode(auth.trim()));
            let text = String::from_utf8(decoded.map_err(|_| malformed())?).map_err(|_| malformed())?;
            let (username, password) = text.split_once(':').ok_or_else(malformed)?;
            // docker pads passwords with zero bytes when it encodes them.
            let password = password.trim_matches('\0');
            return Ok(Some(Credentials::of_pair(username.to_owned(), password.to_owned())));
        }
        Ok(match (said(&entry.username), said(&entry.password)) {
            (Some(username), Some(password)) => Some(Credentials::of_pair(username, password)),
            _ => None,
        })
    }
}
