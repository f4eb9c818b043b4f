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

#[test]
fn a_context_may_lie_elsewhere() {
    let (_bases, registry, reference) = published();
    let fresh = packages(&reference, &[]);
    fresh.file("built/code.py", "elsewhere\n");
    let document = over(&fresh, "bump", &registry, &["--layer", "p4=built"]).ok().documents().remove(0);
    let layer = document["layers"][BASE_LAYERS + 4]["digest"].as_str().unwrap();
    let blob = registry.blob("team/app", layer).unwrap();
    fresh.file("blob", blob);
    let members = crate::support::judge::members(&fresh.path("blob")).join("\n");
    assert!(members.contains("var/task/p4/code.py") && !members.contains("__init__.py"), "{members}");
    over(&fresh, "bump", &registry, &["--layer", "p4=none"]).refused(2, "none");
}

#[test]
fn the_image_and_where_it_goes_may_be_said() {
    let (_bases, registry, reference) = published();
    let fresh = packages(&reference, &[5]);
    fresh.file("p5/new.py", "new\n");
    let before = registry.resolve("team/app", "latest").unwrap();
    // From a digest to tags of other names.
    let image = format!("{}/team/app@{before}", registry.host());
    let flags = ["--layer", "p5", "--image", &image, "--tag", "v2", "--tag", "{digest}"];
    let document = over(&fresh, "bump", &registry, &flags).ok().documents().remove(0);
    let digest = document["digest"].as_str().unwrap();
    assert_eq!(document["tags"], json!(["v2", &digest[7..19]]));
    assert_eq!(registry.tags("team/app"), [&digest[7..19], "latest", "tarsia-cache", "v2"]);
    assert_eq!(registry.resolve("team/app", "latest").unwrap(), before);
    over(&fresh, "bump", &registry, &["--layer", "p5", "--image", &image]).refused(2, "use --tag TAG");
    // To another registry, with everything.
    let other = crate::support::registry::Registry::start();
    let to = format!("{}/elsewhere/app", other.host());
    let flags = ["--layer", "p5", "--image", &image, "--to", &to, "--tag", "v3"];
    let moved = over(&fresh, "bump", &registry, &flags).ok().documents().remove(0);
    assert_eq!(moved["digest"], digest);
    assert_whole(&other, "elsewhere/app", "v3");
    // And into the layout that the image is in.
    let source = format!("{}/team/app:latest", registry.host());
    fresh.run(["copy", &source, "oci:out:app"]).ok();
    let flags = ["--layer", "p5", "--image", "oci:out:app"];
    let local = over(&fresh, "bump", &registry, &flags).ok().documents().remove(0);
    assert_eq!((&local["digest"], &local["repository"]), (&json!(digest), &json!(null)));
    assert_eq!(local["ref"], format!("oci:out@{digest}"));
}

#[test]
fn what_is_not_there_cannot_be_bumped() {
    let (_bases, registry, reference) = published();
    let fresh = packages(&reference, &[5]);
    let refused = |flags: &[&str], code: i32, words: &str| over(&fresh, "bump", &registry, flags).refused(code, words);
    refused(&["--layer", "p99"], 2, "its layers are `p0`, `p1`");
    refused(&["--layer", "p5", "--tag", "a/b"], 2, "`a/b` is not a tag");
    refused(&["--layer", "p5", "--tag", "tarsia-cache"], 2, "the cache image's tag");
    refused(&["--layer", "p5", "--platform", "linux/s390x"], 2, "linux/s390x");
    refused(&["--layer", "p5", "--image", &format!("{}/none:latest", registry.host())], 3, "none:latest");
    // A layer that the spec has gained since.
    let text = std::fs::read_to_string(fresh.path("app.toml")).unwrap();
    fresh.file("app.toml", text + "[[layer]]\nname = \"gained\"\ncontext = \"p5\"\nto = \"/opt/\"\n");
    refused(&["--layer", "gained"], 2, "push the spec to add layers");
    let run = over(&fresh, "bump", &registry, &["--layer", "p5"]).ok();
    assert!(run.stdout.contains("the image has no layer `gained`"), "{}", run.stdout);
}

/// Layers that lie in one folder have to be known to each other; each is asked for once, and none is read.
const IN_ONE_FOLDER: &[(Kind, usize)] = &[
    (Kind::BlobHead, 2),
    // The config, and the listings of the three layers.
    (Kind::BlobGet, 4),
    (Kind::UploadStart, 2),
    (Kind::UploadPut, 2),
    (Kind::ManifestHead, 2),
    (Kind::ManifestGet, 2),
    (Kind::ManifestPut, 1),
];

#[test]
fn layers_in_one_folder_are_known_by_their_listings() {
    let registry = crate::support::registry::Registry::start();
    let machine = || {
        let sandbox = crate::support::Sandbox::new();
        let mut spec = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/team/app\"\n".to_owned();
        for name in ["below", "code", "above"] {
            spec.push_str(&format!("[[layer]]\nname = \"{name}\"\ncontext = \"{name}\"\nto = \"/opt/python/\"\n"));
        }
        sandbox.file("app.toml", spec).file("code/code.py", "code\n");
        sandbox
    };
    let first = machine();
    first.file("below/below.py", "below\n").file("above/above.py", "above\n");
    over(&first, "push", &registry, &[]).ok();
    let fresh = machine();
    fresh.file("code/code.py", "new\n");
    registry.clear_log();
    over(&fresh, "bump", &registry, &["--layer", "code"]).ok();
    let log = registry.log();
    assert_eq!(kinds(&log), IN_ONE_FOLDER, "{log}");
}
