//! What no layer should hold.

use serde_json::json;

use super::{clean, lambda_base, only, plain};
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/// The header of a program for an architecture, by its number.
fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    bytes.extend([machine, 0, 1, 0, 0, 0]);
    bytes
}

#[test]
fn secrets() {
    for (path, content) in [
        ("id_rsa", KEY.to_owned()),
        ("tls/server.pem", format!("{CERTIFICATE}{KEY}")),
        ("tls/server.key", KEY.to_owned()),
        (".env", "DATABASE_URL=postgres://u:p@h/d\n".to_owned()),
        (".aws/credentials", "[default]\naws_secret_access_key = abc\n".to_owned()),
        (".npmrc", "//registry.npmjs.org/:_authToken=abc\n".to_owned()),
        (".pypirc", "[pypi]\npassword = abc\n".to_owned()),
        (".netrc", "machine h.example login l password p\n".to_owned()),
    ] {
        let sandbox = Sandbox::new();
        plain(&sandbox);
        sandbox.file("code/app.py", "").file(&format!("code/{path}"), &content);
        let found = only(&sandbox, &["app.toml"], "credentials");
        assert_eq!(found["where"]["paths"], json!([format!("/srv/{path}")]));
        assert_eq!((&found["where"]["count"], &found["where"]["size"]), (&json!(1), &json!(content.len())));
        assert_eq!((&found["where"]["line"], &found["where"]["layer_name"]), (&json!(5), &json!("code")));
        sandbox.build(&["app.toml"]);
        let published = only(&sandbox, &["oci:out:app"], "credentials");
        assert_eq!(published["where"]["paths"], found["where"]["paths"]);
        assert!(published["where"]["layer_digest"].as_str().unwrap().starts_with("sha256:"));
    }
}

#[test]
fn what_only_looks_like_a_secret() {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    for (path, content) in [
        ("cacert.pem", CERTIFICATE.repeat(3000)),
        ("id_rsa.pub", "ssh-rsa AAAA\n".to_owned()),
        ("messages.key", "greeting = hello\n".to_owned()),
        (".env", "# DATABASE_URL=…\nDATABASE_URL=\n".to_owned()),
        (".env.example", "DATABASE_URL=postgres://user:password@host/name\n".to_owned()),
        (".npmrc", "registry=https://registry.npmjs.org/\n//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n".to_owned()),
        ("credentials", "aws_secret_access_key = abc\n".to_owned()),
        ("keys.py", format!("KEY = '''{KEY}'''\n")),
    ] {
        sandbox.file(&format!("code/{path}"), content);
    }
    clean(&sandbox, &["app.toml"]);
}

#[test]
fn a_secret_that_a_later_layer_deletes_is_still_there() {
    let sandbox = Sandbox::new();
    let mut with = Tar::default();
    with.folder("root/", 0o755).file("root/id_rsa", KEY.as_bytes());
    let mut without = Tar::default();
    without.folder("root/", 0o755).file("root/.wh.id_rsa", b"");
    HandMade::small().layer(&with.end()).layer(&without.end()).write(&sandbox.path("bases"), "x");
    let run = super::check(&sandbox, &["oci:bases:x"]);
    let found = super::findings(&run);
    assert_eq!((&found[0]["rule"], &found[0]["where"]["layer"]), (&json!("credentials"), &json!(1)));
    // Nothing is left of the layer either.
    assert_eq!((found.len(), &found[1]["rule"]), (2, &json!("overwritten-layer")));
}

#[test]
fn caches_repositories_and_files_of_desktops() {
    for (path, rule, folder) in [
        ("pkg/__pycache__/app.cpython-312.pyc", "python-cache", "/srv/pkg/__pycache__"),
        (".git/objects/ab/cdef", "git-folder", "/srv/.git"),
        ("vendor/lib/.git", "git-folder", "/srv/vendor/lib/.git"),
        ("images/.DS_Store", "desktop-file", "/srv/images/.DS_Store"),
    ] {
        let sandbox = Sandbox::new();
        plain(&sandbox);
        sandbox.file("code/app.py", "").file(&format!("code/{path}"), "12345");
        let found = only(&sandbox, &["app.toml"], rule);
        assert_eq!(found["where"]["paths"], json!([folder]));
        assert_eq!((&found["where"]["count"], &found["where"]["size"]), (&json!(1), &json!(5)));
        sandbox.build(&["app.toml"]);
        assert_eq!(only(&sandbox, &["oci:out:app"], rule)["where"]["paths"], json!([folder]));
        sandbox.file("code/.dockerignore", "**/__pycache__\n**/.git\n**/.DS_Store\n.dockerignore\n");
        clean(&sandbox, &["app.toml"]);
    }
}

#[test]
fn many_caches_are_counted_and_the_first_are_named() {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    for package in 0..7 {
        sandbox
            .file(&format!("code/p{package}/__pycache__/a.pyc"), "123")
            .file(&format!("code/p{package}/__pycache__/b.pyc"), "45");
    }
    let found = only(&sandbox, &["app.toml"], "python-cache");
    assert_eq!((&found["where"]["count"], &found["where"]["size"]), (&json!(7), &json!(35)));
    assert_eq!(found["where"]["paths"].as_array().unwrap().len(), 5);
    let text = sandbox.run(["check", "app.toml"]).ok().stdout;
    assert!(text.contains("      /srv/p4/__pycache__\n      and 2 more\n      35 B together\n"), "{text}");
}

#[test]
fn what_a_base_holds_is_its_own_business() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.folder("lib/", 0o755).folder("lib/__pycache__/", 0o755).file("lib/__pycache__/a.pyc", b"1");
    HandMade::small().layer(&tar.end()).write(&sandbox.path("bases"), "x");
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = \"oci:bases:x\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n",
    );
    sandbox.file("code/app.py", "");
    clean(&sandbox, &["app.toml"]);
    // In the image as well: our layers have names, and those of the base have none.
    sandbox.build(&["app.toml"]);
    clean(&sandbox, &["oci:out:app"]);
    only(&sandbox, &["oci:bases:x"], "python-cache");
}

#[test]
fn a_virtual_environment_of_this_machine() {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    sandbox
        .file("code/app.py", "")
        .file("code/venv/pyvenv.cfg", "home = /usr/bin\n")
        .link("code/venv/bin/python", "/usr/bin/python3");
    let found = only(&sandbox, &["app.toml"], "virtual-environment");
    assert_eq!(found["where"]["paths"], json!(["/srv/venv"]));
    // One that was made in the image finds its Python there.
    let published = |python: &str| {
        let mut tar = Tar::default();
        tar.folder("opt/", 0o755).folder("opt/venv/", 0o755).folder("opt/venv/bin/", 0o755);
        tar.file("opt/venv/pyvenv.cfg", b"").symlink("opt/venv/bin/python", python);
        lambda_base().layer(&tar.end()).write(&sandbox.path("bases"), "x");
    };
    published("/var/lang/bin/python3.12");
    clean(&sandbox, &["oci:bases:x"]);
    published("/home/me/bin/python3");
    only(&sandbox, &["oci:bases:x"], "virtual-environment");
}

#[test]
fn programs_for_another_architecture() {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    sandbox.file("code/numpy.cpython-312-x86_64-linux-gnu.so", elf(0x3e)).executable("code/run", "#!/bin/sh\n");
    clean(&sandbox, &["app.toml", "--platform", "linux/amd64"]);
    let found = only(&sandbox, &["app.toml", "--platform", "linux/arm64"], "foreign-binary");
    assert!(found["why"].as_str().unwrap().contains("for amd64, and the image is for linux/arm64"), "{found}");
    sandbox.build(&["app.toml", "--platform", "linux/arm64"]);
    assert_eq!(only(&sandbox, &["oci:out:app"], "foreign-binary")["where"]["paths"], found["where"]["paths"]);
}
