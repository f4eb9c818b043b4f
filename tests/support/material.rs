//! The real wheels that the tests work with, and the pip that judges them: what `tests/python/material` has downloaded.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::debian;
use super::tools::tool;

/// Wheels for a Python on a platform, as pip chose them for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// The folder's name.
    pub name: &'static str,
    /// The version of Python.
    pub python: &'static str,
    /// As images name the architecture.
    pub architecture: &'static str,
}

/// CPython 3.11 with glibc on x86-64.
pub const AMD64: Set = Set { name: "cp311-x86_64", python: "3.11", architecture: "amd64" };
/// The same on 64-bit ARM.
pub const ARM64: Set = Set { name: "cp311-aarch64", python: "3.11", architecture: "arm64" };
/// Some wheels for CPython 3.12 with glibc on 64-bit ARM.
pub const ARM64_312: Set = Set { name: "cp312-aarch64", python: "3.12", architecture: "arm64" };
/// Some wheels for CPython 3.11 with musl on x86-64.
pub const MUSL: Set = Set { name: "cp311-musl-x86_64", python: "3.11", architecture: "amd64" };

/// All of them.
pub const SETS: [Set; 4] = [AMD64, ARM64, ARM64_312, MUSL];

/// The set for this machine.
pub fn host() -> Set {
    match debian::architecture() {
        "arm64" => ARM64,
        _ => AMD64,
    }
}

impl Set {
    /// The wheels, sorted by name.
    #[track_caller]
    pub fn wheels(self) -> Vec<PathBuf> {
        let ours = Path::new(env!("CARGO_BIN_EXE_tarsia"));
        let below = |folder: &Path| -> Option<PathBuf> {
            let stamps = fs::read_dir(folder.join("wheels")).ok()?;
            let stamps = stamps.map(|stamp| stamp.unwrap().path());
            let whole = |stamp: &PathBuf| stamp.extension().is_none() && stamp.join(self.name).is_dir();
            stamps.filter(whole).map(|stamp| stamp.join(self.name)).next()
        };
        let folder = ours.ancestors().find_map(below).unwrap_or_else(|| {
            panic!("there is no `wheels` in the target folder: run tests/run, which downloads them")
        });
        let mut wheels: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|wheel| wheel.unwrap().path()).collect();
        wheels.sort();
        wheels
    }

    /// The wheels of these projects.
    #[track_caller]
    pub fn wheels_of(self, projects: &[&str]) -> Vec<PathBuf> {
        let all = self.wheels();
        let of = |project: &&str| {
            let begins = format!("{}-", project.replace('-', "_"));
            let found = all.iter().find(|wheel| file_name(wheel).starts_with(&begins));
            found.unwrap_or_else(|| panic!("no wheel of {project} in {}", self.name)).clone()
        };
        projects.iter().map(of).collect()
    }
}

/// The name of a file.
pub fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Puts files into a folder that is made for it, under their names.
pub fn gather(wheels: &[PathBuf], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for wheel in wheels {
        let to = folder.join(file_name(wheel));
        // What is there of the same name is the same. Not another name of one file: that would change the times of a file
        // that other tests are reading.
        if !to.exists() {
            fs::copy(wheel, to).unwrap();
        }
    }
}

/// The newest pip, run by CPython 3.11 in a Debian of its own: what this machine's Python is does not matter. Needs root.
pub struct Pip {
    root: TempDir,
}

impl Pip {
    #[track_caller]
    pub fn new() -> Pip {
        let root = TempDir::new().unwrap();
        let tarball = debian::python_tarball();
        tool("tar", ["-C".as_ref(), root.path().as_os_str(), "-xf".as_ref(), tarball.as_os_str()]);
        let pip = Pip { root };
        gather(&AMD64.wheels_of(&["pip"]), &pip.path("pip"));
        pip
    }

    /// Where a path of its file system lies.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Installs wheels with these flags, as files that are named. Nothing is compiled.
    #[track_caller]
    pub fn install(&self, wheels: &[PathBuf], flags: &[&str]) {
        gather(wheels, &self.path("wheels"));
        let quiet = ["--quiet", "--disable-pip-version-check", "--no-cache-dir", "--root-user-action=ignore"];
        let names: Vec<String> = wheels.iter().map(|wheel| format!("/wheels/{}", file_name(wheel))).collect();
        let mut arguments = vec!["install", "--no-deps", "--no-compile", "--no-index"];
        arguments.extend(quiet.iter().chain(flags));
        arguments.extend(names.iter().map(String::as_str));
        self.run(&arguments);
    }

    /// Runs pip.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let program = format!("/pip/{}/pip", file_name(&AMD64.wheels_of(&["pip"])[0]));
        let begin = [self.root.path().to_str().unwrap(), PYTHON, "-B", &program];
        tool("chroot", begin.iter().chain(arguments))
    }
}

/// Debian's interpreter in [`debian::python`].
pub const PYTHON: &str = "/usr/local/bin/python3.11";

/// The flags that tell pip what else than its own Python and platform it is to install for.
pub fn platform_flags(set: Set) -> Vec<String> {
    let machine = if set.architecture == "arm64" { "aarch64" } else { "x86_64" };
    let glibc = ["2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5"];
    let mut flags: Vec<String> =
        glibc.iter().map(|version| format!("--platform=manylinux_{version}_{machine}")).collect();
    flags.extend(["2014", "2010", "1"].map(|version| format!("--platform=manylinux{version}_{machine}")));
    flags.push(format!("--python-version={}", set.python));
    flags.extend(["--implementation=cp", "--only-binary=:all:"].map(str::to_owned));
    flags
}

/// What a script answers, as JSON, that the Python of an unpacked image runs in it.
#[track_caller]
pub fn run_in(root: &Path, variables: &[&str], arguments: &[&str]) -> String {
    let begin = [root.to_str().unwrap(), "/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"];
    tool("chroot", begin.iter().chain(variables).chain(&[PYTHON, "-B"]).chain(arguments))
}

/// The same, read.
#[track_caller]
pub fn json_of(root: &Path, variables: &[&str], arguments: &[&str]) -> Value {
    serde_json::from_str(&run_in(root, variables, arguments)).unwrap()
}
