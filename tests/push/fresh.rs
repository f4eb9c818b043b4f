//! A machine that has never seen the project: what it asks, what it sends, what it reads. Each number is a promise.

use serde_json::json;

use crate::support::examples::assert_whole;
use crate::support::images::MANIFEST;
use crate::support::registry::{Auth, Kind, Quirks, Registry, digest_of};
use crate::support::tools::tool;
use crate::support::workspace::{
    BASE_LAYERS, IMAGES, assert_asked, base, base_for, digests, json_of, kinds, layers_of, noise, of_repository, over,
    statuses, stored_layers, workspace,
};
use crate::support::{Run, Sandbox};

/// Nothing has changed: eight requests for three images.
const UNCHANGED: &[(Kind, usize)] = &[
    // The config of the base, and that of each image that is about to be replaced: the diff_ids are in it.
    (Kind::BlobGet, 4),
    // What the base's reference stands for, and each image's tag.
    (Kind::ManifestGet, 4),
];

/// Of these, the lowest image asks four (base and tag, a manifest and a config each), the others two.
const UNCHANGED_EACH: [u64; 3] = [4, 2, 2];

/// With a tag that is named after the digest: one HEAD more an image, once the digest is known.
const UNCHANGED_WITH_DIGEST_TAG: &[(Kind, usize)] =
    &[(Kind::BlobGet, 4), (Kind::ManifestHead, 3), (Kind::ManifestGet, 4)];

/// With that tag alone nothing is known beforehand, so layers and base tree come from the cache image.
const UNCHANGED_WITH_DIGEST_TAG_ALONE: &[(Kind, usize)] = &[
    // The config of the base, and its tree once.
    (Kind::BlobGet, 2),
    // Does the tag stand for the image?
    (Kind::ManifestHead, 3),
    // The base, and the cache image of each repository.
    (Kind::ManifestGet, 4),
];

/// For two platforms an index stands between: of the base and of each image the index, and a manifest and a config
/// for each platform.
const UNCHANGED_PLATFORMS: &[(Kind, usize)] = &[(Kind::BlobGet, 8), (Kind::ManifestGet, 12)];

/// Over a layout nothing is asked for the base.
const UNCHANGED_LAYOUT: &[(Kind, usize)] = &[(Kind::BlobGet, 3), (Kind::ManifestGet, 3)];

/// What `--json` says was asked for each image.
fn sent(run: &Run) -> Vec<u64> {
    run.documents().iter().map(|image| image["requests"]["sent"].as_u64().unwrap()).collect()
}

/// Pushes from a first machine, then from a fresh one, and makes sure of what the second one asked and did.
#[track_caller]
fn push_twice(
    registry: &Registry,
    machine: impl Fn() -> Sandbox,
    flags: &[&str],
    expected: &[(Kind, usize)],
) -> (Sandbox, Run) {
    let first = over(&machine(), "push", registry, flags).ok();
    registry.clear_log();
    let fresh = machine();
    let second = over(&fresh, "push", registry, flags).ok();
    let log = registry.log();
    assert_eq!(kinds(&log), expected, "{log}");
    assert_eq!(digests(&second), digests(&first));
    assert_eq!(log.bytes_up(), 0, "{log}");
    // Documents are small; a layer of the base is a megabyte.
    assert!(log.0.iter().all(|request| request.bytes_down < 20_000), "{log}");
    assert!(statuses(&second).iter().flatten().all(|status| status == "base" || status == "reused"), "{log}");
    assert!(second.documents().iter().all(|image| image["changed"] == false));
    assert_eq!(sent(&second).iter().sum::<u64>(), log.len() as u64);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new(), "a layer was assembled or fetched");
    (fresh, second)
}

#[test]
fn an_unchanged_workspace_takes_eight_small_requests() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let (fresh, run) = push_twice(&registry, || workspace(&reference, ""), &[], UNCHANGED);
    assert_eq!(sent(&run), UNCHANGED_EACH);
    assert!(sent(&run).iter().all(|&sent| sent <= 6));
    // The base was not read: the facts that travel with the images were enough.
    assert_eq!(fresh.names("cache/trees"), Vec::<String>::new());
    for image in IMAGES {
        let digest = assert_whole(&registry, &format!("team/{image}"), "latest");
        let (_, manifest) = registry.manifest("team/a", &registry.resolve("team/a", "latest").unwrap()).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let facts = manifest["annotations"]["dev.tarsia.base.facts"].as_str().unwrap();
        assert!(facts.starts_with(&digest_of(base().manifest().to_string().as_bytes())), "{facts}");
        assert!(facts.contains("d:711:0:0:var/task"), "{facts}");
        assert!(digests(&run).contains(&digest));
    }
}

#[test]
fn the_tag_of_the_digest_takes_one_more_each() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let both = ["--tag", "latest", "--tag", "{digest}"];
    let (_, run) = push_twice(&registry, || workspace(&reference, ""), &both, UNCHANGED_WITH_DIGEST_TAG);
    assert_eq!(sent(&run), [5, 3, 3]);
}

#[test]
fn the_tag_of_the_digest_alone_is_enough() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let tag = ["--tag", "{digest}"];
    let (fresh, run) = push_twice(&registry, || workspace(&reference, ""), &tag, UNCHANGED_WITH_DIGEST_TAG_ALONE);
    assert_eq!(sent(&run), [5, 2, 2]);
    assert_eq!(fresh.names("cache/trees").len(), 1, "the tree came from the cache image");
}

/// Puts an index over bases for two platforms.
fn put_index(registry: &Registry) {
    let manifests = ["arm64", "amd64"].map(|architecture| {
        let digest = base_for(architecture).put(registry, "bases/python", architecture);
        let size = registry.manifest("bases/python", &digest).unwrap().1.len();
        let platform = json!({"os": "linux", "architecture": architecture});
        json!({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform})
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    registry.put_manifest("bases/python", "3.12", media_type, index.to_string());
}

#[test]
fn platforms_are_asked_for_one_by_one() {
    let registry = Registry::start();
    put_index(&registry);
    let reference = format!("{}/bases/python:3.12", registry.host());
    let machine = || workspace(&reference, "platforms = [\"linux/arm64\", \"linux/amd64\"]");
    let (fresh, run) = push_twice(&registry, machine, &[], UNCHANGED_PLATFORMS);
    assert_eq!(sent(&run), [10, 5, 5]);
    assert_eq!(fresh.names("cache/trees"), Vec::<String>::new());
    for document in run.documents() {
        assert_eq!(document["platform"], "linux/arm64,linux/amd64");
    }
}

#[test]
fn a_base_in_a_layout_is_not_asked_for() {
    let (registry, source, shelf) = (Registry::start(), Registry::start(), Sandbox::new());
    base().put(&source, "bases/python", "3.12");
    let layout = format!("oci:{}:python", shelf.path("bases").display());
    let image = format!("{}/bases/python:3.12", source.host());
    shelf.run(["copy", &image, &layout]).ok();
    let (fresh, run) = push_twice(&registry, || workspace(&layout, ""), &[], UNCHANGED_LAYOUT);
    assert_eq!(sent(&run), [2, 2, 2]);
    assert_eq!(fresh.names("cache/trees"), Vec::<String>::new());
    assert_eq!(fresh.names("cache/blobs/sha256"), Vec::<String>::new());
    tool("skopeo", ["inspect", "--tls-verify=false", &format!("docker://{}/team/c:latest", registry.host())]);
}

/// Twenty layers over a base, each of a context of its own.
fn twenty(base: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = format!("name = \"app\"\nbase = {base:?}\nrepository = \"${{REGISTRY}}/app\"\n");
    for number in 1..=20 {
        let name = format!("l{number:02}");
        spec += &format!("[[layer]]\nname = \"{name}\"\ncontext = \"../{name}\"\nto = \"/var/task/{name}/\"\n");
        sandbox.file(&format!("{name}/data"), noise(number, 10_000));
    }
    sandbox.file("specs/app.toml", spec);
    sandbox
}

/// What the image itself takes when one of its twenty layers has changed.
const CHANGED: &[(Kind, usize)] = &[
    // Is each of the nineteen layers still there, and those of the base? Nobody knows the new one's key, but a run that
    // failed may have left it: it is looked for too, while its session is opened.
    (Kind::BlobHead, 20 + BASE_LAYERS),
    // The configs of the base and of the image that is about to be replaced.
    (Kind::BlobGet, 2),
    // The new layer and the new config.
    (Kind::UploadStart, 2),
    (Kind::UploadPut, 2),
    // Base and tag.
    (Kind::ManifestGet, 2),
    // The new manifest.
    (Kind::ManifestPut, 1),
];

/// What the cache image takes beside it.
const CHANGED_CACHE: &[(Kind, usize)] = &[
    // The listing of the layer's last version, while the new one is assembled: it says why.
    (Kind::BlobGet, 1),
    // The listing.
    (Kind::UploadStart, 1),
    (Kind::UploadPut, 1),
    // Looked into for the new layer, and again before it is written.
    (Kind::ManifestGet, 2),
    (Kind::ManifestPut, 1),
];

/// The digest of the listing that the cache image has of a layer.
fn listing_of(registry: &Registry, layer: &str) -> String {
    let cache = json_of(registry, "app", "tarsia-cache");
    let blobs = cache["layers"].as_array().unwrap();
    let at = blobs.iter().position(|blob| blob["annotations"]["dev.tarsia.layer.name"] == layer).unwrap();
    assert_eq!(blobs[at + 1]["mediaType"], "application/vnd.tarsia.listing.v2+zstd");
    blobs[at + 1]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn one_layer_of_twenty_goes_up_alone() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let first = over(&twenty(&reference), "push", &registry, &[]).ok();
    let before = listing_of(&registry, "l07");
    registry.clear_log();

    let fresh = twenty(&reference);
    fresh.file("l07/data", noise(100, 20_000));
    let run = over(&fresh, "push", &registry, &[]).ok();
    let log = registry.log();
    let document = &run.documents()[0];
    let layer = &document["layers"][BASE_LAYERS + 6];
    let mut expected = vec!["base"; BASE_LAYERS];
    expected.extend(["reused"; 20]);
    expected[BASE_LAYERS + 6] = "uploaded";
    assert_eq!(statuses(&run), [expected]);
    assert_ne!(digests(&run), digests(&first));
    assert_eq!(digests(&run), [assert_whole(&registry, "app", "latest")]);

    // The requests of the cache image: those for its tag, its config and the listing.
    let listing =
        digest_of(&std::fs::read(fresh.path("cache/listings").join(hex(layer["key"].as_str().unwrap()))).unwrap());
    let (_, cache) = registry.manifest("app", "tarsia-cache").unwrap();
    let cache: serde_json::Value = serde_json::from_slice(&cache).unwrap();
    let named = |text: &str| {
        let config = cache["config"]["digest"].as_str().unwrap();
        [hex(&listing), hex(&before), hex(config), "tarsia-cache".to_owned()].iter().any(|name| text.contains(name))
    };
    // The cache image's session is opened when everything else has been sent.
    let (mut own, mut beside) = (log.only(|_| false), log.only(|_| false));
    let starts = log.of(Kind::UploadStart).len();
    let mut seen = 0;
    for request in &log.0 {
        seen += usize::from(request.kind == Kind::UploadStart);
        let is_beside = named(&request.target()) || (request.kind == Kind::UploadStart && seen == starts);
        if is_beside { &mut beside } else { &mut own }.0.push(request.clone());
    }
    assert_eq!(kinds(&own), CHANGED, "{log}");
    assert_eq!(kinds(&beside), CHANGED_CACHE, "{log}");

    // Exactly one layer, one config, one manifest.
    let (_, manifest) = registry.manifest("app", "latest").unwrap();
    let manifest_json: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let size = |descriptor: &serde_json::Value| descriptor["size"].as_u64().unwrap();
    assert_eq!(own.bytes_up(), size(layer) + size(&manifest_json["config"]) + manifest.len() as u64, "{log}");
    assert!(own.0.iter().all(|request| request.bytes_down < 20_000), "{log}");

    // The other contexts were hashed and never packed.
    assert_eq!(stored_layers(&fresh), [hex(layer["digest"].as_str().unwrap())]);
    assert_eq!(fresh.names("cache/listings").len(), 1);
    assert_eq!(fresh.names("cache/contexts").len(), 20);
    assert_eq!(fresh.names("cache/trees"), Vec::<String>::new());
    // What was found is remembered: the next run asks for the base and for its tag, whose facts stand for the base's tree.
    registry.clear_log();
    over(&fresh, "push", &registry, &[]).ok();
    assert_asked(&registry, &[(Kind::BlobGet, 1), (Kind::ManifestGet, 2)]);
}

fn hex(digest: &str) -> String {
    digest.strip_prefix("sha256:").unwrap().to_owned()
}

#[test]
fn a_warm_machine_asks_for_the_tags_alone() {
    let registry = Registry::start();
    let source = Registry::start();
    base().put(&source, "bases/python", "3.12");
    let sandbox = workspace(&format!("{}/bases/python:3.12", source.host()), "");
    over(&sandbox, "push", &registry, &["--tag", "latest", "--tag", "v1"]).ok();
    registry.clear_log();
    source.clear_log();
    over(&sandbox, "push", &registry, &["--tag", "latest", "--tag", "v1"]).ok();
    // One HEAD a tag, and what the base's reference stands for now. Its config is known.
    assert_asked(&registry, &[(Kind::ManifestHead, 6)]);
    assert_asked(&source, &[(Kind::ManifestGet, 1)]);
}

#[test]
fn another_spec_over_the_same_base_finds_its_tree_in_the_cache_image() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let spec = |name: &str, tag: &str, to: &str| {
        let sandbox = Sandbox::new();
        sandbox.file("code/x.py", format!("{name} = 1\n")).file(
            "specs/x.toml",
            format!(
                "name = \"{name}\"\nbase = \"{reference}\"\nrepository = \"${{REGISTRY}}/shared\"\ntags = [\"{tag}\"]\n\
                 [[layer]]\nname = \"{name}\"\ncontext = \"../code\"\nto = \"{to}\"\n"
            ),
        );
        sandbox
    };
    over(&spec("one", "one", "/var/task/one/"), "push", &registry, &[]).ok();
    registry.clear_log();
    let other = spec("two", "two", "/opt/two/");
    let run = over(&other, "push", &registry, &[]).ok();
    let log = registry.log();
    let reads = of_repository(&log, "bases/python");
    assert_eq!(kinds(&reads), [(Kind::BlobGet, 1), (Kind::ManifestGet, 1)], "a layer of the base was read\n{log}");
    // The tree is the only blob that the repository is asked for.
    assert_eq!(of_repository(&log, "shared").count(Kind::BlobGet), 1, "{log}");
    for layer in layers_of(&base()) {
        assert!(!log.paths().iter().any(|path| path.starts_with("GET") && path.contains(&layer)), "{log}");
    }
    // It says the same as the base's layers do.
    let read = spec("two", "two", "/opt/two/");
    let alone = over(&read, "push", &registry, &["--no-remote-cache"]).ok();
    assert_eq!(digests(&run), digests(&alone));
    assert!(registry.log().0.iter().any(|request| request.bytes_down > 1 << 20), "the base was not read for the check");
}

/// Every repository takes a token of its own, and nothing else is asked twice.
#[test]
fn authentication_comes_on_top() {
    let registry = Registry::with(Quirks { auth: Auth::bearer("me", "secret"), ..Quirks::default() });
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let machine = || {
        let sandbox = workspace(&reference, "");
        let auth = json!({"auths": {registry.host(): {"auth": "bWU6c2VjcmV0"}}});
        sandbox.file("home/.docker/config.json", auth.to_string());
        sandbox
    };
    over(&machine(), "push", &registry, &[]).ok();
    registry.clear_log();
    over(&machine(), "push", &registry, &[]).ok();
    let log = registry.log();
    assert_eq!(kinds(&log.only(|request| request.kind != Kind::Token && request.status != 401)), UNCHANGED, "{log}");
    // One token for the base's repository, one for each image's, and one request without a token to learn where they are.
    assert_eq!(log.count(Kind::Token), 4, "{log}");
    assert_eq!(log.count_where(|request| request.status == 401), 1, "{log}");
}
