//! `tarsia init`: the spec makes the image that the Dockerfile makes, byte for byte.

mod refusals;
mod same;
mod text;

use crate::support::{Run, Sandbox};

/// A sandbox with a context `ctx`, and the bases `plain` and `full` in the layout `bases`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("ctx/a.txt", "a\n")
        .file("ctx/b.txt", "b\n")
        .executable("ctx/bin/run.sh", "#!/bin/sh\n")
        .file("ctx/src/one.py", "1\n")
        .file("ctx/src/deep/two.py", "2\n")
        .file("ctx/src/deep/two.pyc", "x")
        .file("ctx/name with 'quotes\"", "q\n")
        .file("ctx/docs/readme.md", "# r\n")
        .link("ctx/src/link", "one.py");
    archive(&sandbox);
    sandbox
        .file("root/etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
        .file("root/etc/group", "root:x:0:\nstaff:x:50:\napp:x:1001:\n")
        .file("root/usr/lib/x.so", "so\n")
        .file("root/usr/lib/y.so", "so\n")
        .executable("root/usr/bin/tool", "tool\n")
        .folder("root/home/app")
        .folder("root/var/cache/apt")
        .link("root/lib", "usr/lib");
    sandbox.base("plain", "root");
    sandbox.base("full", "root");
    sandbox.configure_base("full", &["--config.env", "TASK_ROOT=/var/task", "--config.user", "app"]);
    sandbox.alter_base("full", |_, config| {
        config["config"]["OnBuild"] = serde_json::json!(["COPY a.txt /triggered/", "ENV TRIGGERED=yes"]);
        config["config"]["Healthcheck"] = serde_json::json!({"Test": ["CMD", "true"]});
    });
    sandbox
}

fn archive(sandbox: &Sandbox) {
    let mut tar = crate::support::images::Tar::default();
    tar.folder("unpacked/", 0o750).file("unpacked/file", b"from an archive\n");
    sandbox.file("ctx/archive.tar", tar.end());
}

/// The flags that every command here has.
const FLAGS: [&str; 8] = [
    "--context",
    "ctx",
    "--name",
    "app",
    "--build-context",
    "plain=oci-layout://bases:plain",
    "--build-context",
    "full=oci-layout://bases:full",
];

fn init(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(["init", "Dockerfile"].iter().chain(&FLAGS).chain(flags))
}

/// Builds `what`; answers the image's digest.
#[track_caller]
fn digest(sandbox: &Sandbox, what: &str, flags: &[&str]) -> String {
    let run = sandbox.run(["build", what, "--json", "--no-cache"].iter().chain(flags)).ok();
    let documents = run.documents();
    assert_eq!(documents.len(), 1, "{}", run.stdout);
    documents[0]["digest"].as_str().unwrap().to_owned()
}
