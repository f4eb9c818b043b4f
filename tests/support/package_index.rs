//! A package index inside the test process, in the form of
//! [the simple repository](https://packaging.python.org/en/latest/specifications/simple-repository-api/), which counts what
//! it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::json;

use super::lockfiles::Pinned;

/// A running index. It ends when it is dropped.
pub struct PackageIndex {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    wheels: Vec<Pinned>,
    requests: Mutex<Vec<String>>,
    /// Bytes that are sent in the place of a file's.
    instead: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Files that it does not list.
    hidden: Mutex<BTreeSet<String>>,
    /// Answers to paths, whatever is there: status, headers, body.
    answers: Mutex<BTreeMap<String, Said>>,
    ending: AtomicBool,
}

/// A status, headers and a body.
type Said = (String, String, Vec<u8>);

impl PackageIndex {
    /// An index of these wheels.
    pub fn of(wheels: &[PathBuf]) -> PackageIndex {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Shared {
            address,
            wheels: wheels.iter().map(|wheel| Pinned::of(wheel)).collect(),
            requests: Mutex::default(),
            instead: Mutex::default(),
            hidden: Mutex::default(),
            answers: Mutex::default(),
            ending: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in socket.incoming() {
                if serving.ending.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, stream) = (Arc::clone(&serving), stream.unwrap());
                // Who breaks off has seen enough.
                thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        PackageIndex { address, shared, thread: Some(thread) }
    }

    /// Where its projects are listed: `http://127.0.0.1:PORT/simple/`.
    pub fn simple(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// Where a wheel can be downloaded.
    pub fn url(&self, file: &str) -> String {
        format!("http://{}/files/{file}", self.address)
    }

    /// Sends these bytes in the place of a wheel's.
    pub fn send_instead(&self, file: &str, bytes: &[u8]) {
        self.shared.instead.lock().unwrap().insert(file.to_owned(), bytes.to_vec());
    }

    /// Lists all files but these from now on.
    pub fn hide(&self, files: &[&str]) {
        *self.shared.hidden.lock().unwrap() = files.iter().map(|&file| file.to_owned()).collect();
    }

    /// Answers this to whoever asks for `path`: a status such as `302 Found`, headers that end with `\r\n`, and a body.
    pub fn answer(&self, path: &str, status: &str, headers: &str, body: &str) {
        let answer = (status.to_owned(), headers.to_owned(), body.as_bytes().to_vec());
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// The paths that were asked for since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// The wheels that were downloaded since the last call, sorted.
    pub fn downloads(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        let mut files: Vec<String> =
            requests.filter_map(|path| path.strip_prefix("/files/").map(str::to_owned)).collect();
        files.sort();
        files
    }
}

impl Drop for PackageIndex {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Answers one request and closes.
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut accept = String::new();
        for line in lines {
            let line = line?.to_lowercase();
            if line.is_empty() {
                break;
            }
            accept.extend(line.strip_prefix("accept:"));
        }
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.requests.lock().unwrap().push(path.to_owned());
        let said = self.answers.lock().unwrap().get(path).cloned();
        let (status, headers, body) = said.unwrap_or_else(|| match self.answer(path, &accept) {
            Some((media_type, body)) => ("200 OK".to_owned(), format!("content-type: {media_type}\r\n"), body),
            None => ("404 Not Found".to_owned(), String::new(), b"not here\n".to_vec()),
        });
        let length = body.len();
        let head = format!("{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(format!("HTTP/1.1 {status}\r\n{head}").as_bytes())?;
        if method == "GET" {
            stream.write_all(&body)?;
        }
        Ok(())
    }

    fn answer(&self, path: &str, accept: &str) -> Option<(&'static str, Vec<u8>)> {
        if let Some(file) = path.strip_prefix("/files/") {
            let wheel = self.wheels.iter().find(|wheel| wheel.file_name() == file)?;
            let instead = self.instead.lock().unwrap().get(file).cloned();
            return Some(("application/octet-stream", instead.unwrap_or_else(|| fs::read(&wheel.file).unwrap())));
        }
        let project = path.strip_prefix("/simple/")?.strip_suffix('/')?;
        let hidden = self.hidden.lock().unwrap().clone();
        let is_listed = |wheel: &&Pinned| wheel.name == project && !hidden.contains(wheel.file_name());
        let files: Vec<&Pinned> = self.wheels.iter().filter(is_listed).collect();
        if files.is_empty() {
            return None;
        }
        let url = |file: &Pinned| format!("http://{}/files/{}", self.address, file.file_name());
        if accept.contains("application/vnd.pypi.simple.v1+json") {
            let file = |file: &&Pinned| {
                json!({"filename": file.file_name(), "url": url(file), "hashes": {"sha256": file.sha256},
                       "size": file.size})
            };
            let files: Vec<_> = files.iter().map(file).collect();
            let document = json!({"meta": {"api-version": "1.1"}, "name": project, "versions": [], "files": files});
            return Some(("application/vnd.pypi.simple.v1+json", document.to_string().into_bytes()));
        }
        let link = |file: &&Pinned| {
            format!("<a href=\"{}#sha256={}\">{}</a><br/>\n", url(file), file.sha256, file.file_name())
        };
        let links: String = files.iter().map(link).collect();
        Some(("text/html", format!("<!DOCTYPE html>\n<html><body>\n{links}</body></html>\n").into_bytes()))
    }
}
