//! Small wheels: pure ones, and such as say that they are for a platform.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::zip::{Member, zip};

/// A wheel to be written. Its files stand before its `.dist-info`, whose `RECORD` is its last member.
#[derive(Debug, Clone)]
pub struct SmallWheel {
    pub name: String,
    pub version: String,
    /// The tags, as the file name has them: `py3-none-any`.
    pub tags: String,
    /// The lines of `METADATA` after the version's.
    pub metadata: String,
    /// The lines of `WHEEL` before the tags'.
    pub wheel: String,
    /// What `entry_points.txt` holds, if there is one.
    pub entry_points: String,
    /// The members beside `.dist-info`.
    pub files: Vec<Member>,
}

impl SmallWheel {
    /// A pure wheel with a module of the project's name, whose `version` is the version.
    pub fn new(name: &str, version: &str) -> SmallWheel {
        let module = format!("version = {version:?}\n");
        SmallWheel {
            name: name.to_owned(),
            version: version.to_owned(),
            tags: "py3-none-any".to_owned(),
            metadata: String::new(),
            wheel: "Wheel-Version: 1.0\nGenerator: tarsia-tests\nRoot-Is-Purelib: true\n".to_owned(),
            entry_points: String::new(),
            files: vec![Member::new(format!("{}.py", escaped(name)), module)],
        }
    }

    /// Makes it one for these tags, with an extension that nothing can load.
    pub fn binary(mut self, tags: &str) -> SmallWheel {
        self.tags = tags.to_owned();
        self.wheel = self.wheel.replace("Purelib: true", "Purelib: false");
        let name = format!("_{}.so", escaped(&self.name));
        self.files.push(Member::new(name, format!("\x7fELF of {tags}\n")).mode(0o100_755));
        self
    }

    /// Adds a file.
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> SmallWheel {
        self.files.push(Member::new(path, content));
        self
    }

    /// Adds a file of a scheme, below `.data`.
    pub fn data(self, path: &str, content: impl AsRef<[u8]>) -> SmallWheel {
        let path = format!("{}-{}.data/{path}", escaped(&self.name), self.version);
        self.file(&path, content)
    }

    /// Adds a console script: `tool = module:function`.
    pub fn script(mut self, script: &str) -> SmallWheel {
        if self.entry_points.is_empty() {
            self.entry_points = "[console_scripts]\n".to_owned();
        }
        self.entry_points += &format!("{script}\n");
        self
    }

    /// Adds a requirement.
    pub fn requires(mut self, requirement: &str) -> SmallWheel {
        self.metadata += &format!("Requires-Dist: {requirement}\n");
        self
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", escaped(&self.name), self.version, self.tags)
    }

    /// The name of its `.dist-info`.
    pub fn dist_info(&self) -> String {
        format!("{}-{}.dist-info", escaped(&self.name), self.version)
    }

    /// Its members, without `RECORD`.
    pub fn members(&self) -> Vec<Member> {
        let inner = |name: &str, content: String| Member::new(format!("{}/{name}", self.dist_info()), content);
        let mut members = self.files.clone();
        let metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        members.push(inner("METADATA", metadata + &self.metadata));
        let mut parts = self.tags.splitn(3, '-');
        let mut part = || parts.next().unwrap().split('.').collect::<Vec<_>>();
        let (pythons, abis, platforms) = (part(), part(), part());
        let mut wheel = self.wheel.clone();
        for python in &pythons {
            for abi in &abis {
                wheel.extend(platforms.iter().map(|platform| format!("Tag: {python}-{abi}-{platform}\n")));
            }
        }
        members.push(inner("WHEEL", wheel));
        if !self.entry_points.is_empty() {
            members.push(inner("entry_points.txt", self.entry_points.clone()));
        }
        members
    }

    /// The rows of `RECORD` for these members, without its own.
    pub fn rows(members: &[Member]) -> Vec<String> {
        members.iter().map(|member| row(&String::from_utf8_lossy(&member.name), &member.content)).collect()
    }

    /// `RECORD` of these rows, and its own.
    pub fn record(&self, rows: &[String]) -> Member {
        let name = format!("{}/RECORD", self.dist_info());
        Member::new(&name, format!("{}\n{name},,\n", rows.join("\n")))
    }

    /// The wheel's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_of(self.members())
    }

    /// The bytes with other members, and a `RECORD` that is true of them.
    pub fn bytes_of(&self, mut members: Vec<Member>) -> Vec<u8> {
        members.push(self.record(&SmallWheel::rows(&members)));
        zip(&members)
    }

    /// Writes it into a folder that is made for it.
    pub fn write(&self, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join(self.file_name());
        fs::write(&file, self.bytes()).unwrap();
        file
    }
}

/// A row of `RECORD`.
pub fn row(path: &str, content: &[u8]) -> String {
    let path =
        if path.contains([',', '"', '\n']) { format!("\"{}\"", path.replace('"', "\"\"")) } else { path.to_owned() };
    format!("{path},sha256={},{}", URL_SAFE_NO_PAD.encode(Sha256::digest(content)), content.len())
}

/// A project's name as files of it have it.
fn escaped(name: &str) -> String {
    name.replace(['-', '.'], "_").to_lowercase()
}
