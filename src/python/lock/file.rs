//! Files that locks name: where they are, and what they are called.

use super::text::{Place, shown};
use super::{LockError, LockedWheel};
use crate::digest::Digest;
use crate::percent::decode_text;
use crate::python::name::{WheelName, normalise_name};

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// It can be downloaded from there.
    Url(String),
    /// It lies there, relative to the lock or absolute.
    Path(String),
}

impl Location {
    /// Reads the address of a file, `https://…`, `http://…` or `file://…`; a fragment is left out.
    ///
    /// # Errors
    ///
    /// Of another kind, with a password in it, or with what no address holds.
    pub fn address(text: &str, place: &Place) -> Result<Location, LockError> {
        check_address(text, place)?;
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("https" | "http") => Ok(Location::Url(text.to_owned())),
            Some("file") => {
                let rest = text.split_once("://").map_or("", |(_, rest)| rest);
                let path = rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(rest);
                let decoded = decode_text(path).filter(|path| path.starts_with('/') && is_plain(path));
                let Some(path) = decoded else {
                    let what = format!("`{}` is not the address of a file on this machine", shown(text));
                    return Err(place.error(what, "write it as file:///…, or as a path"));
                };
                Ok(Location::Path(path))
            }
            _ => {
                let what = format!("`{}` is not an address of a file", shown(text));
                Err(place.error(what, "files are at https://, http:// or file:///, or are paths"))
            }
        }
    }

    /// Takes a path as it is.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn path(text: &str, place: &Place) -> Result<Location, LockError> {
        match text.is_empty() || !is_plain(text) {
            true => Err(place.error(format!("`{}` is not a path", shown(text)), "")),
            false => Ok(Location::Path(text.to_owned())),
        }
    }

    /// The name of the file.
    pub fn file_name(&self) -> String {
        match self {
            Location::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                let last = path.rsplit('/').next().unwrap_or_default();
                decode_text(last).unwrap_or_else(|| last.to_owned())
            }
            Location::Path(path) => path.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

/// Refuses an address that holds a password, or what no address holds. The message does not repeat the password.
pub(super) fn check_address(text: &str, place: &Place) -> Result<(), LockError> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(place.error(format!("`{}` is not an address", shown(text)), "write spaces as %20"));
    }
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((_, host)) = authority.rsplit_once('@') {
        let what = format!("the address at `{}` holds a user or a password", shown(host));
        return Err(place.error(what, "take them out of the lock: whoever reads it could use them"));
    }
    Ok(())
}

/// A file of a lock, before it is known to be a wheel.
#[derive(Debug)]
pub(super) struct NamedFile<'l> {
    /// Its name, if it is said; else the location's.
    pub name: Option<&'l str>,
    /// Where it is.
    pub location: Location,
    /// Its size in bytes, if it is said.
    pub size: Option<u64>,
    /// Its digest.
    pub digest: Digest,
}

impl NamedFile<'_> {
    /// The file as a wheel of a package: of this name, and of this version if it has one.
    ///
    /// # Errors
    ///
    /// If it is none, or another's.
    pub fn wheel(self, package: &str, version: Option<&str>, place: &Place) -> Result<LockedWheel, LockError> {
        let file = self.name.map_or_else(|| self.location.file_name(), str::to_owned);
        let named = match is_plain(&file) && !file.contains(['/', '\\']) {
            true => WheelName::parse(&file),
            false => Err("it is not a file's name".to_owned()),
        };
        let name = named.map_err(|why| {
            let what = format!("`{}` is not the name of a wheel: {}", shown(&file), shown(&why));
            place.error(what, "write the lock anew with the tool that made it")
        })?;
        let other = |what: String| Err(place.error(what, "write the lock anew with the tool that made it"));
        if normalise_name(&name.distribution) != package {
            return other(format!("`{}` is not a wheel of `{}`", shown(&file), shown(package)));
        }
        if version.is_some_and(|version| !same_version(version, &name.version)) {
            let version = shown(version.unwrap_or_default());
            return other(format!("`{}` is not a wheel of `{}` {version}", shown(&file), shown(package)));
        }
        let (url, path) = match self.location {
            Location::Url(url) => (Some(url), None),
            Location::Path(path) => (None, Some(path)),
        };
        Ok(LockedWheel { name, digest: self.digest, size: self.size, url, path })
    }
}

/// Whether two versions are one: `1.0` and `1.0.0`.
pub(super) fn same_version(one: &str, other: &str) -> bool {
    let parsed = |version: &str| version.parse::<pep440_rs::Version>().ok();
    one == other || parsed(one).is_some_and(|one| parsed(other) == Some(one))
}

/// A name of a project, normalised.
///
/// # Errors
///
/// If it is none
/// ([names](https://packaging.python.org/en/latest/specifications/name-normalization/#name-format)).
pub(super) fn project_name(text: &str, place: &Place) -> Result<String, LockError> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    match text.chars().all(inner) && outer(text.chars().next()) && outer(text.chars().next_back()) {
        true => Ok(normalise_name(text)),
        false => Err(place.error(format!("`{}` is not a name of a project", shown(text)), "")),
    }
}

/// The SHA-256 digest of these, `sha256` and the digits.
///
/// # Errors
///
/// If there is none, or it is malformed. `none` are the words where there is no hash at all.
pub(super) fn sha256<'l>(
    hashes: impl IntoIterator<Item = (&'l str, &'l str)>,
    none: &str,
    place: &Place,
) -> Result<Digest, LockError> {
    let help = "lock again, so that every file has a SHA-256 hash";
    let mut others = Vec::new();
    for (algorithm, digits) in hashes {
        if !algorithm.eq_ignore_ascii_case("sha256") {
            others.push(algorithm);
            continue;
        }
        return Digest::from_hex(&digits.to_ascii_lowercase()).ok_or_else(|| {
            place.error(format!("`{}` is not a SHA-256 hash: those have 64 hex digits", shown(digits)), help)
        });
    }
    if others.is_empty() {
        return Err(place.error(none, help));
    }
    others.truncate(3);
    Err(place.error(format!("there are hashes of {} alone, and SHA-256 is needed", super::text::listed(others)), help))
}

/// Whether a text can be a path: no character in it that ends a line or cannot be in one.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
