//! Older versions in the image below: what an installer would remove goes, and nothing else.

use std::collections::BTreeSet;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::{Kind, Registry};
use crate::support::wheels::SmallWheel;

const SITE: &str = "usr/lib/python3.12/site-packages/";

/// A base with an interpreter and the files of `files`, those of folders that end in `.dist-info` with a `RECORD` of the
/// rows.
fn base(files: &[&str], records: &[(&str, &[&str])]) -> HandMade {
    let mut tar = Tar::default();
    let mut folders: BTreeSet<String> = BTreeSet::new();
    let mut all: Vec<(String, String)> = vec![("usr/bin/python3.12".to_owned(), String::new())];
    all.extend(files.iter().map(|file| (format!("{SITE}{file}"), String::new())));
    for (info, rows) in records {
        all.push((format!("{SITE}{info}/METADATA"), String::new()));
        all.push((format!("{SITE}{info}/RECORD"), rows.iter().map(|row| format!("{row},,\n")).collect()));
    }
    for (path, _) in &all {
        for (at, _) in path.match_indices('/') {
            folders.insert(path[..=at].to_owned());
        }
    }
    for folder in &folders {
        tar.folder(folder, 0o755);
    }
    for (path, content) in &all {
        tar.file(path.trim_start_matches("./"), content.as_bytes());
    }
    HandMade::new().layer(&tar.end())
}

/// What lies in `site-packages` and `bin` once `wheels` are laid over a base.
fn laid(base: &HandMade, wheels: &[SmallWheel], split: &str) -> BTreeSet<String> {
    let sandbox = Sandbox::new();
    base.write(&sandbox.path("bases"), "python");
    for wheel in wheels {
        wheel.write(&sandbox.path("wheels"));
    }
    let layer = format!("wheels = \"wheels/\"\npython = \"3.12\"\nsplit = \"{split}\"");
    sandbox.file(
        "app.toml",
        format!("name = \"app\"\nbase = \"oci:bases:python\"\n[[layer]]\nname = \"deps\"\n{layer}\n"),
    );
    sandbox.run(["build", "app.toml"]).ok();
    let all = sandbox.unpack("app").paths().into_iter();
    all.filter_map(|path| path.trim_start_matches('/').strip_prefix(SITE).map(str::to_owned)).collect()
}

fn wheel(name: &str, version: &str, files: &[&str]) -> SmallWheel {
    let mut wheel = SmallWheel::new(name, version);
    for file in files {
        wheel = wheel.file(file, "x = 2\n");
    }
    wheel
}

#[test]
fn the_files_of_the_old_version_go() {
    let base = base(
        &[
            "old/__init__.py",
            "old/gone.py",
            "old/__pycache__/gone.cpython-312.pyc",
            "old/data/x.txt",
            "top.py",
            "other.py",
            "hook.pth",
        ],
        &[(
            "old-1.0.dist-info",
            &["old/__init__.py", "old/gone.py", "old/data/x.txt", "top.py", "hook.pth", "old-1.0.dist-info/METADATA"],
        )],
    );
    for split in ["one", "each"] {
        let paths = laid(&base, &[wheel("old", "2.0", &["old/__init__.py"])], split);
        for gone in ["old/gone.py", "old/__pycache__", "old/data", "top.py", "hook.pth", "old-1.0.dist-info"] {
            assert!(!paths.contains(gone), "{gone} is there: {paths:?}");
        }
        for there in ["old/__init__.py", "other.py", "old.py", "old-2.0.dist-info"] {
            assert!(paths.contains(there), "{there} is not there: {paths:?}");
        }
    }
}

#[test]
fn what_is_shared_stays() {
    // Two distributions in one package, which is no namespace by what it says: so do those of NVIDIA.
    let base = base(
        &["nv/__init__.py", "nv/a/lib.so", "nv/b/lib.so"],
        &[
            ("nv_a-1.0.dist-info", &["nv/__init__.py", "nv/a/lib.so"]),
            ("nv_b-1.0.dist-info", &["nv/__init__.py", "nv/b/lib.so"]),
        ],
    );
    for split in ["one", "each"] {
        let one = laid(&base, &[wheel("nv-a", "2.0", &["nv/__init__.py", "nv/a/new.so"])], split);
        assert!(one.contains("nv/b/lib.so") && one.contains("nv_b-1.0.dist-info"), "{one:?}");
        assert!(one.contains("nv/a/new.so") && !one.contains("nv/a/lib.so"), "{one:?}");
        let both = [
            wheel("nv-a", "2.0", &["nv/__init__.py", "nv/a/new.so"]),
            wheel("nv-b", "2.0", &["nv/__init__.py", "nv/b/new.so"]),
        ];
        let both = laid(&base, &both, split);
        assert!(
            both.contains("nv/a/new.so") && both.contains("nv/b/new.so") && both.contains("nv/__init__.py"),
            "{both:?}"
        );
        assert!(!both.contains("nv/a/lib.so") && !both.contains("nv/b/lib.so"), "{both:?}");
    }
}

#[test]
fn what_another_of_the_same_lock_lays_stays() {
    let base =
        base(&["zzz/__init__.py", "zzz/plugin.py"], &[("zzz-1.0.dist-info", &["zzz/__init__.py", "zzz/plugin.py"])]);
    for split in ["one", "each"] {
        let wheels = [wheel("aaa-plugin", "1.0", &["zzz/plugin.py"]), wheel("zzz", "2.0", &["zzz/__init__.py"])];
        let paths = laid(&base, &wheels, split);
        assert!(paths.contains("zzz/plugin.py") && paths.contains("zzz/__init__.py"), "{split}: {paths:?}");
    }
}

#[test]
fn a_module_takes_the_place_of_a_package() {
    let base = base(&["pm/__init__.py", "pm/x.py"], &[("pm-1.0.dist-info", &["pm/__init__.py", "pm/x.py"])]);
    let paths = laid(&base, &[wheel("pm", "2.0", &[])], "each");
    assert!(paths.contains("pm.py") && !paths.contains("pm") && !paths.contains("pm/__init__.py"), "{paths:?}");
}

#[test]
fn without_a_record_only_the_metadata_go() {
    let base = base(&["foo-1.0.dist-info/METADATA", "foo_bar-1.0.dist-info/METADATA", "foo/old.py"], &[]);
    let paths = laid(&base, &[wheel("foo", "2.0", &["foo/__init__.py"])], "each");
    assert!(paths.contains("foo/old.py") && paths.contains("foo_bar-1.0.dist-info"), "{paths:?}");
    assert!(!paths.contains("foo-1.0.dist-info"), "{paths:?}");
}

#[test]
fn a_fresh_machine_does_not_read_the_base_for_it() {
    let registry = Registry::start();
    let base = base(&["old/gone.py"], &[("old-1.0.dist-info", &["old/gone.py"])]);
    base.put(&registry, "bases/python", "3.12");
    let machine = || {
        let sandbox = Sandbox::new();
        wheel("old", "2.0", &["old/__init__.py"]).write(&sandbox.path("wheels"));
        let host = registry.host();
        let head = format!("name = \"app\"\nbase = \"{host}/bases/python:3.12\"\nrepository = \"{host}/app\"\n");
        sandbox
            .file("app.toml", format!("{head}[[layer]]\nname = \"deps\"\nwheels = \"wheels/\"\npython = \"3.12\"\n"));
        sandbox
    };
    let first = machine().run(["push", "app.toml", "--json"]).ok();
    registry.clear_log();
    let second = machine().run(["push", "app.toml", "--json"]).ok();
    assert_eq!(second.documents()[0]["digest"], first.documents()[0]["digest"]);
    let layer = base.manifest()["layers"][0]["digest"].as_str().unwrap().to_owned();
    let log = registry.log();
    assert!(!log.paths().iter().any(|path| path.contains(&layer)), "{log}");
    // The tree and what is remembered come from the cache image.
    assert_eq!(log.count(Kind::BlobGet), 4, "{log}");
    // One that trusts nobody reads it, and gets the same.
    let third = machine().run(["push", "app.toml", "--json", "--no-remote-cache"]).ok();
    assert_eq!(third.documents()[0]["digest"], first.documents()[0]["digest"]);
}

#[test]
fn two_recipes_that_lay_one_path_are_told() {
    let sandbox = Sandbox::new();
    wheel("ra", "1.0", &["shared.py"]).write(&sandbox.path("one"));
    SmallWheel::new("rb", "1.0").file("shared.py", "other\n").write(&sandbox.path("two"));
    let layer =
        |name: &str| format!("[[layer]]\nname = \"{name}\"\nwheels = \"{name}/\"\npython = \"3.12\"\ninto = \"/x/\"\n");
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"scratch\"\n{}{}", layer("one"), layer("two")));
    let run = sandbox.run(["build", "app.toml"]).refused(2, "`ra-1.0-py3-none-any.whl` and `rb-1.0-py3-none-any.whl`");
    assert!(run.stderr.contains("/x/shared.py"), "{}", run.stderr);
    // An interpreter is nobody's to lay.
    let script = SmallWheel::new("rc", "1.0").script("python3.12 = rc:main");
    script.write(&sandbox.path("three"));
    sandbox.file("app.toml", format!("name = \"app\"\nbase = \"scratch\"\n{}", layer("three")));
    sandbox.run(["build", "app.toml"]).refused(2, "which is the interpreter's place");
}

#[test]
fn an_image_of_more_layers_than_engines_stack_is_refused() {
    let sandbox = Sandbox::new();
    for number in 0..130 {
        let folder = if number < 65 { "one" } else { "two" };
        SmallWheel::new(&format!("p{number}"), "1.0").write(&sandbox.path(folder));
    }
    let layer = |name: &str, split: &str| {
        format!(
            "[[layer]]\nname = \"{name}\"\nwheels = \"{name}/\"\npython = \"3.12\"\ninto = \"/{name}/\"\nsplit = {split}\n"
        )
    };
    let spec =
        |split: &str| format!("name = \"app\"\nbase = \"scratch\"\n{}{}", layer("one", split), layer("two", split));
    sandbox.file("app.toml", spec("\"each\""));
    let run = sandbox.run(["build", "app.toml"]).refused(2, "would have 130 layers, and 127 is the most");
    assert!(run.stderr.contains("`split`"), "{}", run.stderr);
    sandbox.file("app.toml", spec("60"));
    sandbox.run(["build", "app.toml"]).ok();
}

#[test]
fn a_wheel_that_is_a_link_to_a_device_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.link("wheels/x-1.0-py3-none-any.whl", "/dev/zero");
    let head = "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"deps\"\n";
    sandbox.file("app.toml", format!("{head}wheels = \"wheels/\"\npython = \"3.12\"\ninto = \"/x/\"\n"));
    let run = sandbox.run(["build", "app.toml"]);
    assert!(run.code != 0 && run.stderr.contains("it is no file"), "{}", run.stderr);
}
