//! The config that a spec asks for, and the documents as others read them.

use std::fs;

use oci_spec::image::{Arch, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os};
use serde_json::json;

use crate::support::Sandbox;

const LAYER: &str = r#"
[[layer]]
name = "file"
entries = [{ path = "/etc/passwd", text = "root:x:0:0::/root:/bin/sh\n" }]
"#;

fn build(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"scratch\"\n{LAYER}\n{config}"));
    sandbox.build(&["app.toml"]);
    sandbox
}

/// A base with much to say.
fn build_on_base(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.folder("tree").base("base", "tree");
    sandbox.configure_base(
        "base",
        &[
            "--config.env=PATH=/bin",
            "--config.env=HOME=/root",
            "--config.env=LANG=C",
            "--config.entrypoint=/entry",
            "--config.cmd=serve",
            "--config.label=kept=yes",
            "--config.label=stage=base",
            "--config.exposedports=80/tcp",
            "--config.volume=/data",
            "--config.workingdir=/base",
            "--config.user=nobody",
            "--config.stopsignal=SIGTERM",
        ],
    );
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"oci:bases:base\"\n{LAYER}\n{config}"));
    sandbox.build(&["app.toml"]);
    sandbox
}

#[test]
fn every_setting_reaches_the_config() {
    let sandbox = build(
        r#"
        [config]
        env = { B = "2", A = "1 = one", EMPTY = "" }
        workdir = "/srv"
        entrypoint = ["/entry", "--flag"]
        cmd = ["serve", "a b"]
        user = "1000:1000"
        labels = { "org.opencontainers.image.title" = "app", "a.b/c" = "Ünïcode \"quoted\"" }
        expose = [8080, "53/udp"]
        volumes = ["/data"]
        stop_signal = "SIGQUIT"
        healthcheck = { test = ["CMD-SHELL", "up || exit 1"], interval = "1m30s", timeout = "5s", retries = 3 }
        "#,
    );
    assert_eq!(
        sandbox.config("app")["config"],
        json!({
            "Env": ["A=1 = one", "B=2", "EMPTY="],
            "WorkingDir": "/srv",
            "Entrypoint": ["/entry", "--flag"],
            "Cmd": ["serve", "a b"],
            "User": "1000:1000",
            "Labels": {"org.opencontainers.image.title": "app", "a.b/c": "Ünïcode \"quoted\""},
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
            "Volumes": {"/data": {}},
            "StopSignal": "SIGQUIT",
            "Healthcheck": {
                "Test": ["CMD-SHELL", "up || exit 1"],
                "Interval": 90_000_000_000_u64,
                "Timeout": 5_000_000_000_u64,
                "Retries": 3,
            },
        })
    );
}

#[test]
fn without_settings_the_config_is_the_base_s() {
    let sandbox = build_on_base("");
    let base = crate::support::judge::raw_config(&format!("oci:{}:base", sandbox.path("bases").display()));
    assert_eq!(sandbox.config("app")["config"], base["config"]);
}

#[test]
fn settings_are_added_to_the_base_s_or_replace_them() {
    let sandbox = build_on_base(
        r#"
        [config]
        env = { HOME = "/home/app", Z = "new" }
        cmd = ["worker"]
        labels = { stage = "app", mine = "1" }
        expose = [443]
        volumes = ["/cache"]
        user = "app"
        "#,
    );
    assert_eq!(
        sandbox.config("app")["config"],
        json!({
            // Replaced in its place, added at the end.
            "Env": ["PATH=/bin", "HOME=/home/app", "LANG=C", "Z=new"],
            "Entrypoint": ["/entry"],
            "Cmd": ["worker"],
            "Labels": {"kept": "yes", "stage": "app", "mine": "1"},
            "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
            "Volumes": {"/data": {}, "/cache": {}},
            "User": "app",
            "WorkingDir": "/base",
            "StopSignal": "SIGTERM",
        })
    );
}

#[test]
fn a_new_entrypoint_drops_the_base_s_command() {
    let sandbox = build_on_base("[config]\nentrypoint = [\"/mine\"]\n");
    let config = &sandbox.config("app")["config"];
    assert_eq!((&config["Entrypoint"], config.get("Cmd")), (&json!(["/mine"]), None));

    let sandbox = build_on_base("[config]\nentrypoint = [\"/mine\"]\ncmd = [\"x\"]\n");
    assert_eq!(sandbox.config("app")["config"]["Cmd"], json!(["x"]));
}

#[test]
fn a_health_check_of_the_base_can_be_dropped() {
    let sandbox = Sandbox::new();
    sandbox.folder("tree").base("base", "tree");
    sandbox.alter_base("base", |_, config| config["config"]["Healthcheck"] = json!({"Test": ["CMD", "/up"]}));
    let config = "[config]\nhealthcheck = { test = [\"NONE\"] }\n";
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"oci:bases:base\"\n{LAYER}\n{config}"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.config("app")["config"]["Healthcheck"], json!({"Test": ["NONE"]}));
}

#[test]
fn the_time_is_the_epoch() {
    let sandbox = build("");
    assert_eq!(sandbox.config("app")["created"], "1970-01-01T00:00:00Z");
    assert_eq!(sandbox.config("app")["history"][0]["created"], "1970-01-01T00:00:00Z");
    sandbox.build(&["app.toml", "--epoch", "1700000000"]);
    assert_eq!(sandbox.config("app")["created"], "2023-11-14T22:13:20Z");
    assert_eq!(sandbox.unpack("app").time("etc/passwd"), 1_700_000_000);
    let run = sandbox.command(["build", "app.toml"]).env("SOURCE_DATE_EPOCH", "1600000000").output().unwrap();
    assert!(run.status.success());
    assert_eq!(sandbox.unpack("app").time("etc/passwd"), 1_600_000_000);
}

#[test]
fn the_documents_are_what_the_specification_says() {
    let sandbox = build(
        r#"
        [config]
        env = { A = "1" }
        cmd = ["serve"]
        expose = [80]
        labels = { l = "x" }
        "#,
    );
    sandbox.build(&["app.toml", "-o", "oci:out:several", "--platform", "linux/amd64", "--platform", "linux/arm64"]);

    let layout = ImageIndex::from_file(sandbox.path("out/index.json")).unwrap();
    assert_eq!(layout.schema_version(), 2);
    let named = |name: &str| {
        let is = |annotations: &std::collections::HashMap<String, String>| {
            annotations["org.opencontainers.image.ref.name"] == name
        };
        layout.manifests().iter().find(|image| image.annotations().as_ref().is_some_and(is)).unwrap()
    };

    let descriptor = named("app");
    assert_eq!(*descriptor.media_type(), MediaType::ImageManifest);
    let file = sandbox.blob("out", descriptor.digest().as_ref());
    assert_eq!(fs::metadata(&file).unwrap().len(), descriptor.size());
    let manifest = ImageManifest::from_file(&file).unwrap();
    assert_eq!(manifest.schema_version(), 2);
    assert_eq!(*manifest.media_type(), Some(MediaType::ImageManifest));
    assert_eq!(*manifest.config().media_type(), MediaType::ImageConfig);
    let layer = &manifest.layers()[0];
    assert_eq!(*layer.media_type(), MediaType::ImageLayerGzip);
    assert_eq!(layer.annotations().as_ref().unwrap()["dev.tarsia.layer.name"], "file");

    let config = ImageConfiguration::from_file(sandbox.blob("out", manifest.config().digest().as_ref())).unwrap();
    assert_eq!((config.os(), config.architecture()), (&Os::Linux, &Arch::Amd64));
    assert_eq!(config.rootfs().typ(), "layers");
    assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len());
    assert_eq!(config.history().as_ref().unwrap().len(), 1);
    let inner = config.config().as_ref().unwrap();
    assert_eq!(inner.cmd().as_deref(), Some(&["serve".to_owned()][..]));
    assert_eq!(inner.exposed_ports().as_deref(), Some(&["80/tcp".to_owned()][..]));
    assert_eq!(inner.labels().as_ref().unwrap()["l"], "x");

    let descriptor = named("several");
    assert_eq!(*descriptor.media_type(), MediaType::ImageIndex);
    let index = ImageIndex::from_file(sandbox.blob("out", descriptor.digest().as_ref())).unwrap();
    assert_eq!(*index.media_type(), Some(MediaType::ImageIndex));
    let platforms: Vec<&Arch> =
        index.manifests().iter().map(|image| image.platform().as_ref().unwrap().architecture()).collect();
    assert_eq!(platforms, [&Arch::Amd64, &Arch::ARM64]);
}
