//! `tarsia check`: for each rule an image or a spec with exactly this mistake, and one that only looks like it.

mod contents;
mod contexts;
mod documents;
mod lambda;
mod layers;
mod programs;
mod report;
mod streams;

use serde_json::{Value, json};

use crate::support::images::{HandMade, Tar};
use crate::support::{Run, Sandbox};

/// Checks something, with `--json`.
#[track_caller]
fn check(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.run(["check", "--json"].iter().chain(arguments));
    assert!(run.code == 0 || run.code == 1, "{}\n{}", run.stdout, run.stderr);
    run
}

/// All that was found, of all images.
fn findings(run: &Run) -> Vec<Value> {
    run.documents().iter().flat_map(|document| document["findings"].as_array().unwrap().clone()).collect()
}

/// The rules that have found something.
#[track_caller]
fn rules(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    findings(&check(sandbox, arguments)).iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

/// The only thing that was found, by this rule; it decides the exit code.
#[track_caller]
fn only(sandbox: &Sandbox, arguments: &[&str], rule: &str) -> Value {
    let run = check(sandbox, arguments);
    let found = findings(&run);
    assert!(found.len() == 1 && found[0]["rule"] == rule, "not `{rule}` alone:\n{found:#?}");
    let is_error = found[0]["severity"] == "error";
    assert_eq!(run.code, i32::from(is_error));
    assert_eq!(run.documents()[0]["ok"], !is_error);
    assert!(!found[0]["why"].as_str().unwrap().is_empty() && !found[0]["help"].as_str().unwrap().is_empty());
    found[0].clone()
}

#[track_caller]
fn clean(sandbox: &Sandbox, arguments: &[&str]) {
    assert_eq!(rules(sandbox, arguments), [""; 0]);
}

/// An image as Amazon's bases are: an entry point that takes a handler, a place for the code, a `/tmp` for all.
fn lambda_base() -> HandMade {
    let mut tar = Tar::default();
    tar.header(b'0', b"lambda-entrypoint.sh", 0o755, 10, "").content(b"#!/bin/sh\n");
    tar.folder("tmp/", 0o1777).folder("var/", 0o755).folder("var/lang/", 0o755).folder("var/lang/bin/", 0o755);
    tar.header(b'0', b"var/lang/bin/python3.12", 0o755, 10, "").content(b"#!/bin/sh\n");
    tar.folder("var/task/", 0o755);
    let mut base = HandMade::new().layer(&tar.end());
    base.config["config"] = json!({
        "Env": ["PATH=/var/lang/bin:/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task"],
        "Entrypoint": ["/lambda-entrypoint.sh"],
        "WorkingDir": "/var/task",
    });
    base
}

/// A sandbox with the layout `bases`, in it `lambda`, and a function's code in `code`.
fn lambda() -> Sandbox {
    let sandbox = Sandbox::new();
    lambda_base().write(&sandbox.path("bases"), "lambda");
    sandbox.file("code/app.py", "def handler(event, context): ...\n");
    sandbox
}

/// A spec `app.toml` over that base. `more` follows its first lines, `layer` those of its only layer.
fn function(sandbox: &Sandbox, more: &str, layer: &str) {
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"oci:bases:lambda\"\nprofile = \"lambda\"\n{more}\n\
             [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/var/task/\"\n{layer}\n\
             [config]\ncmd = [\"app.handler\"]\n"
        ),
    );
}

/// A spec `app.toml` from nothing that lays the context `code` into `/srv/`.
fn plain(sandbox: &Sandbox) {
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n",
    );
}
