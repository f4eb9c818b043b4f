//! Whole builds of the example family: from nothing, and when nothing has changed.

#![allow(missing_docs)]

mod material;

use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;

fn main() {
    divan::main();
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tarsia"));
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    command.arg("build").arg(specs).arg("--output").arg(format!("oci:{}/out", folder.display()));
    command.env("TARSIA_CACHE_DIR", folder.join("cache")).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn three_images_from_nothing(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(material::folder).bench_local_values(|folder| {
        assert!(command(folder.path()).status().expect("a run").success());
        folder
    });
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn three_images_unchanged(bencher: Bencher<'_, '_>) {
    let folder = material::folder();
    assert!(command(folder.path()).status().expect("a run").success());
    bencher.bench_local(|| assert!(command(folder.path()).status().expect("a run").success()));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn version(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tarsia"));
        assert!(command.arg("--version").stdout(Stdio::null()).status().expect("a run").success());
    });
}
