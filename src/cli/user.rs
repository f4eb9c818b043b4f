//! The user's configuration file: mirrors, and what flags are when nobody says.
//!
//! It is `$XDG_CONFIG_HOME/tarsia/config.toml`, else `~/.config/tarsia/config.toml`; there need not be one. Lists in it
//! and on the command line add up, everything else on the command line or in the environment wins.

use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tarsia::Error;
use tarsia::registry::Mirror;
use tarsia::spec::{Span, SpecError, parse_toml};
use toml::Spanned;

use super::arguments::{CacheFolder, CommonArguments, ProgressStyle};
use super::cache::CacheCommand;
use super::command::Command;

/// What the file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    jobs: Option<Spanned<u64>>,
    #[serde(default)]
    progress: Option<ProgressStyle>,
    #[serde(default)]
    offline: bool,
    #[serde(default)]
    plain_http: List,
    #[serde(default)]
    ca_file: List,
    #[serde(default)]
    cache_dir: Option<String>,
    #[serde(default)]
    mirror: Vec<Spanned<MirrorTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MirrorTable {
    host: String,
    endpoint: String,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum List {
    One(String),
    Many(Vec<String>),
}

impl Default for List {
    fn default() -> List {
        List::Many(Vec::new())
    }
}

impl List {
    fn into_vec(self) -> Vec<String> {
        match self {
            List::One(text) => vec![text],
            List::Many(texts) => texts,
        }
    }
}

/// What the file says.
#[derive(Debug, Default)]
pub struct User {
    jobs: Option<u16>,
    progress: Option<ProgressStyle>,
    offline: bool,
    plain_http: Vec<String>,
    ca_files: Vec<PathBuf>,
    cache_dir: Option<PathBuf>,
    mirrors: Vec<Mirror>,
}

/// The file's place; `None` if there is no home.
fn place() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("tarsia/config.toml"))
}

impl User {
    /// Reads the file.
    pub fn load() -> Result<User, Error> {
        let Some(path) = place() else { return Ok(User::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(User::read(&path, text.into())?),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(User::default()),
            Err(error) => Err(Error::request(
                format!("failed to read the configuration `{}`: {error}", path.display()),
                "repair the file or remove it",
            )),
        }
    }

    fn read(path: &Path, text: Arc<str>) -> Result<User, SpecError> {
        let file: File = parse_toml(path, text.clone())?;
        let wrong = |range, message: String| SpecError::At {
            span: Span { file: path.to_owned(), text: text.clone(), range },
            message,
            help: None,
        };
        let jobs = file.jobs.map(|jobs| match u16::try_from(*jobs.get_ref()) {
            Ok(number @ 1..=1024) => Ok(number),
            _ => Err(wrong(jobs.span(), format!("`jobs` is a number from 1 to 1024, not {}", jobs.get_ref()))),
        });
        let mut mirrors: Vec<Mirror> = Vec::new();
        for table in file.mirror {
            let range = table.span();
            let MirrorTable { host, endpoint } = table.into_inner();
            let mirror = Mirror { host, endpoint };
            mirror.check().map_err(|why| wrong(range.clone(), why))?;
            if mirrors.iter().any(|other| other.host.eq_ignore_ascii_case(&mirror.host)) {
                return Err(wrong(range, format!("`{}` has two mirrors", mirror.host)));
            }
            mirrors.push(mirror);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let local = |text: String| match (text.strip_prefix("~/"), env::var_os("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => folder.join(text),
        };
        Ok(User {
            jobs: jobs.transpose()?,
            progress: file.progress,
            offline: file.offline,
            plain_http: file.plain_http.into_vec(),
            ca_files: file.ca_file.into_vec().into_iter().map(local).collect(),
            cache_dir: file.cache_dir.map(local),
            mirrors,
        })
    }

    fn complete_cache(&self, cache: &mut CacheFolder) {
        if cache.cache_dir.is_none() {
            cache.cache_dir.clone_from(&self.cache_dir);
        }
    }

    fn complete_common(&self, common: &mut CommonArguments) {
        common.jobs = common.jobs.or(self.jobs);
        common.progress = common.progress.or(self.progress);
        common.offline |= self.offline;
        common.plain_http.extend(self.plain_http.iter().cloned());
        common.ca_files.extend(self.ca_files.iter().cloned());
        common.mirrors.extend(self.mirrors.iter().cloned());
        self.complete_cache(&mut common.cache);
    }
}

impl Command {
    /// Puts what the user's file says where the command line says nothing.
    pub fn complete(&mut self) -> Result<(), Error> {
        match self {
            Command::Build(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Push(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Plan(arguments) => User::load()?.complete_common(&mut arguments.push.common),
            Command::Bump(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Verify(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Diff(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Lock(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Copy(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Init(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Check(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Inspect(arguments) => User::load()?.complete_common(&mut arguments.common),
            Command::Cache(arguments) => User::load()?.complete_cache(match &mut arguments.command {
                CacheCommand::List(arguments) | CacheCommand::Verify(arguments) => &mut arguments.cache,
                CacheCommand::Prune(arguments) => &mut arguments.cache,
            }),
            Command::Schema | Command::Completions { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<User, SpecError> {
        User::read(Path::new("/etc/xdg/tarsia/config.toml"), text.into())
    }

    #[test]
    fn everything_can_be_said() {
        let user = read(
            r#"
                jobs = 3
                progress = "plain"
                offline = true
                plain_http = "registry.local"
                ca_file = ["corporate.pem", "/etc/ca.pem"]
                cache_dir = "/var/cache/tarsia"

                [[mirror]]
                host = "docker.io"
                endpoint = "https://mirror.example/hub"
            "#,
        )
        .unwrap();
        assert_eq!((user.jobs, user.progress, user.offline), (Some(3), Some(ProgressStyle::Plain), true));
        assert_eq!(user.plain_http, ["registry.local"]);
        assert_eq!(user.ca_files, [Path::new("/etc/xdg/tarsia/corporate.pem"), Path::new("/etc/ca.pem")]);
        assert_eq!(user.cache_dir.as_deref(), Some(Path::new("/var/cache/tarsia")));
        assert_eq!(user.mirrors[0].endpoint, "https://mirror.example/hub");
        assert!(read("").unwrap().mirrors.is_empty());
    }

    #[test]
    fn mistakes_have_a_place_and_a_suggestion() {
        for (text, place, words, help) in [
            ("job = 3", "1:1", "unknown key `job`", Some("did you mean `jobs`?")),
            ("\njobs = 0", "2:8", "from 1 to 1024", None),
            ("jobs = 70000", "1:8", "from 1 to 1024", None),
            ("progress = \"loud\"", "1:12", "loud", None),
            ("plain_http = 3", "1:14", "a text or a list of texts", None),
            ("[[mirror]]\nhost = \"a\"\nend_point = \"b\"", "3:1", "unknown key `end_point`", Some("`endpoint`")),
            ("[[mirror]]\nhost = \"a\"", "1:1", "endpoint", None),
            ("[[mirror]]\nhost = \"a\"\nendpoint = \"ftp://b\"", "1:1", "unusable endpoint", None),
            ("[[mirror]]\nhost = \"a/b\"\nendpoint = \"http://b\"", "1:1", "not the host of a registry", None),
            (
                "[[mirror]]\nhost = \"a\"\nendpoint = \"http://b\"\n[[mirror]]\nhost = \"A\"\nendpoint = \"http://c\"",
                "4:1",
                "two mirrors",
                None,
            ),
        ] {
            let error = read(text).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(&format!("/etc/xdg/tarsia/config.toml:{place}: ")), "{text}: {said}");
            assert!(said.contains(words), "{text}: {said}");
            if let Some(help) = help {
                assert!(error.help().unwrap().contains(help), "{text}: {:?}", error.help());
            }
        }
    }
}
