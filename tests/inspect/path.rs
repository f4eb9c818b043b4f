//! The history of a path: who put it there, who held it before, who took it away.

use serde_json::json;

use super::made;
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};

#[test]
fn every_layer_that_had_a_hand_in_it_is_named() {
    let sandbox = made();
    let text = sandbox.run(["inspect", "oci:made:app", "/etc/motd", "lib/mine.so", "/srv/", "/usr/lib"]).ok().stdout;
    insta::assert_snapshot!(text, @r#"
    /etc/motd is a file
        1  put it there    f0644 0:0         4  RUN rm -r /etc/gone /opt/app
        0  held it before  f0644 0:0         5  ADD file:0123 in /
    /lib/mine.so is a file
        0  link followed   /lib -> usr/lib      ADD file:0123 in /
           it lies at /usr/lib/mine.so
        2  put it there    f0644 0:0       500  COPY var /var
    /srv is a file
        3  put it there    f0644 0:0        10  RUN rm -r /srv && touch /srv
        0  held it before  d0755 0:0         0  ADD file:0123 in /
    /usr/lib is a directory
        0  put it there    d0755 0:0         0  ADD file:0123 in /
           below it 2 paths, 2.5 kB of layers 0,2
    "#);
}

#[test]
fn what_is_gone_says_who_removed_it() {
    let sandbox = made();
    let run = sandbox.run(["inspect", "oci:made:app", "/etc/gone", "/opt/app/old", "/var/log", "/srv/data"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout, @r#"
    /etc/gone is not there any more
        1  removed it      by a whiteout        RUN rm -r /etc/gone /opt/app
        0  held it before  f0644 0:0         1  ADD file:0123 in /
    /opt/app/old is not there any more
        1  removed it      by a whiteout of /opt/app  RUN rm -r /etc/gone /opt/app
        0  held it before  f0644 0:0         3  ADD file:0123 in /
    /var/log is not there any more
        2  removed it      with all that lay below /var  COPY var /var
        0  held it before  f0644 0:0         3  ADD file:0123 in /
    /srv/data is not there any more
        3  removed it      by what it put at /srv  RUN rm -r /srv && touch /srv
        0  held it before  f0644 0:0         4  ADD file:0123 in /
    "#);
}

#[test]
fn what_never_was_there_has_near_names() {
    let sandbox = made();
    let run = sandbox.run(["inspect", "oci:made:app", "/etc/modt", "/ect/motd", "/nowhere/libc.so", "/zzz"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(run.stdout, @r#"
    /etc/modt is in no layer
           did you mean /etc/motd?
    /ect/motd is in no layer
           did you mean /etc/motd?
    /nowhere/libc.so is in no layer
           did you mean /usr/lib/libc.so?
    /zzz is in no layer
    "#);
    // One that is there does not make up for one that is not.
    assert_eq!(sandbox.run(["inspect", "oci:made:app", "/etc/motd", "/zzz"]).code, 1);
}

#[test]
fn the_document_says_the_same() {
    let sandbox = made();
    let paths =
        |path: &str| sandbox.run(["inspect", "oci:made:app", path, "--json"]).documents().remove(0)["paths"][0].clone();
    let file = |layer: usize, size: u64| json!({"kind": "f", "mode": "0644", "uid": 0, "gid": 0, "size": size, "link": null, "layer": layer});
    let motd = paths("/etc/motd");
    assert_eq!((&motd["found"], &motd["layer"], &motd["entry"]), (&json!(true), &json!(1), &file(1, 4)));
    assert_eq!(
        motd["history"],
        json!([{"layer": 0, "did": "put", "entry": file(0, 5)}, {"layer": 1, "did": "put", "entry": file(1, 4)}])
    );
    let gone = paths("/opt/app/old");
    assert_eq!(gone["found"], false);
    assert_eq!(gone["history"][1], json!({"layer": 1, "did": "removed", "how": "whiteout", "at": "/opt/app"}));
    let linked = paths("/lib/libc.so");
    assert_eq!((&linked["asked"], &linked["path"]), (&json!("/lib/libc.so"), &json!("/usr/lib/libc.so")));
    assert_eq!(linked["links"], json!([{"path": "/lib", "target": "usr/lib", "layer": 0}]));
    assert_eq!(paths("/lib")["leads"], "/usr/lib");
    assert_eq!(paths("/etc/modt")["near"], json!(["/etc/motd"]));
    assert_eq!(paths("/")["below"], json!({"paths": 11, "size": 2517, "layers": [0, 1, 2, 3]}));
}

/// An image in which a directory became a link, as where `/lib` was merged into `/usr`: `lib/x` is replaced with its directory,
/// `lib/y` is deleted before, and `usr/lib/y` is put by the layer that makes the link.
fn merged() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut system = Tar::default();
    system.folder("usr/", 0o755).folder("usr/lib/", 0o755).folder("lib/", 0o755);
    system.file("lib/x", b"x").file("lib/y", b"old");
    let mut deletes = Tar::default();
    deletes.file("lib/.wh.y", b"");
    let mut links = Tar::default();
    links.symlink("lib", "usr/lib").file("usr/lib/y", b"newer");
    let mut image = HandMade::new();
    for tar in [system, deletes, links] {
        image = image.layer(&tar.end());
    }
    image.config["history"] = json!([{"created_by": "system"}, {"created_by": "deletes"}, {"created_by": "links"}]);
    image.write(&sandbox.path("made"), "app");
    sandbox
}

#[test]
fn a_path_below_a_directory_that_became_a_link_keeps_its_history() {
    let sandbox = merged();
    let run = sandbox.run(["inspect", "oci:made:app", "/lib/x", "/lib/y", "/lib/z"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(run.stdout, @r#"
    /lib/x is not there any more
        2  link followed   /lib -> usr/lib      links
           it would lie at /usr/lib/x
           before the link, it lay at /lib/x
        2  removed it      by what it put at /lib  links
        0  held it before  f0644 0:0         1  system
    /lib/y is a file
        2  link followed   /lib -> usr/lib      links
           it lies at /usr/lib/y
        2  put it there    f0644 0:0         5  links
           before the link, it lay at /lib/y
        1  removed it      by a whiteout        deletes
        0  held it before  f0644 0:0         3  system
    /lib/z is in no layer
        2  link followed   /lib -> usr/lib      links
           it would lie at /usr/lib/z
    "#);
    let paths =
        |path: &str| sandbox.run(["inspect", "oci:made:app", path, "--json"]).documents().remove(0)["paths"][0].clone();
    let gone = paths("/lib/x");
    assert_eq!(
        (&gone["asked"], &gone["path"], &gone["found"]),
        (&json!("/lib/x"), &json!("/usr/lib/x"), &json!(false))
    );
    let file = json!({"kind": "f", "mode": "0644", "uid": 0, "gid": 0, "size": 1, "link": null, "layer": 0});
    assert_eq!(gone["history"], json!([]));
    let before = json!([
        {"layer": 0, "did": "put", "entry": file},
        {"layer": 2, "did": "removed", "how": "replaced", "at": "/lib"},
    ]);
    assert_eq!(gone["before_links"], json!([{"path": "/lib/x", "history": before}]));
    assert_eq!(gone["near"], json!([]));
    assert_eq!(paths("/usr/lib/y")["before_links"], json!([]));
}

#[test]
fn each_link_of_several_has_its_own_history() {
    let sandbox = Sandbox::new();
    let mut first = Tar::default();
    first.folder("a/", 0o755).file("a/x", b"1").folder("deep/", 0o755).folder("deep/b/", 0o755).file("deep/b/x", b"2");
    first.folder("c/", 0o755).folder("other/", 0o755);
    let mut links = Tar::default();
    links.symlink("a", "/deep/b").symlink("deep/b", "../c");
    HandMade::new().layer(&first.end()).layer(&links.end()).write(&sandbox.path("made"), "app");
    let trace =
        |path: &str| sandbox.run(["inspect", "oci:made:app", path, "--json"]).documents().remove(0)["paths"][0].clone();
    let found = trace("/other/../a/x");
    assert_eq!((&found["asked"], &found["path"], &found["found"]), (&json!("/a/x"), &json!("/c/x"), &json!(false)));
    let before: Vec<_> = found["before_links"].as_array().unwrap().iter().map(|each| &each["path"]).collect();
    assert_eq!(before, ["/a/x", "/deep/b/x"]);
    assert_eq!(trace("/deep/b/x")["before_links"][0]["history"][0]["entry"]["size"], 1);
    assert_eq!(trace("/c/x")["before_links"], json!([]));
}
