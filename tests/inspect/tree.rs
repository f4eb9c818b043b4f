//! The tree of directories: sizes are sums, each line with the layers it comes from.

use serde_json::{Value, json};

use super::made;
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};

/// The tree without the layers above it.
fn drawn(sandbox: &Sandbox, flags: &[&str]) -> String {
    let text = sandbox.run(["inspect", "oci:made:app", "--tree"].iter().chain(flags)).ok().stdout;
    text[text.find("     size  ").unwrap()..].to_owned()
}

#[test]
fn the_tree_is_what_is_unpacked() {
    insta::assert_snapshot!(drawn(&made(), &[]), @r#"
      size  layer    path
    2.5 kB  0-3      /
       4 B  1        ├── etc/
       4 B  1        │   └── motd
       0 B  0        ├── lib -> usr/lib
       0 B  0        ├── opt/
      10 B  3        ├── srv
    2.5 kB  0,2      ├── usr/
    2.5 kB  0,2      │   └── lib/
    2.0 kB  0        │       ├── libc.so
     500 B  2        │       └── mine.so
       3 B  2        └── var/
       3 B  2            └── new
    "#);
}

#[test]
fn the_depth_is_chosen_or_given() {
    let sandbox = made();
    insta::assert_snapshot!(drawn(&sandbox, &["--depth", "1"]), @r#"
      size  layer    path
    2.5 kB  0-3      /
       4 B  1        ├── etc/ (1 below)
       0 B  0        ├── lib -> usr/lib
       0 B  0        ├── opt/
      10 B  3        ├── srv
    2.5 kB  0,2      ├── usr/ (3 below)
       3 B  2        └── var/ (1 below)
    "#);
    insta::assert_snapshot!(drawn(&sandbox, &["--depth", "1", "/lib"]), @r#"
      size  layer    path
    2.5 kB  0,2      /usr/lib
    2.0 kB  0        ├── libc.so
     500 B  2        └── mine.so
    "#);
    let file = drawn(&sandbox, &["/lib/libc.so"]);
    assert!(file.ends_with("\n   2.0 kB  0        /usr/lib/libc.so\n"), "{file}");
    sandbox.run(["inspect", "oci:made:app", "--depth", "1"]).refused(2, "--tree");
    sandbox.run(["inspect", "oci:made:app", "--tree", "--depth", "0"]).refused(2, "--depth");
    // What does not fit is summed up.
    let mut tar = Tar::default();
    for number in 0..100 {
        tar.file(&format!("many/{number:03}"), b"0123456789");
    }
    HandMade::new().layer(&tar.end()).write(&sandbox.path("many"), "many");
    let text = sandbox.run(["inspect", "oci:many:many", "--tree"]).ok().stdout;
    assert!(text.ends_with("   1.0 kB  0        /\n   1.0 kB  0        └── many/ (100 below)\n"), "{text}");
}

#[test]
fn one_layer_shows_what_it_holds_and_what_it_deletes() {
    let sandbox = made();
    insta::assert_snapshot!(drawn(&sandbox, &["--layer", "1"]), @r#"
    size  layer    path
     4 B  1        /
     4 B  1        ├── etc/
                   │   ├── gone (deleted)
     4 B  1        │   └── motd
     0 B           └── opt/
                       └── app (deleted)
    "#);
    insta::assert_snapshot!(drawn(&sandbox, &["--layer", "2"]), @r#"
     size  layer    path
    503 B  2        /
    500 B  2        ├── lib/
    500 B  2        │   └── mine.so
      3 B  2        └── var/ (all below deleted before)
      3 B  2            └── new
    "#);
}

#[test]
fn the_document_says_the_same() {
    let sandbox = made();
    let document = sandbox.run(["inspect", "oci:made:app", "--tree", "--json"]).ok().documents().remove(0);
    assert_eq!(document["depth"], 3);
    let tree = document["tree"].as_array().unwrap();
    let at = |path: &str| -> &Value { tree.iter().find(|row| row["path"] == path).unwrap() };
    assert_eq!(at("/")["size"], 2517);
    let expected = json!({"path": "/usr", "kind": "d", "size": 2500, "paths": 3, "layers": [0, 2], "link": null});
    assert_eq!(*at("/usr"), expected);
    assert_eq!(at("/lib")["link"], "usr/lib");
}
