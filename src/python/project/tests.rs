//! Projects as the tests write them, laid. What is expected of the layouts is what `pip install --no-deps --no-compile
//! --target` laid for the same files with setuptools 84.2.1, hatchling 1.33.0, flit_core 4.2.0, poetry-core 2.5.0,
//! pdm-backend 2.5.0 and uv_build 0.13.6, but for `top_level.txt`, which only setuptools writes.

mod ignored;
mod layouts;
mod metadata;
mod properties;
mod refusals;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const SETUPTOOLS: &str = "[build-system]\nrequires = [\"setuptools>=69\"]\nbuild-backend = \"setuptools.build_meta\"\n";
const HATCH: &str = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";
const FLIT: &str = "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n";
const POETRY: &str = "[build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";
const PDM: &str = "[build-system]\nrequires = [\"pdm-backend\"]\nbuild-backend = \"pdm.backend\"\n";
const UV: &str = "[build-system]\nrequires = [\"uv_build\"]\nbuild-backend = \"uv_build\"\n";

/// A small project.
const MINI: &str = "[project]\nname = \"mini-mod\"\nversion = \"0.1\"\n";

/// Where its metadata go.
const INFO: &str = "mini_mod-0.1.dist-info/";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    folder
}

fn scheme() -> Scheme {
    let path = |path: &str| path.as_bytes().to_vec().into_boxed_slice();
    Scheme {
        pure: path("opt/lib/python3.12/site-packages"),
        platform: path("opt/lib/python3.12/site-packages"),
        scripts: path("opt/bin"),
        data: path("opt"),
        headers: path("opt/include"),
        python: crate::python::PythonVersion { major: 3, minor: 12, micro: None },
        interpreter: "/opt/bin/python3.12".to_owned(),
    }
}

fn lay_in(folder: &Path) -> Result<Distribution, ProjectError> {
    Project::read(folder, &[])?.lay(
        &Context::open(folder, &[]).unwrap(),
        &scheme(),
        None,
        &crate::workers::Workers::new(1),
    )
}

fn text_of(content: &FileContent) -> String {
    let mut bytes = Vec::new();
    content.source.open().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (content.digest, content.size));
    String::from_utf8(bytes).unwrap()
}

/// The files, by their paths from the library directory, with their texts.
fn laid(folder: &Path) -> BTreeMap<String, String> {
    let distribution = lay_in(folder).unwrap_or_else(|error| panic!("{error} {:?}", error.help));
    assert!(distribution.files.is_sorted_by(|a, b| a.path < b.path));
    let pure = "opt/lib/python3.12/site-packages";
    let file = |file: &DistributionFile| {
        (record::relative(std::str::from_utf8(&file.path).unwrap(), pure), text_of(&file.content))
    };
    distribution.files.iter().map(file).collect()
}

/// The paths outside of `.dist-info`.
fn paths(files: &[(&str, &str)]) -> Vec<String> {
    let laid = laid(project(files).path());
    laid.into_keys().filter(|path| !path.contains(".dist-info/")).collect()
}

#[test]
fn writes_what_an_installer_writes() {
    let folder = project(&[
        ("pyproject.toml", &format!("{MINI}[project.scripts]\nmini = \"mini_mod:main\"\n")),
        ("mini_mod.py", "def main(): pass\n"),
        ("LICENSE", "mine\n"),
    ]);
    let laid = laid(folder.path());
    let names: Vec<&str> = laid.keys().map(String::as_str).collect();
    let info = |name: &str| format!("{INFO}{name}");
    let expected = [
        "../../../bin/mini".to_owned(),
        info("INSTALLER"),
        info("METADATA"),
        info("RECORD"),
        info("REQUESTED"),
        info("WHEEL"),
        info("direct_url.json"),
        info("entry_points.txt"),
        info("licenses/LICENSE"),
        "mini_mod.py".to_owned(),
    ];
    assert_eq!(names, expected);
    assert_eq!(laid[&info("INSTALLER")], "tarsia\n");
    assert_eq!(laid[&info("REQUESTED")], "");
    assert_eq!(laid[&info("direct_url.json")], r#"{"dir_info":{},"url":"file:///mini-mod"}"#);
    assert_eq!(laid[&info("entry_points.txt")], "[console_scripts]\nmini = mini_mod:main\n");
    assert_eq!(
        laid[&info("WHEEL")],
        "Wheel-Version: 1.0\nGenerator: tarsia\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    );
    assert!(laid["../../../bin/mini"].starts_with("#!/opt/bin/python3.12\n"));
    let rows: Vec<&str> = laid[&info("RECORD")].lines().map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(rows, expected);
    assert!(laid[&info("RECORD")].contains("mini_mod-0.1.dist-info/RECORD,,\n"));
    let empty = "mini_mod-0.1.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n";
    assert!(laid[&info("RECORD")].contains(empty));
}

#[test]
fn keeps_the_owners_execute_bit() {
    let folder = project(&[("pyproject.toml", &format!("{HATCH}{MINI}")), ("mini_mod/__init__.py", "")]);
    write(folder.path(), &[("mini_mod/run.sh", ""), ("mini_mod/group.sh", "")]);
    let chmod =
        |path: &str, mode| fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    chmod("mini_mod/run.sh", 0o700);
    chmod("mini_mod/group.sh", 0o654);
    let distribution = lay_in(folder.path()).unwrap();
    let executable = distribution.files.iter().filter(|file| file.executable);
    let paths: Vec<&[u8]> = executable.map(|file| &*file.path).collect();
    assert_eq!(paths, [b"opt/lib/python3.12/site-packages/mini_mod/run.sh"]);
    assert_eq!((distribution.name.as_str(), distribution.version.as_str()), ("mini-mod", "0.1"));
}

#[test]
fn makes_setuptools_modules_plain_files() {
    let data = "[tool.setuptools]\npackages = [\"mini_mod\"]\npy-modules = [\"single\"]\n[tool.setuptools.package-data]\n\
                mini_mod = [\"**/*\"]\n";
    let names = ["mini_mod/__init__.py", "mini_mod/data/tool.py", "mini_mod/run.sh", "mini_mod/tool.py", "single.py"];
    let executables = |pyproject: String| {
        let folder = project(&[("pyproject.toml", &pyproject)]);
        for name in names {
            write(folder.path(), &[(name, "#!/bin/sh\n")]);
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let files = lay_in(folder.path()).unwrap().files;
        let paths = files.iter().filter(|file| file.executable).map(|file| String::from_utf8_lossy(&file.path));
        paths.map(|path| path.replace("opt/lib/python3.12/site-packages/", "")).collect::<Vec<_>>()
    };
    assert_eq!(executables(format!("{SETUPTOOLS}{MINI}{data}")), ["mini_mod/data/tool.py", "mini_mod/run.sh"]);
    assert_eq!(executables(format!("{HATCH}{MINI}")), names[..4]);
}

#[test]
fn says_what_it_is() {
    let text = format!("{MINI}requires-python = \">= 3.11\"\ndependencies = [\"boto3 >=1.34 , <2\"]\n");
    let folder = project(&[("pyproject.toml", &text), ("mini_mod.py", "")]);
    let project = Project::read(folder.path(), &[]).unwrap();
    assert_eq!(project.name(), "mini-mod");
    assert_eq!(project.requires_python(), Some(">=3.11"));
}

#[test]
fn reads_what_describes_it_even_if_it_is_ignored() {
    let folder = project(&[
        (
            "pyproject.toml",
            &format!(
                "{HATCH}[project]\nname = \"a\"\ndynamic = [\"version\"]\nreadme = \"README.md\"\n[tool.hatch.version]\npath = \"VERSION\"\n"
            ),
        ),
        (".dockerignore", "*\n!a\na/secret.py\n"),
        ("README.md", "# Hello\n"),
        ("LICENSE", ""),
        ("VERSION", "VERSION = '1.5'"),
        ("a/__init__.py", ""),
        ("a/secret.py", ""),
    ]);
    let laid = laid(folder.path());
    assert!(laid.contains_key("a/__init__.py") && !laid.contains_key("a/secret.py"));
    assert!(laid["a-1.5.dist-info/METADATA"].ends_with("\n\n# Hello\n"));
    assert!(laid.contains_key("a-1.5.dist-info/licenses/LICENSE"));
}

#[test]
fn follows_links_to_files_within_the_folder() {
    let folder =
        project(&[("pyproject.toml", &format!("{FLIT}{MINI}")), ("mini_mod/__init__.py", ""), ("shared/x.json", "1")]);
    std::os::unix::fs::symlink("../shared/x.json", folder.path().join("mini_mod/x.json")).unwrap();
    assert_eq!(laid(folder.path())["mini_mod/x.json"], "1");
}

#[test]
fn gives_the_same_bytes_wherever_the_folder_lies() {
    let files = [("pyproject.toml", MINI), ("mini_mod.py", "x = 1\n"), ("LICENSE", "x")];
    let (one, other) = (project(&files), project(&files));
    assert_ne!(one.path(), other.path());
    assert_eq!(laid(one.path()), laid(other.path()));
}
