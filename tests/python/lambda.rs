//! An image as Lambda takes it, for ARM, on whatever machine.

use serde_json::{Value, json};

use super::layers;
use crate::support::images::{HandMade, Tar};
use crate::support::material::{ARM64, ARM64_312, gather};
use crate::support::wheels::{SmallWheel, row};
use crate::support::{Sandbox, judge};

const SITE: &str = "var/lang/lib/python3.12/site-packages";

/// A base as Amazon's for Python: its interpreter below `/var/lang`, a C library, and an older boto3.
fn base() -> HandMade {
    let mut tar = Tar::default();
    let program = |tar: &mut Tar, path: &str| {
        tar.header(b'0', path.as_bytes(), 0o755, 10, "").content(b"#!/bin/sh\n");
    };
    program(&mut tar, "lambda-entrypoint.sh");
    tar.folder("lib64/", 0o755).folder("tmp/", 0o1777).folder("usr/", 0o755).folder("usr/bin/", 0o755);
    program(&mut tar, "usr/bin/python3");
    // What a linker finds of glibc 2.34.
    let libc = b"\x7fELF\x02\x01\x01GNU C Library (GNU libc) stable release version 2.34.\nGLIBC_2.17\0GLIBC_2.34\0";
    tar.header(b'0', b"lib64/libc.so.6", 0o755, libc.len() as u64, "").content(libc);
    program(&mut tar, "lib64/ld-linux-aarch64.so.1");
    for folder in ["var/", "var/lang/", "var/lang/bin/", "var/lang/lib/", "var/lang/lib/python3.12/"] {
        tar.folder(folder, 0o755);
    }
    program(&mut tar, "var/lang/bin/python3.12");
    tar.symlink("var/lang/bin/python3", "python3.12").symlink("var/lang/bin/python", "python3.12");
    tar.file("var/lang/lib/python3.12/os.py", b"");
    tar.folder(&format!("{SITE}/"), 0o755);
    let mut old = SmallWheel::new("boto3", "1.30.0").file("boto3/__init__.py", "old\n").file("boto3/gone.py", "old\n");
    // Its module is a package.
    old.files.remove(0);
    let mut members = old.members();
    let record = "boto3-1.30.0.dist-info/RECORD";
    let mut rows: Vec<String> =
        members.iter().map(|member| row(std::str::from_utf8(&member.name).unwrap(), &member.content)).collect();
    // As pip leaves it, with what it compiled.
    rows.push("boto3/__pycache__/gone.cpython-312.pyc,,".to_owned());
    rows.push(format!("{record},,"));
    members.push(crate::support::zip::Member::new("boto3/__pycache__/gone.cpython-312.pyc", "compiled"));
    members.push(crate::support::zip::Member::new(record, rows.join("\n") + "\n"));
    for folder in ["boto3/", "boto3/__pycache__/", "boto3-1.30.0.dist-info/", "other/"] {
        tar.folder(&format!("{SITE}/{folder}"), 0o755);
    }
    for member in &members {
        tar.file(&format!("{SITE}/{}", String::from_utf8_lossy(&member.name)), &member.content);
    }
    tar.file(&format!("{SITE}/other/__init__.py"), b"");
    tar.folder("var/task/", 0o755);
    let mut base = HandMade::new().layer(&tar.end());
    base.config["config"] = json!({
        "Env": ["PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin", "LAMBDA_TASK_ROOT=/var/task",
                "LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64"],
        "Entrypoint": ["/lambda-entrypoint.sh"],
        "WorkingDir": "/var/task",
    });
    base
}

/// A sandbox with that base, wheels for it, and a package of its own.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    base().write(&sandbox.path("bases"), "lambda");
    let pure = ["boto3", "botocore", "s3transfer", "jmespath", "python_dateutil", "six", "urllib3", "pydantic"];
    let more = ["annotated_types", "typing_extensions", "typing_inspection"];
    gather(&ARM64.wheels_of(&[&pure[..], &more].concat()), &sandbox.path("wheelhouse"));
    gather(&ARM64_312.wheels_of(&["numpy", "pydantic_core"]), &sandbox.path("wheelhouse"));
    sandbox
        .file(
            "receipts/pyproject.toml",
            "[build-system]\nrequires = [\"setuptools>=69\"]\nbuild-backend = \"setuptools.build_meta\"\n\
             [project]\nname = \"receipts\"\nversion = \"0.1.0\"\ndependencies = [\"boto3\"]\n\
             [project.scripts]\nreceipts = \"receipts.handler:main\"\n",
        )
        .file("receipts/src/receipts/__init__.py", "")
        .file("receipts/src/receipts/handler.py", "import boto3\n\ndef handler(event, context): ...\ndef main(): ...\n")
        .file(
            "app.toml",
            "name = \"app\"\nbase = \"oci:bases:lambda\"\nplatforms = [\"linux/arm64\"]\nprofile = \"lambda\"\n\n\
             [[layer]]\nname = \"dependencies\"\nwheels = \"wheelhouse/\"\npython = \"3.12\"\nsplit = \"each\"\n\n\
             [[layer]]\nname = \"receipts\"\npackage = \"receipts\"\npython = \"3.12\"\n\n\
             [config]\ncmd = [\"receipts.handler.handler\"]\n",
        );
    sandbox
}

#[test]
fn an_image_for_arm_is_one_that_lambda_takes() {
    let sandbox = sandbox();
    let run = sandbox.build(&["app.toml", "--json"]);
    assert_eq!(layers(&run).len(), 14);
    for arguments in [&["app.toml"][..], &["oci:out:app", "--profile", "lambda"]] {
        let check = sandbox.run(["check", "--json"].iter().chain(arguments));
        let documents = check.documents();
        assert_eq!((check.code, &documents[0]["findings"]), (0, &json!([])), "{}", check.stderr);
    }
    let config = judge::raw_config(&sandbox.image("app"));
    assert_eq!(config["architecture"], "arm64");
    let image = sandbox.unpack("app");
    // Where the interpreter of PATH has its packages, and for it.
    for path in ["boto3/__init__.py", "numpy/__init__.py", "receipts/handler.py", "pydantic/main.py", "six.py"] {
        assert_eq!(image.line(&format!("{SITE}/{path}")), "f 0644 0:0", "{path}");
    }
    assert!(image.text("var/lang/bin/receipts").starts_with("#!/var/lang/bin/python3.12\n"));
    assert!(image.text("var/lang/bin/jp.py").starts_with("#!/var/lang/bin/python3.12\n"));
    // For the machine that it is for, not this one.
    let core = image.path(&format!("{SITE}/numpy/_core"));
    let names = crate::support::sandbox::names(&core);
    let extensions: Vec<&String> = names.iter().filter(|name| name.ends_with(".so")).collect();
    assert!(!extensions.is_empty());
    for name in extensions {
        assert!(name.contains("cpython-312-aarch64-linux-gnu"), "{name}");
        // EM_AARCH64.
        assert_eq!(std::fs::read(core.join(name)).unwrap()[18], 183);
    }
}

#[test]
fn the_older_one_of_the_base_is_gone() {
    let sandbox = sandbox();
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    for path in ["boto3-1.30.0.dist-info", "boto3/gone.py", "boto3/__pycache__"] {
        assert_eq!(image.line(&format!("{SITE}/{path}")), "-", "{path}");
    }
    assert_ne!(image.text(&format!("{SITE}/boto3/__init__.py")), "old\n");
    // All else of the base is as it was.
    assert_eq!(image.line(&format!("{SITE}/other/__init__.py")), "f 0644 0:0");
    assert_eq!(image.line("tmp"), "d 1777 0:0");
    // It is one layer that says so, the one that brings the newer.
    let manifest = sandbox.manifest("app");
    let whiteouts = |layer: &&Value| {
        let members = judge::members(&sandbox.blob("out", layer["digest"].as_str().unwrap()));
        members.iter().any(|member| member.contains("/.wh."))
    };
    let layers = manifest["layers"].as_array().unwrap().iter().skip(1);
    let with: Vec<&Value> =
        layers.filter(whiteouts).map(|layer| &layer["annotations"]["dev.tarsia.layer.name"]).collect();
    assert_eq!(with, ["dependencies/boto3"]);
}

#[test]
fn a_folder_of_its_own_leaves_the_base_alone() {
    let sandbox = sandbox();
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("python = \"3.12\"\n", "python = \"3.12\"\ninto = \"/var/task/\"\n"));
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.text(&format!("{SITE}/boto3/__init__.py")), "old\n");
    assert_eq!(image.line("var/task/receipts/handler.py"), "f 0644 0:0");
    assert_eq!(image.line("var/task/bin/receipts"), "f 0755 0:0");
    let check = sandbox.run(["check", "oci:out:app", "--profile", "lambda", "--json"]);
    assert_eq!((check.code, &check.documents()[0]["findings"]), (0, &json!([])), "{}", check.stderr);
}
