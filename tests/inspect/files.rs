//! The list of files: below paths, of one layer alone, with names that nobody should believe.

use serde_json::{Value, json};

use super::made;
use crate::support::Sandbox;
use crate::support::images::{HandMade, LAYER_GZIP, Tar};
use crate::support::registry::{Registry, digest_of};

/// The lines of files, without the table above them.
fn listed(sandbox: &Sandbox, flags: &[&str]) -> Vec<String> {
    let text = sandbox.run(["inspect", "oci:made:app", "--files"].iter().chain(flags)).ok().stdout;
    text.lines().skip_while(|line| line.starts_with(['o', ' ']) && !line.contains(" /")).map(str::to_owned).collect()
}

#[test]
fn links_on_the_way_are_followed_as_unpacking_does() {
    let sandbox = made();
    let lines = listed(&sandbox, &["/lib"]);
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "  0 d0755 0:0         0 /usr/lib",
            "  0 f0644 0:0      2000 /usr/lib/libc.so",
            "  2 f0644 0:0       500 /usr/lib/mine.so",
        ]
    );
}

#[test]
fn a_path_to_list_that_is_not_there_is_no() {
    let sandbox = made();
    for how in ["--files", "--tree"] {
        let run = sandbox.run(["inspect", "oci:made:app", how, "/usr", "/etc/modt", "/opt/app"]);
        assert_eq!(run.code, 1, "{}", run.stdout);
        assert!(run.stdout.contains("/etc/modt is in no layer\n       did you mean /etc/motd?\n"), "{}", run.stdout);
        assert!(run.stdout.contains("/opt/app is not there any more\n    1  removed it "), "{}", run.stdout);
        assert!(!run.stdout.contains("/usr"), "{}", run.stdout);
    }
}

#[test]
fn one_layer_alone_lists_its_deletions() {
    let sandbox = made();
    assert_eq!(
        listed(&sandbox, &["--layer", "1"]),
        [
            "  1 d0755 0:0         0 /etc",
            "  1 w---- -:-           /etc/gone (deleted)",
            "  1 f0644 0:0         4 /etc/motd",
            "  1 w---- -:-           /opt/app (deleted)",
        ]
    );
    let two = listed(&sandbox, &["--layer", "2"]);
    assert!(two.contains(&"  2 o---- -:-           /var (all below deleted)".to_owned()), "{two:?}");
    assert_eq!(listed(&sandbox, &["--layer", "1", "/opt"]), ["  1 w---- -:-           /opt/app (deleted)"]);
    let document =
        sandbox.run(["inspect", "oci:made:app", "--files", "--layer", "1", "--json"]).ok().documents().remove(0);
    assert_eq!(document["layer"], 1);
    assert_eq!(document["files"][1], json!({"path": "/etc/gone", "kind": "w", "layer": 1}));
    assert_eq!(document["files"].as_array().unwrap().len(), 4);
}

#[test]
fn names_cannot_steer_the_terminal_or_forge_lines() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.file("a\n  0 f0644 0:0         0 ", b"").file("b\x1b[31m", b"").symlink("c", "\u{202e}gpj.exe\r");
    let mut image = HandMade::new().layer(&tar.end());
    image.config["history"] = json!([{"created_by": "evil\x1b]0;title\x07\nsecond line"}]);
    image.config["config"]["Env"] = json!(["A=\x1b[2J\nB=c"]);
    image.write(&sandbox.path("made"), "app");
    for flags in [&["--files"][..], &["--tree"], &["--layer", "0"], &["/a\n  0 f0644 0:0         0 ", "/c"]] {
        let run = sandbox.run(["inspect", "oci:made:app"].iter().chain(flags)).ok();
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.stdout.contains(steers), "{:?}", run.stdout);
        assert!(!run.stdout.lines().any(|line| line == "  0 f0644 0:0         0 "), "{}", run.stdout);
        assert!(!run.stdout.lines().any(|line| line.starts_with("second") || line.starts_with("B=")), "{}", run.stdout);
    }
    // The document has them as they are.
    let document = sandbox.run(["inspect", "oci:made:app", "--files", "--json"]).ok().documents().remove(0);
    let paths: Vec<&Value> = document["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths[1], "/b\x1b[31m");
}

#[test]
fn a_layer_that_cannot_be_read_is_named() {
    let sandbox = Sandbox::new();
    let registry = Registry::start();
    let mut outside = Tar::default();
    outside.file("x/../../etc/passwd", b"");
    let plain = Tar::default().file("motd", b"hello").end();
    let bad = HandMade::small().layer(&outside.end());
    let lying = HandMade::small().blob(LAYER_GZIP, plain.clone(), &digest_of(&plain));
    for (image, why) in [
        (bad, "it holds the path `x/../../etc/passwd`, which leaves the root"),
        (lying, "cannot be read: invalid gzip header"),
    ] {
        image.write(&sandbox.path("made"), "app");
        image.put(&registry, "app", "v1");
        let published = format!("{}/app:v1", registry.host());
        let digest = digest_of(&image.layers[1].1);
        for (name, flags) in [
            ("oci:made:app", &["--files"][..]),
            ("oci:made:app", &["--tree", "--layer", "1"]),
            ("oci:made:app", &["/motd"]),
            (&published, &["--files"]),
        ] {
            let run = sandbox.run(["inspect", name].iter().chain(flags));
            let run = run.refused(2, &format!("layer 1 of `{name}` ({digest}) cannot be read: "));
            assert!(run.stderr.contains(why) && !run.stderr.contains("base"), "{}", run.stderr);
            assert_eq!(run.stdout, "");
        }
        // What the documents say does not need it.
        sandbox.run(["inspect", "oci:made:app"]).ok();
    }
}

#[test]
fn a_layer_that_is_damaged_or_missing_is_named() {
    let sandbox = made();
    let manifest = super::image().manifest();
    let digest = manifest["layers"][2]["digest"].as_str().unwrap();
    let blob = sandbox.path("made/blobs/sha256").join(&digest["sha256:".len()..]);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[30] ^= 0xff;
    std::fs::write(&blob, bytes).unwrap();
    let named = format!("layer 2 of `oci:made:app` ({digest}) cannot be read: ");
    sandbox.run(["inspect", "oci:made:app", "--files"]).refused(2, &named);
    std::fs::remove_file(&blob).unwrap();
    sandbox.run(["inspect", "oci:made:app", "--files"]).refused(2, &named);
}
