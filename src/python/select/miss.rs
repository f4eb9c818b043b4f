//! What a tag lacks to be for a target, in words.

use crate::python::tags::{self, Tag};
use crate::python::target::{Libc, PythonVersion, Target};

/// What a tag lacks.
pub(super) struct Miss {
    /// How far it is from the target; only meant to be compared.
    pub distance: u32,
    /// What that is: "it is for CPython 3.11, and this is 3.12".
    pub why: String,
}

// How far a tag of the kind is from any target. What is added to them is how many versions lie between.
const ANOTHER_VERSION: u32 = 1_000;
const ANOTHER_BUILD: u32 = 2_000;
const UNKNOWN_LIBC: u32 = 3_000;
const ANOTHER_LIBC: u32 = 4_000;
const ANOTHER_INTERPRETER: u32 = 10_000;
const ANOTHER_MACHINE: u32 = 20_000;
const ANOTHER_SYSTEM: u32 = 40_000;

/// What a tag that is none of the target's lacks; of the interpreter and the platform, what is further away.
pub(super) fn of(tag: &Tag, target: &Target) -> Option<Miss> {
    match (of_interpreter(tag, target.python), of_platform(&tag.platform, target)) {
        (Some(interpreter), Some(platform)) => {
            let distance = interpreter.distance + platform.distance;
            let further = if platform.distance > interpreter.distance { platform } else { interpreter };
            Some(Miss { distance, ..further })
        }
        (interpreter, platform) => Some(
            interpreter
                .or(platform)
                .unwrap_or_else(|| Miss { distance: 0, why: format!("no interpreter asks for its tag `{tag}`") }),
        ),
    }
}

fn of_interpreter(tag: &Tag, python: PythonVersion) -> Option<Miss> {
    let this = (python.major, python.minor);
    let shown = format!("{}.{}", python.major, python.minor);
    let digits = tag.python.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.python.len());
    let (name, digits) = tag.python.split_at_checked(digits)?;
    let version = version(digits);
    let far = |(major, minor): (u32, u32)| major.abs_diff(this.0) * 100 + minor.abs_diff(this.1).min(99);
    let of_version = |what: &str, version: (u32, u32), later: &str| {
        let (major, minor) = version;
        Miss {
            distance: ANOTHER_VERSION + far(version),
            why: format!("it is for {what} {major}.{minor}{later}, and this is {shown}"),
        }
    };
    match (name, version) {
        ("py", Some((major, None))) => (major != this.0).then(|| Miss {
            distance: ANOTHER_VERSION + far((major, this.1)),
            why: format!("it is for Python {major}, and this is {shown}"),
        }),
        ("py", Some((major, Some(minor)))) if major != this.0 => Some(of_version("Python", (major, minor), "")),
        ("py", Some((major, Some(minor)))) => {
            (minor > this.1).then(|| of_version("Python", (major, minor), " and later"))
        }
        ("cp", Some((major, Some(minor)))) => {
            let version = (major, minor);
            let is_stable = tag.abi == "abi3" || tag.abi == "abi3t";
            let flags = tag.abi.strip_prefix(tag.python.as_str()).unwrap_or_default();
            if is_stable && version > this {
                Some(of_version("CPython", version, " and later"))
            } else if !is_stable && version != this {
                Some(of_version("CPython", version, ""))
            } else if tag.abi == "abi3t" || flags.contains('t') {
                Some(another_build("a free-threaded interpreter"))
            } else if flags.contains('d') {
                Some(another_build("a debug build of the interpreter"))
            } else {
                None
            }
        }
        _ => {
            let name = match name {
                "cp" => "CPython",
                "pp" | "pypy" => "PyPy",
                "graalpy" => "GraalPy",
                "jy" => "Jython",
                "ip" => "IronPython",
                _ => return Some(another_interpreter(&format!("the interpreter `{}`", tag.python))),
            };
            Some(another_interpreter(name))
        }
    }
}

fn another_build(what: &str) -> Miss {
    Miss { distance: ANOTHER_BUILD, why: format!("it needs {what}") }
}

fn another_interpreter(name: &str) -> Miss {
    Miss { distance: ANOTHER_INTERPRETER, why: format!("it is for {name}, and this is CPython") }
}

/// The version in `cp312`: the first digit, then the rest if there is any.
fn version(digits: &str) -> Option<(u32, Option<u32>)> {
    let (major, minor) = digits.split_at_checked(1)?;
    match minor {
        "" => Some((major.parse().ok()?, None)),
        minor => Some((major.parse().ok()?, Some(minor.parse().ok()?))),
    }
}

fn of_platform(platform: &str, target: &Target) -> Option<Miss> {
    if platform == "any" {
        return None;
    }
    let Some((libc, machine)) = linux(platform) else {
        return Some(Miss { distance: ANOTHER_SYSTEM, why: format!("it is for {}", system(platform)) });
    };
    let Some(this) = target.machines().first() else {
        let why = format!("it is for Linux on {machine}, and this is {}", target.platform);
        return Some(Miss { distance: ANOTHER_MACHINE, why });
    };
    if !target.machines().contains(&machine) {
        let why = format!("it is for {machine}, and this is {this}");
        return Some(Miss { distance: ANOTHER_MACHINE, why });
    }
    let is_there =
        target.libc.is_some_and(|has| tags::platforms(target.machines(), has).iter().any(|each| each == platform));
    (!is_there).then(|| of_libc(libc, target.libc, platform))
}

/// What is amiss with the C library of a platform that is none of the target's, on one of its machines.
fn of_libc(needed: Option<Libc>, has: Option<Libc>, platform: &str) -> Miss {
    let miss = |distance, why| Miss { distance, why };
    let unknown = "and which one the image has is not known";
    match (needed, has) {
        (None, None) => miss(UNKNOWN_LIBC, format!("it needs a C library, {unknown}")),
        (Some(needed), None) => miss(UNKNOWN_LIBC, format!("it needs the C library {needed}, {unknown}")),
        (Some(needed @ Libc::Glibc(major, minor)), Some(Libc::Glibc(has_major, has_minor)))
            if (major, minor) > (has_major, has_minor) =>
        {
            let distance = ANOTHER_VERSION + minor.abs_diff(has_minor).min(99);
            miss(distance, format!("it needs {needed}, and the image has {has_major}.{has_minor}"))
        }
        (Some(needed @ Libc::Musl(_, minor)), Some(Libc::Musl(has_major, has_minor))) => {
            let distance = ANOTHER_VERSION + minor.abs_diff(has_minor).min(99);
            miss(distance, format!("it needs {needed}, and the image has {has_major}.{has_minor}"))
        }
        (Some(Libc::Musl(..)), Some(has @ Libc::Glibc(..))) => {
            miss(ANOTHER_LIBC, format!("it is for musl, and the image has {has}"))
        }
        (Some(Libc::Glibc(..)), Some(has @ Libc::Musl(..))) => {
            miss(ANOTHER_LIBC, format!("it is for glibc, and the image has {has}"))
        }
        (None | Some(Libc::Glibc(..)), Some(_)) => {
            miss(ANOTHER_VERSION, format!("there is no platform `{platform}` that wheels can be for"))
        }
    }
}

/// The C library, unless it is any, and the machine of a platform of Linux.
fn linux(platform: &str) -> Option<(Option<Libc>, &str)> {
    let older_names = [("manylinux1_", (2, 5)), ("manylinux2010_", (2, 12)), ("manylinux2014_", (2, 17))];
    for (name, (major, minor)) in older_names {
        if let Some(machine) = platform.strip_prefix(name) {
            return Some((Some(Libc::Glibc(major, minor)), machine));
        }
    }
    if let Some(rest) = platform.strip_prefix("manylinux_") {
        let (major, minor, machine) = versioned(rest)?;
        return Some((Some(Libc::Glibc(major, minor)), machine));
    }
    if let Some(rest) = platform.strip_prefix("musllinux_") {
        let (major, minor, machine) = versioned(rest)?;
        return Some((Some(Libc::Musl(major, minor)), machine));
    }
    Some((None, platform.strip_prefix("linux_")?))
}

/// The parts of `2_17_x86_64`.
fn versioned(rest: &str) -> Option<(u32, u32, &str)> {
    let (major, rest) = rest.split_once('_')?;
    let (minor, machine) = rest.split_once('_')?;
    Some((major.parse().ok()?, minor.parse().ok()?, machine))
}

/// What a platform that is none of Linux is called.
fn system(platform: &str) -> String {
    let known = [
        ("macosx", "macOS"),
        ("win", "Windows"),
        ("ios", "iOS"),
        ("android", "Android"),
        ("emscripten", "WebAssembly"),
        ("pyodide", "WebAssembly"),
        ("pyemscripten", "WebAssembly"),
        ("wasi", "WebAssembly"),
        ("freebsd", "FreeBSD"),
    ];
    let name = known.iter().find(|(prefix, _)| platform.starts_with(prefix));
    name.map_or_else(|| format!("the platform `{platform}`"), |(_, name)| (*name).to_owned())
}
