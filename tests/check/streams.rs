//! Blobs of layers that are not what the image's documents say, or what their readers take them for.

use serde_json::{Value, json};

use super::{check, clean, findings, lambda_base, only};
use crate::support::Sandbox;
use crate::support::images::{HandMade, LAYER_GZIP, Tar, gzip};
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};

const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// A layer of a file.
fn tar() -> Vec<u8> {
    let mut tar = Tar::default();
    tar.file("motd", b"hello");
    tar.end()
}

/// An image of one good layer and this blob.
fn with(sandbox: &Sandbox, media_type: &str, blob: Vec<u8>, diff_id: &str) {
    HandMade::small().blob(media_type, blob, diff_id).write(&sandbox.path("made"), "x");
}

#[track_caller]
fn why(finding: &Value, expected: &str) {
    assert!(finding["why"].as_str().unwrap().contains(expected), "{finding:#}");
}

#[test]
fn a_plain_stream_that_is_not_what_the_config_says() {
    let sandbox = Sandbox::new();
    for (media_type, blob) in
        [(LAYER_GZIP, gzip(&tar())), (PLAIN, tar()), (ZSTD, zstd::encode_all(&tar()[..], 3).unwrap())]
    {
        with(&sandbox, media_type, blob.clone(), &digest_of(&tar()));
        clean(&sandbox, &["oci:made:x"]);
        with(&sandbox, media_type, blob.clone(), &digest_of(b"another"));
        let found = only(&sandbox, &["oci:made:x"], "wrong-diff-id");
        why(&found, &format!("is {}, and the config says {}", digest_of(&tar()), digest_of(b"another")));
        let place = &found["where"];
        assert_eq!((&place["layer"], &place["field"]), (&json!(1), &json!("config.rootfs.diff_ids[1]")));
        assert_eq!(place["layer_digest"], digest_of(&blob));
    }
    // What lies behind the end of the archive belongs to the stream.
    let longer = [tar(), vec![0; 10_240]].concat();
    with(&sandbox, LAYER_GZIP, gzip(&longer), &digest_of(&longer));
    clean(&sandbox, &["oci:made:x"]);
    with(&sandbox, LAYER_GZIP, gzip(&longer), &digest_of(&tar()));
    only(&sandbox, &["oci:made:x"], "wrong-diff-id");
}

#[test]
fn bytes_after_the_end_of_the_compressed_stream() {
    let sandbox = Sandbox::new();
    for rest in [&b"more"[..], &[0; 512], &[0x1f]] {
        with(&sandbox, LAYER_GZIP, [&gzip(&tar()), rest].concat(), &digest_of(&tar()));
        let rule = if rest.len() == 1 { "unreadable-layer" } else { "trailing-bytes" };
        let found = only(&sandbox, &["oci:made:x"], rule);
        assert_eq!(found["where"]["layer"], 1);
    }
    let zstd = zstd::encode_all(&tar()[..], 3).unwrap();
    with(&sandbox, ZSTD, [&zstd, &b"more"[..]].concat(), &digest_of(&tar()));
    why(&only(&sandbox, &["oci:made:x"], "unreadable-layer"), "it cannot be decompressed to its end");
}

#[test]
fn several_gzip_members() {
    let sandbox = Sandbox::new();
    let (tar, mut image) = (tar(), lambda_base());
    image.config["config"]["Cmd"] = json!(["app.handler"]);
    let blob = [gzip(&tar[..512]), gzip(&tar[512..])].concat();
    image.blob(LAYER_GZIP, blob, &digest_of(&tar)).write(&sandbox.path("made"), "x");
    clean(&sandbox, &["oci:made:x"]);
    let found = only(&sandbox, &["oci:made:x", "--profile", "lambda", "--allow", "handler-missing"], "gzip-members");
    why(&found, "is made of 2 gzip members");
    assert_eq!(found["where"]["layer"], 1);
}

#[test]
fn a_layer_that_is_none() {
    let sandbox = Sandbox::new();
    let mut cut = gzip(&tar());
    cut.truncate(cut.len() - 4);
    let mut outside = Tar::default();
    outside.file("x/../../etc/passwd", b"");
    for (media_type, blob, expected) in [
        (LAYER_GZIP, tar(), "it is not gzip, as its media type says"),
        (LAYER_GZIP, Vec::new(), "it is empty"),
        (LAYER_GZIP, cut, "it cannot be decompressed to its end"),
        (LAYER_GZIP, gzip(&outside.end()), "it holds the path `x/../../etc/passwd`, which leaves the root"),
        (PLAIN, gzip(&tar()), "cannot be read"),
        (ZSTD, tar(), "cannot be read"),
    ] {
        with(&sandbox, media_type, blob.clone(), &digest_of(&tar()));
        let found = only(&sandbox, &["oci:made:x"], "unreadable-layer");
        why(&found, expected);
        assert!(!found.to_string().contains("base image"), "{found}");
        assert_eq!((&found["where"]["layer"], &found["where"]["layer_digest"]), (&json!(1), &json!(digest_of(&blob))));
    }
}

#[test]
fn what_is_damaged_or_missing_is_told_with_what_is_wrong_with_the_rest() {
    let sandbox = Sandbox::new();
    let mut key = Tar::default();
    key.file("id_rsa", b"-----BEGIN PRIVATE KEY-----\n");
    let mut image = HandMade::new().layer(&tar()).layer(&key.end());
    image.config["config"]["Entrypoint"] = json!(["/nowhere"]);
    let rules = |image: &str| -> Vec<(Value, Value)> {
        let found = findings(&check(&sandbox, &[image]));
        found.iter().map(|finding| (finding["rule"].clone(), finding["where"]["layer"].clone())).collect()
    };
    // Where a layer is not known, what is missing may be in it.
    let expected = [(json!("unreadable-layer"), json!(0)), (json!("credentials"), json!(1))];
    image.write(&sandbox.path("made"), "x");
    let blob = sandbox.path("made/blobs/sha256").join(&digest_of(&image.layers[0].1)["sha256:".len()..]);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[20] ^= 0xff;
    std::fs::write(&blob, bytes).unwrap();
    assert_eq!(rules("oci:made:x"), expected);
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(rules("oci:made:x"), expected);

    let registry = Registry::start();
    image.put(&registry, "app", "v1");
    registry.delete_blob("app", &digest_of(&image.layers[0].1));
    assert_eq!(rules(&format!("{}/app:v1", registry.host())), expected);
}

#[test]
fn a_registry_that_fails_is_no_mistake_of_the_image() {
    let sandbox = Sandbox::new();
    let registry = Registry::start();
    let image = HandMade::small();
    image.put(&registry, "app", "v1");
    let name = format!("{}/app:v1", registry.host());
    // The documents are on this machine by then, and the layer is not.
    let blob = digest_of(&image.layers[0].1);
    registry.fault(Fault::on(Kind::BlobGet, Action::Status(403, None)).path(blob).always());
    let run = sandbox.run(["check", &name]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
}
