//! `bump IMAGE --replace`: layers of images that somebody else built.

use std::fs;

use serde_json::{Value, json};

use crate::support::examples::examples;
use crate::support::images::{HandMade, MANIFEST, Tar};
use crate::support::judge::{raw_config, raw_manifest, skopeo_copy};
use crate::support::registry::{Registry, digest_of};
use crate::support::{DockerRegistry, Sandbox, Unpacked};

/// The paths of which two trees say different things, and the files that hold different things.
fn differing(one: &Unpacked, other: &Unpacked) -> Vec<String> {
    let (before, after) = (one.listing(), other.listing());
    let all = before.keys().chain(after.keys().filter(|path| !before.contains_key(*path)));
    let content = |tree: &Unpacked, path: &String| fs::read(tree.path(path)).ok();
    all.filter(|path| before.get(*path) != after.get(*path) || content(one, path) != content(other, path))
        .cloned()
        .collect()
}

#[test]
fn a_copy_of_the_example_is_found_by_its_history_and_replaced() {
    let sandbox = examples();
    let ignore = "--ignorefile=specs/receipt_label.Dockerfile.dockerignore";
    sandbox.build_with_buildah("specs/receipt_label.Dockerfile", "layers", &["--layers", ignore], "oci:out:example");
    let before = sandbox.manifest("example");
    let handler = sandbox.path("layers/receipt_label/handler.py");
    let text = fs::read_to_string(&handler).unwrap() + "# changed, and longer\n";
    fs::write(&handler, &text).unwrap();
    let replace = "in ${LAMBDA_TASK_ROOT}/receipt_label/=layers/receipt_label:/var/task/receipt_label/";
    let run = sandbox.run(["bump", "oci:out:example", "--replace", replace, "--tag", "new", "--json"]).ok();
    let after = sandbox.manifest("new");
    let changed: Vec<usize> = (0..before["layers"].as_array().unwrap().len())
        .filter(|&at| before["layers"][at] != after["layers"][at])
        .collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(run.documents()[0]["layers"][changed[0]]["replaces"], before["layers"][changed[0]]["digest"]);
    let (old, new) = (sandbox.unpack("example"), sandbox.unpack("new"));
    assert_eq!(differing(&old, &new), ["var/task/receipt_label/handler.py"]);
    assert_eq!(new.text("var/task/receipt_label/handler.py"), text);
    assert_eq!(sandbox.config("new")["history"], sandbox.config("example")["history"]);
}

/// An image of three layers as docker would have made it, its documents indented and with fields nobody knows.
fn docker_image(registry: &Registry) -> String {
    let mut lower = Tar::default();
    lower.folder("tmp/", 0o1777).folder("srv/", 0o750).folder("usr/", 0o755).folder("usr/lib/", 0o755);
    lower.symlink("lib", "usr/lib").file("srv/base", b"base");
    let mut run = Tar::default();
    run.folder("opt/", 0o755).file("opt/installed", b"by a command");
    let mut copy = Tar::default();
    copy.folder("srv/", 0o750).folder("srv/app/", 0o755);
    copy.header(b'0', b"srv/app/handler.py", 0o644, 3, "").content(b"one");
    let mut image = HandMade::new().layer(&lower.end()).layer(&run.end()).layer(&copy.end());
    image.config["history"] = json!([
        {"created_by": "/bin/sh -c #(nop) ADD file:0123 in / "},
        {"created_by": "RUN /bin/sh -c pip install x # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created_by": "ENV A=handler.py", "empty_layer": true},
        {"created_by": "COPY handler.py /srv/app/ # buildkit"},
    ]);
    image.config["moby.unknown"] = json!({"z": 1.50, "a": [1, 2]});
    let config = serde_json::to_string_pretty(&image.config).unwrap().replace("1.5", "1.50");
    registry.put_blob("docker", config.clone().into_bytes());
    for (_, blob) in &image.layers {
        registry.put_blob("docker", blob.clone());
    }
    let layer = |at: usize| {
        let (_, blob) = &image.layers[at];
        let media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        json!({"mediaType": media_type, "size": blob.len(), "digest": digest_of(blob)})
    };
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": config.len(),
            "digest": digest_of(config.as_bytes()),
        },
        "layers": [layer(0), layer(1), layer(2)],
    });
    let text = serde_json::to_string_pretty(&manifest).unwrap().replace("  ", "   ");
    registry.put_manifest("docker", "v1", media_type, text)
}

#[test]
fn every_byte_that_is_not_replaced_stays() {
    let registry = Registry::start();
    let before = docker_image(&registry);
    let sandbox = Sandbox::new();
    sandbox.file("src/handler.py", "another\n").file("src/.dockerignore", "*.log\n").file("src/x.log", "no");
    let image = format!("{}/docker:v1", registry.host());
    let run = sandbox.run(["bump", &image, "--replace", "COPY handler.py=src:/srv/app/", "--tag", "v2", "--json"]);
    let document = run.ok().documents().remove(0);
    let text = |reference: &str| String::from_utf8(registry.manifest("docker", reference).unwrap().1).unwrap();
    let (old, new) = (text("v1"), text("v2"));
    // The old tag is where it was. Of the manifest the lines of one layer and of the config's digest differ.
    assert_eq!(registry.resolve("docker", "v1").unwrap(), before);
    let manifest: Value = serde_json::from_str(&new).unwrap();
    assert_eq!(manifest["layers"][2]["mediaType"], "application/vnd.docker.image.rootfs.diff.tar.gzip");
    assert!(manifest["layers"][2].get("annotations").is_none());
    let head = |text: &str| text[..text.find("\"config\"").unwrap()].to_owned();
    assert_eq!(head(&new), head(&old));
    let layers = |text: &str| text[text.find("\"layers\"").unwrap()..].split('}').take(2).collect::<String>();
    assert_eq!(layers(&new), layers(&old));
    // Of the config one diff_id.
    let config = |text: &str| {
        let digest = serde_json::from_str::<Value>(text).unwrap()["config"]["digest"].as_str().unwrap().to_owned();
        String::from_utf8(registry.blob("docker", &digest).unwrap()).unwrap()
    };
    let (old_config, new_config) = (config(&old), config(&new));
    let lines = old_config.lines().zip(new_config.lines()).filter(|(old, new)| old != new).collect::<Vec<_>>();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].1.contains(document["layers"][2]["diff_id"].as_str().unwrap()));
    assert!(new_config.contains("1.50"));
    // And somebody else reads it: the sticky bit, the closed folder and the link are as they were.
    skopeo_copy(&format!("docker://{}/docker:v2", registry.host()), &sandbox.image("v2"), &[]);
    let unpacked = sandbox.unpack("v2");
    assert_eq!(unpacked.text("srv/app/handler.py"), "another\n");
    assert!(unpacked.line("srv").contains("0750") && unpacked.line("tmp").contains("1777"));
    assert!(!unpacked.paths().contains(&"srv/app/x.log".to_owned()));
}

#[test]
fn a_layer_is_meant_by_place_digest_or_text() {
    let registry = Registry::start();
    docker_image(&registry);
    let image = format!("{}/docker:v1", registry.host());
    let manifest = raw_manifest(&format!("docker://{image}"));
    let digest = manifest["layers"][2]["digest"].as_str().unwrap();
    let diff_id = raw_config(&format!("docker://{image}"))["rootfs"]["diff_ids"][2].as_str().unwrap()[..25].to_owned();
    let sandbox = Sandbox::new();
    sandbox.file("src/handler.py", "two\n");
    let mut digests = Vec::new();
    for selector in ["2", digest, &diff_id, &digest[7..19], "COPY handler.py /srv/app/", "COPY  handler.py"] {
        let replace = format!("{selector}=src:/srv/app/");
        let run = sandbox.run(["bump", &image, "--replace", &replace, "--tag", "x", "--json", "--dry-run"]).ok();
        digests.push(run.documents()[0]["digest"].clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
    // A file is a directory's place, or takes the name.
    sandbox.run(["bump", &image, "--replace", "2=src/handler.py:/srv/app/", "--tag", "x"]).ok();
    sandbox.run(["bump", &image, "--replace", "2=src/handler.py:/srv/other.py", "--tag", "y"]).ok();
    for (selector, words) in [
        ("7", "no layer of"),
        ("COPY", "no layer of"),
        ("handler.py", "several layers"),
        ("ENV A", "made no layer"),
        ("sha256:000000000000", "no layer of"),
    ] {
        let (selector, words) = match selector {
            // Its text is in exactly one entry with a layer.
            "COPY" => ("COPY nothing", words),
            "handler.py" => ("/", words),
            other => (other, words),
        };
        let replace = format!("{selector}=src:/srv/app/");
        sandbox.run(["bump", &image, "--replace", &replace, "--tag", "z"]).refused(2, words);
    }
    assert_eq!(registry.tags("docker"), ["v1", "x", "y"]);
}

#[test]
fn a_dry_run_tells_all_and_does_nothing() {
    let registry = Registry::start();
    docker_image(&registry);
    let image = format!("{}/docker:v1", registry.host());
    let sandbox = Sandbox::new();
    sandbox.file("src/handler.py", "two\n");
    registry.clear_log();
    let flags = ["bump", &image, "--replace", "2=src:/srv/app/"];
    let dry = sandbox.run(flags.iter().chain(&["--dry-run"])).ok();
    let log = registry.log();
    assert!(log.0.iter().all(|request| request.method == "GET" || request.method == "HEAD"), "{log}");
    assert!(dry.stdout.contains("would change tags v1"), "{}", dry.stdout);
    assert!(dry.stdout.contains("  replace"), "{}", dry.stdout);
    let json = sandbox.run(flags.iter().chain(&["--dry-run", "--json"])).ok().documents().remove(0);
    let done = sandbox.run(flags.iter().chain(&["--json"])).ok().documents().remove(0);
    assert_eq!((&json["digest"], &json["dry_run"]), (&done["digest"], &json!(true)));
    assert_eq!(registry.resolve("docker", "v1").unwrap(), done["digest"].as_str().unwrap());
}

#[test]
fn one_platform_of_an_index_is_replaced_and_the_others_stay() {
    let registry = DockerRegistry::start();
    let sandbox = Sandbox::new();
    sandbox.file("app.toml", "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/arm64\", \"linux/amd64\"]\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n");
    sandbox.file("code/main.py", "one\n");
    let repository = format!("{}/app", registry.host());
    sandbox.run(["push", "app.toml", "--to", &repository]).ok();
    let before = raw_manifest(&format!("docker://{repository}:latest"));
    sandbox.file("code/main.py", "two\n");
    let image = format!("{repository}:latest");
    let replace = ["bump", &image, "--replace", "layer code=code:/srv/"];
    sandbox.run(replace.iter().chain(&["--platform", "linux/amd64", "--tag", "one"])).ok();
    let after = raw_manifest(&format!("docker://{repository}:one"));
    assert_eq!(before["manifests"][0], after["manifests"][0]);
    assert_ne!(before["manifests"][1]["digest"], after["manifests"][1]["digest"]);
    assert_eq!(after["manifests"][1]["platform"], json!({"architecture": "amd64", "os": "linux"}));
    // Without a platform all of them.
    sandbox.run(replace.iter().chain(&["--tag", "both"])).ok();
    let both = raw_manifest(&format!("docker://{repository}:both"));
    assert!((0..2).all(|at| before["manifests"][at]["digest"] != both["manifests"][at]["digest"]));
    // In another repository, with all that is not replaced.
    let other = format!("{}/other/app", registry.host());
    sandbox.run(replace.iter().chain(&["--to", &other])).ok();
    assert_eq!(raw_manifest(&format!("docker://{other}:latest")), both);
}

#[test]
fn what_cannot_be_bumped_is_said() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/x", "")
        .file("app.toml", "name = \"a\"\nbase = \"scratch\"\n[[layer]]\nname = \"l\"\ncontext = \"src\"\nto = \"/\"\n");
    sandbox.build(&["app.toml", "-o", "docker-archive:a.tar:a"]);
    sandbox.build(&["app.toml"]);
    for (arguments, words) in [
        (&["bump", "docker-archive:a.tar:a", "--replace", "0=src:/x"][..], "it is an archive"),
        (&["bump", "app.toml", "--replace", "0=src:/x"], "--replace changes an image"),
        (&["bump", "oci:out:a", "--replace", "0=src"], "not of the form SELECTOR=DIR:/DESTINATION"),
        (&["bump", "oci:out:a"], "is not a spec"),
        (&["bump", "app.toml"], "nothing is to change"),
        (&["bump", "app.toml", "--layer", "l"], "does not say where to push"),
        (&["bump", "app.toml", "--layer", "other", "--image", "oci:out:a"], "its layers are `l`"),
    ] {
        sandbox.run(arguments).refused(2, words);
    }
}

#[test]
fn modes_and_owners_stay_and_what_is_hidden_is_told() {
    let registry = Registry::start();
    let mut lower = Tar::default();
    lower.header(b'0', b"srv/app/secret", 0o600, 3, "").content(b"one");
    lower.header(b'0', b"srv/app/run", 0o755, 3, "").content(b"run");
    lower.header(b'0', b"srv/app/plain", 0o644, 3, "").content(b"two");
    let mut upper = Tar::default();
    upper.header(b'0', b"srv/app/plain", 0o640, 5, "").content(b"above");
    // Neither layer holds the directories above its files: many builders leave them out.
    let mut image = HandMade::new().layer(&lower.end()).layer(&upper.end());
    image.config["history"] =
        json!([{"created_by": "COPY app /srv/app"}, {"created_by": "RUN chmod \u{1b}[31m640 \u{7}plain"}]);
    image.put(&registry, "app", "v1");
    let sandbox = Sandbox::new();
    sandbox.file("src/secret", "new\n").file("src/run", "new\n").file("src/plain", "new\n").file("src/fresh", "new\n");
    let name = format!("{}/app:v1", registry.host());
    let run = sandbox.run(["bump", &name, "--replace", "COPY app=src:/srv/app/", "--tag", "v2"]).ok();
    let note = "`/srv/app/plain` of the new layer 0 will not be seen: layer 1 (`RUN chmod";
    assert!(run.stdout.contains(note), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{7}'));
    skopeo_copy(&format!("docker://{}/app:v2", registry.host()), &sandbox.image("v2"), &[]);
    let unpacked = sandbox.unpack("v2");
    for (path, mode) in [("secret", "0600"), ("run", "0644"), ("fresh", "0644"), ("plain", "0640")] {
        let line = unpacked.line(&format!("srv/app/{path}"));
        assert!(line.contains(mode), "{path}: {line}");
    }
    // A history of another length tells nothing, and places still mean what they do.
    image.config["history"] = json!([{"created_by": "COPY app /srv/app"}]);
    image.put(&registry, "app", "short");
    let name = format!("{}/app:short", registry.host());
    sandbox
        .run(["bump", &name, "--replace", "COPY app=src:/srv/app/"])
        .refused(2, "does not tell which layer is whose");
    sandbox.run(["bump", &name, "--replace", "0=src:/srv/app/"]).ok();
}

#[test]
fn an_index_tells_nothing_untrue_of_its_images() {
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.folder("srv/", 0o755).file("srv/x", b"one");
    let image = HandMade::new().layer(&tar.end());
    let digest = image.put(&registry, "app", "arm64");
    let manifest = image.manifest().to_string();
    let attestation = HandMade::new().layer(&Tar::default().file("sbom", b"{}").end());
    let attested = attestation.put(&registry, "app", "attestation");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": MANIFEST, "digest": digest, "size": manifest.len(), "data": "b25l",
                "platform": {"os": "linux", "architecture": "arm64"},
            },
            {
                "mediaType": MANIFEST, "digest": attested, "size": attestation.manifest().to_string().len(),
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest"},
            },
        ],
    });
    registry.put_manifest("app", "v1", "application/vnd.oci.image.index.v1+json", index.to_string());
    let sandbox = Sandbox::new();
    sandbox.file("src/x", "two\n");
    let name = format!("{}/app:v1", registry.host());
    let run = sandbox.run(["bump", &name, "--replace", "0=src:/srv/", "--tag", "v2"]).ok();
    assert!(run.stdout.contains("tells of the image before"), "{}", run.stdout);
    let after: Value = serde_json::from_slice(&registry.manifest("app", "v2").unwrap().1).unwrap();
    let mut expected = index.clone();
    expected["manifests"][0].as_object_mut().unwrap().remove("data");
    for key in ["digest", "size"] {
        expected["manifests"][0][key] = after["manifests"][0][key].clone();
    }
    assert_eq!(after, expected);
    assert_ne!(after["manifests"][0]["digest"], digest.as_str());
    // Nothing to do is nothing, also under a tag that is named after the digest.
    let again = ["bump", &format!("{}/app:v2", registry.host()), "--replace", "0=src:/srv/", "--json"];
    let tags = ["--tag", "v2", "--tag", "{digest}"];
    let first = sandbox.run(again.iter().chain(&tags)).ok().documents().remove(0);
    assert_eq!(first["changed"], true, "the tag of the digest is new");
    assert_eq!(sandbox.run(again.iter().chain(&tags)).ok().documents().remove(0)["changed"], false);
}
