//! Indexes: where the files of a distribution are, by their digests
//! ([simple repository API](https://packaging.python.org/en/latest/specifications/simple-repository-api/)).
//!
//! An index is asked for addresses only: what is laid is what the lock's digests say.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::OnceLock;

use regex::Regex;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::Python;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::events::Task;
use crate::layer::shown_url;
use crate::python::WheelName;

/// How many bytes a page of an index may have.
const PAGE_LIMIT: u64 = 64 << 20;

/// A wheel that an index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexFile {
    pub name: WheelName,
    pub url: String,
    pub digest: Digest,
    pub size: Option<u64>,
}

/// How the store remembers what an index said.
#[derive(Serialize, Deserialize)]
struct Remembered {
    file: String,
    url: String,
    digest: Digest,
    size: Option<u64>,
}

/// The wheels of a distribution that have one of these digests. What an index said of them is remembered: another file with
/// one of these digests is the same file.
pub(super) fn files(
    python: &Python<'_>,
    index: &str,
    name: &str,
    digests: &BTreeSet<Digest>,
) -> Result<Vec<IndexFile>, Error> {
    let store = python.workshop.store();
    let mut key = Hasher::new();
    key.field(b"files of an index");
    key.field(index.as_bytes());
    key.field(name.as_bytes());
    digests.iter().for_each(|digest| key.field(digest.as_bytes()));
    let key = key.finish();
    if let Some(pack) = store.pack(&key)
        && let Ok(remembered) = serde_json::from_slice::<Vec<Remembered>>(pack.index())
        && !remembered.is_empty()
    {
        let known = remembered.into_iter().map(|one| {
            let name = WheelName::parse(&one.file).ok()?;
            Some(IndexFile { name, url: one.url, digest: one.digest, size: one.size })
        });
        return Ok(known.flatten().collect());
    }
    let page = format!("{}/{name}/", index.trim_end_matches('/'));
    let _running = python.workshop.events().begin(Task::Download { url: shown_url(&page) }, 0);
    let mut text = Vec::new();
    let read = python.workshop.door().download(&page)?.take(PAGE_LIMIT + 1).read_to_end(&mut text);
    read.map_err(|error| match error.downcast::<crate::registry::Error>() {
        Ok(error) => error.into(),
        Err(error) => Error::request(format!("failed to read `{}`: {error}", shown_url(&page)), "try again"),
    })?;
    if text.len() as u64 > PAGE_LIMIT {
        let what = format!("`{}` has more than {PAGE_LIMIT} bytes", shown_url(&page));
        return Err(python.refuse(what, Some("name the wheels' folder as `wheelhouse`".to_owned())));
    }
    let mut found = parse(&page, &String::from_utf8_lossy(&text));
    found.retain(|file| digests.contains(&file.digest));
    let remembered = found.iter().map(|file| Remembered {
        file: file.name.file.clone(),
        url: file.url.clone(),
        digest: file.digest,
        size: file.size,
    });
    if let Ok(bytes) = serde_json::to_vec(&remembered.collect::<Vec<_>>()) {
        store.new_pack()?.commit(&key, bytes)?;
    }
    Ok(found)
}

/// The wheels that a page names, in either of the two forms.
fn parse(page: &str, text: &str) -> Vec<IndexFile> {
    let Ok(base) = Url::parse(page) else { return Vec::new() };
    if text.trim_start().starts_with('{') {
        return parse_json(&base, text);
    }
    static ANCHOR: OnceLock<Option<Regex>> = OnceLock::new();
    let anchor = r#"(?is)<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')"#;
    let Some(anchor) = ANCHOR.get_or_init(|| Regex::new(anchor).ok()) else { return Vec::new() };
    let links = anchor.captures_iter(text).filter_map(|found| found.get(1).or(found.get(2)));
    let file = |link: regex::Match<'_>| {
        let mut url = base.join(&link.as_str().replace("&amp;", "&")).ok()?;
        let digest = Digest::from_hex(&url.fragment()?.strip_prefix("sha256=")?.to_ascii_lowercase())?;
        url.set_fragment(None);
        let name = decoded(url.path_segments()?.next_back()?)?;
        Some(IndexFile { name: WheelName::parse(&name).ok()?, url: url.into(), digest, size: None })
    };
    links.filter_map(file).collect()
}

#[derive(Deserialize)]
struct JsonPage {
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    size: Option<u64>,
}

fn parse_json(base: &Url, text: &str) -> Vec<IndexFile> {
    let Ok(page) = serde_json::from_str::<JsonPage>(text) else { return Vec::new() };
    let file = |file: JsonFile| {
        let digest = Digest::from_hex(&file.hashes.get("sha256")?.to_ascii_lowercase())?;
        let mut url = base.join(&file.url).ok()?;
        url.set_fragment(None);
        Some(IndexFile { name: WheelName::parse(&file.filename).ok()?, url: url.into(), digest, size: file.size })
    };
    page.files.into_iter().filter_map(file).collect()
}

/// A name of an address, percent-decoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}
