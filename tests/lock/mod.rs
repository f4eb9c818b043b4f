//! The lock file: bases pinned to their digests, and runs that keep to the pins.

use std::fs;

use serde_json::{Value, json};

use crate::support::images::{HandMade, MANIFEST, Tar};
use crate::support::registry::{Kind, Registry};
use crate::support::workspace::{assert_asked, digests, json_of, kinds, over};
use crate::support::{Run, Sandbox};

/// A base that says who it is.
fn base(word: &str, architecture: &str) -> HandMade {
    let mut tar = Tar::default();
    tar.folder("etc/", 0o755).file("etc/issue", word.as_bytes());
    let mut base = HandMade::new();
    base.config["architecture"] = json!(architecture);
    base.layer(&tar.end())
}

/// Puts an index over two platforms, and returns the digests of their manifests.
fn put_index(registry: &Registry, tag: &str, word: &str) -> [String; 2] {
    let digests = ["amd64", "arm64"].map(|architecture| base(word, architecture).put(registry, "python", architecture));
    let manifests: Vec<Value> = digests
        .iter()
        .zip(["amd64", "arm64"])
        .map(|(digest, architecture)| {
            let size = registry.manifest("python", digest).unwrap().1.len();
            let platform = json!({"os": "linux", "architecture": architecture});
            json!({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform})
        })
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    registry.put_manifest("python", tag, media_type, index.to_string());
    digests
}

/// Writes a spec of one layer into `specs`.
fn spec(sandbox: &Sandbox, name: &str, base: &str, more: &str) {
    sandbox.file(
        &format!("specs/{name}.toml"),
        format!(
            "name = \"{name}\"\nbase = {base}\nrepository = \"${{REGISTRY}}/{name}\"\n{more}\n\
             [[layer]]\nname = \"code\"\ncontext = \"../code\"\nto = \"/code/\"\n"
        ),
    );
    sandbox.file("code/code.py", "code = 1\n");
}

/// Runs a command over one spec, with `--json`.
fn run(sandbox: &Sandbox, command: &str, name: &str, flags: &[&str]) -> Run {
    let file = format!("specs/{name}.toml");
    sandbox.run([command, &file, "--json"].iter().chain(flags))
}

fn lock_file(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path("specs/tarsia.lock")).unwrap()
}

/// `reference platform digest` of each pin.
fn pins(sandbox: &Sandbox) -> Vec<String> {
    let lines = lock_file(sandbox);
    let values: Vec<&str> =
        lines.lines().filter_map(|line| Some(line.split_once(" = ")?.1.trim_matches('"'))).skip(1).collect();
    values.chunks(3).map(|pin| pin.join(" ")).collect()
}

#[test]
fn bases_are_pinned_and_builds_keep_to_the_pins() {
    let registry = Registry::start();
    let first = base("first", "arm64").put(&registry, "python", "3.12");
    let reference = format!("{}/python:3.12", registry.host());
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("{reference:?}"), "");
    let locked = run(&sandbox, "lock", "app", &[]).ok();
    let document = &locked.documents()[0];
    assert_eq!(document["digest"], *first);
    assert_eq!((&document["ref"], &document["before"]), (&json!(reference), &Value::Null));
    assert_eq!(
        lock_file(&sandbox),
        format!(
            "# Written by `tarsia lock`: the digest that each base stood for.\nversion = 1\n\n[[base]]\n\
             reference = \"{reference}\"\nplatform = \"linux/arm64\"\ndigest = \"{first}\"\n"
        )
    );
    let unlocked = Sandbox::new();
    spec(&unlocked, "app", &format!("{reference:?}"), "");
    let expected = run(&unlocked, "build", "app", &[]).ok();

    // The tag moves on; the build stays.
    let second = base("second", "arm64").put(&registry, "python", "3.12");
    let built = run(&sandbox, "build", "app", &[]).ok();
    assert_eq!(digests(&built), digests(&expected), "a pin changes nothing but what the tag stands for");
    assert_eq!(built.documents()[0]["base"], json!({"ref": reference, "digest": first}));
    let now = run(&unlocked, "build", "app", &[]).ok();
    assert_eq!(now.documents()[0]["base"]["digest"], *second);

    // Until it is locked again.
    let before = lock_file(&sandbox);
    let again = run(&sandbox, "lock", "app", &[]).ok().documents();
    assert_eq!((&again[0]["before"], &again[0]["digest"]), (&json!(first), &json!(second)));
    assert_eq!(lock_file(&sandbox), before.replace(&first, &second));
    assert_eq!(digests(&run(&sandbox, "build", "app", &[]).ok()), digests(&now));
    assert_eq!(run(&sandbox, "lock", "app", &[]).ok().documents()[0]["changed"], false);
}

#[test]
fn a_pinned_base_whose_documents_are_here_is_not_asked_for() {
    let (source, registry) = (Registry::start(), Registry::start());
    base("first", "arm64").put(&source, "python", "3.12");
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("\"{}/python:3.12\"", source.host()), "");
    run(&sandbox, "lock", "app", &[]).ok();
    run(&sandbox, "build", "app", &[]).ok();
    source.clear_log();
    run(&sandbox, "build", "app", &["--offline"]).ok();
    run(&sandbox, "build", "app", &["--locked"]).ok();
    assert_asked(&source, &[]);
    // Nor by a push whose target has everything.
    over(&sandbox, "push", &registry, &[]).ok();
    source.clear_log();
    registry.clear_log();
    over(&sandbox, "push", &registry, &["--locked"]).ok();
    assert_asked(&source, &[]);
    assert_asked(&registry, &[(Kind::ManifestHead, 1)]);
    // A fresh machine asks for the manifest by its digest, and for the config.
    let fresh = Sandbox::new();
    spec(&fresh, "app", &format!("\"{}/python:3.12\"", source.host()), "");
    fresh.file("specs/tarsia.lock", lock_file(&sandbox));
    over(&fresh, "push", &registry, &["--locked"]).ok();
    assert_eq!(kinds(&source.log()), [(Kind::BlobGet, 1), (Kind::ManifestGet, 1)]);
    assert!(source.log().paths()[0].contains("sha256:") || source.log().paths()[1].contains("sha256:"));
}

#[test]
fn pins_of_other_specs_stay() {
    let registry = Registry::start();
    for tag in ["1", "2"] {
        base(tag, "arm64").put(&registry, "python", tag);
    }
    let sandbox = Sandbox::new();
    for (name, tag) in [("one", "1"), ("two", "2")] {
        spec(&sandbox, name, &format!("\"{}/python:{tag}\"", registry.host()), "");
    }
    run(&sandbox, "lock", "one", &[]).ok();
    let one = pins(&sandbox);
    base("moved", "arm64").put(&registry, "python", "1");
    run(&sandbox, "lock", "two", &[]).ok();
    let both = pins(&sandbox);
    assert_eq!((both.len(), &both[0]), (2, &one[0]));
    // A folder of specs is pinned at once, in one file, each base once.
    let rows = sandbox.run(["lock", "specs", "--json"]).ok().documents();
    assert_eq!(rows.len(), 2);
    assert_ne!(pins(&sandbox)[0], one[0]);
    spec(&sandbox, "three", &format!("\"{}/python:2\"", registry.host()), "");
    assert_eq!(sandbox.run(["lock", "specs", "--json"]).ok().documents().len(), 2);
}

#[test]
fn each_platform_has_a_pin() {
    let registry = Registry::start();
    let [amd64, arm64] = put_index(&registry, "3.12", "first");
    let reference = format!("{}/python:3.12", registry.host());
    let sandbox = Sandbox::new();
    spec(&sandbox, "both", &format!("{reference:?}"), "platforms = [\"linux/arm64\", \"linux/amd64\"]");
    let unlocked = digests(&run(&sandbox, "build", "both", &[]).ok());
    run(&sandbox, "lock", "both", &[]).ok();
    let expected = [format!("{reference} linux/amd64 {amd64}"), format!("{reference} linux/arm64 {arm64}")];
    assert_eq!(pins(&sandbox), expected);
    put_index(&registry, "3.12", "second");
    assert_eq!(digests(&run(&sandbox, "build", "both", &["--locked"]).ok()), unlocked);
    // One of them alone; and one that is not pinned.
    let one = run(&sandbox, "build", "both", &["--locked", "--platform", "linux/arm64"]).ok();
    assert_eq!(one.documents()[0]["base"]["digest"], *arm64);
    run(&sandbox, "build", "both", &["--locked", "--platform", "linux/s390x"]).refused(2, "linux/s390x");
}

#[test]
fn pins_for_several_platforms_serve_specs_that_name_none() {
    let registry = Registry::start();
    let [amd64, arm64] = put_index(&registry, "3.12", "first");
    let reference = format!("{:?}", format!("{}/python:3.12", registry.host()));
    let sandbox = Sandbox::new();
    spec(&sandbox, "any", &reference, "");
    spec(&sandbox, "arm", &reference, "platforms = [\"linux/arm64\"]");
    spec(&sandbox, "v8", &reference, "platforms = [\"linux/arm64/v8\"]");
    sandbox.run(["lock", "specs"]).ok();
    put_index(&registry, "3.12", "second");
    for (name, digest) in [("any", &amd64), ("arm", &arm64), ("v8", &arm64)] {
        let built = run(&sandbox, "build", name, &["--locked"]).ok();
        assert_eq!(built.documents()[0]["base"]["digest"], **digest, "{name}");
    }
}

#[test]
fn locked_runs_use_no_base_that_is_not_pinned() {
    let registry = Registry::start();
    let digest = base("first", "arm64").put(&registry, "python", "3.12");
    let reference = format!("{}/python", registry.host());
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("\"{reference}:3.12\""), "");
    for command in ["build", "push", "plan"] {
        let set = format!("REGISTRY={}", registry.host());
        let refused = run(&sandbox, command, "app", &["--locked", "--set", &set]);
        let refused = refused.refused(2, &format!("`{reference}:3.12` is not in `tarsia.lock`"));
        assert!(refused.stderr.contains("run `tarsia lock`"), "{}", refused.stderr);
    }
    assert_asked(&registry, &[]);
    // What is named by its digest, an image of the run, nothing, and what is on this machine needs no pin.
    let shelf = sandbox.path("shelf");
    sandbox.run(["copy", &format!("{reference}:3.12"), &format!("oci:{}:base", shelf.display())]).ok();
    spec(&sandbox, "app", &format!("\"{reference}@{digest}\""), "");
    spec(&sandbox, "both", &format!("\"{reference}:3.12@{digest}\""), "");
    spec(&sandbox, "above", "{ spec = \"app.toml\" }", "");
    spec(&sandbox, "alone", "\"scratch\"", "");
    spec(&sandbox, "shelf", &format!("\"oci:{}:base\"", shelf.display()), "");
    sandbox.run(["build", "specs", "--locked"]).ok();
    let locked = sandbox.run(["lock", "specs"]).ok();
    assert_eq!(locked.stdout, "no base has to be pinned\n");
    assert!(!sandbox.path("specs/tarsia.lock").exists());
}

#[test]
fn a_lock_file_that_cannot_be_read_is_refused() {
    let registry = Registry::start();
    base("first", "arm64").put(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("\"{}/python:3.12\"", registry.host()), "");
    for text in [
        "version = 2\n",
        "version = 1\nbases = []\n",
        "no toml",
        "",
        "version = 1\n[[base]]\nreference = \"x\"\nplatform = \"linux/arm64\"\ndigest = \"sha256:12\"\n",
        "version = 1\n[[base]]\nreference = \"x\"\nplatform = \"nonsense\"\ndigest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n",
    ] {
        sandbox.file("specs/tarsia.lock", text);
        for command in ["build", "lock"] {
            let refused = run(&sandbox, command, "app", &[]).refused(2, "tarsia.lock");
            assert!(refused.stderr.contains("help: remove it and run `tarsia lock` again"), "{}", refused.stderr);
        }
        assert_eq!(lock_file(&sandbox), text);
    }
    sandbox.file("specs/tarsia.lock", [0xff, 0xfe]);
    run(&sandbox, "build", "app", &[]).refused(2, "tarsia.lock");
    assert_asked(&registry, &[]);
}

#[test]
fn a_pin_to_what_is_not_there_any_more_is_an_error() {
    let registry = Registry::start();
    let digest = base("first", "arm64").put(&registry, "python", "3.12");
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("\"{}/python:3.12\"", registry.host()), "");
    run(&sandbox, "lock", "app", &[]).ok();
    registry.delete_manifest("python", &digest);
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    let refused = run(&sandbox, "build", "app", &[]).refused(3, &digest);
    assert!(refused.stderr.contains("python:3.12"), "{}", refused.stderr);
    // Nothing is written if one base cannot be asked for.
    let before = lock_file(&sandbox);
    run(&sandbox, "lock", "app", &[]).refused(3, "python:3.12");
    assert_eq!(lock_file(&sandbox), before);
    assert_eq!(sandbox.names("specs"), ["app.toml", "tarsia.lock"]);
}

#[test]
fn the_manifest_says_the_same_locked_or_not() {
    let registry = Registry::start();
    put_index(&registry, "3.12", "first");
    let reference = format!("{}/python:3.12", registry.host());
    let sandbox = Sandbox::new();
    spec(&sandbox, "app", &format!("{reference:?}"), "platforms = [\"linux/arm64\"]");
    run(&sandbox, "lock", "app", &[]).ok();
    over(&sandbox, "push", &registry, &[]).ok();
    let annotations = json_of(&registry, "app", "latest")["annotations"].clone();
    assert_eq!(annotations["org.opencontainers.image.base.name"], reference);
    let pin = pins(&sandbox)[0].clone();
    assert!(pin.ends_with(annotations["org.opencontainers.image.base.digest"].as_str().unwrap()), "{pin}");
}

#[test]
fn every_image_that_a_dockerfile_names_is_pinned() {
    let registry = Registry::start();
    let host = registry.host().to_owned();
    let python = base("python", "amd64").put(&registry, "python", "3.12");
    let tools = base("tools", "amd64").put(&registry, "tools", "latest");
    base("unused", "amd64").put(&registry, "unused", "latest");
    let sandbox = Sandbox::new();
    sandbox.file(
        "specs/Dockerfile",
        format!(
            "FROM {host}/unused AS unused\nFROM {host}/tools AS tools\nRUN mkdir /made\nFROM {host}/python:3.12\n\
             COPY --from=tools /etc/issue /x\nCOPY --from={host}/tools /etc/issue /y\n"
        ),
    );
    let build = |flags: &[&str]| sandbox.run(["build", "specs/Dockerfile", "--json"].iter().chain(flags));
    build(&["--locked"]).refused(2, &format!("`{host}/python:3.12` is not in `tarsia.lock`"));
    sandbox.run(["lock", "specs/Dockerfile"]).ok();
    let expected = [format!("{host}/python:3.12 linux/amd64 {python}"), format!("{host}/tools linux/amd64 {tools}")];
    assert_eq!(pins(&sandbox), expected);
    let first = build(&["--locked"]).ok();
    base("moved", "amd64").put(&registry, "tools", "latest");
    assert_eq!(digests(&build(&["--locked"]).ok()), digests(&first));
    assert_eq!(digests(&build(&[]).ok()), digests(&first));
}
