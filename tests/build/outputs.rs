//! Where images go: layouts and archives.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::judge::{members, python, raw_config, raw_manifest, skopeo_copy};
use crate::support::tools::tool;
use crate::support::{Sandbox, Unpacked};

fn spec(name: &str, base: &str) -> String {
    format!(
        r#"
        name = "{name}"
        base = {base}
        [[layer]]
        name = "{name}"
        context = "{name}"
        to = "/srv/{name}/"
        [config]
        cmd = ["{name}"]
        "#
    )
}

/// Two images, one on the other.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("one/file", "one")
        .file("two/file", "two")
        .file("one.toml", spec("one", "\"scratch\""))
        .file("two.toml", spec("two", "{ spec = \"one.toml\" }"));
    sandbox
}

/// An image of an archive, brought into a layout by skopeo and unpacked by umoci.
fn unpack(sandbox: &Sandbox, image: &str) -> Unpacked {
    let layout = sandbox.path("from-archive");
    skopeo_copy(image, &format!("oci:{}:x", layout.display()), &[]);
    Unpacked::of(&layout, "x")
}

#[test]
fn images_share_a_layout_under_their_names() {
    let sandbox = sandbox();
    let run = sandbox.build(&["one.toml", "two.toml"]);
    assert!(run.stdout.contains("oci:out:one changed"), "{}", run.stdout);
    let list = || tool("umoci", ["ls", "--layout", sandbox.path("out").to_str().unwrap()]);
    assert_eq!(list(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(sandbox.path("out/oci-layout")).unwrap(), r#"{"imageLayoutVersion":"1.0.0"}"#);
    // Two configs, two manifests, and two layers: the lower one once.
    assert_eq!(sandbox.names("out/blobs/sha256").len(), 6);

    let before = (sandbox.tree("out"), fs::read(sandbox.path("out/index.json")).unwrap());
    let run = sandbox.build(&["one.toml", "two.toml"]);
    assert!(run.stdout.contains("oci:out:one unchanged"), "{}", run.stdout);
    assert_eq!((sandbox.tree("out"), fs::read(sandbox.path("out/index.json")).unwrap()), before);

    // A new image of a name replaces the old one and no other.
    let one = sandbox.manifest("one");
    sandbox.file("two/file", "two, again");
    let run = sandbox.build(&["two.toml"]);
    assert!(run.stdout.contains("oci:out:two changed"), "{}", run.stdout);
    assert_eq!(list(), "one\ntwo\n");
    assert_eq!(sandbox.manifest("one"), one);
    assert_eq!(sandbox.unpack("two").text("srv/two/file"), "two, again");
}

#[test]
fn an_output_may_name_the_image() {
    let sandbox = sandbox();
    sandbox.build(&["one.toml", "-o", "oci:elsewhere:mine:v1"]);
    assert_eq!(Unpacked::of(&sandbox.path("elsewhere"), "mine:v1").text("srv/one/file"), "one");
    sandbox.build(&["one.toml", "-o", "./plain"]);
    assert_eq!(Unpacked::of(&sandbox.path("plain"), "one").text("srv/one/file"), "one");
    sandbox
        .run(["build", "one.toml", "two.toml", "-o", "oci:out:name"])
        .refused(2, "names one image, and 2 were built");
}

#[test]
fn a_layout_keeps_what_others_put_there() {
    let sandbox = sandbox();
    sandbox.folder("tree").base("theirs", "tree");
    sandbox.build(&["one.toml", "-o", "oci:bases"]);
    let layout = sandbox.path("bases");
    assert_eq!(tool("umoci", ["ls", "--layout", layout.to_str().unwrap()]).lines().count(), 2);
    assert_eq!(Unpacked::of(&layout, "one").text("srv/one/file"), "one");
    Unpacked::of(&layout, "theirs");
    // umoci collects what no image needs: nothing of ours.
    let before = sandbox.names("bases/blobs/sha256");
    tool("umoci", ["gc", "--layout", layout.to_str().unwrap()]);
    let after = sandbox.names("bases/blobs/sha256");
    assert!(after.iter().all(|name| before.contains(name)));
    assert_eq!(Unpacked::of(&layout, "one").text("srv/one/file"), "one");
}

#[test]
fn a_folder_of_other_things_is_not_written_to() {
    let sandbox = sandbox();
    sandbox.run(["build", "one.toml", "-o", "."]).refused(2, "holds other things");
    sandbox.run(["build", "one.toml", "-o", "oci:one"]).refused(2, "holds other things");
    assert_eq!(sandbox.names("one"), ["file"]);
}

#[test]
fn a_registry_is_not_an_output() {
    let sandbox = sandbox();
    sandbox.run(["build", "one.toml", "-o", "registry.example/one"]).refused(2, "tarsia push");
}

#[test]
fn an_oci_archive_holds_the_layout_in_one_file() {
    let sandbox = sandbox();
    sandbox.build(&["one.toml", "two.toml"]);
    sandbox.build(&["one.toml", "two.toml", "-o", "oci-archive:images.tar"]);
    let archive = sandbox.path("images.tar").display().to_string();
    for name in ["one", "two"] {
        let image = format!("oci-archive:{archive}:{name}");
        assert_eq!(raw_manifest(&image), sandbox.manifest(name));
        assert_eq!(raw_config(&image), sandbox.config(name));
    }
    assert_eq!(unpack(&sandbox, &format!("oci-archive:{archive}:two")).text("srv/one/file"), "one");
    // No blob twice.
    assert_eq!(members(&sandbox.path("images.tar")).len(), 8);
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_docker_archive_holds_what_docker_load_reads() {
    let sandbox = sandbox();
    sandbox.build(&["one.toml", "two.toml"]);
    sandbox.build(&["one.toml", "two.toml", "-o", "docker-archive:images.tar"]);
    let archive = sandbox.path("images.tar").display().to_string();
    let image = unpack(&sandbox, &format!("docker-archive:{archive}:two:latest"));
    assert_eq!((image.text("srv/one/file"), image.text("srv/two/file")), ("one".into(), "two".into()));
    assert_eq!(raw_config(&format!("docker-archive:{archive}:one:latest")), sandbox.config("one"));
    let script = r#"
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    rows = json.load(tar.extractfile("manifest.json"))
    for row in rows:
        assert all(tar.getmember(name).isfile() for name in [row["Config"], *row["Layers"]])
print(json.dumps([[row["RepoTags"], len(row["Layers"])] for row in rows]))
"#;
    let rows: Value = serde_json::from_str(&python(script, &sandbox.path("images.tar"))).unwrap();
    assert_eq!(rows, json!([[["one:latest"], 1], [["two:latest"], 2]]));

    sandbox.build(&["one.toml", "-o", "docker-archive:named.tar:registry.example/team/one:v1"]);
    let named = format!("docker-archive:{}:registry.example/team/one:v1", sandbox.path("named.tar").display());
    assert_eq!(raw_config(&named), sandbox.config("one"));
}

#[test]
fn a_docker_archive_takes_layers_of_every_compression() {
    let sandbox = sandbox();
    for compression in ["gzip", "zstd", "none"] {
        let text =
            spec("one", "\"scratch\"").replace("to =", &format!("compression = \"{compression}\"\n        to ="));
        sandbox.file("one.toml", text);
        sandbox.build(&["one.toml", "-o", &format!("docker-archive:{compression}.tar")]);
        let image = format!("docker-archive:{}", sandbox.path(&format!("{compression}.tar")).display());
        assert_eq!(unpack(&sandbox, &image).text("srv/one/file"), "one", "{compression}");
    }
}

#[test]
fn the_same_images_give_the_same_archive() {
    let sandbox = sandbox();
    for scheme in ["oci-archive", "docker-archive"] {
        let mut files = Vec::new();
        for run in ["first", "second"] {
            sandbox.build(&["one.toml", "two.toml", "--no-cache", "-o", &format!("{scheme}:{run}.tar")]);
            files.push(fs::read(sandbox.path(&format!("{run}.tar"))).unwrap());
        }
        assert!(files[0] == files[1], "{scheme}");
    }
}

#[test]
fn a_docker_archive_has_no_word_for_several_platforms() {
    let sandbox = sandbox();
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64"];
    let arguments = ["build", "one.toml", "-o", "docker-archive:images.tar"];
    sandbox.run(arguments.iter().chain(&both)).refused(2, "an image for one platform only");
    assert!(!sandbox.path("images.tar").exists());
    sandbox.build(&["one.toml", "-o", "oci-archive:images.tar", both[0], both[1], both[2], both[3]]);
    let index = raw_manifest(&format!("oci-archive:{}", sandbox.path("images.tar").display()));
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
}

#[test]
fn an_archive_is_there_whole_or_not_at_all() {
    let sandbox = sandbox();
    sandbox.run(["build", "one.toml", "-o", "oci-archive:no/such/folder/images.tar"]).refused(2, "no/such/folder");
    sandbox.build(&["one.toml", "-o", "oci-archive:images.tar"]);
    let names = sandbox.names("");
    sandbox.build(&["one.toml", "-o", "oci-archive:images.tar"]);
    assert_eq!(sandbox.names(""), names);
}
