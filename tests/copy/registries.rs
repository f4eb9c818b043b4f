//! From registry to registry: mounted or streamed, byte for byte, and only what is missing.

use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::images::{CONFIG, HandMade, MANIFEST};
use crate::support::judge::raw_manifest;
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};
use crate::support::tools::tool;
use crate::support::workspace::{BASE_LAYERS, assert_asked, base, base_for, layers_of, stored_layers};

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Puts an index as builders write it: two platforms, and an attestation for each, which is of no platform.
pub fn put_index(registry: &Registry, repository: &str, tag: &str) -> String {
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let digest = base_for(architecture).put(registry, repository, architecture);
        let size = registry.manifest(repository, &digest).unwrap().1.len();
        manifests.push(json!({"mediaType": MANIFEST, "digest": digest, "size": size,
            "platform": {"os": "linux", "architecture": architecture}}));
    }
    for of in 0..2 {
        let config = json!({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers",
            "diff_ids": [digest_of(b"statement")]}})
        .to_string();
        let statement = format!("{{\"_type\": \"https://in-toto.io/Statement/v0.1\", \"of\": {of}}}");
        let descriptor = |kind: &str, bytes: &str| json!({"mediaType": kind, "digest": registry.put_blob(repository, bytes), "size": bytes.len()});
        // An order of keys and spaces of its own: whoever writes it anew changes its digest.
        let manifest = format!(
            "{{ \"layers\": [{}],\n  \"config\": {}, \"schemaVersion\": 2, \"mediaType\": \"{MANIFEST}\" }}",
            descriptor("application/vnd.in-toto+json", &statement),
            descriptor(CONFIG, &config)
        );
        let digest = registry.put_manifest(repository, &digest_of(manifest.as_bytes()), MANIFEST, manifest.clone());
        let about = manifests[of]["digest"].clone();
        manifests.push(json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len(),
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about}}));
    }
    let index =
        format!("{{ \"manifests\": {},\n \"mediaType\": \"{INDEX}\", \"schemaVersion\": 2 }}\n", json!(manifests));
    registry.put_manifest(repository, tag, INDEX, index)
}

/// Makes sure that everything below a tag is there, byte for byte as in the other registry.
#[track_caller]
fn assert_same(from: (&Registry, &str), to: (&Registry, &str), digest: &str) {
    let kept = to.0.manifest(to.1, digest).unwrap_or_else(|| panic!("{digest} is not there"));
    assert_eq!(Some(&kept), from.0.manifest(from.1, digest).as_ref());
    let document: Value = serde_json::from_slice(&kept.1).unwrap();
    for manifest in document["manifests"].as_array().into_iter().flatten() {
        assert_same(from, to, manifest["digest"].as_str().unwrap());
    }
    for blob in document["layers"].as_array().into_iter().flatten().chain(document.get("config")) {
        let blob = blob["digest"].as_str().unwrap();
        assert_eq!(to.0.blob(to.1, blob), from.0.blob(from.1, blob), "{blob}");
        assert!(to.0.blob(to.1, blob).is_some());
    }
}

/// Copies, and gives the one document of `--json`.
#[track_caller]
pub fn copy(sandbox: &Sandbox, from: &str, to: &str, flags: &[&str]) -> Value {
    sandbox.run(["copy", from, to, "--json"].iter().chain(flags)).ok().documents().remove(0)
}

#[test]
fn on_one_registry_everything_is_mounted() {
    let registry = Registry::start();
    let digest = base().put(&registry, "from", "1");
    let (from, to) = (format!("{}/from:1", registry.host()), format!("{}/to:2", registry.host()));
    let sandbox = Sandbox::new();
    let copied = copy(&sandbox, &from, &to, &[]);
    assert_eq!((&copied["digest"], &copied["changed"]), (&json!(digest), &json!(true)));
    assert_eq!(copied["ref"], format!("{to}@{digest}"));
    assert!(copied["layers"].as_array().unwrap().iter().all(|blob| blob["status"] == "mounted"), "{copied}");
    let log = assert_asked(
        &registry,
        &[
            // Are the layers and the config there?
            (Kind::BlobHead, BASE_LAYERS + 1),
            (Kind::Mount, BASE_LAYERS + 1),
            // What does the tag stand for?
            (Kind::ManifestHead, 1),
            (Kind::ManifestGet, 1),
            (Kind::ManifestPut, 1),
        ],
    );
    assert!(log.bytes_up() + log.bytes_down() < 5_000, "{log}");
    assert_same((&registry, "from"), (&registry, "to"), &digest);
    assert_eq!(stored_layers(&sandbox), Vec::<String>::new());

    // Unchanged, it is one GET at the source and one HEAD at the destination.
    assert_eq!(copy(&sandbox, &from, &to, &[])["changed"], false);
    assert_asked(&registry, &[(Kind::ManifestHead, 1), (Kind::ManifestGet, 1)]);
    // Another tag of the same repository: nothing but the manifest.
    copy(&sandbox, &from, &format!("{}/from:3", registry.host()), &[]);
    assert_asked(&registry, &[(Kind::ManifestHead, 1), (Kind::ManifestGet, 1), (Kind::ManifestPut, 1)]);
}

#[test]
fn across_registries_it_streams_through() {
    let (source, target) = (Registry::start(), Registry::start());
    let digest = base().put(&source, "python", "3.12");
    // What is there already is not sent.
    let there = &base().layers[2].1;
    target.put_blob("mirror/python", there.clone());
    let (from, to) = (format!("{}/python:3.12", source.host()), format!("{}/mirror/python:3.12", target.host()));
    let sandbox = Sandbox::new();
    let copied = copy(&sandbox, &from, &to, &[]);
    let statuses: Vec<&Value> = copied["layers"].as_array().unwrap().iter().map(|blob| &blob["status"]).collect();
    assert_eq!(statuses, ["uploaded", "uploaded", "uploaded", "reused", "uploaded"], "the config first");
    assert_same((&source, "python"), (&target, "mirror/python"), &digest);
    for layer in layers_of(&base()) {
        let times = usize::from(layer != digest_of(there));
        let log = source.log();
        assert_eq!(log.count_where(|r| r.kind == Kind::BlobGet && r.path.ends_with(&layer)), times, "{log}");
    }
    assert_eq!(stored_layers(&sandbox), Vec::<String>::new(), "a blob touched the disk");
    assert_eq!(source.log().bytes_up(), 0);
    source.clear_log();
    target.clear_log();
    copy(&sandbox, &from, &to, &[]);
    assert_asked(&source, &[(Kind::ManifestGet, 1)]);
    assert_asked(&target, &[(Kind::ManifestHead, 1)]);
    let inspect: Value =
        serde_json::from_str(&tool("skopeo", ["inspect", "--tls-verify=false", &format!("docker://{to}")])).unwrap();
    assert_eq!(inspect["Digest"], digest);
}

#[test]
fn an_index_comes_whole_with_what_is_of_no_platform() {
    let (source, target) = (Registry::start(), Registry::start());
    let digest = put_index(&source, "python", "3.12");
    let (from, to) = (format!("{}/python:3.12", source.host()), format!("{}/python:3.12", target.host()));
    let sandbox = Sandbox::new();
    let copied = copy(&sandbox, &from, &to, &[]);
    assert_eq!(copied["digest"], *digest);
    assert_same((&source, "python"), (&target, "python"), &digest);
    assert_eq!(target.manifests("python").len(), 5);
    assert_eq!(raw_manifest(&format!("docker://{to}")), raw_manifest(&format!("docker://{from}")));
    target.clear_log();
    copy(&sandbox, &from, &to, &[]);
    assert_asked(&target, &[(Kind::ManifestHead, 1)]);
}

#[test]
fn platforms_are_taken_out_of_an_index() {
    let (source, target) = (Registry::start(), Registry::start());
    put_index(&source, "python", "3.12");
    let arm64 = digest_of(base_for("arm64").manifest().to_string().as_bytes());
    let (from, to) = (format!("{}/python:3.12", source.host()), format!("{}/python", target.host()));
    let sandbox = Sandbox::new();
    // One is a manifest.
    let one = copy(&sandbox, &from, &format!("{to}:one"), &["--platform", "linux/arm64"]);
    assert_eq!((&one["digest"], &one["platform"]), (&json!(arm64), &json!("linux/arm64")));
    assert_same((&source, "python"), (&target, "python"), &arm64);
    // Several are an index of those, in the order they were asked for.
    let both = ["--platform", "linux/arm64", "--platform", "linux/amd64"];
    let several = copy(&sandbox, &from, &format!("{to}:both"), &both);
    let index = raw_manifest(&format!("docker://{to}:both"));
    assert_eq!(index["mediaType"], INDEX);
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 2);
    assert_eq!((&manifests[0]["digest"], &manifests[0]["platform"]["architecture"]), (&json!(arm64), &json!("arm64")));
    assert_eq!(target.resolve("python", "both").unwrap(), several["digest"]);
    // One that is not in it is refused before anything is sent.
    target.clear_log();
    let run = sandbox.run(["copy", &from, &format!("{to}:none"), "--platform", "linux/s390x"]);
    run.refused(2, "linux/s390x");
    assert_asked(&target, &[]);
    // Of a single image: the platform it is for.
    let single = format!("{}/python:arm64", source.host());
    copy(&sandbox, &single, &format!("{to}:single"), &["--platform", "linux/arm64"]);
    assert_eq!(target.resolve("python", "single").unwrap(), arm64);
    sandbox.run(["copy", &single, &format!("{to}:none"), "--platform", "linux/amd64"]).refused(2, "linux/amd64");
    assert_eq!(target.tags("python"), ["both", "one", "single"]);
}

#[test]
fn an_image_of_dockers_schema_stays_one() {
    let (source, target) = (Registry::start(), Registry::start());
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let image = HandMade::small();
    image.put(&source, "python", "oci");
    let mut manifest = image.manifest();
    manifest["mediaType"] = json!(docker);
    manifest["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    manifest["layers"][0]["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
    let digest = source.put_manifest("python", "3.12", docker, serde_json::to_string_pretty(&manifest).unwrap());
    let sandbox = Sandbox::new();
    let to = format!("{}/python:3.12", target.host());
    copy(&sandbox, &format!("{}/python:3.12", source.host()), &to, &[]);
    assert_same((&source, "python"), (&target, "python"), &digest);
    assert_eq!(target.manifest("python", "3.12").unwrap().0, docker);
    // Through a layout and back as well.
    copy(&sandbox, &to, "oci:layout:x", &[]);
    copy(&sandbox, "oci:layout:x", &format!("{}/python:back", target.host()), &[]);
    assert_eq!(target.resolve("python", "back").unwrap(), digest);
}

#[test]
fn a_wrong_blob_is_refused_and_nothing_is_named() {
    let (source, target) = (Registry::start(), Registry::start());
    let image = HandMade::small();
    image.put(&source, "python", "3.12");
    let mut wrong = image.layers[0].1.clone();
    *wrong.last_mut().unwrap() ^= 1;
    source
        .fault(Fault::on(Kind::BlobGet, Action::WrongBody(wrong.clone())).path(digest_of(&image.layers[0].1)).always());
    let sandbox = Sandbox::new();
    let from = format!("{}/python:3.12", source.host());
    sandbox.run(["copy", &from, &format!("{}/python:3.12", target.host())]).refused(3, "wrong content");
    assert_eq!(target.tags("python"), Vec::<String>::new());
    assert!(target.blob("python", &digest_of(&wrong)).is_none());
    for (to, file) in
        [("oci:layout:x", "layout"), ("oci-archive:x.tar:x", "x.tar"), ("docker-archive:x.tar:x", "x.tar")]
    {
        let run = sandbox.run(["copy", &from, to]).refused(3, "wrong content");
        let path = sandbox.path(file);
        if path.is_dir() {
            let index = std::fs::read_to_string(path.join("index.json")).unwrap_or_default();
            assert!(!index.contains("sha256:"), "{index}");
            assert!(sandbox.tree(file).iter().all(|name| !name.contains(&digest_of(&wrong)[7..])), "{}", run.stderr);
        } else {
            assert!(!path.exists(), "{to}");
        }
    }
    // A blob that is gone, and a source that is not there.
    source.clear_faults();
    source.delete_blob("python", &digest_of(&image.layers[0].1));
    sandbox.run(["copy", &from, &format!("{}/python:3.12", target.host())]).refused(3, "404");
    sandbox.run(["copy", &format!("{}/absent:1", source.host()), "oci:layout:x"]).refused(3, "404");
    assert_eq!(target.tags("python"), Vec::<String>::new());
}

#[test]
fn a_digest_in_the_destination_has_to_be_the_images_own() {
    let (source, target) = (Registry::start(), Registry::start());
    let digest = HandMade::small().put(&source, "python", "3.12");
    let sandbox = Sandbox::new();
    let from = format!("{}/python@{digest}", source.host());
    let other = digest_of(b"other");
    sandbox.run(["copy", &from, &format!("{}/python@{other}", target.host())]).refused(2, "names a digest");
    assert!(target.log().is_empty());
    copy(&sandbox, &from, &format!("{}/python@{digest}", target.host()), &[]);
    assert!(target.manifest("python", &digest).is_some());
    assert_eq!(target.tags("python"), Vec::<String>::new());
    // Without a tag it is `latest`.
    copy(&sandbox, &from, &format!("{}/python", target.host()), &[]);
    assert_eq!(target.resolve("python", "latest").unwrap(), digest);
}
