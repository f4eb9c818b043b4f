//! The table of an image: what it runs, its layers and what made them, an index and what hangs on it.

use serde_json::{Value, json};

use super::made;
use crate::support::Sandbox;
use crate::support::images::{HandMade, MANIFEST, Tar};
use crate::support::registry::Registry;
use crate::support::workspace::{base, over, workspace};

/// The text with the 64 digits of digests, and 12 of short ones, as `…`.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| {
        let digits = word.strip_prefix("sha256:").unwrap_or(word);
        matches!(digits.len(), 12 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let line =
        |line: &str| line.split(' ').map(|word| if is_digest(word) { "…" } else { word }).collect::<Vec<_>>().join(" ");
    text.lines().map(|each| format!("{}\n", line(each))).collect()
}

#[test]
fn layers_say_what_made_them() {
    let sandbox = made();
    let text = sandbox.run(["inspect", "oci:made:app"]).ok().stdout;
    insta::assert_snapshot!(without_digests(&text), @r#"
    oci:made:app linux/arm64 …
      env         PATH=/usr/bin:/bin
        0      523 B  …  ADD file:0123 in /
        1      198 B  …  RUN rm -r /etc/gone /opt/app
        2      209 B  …  COPY var /var
        3      104 B  …  RUN rm -r /srv && touch /srv
      in all: 4 layers, 1.0 kB
    "#);
}

#[test]
fn the_layers_of_the_base_stand_apart() {
    let sandbox = Sandbox::new();
    HandMade::small().write(&sandbox.path("bases"), "small");
    sandbox.file("code/x", "x").file(
        "app.toml",
        "name = \"app\"\nbase = \"oci:bases:small\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n\
         [config]\nentrypoint = [\"/srv/x\"]\nworkdir = \"/srv\"\nuser = \"7\"\nexpose = [\"80\"]\nlabels = { a = \"b\" }\n",
    );
    sandbox.run(["build", "app.toml"]).ok();
    let text = sandbox.run(["inspect", "oci:out:app"]).ok().stdout;
    insta::assert_snapshot!(without_digests(&text), @r#"
    oci:out:app linux/arm64 …
      base        oci:bases:small …
      created     1970-01-01T00:00:00Z
      entrypoint  ["/srv/x"]
      workdir     /srv
      user        7
      env         PATH=/usr/bin:/bin
      expose      80/tcp
      labels      a=b
      of the base: 1 layer, 142 B
        0      142 B  …        a layer of the base image, which states no history
      above it: 1 layer, 126 B
        1      126 B  …  code  key …
      in all: 2 layers, 268 B
    "#);
    let document = sandbox.run(["inspect", "oci:out:app", "--json"]).ok().documents().remove(0);
    let bases: Vec<&Value> = document["layers"].as_array().unwrap().iter().map(|layer| &layer["base"]).collect();
    assert_eq!(bases, [true, false]);
    assert_eq!((&document["base"]["ref"], &document["base"]["layers"]), (&json!("oci:bases:small"), &json!(1)));
    let key = document["layers"][1]["key"].as_str().unwrap();
    assert_eq!(document["layers"][1]["source"], format!("key {}", &key["sha256:".len()..][..12]));
}

#[test]
fn an_image_on_an_image_of_ours_says_what_it_knows() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    over(&workspace(&format!("{}/bases/python:3.12", registry.host()), ""), "push", &registry, &[]).ok();
    let image = format!("{}/team/c:latest", registry.host());
    let fresh = Sandbox::new();
    let text = fresh.run(["inspect", &image]).ok().stdout;
    assert!(text.contains("  of the base: 4 layers, ") && text.contains("  with a key: 3 layers, "), "{text}");
    // Once the image below has been looked at, its layers are known.
    fresh.run(["inspect", &format!("{}/team/b:latest", registry.host())]).ok();
    let text = fresh.run(["inspect", &image]).ok().stdout;
    assert!(text.contains("  of the base: 6 layers, ") && text.contains("  above it: 1 layer, "), "{text}");
}

#[test]
fn one_layer_is_shown_whole_however_it_is_named() {
    let sandbox = made();
    let document = sandbox.run(["inspect", "oci:made:app", "--json"]).ok().documents().remove(0);
    let layer = &document["layers"][1];
    let text = |meant: &str| sandbox.run(["inspect", "oci:made:app", "--layer", meant]).ok().stdout;
    let whole = text("1");
    for key in ["digest", "diff_id"] {
        let digest = layer[key].as_str().unwrap();
        assert!(whole.contains(digest), "{whole}");
        assert_eq!(text(digest), whole);
        assert_eq!(text(&digest["sha256:".len()..][..8]), whole);
    }
    assert!(whole.contains("  created by  RUN /bin/sh -c rm -r /etc/gone /opt/app # buildkit\n"), "{whole}");
    assert!(!whole.contains("COPY var"), "{whole}");
    sandbox.run(["inspect", "oci:made:app", "--layer", "4"]).refused(2, "the layers are 0 to 3");
    sandbox.run(["inspect", "oci:made:app", "--layer", "code"]).refused(2, "no layer `code`");
    sandbox.run(["inspect", "oci:made:app", "/etc", "--layer", "1"]).refused(2, "leave --layer out");
}

#[test]
fn an_index_names_its_images_and_attestations() {
    let sandbox = Sandbox::new();
    let layout = sandbox.path("two");
    let mut tar = Tar::default();
    tar.file("a", b"a");
    let put = |bytes: &[u8]| {
        let digest = crate::support::registry::digest_of(bytes);
        std::fs::write(layout.join("blobs/sha256").join(&digest["sha256:".len()..]), bytes).unwrap();
        digest
    };
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut image = HandMade::new().layer(&tar.end());
        image.config["architecture"] = json!(architecture);
        let digest = image.write(&layout, architecture);
        let size = image.manifest().to_string().len();
        manifests.push(json!({"mediaType": MANIFEST, "digest": digest, "size": size,
            "platform": {"os": "linux", "architecture": architecture}}));
    }
    let of = manifests[0]["digest"].clone();
    manifests.push(json!({"mediaType": MANIFEST, "digest": of, "size": 5,
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of}}));
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}).to_string();
    let top = json!({"schemaVersion": 2, "manifests": [{"mediaType": kind, "digest": put(index.as_bytes()),
        "size": index.len(), "annotations": {"org.opencontainers.image.ref.name": "both"}}]});
    std::fs::write(layout.join("index.json"), top.to_string()).unwrap();

    let text = sandbox.run(["inspect", "oci:two:both"]).ok().stdout;
    let first: Vec<&str> = text.lines().take(4).collect();
    assert!(first[0].starts_with("oci:two:both index sha256:"), "{text}");
    assert!(first[1].ends_with("  linux/amd64") && first[2].ends_with("  linux/arm64"), "{text}");
    let short = &of.as_str().unwrap()["sha256:".len()..][..12];
    assert!(first[3].ends_with(&format!("  attestation of {short}")), "{text}");
    assert_eq!(text.matches("oci:two:both linux/").count(), 2, "{text}");
    let documents = sandbox.run(["inspect", "oci:two:both", "--json"]).ok().documents();
    assert_eq!(documents.len(), 2);
    let kinds: Vec<&Value> =
        documents[0]["index"]["manifests"].as_array().unwrap().iter().map(|each| &each["kind"]).collect();
    assert_eq!(kinds, ["image", "image", "attestation"]);
    assert_eq!(documents[0]["index"]["manifests"][2]["of"], of);
    // One platform is asked for: the others are of no interest.
    let one = sandbox.run(["inspect", "oci:two:both", "--platform", "linux/arm64"]).ok().stdout;
    assert!(one.starts_with("oci:two:both linux/arm64 sha256:"), "{one}");
}
