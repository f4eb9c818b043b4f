//! Bases that no honest tool makes: each is refused or survived, in bounded memory, without a panic.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::support::images::{HandMade, LAYER_GZIP, MANIFEST, Tar, gzip};
use crate::support::registry::{Registry, digest_of};
use crate::support::{Run, Sandbox};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// The address space of a run: the program itself takes some 300 MB of it, mostly the stacks of threads.
const MEMORY: u64 = 700 << 20;

/// Builds an image with a layer in `to` on a base, with little memory.
fn build_below(base: &HandMade, to: &str) -> Run {
    let registry = Registry::start();
    base.put(&registry, "base", "1");
    build_on(&registry, to)
}

fn build_on(registry: &Registry, to: &str) -> Run {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n").file(
        "x.toml",
        format!(
            "name = \"x\"\nbase = \"{}/base:1\"\n[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"{to}\"\n",
            registry.host()
        ),
    );
    let ours = sandbox.command(["build", "x.toml", "-o", "oci-archive:out.tar"]);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--as={MEMORY}"))
        .arg(ours.get_program())
        .args(ours.get_args())
        .current_dir(sandbox.path(""))
        .env_clear()
        .envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(command.output().unwrap());
    assert!([0, 2, 3].contains(&run.code), "{}: {}", run.code, run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert_eq!(run.code == 0, sandbox.path("out.tar").exists());
    run
}

fn layer(tar: &Tar) -> HandMade {
    HandMade::new().layer(&tar.end())
}

#[test]
fn paths_that_leave_the_root_are_refused() {
    for path in ["../etc/passwd", "a/../../etc/passwd", "/..", "a/.."] {
        let mut tar = Tar::default();
        tar.file(path, b"root::0:0::/:/bin/sh\n");
        let run = build_below(&layer(&tar), "/app/");
        run.refused(2, &format!("a layer of the base image holds the path `{path}`, which leaves the root"));
    }
    let mut tar = Tar::default();
    tar.pax("path", "../../outside").file("inside", b"");
    build_below(&layer(&tar), "/app/").refused(2, "holds the path `../../outside`, which leaves the root");
    // An absolute path is one below the root, and a link that leads out of it leads nowhere else than to the root.
    let mut tar = Tar::default();
    tar.folder("/srv/", 0o755).symlink("up", "../../../..").symlink("abs", "/srv").symlink("dangling", "/no/where");
    for to in ["/up/srv/", "/abs/", "/dangling/"] {
        build_below(&layer(&tar), to).ok();
    }
}

#[test]
fn links_in_a_circle_are_refused() {
    let mut tar = Tar::default();
    tar.symlink("a", "b").symlink("b", "/a").symlink("self", "self");
    build_below(&layer(&tar), "/a/").refused(2, "the links of `/a` in the image below lead in a circle");
    build_below(&layer(&tar), "/self/deep/").refused(2, "in the image below lead in a circle");
    build_below(&layer(&tar), "/elsewhere/").ok();
}

#[test]
fn layers_that_are_damaged_are_refused() {
    let mut tar = Tar::default();
    tar.folder("etc/", 0o755).file(
        "etc/noise",
        &(0..200_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>(),
    );
    let words = "failed to read a layer of the base image";
    let blob = |media_type: &str, blob: Vec<u8>| {
        build_below(&HandMade::new().blob(media_type, blob, &digest_of(&tar.end())), "/app/").refused(2, words);
    };
    let whole = gzip(&tar.end());
    blob(LAYER_GZIP, whole[..whole.len() / 2].to_vec());
    blob(LAYER_GZIP, whole[..12].to_vec());
    blob(LAYER_GZIP, b"<html>not found</html>".to_vec());
    blob(ZSTD, b"<html>not found</html>".to_vec());
    blob(ZSTD, whole.clone());
    blob(PLAIN, tar.open_end()[..1000].to_vec());
    let mut checksum = tar.end();
    checksum[0] = b'f';
    blob(LAYER_GZIP, gzip(&checksum));
    // Sizes that no file has.
    for size in [u64::MAX, 1 << 62, 1 << 40] {
        let mut tar = Tar::default();
        tar.header(b'0', b"huge", 0o644, 0, "");
        let mut bytes = tar.open_end();
        bytes[124] = 0x80;
        bytes[128..136].copy_from_slice(&size.to_be_bytes());
        let sum: u32 = bytes[..148].iter().chain(&bytes[156..512]).map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        blob(LAYER_GZIP, gzip(&bytes));
    }
}

/// A gzip stream of `before` and some more than a gigabyte of zeros: the same member again and again.
fn bomb(before: &[u8]) -> Vec<u8> {
    static ZEROS: OnceLock<Vec<u8>> = OnceLock::new();
    let zeros = ZEROS.get_or_init(|| gzip(&vec![0; 32 << 20]));
    [gzip(before), zeros.repeat(33)].concat()
}

const GIGABYTE: u64 = 1 << 30;

#[test]
fn a_gigabyte_of_zeros_streams_through() {
    let mut tar = Tar::default();
    tar.folder("opt/", 0o755).header(b'0', b"opt/zeros", 0o644, GIGABYTE, "");
    let diff_id = digest_of(b"nobody unpacks it whole");
    build_below(&HandMade::new().blob(LAYER_GZIP, bomb(&tar.open_end()), &diff_id), "/opt/app/").ok();
    // Zeros are also the end of an archive, however many follow.
    build_below(&HandMade::new().blob(LAYER_GZIP, bomb(b""), &diff_id), "/app/").ok();
}

#[test]
fn names_and_records_of_any_length_are_not_taken_into_memory() {
    // A name (GNU), a link's target (GNU), and records (PAX) of a gigabyte, in a megabyte of gzip.
    let diff_id = digest_of(b"nobody unpacks it whole");
    for kind in [b'L', b'K', b'x'] {
        let mut tar = Tar::default();
        tar.header(kind, b"long", 0o644, GIGABYTE, "");
        let run = build_below(&HandMade::new().blob(LAYER_GZIP, bomb(&tar.open_end()), &diff_id), "/app/");
        run.refused(2, "the names and records of one entry are larger than 4 MiB");
    }
    // Global records say nothing that matters here, and are passed over.
    let mut tar = Tar::default();
    tar.header(b'g', b"global", 0o644, GIGABYTE, "");
    build_below(&HandMade::new().blob(LAYER_GZIP, bomb(&tar.open_end()), &diff_id), "/app/").ok();
}

#[test]
fn a_path_of_any_depth_is_not_taken_into_memory() {
    let mut tar = Tar::default();
    tar.pax("path", &"d/".repeat(500_000)).folder("deep/", 0o755);
    build_below(&layer(&tar), "/app/").refused(2, "a layer of the base image holds a path of 1000000 bytes");
    // What systems can hold is fine.
    let mut tar = Tar::default();
    tar.pax("path", &"d/".repeat(2000)).folder("deep/", 0o755);
    build_below(&layer(&tar), "/app/").ok();
}

#[test]
fn documents_that_contradict_each_other_are_refused() {
    let mut base = HandMade::small();
    base.config["rootfs"]["diff_ids"] = json!([]);
    build_below(&base, "/app/").refused(2, "the config lists 0 layers and the manifest 1");
    base.config["rootfs"]["diff_ids"] = json!([digest_of(b"a"), digest_of(b"b")]);
    build_below(&base, "/app/").refused(2, "the config lists 2 layers and the manifest 1");
    base.config["rootfs"]["diff_ids"] = json!(["sha256:12"]);
    build_below(&base, "/app/").refused(2, "the config is malformed");
    base.config = json!([1, 2, 3]);
    let registry = Registry::start();
    registry.put_blob("base", base.config.to_string());
    registry.put_manifest("base", "1", MANIFEST, manifest_of(&base.config.to_string()));
    build_on(&registry, "/app/").refused(2, "the config is malformed");
}

fn manifest_of(config: &str) -> String {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config.as_bytes()),
        "size": config.len()}})
    .to_string()
}

#[test]
fn manifests_that_are_none_are_refused() {
    let manifest = |change: &dyn Fn(&mut serde_json::Value), code: i32, words: &str| {
        let registry = Registry::start();
        let base = HandMade::small();
        base.put(&registry, "base", "1");
        let mut manifest = base.manifest();
        change(&mut manifest);
        registry.put_manifest("base", "1", MANIFEST, manifest.to_string());
        build_on(&registry, "/app/").refused(code, words);
    };
    manifest(&|m| m["schemaVersion"] = json!(1), 2, "schema version 1; only 2 can be read");
    manifest(&|m| m["layers"] = json!("none"), 2, "the manifest is malformed");
    manifest(&|m| m["layers"][0]["digest"] = json!("sha512:12"), 2, "the manifest is malformed");
    manifest(&|m| m["layers"][0]["size"] = json!(-1), 2, "the manifest is malformed");
    manifest(&|m| m["config"] = json!(null), 2, "the manifest is malformed");
    manifest(&|m| m["config"]["size"] = json!(1u64 << 40), 2, "larger than");
    manifest(&|m| m["layers"][0]["size"] = json!(1), 3, "wrong size: expected 1 bytes");
    manifest(&|m| m["layers"][0]["mediaType"] = json!("text/plain"), 2, "failed to read a layer of the base image");
}

#[test]
fn a_layout_whose_blobs_are_damaged_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n");
    let spec = |name: &str, base: &str| {
        let layer = "[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n";
        sandbox.file(&format!("{name}.toml"), format!("name = \"{name}\"\nbase = \"{base}\"\n{layer}"));
    };
    spec("below", "scratch");
    spec("x", "oci:layout");
    let below = sandbox.run(["build", "below.toml", "-o", "oci:layout", "--json"]).ok().documents().remove(0);
    let blobs = sandbox.names("layout/blobs/sha256");
    assert_eq!(blobs.len(), 3, "a manifest, a config, a layer");
    for blob in &blobs {
        let name = format!("layout/blobs/sha256/{blob}");
        let whole = std::fs::read(sandbox.path(&name)).unwrap();
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for bytes in [damaged, whole[1..].to_vec()] {
            sandbox.file(&name, bytes);
            // Another store each time: what was read when it was whole is not asked for again.
            let run = sandbox.run(["build", "x.toml", "--cache-dir", &format!("store {blob}")]);
            let run = run.refused(2, "the base `oci:layout` of the image `x` cannot be used");
            assert!(run.stderr.contains(blob) || run.stderr.contains("`layout`"), "{}", run.stderr);
        }
        std::fs::remove_file(sandbox.path(&name)).unwrap();
        sandbox.run(["build", "x.toml", "--cache-dir", "store"]).refused(2, "does not hold the blob sha256:");
        sandbox.file(&name, whole);
    }
    let layer = below["layers"][0]["digest"].as_str().unwrap();
    assert!(blobs.contains(&layer["sha256:".len()..].to_owned()));
    sandbox.run(["build", "x.toml"]).ok();
}

#[test]
fn looking_at_files_takes_no_more_memory_than_building_on_them() {
    let mut tar = Tar::default();
    tar.header(b'L', b"long", 0o644, GIGABYTE, "");
    let (bytes, diff_id) = (bomb(&tar.open_end()), digest_of(b"never asked"));
    let registry = Registry::start();
    HandMade::new().blob(LAYER_GZIP, bytes, &diff_id).put(&registry, "base", "1");
    let sandbox = Sandbox::new();
    let ours = sandbox.command(["inspect", &format!("{}/base:1", registry.host()), "--files"]);
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={MEMORY}")).arg(ours.get_program()).args(ours.get_args());
    command.env_clear().envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Run::of(command.output().unwrap()).refused(2, "the names and records of one entry are larger than 4 MiB");
}
