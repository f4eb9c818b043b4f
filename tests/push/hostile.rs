//! Cache images that are malformed, mistaken or lie. Whoever can push to a repository is believed where nothing
//! contradicts him; what can be checked without reading a blob is checked, and nothing of it fails a push.

use serde_json::{Value, json};

use super::cache::{app, push};
use crate::support::examples::assert_whole;
use crate::support::images::{HandMade, MANIFEST, Tar, gzip};
use crate::support::registry::{Registry, digest_of};
use crate::support::workspace::{digests, json_of, over, statuses, stored_layers};
use crate::support::{Run, Sandbox};

const LISTING: &str = "application/vnd.tarsia.listing.v2+zstd";

/// Puts a changed cache image without a check.
fn alter(registry: &Registry, change: impl FnOnce(&mut Value)) {
    let mut cache = json_of(registry, "app", "tarsia-cache");
    change(&mut cache);
    registry.put_manifest("app", "tarsia-cache", MANIFEST, cache.to_string());
}

/// A registry with a cache image of two layers and their listings, whose tag is gone; and the image's digest.
fn cache_alone() -> (Registry, String) {
    let registry = Registry::start();
    let first = push(&app(2, "scratch"), &registry, &[]);
    registry.delete_tag("app", "latest");
    (registry, digests(&first).remove(0))
}

/// Pushes from a fresh machine and makes sure that the image is what it always was, whatever the cache image said.
#[track_caller]
fn push_fresh(registry: &Registry, digest: &str) -> (Sandbox, Run) {
    let fresh = app(2, "scratch");
    let run = push(&fresh, registry, &[]);
    assert_eq!(digests(&run), [digest]);
    assert_eq!(assert_whole(registry, "app", "latest"), digest);
    (fresh, run)
}

/// Where the layers are in the cache image; a listing follows each.
const FIRST: usize = 0;
const SECOND: usize = 2;

#[test]
fn the_cache_image_is_believed_as_it_is() {
    let (registry, digest) = cache_alone();
    let (fresh, run) = push_fresh(&registry, &digest);
    assert_eq!(statuses(&run), [["reused", "reused"]]);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
}

#[test]
fn entries_that_make_no_sense_are_passed_over() {
    let hex = "0".repeat(64);
    let wrong: &[(&str, Value)] = &[
        ("/annotations", json!({})),
        ("/annotations/dev.tarsia.layer.key", json!("sha256:12")),
        ("/annotations/dev.tarsia.layer.diff_id", json!("")),
        ("/annotations/dev.tarsia.layer.diff_id", json!(hex)),
        ("/annotations/dev.tarsia.layer.diff_id", json!(format!("sha512:{hex}{hex}"))),
        ("/annotations/dev.tarsia.layer.diff_id", json!(format!("sha256:{}", "Z".repeat(64)))),
        ("/mediaType", json!("application/octet-stream")),
        ("/mediaType", json!("application/vnd.oci.image.layer.v1.tar+zstd")),
        ("/mediaType", json!("application/vnd.oci.image.layer.v1.tar")),
    ];
    for (place, value) in wrong {
        let (registry, digest) = cache_alone();
        alter(&registry, |cache| *cache["layers"][FIRST].pointer_mut(place).unwrap() = value.clone());
        let (fresh, run) = push_fresh(&registry, &digest);
        assert_eq!(stored_layers(&fresh).len(), 1, "{place} {value}: {}", run.stdout);
    }
}

#[test]
fn a_document_that_is_no_cache_image_is_none() {
    let not_layers = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": "none"}).to_string();
    let index = "application/vnd.oci.image.index.v1+json";
    let documents = [
        (MANIFEST, "[".to_owned()),
        (MANIFEST, "{}".to_owned()),
        (MANIFEST, not_layers),
        (MANIFEST, "\u{0}".repeat(1 << 20)),
        (index, json!({"schemaVersion": 2, "mediaType": index, "manifests": []}).to_string()),
        ("text/html", "<html>moved</html>".to_owned()),
    ];
    for (media_type, document) in documents {
        let (registry, digest) = cache_alone();
        registry.put_manifest("app", "tarsia-cache", media_type, document.clone());
        let (fresh, _) = push_fresh(&registry, &digest);
        assert_eq!(stored_layers(&fresh).len(), 2, "{document:.40}");
    }
}

#[test]
fn a_size_that_lies_is_found_by_the_look_at_the_blob() {
    for size in [json!(0), json!(1), json!(1_u64 << 50), json!(u64::MAX)] {
        let (registry, digest) = cache_alone();
        alter(&registry, |cache| cache["layers"][FIRST]["size"] = size.clone());
        let (fresh, _) = push_fresh(&registry, &digest);
        assert_eq!(stored_layers(&fresh).len(), 1, "{size}");
        // What is planned is the same.
        registry.delete_tag("app", "latest");
        alter(&registry, |cache| cache["layers"][FIRST]["size"] = size.clone());
        let plan = over(&app(2, "scratch"), "plan", &registry, &[]).ok();
        assert_eq!(statuses(&plan), [["built", "reused"]], "{size}");
    }
    for size in [json!(-1), json!("12"), json!(1.5)] {
        let (registry, digest) = cache_alone();
        alter(&registry, |cache| cache["layers"][FIRST]["size"] = size.clone());
        push_fresh(&registry, &digest);
    }
}

#[test]
fn one_blob_is_not_the_layer_of_two_keys() {
    let (registry, digest) = cache_alone();
    alter(&registry, |cache| {
        for part in ["digest", "size"] {
            cache["layers"][FIRST][part] = cache["layers"][SECOND][part].clone();
        }
        let diff_id = cache["layers"][SECOND]["annotations"]["dev.tarsia.layer.diff_id"].clone();
        cache["layers"][FIRST]["annotations"]["dev.tarsia.layer.diff_id"] = diff_id;
    });
    // Nobody knows whose it is.
    let (fresh, _) = push_fresh(&registry, &digest);
    assert_eq!(stored_layers(&fresh).len(), 2);
}

#[test]
fn a_blob_that_this_machine_has_is_what_this_machine_says() {
    let (registry, digest) = cache_alone();
    alter(&registry, |cache| {
        for part in ["digest", "size"] {
            cache["layers"][FIRST][part] = cache["layers"][SECOND][part].clone();
        }
    });
    // Made here before: the second layer. The first is claimed to be the same blob.
    let sandbox = app(2, "scratch");
    let spec = std::fs::read_to_string(sandbox.path("specs/app.toml")).unwrap();
    let (top, layers) = spec.split_once("[[layer]]").unwrap();
    let (_, second) = layers.split_once("[[layer]]").unwrap();
    sandbox.file("specs/app.toml", format!("{top}[[layer]]{second}"));
    push(&sandbox, &Registry::start(), &[]);
    sandbox.file("specs/app.toml", spec);
    let run = push(&sandbox, &registry, &[]);
    assert_eq!(digests(&run), std::slice::from_ref(&digest));
    assert_eq!(assert_whole(&registry, "app", "latest"), digest);
    assert_eq!(stored_layers(&sandbox).len(), 2);
}

#[test]
fn a_compressed_blob_is_not_its_own_tar_stream() {
    let (registry, digest) = cache_alone();
    alter(&registry, |cache| {
        let blob = cache["layers"][FIRST]["digest"].clone();
        cache["layers"][FIRST]["annotations"]["dev.tarsia.layer.diff_id"] = blob;
    });
    let (fresh, _) = push_fresh(&registry, &digest);
    assert_eq!(stored_layers(&fresh).len(), 1);
}

#[test]
fn a_layer_of_the_base_keeps_the_diff_id_that_the_base_gives_it() {
    let registry = Registry::start();
    let base = HandMade::small();
    base.put(&registry, "bases/small", "1");
    let reference = format!("{}/bases/small:1", registry.host());
    let first = push(&app(2, &reference), &registry, &[]);
    registry.delete_tag("app", "latest");
    let (_, layer) = &base.layers[0];
    // The tree comes first in this cache image.
    alter(&registry, |cache| {
        cache["layers"][1]["digest"] = json!(digest_of(layer));
        cache["layers"][1]["size"] = json!(layer.len());
    });
    let run = push(&app(2, &reference), &registry, &[]);
    assert_eq!(digests(&run), digests(&first));
    assert_whole(&registry, "app", "latest");
}

/// What cannot be seen without reading: a blob and a diff_id that fit each other, under the wrong key. Who can do that can
/// put any image under the tag as well. A build from the files alone does not believe it, nor does anyone else's later.
#[test]
fn without_the_remote_cache_no_lie_is_believed() {
    let (registry, digest) = cache_alone();
    let (blob, tar) = (gzip(b"evil"), digest_of(b"evil"));
    let evil = registry.put_blob("app", blob.clone());
    alter(&registry, |cache| {
        cache["layers"][FIRST]["digest"] = json!(evil);
        cache["layers"][FIRST]["size"] = json!(blob.len());
        cache["layers"][FIRST]["annotations"]["dev.tarsia.layer.diff_id"] = json!(tar);
    });
    let fooled = app(2, "scratch");
    assert_ne!(digests(&push(&fooled, &registry, &[])), std::slice::from_ref(&digest), "this is what trust means");
    for sandbox in [fooled, app(2, "scratch")] {
        let run = push(&sandbox, &registry, &["--no-remote-cache"]);
        assert_eq!(digests(&run), std::slice::from_ref(&digest));
        assert_eq!(assert_whole(&registry, "app", "latest"), digest);
        // What is built is not what a registry said either.
        let built = sandbox.run(["build", "specs", "--json"]).ok();
        assert_eq!(digests(&built), std::slice::from_ref(&digest));
    }
}

/// A zstd frame that announces so many bytes: magic, a descriptor for eight bytes of size, the size, one empty block.
fn announcing(size: u64) -> Vec<u8> {
    let mut bytes = b"tarsia listing 2\n\x28\xb5\x2f\xfd\xe0".to_vec();
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&[1, 0, 0]);
    bytes
}

#[test]
fn a_listing_is_not_believed_and_cannot_fill_the_memory() {
    let mut zeros = b"tarsia listing 2\n".to_vec();
    zeros.extend_from_slice(&zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap());
    let mut extents = b"tarsia listing 2\n".to_vec();
    // A listing of as many extents as can be, in almost no bytes.
    let mut body = b"\x04gzip".to_vec();
    body.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    body.resize(16 << 20, 0);
    extents.extend_from_slice(&zstd::bulk::compress(&body, 1).unwrap());
    let listings = [announcing(1 << 40), announcing(u64::MAX), announcing(3), zeros, extents, b"nonsense".to_vec()];
    for listing in &listings {
        let (registry, _) = cache_alone();
        let digest = registry.put_blob("app", listing.clone());
        alter(&registry, |cache| {
            cache["layers"][FIRST + 1]["digest"] = json!(digest);
            cache["layers"][FIRST + 1]["size"] = json!(listing.len());
        });
        let changed = app(2, "scratch");
        changed.file("l0/file", "changed\n");
        let plan = over(&changed, "plan", &registry, &[]).ok();
        let why = &plan.documents()[0]["layers"][0]["why"];
        assert_eq!(why, "no earlier version is known", "{}", plan.stderr);
        push(&changed, &registry, &[]);
        assert_whole(&registry, "app", "latest");
    }
    // One that is too large is not even asked for, one that is not there is a note.
    for (size, digest) in [(1_u64 << 50, None), (10, Some(digest_of(b"not there")))] {
        let (registry, _) = cache_alone();
        alter(&registry, |cache| {
            assert_eq!(cache["layers"][FIRST + 1]["mediaType"], LISTING);
            cache["layers"][FIRST + 1]["size"] = json!(size);
            if let Some(digest) = digest {
                cache["layers"][FIRST + 1]["digest"] = json!(digest);
            }
        });
        let changed = app(2, "scratch");
        changed.file("l0/file", "changed\n");
        let plan = over(&changed, "plan", &registry, &[]).ok();
        assert_eq!(plan.documents()[0]["layers"][0]["why"], "no earlier version is known");
        assert!(plan.stderr.contains("could not be looked at"), "{}", plan.stderr);
        push(&changed, &registry, &[]);
        assert_whole(&registry, "app", "latest");
    }
}

/// The paths of a base as the cache image tells them are believed in the same way, and kept apart from what was read.
#[test]
fn a_tree_that_lies_is_forgotten_without_the_remote_cache() {
    let registry = Registry::start();
    let tree = |mode: u32| {
        let mut tar = Tar::default();
        tar.folder("var/", 0o755).folder("var/task/", mode);
        tar.end()
    };
    HandMade::new().layer(&tree(0o711)).put(&registry, "bases/small", "1");
    let reference = format!("{}/bases/small:1", registry.host());
    let honest = digests(&push(&app(1, &reference), &registry, &[])).remove(0);
    registry.delete_tag("app", "latest");
    let mut lie = tarsia::image::Nodes::new();
    lie.apply_tar(&tree(0o777)[..]).unwrap();
    let lie = lie.encode().unwrap();
    let digest = registry.put_blob("app", lie.clone());
    alter(&registry, |cache| {
        cache["layers"][0]["digest"] = json!(digest);
        cache["layers"][0]["size"] = json!(lie.len());
    });
    let fooled = app(1, &reference);
    assert_ne!(digests(&push(&fooled, &registry, &[])), std::slice::from_ref(&honest), "this is what trust means");
    let run = push(&fooled, &registry, &["--no-remote-cache"]);
    assert_eq!(digests(&run), std::slice::from_ref(&honest));
    assert_eq!(digests(&fooled.run(["build", "specs", "--json"]).ok()), [honest]);
}

/// A tree that is none, or one of an earlier form, does not keep the place of one that is.
#[test]
fn a_tree_that_cannot_be_read_is_replaced() {
    let registry = Registry::start();
    HandMade::small().put(&registry, "bases/small", "1");
    let reference = format!("{}/bases/small:1", registry.host());
    let honest = digests(&push(&app(1, &reference), &registry, &[])).remove(0);
    let tree = json_of(&registry, "app", "tarsia-cache")["layers"][0]["digest"].clone();
    let rubbish: [&[u8]; 3] = [b"", b"tarsia tree 2\nof old", b"tarsia tree 3\nand rubbish"];
    for rubbish in rubbish {
        registry.delete_tag("app", "latest");
        let digest = registry.put_blob("app", rubbish.to_vec());
        alter(&registry, |cache| {
            cache["layers"][0]["digest"] = json!(digest);
            cache["layers"][0]["size"] = json!(rubbish.len());
        });
        let changed = app(2, &reference);
        push(&changed, &registry, &[]);
        assert_eq!(json_of(&registry, "app", "tarsia-cache")["layers"][0]["digest"], tree);
        // What a store keeps that cannot be read is none either.
        for name in changed.names("cache/trees") {
            changed.file(&format!("cache/trees/{name}"), rubbish);
        }
        let run = changed.run(["build", "specs", "--json"]).ok();
        assert_ne!(digests(&run), std::slice::from_ref(&honest));
    }
}
