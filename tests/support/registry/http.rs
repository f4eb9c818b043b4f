//! HTTP/1.1 on one connection: the head, the body as it arrives, the answer, the reset.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;

/// The longest request line or header line, and chunk header.
const LONGEST_LINE: u64 = 32 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 128;
/// How much of a body is sent in one write, so that the count of sent bytes stays close to the truth.
const PIECE: usize = 64 * 1024;

/// A request without its body.
pub(super) struct Head {
    pub(super) method: String,
    /// Percent-decoded.
    pub(super) path: String,
    /// As sent.
    pub(super) query: String,
    pub(super) keep_alive: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head. `None`: the client closed the connection between two requests.
    ///
    /// `InvalidData` means that what arrived is not HTTP/1.1, or is larger than the bounds.
    pub(super) fn read(reader: &mut dyn BufRead) -> io::Result<Option<Head>> {
        let Some(line) = read_line(reader)? else { return Ok(None) };
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(malformed("request line"));
        };
        let mut headers = Vec::new();
        loop {
            let line = read_line(reader)?.ok_or_else(|| malformed("head without an end"))?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
            if headers.len() == MOST_HEADERS {
                return Err(malformed("number of headers"));
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        // A target may be absolute: `http://host/path`.
        let target = match target.strip_prefix("http://") {
            Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => target,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut head = Head {
            method: method.to_owned(),
            path: decode(path, false),
            query: query.to_owned(),
            keep_alive: version == "HTTP/1.1",
            headers,
        };
        if head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            head.keep_alive = false;
        }
        Ok(Some(head))
    }

    /// The first header of this (lower-case) name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// Every header of this (lower-case) name.
    pub(super) fn headers<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.headers.iter().filter(move |header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The query's first value of this name, decoded.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        form(&self.query).into_iter().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Path and query, for matching and for messages.
    pub(super) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|value| value.parse().ok())
    }
}

/// A query or a form as decoded pairs.
pub(super) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}

/// A line without its end; `None` if the stream ended before its first byte.
fn read_line(reader: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(malformed("line"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map(Some).map_err(|_| malformed("line"))
}

enum Framing {
    Length(u64),
    Chunk { left: u64, first: bool },
    Done,
}

/// A request's body, read as the handler asks for it.
pub(super) struct Body<'c> {
    reader: &'c mut dyn BufRead,
    stream: &'c TcpStream,
    framing: Framing,
    awaits_continue: bool,
    received: u64,
    cut: Option<u64>,
}

impl<'c> Body<'c> {
    pub(super) fn of(head: &Head, reader: &'c mut dyn BufRead, stream: &'c TcpStream) -> io::Result<Body<'c>> {
        let chunked = head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let framing = match head.header("content-length") {
            Some(_) if chunked => return Err(malformed("body: both a length and chunks")),
            Some(length) => Framing::Length(length.parse().map_err(|_| malformed("Content-Length"))?),
            None if chunked => Framing::Chunk { left: 0, first: true },
            None => Framing::Done,
        };
        let framing = if matches!(framing, Framing::Length(0)) { Framing::Done } else { framing };
        let expects = head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        let awaits_continue = expects && !matches!(framing, Framing::Done);
        Ok(Body { reader, stream, framing, awaits_continue, received: 0, cut: None })
    }

    /// From here on, reading past this many bytes fails.
    pub(super) fn cut_after(&mut self, bytes: u64) {
        self.cut = Some(bytes);
    }

    /// Body bytes that have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Returns true if and only if the client waits for `100 Continue` and has not been told to go on.
    pub(super) fn is_held_back(&self) -> bool {
        self.awaits_continue
    }

    /// Reads some bytes; 0 at the body's end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.awaits_continue {
            self.awaits_continue = false;
            let mut stream = self.stream;
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let left = match self.framing {
            Framing::Done => return Ok(0),
            Framing::Length(left) => left,
            Framing::Chunk { left: 0, first } => match self.next_chunk(first)? {
                0 => {
                    self.framing = Framing::Done;
                    return Ok(0);
                }
                left => left,
            },
            Framing::Chunk { left, .. } => left,
        };
        let mut most = left.min(buffer.len() as u64);
        if let Some(cut) = self.cut {
            most = most.min(cut - self.received);
            if most == 0 {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault"));
            }
        }
        let read = self.reader.read(&mut buffer[..most as usize])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received += read as u64;
        let left = left - read as u64;
        self.framing = match self.framing {
            Framing::Chunk { .. } => Framing::Chunk { left, first: false },
            _ if left == 0 => Framing::Done,
            _ => Framing::Length(left),
        };
        Ok(read)
    }

    /// The next chunk's length; 0 after the last one and its trailers.
    fn next_chunk(&mut self, first: bool) -> io::Result<u64> {
        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
        if !first && !read_line(self.reader)?.ok_or_else(ended)?.is_empty() {
            return Err(malformed("chunk"));
        }
        let line = read_line(self.reader)?.ok_or_else(ended)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| malformed("chunk length"))?;
        if length == 0 {
            for _ in 0..MOST_HEADERS {
                if read_line(self.reader)?.ok_or_else(ended)?.is_empty() {
                    return Ok(0);
                }
            }
            return Err(malformed("trailers"));
        }
        Ok(length)
    }

    /// The whole body, or `None` if it is larger than `limit`.
    pub(super) fn read_all(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(Some(bytes)),
                read if bytes.len() + read > limit => return Ok(None),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// Reads and forgets what is left, so that the client gets to see the answer. A body that is
    /// held back stays unread: the answer itself tells the client not to send it.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while !self.awaits_continue && self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

/// An answer. Content may be a part of shared bytes, so that sending a blob copies nothing.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    bytes: Arc<Vec<u8>>,
    part: Range<usize>,
}

impl Response {
    pub(super) fn new(status: u16) -> Response {
        Response { status, headers: Vec::new(), bytes: Arc::default(), part: 0..0 }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn content(self, media_type: &str, bytes: Arc<Vec<u8>>) -> Response {
        let part = 0..bytes.len();
        self.content_part(media_type, bytes, part)
    }

    pub(super) fn content_part(self, media_type: &str, bytes: Arc<Vec<u8>>, part: Range<usize>) -> Response {
        Response { bytes, part, ..self }.header("Content-Type", media_type)
    }

    /// Replaces the content and nothing else.
    pub(super) fn replace_content(&mut self, bytes: Vec<u8>) {
        self.part = 0..bytes.len();
        self.bytes = Arc::new(bytes);
    }

    pub(super) fn json(self, document: &serde_json::Value) -> Response {
        self.content("application/json", Arc::new(document.to_string().into_bytes()))
    }

    /// An error document of the distribution specification.
    pub(super) fn error(status: u16, code: &str, message: impl Into<String>) -> Response {
        let error = serde_json::json!({ "code": code, "message": message.into() });
        Response::new(status).json(&serde_json::json!({ "errors": [error] }))
    }

    pub(super) fn remove_header(&mut self, name: &str) {
        self.headers.retain(|header| header.0 != name);
    }

    /// Sends the answer; `most` bytes of its content at most. `sent` is told the number of body bytes
    /// before they leave, so that a client that has read them finds them counted, and again if
    /// fewer did leave.
    pub(super) fn send(
        &self,
        mut stream: &TcpStream,
        without_body: bool,
        most: usize,
        close: bool,
        mut sent: impl FnMut(u64),
    ) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.status >= 200 && self.status != 204 && self.status != 304 {
            head += &format!("Content-Length: {}\r\n", self.part.len());
        }
        if close {
            head += "Connection: close\r\n";
        }
        head += "\r\n";

        let body = if without_body { &[][..] } else { &self.bytes[self.part.clone()] };
        let body = &body[..body.len().min(most)];
        let (first, rest) = body.split_at(body.len().min(PIECE));
        let mut count = first.len() as u64;
        sent(count);
        let first = [head.as_bytes(), first].concat();
        if let Err((written, error)) = write_counted(&mut stream, &first) {
            sent(written.saturating_sub(head.len()) as u64);
            return Err(error);
        }
        for piece in rest.chunks(PIECE) {
            sent(count + piece.len() as u64);
            if let Err((written, error)) = write_counted(&mut stream, piece) {
                sent(count + written as u64);
                return Err(error);
            }
            count += piece.len() as u64;
        }
        Ok(())
    }
}

fn write_counted(stream: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// Makes the coming close of this socket a reset (RST) instead of an orderly end (FIN): what was
/// not sent yet is thrown away, and the peer's next read fails with "connection reset".
#[allow(unsafe_code)]
pub(super) fn reset_on_close(stream: &TcpStream) {
    use std::os::fd::AsRawFd as _;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and the option's value is a
    // `linger` of the given size, read only during the call.
    unsafe {
        // It fails only if the peer has reset the connection already.
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
