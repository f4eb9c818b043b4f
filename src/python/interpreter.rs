//! The interpreter that an image has, and its C library: found in the image's paths, never run.

use super::scheme::Scheme;
use super::target::{Libc, PythonVersion};
use crate::image::{Node, Platform, Tree, TreeError};

/// How many folders of a search path are looked at.
const FOLDER_LIMIT: usize = 64;

/// The oldest glibc whose `libc.so.6` is a file and not a link to `libc-VERSION.so`
/// ([its news](https://sourceware.org/glibc/wiki/Release/2.34)).
const FIRST_WITHOUT_VERSION: (u32, u32) = (2, 34);

/// An interpreter in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The program, as scripts name it: `/var/lang/bin/python3.12`.
    pub program: String,
    /// Where distributions are installed to.
    pub scheme: Scheme,
}

impl Interpreter {
    /// The interpreter of this version that a shell would find first by `search_path`, the image's `PATH`.
    ///
    /// # Errors
    ///
    /// If the tree cannot be had.
    pub fn find(tree: &Tree, search_path: &str, version: PythonVersion) -> Result<Option<Interpreter>, TreeError> {
        let exact = version.program();
        for folder in search_path.split(':').filter(|folder| folder.starts_with('/')).take(FOLDER_LIMIT) {
            let Some(normal) = crate::entry::normalise_path(folder.as_bytes()) else { continue };
            let real = tree.resolve(&normal)?;
            if !real.is_empty() && !is_directory(tree, &real)? {
                continue;
            }
            let prefix = parent(&real);
            for name in [exact.as_str(), "python3", "python"] {
                if tree.get(&below(&real, name))?.is_none() {
                    continue;
                }
                let library = below(prefix, &format!("lib/{exact}"));
                // `python3` alone may be of any version.
                if name != exact && !is_directory(tree, &library)? {
                    continue;
                }
                let program = format!("/{}/{name}", String::from_utf8_lossy(&normal));
                let scheme = Interpreter::scheme(tree, prefix, version, &program)?;
                return Ok(Some(Interpreter { program, scheme }));
            }
        }
        Ok(None)
    }

    fn scheme(tree: &Tree, prefix: &[u8], version: PythonVersion, program: &str) -> Result<Scheme, TreeError> {
        let exact = version.program();
        // Debian keeps its own packages apart, and what others install goes below `/usr/local`.
        if prefix == b"usr" && is_directory(tree, b"usr/lib/python3/dist-packages")? {
            let library = below(b"usr/local/lib", &format!("{exact}/dist-packages"));
            return Ok(Scheme::installed(b"usr/local", &library, version, program));
        }
        let mut library = below(prefix, &format!("lib/{exact}/site-packages"));
        let wide = below(prefix, &format!("lib64/{exact}/site-packages"));
        if !is_directory(tree, &library)? && is_directory(tree, &wide)? {
            library = wide;
        }
        let mut scheme = Scheme::installed(prefix, &library, version, program);
        if tree.get(&below(prefix, "pyvenv.cfg"))?.is_some() {
            scheme.headers = below(prefix, &format!("include/site/{exact}"));
        }
        Ok(scheme)
    }
}

/// The C library of an image: its kind, and of glibc the version, or the least that it can be. Nothing if it has none that
/// is known.
///
/// # Errors
///
/// If the tree cannot be had.
pub fn find_libc(tree: &Tree, platform: &Platform) -> Result<Option<Libc>, TreeError> {
    let Some((triple, musl)) = names(platform) else { return Ok(None) };
    let folders = ["lib64", "usr/lib64", &format!("lib/{triple}"), &format!("usr/lib/{triple}"), "lib", "usr/lib"];
    for folder in folders {
        match tree.get(&below(&tree.resolve(folder.as_bytes())?, "libc.so.6"))? {
            Some(Node::Symlink { target }) => return Ok(Some(glibc(&target))),
            Some(Node::File) => return Ok(Some(Libc::Glibc(FIRST_WITHOUT_VERSION.0, FIRST_WITHOUT_VERSION.1))),
            _ => {}
        }
    }
    let loader = below(&tree.resolve(b"lib")?, &format!("ld-musl-{musl}.so.1"));
    // Every release that is still kept up is 1.2 (2020) or later.
    Ok(tree.get(&loader)?.map(|_| Libc::Musl(1, 2)))
}

/// The version that a link to `libc-2.26.so` names.
fn glibc(target: &[u8]) -> Libc {
    let name = String::from_utf8_lossy(target);
    let version = name.rsplit('/').next().and_then(|name| name.strip_prefix("libc-")?.strip_suffix(".so"));
    let numbers = version.and_then(|version| version.split_once('.'));
    match numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?))) {
        Some((major, minor)) => Libc::Glibc(major, minor),
        None => Libc::Glibc(FIRST_WITHOUT_VERSION.0, FIRST_WITHOUT_VERSION.1),
    }
}

/// What Debian calls the platform's folder of libraries, and musl its loader.
fn names(platform: &Platform) -> Option<(&'static str, &'static str)> {
    if platform.os != "linux" {
        return None;
    }
    Some(match (platform.architecture.as_str(), platform.variant.as_deref()) {
        ("amd64", _) => ("x86_64-linux-gnu", "x86_64"),
        ("arm64", _) => ("aarch64-linux-gnu", "aarch64"),
        ("arm", Some("v6" | "v5")) => ("arm-linux-gnueabi", "armhf"),
        ("arm", _) => ("arm-linux-gnueabihf", "armhf"),
        ("386", _) => ("i386-linux-gnu", "i386"),
        ("ppc64le", _) => ("powerpc64le-linux-gnu", "powerpc64le"),
        ("s390x", _) => ("s390x-linux-gnu", "s390x"),
        ("riscv64", _) => ("riscv64-linux-gnu", "riscv64"),
        ("loong64", _) => ("loongarch64-linux-gnu", "loongarch64"),
        _ => return None,
    })
}

fn is_directory(tree: &Tree, path: &[u8]) -> Result<bool, TreeError> {
    Ok(matches!(tree.get(&tree.resolve(path)?)?, Some(Node::Directory { .. })))
}

fn parent(path: &[u8]) -> &[u8] {
    crate::entry::parents(path).last().unwrap_or_default()
}

/// A path below a directory, the root being empty.
pub(super) fn below(directory: &[u8], name: &str) -> Box<[u8]> {
    if directory.is_empty() { name.as_bytes().into() } else { [directory, b"/", name.as_bytes()].concat().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, Kind};

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new();
        let mut all: Vec<(String, Kind)> = Vec::new();
        for path in paths {
            let (path, kind) = match path.split_once(" -> ") {
                Some((path, target)) => (path, Kind::Symlink { target: target.as_bytes().into() }),
                None if path.ends_with('/') => (path.trim_end_matches('/'), Kind::Directory),
                None => (*path, Kind::File { size: 0, digest: crate::digest::Digest::of(b"") }),
            };
            for parent in crate::entry::parents(path.as_bytes()) {
                all.push((String::from_utf8_lossy(parent).into_owned(), Kind::Directory));
            }
            all.push((path.to_owned(), kind));
        }
        all.sort_by(|one, two| one.0.cmp(&two.0));
        all.dedup();
        let entry = |(path, kind): (String, Kind)| Entry {
            path: path.into_bytes().into(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            kind,
        };
        let entries: Vec<Entry> = all.into_iter().map(entry).collect();
        tree.apply(&entries);
        tree
    }

    const VERSION: PythonVersion = PythonVersion { major: 3, minor: 12, micro: None };

    #[test]
    fn the_interpreter_is_the_one_that_path_finds() {
        let lambda = ["var/lang/bin/python3.12", "var/lang/lib/python3.12/site-packages/"];
        let docker = ["usr/local/bin/python3.12", "usr/local/lib/python3.12/site-packages/", "usr/bin/python3 -> x"];
        let debian = ["usr/bin/python3.12", "usr/lib/python3/dist-packages/", "usr/lib/python3.12/"];
        let merged = ["bin -> usr/bin", "usr/bin/python3", "usr/lib/python3.12/site-packages/"];
        let wide = ["usr/bin/python3.12", "usr/lib64/python3.12/site-packages/"];
        let other = ["usr/bin/python3.11", "usr/bin/python3", "usr/lib/python3.11/site-packages/"];
        for (paths, search_path, expected) in [
            (
                &lambda[..],
                "/var/lang/bin:/usr/bin",
                Some(("/var/lang/bin/python3.12", "var/lang/lib/python3.12/site-packages")),
            ),
            (
                &docker,
                "/usr/local/bin:/usr/bin",
                Some(("/usr/local/bin/python3.12", "usr/local/lib/python3.12/site-packages")),
            ),
            (
                &debian,
                "/usr/local/bin:/usr/bin",
                Some(("/usr/bin/python3.12", "usr/local/lib/python3.12/dist-packages")),
            ),
            (&merged, "/bin", Some(("/bin/python3", "usr/lib/python3.12/site-packages"))),
            (&wide, "/usr/bin", Some(("/usr/bin/python3.12", "usr/lib64/python3.12/site-packages"))),
            (&other, "/usr/bin", None),
            (&docker, "usr/local/bin::/nowhere", None),
        ] {
            let found = Interpreter::find(&tree(paths), search_path, VERSION).unwrap();
            let found = found.as_ref().map(|found| (found.program.as_str(), &*found.scheme.pure));
            assert_eq!(found, expected.map(|(program, library)| (program, library.as_bytes())), "{paths:?}");
        }
        let venv = [
            "opt/venv/bin/python3.12 -> /usr/bin/python3.12",
            "opt/venv/lib/python3.12/site-packages/",
            "opt/venv/pyvenv.cfg",
        ];
        let found = Interpreter::find(&tree(&venv), "/opt/venv/bin", VERSION).unwrap().unwrap();
        assert_eq!(&*found.scheme.headers, b"opt/venv/include/site/python3.12");
        assert_eq!(&*found.scheme.scripts, b"opt/venv/bin");
    }

    #[test]
    fn the_c_library_shows_in_paths() {
        let amd64 = Platform::new("linux", "amd64");
        for (paths, expected) in [
            (&["lib64/libc.so.6 -> libc-2.26.so"][..], Some(Libc::Glibc(2, 26))),
            (&["lib -> usr/lib", "usr/lib/x86_64-linux-gnu/libc.so.6"], Some(Libc::Glibc(2, 34))),
            (&["usr/lib/x86_64-linux-gnu/libc.so.6 -> odd"], Some(Libc::Glibc(2, 34))),
            (&["lib/ld-musl-x86_64.so.1"], Some(Libc::Musl(1, 2))),
            (&["lib/ld-musl-aarch64.so.1", "lib/aarch64-linux-gnu/libc.so.6"], None),
        ] {
            assert_eq!(find_libc(&tree(paths), &amd64).unwrap(), expected, "{paths:?}");
        }
        assert_eq!(find_libc(&tree(&["lib/libc.so.6"]), &Platform::new("windows", "amd64")).unwrap(), None);
    }
}
