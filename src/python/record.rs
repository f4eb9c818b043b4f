//! `RECORD`: which files a distribution has, with their digests
//! ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file)).

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest as _;

use super::zip::shown;
use crate::digest::{Digest, Hasher};

/// A row of a wheel's `RECORD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The path, as it is written.
    pub path: String,
    /// The digest, if there is one.
    pub hash: Option<Hash>,
    /// The size, if there is one.
    pub size: Option<u64>,
}

/// A digest as `RECORD` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hash {
    /// Of SHA-256: what we name contents by.
    Sha256(Digest),
    /// Of SHA-384.
    Sha384(Box<[u8]>),
    /// Of SHA-512.
    Sha512(Box<[u8]>),
}

impl Hash {
    /// Reads `sha256=…`, the digest in the URL's alphabet of base64 without padding. What is weaker than SHA-256 is
    /// refused, as the specification has it.
    fn parse(text: &str) -> Result<Hash, String> {
        let (algorithm, value) = text.split_once('=').ok_or_else(|| format!("`{}` is no digest", shown(text)))?;
        let length = match algorithm {
            "sha256" => 32,
            "sha384" => 48,
            "sha512" => 64,
            _ => {
                let algorithm = shown(algorithm);
                return Err(format!("a digest is of `{algorithm}`, and only sha256, sha384 and sha512 are believed"));
            }
        };
        let bytes = URL_SAFE_NO_PAD.decode(value).ok().filter(|bytes| bytes.len() == length);
        let bytes = bytes.ok_or_else(|| format!("`{}` is no digest", shown(text)))?;
        Ok(match <[u8; 32]>::try_from(&bytes[..]) {
            Ok(bytes) => Hash::Sha256(Digest::from_bytes(bytes)),
            Err(_) if length == 48 => Hash::Sha384(bytes.into()),
            Err(_) => Hash::Sha512(bytes.into()),
        })
    }

    /// Reads a content to its end: the digest that we name it by, if it is the one meant.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn verify(&self, content: &mut dyn Read) -> io::Result<Option<Digest>> {
        let mut hasher = Hasher::new();
        let (mut sha384, mut sha512) = (sha2::Sha384::new(), sha2::Sha512::new());
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(read);
            match self {
                Hash::Sha256(_) => {}
                Hash::Sha384(_) => sha384.update(read),
                Hash::Sha512(_) => sha512.update(read),
            }
        }
        let digest = hasher.finish();
        let is_meant = match self {
            Hash::Sha256(expected) => *expected == digest,
            Hash::Sha384(expected) => **expected == *sha384.finalize(),
            Hash::Sha512(expected) => **expected == *sha512.finalize(),
        };
        Ok(is_meant.then_some(digest))
    }
}

/// Reads the rows.
///
/// # Errors
///
/// Why they are none, in words that begin with the line.
pub fn read(text: &[u8]) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        let at = |why: String| format!("line {line}: {why}");
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(rows),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                return Err(at("it is not UTF-8".to_owned()));
            }
            Err(error) => return Err(at(error.to_string())),
        }
        if record.len() > 3 {
            return Err(at(format!("it has {} fields, and path, digest and size are three", record.len())));
        }
        let field = |at: usize| record.get(at).filter(|field| !field.is_empty());
        let path = field(0).ok_or_else(|| at("it has no path".to_owned()))?.to_owned();
        let hash = field(1).map(Hash::parse).transpose().map_err(at)?;
        let size = field(2).map(|size| parse_size(size).ok_or_else(|| at(format!("`{}` is no size", shown(size)))));
        rows.push(Row { path, hash, size: size.transpose()? });
    }
}

/// Decimal digits alone: `parse` would take a sign.
fn parse_size(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A file as `RECORD` names it: its path from the library's directory, its digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The path.
    pub path: String,
    /// Digest and size; `RECORD` itself has none.
    pub content: Option<(Digest, u64)>,
}

/// Writes rows as Python's `csv` does but with LF, sorted bytewise by path.
pub fn write(mut files: Vec<Recorded>) -> Vec<u8> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = String::new();
    for file in files {
        if file.path.contains([',', '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&file.path.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&file.path);
        }
        match file.content {
            Some((digest, size)) => {
                let digest = URL_SAFE_NO_PAD.encode(digest.as_bytes());
                text.push_str(&format!(",sha256={digest},{size}\n"));
            }
            None => text.push_str(",,\n"),
        }
    }
    text.into_bytes()
}

/// The way from the directory `from` to `path`, both in an entry's form, as `os.path.relpath` gives it.
pub fn relative(path: &str, from: &str) -> String {
    let parts =
        |text: &'_ str| -> Vec<String> { text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect() };
    let (path, from) = (parts(path), parts(from));
    let common = path.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let down = path.iter().skip(common).map(String::as_str);
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn rows_are_read_as_they_are_written_in_real_life() {
        let text =
            format!("a.py,sha256={EMPTY},0\r\n\"b,\"\"c\"\".py\",sha256={EMPTY},\n\nd-1.dist-info/RECORD,,\nx\n");
        let rows = read(text.as_bytes()).unwrap();
        let paths: Vec<&str> = rows.iter().map(|row| &*row.path).collect();
        assert_eq!(paths, ["a.py", "b,\"c\".py", "d-1.dist-info/RECORD", "x"]);
        assert_eq!(rows[0].hash, Some(Hash::Sha256(Digest::of(b""))));
        assert_eq!((rows[0].size, rows[1].size, rows[2].size), (Some(0), None, None));
        assert_eq!(rows[2].hash, None);
    }

    #[test]
    fn digests_are_of_strong_algorithms_and_in_one_form() {
        // Of the empty text, by hashlib.
        let sha384 = "sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb";
        let sha512 = "sha512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg";
        for text in [&format!("sha256={EMPTY}"), sha384, sha512] {
            let hash = Hash::parse(text).unwrap();
            assert_eq!(hash.verify(&mut &b""[..]).unwrap(), Some(Digest::of(b"")), "{text}");
            assert_eq!(hash.verify(&mut &b"x"[..]).unwrap(), None, "{text}");
        }
        for (text, why) in [
            ("md5=1B2M2Y8AsgTpgAmY7PhCfg", "only sha256, sha384 and sha512 are believed"),
            ("sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk", "a digest is of `sha1`"),
            (&format!("sha256={EMPTY}="), "is no digest"),
            ("sha256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "is no digest"),
            (&format!("sha384={EMPTY}"), "is no digest"),
            (EMPTY, "is no digest"),
        ] {
            assert!(Hash::parse(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn what_is_no_row_is_refused_with_its_line() {
        for (text, why) in [
            (&b"a,,\nb,,,\n"[..], "line 2: it has 4 fields, and path, digest and size are three"),
            (b",,\n", "line 1: it has no path"),
            (b"a,,+1\n", "line 1: `+1` is no size"),
            (b"a,,99999999999999999999\n", "line 1: `99999999999999999999` is no size"),
            (b"\xff,,\n", "line 1: it is not UTF-8"),
        ] {
            assert_eq!(read(text).unwrap_err(), why);
        }
    }

    #[test]
    fn rows_are_written_as_pythons_csv_does() {
        let plain = |path: &str| Recorded { path: path.to_owned(), content: None };
        let file = Recorded { path: "b.py".to_owned(), content: Some((Digest::of(b""), 0)) };
        let written = write(vec![plain("é;' x"), plain("a,b"), file, plain("a\"b"), plain("../../bin/x")]);
        let expected = format!("../../bin/x,,\n\"a\"\"b\",,\n\"a,b\",,\nb.py,sha256={EMPTY},0\né;' x,,\n");
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn ways_are_those_of_relpath() {
        for (path, from, way) in [
            ("usr/lib/python3/site-packages/a/b.py", "usr/lib/python3/site-packages", "a/b.py"),
            ("usr/bin/x", "usr/lib/python3.12/site-packages", "../../../bin/x"),
            ("opt/x", "lib", "../opt/x"),
            ("x", "", "x"),
            ("usr/libx/y", "usr/lib", "../libx/y"),
        ] {
            assert_eq!(relative(path, from), way);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(paths in proptest::collection::btree_set("[ -~é\u{a0}]{1,12}", 0..20), size: u64) {
            let content = Some((Digest::of(&size.to_le_bytes()), size));
            let files = paths.iter().map(|path| Recorded { path: path.clone(), content }).collect();
            let rows = read(&write(files)).unwrap();
            prop_assert!(rows.iter().map(|row| &row.path).eq(&paths));
            let hash = content.map(|(digest, _)| Hash::Sha256(digest));
            prop_assert!(rows.iter().all(|row| row.hash == hash && row.size == Some(size)));
        }

        #[test]
        fn rubbish_never_panics(text: Vec<u8>) {
            let _ = read(&text);
        }
    }
}
