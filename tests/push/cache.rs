//! The repository as the cache: what is looked up, what is believed to be there, what is written for the next machine.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::support::examples::assert_whole;
use crate::support::images::{HandMade, MANIFEST};
use crate::support::registry::{Action, Fault, Kind, Registry};
use crate::support::workspace::{
    base, digests, json_of, kinds, layers_of, of_repository, over, statuses, stored_layers,
};
use crate::support::{Run, Sandbox};

/// One image of so many layers of a file each, in the repository `app`.
pub fn app(layers: usize, base: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = format!("name = \"app\"\nbase = {base:?}\nrepository = \"${{REGISTRY}}/app\"\n");
    for number in 0..layers {
        spec +=
            &format!("[[layer]]\nname = \"l{number}\"\ncontext = \"../l{number}\"\nto = \"/var/task/l{number}/\"\n");
        sandbox.file(&format!("l{number}/file"), format!("content {number}\n"));
    }
    sandbox.file("specs/app.toml", spec);
    sandbox
}

#[track_caller]
pub fn push(sandbox: &Sandbox, registry: &Registry, flags: &[&str]) -> Run {
    over(sandbox, "push", registry, flags).ok()
}

fn layer_digest(run: &Run, at: usize) -> String {
    run.documents()[0]["layers"][at]["digest"].as_str().unwrap().to_owned()
}

/// The layers' names in the cache image, newest first.
fn cached(registry: &Registry, tag: &str) -> Vec<String> {
    let layers = json_of(registry, "app", tag)["layers"].as_array().unwrap().clone();
    let names = layers.iter().filter_map(|blob| blob["annotations"]["dev.tarsia.layer.name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn the_cache_image_is_an_ordinary_image_of_blobs() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let run = push(&app(2, &format!("{}/bases/python:3.12", registry.host())), &registry, &[]);
    let cache = json_of(&registry, "app", "tarsia-cache");
    let document = &run.documents()[0];
    let types: Vec<&str> =
        cache["layers"].as_array().unwrap().iter().map(|blob| blob["mediaType"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "application/vnd.tarsia.tree.v3+zstd",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.tarsia.listing.v2+zstd",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.tarsia.listing.v2+zstd",
        ]
    );
    for (blob, layer) in [(1, 4), (3, 5)] {
        let (blob, layer) = (&cache["layers"][blob], &document["layers"][layer]);
        assert_eq!((&blob["digest"], &blob["size"]), (&layer["digest"], &layer["size"]));
        assert_eq!(
            blob["annotations"],
            json!({
                "dev.tarsia.layer.diff_id": layer["diff_id"],
                "dev.tarsia.layer.image": "app",
                "dev.tarsia.layer.key": layer["key"],
                "dev.tarsia.layer.name": layer["name"],
            })
        );
    }
    // Nobody takes it for something to run.
    let config = registry.blob("app", cache["config"]["digest"].as_str().unwrap()).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!((&config["os"], &config["architecture"]), (&json!("unknown"), &json!("unknown")));
    for blob in cache["layers"].as_array().unwrap() {
        let found = registry.blob("app", blob["digest"].as_str().unwrap()).unwrap();
        assert_eq!(blob["size"], found.len());
    }
}

#[test]
fn a_deleted_blob_that_the_tag_names_is_built_again() {
    let registry = Registry::start();
    let first = push(&app(3, "scratch"), &registry, &[]);
    registry.delete_blob("app", &layer_digest(&first, 1));
    let fresh = app(3, "scratch");
    fresh.file("l2/file", "changed\n");
    let run = push(&fresh, &registry, &[]);
    assert_eq!(statuses(&run), [["reused", "uploaded", "uploaded"]]);
    assert_eq!(layer_digest(&run, 1), layer_digest(&first, 1));
    assert_whole(&registry, "app", "latest");
}

#[test]
fn a_deleted_blob_that_the_cache_image_names_is_built_again() {
    let registry = Registry::start();
    let first = push(&app(3, "scratch"), &registry, &[]);
    registry.delete_blob("app", &layer_digest(&first, 1));
    registry.delete_tag("app", "latest");
    let run = push(&app(3, "scratch"), &registry, &[]);
    assert_eq!(statuses(&run), [["reused", "uploaded", "reused"]]);
    assert_eq!(digests(&run), digests(&first));
    assert_whole(&registry, "app", "latest");
}

#[test]
fn a_deleted_blob_that_was_only_remembered_is_built_again() {
    let registry = Registry::start();
    let first = push(&app(3, "scratch"), &registry, &[]);
    // This machine knows the first two layers from the registry alone.
    let fresh = app(3, "scratch");
    fresh.file("l2/file", "changed\n");
    push(&fresh, &registry, &[]);
    assert_eq!(stored_layers(&fresh).len(), 1);
    registry.delete_blob("app", &layer_digest(&first, 0));
    fresh.file("l2/file", "changed again\n");
    registry.clear_log();
    let run = push(&fresh, &registry, &[]);
    assert_eq!(statuses(&run), [["uploaded", "reused", "uploaded"]]);
    assert_whole(&registry, "app", "latest");
    // Nothing needed to be looked up for the two that were remembered.
    let log = registry.log();
    assert_eq!(log.count_where(|r| r.kind == Kind::ManifestGet && r.path.ends_with("/latest")), 1, "{log}");
    // And by a machine that has them nowhere, to another registry.
    let other = Registry::start();
    let run = push(&fresh, &other, &[]);
    assert_eq!(statuses(&run), [["uploaded"; 3]]);
    assert_whole(&other, "app", "latest");
}

#[test]
fn a_blob_that_is_missing_below_an_unchanged_tag_is_sent_again_on_request() {
    let registry = Registry::start();
    let sandbox = app(2, "scratch");
    let first = push(&sandbox, &registry, &[]);
    registry.delete_blob("app", &layer_digest(&first, 0));
    // Nobody looks at the blobs of a tag that stands for the image already.
    assert_eq!(statuses(&push(&sandbox, &registry, &[])), [["reused", "reused"]]);
    let run = push(&sandbox, &registry, &["--no-cache"]);
    assert_eq!(statuses(&run), [["uploaded", "reused"]]);
    assert_eq!(digests(&run), digests(&first));
    assert_whole(&registry, "app", "latest");
}

#[test]
fn a_cache_image_with_a_deleted_blob_is_written_without_it() {
    let registry = Registry::start();
    let sandbox = app(2, "scratch");
    let first = push(&sandbox, &registry, &[]);
    sandbox.file("l0/file", "second\n");
    push(&sandbox, &registry, &[]);
    assert_eq!(cached(&registry, "tarsia-cache"), ["l0", "l0", "l1"]);
    // The first version of the layer is in no image any more, and somebody cleans up.
    registry.delete_blob("app", &layer_digest(&first, 0));
    sandbox.file("l0/file", "third\n");
    let run = push(&sandbox, &registry, &[]);
    assert!(!run.stderr.contains("cache image"), "{}", run.stderr);
    assert_eq!(cached(&registry, "tarsia-cache"), ["l0", "l0", "l1"]);
    let named = json_of(&registry, "app", "tarsia-cache")["layers"].to_string();
    assert!(named.contains(&layer_digest(&run, 0)) && !named.contains(&layer_digest(&first, 0)));
}

#[test]
fn without_the_remote_cache_nothing_is_looked_up_or_written() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let first = push(&app(2, &reference), &registry, &["--no-remote-cache"]);
    assert_eq!(registry.tags("app"), ["latest"]);
    registry.clear_log();
    let fresh = app(2, &reference);
    let second = push(&fresh, &registry, &["--no-remote-cache"]);
    assert_eq!(digests(&second), digests(&first));
    let log = registry.log();
    let own = of_repository(&log, "app");
    // Does it have the six layers, and what does the tag stand for?
    assert_eq!(kinds(&own), [(Kind::BlobHead, 6), (Kind::ManifestHead, 1)], "{log}");
    // Built from the files alone: the base was read, the layers were assembled.
    assert_eq!(of_repository(&log, "bases/python").count(Kind::BlobGet), 1 + layers_of(&base()).len(), "{log}");
    assert_eq!(stored_layers(&fresh).len(), 2 + layers_of(&base()).len());
}

#[test]
fn without_the_remote_cache_what_a_registry_once_said_is_not_believed() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &[]);
    let fresh = app(2, "scratch");
    fresh.file("l1/file", "changed\n");
    push(&fresh, &registry, &[]);
    assert_eq!(stored_layers(&fresh).len(), 1);
    fresh.file("l1/file", "changed again\n");
    let run = push(&fresh, &registry, &["--no-remote-cache"]);
    assert_eq!(statuses(&run), [["reused", "uploaded"]]);
    assert_eq!(stored_layers(&fresh).len(), 3, "the layer that was only heard of was not assembled");
}

#[test]
fn without_any_cache_everything_is_assembled() {
    let registry = Registry::start();
    let sandbox = app(3, "scratch");
    let first = push(&sandbox, &registry, &[]);
    let blobs = || -> Vec<(String, u64, i64)> {
        let look = |name: String| {
            let metadata = fs::metadata(sandbox.path("cache/blobs/sha256").join(&name)).unwrap();
            (name, metadata.ino(), metadata.mtime_nsec())
        };
        stored_layers(&sandbox).into_iter().map(look).collect()
    };
    let before = blobs();
    push(&sandbox, &registry, &[]);
    assert_eq!(blobs(), before);
    registry.clear_log();
    let run = push(&sandbox, &registry, &["--no-cache"]);
    assert_eq!(digests(&run), digests(&first));
    assert!(blobs().iter().zip(&before).all(|(now, before)| now.0 == before.0 && now != before));
    // Assembled again they are what they were, so nothing goes up.
    let log = registry.log();
    assert_eq!(kinds(&log), [(Kind::BlobHead, 3), (Kind::ManifestHead, 1)], "{log}");
}

#[test]
fn another_tag_for_the_cache_image() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &["--cache-tag", "buildcache"]);
    assert_eq!(registry.tags("app"), ["buildcache", "latest"]);
    registry.delete_tag("app", "latest");
    assert_eq!(statuses(&push(&app(2, "scratch"), &registry, &["--cache-tag", "buildcache"])), [["reused", "reused"]]);
    registry.delete_tag("app", "latest");
    let fresh = app(2, "scratch");
    push(&fresh, &registry, &[]);
    assert_eq!(stored_layers(&fresh).len(), 2, "the other tag is not looked at");
}

#[test]
fn more_than_a_cache_image_holds_is_cut_oldest_first() {
    let registry = Registry::start();
    // Sixty layers and their listings fill it.
    let sandbox = app(70, "scratch");
    push(&sandbox, &registry, &[]);
    let all = json_of(&registry, "app", "tarsia-cache")["layers"].as_array().unwrap().len();
    assert_eq!((all, cached(&registry, "tarsia-cache").len()), (120, 60));
    sandbox.file("l69/file", "newer\n").file("l5/file", "newer\n");
    push(&sandbox, &registry, &[]);
    let names = cached(&registry, "tarsia-cache");
    assert_eq!((&names[..3], names.len()), (&["l5", "l69", "l0"].map(str::to_owned)[..], 60));
    // A cache image that is too small for an image is no obstacle.
    registry.delete_tag("app", "latest");
    let fresh = app(70, "scratch");
    let run = push(&fresh, &registry, &[]);
    assert_eq!(stored_layers(&fresh).len(), 70 - 58, "{}", run.stdout);
    assert_whole(&registry, "app", "latest");
}

#[test]
fn a_cache_image_that_cannot_be_written_is_a_note() {
    for status in [400, 403, 405] {
        let registry = Registry::start();
        let refuse = Action::Status(status, Some("DENIED"));
        registry.fault(Fault::on(Kind::ManifestPut, refuse).path("tarsia-cache").always());
        let run = push(&app(2, "scratch"), &registry, &[]);
        assert!(
            run.stderr.contains(&format!("the cache image of `{}/app` was not written", registry.host())),
            "{}",
            run.stderr
        );
        assert_whole(&registry, "app", "latest");
        assert_eq!(registry.tags("app"), ["latest"]);
    }
}

#[test]
fn a_cache_image_that_cannot_be_read_is_a_note() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &[]);
    registry.delete_tag("app", "latest");
    registry.fault(Fault::on(Kind::ManifestGet, Action::Status(403, Some("DENIED"))).path("tarsia-cache").always());
    let run = push(&app(2, "scratch"), &registry, &[]);
    assert!(run.stderr.contains("/app:tarsia-cache` could not be looked at"), "{}", run.stderr);
    assert_whole(&registry, "app", "latest");
}

#[test]
fn a_tag_that_stands_for_something_else_is_replaced() {
    let put = |registry: &Registry, what: &str| match what {
        "an image without its config" => {
            let image = HandMade::small();
            image.put(registry, "app", "latest");
            registry.delete_blob("app", &crate::support::registry::digest_of(&image.config_bytes()));
        }
        "an artifact" => {
            let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
                "digest": registry.put_blob("app", "{}")});
            let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/x",
                "config": config, "layers": [config]});
            registry.put_manifest("app", "latest", MANIFEST, manifest.to_string());
        }
        "an index of nothing that is there" => {
            let kind = "application/vnd.oci.image.index.v1+json";
            let descriptor = HandMade::small().manifest()["config"].clone();
            let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [
                {"mediaType": MANIFEST, "size": descriptor["size"], "digest": descriptor["digest"],
                 "platform": {"os": "linux", "architecture": "amd64"}}]});
            registry.put_manifest("app", "latest", kind, index.to_string());
        }
        "an image of docker's first schema" => {
            let kind = "application/vnd.docker.distribution.manifest.v1+prettyjws";
            registry.put_manifest("app", "latest", kind, json!({"schemaVersion": 1, "fsLayers": []}).to_string());
        }
        "a config that is too large" => {
            let mut manifest = HandMade::small().manifest();
            manifest["config"]["size"] = json!(1_u64 << 40);
            registry.put_manifest("app", "latest", MANIFEST, manifest.to_string());
        }
        _ => {
            registry.put_manifest("app", "latest", MANIFEST, "[not JSON");
        }
    };
    for what in [
        "an image without its config",
        "an artifact",
        "an index of nothing that is there",
        "an image of docker's first schema",
        "a config that is too large",
        "nonsense",
    ] {
        let registry = Registry::start();
        put(&registry, what);
        let run = over(&app(2, "scratch"), "push", &registry, &[]);
        assert_eq!(run.code, 0, "{what}: {}", run.stderr);
        assert_eq!(digests(&run), [assert_whole(&registry, "app", "latest")], "{what}");
    }
}

/// The next machine goes on with what a run has sent that failed, whatever it could still say.
#[test]
fn what_a_failed_run_has_sent_is_not_sent_again() {
    // The image is refused; then its cache image too, so that nothing tells of the layers.
    for refused in ["/manifests/latest", "/manifests/"] {
        let registry = Registry::start();
        let refuse = Action::Status(400, Some("MANIFEST_INVALID"));
        registry.fault(Fault::on(Kind::ManifestPut, refuse).path(refused).always());
        over(&app(2, "scratch"), "push", &registry, &[]).refused(3, "MANIFEST_INVALID");
        let told = registry.tags("app").contains(&"tarsia-cache".to_owned());
        assert_eq!((told, registry.tags("app").contains(&"latest".to_owned())), (refused.ends_with("latest"), false));
        registry.clear_faults();
        registry.clear_log();
        let fresh = app(2, "scratch");
        let run = push(&fresh, &registry, &[]);
        assert_eq!(statuses(&run), [["reused", "reused"]]);
        let log = registry.log();
        for layer in [layer_digest(&run, 0), layer_digest(&run, 1)] {
            let named = layer.replace(':', "%3A");
            assert_eq!(log.of(Kind::UploadPut).count_where(|put| put.query.contains(&named)), 0, "{log}");
        }
        // Assembled only if nobody could tell of them; and now they are told of.
        assert_eq!(stored_layers(&fresh).len(), if told { 0 } else { 2 });
        assert_eq!(cached(&registry, "tarsia-cache").len(), 2);
        assert_whole(&registry, "app", "latest");
    }
}
