//! Pushing the example family to the tests' registry: to an empty one, again from here, and from an empty machine.
//!
//! The registry runs in this process and shares its cores, so what is measured is the protocol, not a registry.

#![allow(missing_docs)]

mod material;
// Written for tests, which may unwrap.
#[allow(clippy::unwrap_used)]
#[path = "../tests/support/registry/mod.rs"]
mod registry;

use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;
use registry::Registry;
use tempfile::TempDir;

fn main() {
    divan::main();
}

/// Pushes with the store in `folder`.
fn push(folder: &TempDir, registry: &Registry) {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tarsia"));
    command.arg("push").arg(specs).env("REGISTRY", registry.host()).env("HOME", folder.path());
    command.env("TARSIA_CACHE_DIR", folder.path().join("cache")).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("a run").success());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn to_an_empty_registry(bencher: Bencher<'_, '_>) {
    let inputs = || (material::folder(), Registry::start());
    bencher.with_inputs(inputs).bench_local_refs(|(folder, registry)| push(folder, registry));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn unchanged(bencher: Bencher<'_, '_>) {
    let (folder, registry) = (material::folder(), Registry::start());
    push(&folder, &registry);
    bencher.bench_local(|| push(&folder, &registry));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn unchanged_from_an_empty_machine(bencher: Bencher<'_, '_>) {
    let registry = Registry::start();
    push(&material::folder(), &registry);
    bencher.with_inputs(material::folder).bench_local_refs(|folder| push(folder, &registry));
}
