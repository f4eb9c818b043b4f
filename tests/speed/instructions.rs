//! Instructions of runs that find nothing to do, against the number on record.
//!
//! They are of the test build, whose code changes with the compiler, and of a processor without instructions for SHA-256,
//! which is what callgrind is. `benches/instructions` prints those of the release build.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::sandbox::Sandbox;
use crate::support::{Run, examples};

/// By how much a count may differ from its record, in hundredths, in both directions: a run that has become much shorter
/// needs a new record, or it could grow back unseen. Two runs differ by less than one hundredth; compilers and C
/// libraries by some.
const TOLERANCE: u64 = 8;

/// `--version`: most of it is the loader's, and the description of all commands.
const VERSION: u64 = 3_796_000;
/// A build of three images of few files, all known.
const EXAMPLES: u64 = 34_100_000;
/// A build of one layer of 2,000 files, all known.
const FILES: u64 = 112_400_000;

/// Holds the instructions of a run to the record.
#[track_caller]
fn hold(sandbox: &Sandbox, arguments: &[&str], record: u64) {
    let counted = count(sandbox, arguments);
    assert!(
        counted.abs_diff(record) * 100 <= record * TOLERANCE,
        "`tarsia {}` took {counted} instructions, and {record} are on record: {:+.1} %. If that is meant so, put the \
         new number in the place of the old one, and say why in the commit",
        arguments.join(" "),
        (counted as f64 / record as f64 - 1.0) * 100.0,
    );
}

/// The instructions of a run, in the program and the libraries it is linked with.
#[track_caller]
fn count(sandbox: &Sandbox, arguments: &[&str]) -> u64 {
    let run = sandbox.command(arguments);
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(run.get_program()).args(run.get_args());
    command.current_dir(run.get_current_dir().unwrap_or(Path::new("."))).env_clear();
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap_or_else(|error| {
        panic!("`valgrind` cannot be run ({error}): install Debian's package `valgrind`, or use tests/run")
    });
    let run = Run::of(output).ok();
    let counted = run.stderr.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number.trim());
    counted.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no count in:\n{}", run.stderr))
}

/// Builds until nothing is left to do, the digests of all files included.
fn settle(sandbox: &Sandbox, arguments: &[&str]) {
    sandbox.run(arguments).ok();
    // Files that were written a moment ago are not believed yet.
    std::thread::sleep(Duration::from_millis(200));
    sandbox.run(arguments).ok();
}

/// What makes a run the same each time: one thread, and none that shows progress.
const ALONE: [&str; 4] = ["--jobs", "1", "--progress", "none"];

#[test]
fn the_version() {
    hold(&Sandbox::new(), &["--version"], VERSION);
}

#[test]
fn a_build_of_the_examples_that_is_up_to_date() {
    let sandbox = examples::examples();
    let mut arguments = vec!["build", "specs", "--set", "REGISTRY=localhost:5000"];
    arguments.extend(ALONE);
    settle(&sandbox, &arguments);
    hold(&sandbox, &arguments, EXAMPLES);
}

#[test]
fn a_build_of_two_thousand_files_that_is_up_to_date() {
    let sandbox = Sandbox::new();
    for number in 0..2_000 {
        let (package, module) = (number / 200, number / 20 % 10);
        sandbox.file(&format!("context/package_{package}/module_{module}/file_{number}.py"), "x = 1\n");
    }
    sandbox.file("context/.dockerignore", "**/__pycache__\n**/*.py[cod]\n*.log\n!package_1/keep.log\n");
    sandbox.file(
        "many.toml",
        "name = \"many\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[[layer]]\nname = \"app\"\n\
         context = \"context\"\nto = \"/app/\"\n",
    );
    let mut arguments = vec!["build", "many.toml"];
    arguments.extend(ALONE);
    settle(&sandbox, &arguments);
    hold(&sandbox, &arguments, FILES);
}
