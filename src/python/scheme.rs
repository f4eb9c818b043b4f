//! Schemes: where the parts of a distribution go.

use super::interpreter::{below, program_version};
use super::target::PythonVersion;

/// Where the parts of a distribution go in the image: the paths of
/// [`sysconfig`](https://docs.python.org/3/library/sysconfig.html#installation-paths), in an entry's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// `purelib`.
    pub pure: Box<[u8]>,
    /// `platlib`.
    pub platform: Box<[u8]>,
    /// `scripts`.
    pub scripts: Box<[u8]>,
    /// `data`; may be empty, which is the root.
    pub data: Box<[u8]>,
    /// What `headers` of each distribution lie below, in a directory of its name.
    pub headers: Box<[u8]>,
    /// The version of the interpreter.
    pub python: PythonVersion,
    /// The interpreter that scripts are for, as their first line names it: `/var/lang/bin/python3.12`.
    pub interpreter: String,
}

impl Scheme {
    /// Below `prefix`, the modules in `pure` and `platform`: what `pip install` does.
    pub(super) fn installed(
        prefix: &[u8],
        pure: &[u8],
        platform: &[u8],
        python: PythonVersion,
        interpreter: &str,
    ) -> Scheme {
        let exact = python.program();
        Scheme {
            pure: pure.into(),
            platform: platform.into(),
            scripts: below(prefix, "bin"),
            data: prefix.into(),
            headers: below(prefix, &format!("include/{exact}")),
            python,
            interpreter: interpreter.to_owned(),
        }
    }

    /// Into a folder of the user's choice. That of an interpreter, `PREFIX/lib/python3.12/site-packages`, is what
    /// `pip install --prefix` fills; any other holds everything, as with `pip install --target`.
    pub fn into_folder(folder: &[u8], version: PythonVersion, interpreter: &str) -> Scheme {
        if let Some((prefix, python)) = of_interpreter(folder)
            && python == version.program().as_bytes()
        {
            return Scheme::installed(&prefix, folder, folder, version, interpreter);
        }
        Scheme {
            pure: folder.into(),
            platform: folder.into(),
            scripts: below(folder, "bin"),
            data: folder.into(),
            headers: below(folder, "include/python"),
            python: version,
            interpreter: interpreter.to_owned(),
        }
    }

    /// The interpreter of another version that a folder of the user's choice is of: `python3.11`.
    pub fn other_interpreter(folder: &[u8], version: PythonVersion) -> Option<String> {
        let (_, python) = of_interpreter(folder).filter(|(_, python)| *python != version.program().as_bytes())?;
        std::str::from_utf8(python).ok().map(str::to_owned)
    }
}

/// The prefix and the interpreter of a folder `PREFIX/lib/python3.12/site-packages`.
fn of_interpreter(folder: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let parts: Vec<&[u8]> = folder.split(|&byte| byte == b'/').collect();
    let [prefix @ .., lib, python, site] = parts.as_slice() else { return None };
    let is_one = matches!(*lib, b"lib" | b"lib64")
        && program_version(python).is_some()
        && matches!(*site, b"site-packages" | b"dist-packages");
    is_one.then(|| (prefix.join(&b'/'), *python))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_interpreters_have_a_prefix() {
        let version = PythonVersion { major: 3, minor: 12, micro: None };
        for (folder, scripts, data) in [
            ("usr/local/lib/python3.12/site-packages", "usr/local/bin", "usr/local"),
            ("lib/python3.12/site-packages", "bin", ""),
            (
                "usr/local/lib/python3.11/site-packages",
                "usr/local/lib/python3.11/site-packages/bin",
                "usr/local/lib/python3.11/site-packages",
            ),
            ("var/task", "var/task/bin", "var/task"),
            ("", "bin", ""),
        ] {
            let scheme = Scheme::into_folder(folder.as_bytes(), version, "x");
            let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
            assert_eq!((text(&scheme.scripts), text(&scheme.data)), (scripts.to_owned(), data.to_owned()), "{folder}");
        }
    }

    #[test]
    fn folders_of_other_interpreters_are_known() {
        let version = PythonVersion { major: 3, minor: 12, micro: Some(4) };
        for (folder, expected) in [
            ("opt/venv/lib/python3.11/site-packages", Some("python3.11")),
            ("usr/lib64/python3.9/dist-packages", Some("python3.9")),
            ("opt/venv/lib/python3.12/site-packages", None),
            ("opt/venv/lib/python3/site-packages", None),
            ("opt/python3.11/site-packages", None),
            ("opt/venv/lib/python3.11/site-packages/below", None),
            ("var/task", None),
        ] {
            let other = Scheme::other_interpreter(folder.as_bytes(), version);
            assert_eq!(other.as_deref(), expected, "{folder}");
        }
    }
}
