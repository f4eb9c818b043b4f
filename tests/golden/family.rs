//! The three example images, whatever the machine around them does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::sandbox::repository;
use crate::support::{Run, Sandbox};

const GOLDEN: [(&str, &str); 3] = [
    ("base", "sha256:22c5205f43e739a99cef2003830efdedeb8a7dc1a4fe0eb483e66ace4f30c39a"),
    ("receipt-dynamo", "sha256:57d1c9a803dfad15f5e4a907416830af9a4e4a8c44e08cd6c2070086da8d45fc"),
    ("receipt-label", "sha256:a027c0cde58fb463c7d67cb7fdf569d26d30c6526792c4111b894fe00b261332"),
];

fn golden() -> BTreeMap<String, String> {
    GOLDEN.iter().map(|(name, digest)| (name.to_string(), digest.to_string())).collect()
}

/// Builds `specs` of a folder and returns the digest of each image.
#[track_caller]
fn build(sandbox: &Sandbox, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> BTreeMap<String, String> {
    let mut command = sandbox.command(["build", "specs", "--json", "-o", "oci:out"]);
    command.args(arguments);
    prepare(&mut command);
    let run = Run::of(command.output().unwrap()).ok();
    run.documents().iter().map(|d| (d["name"].as_str().unwrap().into(), d["digest"].as_str().unwrap().into())).collect()
}

fn shell(script: &str, folder: &Path) {
    let status = Command::new("sh").arg("-c").arg(script).current_dir(folder).status().unwrap();
    assert!(status.success(), "{script}");
}

/// A checkout of the examples in a folder of its own, made under this umask.
fn checkout(umask: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let from = repository().display();
    shell(&format!("umask {umask} && cp -R {from}/specs {from}/layers ."), &sandbox.path(""));
    sandbox
}

#[test]
fn the_examples_have_their_digests() {
    let sandbox = checkout("022");
    assert_eq!(build(&sandbox, &[], |_| {}), golden());
    assert_eq!(build(&sandbox, &[], |_| {}), golden(), "from a warm cache");
    assert_eq!(build(&sandbox, &["--no-cache"], |_| {}), golden(), "assembled anew");
}

#[test]
fn another_folder_and_another_umask_give_the_same_bytes() {
    let sandbox = checkout("077");
    let private = fs::metadata(sandbox.path("layers/receipt_label/handler.py")).unwrap().permissions().mode();
    assert_eq!(private & 0o777, 0o600, "the checkout was to be private");
    assert_eq!(build(&sandbox, &[], |_| {}), golden());
    let run = Command::new("sh")
        .args([
            "-c",
            "umask 077 && exec \"$0\" build specs --json -o oci:other --no-cache",
            env!("CARGO_BIN_EXE_tarsia"),
        ])
        .current_dir(sandbox.path(""))
        .env("TARSIA_CACHE_DIR", sandbox.path("cache-077"))
        .output()
        .unwrap();
    let digests: Vec<String> =
        Run::of(run).ok().documents().iter().map(|document| document["digest"].as_str().unwrap().to_owned()).collect();
    assert_eq!(digests, golden().into_values().collect::<Vec<_>>());
}

#[test]
fn neither_the_order_of_directories_nor_times_reach_the_bytes() {
    let original = checkout("022");
    let sandbox = Sandbox::new();
    // Files are made in another order than they sort in, so that directories list them in another order.
    let mut paths = original.tree("");
    paths.sort_by_key(|path| tarsia::digest::Digest::of(path.as_bytes()));
    for (number, path) in paths.iter().enumerate() {
        let (from, to) = (original.path(path), sandbox.path(path));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let metadata = fs::symlink_metadata(&from).unwrap();
        if metadata.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if metadata.is_dir() {
            fs::create_dir_all(&to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number as u64 * 86_399);
            fs::File::options().append(true).open(&to).unwrap().set_modified(time).unwrap();
        }
    }
    assert_eq!(build(&sandbox, &[], |_| {}), golden());
}

#[test]
fn neither_threads_nor_locale_nor_time_zone_reach_the_bytes() {
    for jobs in ["1", "8"] {
        let sandbox = checkout("022");
        assert_eq!(build(&sandbox, &["--jobs", jobs], |_| {}), golden(), "{jobs} jobs");
    }
    let sandbox = checkout("022");
    let elsewhere = build(&sandbox, &[], |command| {
        command.env("TZ", "Pacific/Kiritimati").env("LC_ALL", "tr_TR.UTF-8").env("LANG", "ja_JP.UTF-8");
    });
    assert_eq!(elsewhere, golden());
}

#[test]
fn the_epoch_does_reach_the_bytes() {
    let sandbox = checkout("022");
    let flag = build(&sandbox, &["--epoch", "1700000000"], |_| {});
    assert_ne!(flag, golden());
    let environment = build(&sandbox, &["--no-cache"], |command| {
        command.env("SOURCE_DATE_EPOCH", "1700000000");
    });
    assert_eq!(environment, flag);
}
