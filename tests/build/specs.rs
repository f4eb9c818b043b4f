//! The committed specs and their schema.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tarsia::spec::{Base, Variables, load};

use crate::support::Sandbox;
use crate::support::sandbox::{names, repository};

/// The committed specs.
fn specs() -> Vec<std::path::PathBuf> {
    let folders = ["specs", "specs/python"].map(|folder| repository().join(folder));
    let files = folders.iter().flat_map(|folder| names(folder).into_iter().map(|name| folder.join(name)));
    let is_spec = |file: &std::path::PathBuf| {
        file.extension().is_some_and(|extension| extension == "toml") && !file.ends_with("pylock.toml")
    };
    files.filter(is_spec).collect()
}

#[test]
fn the_schema_is_fresh() {
    let committed = fs::read_to_string(repository().join("specs/spec.schema.json")).unwrap_or_default();
    let printed = Sandbox::new().run(["schema"]).ok().stdout;
    assert!(committed == printed, "run `tarsia schema > specs/spec.schema.json`");
    assert_eq!(committed, tarsia::spec::schema());
}

#[test]
fn the_schema_names_every_key_and_no_other() {
    let schema: Value = serde_json::from_str(&tarsia::spec::schema()).unwrap();
    let keys =
        |object: &Value| -> BTreeSet<String> { object["properties"].as_object().unwrap().keys().cloned().collect() };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let top =
        ["allow", "base", "base_tree", "config", "ecr", "layer", "name", "platforms", "profile", "repository", "tags"];
    assert_eq!(keys(&schema), set(&top));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["name", "base"]));
    let ecr = ["encryption", "lifecycle_policy", "scan_on_push", "tag_mutability"];
    assert_eq!(keys(&schema["$defs"]["EcrTable"]), set(&ecr));
    let layer = [
        "chmod",
        "compression",
        "context",
        "entries",
        "exclude",
        "extras",
        "from",
        "groups",
        "ignore_file",
        "image",
        "index",
        "interpreter",
        "into",
        "libc",
        "modes",
        "mtime",
        "name",
        "owner",
        "package",
        "parents",
        "platforms",
        "python",
        "run",
        "sources",
        "split",
        "to",
        "unpack",
        "wheelhouse",
        "wheels",
        "workdir",
    ];
    assert_eq!(keys(&schema["$defs"]["LayerTable"]), set(&layer));
    let config = [
        "args_escaped",
        "author",
        "cmd",
        "entrypoint",
        "env",
        "expose",
        "healthcheck",
        "labels",
        "onbuild",
        "shell",
        "stop_signal",
        "user",
        "volumes",
        "workdir",
    ];
    assert_eq!(keys(&schema["$defs"]["ConfigTable"]), set(&config));
}

#[test]
fn every_committed_spec_parses_and_names_its_schema() {
    let files = specs();
    assert!(!files.is_empty());
    let variables = Variables::with_environment([("REGISTRY".to_owned(), "registry.example".to_owned())].into());
    for file in files {
        let workspace = load(std::slice::from_ref(&file), &variables).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(workspace.requested.last(), Some(&true));
        let text = fs::read_to_string(&file).unwrap();
        let schema =
            if file.parent().unwrap().ends_with("python") { "../spec.schema.json" } else { "./spec.schema.json" };
        assert!(text.starts_with(&format!("#:schema {schema}\n")), "{}", file.display());
    }
}

#[test]
fn committed_specs_stand_in_the_order_they_need() {
    let workspace = load(&[repository().join("specs")], &Variables::default()).unwrap();
    for (place, recipe) in workspace.recipes.iter().enumerate() {
        if let Base::Recipe(below) = &recipe.base {
            assert!(workspace.recipes[..place].iter().any(|other| other.name == *below), "{}", recipe.name);
        }
    }
    assert!(workspace.requested.iter().all(|requested| *requested));
}

#[test]
fn a_build_needs_no_repository() {
    // ${REGISTRY} has no value here.
    let sandbox = Sandbox::new();
    let run = sandbox.build(&[repository().join("specs").to_str().unwrap()]);
    assert!(run.stdout.contains("oci:out:receipt-label changed"), "{}", run.stdout);
    sandbox.run(["push", repository().join("specs").to_str().unwrap()]).refused(2, "REGISTRY");
}
