//! Credential helpers: programs that keep secrets, spoken to over standard input and output
//! ([docker-credential-helpers](https://github.com/docker/docker-credential-helpers)).

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Credentials;
use crate::registry::answer::printable;

/// How long a helper may take: it may have to ask a cloud, or a person.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most a helper may say: 64 KiB.
const MAX_OUTPUT: u64 = 64 << 10;
/// How often a running helper is looked at.
const POLL: Duration = Duration::from_millis(5);
/// The longest complaint of a helper that is passed on, in characters.
const MAX_COMPLAINT: usize = 300;

/// What helpers say when they simply have no entry.
const NO_ENTRY: [&str; 4] = [
    "credentials not found",
    "no credentials server URL",
    "no credentials username",
    "The specified item could not be found",
];

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Kills a helper that is still running when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // It may have ended meanwhile; either way it is then gone.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Asks `program` for the credentials of `server`; `None` if it has none. `path` is the search path.
pub(super) fn get(program: &str, server: &str, path: Option<OsString>) -> Result<Option<Credentials>, String> {
    if !program.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err("its name is not the name of a program".to_owned());
    }
    let file = find(program, path.as_ref()).ok_or("it is not in PATH")?;
    let mut command = Command::new(file);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
    let mut running = Running(child);
    let deadline = Instant::now() + TIMEOUT;
    if let Some(mut stdin) = running.0.stdin.take() {
        match stdin.write_all(server.as_bytes()).and_then(|()| stdin.write_all(b"\n")) {
            // A helper with one answer for all need not read the question.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(format!("it does not listen: {error}")),
            _ => {}
        }
    }
    let stdout = collect(running.0.stdout.take());
    let stderr = collect(running.0.stderr.take());
    let status = loop {
        match running.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            Ok(None) => return Err(format!("it gave no answer in {} s", TIMEOUT.as_secs())),
            Err(error) => return Err(error.to_string()),
        }
    };
    // A child of the helper may still hold its output open.
    let receive = |output: mpsc::Receiver<Vec<u8>>| {
        output.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|_| "its output does not end")
    };
    let (stdout, stderr) = (receive(stdout)?, receive(stderr)?);
    if stdout.len() as u64 > MAX_OUTPUT {
        return Err(format!("its answer is larger than {MAX_OUTPUT} bytes"));
    }
    let answer: Option<Answer> = serde_json::from_slice(&stdout).ok();
    if status.success() {
        let answer = answer.ok_or("its answer is not the JSON that helpers give")?;
        let nothing = answer.username.is_empty() && answer.secret.is_empty();
        return Ok((!nothing).then(|| Credentials::of_pair(answer.username, answer.secret)));
    }
    let said = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)];
    if said.iter().any(|text| NO_ENTRY.iter().any(|no| text.contains(no))) {
        return Ok(None);
    }
    // Helpers complain on standard output. What looks like an answer is not passed on: it may be one.
    let complaint = said.iter().map(|text| printable(text, MAX_COMPLAINT)).find(|text| !text.is_empty());
    match complaint {
        Some(complaint) if !complaint.contains('{') => Err(complaint),
        _ => Err(format!("it failed ({status})")),
    }
}

/// The file of `program` in the search path.
fn find(program: &str, path: Option<&OsString>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Reads a pipe, bounded, on a thread of its own: a full pipe would stop the helper.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came before a failure is all there is.
            let _ = pipe.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
