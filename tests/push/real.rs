//! The committed specs, pushed into the registry that most people run, and read back with other people's tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::judge::{members, raw_config, raw_manifest, skopeo_copy};
use crate::support::sandbox::repository;
use crate::support::tools::tool;
use crate::support::{DockerRegistry, Run, Sandbox, Unpacked};

const IMAGES: [&str; 3] = ["base", "receipt-dynamo", "receipt-label"];

/// Pushes the committed specs.
fn push(sandbox: &Sandbox, registry: &DockerRegistry) -> Run {
    let specs = repository().join("specs");
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run(["push", specs.to_str().unwrap(), "--set", &set, "--json"]).ok()
}

fn image(registry: &DockerRegistry, name: &str) -> String {
    format!("docker://{}/receipts/{name}", registry.host())
}

/// An image of the registry, copied by skopeo and unpacked by umoci.
fn unpack(sandbox: &Sandbox, registry: &DockerRegistry, name: &str) -> Unpacked {
    let layout = sandbox.path("copied");
    skopeo_copy(&image(registry, name), &format!("oci:{}:{name}", layout.display()), &[]);
    Unpacked::of(&layout, name)
}

#[test]
fn skopeo_accepts_each_image() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    let documents = push(&sandbox, &registry).documents();
    assert_eq!(documents.iter().map(|document| &document["name"]).collect::<Vec<_>>(), IMAGES);
    for (name, document) in IMAGES.iter().zip(&documents) {
        let url = image(&registry, name);
        let inspect = tool("skopeo", ["inspect", "--tls-verify=false", &url]);
        let inspect: Value = serde_json::from_str(&inspect).unwrap();
        assert_eq!(inspect["Digest"], document["digest"]);
        assert_eq!((&inspect["Os"], &inspect["Architecture"]), (&json!("linux"), &json!("arm64")));
        assert_eq!(inspect["Created"], "1970-01-01T00:00:00Z");
        // `latest` and `{digest}`, and what the next run will find its layers by.
        let digest = document["digest"].as_str().unwrap();
        let mut tags: Vec<&str> =
            inspect["RepoTags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        tags.sort_unstable();
        let mut expected = ["latest", &digest[7..19], "tarsia-cache"];
        expected.sort_unstable();
        assert_eq!(tags, expected);
        assert_eq!(document["tags"], json!(["latest", digest[7..19]]));
        // Each blob is fetched and compared with its digest; docker's own format as well.
        skopeo_copy(&url, &format!("dir:{}", sandbox.path(name).display()), &[]);
        skopeo_copy(&url, &format!("docker-archive:{}:x:y", sandbox.path("x.tar").display()), &[]);
        fs::remove_file(sandbox.path("x.tar")).unwrap();
        // A push is the same image as a build.
        assert_eq!(document["repository"], format!("{}/receipts/{name}", registry.host()));
    }
    sandbox.build(&[repository().join("specs").to_str().unwrap()]);
    for name in IMAGES {
        assert_eq!(raw_manifest(&image(&registry, name)), sandbox.manifest(name));
    }
}

#[test]
fn umoci_unpacks_the_base_as_the_spec_says() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    push(&sandbox, &registry);
    let image = unpack(&sandbox, &registry, "base");
    let listing: Vec<String> = image.listing().into_iter().map(|(path, line)| format!("{line} {path}")).collect();
    assert_eq!(
        listing,
        [
            "l 0:0 -> usr/bin bin",
            "d 0755 0:0 etc",
            "f 0644 0:0 etc/group",
            "f 0644 0:0 etc/hostname",
            "f 0644 0:0 etc/nsswitch.conf",
            "f 0644 0:0 etc/os-release",
            "f 0644 0:0 etc/passwd",
            "d 0755 0:0 etc/ssl",
            "d 0755 0:0 etc/ssl/certs",
            "f 0644 0:0 etc/ssl/certs/ca-certificates.crt",
            "d 0755 0:0 home",
            "d 0700 1000:1000 home/app",
            "f 0644 0:0 home/app/.profile",
            "l 0:0 -> usr/lib lib",
            "d 0700 0:0 root",
            "d 1777 0:0 tmp",
            "d 0755 0:0 usr",
            "d 0755 0:0 usr/bin",
            "d 0755 0:0 usr/lib",
            "d 0755 0:0 usr/share",
            "d 0755 0:0 usr/share/tarsia-example",
            "f 0644 0:0 usr/share/tarsia-example/about.txt",
            "d 0755 0:0 var",
            "d 1777 0:0 var/tmp",
        ]
    );
    assert_eq!(image.text("etc/hostname"), "receipts\n");
    assert_eq!(image.time("etc/passwd"), 0);
}

/// A file's bytes, or where a link points.
#[derive(PartialEq)]
enum Content {
    File(Vec<u8>),
    Link(PathBuf),
}

fn content(path: &Path) -> Content {
    match fs::read_link(path) {
        Ok(target) => Content::Link(target),
        Err(_) => Content::File(fs::read(path).unwrap()),
    }
}

/// What of a package belongs into its layer: everything but what its `.dockerignore` keeps at home, said once more
/// in other words.
fn package(name: &str) -> BTreeMap<String, Content> {
    fn walk(folder: &Path, below: &str, files: &mut BTreeMap<String, Content>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let top = below.is_empty();
            let home = match name.as_str() {
                "tests" | "docs" | "notebooks" | "build" | "dist" | "README.md" | "pyproject.toml" => top,
                "__pycache__" | ".pytest_cache" | ".mypy_cache" => true,
                _ => name.ends_with(".log") || (top && name.starts_with('.')),
            };
            let data = below == "data" && !["lexicons", "locales", "merchants", "schema"].contains(&name.as_str());
            if home || data {
                continue;
            }
            let inner = if top { name } else { format!("{below}/{name}") };
            if path.is_dir() {
                walk(&path, &inner, files);
            } else {
                files.insert(inner, content(&path));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&repository().join("layers").join(name), "", &mut files);
    files
}

#[test]
fn umoci_unpacks_the_packages_file_by_file() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    push(&sandbox, &registry);
    let image = unpack(&sandbox, &registry, "receipt-label");
    for name in ["receipt_dynamo", "receipt_label"] {
        let expected = package(name);
        assert!(expected.len() > 20, "{name}");
        let below = format!("var/task/{name}/");
        let mut found = BTreeMap::new();
        for (path, line) in image.listing() {
            let Some(inner) = path.strip_prefix(&below) else { continue };
            if line.starts_with("d ") {
                assert_eq!(line, "d 0755 0:0", "{path}");
            } else {
                let plain = ["f 0644 0:0", "f 0755 0:0"].contains(&line.as_str());
                assert!(plain || line.starts_with("l 0:0 -> "), "{path}: {line}");
                found.insert(inner.to_owned(), content(&image.path(&path)));
            }
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "{name}: a file's content differs");
    }
    // The layers above have left the base as it was.
    assert_eq!(image.line("tmp"), "d 1777 0:0");
    assert_eq!(image.line("home/app"), "d 0700 1000:1000");
    assert_eq!(image.line("lib"), "l 0:0 -> usr/lib");
}

#[test]
fn the_config_comes_back() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    push(&sandbox, &registry);
    let config = tool("skopeo", ["inspect", "--config", "--tls-verify=false", &image(&registry, "receipt-label")]);
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        config["config"],
        json!({
            "User": "app",
            "Env": [
                "PATH=/usr/local/bin:/usr/bin:/bin",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
                "PYTHONPATH=/var/task",
                "PYTHONUNBUFFERED=1",
            ],
            "Cmd": ["receipt_label.handler.handler"],
            "WorkingDir": "/var/task",
            "Labels": {"org.opencontainers.image.title": "receipt-label"},
        })
    );
    let created: Vec<&str> =
        config["history"].as_array().unwrap().iter().map(|entry| entry["created_by"].as_str().unwrap()).collect();
    assert_eq!(
        created,
        ["tarsia layer rootfs", "tarsia layer skeleton", "tarsia layer receipt_dynamo", "tarsia layer receipt_label"]
    );
}

#[test]
fn a_second_push_sends_nothing() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    let first = push(&sandbox, &registry).documents();
    assert!(first.iter().all(|document| document["changed"] == true));
    let second = push(&sandbox, &registry).documents();
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(after["digest"], before["digest"]);
        assert_eq!(after["changed"], false);
        assert_eq!(after["requests"]["bytes_up"], 0);
        assert!(after["layers"].as_array().unwrap().iter().all(|layer| layer["status"] == "reused"));
    }
    // Whoever starts with an empty store makes the same images, and uploads no layer.
    let fresh = push(&Sandbox::new(), &registry).documents();
    for (before, after) in first.iter().zip(&fresh) {
        assert_eq!(after["digest"], before["digest"]);
        assert!(after["layers"].as_array().unwrap().iter().all(|layer| layer["status"] != "uploaded"));
    }
}

#[test]
fn layers_of_one_registry_are_mounted_rather_than_sent_again() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    let documents = push(&sandbox, &registry).documents();
    let status = |image: usize, layer: usize| documents[image]["layers"][layer]["status"].clone();
    assert_eq!((status(0, 0), status(0, 1)), (json!("uploaded"), json!("uploaded")));
    assert_eq!((status(1, 0), status(1, 1), status(1, 2)), (json!("mounted"), json!("mounted"), json!("uploaded")));
    assert_eq!((status(2, 2), status(2, 3)), (json!("mounted"), json!("uploaded")));
}

#[test]
fn repository_and_tags_may_be_said_on_the_command_line() {
    let (sandbox, registry) = (Sandbox::new(), DockerRegistry::start());
    let spec = repository().join("specs/receipt_label.toml");
    let to = format!("{}/other/name", registry.host());
    let arguments = ["push", spec.to_str().unwrap(), "--to", &to, "--tag", "v1", "--tag", "sha-{digest}", "--json"];
    let documents = sandbox.run(arguments).ok().documents();
    assert_eq!(documents.len(), 1);
    let short = documents[0]["digest"].as_str().unwrap()[7..19].to_owned();
    assert_eq!(documents[0]["tags"], json!(["v1", format!("sha-{short}")]));
    for tag in ["v1", &format!("sha-{short}")] {
        assert_eq!(raw_config(&format!("docker://{to}:{tag}"))["config"]["User"], "app");
    }
    // With several images the name goes behind what --to says.
    let specs = repository().join("specs");
    sandbox.run(["push", specs.to_str().unwrap(), "--to", &to]).ok();
    for name in IMAGES {
        raw_manifest(&format!("docker://{to}/{name}:latest"));
    }
}

#[test]
fn the_layers_of_a_base_come_along() {
    let (sandbox, home, abroad) = (Sandbox::new(), DockerRegistry::start(), DockerRegistry::start());
    sandbox.file("tree/etc/motd", "base").base("base", "tree");
    let published = format!("{}/base:1", abroad.host());
    let layout = format!("oci:{}:base", sandbox.path("bases").display());
    skopeo_copy(&layout, &format!("docker://{published}"), &["--format", "v2s2"]);
    let neighbour = format!("{}/base:1", home.host());
    skopeo_copy(&layout, &format!("docker://{neighbour}"), &[]);
    skopeo_copy(&layout, &format!("docker-archive:{}:b:1", sandbox.path("saved.tar").display()), &[]);
    let archive = format!("docker-archive:{}", sandbox.path("saved.tar").display());
    let layout = format!("oci:{}", sandbox.path("bases").display());
    for (name, base) in [("layout", &layout), ("archive", &archive), ("abroad", &published), ("neighbour", &neighbour)]
    {
        // A store of its own each time: nothing is known.
        let fresh = Sandbox::new();
        let layers = ["gzip", "zstd", "none"].map(|codec| {
            format!("[[layer]]\nname = \"{codec}\"\ncontext = \"app\"\nto = \"/{codec}/\"\ncompression = \"{codec}\"\n")
        });
        fresh.file("app/file", "mine");
        fresh.file("app.toml", format!("name = \"app\"\nbase = \"{base}\"\n{}", layers.concat()));
        let to = format!("{}/{name}", home.host());
        let documents = fresh.run(["push", "app.toml", "--to", &to, "--json"]).ok().documents();
        let statuses: Vec<&Value> =
            documents[0]["layers"].as_array().unwrap().iter().map(|layer| &layer["status"]).collect();
        assert_eq!(statuses, ["base", "uploaded", "uploaded", "uploaded"], "{name}");
        // skopeo fetches every blob and takes their compression off.
        let copy = format!("dir:{}", fresh.path("copied").display());
        skopeo_copy(&format!("docker://{to}:latest"), &copy, &["--dest-decompress"]);
        let config = raw_config(&format!("docker://{to}:latest"));
        let blob = |place: usize| {
            let diff_id = config["rootfs"]["diff_ids"][place].as_str().unwrap();
            fresh.path("copied").join(diff_id.strip_prefix("sha256:").unwrap())
        };
        assert!(blob(0).exists(), "{name}");
        for (place, path) in [(1, "gzip/file"), (2, "zstd/file"), (3, "none/file")] {
            assert!(members(&blob(place)).iter().any(|line| line.ends_with(path)), "{name} {path}");
        }
    }
}
