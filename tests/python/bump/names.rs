//! Names of the layers that wheels are split into, and which distributions are in them.

use super::above::{Scene, package, wheels};
use crate::support::wheels::SmallWheel;
use crate::support::workspace::noise;

const CONTEXT: &str = "\n[[layer]]\nname = \"NAME\"\ncontext = \"files\"\nto = \"/files/\"\n";

fn context(name: &str) -> String {
    CONTEXT.replace("NAME", name)
}

#[test]
fn no_layer_is_called_as_a_part_of_wheels() {
    for (split, name) in [("\"each\"", "deps/ledger"), ("3", "deps/1")] {
        let deps = wheels("deps", "wheels", &format!("split = {split}"));
        for layers in [deps.clone() + &context(name), context(name) + &deps] {
            let scene = Scene::from_nothing(&layers);
            scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.0")]);
            scene.sandbox.file("files/a", "a");
            let run = scene.sandbox.run(["push", "app.toml"]);
            let run = run.refused(2, &format!("`{name}` is what a part of `deps` may be called"));
            assert!(run.stderr.contains("help: call it otherwise"), "{}", run.stderr);
            assert!(run.stderr.contains("app.toml:"), "{}", run.stderr);
        }
        // They never meet, or the wheels have no parts.
        let away = |layer: &str, arch: &str| {
            format!("{}platforms = [\"linux/{arch}\"]\n", layer.trim_end_matches('\n').to_owned() + "\n")
        };
        let scene = Scene::from_nothing(&(away(&deps, "arm64") + &away(&context(name), "amd64")));
        scene.wheels("wheels", &[("ledger", "1.0")]);
        scene.push();
        let scene = Scene::from_nothing(&(wheels("deps", "wheels", "") + &context(name)));
        scene.wheels("wheels", &[("ledger", "1.0")]);
        scene.sandbox.file("files/a", "a");
        scene.push();
    }
}

#[test]
fn layers_of_a_spec_below_are_no_parts() {
    for below in ["deps/alpha", "deps/ledger", "deps/none"] {
        let scene = Scene::from_nothing(&context(below));
        scene.alter("name = \"app\"", "name = \"low\"");
        scene.alter("/app\"", "/low\"");
        scene.sandbox.file("files/a", "a");
        std::fs::rename(scene.sandbox.path("app.toml"), scene.sandbox.path("low.toml")).unwrap();
        scene.spec("", &(wheels("deps", "wheels", "split = \"each\"") + &package("package", "app", "")));
        scene.alter("base = \"\"", "base = { spec = \"low.toml\" }");
        scene.project("app", "app", "1.0", &["app/__init__.py"], "");
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.0")]);
        scene.push();
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.1")]);
        scene.is_a_push(&["deps"]);
        scene.wheels("wheels", &[("alpha", "1.1"), ("ledger", "1.1")]);
        scene.is_a_push(&["deps/alpha"]);
        // A part that is not there yet is not what lies below.
        scene.wheels("wheels", &[("alpha", "1.1"), ("ledger", "1.1"), ("none", "1.0")]);
        scene.bump(&["deps/none"]).refused(2, "has no layer `deps/none`");
        scene.bump(&["deps"]).refused(2, "push the spec");
    }
}

#[test]
fn wheels_of_two_specs_are_not_mistaken_for_one_another() {
    let deps = |folder: &str| wheels("deps", folder, "split = \"each\"");
    let scene = Scene::from_nothing(&deps("lower"));
    scene.alter("name = \"app\"", "name = \"low\"");
    scene.alter("/app\"", "/low\"");
    std::fs::rename(scene.sandbox.path("app.toml"), scene.sandbox.path("low.toml")).unwrap();
    scene.spec("", &(deps("wheels") + &context("code")));
    scene.alter("base = \"\"", "base = { spec = \"low.toml\" }");
    scene.wheels("lower", &[("alpha", "1.0"), ("beta", "1.0")]);
    scene.wheels("wheels", &[("beta", "1.1"), ("ledger", "1.0")]);
    scene.sandbox.file("files/a", "a");
    scene.push();
    scene.wheels("wheels", &[("beta", "1.2"), ("ledger", "1.1")]);
    for name in ["deps", "deps/ledger", "deps/alpha"] {
        scene.bump(&[name]).refused(2, "the spec of `low` below splits wheels that it calls `deps` as well");
    }
    scene.wheels("wheels", &[("beta", "1.1"), ("ledger", "1.0")]);
    scene.sandbox.file("files/a", "b");
    scene.is_a_push(&["code"]);
}

#[test]
fn a_part_is_named_once() {
    let scene = Scene::from_nothing(&wheels("deps", "wheels", "split = \"each\""));
    scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.0")]);
    scene.push();
    for names in [["deps", "deps/ledger"], ["deps/ledger", "deps"], ["deps/ledger", "deps/ledger"]] {
        scene.bump(&names).refused(2, "the layer `deps/ledger` is named twice");
    }
    scene.bump(&["deps", "deps"]).refused(2, "is named twice");
}

/// Twelve small wheels, and one that is large or not.
fn twelve(scene: &Scene, version: &str, is_large: bool) {
    let names: Vec<String> = (0..12).map(|number| format!("p{number:02}")).collect();
    let wheels: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), version)).collect();
    scene.wheels("wheels", &wheels);
    let bytes = noise(5, if is_large { 3 << 20 } else { 10 });
    SmallWheel::new("gro", version).file("gro.bin", bytes).write(&scene.sandbox.path("wheels"));
}

#[test]
fn a_part_holds_what_it_held() {
    let scene = Scene::from_nothing(&wheels("deps", "wheels", "split = 4"));
    twelve(&scene, "1.0", false);
    scene.push();
    // All are where they were.
    twelve(&scene, "1.1", false);
    let of = |version: &str, is_large| {
        let other = Scene::from_nothing(&wheels("deps", "wheels", "split = 4"));
        twelve(&other, version, is_large);
        let run = other.sandbox.run(["plan", "app.toml", "--json"]).ok();
        let layers = run.documents()[0]["layers"].as_array().unwrap().clone();
        layers.iter().filter_map(|layer| layer["name"].as_str()).map(str::to_owned).collect::<Vec<String>>()
    };
    let before: Vec<String> = of("1.0", false).into_iter().filter(|name| name.starts_with("deps/")).collect();
    for name in &before[..before.len() - 1] {
        scene.bump(&[name]).ok();
    }
    scene.is_a_push(&[before.last().unwrap()]);
    // One grows: it is alone then, and others make room for it.
    twelve(&scene, "1.2", true);
    let after = of("1.2", true);
    assert_ne!(before, after);
    let mut refused = Vec::new();
    for name in &before {
        let run = scene.bump(&[name]);
        if run.code != 0 {
            let run = run.refused(2, "push the spec");
            assert!(run.stderr.contains("make other layers now") || run.stderr.contains("any more"), "{}", run.stderr);
            refused.push(name);
        }
    }
    assert!(refused.len() > 1, "{refused:?} {after:?}");
    scene.bump(&["deps"]).refused(2, "make other layers now");
}

#[test]
fn a_name_of_wheels_stands_for_their_parts() {
    let scene = Scene::from_nothing(&wheels("deps", "wheels", "split = \"each\""));
    scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.0")]);
    scene.push();
    let image = format!("{}/app:t", scene.registry.host());
    let run = scene.sandbox.run(["inspect", &image, "--files", "--layer", "deps"]).refused(2, "no layer `deps`");
    assert!(run.stderr.contains("`deps/alpha`, `deps/ledger`"), "{}", run.stderr);
    let run = scene.sandbox.run(["verify", "app.toml", &image, "--layer", "deps"]).refused(2, "deps");
    assert!(run.stderr.contains("`deps/alpha`, `deps/ledger`"), "{}", run.stderr);
    scene.wheels("wheels", &[("alpha", "1.1"), ("ledger", "1.1")]);
    let of = |name: &str| scene.sandbox.run(["plan", "app.toml", "--explain", name]).ok().stdout;
    let (all, one) = (of("deps"), of("deps/alpha"));
    assert!(all.contains("ledger-1.1.dist-info/RECORD") && all.contains("alpha-1.1.dist-info/RECORD"), "{all}");
    assert!(!one.contains("ledger-1.1.dist-info/RECORD") && one.contains("alpha-1.1.dist-info/RECORD"), "{one}");
    scene.sandbox.run(["plan", "app.toml", "--explain", "dep"]).refused(2, "no image of this run has a layer `dep`");
}
