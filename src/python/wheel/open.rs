//! Opening a wheel: what it has to have, and what has to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use pep440_rs::Version;

use super::entry_points::EntryPoints;
use super::headers::Headers;
use super::{Metadata, Wheel, WheelFile, WheelMember};
use crate::digest::Digest;
use crate::python::name::{WheelName, normalise_name};
use crate::python::record::{self, Row};
use crate::python::zip::{Archive, Member, shown};

/// The most bytes of `RECORD`: 168 for each of the most members.
const RECORD: u64 = 32 << 20;
/// The most bytes of `METADATA`, most of which are a description.
const METADATA: u64 = 8 << 20;
/// The most bytes of `WHEEL` and of `entry_points.txt`.
const SMALL: u64 = 1 << 20;
/// The most bytes of a signature of `RECORD`.
const SIGNATURE: u64 = 1 << 20;

pub fn open(file: &WheelFile) -> Result<Wheel, String> {
    let name = WheelName::parse(&file.name)?;
    let archive = Archive::open(Arc::clone(&file.file), file.offset, file.size)?;
    let (info, data) = directories(&archive, &name)?;
    let record = needed(&archive, &info, "RECORD", RECORD)?;
    let rows = record::read(&record).map_err(|why| format!("its RECORD makes no sense: {why}"))?;
    let files = check_record(&archive, &info, &rows)?;

    let read = |member: &str, limit: u64| -> Result<Option<Vec<u8>>, String> {
        let path = format!("{info}/{member}");
        let Ok(at) = files.binary_search_by(|file| (*file.member.path).cmp(&path)) else { return Ok(None) };
        let Some(file) = files.get(at) else { return Ok(None) };
        let content = archive.read(&file.member, limit)?;
        if Digest::of(&content) != file.digest {
            return Err(format!("its {member} is not what RECORD says"));
        }
        Ok(Some(content))
    };
    let lacking = |member: &str| format!("it has no `{}/{member}`", shown(&info));
    let content = read("WHEEL", SMALL)?.ok_or_else(|| lacking("WHEEL"))?;
    let is_pure_library = check_wheel(&content).map_err(|why| format!("its WHEEL makes no sense: {why}"))?;
    let content = read("METADATA", METADATA)?.ok_or_else(|| lacking("METADATA"))?;
    let metadata = metadata(&content, &name).map_err(|why| format!("its METADATA make no sense: {why}"))?;
    let entry_points = match read("entry_points.txt", SMALL)? {
        Some(content) => {
            EntryPoints::parse(&content).map_err(|why| format!("its entry_points.txt makes no sense: {why}"))?
        }
        None => EntryPoints::default(),
    };
    Ok(Wheel {
        label: name.file.as_str().into(),
        digest: file.digest,
        name,
        archive,
        files: files.into(),
        info,
        data,
        is_pure_library,
        metadata: Arc::new(metadata),
        entry_points: Arc::new(entry_points),
    })
}

/// The directories `NAME-VERSION.dist-info` and `NAME-VERSION.data`: one of the former, at most one of the latter, both
/// of what the file's name says.
fn directories(archive: &Archive, name: &WheelName) -> Result<(String, Option<String>), String> {
    let tops = |suffix: &str| -> BTreeSet<&str> {
        let first = archive.members().iter().filter_map(|member| member.path.split('/').next());
        first.filter(|top| top.ends_with(suffix)).collect()
    };
    let one = |suffix: &str| -> Result<Option<String>, String> {
        let mut found = tops(suffix).into_iter();
        let (first, second) = (found.next(), found.next());
        match (first, second) {
            (Some(first), Some(second)) => {
                Err(format!("it has two {suffix} directories, `{}` and `{}`", shown(first), shown(second)))
            }
            (Some(first), None) if !fits(first.strip_suffix(suffix).unwrap_or(first), name) => {
                Err(format!("its directory `{}` is not of {} {}", shown(first), name.distribution, name.version))
            }
            (first, _) => Ok(first.map(str::to_owned)),
        }
    };
    let info = one(".dist-info")?.ok_or("it has no .dist-info directory")?;
    Ok((info, one(".data")?))
}

/// Whether `NAME-VERSION` is of the name and version of the wheel.
fn fits(text: &str, name: &WheelName) -> bool {
    text.rsplit_once('-').is_some_and(|(distribution, version)| {
        normalise_name(distribution) == name.distribution && is_same_version(version, &name.version)
    })
}

/// Whether two versions are the same: `1.0` and `1.0.0` are, and `1+a_b` and `1+a.b`.
fn is_same_version(one: &str, other: &str) -> bool {
    match (Version::from_str(one), Version::from_str(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.replace('-', "_") == other.replace('-', "_"),
    }
}

/// A file of the metadata that has to be there.
fn needed(archive: &Archive, info: &str, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let member = archive.find(&format!("{info}/{name}")).filter(|member| !member.is_directory);
    archive.read(member.ok_or_else(|| format!("it has no `{}/{name}`", shown(info)))?, limit)
}

/// Holds the members to `RECORD`: all files but itself and its signatures are there with a digest. Rows of what is no file
/// of the wheel say nothing: wheels that were thinned out have them, and nothing is laid for them. Where the digest is not
/// of SHA-256 the member is read to find that.
fn check_record(archive: &Archive, info: &str, rows: &[Row]) -> Result<Vec<WheelMember>, String> {
    let mut by_path: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in rows {
        if by_path.insert(&row.path, row).is_some_and(|other| other != row) {
            return Err(format!("its RECORD has two rows for `{}` that differ", shown(&row.path)));
        }
    }
    let record = format!("{info}/RECORD");
    let signatures = [format!("{record}.jws"), format!("{record}.p7s")];
    let mut files = Vec::new();
    for member in archive.members().iter().filter(|member| !member.is_directory) {
        let row = by_path.remove(&*member.path);
        if *member.path == *record {
            continue;
        }
        let is_signature = signatures.iter().any(|signature| **signature == *member.path);
        let digest = match row {
            None if is_signature => Digest::of(&archive.read(member, SIGNATURE)?),
            None => return Err(format!("its member `{}` is not in its RECORD", shown(&member.path))),
            Some(row) => check_row(archive, member, row)?,
        };
        files.push(WheelMember { member: member.clone(), digest });
    }
    Ok(files)
}

/// The digest of a member by its row.
fn check_row(archive: &Archive, member: &Member, row: &Row) -> Result<Digest, String> {
    let shown = shown(&member.path);
    if let Some(size) = row.size.filter(|&size| size != member.size) {
        return Err(format!("its RECORD says that `{shown}` has {size} bytes, and it has {}", member.size));
    }
    match &row.hash {
        None => Err(format!("its RECORD has no digest of `{shown}`")),
        Some(record::Hash::Sha256(digest)) => Ok(*digest),
        Some(hash) => {
            let digest = hash.verify(&mut archive.open_member(member));
            let digest = digest.map_err(|error| format!("its member `{shown}` cannot be read: {error}"))?;
            digest.ok_or_else(|| format!("its member `{shown}` is not what RECORD says"))
        }
    }
}

/// Whether the library of a wheel is `purelib`, by its `WHEEL`.
fn check_wheel(content: &[u8]) -> Result<bool, String> {
    let headers = Headers::parse(content)?;
    let version = headers.needed("wheel-version")?;
    let mut numbers = version.split('.').map(|number| number.trim().parse::<u32>());
    match (numbers.next(), numbers.all(|number| number.is_ok())) {
        (Some(Ok(1)), true) => {}
        (Some(Ok(_)), true) => return Err(format!("it is of version {version}, and 1 is the only one there is")),
        _ => return Err(format!("`{}` is no version", shown(version))),
    }
    // Without it pip takes the wheel for one of a platform.
    match headers.one("root-is-purelib")?.map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(other) => Err(format!("Root-Is-Purelib is `{}`, not true or false", shown(other))),
    }
}

/// What `METADATA` say, which has to be of the wheel that the file's name says.
fn metadata(content: &[u8], name: &WheelName) -> Result<Metadata, String> {
    let headers = Headers::parse(content)?;
    let (project, version) = (headers.needed("name")?, headers.needed("version")?);
    if normalise_name(project) != name.distribution {
        return Err(format!("they are of `{}`, and the file's name says `{}`", shown(project), name.distribution));
    }
    if !is_same_version(version, &name.version) {
        return Err(format!("they are of version `{}`, and the file's name says `{}`", shown(version), name.version));
    }
    Ok(Metadata { version: version.to_owned(), requires_python: headers.one("requires-python")?.map(str::to_owned) })
}
