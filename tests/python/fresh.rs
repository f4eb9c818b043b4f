//! A machine that has never seen the wheels: an unchanged image is known without any of them, and of one changed pin
//! that one is downloaded. Each number is a promise.

use std::path::PathBuf;

use super::layers;
use crate::support::images::{HandMade, Tar};
use crate::support::lockfiles::{KINDS, Pinned, lock};
use crate::support::package_index::PackageIndex;
use crate::support::registry::{Kind, Registry};
use crate::support::wheels::SmallWheel;
use crate::support::workspace::kinds;
use crate::support::{Run, Sandbox};

const NAMES: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];

fn wheels(sandbox: &Sandbox) -> Vec<PathBuf> {
    let write = |name: &&str| {
        let wheel = SmallWheel::new(name, "1.0").file(&format!("{name}/__init__.py"), "x = 1\n".repeat(100));
        wheel.script(&format!("{name} = {name}:main")).write(&sandbox.path("small"))
    };
    NAMES.iter().map(write).collect()
}

/// A base with an interpreter and something in its `site-packages`.
fn base(registry: &Registry) {
    let mut tar = Tar::default();
    let site = "usr/lib/python3.12/site-packages/";
    for folder in ["usr/", "usr/bin/", "usr/lib/", "usr/lib/python3.12/", site] {
        tar.folder(folder, 0o755);
    }
    tar.file("usr/bin/python3.12", b"").file(&format!("{site}pip.py"), b"");
    HandMade::new().layer(&tar.end()).put(registry, "bases/python", "3.12");
}

/// A machine of its own with the lock of a kind.
fn machine(registry: &Registry, kind: &str, index: &PackageIndex, wheels: &[PathBuf], more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let pinned: Vec<Pinned> = wheels.iter().map(|wheel| Pinned::of(wheel)).collect();
    sandbox.file(kind, lock(kind, &pinned, &index.simple(), &|file| index.url(file)));
    let host = registry.host();
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"{host}/bases/python:3.12\"\nrepository = \"{host}/app\"\n\n\
             [[layer]]\nname = \"dependencies\"\nwheels = \"{kind}\"\npython = \"3.12\"\n{more}\n"
        ),
    );
    sandbox
}

fn push(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(["push", "app.toml", "--json"].iter().chain(flags)).ok()
}

fn digest(run: &Run) -> String {
    run.documents()[0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn an_unchanged_lock_downloads_no_wheel() {
    for (kind, split) in KINDS.iter().flat_map(|kind| ["\"each\"", "\"one\"", "3"].map(|split| (kind, split))) {
        let home = Sandbox::new();
        let (registry, wheels) = (Registry::start(), wheels(&home));
        base(&registry);
        let index = PackageIndex::of(&wheels);
        let more = format!("split = {split}");
        let first = push(&machine(&registry, kind, &index, &wheels, &more), &[]);
        index.requests();
        registry.clear_log();
        let second = push(&machine(&registry, kind, &index, &wheels, &more), &[]);
        assert_eq!((digest(&second), index.requests()), (digest(&first), Vec::new()), "{kind} {split}");
        // The base's document, the tag and the cache image; their configs, and what is remembered of the wheels.
        let log = registry.log();
        assert_eq!(kinds(&log), [(Kind::BlobGet, 3), (Kind::ManifestGet, 3)], "{kind} {split}: {log}");
        assert!(log.bytes_down() < 40_000, "{log}");
        // Nor does a plan, which says that nothing is to be done.
        let fresh = machine(&registry, kind, &index, &wheels, &more);
        fresh.run(["plan", "app.toml", "--exit-code"]).ok();
        assert_eq!((index.requests(), fresh.path("cache").exists()), (Vec::new(), false), "{kind} {split}");
    }
}

#[test]
fn one_changed_pin_downloads_one_wheel() {
    for kind in KINDS {
        let home = Sandbox::new();
        let (registry, wheels) = (Registry::start(), wheels(&home));
        base(&registry);
        let newer = SmallWheel::new("gamma", "1.1").file("gamma/more.py", "").write(&home.path("small"));
        let index = PackageIndex::of(&[&wheels[..], std::slice::from_ref(&newer)].concat());
        let first = push(&machine(&registry, kind, &index, &wheels, "split = \"each\""), &[]);
        let changed: Vec<PathBuf> = wheels
            .iter()
            .map(|wheel| if wheel.ends_with("gamma-1.0-py3-none-any.whl") { &newer } else { wheel })
            .cloned()
            .collect();
        index.requests();
        let fresh = machine(&registry, kind, &index, &changed, "split = \"each\"");
        let second = push(&fresh, &[]);
        assert_eq!(index.downloads(), ["gamma-1.1-py3-none-any.whl"], "{kind}");
        let statuses: Vec<String> = second.documents()[0]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|layer| layer["status"] != "reused" && layer["status"] != "base")
            .map(|layer| layer["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(statuses, ["dependencies/gamma"], "{kind}");
        // It is the image that a machine makes which downloads all of them.
        let whole = machine(&registry, kind, &index, &changed, "split = \"each\"");
        let built = whole.run(["build", "app.toml", "--json"]).ok();
        assert_eq!(digest(&built), digest(&second));
        assert_ne!(digest(&first), digest(&second));
        // And what the second one pushed is remembered for the third.
        index.requests();
        push(&machine(&registry, kind, &index, &changed, "split = \"each\""), &[]);
        assert_eq!(index.requests(), [""; 0], "{kind}");
    }
}

#[test]
fn a_layer_that_has_to_be_made_after_all_fetches_its_wheel() {
    let home = Sandbox::new();
    let (registry, wheels) = (Registry::start(), wheels(&home));
    base(&registry);
    let index = PackageIndex::of(&wheels);
    let machine = || machine(&registry, "pylock.toml", &index, &wheels, "split = \"each\"");
    let first = push(&machine(), &[]);
    let beta = layers(&first).into_iter().find(|(name, _)| name == "dependencies/beta").unwrap().1;
    index.requests();
    registry.delete_blob("app", &beta);
    registry.delete_tag("app", "latest");
    let second = push(&machine(), &[]);
    assert_eq!(digest(&second), digest(&first));
    assert_eq!(index.downloads(), ["beta-1.0-py3-none-any.whl"]);
    assert!(registry.blob("app", &beta).is_some());
    // One that trusts nobody downloads all of them, and gets the same.
    let third = push(&machine(), &["--no-remote-cache"]);
    assert_eq!((digest(&third), index.downloads().len()), (digest(&first), NAMES.len()));
}

#[test]
fn what_is_remembered_wrongly_makes_no_layer() {
    let home = Sandbox::new();
    let (registry, wheels) = (Registry::start(), wheels(&home));
    base(&registry);
    let index = PackageIndex::of(&wheels);
    let machine = || machine(&registry, "pylock.toml", &index, &wheels, "split = \"each\"");
    push(&machine(), &[]);
    // Somebody else's wheel in the place of one of ours, and a layer that has to be made of it.
    let other = SmallWheel::new("beta", "1.0").file("trap.py", "").bytes();
    index.send_instead("beta-1.0-py3-none-any.whl", &other);
    let beta = {
        let (_, manifest) = registry.manifest("app", "latest").unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap().clone();
        let named = |layer: &&serde_json::Value| layer["annotations"]["dev.tarsia.layer.name"] == "dependencies/beta";
        layers.iter().find(named).unwrap()["digest"].as_str().unwrap().to_owned()
    };
    registry.delete_blob("app", &beta);
    registry.delete_tag("app", "latest");
    let fresh = machine();
    let run = fresh.run(["push", "app.toml"]).refused(3, "beta-1.0-py3-none-any.whl");
    assert!(run.stderr.contains("wrong content"), "{}", run.stderr);
    assert!(registry.resolve("app", "latest").is_none());
}
