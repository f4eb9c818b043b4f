//! What `umoci`, `skopeo` and `tar` find in an image.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::tools::tool;
use super::{Run, Sandbox};

/// An image's file system, as `umoci unpack` made it. Only root can give files away, so it needs root.
pub struct Unpacked {
    folder: TempDir,
}

impl Unpacked {
    #[track_caller]
    pub fn of(layout: &Path, name: &str) -> Unpacked {
        let user = fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(user, 0, "owners can be seen in unpacked images by root only: run the tests as root");
        let folder = TempDir::new().unwrap();
        let image = format!("{}:{name}", layout.display());
        tool("umoci", ["unpack".as_ref(), "--image".as_ref(), image.as_ref(), folder.path().join("b").as_os_str()]);
        Unpacked { folder }
    }

    /// Where a path of the image lies.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("b/rootfs").join(path)
    }

    #[track_caller]
    fn metadata(&self, path: &str) -> Metadata {
        fs::symlink_metadata(self.path(path)).unwrap_or_else(|error| panic!("no {path} in the image: {error}"))
    }

    /// What is at a path: `d 1777 0:0`, `f 0644 1000:1000`, `l 0:0 -> usr/lib`, or `-`.
    pub fn line(&self, path: &str) -> String {
        describe(&self.path(path))
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The time of a path in seconds since 1970.
    #[track_caller]
    pub fn time(&self, path: &str) -> i64 {
        self.metadata(path).mtime()
    }

    /// Device and inode: the same for two names of one file.
    #[track_caller]
    pub fn inode(&self, path: &str) -> (u64, u64) {
        let metadata = self.metadata(path);
        (metadata.dev(), metadata.ino())
    }

    /// Every path and what is there; bytes that are no UTF-8 as in `a\xff`.
    pub fn listing(&self) -> BTreeMap<String, String> {
        let root = self.path("");
        let mut all = BTreeMap::new();
        let mut todo = vec![root.clone()];
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
                all.insert(name, describe(&path));
                if fs::symlink_metadata(&path).unwrap().is_dir() {
                    todo.push(path);
                }
            }
        }
        all
    }

    /// The paths of [`Unpacked::listing`].
    pub fn paths(&self) -> Vec<String> {
        self.listing().into_keys().collect()
    }
}

fn describe(path: &Path) -> String {
    let Ok(metadata) = fs::symlink_metadata(path) else { return "-".to_owned() };
    let (mode, owner) = (metadata.mode() & 0o7777, format!("{}:{}", metadata.uid(), metadata.gid()));
    if metadata.is_symlink() {
        return format!("l {owner} -> {}", fs::read_link(path).unwrap().display());
    }
    format!("{} {mode:04o} {owner}", if metadata.is_dir() { "d" } else { "f" })
}

/// An image's manifest or index, as `skopeo` hands it on: `oci:DIR:name`, `docker://host/repo:tag`, …
#[track_caller]
pub fn raw_manifest(image: &str) -> Value {
    serde_json::from_str(&tool("skopeo", ["inspect", "--raw", "--tls-verify=false", image])).unwrap()
}

/// An image's config, byte by byte as it is stored.
#[track_caller]
pub fn raw_config(image: &str) -> Value {
    serde_json::from_str(&tool("skopeo", ["inspect", "--config", "--raw", "--tls-verify=false", image])).unwrap()
}

/// What `skopeo copy` makes of an image somewhere else.
#[track_caller]
pub fn skopeo_copy(from: &str, to: &str, flags: &[&str]) {
    let copy = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
    tool("skopeo", copy.iter().chain(flags).chain(&[from, to]));
}

/// What `tar` lists of a layer's blob, one line a member: `drwxr-xr-x 0/0 0 1970-01-01 00:00:00 etc/`.
#[track_caller]
pub fn members(blob: &Path) -> Vec<String> {
    let listing = ["-tv", "--numeric-owner", "--full-time", "--utc", "--quoting-style=escape", "-f"];
    let lines = tool("tar", listing.iter().map(AsRef::as_ref).chain([blob.as_os_str()]));
    lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What a script of Python's answers, with one argument.
#[track_caller]
pub fn python(script: &str, argument: &Path) -> String {
    let mut python = Command::new("python3")
        .arg("-")
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`python3` cannot be run: {error}"));
    python.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    Run::of(python.wait_with_output().unwrap()).ok().stdout
}

/// How the tests work with the layout `out` of a sandbox.
impl Sandbox {
    /// Builds specs into the layout `out`.
    #[track_caller]
    pub fn build(&self, specs: &[&str]) -> Run {
        self.run(["build"].iter().chain(specs)).ok()
    }

    /// Unpacks an image of the layout `out`.
    #[track_caller]
    pub fn unpack(&self, name: &str) -> Unpacked {
        Unpacked::of(&self.path("out"), name)
    }

    /// How `skopeo` names an image of the layout `out`.
    pub fn image(&self, name: &str) -> String {
        format!("oci:{}:{name}", self.path("out").display())
    }

    /// The manifest of an image in the layout `out`.
    #[track_caller]
    pub fn manifest(&self, name: &str) -> Value {
        raw_manifest(&self.image(name))
    }

    /// The config of an image in the layout `out`.
    #[track_caller]
    pub fn config(&self, name: &str) -> Value {
        raw_config(&self.image(name))
    }

    /// Where the topmost layer of an image in the layout `out` lies.
    #[track_caller]
    pub fn top_layer(&self, name: &str) -> PathBuf {
        let manifest = self.manifest(name);
        let layer = manifest["layers"].as_array().unwrap().last().unwrap();
        self.blob("out", layer["digest"].as_str().unwrap())
    }

    /// Where a blob of a layout lies.
    pub fn blob(&self, layout: &str, digest: &str) -> PathBuf {
        self.path(layout).join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap())
    }
}
