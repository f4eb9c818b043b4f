//! Layers of a spec, by their names.

use serde_json::json;

use super::{LAYERS, layers, over, packages, published};
use crate::support::examples::assert_whole;
use crate::support::registry::Kind;
use crate::support::workspace::{BASE_LAYERS, json_of, kinds};

/// What a bump of one layer asks, whatever else the image has.
const ONE_LAYER: &[(Kind, usize)] = &[
    // Is the layer there already, is the config?
    (Kind::BlobHead, 2),
    // The config of the published image, and the listing of the layer as it was, to say what has changed.
    (Kind::BlobGet, 2),
    (Kind::UploadStart, 2),
    (Kind::UploadPut, 2),
    // What the tag stands for: right before it is moved, and after.
    (Kind::ManifestHead, 2),
    // The published image, and the cache image, which has the listing.
    (Kind::ManifestGet, 2),
    (Kind::ManifestPut, 1),
];

#[test]
fn one_of_twenty_layers_needs_nothing_of_the_others() {
    let (bases, registry, reference) = published();
    let before = json_of(&registry, "team/app", "latest");
    // The base's registry is gone, and of the contexts one is left.
    drop(bases);
    let fresh = packages(&reference, &[7]);
    fresh.file("p7/lib/code.py", "code = \"new\"\n").file("p7/more/new.py", "new\n");
    registry.clear_log();
    let run = over(&fresh, "bump", &registry, &["--layer", "p7"]).ok();
    let log = registry.log();
    assert_eq!(kinds(&log), ONE_LAYER, "{log}");
    let document = run.documents().remove(0);

    let after = json_of(&registry, "team/app", "latest");
    let (old, new) = (layers(&before), layers(&after));
    assert_eq!(old.len(), BASE_LAYERS + LAYERS);
    for (at, (old, new)) in old.iter().zip(&new).enumerate() {
        assert_eq!(old == new, at != BASE_LAYERS + 7, "layer {at}");
    }
    // Up goes the layer, the config, the manifest; down comes next to nothing.
    let manifest = registry.manifest("team/app", "latest").unwrap().1.len() as u64;
    let size = |value: &serde_json::Value| value["size"].as_u64().unwrap();
    let expected = size(&new[BASE_LAYERS + 7]) + size(&after["config"]) + manifest;
    assert_eq!(log.bytes_up(), expected, "{log}");
    assert_eq!(document["requests"]["bytes_up"], expected);
    assert!(document["requests"]["bytes_down"].as_u64().unwrap() < 30_000, "{log}");
    assert_eq!(document["changed"], true);
    assert_eq!(document["tags"], json!(["latest"]));
    assert_eq!(document["layers"][BASE_LAYERS + 7]["status"], "uploaded");
    assert_eq!(document["layers"][BASE_LAYERS + 7]["replaces"], old[BASE_LAYERS + 7]["digest"]);
    assert_eq!(document["layers"][0]["status"], "base");
    assert_eq!(document["layers"][BASE_LAYERS]["status"], "reused");
    assert_whole(&registry, "team/app", "latest");
}

#[test]
fn a_bump_is_what_a_push_would_be() {
    let (_bases, registry, reference) = published();
    let one = packages(&reference, &[3, 11]);
    for number in [3, 11] {
        one.file(&format!("p{number}/lib/code.py"), "code = \"new\"\n");
    }
    let bumped = over(&one, "bump", &registry, &["--layer", "p11", "--layer", "p3"]).ok().documents().remove(0);
    let all = packages(&reference, &Vec::from_iter(0..LAYERS));
    for number in [3, 11] {
        all.file(&format!("p{number}/lib/code.py"), "code = \"new\"\n");
    }
    let pushed = over(&all, "push", &registry, &[]).ok().documents().remove(0);
    assert_eq!(pushed["digest"], bumped["digest"]);
    assert_eq!(pushed["changed"], false);
}

#[test]
fn an_unchanged_layer_changes_nothing() {
    let (_bases, registry, reference) = published();
    let digest = registry.resolve("team/app", "latest").unwrap();
    let fresh = packages(&reference, &[5]);
    registry.clear_log();
    let document = over(&fresh, "bump", &registry, &["--layer", "p5"]).ok().documents().remove(0);
    let log = registry.log();
    assert_eq!(kinds(&log), [(Kind::BlobGet, 1), (Kind::ManifestGet, 1)], "{log}");
    assert_eq!((&document["changed"], &document["digest"]), (&json!(false), &json!(digest)));
}
