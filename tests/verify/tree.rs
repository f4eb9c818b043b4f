//! `--tree`: an image that somebody else built from the same sources is compared by what unpacking it gives.

use std::fs;

use serde_json::{Value, json};

use crate::support::examples::examples;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;
use crate::support::{Run, Sandbox};
use crate::verify::{fields, lines};

/// Verifies the example Dockerfile's image at `image`.
fn verify(sandbox: &Sandbox, image: &str, flags: &[&str]) -> Run {
    let arguments = ["verify", "specs/receipt_label.Dockerfile", image, "--context", "layers"];
    sandbox.run(arguments.iter().chain(flags))
}

/// Builds the example Dockerfile with buildah. This version of it does not look for an ignore file beside the Dockerfile.
fn build(sandbox: &Sandbox, flags: &[&str], to: &str) {
    let ignore = "--ignorefile=specs/receipt_label.Dockerfile.dockerignore";
    let flags: Vec<&str> = [ignore].iter().chain(flags).copied().collect();
    sandbox.build_with_buildah("specs/receipt_label.Dockerfile", "layers", &flags, to);
}

#[test]
fn the_example_as_buildah_builds_it_is_equal() {
    let sandbox = examples();
    build(&sandbox, &[], "oci:built");
    let run = verify(&sandbox, "oci:built", &["--tree"]).ok();
    assert!(run.stdout.starts_with("linux/amd64 equal in tree and settings: "), "{}", run.stdout);
    // Not by its layers, which nobody else cuts and writes so.
    assert_eq!(verify(&sandbox, "oci:built", &[]).code, 1);
    // In docker's media types, with a layer for each instruction, in docker's archive.
    build(&sandbox, &["--layers", "--format=docker"], "docker-archive:built.tar");
    verify(&sandbox, "docker-archive:built.tar", &["--tree"]).ok();
}

#[test]
fn a_changed_file_is_named_with_the_layers_that_hold_it() {
    let sandbox = examples();
    let handler = sandbox.path("layers/receipt_label/handler.py");
    let text = fs::read_to_string(&handler).unwrap();
    fs::write(&handler, text.clone() + "# changed\n").unwrap();
    build(&sandbox, &[], "oci:built");
    fs::write(&handler, text).unwrap();
    let run = verify(&sandbox, "oci:built", &["--tree"]);
    assert_eq!(run.code, 1);
    let line = run.stdout.lines().find(|line| line.contains("handler.py")).unwrap();
    assert!(line.starts_with("  /var/task/receipt_label/handler.py: content "), "{line}");
    let document = verify(&sandbox, "oci:built", &["--tree", "--json"]).differs();
    assert_eq!(lines(&document["files"]), ["/var/task/receipt_label/handler.py content"]);
    let found = &document["files"][0];
    assert_eq!((&found["left"]["layer"], &found["right"]["layer"]), (&json!(3), &json!(1)));
    assert_eq!((fields(&document, "config"), &document["layers"]), (Vec::new(), &json!([])));
}

#[test]
fn over_a_published_base() {
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.folder("etc/", 0o755).file("etc/passwd", b"root:x:0:0::/:/bin/sh\napp:x:7:8::/:/bin/sh\n");
    tar.folder("srv/", 0o750).file("srv/old", b"old").folder("usr/", 0o755).folder("usr/lib/", 0o755);
    tar.symlink("lib", "usr/lib").header(b'1', b"srv/older", 0o644, 0, "srv/old");
    let mut base = HandMade::new().layer(&tar.end());
    base.config["architecture"] = "amd64".into();
    base.config["config"] = json!({"Env": ["PATH=/bin"], "Labels": {"of": "base"}, "WorkingDir": "/srv"});
    base.put(&registry, "base", "v1");
    let sandbox = Sandbox::new();
    sandbox.file("app/main.py", "main\n").executable("app/run", "#!/bin/sh\n").file("app/lib/x.so", "x");
    sandbox.dockerfile(&format!(
        "FROM {}/base:v1\nENV LEVEL=3 NAME=\"a b\"\nCOPY main.py run ./\nCOPY --chown=app lib/ /lib/\n\
         EXPOSE 80 53/udp\nVOLUME /data\nUSER app\nSTOPSIGNAL SIGTERM\nHEALTHCHECK --interval=5s CMD /srv/run\n\
         LABEL a=1\nWORKDIR work\nENTRYPOINT [\"/srv/run\"]\n",
        registry.host()
    ));
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--format=docker"], "docker-archive:built.tar");
    let run = sandbox.run(["verify", "app/Dockerfile", "docker-archive:built.tar", "--tree"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    // The setting that somebody changed, and the label that nobody missed.
    sandbox.file(
        "app/Dockerfile",
        fs::read_to_string(sandbox.path("app/Dockerfile")).unwrap().replace("LEVEL=3", "LEVEL=4"),
    );
    let document = sandbox.run(["verify", "app/Dockerfile", "docker-archive:built.tar", "--tree", "--json"]).differs();
    assert_eq!(fields(&document, "config"), [r#"config.Env.LEVEL "4" "3""#]);
}

/// Two images for linux/arm64 as layouts `left` and `right`.
fn two(left: &[&Tar], right: &[&Tar]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, layers) in [("left", left), ("right", right)] {
        let image = layers.iter().fold(HandMade::new(), |image, layer| image.layer(&layer.end()));
        image.write(&sandbox.path(name), name);
    }
    sandbox
}

fn diff(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(["diff", "oci:left", "oci:right", "--tree", "--json"].iter().chain(flags))
}

#[test]
fn names_of_one_file_are_equal_whichever_comes_first() {
    let (mut one, mut other) = (Tar::default(), Tar::default());
    one.file("a", b"same").header(b'1', b"b", 0o644, 0, "a").header(b'1', b"c", 0o644, 0, "b");
    other.file("c", b"same").header(b'1', b"a", 0o644, 0, "c").file("b", b"same");
    diff(&two(&[&one], &[&other]), &[]).ok();
    let mut third = Tar::default();
    third.file("c", b"same").header(b'1', b"a", 0o644, 0, "c").file("b", b"else");
    let document = diff(&two(&[&one], &[&third]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/b content"]);
}

#[test]
fn what_a_layer_took_away_is_not_there() {
    let mut below = Tar::default();
    below.folder("d/", 0o755).file("d/a", b"1").file("d/b", b"2").folder("e/", 0o755).file("e/a", b"1").file("f", b"3");
    let mut above = Tar::default();
    above.file("d/.wh.b", b"").file("e/n", b"new").file("e/.wh..wh..opq", b"").file(".wh.f", b"").file("f", b"4");
    let mut flat = Tar::default();
    flat.folder("d/", 0o755).file("d/a", b"1").folder("e/", 0o755).file("e/n", b"new").file("f", b"4");
    diff(&two(&[&below, &above], &[&flat]), &[]).ok();
    diff(&two(&[&flat], &[&below, &above]), &[]).ok();
    let document = diff(&two(&[&below, &above], &[&below]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/d/b added", "/e/a added", "/e/n removed", "/f content"]);
    // A file in the place of a directory takes what was in it away.
    let mut file = Tar::default();
    file.file("d", b"no directory");
    let document = diff(&two(&[&below, &file], &[&below]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/d kind,mode", "/d/a added", "/d/b added"]);
}

#[test]
fn directories_that_nobody_describes_are_those_that_unpacking_makes() {
    let (mut one, mut other) = (Tar::default(), Tar::default());
    one.file("x/y/z", b"");
    other.folder("x/", 0o755).folder("x/y/", 0o755).file("x/y/z", b"");
    diff(&two(&[&one], &[&other]), &[]).ok();
    let mut third = Tar::default();
    third.folder("x/", 0o700).file("x/y/z", b"");
    let document = diff(&two(&[&one], &[&third]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/x mode"]);
    diff(&two(&[&one], &[&third]), &["--ignore", "mode"]).ok();
}

#[test]
fn a_hard_link_is_a_name_of_what_was_there_before_it() {
    // The handler becomes a name of the evil file below; the good one comes after it and is taken away.
    let (mut evil, mut link, mut gone) = (Tar::default(), Tar::default(), Tar::default());
    evil.file("handler", b"good").file("z", b"evil");
    link.header(b'1', b"handler", 0o644, 0, "z").file("z", b"good");
    gone.file(".wh.z", b"");
    let mut flat = Tar::default();
    flat.file("handler", b"good");
    let document = diff(&two(&[&flat], &[&evil, &link, &gone]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/handler content"]);
    // In one layer: what the whiteout hides was there when the link came.
    let mut at_once = Tar::default();
    at_once.header(b'1', b"handler", 0o644, 0, "z").file(".wh.z", b"").file("z", b"good");
    let document = diff(&two(&[&flat], &[&evil, &at_once, &gone]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/handler content"]);
    // Modes are the file's, whichever name they were said of.
    let (mut below, mut mode) = (Tar::default(), Tar::default());
    below.file("handler", b"good");
    mode.header(b'1', b"z", 0o4755, 0, "handler");
    let document = diff(&two(&[&flat], &[&below, &mode, &gone]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/handler mode"]);
}

#[test]
fn links_and_directories_replace_each_other_as_unpacking_does() {
    let (mut b, mut x, mut link) = (Tar::default(), Tar::default(), Tar::default());
    b.folder("b/", 0o755);
    x.file("a/x", b"evil");
    link.symlink("a", "b");
    // A directory that nobody described goes with what is in it when a link takes its place.
    let document = diff(&two(&[&b, &x, &link], &[&b, &link, &x]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/b/x added"]);
    // What lies behind a link lies where it points.
    let mut real = Tar::default();
    real.folder("b/", 0o755).file("b/x", b"evil").symlink("a", "b");
    diff(&two(&[&b, &link, &x], &[&real]), &[]).ok();
    // In one layer as well.
    let mut at_once = Tar::default();
    at_once.folder("b/", 0o755).folder("a/", 0o755).file("a/x", b"evil").symlink("a", "b");
    diff(&two(&[&at_once], &[&b, &link]), &[]).ok();
    let mut circle = Tar::default();
    circle.symlink("a", "c").symlink("c", "a").file("a/x", b"");
    let document = diff(&two(&[&b], &[&circle]), &[]).differs();
    assert_eq!(document["layers"][0]["verdict"], "damaged");
    assert!(document["layers"][0]["why"].as_str().unwrap().contains("lead in a circle"), "{document}");
}

#[test]
fn the_root_has_a_mode_and_an_owner_too() {
    let (mut one, mut other) = (Tar::default(), Tar::default());
    one.file("f", b"1");
    other.folder("./", 0o777).file("f", b"1");
    let document = diff(&two(&[&one], &[&other]), &[]).differs();
    assert_eq!(lines(&document["files"]), ["/ mode"]);
    let mut plain = Tar::default();
    plain.folder("./", 0o755).file("f", b"1");
    diff(&two(&[&one], &[&plain]), &[]).ok();
}

#[test]
fn settings_that_say_the_same_are_equal_and_others_are_named() {
    let sandbox = Sandbox::new();
    let write = |name: &str, config: Value, author: &str| {
        let mut image = HandMade::small();
        image.config["config"] = config;
        image.config["author"] = author.into();
        image.config["created"] = "2024-01-01T00:00:00Z".into();
        image.write(&sandbox.path(name), name);
    };
    write(
        "left",
        json!({"Env": ["A=1", "B=2"], "WorkingDir": "/", "Labels": null, "ArgsEscaped": true, "Tty": false}),
        "me",
    );
    let labels = json!({"io.buildah.version": "1.28.2"});
    write("right", json!({"Env": ["B=2", "A=1"], "Cmd": [], "User": "", "Labels": labels}), "you");
    diff(&sandbox, &[]).ok();
    write(
        "right",
        json!({
            "Env": ["A=1", "B=3"], "Cmd": ["x"], "Entrypoint": ["e"], "User": "u", "WorkingDir": "/w/", "StopSignal": "HUP",
            "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "Healthcheck": {"Test": ["NONE"]}, "Labels": {"l": "1"},
            "StopTimeout": 0, "NetworkDisabled": true, "Hostname": "h", "Memory": 5, "Unknown": {"x": [1]}, "Image": "sha256:0",
        }),
        "you",
    );
    let document = diff(&sandbox, &[]).differs();
    let mut found = fields(&document, "config");
    found.sort();
    let expected = [
        r#"config.Cmd null ["x"]"#,
        r#"config.Entrypoint null ["e"]"#,
        r#"config.Env.B "2" "3""#,
        r#"config.ExposedPorts.80/tcp null {}"#,
        r#"config.Healthcheck null {"Test":["NONE"]}"#,
        r#"config.Hostname null "h""#,
        r#"config.Labels.l null "1""#,
        "config.Memory null 5",
        "config.NetworkDisabled null true",
        r#"config.StopSignal null "HUP""#,
        "config.StopTimeout null 0",
        r#"config.Unknown null {"x":[1]}"#,
        r#"config.User null "u""#,
        r#"config.Volumes./v null {}"#,
        r#"config.WorkingDir null "/w""#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_damaged_layer_is_not_taken_for_a_tree() {
    let mut tar = Tar::default();
    tar.file("a", b"1");
    let sandbox = two(&[&tar], &[&tar]);
    let manifest = crate::support::judge::raw_manifest(&format!("oci:{}:right", sandbox.path("right").display()));
    let blob = sandbox.blob("right", manifest["layers"][0]["digest"].as_str().unwrap());
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(blob, bytes).unwrap();
    let document = diff(&sandbox, &[]).differs();
    assert_eq!(document["layers"][0]["verdict"], "damaged");
}
