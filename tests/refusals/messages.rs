//! The words of the important refusals: what failed, on what, why, and what to do.

use std::os::unix::net::UnixListener;

use insta::assert_snapshot;
use regex::Regex;

use crate::support::examples::{push_small, small};
use crate::support::images::HandMade;
use crate::support::registry::{Action, Auth, Fault, Kind, Quirks, Registry};
use crate::support::unprivileged::run_unprivileged;
use crate::support::{Run, Sandbox};

/// The exit code and what was said, without what differs from run to run.
fn said(run: &Run) -> String {
    assert_eq!(run.stdout, "");
    let mut text = run.stderr.clone();
    for (pattern, instead) in [(r"127\.0\.0\.1:\d+", "registry.example"), (r"sha256:[0-9a-f]{64}", "sha256:…")] {
        text = Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("exit code {}\n{}", run.code, lines.join("\n").trim_end())
}

fn build(sandbox: &Sandbox) -> String {
    said(&sandbox.run(["build", "app.toml"]))
}

/// The small image, with a line of its spec replaced.
fn changed(line: &str, instead: &str) -> Sandbox {
    let sandbox = small();
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    assert!(spec.contains(line), "{spec}");
    sandbox.file("app.toml", spec.replacen(line, instead, 1));
    sandbox
}

/// The small image on a base in the registry.
fn on_base(registry: &Registry) -> Sandbox {
    changed("scratch", &format!("{}/base:1", registry.host()))
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(build(&changed("context = \"lib\"", "contxt = \"lib\"")), @r#"
    exit code 2
    error: app.toml:7:1: unknown key `contxt`
       ╭─[app.toml:7:1]
     6 │ name = "lib"
     7 │ contxt = "lib"
       · ──────
     8 │ to = "/opt/lib/"
       ╰────
      help: did you mean `context`?
    "#);
}

#[test]
fn a_wrong_type() {
    assert_snapshot!(build(&changed("repository", "tags = \"latest\"\nrepository")), @r#"
    exit code 2
    error: app.toml:3:8: invalid type: string "latest", expected an array
       ╭─[app.toml:3:8]
     2 │ base = "scratch"
     3 │ tags = "latest"
       ·        ────────
     4 │ repository = "${REGISTRY}/app"
       ╰────
    "#);
}

#[test]
fn a_relative_destination() {
    assert_snapshot!(build(&changed("to = \"/opt/lib/\"", "to = \"opt/lib/\"")), @r#"
    exit code 2
    error: app.toml:8:6: `opt/lib/` is not an absolute path
       ╭─[app.toml:8:6]
     7 │ context = "lib"
     8 │ to = "opt/lib/"
       ·      ──────────
     9 │
       ╰────
      help: write `/opt/lib/`
    "#);
}

#[test]
fn a_circle() {
    let sandbox = changed("\"scratch\"", "{ spec = \"base.toml\" }");
    sandbox.file("base.toml", "name = \"base\"\nbase = { spec = \"app.toml\" }\n");
    assert_snapshot!(build(&sandbox), @r#"
    exit code 2
    error: the specs are built on each other in a circle: `app.toml` → `base.toml` → `app.toml`
    "#);
}

#[test]
fn a_variable_without_a_value() {
    assert_snapshot!(said(&small().run(["push", "app.toml"])), @r#"
    exit code 2
    error: app.toml: the variable `REGISTRY` has no value
      help: set it in the environment or with --set REGISTRY=VALUE
    "#);
}

#[test]
fn a_missing_context() {
    assert_snapshot!(build(&changed("context = \"lib\"", "context = \"../lib\"")), @r#"
    exit code 2
    error: app.toml:7:11: the layer `lib` of the image `app` cannot be made
      ╰─▶ the context `../lib` does not exist
       ╭─[app.toml:7:11]
     6 │ name = "lib"
     7 │ context = "../lib"
       ·           ────────
     8 │ to = "/opt/lib/"
       ╰────
      help: paths in a spec are relative to its folder, those of flags to the current one
    "#);
}

#[test]
fn a_socket() {
    let sandbox = small();
    let _socket = UnixListener::bind(sandbox.path("lib/agent.sock")).unwrap();
    assert_snapshot!(build(&sandbox), @r#"
    exit code 2
    error: app.toml:7:11: the layer `lib` of the image `app` cannot be made
      ╰─▶ `lib/agent.sock` is a socket, which a layer cannot hold
       ╭─[app.toml:7:11]
     6 │ name = "lib"
     7 │ context = "lib"
       ·           ─────
     8 │ to = "/opt/lib/"
       ╰────
      help: remove it, or name it in the ignore file or in `exclude`
    "#);
}

#[test]
fn a_malformed_ignore_pattern() {
    let sandbox = small();
    sandbox.file("lib/.dockerignore", "*.pyc\n[a-\n");
    assert_snapshot!(build(&sandbox), @r#"
    exit code 2
    error: app.toml:7:11: the layer `lib` of the image `app` cannot be made
      ╰─▶ `lib/.dockerignore`, line 2: the ignore pattern `[a-` is malformed: its `[` has no `]`
       ╭─[app.toml:7:11]
     6 │ name = "lib"
     7 │ context = "lib"
       ·           ─────
     8 │ to = "/opt/lib/"
       ╰────
      help: the notation is docker's: https://docs.docker.com/build/concepts/context/#dockerignore-files
    "#);
}

#[test]
fn an_unreadable_file() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = small();
    let shut = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(sandbox.file("lib/key.pem", "").path("lib/key.pem"), shut).unwrap();
    let run = run_unprivileged(&sandbox, &["build", "app.toml", "-o", "oci:cache/out"]);
    assert_snapshot!(said(&run), @r#"
    exit code 4
    error: app.toml:7:11: the layer `lib` of the image `app` cannot be made
      ├─▶ failed to open `lib/key.pem`
      ╰─▶ Permission denied (os error 13)
       ╭─[app.toml:7:11]
     6 │ name = "lib"
     7 │ context = "lib"
       ·           ─────
     8 │ to = "/opt/lib/"
       ╰────
      help: make it readable for this user, or name it in the ignore file or in `exclude`
    "#);
}

#[test]
fn an_output_that_holds_other_things() {
    assert_snapshot!(said(&small().run(["build", "app.toml", "-o", "oci:lib"])), @r#"
    exit code 2
    error: `lib` is not an OCI layout: it is a folder that holds other things
      help: name a folder that is a layout, empty, or not there yet
    "#);
}

#[test]
fn a_platform_that_is_not_offered() {
    let registry = Registry::start();
    HandMade::small().put(&registry, "base", "1");
    let run = on_base(&registry).run(["build", "app.toml", "--platform", "linux/s390x"]);
    assert_snapshot!(said(&run), @r#"
    exit code 2
    error: the base `registry.example/base:1` of the image `app` cannot be used
      ╰─▶ there is no image for linux/s390x; there are linux/arm64
      help: name one that there is with --platform or in `platforms`
    "#);
}

#[test]
fn a_file_over_a_folder_of_the_base() {
    let registry = Registry::start();
    HandMade::small().put(&registry, "base", "1");
    let sandbox = on_base(&registry);
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("to = \"/opt/lib/\"", "from = \"lib.py\"\nto = \"/tmp\""));
    assert_snapshot!(build(&sandbox), @r#"
    exit code 2
    error: app.toml:7:11: the layer `lib` of the image `app` cannot be made
      ╰─▶ `/tmp` would be a file, but the image below has a directory there
       ╭─[app.toml:7:11]
     6 │ name = "lib"
     7 │ context = "lib"
       ·           ─────
     8 │ from = "lib.py"
       ╰────
      help: lay it into the directory, as `/tmp/NAME`, or write the destination `/tmp/`
    "#);
}

#[test]
fn a_registry_that_wants_a_login() {
    let registry = Registry::with(Quirks { auth: Auth::basic("me", "secret"), ..Quirks::default() });
    assert_snapshot!(said(&push_small(&small(), &registry)), @r#"
    exit code 3
    error: failed to look up blob `registry.example/app@sha256:…`: not logged in: the registry answered 401 Unauthorized
      help: run `docker login registry.example` or `podman login registry.example`
    "#);
}

#[test]
fn a_repository_that_does_not_exist() {
    let registry = Registry::with(Quirks { create_on_push: false, ..Quirks::default() });
    assert_snapshot!(said(&push_small(&small(), &registry)), @r#"
    exit code 3
    error: failed to upload blob `registry.example/app@sha256:…`: the registry answered 404 NAME_UNKNOWN: no repository app
      help: the repository `registry.example/app` must be created before a push
    "#);
}

#[test]
fn a_registry_in_trouble() {
    let registry = Registry::start();
    registry.fault(Fault::on(Kind::ManifestPut, Action::Status(500, Some("UNKNOWN"))).always());
    assert_snapshot!(said(&push_small(&small(), &registry)), @r#"
    exit code 3
    error: failed to put manifest `registry.example/app:latest`: the registry answered 500 UNKNOWN: refused by a fault of the test (4 attempts)
      help: the registry is in trouble; nothing is lost, run again later
    "#);
}

#[test]
fn a_base_that_does_not_exist() {
    assert_snapshot!(build(&on_base(&Registry::start())), @r#"
    exit code 3
    error: the base `registry.example/base:1` of the image `app` cannot be used
      ╰─▶ failed to read manifest `registry.example/base:1`: the registry answered 404 NAME_UNKNOWN: no repository base
      help: check the name: `registry.example` has no such content, or hides it without a login
    "#);
}

#[test]
fn a_base_that_is_not_what_its_digest_says() {
    let registry = Registry::start();
    let base = HandMade::small();
    base.put(&registry, "base", "1");
    let mut wrong = base.layers[0].1.clone();
    wrong.reverse();
    registry.fault(Fault::on(Kind::BlobGet, Action::WrongBody(wrong)).skip(1).always());
    assert_snapshot!(build(&on_base(&registry)), @r#"
    exit code 3
    error: the base `registry.example/base:1` of the image `app` cannot be used
      ╰─▶ failed to read blob `registry.example/base@sha256:…`: wrong content: expected sha256:…, got sha256:…
      help: `registry.example` or something on the way to it holds damaged content; do not use it, and push it anew
    "#);
}

#[test]
fn no_network() {
    let sandbox = changed("scratch", "public.ecr.aws/lambda/python:3.12");
    assert_snapshot!(said(&sandbox.run(["build", "app.toml", "--offline"])), @r#"
    exit code 3
    error: the base `public.ecr.aws/lambda/python:3.12` of the image `app` cannot be used
      ╰─▶ failed to read manifest `public.ecr.aws/lambda/python:3.12`: offline, and it is not on this machine
      help: run again without `--offline`
    "#);
}

#[test]
fn nobody_at_the_door() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = small().run(["push", "app.toml", "--set", &format!("REGISTRY=127.0.0.1:{port}")]);
    assert_snapshot!(said(&run), @r#"
    exit code 3
    error: failed to read manifest `registry.example/app:latest`: cannot connect: Connection refused (os error 111)
      help: is `registry.example` up, and reachable from here? check its port and the proxy settings
    "#);
}
