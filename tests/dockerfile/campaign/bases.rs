//! The images that the pairs build on, made here: small root file systems of hand-written layers.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::archive::{Member, tar};

/// A base: its layers and its config.
pub struct Base {
    pub name: &'static str,
    layers: Vec<Vec<u8>>,
    config: Value,
    architecture: &'static str,
}

/// The bases in a folder: one layout with all of them, and a docker archive of each.
pub struct Bases {
    folder: PathBuf,
    /// Name and manifest digest of each.
    pub images: Vec<(&'static str, String)>,
}

/// What stands in for a shell where nothing is run.
pub const NO_SHELL: &[u8] = b"no shell\n";

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
app:x:1000:1000:App,,,:/home/app:/bin/sh
builder:x:1001:100::/home/builder:/bin/sh
loner:x:2000:2001::/nonexistent:/bin/false
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
www-data:x:33:app
staff:x:50:app,builder
users:x:100:
app:x:1000:
";

/// A root file system as Debian lays it out, in small.
fn debian() -> Vec<Member> {
    let directories: &[(&str, u32, u64, u64)] = &[
        ("usr", 0o755, 0, 0),
        ("usr/bin", 0o755, 0, 0),
        ("usr/lib", 0o755, 0, 0),
        ("usr/lib/sub", 0o2755, 0, 50),
        ("usr/sbin", 0o755, 0, 0),
        ("usr/local", 0o755, 0, 0),
        ("usr/local/bin", 0o2775, 0, 50),
        ("dev", 0o755, 0, 0),
        ("proc", 0o555, 0, 0),
        ("sys", 0o555, 0, 0),
        ("etc", 0o755, 0, 0),
        ("tmp", 0o1777, 0, 0),
        ("root", 0o700, 0, 0),
        ("home", 0o755, 0, 0),
        ("home/app", 0o700, 1000, 1000),
        ("home/builder", 0o750, 1001, 100),
        ("run", 0o755, 0, 0),
        ("opt", 0o755, 0, 0),
        ("srv", 0o755, 0, 0),
        ("srv/v1", 0o711, 33, 33),
        ("srv/v1/empty", 0o500, 5, 6),
        ("srv/dir", 0o750, 5, 6),
        ("srv/dir/sub", 0o700, 7, 8),
        ("srv/taken", 0o755, 0, 0),
        ("srv/taken/a.txt", 0o755, 0, 0),
        ("var", 0o755, 0, 0),
        ("var/mail", 0o2775, 8, 8),
        ("var/task", 0o755, 993, 990),
    ];
    let files: &[(&str, u32, u64, u64, &str)] = &[
        ("etc/passwd", 0o644, 0, 0, PASSWD),
        ("etc/group", 0o644, 0, 0, GROUP),
        ("etc/shadow", 0o640, 0, 42, "root:*:::::::\n"),
        ("etc/hostname", 0o644, 0, 0, ""),
        ("etc/hosts", 0o644, 0, 0, ""),
        ("etc/resolv.conf", 0o644, 0, 0, ""),
        ("usr/bin/su", 0o4755, 0, 0, "su\n"),
        ("usr/lib/libc.so", 0o644, 0, 0, "libc\n"),
        ("home/app/.profile", 0o600, 1000, 1000, "profile\n"),
        ("srv/v1/file", 0o640, 33, 33, "one\n"),
        ("srv/dir/x", 0o600, 5, 6, "the base's x\n"),
        ("srv/dir/own", 0o604, 5, 6, "own\n"),
        ("srv/plain", 0o606, 9, 9, "plain\n"),
        ("srv/taken/dir", 0o640, 0, 0, "a file named dir\n"),
        ("var/task/handler.py", 0o644, 993, 990, "handler\n"),
    ];
    let links: &[(&str, &str)] = &[
        ("bin", "usr/bin"),
        ("lib", "usr/lib"),
        ("sbin", "usr/sbin"),
        ("var/run", "/run"),
        ("opt/current", "../srv/v1"),
        ("opt/absolute", "/srv/v1"),
        ("opt/chain", "current"),
        ("opt/longchain", "/opt/chain"),
        ("opt/up", "../../../../srv"),
        ("opt/dangling", "/nowhere/there"),
        ("opt/danglingfile", "missing"),
        ("opt/file", "../srv/v1/file"),
        ("opt/loop", "loop"),
        ("opt/root", "/"),
        ("srv/taken/link", "../v1"),
        ("srv/dir/y.md", "../plain"),
        ("srv/lib", "/lib"),
    ];
    let mut members: Vec<Member> = Vec::new();
    members.extend(directories.iter().map(|(path, mode, uid, gid)| Member::directory(path, *mode).owned(*uid, *gid)));
    members.extend(
        files.iter().map(|(path, mode, uid, gid, text)| Member::file(path, *mode, text.as_bytes()).owned(*uid, *gid)),
    );
    members.extend(links.iter().map(|(path, target)| Member::link(path, target)));
    let twin = Member::file("srv/v1/twin", 0o640, b"twin\n").owned(33, 33);
    let second = Member::same("srv/v1/twin-too", &twin);
    members.extend([twin, second]);
    members
}

/// The layer with a shell: busybox, and the commands that the pairs run.
fn shell(busybox: &[u8]) -> Vec<Member> {
    let mut members = vec![Member::file("usr/bin/busybox", 0o755, busybox)];
    let commands = ["sh", "mkdir", "chmod", "chown", "touch", "ln", "rm", "echo", "true"];
    members.extend(commands.iter().map(|command| Member::link(&format!("usr/bin/{command}"), "busybox")));
    members
}

/// Every base; with a busybox whose programs run, or with [`NO_SHELL`].
pub fn bases(busybox: &[u8]) -> Vec<Base> {
    let debian = tar(&debian());
    let base = |name, layers, config| Base { name, layers, config, architecture: "amd64" };
    let small = |text: &str| tar(&[Member::directory("etc", 0o755), Member::file("etc/name", 0o644, text.as_bytes())]);
    vec![
        base(
            "base",
            vec![debian.clone()],
            json!({"Env": [PATH, "ROOT=/srv", "LAMBDA_TASK_ROOT=/var/task", "NAME=from-base", "EMPTY="]}),
        ),
        base(
            "rich",
            vec![debian.clone()],
            json!({
                "Env": [PATH, "NAME=rich", "QUOTED=a \"b\" $c"],
                "WorkingDir": "/srv/v1",
                "User": "app:staff",
                "Entrypoint": ["/usr/bin/su", "-"],
                "Cmd": ["one", "two"],
                "Labels": {"kept": "yes", "changed": "no", "dotted.name": "x"},
                "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
                "Volumes": {"/var/mail": {}},
                "StopSignal": "SIGINT",
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000_u64, "Retries": 2},
                "Shell": ["/bin/sh", "-ec"],
            }),
        ),
        base(
            "triggers",
            vec![debian.clone()],
            json!({
                "Env": [PATH],
                "WorkingDir": "/srv",
                "OnBuild": ["COPY a.txt /triggered/", "ENV TRIGGERED=yes", "WORKDIR work", "LABEL by=trigger"],
            }),
        ),
        base("shell", vec![debian.clone(), tar(&shell(busybox))], json!({"Env": [PATH, "DATA=/srv/v1"]})),
        base(
            "layered",
            vec![
                debian,
                tar(&[
                    Member::directory("srv", 0o755),
                    Member::file("srv/.wh.plain", 0o644, b""),
                    Member::directory("srv/dir", 0o770).owned(1, 2),
                    Member::file("srv/dir/.wh..wh..opq", 0o644, b""),
                    Member::file("srv/dir/new", 0o600, b"new\n").owned(1, 2),
                    Member::link("srv/moved", "v1"),
                ]),
                tar(&[
                    Member::file("opt/.wh.current", 0o644, b""),
                    Member::link("opt/chain", "/srv/moved"),
                    Member::directory("srv/plain", 0o705).owned(3, 4),
                ]),
            ],
            json!({"Env": [PATH]}),
        ),
        base("bare", vec![small("bare\n")], json!({})),
        Base { architecture: "arm64", ..base("arm", vec![small("arm\n")], json!({"Env": [PATH, "ARM=yes"]})) },
    ]
}

impl Bases {
    /// Writes the layout `bases` and the archives `NAME.tar` into a folder.
    pub fn write(folder: &Path, bases: &[Base]) -> Bases {
        let blobs = folder.join("bases/blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| -> (String, usize) {
            let digest = hex(bytes);
            fs::write(blobs.join(&digest), bytes).unwrap();
            (format!("sha256:{digest}"), bytes.len())
        };
        let mut images = Vec::new();
        let mut descriptors = Vec::new();
        for base in bases {
            let config = json!({
                "architecture": base.architecture,
                "os": "linux",
                "created": "2024-01-01T00:00:00Z",
                "config": base.config,
                "rootfs": {"type": "layers", "diff_ids": diff_ids(&base.layers)},
                "history": vec![json!({"created_by": "by hand"}); base.layers.len()],
            });
            let config = config.to_string().into_bytes();
            let described = |media_type: &str, bytes: &[u8]| {
                let (digest, size) = put(bytes);
                json!({"mediaType": format!("application/vnd.oci.image.{media_type}"), "digest": digest, "size": size})
            };
            let layers: Vec<Value> = base.layers.iter().map(|layer| described("layer.v1.tar", layer)).collect();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": described("config.v1+json", &config),
                "layers": layers,
            });
            let mut descriptor = described("manifest.v1+json", manifest.to_string().as_bytes());
            images.push((base.name, descriptor["digest"].as_str().unwrap().to_owned()));
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": base.name});
            descriptor["platform"] = json!({"os": "linux", "architecture": base.architecture});
            descriptors.push(descriptor);
            fs::write(folder.join(format!("{}.tar", base.name)), docker_archive(base, &config)).unwrap();
        }
        fs::write(folder.join("bases/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let index = json!({"schemaVersion": 2, "manifests": descriptors});
        fs::write(folder.join("bases/index.json"), index.to_string()).unwrap();
        Bases { folder: folder.to_owned(), images }
    }

    pub fn layout(&self) -> PathBuf {
        self.folder.join("bases")
    }
}

fn docker_archive(base: &Base, config: &[u8]) -> Vec<u8> {
    let names: Vec<String> = (0..base.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let tags = [format!("{}:latest", base.name)];
    let manifest = json!([{"Config": "config.json", "RepoTags": tags, "Layers": names}]).to_string();
    let mut members =
        vec![Member::file("manifest.json", 0o644, manifest.as_bytes()), Member::file("config.json", 0o644, config)];
    members.extend(names.iter().zip(&base.layers).map(|(name, layer)| Member::file(name, 0o644, layer)));
    tar(&members)
}

fn diff_ids(layers: &[Vec<u8>]) -> Vec<String> {
    layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
