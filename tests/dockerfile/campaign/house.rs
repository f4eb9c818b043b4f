//! The file system in which docker and its peers live: a chroot that `tests/run --campaign` makes.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Where the daemons keep their data: in memory, as they make and remove very many small files. Tenants see it too.
const MEMORY: &str = "/dev/shm/tarsia-campaign";

/// The chroot's root.
pub struct House {
    root: PathBuf,
}

/// A daemon in the house; it ends when this is dropped.
pub struct Daemon {
    child: Child,
}

impl House {
    /// The one that the environment names.
    pub fn found() -> House {
        let root = std::env::var_os("TARSIA_CAMPAIGN_ROOT");
        House { root: root.expect("run this by `tests/run --campaign`").into() }
    }

    /// Where a path of the house is from outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Makes an empty folder.
    pub fn empty_folder(&self, path: &str) -> PathBuf {
        let folder = self.outside(path);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Makes an empty folder in memory; it has the same path inside and outside.
    pub fn memory(&self, name: &str) -> String {
        let folder = Path::new(MEMORY).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder.to_str().unwrap().to_owned()
    }

    /// A command for clients: they need no more than the house's files.
    pub fn client<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root);
        House::dress(&mut command, arguments);
        command
    }

    /// A command for those that mount and make containers.
    pub fn tenant<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("unshare");
        let enter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfile/campaign/enter");
        command.arg("--mount").arg(enter).arg(&self.root);
        House::dress(&mut command, arguments);
        command
    }

    fn dress<S: AsRef<str>>(command: &mut Command, arguments: impl IntoIterator<Item = S>) {
        command
            .args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()))
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .env("DOCKER_HOST", "unix:///run/campaign-docker.sock")
            .env("DOCKER_BUILDKIT", "1")
            .env("BUILDKIT_HOST", "unix:///run/campaign-buildkit.sock")
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
    }

    /// Starts a daemon and waits until `question` is answered.
    pub fn daemon(&self, name: &str, arguments: &[&str], question: &[&str]) -> Daemon {
        let log = fs::File::create(self.outside(&format!("var/log/campaign-{name}.log"))).unwrap();
        let mut command = self.tenant(arguments);
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let daemon = Daemon { child: command.spawn().unwrap() };
        for _ in 0..300 {
            if self.client(question).output().unwrap().status.success() {
                return daemon;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{name} does not answer; see {}", self.outside("var/log").display());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(MEMORY);
    }
}

impl Drop for Daemon {
    /// Lets it end what it started itself.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

/// The output of a command that has to end well.
#[track_caller]
pub fn well(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
