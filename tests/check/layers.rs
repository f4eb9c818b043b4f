//! Layers over each other.

use serde_json::json;

use super::{check, clean, findings, only};
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};

/// A spec of layers, each a context that goes to a place.
fn layers(sandbox: &Sandbox, layers: &[(&str, &str)]) {
    let mut text = "name = \"app\"\nbase = \"scratch\"\n".to_owned();
    for (context, to) in layers {
        text.push_str(&format!("[[layer]]\nname = \"{context}\"\ncontext = \"{context}\"\nto = \"{to}\"\n"));
    }
    sandbox.file("app.toml", text);
}

#[test]
fn a_layer_of_which_those_above_leave_nothing() {
    let sandbox = Sandbox::new();
    sandbox
        .file("old/a.py", "1")
        .file("old/sub/b.py", "1")
        .file("new/a.py", "2")
        .file("new/sub/b.py", "2")
        .file("new/c.py", "2");
    layers(&sandbox, &[("old", "/srv/"), ("new", "/srv/")]);
    let found = only(&sandbox, &["app.toml"], "overwritten-layer");
    assert_eq!(found["where"]["layer_name"], "old");
    assert!(
        found["why"].as_str().unwrap().contains("the layer `new` replaces or removes all it has (2 files)"),
        "{found}"
    );
    sandbox.build(&["app.toml"]);
    assert_eq!(only(&sandbox, &["oci:out:app"], "overwritten-layer")["why"], found["why"]);
    // One file that stays is enough.
    sandbox.file("old/d.py", "1");
    clean(&sandbox, &["app.toml"]);
    sandbox.build(&["app.toml"]);
    clean(&sandbox, &["oci:out:app"]);
}

#[test]
fn a_layer_of_names_for_files_below_is_not_overwritten() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.header(b'1', b"etc/other", 0o644, 0, "etc/issue");
    HandMade::small().layer(&tar.end()).write(&sandbox.path("bases"), "x");
    clean(&sandbox, &["oci:bases:x"]);
}

#[test]
fn a_layer_without_a_file() {
    let sandbox = Sandbox::new();
    sandbox.file("code/a.py", "").file("code/.dockerignore", "*\n");
    layers(&sandbox, &[("code", "/srv/")]);
    let found = only(&sandbox, &["app.toml"], "empty-layer");
    assert_eq!((&found["where"]["file"], &found["where"]["line"]), (&json!("app.toml"), &json!(5)));
    // Directories that somebody has written are meant.
    let spec = "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"tmp\"\nentries = [{ path = \"/tmp/\", mode = \"1777\" }]\n";
    sandbox.file("app.toml", spec);
    clean(&sandbox, &["app.toml"]);
    HandMade::small().layer(&Tar::default().end()).write(&sandbox.path("bases"), "x");
    assert_eq!(only(&sandbox, &["oci:bases:x"], "empty-layer")["where"]["layer"], 1);
}

#[test]
fn a_tmp_that_loses_its_sticky_bit() {
    let sandbox = Sandbox::new();
    let image = |modes: &[u32]| {
        let mut image = HandMade::small();
        for (place, mode) in modes.iter().enumerate() {
            let mut tar = Tar::default();
            tar.folder("tmp/", *mode).file(&format!("tmp/{place}"), b"");
            image = image.layer(&tar.end());
        }
        image.write(&sandbox.path("bases"), "x");
    };
    image(&[0o1777, 0o755]);
    let found = only(&sandbox, &["oci:bases:x"], "sticky-bit-lost");
    assert_eq!((&found["where"]["layer"], &found["where"]["paths"]), (&json!(2), &json!(["/tmp"])));
    // What a layer above gives back is not lost.
    image(&[0o755, 0o1777]);
    clean(&sandbox, &["oci:bases:x"]);

    sandbox.file("tree/tmp/.keep", "").base("base", "tree");
    let spec = |base: &str, layer: &str| {
        sandbox.file(
            "app.toml",
            format!("name = \"app\"\nbase = \"oci:bases:{base}\"\n[[layer]]\nname = \"tmp\"\n{layer}\n"),
        );
    };
    HandMade::small().write(&sandbox.path("bases"), "small");
    spec("small", "run = [\"chmod 755 /tmp\"]");
    assert_eq!(only(&sandbox, &["app.toml"], "sticky-bit-lost")["where"]["layer_name"], "tmp");
    spec("small", "entries = [{ path = \"/tmp/mine\", text = \"x\" }]");
    clean(&sandbox, &["app.toml"]);
}

#[test]
fn an_image_of_somebody_else_is_checked_whole_after_a_bump() {
    let sandbox = Sandbox::new();
    let mut system = Tar::default();
    system.header(b'0', b"run", 0o755, 2, "").content(b"#!").file("id_rsa", b"-----BEGIN PRIVATE KEY-----\n");
    let mut copy = Tar::default();
    copy.folder("srv/", 0o755).file("srv/handler.py", b"one");
    let mut image = HandMade::new().layer(&system.end()).layer(&copy.end());
    image.config["config"]["Entrypoint"] = json!(["/run"]);
    image.config["history"] =
        json!([{"created_by": "ADD file:0123 in /"}, {"created_by": "COPY handler.py /srv/ # buildkit"}]);
    image.write(&sandbox.path("made"), "old");
    let before = only(&sandbox, &["oci:made:old"], "credentials");
    sandbox.file("src/handler.py", "two");
    sandbox.run(["bump", "oci:made:old", "--replace", "COPY handler.py=src:/srv/", "--tag", "new"]).ok();
    // The layer that was replaced has a name now, and is as little alone as before.
    assert_eq!(only(&sandbox, &["oci:made:new"], "credentials"), before);
    sandbox.file("src/__pycache__/a.pyc", "");
    sandbox.run(["bump", "oci:made:old", "--replace", "COPY handler.py=src:/srv/", "--tag", "newer"]).ok();
    let found = findings(&check(&sandbox, &["oci:made:newer"]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(
        (&found[1]["rule"], &found[1]["where"]["layer_name"]),
        (&json!("python-cache"), &json!("COPY handler.py /srv/"))
    );
}
