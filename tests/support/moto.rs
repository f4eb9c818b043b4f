//! moto: Amazon's interface, acted by somebody else's program.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The password that moto's tokens hold, in the account that its credentials belong to by default.
pub const PASSWORD: &str = "123456789012-auth-token";

/// `moto_server` on a free port of this machine, for the length of a test.
pub struct Moto {
    process: Child,
    port: u16,
}

/// Where `tests/run` puts it: beside what cargo builds.
fn program() -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_tarsia"));
    ours.ancestors().map(|folder| folder.join("moto/bin/moto_server")).find(|program| program.is_file()).unwrap_or_else(
        || panic!("`moto_server` is not in `moto/bin` of the target folder: run tests/run, which puts it there"),
    )
}

impl Moto {
    pub fn start() -> Moto {
        // Between finding a free port and its use another process may take it: then try again.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let process = Command::new(program())
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut moto = Moto { process, port };
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(60) {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return moto;
                }
                if moto.process.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("moto_server does not start");
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
