//! Contexts that are not there, hold what no layer can hold, or change while they are read.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tarsia::build::{self, Layers, Options};
use tarsia::events::Events;
use tarsia::registry::Settings;
use tarsia::spec::{Variables, load};
use tarsia::{Class, Workshop};

use crate::support::images::HandMade;
use crate::support::registry::Registry;
use crate::support::unprivileged::run_unprivileged;
use crate::support::{Run, Sandbox};

const SPEC: &str = "name = \"x\"\nbase = \"scratch\"\n[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("x.toml", SPEC).file("pkg/a.py", "a = 1\n");
    sandbox
}

fn build(sandbox: &Sandbox) -> Run {
    sandbox.run(["build", "x.toml", "--json"])
}

#[test]
fn a_context_is_a_directory_that_exists() {
    let sandbox = sandbox();
    fs::rename(sandbox.path("pkg"), sandbox.path("elsewhere")).unwrap();
    let run = build(&sandbox).refused(2, "the context `pkg` does not exist");
    assert!(run.stderr.contains("the layer `l` of the image `x`"), "{}", run.stderr);
    assert!(
        run.stderr.contains("help: paths in a spec are relative to its folder, those of flags to the current one"),
        "{}",
        run.stderr
    );
    sandbox.file("pkg", "a file");
    build(&sandbox).refused(2, "the context `pkg` is not a directory");
    sandbox.file("x.toml", SPEC.replace("context = \"pkg\"", "context = \"\"")).file("a.py", "");
    build(&sandbox).refused(2, "x.toml:5:11: a context is a directory, and this names none");
}

#[test]
fn what_is_taken_from_a_context_is_in_it() {
    let sandbox = sandbox();
    sandbox.file("x.toml", format!("{SPEC}from = \"src\"\n"));
    build(&sandbox).refused(2, "`src` does not exist in the context `pkg`, or its ignore rules leave it out");
    sandbox.file("pkg/src/b.py", "").file("pkg/.dockerignore", "src\n");
    build(&sandbox).refused(2, "`src` does not exist in the context `pkg`, or its ignore rules leave it out");
    sandbox.file("pkg/.dockerignore", "").file("secret/key", "");
    fs::remove_dir_all(sandbox.path("pkg/src")).unwrap();
    sandbox.link("pkg/src", "../secret");
    // A link out of the context is no way to what lies there, whatever part of the path it is.
    build(&sandbox).refused(2, "`src` in the context `pkg` is a link, or lies behind one, that leads out of it");
    sandbox.file("x.toml", format!("{SPEC}from = \"src/key\"\n"));
    build(&sandbox).refused(2, "`src/key` in the context `pkg` is a link, or lies behind one, that leads out of it");
    sandbox.file("pkg/v2/key", "").link("pkg/current", "v2");
    sandbox.file("x.toml", format!("{SPEC}from = \"current/key\"\n"));
    build(&sandbox).ok();
}

#[test]
fn sockets_and_fifos_are_errors_that_name_the_file() {
    let sandbox = sandbox();
    let help = "help: remove it, or name it in the ignore file or in `exclude`";
    assert!(Command::new("mkfifo").arg(sandbox.path("pkg/pipe")).status().unwrap().success());
    let run = build(&sandbox).refused(2, "`pkg/pipe` is a FIFO, which a layer cannot hold");
    assert!(run.stderr.contains(help), "{}", run.stderr);
    fs::remove_file(sandbox.path("pkg/pipe")).unwrap();
    let _socket = UnixListener::bind(sandbox.path("pkg/socket")).unwrap();
    let run = build(&sandbox).refused(2, "`pkg/socket` is a socket, which a layer cannot hold");
    assert!(run.stderr.contains(help), "{}", run.stderr);
    // What is ignored is nobody's concern.
    sandbox.file("pkg/.dockerignore", "socket\n");
    build(&sandbox).ok();
}

/// What is wrong with the user's files is told at once, whatever the registries do: they are asked beside.
#[test]
fn a_registry_that_never_answers_delays_no_error() {
    let (silent, good) = (TcpListener::bind("127.0.0.1:0").unwrap(), Registry::start());
    HandMade::small().put(&good, "base", "1");
    for base in ["scratch".to_owned(), format!("{}/base:1", good.host())] {
        let sandbox = sandbox();
        sandbox.file("x.toml", SPEC.replace("scratch", &base));
        assert!(Command::new("mkfifo").arg(sandbox.path("pkg/pipe")).status().unwrap().success());
        let to = format!("{}/x", silent.local_addr().unwrap());
        let begun = Instant::now();
        sandbox.run(["push", "x.toml", "--to", &to]).refused(2, "`pkg/pipe` is a FIFO, which a layer cannot hold");
        // A registry that is silent is given up after a minute.
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        if base == "scratch" {
            silent.set_nonblocking(true).unwrap();
            assert!(silent.accept().is_err(), "somebody was asked though nothing could come of it");
        }
    }
}

#[test]
fn names_of_whiteouts_are_errors_that_name_the_file() {
    for name in [".wh.x", ".wh..wh..opq", "deep/.wh.x", ".wh.folder/file"] {
        let sandbox = sandbox();
        sandbox.file(&format!("pkg/{name}"), "");
        let named = name.strip_suffix("/file").unwrap_or(name);
        build(&sandbox).refused(2, &format!("`pkg/{named}` is named like a whiteout"));
        sandbox.file("pkg/.dockerignore", "**/.wh.*\n");
        build(&sandbox).ok();
    }
}

#[test]
fn a_malformed_ignore_file_is_named_with_its_line() {
    let sandbox = sandbox();
    let refused = |text: &[u8], words: &str| {
        sandbox.file("pkg/.dockerignore", text);
        let run = build(&sandbox).refused(2, words);
        assert!(run.stderr.contains("help: the notation is docker's: https://"), "{}", run.stderr);
    };
    refused(b"ok\n\n[z-\n", "`pkg/.dockerignore`, line 3: the ignore pattern `[z-` is malformed");
    refused(b"# why\n!\n", "`pkg/.dockerignore`, line 2: the ignore pattern `!` is malformed");
    let long = [b"a\n".as_slice(), &vec![b'x'; 65536]].concat();
    refused(&long, "`pkg/.dockerignore`, line 2: the ignore pattern");
    fs::remove_file(sandbox.path("pkg/.dockerignore")).unwrap();
    sandbox.folder("pkg/.dockerignore");
    build(&sandbox).refused(2, "failed to read `pkg/.dockerignore`");
}

#[test]
fn what_may_not_be_read_is_the_machines_fault() {
    let set = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let arguments = ["build", "x.toml", "-o", "oci:cache/out"];
    for (name, shut, words) in [
        ("pkg/secret", "pkg/secret", "failed to open `pkg/secret`"),
        ("pkg/vault/key", "pkg/vault", "failed to read the directory `pkg/vault`"),
        ("pkg/.dockerignore", "pkg/.dockerignore", "failed to read `pkg/.dockerignore`"),
        ("pkg/b", "pkg", "failed to read"),
        ("x.toml", "x.toml", "failed to read the spec `x.toml`"),
    ] {
        let sandbox = sandbox();
        sandbox.file(name, SPEC.split('\n').next().unwrap()).file("x.toml", SPEC);
        set(sandbox.path(shut), 0);
        let run = run_unprivileged(&sandbox, &arguments).refused(4, words);
        assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
        assert!(!sandbox.path("cache/out").exists());
        set(sandbox.path(shut), 0o755);
    }
    // What is ignored need not be readable.
    let sandbox = sandbox();
    sandbox.file("pkg/vault/key", "").file("pkg/secret", "").file("pkg/.dockerignore", "vault\nsecret\n");
    set(sandbox.path("pkg/vault"), 0);
    set(sandbox.path("pkg/secret"), 0);
    run_unprivileged(&sandbox, &arguments).ok();
    set(sandbox.path("pkg/vault"), 0o755);
    assert!(sandbox.path("cache/out/index.json").exists());
}

/// Scans `x.toml` of the sandbox, lets `change` happen, and assembles.
fn change_between_scan_and_assembly(change: impl FnOnce(&Path)) -> Result<(), tarsia::Error> {
    let sandbox = sandbox();
    let file = sandbox.path("pkg/large");
    sandbox.file("pkg/large", vec![7; 3 << 20]);
    // Old enough for its times to be believed.
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    let settings = Settings { offline: true, ..Settings::default() };
    let workshop = Workshop::open(&sandbox.path("cache"), 2, settings, Events::silent()).unwrap();
    let workspace = load(&[sandbox.path("x.toml")], &Variables::default()).unwrap();
    let prepared = build::prepare(&workshop, &workspace, &Options::default()).unwrap();
    change(&file);
    let result = build::assemble(&workshop, &prepared, &Layers::new(), &|_| true);
    let left: usize = ["blobs/sha256", "layers", "temporary"]
        .map(|folder| sandbox.names(&format!("cache/{folder}")).len())
        .iter()
        .sum();
    assert_eq!(left == 0, result.is_err(), "a failed run left something in the store");
    result
}

#[test]
fn a_file_that_is_not_what_was_scanned_is_refused() {
    let write = |path: &Path, at: u64, bytes: &[u8]| {
        let mut file = File::options().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    change_between_scan_and_assembly(|_| {}).unwrap();
    type Change<'a> = &'a dyn Fn(&Path);
    let changes: [(&str, Change<'_>); 8] = [
        ("grown", &|path| write(path, 3 << 20, b"more")),
        ("shortened", &|path| File::options().write(true).open(path).unwrap().set_len(1 << 20).unwrap()),
        ("written in place", &|path| write(path, 2 << 20, b"x")),
        ("written in place, its time set back", &|path| {
            let before = fs::metadata(path).unwrap().modified().unwrap();
            write(path, 2 << 20, b"x");
            File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
        }),
        ("removed", &|path| fs::remove_file(path).unwrap()),
        ("replaced", &|path| {
            fs::write(path.with_extension("new"), vec![8; 3 << 20]).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("replaced by a link", &|path| {
            fs::rename(path, path.with_extension("old")).unwrap();
            std::os::unix::fs::symlink("large.old", path).unwrap();
        }),
        ("replaced by a FIFO", &|path| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    for (name, change) in changes {
        let error = change_between_scan_and_assembly(change).expect_err(name);
        assert_eq!(error.class(), Class::Input, "{name}: {error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.ends_with("pkg/large` changed while it was read"), "{name}: {cause}");
        assert_eq!(error.help().as_deref(), Some("run again when nothing writes to the context"), "{name}");
    }
}

#[test]
fn a_file_that_is_written_to_all_the_time_never_gives_a_wrong_layer() {
    let sandbox = sandbox();
    sandbox.file("pkg/large", vec![0; 4 << 20]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().write(true).open(sandbox.path("pkg/large")).unwrap();
            for round in 1u64.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                for at in (0..4 << 20).step_by(64 << 10) {
                    file.seek(SeekFrom::Start(at)).unwrap();
                    file.write_all(&round.to_le_bytes()).unwrap();
                }
            }
        });
        for _ in 0..10 {
            let run = build(&sandbox);
            if run.code == 0 {
                // It may have slipped through a pause of the writer; then the layer is what its key says.
                assert_layer_matches_key(&sandbox, &run);
                fs::remove_dir_all(sandbox.path("out")).unwrap();
            } else {
                run.refused(2, "`pkg/large` changed while it was read");
                assert!(!sandbox.path("out").exists());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let run = build(&sandbox).ok();
    assert_layer_matches_key(&sandbox, &run);
}

/// Unpacks the layer and builds it again from what was in it: key and digest have to be the same.
#[track_caller]
fn assert_layer_matches_key(sandbox: &Sandbox, run: &Run) {
    let document = run.documents().remove(0);
    let digest = document["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let blob = File::open(sandbox.path("out/blobs/sha256").join(digest)).unwrap();
    let again = Sandbox::new();
    again.file("x.toml", SPEC.replace("\"pkg\"", "\"root/app\"")).folder("root");
    tar::Archive::new(flate2::read::GzDecoder::new(blob)).unpack(again.path("root")).unwrap();
    assert_eq!(build(&again).ok().documents()[0]["layers"], document["layers"]);
}

#[test]
fn an_output_in_a_context_is_refused_unless_it_is_ignored() {
    let sandbox = sandbox();
    let spec = SPEC.replace("context = \"pkg\"", "context = \".\"");
    sandbox.file("x.toml", &spec).file("pkg/a", "");
    let run = sandbox.run(["build", "x.toml"]).refused(2, "where this run writes, lies in the context");
    assert!(run.stderr.contains("in the ignore file or in `exclude`"), "{}", run.stderr);
    sandbox.file(".dockerignore", "out\ncache\nhome\n");
    let first = sandbox.run(["build", "x.toml", "--json"]).ok().documents();
    assert_eq!(sandbox.run(["build", "x.toml", "--json"]).ok().documents()[0]["digest"], first[0]["digest"]);
}

#[test]
fn an_ignore_file_that_is_no_file_is_not_waited_for() {
    let sandbox = sandbox();
    sandbox.file("x.toml", SPEC).file("pkg/a", "");
    let status = std::process::Command::new("mkfifo").arg(sandbox.path("pkg/.dockerignore")).status().unwrap();
    assert!(status.success());
    sandbox.run(["build", "x.toml"]).refused(2, "it is no regular file");
}
