//! The real registry: Debian's `docker-registry`, on a free port of this machine, for the length of a test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub struct DockerRegistry {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl DockerRegistry {
    /// Starts a registry without authentication.
    pub fn start() -> DockerRegistry {
        DockerRegistry::with_auth("")
    }

    /// Starts a registry that knows one user, by an htpasswd line (bcrypt).
    pub fn with_htpasswd(line: &str) -> DockerRegistry {
        DockerRegistry::with_auth(line)
    }

    fn with_auth(htpasswd: &str) -> DockerRegistry {
        // Between finding a free port and its use by the registry another process may take it: then try again.
        for _ in 0..5 {
            if let Some(registry) = DockerRegistry::try_start(htpasswd) {
                return registry;
            }
        }
        panic!("docker-registry does not start");
    }

    fn try_start(htpasswd: &str) -> Option<DockerRegistry> {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let storage = folder.path().join("storage");
        let mut config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
            storage.display()
        );
        if !htpasswd.is_empty() {
            let path = folder.path().join("htpasswd");
            fs::write(&path, htpasswd).unwrap();
            config.push_str(&format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display()));
        }
        let path = folder.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`docker-registry` cannot be run ({error}): install Debian's package, or use tests/run")
            });
        let mut registry = DockerRegistry { process, port, folder };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(registry);
            }
            if registry.process.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn storage(&self) -> std::path::PathBuf {
        self.folder.path().join("storage")
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
