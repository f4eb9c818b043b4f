//! Python packages as layers: wheels, locks and projects, beside what pip makes of them.

mod bump;
mod example;
mod fresh;
mod hostile;
mod imports;
mod index;
mod interpreters;
mod laid;
mod lambda;
mod locks;
mod pip;
mod platforms;
mod projects;
mod replaced;
mod small;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::material::{PYTHON, Set};
use crate::support::{Run, Sandbox, debian};

/// A spec `app.toml` of an image `app` with one layer of packages, from nothing. `layer` are that layer's lines.
fn from_nothing(sandbox: &Sandbox, architectures: &[&str], layer: &str) {
    let platforms: Vec<String> = architectures.iter().map(|architecture| format!("linux/{architecture}")).collect();
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"scratch\"\nplatforms = {platforms:?}\n\n\
             [[layer]]\nname = \"dependencies\"\n{layer}\n"
        ),
    );
}

/// The lines of a layer from nothing into `/var/task/`, for a set's Python.
fn into_task(wheels: &str, set: Set) -> String {
    let python = set.python;
    format!(
        "wheels = {wheels:?}\npython = \"{python}\"\ninto = \"/var/task/\"\ninterpreter = \"{PYTHON}\"\n\
         libc = \"glibc 2.34\"\n"
    )
}

/// A spec `app.toml` over Debian's Python, which lies in the layout `bases`.
fn on_python(sandbox: &Sandbox, layer: &str) {
    debian::python().write(&sandbox.path("bases"), "python");
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = \"oci:bases:python\"\nplatforms = [\"linux/{}\"]\n\n\
             [[layer]]\nname = \"dependencies\"\n{layer}\n",
            debian::architecture()
        ),
    );
}

/// The layers of all images that a run with `--json` built, in order: name and digest. Those of the base have no name.
fn layers(run: &Run) -> Vec<(String, String)> {
    let documents = run.documents();
    let all = documents.iter().flat_map(|document| document["layers"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.filter(|layer| layer["status"] != "base").map(|layer| (text(&layer["name"]), text(&layer["digest"]))).collect()
}

/// Which names stand for another digest than before, or for none.
fn moved(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (before.iter().cloned().collect(), after.iter().cloned().collect());
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| before.get(name) != after.get(name));
    names
}

/// Makes sure that nothing is left of a build that was refused: no output, no blob, no record, no temporary file.
#[track_caller]
fn assert_nothing_left(sandbox: &Sandbox) {
    assert!(!sandbox.path("out").exists(), "there is an output");
    for folder in ["blobs/sha256", "layers", "listings", "latest", "packs", "temporary"] {
        let folder = format!("cache/{folder}");
        let left = if sandbox.path(&folder).exists() { sandbox.tree(&folder) } else { Vec::new() };
        assert_eq!(left, [""; 0], "{folder}");
    }
}

/// All files below a folder that is there.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}
