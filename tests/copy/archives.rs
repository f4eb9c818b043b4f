//! Through layouts and archives and back: what OCI keeps stays byte for byte, what docker's archive keeps are the layers'
//! contents and the config.

use serde_json::Value;

use super::registries::{INDEX, copy, put_index};
use crate::support::Sandbox;
use crate::support::images::HandMade;
use crate::support::judge::{raw_config, raw_manifest, skopeo_copy};
use crate::support::registry::Registry;
use crate::support::tools::tool;
use crate::support::workspace::{json_of, stored_layers};

fn digest_by_skopeo(image: &str) -> Value {
    let inspect = tool("skopeo", ["inspect", "--tls-verify=false", "--override-arch=arm64", image]);
    serde_json::from_str::<Value>(&inspect).unwrap()["Digest"].clone()
}

#[test]
fn a_layout_brings_everything_back() {
    let registry = Registry::start();
    let digest = put_index(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    let from = format!("{}/python:3.12", registry.host());
    let layout = format!("oci:{}:python", sandbox.path("layout").display());
    let first = copy(&sandbox, &from, &layout, &[]);
    assert_eq!((&first["digest"], &first["changed"]), (&digest.clone().into(), &true.into()));
    assert_eq!(raw_manifest(&layout), raw_manifest(&format!("docker://{from}")));
    // Again: nothing is fetched, nothing is written.
    registry.clear_log();
    let again = copy(&sandbox, &from, &layout, &[]);
    assert_eq!(again["changed"], false);
    assert!(again["layers"].as_array().unwrap().iter().all(|blob| blob["status"] == "reused"), "{again}");
    assert!(registry.log().bytes_down() < 10_000, "{}", registry.log());
    let back = Registry::start();
    copy(&sandbox, &layout, &format!("{}/python:back", back.host()), &[]);
    assert_eq!(back.resolve("python", "back").unwrap(), digest);
    assert_eq!(back.blobs("python"), registry.blobs("python"));
    assert_eq!(back.manifests("python"), registry.manifests("python"));
}

#[test]
fn an_oci_archive_brings_everything_back() {
    let registry = Registry::start();
    let digest = put_index(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    let from = format!("{}/python:3.12", registry.host());
    let archive = format!("oci-archive:{}:python", sandbox.path("python.tar").display());
    copy(&sandbox, &from, &archive, &[]);
    assert_eq!(raw_manifest(&archive), raw_manifest(&format!("docker://{from}")));
    let bytes = std::fs::read(sandbox.path("python.tar")).unwrap();
    copy(&sandbox, &from, &archive, &[]);
    assert!(bytes == std::fs::read(sandbox.path("python.tar")).unwrap(), "the same image, another archive");
    // Read by a machine that has nothing.
    let (fresh, back) = (Sandbox::new(), Registry::start());
    copy(&fresh, &archive, &format!("{}/python:back", back.host()), &[]);
    assert_eq!(back.resolve("python", "back").unwrap(), digest);
    assert_eq!(back.blobs("python"), registry.blobs("python"));
    copy(&fresh, &archive, "oci:layout:x", &[]);
    assert_eq!(raw_manifest(&format!("oci:{}:x", fresh.path("layout").display())), raw_manifest(&archive));
}

#[test]
fn a_docker_archive_goes_out_and_comes_in() {
    let registry = Registry::start();
    let image = HandMade::small();
    image.put(&registry, "small", "1");
    let sandbox = Sandbox::new();
    let from = format!("{}/small:1", registry.host());
    let archive = format!("docker-archive:{}:small:1", sandbox.path("small.tar").display());
    copy(&sandbox, &from, &archive, &[]);
    assert_eq!(raw_config(&archive)["rootfs"], image.config["rootfs"]);
    assert_eq!(raw_config(&archive), raw_config(&format!("docker://{from}")));
    skopeo_copy(&archive, &format!("oci:{}:x", sandbox.path("by-skopeo").display()), &[]);
    // Into a registry, as skopeo's own archive and as ours: a tag, the same layers' contents.
    let theirs = format!("docker-archive:{}:small:1", sandbox.path("theirs.tar").display());
    skopeo_copy(&format!("docker://{from}"), &theirs, &["--override-arch=arm64"]);
    for (archive, tag) in [(&archive, "ours"), (&theirs, "theirs")] {
        let back = Registry::start();
        let to = format!("{}/small:{tag}", back.host());
        let copied = copy(&Sandbox::new(), archive, &to, &[]);
        assert_eq!(copied["digest"], digest_by_skopeo(&format!("docker://{to}")));
        assert_eq!(raw_config(&format!("docker://{to}"))["rootfs"], image.config["rootfs"], "{tag}");
        skopeo_copy(
            &format!("docker://{to}"),
            &format!("dir:{}", sandbox.path(tag).display()),
            &["--override-arch=arm64"],
        );
        // And it is found unchanged.
        assert_eq!(copy(&Sandbox::new(), archive, &to, &[])["changed"], false);
    }
}

#[test]
fn one_platform_of_an_index_goes_into_a_docker_archive() {
    let registry = Registry::start();
    put_index(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    let from = format!("{}/python:3.12", registry.host());
    let archive = format!("docker-archive:{}:python:3.12", sandbox.path("python.tar").display());
    copy(&sandbox, &from, &archive, &["--platform", "linux/arm64"]);
    assert_eq!(raw_config(&archive)["architecture"], "arm64");
}

#[test]
fn skopeo_finds_the_digest_everywhere() {
    let registry = Registry::start();
    let digest = HandMade::small().put(&registry, "small", "1");
    let sandbox = Sandbox::new();
    let from = format!("{}/small:1", registry.host());
    let (layout, archive) = (sandbox.path("layout"), sandbox.path("a.tar"));
    let places = [
        format!("oci:{}:x", layout.display()),
        format!("oci-archive:{}:x", archive.display()),
        format!("{}/elsewhere:x", registry.host()),
    ];
    let mut from = from;
    for place in places {
        copy(&sandbox, &from, &place, &[]);
        let judged = if place.starts_with("oci") { place.clone() } else { format!("docker://{place}") };
        assert_eq!(digest_by_skopeo(&judged), digest, "{place}");
        from = place;
    }
}

#[test]
fn a_docker_archive_holds_the_one_image_of_an_index() {
    let registry = Registry::start();
    put_index(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    let from = format!("{}/python:3.12", registry.host());
    let archive = format!("docker-archive:{}:python:3.12", sandbox.path("python.tar").display());
    for flags in [&[][..], &["--platform", "linux/amd64", "--platform", "linux/arm64"]] {
        let run = sandbox.run(["copy", &from, &archive].iter().chain(flags));
        assert!(run.refused(2, "linux/amd64, linux/arm64").stderr.contains("help: choose one with --platform"));
    }
    assert_eq!(stored_layers(&sandbox), Vec::<String>::new(), "layers were fetched for nothing");
    // One platform with its attestation, as builders write it: the attestation is no image.
    let mut index = json_of(&registry, "python", "3.12");
    let manifests = index["manifests"].as_array_mut().unwrap();
    *manifests = vec![manifests[1].clone(), manifests[3].clone()];
    registry.put_manifest("python", "one", INDEX, index.to_string());
    copy(&sandbox, &format!("{}/python:one", registry.host()), &archive, &[]);
    let manifest = tool("tar", ["-xOf", sandbox.path("python.tar").to_str().unwrap(), "manifest.json"]);
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest.as_array().unwrap().len(), 1, "{manifest}");
    assert_eq!(raw_config(&archive)["architecture"], "arm64");
}
