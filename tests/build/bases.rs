//! What an image may be built on, and what it keeps of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::images::{HandMade, Tar};
use crate::support::judge::{python, raw_config, raw_manifest, skopeo_copy};
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};
use crate::support::tools::tool;
use crate::support::workspace::noise;
use crate::support::{DockerRegistry, Sandbox};

/// A base `bases:alpine` of one layer, as most bases are: users, a sticky `/tmp`, a private home, `/lib -> usr/lib`.
fn sandbox_with_base() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("tree/usr/lib/libc.so", "code")
        .folder("tree/tmp")
        .folder("tree/home/app")
        .link("tree/lib", "usr/lib");
    fs::set_permissions(sandbox.path("tree/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(sandbox.path("tree/home/app"), fs::Permissions::from_mode(0o700)).unwrap();
    chown(sandbox.path("tree/home/app"), Some(1000), Some(1000)).unwrap();
    sandbox.base("alpine", "tree");
    sandbox.file("app/main.py", "print('hello')\n");
    sandbox
}

fn spec(name: &str, base: &str) -> String {
    format!(
        r#"
        name = "{name}"
        base = "{base}"

        [[layer]]
        name = "app"
        context = "app"
        to = "/srv/app/"
        "#
    )
}

fn annotation(manifest: &Value, name: &str) -> String {
    manifest["annotations"][format!("org.opencontainers.image.base.{name}")].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_image_from_scratch_holds_its_layers_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.file("app/main.py", "print('hello')\n").file("app.toml", spec("app", "scratch"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.unpack("app").paths(), ["srv", "srv/app", "srv/app/main.py"]);
    let (config, manifest) = (sandbox.config("app"), sandbox.manifest("app"));
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
    assert_eq!(config["history"].as_array().unwrap().len(), 1);
    assert_eq!(manifest.get("annotations"), None);
    // skopeo's own reading of config and manifest.
    skopeo_copy(&sandbox.image("app"), &format!("dir:{}", sandbox.path("copy").display()), &[]);
}

#[test]
fn a_base_is_the_same_wherever_it_lies() {
    let sandbox = sandbox_with_base();
    let registry = DockerRegistry::start();
    let from = format!("oci:{}:alpine", sandbox.path("bases").display());
    let published = format!("{}/library/alpine:3", registry.host());
    skopeo_copy(&from, &format!("oci-archive:{}:alpine", sandbox.path("base.oci.tar").display()), &[]);
    skopeo_copy(&from, &format!("docker-archive:{}:alpine:3", sandbox.path("base.docker.tar").display()), &[]);
    skopeo_copy(&from, &format!("docker://{published}"), &[]);

    let bases = [
        ("layout", "oci:bases:alpine"),
        ("only-one", "oci:bases"),
        ("oci-archive", "oci-archive:base.oci.tar"),
        ("docker-archive", "docker-archive:base.docker.tar"),
        ("docker-archive-named", "docker-archive:base.docker.tar:alpine:3"),
        ("registry", &published),
    ];
    // Paths are relative to the spec's folder.
    for (name, base) in bases {
        let base = match base.split_once(':') {
            Some((scheme @ ("oci" | "oci-archive" | "docker-archive"), path)) => format!("{scheme}:../{path}"),
            _ => base.to_owned(),
        };
        let text = spec(name, &base).replace("context = \"app\"", "context = \"../app\"");
        sandbox.file(&format!("specs/{name}.toml"), text);
        sandbox.build(&[&format!("specs/{name}.toml")]);

        let (manifest, image) = (sandbox.manifest(name), sandbox.unpack(name));
        assert_eq!(annotation(&manifest, "name"), base, "{name}");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2, "{name}");
        assert_eq!(image.line("tmp"), "d 1777 0:0", "{name}");
        assert_eq!(image.line("home/app"), "d 0700 1000:1000", "{name}");
        assert_eq!(image.line("lib"), "l 0:0 -> usr/lib", "{name}");
        assert_eq!(image.text("usr/lib/libc.so"), "code", "{name}");
        assert_eq!(image.text("srv/app/main.py"), "print('hello')\n", "{name}");
    }
    // In layouts and registries the base has a manifest, and that is what pins it.
    let digest = raw_digest(&format!("docker://{published}"));
    for name in ["layout", "only-one", "oci-archive", "registry"] {
        assert_eq!(annotation(&sandbox.manifest(name), "digest"), digest, "{name}");
    }
}

fn raw_digest(image: &str) -> String {
    let arguments = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", image];
    tool("skopeo", arguments).trim().to_owned()
}

#[test]
fn a_base_pinned_by_its_digest_is_needed_once() {
    let sandbox = sandbox_with_base();
    let registry = DockerRegistry::start();
    let published = format!("{}/alpine", registry.host());
    skopeo_copy(&format!("oci:{}:alpine", sandbox.path("bases").display()), &format!("docker://{published}:3"), &[]);
    let digest = raw_digest(&format!("docker://{published}:3"));
    sandbox.file("app.toml", spec("app", "${BASE}"));
    let set = format!("BASE={published}:3@{digest}");
    sandbox.build(&["app.toml", "--set", &set]);
    let first = sandbox.manifest("app");
    drop(registry);
    sandbox.build(&["app.toml", "--set", &set, "--offline"]);
    assert_eq!(sandbox.manifest("app"), first);
    sandbox.build(&["app.toml", "--set", &set, "-o", "oci:elsewhere"]);
}

#[test]
fn a_base_may_be_another_spec() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "specs/below.toml",
        r#"
        name = "below"
        base = "scratch"
        [[layer]]
        name = "tmp"
        entries = [{ path = "/tmp/", mode = "1777" }]
        [config]
        user = "7"
        "#,
    );
    sandbox.file(
        "specs/above.toml",
        r#"
        name = "above"
        base = { spec = "below.toml" }
        [[layer]]
        name = "file"
        entries = [{ path = "/tmp/x", text = "x" }]
        "#,
    );
    // Only what was asked for is written under a name.
    sandbox.build(&["specs/above.toml"]);
    let image = sandbox.unpack("above");
    assert_eq!((image.line("tmp").as_str(), image.line("tmp/x").as_str()), ("d 1777 0:0", "f 0644 0:0"));
    assert_eq!(sandbox.config("above")["config"]["User"], "7");
    let listed = tool("umoci", ["ls", "--layout", sandbox.path("out").to_str().unwrap()]);
    assert_eq!(listed, "above\n");
    // A folder stands for its specs, each after the one below it.
    let run = sandbox.build(&["specs", "-o", "oci:both", "--json"]);
    let names: Vec<Value> = run.documents().iter().map(|document| document["name"].clone()).collect();
    assert_eq!(names, ["below", "above"]);
    assert_eq!(raw_manifest(&format!("oci:{}:above", sandbox.path("both").display())), sandbox.manifest("above"));
}

#[test]
fn what_a_base_says_of_itself_is_kept() {
    let sandbox = sandbox_with_base();
    sandbox.alter_base("alpine", |manifest, config| {
        config["config"]["Healthcheck"] = json!({"Test": ["CMD", "/up"], "Interval": 30_000_000_000_u64});
        config["config"]["Shell"] = json!(["/bin/ash", "-c"]);
        config["config"]["OnBuild"] = json!(["RUN true"]);
        config["config"]["ArgsEscaped"] = json!(true);
        config["config"]["Memory"] = json!(1.5);
        config["docker_version"] = json!("18.06");
        config["x-maker"] = json!({"z": [1, null], "a": "Ünïcode"});
        config["variant"] = json!("v1");
        config["author"] = json!("somebody");
        manifest["annotations"] = json!({"org.opencontainers.image.title": "alpine"});
        manifest["layers"][0]["annotations"] = json!({"org.example.note": "kept"});
        manifest["layers"][0]["x-other"] = json!([1]);
    });
    sandbox.file("app.toml", spec("app", "oci:bases:alpine"));
    sandbox.build(&["app.toml"]);
    let (config, manifest) = (sandbox.config("app"), sandbox.manifest("app"));
    assert_eq!(config["config"]["Healthcheck"], json!({"Test": ["CMD", "/up"], "Interval": 30_000_000_000_u64}));
    assert_eq!(config["config"]["Shell"], json!(["/bin/ash", "-c"]));
    assert_eq!(config["config"]["OnBuild"], json!(["RUN true"]));
    assert_eq!(config["config"]["ArgsEscaped"], true);
    assert_eq!(config["config"]["Memory"], 1.5);
    assert_eq!(config["docker_version"], "18.06");
    assert_eq!(config["x-maker"], json!({"z": [1, null], "a": "Ünïcode"}));
    assert_eq!((&config["variant"], &config["author"]), (&json!("v1"), &json!("somebody")));
    // What is said of a layer goes with the layer. What is said of the base as an image does not: it has a name and
    // a title of its own.
    assert_eq!(manifest["layers"][0]["annotations"], json!({"org.example.note": "kept"}));
    assert_eq!(manifest["layers"][0]["x-other"], json!([1]));
    assert_eq!(manifest["annotations"].get("org.opencontainers.image.title"), None);
}

#[test]
fn missing_history_is_padded() {
    // As some published bases have it; readers pair the entries with the layers.
    for history in [Value::Null, json!([]), json!([{"created_by": "ENV x=y", "empty_layer": true}])] {
        let sandbox = sandbox_with_base();
        sandbox.alter_base("alpine", |_, config| config["history"] = history.clone());
        sandbox.file("app.toml", spec("app", "oci:bases:alpine"));
        sandbox.build(&["app.toml"]);
        let config = sandbox.config("app");
        let entries = config["history"].as_array().unwrap();
        let with_layer = entries.iter().filter(|entry| entry["empty_layer"] != true).count();
        assert_eq!(with_layer, config["rootfs"]["diff_ids"].as_array().unwrap().len(), "{history}");
        assert_eq!(entries.last().unwrap()["created_by"], "tarsia layer app");
        sandbox.unpack("app");
    }
}

#[test]
fn a_base_without_layers_is_a_base() {
    for (name, diff_ids) in [("empty", Some(json!([]))), ("null", Some(Value::Null)), ("absent", None)] {
        let sandbox = Sandbox::new();
        sandbox.empty_base("nothing");
        sandbox.configure_base("nothing", &["--config.env", "A=b"]);
        sandbox.alter_base("nothing", |manifest, config| {
            if name == "null" {
                manifest["layers"] = Value::Null;
            }
            let rootfs = config["rootfs"].as_object_mut().unwrap();
            match diff_ids {
                Some(diff_ids) => rootfs.insert("diff_ids".into(), diff_ids),
                None => rootfs.remove("diff_ids"),
            };
        });
        sandbox.file("app/main.py", "").file("app.toml", spec("app", "oci:bases:nothing"));
        sandbox.build(&["app.toml"]);
        assert_eq!(sandbox.unpack("app").paths(), ["srv", "srv/app", "srv/app/main.py"], "{name}");
        assert_eq!(sandbox.config("app")["config"]["Env"], json!(["A=b"]));
    }
}

#[test]
fn a_docker_schema_2_base_becomes_an_oci_image_of_the_same_blobs() {
    let sandbox = sandbox_with_base();
    let registry = DockerRegistry::start();
    let published = format!("{}/debian:12", registry.host());
    let from = format!("oci:{}:alpine", sandbox.path("bases").display());
    skopeo_copy(&from, &format!("docker://{published}"), &["--format", "v2s2"]);
    let below = raw_manifest(&format!("docker://{published}"));
    assert_eq!(below["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    sandbox.file("app.toml", spec("app", &published));
    sandbox.build(&["app.toml"]);

    let manifest = sandbox.manifest("app");
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    for layer in manifest["layers"].as_array().unwrap() {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    }
    assert_eq!(manifest["layers"][0]["digest"], below["layers"][0]["digest"]);
    assert_eq!(annotation(&manifest, "digest"), raw_digest(&format!("docker://{published}")));
    assert_eq!(sandbox.unpack("app").line("home/app"), "d 0700 1000:1000");
}

#[test]
fn layers_of_a_base_stay_as_they_are_compressed() {
    let sandbox = sandbox_with_base();
    let from = format!("oci:{}:alpine", sandbox.path("bases").display());
    skopeo_copy(&from, &format!("dir:{}", sandbox.path("plain").display()), &["--dest-decompress"]);
    skopeo_copy(
        &format!("dir:{}", sandbox.path("plain").display()),
        &format!("docker-archive:{}:p:1", sandbox.path("plain.tar").display()),
        &[],
    );
    sandbox.base("zstd", "tree");
    sandbox.alter_base("zstd", |manifest, config| {
        let gzip = fs::read(sandbox.blob("bases", manifest["layers"][0]["digest"].as_str().unwrap())).unwrap();
        let blob = zstd::encode_all(GzDecoder::new(&gzip[..]), 3).unwrap();
        manifest["layers"][0] = sandbox.put_base_blob(&blob);
        manifest["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+zstd");
        assert_eq!(config["rootfs"]["diff_ids"], raw_config(&from)["rootfs"]["diff_ids"]);
    });
    for (name, base, media_type) in [
        ("gzip", "oci:bases:alpine", "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("zstd", "oci:bases:zstd", "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("plain", "docker-archive:plain.tar", "application/vnd.oci.image.layer.v1.tar"),
    ] {
        // A file in the private home shows whether the base's tree was read.
        let text = spec(name, base).replace("/srv/app/", "/home/app/bin/");
        sandbox.file(&format!("{name}.toml"), text);
        sandbox.build(&[&format!("{name}.toml")]);
        let (config, manifest) = (sandbox.config(name), sandbox.manifest(name));
        assert_eq!(manifest["layers"][0]["mediaType"], media_type);
        assert_eq!(config["rootfs"]["diff_ids"], sandbox.config("gzip")["rootfs"]["diff_ids"], "{name}");
    }
    assert_eq!(sandbox.unpack("plain").line("home/app"), "d 0700 1000:1000");
}

#[test]
fn a_base_layer_of_several_gzip_members_is_read_to_its_end() {
    let sandbox = sandbox_with_base();
    let script = r#"
import gzip, hashlib, io, sys, tarfile
plain = io.BytesIO()
with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
    for name, mode in [("first", 0o755), ("x" * 150, 0o700), ("last", 0o711)]:
        info = tarfile.TarInfo("./" + name)
        info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, mode, 3000000, 5
        tar.addfile(info)
plain = plain.getvalue()
blob = gzip.compress(plain[:700]) + gzip.compress(plain[700:])
open(sys.argv[1], "wb").write(blob)
print(hashlib.sha256(plain).hexdigest(), end="")
"#;
    let diff_id = python(script, &sandbox.path("blob"));
    let blob = sandbox.put_base_blob(&fs::read(sandbox.path("blob")).unwrap());
    sandbox.alter_base("alpine", |manifest, config| {
        config["rootfs"]["diff_ids"][0] = json!(format!("sha256:{diff_id}"));
        manifest["layers"][0]["digest"] = blob["digest"].clone();
        manifest["layers"][0]["size"] = blob["size"].clone();
    });
    sandbox.file("app.toml", spec("app", "oci:bases:alpine").replace("/srv/app/", "/last/app/"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.unpack("app").line("last"), "d 0711 3000000:5");
}

#[test]
fn foreign_layers_are_named_and_not_carried() {
    let sandbox = sandbox_with_base();
    let url = "https://example.invalid/windows.tar.gz";
    sandbox.alter_base("alpine", |manifest, config| {
        let foreign = json!({
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": format!("sha256:{}", "ab".repeat(32)),
            "size": 1_000_000,
            "urls": [url],
        });
        manifest["layers"].as_array_mut().unwrap().insert(0, foreign);
        config["rootfs"]["diff_ids"].as_array_mut().unwrap().insert(0, json!(format!("sha256:{}", "cd".repeat(32))));
    });
    // Nobody here can read what is in it: parents are as they are by default.
    sandbox.file("app.toml", format!("base_tree = \"assume\"\n{}", spec("app", "oci:bases:alpine")));
    sandbox.build(&["app.toml"]);
    let manifest = sandbox.manifest("app");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
    assert_eq!(manifest["layers"][0]["urls"], json!([url]));
    assert!(!sandbox.blob("out", &format!("sha256:{}", "ab".repeat(32))).exists());
    assert!(sandbox.blob("out", manifest["layers"][1]["digest"].as_str().unwrap()).exists());
}

#[test]
fn an_archive_of_docker_save_with_linked_layers_is_a_base() {
    let sandbox = sandbox_with_base();
    // Before its version 25 docker wrote a folder a layer, and a link where two layers are the same.
    let script = r#"
import hashlib, io, json, sys, tarfile
layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as tar:
    info = tarfile.TarInfo("tmp")
    info.type, info.mode = tarfile.DIRTYPE, 0o1777
    tar.addfile(info)
layer = layer.getvalue()
diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"User": "1"}, "container": "ab12",
                     "rootfs": {"type": "layers", "diff_ids": [diff_id, diff_id]}}).encode()
rows = [{"Config": "c0ffee.json", "RepoTags": ["old/base:1"], "Layers": ["aa/layer.tar", "bb/layer.tar"]}]
with tarfile.open(sys.argv[1], "w") as tar:
    def add(name, content):
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    add("aa/VERSION", b"1.0")
    add("aa/layer.tar", layer)
    link = tarfile.TarInfo("bb/layer.tar")
    link.type, link.linkname = tarfile.SYMTYPE, "../aa/layer.tar"
    tar.addfile(link)
    add("c0ffee.json", config)
    add("manifest.json", json.dumps(rows).encode())
    add("repositories", b"{}")
"#;
    python(script, &sandbox.path("saved.tar"));
    sandbox.file("app.toml", spec("app", "docker-archive:saved.tar:old/base:1").replace("/srv/app/", "/tmp/app/"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.manifest("app")["layers"].as_array().unwrap().len(), 3);
    assert_eq!(sandbox.unpack("app").line("tmp"), "d 1777 0:0");
    assert_eq!(
        (&sandbox.config("app")["container"], &sandbox.config("app")["config"]["User"]),
        (&json!("ab12"), &json!("1"))
    );
}

#[test]
fn a_layer_that_is_not_there_ends_the_reading_of_the_others() {
    const LARGE: usize = 24 << 20;
    let registry = Registry::start();
    let mut base = HandMade::new();
    for layer in 0..8 {
        let mut tar = Tar::default();
        tar.file(&format!("lib{layer}"), &noise(layer + 1, if layer == 0 { LARGE } else { 1000 }));
        base = base.layer(&tar.end());
    }
    base.put(&registry, "base", "1");
    // The lowest is large, and slow; the one above is missing.
    let path = |layer: usize| format!("/blobs/{}", digest_of(&base.layers[layer].1));
    let late = Action::Delay(std::time::Duration::from_millis(500));
    registry.fault(Fault::on(Kind::BlobGet, late).path(path(0)));
    registry.fault(Fault::on(Kind::BlobGet, Action::Status(404, Some("BLOB_UNKNOWN"))).path(path(1)).always());
    let sandbox = Sandbox::new();
    sandbox.file("app/main.py", "").file("app.toml", spec("app", &format!("{}/base:1", registry.host())));
    let refused = sandbox.run(["build", "app.toml", "--jobs", "2"]).refused(3, "404");
    assert!(refused.stderr.contains(&digest_of(&base.layers[1].1)), "{}", refused.stderr);
    let log = registry.log();
    assert!(log.bytes_down() < LARGE as u64 / 2, "the large layer was read to its end\n{log}");
    // The config, the two layers, and no other.
    assert!(log.count(Kind::BlobGet) <= 3, "{log}");
}
