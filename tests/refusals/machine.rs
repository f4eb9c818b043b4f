//! A machine that fails: a full disk, a folder that may not be written, a process that is killed, another one beside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::examples::{assert_whole, examples, push_small, small};
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};
use crate::support::unprivileged::run_unprivileged;
use crate::support::{Run, Sandbox};

/// Bytes that do not compress.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(size).collect()
}

/// A sandbox with an image of three layers of some megabytes in `x.toml`.
fn large(seed: u64) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = "name = \"x\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/x\"\n".to_owned();
    for layer in 0..3 {
        spec += &format!("[[layer]]\nname = \"l{layer}\"\ncontext = \"l{layer}\"\nto = \"/l{layer}/\"\n");
        sandbox.file(&format!("l{layer}/model"), noise(3 << 20, seed + layer));
    }
    sandbox.file("x.toml", spec);
    sandbox
}

fn digest(run: &Run) -> Value {
    run.documents()[0]["digest"].clone()
}

/// Makes sure that everything in the layout at `path` is what its name says, and all that its index names is there.
#[track_caller]
fn assert_layout_is_whole(path: &Path) {
    let blobs = path.join("blobs/sha256");
    let read = |name: &str| fs::read(blobs.join(name));
    for entry in fs::read_dir(&blobs).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert_eq!(digest_of(&read(&name).unwrap()), format!("sha256:{name}"));
    }
    let Ok(index) = fs::read(path.join("index.json")) else { return };
    let named = |document: &[u8]| -> Vec<String> {
        let document: Value = serde_json::from_slice(document).unwrap();
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let all = list("manifests").into_iter().chain(list("layers")).chain([document["config"].clone()]);
        all.filter_map(|descriptor| Some(descriptor["digest"].as_str()?["sha256:".len()..].to_owned())).collect()
    };
    for manifest in named(&index) {
        for blob in named(&read(&manifest).unwrap()) {
            assert!(blobs.join(&blob).exists(), "the layout names {blob} and does not hold it");
        }
    }
}

/// Makes sure that the store holds nothing that is not whole.
#[track_caller]
fn assert_store_is_whole(sandbox: &Sandbox, store: &str) {
    let run = sandbox.run(["cache", "verify", "--cache-dir", store]).ok();
    assert_eq!(run.stdout, "every blob is what its digest says\n");
    let listed = sandbox.run(["cache", "list", "--json", "--cache-dir", store]).ok().documents();
    assert_eq!(listed.len(), sandbox.names(&format!("{store}/layers")).len(), "a record cannot be read");
    for layer in listed {
        assert_eq!(layer["here"], true, "a record names a blob that is not there: {layer}");
        let key = layer["key"].as_str().unwrap();
        assert!(sandbox.path(&format!("{store}/listings/{}", &key["sha256:".len()..])).exists());
    }
}

#[test]
fn a_run_that_is_killed_leaves_nothing_half_written() {
    let sandbox = large(1);
    let golden =
        digest(&sandbox.run(["build", "x.toml", "--json", "--cache-dir", "golden", "-o", "oci:golden-out"]).ok());
    let mut killed = 0;
    for round in 0..20 {
        let mut child =
            sandbox.command(["build", "x.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(5 + 9 * round));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        if sandbox.path("cache/layers").exists() {
            assert_store_is_whole(&sandbox, "cache");
        }
        assert_layout_is_whole(&sandbox.path("out"));
    }
    assert!(killed > 0, "all were done before they could be killed");
    let run = sandbox.run(["build", "x.toml", "--json"]).ok();
    assert_eq!(digest(&run), golden);
    assert_layout_is_whole(&sandbox.path("out"));
    // What the killed ones left is swept up with the next pruning, and what is needed stays.
    sandbox.run(["cache", "prune"]).ok();
    assert_eq!(sandbox.names("cache/temporary"), Vec::<String>::new());
    assert_store_is_whole(&sandbox, "cache");
    assert_eq!(digest(&sandbox.run(["build", "x.toml", "--json"]).ok()), golden);
}

#[test]
fn a_push_that_is_killed_is_finished_by_the_next() {
    let sandbox = small();
    let registry = Registry::start();
    push_small(&sandbox, &registry).ok();
    let before = assert_whole(&registry, "app", "latest");
    sandbox.file("lib/lib.py", "lib = 2\n").file("app/app.py", "app = 2\n");
    // The manifest hangs; all else is there.
    registry.fault(Fault::on(Kind::ManifestPut, Action::Status(503, None)).always());
    registry.clear_log();
    let set = format!("REGISTRY={}", registry.host());
    let mut command = sandbox.command(["push", "app.toml", "--set", &set]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while registry.log().count(Kind::ManifestPut) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(assert_whole(&registry, "app", "latest"), before);

    registry.clear_faults();
    registry.clear_log();
    push_small(&sandbox, &registry).ok();
    assert_ne!(assert_whole(&registry, "app", "latest"), before);
    // The config is small enough to be sent unseen.
    let log = registry.log();
    assert_eq!(
        (log.count(Kind::BlobHead), log.count(Kind::UploadPut), log.count(Kind::ManifestPut)),
        (2, 1, 1),
        "{log}"
    );
}

#[test]
fn two_processes_share_a_store_and_a_layout() {
    let sandbox = examples();
    let build = |round: usize| {
        let (store, output) = (format!("store{round}"), format!("oci:out{round}"));
        sandbox.run(["build", "specs", "--json", "--cache-dir", &store, "-o", &output]).ok()
    };
    let digests = |run: &Run| -> Vec<Value> { run.documents().iter().map(|image| image["digest"].clone()).collect() };
    let golden = digests(&build(0));
    assert_eq!(golden.len(), 3);
    for round in 1..=10 {
        let runs = thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| build(round)));
            both.map(|one| one.join().unwrap())
        });
        for run in &runs {
            assert_eq!(digests(run), golden, "round {round}");
        }
        assert_store_is_whole(&sandbox, &format!("store{round}"));
        assert_eq!(sandbox.names(&format!("store{round}/temporary")), Vec::<String>::new());
        assert_layout_is_whole(&sandbox.path(&format!("out{round}")));
        let [mine, reference] = [round, 0].map(|at| fs::read(sandbox.path(&format!("out{at}/index.json"))).unwrap());
        assert_eq!(mine, reference, "round {round}");
    }
}

#[test]
fn a_layout_that_was_only_begun_is_finished() {
    let sandbox = small();
    for begun in ["out/blobs/sha256", "out/blobs", "out"] {
        let _ = fs::remove_dir_all(sandbox.path("out"));
        sandbox.folder(begun);
        if sandbox.path("out/blobs").exists() {
            sandbox.file("out/blobs/.tarsia-a1b2c3", "{\"imageLayout");
        }
        sandbox.run(["build", "app.toml"]).ok();
        assert_layout_is_whole(&sandbox.path("out"));
    }
    // What is more than begun is somebody's.
    fs::remove_file(sandbox.path("out/oci-layout")).unwrap();
    sandbox.run(["build", "app.toml"]).refused(2, "`out` is not an OCI layout: it is a folder that holds other things");
}

#[test]
fn different_images_go_into_one_layout_at_once() {
    let sandbox = Sandbox::new();
    for image in 0..8 {
        let entry = format!("{{ path = \"/{image}\", text = \"{image}\" }}");
        let spec = format!("name = \"i{image}\"\nbase = \"scratch\"\n[[layer]]\nname = \"l\"\nentries = [{entry}]\n");
        sandbox.file(&format!("{image}.toml"), spec);
    }
    thread::scope(|scope| {
        for image in 0..8 {
            let sandbox = &sandbox;
            scope.spawn(move || sandbox.run(["build", &format!("{image}.toml")]).ok());
        }
    });
    assert_layout_is_whole(&sandbox.path("out"));
    let index: Value = serde_json::from_slice(&fs::read(sandbox.path("out/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 8, "an image was lost");
}

/// A small file system of its own, for as long as it lives.
struct Disk(PathBuf);

impl Disk {
    fn mount(sandbox: &Sandbox, name: &str, options: &str) -> Disk {
        let path = sandbox.folder(name).path(name);
        let mut command = Command::new("mount");
        let output = command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "run the tests as root, where tmpfs may be mounted: {why}");
        Disk(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_nothing_under_a_final_name() {
    let sandbox = large(2);
    let _disk = Disk::mount(&sandbox, "disk", "size=2m");
    let run = sandbox.run(["build", "x.toml", "--cache-dir", "disk/store"]).refused(4, "No space left on device");
    assert!(run.stderr.contains("the layer `l"), "{}", run.stderr);
    assert!(run.stderr.contains("help: make room, for example with `tarsia cache prune`"), "{}", run.stderr);
    for folder in ["blobs/sha256", "layers", "listings", "latest", "temporary"] {
        assert_eq!(sandbox.names(&format!("disk/store/{folder}")), Vec::<String>::new(), "{folder}");
    }
    assert!(!sandbox.path("out").exists());
    // Nor does a push reach the registry with half an image.
    let registry = Registry::start();
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run(["push", "x.toml", "--cache-dir", "disk/store", "--set", &set]).refused(4, "No space left on device");
    assert_eq!(registry.log().count(Kind::ManifestPut), 0);
}

#[test]
fn a_full_disk_leaves_the_output_as_it_was() {
    let sandbox = large(3);
    sandbox.file("y.toml", "name = \"y\"\nbase = \"scratch\"\n");
    for output in ["oci:disk/out", "oci-archive:disk/out", "docker-archive:disk/out"] {
        let disk = Disk::mount(&sandbox, "disk", "size=2m");
        sandbox.run(["build", "y.toml", "-o", output]).ok();
        let before = sandbox.tree("disk");
        let index =
            fs::read(sandbox.path("disk/out/index.json")).or_else(|_| fs::read(sandbox.path("disk/out"))).unwrap();
        let run = sandbox.run(["build", "x.toml", "-o", output]).refused(4, "No space left on device");
        assert!(run.stderr.contains("disk/out"), "{}", run.stderr);
        assert_eq!(sandbox.tree("disk"), before, "{output}");
        let after =
            fs::read(sandbox.path("disk/out/index.json")).or_else(|_| fs::read(sandbox.path("disk/out"))).unwrap();
        assert_eq!(after, index, "{output}");
        drop(disk);
    }
}

#[test]
fn a_disk_without_room_for_files_is_full() {
    let sandbox = large(4);
    let _disk = Disk::mount(&sandbox, "disk", "nr_inodes=12");
    sandbox.run(["build", "x.toml", "--cache-dir", "disk/store"]).refused(4, "No space left on device");
}

#[test]
fn a_store_that_may_not_be_written_is_named_with_the_way_out() {
    let sandbox = small();
    let arguments = ["build", "app.toml", "-o", "oci:cache/out", "--cache-dir", "shut"];
    sandbox.folder("shut");
    fs::set_permissions(sandbox.path("shut"), fs::Permissions::from_mode(0o555)).unwrap();
    let run = run_unprivileged(&sandbox, &arguments).refused(4, "failed to make the folder `shut/blobs/sha256`");
    assert!(run.stderr.contains("help: name a writable folder with --cache-dir or TARSIA_CACHE_DIR"), "{}", run.stderr);
    // The same of one that was written before, by somebody else.
    fs::set_permissions(sandbox.path("shut"), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.run(["build", "app.toml", "-o", "oci:elsewhere", "--cache-dir", "shut"]).ok();
    sandbox.file("app/app.py", "app = 2\n");
    for folder in ["shut/temporary", "shut/blobs/sha256", "shut"] {
        fs::set_permissions(sandbox.path(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    fs::set_permissions(sandbox.path("shut/lock"), fs::Permissions::from_mode(0o444)).unwrap();
    let run = run_unprivileged(&sandbox, &arguments).refused(4, "Permission denied");
    assert!(run.stderr.contains("help: name a writable folder with --cache-dir or TARSIA_CACHE_DIR"), "{}", run.stderr);
    for folder in ["shut", "shut/temporary", "shut/blobs/sha256"] {
        fs::set_permissions(sandbox.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
    sandbox.file("file", "");
    sandbox
        .run(["build", "app.toml", "--cache-dir", "file"])
        .refused(4, "failed to make the folder `file/blobs/sha256`");
}

#[test]
fn an_output_that_may_not_be_written_is_named() {
    let sandbox = small();
    sandbox.folder("shut");
    fs::set_permissions(sandbox.path("shut"), fs::Permissions::from_mode(0o555)).unwrap();
    for output in ["oci:shut", "oci:shut/deep/out", "oci-archive:shut/x.tar", "docker-archive:shut/x.tar"] {
        let run = run_unprivileged(&sandbox, &["build", "app.toml", "-o", output]).refused(4, "Permission denied");
        assert!(run.stderr.contains("shut"), "{}", run.stderr);
    }
    assert_eq!(sandbox.names("shut"), Vec::<String>::new());
}

#[test]
fn a_damaged_blob_in_the_store_is_found_and_made_anew() {
    let sandbox = small();
    let registry = Registry::start();
    let golden = digest(&sandbox.run(["build", "app.toml", "--json"]).ok());
    let damage = |change: &dyn Fn(&mut Vec<u8>)| {
        for name in sandbox.names("cache/blobs/sha256") {
            let path = sandbox.path("cache/blobs/sha256").join(name);
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
    };
    // Cut short, as by a crash of the whole machine: not believed.
    damage(&|bytes| bytes.truncate(bytes.len() / 2));
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    assert_eq!(digest(&sandbox.run(["build", "app.toml", "--json"]).ok()), golden);
    assert_layout_is_whole(&sandbox.path("out"));
    // Damaged in place: a registry does not take it, and `cache verify` finds it.
    damage(&|bytes| *bytes.last_mut().unwrap() ^= 1);
    let run = push_small(&sandbox, &registry).refused(3, "400 DIGEST_INVALID");
    assert!(run.stderr.contains("try `tarsia cache verify`"), "{}", run.stderr);
    assert_eq!(registry.tags("app"), Vec::<String>::new());
    let found = sandbox.run(["cache", "verify"]);
    assert_eq!(found.code, 1, "the answer is no");
    let found = found.stdout;
    assert_eq!(found.lines().filter(|line| line.starts_with("removed ")).count(), 2, "{found}");
    push_small(&sandbox, &registry).ok();
    assert_eq!(*assert_whole(&registry, "app", "latest"), golden);
}

#[test]
fn a_damaged_blob_is_not_handed_on() {
    let sandbox = small();
    sandbox.run(["build", "app.toml", "-o", "first"]).ok();
    let blobs = sandbox.path("cache/blobs/sha256");
    for blob in fs::read_dir(&blobs).unwrap() {
        let path = blob.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[12] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let run = sandbox.run(["build", "app.toml", "-o", "second"]).refused(4, "was damaged");
    assert!(run.stderr.contains("run again"), "{}", run.stderr);
    // Each run removes one and says so; then all are made anew.
    while sandbox.run(["build", "app.toml", "-o", "second"]).code == 4 {}
    sandbox.run(["build", "app.toml", "-o", "second"]).ok();
    assert_eq!(sandbox.tree("first"), sandbox.tree("second"));
}

#[test]
fn what_was_written_but_not_printed_is_no_success() {
    let sandbox = small();
    for arguments in [&["build", "app.toml", "--json"][..], &["schema"], &["cache", "list"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = sandbox.command(arguments).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
    }
}
