//! A workspace of three images built on each other over a published base, and what was asked for it.

use serde_json::Value;

use super::images::{HandMade, Tar};
use super::registry::{Kind, Log, Registry};
use super::{Run, Sandbox};

/// Bytes that do not compress, and others for each seed.
pub fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// How many layers [`base`] has.
pub const BASE_LAYERS: usize = 4;

/// A base of some layers of a megabyte of noise each: a read of one would show.
pub fn base() -> HandMade {
    base_for("arm64")
}

/// The same for another architecture.
pub fn base_for(architecture: &str) -> HandMade {
    let mut base = HandMade::new();
    base.config["architecture"] = architecture.into();
    let seed = u32::try_from(architecture.len()).unwrap() * 10;
    for layer in 0..BASE_LAYERS {
        let mut tar = Tar::default();
        tar.folder("opt/", 0o755).folder("var/", 0o755).folder("var/task/", 0o711);
        tar.file(&format!("opt/lib{layer}"), &noise(seed + layer as u32, 1 << 20));
        base = base.layer(&tar.end());
    }
    base
}

/// The digests of an image's layers.
pub fn layers_of(image: &HandMade) -> Vec<String> {
    let manifest = image.manifest();
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// The images of [`workspace`]: c is built on b, b on a.
pub const IMAGES: [&str; 3] = ["a", "b", "c"];

/// Three specs in `specs` with a layer of their own each. `more` is put into each spec.
pub fn workspace(base: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, base) in
        IMAGES.iter().zip([format!("{base:?}"), "{ spec = \"a.toml\" }".into(), "{ spec = \"b.toml\" }".into()])
    {
        let spec = format!(
            "name = \"{name}\"\nbase = {base}\nrepository = \"${{REGISTRY}}/team/{name}\"\n{more}\n\
             [[layer]]\nname = \"{name}\"\ncontext = \"../{name}\"\nto = \"/var/task/{name}/\"\n"
        );
        sandbox.file(&format!("specs/{name}.toml"), spec);
        sandbox.file(&format!("{name}/{name}.py"), format!("name = \"{name}\"\n"));
    }
    sandbox
}

/// Runs a command over `specs` with `--json`, against the registry.
pub fn over(sandbox: &Sandbox, command: &str, registry: &Registry, flags: &[&str]) -> Run {
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run([command, "specs", "--json", "--set", &set].iter().chain(flags))
}

/// The requests by kind.
pub fn kinds(log: &Log) -> Vec<(Kind, usize)> {
    let mut kinds: Vec<Kind> = log.0.iter().map(|request| request.kind).collect();
    kinds.sort();
    kinds.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
}

/// The requests for one repository.
pub fn of_repository(log: &Log, repository: &str) -> Log {
    let below = format!("/v2/{repository}/");
    log.only(|request| request.path.starts_with(&below))
}

/// The status of each layer, image by image.
pub fn statuses(run: &Run) -> Vec<Vec<String>> {
    let of = |document: &Value| {
        let layers = document["layers"].as_array().unwrap().iter();
        layers.map(|layer| layer["status"].as_str().unwrap().to_owned()).collect()
    };
    run.documents().iter().map(of).collect()
}

/// The digest of each image.
pub fn digests(run: &Run) -> Vec<String> {
    run.documents().iter().map(|image| image["digest"].as_str().unwrap().to_owned()).collect()
}

/// Makes sure that exactly this was asked, by kind, and forgets it.
#[track_caller]
pub fn assert_asked(registry: &Registry, expected: &[(Kind, usize)]) -> Log {
    let log = registry.log();
    assert_eq!(kinds(&log), expected, "{log}");
    registry.clear_log();
    log
}

/// The names of the layer blobs among the blobs of a sandbox's store.
pub fn stored_layers(sandbox: &Sandbox) -> Vec<String> {
    let names = sandbox.names("cache/blobs/sha256").into_iter();
    names
        .filter(|name| !std::fs::read(sandbox.path("cache/blobs/sha256").join(name)).unwrap().starts_with(b"{"))
        .collect()
}

/// A manifest as JSON.
#[track_caller]
pub fn json_of(registry: &Registry, repository: &str, reference: &str) -> Value {
    let found = registry.manifest(repository, reference);
    let (_, bytes) = found.unwrap_or_else(|| panic!("no `{reference}` in `{repository}`"));
    serde_json::from_slice(&bytes).unwrap()
}
