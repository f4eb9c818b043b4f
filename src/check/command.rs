//! What an image runs: found as a container runtime finds it.

use super::files::{Files, Lying};
use super::finding::display;
use crate::error::Error;
use crate::image::{Config, DEFAULT_PATH};

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// In the image, and may be executed. Or nobody can tell.
    Fine,
    /// Nowhere.
    Missing,
    /// Here, but it may not be executed.
    NotExecutable(String),
}

/// The program that an image runs, and the field that names it.
pub(super) fn program(config: &Config) -> Option<(&'static str, &str)> {
    let first = |field| Some((field, config.words(field).first().copied()?));
    first("Entrypoint").or_else(|| first("Cmd"))
}

/// Looks for a program. `bits` are the rights to execute that count, any of them.
pub(super) fn find(program: &str, config: &Config, files: &dyn Files, bits: u32) -> Result<Program, Error> {
    if program.is_empty() {
        return Ok(Program::Missing);
    }
    let workdir = config.setting("WorkingDir").and_then(serde_json::Value::as_str).unwrap_or("/");
    let candidates: Vec<String> = match program {
        _ if program.starts_with('/') => vec![program.to_owned()],
        _ if program.contains('/') => vec![format!("{workdir}/{program}")],
        _ => {
            let folders =
                config.variable("PATH").unwrap_or(DEFAULT_PATH).split(':').filter(|folder| !folder.is_empty());
            folders.map(|folder| format!("{folder}/{program}")).collect()
        }
    };
    let mut found = Program::Missing;
    for candidate in candidates {
        match files.find(candidate.as_bytes())? {
            Some((_, Lying::File { mode })) if mode & bits != 0 => return Ok(Program::Fine),
            Some((real, _)) if found == Program::Missing => found = Program::NotExecutable(display(&real)),
            _ => {}
        }
    }
    Ok(if found == Program::Missing && !files.is_complete() { Program::Fine } else { found })
}
