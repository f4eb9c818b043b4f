//! A real base: a small Debian with a merged `/usr`, made by `mmdebstrap` once and kept beside what cargo builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::images::HandMade;
use super::registry::digest_of;
use super::tools::tool;

/// Whatever changes here has to change the file's name.
const NAME: &str = "debian-bookworm.tar";

/// The file system of the base: Debian's essential packages, and a user `app` (1000) whose home is his alone.
#[track_caller]
fn tarball() -> &'static Path {
    static TARBALL: OnceLock<PathBuf> = OnceLock::new();
    TARBALL.get_or_init(|| {
        let profile = Path::new(env!("CARGO_BIN_EXE_tarsia")).parent().unwrap();
        let file = profile.parent().unwrap().join(NAME);
        if !file.exists() {
            let new = file.with_extension(format!("{}.tar", std::process::id()));
            let flags = ["--quiet", "--variant=essential"].map(str::to_owned).into_iter();
            let hooks = [
                "echo app:x:1000:1000::/home/app:/bin/sh >>\"$1/etc/passwd\"",
                "echo app:x:1000: >>\"$1/etc/group\"",
                "mkdir -m 0700 \"$1/home/app\" && chown 1000:1000 \"$1/home/app\"",
                // Most of its size, and nothing that a test looks at.
                "rm -rf \"$1\"/usr/bin/perl* \"$1\"/usr/share/perl* \"$1\"/usr/lib/*/*perl* \"$1\"/usr/lib/*/gconv",
                "rm -rf \"$1\"/usr/share/doc \"$1\"/usr/share/info \"$1\"/usr/share/locale \"$1\"/usr/share/man",
            ];
            let hooks = hooks.map(|hook| format!("--customize-hook={hook}"));
            let last = ["bookworm".to_owned(), new.to_str().unwrap().to_owned()];
            tool("mmdebstrap", flags.chain(hooks).chain(last));
            fs::rename(new, &file).unwrap();
        }
        file
    })
}

/// The base as an image of one layer, which is not compressed.
#[track_caller]
pub fn base() -> HandMade {
    let tar = fs::read(tarball()).unwrap();
    let diff_id = digest_of(&tar);
    let mut image = HandMade::new().blob("application/vnd.oci.image.layer.v1.tar", tar, &diff_id);
    image.config["architecture"] = architecture().into();
    image
}

/// This machine's architecture, as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
