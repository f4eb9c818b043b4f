//! The rules of AWS Lambda.

use serde_json::{Value, json};

use super::{check, clean, findings, function, lambda, lambda_base, only, rules};
use crate::support::images::{HandMade, LAYER_GZIP, Tar};
use crate::support::registry::digest_of;
use crate::support::{Sandbox, examples};

const PROFILE: [&str; 2] = ["--profile", "lambda"];

/// Puts an image's layout beside the others and names it.
fn image(sandbox: &Sandbox, image: &HandMade) -> &'static str {
    image.write(&sandbox.path("images"), "x");
    "oci:images:x"
}

/// The base with a layer of code over it, and a handler.
fn with_layer(tar: &Tar) -> HandMade {
    let mut image = lambda_base().layer(&tar.end());
    image.config["config"]["Cmd"] = json!(["app.handler"]);
    image
}

/// A layer of a function.
fn code() -> Tar {
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o755).file("var/task/app.py", b"def handler(): ...");
    tar
}

#[track_caller]
fn only_of_lambda(sandbox: &Sandbox, image: &str, rule: &str) -> Value {
    // Nothing of it is wrong for others.
    clean(sandbox, &[image]);
    only(sandbox, &[image, PROFILE[0], PROFILE[1]], rule)
}

#[test]
fn a_function_without_mistakes() {
    let sandbox = lambda();
    function(&sandbox, "", "");
    clean(&sandbox, &["app.toml"]);
    sandbox.build(&["app.toml"]);
    clean(&sandbox, &["oci:out:app", "--profile", "lambda"]);
    clean(&sandbox, &[image(&sandbox, &with_layer(&code())), "--profile", "lambda"]);
}

#[test]
fn the_examples_have_no_mistakes() {
    let sandbox = examples::examples();
    clean(&sandbox, &["specs"]);
    let dockerfile = ["specs/receipt_label.Dockerfile", "--context", "layers", "--allow", "entrypoint-missing"];
    clean(&sandbox, &dockerfile);

    // Without a runtime that is all that is wrong.
    let spec = std::fs::read_to_string(sandbox.path("specs/receipt_label.toml")).unwrap();
    sandbox.file(
        "specs/bare.toml",
        spec.replace("allow = [\"entrypoint-missing\"]", "").replace("\"receipt-label\"", "\"bare\""),
    );
    only(&sandbox, &["specs/bare.toml"], "entrypoint-missing");
    std::fs::remove_file(sandbox.path("specs/bare.toml")).unwrap();

    // On a base with a runtime only what that base allows has to be: the folders of users.
    lambda_base().write(&sandbox.path("bases"), "lambda");
    let edit = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(sandbox.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        sandbox.file(name, text.replace(from, to));
    };
    edit("specs/base.toml", "base = \"scratch\"", "base = \"oci:../bases:lambda\"");
    edit("specs/receipt_label.toml", "allow = [\"entrypoint-missing\"]", "");
    clean(&sandbox, &["specs"]);
    edit("specs/base.toml", "allow = [\"unreadable-path\"]", "");
    let found = only(&sandbox, &["specs/receipt_label.toml"], "unreadable-path");
    assert_eq!(found["where"]["paths"], json!(["/home/app", "/root"]));
    // A handler that moved is found out.
    edit("specs/receipt_label.toml", "receipt_label.handler.handler", "receipt_label.handlers.handler");
    assert_eq!(rules(&sandbox, &["specs/receipt_label.toml"]), ["handler-missing", "unreadable-path"]);
}

#[test]
fn an_index() {
    let sandbox = lambda();
    lambda_base().write(&sandbox.path("bases"), "lambda");
    let attestation = json!({"os": "unknown", "architecture": "unknown"});
    let image = json!({"os": "linux", "architecture": "arm64"});
    sandbox.index_of_bases("attested", &[("lambda", image), ("lambda", attestation)]);
    let arguments = ["oci:bases:attested", "--allow", "command-unset"];
    clean(&sandbox, &arguments);
    let found = only(&sandbox, &[&arguments[..], &PROFILE].concat(), "image-index");
    assert!(
        found["why"].as_str().unwrap().contains("an index of 1 image, and attestations or the like (1)"),
        "{found}"
    );
    // A single manifest in a layout is none, and neither is a spec for one platform.
    sandbox.file("two.toml", "name = \"two\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n");
    let found = findings(&check(&sandbox, &["two.toml", "--profile", "lambda", "--allow", "command-unset"]));
    assert_eq!(found.iter().map(|finding| &finding["rule"]).collect::<Vec<_>>(), ["image-index", "image-index"]);
    clean(&sandbox, &["two.toml", "--profile", "lambda", "--allow", "command-unset", "--platform", "linux/arm64"]);
}

#[test]
fn a_platform_that_it_does_not_have() {
    let sandbox = lambda();
    let mut base = with_layer(&code());
    base.config["architecture"] = "riscv64".into();
    only_of_lambda(&sandbox, image(&sandbox, &base), "unsupported-platform");
}

#[test]
fn layers_that_are_not_gzip() {
    let sandbox = lambda();
    for (compression, rule) in [("none", "uncompressed-layer"), ("zstd", "zstd-layer")] {
        function(&sandbox, "", &format!("compression = \"{compression}\""));
        let found = only(&sandbox, &["app.toml"], rule);
        assert_eq!(found["where"]["field"], "layers[1].mediaType");
        sandbox.build(&["app.toml"]);
        only_of_lambda(&sandbox, "oci:out:app", rule);
    }
    // What an archive of docker's holds is compressed by whoever pushes it.
    function(&sandbox, "", "compression = \"none\"");
    sandbox.build(&["app.toml"]);
    let archive = format!("docker-archive:{}:app:v1", sandbox.path("docker.tar").display());
    crate::support::judge::skopeo_copy(&sandbox.image("app"), &archive, &[]);
    clean(&sandbox, &["docker-archive:docker.tar", "--profile", "lambda"]);
    // The base's layers count as well, and are not read for it.
    let tar = code().end();
    let plain = "application/vnd.oci.image.layer.v1.tar";
    lambda_base().blob(plain, tar.clone(), &digest_of(&tar)).write(&sandbox.path("bases"), "lambda");
    function(&sandbox, "", "");
    let found = only(&sandbox, &["app.toml"], "uncompressed-layer");
    assert_eq!(found["where"]["layer"], 1);
}

#[test]
fn too_many_layers() {
    let sandbox = lambda();
    let with = |count: usize| {
        let mut image = lambda_base();
        image.config["config"]["Cmd"] = json!(["app.handler"]);
        image = image.layer(&code().end());
        for place in 2..count {
            let mut tar = Tar::default();
            tar.file(&format!("file{place}"), b"");
            image = image.layer(&tar.end());
        }
        image
    };
    clean(&sandbox, &[image(&sandbox, &with(127)), "--profile", "lambda"]);
    only_of_lambda(&sandbox, image(&sandbox, &with(128)), "too-many-layers");
}

#[test]
fn too_large() {
    let sandbox = lambda();
    function(&sandbox, "base_tree = \"assume\"", "");
    // A base of which it is enough to know how large its blob is.
    let of_size = |size: u64| {
        sandbox.empty_base("large");
        sandbox.alter_base("large", |manifest, config| {
            *config = lambda_base().config;
            config["architecture"] = "arm64".into();
            manifest["layers"] = json!([{"mediaType": LAYER_GZIP, "digest": digest_of(b"nowhere"), "size": size}]);
        });
        let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", spec.replace("bases:lambda", "bases:large"));
    };
    std::fs::remove_dir_all(sandbox.path("bases")).unwrap();
    of_size((10 << 30) - 4096);
    clean(&sandbox, &["app.toml"]);
    of_size(10 << 30);
    let found = only(&sandbox, &["app.toml"], "too-large");
    assert!(found["why"].as_str().unwrap().contains("at least"), "{found}");
}

#[test]
fn parents_that_are_not_there_or_come_later() {
    let sandbox = lambda();
    let mut absent = Tar::default();
    absent.folder("var/", 0o755).file("var/task/app.py", b"");
    let found = only_of_lambda(&sandbox, image(&sandbox, &with_layer(&absent)), "missing-parent");
    assert_eq!((&found["where"]["layer"], &found["where"]["paths"]), (&json!(1), &json!(["/var/task"])));
    assert!(found["why"].as_str().unwrap().contains("MissingParentDirectory"), "{found}");
    let mut late = Tar::default();
    late.folder("var/", 0o755).file("var/task/app.py", b"").folder("var/task/", 0o755);
    let found = only_of_lambda(&sandbox, image(&sandbox, &with_layer(&late)), "missing-parent");
    assert!(found["why"].as_str().unwrap().contains("after what lies in them"), "{found}");
}

#[test]
fn parents_that_another_tool_leaves_out() {
    // A layer as `umoci insert` writes it: the directory that is inserted, and none above it.
    let sandbox = lambda();
    let bases = format!("{}:lambda", sandbox.path("bases").display());
    let code = sandbox.path("code");
    crate::support::tools::tool("umoci", ["insert", "--image", &bases, code.to_str().unwrap(), "/var/task/deep"]);
    let found = findings(&check(&sandbox, &["oci:bases:lambda", "--profile", "lambda", "--allow", "command-unset"]));
    let missing: Vec<&Value> = found.iter().filter(|finding| finding["rule"] == "missing-parent").collect();
    assert_eq!(missing.len(), 1, "{found:#?}");
    assert_eq!(missing[0]["where"]["paths"], json!(["/var", "/var/task"]));
}

#[test]
fn parents_with_another_mode_than_below() {
    let sandbox = lambda();
    let mut tar = code();
    tar.folder("tmp/", 0o1755).file("tmp/x", b"");
    let found = only_of_lambda(&sandbox, image(&sandbox, &with_layer(&tar)), "directory-changed");
    assert_eq!(found["where"]["paths"], json!(["/tmp"]));
    // A directory that is given a mode for itself is meant so.
    let mut tar = code();
    tar.folder("tmp/", 0o1755);
    clean(&sandbox, &[image(&sandbox, &with_layer(&tar)), "--profile", "lambda"]);
}

#[test]
fn a_directory_that_is_made_anew_is_not_changed() {
    let sandbox = lambda();
    let mut base = Tar::default();
    base.folder("srv/", 0o700).folder("srv/data/", 0o700).file("srv/data/x", b"");
    lambda_base().layer(&base.end()).write(&sandbox.path("bases"), "lambda");
    let spec = |run: &str| {
        sandbox.file("Dockerfile", format!("FROM base\n{run}\nCOPY code/app.py /srv/data/\nCMD [\"app.handler\"]\n"));
        let context = format!("base=oci-layout://{}:lambda", sandbox.path("bases").display());
        [
            "Dockerfile",
            "--profile",
            "lambda",
            "--allow",
            "handler-missing",
            "--allow",
            "unreadable-path",
            "--build-context",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([context])
        .collect::<Vec<_>>()
    };
    for run in ["RUN rm -r /srv/data", "RUN rm -r /srv/data && mkdir /srv/data", "RUN rm -r /srv && mkdir -p /srv/data"]
    {
        let arguments = spec(run);
        clean(&sandbox, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        sandbox.run(["build", "Dockerfile", "--name", "anew", "--build-context", arguments.last().unwrap()]).ok();
        let flags = ["--profile", "lambda", "--allow", "handler-missing", "--allow", "unreadable-path"];
        clean(&sandbox, &[&["oci:out:anew"], &flags[..]].concat());
    }
}

#[test]
fn code_that_others_may_not_read() {
    let sandbox = lambda();
    sandbox.file("code/secret.py", "");
    for (layer, paths) in [
        ("modes = { file = \"0640\" }", json!(["/var/task/app.py", "/var/task/secret.py"])),
        ("modes = { dir = \"0700\" }\nfrom = \"pkg\"", json!(["/var/task/sub"])),
    ] {
        sandbox
            .file("code/pkg/app.py", "")
            .file("code/pkg/sub/x.py", "")
            .file("code/.dockerignore", if layer.contains("from") { "" } else { "pkg\n.dockerignore" });
        function(&sandbox, "", layer);
        let found = only(&sandbox, &["app.toml"], "unreadable-code");
        assert_eq!(found["where"]["paths"], paths);
        sandbox.build(&["app.toml"]);
        assert_eq!(only_of_lambda(&sandbox, "oci:out:app", "unreadable-code")["where"]["paths"], paths);
    }
}

#[test]
fn what_a_later_layer_makes_readable() {
    let sandbox = lambda();
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = \"oci:bases:lambda\"\nprofile = \"lambda\"\n\
         [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/var/task/\"\nmodes = { file = \"0600\" }\n\
         [[layer]]\nname = \"more\"\ncontext = \"code\"\nto = \"/srv/\"\nmodes = { file = \"0600\" }\n\
         [[layer]]\nname = \"readable\"\nrun = [\"chmod 644 /var/task/app.py\"]\n\
         [config]\ncmd = [\"app.handler\"]\n",
    );
    // The first layer's only file is what the third has written again; elsewhere it is no code.
    let found = findings(&check(&sandbox, &["app.toml"]));
    let found: Vec<(&Value, &Value)> =
        found.iter().map(|finding| (&finding["rule"], &finding["where"]["paths"])).collect();
    assert_eq!(
        found,
        [(&json!("overwritten-layer"), &json!([])), (&json!("unreadable-path"), &json!(["/srv/app.py"]))]
    );
}

#[test]
fn a_handler_that_is_not_there() {
    let sandbox = lambda();
    sandbox
        .file("code/pkg/__init__.py", "")
        .file("code/pkg/sub.py", "")
        .file("code/web/index.mjs", "")
        .link("code/link.py", "app.py");
    let cmd = |handler: &str| {
        function(&sandbox, "", "");
        let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", spec.replace("app.handler", handler));
    };
    for handler in ["other.handler", "pkg.other.handler", "web/other.handler", "app", "pkg/other.handler"] {
        cmd(handler);
        let found = only(&sandbox, &["app.toml"], "handler-missing");
        assert_eq!(found["where"]["field"], "config.Cmd", "{handler}");
    }
    for handler in [
        "app.handler",
        "pkg.handler",
        "pkg.sub.handler",
        "pkg/sub.handler",
        "web/index.routes.get",
        "link.handler",
        "a.B::c",
    ] {
        cmd(handler);
        clean(&sandbox, &["app.toml"]);
    }
    sandbox.build(&["app.toml"]);
    clean(&sandbox, &["oci:out:app", "--profile", "lambda"]);
}

#[test]
fn a_handler_of_a_client_that_the_image_brings() {
    let sandbox = lambda();
    let with = |handler: &str| {
        let mut image = with_layer(&code());
        image.config["config"]["Entrypoint"] = json!(["/var/lang/bin/python3.12", "-m", "awslambdaric"]);
        image.config["config"]["Cmd"] = json!([handler]);
        image
    };
    clean(&sandbox, &[image(&sandbox, &with("app.handler")), "--profile", "lambda"]);
    only_of_lambda(&sandbox, image(&sandbox, &with("other.handler")), "handler-missing");
}

#[test]
fn nothing_to_run() {
    let sandbox = lambda();
    let found = only_of_lambda(&sandbox, "oci:bases:lambda", "command-unset");
    let mut empty = lambda_base();
    empty.config["config"]["Cmd"] = json!([""]);
    only_of_lambda(&sandbox, image(&sandbox, &empty), "command-unset");
    assert!(found["why"].as_str().unwrap().contains("takes a handler"), "{found}");
    only_of_lambda(&sandbox, image(&sandbox, &HandMade::new()), "command-unset");
}

#[test]
fn a_program_that_only_root_may_execute() {
    let sandbox = lambda();
    let mut tar = code();
    tar.header(b'0', b"bootstrap", 0o744, 1, "").content(b"x");
    let mut base = with_layer(&tar);
    base.config["config"]["Entrypoint"] = json!(["/bootstrap"]);
    only_of_lambda(&sandbox, image(&sandbox, &base), "entrypoint-not-executable");
}
