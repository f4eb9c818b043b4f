//! Layers of contexts: what is taken, where it goes, whose it is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::json;

use crate::support::Sandbox;
use crate::support::judge::{members, skopeo_copy};

/// A context `app` of a script, a module and data.
fn sandbox_with_app() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .executable("app/bin/run", "#!/bin/sh\n")
        .file("app/lib/main.py", "main")
        .file("app/lib/util/io.py", "io")
        .file("app/data/big.bin", vec![7; 300])
        .file("app/README", "read me");
    sandbox
}

/// A spec from scratch with one layer of the context `app`.
fn spec(layer: &str) -> String {
    format!("name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"app\"\ncontext = \"app\"\n{layer}\n")
}

fn build(sandbox: &Sandbox, layer: &str) -> crate::support::Unpacked {
    sandbox.file("app.toml", spec(layer));
    sandbox.build(&["app.toml"]);
    sandbox.unpack("app")
}

#[test]
fn a_context_goes_below_its_destination_with_all_its_parents() {
    let sandbox = sandbox_with_app();
    let image = build(&sandbox, "to = \"/var/task/app/\"");
    let listing: Vec<String> = image.listing().into_iter().map(|(path, line)| format!("{line} {path}")).collect();
    assert_eq!(
        listing,
        [
            "d 0755 0:0 var",
            "d 0755 0:0 var/task",
            "d 0755 0:0 var/task/app",
            "f 0644 0:0 var/task/app/README",
            "d 0755 0:0 var/task/app/bin",
            "f 0755 0:0 var/task/app/bin/run",
            "d 0755 0:0 var/task/app/data",
            "f 0644 0:0 var/task/app/data/big.bin",
            "d 0755 0:0 var/task/app/lib",
            "f 0644 0:0 var/task/app/lib/main.py",
            "d 0755 0:0 var/task/app/lib/util",
            "f 0644 0:0 var/task/app/lib/util/io.py",
        ]
    );
    // The layer itself holds every parent, before what lies in it: Lambda looks.
    let lines = members(&sandbox.top_layer("app"));
    let names: Vec<&str> = lines.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(names[..5], ["var/", "var/task/", "var/task/app/", "var/task/app/README", "var/task/app/bin/"]);
    assert_eq!(lines[3], "-rw-r--r-- 0/0 7 1970-01-01 00:00:00 var/task/app/README");
}

#[test]
fn the_destination_of_a_folder_needs_no_slash_at_its_end() {
    let sandbox = sandbox_with_app();
    let with = build(&sandbox, "to = \"/srv/\"").listing();
    let without = build(&sandbox, "to = \"/srv\"").listing();
    assert_eq!(with, without);
    let root = build(&sandbox, "to = \"/\"").paths();
    assert_eq!(root[..3], ["README", "bin", "bin/run"]);
}

#[test]
fn from_takes_a_part_of_the_context() {
    let sandbox = sandbox_with_app();
    for (layer, paths) in [
        // A folder's contents.
        ("from = \"lib\"\nto = \"/srv/\"", &["srv", "srv/main.py", "srv/util", "srv/util/io.py"][..]),
        ("from = \"lib/util/\"\nto = \"/srv\"", &["srv", "srv/io.py"]),
        ("from = \"/lib/util\"\nto = \"/\"", &["io.py"]),
        ("from = \".\"\nto = \"/\"\nexclude = [\"lib\", \"bin\"]", &["README", "data", "data/big.bin"]),
        // A file goes into what ends in a slash, and becomes what does not.
        ("from = \"lib/main.py\"\nto = \"/srv/\"", &["srv", "srv/main.py"]),
        ("from = \"lib/main.py\"\nto = \"/srv/app.py\"", &["srv", "srv/app.py"]),
        ("from = \"lib/main.py\"\nto = \"/\"", &["main.py"]),
        ("from = \"lib/main.py\"\nto = \"/app.py\"", &["app.py"]),
    ] {
        let image = build(&sandbox, layer);
        assert_eq!(image.paths(), paths, "{layer}");
    }
}

#[test]
fn a_link_that_is_named_is_followed_and_stays_within_the_context() {
    let sandbox = sandbox_with_app();
    sandbox
        .link("app/current", "lib")
        .link("app/start", "bin/run")
        .link("app/out", "../secret")
        .link("app/etc", "/etc")
        .file("secret", "not to be shipped");
    assert_eq!(build(&sandbox, "from = \"current\"\nto = \"/srv/\"").text("srv/main.py"), "main");
    assert_eq!(build(&sandbox, "from = \"current/util/io.py\"\nto = \"/srv/\"").text("srv/io.py"), "io");
    assert_eq!(build(&sandbox, "from = \"start\"\nto = \"/srv/\"").line("srv/start"), "f 0755 0:0");
    for from in ["out", "etc", "etc/passwd"] {
        sandbox.file("app.toml", spec(&format!("from = \"{from}\"\nto = \"/srv/\"")));
        sandbox.run(["build", "app.toml"]).refused(2, "leads out of it");
    }
}

#[test]
fn a_context_may_be_reached_through_a_link() {
    let sandbox = sandbox_with_app();
    std::fs::rename(sandbox.path("app"), sandbox.path("real")).unwrap();
    sandbox.link("app", "real");
    assert_eq!(build(&sandbox, "to = \"/\"").text("lib/main.py"), "main");
    assert_eq!(build(&sandbox, "from = \"lib\"\nto = \"/\"").text("main.py"), "main");
}

#[test]
fn what_a_link_leads_to_is_ignored_by_its_own_name() {
    let sandbox = sandbox_with_app();
    sandbox.link("app/current", "lib").file("app/.dockerignore", ".dockerignore\nlib/util\n");
    assert_eq!(build(&sandbox, "from = \"current\"\nto = \"/\"").paths(), ["main.py"]);
    sandbox.file("app/.dockerignore", "current\n");
    sandbox.run(["build", "app.toml"]).refused(2, "does not exist in the context");
}

#[test]
fn what_is_not_there_or_ignored_cannot_be_taken() {
    let sandbox = sandbox_with_app();
    for layer in ["from = \"nowhere\"", "from = \"lib/main.py\"\nexclude = [\"lib\"]", "from = \"README/x\""] {
        sandbox.file("app.toml", spec(&format!("{layer}\nto = \"/srv/\"")));
        sandbox.run(["build", "app.toml"]).refused(2, "does not exist in the context");
    }
}

#[test]
fn ignored_files_stay_at_home() {
    let sandbox = sandbox_with_app();
    sandbox
        .file("app/.dockerignore", ".dockerignore\n**/__pycache__\ndata\n!data/small\n")
        .file("app/lib/__pycache__/main.pyc", "x")
        .file("app/data/small", "x")
        .file("app/lib/util/note.txt", "x");
    let image = build(&sandbox, "to = \"/\"\nexclude = [\"**/*.txt\", \"bin/*\", \"README\"]");
    assert_eq!(image.paths(), ["bin", "data", "data/small", "lib", "lib/main.py", "lib/util", "lib/util/io.py"]);
    // The spec's patterns come after the file's: they may take something back.
    let image = build(&sandbox, "to = \"/\"\nexclude = [\"lib\", \"bin\", \"README\", \"!data/big.bin\"]");
    assert_eq!(image.paths(), ["data", "data/big.bin", "data/small"]);
}

#[test]
fn files_belong_to_whom_the_spec_says() {
    let sandbox = sandbox_with_app();
    chown(sandbox.path("app/README"), Some(4711), Some(4711)).unwrap();
    for (owner, line) in [
        ("", "0:0"),
        ("owner = \"1000:100\"", "1000:100"),
        ("owner = \"1000\"", "1000:1000"),
        ("owner = \"2097151:2097152\"", "2097151:2097152"),
    ] {
        let image = build(&sandbox, &format!("to = \"/srv/app/\"\n{owner}"));
        for (path, found) in image.listing() {
            assert!(found.ends_with(&format!(" {line}")), "{owner}: {found} {path}");
        }
    }
}

#[test]
fn modes_are_normalised_kept_or_fixed() {
    let sandbox = sandbox_with_app();
    let chmod = |path: &str, mode| fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    chmod("app/README", 0o600);
    chmod("app/bin/run", 0o4711);
    chmod("app/data/big.bin", 0o666);
    chmod("app/data", 0o1770);
    chmod("app/lib/main.py", 0o4755);
    let lines = |image: &crate::support::Unpacked| {
        let paths = ["README", "bin", "bin/run", "data", "data/big.bin", "lib/main.py"];
        paths.map(|path| image.line(&format!("srv/{path}")).replace(" 0:0", "")).join(", ")
    };
    let normal = "f 0644, d 0755, f 0755, d 0755, f 0644, f 0755";
    assert_eq!(lines(&build(&sandbox, "to = \"/srv\"")), normal);
    assert_eq!(lines(&build(&sandbox, "to = \"/srv\"\nmodes = \"normalize\"")), normal);
    let kept = build(&sandbox, "to = \"/srv\"\nmodes = \"keep\"");
    assert_eq!(lines(&kept), "f 0600, d 0755, f 4711, d 1770, f 0666, f 4755");
    let fixed = build(&sandbox, "to = \"/srv\"\nmodes = { file = \"0640\", dir = \"2750\" }");
    assert_eq!(lines(&fixed), "f 0640, d 2750, f 0640, d 2750, f 0640, f 0640");
    let dirs = build(&sandbox, "to = \"/srv\"\nmodes = { dir = \"0700\" }");
    assert_eq!(lines(&dirs), "f 0644, d 0700, f 0755, d 0700, f 0644, f 0755");
    let files = build(&sandbox, "to = \"/srv\"\nmodes = { file = \"0444\" }");
    assert_eq!(lines(&files), "f 0444, d 0755, f 0444, d 0755, f 0444, f 0444");
}

#[test]
fn the_destination_gets_the_mode_of_directories_and_its_parents_do_not() {
    let sandbox = sandbox_with_app();
    let image = build(&sandbox, "to = \"/home/app/.ssh/\"\nmodes = { file = \"0600\", dir = \"0700\" }");
    assert_eq!(image.line("home/app/.ssh"), "d 0700 0:0");
    assert_eq!(image.line("home/app"), "d 0755 0:0");
    fs::set_permissions(sandbox.path("app/lib"), fs::Permissions::from_mode(0o750)).unwrap();
    let image = build(&sandbox, "from = \"lib\"\nto = \"/srv/lib/\"\nmodes = \"keep\"");
    assert_eq!((image.line("srv/lib"), image.line("srv")), ("d 0750 0:0".into(), "d 0755 0:0".into()));
}

#[test]
fn times_are_the_layer_s_or_the_epoch() {
    let sandbox = sandbox_with_app();
    let image = build(&sandbox, "to = \"/srv/\"\nmtime = 1234567890");
    for path in ["srv", "srv/bin/run"] {
        assert_eq!(image.time(path), 1_234_567_890, "{path}");
    }
    assert_eq!(build(&sandbox, "to = \"/srv/\"\nmtime = -1").time("srv/README"), -1);
    assert_eq!(build(&sandbox, "to = \"/srv/\"").time("srv/README"), 0);
}

#[test]
fn a_layer_is_gzip_or_zstd_or_plain() {
    let sandbox = sandbox_with_app();
    // Enough for several blocks, of which some do not shrink.
    let mut noise = 1_u32;
    let bytes: Vec<u8> = (0..3_000_000)
        .map(|at| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at % 1_000_000 < 500_000 { (noise >> 24) as u8 } else { b'a' }
        })
        .collect();
    sandbox.file("app/data/large", &bytes);
    let tree = build(&sandbox, "to = \"/srv/\"").listing();
    let diff_ids = sandbox.config("app")["rootfs"]["diff_ids"].clone();
    for (compression, suffix) in [("gzip", "+gzip"), ("zstd", "+zstd"), ("none", "")] {
        sandbox.file("app.toml", spec(&format!("to = \"/srv/\"\ncompression = \"{compression}\"")));
        sandbox.build(&["app.toml"]);
        let manifest = sandbox.manifest("app");
        let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
        assert_eq!(manifest["layers"][0]["mediaType"], json!(media_type));
        // One tar stream under three coats: skopeo takes the coat off.
        assert_eq!(sandbox.config("app")["rootfs"]["diff_ids"], diff_ids);
        let plain = sandbox.path(&format!("plain-{compression}"));
        skopeo_copy(&sandbox.image("app"), &format!("dir:{}", plain.display()), &["--dest-decompress"]);
        let layer = plain.join(diff_ids[0].as_str().unwrap().strip_prefix("sha256:").unwrap());
        assert_eq!(members(&layer).len(), tree.len(), "{compression}");
    }
}

#[test]
fn equal_layers_are_one_blob() {
    let sandbox = sandbox_with_app();
    let again = "[[layer]]\nname = \"again\"\ncontext = \"app\"\nto = \"/srv/\"\n";
    sandbox.file("app.toml", spec("to = \"/srv/\"") + again);
    sandbox.build(&["app.toml"]);
    let manifest = sandbox.manifest("app");
    assert_eq!(manifest["layers"][0]["digest"], manifest["layers"][1]["digest"]);
    assert_eq!(manifest["layers"][1]["annotations"]["dev.tarsia.layer.name"], "again");
    sandbox.unpack("app");
}

#[test]
fn an_image_needs_no_layers_of_its_own() {
    let sandbox = Sandbox::new();
    sandbox.folder("tree").file("tree/etc/os-release", "ID=x\n").base("base", "tree");
    sandbox.file("app.toml", "name = \"app\"\nbase = \"oci:bases:base\"\n[config]\ncmd = [\"new\"]\n");
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.config("app")["config"]["Cmd"], json!(["new"]));
    assert_eq!(sandbox.unpack("app").paths(), ["etc", "etc/os-release"]);
}
