//! Which base an image is rebuilt over, and what is said if that is not the one it was built on.

use std::fs;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;
use crate::support::workspace::workspace;
use crate::verify::{fields, sandbox, verdicts};

/// A base that says who it is, and in which `/srv` has a mode of its own.
fn base(word: &str) -> HandMade {
    let mut tar = Tar::default();
    tar.folder("etc/", 0o755).file("etc/issue", word.as_bytes()).folder("srv/", 0o711);
    let mut base = HandMade::new();
    base.config["architecture"] = "amd64".into();
    base.config["history"] = serde_json::json!([{"created_by": "by hand"}]);
    base.layer(&tar.end())
}

/// A sandbox with `app.toml` over `base:v1` of the registry, built into the layout `out`.
fn built(registry: &Registry) -> Sandbox {
    base("one").put(registry, "base", "v1");
    let sandbox = Sandbox::new();
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"{}/base:v1\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/app/\"\n",
            registry.host()
        ),
    );
    sandbox.file("code/main.py", "main\n");
    sandbox.build(&["app.toml"]);
    sandbox
}

#[test]
fn the_base_is_the_one_that_the_annotations_name() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    let one = registry.resolve("base", "v1").unwrap();
    let two = base("two").put(&registry, "base", "v1");
    let name = format!("{}/base:v1", registry.host());
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    let base: Vec<&str> = run.stdout.lines().skip(1).collect();
    assert_eq!(base, [format!("  base: {name} {one}")]);
    // A lock file that names the new one does not change what the image says, unless it alone counts.
    sandbox.run(["lock", "app.toml"]).ok();
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    let contradiction = format!("the image says it was made of `{name}` {one}, and the lock file pins {two}: ");
    let note = format!("  note: {contradiction}the image's was taken (--locked takes the lock file's)\n");
    assert!(run.stdout.ends_with(&note), "{}", run.stdout);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--locked", "--json"]).differs();
    assert_eq!(document["notes"], serde_json::json!([contradiction + "the lock file's was taken"]));
    assert_eq!(document["base"], serde_json::json!({"ref": name, "digest": two}));
    assert_eq!(verdicts(&document), ["content differs by hand", "identical code"]);
    let named = fields(&document, "manifest");
    let is_named = |field: &String| field.starts_with("manifest.annotations.org.opencontainers.image.base.digest ");
    assert!(named.iter().any(is_named), "{named:?}");
}

#[test]
fn without_annotations_the_lock_file_names_it_else_the_newest_is_taken_and_that_is_said() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    sandbox.run(["lock", "app.toml"]).ok();
    base("two").put(&registry, "base", "v1");
    sandbox.alter("app", |manifest, _| drop(manifest.as_object_mut().unwrap().remove("annotations")));
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    // All but the annotations is as it was.
    assert_eq!(verdicts(&document), ["identical by hand", "identical code"]);
    assert_eq!(fields(&document, "manifest").len(), 3, "{document}");
    assert_eq!(document["notes"], serde_json::json!([]));
    fs::remove_file(sandbox.path("tarsia.lock")).unwrap();
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), ["content differs by hand", "identical code"]);
    let note = document["notes"][0].as_str().unwrap();
    assert!(note.contains("/base:v1` it was made of") && note.contains("the newest was taken"), "{note}");
    // That is said of an image that is equal as well.
    base("one").put(&registry, "base", "v1");
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--tree"]).ok();
    assert!(run.stdout.ends_with(&format!("  note: {note}\n")), "{}", run.stdout);
}

#[test]
fn a_name_that_is_spelled_out_is_the_same() {
    let registry = Registry::start();
    base("one").put(&registry, "team/base", "latest");
    let sandbox = Sandbox::new();
    sandbox.file("app/main.py", "main\n");
    sandbox.dockerfile(&format!("FROM {}/team/base\nCOPY main.py /srv/app/\n", registry.host()));
    // buildah writes the tag that nobody did.
    sandbox.build_with_buildah("app/Dockerfile", "app", &[], "oci:built");
    let manifest = crate::support::judge::raw_manifest(&format!("oci:{}", sandbox.path("built").display()));
    let name = &manifest["annotations"]["org.opencontainers.image.base.name"];
    assert_eq!(*name, format!("{}/team/base:latest", registry.host()));
    base("two").put(&registry, "team/base", "latest");
    let document =
        sandbox.run(["verify", "app/Dockerfile", "oci:built", "--tree", "--json"]).ok().documents().remove(0);
    assert_eq!(document["notes"], serde_json::json!([]));
}

#[test]
fn a_layer_of_the_base_that_the_repository_lacks_is_damaged() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    let to = format!("{}/app", registry.host());
    sandbox.run(["push", "app.toml", "--to", &to]).ok();
    sandbox.run(["verify", "app.toml", &to]).ok();
    let digest = sandbox.manifest("app")["layers"][0]["digest"].as_str().unwrap().to_owned();
    registry.delete_blob("app", &digest);
    let document = sandbox.run(["verify", "app.toml", &to, "--json"]).differs();
    assert_eq!(verdicts(&document), ["damaged by hand", "identical code"]);
    assert!(document["layers"][0]["why"].as_str().unwrap().contains(&digest), "{document}");
}

#[test]
fn another_base_in_the_spec_is_a_difference() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    base("one").put(&registry, "other", "v2");
    let spec = fs::read_to_string(sandbox.path("app.toml")).unwrap().replace("/base:v1", "/other:v2");
    sandbox.file("app.toml", spec);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), ["identical by hand", "identical code"]);
    let expected = format!(
        r#"manifest.annotations.org.opencontainers.image.base.name "{0}/other:v2" "{0}/base:v1""#,
        registry.host()
    );
    assert_eq!(fields(&document, "manifest"), [expected]);
}

#[test]
fn an_image_that_has_not_the_layers_of_the_base_it_names() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    sandbox.alter("app", |manifest, config| {
        let other = base("evil");
        let (_, blob) = &other.layers[0];
        sandbox.put(&mut manifest["layers"][0], blob);
        config["rootfs"]["diff_ids"][0] = other.config["rootfs"]["diff_ids"][0].clone();
    });
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), ["content differs by hand", "identical code"]);
    assert_eq!(document["layers"][0]["files"][0]["path"], "/etc/issue");
}

#[test]
fn a_base_that_is_gone_or_out_of_reach_is_an_error_of_the_registry() {
    let registry = Registry::start();
    let sandbox = built(&registry);
    let digest = registry.resolve("base", "v1").unwrap();
    registry.delete_manifest("base", &digest);
    sandbox.run(["verify", "app.toml", "oci:out:app"]).refused(3, "/base:v1` of the image `app` cannot be used");
    drop(registry);
    sandbox.run(["verify", "app.toml", "oci:out:app"]).refused(3, "/base:v1` of the image `app` cannot be used");
}

#[test]
fn images_on_images_are_rebuilt_from_the_bottom() {
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o711).file("etc/issue", b"one");
    HandMade::new().layer(&tar.end()).put(&registry, "base", "v1");
    let sandbox = workspace(&format!("{}/base:v1", registry.host()), "");
    sandbox.run(["build", "specs"]).ok();
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o700).file("etc/issue", b"two");
    HandMade::new().layer(&tar.end()).put(&registry, "base", "v1");
    for image in ["a", "b", "c"] {
        sandbox.run(["verify", &format!("specs/{image}.toml"), &format!("oci:out:{image}")]).ok();
    }
    // What changes in a spec below changes the image above, in that layer.
    sandbox.file("a/a.py", "changed\n");
    let document = sandbox.run(["verify", "specs/c.toml", "oci:out:c", "--json"]).differs();
    assert_eq!(
        verdicts(&document),
        [
            "identical a layer of the base image, which states no history",
            "content differs a",
            "identical b",
            "identical c"
        ]
    );
    // A time of a layer below is no more than a time, although the digest of the image below follows from it.
    sandbox.file("a/a.py", "name = \"a\"\n");
    let spec = fs::read_to_string(sandbox.path("specs/a.toml")).unwrap();
    sandbox.file("specs/a.toml", spec + "mtime = 7\n");
    assert_eq!(sandbox.run(["verify", "specs/c.toml", "oci:out:c"]).code, 1);
    sandbox.run(["verify", "specs/c.toml", "oci:out:c", "--ignore", "time"]).ok();
}

#[test]
fn a_dockerfile_is_rebuilt_over_the_base_that_the_image_names() {
    let registry = Registry::start();
    base("one").put(&registry, "base", "v1");
    let sandbox = Sandbox::new();
    sandbox.file("app/main.py", "main\n");
    let text =
        format!("ARG TAG=v1\nFROM {}/base:$TAG\nARG WORD\nCOPY main.py /srv/app/\nLABEL word=$WORD\n", registry.host());
    sandbox.try_dockerfile(&text, &["--build-arg", "WORD=hello"]).ok();
    base("two").put(&registry, "base", "v1");
    sandbox.run(["verify", "app/Dockerfile", "oci:out:app", "--build-arg", "WORD=hello"]).ok();
    let document = sandbox.run(["verify", "app/Dockerfile", "oci:out:app", "--json"]).differs();
    assert_eq!(fields(&document, "config")[0], r#"config.Labels.word "" "hello""#);
}

#[test]
fn a_layout_as_base_is_taken_as_it_is() {
    let sandbox = sandbox();
    sandbox.file("tree/etc/motd", "another base\n");
    fs::remove_dir_all(sandbox.path("bases")).unwrap();
    sandbox.base("base", "tree");
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document)[0], "content differs umoci insert");
    let named = fields(&document, "manifest");
    assert!(named[0].starts_with("manifest.annotations.dev.tarsia.base.facts "), "{named:?}");
    assert!(named[1].starts_with("manifest.annotations.org.opencontainers.image.base.digest "), "{named:?}");
}

#[test]
fn another_epoch_is_guessed_from_the_image() {
    let sandbox = sandbox();
    sandbox.build(&["app.toml", "--epoch", "1700000000"]);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(document["notes"], serde_json::json!(["the image was made with another epoch: --epoch 1700000000"]));
    sandbox.run(["verify", "app.toml", "oci:out:app", "--epoch", "1700000000"]).ok();
    let text = sandbox.run(["verify", "app.toml", "oci:out:app", "--ignore", "time"]).ok().stdout;
    assert!(text.starts_with("linux/amd64 identical, ignoring time: "), "{text}");
}
