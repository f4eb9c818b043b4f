//! Real bases: a small Debian with a merged `/usr`, and one with a Python as docker's images of it have it, each made by
//! `mmdebstrap` once and kept beside what cargo builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::images::HandMade;
use super::registry::digest_of;
use super::tools::tool;

/// What no test looks at, and most of the size.
const UNUSED: &str = "rm -rf \"$1\"/usr/bin/perl* \"$1\"/usr/share/perl* \"$1\"/usr/lib/*/*perl* \"$1\"/usr/lib/*/gconv \
                      \"$1\"/usr/share/doc \"$1\"/usr/share/info \"$1\"/usr/share/locale \"$1\"/usr/share/man";

/// A user `app` (1000) whose home is his alone.
const USER: &str = "echo app:x:1000:1000::/home/app:/bin/sh >>\"$1/etc/passwd\" && echo app:x:1000: >>\"$1/etc/group\" && \
                    mkdir -m 0700 \"$1/home/app\" && chown 1000:1000 \"$1/home/app\"";

/// Debian's Python at the place and with the paths that Python itself has: below `/usr/local`, packages in
/// `site-packages`. What Debian changed is undone where it can be: its `site` is compiled into the interpreter.
const PYTHON: &str = "cd \"$1\"/usr && rm -r local/lib/python3.11 && mv bin/python3.11 local/bin/ && \
                      mv lib/python3.11 local/lib/ && rm -f bin/python3* && ln -s python3.11 local/bin/python3 && \
                      cd local/lib/python3.11 && mkdir site-packages && rm sitecustomize.py && \
                      echo \"import site; site.addsitedir('/usr/local/lib/python3.11/site-packages')\" >sitecustomize.py && \
                      sed -i \"s/= 'posix_local'/= 'posix_prefix'/\" sysconfig.py && \
                      find . -name __pycache__ -prune -exec rm -r {} +";

/// Debian's essential packages with these others, once these hooks have changed them. Whatever changes here has to change
/// the file's name.
#[track_caller]
fn tarball(name: &str, packages: &[&str], hooks: &[&str]) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let profile = Path::new(env!("CARGO_BIN_EXE_tarsia")).parent().unwrap();
    let file = profile.parent().unwrap().join(name);
    if !file.exists() {
        let new = file.with_extension(format!("{}.tar", std::process::id()));
        let flags = ["--quiet", "--variant=essential"].map(str::to_owned).into_iter();
        let packages = packages.iter().map(|package| format!("--include={package}"));
        let hooks = hooks.iter().map(|hook| format!("--customize-hook={hook}"));
        let last = ["bookworm".to_owned(), new.to_str().unwrap().to_owned()];
        tool("mmdebstrap", flags.chain(packages).chain(hooks).chain(last));
        fs::rename(new, &file).unwrap();
    }
    file
}

/// The base as an image of one layer, which is not compressed.
#[track_caller]
pub fn base() -> HandMade {
    image(&tarball("debian-bookworm.tar", &[], &[USER, UNUSED]))
}

/// The file system of [`python`].
#[track_caller]
pub fn python_tarball() -> PathBuf {
    tarball("debian-bookworm-python.tar", &["python3", "libstdc++6"], &[PYTHON, UNUSED])
}

/// The base with CPython 3.11 as `/usr/local/bin/python3.11`.
#[track_caller]
pub fn python() -> HandMade {
    let mut image = image(&python_tarball());
    image.config["config"]["Env"] = serde_json::json!([
        "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHON_VERSION=3.11.2"
    ]);
    image
}

fn image(tarball: &Path) -> HandMade {
    let tar = fs::read(tarball).unwrap();
    let diff_id = digest_of(&tar);
    let mut image = HandMade::new().blob("application/vnd.oci.image.layer.v1.tar", tar, &diff_id);
    image.config["architecture"] = architecture().into();
    image
}

/// This machine's architecture, as images name it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
