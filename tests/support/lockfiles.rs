//! Locks of all three kinds, that pin wheels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::material::file_name;
use super::registry::digest_of;

/// A wheel that is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Where it lies.
    pub file: PathBuf,
    /// The project's name, normalised.
    pub name: String,
    pub version: String,
    /// In hexadecimal.
    pub sha256: String,
    pub size: u64,
}

impl Pinned {
    pub fn of(wheel: &Path) -> Pinned {
        let bytes = fs::read(wheel).unwrap();
        let mut parts = file_name(wheel).split('-');
        Pinned {
            file: wheel.to_owned(),
            name: parts.next().unwrap().replace(['_', '.'], "-").to_lowercase(),
            version: parts.next().unwrap().to_owned(),
            sha256: digest_of(&bytes)["sha256:".len()..].to_owned(),
            size: bytes.len() as u64,
        }
    }

    pub fn file_name(&self) -> &str {
        file_name(&self.file)
    }
}

/// The kinds of locks, by the names that their files have.
pub const KINDS: [&str; 3] = ["pylock.toml", "requirements.txt", "uv.lock"];

/// A lock of a kind that pins these wheels; `url` says where a wheel can be downloaded, `simple` where projects are listed.
pub fn lock(kind: &str, wheels: &[Pinned], simple: &str, url: &dyn Fn(&str) -> String) -> String {
    let mut projects: BTreeMap<(&str, &str), Vec<&Pinned>> = BTreeMap::new();
    for wheel in wheels {
        let of = projects.entry((&wheel.name, &wheel.version)).or_default();
        // A pure wheel may lie in the folders of several platforms.
        if of.iter().all(|other| other.sha256 != wheel.sha256) {
            of.push(wheel);
        }
    }
    match kind {
        "pylock.toml" => pylock(&projects, simple, url),
        "requirements.txt" => requirements(&projects, simple),
        "uv.lock" => uv(&projects, simple, url),
        other => panic!("no lock is called {other}"),
    }
}

type Projects<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Pinned>>;

/// [PEP 751](https://packaging.python.org/en/latest/specifications/pylock-toml/).
fn pylock(projects: &Projects, simple: &str, url: &dyn Fn(&str) -> String) -> String {
    let mut text = "lock-version = \"1.0\"\ncreated-by = \"tarsia-tests\"\nrequires-python = \">=3.11\"\n".to_owned();
    for ((name, version), wheels) in projects {
        text += &format!("\n[[packages]]\nname = {name:?}\nversion = {version:?}\nindex = {simple:?}\n");
        for wheel in wheels {
            let (file, url) = (wheel.file_name(), url(wheel.file_name()));
            text += &format!(
                "\n[[packages.wheels]]\nname = {file:?}\nurl = {url:?}\nsize = {}\nhashes = {{ sha256 = {:?} }}\n",
                wheel.size, wheel.sha256
            );
        }
    }
    text
}

/// What `pip-compile --generate-hashes --emit-index-url` writes.
fn requirements(projects: &Projects, simple: &str) -> String {
    let mut text = format!("# A lock.\n--index-url {simple}\n\n");
    for ((name, version), wheels) in projects {
        text += &format!("{name}=={version}");
        for wheel in wheels {
            text += &format!(" \\\n    --hash=sha256:{}", wheel.sha256);
        }
        text += "\n    # via app\n";
    }
    text
}

/// What `uv lock` writes.
fn uv(projects: &Projects, simple: &str, url: &dyn Fn(&str) -> String) -> String {
    let mut text = "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n".to_owned();
    text += "\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [\n";
    for (name, _) in projects.keys() {
        text += &format!("    {{ name = {name:?} }},\n");
    }
    text += "]\n\n[package.metadata]\nrequires-dist = [\n";
    for (name, version) in projects.keys() {
        text += &format!("    {{ name = {name:?}, specifier = \"=={version}\" }},\n");
    }
    text += "]\n";
    for ((name, version), wheels) in projects {
        text +=
            &format!("\n[[package]]\nname = {name:?}\nversion = {version:?}\nsource = {{ registry = {simple:?} }}\n");
        text += "wheels = [\n";
        for wheel in wheels {
            let (url, hash, size) = (url(wheel.file_name()), &wheel.sha256, wheel.size);
            text += &format!("    {{ url = {url:?}, hash = \"sha256:{hash}\", size = {size} }},\n");
        }
        text += "]\n";
    }
    text
}
