//! What layers hold, told without downloading them: by listings and by the base's tree, here or in the cache image.

use serde_json::{Value, json};

use crate::support::images::HandMade;
use crate::support::registry::{Kind, Registry};
use crate::support::workspace::{BASE_LAYERS, base, json_of, kinds, layers_of, noise, over};
use crate::support::{Run, Sandbox};

/// What a fresh machine may download to list the files of an image over a base of some megabytes.
const ENOUGH: u64 = 100_000;

/// An image of three layers over a base of four: one that puts files there, one that links and hides, one that deletes.
fn app(base: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("lib/lib.so", noise(77, 1 << 20))
        .file("code/a.py", "a")
        .file("code/b.py", "b")
        .link("code/c.py", "a.py");
    sandbox.executable("code/run", "#!/bin/sh\n");
    std::fs::hard_link(sandbox.path("code/run"), sandbox.path("code/run2")).unwrap();
    sandbox.file(
        "specs/app.toml",
        format!(
            "name = \"app\"\nbase = {base:?}\nrepository = \"${{REGISTRY}}/app\"\n\
             [[layer]]\nname = \"lib\"\ncontext = \"../lib\"\nto = \"/opt/mine/\"\n\
             [[layer]]\nname = \"code\"\ncontext = \"../code\"\nto = \"/var/task/\"\nowner = \"7:8\"\n\
             [[layer]]\nname = \"clean\"\nrun = [\"rm /opt/lib0\", \"rm -r /opt/mine\", \"mkdir /opt/new\"]\n"
        ),
    );
    sandbox
}

/// A registry with the image, and the machine that pushed it.
fn pushed() -> (Registry, Sandbox) {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let sandbox = app(&format!("{}/bases/python:3.12", registry.host()));
    over(&sandbox, "push", &registry, &[]).ok();
    registry.clear_log();
    (registry, sandbox)
}

fn inspect(sandbox: &Sandbox, registry: &Registry, flags: &[&str]) -> Run {
    let image = format!("{}/app:latest", registry.host());
    sandbox.run(["inspect", &image].iter().chain(flags))
}

fn told_by(document: &Value) -> Vec<&str> {
    document["layers"].as_array().unwrap().iter().map(|layer| layer["told_by"].as_str().unwrap_or("-")).collect()
}

#[test]
fn a_fresh_machine_downloads_no_layer() {
    let (registry, _) = pushed();
    for (flags, key) in [(&["--files", "--json"][..], "files"), (&["--tree", "--json"], "tree")] {
        registry.clear_log();
        let fresh = Sandbox::new();
        let told = inspect(&fresh, &registry, flags).ok().documents().remove(0);
        let log = registry.log();
        assert!(log.bytes_down() < ENOUGH, "{log}");
        let expected = [
            // The config, the base's tree, and the listing of each layer of ours.
            (Kind::BlobGet, 1 + 1 + 3),
            // The image and the cache image.
            (Kind::ManifestGet, 2),
        ];
        assert_eq!(kinds(&log), expected, "{log}");
        let mut expected = vec!["heard tree"; BASE_LAYERS];
        expected.extend(["cached listing"; 3]);
        assert_eq!(told_by(&told), expected);

        // The layers themselves say the same.
        registry.clear_log();
        let mut flags = flags.to_vec();
        flags.push("--no-remote-cache");
        let read = inspect(&Sandbox::new(), &registry, &flags).ok().documents().remove(0);
        assert_eq!(told_by(&read), vec!["layer"; BASE_LAYERS + 3]);
        assert_eq!(told[key], read[key]);
        assert!(!told[key].as_array().unwrap().is_empty());
        let log = registry.log();
        assert!(log.bytes_down() > BASE_LAYERS as u64 * (1 << 20), "{log}");
        assert!(!log.paths().iter().any(|path| path.contains("tarsia-cache")), "{log}");
    }
}

#[test]
fn one_layer_alone_is_told_by_its_listing() {
    let (registry, _) = pushed();
    let fresh = Sandbox::new();
    let told = inspect(&fresh, &registry, &["--files", "--layer", "clean"]).ok().stdout;
    let log = registry.log();
    assert!(log.bytes_down() < ENOUGH && log.count(Kind::BlobGet) == 2, "{log}");
    assert!(told.contains(" /opt/lib0 (deleted)\n") && told.contains(" /opt/mine (deleted)\n"), "{told}");
    assert_eq!(told, inspect(&fresh, &registry, &["--files", "--layer", "clean", "--no-remote-cache"]).ok().stdout);
    // A layer of the base has none.
    registry.clear_log();
    inspect(&fresh, &registry, &["--files", "--layer", "1"]).ok();
    assert_eq!(registry.log().count_where(|request| request.bytes_down > 1 << 20), 1);
}

#[test]
fn the_machine_that_pushed_asks_for_the_image_alone() {
    let (registry, sandbox) = pushed();
    for flags in [&["--files"][..], &["--files", "--no-remote-cache"]] {
        registry.clear_log();
        let flags: Vec<&str> = flags.iter().copied().chain(["--json"]).collect();
        let document = inspect(&sandbox, &registry, &flags).ok().documents().remove(0);
        let mut expected = vec!["tree"; BASE_LAYERS];
        expected.extend(["listing"; 3]);
        assert_eq!(told_by(&document), expected);
        let log = registry.log();
        assert!(log.bytes_down() < 20_000 && log.count(Kind::ManifestGet) == 1, "{log}");
    }
}

#[test]
fn the_history_of_a_path_says_what_was_not_looked_at() {
    let (registry, sandbox) = pushed();
    let fresh = Sandbox::new();
    let gone = inspect(&fresh, &registry, &["/opt/lib0"]);
    assert!(registry.log().bytes_down() < ENOUGH, "{}", registry.log());
    assert_eq!(gone.code, 1);
    let lines: Vec<&str> = gone.stdout.lines().collect();
    assert_eq!(lines[0], "/opt/lib0 is not there any more");
    assert!(lines[1].starts_with("    6  removed it      by a whiteout") && lines[1].ends_with("clean"), "{lines:?}");
    assert!(lines[2].starts_with("    0  held it before  f0644 0:0   1048576"), "{lines:?}");
    assert_eq!(lines[3], "       before that, in layers 0-3: not looked at (--no-remote-cache reads them)");
    // The machine that has the base's layers reads them, and so does whoever believes nothing.
    for run in
        [inspect(&sandbox, &registry, &["/opt/lib0"]), inspect(&fresh, &registry, &["/opt/lib0", "--no-remote-cache"])]
    {
        assert_eq!(run.stdout.lines().collect::<Vec<_>>(), lines[..3], "{}", run.stderr);
    }
}

#[test]
fn a_listing_that_is_not_the_layers_is_not_believed() {
    let (registry, _) = pushed();
    let honest = inspect(&Sandbox::new(), &registry, &["--files", "--json"]).ok().documents().remove(0);
    let mut cache = json_of(&registry, "app", "tarsia-cache");
    let blobs = cache["layers"].as_array_mut().unwrap();
    let listings: Vec<usize> =
        (0..blobs.len()).filter(|&at| blobs[at]["mediaType"] == "application/vnd.tarsia.listing.v2+zstd").collect();
    // Another layer's, one that is cut off, and one that is not there.
    let (first, second, third) = (listings[0], listings[1], listings[2]);
    blobs[first]["digest"] = blobs[second]["digest"].clone();
    blobs[first]["size"] = blobs[second]["size"].clone();
    blobs[second]["digest"] = json!(registry.put_blob("app", "tarsia listing 2\nrubbish"));
    blobs[second]["size"] = json!("tarsia listing 2\nrubbish".len());
    blobs[third]["digest"] = json!(crate::support::registry::digest_of(b"nothing"));
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("app", "tarsia-cache", media_type, cache.to_string());
    let found = inspect(&Sandbox::new(), &registry, &["--files", "--json"]).ok().documents().remove(0);
    assert_eq!(told_by(&found)[BASE_LAYERS..], ["layer"; 3]);
    assert_eq!(found["files"], honest["files"]);
}

#[test]
fn a_tree_that_is_none_is_not_believed() {
    let (registry, _) = pushed();
    let honest = inspect(&Sandbox::new(), &registry, &["--files", "--json"]).ok().documents().remove(0);
    let mut cache = json_of(&registry, "app", "tarsia-cache");
    assert_eq!(cache["layers"][0]["mediaType"], "application/vnd.tarsia.tree.v3+zstd");
    cache["layers"][0]["digest"] = json!(registry.put_blob("app", "tarsia tree 3\nrubbish"));
    cache["layers"][0]["size"] = json!("tarsia tree 3\nrubbish".len());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("app", "tarsia-cache", media_type, cache.to_string());
    let found = inspect(&Sandbox::new(), &registry, &["--files", "--json"]).ok().documents().remove(0);
    assert_eq!(told_by(&found)[..BASE_LAYERS], ["layer"; BASE_LAYERS]);
    assert_eq!(found["files"], honest["files"]);
}

#[test]
fn an_image_of_somebody_else_is_read() {
    let registry = Registry::start();
    base().put(&registry, "app", "latest");
    let found = inspect(&Sandbox::new(), &registry, &["--files", "--json"]).ok().documents().remove(0);
    assert_eq!(told_by(&found), ["layer"; BASE_LAYERS]);
    // And nobody asks for a cache image.
    let log = registry.log();
    assert_eq!(kinds(&log), [(Kind::BlobGet, 1 + layers_of(&base()).len()), (Kind::ManifestGet, 1)], "{log}");
    // One that only says that it has a layer's key is not believed where this machine knows better.
    let (registry, sandbox) = pushed();
    let key = json_of(&registry, "app", "latest")["layers"][BASE_LAYERS]["annotations"]["dev.tarsia.layer.key"].clone();
    let mut manifest = HandMade::small().manifest();
    manifest["layers"][0]["annotations"] = json!({"dev.tarsia.layer.key": key});
    HandMade::small().put(&registry, "app", "latest");
    registry.put_manifest("app", "latest", "application/vnd.oci.image.manifest.v1+json", manifest.to_string());
    let found = inspect(&sandbox, &registry, &["--files", "--json"]).ok().documents().remove(0);
    assert_eq!(told_by(&found), ["layer"]);
}
