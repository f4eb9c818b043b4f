//! Wheels into a layer, side by side with `pip install --target` and `tar | gzip` on the same wheels, in one run.
//!
//! Needs what `tests/run` downloads. `cargo bench --bench wheels -- 9` makes nine runs of each instead of five.

#![allow(missing_docs)]

mod material;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The wheels that `tests/python/material` has for CPython 3.11 on this set, and the virtual environment beside them.
fn downloaded(set: &str) -> Option<(PathBuf, PathBuf)> {
    let wheels = Path::new(env!("CARGO_BIN_EXE_tarsia")).ancestors().map(|folder| folder.join("wheels"));
    let wheels = wheels.filter(|folder| folder.join("pip").is_dir()).last()?;
    let stamps = fs::read_dir(&wheels).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let set =
        stamps.filter(|stamp| stamp.extension().is_none()).map(|stamp| stamp.join(set)).find(|set| set.is_dir())?;
    Some((set, wheels.join("pip/bin/python")))
}

/// Runs a command to its end, and says how long it took.
fn time(command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("a program that can be run");
    let took = began.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// All bytes of the files below a folder that `is_counted`.
fn bytes(folder: &Path, is_counted: &dyn Fn(&Path) -> bool) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let of = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => bytes(&path, is_counted),
        Ok(metadata) if is_counted(&path) => metadata.len(),
        _ => 0,
    };
    entries.map(of).sum()
}

fn spec(set: &Path, split: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n[[layer]]\nname = \"dependencies\"\n\
         wheels = \"{}/\"\npython = \"3.11\"\nlibc = \"glibc 2.34\"\ninto = \"/var/task/\"\nsplit = {split}\n",
        set.display()
    )
}

/// Builds in a folder with the store there.
fn tarsia(folder: &Path) -> Duration {
    let _ = fs::remove_dir_all(folder.join("out"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tarsia"));
    command.args(["build", "app.toml", "--output", "oci:out"]).current_dir(folder);
    time(command.env("TARSIA_CACHE_DIR", folder.join("cache")).env("HOME", folder))
}

fn pip(python: &Path, set: &Path, folder: &Path) -> Duration {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]);
    command.args(["--no-index", "--implementation=cp", "--only-binary=:all:", "--python-version=3.11"]);
    for version in ["_2_34", "_2_28", "_2_27", "_2_24", "_2_17", "2014", "_2_5", "1"] {
        command.arg(format!("--platform=manylinux{version}_x86_64"));
    }
    let mut wheels: Vec<PathBuf> =
        fs::read_dir(set).expect("wheels").map(|wheel| wheel.expect("a wheel").path()).collect();
    wheels.sort();
    time(command.arg("--target").arg(folder.join("tree")).args(wheels))
}

fn tar_and_gzip(folder: &Path) -> Duration {
    time(Command::new("sh").args(["-c", "tar -C tree -cf - . | gzip >layer.tar.gz"]).current_dir(folder))
}

/// The middle one of some times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Some((set, python)) = downloaded("cp311-x86_64") else {
        return writeln!(out, "there are no wheels in the target folder: run tests/run, which downloads them");
    };
    let runs: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let folder = material::folder();
    let work = folder.path();
    // Read by nobody from a disk while it is measured.
    let wheels = work.join("wheels");
    fs::create_dir(&wheels)?;
    for wheel in fs::read_dir(&set)? {
        let wheel = wheel?;
        fs::copy(wheel.path(), wheels.join(wheel.file_name()))?;
    }
    let count = fs::read_dir(&wheels)?.count();
    let compressed = bytes(&wheels, &|_| true);
    writeln!(out, "{count} wheels of {compressed} bytes, the median of {runs} runs each, in {}\n", work.display())?;

    let names = ["tarsia, one layer", "tarsia, a layer each"];
    let mut rows: Vec<(String, Vec<Duration>, u64)> = Vec::new();
    for (name, split) in names.into_iter().zip(["\"one\"", "\"each\""]) {
        for state in ["cold", "warm"] {
            rows.push((format!("{name}, {state}"), Vec::new(), 0));
            fs::create_dir_all(work.join(name))?;
            fs::write(work.join(name).join("app.toml"), spec(&wheels, split))?;
        }
    }
    for what in ["pip install --target", "tar | gzip", "both"] {
        rows.push((what.to_owned(), Vec::new(), 0));
    }
    // In turns, so that what else the machine does meets all alike.
    for _ in 0..runs {
        let mut measured = Vec::new();
        for name in names {
            let place = work.join(name);
            let _ = fs::remove_dir_all(place.join("cache"));
            for _ in ["cold", "warm"] {
                let took = tarsia(&place);
                measured.push((took, bytes(&place.join("out/blobs"), &|_| true)));
            }
        }
        let _ = fs::remove_dir_all(work.join("tree"));
        let install = pip(&python, &wheels, work);
        let pack = tar_and_gzip(work);
        let size = fs::metadata(work.join("layer.tar.gz"))?.len();
        measured.extend([(install, bytes(&work.join("tree"), &|_| true)), (pack, size), (install + pack, size)]);
        for (row, (took, size)) in rows.iter_mut().zip(measured) {
            row.1.push(took);
            row.2 = size;
        }
    }
    writeln!(out, "{:<28} {:>9} {:>12}", "", "seconds", "bytes")?;
    for (name, times, size) in rows {
        writeln!(out, "{name:<28} {:>9.3} {size:>12}", median(times).as_secs_f64())?;
    }
    Ok(())
}
