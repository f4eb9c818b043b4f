//! Schemes: where the parts of a distribution go.

use super::interpreter::below;
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
    /// Below `prefix`, the modules in `library`: what `pip install` does.
    pub(super) fn installed(prefix: &[u8], library: &[u8], python: PythonVersion, interpreter: &str) -> Scheme {
        let exact = python.program();
        Scheme {
            pure: library.into(),
            platform: library.into(),
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
        let exact = version.program();
        let parts: Vec<&[u8]> = folder.split(|&byte| byte == b'/').collect();
        if let [prefix @ .., lib, python, site] = parts.as_slice()
            && matches!(*lib, b"lib" | b"lib64")
            && *python == exact.as_bytes()
            && matches!(*site, b"site-packages" | b"dist-packages")
        {
            return Scheme::installed(&prefix.join(&b'/'), folder, version, interpreter);
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
}
