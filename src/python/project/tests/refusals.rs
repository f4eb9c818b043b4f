//! What is refused, in which words.

use super::*;

/// What is refused with the words, and the line that they are about.
fn refused(files: &[(&str, &str)], words: &str, line: usize) {
    let folder = project(files);
    let error = lay_in(folder.path()).err().unwrap_or_else(|| panic!("not refused: {words}"));
    assert_eq!((error.what.as_str(), error.line), (words, line));
    let place = if line == 0 { String::new() } else { format!(":{line}") };
    assert_eq!(error.to_string(), format!("{}{place}: {words}", error.file.display()));
    let name = folder.path().display().to_string();
    assert!(!error.what.contains(&name), "{}", error.what);
}

/// The same of a `pyproject.toml` beside `mini_mod/__init__.py`.
fn refused_text(pyproject: &str, words: &str, line: usize) {
    refused(&[("pyproject.toml", pyproject), ("mini_mod/__init__.py", "")], words, line);
}

#[test]
fn suggests_the_key_that_was_meant() {
    let build = "build a wheel (`pip wheel --no-deps .` or `python -m build --wheel`) and name it under `wheels`";
    let meant = |key: &str| format!("did you mean `{key}`? if not, {build}");
    for (tail, what, help) in [
        ("[tool.setuptools]\npackage = []", "`tool.setuptools.package` is not read here", meant("packages")),
        ("[tool.setuptools]\ndata-files = {}", "`tool.setuptools.data-files` is not read here", build.to_owned()),
        ("[tool.setuptools.packages]\nfinds = {}", "`tool.setuptools.packages.finds` is not read here", meant("find")),
        ("licence = \"MIT\"", "`project.licence` is no key of `[project]`", "did you mean `license`?".to_owned()),
    ] {
        let folder = project(&[("pyproject.toml", &format!("{SETUPTOOLS}{MINI}{tail}\n"))]);
        let error = lay_in(folder.path()).unwrap_err();
        assert_eq!((error.what.as_str(), error.help), (what, Some(help)));
    }
}

#[test]
fn refuses_what_needs_its_backend() {
    let backend = |name: &str| format!("[build-system]\nrequires = []\nbuild-backend = \"{name}\"\n{MINI}");
    let tail = |backend: &str, tail: &str| format!("{backend}{MINI}{tail}\n");
    let dynamic = "[project]\nname = \"mini-mod\"\ndynamic = [\"version\"]\n";
    let cases = [
        (backend("maturin"), "`build-system.build-backend` is `maturin`, which compiles Rust", 3),
        (
            backend("scikit_build_core.build"),
            "`build-system.build-backend` is `scikit_build_core.build`, which compiles extension modules",
            3,
        ),
        (backend("mesonpy"), "`build-system.build-backend` is `mesonpy`, which compiles extension modules", 3),
        (backend("own"), "`build-system.build-backend` is `own`, which is not one whose rules are known here", 3),
        (
            format!(
                "[build-system]\nrequires = []\nbuild-backend = \"setuptools.build_meta\"\nbackend-path = [\".\"]\n{MINI}"
            ),
            "`build-system.backend-path` brings a build backend along, which would have to be run",
            4,
        ),
        (
            format!("[build-system]\nrequires = [\"setuptools\", \"setuptools_rust>=1\"]\n{MINI}"),
            "`build-system.requires` names `setuptools-rust`, which compiles Rust",
            2,
        ),
        (
            format!("[build-system]\nrequires = [\"setuptools\", \"setuptools-scm[toml]\"]\n{MINI}"),
            "`build-system.requires` names `setuptools-scm`, by which all data files in version control are laid",
            2,
        ),
        (
            tail(SETUPTOOLS, "[[tool.setuptools.ext-modules]]\nname = \"x\"\nsources = [\"x.c\"]"),
            "`tool.setuptools.ext-modules` are extension modules, which have to be compiled",
            7,
        ),
        (
            tail(SETUPTOOLS, "[tool.setuptools.cmdclass]\nbuild = \"x.Y\""),
            "`tool.setuptools.cmdclass` changes what the build does",
            7,
        ),
        (tail(SETUPTOOLS, "[tool.setuptools]\ndata-files = {}"), "`tool.setuptools.data-files` is not read here", 8),
        (
            tail(SETUPTOOLS, "[tool.setuptools]\nscript-files = [\"x\"]"),
            "`tool.setuptools.script-files` is not read here",
            8,
        ),
        (tail(HATCH, "[tool.hatch.build.hooks.custom]"), "`tool.hatch.build.hooks` would have to be run", 7),
        (
            tail(HATCH, "[tool.hatch.build.targets.wheel.hooks.cython]"),
            "`tool.hatch.build.targets.wheel.hooks` would have to be run",
            7,
        ),
        (tail(HATCH, "[tool.hatch.metadata.hooks.x]"), "`tool.hatch.metadata.hooks` would have to be run", 7),
        (tail(HATCH, "[tool.hatch.build]\nartifacts = [\"*.so\"]"), "`tool.hatch.build.artifacts` is not read here", 8),
        (
            tail(HATCH, "[tool.hatch.build.targets.wheel.shared-data]\n\"a\" = \"b\""),
            "`tool.hatch.build.targets.wheel.shared-data` is not read here",
            7,
        ),
        (tail(FLIT, "[tool.flit.external-data]\ndirectory = \"d\""), "`tool.flit.external-data` is not read here", 7),
        (tail(UV, "[tool.uv.build-backend.data]\nscripts = \"s\""), "`tool.uv.build-backend.data` is not read here", 7),
        (tail(PDM, "[tool.pdm.build]\ncustom-hook = \"x.py\""), "`tool.pdm.build.custom-hook` would have to be run", 8),
        (
            tail(PDM, "[tool.pdm.build]\nis-purelib = false"),
            "`tool.pdm.build.is-purelib` says that the wheel is for one platform",
            8,
        ),
        (tail(POETRY, "[tool.poetry]\nbuild = \"b.py\""), "`tool.poetry.build` is not read here", 8),
        (
            tail(POETRY, "[tool.poetry.dependencies]\nrequests = \"*\""),
            "`tool.poetry.dependencies` is not read here: `project.dependencies` is",
            7,
        ),
        (format!("{SETUPTOOLS}{dynamic}"), "`version` is dynamic, and only its build backend works it out", 6),
        (
            format!("{SETUPTOOLS}{dynamic}[tool.setuptools_scm]\n"),
            "`version` is dynamic, and only its build backend works it out (`setuptools_scm`)",
            6,
        ),
        (
            format!("{HATCH}{dynamic}[tool.hatch.version]\nsource = \"vcs\"\n"),
            "`tool.hatch.version.source` is `vcs`, which would have to be run",
            8,
        ),
        (
            format!(
                "{HATCH}{dynamic}[tool.hatch.version]\npath = \"mini_mod/__init__.py\"\npattern = \"(?P<version>x)\\\\1\"\n"
            ),
            "`tool.hatch.version.pattern` is a pattern of Python's that is not read here",
            9,
        ),
        (
            format!("{SETUPTOOLS}{dynamic}[tool.setuptools.dynamic]\nversion = {{attr = \"mini_mod.V\"}}\n"),
            "`V` in `mini_mod/__init__.py` is not assigned at the module's top level: its value is known once it is run",
            8,
        ),
        (
            format!("{PDM}{dynamic}[tool.pdm.version]\nsource = \"scm\"\n"),
            "`version` is dynamic, and only its build backend works it out",
            6,
        ),
        (
            "[build-system]\nrequires = []\n".to_owned(),
            "it has no `[project]`, so that only its build backend knows what the project is",
            0,
        ),
    ];
    for (pyproject, words, line) in &cases {
        refused_text(pyproject, words, *line);
        let folder = project(&[("pyproject.toml", pyproject), ("mini_mod/__init__.py", "")]);
        let help = lay_in(folder.path()).unwrap_err().help.unwrap_or_default();
        assert!(help.contains("`pip wheel --no-deps .`") && help.contains("`wheels`"), "{words}: {help}");
    }
    assert!(cases.len() >= 25);
}

#[test]
fn refuses_files_that_need_a_backend() {
    let pyproject = format!("{SETUPTOOLS}{MINI}");
    let base = [("pyproject.toml", pyproject.as_str()), ("mini_mod/__init__.py", "")];
    let setup = "this does more than to call `setup()`, and would have to be run";
    let cases = [
        ("setup.py", "from setuptools import setup\n\nsetup(name='x')\n", "setup.py", setup, 3),
        ("setup.py", "from setuptools import setup\nsetup(cffi_modules=['b.py:ffi'])\n", "setup.py", setup, 2),
        ("setup.py", "import os; os.system('x')\n", "setup.py", setup, 1),
        ("setup.py", "setup() # x\nprint()\n", "setup.py", setup, 2),
        (
            "setup.cfg",
            "[flake8]\n [metadata] ; x\nname = x\n",
            "setup.cfg",
            "the section `metadata` is not read here",
            2,
        ),
        (
            "setup.cfg",
            "[options.package_data]\n",
            "setup.cfg",
            "the section `options.package_data` is not read here",
            1,
        ),
        ("setup.cfg", "[egg_info]\ntag_build = dev\n", "setup.cfg", "the section `egg_info` is not read here", 2),
        ("MANIFEST.in", "# x\nincluded x\n", "MANIFEST.in", "`included x` is no command that is known", 2),
    ];
    for (name, text, file, words, line) in cases {
        let folder = project(&[&base[..], &[(name, text)]].concat());
        let error = lay_in(folder.path()).unwrap_err();
        assert_eq!((error.what.as_str(), error.line), (words, line), "{text}");
        assert_eq!(error.file, folder.path().join(file));
    }
    let bare = "#!/usr/bin/env python\n\"\"\"Old pips ask for it.\"\"\"\nimport setuptools\n\nif __name__ == \"__main__\":\n    setuptools.setup()  # x\n";
    let folder = project(
        &[
            &base[..],
            &[("setup.py", bare), ("setup.cfg", "[flake8]\nmax = 1\n\n[egg_info]\ntag_build = \ntag_date = 0\n\n")],
        ]
        .concat(),
    );
    assert!(lay_in(folder.path()).is_ok());
    let pyproject = format!("{PDM}{MINI}");
    let hook = [("pyproject.toml", pyproject.as_str()), ("mini_mod/__init__.py", ""), ("pdm_build.py", "")];
    refused(&hook, "this is a hook of the build, which would have to be run", 0);
    for (name, words) in [
        ("fast.pyx", "`mini_mod/fast.pyx` has to be compiled (Cython)"),
        (
            "fast.cpython-312-x86_64-linux-gnu.so",
            "`mini_mod/fast.cpython-312-x86_64-linux-gnu.so` is compiled, so it is for one platform alone",
        ),
        ("lib/libx.so.1", "`mini_mod/lib/libx.so.1` is compiled, so it is for one platform alone"),
        ("fast.pyd", "`mini_mod/fast.pyd` is compiled, so it is for one platform alone"),
    ] {
        let pyproject = format!("{HATCH}{MINI}");
        refused(
            &[("pyproject.toml", &pyproject), ("mini_mod/__init__.py", ""), (&format!("mini_mod/{name}"), "")],
            words,
            0,
        );
    }
    // The source of a library is no sign that it is compiled: nothing here says so.
    let folder =
        project(&[("pyproject.toml", &format!("{HATCH}{MINI}")), ("mini_mod/__init__.py", ""), ("mini_mod/x.c", "")]);
    assert!(lay_in(folder.path()).is_ok());
}

#[test]
fn refuses_metadata_that_are_none() {
    let mini = |tail: &str| format!("{MINI}{tail}\n");
    let cases = [
        ("[project\n".to_owned(), "this is no TOML: unclosed table, expected `]`", 1),
        ("[project]\nversion = \"1\"\n".to_owned(), "`project` has no `name`", 1),
        (
            "[project]\nname = \"-x\"\n".to_owned(),
            "the name `-x` is no name: it is to begin and end with a letter or a digit, with `.`, `-` and `_` between them",
            2,
        ),
        ("[project]\nname = \"x\"\n".to_owned(), "`project` has neither a `version` nor one that is dynamic", 1),
        ("[project]\nname = \"x\"\nversion = \"one\"\n".to_owned(), "the version `one` is none of Python's", 3),
        ("[project]\nname = \"x\"\nversion = 1\n".to_owned(), "`project.version` is to be a string", 3),
        (mini("colour = \"red\""), "`project.colour` is no key of `[project]`", 4),
        (
            mini("description = \"a\\nRequires-Dist: evil\""),
            "`project.description` has a line's end or another control character",
            4,
        ),
        (mini("description = \"a\\u2028b\""), "`project.description` has a line's end or another control character", 4),
        (mini("keywords = [\"a,b\"]"), "a keyword has a comma, which parts keywords in metadata", 4),
        (mini("classifiers = [\"a\\rb\"]"), "`project.classifiers` has a line's end or another control character", 4),
        (
            mini("authors = [{name = \"x\\n\"}]"),
            "`project.authors.name` has a line's end or another control character",
            4,
        ),
        (mini("authors = [{email = \"a, b\"}]"), "`project.authors` has an `email` that is no address", 4),
        (mini("authors = [{phone = \"1\"}]"), "`project.authors.phone` is neither `name` nor `email`", 4),
        (
            mini("license = \"MIT License\""),
            "`project.license` is `MIT License`, which is no SPDX license expression",
            4,
        ),
        (
            mini("license = \"MIT\"\nclassifiers = [\"License :: OSI Approved\"]"),
            "`project.license` is an expression, and a license classifier says it again",
            4,
        ),
        (
            mini("license-files = [\"../LICENSE\"]"),
            "the license file `../LICENSE` leads out of the project's folder",
            4,
        ),
        (mini("license-files = [\"NONE\"]"), "the license file `NONE` does not exist", 4),
        (mini("license-files = [\"N*\"]"), "the license file `N*` matches no file", 4),
        (
            mini("readme = \"../README.md\""),
            "`project.readme` names `../README.md`, which leads out of the project's folder",
            4,
        ),
        (
            mini("readme = \"/etc/hostname.md\""),
            "`project.readme` names `/etc/hostname.md`, which is to be relative",
            4,
        ),
        (mini("readme = \"none.md\""), "`project.readme` names `none.md`, which does not exist", 4),
        (
            mini("readme = \"mini_mod/__init__.py\""),
            "`project.readme` names `mini_mod/__init__.py`, whose suffix says no content type",
            4,
        ),
        (mini("requires-python = \"3.11\""), "`project.requires-python` has a version specifier that is none", 4),
        (mini("dependencies = [\"a b\"]"), "the requirement `a b` has a version specifier that is none", 4),
        (
            mini("dependencies = [\n\"a\",\n\"-r x\"]"),
            "the requirement `-r x` is no name: it is to begin and end with a letter or a digit, with `.`, `-` and `_` between them",
            6,
        ),
        (
            mini("[project.optional-dependencies]\na_b = []\nA-B = []"),
            "the extra `a-b` is there twice, once names are normalised",
            6,
        ),
        (mini("[project.scripts]\n\"../x\" = \"a:b\""), "`project.scripts.../x` is no name of an entry point", 5),
        (mini("[project.scripts]\nx = \"a\""), "`project.scripts.x` is `a`: it is to be `package.module:function`", 5),
        (
            mini("[project.scripts]\nx = \"a:b\\nimport os\""),
            "`project.scripts.x` is `a:b\\u{a}import os`: it is to be `package.module:function`",
            5,
        ),
        (
            mini("[project.entry-points.console_scripts]\nx = \"a:b\""),
            "`project.entry-points.console_scripts` is to be written as `project.scripts` or `project.gui-scripts`",
            4,
        ),
        (
            mini("[project.urls]\n\"a,b\" = \"x\""),
            "`project.urls.a,b` is no label of a URL: it has 1 to 32 characters and no comma",
            5,
        ),
        (mini("dynamic = [\"version\"]"), "`project.dynamic` lists `version`, which is written down as well", 4),
        (
            "[project]\nname = \"x\"\ndynamic = [\"name\"]\n".to_owned(),
            "`project.dynamic` lists `name`, which is written down as well",
            3,
        ),
    ];
    for (pyproject, words, line) in &cases {
        refused_text(pyproject, words, *line);
    }
}

#[test]
fn refuses_layouts_that_it_cannot_decide() {
    let files = |pyproject: &str, names: &[&str], words: &str, line: usize| {
        let mut files = vec![("pyproject.toml", pyproject)];
        files.extend(names.iter().map(|name| (*name, "")));
        refused(&files, words, line);
    };
    files(MINI, &["a/x.py", "b/x.py"], "there are several top-level packages: `a`, `b`", 0);
    files(MINI, &["a.py", "b.py"], "there are several top-level modules: `a`, `b`", 0);
    files(MINI, &["README"], "no package and no module is found", 0);
    files(
        &format!("{MINI}[tool.setuptools]\npackages = [\"a\"]\n"),
        &["b/x.py"],
        "the package `a` is to lie at `a`, and does not",
        4,
    );
    files(
        &format!("{MINI}[tool.setuptools.package-dir]\na = \"../b\"\n"),
        &[],
        "`tool.setuptools.package-dir.a` names `../b`, which leads out of the project's folder",
        5,
    );
    files(&format!("{HATCH}{MINI}"), &["a/__init__.py"], "no package is named as the project `mini-mod`", 0);
    files(
        &format!("{HATCH}{MINI}[tool.hatch.build.targets.wheel]\nonly-include = [\"a\"]\n"),
        &[],
        "`a` does not exist in the project's folder, or the ignore rules leave it out",
        7,
    );
    files(
        &format!("{HATCH}{MINI}[tool.hatch.build.targets.wheel.force-include]\n\"../a\" = \"b\"\n"),
        &[],
        "`tool.hatch.build.targets.wheel.force-include.../a` names `../a`, which leads out of the project's folder",
        8,
    );
    files(
        &format!("{HATCH}{MINI}[tool.hatch.build.targets.wheel.force-include]\n\"a\" = \"x\"\n\"b\" = \"x\"\n"),
        &["a", "b"],
        "`a` and `b` would both go to `x`",
        0,
    );
    files(
        &format!("{FLIT}{MINI}"),
        &["mini_mod.py", "src/mini_mod.py"],
        "several files or folders could be the module `mini_mod`",
        0,
    );
    files(
        &format!("{UV}{MINI}"),
        &["src/mini_mod/x.py"],
        "there is no package and no module `mini_mod` that the ignore rules leave",
        0,
    );
    files(
        &format!("{POETRY}{MINI}"),
        &["x.py"],
        "there is no package and no module `mini_mod` that the ignore rules leave",
        0,
    );
}

#[test]
fn refuses_links_that_lead_elsewhere() {
    let secret = project(&[("secret.md", "x"), ("dir/x.py", "")]);
    let link = |pyproject: &str, target: &Path, at: &str, words: &str| {
        let folder = project(&[("pyproject.toml", pyproject), ("mini_mod/__init__.py", ""), ("docs/x", "")]);
        std::os::unix::fs::symlink(target, folder.path().join(at)).unwrap();
        assert_eq!(lay_in(folder.path()).unwrap_err().what, words);
    };
    let outside = "is a link, or lies behind one, that leads out of the project's folder";
    let file = secret.path().join("secret.md");
    link(
        &format!("{MINI}readme = \"README.md\"\n"),
        &file,
        "README.md",
        &format!("`project.readme` names `README.md`, which {outside}"),
    );
    link(
        &format!("{MINI}readme = \"d/secret.md\"\n"),
        secret.path(),
        "d",
        &format!("`project.readme` names `d/secret.md`, which {outside}"),
    );
    link(&format!("{MINI}license-files = [\"L\"]\n"), &file, "L", &format!("the license file `L` {outside}"));
    let hatch = format!("{HATCH}{MINI}");
    link(&hatch, &file, "mini_mod/x.md", "the link `mini_mod/x.md` leads out of the project's folder");
    link(&hatch, Path::new("../../x"), "mini_mod/x.md", "the link `mini_mod/x.md` leads out of the project's folder");
    link(
        &hatch,
        Path::new("nowhere"),
        "mini_mod/x",
        "the link `mini_mod/x` leads to no file that the ignore rules leave",
    );
    link(&hatch, Path::new("x"), "mini_mod/x", "the link `mini_mod/x` leads to too many others");
    link(
        MINI,
        Path::new("../docs"),
        "mini_mod/data",
        "the link `mini_mod/data` leads to a directory, which is not followed",
    );
}

#[test]
fn bounds_what_it_reads() {
    refused(&[("pyproject.toml", &"#".repeat((1 << 20) + 1))], "it has more than 1 MiB", 0);
    let large = "x".repeat((4 << 20) + 1);
    let pyproject = format!("{MINI}readme = \"R.md\"\n");
    refused(
        &[("pyproject.toml", &pyproject), ("R.md", &large)],
        "`project.readme` names `R.md`, which has more than 4 MiB",
        4,
    );
    let patterns = "\"a\",".repeat(1001);
    refused_text(
        &format!("{PDM}{MINI}[tool.pdm.build]\nexcludes = [{patterns}]\n"),
        "there are more than 1000 patterns",
        7,
    );
    let deep = format!("x = {}{}\n", "[".repeat(5000), "]".repeat(5000));
    let folder = project(&[("pyproject.toml", &deep)]);
    assert!(lay_in(folder.path()).unwrap_err().what.starts_with("this is no TOML: "));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(lay_in(folder.path()).unwrap_err().what, "it does not exist");
    assert_eq!(lay_in(&folder.path().join("none")).unwrap_err().what, "the project's folder does not exist");
}
