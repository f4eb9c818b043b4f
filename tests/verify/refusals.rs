//! What cannot be verified, and why.

use std::fs;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::{Action, Fault, Kind, Registry};
use crate::verify::{sandbox, sources, verdicts};

#[test]
fn names_of_layers_that_there_are_not() {
    let sandbox = sandbox();
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--layer", "cod"]);
    let run = run.refused(2, "neither image has a layer `cod`");
    assert!(run.stderr.contains("the layers are `code`, `data`, `skeleton`, `umoci insert`"), "{}", run.stderr);
}

#[test]
fn a_spec_that_is_not_one() {
    let sandbox = sandbox();
    sandbox.file("specs/a.toml", "name = \"a\"\nbase = \"scratch\"\n");
    sandbox.file("specs/b.toml", "name = \"b\"\nbase = \"scratch\"\n");
    let run = sandbox.run(["verify", "specs", "oci:out:app"]).refused(2, "there are 2: `a`, `b`");
    assert!(run.stderr.contains("name the spec of one of them"), "{}", run.stderr);
    sandbox.run(["verify", "none.toml", "oci:out:app"]).refused(2, "none.toml");
    sandbox.run(["verify", "code/main.py", "oci:out:app"]).refused(2, "main.py");
}

#[test]
fn an_image_that_is_not_there() {
    let sandbox = sandbox();
    let registry = Registry::start();
    sandbox.run(["verify", "app.toml", "oci:nowhere"]).refused(2, "nowhere");
    sandbox.run(["verify", "app.toml", "oci:out:other"]).refused(2, "no image named `other`, but `app`");
    sandbox.run(["verify", "app.toml", "oci-archive:app.toml"]).refused(2, "app.toml");
    sandbox.run(["verify", "app.toml", &format!("{}/nothing", registry.host())]).refused(3, "nothing");
    let host = registry.host();
    drop(registry);
    sandbox.run(["verify", "app.toml", &format!("{host}/nothing")]).refused(3, "nothing");
}

#[test]
fn arguments_that_contradict_each_other() {
    let sandbox = sandbox();
    sandbox.run(["verify", "app.toml", "oci:out:app", "--tree", "--layer", "code"]).refused(2, "--layer");
    sandbox.run(["verify", "app.toml", "oci:out:app", "--ignore", "size"]).refused(2, "size");
    sandbox.run(["verify", "app.toml"]).refused(2, "IMAGE");
    sandbox.run(["verify", "app.toml", "Upper/Case"]).refused(2, "lower-case");
}

#[test]
fn sources_that_give_no_image() {
    let sandbox = sandbox();
    fs::remove_dir_all(sandbox.path("code")).unwrap();
    sandbox.run(["verify", "app.toml", "oci:out:app"]).refused(2, "the layer `code` of the image `app` cannot be made");
}

#[test]
fn a_connection_that_breaks_is_no_damage() {
    let sandbox = sandbox();
    let registry = Registry::start();
    let to = format!("{}/app", registry.host());
    sandbox.run(["push", "app.toml", "--to", &to]).ok();
    registry.fault(Fault::on(Kind::BlobGet, Action::Status(403, None)).skip(2).times(usize::MAX));
    let run = sandbox.run(["verify", "app.toml", &to]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
}

/// The layout `out` with an image `app` whose layer is this tar stream, from a spec of one layer that makes another.
fn hostile(tar: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"code\"\nentries = [{ path = \"/a/\" }]\n",
    );
    let mut image = HandMade::new().layer(tar);
    image.config["architecture"] = "amd64".into();
    image.write(&sandbox.path("out"), "app");
    sandbox
}

#[test]
fn hostile_streams_are_damaged_layers() {
    let mut outside = Tar::default();
    outside.file("../../etc/passwd", b"x");
    let mut long = Tar::default();
    long.pax("path", &"n".repeat(5000)).file("x", b"");
    let mut names = Tar::default();
    names.pax(&format!("SCHILY.xattr.{}", "n".repeat(70_000)), "").file("x", b"");
    let mut cut = Tar::default();
    cut.header(b'0', b"x", 0o644, 1 << 40, "");
    let mut headers = Tar::default();
    headers.header(b'L', b"long", 0o644, 1 << 33, "");
    for (tar, why) in [
        (outside.end(), "leaves the root"),
        (long.end(), "a path of 5000 bytes"),
        (names.end(), "bytes in the names of an entry's attributes"),
        (headers.open_end(), ""),
        (vec![b'x'; 4096], ""),
    ] {
        let sandbox = hostile(&tar);
        let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
        assert_eq!(verdicts(&document), ["damaged code"]);
        let said = document["layers"][0]["why"].as_str().unwrap();
        assert!(said.contains(why), "{said}");
    }
    // A file that ends before its content does is not one of that size.
    let sandbox = hostile(&cut.open_end());
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert!(verdicts(&document)[0] != "identical code", "{document}");
}

#[test]
fn a_config_with_other_layers_than_the_manifest_is_damaged() {
    let sandbox = sandbox();
    sandbox.alter("app", |_, config| drop(config["rootfs"]["diff_ids"].as_array_mut().unwrap().pop()));
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert!(document["damaged"].as_str().unwrap().contains("3 layers and the manifest 4"), "{document}");
}

#[test]
fn the_cache_may_not_lie_in_a_context() {
    let sandbox = sources();
    sandbox.build(&["app.toml"]);
    sandbox.run(["verify", "app.toml", "oci:out:app", "--cache-dir", "code/cache"]).refused(2, "cache");
}
