//! Manifests, configs and indexes.

use serde_json::{Value, json};

use super::{check, clean, lambda_base, only};
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

/// A spec for these platforms over the layout's image `arm64` or an index.
fn over(sandbox: &Sandbox, name: &str, base: &str, platforms: &str, layer: &str) {
    sandbox.file(
        &format!("{name}.toml"),
        format!(
            "name = \"{name}\"\nbase = {base}\nplatforms = [{platforms}]\n\
             [[layer]]\nname = \"code\"\nto = \"/srv/{name}/\"\n{layer}\n"
        ),
    );
}

/// Platform and rules of each image.
fn found(sandbox: &Sandbox, arguments: &[&str]) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |document: &Value| {
        let rules = document["findings"].as_array().unwrap().iter().map(|finding| text(&finding["rule"])).collect();
        (format!("{} {}", text(&document["name"]), text(&document["platform"])), rules)
    };
    check(sandbox, arguments).documents().iter().map(of).collect()
}

#[test]
fn a_spec_for_a_platform_that_its_base_lacks() {
    let sandbox = Sandbox::new();
    HandMade::small().write(&sandbox.path("bases"), "arm64");
    sandbox.file("code/__pycache__/a.pyc", "").file("wheels/x86_64/x.py", "");
    let all = |image: &str, rules: &[&str]| (image.to_owned(), rules.iter().map(|&rule| rule.to_owned()).collect());

    // Beside what else is wrong with it.
    over(&sandbox, "app", "\"oci:bases:arm64\"", "\"linux/amd64\"", "context = \"code\"");
    let run = sandbox.run(["check", "app.toml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let first = "error[platform-mismatch]: the image is for linux/amd64, and the base `oci:bases:arm64` is for linux/arm64\n  \
                 --> app.toml, platforms\n  help: name a base";
    assert!(run.stdout.starts_with(first), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n\napp linux/amd64: 1 error, 1 warning\n"), "{}", run.stdout);

    // One of its platforms, and one of several specs; also by the flag.
    over(&sandbox, "app", "\"oci:bases:arm64\"", "\"linux/arm64\", \"linux/amd64\"", "context = \"code\"");
    over(&sandbox, "other", "\"oci:bases:arm64\"", "\"linux/arm64\"", "context = \"code\"");
    let expected = [
        all("app linux/arm64", &["python-cache"]),
        all("app linux/amd64", &["platform-mismatch"]),
        all("other linux/arm64", &["python-cache"]),
    ];
    assert_eq!(found(&sandbox, &["app.toml", "other.toml"]), expected);
    let flags = ["other.toml", "--platform", "linux/s390x", "--platform", "linux/amd64"];
    let expected = [
        all("other linux/amd64", &["platform-mismatch", "python-cache"]),
        all("other linux/s390x", &["platform-mismatch"]),
    ];
    assert_eq!(found(&sandbox, &flags), expected);
    let allowed = ["--allow", "platform-mismatch"];
    assert_eq!(check(&sandbox, &[&flags[..], &allowed].concat()).code, 0);

    // A context that is there for the wanted platform only.
    let wheels = "context = \"wheels/{arch}\"";
    std::fs::rename(sandbox.path("wheels/x86_64"), sandbox.path("wheels/amd64")).unwrap();
    over(&sandbox, "app", "\"oci:bases:arm64\"", "\"linux/amd64\"", wheels);
    let expected = [all("other linux/arm64", &["python-cache"]), all("app linux/amd64", &["platform-mismatch"])];
    assert_eq!(found(&sandbox, &["app.toml", "other.toml"]), expected);
    // What else fails does as before.
    over(&sandbox, "app", "\"oci:bases:arm64\"", "\"linux/arm64\"", wheels);
    sandbox.run(["check", "app.toml"]).refused(2, "wheels/arm64");
}

#[test]
fn a_spec_for_a_platform_that_the_spec_below_lacks() {
    let sandbox = Sandbox::new();
    HandMade::small().write(&sandbox.path("bases"), "arm64");
    sandbox.file("code/x.py", "");
    over(&sandbox, "low", "\"oci:bases:arm64\"", "\"linux/arm64\"", "context = \"code\"");
    over(&sandbox, "top", "{ spec = \"low.toml\" }", "\"linux/amd64\"", "context = \"code\"");
    let mismatch = vec!["platform-mismatch".to_owned()];
    let expected = [("low linux/arm64".to_owned(), Vec::new()), ("top linux/amd64".to_owned(), mismatch.clone())];
    assert_eq!(found(&sandbox, &["low.toml", "top.toml"]), expected);
    assert_eq!(found(&sandbox, &["top.toml"]), expected[1..]);
    // Below both.
    over(&sandbox, "low", "\"oci:bases:arm64\"", "\"linux/amd64\"", "context = \"code\"");
    let expected = [("low linux/amd64".to_owned(), mismatch.clone()), ("top linux/amd64".to_owned(), mismatch)];
    assert_eq!(found(&sandbox, &["low.toml", "top.toml"]), expected);
}
