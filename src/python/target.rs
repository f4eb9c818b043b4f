//! Targets: the interpreter, the platform and the C library that wheels are chosen for. Never those of this machine.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::marker::Environment;
use super::name::shown;
use super::specifier;
use super::tags::{self, GREATEST_MAJOR, GREATEST_MINOR, Tag};
use crate::image::Platform;

/// The greatest micro version that a Python whose own is not known may have.
pub(super) const GREATEST_MICRO: u32 = 99;

/// CPython of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonVersion {
    /// The 3 of 3.12.8.
    pub major: u32,
    /// The 12.
    pub minor: u32,
    /// The 8, if it is known.
    pub micro: Option<u32>,
}

/// A C library, by the least version that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc `major.minor` (manylinux).
    Glibc(u32, u32),
    /// musl `major.minor` (musllinux).
    Musl(u32, u32),
}

/// What wheels are chosen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The interpreter.
    pub python: PythonVersion,
    /// The platform; Linux alone.
    pub platform: Platform,
    /// The C library; without one only wheels that need none are for it.
    pub libc: Option<Libc>,
}

impl PythonVersion {
    /// What its interpreter is called: `python3.12`.
    pub fn program(&self) -> String {
        format!("python{}.{}", self.major, self.minor)
    }

    /// Whether this version fulfils specifiers, those of `Requires-Python`: `>=3.9,<4`.
    ///
    /// # Errors
    ///
    /// If they are malformed, or it depends on the micro version and that is not known; in words.
    pub fn satisfies(self, specifiers: &str) -> Result<bool, String> {
        let clauses = specifier::parse_all(specifiers)
            .map_err(|clause| format!("`{}` is not a version specifier", shown(&clause)))?;
        let PythonVersion { major, minor, .. } = self;
        let with = |micro: u32| {
            let version = format!("{major}.{minor}.{micro}");
            clauses.iter().all(|clause| clause.contains(&version))
        };
        match self.micro {
            Some(micro) => Ok(with(micro)),
            None => alike((0..=GREATEST_MICRO).map(|micro| Ok(with(micro))))?
                .ok_or_else(|| micro_is_needed(specifiers, &format!("{major}.{minor}"))),
        }
    }
}

/// What all of these are, if they are alike; the first error ends it.
pub(super) fn alike(values: impl Iterator<Item = Result<bool, String>>) -> Result<Option<bool>, String> {
    let values: BTreeSet<bool> = values.collect::<Result<_, String>>()?;
    Ok(values.first().copied().filter(|_| values.len() == 1))
}

/// That a condition cannot be decided for a Python of which only major and minor are known, and what to do.
pub(super) fn micro_is_needed(condition: &str, minor: &str) -> String {
    let condition = shown(condition);
    format!("`{condition}` depends on the micro version of Python {minor}: write `python = \"{minor}.N\"`")
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.micro.map_or(Ok(()), |micro| write!(f, ".{micro}"))
    }
}

impl FromStr for PythonVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<PythonVersion, String> {
        let no_version = || format!("`{}` is not a version of Python such as `3.12` or `3.12.8`", shown(text));
        let numbers = text.split('.').map(|part| number(part, 999)).collect::<Option<Vec<u32>>>();
        let (major, minor, micro) = match numbers.ok_or_else(no_version)?.as_slice() {
            [major, minor] => (*major, *minor, None),
            [major, minor, micro] => (*major, *minor, Some(*micro)),
            _ => return Err(no_version()),
        };
        // Tags of older ones follow other rules, which nothing here was compared with.
        if major != 3 || !(6..=GREATEST_MINOR).contains(&minor) {
            return Err(format!("Python {major}.{minor} is not supported: it has to be 3.6 or a later 3"));
        }
        Ok(PythonVersion { major, minor, micro })
    }
}

impl fmt::Display for Libc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Libc::Glibc(major, minor) => write!(f, "glibc {major}.{minor}"),
            Libc::Musl(major, minor) => write!(f, "musl {major}.{minor}"),
        }
    }
}

impl FromStr for Libc {
    type Err = String;

    fn from_str(text: &str) -> Result<Libc, String> {
        let read = || {
            let (name, version) = text.split_once(' ')?;
            let (major, minor) = version.split_once('.')?;
            let (major, minor) = (number(major, GREATEST_MAJOR)?, number(minor, GREATEST_MINOR)?);
            match name {
                "glibc" => Some(Libc::Glibc(major, minor)),
                "musl" => Some(Libc::Musl(major, minor)),
                _ => None,
            }
        };
        read().ok_or_else(|| format!("`{}` is not a C library such as `glibc 2.34` or `musl 1.2`", shown(text)))
    }
}

/// Digits and nothing else, without a zero in front.
fn number(text: &str, greatest: u32) -> Option<u32> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|&number| is_number && number <= greatest)
}

impl Target {
    /// The tags that it can use, best first: what `packaging.tags.sys_tags()` gives on it.
    pub fn tags(&self) -> Vec<Tag> {
        let platforms = match (self.machines(), self.libc) {
            ([], _) | (_, None) => Vec::new(),
            (machines, Some(libc)) => tags::platforms(machines, libc),
        };
        tags::supported(self.python, &platforms)
    }

    /// What environment markers see on it.
    pub fn environment(&self) -> Environment {
        let PythonVersion { major, minor, micro } = self.python;
        let full = format!("{major}.{minor}.{}", micro.unwrap_or(0));
        let (os, system, platform) = match self.platform.os.as_str() {
            "windows" => ("nt", "Windows", "win32"),
            "darwin" => ("posix", "Darwin", "darwin"),
            "linux" => ("posix", "Linux", "linux"),
            other => ("posix", "", other),
        };
        let machine = self.machines().first().copied().unwrap_or(&self.platform.architecture);
        let variables = [
            ("implementation_name", "cpython"),
            ("implementation_version", full.as_str()),
            ("os_name", os),
            ("platform_machine", machine),
            ("platform_python_implementation", "CPython"),
            // Those of the kernel that runs the image, of which nobody knows.
            ("platform_release", ""),
            ("platform_system", system),
            ("platform_version", ""),
            ("python_full_version", full.as_str()),
            ("python_version", &format!("{major}.{minor}")),
            ("sys_platform", platform),
        ];
        Environment {
            variables: variables.map(|(name, value)| (name, value.to_owned())).into(),
            micro_is_unknown: micro.is_none(),
            ..Environment::default()
        }
    }

    /// What `uname -m` says on it, and after that the machines whose programs it runs as well; none if wheels have no name for it.
    pub(super) fn machines(&self) -> &'static [&'static str] {
        let Platform { os, architecture, variant, .. } = &self.platform;
        match (os.as_str(), architecture.as_str(), variant.as_deref()) {
            ("linux", "amd64", _) => &["x86_64"],
            ("linux", "arm64", _) => &["aarch64"],
            ("linux", "arm", None | Some("v7" | "7")) => &["armv7l"],
            ("linux", "arm", Some("v8" | "8")) => &["armv8l", "armv7l"],
            ("linux", "arm", Some("v6" | "6")) => &["armv6l"],
            ("linux", "386", _) => &["i686"],
            ("linux", "ppc64le", _) => &["ppc64le"],
            ("linux", "s390x", _) => &["s390x"],
            ("linux", "riscv64", _) => &["riscv64"],
            ("linux", "loong64", _) => &["loongarch64"],
            _ => &[],
        }
    }

    /// A target as the recorded tables write it: `3.12 linux/amd64 glibc 2.34`.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Target {
        let [python, platform, libc] = text.splitn(3, ' ').collect::<Vec<&str>>().try_into().unwrap();
        Target { python: python.parse().unwrap(), platform: platform.parse().unwrap(), libc: libc.parse().ok() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_and_written() {
        for text in ["3.6", "3.12", "3.12.8", "3.12.0", "3.99.999"] {
            assert_eq!(text.parse::<PythonVersion>().unwrap().to_string(), text);
        }
        for text in ["glibc 2.34", "musl 1.2", "glibc 2.0"] {
            assert_eq!(text.parse::<Libc>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("", "is not a version of Python such as"),
            ("3", "is not a version of Python such as"),
            ("3.12.8.1", "is not a version of Python such as"),
            ("3.012", "is not a version of Python such as"),
            ("3.+12", "is not a version of Python such as"),
            ("3.12 ", "is not a version of Python such as"),
            ("3.13t", "is not a version of Python such as"),
            ("3.12.8rc1", "is not a version of Python such as"),
            ("3.4294967297", "is not a version of Python such as"),
            ("3.5", "Python 3.5 is not supported"),
            ("2.7", "Python 2.7 is not supported"),
            ("3.100", "Python 3.100 is not supported"),
            ("4.6", "Python 4.6 is not supported"),
        ] {
            let refused = text.parse::<PythonVersion>().unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
        for text in ["", "glibc", "glibc 2", "glibc 2.34.1", "glibc  2.34", "uclibc 1.0", "musl 1.-2", "glibc 2.100"] {
            let refused = text.parse::<Libc>().unwrap_err();
            assert!(refused.contains("is not a C library such as"), "{text}: {refused}");
        }
    }

    #[test]
    fn what_a_distribution_requires_is_asked_of_every_micro() {
        let satisfies = |python: &str, specifiers: &str| python.parse::<PythonVersion>().unwrap().satisfies(specifiers);
        for (python, specifiers, expected) in [
            ("3.12", "", true),
            ("3.12", ">=3.9", true),
            ("3.12", ">=3.9,<3.12", false),
            ("3.12", ">=2.7, !=3.0.*, !=3.1.*, !=3.2.*", true),
            ("3.12", "!=3.11.4", true),
            ("3.12", "~=3.12", true),
            ("3.12", "==3.12.*", true),
            ("3.12", ">=3.13.1", false),
            ("3.12.3", ">=3.12.4", false),
            ("3.12.4", ">=3.12.4", true),
            ("3.12.0", "==3.12", true),
            ("3.12.4", "==3.12", false),
        ] {
            assert_eq!(satisfies(python, specifiers), Ok(expected), "{python} {specifiers}");
        }
        for specifiers in [">=3.12.4", "==3.12", ">3.12", "<=3.12", "!=3.12.7", "==3.12.50", "~=3.12.1"] {
            let refused = satisfies("3.12", specifiers).unwrap_err();
            assert!(refused.contains(specifiers) && refused.contains("write `python = \"3.12.N\"`"), "{refused}");
        }
        assert_eq!(satisfies("3.12", ">=3.6.*"), Err("`>=3.6.*` is not a version specifier".to_owned()));
        assert_eq!(satisfies("3.12", "\u{1b}[2J"), Err("`\\u{1b}[2J` is not a version specifier".to_owned()));
    }

    #[test]
    fn an_environment_is_the_target_and_not_this_machine() {
        let environment = |text: &str| Target::of(text).environment();
        let machines = [
            ("linux/amd64", "x86_64"),
            ("linux/arm64", "aarch64"),
            ("linux/arm/v7", "armv7l"),
            ("linux/arm", "armv7l"),
            ("linux/arm/v8", "armv8l"),
            ("linux/arm/v6", "armv6l"),
            ("linux/386", "i686"),
            ("linux/ppc64le", "ppc64le"),
            ("linux/s390x", "s390x"),
            ("linux/riscv64", "riscv64"),
            ("linux/loong64", "loongarch64"),
            ("linux/mips64le", "mips64le"),
        ];
        for (platform, machine) in machines {
            let variables = environment(&format!("3.12 {platform} -")).variables;
            assert_eq!(variables.get("platform_machine").map(String::as_str), Some(machine), "{platform}");
            assert_eq!(variables.get("platform_release").map(String::as_str), Some(""));
        }
        let unknown = environment("3.12 linux/amd64 -");
        assert!(unknown.micro_is_unknown && unknown.variables.len() == 11);
        assert_eq!(unknown.variables.get("python_full_version").map(String::as_str), Some("3.12.0"));
        let known = environment("3.12.8 linux/amd64 -");
        assert!(!known.micro_is_unknown);
        assert_eq!(known.variables.get("implementation_version").map(String::as_str), Some("3.12.8"));
        assert_eq!(known.variables.get("python_version").map(String::as_str), Some("3.12"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>(), near in "(glibc|musl)? ?[0-9.+-]{0,14}") {
            for text in [&text, &near] {
                let _ = (text.parse::<PythonVersion>(), text.parse::<Libc>());
                let _ = PythonVersion { major: 3, minor: 12, micro: None }.satisfies(text);
            }
        }
    }
}
