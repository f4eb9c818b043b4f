//! Credentials: what docker and podman have written down about who the user is at each registry.
//!
//! Read are, the first that knows the registry wins: `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` or
//! `~/.docker/config.json`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`; in each of them
//! the registry's own helper, then the entry, then the file's credential store.

mod environment;
mod file;
mod helper;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

pub use environment::Environment;
use file::AuthFile;

/// How a user proves who they are. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password, sent as Basic.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A refresh token, exchanged for access tokens at the registry's token server (OAuth 2).
    IdentityToken(String),
    /// An access token, sent to the registry as it is.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Basic { .. } => "Basic(…)",
            Credentials::IdentityToken(_) => "IdentityToken(…)",
            Credentials::RegistryToken(_) => "RegistryToken(…)",
        })
    }
}

impl Credentials {
    /// What a name and a secret mean: docker writes the name `<token>` beside a refresh token.
    fn of_pair(username: String, secret: String) -> Credentials {
        match username.as_str() {
            "<token>" => Credentials::IdentityToken(secret),
            _ => Credentials::Basic { username, password: secret },
        }
    }
}

/// Credentials and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The credentials.
    pub credentials: Credentials,
    /// The file or helper, as in "the credentials from …".
    pub source: String,
}

/// Credentials that cannot be read. No message holds any of their contents.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read or is not what docker and podman write.
    #[error("failed to read credentials from `{path}`: {why}")]
    File {
        /// The file, with `~` for the home folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A credential helper failed.
    #[error("failed to get credentials for `{host}` from `{helper}`, which `{path}` names: {why}")]
    Helper {
        /// The helper's program.
        helper: String,
        /// The file that names it.
        path: String,
        /// The registry.
        host: String,
        /// What went wrong.
        why: String,
    },
    /// Another source of credentials failed.
    #[error("failed to get credentials for `{host}`: {why}")]
    Provider {
        /// The registry.
        host: String,
        /// What went wrong.
        why: String,
        /// The next step, if one is known.
        help: Option<String>,
    },
}

impl CredentialsError {
    /// The next step.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            CredentialsError::File { path, .. } => {
                Some(format!("repair `{path}`, or remove it and log in again with `docker login` or `podman login`"))
            }
            CredentialsError::Helper { helper, path, .. } => {
                Some(format!("install or repair `{helper}`, or take it out of `{path}`"))
            }
            CredentialsError::Provider { help, .. } => help.clone(),
        }
    }
}

/// What is remembered of a helper's answers: by program and registry.
type Answers = HashMap<(String, String), Result<Option<Credentials>, CredentialsError>>;

/// The credentials of one environment. Files are read once, at the first question; helpers are asked once per registry.
#[derive(Debug)]
pub struct CredentialStore {
    environment: Environment,
    files: OnceLock<Result<Vec<AuthFile>, CredentialsError>>,
    helpers: Mutex<Answers>,
}

impl CredentialStore {
    /// The credentials that `environment` leads to. Reads nothing yet.
    pub fn new(environment: Environment) -> CredentialStore {
        CredentialStore { environment, files: OnceLock::new(), helpers: Mutex::default() }
    }

    /// The credentials for the repository `path` of the registry `host`. Blocks: it reads files and runs helpers.
    ///
    /// # Errors
    ///
    /// A file is malformed, or a helper that is named for this registry fails.
    pub fn lookup(&self, host: &str, path: &str) -> Result<Option<Found>, CredentialsError> {
        let files = self.files.get_or_init(|| {
            let read = |path: PathBuf| AuthFile::read(&path, self.environment.shown(&path)).transpose();
            self.environment.auth_files().into_iter().filter_map(read).collect()
        });
        for file in files.as_ref().map_err(Clone::clone)? {
            if let Some(helper) = file.helper_of(host)
                && let Some(found) = self.ask(helper, host, file)?
            {
                return Ok(Some(found));
            }
            if let Some(credentials) = file.entry(host, path)? {
                return Ok(Some(Found { credentials, source: file.shown.clone() }));
            }
            if let Some(helper) = &file.store
                && let Some(found) = self.ask(helper, host, file)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn ask(&self, name: &str, host: &str, file: &AuthFile) -> Result<Option<Found>, CredentialsError> {
        let program = format!("docker-credential-{name}");
        let mut helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = helpers.entry((program.clone(), host.to_owned())).or_insert_with(|| {
            let error = |why| CredentialsError::Helper {
                helper: program.clone(),
                path: file.shown.clone(),
                host: host.to_owned(),
                why,
            };
            helper::get(&program, server_address(host), self.environment.var("PATH")).map_err(error)
        });
        let source = format!("{program} (named in {})", file.shown);
        Ok(answer.clone()?.map(|credentials| Found { credentials, source }))
    }
}

/// The name under which docker files credentials for a registry.
fn server_address(host: &str) -> &str {
    match host {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.into(), password: password.into() }
    }

    fn store(home: &Path, variables: &[(&str, PathBuf)]) -> CredentialStore {
        let mut variables: HashMap<String, OsString> =
            variables.iter().map(|(name, value)| (name.to_string(), value.clone().into())).collect();
        variables.entry("HOME".into()).or_insert(home.into());
        CredentialStore::new(Environment::new(move |name| variables.get(name).cloned()))
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn entries_are_found_under_all_their_names() {
        let home = tempfile::tempdir().unwrap();
        // dTpw is u:p, dTpwOng= is u:p:x
        write(
            &home.path().join(".docker/config.json"),
            r#"{
                "auths": {
                    "https://index.docker.io/v1/": { "auth": "dTpw" },
                    "ghcr.io": { "auth": "dTpwOng=" },
                    "https://quay.io/v1/": { "username": "q", "password": "w" },
                    "id.example": { "auth": "PHRva2VuPjo=", "identitytoken": "refresh" },
                    "raw.example": { "registrytoken": "access" },
                    "empty.example": {},
                    "port.example:5000": { "auth": "dTpw" },
                    "ns.example": { "username": "all", "password": "1" },
                    "ns.example/team": { "username": "team", "password": "2" },
                    "ns.example/team/app": { "username": "app", "password": "3" }
                },
                "HttpHeaders": { "User-Agent": "x" }
            }"#,
        );
        let store = store(home.path(), &[]);
        for (host, path, expected) in [
            ("docker.io", "library/debian", Some(basic("u", "p"))),
            ("ghcr.io", "a", Some(basic("u", "p:x"))),
            ("quay.io", "a", Some(basic("q", "w"))),
            ("id.example", "a", Some(Credentials::IdentityToken("refresh".into()))),
            ("raw.example", "a", Some(Credentials::RegistryToken("access".into()))),
            ("empty.example", "a", None),
            ("port.example:5000", "a", Some(basic("u", "p"))),
            ("port.example", "a", None),
            ("ns.example", "other", Some(basic("all", "1"))),
            ("ns.example", "team", Some(basic("team", "2"))),
            ("ns.example", "teams/app", Some(basic("all", "1"))),
            ("ns.example", "team/app/x", Some(basic("app", "3"))),
            ("unknown.example", "a", None),
        ] {
            let found = store.lookup(host, path).unwrap();
            assert_eq!(found.as_ref().map(|found| &found.credentials), expected.as_ref(), "{host}/{path}");
            assert!(found.is_none_or(|found| found.source == "~/.docker/config.json"));
        }
    }

    #[test]
    fn the_first_file_that_knows_the_registry_wins() {
        let home = tempfile::tempdir().unwrap();
        let entry = |host: &str, user: &str| {
            format!(r#"{{"auths": {{ "{host}": {{ "username": "{user}", "password": "p" }} }} }}"#)
        };
        let folder = home.path();
        write(&folder.join("named.json"), &entry("a.example", "named"));
        write(&folder.join("docker/config.json"), &entry("a.example", "docker"));
        write(&folder.join("run/containers/auth.json"), &entry("b.example", "runtime"));
        write(&folder.join(".config/containers/auth.json"), &entry("b.example", "podman"));
        let variables = [
            ("REGISTRY_AUTH_FILE", folder.join("named.json")),
            ("DOCKER_CONFIG", folder.join("docker")),
            ("XDG_RUNTIME_DIR", folder.join("run")),
        ];
        let user = |count: usize, host: &str| store(folder, &variables[..count]).lookup(host, "a").unwrap();
        assert_eq!(user(3, "a.example").unwrap().credentials, basic("named", "p"));
        assert_eq!(user(3, "b.example").unwrap().credentials, basic("runtime", "p"));
        assert_eq!(user(0, "b.example").unwrap().credentials, basic("podman", "p"));
        assert_eq!(user(0, "a.example"), None);
        assert_eq!(
            store(folder, &variables[1..]).lookup("a.example", "a").unwrap().unwrap().source,
            "~/docker/config.json"
        );
    }

    #[test]
    fn a_malformed_file_is_named_and_its_contents_are_not() {
        for text in [
            "{",
            r#"{"auths": {"h.example": {"auth": "c2VjcmV0IQ=="}}}"#,
            r#"{"auths": {"h.example": {"auth": "%secret%"}}}"#,
            r#"{"auths": {"h.example": {"auth": ["secret"]}}}"#,
            r#"{"auths": "secret"}"#,
        ] {
            let home = tempfile::tempdir().unwrap();
            write(&home.path().join(".docker/config.json"), text);
            let error = store(home.path(), &[]).lookup("h.example", "a").unwrap_err();
            let message = format!("{error} {error:?}");
            assert!(message.contains("~/.docker/config.json"), "{message}");
            assert!(!message.contains("secret") && !message.contains("c2VjcmV0"), "{message}");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let found = Found { credentials: basic("u", "hunter2"), source: "x".into() };
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn helpers_are_asked_and_their_no_is_a_no() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let script = |name: &str, body: &str| {
            let path = home.path().join("bin").join(format!("docker-credential-{name}"));
            write(
                &path,
                &format!("#!/bin/sh\nread -r host\necho \"$1 $host\" >> {0}/calls\n{body}\n", home.path().display()),
            );
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script("good", r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"s3cret"}'"#);
        script("none", "echo 'credentials not found in native keychain'; exit 1");
        script("bad", "echo 'the vault is sealed'; exit 1");
        script("odd", "echo '{\"Username\": \"s3cret\"'");
        write(
            &home.path().join(".docker/config.json"),
            r#"{
                "auths": { "none.example": { "auth": "dTpw" } },
                "credHelpers": {
                    "none.example": "none", "bad.example": "bad", "odd.example": "odd",
                    "gone.example": "gone", "climb.example": "../x"
                },
                "credsStore": "good"
            }"#,
        );
        let path = std::env::join_paths([home.path().join("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
        let store = store(home.path(), &[("PATH", PathBuf::from(path))]);
        for _ in 0..2 {
            let found = store.lookup("docker.io", "library/debian").unwrap().unwrap();
            assert_eq!(found.credentials, Credentials::IdentityToken("s3cret".into()));
            assert_eq!(found.source, "docker-credential-good (named in ~/.docker/config.json)");
        }
        let calls = fs::read_to_string(home.path().join("calls")).unwrap();
        assert_eq!(calls, "get https://index.docker.io/v1/\n");

        assert_eq!(store.lookup("none.example", "a").unwrap().unwrap().credentials, basic("u", "p"));
        let message = |host: &str| store.lookup(host, "a").unwrap_err().to_string();
        assert!(message("bad.example").contains("the vault is sealed"));
        assert!(!message("odd.example").contains("s3cret"));
        assert!(message("gone.example").contains("docker-credential-gone"));
        assert!(message("climb.example").contains("name"));
    }
}
