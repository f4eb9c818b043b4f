//! `buildah`, with a store of its own in a sandbox: what docker would build, without a daemon.

use std::process::Command;

use super::{Run, Sandbox};

/// How the tests build with it.
impl Sandbox {
    /// Runs `buildah`. Its store lies in the sandbox, and nothing of this machine is asked for.
    #[track_caller]
    pub fn buildah(&self, arguments: &[&str]) -> String {
        let folder = |name: &str| self.path("buildah").join(name).display().to_string();
        let store = [format!("--root={}", folder("root")), format!("--runroot={}", folder("run"))];
        let mut command = Command::new("buildah");
        command.args(store).arg("--storage-driver=vfs").args(arguments).current_dir(self.path(""));
        match command.output() {
            Ok(output) => Run::of(output).ok().stdout,
            Err(error) => {
                panic!("`buildah` cannot be run ({error}): install Debian's package `buildah`, or use tests/run")
            }
        }
    }

    /// Builds a Dockerfile and puts the image at `to`, as `buildah push` names it.
    #[track_caller]
    pub fn build_with_buildah(&self, dockerfile: &str, context: &str, flags: &[&str], to: &str) {
        let build = ["build", "--quiet", "--isolation=chroot", "--no-cache", "--tls-verify=false", "--tag=built"];
        let file = format!("--file={dockerfile}");
        let arguments: Vec<&str> = build.iter().chain(flags).copied().chain([&*file, context]).collect();
        self.buildah(&arguments);
        self.buildah(&["push", "--quiet", "--tls-verify=false", "built", to]);
    }
}
