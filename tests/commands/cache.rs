//! `tarsia cache`: this machine's store of layers.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::Sandbox;

/// A sandbox whose store holds the layers `old` and `new` of an image.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("old/file", vec![b'o'; 5000]).file("new/file", vec![b'n'; 5000]);
    let layer = |name: &str| format!("[[layer]]\nname = \"{name}\"\ncontext = \"{name}\"\nto = \"/{name}/\"\n");
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"scratch\"\n{}{}", layer("old"), layer("new")));
    sandbox.build(&["app.toml"]);
    sandbox
}

fn list(sandbox: &Sandbox) -> Vec<Value> {
    let mut layers = sandbox.run(["cache", "list", "--json"]).ok().documents();
    layers.sort_by_key(|layer| layer["name"].to_string());
    layers
}

/// The blob of a layer in the store.
fn blob(sandbox: &Sandbox, name: &str) -> PathBuf {
    let layers = list(sandbox);
    let layer = layers.iter().find(|layer| layer["name"] == name).unwrap();
    sandbox.blob("cache", layer["digest"].as_str().unwrap())
}

fn statuses(sandbox: &Sandbox) -> Vec<Value> {
    let run = sandbox.build(&["app.toml", "--json"]);
    let layers = run.documents()[0]["layers"].as_array().unwrap().clone();
    layers.iter().map(|layer| layer["status"].clone()).collect()
}

#[test]
fn list_names_the_layers() {
    let sandbox = sandbox();
    let layers = list(&sandbox);
    assert_eq!(layers.len(), 2);
    let manifest = sandbox.manifest("app");
    let (new, built) = (&layers[0], &manifest["layers"][1]);
    assert_eq!((&new["schema"], &new["name"]), (&json!(1), &json!("new")));
    for key in ["digest", "size"] {
        assert_eq!(new[key], built[key]);
    }
    assert_eq!(new["key"], built["annotations"]["dev.tarsia.layer.key"]);
    assert_eq!(new["diff_id"], sandbox.config("app")["rootfs"]["diff_ids"][1]);
    assert_eq!(new["media_type"], built["mediaType"]);
    assert_eq!((&new["here"], &new["unused_days"]), (&json!(true), &json!(0)));
    let text = sandbox.run(["cache", "list"]).ok().stdout;
    assert!(text.lines().count() == 2 && text.contains("today") && text.contains("old"), "{text}");
}

#[test]
fn an_empty_store_has_nothing_to_tell() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(["cache", "list"]).ok().stdout, "");
    assert_eq!(sandbox.run(["cache", "verify"]).ok().stdout, "every blob is what its digest says\n");
    assert_eq!(sandbox.run(["cache", "prune"]).ok().stdout, "removed 0 layers, 0 B\n");
}

#[test]
fn a_known_layer_is_not_built_again() {
    let sandbox = sandbox();
    assert_eq!(statuses(&sandbox), ["reused", "reused"]);
    sandbox.file("new/file", "other");
    assert_eq!(statuses(&sandbox), ["reused", "built"]);
    let run = sandbox.build(&["app.toml", "--json", "--no-cache"]);
    assert!(run.documents()[0]["layers"].as_array().unwrap().iter().all(|layer| layer["status"] == "built"));
}

#[test]
fn a_blob_damaged_in_place_is_found_removed_and_made_again() {
    let sandbox = sandbox();
    let manifest = sandbox.manifest("app");
    let blob = blob(&sandbox, "old");
    let mut bytes = fs::read(&blob).unwrap();
    bytes[20] ^= 1;
    fs::write(&blob, &bytes).unwrap();

    let found = sandbox.run(["cache", "verify", "--json"]);
    assert_eq!(found.code, 1, "the answer is no");
    let found = found.documents();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["blob"], blob.file_name().unwrap().to_str().unwrap());
    assert!(!blob.exists());
    assert_eq!(sandbox.run(["cache", "verify"]).ok().stdout, "every blob is what its digest says\n");

    fs::remove_dir_all(sandbox.path("out")).unwrap();
    assert_eq!(statuses(&sandbox), ["built", "reused"]);
    assert_eq!(sandbox.manifest("app"), manifest);
    sandbox.unpack("app");
}

#[test]
fn a_pack_is_looked_after_like_a_blob() {
    let sandbox = sandbox();
    let store = tarsia::store::Store::open(&sandbox.path("cache")).unwrap();
    let key = tarsia::digest::Digest::of(b"key");
    let mut new = store.new_pack().unwrap();
    new.add(&mut &b"contents"[..]).unwrap();
    new.commit(&key, Vec::new()).unwrap();
    // Pruning waits for whoever has the store open.
    drop(store);
    let pack = sandbox.path("cache/packs").join(key.hex());
    assert_eq!(sandbox.run(["cache", "verify"]).ok().stdout, "every blob is what its digest says\n");
    sandbox.run(["cache", "prune"]).ok();
    let mut bytes = fs::read(&pack).unwrap();
    bytes[3] ^= 1;
    fs::write(&pack, &bytes).unwrap();
    let found = sandbox.run(["cache", "verify", "--json"]);
    assert_eq!(found.code, 1);
    assert_eq!(found.documents()[0]["blob"], format!("packs/{}", key.hex()));
    assert!(!pack.exists());
}

#[test]
fn a_blob_cut_short_is_not_believed() {
    let sandbox = sandbox();
    let manifest = sandbox.manifest("app");
    let blob = blob(&sandbox, "new");
    File::options().write(true).open(&blob).unwrap().set_len(100).unwrap();
    assert_eq!(list(&sandbox)[0]["here"], false);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    assert_eq!(statuses(&sandbox), ["reused", "built"]);
    assert_eq!(sandbox.manifest("app"), manifest);
    sandbox.unpack("app");
}

#[test]
fn rubbish_in_records_is_not_believed() {
    for rubbish in ["", "{}", "nonsense"] {
        let sandbox = sandbox();
        let manifest = sandbox.manifest("app");
        for folder in ["layers", "listings", "contexts", "latest", "trees"] {
            for name in sandbox.names(&format!("cache/{folder}")) {
                sandbox.file(&format!("cache/{folder}/{name}"), rubbish);
            }
        }
        assert_eq!(statuses(&sandbox), ["built", "built"]);
        assert_eq!(sandbox.manifest("app"), manifest);
    }
}

#[test]
fn prune_removes_what_was_not_used_for_long() {
    let sandbox = sandbox();
    assert_eq!(sandbox.run(["cache", "prune"]).ok().stdout, "removed 0 layers, 0 B\n");
    let (old, new) = (blob(&sandbox, "old"), blob(&sandbox, "new"));
    let key = list(&sandbox)[1]["key"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let record = File::options().write(true).open(sandbox.path("cache/layers").join(key)).unwrap();
    record.set_modified(SystemTime::now() - Duration::from_secs(40 * 86_400)).unwrap();
    assert_eq!(list(&sandbox)[1]["unused_days"], 40);
    let pruned = sandbox.run(["cache", "prune", "--json"]).ok().documents();
    assert_eq!(pruned[0]["layers"], 1);
    assert!(!old.exists() && new.exists());
    assert_eq!(statuses(&sandbox), ["built", "reused"]);
}

#[test]
fn use_makes_a_layer_young_again() {
    let sandbox = sandbox();
    for name in sandbox.names("cache/layers") {
        let record = File::options().write(true).open(sandbox.path("cache/layers").join(name)).unwrap();
        record.set_modified(SystemTime::now() - Duration::from_secs(40 * 86_400)).unwrap();
    }
    assert_eq!(statuses(&sandbox), ["reused", "reused"]);
    assert_eq!(list(&sandbox)[0]["unused_days"], 0);
}

#[test]
fn prune_keeps_no_more_than_asked() {
    let sandbox = sandbox();
    let sizes: Vec<u64> = list(&sandbox).iter().map(|layer| layer["size"].as_u64().unwrap()).collect();
    let keep = (sizes[0].max(sizes[1]) + 1).to_string();
    sandbox.run(["cache", "prune", "--keep", &keep]).ok();
    assert_eq!(list(&sandbox).len(), 1);
    sandbox.run(["cache", "prune", "--keep", "1GiB"]).ok();
    assert_eq!(list(&sandbox).len(), 1);
    sandbox.run(["cache", "prune", "--keep", "lots"]).refused(2, "500MB");
}

#[test]
fn prune_all_leaves_nothing() {
    let sandbox = sandbox();
    let manifest = sandbox.manifest("app");
    sandbox.run(["cache", "prune", "--all"]).ok();
    assert_eq!(list(&sandbox).len(), 0);
    for folder in ["blobs/sha256", "layers", "listings", "contexts", "latest", "trees", "packs", "temporary"] {
        assert!(sandbox.names(&format!("cache/{folder}")).is_empty(), "{folder}");
    }
    // The layout has copies of its own.
    sandbox.unpack("app");
    assert_eq!(statuses(&sandbox), ["built", "built"]);
    assert_eq!(sandbox.manifest("app"), manifest);
}
