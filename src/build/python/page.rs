//! Pages: which files an index lists, in either of the forms that it may answer in.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::Digest;

/// A file that an index lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name.
    pub file: String,
    /// Where it is.
    pub url: String,
    pub digest: Digest,
    pub size: Option<u64>,
}

/// The files of a page that is found at `base`, those of which it says a SHA-256 digest. What is malformed is left out.
///
/// # Errors
///
/// If it is no page, and why.
pub(super) fn parse(base: &Url, text: &str) -> Result<Vec<Listed>, String> {
    match text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).strip_prefix('{') {
        Some(_) => json(base, text.trim_start_matches('\u{feff}')),
        None => Ok(html(base, text)),
    }
}

#[derive(Deserialize)]
struct JsonPage {
    files: Vec<JsonEntry>,
}

/// One by one: what is wrong with a file is no other's fault.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonEntry {
    File(JsonFile),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct JsonFile {
    filename: String,
    url: String,
    hashes: BTreeMap<String, Option<String>>,
    size: Option<u64>,
}

fn json(base: &Url, text: &str) -> Result<Vec<Listed>, String> {
    let page: JsonPage =
        serde_json::from_str(text).map_err(|error| format!("it begins like JSON and is none: {error}"))?;
    let listed = |entry: JsonEntry| {
        let JsonEntry::File(file) = entry else { return None };
        let digest = Digest::from_hex(&file.hashes.get("sha256")?.as_ref()?.to_ascii_lowercase())?;
        let mut url = base.join(&file.url).ok()?;
        url.set_fragment(None);
        Some(Listed { file: file.filename, url: url.into(), digest, size: file.size })
    };
    Ok(page.files.into_iter().filter_map(listed).collect())
}

fn html(base: &Url, text: &str) -> Vec<Listed> {
    let mut base = base.clone();
    let mut has_base = false;
    let mut files = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            // One that does not end hides all that follows.
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let Some(tag) = Tag::read(after) else {
            rest = after;
            continue;
        };
        rest = tag.rest;
        let Some(href) = tag.href else { continue };
        if tag.name.eq_ignore_ascii_case("a") {
            files.extend(link(&base, &href));
        } else if tag.name.eq_ignore_ascii_case("base") && !has_base {
            has_base = true;
            base = base.join(&href).unwrap_or(base);
        }
    }
    files
}

fn link(base: &Url, href: &str) -> Option<Listed> {
    let mut url = base.join(href).ok()?;
    let digits = url.fragment()?.split('&').find_map(|part| part.strip_prefix("sha256="))?;
    let digest = Digest::from_hex(&digits.to_ascii_lowercase())?;
    url.set_fragment(None);
    let file = crate::percent::decode_text(url.path_segments()?.next_back()?)?;
    Some(Listed { file, url: url.into(), digest, size: None })
}

/// A tag that begins something.
struct Tag<'t> {
    name: &'t str,
    /// Its first `href`, references to characters resolved.
    href: Option<String>,
    /// What follows the tag.
    rest: &'t str,
}

impl<'t> Tag<'t> {
    /// Reads what follows a `<`; nothing if that begins no tag.
    fn read(text: &'t str) -> Option<Tag<'t>> {
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/'))?;
        let (name, mut rest) = text.split_at_checked(end)?;
        let mut href = None;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            if let Some(rest) = rest.strip_prefix('>') {
                return Some(Tag { name, href, rest });
            }
            let (attribute, value, after) = attribute(rest)?;
            if href.is_none() && attribute.eq_ignore_ascii_case("href") {
                href = value.map(|value| resolved(value.trim_matches(|c: char| c.is_ascii_whitespace())));
            }
            rest = after;
        }
    }
}

/// An attribute, its value, and what follows. Every call takes at least one character.
fn attribute(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let first = text.chars().next()?.len_utf8();
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/' | '=');
    let end = text.get(first..)?.find(ends).map_or(text.len(), |at| at + first);
    let (name, rest) = text.split_at_checked(end)?;
    let Some(value) = rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).strip_prefix('=') else {
        return Some((name, None, rest));
    };
    let value = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let (value, rest) = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split_once(quote)?,
        _ => value.split_at_checked(value.find(|c: char| c.is_ascii_whitespace() || c == '>')?)?,
    };
    Some((name, Some(value), rest))
}

/// Names of characters that may be in an address.
const NAMED: [(&str, char); 21] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("num", '#'),
    ("equals", '='),
    ("plus", '+'),
    ("percnt", '%'),
    ("sol", '/'),
    ("colon", ':'),
    ("period", '.'),
    ("lowbar", '_'),
    ("excl", '!'),
    ("quest", '?'),
    ("semi", ';'),
    ("comma", ','),
    ("commat", '@'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
];

/// A text with its references to characters resolved; what is none stays as it is.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        // No name that is known is longer.
        let end = after.bytes().take(12).position(|byte| byte == b';');
        let found = end.and_then(|end| Some((character(after.get(..end)?)?, after.get(end + 1..)?)));
        match found {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(reference: &str) -> Option<char> {
    let Some(number) = reference.strip_prefix('#') else {
        return NAMED.iter().find(|(name, _)| *name == reference).map(|(_, character)| *character);
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn urls(text: &str) -> Vec<String> {
        let base = Url::parse("https://h.example/simple/a/").unwrap();
        parse(&base, text).unwrap().into_iter().map(|listed| listed.url).collect()
    }

    #[test]
    fn links_are_where_a_browser_sees_them() {
        let hash = format!("#sha256={}", "0".repeat(64));
        for (page, expected) in [
            ("<a href=\"b.whl@\">", &["https://h.example/simple/a/b.whl"][..]),
            ("<a title=\"a>b\" href='/b.whl@' >", &["https://h.example/b.whl"]),
            ("<a href=//o.example/b.whl@>", &["https://o.example/b.whl"]),
            ("<a\n\thref\n=\n\"b.whl@\"/>", &["https://h.example/simple/a/b.whl"]),
            ("<a disabled href=\" b.whl@ \">", &["https://h.example/simple/a/b.whl"]),
            (
                "<base href=\"https://o.example/x/\"><base href=\"/y\"><a href=\"b.whl@\">",
                &["https://o.example/x/b.whl"],
            ),
            ("<a href=\"b&#x2E;wh&#108;@\">", &["https://h.example/simple/a/b.whl"]),
            ("<a href=\"b.whl?x=1&amp;y&amp@\">", &["https://h.example/simple/a/b.whl?x=1&y&amp"]),
            (
                "<a href=\"b.whl@\" href=\"c.whl@\"><a href=\"d.whl@\">",
                &["https://h.example/simple/a/b.whl", "https://h.example/simple/a/d.whl"],
            ),
            ("<!-- <a href=\"b.whl@\"> -->", &[]),
            ("<abbr href=\"b.whl@\">", &[]),
            ("<a data-href=\"b.whl@\">", &[]),
            ("< a href=\"b.whl@\">", &[]),
            ("<a href=\"b.whl@", &[]),
        ] {
            assert_eq!(urls(&page.replace('@', &hash)), expected, "{page}");
        }
    }

    #[test]
    fn a_file_without_a_digest_is_none() {
        assert_eq!(urls("<a href=\"b.whl\">"), [""; 0]);
        assert_eq!(urls("<a href=\"b.whl#md5=0\">"), [""; 0]);
        assert_eq!(urls(r#"{"files": [{"filename": "b", "url": "b", "hashes": {}}]}"#), [""; 0]);
        let base = Url::parse("https://h.example/").unwrap();
        assert!(parse(&base, "{\"files\"").is_err() && parse(&base, " {\"none\": []}").is_err());
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_read(text in "[<>a-b =\"'&#;:/!-]{0,80}|\\PC{0,60}") {
            let base = Url::parse("https://h.example/").unwrap();
            let _ = parse(&base, &text);
        }
    }
}
