//! The program without root's power to read everything.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{Run, Sandbox};

const NOBODY: u32 = 65534;

/// Whether the tests run as root, which no permission stops.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Runs the program as somebody whom permissions stop: as `nobody` if the tests run as root. The store, which that
/// user can write, is in `cache`; the output should be below it too.
pub fn run_unprivileged(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.folder("cache");
    if !is_root() {
        return sandbox.run(arguments);
    }
    fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    if fs::metadata(sandbox.path("cache")).unwrap().permissions().mode() & 0o200 != 0 {
        chown(sandbox.path("cache"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let ours = sandbox.command(arguments);
    let mut command = Command::new("setpriv");
    command
        .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"])
        .arg(ours.get_program())
        .args(ours.get_args())
        .current_dir(sandbox.path(""))
        .env_clear()
        .envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .arg0("setpriv");
    Run::of(command.output().unwrap_or_else(|error| panic!("`setpriv` cannot be run ({error}): install util-linux")))
}
