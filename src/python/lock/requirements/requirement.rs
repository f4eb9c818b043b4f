//! Requirements: a name, a version or a file, a marker, and hashes.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::LockError;
use super::super::condition::Condition;
use super::super::file::{Location, NamedFile, project_name, sha256};
use super::super::pin::{Pin, PinnedFiles};
use super::super::text::{LockText, Place, shown};
use super::lines::Line;
use super::option::{self, Meaning};
use super::relative;
use crate::digest::Digest;
use crate::python::name::WheelName;

const PIN_IT: &str = "pin it: `pip-compile --generate-hashes`, `uv export --format requirements-txt`, or `pip lock`";

/// Ends of the names of source distributions and other archives.
const ARCHIVES: [&str; 8] = [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".tar"];

/// Reads a requirement of a file in `folder`. `at` is the line of the lock.
///
/// # Errors
///
/// If it is malformed, not pinned, without hash, or would have to be built.
pub(super) fn read(
    text: &LockText,
    line: &Line,
    folder: &Path,
    at: usize,
) -> Result<(Pin, Option<Condition>), LockError> {
    let options = line.options_at();
    let head = line.text().get(..options).unwrap_or_default().trim_end();
    let parts = Parts::of(head);
    let place = line.place(text, 0);
    let mut hashes = Vec::new();
    for setting in option::settings(text, line, options)? {
        match setting.meaning {
            Meaning::Hash => hashes.push(hash(&setting.value, &setting.place)?),
            Meaning::Harmless => {}
            _ => {
                let help = "give it a line of its own";
                return Err(setting.place.error("the option is about the whole file, not about a requirement", help));
            }
        }
    }
    let marker = match parts.marker {
        None => None,
        Some((marker, begin)) => Some(Condition::marker(marker, line.place(text, begin))?),
    };
    let named = Named { place, hashes, folder, at };
    let pin = match (parts.name, parts.file) {
        (Some(name), Some(file)) => named.file(Some(name), file)?,
        (None, Some(file)) => named.file(None, file)?,
        (Some(name), None) => named.version(name, parts.version)?,
        (None, None) => {
            let what = format!("`{}` is not a requirement", shown(head));
            return Err(named.place.error(what, "write `name==version --hash=sha256:…`"));
        }
    };
    Ok((pin, marker))
}

/// The parts of a requirement, as they are written.
#[derive(Debug, Default)]
struct Parts<'l> {
    name: Option<&'l str>,
    /// The version specifiers.
    version: &'l str,
    /// An address or a path.
    file: Option<&'l str>,
    /// The marker, and where it begins.
    marker: Option<(&'l str, usize)>,
}

impl<'l> Parts<'l> {
    fn of(head: &'l str) -> Parts<'l> {
        let end =
            head.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(head.len());
        let (name, rest) = head.split_at_checked(end).unwrap_or((head, ""));
        let rest = rest.trim_start();
        let after_extras = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => rest.trim_start(),
            None => rest,
        };
        let is_archive = |name: &str| ARCHIVES.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        let is_version = after_extras.is_empty() || after_extras.starts_with(['=', '<', '>', '!', '~', ';', '(']);
        let begins_file = name.is_empty() || (is_archive(name) && (rest.is_empty() || rest.starts_with(';')));
        if let Some(file) = after_extras.strip_prefix('@').filter(|_| !name.is_empty()) {
            let (file, marker) = split_file_marker(head, file);
            return Parts { name: Some(name), file: Some(file), marker, ..Parts::default() };
        }
        if is_version && !begins_file {
            let (version, marker) = match after_extras.split_once(';') {
                Some((version, marker)) => (version, Some((marker.trim(), offset(head, marker.trim())))),
                None => (after_extras, None),
            };
            return Parts { name: Some(name), version: version.trim(), marker, ..Parts::default() };
        }
        let (file, marker) = split_file_marker(head, head);
        let is_file = file.contains(['/', ':']) || is_archive(file) || file.starts_with('.');
        Parts { file: Some(file).filter(|_| is_file), marker, ..Parts::default() }
    }
}

/// Takes a marker off a file. A `;` may be part of an address, so there must be white space on one side of it.
fn split_file_marker<'l>(head: &'l str, file: &'l str) -> (&'l str, Option<(&'l str, usize)>) {
    let ends_file = |at: usize| {
        let before = file.get(..at).is_some_and(|before| before.ends_with(char::is_whitespace));
        before || file.get(at + 1..).is_some_and(|after| after.starts_with(char::is_whitespace))
    };
    match file.match_indices(';').map(|(at, _)| at).find(|at| ends_file(*at)) {
        None => (file.trim(), None),
        Some(at) => {
            let marker = file.get(at + 1..).unwrap_or_default().trim();
            (file.get(..at).unwrap_or_default().trim(), Some((marker, offset(head, marker))))
        }
    }
}

/// Where a part of a text begins in it.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

/// What all kinds of requirements have.
struct Named<'l> {
    place: Place,
    hashes: Vec<(String, String)>,
    folder: &'l Path,
    at: usize,
}

impl Named<'_> {
    /// `name==version`
    fn version(self, name: &str, specifiers: &str) -> Result<Pin, LockError> {
        let name = project_name(name, &self.place)?;
        let specifiers = specifiers.strip_prefix('(').and_then(|s| s.strip_suffix(')')).unwrap_or(specifiers).trim();
        if specifiers.is_empty() {
            return Err(self.place.error(format!("`{name}` has no version"), PIN_IT));
        }
        let open = || {
            let what = format!("`{name}{}` is not one version", shown(specifiers));
            self.place.error(what, PIN_IT)
        };
        let arbitrary = specifiers.strip_prefix("===").map(str::trim);
        let version = match arbitrary {
            Some(version) => version,
            None => specifiers.strip_prefix("==").map(str::trim).ok_or_else(open)?,
        };
        if version.contains([',', '<', '>', '=', '!', '~']) || (arbitrary.is_none() && version.ends_with(".*")) {
            return Err(open());
        }
        if arbitrary.is_none() && version.parse::<pep440_rs::Version>().is_err() {
            let what = format!("`{}` is not a version", shown(version));
            return Err(self.place.error(what, "versions are such as 1.2.3 or 2.0rc1"));
        }
        if version.is_empty() || version.contains(char::is_whitespace) {
            return Err(open());
        }
        let digests = self.digests(&name)?;
        let files = PinnedFiles::Digests(digests);
        let version = Some(version.to_owned());
        Ok(Pin { name, version, files, source: None, folder: None, place: self.place, line: self.at })
    }

    fn digests(&self, name: &str) -> Result<BTreeSet<Digest>, LockError> {
        let of_sha256: Vec<&(String, String)> =
            self.hashes.iter().filter(|(algorithm, _)| algorithm.eq_ignore_ascii_case("sha256")).collect();
        if of_sha256.is_empty() {
            self.digest(self.hashes.iter(), name)?;
        }
        of_sha256.into_iter().map(|hash| self.digest([hash], name)).collect()
    }

    fn digest<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h (String, String)>,
        name: &str,
    ) -> Result<Digest, LockError> {
        let hashes = hashes.into_iter().map(|(algorithm, digits)| (algorithm.as_str(), digits.as_str()));
        let none = format!("`{name}` has no hash, so it could be anything");
        sha256(hashes, &none, &self.place).map_err(|error| LockError {
            help: Some(
                "write hashes: `pip-compile --generate-hashes`, `uv export --format requirements-txt`".to_owned(),
            ),
            ..error
        })
    }

    /// `name @ address`, an address or a path
    fn file(mut self, name: Option<&str>, file: &str) -> Result<Pin, LockError> {
        let place = self.place.clone();
        let scheme = file.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let is_vcs = scheme.as_deref().is_some_and(|scheme| {
            ["git+", "hg+", "svn+", "bzr+"].iter().any(|vcs| scheme.starts_with(vcs)) || scheme == "git"
        });
        if is_vcs {
            let what = "it comes from a version control system, and would have to be built";
            return Err(place.error(what, "build a wheel of it (`pip wheel`), and name that file with its hash"));
        }
        let location = match file.contains("://") || file.starts_with("file:") {
            true => Location::address(&file.replacen("file:/", "file:///", usize::from(is_short(file))), &place)?,
            false => match Location::path(file, &place)? {
                Location::Path(path) => Location::Path(relative(self.folder, &path).to_string_lossy().into_owned()),
                location => location,
            },
        };
        if let Some((_, fragment)) = file.split_once('#') {
            let hashes = fragment.split('&').filter_map(|part| part.split_once('='));
            let known = hashes.filter(|(key, _)| matches!(*key, "sha256" | "sha384" | "sha512" | "sha1" | "md5"));
            self.hashes.extend(known.map(|(algorithm, digits)| (algorithm.to_owned(), digits.to_owned())));
        }
        let called = location.file_name();
        let is_wheel = called.to_ascii_lowercase().ends_with(".whl");
        if !is_wheel && (name.is_none() || !ARCHIVES.iter().any(|end| called.to_ascii_lowercase().ends_with(end))) {
            let what = format!("`{}` would have to be built", shown(file));
            let help =
                "build a wheel of it (`pip wheel`) and name that, or lay a project with a layer of `package = \"…\"`";
            return Err(place.error(what, help));
        }
        let name = match name {
            Some(name) => project_name(name, &place)?,
            None => match WheelName::parse(&called) {
                Ok(name) => name.distribution,
                Err(why) => {
                    let what = format!("`{}` is not the name of a wheel: {}", shown(&called), shown(&why));
                    return Err(place.error(what, "name a wheel's file"));
                }
            },
        };
        let digests = self.digests(&name)?;
        let mut all = digests.iter();
        let (Some(digest), None) = (all.next(), all.next()) else {
            return Err(place.error(format!("`{name}` has several hashes, and is one file"), "leave the right one"));
        };
        let file = NamedFile { name: None, location, size: None, digest: *digest };
        let (wheels, source) = match is_wheel {
            true => (vec![Ok(file.wheel(&name, None, &place)?)], None),
            false => (Vec::new(), Some(shown(&called))),
        };
        Ok(Pin { name, version: None, files: PinnedFiles::Wheels(wheels), source, folder: None, place, line: self.at })
    }
}

/// `file:/a` is short for `file:///a`.
fn is_short(file: &str) -> bool {
    file.strip_prefix("file:/").is_some_and(|rest| !rest.starts_with('/'))
}

/// `sha256:…`
fn hash(value: &str, place: &Place) -> Result<(String, String), LockError> {
    match value.split_once(':') {
        Some((algorithm, digits)) if !algorithm.is_empty() => Ok((algorithm.to_owned(), digits.to_owned())),
        _ => Err(place.error(format!("`{}` is not a hash", shown(value)), "hashes are such as --hash=sha256:…")),
    }
}
