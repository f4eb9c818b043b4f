//! Images for one platform, or for several under one index.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::judge::{raw_config, raw_manifest, skopeo_copy};
use crate::support::tools::tool;
use crate::support::{DockerRegistry, Sandbox, Unpacked};

const APP: &str = r#"
[[layer]]
name = "binary"
context = "build/{os}-{arch}{variant}"
to = "/usr/bin/"

[[layer]]
name = "common"
context = "common"
to = "/srv/"
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for platform in ["linux-amd64", "linux-arm64", "linux-armv7", "windows-amd64"] {
        sandbox.executable(&format!("build/{platform}/app"), platform);
    }
    sandbox.file("common/data", "for all");
    sandbox
}

fn spec(head: &str) -> String {
    format!("name = \"app\"\n{head}\n{APP}")
}

fn platforms(index: &Value) -> Vec<String> {
    let images = index["manifests"].as_array().unwrap().iter();
    let platform = |image: &Value| {
        let platform = &image["platform"];
        let variant = platform["variant"].as_str().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", platform["os"].as_str().unwrap(), platform["architecture"].as_str().unwrap())
    };
    images.map(platform).collect()
}

/// The image for one architecture, chosen by skopeo.
fn unpack(sandbox: &Sandbox, architecture: &str, variant: &str) -> Unpacked {
    let layout = sandbox.path(&format!("only-{architecture}{variant}"));
    let flags =
        ["--override-arch", architecture, "--override-variant", variant, "--insecure-policy", "copy", "--quiet"];
    let to = format!("oci:{}:x", layout.display());
    tool("skopeo", flags.iter().chain(&[sandbox.image("app").as_str(), &to]));
    Unpacked::of(&layout, "x")
}

#[test]
fn one_platform_gives_a_manifest_and_several_an_index() {
    let sandbox = sandbox();
    sandbox.file("app.toml", spec("base = \"scratch\"\nplatforms = [\"linux/arm64\"]"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.manifest("app")["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(sandbox.config("app")["architecture"], "arm64");
    assert_eq!(sandbox.unpack("app").text("usr/bin/app"), "linux-arm64");

    let all = "platforms = [\"linux/amd64\", \"linux/arm64/v8\", \"linux/arm/v7\"]";
    sandbox.file("app.toml", spec(&format!("base = \"scratch\"\n{all}")));
    let run = sandbox.build(&["app.toml", "--json"]);
    let index = sandbox.manifest("app");
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(platforms(&index), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    assert_eq!(run.documents()[0]["platform"], "linux/amd64,linux/arm64,linux/arm/v7");
    for (architecture, variant, text) in
        [("amd64", "", "linux-amd64"), ("arm64", "", "linux-arm64"), ("arm", "v7", "linux-armv7")]
    {
        let image = unpack(&sandbox, architecture, variant);
        assert_eq!(image.text("usr/bin/app"), text);
        assert_eq!(image.text("srv/data"), "for all");
    }
}

#[test]
fn the_command_line_wins_over_the_spec() {
    let sandbox = sandbox();
    sandbox.file("app.toml", spec("base = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]"));
    sandbox.build(&["app.toml", "--platform", "linux/arm64"]);
    assert_eq!(sandbox.config("app")["architecture"], "arm64");
    sandbox.build(&["app.toml", "--platform", "windows/amd64"]);
    assert_eq!(sandbox.config("app")["os"], "windows");
    sandbox.build(&["app.toml", "--platform", "linux/arm/v7", "--platform", "linux/aarch64"]);
    assert_eq!(platforms(&sandbox.manifest("app")), ["linux/arm/v7", "linux/arm64"]);
    // Twice the same is once.
    sandbox.build(&["app.toml", "--platform", "linux/arm64", "--platform", "linux/arm64/v8"]);
    assert_eq!(sandbox.manifest("app")["mediaType"], "application/vnd.oci.image.manifest.v1+json");
}

#[test]
fn a_layer_may_be_for_some_platforms_only() {
    let sandbox = sandbox();
    let extra =
        "[[layer]]\nname = \"extra\"\nplatforms = [\"linux/arm64\"]\nentries = [{ path = \"/extra\", text = \"x\" }]\n";
    sandbox.file("app.toml", spec("base = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]") + extra);
    sandbox.build(&["app.toml"]);
    assert_eq!(unpack(&sandbox, "amd64", "").line("extra"), "-");
    assert_eq!(unpack(&sandbox, "arm64", "").line("extra"), "f 0644 0:0");
    // What is the same for both is one blob.
    let run = sandbox.build(&["app.toml", "--json"]);
    let layers = run.documents()[0]["layers"].as_array().unwrap().clone();
    let common: Vec<&Value> = layers.iter().filter(|layer| layer["name"] == "common").collect();
    assert_eq!(common.len(), 2);
    assert_eq!(common[0]["digest"], common[1]["digest"]);
    assert_ne!(common[0]["platform"], common[1]["platform"]);
}

/// An index `bases:several` of images that each say in a file what they are for.
fn several_bases(sandbox: &Sandbox, stated: &[(&str, Value)], in_config: bool) {
    let mut images = Vec::new();
    for (name, platform) in stated {
        sandbox.file(&format!("tree-{name}/etc/base"), name);
        sandbox.base(name, &format!("tree-{name}"));
        sandbox.alter_base(name, |_, config| {
            config["os"] = platform["os"].clone();
            config["architecture"] = platform["architecture"].clone();
            if in_config && platform.get("variant").is_some() {
                config["variant"] = platform["variant"].clone();
            }
        });
        images.push((*name, platform.clone()));
    }
    sandbox.index_of_bases("several", &images);
}

#[test]
fn each_platform_gets_its_image_of_the_base() {
    let sandbox = sandbox();
    let amd64 = json!({"os": "linux", "architecture": "amd64"});
    let arm64 = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    several_bases(&sandbox, &[("for-arm64", arm64), ("for-amd64", amd64)], true);
    sandbox.file("app.toml", spec("base = \"oci:bases:several\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]"));
    sandbox.build(&["app.toml"]);
    assert_eq!(platforms(&sandbox.manifest("app")).len(), 2);
    assert_eq!(unpack(&sandbox, "amd64", "").text("etc/base"), "for-amd64");
    assert_eq!(unpack(&sandbox, "arm64", "").text("etc/base"), "for-arm64");
    // Without a word it is linux/amd64, on every machine.
    sandbox.file("app.toml", spec("base = \"oci:bases:several\""));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.unpack("app").text("etc/base"), "for-amd64");
    sandbox.run(["build", "app.toml", "--platform", "linux/s390x"]).refused(2, "no image for linux/s390x");
}

#[test]
fn an_index_s_word_on_variants_counts() {
    // Configs of many published images leave the variant out.
    let sandbox = sandbox();
    let arm = |variant: &str| json!({"os": "linux", "architecture": "arm", "variant": variant});
    several_bases(&sandbox, &[("for-v6", arm("v6")), ("for-v7", arm("v7"))], false);
    sandbox.executable("build/linux-armv6/app", "linux-armv6");
    sandbox.file("app.toml", spec("base = \"oci:bases:several\"\nplatforms = [\"linux/arm/v6\", \"linux/arm/v7\"]"));
    sandbox.build(&["app.toml"]);
    assert_eq!(platforms(&sandbox.manifest("app")), ["linux/arm/v6", "linux/arm/v7"]);
    for (variant, base, binary) in [("v6", "for-v6", "linux-armv6"), ("v7", "for-v7", "linux-armv7")] {
        let image = unpack(&sandbox, "arm", variant);
        assert_eq!((image.text("etc/base").as_str(), image.text("usr/bin/app").as_str()), (base, binary));
    }
}

#[test]
fn an_index_of_one_image_stands_for_it() {
    // Builders wrap a single image in an index, with an attestation beside it.
    let sandbox = sandbox();
    let arm64 = json!({"os": "linux", "architecture": "arm64"});
    several_bases(&sandbox, &[("for-arm64", arm64.clone())], true);
    sandbox.file("attestation/x", "").base("attestation", "attestation");
    let unknown = json!({"os": "unknown", "architecture": "unknown"});
    sandbox.index_of_bases("wrapped", &[("for-arm64", arm64), ("attestation", unknown)]);
    sandbox.file("app.toml", spec("base = \"oci:bases:wrapped\""));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.config("app")["architecture"], "arm64");
    assert_eq!(sandbox.unpack("app").text("usr/bin/app"), "linux-arm64");
}

#[test]
fn a_base_for_another_platform_is_refused() {
    let sandbox = sandbox();
    sandbox.folder("tree").base("base", "tree");
    sandbox.file("app.toml", spec("base = \"oci:bases:base\""));
    sandbox.build(&["app.toml"]);
    let run = sandbox.run(["build", "app.toml", "--platform", "linux/arm64"]);
    let run = run.refused(2, "there is no image for linux/arm64; there are linux/amd64");
    assert!(run.stderr.contains("oci:bases:base"), "{}", run.stderr);
}

#[test]
fn a_base_of_the_same_run_serves_its_platforms() {
    let sandbox = sandbox();
    sandbox.file(
        "below.toml",
        r#"
        name = "below"
        base = "scratch"
        platforms = ["linux/amd64", "linux/arm64"]
        [[layer]]
        name = "below"
        context = "build/{os}-{arch}"
        to = "/below/"
        "#,
    );
    sandbox.file("app.toml", spec("base = { spec = \"below.toml\" }"));
    sandbox.build(&["app.toml"]);
    assert_eq!(platforms(&sandbox.manifest("app")), ["linux/amd64", "linux/arm64"]);
    let image = unpack(&sandbox, "arm64", "");
    assert_eq!((image.text("below/app"), image.text("usr/bin/app")), ("linux-arm64".into(), "linux-arm64".into()));
    sandbox.build(&["app.toml", "--platform", "linux/arm64"]);
    assert_eq!(sandbox.unpack("app").text("below/app"), "linux-arm64");
    sandbox.file("app.toml", spec("base = { spec = \"below.toml\" }\nplatforms = [\"linux/arm/v7\"]"));
    sandbox.run(["build", "app.toml"]).refused(2, "no image for linux/arm/v7");
}

#[test]
fn an_index_goes_to_a_registry_and_comes_back_as_a_base() {
    let sandbox = sandbox();
    let registry = DockerRegistry::start();
    let to = format!("{}/team/app", registry.host());
    sandbox.file("app.toml", spec("base = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]"));
    sandbox.run(["push", "app.toml", "--to", &to]).ok();
    sandbox.build(&["app.toml"]);
    assert_eq!(raw_manifest(&format!("docker://{to}:latest")), sandbox.manifest("app"));
    skopeo_copy(&format!("docker://{to}:latest"), &format!("oci:{}:all", sandbox.path("copy").display()), &["--all"]);

    sandbox.file(
        "top.toml",
        format!("name = \"top\"\nbase = \"{to}\"\nplatforms = [\"linux/arm64\"]\n[config]\ncmd = [\"x\"]\n"),
    );
    sandbox.build(&["top.toml"]);
    assert_eq!(sandbox.config("top")["architecture"], "arm64");
    assert_eq!(sandbox.unpack("top").text("usr/bin/app"), "linux-arm64");
    sandbox.run(["push", "top.toml", "--to", &format!("{}/team/top", registry.host())]).ok();
    let config = raw_config(&format!("docker://{}/team/top:latest", registry.host()));
    assert_eq!(config["config"]["Cmd"], json!(["x"]));
}

/// Lines that differ, and compress.
fn lines(seed: usize) -> String {
    (0..12_000).map(|line| format!("{} of {seed}\n", line * 7919 % 100_003 * (seed + 1))).collect()
}

#[test]
fn an_edited_layer_over_its_last_version_is_the_same_as_from_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("app.toml", spec("base = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]"));
    sandbox.file("common/data", "for all");
    for (place, platform) in ["amd64", "arm64"].iter().enumerate() {
        for number in 0..30 {
            sandbox.file(&format!("build/linux-{platform}/{number:02}"), lines(number * 2 + place));
        }
    }
    let digest = |flags: &[&str]| {
        let run = sandbox.build(&[&["app.toml", "--json"], flags].concat());
        run.documents()[0]["digest"].as_str().unwrap().to_owned()
    };
    digest(&[]);
    // Each platform's layer has a last version of its own: two of `binary`, one of `common`.
    assert_eq!(fs::read_dir(sandbox.path("cache/latest")).unwrap().count(), 3);
    for round in 0..3 {
        for platform in ["amd64", "arm64"] {
            sandbox.file(&format!("build/linux-{platform}/{:02}", round * 7), lines(1000 + round));
        }
        if round == 2 {
            // What has been damaged is not copied.
            for blob in fs::read_dir(sandbox.path("cache/blobs/sha256")).unwrap().map(|blob| blob.unwrap().path()) {
                let mut bytes = fs::read(&blob).unwrap();
                bytes.iter_mut().step_by(50_000).skip(1).for_each(|byte| *byte ^= 0x55);
                fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
                fs::write(&blob, bytes).unwrap();
            }
        }
        let over = digest(&[]);
        assert_eq!(over, digest(&["--no-cache", "-o", "oci:anew"]), "round {round}");
    }
}
