//! Tags: which interpreters, ABIs and platforms a wheel is for
//! ([compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/)).

use std::fmt;

use super::target::{Libc, PythonVersion};

/// Versions are counted down from theirs; none of a C library or of Python is beyond this.
pub(super) const GREATEST_MINOR: u32 = 99;
/// The same of major versions.
pub(super) const GREATEST_MAJOR: u32 = 9;

/// One tag of a wheel: `cp312-cp312-manylinux_2_17_x86_64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The interpreter: `cp312`, `py3`.
    pub python: String,
    /// The ABI: `cp312`, `abi3`, `none`.
    pub abi: String,
    /// The platform: `manylinux_2_17_x86_64`, `any`.
    pub platform: String,
}

impl Tag {
    /// A tag of these parts, which are compared in lower case.
    pub(super) fn new(python: &str, abi: &str, platform: &str) -> Tag {
        Tag {
            python: python.to_ascii_lowercase(),
            abi: abi.to_ascii_lowercase(),
            platform: platform.to_ascii_lowercase(),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

/// The platforms of Linux on these machines with this C library, best first.
///
/// That a wheel for plain `linux_…` comes last is the order of `packaging` up to 26.2; 26.3 has it first. The two differ only where
/// both kinds lie beside each other, and indexes take no plain ones.
pub(super) fn platforms(machines: &[&str], libc: Libc) -> Vec<String> {
    let mut platforms = Vec::new();
    match libc {
        Libc::Glibc(major, minor) => manylinux(machines, major, minor, &mut platforms),
        // PEP 656: every minor version down to the first.
        Libc::Musl(major, minor) => {
            for machine in machines {
                let minors = (0..=minor.min(GREATEST_MINOR)).rev();
                platforms.extend(minors.map(|minor| format!("musllinux_{major}_{minor}_{machine}")));
            }
        }
    }
    platforms.extend(machines.iter().map(|machine| format!("linux_{machine}")));
    platforms
}

/// [PEP 600](https://peps.python.org/pep-0600/): every version of glibc down to the oldest that any wheel was built for, each
/// with its older name, on the machines that have an ABI of their own for it.
fn manylinux(machines: &[&str], major: u32, minor: u32, platforms: &mut Vec<String>) {
    const MACHINES: [&str; 9] =
        ["x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"];
    // What `packaging` takes for the last 2.x, should there ever be a glibc 3.
    const LAST_OF_2: u32 = 50;
    if !machines.iter().any(|machine| MACHINES.contains(machine)) {
        return;
    }
    let oldest = if machines.iter().any(|machine| ["x86_64", "i686"].contains(machine)) { 5 } else { 17 };

    let major = major.min(GREATEST_MAJOR);
    let versions: Vec<(u32, u32)> = (2..=major)
        .rev()
        .flat_map(|each| {
            let newest = if each == major { minor.min(GREATEST_MINOR) } else { LAST_OF_2 };
            let oldest = if each == 2 { oldest } else { 0 };
            (oldest..=newest).rev().map(move |minor| (each, minor))
        })
        .collect();
    for machine in machines {
        for &(major, minor) in &versions {
            platforms.push(format!("manylinux_{major}_{minor}_{machine}"));
            let older_name = match (major, minor) {
                (2, 17) => "manylinux2014",
                (2, 12) => "manylinux2010",
                (2, 5) => "manylinux1",
                _ => continue,
            };
            platforms.push(format!("{older_name}_{machine}"));
        }
    }
}

/// The tags of CPython of this version on these platforms, best first: `packaging.tags.cpython_tags`, then `compatible_tags`.
pub(super) fn supported(python: PythonVersion, platforms: &[String]) -> Vec<Tag> {
    let (major, minor) = (python.major, python.minor.min(GREATEST_MINOR));
    let mut tags = Vec::new();
    let mut on_each = |python: &str, abi: &str| tags.extend(platforms.iter().map(|on| Tag::new(python, abi, on)));

    let cpython = format!("cp{major}{minor}");
    // Up to 3.7 the ABI says that Python has an allocator of its own.
    let abi = if (major, minor) < (3, 8) { format!("{cpython}m") } else { cpython.clone() };
    for abi in [abi.as_str(), "abi3", "none"] {
        on_each(&cpython, abi);
    }
    // The stable ABI is there since 3.2.
    for older in (2..minor).rev() {
        on_each(&format!("cp{major}{older}"), "abi3");
    }

    let newest = [format!("py{major}{minor}"), format!("py{major}")];
    let pythons: Vec<String> =
        newest.into_iter().chain((0..minor).rev().map(|older| format!("py{major}{older}"))).collect();
    for python in &pythons {
        on_each(python, "none");
    }
    tags.push(Tag::new(&cpython, "none", "any"));
    tags.extend(pythons.iter().map(|python| Tag::new(python, "none", "any")));
    tags
}

#[cfg(test)]
mod tests {
    use super::super::target::Target;

    #[test]
    fn tags_are_those_that_packaging_gives() {
        let mut recorded: Vec<(&str, Vec<String>)> = Vec::new();
        let mut platforms: Vec<&str> = Vec::new();
        for line in include_str!("tags/recorded.txt").lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ').unwrap() {
                ("=", target) => recorded.push((target, Vec::new())),
                ("P", every) => platforms = every.split(' ').collect(),
                (tag, "P") => {
                    recorded.last_mut().unwrap().1.extend(platforms.iter().map(|on| format!("{tag}-{on}")));
                }
                (tag, platform) => recorded.last_mut().unwrap().1.push(format!("{tag}-{platform}")),
            }
        }
        assert_eq!(recorded.len(), 34);
        for (target, tags) in recorded {
            let found: Vec<String> = Target::of(target).tags().iter().map(ToString::to_string).collect();
            let difference = tags.iter().zip(&found).position(|(a, b)| a != b);
            let at = difference.map(|place| (&tags[place], &found[place]));
            assert_eq!((at, tags.len()), (None, found.len()), "{target}");
        }
    }

    #[test]
    fn without_a_c_library_or_linux_only_any_is_left() {
        let mut targets = vec![
            Target::of("3.12 windows/amd64 glibc 2.34"),
            Target::of("3.12 linux/pdp11 glibc 2.34"),
            Target::of("3.12 linux/mips64le musl 1.2"),
        ];
        targets.push(Target { libc: None, ..Target::of("3.12 linux/amd64 glibc 2.34") });
        for target in targets {
            let tags: Vec<String> = target.tags().iter().map(ToString::to_string).collect();
            assert_eq!(tags.first().map(String::as_str), Some("cp312-none-any"), "{target:?}");
            assert_eq!(tags.get(1).map(String::as_str), Some("py312-none-any"));
            assert_eq!(tags.len(), 1 + 14, "cp312, py312, py3, py311 to py30");
            assert!(tags.iter().all(|tag| tag.ends_with("-none-any")));
        }
    }

    #[test]
    fn versions_beyond_reason_take_no_time() {
        let mut target = Target::of("3.12 linux/amd64 glibc 2.34");
        target.python.minor = u32::MAX;
        for libc in [super::Libc::Glibc(u32::MAX, u32::MAX), super::Libc::Musl(u32::MAX, u32::MAX)] {
            target.libc = Some(libc);
            assert!(target.tags().len() < 200_000);
        }
    }
}
