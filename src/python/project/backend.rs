//! Build backends: which of them lay files without doing anything else, and what shows that one does more.

use super::fault::{Fault, quoted};
use super::folder::Folder;
use super::value::Value;
use crate::python::normalise_name;

/// A build backend whose rules for files and metadata are followed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    Setuptools,
    Hatch,
    Flit,
    Poetry,
    Pdm,
    Uv,
}

impl Backend {
    /// The backend of a project.
    ///
    /// # Errors
    ///
    /// If it is one that has to run, or something shows that it does more than to copy.
    pub(super) fn of(document: &Value, folder: &Folder) -> Result<Backend, Fault> {
        let system = document.get("build-system");
        let backend = match system.and_then(|system| system.get("build-backend")) {
            Some(value) => named(value)?,
            None => Backend::Setuptools,
        };
        if let Some(value) = system.and_then(|system| system.get("backend-path")) {
            return Err(value.backend("brings a build backend along, which would have to be run"));
        }
        if let Some(requires) = system.and_then(|system| system.get("requires")) {
            for requirement in requires.texts()? {
                let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
                let name = normalise_name(requirement.get(..end.unwrap_or(requirement.len())).unwrap_or_default());
                if let Some(why) = plugin(&name, backend) {
                    return Err(requires.backend(format!("names `{name}`, which {why}")));
                }
            }
        }
        match backend {
            Backend::Setuptools => setuptools(document, folder)?,
            Backend::Hatch => hatch(document)?,
            Backend::Pdm => pdm(document, folder)?,
            Backend::Poetry => poetry(document)?,
            Backend::Flit | Backend::Uv => {}
        }
        Ok(backend)
    }
}

fn named(value: &Value) -> Result<Backend, Fault> {
    Ok(match value.text()? {
        "setuptools.build_meta" | "setuptools.build_meta:__legacy__" => Backend::Setuptools,
        "hatchling.build" => Backend::Hatch,
        "flit_core.buildapi" => Backend::Flit,
        "poetry.core.masonry.api" => Backend::Poetry,
        "pdm.backend" => Backend::Pdm,
        "uv_build" => Backend::Uv,
        other => {
            let why = match other {
                "maturin" | "setuptools_rust" => "compiles Rust",
                "scikit_build_core.build" | "mesonpy" | "py_build_cmake.build" => "compiles extension modules",
                _ => "is not one whose rules are known here",
            };
            return Err(value.backend(format!("is {}, which {why}", quoted(other))));
        }
    })
}

/// What a package that the build needs would do.
fn plugin(name: &str, backend: Backend) -> Option<&'static str> {
    Some(match name {
        "setuptools-rust" | "maturin" => "compiles Rust",
        "scikit-build" | "scikit-build-core" | "meson-python" | "mypy" | "mypyc" | "pybind11" | "nanobind" | "cffi" => {
            "compiles extension modules"
        }
        "setuptools-git-versioning" | "versioningit" | "pbr" | "versioneer" if backend == Backend::Setuptools => {
            "works the version out as it builds"
        }
        "poetry-dynamic-versioning" => "works the version out as it builds",
        _ => return None,
    })
}

fn setuptools(document: &Value, folder: &Folder) -> Result<(), Fault> {
    for (path, why) in [
        (&["tool", "setuptools", "ext-modules"][..], "are extension modules, which have to be compiled"),
        (&["tool", "setuptools-rust"], "are extension modules in Rust, which have to be compiled"),
        (&["tool", "setuptools", "cmdclass"], "changes what the build does"),
        (&["tool", "distutils"], "changes what the build does"),
        (&["tool", "cibuildwheel"], ""),
    ] {
        // cibuildwheel is about continuous integration, and is named by what has nothing to compile as well.
        if let Some(value) = document.find(path).filter(|_| !why.is_empty()) {
            return Err(value.backend(why));
        }
    }
    if folder.is_file("setup.py") {
        let script = folder.text("setup.py").map_err(|why| Fault::at(0, format!("`setup.py` {why}")))?;
        if let Some(line) = first_real_line(&script) {
            let what = "this does more than to call `setup()`, and would have to be run";
            return Err(Fault::backend(line, what).of("setup.py"));
        }
    }
    if folder.is_file("setup.cfg") {
        let configuration = folder.text("setup.cfg").map_err(|why| Fault::at(0, format!("`setup.cfg` {why}")))?;
        // A source distribution brings an `[egg_info]` along that says nothing.
        let mut is_egg_info = false;
        for (at, line) in configuration.lines().enumerate() {
            // Python's parser heeds nothing after the bracket.
            let section =
                line.trim_start().strip_prefix('[').and_then(|line| line.rsplit_once(']')).map(|(name, _)| name);
            let says = line.split_once('=').is_some_and(|(_, value)| !matches!(value.trim(), "" | "0" | "false"));
            let root = section.and_then(|section| section.split('.').next()).unwrap_or_default().trim();
            is_egg_info = if section.is_some() { root == "egg_info" } else { is_egg_info };
            let counts = matches!(root, "options" | "metadata" | "global" | "bdist_wheel" | "install")
                || root.starts_with("build")
                || root.starts_with("install_")
                || is_egg_info && says;
            if counts {
                let what = format!("the section {} is not read here", quoted(section.unwrap_or("egg_info")));
                let help = "write it in `pyproject.toml`, or build a wheel (`pip wheel --no-deps .` or `python -m build \
                            --wheel`) and name it under `wheels`";
                return Err(Fault::at(at + 1, what).of("setup.cfg").help(help));
            }
        }
    }
    Ok(())
}

/// The first line of a `setup.py` that does more than a bare `setup()`.
fn first_real_line(script: &str) -> Option<usize> {
    const BARE: [&str; 8] = [
        "",
        "import setuptools",
        "from setuptools import setup",
        "setup()",
        "setuptools.setup()",
        "if __name__ == \"__main__\":",
        "if __name__ == '__main__':",
        "from __future__ import annotations",
    ];
    let is_text = |line: &str| {
        ["\"\"\"", "'''"].iter().any(|quote| {
            let inner = line.strip_prefix(quote).and_then(|line| line.strip_suffix(quote));
            inner.is_some_and(|inner| !inner.contains(quote) && !inner.contains('\\'))
        })
    };
    let bare = |line: &str| BARE.contains(&line) || line.starts_with('#') || is_text(line);
    let code = |line: &str| bare(line.split(" #").next().unwrap_or_default().trim()) || bare(line.trim());
    script.lines().position(|line| !code(line)).map(|at| at + 1)
}

fn hatch(document: &Value) -> Result<(), Fault> {
    for path in [
        &["tool", "hatch", "build", "hooks"][..],
        &["tool", "hatch", "build", "targets", "wheel", "hooks"],
        &["tool", "hatch", "metadata", "hooks"],
    ] {
        if let Some(value) = document.find(path) {
            return Err(value.backend("would have to be run"));
        }
    }
    Ok(())
}

fn pdm(document: &Value, folder: &Folder) -> Result<(), Fault> {
    let build = document.find(&["tool", "pdm", "build"]);
    for (key, why) in [
        ("run-setuptools", "would have to be run"),
        ("custom-hook", "would have to be run"),
        ("hooks", "would have to be run"),
        ("wheel-data", "is not read here"),
    ] {
        if let Some(value) = build.and_then(|build| build.get(key)) {
            return Err(value.backend(why));
        }
    }
    match folder.is_file("pdm_build.py") {
        true => Err(Fault::backend(0, "this is a hook of the build, which would have to be run").of("pdm_build.py")),
        false => Ok(()),
    }
}

fn poetry(document: &Value) -> Result<(), Fault> {
    let Some(tool) = document.find(&["tool", "poetry"]) else { return Ok(()) };
    if document.get("project").is_none() {
        return Err(tool.wrong("has the metadata that `[project]` is to have").help(
            "move them to `[project]` (Poetry 2 reads it), or build a wheel (`pip wheel --no-deps .`) and name it under `wheels`",
        ));
    }
    for key in ["build", "scripts", "plugins", "extras"] {
        if let Some(value) = tool.get(key) {
            return Err(value.backend("is not read here"));
        }
    }
    // Without dependencies in `[project]`, Poetry takes those.
    let named = |value: &&Value| value.table().is_ok_and(|table| table.iter().any(|(name, _)| name != "python"));
    if document.find(&["project", "dependencies"]).is_none()
        && let Some(value) = tool.get("dependencies").filter(named)
    {
        return Err(value.backend("is not read here: `project.dependencies` is"));
    }
    Ok(())
}
