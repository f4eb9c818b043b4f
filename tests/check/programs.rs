//! What an image runs.

use super::{clean, only};
use crate::support::Sandbox;
use crate::support::judge::skopeo_copy;

/// A spec with a program, a script that is none, and what it runs.
fn runs(sandbox: &Sandbox, config: &str) {
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"scratch\"\n\
             [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/usr/bin/\"\n\
             [[layer]]\nname = \"links\"\nentries = [{{ path = \"/bin\", link = \"usr/bin\" }}, \
             {{ path = \"/usr/bin/link\", link = \"/bin/program\" }}, {{ path = \"/usr/bin/broken\", link = \"nowhere\" }}, \
             {{ path = \"/usr/bin/round\", link = \"round\" }}]\n[config]\n{config}\n"
        ),
    );
    sandbox.executable("code/program", "#!/bin/sh\n").file("code/script", "#!/bin/sh\n").file("code/folder/x", "");
}

#[test]
fn a_program_that_is_not_there() {
    let sandbox = Sandbox::new();
    for config in [
        "entrypoint = [\"/usr/bin/other\", \"program\"]",
        "entrypoint = [\"other\"]\ncmd = [\"program\"]",
        "cmd = [\"/usr/bin/broken\"]",
        "cmd = [\"/usr/bin/round\"]",
        "cmd = [\"./program\"]",
        "cmd = [\"program\"]\nenv = { PATH = \"/usr/local/bin\" }",
        "cmd = [\"\"]",
        "cmd = [\"\"]\nenv = { PATH = \"/usr/local/bin\" }",
    ] {
        runs(&sandbox, config);
        let found = only(&sandbox, &["app.toml"], "entrypoint-missing");
        assert_eq!(found["where"]["file"], "app.toml");
        let is_empty = config.starts_with("cmd = [\"\"]");
        let words =
            if is_empty { "the name of the program that the image runs is empty" } else { "there is no such file" };
        assert!(found["why"].as_str().unwrap().contains(words), "{found}");
        let field = if config.starts_with("entrypoint") { "config.Entrypoint" } else { "config.Cmd" };
        assert_eq!(found["where"]["field"], field, "{config}");
        // The image says the same once it is made.
        sandbox.build(&["app.toml"]);
        assert_eq!(only(&sandbox, &["oci:out:app"], "entrypoint-missing")["why"], found["why"], "{config}");
    }
}

#[test]
fn a_program_that_may_not_be_executed() {
    let sandbox = Sandbox::new();
    for program in ["/usr/bin/script", "script", "/bin/script", "/usr/bin/folder"] {
        runs(&sandbox, &format!("cmd = [{program:?}]"));
        only(&sandbox, &["app.toml"], "entrypoint-not-executable");
        sandbox.build(&["app.toml"]);
        only(&sandbox, &["oci:out:app"], "entrypoint-not-executable");
    }
}

#[test]
fn a_program_that_is_found_as_a_runtime_finds_it() {
    let sandbox = Sandbox::new();
    for config in [
        "cmd = [\"/usr/bin/program\"]",
        "cmd = [\"/bin/program\"]",
        "cmd = [\"link\"]",
        "cmd = [\"program\"]",
        "cmd = [\"./program\"]\nworkdir = \"/bin\"",
        "cmd = [\"program\"]\nenv = { PATH = \"/nowhere::/bin\" }",
        // What the entry point does with it is its own business.
        "entrypoint = [\"program\"]\ncmd = [\"other\"]",
        // A base runs nothing.
        "",
    ] {
        runs(&sandbox, config);
        clean(&sandbox, &["app.toml"]);
        sandbox.build(&["app.toml"]);
        clean(&sandbox, &["oci:out:app"]);
    }
}

#[test]
fn wherever_the_image_is() {
    let sandbox = Sandbox::new();
    runs(&sandbox, "cmd = [\"other\"]");
    sandbox.build(&["app.toml"]);
    let archive = |scheme: &str| format!("{scheme}:{}", sandbox.path(&format!("{scheme}.tar")).display());
    skopeo_copy(&sandbox.image("app"), &format!("{}:app", archive("oci-archive")), &[]);
    skopeo_copy(&sandbox.image("app"), &format!("{}:app:v1", archive("docker-archive")), &[]);
    for image in ["oci-archive:oci-archive.tar:app", "docker-archive:docker-archive.tar"] {
        only(&sandbox, &[image], "entrypoint-missing");
    }
}

#[test]
fn a_base_that_is_not_read_may_have_it() {
    let sandbox = Sandbox::new();
    sandbox.file("tree/other", "").base("base", "tree");
    let spec =
        |more: &str| format!("name = \"app\"\nbase = \"oci:bases:base\"\n{more}\n[config]\ncmd = [\"/program\"]\n");
    sandbox.file("app.toml", spec("base_tree = \"assume\""));
    clean(&sandbox, &["app.toml"]);
    sandbox.file("app.toml", spec(""));
    only(&sandbox, &["app.toml"], "entrypoint-missing");
}
