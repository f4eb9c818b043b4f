//! What lies in an image is what the newest pip lays, file by file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::laid::{differences, paths, untruths};
use super::{from_nothing, into_task, on_python};
use crate::support::material::{AMD64, ARM64, ARM64_312, PYTHON, Pip, Set, gather, host, platform_flags};
use crate::support::wheels::SmallWheel;
use crate::support::{Sandbox, Unpacked};

/// A set as the program lays it from nothing into a folder, and as `pip install --target` does.
fn same_as_target(set: Set) {
    let sandbox = Sandbox::new();
    gather(&set.wheels(), &sandbox.path("wheelhouse"));
    from_nothing(&sandbox, &[set.architecture], &into_task("wheelhouse/", set));
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    let pip = Pip::new();
    let flags = platform_flags(set);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["--target=/var/task"]).collect();
    pip.install(&set.wheels(), &flags);
    let none = [""; 0];
    assert_eq!(differences(&image.path("var/task"), &pip.path("var/task"), ""), none);
    assert_eq!(untruths(&image.path("var/task"), "", &BTreeSet::new()), none);
    // Beside the folder there is nothing.
    assert_eq!(image.paths().iter().find(|path| !path.starts_with("var")), None);
}

#[test]
fn a_folder_for_amd64_is_that_of_pip() {
    same_as_target(AMD64);
}

#[test]
fn a_folder_for_arm64_is_that_of_pip() {
    same_as_target(ARM64);
}

#[test]
fn a_folder_for_another_python_is_that_of_pip() {
    same_as_target(ARM64_312);
}

/// Debian's Python with the wheels of this machine's set, unpacked, and where its packages lie.
pub(super) fn python_with_packages(sandbox: &Sandbox, more: &str) -> Unpacked {
    let set = host();
    gather(&set.wheels(), &sandbox.path("wheelhouse"));
    on_python(sandbox, &format!("wheels = \"wheelhouse/\"\npython = \"{}\"\n{more}", set.python));
    sandbox.build(&["app.toml"]);
    sandbox.unpack("app")
}

/// Where Debian's Python has its packages, below `/usr/local`.
pub(super) const SITE: &str = "lib/python3.11/site-packages";

#[test]
fn an_interpreters_own_packages_are_those_of_pip() {
    let sandbox = Sandbox::new();
    // Neither the folder nor the interpreter is named: both are found in the base.
    let image = python_with_packages(&sandbox, "");
    let pip = Pip::new();
    let before = paths(&pip.path("usr/local"));
    pip.install(&host().wheels(), &["--prefix=/usr/local"]);
    let none = [""; 0];
    assert_eq!(differences(&image.path("usr/local"), &pip.path("usr/local"), SITE), none);
    assert_eq!(untruths(&image.path("usr/local"), SITE, &before), none);
    assert!(image.text("usr/local/bin/pytest").starts_with(&format!("#!{PYTHON}\n")));
}

/// A tree of pip's, and where its packages lie.
fn small_tree() -> Pip {
    let sandbox = Sandbox::new();
    let wheels = [
        SmallWheel::new("one", "1.0").script("one = one:main").data("scripts/tool", "#!python\n"),
        SmallWheel::new("two", "2.0").binary("cp311-cp311-manylinux_2_17_x86_64").data("data/share/two", "2"),
    ];
    let wheels: Vec<_> = wheels.iter().map(|wheel| wheel.write(&sandbox.path("wheels"))).collect();
    let pip = Pip::new();
    let flags = platform_flags(AMD64);
    pip.install(&wheels, &flags.iter().map(String::as_str).chain(["--target=/var/task"]).collect::<Vec<_>>());
    pip
}

#[test]
fn the_comparison_sees_what_differs() {
    let pip = small_tree();
    let other = Sandbox::new();
    let (ours, pips) = (other.path("ours"), pip.path("var/task"));
    let changed = |change: &dyn Fn(&Path)| {
        let _ = fs::remove_dir_all(&ours);
        crate::support::examples::copy(&pips, &ours);
        change(&ours);
        differences(&ours, &pips, "")
    };
    let write = |path: &str, content: &str| {
        let (path, content) = (path.to_owned(), content.to_owned());
        move |root: &Path| fs::write(root.join(&path), &content).unwrap()
    };
    let edit = |path: &str, from: &str, to: &str| {
        let (path, from, to) = (path.to_owned(), from.to_owned(), to.to_owned());
        move |root: &Path| {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            assert!(text.contains(&from), "{text}");
            fs::write(root.join(&path), text.replace(&from, &to)).unwrap();
        }
    };
    assert_eq!(changed(&|_| {}), [""; 0]);
    // What may differ.
    assert_eq!(changed(&|root| fs::remove_file(root.join("one-1.0.dist-info/REQUESTED")).unwrap()), [""; 0]);
    assert_eq!(changed(&write("one-1.0.dist-info/INSTALLER", "tarsia\n")), [""; 0]);
    assert_eq!(changed(&edit("one-1.0.dist-info/direct_url.json", "file:///", "file:///elsewhere/")), [""; 0]);
    assert_eq!(changed(&edit("one-1.0.dist-info/RECORD", "../../bin/", "bin/")), [""; 0]);
    let turned = |root: &Path| {
        let record = root.join("one-1.0.dist-info/RECORD");
        let text = fs::read_to_string(&record).unwrap();
        fs::write(record, text.lines().rev().fold(String::new(), |text, line| text + line + "\n")).unwrap();
    };
    assert_eq!(changed(&turned), [""; 0]);
    // What may not.
    assert_eq!(changed(&write("one.py", "")), ["one.py: other content"]);
    assert_eq!(changed(&write("more.py", "")), ["more.py: pip has it not"]);
    assert_eq!(changed(&|root| fs::create_dir(root.join("empty")).unwrap()), ["empty: pip has it not"]);
    assert_eq!(changed(&|root| fs::remove_file(root.join("share/two")).unwrap()), ["share/two: only pip has it"]);
    let mode = |path: &str, mode: u32| {
        let path = path.to_owned();
        move |root: &Path| fs::set_permissions(root.join(&path), fs::Permissions::from_mode(mode)).unwrap()
    };
    assert_eq!(changed(&mode("one.py", 0o755)), ["one.py: executable is true, and pip's false"]);
    assert_eq!(changed(&mode("_two.so", 0o644)), ["_two.so: executable is false, and pip's true"]);
    assert_eq!(
        changed(&edit("bin/one", "#!/usr/local/bin/python3.11", "#!/usr/bin/env python3.11")),
        ["bin/one: other content"]
    );
    let record = ["one-1.0.dist-info/RECORD: other content"];
    assert_eq!(changed(&edit("one-1.0.dist-info/RECORD", "one.py,sha256=", "one.py,sha256=A")), record);
    assert_eq!(changed(&edit("one-1.0.dist-info/RECORD", "bin/tool", "bin/fool")), record);
    let hash = edit("one-1.0.dist-info/direct_url.json", "\"hashes\"", "\"digests\"");
    assert_eq!(changed(&hash), ["one-1.0.dist-info/direct_url.json: other content"]);
    let linked = |root: &Path| {
        fs::remove_file(root.join("one.py")).unwrap();
        std::os::unix::fs::symlink("two.py", root.join("one.py")).unwrap();
    };
    assert!(changed(&linked)[0].starts_with("one.py: Some(Link(\"two.py\")), and pip's Some(File(false"));
}

#[test]
fn the_truth_of_a_record_is_seen() {
    let pip = small_tree();
    let root = pip.path("var/task");
    let none = BTreeSet::new();
    // What pip says of scripts and data with --target is not so, and it does not sort.
    let said = untruths(&root, "", &none);
    assert!(said.contains(&"one-1.0.dist-info/RECORD: bin/one is outside".to_owned()), "{said:#?}");
    for record in ["one-1.0.dist-info/RECORD", "two-2.0.dist-info/RECORD"] {
        let text = fs::read_to_string(root.join(record)).unwrap().replace("../../", "");
        let mut rows: Vec<&str> = text.lines().collect();
        rows.sort_by_key(|row| row.split(',').next());
        fs::write(root.join(record), rows.join("\n") + "\n").unwrap();
    }
    assert_eq!(untruths(&root, "", &none), [""; 0]);
    let mut rows = fs::read_to_string(root.join("two-2.0.dist-info/RECORD")).unwrap();
    rows.insert_str(0, "a.py,sha256=x,1\none.py,,\n");
    fs::write(root.join("two-2.0.dist-info/RECORD"), rows).unwrap();
    fs::write(root.join("two.py"), "").unwrap();
    fs::write(root.join("stray.py"), "").unwrap();
    assert_eq!(
        untruths(&root, "", &["stray".to_owned()].into()),
        [
            "two-2.0.dist-info/RECORD is not sorted",
            "two-2.0.dist-info/RECORD: a.py is not so",
            "two-2.0.dist-info/RECORD: one.py is not so",
            "two-2.0.dist-info/RECORD: one.py stands twice",
            "two-2.0.dist-info/RECORD: two.py is not so",
            "stray.py: stray.py is in no RECORD",
        ]
    );
    assert_eq!(untruths(&root, "", &["stray.py".to_owned()].into()).len(), 5);
}
