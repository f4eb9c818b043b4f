//! The environment: which files hold credentials, as the variables of a process tell.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads variables of an environment, so that tests need not touch the process's own.
#[derive(Clone)]
pub struct Environment(Arc<Reader>);

type Reader = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// The environment of this process.
    pub fn process() -> Environment {
        Environment::new(|name| std::env::var_os(name))
    }

    /// An environment that `read` tells.
    pub fn new(read: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Environment {
        Environment(Arc::new(read))
    }

    /// An environment without variables, in which nobody is logged in.
    pub fn empty() -> Environment {
        Environment::new(|_| None)
    }

    /// A variable that is set and not empty.
    pub(super) fn var(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from)
    }

    /// `path` with `~` for the home folder, as people write it.
    pub(super) fn shown(&self, path: &Path) -> String {
        match self.path("HOME").and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    pub(super) fn auth_files(&self) -> Vec<PathBuf> {
        let home = self.path("HOME");
        let docker = self.path("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
        let files = [
            self.path("REGISTRY_AUTH_FILE"),
            docker.map(|folder| folder.join("config.json")),
            self.path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            home.map(|home| home.join(".config/containers/auth.json")),
        ];
        files.into_iter().flatten().collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}

impl Default for Environment {
    fn default() -> Environment {
        Environment::process()
    }
}
