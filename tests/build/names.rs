//! Names, links and kinds of files that tar needs care for, and entries that the spec itself holds.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::judge::{members, python};
use crate::support::{Sandbox, Unpacked};

fn spec(layer: &str) -> String {
    format!("name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"app\"\n{layer}\n")
}

fn build(sandbox: &Sandbox, layer: &str) -> Unpacked {
    sandbox.file("app.toml", spec(layer));
    sandbox.build(&["app.toml"]);
    sandbox.unpack("app")
}

const CONTEXT: &str = "context = \"app\"\nto = \"/srv/\"";

#[test]
fn symlinks_stay_as_they_are() {
    let sandbox = Sandbox::new();
    let long = format!("../{}", "far/".repeat(60));
    sandbox
        .file("app/file", "x")
        .link("app/relative", "file")
        .link("app/absolute", "/etc/passwd")
        .link("app/dangling", "no/where")
        .link("app/outside", "../../..")
        .link("app/folder", ".")
        .link("app/long", &long)
        .link("app/ünïcode", "zïel");
    let image = build(&sandbox, CONTEXT);
    for (name, target) in [
        ("relative", "file"),
        ("absolute", "/etc/passwd"),
        ("dangling", "no/where"),
        ("outside", "../../.."),
        ("folder", "."),
        ("long", &long),
        ("ünïcode", "zïel"),
    ] {
        assert_eq!(image.line(&format!("srv/{name}")), format!("l 0:0 -> {target}"));
    }
    assert_eq!(image.paths().len(), 9);
}

#[test]
fn names_of_one_file_stay_names_of_one_file() {
    let sandbox = Sandbox::new();
    sandbox.file("app/deep/first", vec![b'x'; 5000]).file("outside", "shared").file("app/other", "x");
    fs::hard_link(sandbox.path("app/deep/first"), sandbox.path("app/deep/second")).unwrap();
    fs::hard_link(sandbox.path("app/deep/first"), sandbox.path(&format!("app/{}", "n".repeat(120)))).unwrap();
    fs::hard_link(sandbox.path("outside"), sandbox.path("app/alone")).unwrap();
    let image = build(&sandbox, CONTEXT);
    assert_eq!(image.inode("srv/deep/first"), image.inode("srv/deep/second"));
    assert_eq!(image.inode("srv/deep/first"), image.inode(&format!("srv/{}", "n".repeat(120))));
    assert_ne!(image.inode("srv/deep/first"), image.inode("srv/other"));
    assert_eq!(image.text("srv/alone"), "shared");
    assert_eq!(image.text("srv/deep/second").len(), 5000);
    // Without its first name the file is packed under the next.
    let image = build(&sandbox, &format!("{CONTEXT}\nexclude = [\"deep/first\"]"));
    assert_eq!(image.text("srv/deep/second").len(), 5000);
}

#[test]
fn names_of_any_bytes_and_lengths_come_back() {
    let sandbox = Sandbox::new();
    let mut names: Vec<Vec<u8>> = vec![
        b"latin-\xe9.txt".to_vec(),
        b"raw-\xff\xfe".to_vec(),
        "ünïcode-日本語-🦀".into(),
        b"new\nline".to_vec(),
        b"tab\tand space ".to_vec(),
        b" =weird= \\ \" ' * ?".to_vec(),
        b"-rf".to_vec(),
        b"..dots".to_vec(),
        vec![b'x'; 255],
    ];
    // Around the 100 bytes that a header's name field holds, `srv/` included, and far beyond.
    names.extend((94..=98).map(|length| vec![b'n'; length]));
    sandbox.folder("app");
    for name in &names {
        fs::write(sandbox.path("app").join(OsStr::from_bytes(name)), name).unwrap();
    }
    let deep = ["a".repeat(200), "b".repeat(200), "c".repeat(200)].join("/");
    sandbox.file(&format!("app/{deep}/leaf"), "leaf");
    let image = build(&sandbox, CONTEXT);
    for name in &names {
        let found = fs::read(image.path("srv").join(OsStr::from_bytes(name)));
        assert_eq!(found.unwrap_or_else(|error| panic!("{}: {error}", name.escape_ascii())), *name);
    }
    assert_eq!(image.text(&format!("srv/{deep}/leaf")), "leaf");
    // srv, the names, three folders and the leaf.
    assert_eq!(image.paths().len(), 1 + names.len() + 4);

    // GNU tar and Python's tarfile read the same as umoci.
    let layer = sandbox.top_layer("app");
    let listed = members(&layer);
    assert_eq!(listed.len(), image.paths().len());
    assert!(listed.iter().any(|line| line.ends_with("srv/latin-\\351.txt")), "{listed:#?}");
    let script = r#"
import os, sys, tarfile
with tarfile.open(sys.argv[1], "r:gz") as tar:
    names = [os.fsencode(member.name) for member in tar]
assert names == sorted(names) and len(set(names)) == len(names)
assert os.fsencode("srv/raw-") + b"\xff\xfe" in names
print(len(names), end="")
"#;
    assert_eq!(python(script, &layer), listed.len().to_string());
}

#[test]
fn empty_folders_and_empty_files_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.folder("app/empty/deeper").file("app/nothing", "");
    let image = build(&sandbox, CONTEXT);
    assert_eq!(image.paths(), ["srv", "srv/empty", "srv/empty/deeper", "srv/nothing"]);
    assert_eq!(fs::read(image.path("srv/nothing")).unwrap(), b"");
    // An empty context still makes its destination.
    let sandbox = Sandbox::new();
    sandbox.folder("app");
    assert_eq!(
        build(&sandbox, "context = \"app\"\nto = \"/var/cache/app/\"").paths(),
        ["var", "var/cache", "var/cache/app"]
    );
}

#[test]
fn a_spec_may_hold_entries_itself() {
    let sandbox = Sandbox::new();
    let image = build(
        &sandbox,
        r#"
        owner = "5:6"
        entries = [
          { path = "/tmp/", mode = "1777", owner = "0:0" },
          { path = "/etc/app.conf", text = "key = \"välue\"\nend\n" },
          { path = "/etc/secret", text = "", mode = "0400", owner = "1000" },
          { path = "/usr/bin/" },
          { path = "/bin", link = "usr/bin" },
          { path = "/run/app/pid", text = "1", mode = "4755" },
          { path = "/ünï/", mode = "0700" },
        ]
        "#,
    );
    let listing: Vec<String> = image.listing().into_iter().map(|(path, line)| format!("{line} {path}")).collect();
    assert_eq!(
        listing,
        [
            "d 0700 5:6 \\xc3\\xbcn\\xc3\\xaf",
            "l 5:6 -> usr/bin bin",
            "d 0755 5:6 etc",
            "f 0644 5:6 etc/app.conf",
            "f 0400 1000:1000 etc/secret",
            "d 0755 5:6 run",
            "d 0755 5:6 run/app",
            "f 4755 5:6 run/app/pid",
            "d 1777 0:0 tmp",
            "d 0755 5:6 usr",
            "d 0755 5:6 usr/bin",
        ]
    );
    assert_eq!(image.text("etc/app.conf"), "key = \"välue\"\nend\n");
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let sandbox = Sandbox::new();
    for (entries, words) in [
        ("{ path = \"/a\", text = \"1\" }, { path = \"//a/\" }", "`/a` stands twice"),
        ("{ path = \"/a\", text = \"1\" }, { path = \"/a/b\", text = \"2\" }", "`/a/b` cannot lie in `/a`"),
        ("{ path = \"/a\", link = \"b\" }, { path = \"/a/b\", text = \"2\" }", "`/a/b` cannot lie in `/a`"),
        ("{ path = \"/\", mode = \"0700\" }", "the root itself is no entry"),
        ("{ path = \"/a/../../b\", text = \"\" }", "within the image's root"),
        ("{ path = \"a\", text = \"\" }", "not an absolute path"),
        ("{ path = \"/etc/.wh.passwd\", text = \"\" }", "whiteout"),
    ] {
        sandbox.file("app.toml", spec(&format!("entries = [{entries}]")));
        sandbox.run(["build", "app.toml"]).refused(2, words);
    }
}
