//! Manifests, configs and indexes.

use serde_json::json;

use super::{clean, lambda_base, only};
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar, gzip};
use crate::support::registry::digest_of;

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

#[test]
fn media_types_of_two_families() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.file("motd", b"hello");
    HandMade::small().blob(DOCKER_LAYER, gzip(&tar.end()), &digest_of(&tar.end())).write(&sandbox.path("mixed"), "x");
    let found = only(&sandbox, &["oci:mixed:x"], "mixed-media-types");
    assert_eq!(found["where"]["field"], "layers[1].mediaType");
    HandMade::small().layer(&tar.end()).write(&sandbox.path("one"), "x");
    clean(&sandbox, &["oci:one:x"]);

    // What is built on it is of one family, so the spec is fine.
    sandbox.file("app.toml", "name = \"app\"\nbase = \"oci:mixed:x\"\n");
    clean(&sandbox, &["app.toml"]);
    sandbox.build(&["app.toml"]);
    clean(&sandbox, &["oci:out:app"]);
}

#[test]
fn a_config_for_another_platform_than_the_index_says() {
    let sandbox = Sandbox::new();
    sandbox.empty_base("amd64");
    sandbox.alter_base("amd64", |_, config| config["architecture"] = "amd64".into());
    sandbox.index_of_bases("index", &[("amd64", json!({"os": "linux", "architecture": "arm64"}))]);
    let found = only(&sandbox, &["oci:bases:index"], "platform-mismatch");
    assert!(found["why"].as_str().unwrap().contains("linux/arm64, but its config says linux/amd64"), "{found}");
    sandbox.file("app.toml", "name = \"app\"\nbase = \"oci:bases:index\"\nplatforms = [\"linux/arm64\"]\n");
    only(&sandbox, &["app.toml"], "platform-mismatch");
    // A config may leave the variant out.
    sandbox.index_of_bases("v3", &[("amd64", json!({"os": "linux", "architecture": "amd64", "variant": "v3"}))]);
    clean(&sandbox, &["oci:bases:v3"]);
}

#[test]
fn a_history_that_does_not_count_the_layers() {
    let sandbox = Sandbox::new();
    let with_history = |history| {
        let mut image = HandMade::small();
        image.config["history"] = history;
        image.write(&sandbox.path("bases"), "x");
    };
    with_history(json!([{"created_by": "a"}, {"created_by": "b"}]));
    let found = only(&sandbox, &["oci:bases:x"], "history-count");
    assert!(found["why"].as_str().unwrap().contains("2 entries for 1 layer"), "{found}");
    sandbox.file("app.toml", "name = \"app\"\nbase = \"oci:bases:x\"\n");
    only(&sandbox, &["app.toml"], "history-count");
    with_history(json!([{"created_by": "a"}, {"created_by": "ENV b", "empty_layer": true}]));
    clean(&sandbox, &["oci:bases:x"]);
    with_history(json!([]));
    clean(&sandbox, &["oci:bases:x"]);
}

#[test]
fn a_secret_in_the_environment() {
    let sandbox = Sandbox::new();
    let mut image = lambda_base();
    image.config["config"]["Env"] = json!(["AWS_SECRET_ACCESS_KEY=abc", "NPM_TOKEN=", "AWS_REGION=eu-west-1"]);
    image.write(&sandbox.path("bases"), "x");
    let found = only(&sandbox, &["oci:bases:x"], "credentials");
    assert_eq!(found["where"]["field"], "config.Env");
    assert!(!found.to_string().contains("abc"), "the secret itself is told: {found}");
}
