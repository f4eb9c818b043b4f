//! Images to push: the repository's own example, three specs built on each other, and a small one.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::registry::{Registry, digest_of};
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

/// Pushes all three examples to the registry.
pub fn push(sandbox: &Sandbox, registry: &Registry) -> Run {
    sandbox.run(["push", "specs", "--no-remote-cache", "--json", "--set", &format!("REGISTRY={}", registry.host())])
}

/// A sandbox with one small image of two layers in `app.toml`, pushed as `app:latest` to `${REGISTRY}`.
pub fn small() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("app.toml", SMALL).file("lib/lib.py", "lib = 1\n").file("app/app.py", "app = 1\n");
    sandbox
}

const SMALL: &str = r#"name = "app"
base = "scratch"
repository = "${REGISTRY}/app"

[[layer]]
name = "lib"
context = "lib"
to = "/opt/lib/"

[[layer]]
name = "app"
context = "app"
to = "/opt/app/"
"#;

/// Pushes `app.toml` to the registry.
pub fn push_small(sandbox: &Sandbox, registry: &Registry) -> Run {
    sandbox.run(["push", "app.toml", "--no-remote-cache", "--json", "--set", &format!("REGISTRY={}", registry.host())])
}

/// Makes sure that a tag stands for an image whose every part is there and is what its digest says, and returns the
/// digest.
#[track_caller]
pub fn assert_whole(registry: &Registry, repository: &str, tag: &str) -> String {
    let digest = registry.resolve(repository, tag).unwrap_or_else(|| panic!("no tag `{tag}` in `{repository}`"));
    let (_, bytes) = registry.manifest(repository, &digest).unwrap();
    assert_eq!(digest_of(&bytes), digest);
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    for descriptor in layers.iter().chain([&manifest["config"]]) {
        let named = descriptor["digest"].as_str().unwrap();
        let blob = registry.blob(repository, named).unwrap_or_else(|| panic!("no blob {named} in `{repository}`"));
        assert_eq!(digest_of(&blob), named);
        assert_eq!(blob.len() as u64, descriptor["size"].as_u64().unwrap());
    }
    let config: Value =
        serde_json::from_slice(&registry.blob(repository, manifest["config"]["digest"].as_str().unwrap()).unwrap())
            .unwrap();
    for (layer, diff_id) in layers.iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap()) {
        let blob = registry.blob(repository, layer["digest"].as_str().unwrap()).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&blob[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(digest_of(&plain), *diff_id);
    }
    digest
}
