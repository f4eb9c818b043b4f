//! How many requests a push makes. Each number is a promise: a change of it is a change of the program.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::support::examples::{assert_whole, examples, push};
use crate::support::registry::{Kind, Log, Registry};
use crate::support::{Run, Sandbox};

/// Three images of 2, 1 and 1 layers of their own, two tags each, into empty repositories: 42 requests.
const FIRST: &[(Kind, usize)] = &[
    // Is the layer there? For base's two layers in three repositories, for receipt_dynamo's in two, receipt_label's
    // in one.
    (Kind::BlobHead, 9),
    // A session for each of the four layers and three configs.
    (Kind::UploadStart, 7),
    // What a repository before has is mounted: base's two layers twice, receipt_dynamo's once.
    (Kind::Mount, 5),
    // The bytes of the four layers and three configs.
    (Kind::UploadPut, 7),
    // What do the tags stand for?
    (Kind::ManifestHead, 6),
    // Each image's manifest, once a tag; before that by its digest those of base and receipt_dynamo, from whose
    // repositories layers are mounted: no tag moves before everything is there.
    (Kind::ManifestPut, 8),
];

/// Nothing has changed: what do the six tags stand for?
const SECOND: &[(Kind, usize)] = &[(Kind::ManifestHead, 6)];

/// A file of receipt_label has changed: 16 requests.
const CHANGED: &[(Kind, usize)] = &[
    // The three layers below are still there, the new one is not.
    (Kind::BlobHead, 4),
    // The layer and the config.
    (Kind::UploadStart, 2),
    (Kind::UploadPut, 2),
    (Kind::ManifestHead, 6),
    // One manifest, once a tag.
    (Kind::ManifestPut, 2),
];

/// Another machine, which has the sources and an empty store: 15 requests. It assembles the layers to learn their
/// digests, and finds each.
const ELSEWHERE: &[(Kind, usize)] = &[(Kind::BlobHead, 9), (Kind::ManifestHead, 6)];

/// The requests by kind.
fn kinds(log: &Log) -> Vec<(Kind, usize)> {
    let mut kinds: Vec<Kind> = log.0.iter().map(|request| request.kind).collect();
    kinds.sort();
    let chunks = kinds.chunk_by(|a, b| a == b);
    chunks.map(|same| (same[0], same.len())).collect()
}

/// Makes sure that the registry was asked exactly this since the last time, and that the run's report says the same.
#[track_caller]
fn assert_asked(registry: &Registry, run: &Run, expected: &[(Kind, usize)]) {
    let log = registry.log();
    assert_eq!(kinds(&log), expected, "{log}");
    let reported = |key: &str| -> u64 {
        let documents = run.documents();
        documents.iter().map(|document| document["requests"][key].as_u64().unwrap()).sum()
    };
    assert_eq!(reported("sent"), log.len() as u64, "{log}");
    assert_eq!(reported("bytes_up"), log.bytes_up(), "{log}");
    assert_eq!(reported("bytes_down"), log.bytes_down(), "{log}");
    registry.clear_log();
}

/// The status of each layer, image by image.
fn statuses(run: &Run) -> Vec<Vec<String>> {
    let of = |document: &Value| {
        let layers = document["layers"].as_array().unwrap().iter();
        layers.map(|layer| layer["status"].as_str().unwrap().to_owned()).collect()
    };
    run.documents().iter().map(of).collect()
}

fn changed(run: &Run) -> Vec<bool> {
    run.documents().iter().map(|document| document["changed"].as_bool().unwrap()).collect()
}

/// The blobs of the store, each with what tells whether it was written anew.
fn blobs(sandbox: &Sandbox) -> Vec<(String, u64, i64)> {
    let names = sandbox.names("cache/blobs/sha256").into_iter();
    let look = |name: String| {
        let metadata = fs::metadata(sandbox.path("cache/blobs/sha256").join(&name)).unwrap();
        (name, metadata.ino(), metadata.mtime_nsec())
    };
    names.map(look).collect()
}

#[test]
fn a_second_push_uploads_no_blob_and_assembles_nothing() {
    let registry = Registry::start();
    let sandbox = examples();
    let first = push(&sandbox, &registry).ok();
    assert_asked(&registry, &first, FIRST);
    assert_eq!(changed(&first), [true; 3]);
    assert_eq!(
        statuses(&first),
        [
            vec!["uploaded", "uploaded"],
            vec!["mounted", "mounted", "uploaded"],
            vec!["mounted"; 3].into_iter().chain(["uploaded"]).collect()
        ]
    );
    for (image, document) in ["base", "receipt-dynamo", "receipt-label"].iter().zip(first.documents()) {
        let digest = assert_whole(&registry, &format!("receipts/{image}"), "latest");
        assert_eq!(document["digest"], *digest);
        let short = &digest["sha256:".len()..][..12];
        assert_eq!(registry.tags(&format!("receipts/{image}")), [short, "latest"]);
    }

    let before = blobs(&sandbox);
    let second = push(&sandbox, &registry).ok();
    assert_asked(&registry, &second, SECOND);
    assert_eq!(blobs(&sandbox), before, "a layer was assembled");
    assert_eq!(changed(&second), [false; 3]);
    assert!(statuses(&second).iter().flatten().all(|status| status == "reused"), "{}", second.stdout);
    let digests = |run: &Run| -> Vec<Value> { run.documents().iter().map(|image| image["digest"].clone()).collect() };
    assert_eq!(digests(&second), digests(&first));
}

#[test]
fn a_change_in_one_package_uploads_one_layer_one_config_one_manifest() {
    let registry = Registry::start();
    let sandbox = examples();
    push(&sandbox, &registry).ok();
    let before = registry.resolve("receipts/receipt-label", "latest");
    registry.clear_log();

    sandbox.file("layers/receipt_label/handler.py", "def handler(event, context):\n    return 1\n");
    let run = push(&sandbox, &registry).ok();
    let log = registry.log();
    let layer = run.documents()[2]["layers"][3].clone();
    let up: Vec<u64> = log.of(Kind::UploadPut).0.iter().map(|put| put.bytes_up).collect();
    assert!(up.contains(&layer["size"].as_u64().unwrap()), "{log}");
    let manifests: Vec<u64> = log.of(Kind::ManifestPut).0.iter().map(|put| put.bytes_up).collect();
    assert_eq!(manifests[0], manifests[1], "{log}");
    assert_eq!(log.bytes_up(), up.iter().chain(&manifests).sum::<u64>());
    assert_asked(&registry, &run, CHANGED);
    assert_eq!(changed(&run), [false, false, true]);
    assert_eq!(statuses(&run)[2], ["reused", "reused", "reused", "uploaded"]);
    assert_ne!(Some(assert_whole(&registry, "receipts/receipt-label", "latest")), before);
    // The one before keeps the tag that is named after it.
    assert_eq!(registry.tags("receipts/receipt-label").len(), 3);
}

#[test]
fn another_machine_uploads_no_blob() {
    let registry = Registry::start();
    let first = push(&examples(), &registry).ok();
    registry.clear_log();
    let elsewhere = push(&examples(), &registry).ok();
    assert_asked(&registry, &elsewhere, ELSEWHERE);
    assert_eq!(changed(&elsewhere), [false; 3]);
    assert!(statuses(&elsewhere).iter().flatten().all(|status| status == "reused"), "{}", elsewhere.stdout);
    let digests = |run: &Run| -> Vec<Value> { run.documents().iter().map(|image| image["digest"].clone()).collect() };
    assert_eq!(digests(&elsewhere), digests(&first));
}

#[test]
fn one_image_of_several_is_pushed_for_itself() {
    let registry = Registry::start();
    let sandbox = examples();
    let set = format!("REGISTRY={}", registry.host());
    let label = |tags: &[&str]| {
        let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
        sandbox
            .run(
                ["push", "specs/receipt_label.toml", "--no-remote-cache", "--json", "--set", &set]
                    .into_iter()
                    .chain(tags),
            )
            .ok()
    };
    // All four layers and the config go into its own repository; the images below are not pushed.
    let first = label(&[]);
    let expected = [
        (Kind::BlobHead, 4),
        (Kind::UploadStart, 5),
        (Kind::UploadPut, 5),
        (Kind::ManifestHead, 2),
        (Kind::ManifestPut, 2),
    ];
    assert_asked(&registry, &first, &expected);
    assert_eq!(registry.repositories(), ["receipts/receipt-label"]);
    assert_asked(&registry, &label(&[]), &[(Kind::ManifestHead, 2)]);
    assert_asked(&registry, &label(&["latest"]), &[(Kind::ManifestHead, 1)]);
    // A new tag of what is there: its blobs are looked for, the config is sent again, the manifest is put.
    let tagged = label(&["latest", "v2"]);
    let expected = [
        (Kind::BlobHead, 4),
        (Kind::UploadStart, 1),
        (Kind::UploadPut, 1),
        (Kind::ManifestHead, 4),
        (Kind::ManifestPut, 1),
    ];
    assert_asked(&registry, &tagged, &expected);
}
