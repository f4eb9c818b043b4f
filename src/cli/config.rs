//! From arguments and the environment to a workshop.

use std::env;
use std::path::PathBuf;

use tarsia::events::Events;
use tarsia::image::Platform;
use tarsia::registry::Settings;
use tarsia::spec::{Variables, Workspace, load_with};
use tarsia::{Error, Workshop, build};

use super::arguments::{CacheFolder, CommonArguments, SpecArguments, SpecFlags};

impl CacheFolder {
    /// The folder of the store: the flag or `TARSIA_CACHE_DIR`, else below the XDG cache folder.
    pub fn path(&self) -> Result<PathBuf, Error> {
        if let Some(folder) = self.cache_dir.as_ref().filter(|folder| !folder.as_os_str().is_empty()) {
            return Ok(folder.clone());
        }
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".cache"));
        match absolute("XDG_CACHE_HOME").or_else(home) {
            Some(folder) => Ok(folder.join("tarsia")),
            None => Err(Error::request(
                "there is no folder for the cache: neither XDG_CACHE_HOME nor HOME is set",
                "name one with --cache-dir or TARSIA_CACHE_DIR",
            )),
        }
    }
}

impl CommonArguments {
    fn settings(&self) -> Settings {
        Settings {
            plain_http: self.plain_http.clone(),
            ca_files: self.ca_files.clone(),
            offline: self.offline,
            mirrors: self.mirrors.clone(),
            ..Settings::default()
        }
    }

    /// The workshop these arguments describe.
    pub fn workshop(&self, events: Events) -> Result<Workshop, Error> {
        Workshop::open(&self.cache.path()?, self.jobs.map_or(0, usize::from), self.settings(), events)
    }

    /// The same, and if there is no place to keep anything, one in which nothing is kept.
    pub fn workshop_or_look(&self, events: Events) -> Result<Workshop, Error> {
        match self.workshop(events.clone()) {
            Err(Error::Store(_)) => self.workshop_to_look(events),
            opened => opened,
        }
    }

    /// One in which nothing is known that this machine remembers, and nothing is kept.
    pub fn workshop_apart(&self, events: Events) -> Result<Workshop, Error> {
        Workshop::apart(&self.cache.path()?, self.jobs.map_or(0, usize::from), self.settings(), events)
    }

    /// The same, to look around in only: nothing is kept.
    pub fn workshop_to_look(&self, events: Events) -> Result<Workshop, Error> {
        Ok(Workshop::look(&self.cache.path()?, self.jobs.map_or(0, usize::from), self.settings(), events))
    }
}

impl SpecArguments {
    /// The specs, loaded, and the variables they may use.
    pub fn load(&self) -> Result<(Workspace, Variables), Error> {
        self.flags.load(&self.specs)
    }

    /// What the run decides beside the specs. `outputs` is where it writes.
    pub fn options(&self, outputs: Vec<PathBuf>) -> build::Options {
        build::Options { no_cache: self.no_cache, ..self.flags.options(outputs) }
    }
}

impl SpecFlags {
    /// These specs, loaded, and the variables they may use.
    pub fn load(&self, specs: &[PathBuf]) -> Result<(Workspace, Variables), Error> {
        let variables = Variables::with_environment(self.variables());
        let workspace = load_with(specs, &variables, &self.dockerfile.dockerfiles())?;
        Ok((workspace, variables))
    }

    /// What the run decides beside the specs. `outputs` is where it writes.
    pub fn options(&self, outputs: Vec<PathBuf>) -> build::Options {
        let mut platforms: Vec<Platform> = Vec::new();
        for platform in &self.platforms {
            if !platforms.contains(platform) {
                platforms.push(platform.clone());
            }
        }
        build::Options { epoch: self.epoch, platforms, no_cache: false, locked: self.locked, outputs }
    }
}
