//! `bump --base`: the layers stay, the base below them is what its reference stands for now.

use serde_json::{Value, json};

use super::{LAYERS, layers, over, packages, published};
use crate::support::examples::assert_whole;
use crate::support::images::{HandMade, MANIFEST, Tar};
use crate::support::registry::Registry;
use crate::support::workspace::{BASE_LAYERS, base, json_of, noise, workspace};

/// A newer base: a layer more, and another setting.
fn newer(mode: u32) -> HandMade {
    let mut tar = Tar::default();
    tar.folder("opt/", 0o755).file("opt/security-fix", b"fixed").folder("var/", 0o755).folder("var/task/", mode);
    let mut newer = base().layer(&tar.end());
    newer.config["config"]["Env"] = json!(["PATH=/usr/bin:/bin", "FIXED=yes"]);
    newer
}

#[test]
fn a_rebase_is_what_a_push_would_be() {
    let (bases, registry, reference) = published();
    newer(0o711).put(&bases, "bases/python", "3.12");
    // No context is there at all.
    let bumped = over(&packages(&reference, &[]), "bump", &registry, &["--base"]).ok().documents().remove(0);
    let manifest = json_of(&registry, "team/app", "latest");
    assert_eq!(layers(&manifest).len(), BASE_LAYERS + 1 + LAYERS);
    assert_eq!(bumped["layers"][BASE_LAYERS]["status"], "base");
    assert_whole(&registry, "team/app", "latest");
    let pushed =
        over(&packages(&reference, &Vec::from_iter(0..LAYERS)), "push", &registry, &[]).ok().documents().remove(0);
    assert_eq!((&pushed["changed"], &pushed["digest"]), (&json!(false), &bumped["digest"]));
    // Once more there is nothing to do.
    let again = over(&packages(&reference, &[]), "bump", &registry, &["--base"]).ok().documents().remove(0);
    assert_eq!(again["changed"], false);
}

#[test]
fn layers_and_base_in_one_run() {
    let (bases, registry, reference) = published();
    newer(0o711).put(&bases, "bases/python", "3.12");
    let one = packages(&reference, &[2]);
    one.file("p2/lib/code.py", "new\n");
    let bumped = over(&one, "bump", &registry, &["--base", "--layer", "p2"]).ok().documents().remove(0);
    assert_eq!(bumped["layers"][BASE_LAYERS + 1 + 2]["status"], "uploaded");
    let all = packages(&reference, &Vec::from_iter(0..LAYERS));
    all.file("p2/lib/code.py", "new\n");
    let pushed = over(&all, "push", &registry, &[]).ok().documents().remove(0);
    assert_eq!(pushed["digest"], bumped["digest"]);
}

#[test]
fn a_base_on_which_the_layers_would_be_others_is_refused() {
    let (bases, registry, reference) = published();
    newer(0o755).put(&bases, "bases/python", "3.12");
    let before = registry.resolve("team/app", "latest");
    over(&packages(&reference, &[]), "bump", &registry, &["--base"]).refused(2, "`/var/task` is another directory");
    assert_eq!(registry.resolve("team/app", "latest"), before);
}

#[test]
fn an_old_base_that_is_not_at_the_bottom_is_refused() {
    let (bases, registry, reference) = published();
    newer(0o711).put(&bases, "bases/python", "3.12");
    let other = HandMade::small().put(&bases, "bases/python", "other");
    let mut manifest: Value = json_of(&registry, "team/app", "latest");
    manifest["annotations"]["org.opencontainers.image.base.digest"] = json!(other);
    registry.put_manifest("team/app", "latest", MANIFEST, manifest.to_string());
    over(&packages(&reference, &[]), "bump", &registry, &["--base"]).refused(2, "is not what lies at the bottom");
}

#[test]
fn a_base_that_is_another_spec_is_where_that_was_pushed_to() {
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o711).file("opt/lib", &noise(1, 1 << 16));
    HandMade::new().layer(&tar.end()).put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let set = format!("REGISTRY={}", registry.host());
    let sandbox = workspace(&reference, "");
    sandbox.run(["push", "specs", "--set", &set]).ok();
    // The lowest image gets a new layer, and then each above it a new base.
    sandbox.file("a/a.py", "name = \"other\"\n");
    let bump = |spec: &str, flags: &[&str]| {
        let arguments = ["bump", spec, "--json", "--set", &set];
        sandbox.run(arguments.iter().chain(flags)).ok().documents().remove(0)["digest"].clone()
    };
    let bumped =
        [bump("specs/a.toml", &["--layer", "a"]), bump("specs/b.toml", &["--base"]), bump("specs/c.toml", &["--base"])];
    let pushed = sandbox.run(["push", "specs", "--json", "--set", &set]).ok().documents();
    assert!(pushed.iter().all(|image| image["changed"] == false), "{pushed:?}");
    assert_eq!(bumped.to_vec(), pushed.iter().map(|image| image["digest"].clone()).collect::<Vec<_>>());
    for image in ["a", "b", "c"] {
        assert_whole(&registry, &format!("team/{image}"), "latest");
    }
}

#[test]
fn what_commands_made_of_the_base_is_not_carried_over() {
    let (bases, registry) = (Registry::start(), Registry::start());
    base().put(&bases, "bases/python", "3.12");
    let sandbox = crate::support::Sandbox::new();
    let spec = format!(
        "name = \"app\"\nbase = \"{}/bases/python:3.12\"\nrepository = \"{}/app\"\n[[layer]]\nname = \"closed\"\n\
         run = [\"chmod 600 /opt/lib0\"]\n",
        bases.host(),
        registry.host()
    );
    sandbox.file("app.toml", spec);
    sandbox.run(["push", "app.toml"]).ok();
    newer(0o711).put(&bases, "bases/python", "3.12");
    sandbox.run(["bump", "app.toml", "--base"]).refused(2, "may depend on what is in the base");
}
