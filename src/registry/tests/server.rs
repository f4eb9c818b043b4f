//! A server in a few lines, whose answers are a function of the request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::image::Repository;
use crate::registry::{Client, Environment, RemoteRepository, RetryPolicy, Settings, Traffic};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// `GET /v2/…`
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The connection ends after this many bytes of the body.
    cut: Option<usize>,
}

pub(super) fn reply(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

impl Reply {
    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }

    pub(super) fn cut(mut self, after: usize) -> Reply {
        self.cut = Some(after);
        self
    }
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (seen, answer) = (server.seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, seen, answer) = (stream.unwrap(), seen.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        server
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// The repository `path` here, for somebody who is not logged in.
    pub(super) fn repository(&self, path: &str) -> RemoteRepository {
        repository(&client(anonymous()), &self.host(), path)
    }
}

/// A client that gives up quickly and finds no credentials, unless the settings say otherwise.
pub(super) fn client(settings: Settings) -> Client {
    Client::new(Settings { retry: RetryPolicy::quick(), ..settings }).unwrap()
}

/// Settings in whose environment a home folder holds docker's file with this text.
pub(super) fn logged_in(config: &str) -> (tempfile::TempDir, Settings) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    std::fs::write(home.path().join(".docker/config.json"), config).unwrap();
    let path = home.path().as_os_str().to_owned();
    let environment = Environment::new(move |name| (name == "HOME").then(|| path.clone()));
    (home, Settings { environment, ..Settings::default() })
}

pub(super) fn anonymous() -> Settings {
    Settings { environment: Environment::empty(), ..Settings::default() }
}

pub(super) fn repository(client: &Client, host: &str, path: &str) -> RemoteRepository {
    client.repository(&Repository { host: host.into(), path: path.into() }, Arc::new(Traffic::default()))
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Seen>>, answer: &dyn Fn(&Seen) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    // The first byte of a TLS handshake. Servers that speak HTTP only say so, in HTTP.
    if reader.fill_buf().is_ok_and(|bytes| bytes.first() == Some(&0x16)) {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        return;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut request = Seen {
            line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            match header.trim_end().split_once(':') {
                Some((name, value)) => {
                    request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => break,
            }
        }
        let body = match request.header("transfer-encoding") {
            // What is sent while it is being made has no length yet; everything else has.
            Some(_) if request.line.starts_with("PATCH") => chunks(&mut reader),
            other => {
                assert_eq!(other, None, "bodies are sent with their length");
                let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
                let mut body = vec![0; length];
                reader.read_exact(&mut body).ok().map(|()| body)
            }
        };
        let Some(body) = body else { return };
        request.body = body;
        let reply = answer(&request);
        let head = request.line.starts_with("HEAD");
        seen.lock().unwrap().push(request);
        if reply.status == 0 {
            return;
        }
        let mut text = format!("HTTP/1.1 {} X\r\n", reply.status);
        if !reply.headers.iter().any(|(name, _)| name == "content-length") {
            text += &format!("content-length: {}\r\n", reply.body.len());
        }
        for (name, value) in &reply.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        if stream.write_all(text.as_bytes()).is_err() || head {
            continue;
        }
        let body = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
        if stream.write_all(body).is_err() || reply.cut.is_some() {
            return;
        }
    }
}

/// A body in chunks; nothing if it breaks off.
fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
