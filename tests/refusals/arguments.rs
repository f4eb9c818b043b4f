//! Flags and names on the command line that cannot be meant: exit code 2, and nothing is written.

use std::fs;

use crate::support::Sandbox;
use crate::support::images::HandMade;
use crate::support::registry::Registry;

/// A sandbox with an image of one layer in `x.toml`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n").file(
        "x.toml",
        "name = \"x\"\nbase = \"scratch\"\n[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n",
    );
    sandbox
}

#[test]
fn an_output_that_holds_other_things_is_left_alone() {
    let sandbox = sandbox();
    for output in ["pkg", "oci:pkg", "./pkg"] {
        let words = "is not an OCI layout: it is a folder that holds other things";
        sandbox.run(["build", "x.toml", "-o", output]).refused(2, words);
    }
    assert_eq!(sandbox.tree("pkg"), ["a.py"]);
    assert_eq!(fs::read(sandbox.path("pkg/a.py")).unwrap(), b"a = 1\n");

    sandbox.file("file", "precious");
    sandbox.run(["build", "x.toml", "-o", "oci:file"]).refused(2, "failed to make the folder `file/blobs/sha256`");
    sandbox.run(["build", "x.toml", "-o", "oci-archive:pkg"]).refused(2, "failed to write `pkg`");
    sandbox.run(["build", "x.toml", "-o", "docker-archive:pkg"]).refused(2, "failed to write `pkg`");
    sandbox.run(["build", "x.toml", "-o", "oci-archive:no/x.tar"]).refused(2, "failed to write `no/x.tar`");
    assert_eq!(fs::read(sandbox.path("file")).unwrap(), b"precious");
    assert_eq!(sandbox.names(""), ["cache", "file", "pkg", "x.toml"]);
}

#[test]
fn an_output_is_on_this_machine() {
    let sandbox = sandbox();
    let run = sandbox.run(["build", "x.toml", "-o", "registry.example/a/b:c"]);
    let run = run.refused(2, "`registry.example/a/b:c` is a registry, and build writes to this machine only");
    assert!(run.stderr.contains("help: use `tarsia push`, or an output such as `oci:out`"), "{}", run.stderr);
    sandbox.run(["build", "x.toml", "-o", "oci-archive:"]).refused(2, "its path is empty");
}

#[test]
fn one_name_is_not_given_to_two_images() {
    let sandbox = sandbox();
    sandbox.file("y.toml", "name = \"y\"\nbase = \"scratch\"\n");
    for output in ["oci:out:one", "oci-archive:out.tar:one", "docker-archive:out.tar:one"] {
        let run = sandbox.run(["build", "x.toml", "y.toml", "-o", output]);
        run.refused(2, "names one image, and 2 were built");
    }
    assert!(!sandbox.path("out").exists() && !sandbox.path("out.tar").exists());
}

#[test]
fn a_push_has_a_repository_and_tags_that_are_tags() {
    let registry = Registry::start();
    let to = format!("{}/a", registry.host());
    let sandbox = sandbox();
    let run = sandbox.run(["push", "x.toml"]).refused(2, "the spec of `x` does not say where to push the image");
    assert!(run.stderr.contains("help: add `repository = \"…\"` to it, or use --to REPOSITORY"), "{}", run.stderr);
    for tag in ["a b", "", ".a", "a/b", "a:b", "{digest", &"a".repeat(129)] {
        let run = sandbox.run(["push", "x.toml", "--to", &to, "--tag", tag]);
        let run = run.refused(2, &format!("`{tag}` is not a tag"));
        assert!(run.stderr.contains("tags are up to 128 letters, digits, `_`, `.` and `-`"), "{}", run.stderr);
    }
    sandbox.run(["push", "x.toml", "--to", &format!("{to}:latest")]).refused(2, "--to <REPOSITORY>");
    sandbox.run(["push", "x.toml", "--to", &format!("{}/UPPER", registry.host())]).refused(2, "lower-case");
    sandbox.file("y.toml", "name = \"y\"\nbase = \"scratch\"\nrepository = \"Not/A Name\"\n");
    sandbox.run(["push", "y.toml"]).refused(2, "`Not/A Name` is not an image reference");
    assert!(registry.log().is_empty(), "{}", registry.log());
}

#[test]
fn flags_have_a_form() {
    let sandbox = sandbox();
    let build = |flag: &str, words: &str| {
        sandbox.run(["build", "x.toml", flag]).refused(2, words);
    };
    build("--platform=linux", "`linux` is not a platform of the form os/architecture[/variant]");
    build("--set=NAME", "`NAME` is not of the form NAME=VALUE");
    build("--set==value", "`=value` is not of the form NAME=VALUE");
    build("--epoch=tomorrow", "invalid value 'tomorrow' for '--epoch <SECONDS>'");
    build("--epoch=253402300800", "253402300800 is not in ");
    build("--jobs=0", "0 is not in 1..=1024");
    build("--progress=loud", "[possible values: auto, plain, none]");
    build("--lokced", "unexpected argument '--lokced'");
    sandbox.run(["build"]).refused(2, "<SPEC>...");
    sandbox.run(["biuld", "x.toml"]).refused(2, "a similar subcommand exists: 'build'");
    let mut dated = sandbox.command(["build", "x.toml"]);
    let run = crate::support::Run::of(dated.env("SOURCE_DATE_EPOCH", "now").output().unwrap());
    run.refused(2, "invalid value 'now' for '--epoch <SECONDS>'");
    assert!(!sandbox.path("out").exists());
    // Help is no mistake, and goes to standard output.
    assert!(sandbox.run(["build", "--help"]).ok().stdout.contains("--platform"));
}

#[test]
fn a_platform_that_the_base_does_not_offer_is_an_error_that_names_those_it_does() {
    let registry = Registry::start();
    HandMade::small().put(&registry, "base", "1");
    let sandbox = sandbox();
    sandbox.file("y.toml", format!("name = \"y\"\nbase = \"{}/base:1\"\n", registry.host()));
    let offers = "there is no image for linux/amd64; there are linux/arm64";
    sandbox.run(["build", "y.toml", "--platform", "linux/amd64"]).refused(2, offers);

    // The same, of a base in an index, in a layout, and of another spec.
    let arm = registry.manifest("base", "1").unwrap().1;
    let (digest, size) = (crate::support::registry::digest_of(&arm), arm.len());
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": crate::support::images::MANIFEST, "digest": digest, "size": size,
        "platform": {"os": "linux", "architecture": "arm64"}}]});
    let media_type = "application/vnd.oci.image.index.v1+json";
    registry.put_manifest("base", "index", media_type, index.to_string());
    sandbox.file("y.toml", format!("name = \"y\"\nbase = \"{}/base:index\"\n", registry.host()));
    sandbox.run(["build", "y.toml", "--platform", "linux/amd64"]).refused(2, offers);
    sandbox.run(["build", "x.toml", "-o", "oci:layout", "--platform", "linux/arm64"]).ok();
    sandbox.file("y.toml", "name = \"y\"\nbase = \"oci:layout\"\n");
    sandbox.run(["build", "y.toml", "--platform", "linux/amd64"]).refused(2, offers);
    sandbox.file("x.toml", "name = \"x\"\nbase = \"scratch\"\nplatforms = [\"linux/arm64\"]\n");
    sandbox.file("y.toml", "name = \"y\"\nbase = { spec = \"x.toml\" }\nplatforms = [\"linux/amd64\"]\n");
    sandbox.run(["build", "y.toml"]).refused(2, offers);
}

#[test]
fn without_the_network_what_is_missing_is_named() {
    let registry = Registry::start();
    let digest = HandMade::small().put(&registry, "base", "1");
    let sandbox = sandbox();
    let base = format!("{}/base@{digest}", registry.host());
    sandbox.file(
        "y.toml",
        format!("name = \"y\"\nbase = \"{base}\"\n[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n"),
    );
    let offline = || sandbox.run(["build", "y.toml", "--offline"]);
    let run = offline().refused(3, "offline, and it is not on this machine");
    assert!(run.stderr.contains(&base) && run.stderr.contains("help: run again without `--offline`"), "{}", run.stderr);
    sandbox.run(["push", "x.toml", "--offline", "--to", &format!("{}/x", registry.host())]).refused(3, "offline");
    assert!(registry.log().is_empty(), "{}", registry.log());

    // Once it has been built, everything is here: the base is named by its digest.
    let online = sandbox.run(["build", "y.toml"]).ok();
    registry.clear_log();
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    assert_eq!(offline().ok().stdout, online.stdout.replace("built ", "reused"));
    assert!(registry.log().is_empty(), "{}", registry.log());
}
