//! Blobs that are somewhere already: mounted from a neighbour, streamed from registry to registry, sent once.

use std::collections::BTreeMap;

use crate::support::Sandbox;
use crate::support::examples::assert_whole;
use crate::support::images::HandMade;
use crate::support::registry::{Kind, Log, Quirks, Registry, Request};
use crate::support::workspace::{
    BASE_LAYERS, IMAGES, base, digests, layers_of, of_repository, over, statuses, stored_layers, workspace,
};

/// The mounts that came about, each as `repository ← repository`.
fn mounts(log: &Log) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for mount in log.of(Kind::Mount).0.iter().filter(|mount| mount.status == 201) {
        let to = mount.path.strip_prefix("/v2/").unwrap().strip_suffix("/blobs/uploads/").unwrap();
        let from = mount.query.split('&').find_map(|pair| pair.strip_prefix("from=")).unwrap().replace("%2F", "/");
        *all.entry(format!("{to} ← {from}")).or_default() += 1;
    }
    all
}

/// How often a blob's bytes went up.
fn sent(log: &Log, digest: &str) -> usize {
    let hex = digest.strip_prefix("sha256:").unwrap();
    log.count_where(|request| request.kind == Kind::UploadPut && request.query.contains(hex))
}

fn read(log: &Log, digest: &str) -> usize {
    log.count_where(|request| request.kind == Kind::BlobGet && request.path.ends_with(digest))
}

/// A base whose tree need not be read: what is counted is the way of its blobs alone.
const ASSUMED: &str = "base_tree = \"assume\"";

#[test]
fn a_base_on_the_same_registry_is_mounted() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let sandbox = workspace(&format!("{}/bases/python:3.12", registry.host()), ASSUMED);
    over(&sandbox, "push", &registry, &["--no-remote-cache"]).ok();
    let log = registry.log();
    // The lowest from the base's repository, the others from the first image that has a layer.
    let expected = [
        ("team/a ← bases/python", BASE_LAYERS),
        ("team/b ← team/a", BASE_LAYERS + 1),
        ("team/c ← team/a", BASE_LAYERS + 1),
        ("team/c ← team/b", 1),
    ];
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(way, count)| (way.to_owned(), count)).collect();
    assert_eq!(mounts(&log), expected, "{log}");
    for layer in layers_of(&base()) {
        assert_eq!((sent(&log, &layer), read(&log, &layer)), (0, 0), "{log}");
    }
    assert!(log.bytes_up() < 100_000 && log.bytes_down() < 100_000, "{log}");
    assert_eq!(stored_layers(&sandbox).len(), 3, "its own layers alone");
    for image in IMAGES {
        assert_whole(&registry, &format!("team/{image}"), "latest");
    }
}

#[test]
fn a_base_on_another_registry_streams_through_once() {
    let (source, target) = (Registry::start(), Registry::start());
    base().put(&source, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", source.host());
    let sandbox = workspace(&reference, ASSUMED);
    over(&sandbox, "push", &target, &["--no-remote-cache"]).ok();
    let log = target.log();
    for layer in layers_of(&base()) {
        // Once for the three repositories of the run; on this machine's disk never.
        assert_eq!((read(&source.log(), &layer), sent(&log, &layer)), (1, 1), "{log}");
        assert!(!sandbox.path("cache/blobs/sha256").join(&layer[7..]).exists());
    }
    assert_eq!(stored_layers(&sandbox).len(), 3);
    let expected = [("team/b ← team/a", BASE_LAYERS + 1), ("team/c ← team/a", BASE_LAYERS + 1), ("team/c ← team/b", 1)];
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(way, count)| (way.to_owned(), count)).collect();
    assert_eq!(mounts(&log), expected, "{log}");

    // What is missing goes, and nothing else.
    let gone = &layers_of(&base())[1];
    target.delete_blob("team/a", gone);
    sandbox.file("a/a.py", "name = \"another\"\n");
    source.clear_log();
    target.clear_log();
    over(&sandbox, "push", &target, &["--no-remote-cache"]).ok();
    for layer in layers_of(&base()) {
        let times = usize::from(layer == *gone);
        assert_eq!((read(&source.log(), &layer), sent(&target.log(), &layer)), (times, times), "{}", target.log());
    }
    for image in IMAGES {
        assert_whole(&target, &format!("team/{image}"), "latest");
    }
}

#[test]
fn where_only_referenced_blobs_are_mounted_manifests_come_first() {
    let registry = Registry::with(Quirks { mount_only_referenced: true, ..Quirks::default() });
    base().put(&registry, "bases/python", "3.12");
    let sandbox = workspace(&format!("{}/bases/python:3.12", registry.host()), ASSUMED);
    over(&sandbox, "push", &registry, &["--no-remote-cache"]).ok();
    let log = registry.log();
    assert_eq!(log.count_where(|request| request.kind == Kind::Mount && request.status != 201), 0, "{log}");
    assert_eq!(log.count(Kind::Mount), 3 * BASE_LAYERS + 3, "{log}");
    // Three layers and three configs are all that is sent.
    assert_eq!(log.count(Kind::UploadPut), 6, "{log}");
    // The manifest of the image that is mounted from is there before any mount from it.
    for source in ["team/a", "team/b"] {
        let put = |request: &Request| {
            request.kind == Kind::ManifestPut && request.path.starts_with(&format!("/v2/{source}/"))
        };
        let mount =
            |request: &Request| request.kind == Kind::Mount && request.query.contains(&source.replace('/', "%2F"));
        let place = |wanted: &dyn Fn(&Request) -> bool| log.0.iter().position(wanted).unwrap();
        assert!(place(&put) < place(&mount), "{log}");
    }
}

#[test]
fn a_registry_that_mounts_nothing_gets_everything() {
    let (source, target) = (Registry::start(), Registry::with(Quirks { no_mount: true, ..Quirks::default() }));
    base().put(&source, "bases/python", "3.12");
    let sandbox = workspace(&format!("{}/bases/python:3.12", source.host()), ASSUMED);
    let run = over(&sandbox, "push", &target, &["--no-remote-cache"]).ok();
    assert_eq!(statuses(&run)[1], ["base", "base", "base", "base", "uploaded", "uploaded"]);
    for image in IMAGES {
        assert_whole(&target, &format!("team/{image}"), "latest");
    }
    assert_eq!(target.open_uploads(), 0, "the session of a mount was left open");
    assert_eq!(stored_layers(&sandbox).len(), 3);
}

#[test]
fn an_image_that_is_left_alone_gives_its_layers() {
    let registry = Registry::start();
    let sandbox = workspace("scratch", "");
    over(&sandbox, "push", &registry, &["--no-remote-cache"]).ok();
    // `c` begins a new repository; `a` and `b` stay as they are, and have what it is built on.
    let spec = std::fs::read_to_string(sandbox.path("specs/c.toml")).unwrap();
    sandbox.file("specs/c.toml", spec.replace("team/c", "elsewhere/c"));
    registry.clear_log();
    let run = over(&sandbox, "push", &registry, &["--no-remote-cache"]).ok();
    let log = registry.log();
    assert_eq!(statuses(&run)[2], ["mounted", "mounted", "uploaded"], "{log}");
    assert_eq!(mounts(&log).values().sum::<usize>(), 2, "{log}");
    assert_eq!(of_repository(&log, "team/a").len() + of_repository(&log, "team/b").len(), 2, "{log}");
    assert_whole(&registry, "elsewhere/c", "latest");
    assert!(run.documents()[0]["changed"] == false && run.documents()[2]["changed"] == true);
}

#[test]
fn layers_whose_bytes_are_elsewhere_for_good_stay_there() {
    // A base with a foreign layer: its blob is in no registry, and need not be.
    let registry = Registry::start();
    let base = HandMade::small();
    let mut manifest = base.manifest();
    let foreign = base.clone().layer(&[0; 1024]);
    let absent = foreign.manifest()["layers"][1].clone();
    let mut layers = manifest["layers"].as_array().unwrap().clone();
    layers.push(serde_json::json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": absent["digest"], "size": absent["size"], "urls": ["https://example.com/layer"],
    }));
    manifest["layers"] = layers.into();
    let config = registry.put_blob("bases/w", foreign.config_bytes());
    manifest["config"]["digest"] = config.into();
    manifest["config"]["size"] = foreign.config_bytes().len().into();
    registry.put_blob("bases/w", base.layers[0].1.clone());
    registry.put_manifest("bases/w", "1", crate::support::images::MANIFEST, manifest.to_string());
    let sandbox = Sandbox::new();
    sandbox.file("x/x", "x").file(
        "specs/x.toml",
        format!(
            "name = \"x\"\nbase = \"{}/bases/w:1\"\nrepository = \"${{REGISTRY}}/x\"\n{ASSUMED}\n\
             [[layer]]\nname = \"x\"\ncontext = \"../x\"\nto = \"/x/\"\n",
            registry.host()
        ),
    );
    let run = over(&sandbox, "push", &registry, &[]).ok();
    assert_eq!(statuses(&run), [["base", "base", "uploaded"]]);
    assert_eq!(registry.resolve("x", "latest").unwrap(), digests(&run)[0]);
    let digest = absent["digest"].as_str().unwrap();
    assert!(!registry.log().paths().iter().any(|path| path.contains(digest)), "{}", registry.log());
}
