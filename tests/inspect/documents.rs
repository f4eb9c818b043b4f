//! `tarsia inspect`: what is in an image, and which layer put it there.

use serde_json::{Value, json};

use crate::support::judge::skopeo_copy;
use crate::support::tools::tool;
use crate::support::{DockerRegistry, Sandbox};

/// The layout `out` with an image `app` of two layers on a base of one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("tree/etc/motd", "base").link("tree/lib", "usr/lib").base("base", "tree");
    sandbox.file(
        "app.toml",
        r#"
        name = "app"
        base = "oci:bases:base"
        [[layer]]
        name = "skeleton"
        entries = [{ path = "/tmp/", mode = "1777" }, { path = "/etc/motd", text = "mine" }]
        [[layer]]
        name = "code"
        context = "code"
        to = "/srv/"
        owner = "7:8"
        [config]
        env = { A = "b" }
        cmd = ["serve"]
        workdir = "/srv"
        "#,
    );
    sandbox.executable("code/run", "#!/bin/sh\n");
    std::fs::hard_link(sandbox.path("code/run"), sandbox.path("code/run2")).unwrap();
    sandbox.build(&["app.toml"]);
    sandbox
}

fn json(sandbox: &Sandbox, image: &str) -> Value {
    sandbox.run(["inspect", image, "--files", "--json"]).ok().documents().remove(0)
}

#[test]
fn the_text_says_what_runs_and_what_lies_where() {
    let sandbox = sandbox();
    let text = sandbox.run(["inspect", "oci:out:app", "--files"]).ok().stdout;
    let mut lines = text.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("oci:out:app linux/amd64 sha256:"), "{first}");
    for line in [
        r#"  cmd         ["serve"]"#,
        "  workdir     /srv",
        "  env         A=b",
        "  1 d1777 0:0         0 /tmp",
        "  1 f0644 0:0         4 /etc/motd",
        "  0 l0777 0:0         0 /lib -> usr/lib",
        "  2 f0755 7:8        10 /srv/run",
        "  2 h0755 7:8         0 /srv/run2 -> srv/run",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }
    // Without --files there are none.
    assert!(!sandbox.run(["inspect", "oci:out:app"]).ok().stdout.contains("/etc/motd"));
}

#[test]
fn the_document_says_the_same_of_an_image_wherever_it_is() {
    let sandbox = sandbox();
    let registry = DockerRegistry::start();
    let published = format!("{}/app:v1", registry.host());
    skopeo_copy(&sandbox.image("app"), &format!("docker://{published}"), &[]);
    sandbox.build(&["app.toml", "-o", "oci-archive:app.tar"]);
    sandbox.build(&["app.toml", "-o", "docker-archive:docker.tar"]);

    let layout = json(&sandbox, "oci:out:app");
    let manifest = sandbox.manifest("app");
    let digest = tool("skopeo", ["inspect", "--format", "{{.Digest}}", &sandbox.image("app")]);
    assert_eq!(layout["schema"], 1);
    assert_eq!(layout["ref"], "oci:out:app");
    assert_eq!(layout["digest"], digest.trim());
    assert_eq!(layout["platform"], "linux/amd64");
    assert_eq!(layout["config"], sandbox.config("app"));
    let layers = layout["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    for (place, layer) in layers.iter().enumerate() {
        assert_eq!(layer["digest"], manifest["layers"][place]["digest"]);
        assert_eq!(layer["size"], manifest["layers"][place]["size"]);
        assert_eq!(layer["diff_id"], sandbox.config("app")["rootfs"]["diff_ids"][place]);
    }
    assert_eq!((&layers[0]["name"], &layers[0]["key"]), (&Value::Null, &Value::Null));
    assert_eq!(layers[2]["name"], "code");
    assert_eq!(layers[2]["key"], manifest["layers"][2]["annotations"]["dev.tarsia.layer.key"]);
    let files = layout["files"].as_array().unwrap();
    let run = files.iter().find(|file| file["path"] == "/srv/run").unwrap();
    let expected = json!({
        "path": "/srv/run",
        "kind": "f",
        "mode": "0755",
        "uid": 7,
        "gid": 8,
        "size": 10,
        "link": null,
        "layer": 2,
    });
    assert_eq!(*run, expected);

    for (image, annotated) in
        [(published.as_str(), true), ("oci-archive:app.tar", true), ("docker-archive:docker.tar", false)]
    {
        let found = json(&sandbox, image);
        assert_eq!(found["files"], layout["files"], "{image}");
        assert_eq!(found["config"], layout["config"], "{image}");
        for (there, here) in found["layers"].as_array().unwrap().iter().zip(layers) {
            assert_eq!((&there["digest"], &there["diff_id"]), (&here["digest"], &here["diff_id"]), "{image}");
            assert_eq!(there["name"] == here["name"], annotated || here["name"].is_null(), "{image}");
        }
        // An archive of docker's has no manifest, so there is nothing to tell the digest of.
        assert_eq!(found["digest"], if annotated { layout["digest"].clone() } else { Value::Null }, "{image}");
        let digest = digest.trim();
        let text = sandbox.run(["inspect", image]).ok().stdout;
        let expected = if annotated { format!(" linux/amd64 {digest}\n") } else { " linux/amd64\n".to_owned() };
        assert!(text.starts_with(&format!("{image}{expected}")), "{text}");
    }
}

#[test]
fn files_that_a_layer_deleted_are_not_listed() {
    let sandbox = Sandbox::new();
    sandbox.file("tree/etc/motd", "").file("tree/etc/keep", "").base("base", "tree");
    let image = format!("{}:base", sandbox.path("bases").display());
    let bundle = sandbox.path("bundle");
    tool("umoci", ["unpack", "--image", &image, bundle.to_str().unwrap()]);
    std::fs::remove_file(sandbox.path("bundle/rootfs/etc/motd")).unwrap();
    tool("umoci", ["repack", "--image", &image, bundle.to_str().unwrap()]);
    let files = json(&sandbox, "oci:bases:base")["files"].clone();
    let paths: Vec<&Value> = files.as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["/etc", "/etc/keep"]);
}

#[test]
fn an_index_shows_all_its_images_or_the_one_asked_for() {
    let sandbox = sandbox();
    sandbox.file("two.toml", "name = \"two\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n");
    sandbox.build(&["two.toml"]);
    let all = sandbox.run(["inspect", "oci:out:two", "--json"]).ok().documents();
    let platforms: Vec<&Value> = all.iter().map(|document| &document["platform"]).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let one = sandbox.run(["inspect", "oci:out:two", "--json", "--platform", "linux/arm64"]).ok().documents();
    assert_eq!(one, all[1..]);
    sandbox
        .run(["inspect", "oci:out:two", "--platform", "linux/s390x"])
        .refused(2, "there are linux/amd64, linux/arm64");
}

#[test]
fn what_is_not_there_is_named() {
    let sandbox = sandbox();
    let registry = DockerRegistry::start();
    sandbox.run(["inspect", "oci:nowhere"]).refused(2, "nowhere");
    sandbox.run(["inspect", "oci:out:other"]).refused(2, "no image named `other`, but `app`");
    sandbox.run(["inspect", "oci:code"]).refused(2, "not an OCI layout");
    sandbox.run(["inspect", "oci-archive:app.toml"]).refused(2, "app.toml");
    sandbox.run(["inspect", &format!("{}/nothing", registry.host())]).refused(3, "nothing");
    sandbox.run(["inspect", "Upper/Case"]).refused(2, "lower-case");
}

#[test]
fn a_damaged_layer_is_not_listed_as_if_it_were_whole() {
    let sandbox = sandbox();
    let layer = sandbox.top_layer("app");
    let mut bytes = std::fs::read(&layer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&layer, bytes).unwrap();
    let run = sandbox.run(["inspect", "oci:out:app", "--files"]);
    assert_ne!(run.code, 0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("out"), "{}", run.stderr);
}
