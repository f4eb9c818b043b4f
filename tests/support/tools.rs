//! Other people's tools, as judges.

use std::ffi::OsStr;
use std::process::Command;

use super::Run;

/// Runs a tool that `tests/run` installs, and makes sure that it ended well.
#[track_caller]
pub fn tool<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> String {
    try_tool(name, arguments).ok().stdout
}

/// Runs a tool that `tests/run` installs.
#[track_caller]
pub fn try_tool<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Run {
    match Command::new(name).args(arguments).output() {
        Ok(output) => Run::of(output),
        Err(error) => panic!("`{name}` cannot be run ({error}): install Debian's package `{name}`, or use tests/run"),
    }
}
