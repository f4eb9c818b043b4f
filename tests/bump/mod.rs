//! `tarsia bump`: a published image with some of its layers replaced.

mod keep;
mod named;
mod races;
mod rebase;
mod replace;
mod same;

use serde_json::Value;

use crate::support::registry::Registry;
use crate::support::workspace::base;
use crate::support::{Run, Sandbox};

/// How many layers the image has over its base.
const LAYERS: usize = 20;

/// A spec of twenty packages over the base at `base`, with these contexts.
fn packages(base: &str, contexts: &[usize]) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = format!("name = \"app\"\nbase = {base:?}\nrepository = \"${{REGISTRY}}/team/app\"\n");
    for number in 0..LAYERS {
        spec.push_str(&format!(
            "[[layer]]\nname = \"p{number}\"\ncontext = \"p{number}\"\nto = \"/var/task/p{number}/\"\n"
        ));
    }
    sandbox.file("app.toml", spec);
    for &number in contexts {
        sandbox.file(&format!("p{number}/__init__.py"), format!("number = {number}\n"));
        sandbox.file(&format!("p{number}/lib/code.py"), format!("code = {number}\n"));
    }
    sandbox
}

/// Runs a command over `app.toml` with `--json`.
fn over(sandbox: &Sandbox, command: &str, registry: &Registry, flags: &[&str]) -> Run {
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run([command, "app.toml", "--json", "--set", &set].iter().chain(flags))
}

/// A registry with twenty packages pushed over a base that another registry has.
fn published() -> (Registry, Registry, String) {
    let (bases, registry) = (Registry::start(), Registry::start());
    base().put(&bases, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", bases.host());
    over(&packages(&reference, &Vec::from_iter(0..LAYERS)), "push", &registry, &[]).ok();
    (bases, registry, reference)
}

/// The layers of a manifest.
fn layers(manifest: &Value) -> Vec<Value> {
    manifest["layers"].as_array().unwrap().clone()
}
