//! The arguments that several commands share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use tarsia::image::{Platform, Reference};
use tarsia::published::Lookup;
use tarsia::registry::Mirror;
use tarsia::spec::Dockerfiles;
use tarsia::spec::dockerfile::NamedContext;

/// Where layers are looked for beside this machine.
#[derive(Debug, Args)]
pub struct LookupArguments {
    /// Look for layers in this image as well; may be repeated
    #[arg(long, value_name = "IMAGE")]
    pub cache_from: Vec<Reference>,
    /// Look for layers on this machine only, and write no cache image
    #[arg(long)]
    pub no_remote_cache: bool,
    #[command(flatten)]
    pub cache: CacheTag,
}

impl LookupArguments {
    /// As the library has it.
    pub fn lookup(&self) -> Lookup {
        Lookup { cache_from: self.cache_from.clone(), ..self.cache.lookup(self.no_remote_cache) }
    }
}

/// A repository's cache image that is read only.
#[derive(Debug, Args)]
pub struct CacheImageArguments {
    /// Believe nothing that the repository's cache image says of layers: download those that this machine does not have
    #[arg(long)]
    pub no_remote_cache: bool,
    #[command(flatten)]
    pub cache: CacheTag,
}

impl CacheImageArguments {
    /// As the library has it.
    pub fn lookup(&self) -> Lookup {
        self.cache.lookup(self.no_remote_cache)
    }
}

#[derive(Debug, Args)]
pub struct CacheTag {
    /// The tag of the repository's cache image
    #[arg(long, value_name = "TAG", default_value = tarsia::published::CACHE_TAG, value_parser = tag)]
    pub cache_tag: String,
}

impl CacheTag {
    fn lookup(&self, no_remote_cache: bool) -> Lookup {
        Lookup { remote: !no_remote_cache, cache_from: Vec::new(), cache_tag: self.cache_tag.clone() }
    }
}

/// The last second of the year 9999: documents have four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;

/// What names specs and decides their bytes.
#[derive(Debug, Args)]
pub struct SpecArguments {
    /// A spec (*.toml), a Dockerfile, or a folder of specs
    #[arg(required = true, value_name = "SPEC")]
    pub specs: Vec<PathBuf>,
    #[command(flatten)]
    pub flags: SpecFlags,
    /// Assemble every layer, whatever is known
    #[arg(long)]
    pub no_cache: bool,
}

/// What decides what specs mean.
#[derive(Debug, Args)]
pub struct SpecFlags {
    /// Build for this platform instead of the spec's; may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    /// The value of a variable in specs
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    #[command(flatten)]
    pub dockerfile: DockerfileArguments,
    /// The time of all files and documents, in seconds since 1970
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH", default_value_t = 0, hide_env_values = true,
        value_parser = epoch)]
    pub epoch: i64,
    /// Use no base that tarsia.lock or a digest in its reference does not pin
    #[arg(long)]
    pub locked: bool,
}

/// Where help tells of what only Dockerfiles have.
const DOCKERFILES: &str = "Dockerfiles";

/// What a Dockerfile is built with.
#[derive(Debug, Args)]
pub struct DockerfileArguments {
    /// The context (default: the Dockerfile's folder)
    #[arg(help_heading = DOCKERFILES, long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// The value of an ARG; NAME alone takes it from the environment; may be repeated
    #[arg(help_heading = DOCKERFILES, long = "build-arg", value_name = "NAME=VALUE", value_parser = build_arg)]
    pub build_args: Vec<(String, Option<String>)>,
    /// Build this stage (default: the last)
    #[arg(help_heading = DOCKERFILES, long, value_name = "STAGE")]
    pub target: Option<String>,
    /// What stands for a stage, an image or another context: a folder, docker-image://REFERENCE or oci-layout://DIR;
    /// may be repeated
    #[arg(help_heading = DOCKERFILES, long = "build-context", value_name = "NAME=…", value_parser = build_context)]
    pub build_contexts: Vec<(String, NamedContext)>,
    /// The image's name (default: that of the Dockerfile's folder)
    #[arg(help_heading = DOCKERFILES, long, value_name = "NAME")]
    pub name: Option<String>,
}

impl DockerfileArguments {
    /// As the library has it.
    pub fn dockerfiles(&self) -> Dockerfiles {
        let value = |(name, value): &(String, Option<String>)| {
            Some((name.clone(), value.clone().or_else(|| std::env::var(name).ok())?))
        };
        Dockerfiles {
            name: self.name.clone(),
            arguments: tarsia::spec::dockerfile::Arguments {
                context: self.context.clone(),
                build_args: self.build_args.iter().filter_map(value).collect(),
                target: self.target.clone(),
                contexts: self.build_contexts.iter().cloned().collect(),
                keep_runs: false,
            },
        }
    }
}

impl SpecFlags {
    /// The variables that were set.
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.set.iter().cloned().collect()
    }
}

/// What every run has.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// Work on so many layers and blocks at once (default: one a core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Print one JSON document an image
    #[arg(long)]
    pub json: bool,
    /// How progress is shown (default: auto)
    #[arg(long, value_enum)]
    pub progress: Option<ProgressStyle>,
    /// Make no request to any registry
    #[arg(long)]
    pub offline: bool,
    /// Speak plain HTTP to this registry; may be repeated
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// Trust the certificate authorities in this PEM file as well; may be repeated
    #[arg(long = "ca-file", value_name = "FILE")]
    pub ca_files: Vec<PathBuf>,
    /// Servers that stand in for registries: only the user's file names them.
    #[arg(skip)]
    pub mirrors: Vec<Mirror>,
    #[command(flatten)]
    pub cache: CacheFolder,
}

#[derive(Debug, Args)]
pub struct CacheFolder {
    /// Keep layers and records in this folder (default: tarsia in the user's cache folder)
    #[arg(long, value_name = "DIR", env = "TARSIA_CACHE_DIR", hide_env_values = true,
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub cache_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressStyle {
    /// Bars on a terminal, lines elsewhere
    Auto,
    /// Lines
    Plain,
    /// Nothing
    None,
}

fn tag(text: &str) -> Result<String, String> {
    if tarsia::image::is_tag(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is not a tag")) }
}

/// A time; an empty variable of the environment is one that is not set.
fn epoch(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(seconds) if (0..=LAST_SECOND).contains(&seconds) => Ok(seconds),
        _ if text.is_empty() => Ok(0),
        _ => Err(format!("{text} is not in 0..={LAST_SECOND}")),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

/// `NAME=VALUE`, or `NAME` for the environment's.
fn build_arg(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value.to_owned())));
    if name.is_empty() { Err(format!("`{text}` is not of the form NAME=VALUE")) } else { Ok((name.to_owned(), value)) }
}

fn build_context(text: &str) -> Result<(String, NamedContext), String> {
    match text.split_once('=') {
        Some((name, context)) if !name.is_empty() && !context.is_empty() => match name.parse::<Reference>() {
            Ok(_) => Ok((name.to_owned(), context.parse()?)),
            // Stages are found by their names in lower case: one that is not would never be.
            Err(error) => Err(format!("`{name}` is no name of a stage or an image: {error}")),
        },
        _ => Err(format!("`{text}` is not of the form NAME=CONTEXT")),
    }
}
