//! A bump of wheels or of a package is, to the byte, what a push of everything would be.

mod above;
mod names;

use std::path::PathBuf;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;
use crate::support::wheels::SmallWheel;

/// A base with an interpreter, and with an older version of a distribution that is laid over it.
fn base() -> HandMade {
    let mut tar = Tar::default();
    let site = "usr/lib/python3.12/site-packages/";
    for folder in ["usr/", "usr/bin/", "usr/lib/", "usr/lib/python3.12/", site] {
        tar.folder(folder, 0o755);
    }
    for folder in ["alpha/", "alpha-0.9.dist-info/"] {
        tar.folder(&format!("{site}{folder}"), 0o755);
    }
    tar.file("usr/bin/python3.12", b"").file(&format!("{site}alpha-0.9.dist-info/METADATA"), b"");
    tar.file(&format!("{site}alpha/__init__.py"), b"").file(&format!("{site}alpha/old.py"), b"");
    HandMade::new().layer(&tar.end())
}

fn wheel(sandbox: &Sandbox, name: &str, version: &str) -> PathBuf {
    let wheel = SmallWheel::new(name, version).file(&format!("{name}/__init__.py"), format!("version = {version:?}\n"));
    wheel.script(&format!("{name} = {name}:main")).write(&sandbox.path("wheels"))
}

fn project(sandbox: &Sandbox, version: &str) {
    sandbox.file("app/pyproject.toml", format!("[project]\nname = \"app\"\nversion = \"{version}\"\n"));
    sandbox.file("app/src/app/__init__.py", format!("version = {version:?}\n"));
}

/// Pushes, changes, bumps the named layers, and makes sure that a push of everything gives the same.
#[track_caller]
fn same(split: &str, base_line: &str, names: &[&str], change: impl Fn(&Sandbox)) {
    let (registry, sandbox) = (Registry::start(), Sandbox::new());
    base().put(&registry, "bases/python", "3.12");
    let host = registry.host();
    for name in ["alpha", "beta", "gamma"] {
        wheel(&sandbox, name, "1.0");
    }
    project(&sandbox, "1.0");
    sandbox.file("code/main.py", "print(1)\n");
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\n{}\nrepository = \"{host}/app\"\n\
             [[layer]]\nname = \"deps\"\nwheels = \"wheels/\"\npython = \"3.12\"\nsplit = {split}\n{}\n\
             [[layer]]\nname = \"package\"\npackage = \"app\"\npython = \"3.12\"\n{}\n\
             [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/var/task/\"\n",
            base_line.replace("HOST", &host),
            if base_line.contains("scratch") { "into = \"/var/task/\"" } else { "" },
            if base_line.contains("scratch") { "into = \"/var/task/\"" } else { "" },
        ),
    );
    sandbox.run(["push", "app.toml"]).ok();
    change(&sandbox);
    // Other contexts are not read.
    std::fs::rename(sandbox.path("code"), sandbox.path("away")).unwrap();
    let named: Vec<&str> = names.iter().flat_map(|name| ["--layer", name]).collect();
    let bumped = sandbox.run(["bump", "app.toml", "--json"].iter().chain(&named)).ok();
    let digest = bumped.documents()[0]["digest"].clone();
    std::fs::rename(sandbox.path("away"), sandbox.path("code")).unwrap();
    let pushed = sandbox.run(["push", "app.toml", "--json"]).ok();
    // The annotations say more than digests do.
    let manifest = |digest: &serde_json::Value| {
        let (_, bytes) = registry.manifest("app", digest.as_str().unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    assert_eq!(manifest(&pushed.documents()[0]["digest"]), manifest(&digest), "{split} {base_line} {names:?}");
    assert_eq!(pushed.documents()[0]["digest"], digest, "{split} {base_line} {names:?}");
    assert_eq!(pushed.documents()[0]["changed"], false);
    // So does a machine that begins with nothing.
    let fresh = sandbox.run(["push", "app.toml", "--json", "--cache-dir", "other", "--no-remote-cache"]).ok();
    assert_eq!(fresh.documents()[0]["digest"], digest);
}

const BASES: [&str; 2] = ["base = \"HOST/bases/python:3.12\"", "base = \"scratch\""];

#[test]
fn a_bump_of_wheels_is_a_push() {
    let newer = |sandbox: &Sandbox| {
        std::fs::remove_file(sandbox.path("wheels/beta-1.0-py3-none-any.whl")).unwrap();
        wheel(sandbox, "beta", "1.1");
    };
    for base in BASES {
        same("\"one\"", base, &["deps"], newer);
        same("\"each\"", base, &["deps"], newer);
        same("\"each\"", base, &["deps/beta"], newer);
        same("2", base, &["deps"], newer);
    }
}

#[test]
fn a_bump_of_a_package_is_a_push() {
    for base in BASES {
        same("\"each\"", base, &["package"], |sandbox| project(sandbox, "1.1"));
        same("\"one\"", base, &["package", "deps"], |sandbox| project(sandbox, "1.1"));
    }
}

#[test]
fn the_one_that_replaces_what_the_base_has_is_bumped() {
    let newer = |sandbox: &Sandbox| {
        std::fs::remove_file(sandbox.path("wheels/alpha-1.0-py3-none-any.whl")).unwrap();
        wheel(sandbox, "alpha", "1.1");
    };
    same("\"each\"", BASES[0], &["deps/alpha"], newer);
    same("\"one\"", BASES[0], &["deps"], newer);
}

#[test]
fn wheels_that_make_other_layers_have_to_be_pushed() {
    let (registry, sandbox) = (Registry::start(), Sandbox::new());
    wheel(&sandbox, "alpha", "1.0");
    wheel(&sandbox, "beta", "1.0");
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"scratch\"\nrepository = \"{}/app\"\n[[layer]]\nname = \"deps\"\n\
             wheels = \"wheels/\"\npython = \"3.12\"\nsplit = \"each\"\ninto = \"/var/task/\"\n",
            registry.host()
        ),
    );
    sandbox.run(["push", "app.toml"]).ok();
    wheel(&sandbox, "gamma", "1.0");
    std::fs::remove_file(sandbox.path("wheels/beta-1.0-py3-none-any.whl")).unwrap();
    let run = sandbox.run(["bump", "app.toml", "--layer", "deps"]).refused(2, "`deps/gamma`");
    assert!(run.stderr.contains("`deps/beta`") && run.stderr.contains("push the spec"), "{}", run.stderr);
    let run = sandbox.run(["bump", "app.toml", "--layer", "deps/beta"]).refused(2, "deps/beta");
    assert!(run.stderr.contains("push the spec"), "{}", run.stderr);
    sandbox.run(["bump", "app.toml", "--layer", "deps/none"]).refused(2, "deps/none");
}
