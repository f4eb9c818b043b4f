//! The repository's own example: three specs built on each other, and the packages they lay.

use std::fs;
use std::path::Path;

use super::sandbox::repository;
use super::{Run, Sandbox};

/// A sandbox with a copy of `specs/` and `layers/`.
pub fn examples() -> Sandbox {
    let sandbox = Sandbox::new();
    for folder in ["specs", "layers"] {
        copy(&repository().join(folder), &sandbox.path(folder));
    }
    sandbox
}

/// Copies a folder with all that is in it; modes are kept.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Pushes all three examples to the registry at `host`.
pub fn push(sandbox: &Sandbox, host: &str) -> Run {
    sandbox.run(["push", "specs", "--json", "--set", &format!("REGISTRY={host}")])
}
