//! `METADATA`, as the backends write it.

use super::*;

const FULL: &str = r##"
[project]
name = "Acme.Full-Thing"
version = "1.0.0-rc.1"
description = "A thing: with colons, and ünïcode"
readme = "README.md"
requires-python = ">=3.9, <4"
license = "MIT or Apache-2.0"
license-files = ["LICENSE", "legal/*.txt"]
keywords = ["zeta", "alpha"]
authors = [{name = "Ann Author", email = "ann@example.com"}, {name = "Bob B."}, {email = "c@example.com"}]
maintainers = [{name = "Dot. Person", email = "d@example.com"}]
classifiers = ["Programming Language :: Python :: 3", "Development Status :: 4 - Beta"]
dependencies = ["requests >= 2.0, < 3", "tomli ; python_version < '3.11'", "idna[Foo_Bar]"]
[project.optional-dependencies]
cli_Tools = ["click>=8", "colorama; sys_platform == 'win32' or os_name == 'nt'"]
docs = ["sphinx"]
[project.urls]
Homepage = "https://example.com/"
"Source Code" = "https://example.com/src"
[project.scripts]
acme = "acme_full_thing.cli:main"
[project.gui-scripts]
acme-gui = "acme_full_thing.cli:Gui.run"
[project.entry-points."acme.plugins"]
b = "acme_full_thing.cli:main"
a = "acme_full_thing"
"##;

/// Compared by hand with what setuptools writes: it is the same, in the same order, but for `Dynamic: license-file` and the
/// spelling of `idna`'s extra.
const EXPECTED: &str = r#"Metadata-Version: 2.4
Name: Acme.Full-Thing
Version: 1.0.0rc1
Summary: A thing: with colons, and ünïcode
Author: Bob B.
Author-email: Ann Author <ann@example.com>, c@example.com
Maintainer-email: "Dot. Person" <d@example.com>
License-Expression: MIT OR Apache-2.0
Project-URL: Homepage, https://example.com/
Project-URL: Source Code, https://example.com/src
Keywords: zeta,alpha
Classifier: Programming Language :: Python :: 3
Classifier: Development Status :: 4 - Beta
Requires-Python: <4,>=3.9
Description-Content-Type: text/markdown
License-File: LICENSE
License-File: legal/apache.txt
Requires-Dist: requests<3,>=2.0
Requires-Dist: tomli; python_version < "3.11"
Requires-Dist: idna[foo-bar]
Provides-Extra: cli-tools
Requires-Dist: click>=8; extra == "cli-tools"
Requires-Dist: colorama; (sys_platform == "win32" or os_name == "nt") and extra == "cli-tools"
Provides-Extra: docs
Requires-Dist: sphinx; extra == "docs"

# Acme

Text: yes
"#;

#[test]
fn writes_metadata_and_entry_points() {
    let folder = project(&[
        ("pyproject.toml", &format!("{HATCH}{FULL}")),
        ("README.md", "# Acme\r\n\r\nText: yes\r\n"),
        ("LICENSE", "mit\n"),
        ("legal/apache.txt", "apache\n"),
        ("acme_full_thing/__init__.py", ""),
    ]);
    let laid = laid(folder.path());
    let info = "acme_full_thing-1.0.0rc1.dist-info";
    assert_eq!(laid[&format!("{info}/METADATA")], EXPECTED);
    assert_eq!(laid[&format!("{info}/licenses/legal/apache.txt")], "apache\n");
    assert_eq!(
        laid[&format!("{info}/entry_points.txt")],
        "[acme.plugins]\na = acme_full_thing\nb = acme_full_thing.cli:main\n\n[console_scripts]\nacme = \
         acme_full_thing.cli:main\n\n[gui_scripts]\nacme-gui = acme_full_thing.cli:Gui.run\n"
    );
    assert!(laid["../../../bin/acme-gui"].ends_with("sys.exit(Gui.run())\n"));
    assert!(laid.contains_key("../../../bin/acme"));
}

/// The headers and the body of a project with one module.
fn metadata(pyproject: &str, files: &[(&str, &str)]) -> String {
    let folder = project(&[&[("pyproject.toml", pyproject), ("mini_mod.py", "")], files].concat());
    let laid = laid(folder.path());
    laid.into_iter().find(|(path, _)| path.ends_with("/METADATA")).unwrap().1
}

#[test]
fn takes_the_usual_license_files() {
    let files = [
        ("LICENSE.txt", ""),
        ("LICENCE", ""),
        ("COPYING", ""),
        ("NOTICE.md", ""),
        ("AUTHORS", ""),
        ("sub/LICENSE", ""),
    ];
    let text = metadata(&format!("{HATCH}{MINI}"), &files);
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("License-File: ")).collect();
    assert_eq!(listed, ["AUTHORS", "COPYING", "LICENCE", "LICENSE.txt", "NOTICE.md"]);
    assert!(!metadata(&format!("{HATCH}{MINI}license-files = []\n"), &files).contains("License-File"));
}

#[test]
fn takes_the_license_files_that_the_backend_does() {
    let files =
        [("AUTHORS", ""), ("LICENSE", ""), ("LICENSES/MIT.txt", ""), ("LICENSES/a/.b", ""), ("LICENSES.txt/x", "")];
    let listed = |backend: &str, tail: &str| {
        let text = metadata(&format!("{backend}{MINI}{tail}"), &files);
        text.lines().filter_map(|line| line.strip_prefix("License-File: ")).collect::<Vec<_>>().join(" ")
    };
    for backend in [HATCH, FLIT] {
        assert_eq!(listed(backend, ""), "AUTHORS LICENSE");
    }
    assert_eq!(listed(PDM, ""), "LICENSE");
    let uv = metadata(&format!("{UV}{MINI}"), &[("src/mini_mod/__init__.py", ""), ("LICENSE", "")]);
    assert!(!uv.contains("License-File"));
    assert_eq!(listed(POETRY, ""), "AUTHORS LICENSE LICENSES/MIT.txt LICENSES/a/.b");
    assert_eq!(listed(POETRY, "license-files = [\"LICENSE\"]\n"), "LICENSE");
}

#[test]
fn takes_a_classifier_beside_an_expression_where_the_backend_does() {
    let tail = "license = \"MIT\"\nclassifiers = [\"License :: OSI Approved :: MIT License\"]\n";
    for backend in [HATCH, POETRY, UV] {
        let text = metadata(&format!("{backend}{MINI}{tail}"), &[("src/mini_mod/__init__.py", "")]);
        assert!(
            text.contains("\nLicense-Expression: MIT\nClassifier: License :: OSI Approved :: MIT License\n"),
            "{text}"
        );
    }
    for backend in [SETUPTOOLS, FLIT, PDM] {
        let folder = project(&[("pyproject.toml", &format!("{backend}{MINI}{tail}"))]);
        let error = Project::read(folder.path(), &[]).unwrap_err();
        assert_eq!(error.help.as_deref(), Some("remove the classifier"));
    }
}

#[test]
fn folds_the_text_of_a_license() {
    // Setuptools' answer, but for the white space at its end.
    let text = metadata(
        &format!("{MINI}license = {{ file = \"L\" }}\n"),
        &[("L", "First\n\nRequires-Dist: x\u{2028}y\u{85}z\n")],
    );
    assert!(text.contains("\nLicense: First\n        \n        Requires-Dist: x\n        y\n        z\n"), "{text:?}");
    assert!(!text.contains("\nRequires-Dist"));
    let text = metadata(&format!("{MINI}license = {{ text = \"Mine\" }}\n"), &[]);
    assert!(text.contains("\nLicense: Mine\n"));
}

#[test]
fn knows_readmes_by_their_suffix() {
    for (file, kind) in [("r.md", "text/markdown"), ("R.RST", "text/x-rst"), ("r.txt", "text/plain")] {
        let text = metadata(&format!("{MINI}readme = \"{file}\"\n"), &[(file, "Body")]);
        assert!(text.ends_with(&format!("Description-Content-Type: {kind}\n\nBody\n")), "{text}");
    }
    let readme = "readme = { text = \"Body\", content-type = \"text/markdown; variant=GFM\" }\n";
    let text = metadata(&format!("{MINI}{readme}"), &[]);
    assert!(text.ends_with("Description-Content-Type: text/markdown; variant=GFM\n\nBody\n"), "{text}");
}

#[test]
fn reads_what_is_static_by_nature() {
    let tail = "[tool.setuptools.dynamic]\nversion = {attr = \"mini_mod.version\"}\nreadme = {file = [\"A.rst\", \"B.rst\"]}\n\
                dependencies = {file = \"req.txt\"}\noptional-dependencies.test = {file = [\"test.txt\"]}\n\
                description = {file = \"DESC\"}\nclassifiers = {file = \"CLS\"}\n[tool.setuptools]\npy-modules = [\"mini_mod\"]\n";
    let dynamic =
        "[\"version\", \"readme\", \"dependencies\", \"optional-dependencies\", \"description\", \"classifiers\"]";
    let folder = project(&[
        ("pyproject.toml", &format!("{SETUPTOOLS}[project]\nname = \"mini-mod\"\ndynamic = {dynamic}\n{tail}")),
        ("mini_mod.py", "import nowhere\nversion = '2.4.post1'\n"),
        ("A.rst", "a\n"),
        ("B.rst", "b\n"),
        ("req.txt", "# c\nrequests >=2\n\nidna # x\n"),
        ("test.txt", "pytest\n"),
        ("DESC", "One line\n"),
        ("CLS", "Topic :: Utilities\n\nFramework :: AsyncIO\n"),
    ]);
    assert_eq!(
        laid(folder.path())["mini_mod-2.4.post1.dist-info/METADATA"],
        "Metadata-Version: 2.4\nName: mini-mod\nVersion: 2.4.post1\nSummary: One line\nClassifier: Topic :: Utilities\n\
         Classifier: Framework :: AsyncIO\nDescription-Content-Type: text/x-rst\nRequires-Dist: requests>=2\n\
         Requires-Dist: idna\nProvides-Extra: test\nRequires-Dist: pytest; extra == \"test\"\n\na\n\nb\n"
    );
}

/// A `pyproject.toml`, the files beside it, and the version.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn finds_versions() {
    let dynamic = "[project]\nname = \"mini-mod\"\ndynamic = [\"version\"]\n";
    let file = format!("{SETUPTOOLS}{dynamic}[tool.setuptools.dynamic]\nversion = {{file = \"VERSION\"}}\n");
    let attr =
        |attr: &str| format!("{SETUPTOOLS}{dynamic}[tool.setuptools.dynamic]\nversion = {{attr = \"{attr}\"}}\n");
    let hatch = format!("{HATCH}{dynamic}[tool.hatch.version]\npath = \"v.txt\"\n");
    let pattern = format!("{hatch}pattern = \"rel=(?P<version>[^ ]+)\"\n");
    let pdm = format!("{PDM}{dynamic}[tool.pdm.version]\nsource = \"file\"\npath = \"mini_mod/__init__.py\"\n");
    let poetry = format!("{POETRY}{dynamic}[tool.poetry]\nversion = \"1.1\"\n");
    let flit = format!("{FLIT}{dynamic}description = \"d\"\n");
    let (init, package) = ("mini_mod/__init__.py", ("mini_mod/__init__.py", ""));
    let cases: [Case<'_>; 13] = [
        (&file, &[("VERSION", "3.1-1\n"), package], "3.1.post1"),
        (&attr("mini_mod.v.V"), &[("mini_mod/v.py", "V = '1.5'"), package], "1.5"),
        (&attr("mini_mod.v.V"), &[("src/mini_mod/v.py", "V = '1.5'"), ("src/mini_mod/__init__.py", "")], "1.5"),
        (&attr("mini_mod.v.V"), &[("v.py", "V = '1.5'"), ("__init__.py", "")], "1.5"),
        (&attr("mini_mod.V"), &[("__init__.py", "V = '1.6'")], "1.6"),
        (&hatch, &[("v.txt", "x=1\n__version__ = \"v1.2.3\"\n"), package], "1.2.3"),
        (&hatch, &[("v.txt", "version = 'V7'\n"), package], "7"),
        (&pattern, &[("v.txt", "rel=9.1 x\n"), package], "9.1"),
        (&pdm, &[(init, "x = 2\n__version__ = '4.2'  # x\n")], "4.2"),
        (&poetry, &[package], "1.1"),
        (
            &flit,
            &[(init, "from .v import y\n__version__ = \"0.0.1\"\n"), ("mini_mod/version.py", "__version__ = '2'")],
            "0.0.1",
        ),
        (
            &flit,
            &[package, ("mini_mod/version.py", "__version__ = '2'"), ("mini_mod/_version.py", "__version__ = '3'")],
            "2",
        ),
        (&flit, &[package, ("mini_mod/__version__.py", "__version__ = '4'")], "4"),
    ];
    for (pyproject, files, expected) in cases {
        let folder = project(&[&[("pyproject.toml", pyproject)], files].concat());
        assert_eq!(lay_in(folder.path()).unwrap().version, expected, "{pyproject}");
    }
}

#[test]
fn takes_flits_description_from_the_docstring() {
    let text = metadata(
        &format!(
            "{FLIT}[project]\nname = \"mini-mod\"\nversion = \"1\"\ndynamic = [\"description\"]\n[tool.flit.module]\nname = \"a\"\n"
        ),
        &[("a.py", "#!x\n\"\"\"\n The thing.\n\nMore\n\"\"\"\n")],
    );
    assert!(text.contains("\nSummary: The thing.\n"), "{text}");
}
