//! The interpreter that an image has, and its C library: found in the image's paths, never run.

use super::scheme::Scheme;
use super::target::{Libc, PythonVersion};
use super::zip::shown;
use crate::image::{Node, Platform, Tree, TreeError};

/// How many folders of a search path are looked at.
const FOLDER_LIMIT: usize = 64;

/// How many `..` one of them may have: each has to be looked up.
const UP_LIMIT: usize = 40;

/// How many interpreters of other versions are named.
const OTHERS: usize = 8;

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
    /// The interpreter of this version that a shell would find first by `search_path`, the image's `PATH`, and that has a
    /// library. That lies, as [Python itself](https://github.com/python/cpython/blob/main/Modules/getpath.py) has it, where
    /// the program's links lead to, but in a virtual environment in that.
    ///
    /// # Errors
    ///
    /// If the tree cannot be had.
    pub fn find(tree: &Tree, search_path: &str, version: PythonVersion) -> Result<Option<Interpreter>, TreeError> {
        let exact = version.program();
        for folder in folders(search_path) {
            let Some(real) = real_folder(tree, &folder)? else { continue };
            for name in [exact.as_str(), "python3", "python"] {
                let Some(file) = real_file(tree, &below(&real, name))? else { continue };
                // `python3` alone may be of any version.
                if name != exact && program_version(base_name(&file)).is_some_and(|other| *other != exact) {
                    continue;
                }
                // As `PATH` finds it, not where links lead to: a virtual environment is known by that.
                let program = format!("/{}", String::from_utf8_lossy(&below(&folder, name)));
                let home = resolve(tree, parent(&folder))?.unwrap_or_default();
                let scheme = match real_file(tree, &below(&home, "pyvenv.cfg"))? {
                    Some(_) => Interpreter::scheme(tree, &home, version, &program)?
                        .map(|scheme| Scheme { headers: below(&home, &format!("include/site/{exact}")), ..scheme }),
                    None => Interpreter::scheme(tree, parent(parent(&file)), version, &program)?,
                };
                if let Some(scheme) = scheme {
                    return Ok(Some(Interpreter { program, scheme }));
                }
            }
        }
        Ok(None)
    }

    /// Where an interpreter of this prefix looks; nothing if no library is there.
    fn scheme(tree: &Tree, prefix: &[u8], version: PythonVersion, program: &str) -> Result<Option<Scheme>, TreeError> {
        let exact = version.program();
        let [narrow, wide] = ["lib", "lib64"].map(|lib| below(prefix, &format!("{lib}/{exact}")));
        let (real_narrow, real_wide) = (real_directory(tree, &narrow)?, real_directory(tree, &wide)?);
        if real_narrow.is_none() && real_wide.is_none() {
            return Ok(None);
        }
        // Debian keeps its own packages apart, and what others install goes below `/usr/local`.
        if prefix == b"usr" && real_directory(tree, b"usr/lib/python3/dist-packages")?.is_some() {
            let library = below(b"usr/local/lib", &format!("{exact}/dist-packages"));
            return Ok(Some(Scheme::installed(b"usr/local", &library, &library, version, program)));
        }
        // Python's `platlibdir`: where the standard library is. A `lib64` may also be no more than a link, or left over.
        let has_standard = |library: &[u8]| real_file(tree, &below(library, "os.py")).map(|file| file.is_some());
        let is_wide =
            real_wide.is_some() && real_wide != real_narrow && (has_standard(&wide)? || !has_standard(&narrow)?);
        let pure = below(&narrow, "site-packages");
        let platform = if is_wide { below(&wide, "site-packages") } else { pure.clone() };
        Ok(Some(Scheme::installed(prefix, &pure, &platform, version, program)))
    }

    /// What is wrong where [none is found](Interpreter::find), and what to do about it: which others there are.
    ///
    /// # Errors
    ///
    /// If the tree cannot be had.
    pub fn missing(tree: &Tree, search_path: &str, version: PythonVersion) -> Result<(String, String), TreeError> {
        let exact = version.program();
        let mut what = format!("the image has no {exact} in its PATH, `{}`", shown(search_path));
        let mut others: Vec<(String, String)> = Vec::new();
        for folder in folders(search_path) {
            let Some(real) = real_folder(tree, &folder)? else { continue };
            for name in tree.children(&real)? {
                let Some(program) = program_version(&name) else { continue };
                if real_file(tree, &below(&real, program))?.is_some() {
                    let path = shown(&format!("/{}", String::from_utf8_lossy(&below(&folder, program))));
                    others.push((program.to_owned(), path));
                }
            }
        }
        let (same, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(program, _)| *program == exact);
        if let Some((_, path)) = same.first() {
            what.push_str(&format!(", that has a library: `lib/{exact}` does not lie beside the folder of `{path}`"));
        }
        let paths: Vec<String> = others.iter().take(OTHERS).map(|(_, path)| format!("`{path}`")).collect();
        if !paths.is_empty() {
            what.push_str(&format!("; it has {}", paths.join(", ")));
        }
        let place = "say where the distributions go, for example into = \"/var/task/\"";
        let help = match others.first().and_then(|(program, _)| program.strip_prefix("python")) {
            Some(other) => format!("write python = \"{other}\", or {place}"),
            None => place.to_owned(),
        };
        Ok((what, help))
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

/// The folders of a search path, without `/` at the ends, `.` and empty parts. One that is not absolute depends on where a
/// program is started.
fn folders(search_path: &str) -> impl Iterator<Item = Box<[u8]>> {
    let absolute = search_path.split(':').filter(|folder| folder.starts_with('/') && !folder.contains('\0'));
    absolute.take(FOLDER_LIMIT).map(|folder| {
        let parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        parts.join("/").into_bytes().into()
    })
}

/// Where a folder of a search path really lies; nothing if none is there.
fn real_folder(tree: &Tree, folder: &[u8]) -> Result<Option<Box<[u8]>>, TreeError> {
    let parts: Vec<&[u8]> = folder.split(|&byte| byte == b'/').collect();
    let ups = parts.iter().enumerate().filter(|(_, part)| **part == b"..").map(|(at, _)| at);
    for (count, at) in ups.enumerate() {
        // A `..` of what is not there leads nowhere.
        let before = parts.get(..at).unwrap_or_default().join(&b'/');
        if count == UP_LIMIT || real_directory(tree, &before)?.is_none() {
            return Ok(None);
        }
    }
    real_directory(tree, folder)
}

/// Where a path really lies; nothing if links go in a circle, which is as if nothing were there.
fn resolve(tree: &Tree, path: &[u8]) -> Result<Option<Box<[u8]>>, TreeError> {
    match tree.resolve(path) {
        Ok(real) => Ok(Some(real)),
        Err(TreeError::Loop(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a path really lies, if it is a directory's.
fn real_directory(tree: &Tree, path: &[u8]) -> Result<Option<Box<[u8]>>, TreeError> {
    let Some(real) = resolve(tree, path)? else { return Ok(None) };
    let is_directory = real.is_empty() || matches!(tree.get(&real)?, Some(Node::Directory { .. }));
    Ok(is_directory.then_some(real))
}

/// Where a path really lies, if it is a file's.
fn real_file(tree: &Tree, path: &[u8]) -> Result<Option<Box<[u8]>>, TreeError> {
    let Some(real) = resolve(tree, path)? else { return Ok(None) };
    let is_file = matches!(tree.get(&real)?, Some(Node::File));
    Ok(is_file.then_some(real))
}

/// The name of a program if it says a version: `python3.12`.
pub(super) fn program_version(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let (major, minor) = name.strip_prefix("python")?.split_once('.')?;
    let is_number = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(major) && is_number(minor)).then_some(name)
}

fn parent(path: &[u8]) -> &[u8] {
    crate::entry::parents(path).last().unwrap_or_default()
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// A path below a directory, the root being empty.
pub(super) fn below(directory: &[u8], name: &str) -> Box<[u8]> {
    if directory.is_empty() { name.as_bytes().into() } else { [directory, b"/", name.as_bytes()].concat().into() }
}

#[cfg(test)]
mod tests;
