//! Which files are laid, by backend and layout.

use super::*;

/// A package with data, beside what is no part of it.
fn acme(backend: &str, tail: &str, base: &str) -> Vec<String> {
    let text = format!("{backend}[project]\nname = \"Acme.Full-Thing\"\nversion = \"1\"\ndescription = \"d\"\n{tail}");
    let inside = [
        ("__init__.py", "\"\"\"Doc.\"\"\"\n"),
        ("cli.py", ""),
        ("py.typed", ""),
        ("data/a.json", "{}"),
        ("data/.hidden", ""),
        ("sub/__init__.py", ""),
        ("sub/run.sh", ""),
        ("sub/t.pyi", ""),
        ("__pycache__/x.cpython-312.pyc", ""),
        ("old.pyc", ""),
        (".git/config", ""),
    ];
    let inside: Vec<(String, &str)> =
        inside.iter().map(|(path, text)| (format!("{base}acme_full_thing/{path}"), *text)).collect();
    let mut files = vec![("pyproject.toml", text.as_str()), ("tests/test_x.py", ""), ("docs/x.md", "")];
    files.extend(inside.iter().map(|(path, text)| (path.as_str(), *text)));
    paths(&files)
}

fn below(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("acme_full_thing/{name}")).collect()
}

#[test]
fn lays_a_whole_package_in_src_and_beside_it() {
    let all = below(&[
        "__init__.py",
        "cli.py",
        "data/.hidden",
        "data/a.json",
        "py.typed",
        "sub/__init__.py",
        "sub/run.sh",
        "sub/t.pyi",
    ]);
    let flit = "[tool.flit.module]\nname = \"acme_full_thing\"\n";
    let uv = "[tool.uv.build-backend]\nmodule-root = \"\"\n";
    for (backend, tail, flat) in [(HATCH, "", ""), (FLIT, flit, flit), (POETRY, "", ""), (PDM, "", ""), (UV, "", uv)] {
        assert_eq!(acme(backend, tail, "src/"), all, "{backend}");
        assert_eq!(acme(backend, flat, ""), all, "{backend}");
    }
}

#[test]
fn lays_of_data_what_setuptools_is_told() {
    let code = below(&["__init__.py", "cli.py", "py.typed", "sub/__init__.py", "sub/t.pyi"]);
    assert_eq!(acme(SETUPTOOLS, "", "src/"), code);
    assert_eq!(acme("", "", ""), code);
    let data = "[tool.setuptools.package-data]\nacme_full_thing = [\"data/*.json\", \"**/*.sh\"]\n";
    let both = ["__init__.py", "cli.py", "data/a.json", "py.typed", "sub/__init__.py", "sub/run.sh", "sub/t.pyi"];
    assert_eq!(acme(SETUPTOOLS, data, "src/"), below(&both));
    let data = "[tool.setuptools.package-data]\n\"*\" = [\"*\", \".*\"]\n[tool.setuptools.exclude-package-data]\n\"*\" = [\"*.sh\", \".h*\"]\n";
    assert_eq!(
        acme(SETUPTOOLS, data, ""),
        below(&["__init__.py", "cli.py", "data/a.json", "py.typed", "sub/__init__.py", "sub/t.pyi"])
    );
}

/// Files without text beside a `pyproject.toml`, and what is laid of them.
fn check(pyproject: String, files: &[&str], expected: &[&str]) {
    let mut all = vec![("pyproject.toml", pyproject.as_str())];
    all.extend(files.iter().map(|file| (*file, "")));
    assert_eq!(paths(&all), expected, "{pyproject}");
}

#[test]
fn finds_setuptools_packages() {
    let find = "[tool.setuptools.packages.find]\n";
    check(
        format!(
            "{SETUPTOOLS}{MINI}{find}where = [\"lib\"]\ninclude = [\"pkg*\"]\nexclude = [\"pkg.tests*\", \"*.skip\"]\nnamespaces = false\n"
        ),
        &[
            "lib/pkg/__init__.py",
            "lib/pkg/tests/__init__.py",
            "lib/pkg/tests/a/__init__.py",
            "lib/pkg/skip/__init__.py",
            "lib/pkg/skip/deep/__init__.py",
            "lib/pkg/ns/x.py",
            "lib/other/__init__.py",
        ],
        &["pkg/__init__.py", "pkg/skip/deep/__init__.py"],
    );
    check(
        format!("{SETUPTOOLS}{MINI}{find}where = [\"lib\", \"lib2\"]\nexclude = [\"o*\"]\n"),
        &["lib/pkg/__init__.py", "lib/pkg/ns/x.py", "lib/pkg/ns/deep/y.py", "lib/other/__init__.py", "lib2/two/x.py"],
        &["pkg/__init__.py", "pkg/ns/deep/y.py", "pkg/ns/x.py", "two/x.py"],
    );
    check(
        format!("{SETUPTOOLS}{MINI}{find}exclude = [\"tests*\", \"docs\"]\n"),
        &["a/__init__.py", "b/c/x.py", "tests/t/x.py", "docs/x.py", "docs/sub/x.py", ".hid/x.py"],
        &["a/__init__.py", "b/c/x.py", "docs/sub/x.py"],
    );
    check(
        format!(
            "{SETUPTOOLS}{MINI}[tool.setuptools]\npackages = [\"top\", \"top.sub\"]\npackage-dir = {{\"top\" = \".\", \
             \"top.sub\" = \"elsewhere\"}}\ninclude-package-data = false\n"
        ),
        &["__init__.py", "a.py", "elsewhere/__init__.py", "elsewhere/py.typed", "not/__init__.py"],
        &["top/__init__.py", "top/a.py", "top/sub/__init__.py", "top/sub/py.typed"],
    );
    check(
        format!(
            "{SETUPTOOLS}{MINI}[tool.setuptools]\npy-modules = [\"one\", \"two\"]\npackage-dir = {{\"\" = \"code\"}}\n"
        ),
        &["code/one.py", "code/two.py", "code/three.py"],
        &["one.py", "two.py"],
    );
    check(
        MINI.to_owned(),
        &["src/one.py", "src/pkg/__init__.py", "src/x.egg-info/PKG-INFO", "src/pkg/da.ta/x.py"],
        &["one.py", "pkg/__init__.py"],
    );
    check(
        format!("{SETUPTOOLS}{MINI}"),
        &[
            "minimod/__init__.py",
            "minimod/templates/a.html",
            "minimod-stubs/__init__.pyi",
            "tests/__init__.py",
            "docs/conf.py",
            "_x/a.py",
            "noxfile.py",
        ],
        &["minimod-stubs/__init__.pyi", "minimod/__init__.py"],
    );
}

#[test]
fn heeds_the_manifest() {
    let manifest = "# c\ninclude mini_mod/a.txt\nrecursive-include mini_mod/data *.json \\\n *.csv\ngraft mini_mod/all\n\
                    global-exclude *.tmp\nprune mini_mod/all/no\n";
    let pyproject = format!("{SETUPTOOLS}{MINI}");
    let names =
        ["a.txt", "b.txt", "data/x/y.json", "data/q.csv", "data/z.xml", "all/x", "all/t.tmp", "all/no/x", "all/m.py"];
    let names: Vec<String> = names.iter().map(|name| format!("mini_mod/{name}")).collect();
    let mut files =
        vec![("pyproject.toml", pyproject.as_str()), ("MANIFEST.in", manifest), ("mini_mod/__init__.py", "")];
    files.extend(names.iter().map(|name| (name.as_str(), "")));
    let code = ["mini_mod/__init__.py", "mini_mod/all/m.py"];
    let data = ["mini_mod/a.txt", "mini_mod/all/x", "mini_mod/data/q.csv", "mini_mod/data/x/y.json"];
    let mut expected = [&code[..], &data[..]].concat();
    expected.sort_unstable();
    assert_eq!(paths(&files), expected);
    let without = format!("{pyproject}[tool.setuptools]\ninclude-package-data = false\n");
    files[0].1 = &without;
    assert_eq!(paths(&files), code);
}

#[test]
fn chooses_as_hatchling_does() {
    let wheel = "[tool.hatch.build.targets.wheel]\n";
    check(
        format!(
            "{HATCH}{MINI}{wheel}packages = [\"lib/dyn\", \"other\"]\nexclude = [\"*.txt\", \"!ok.txt\"]\n\
             [tool.hatch.build.targets.wheel.force-include]\n\"extra/a.bin\" = \"dyn/a.bin\"\n\"extra/d\" = \"dyn/d\"\n"
        ),
        &[
            "lib/dyn/__init__.py",
            "lib/dyn/a.txt",
            "lib/dyn/ok.txt",
            "other/x.py",
            "other/.tox/x.py",
            "extra/a.bin",
            "extra/d/e/f.txt",
        ],
        &["dyn/__init__.py", "dyn/a.bin", "dyn/d/e/f.txt", "dyn/ok.txt", "other/x.py"],
    );
    // Beside packages nothing else is included.
    check(
        format!("{HATCH}{MINI}{wheel}packages = [\"mini_mod\"]\ninclude = [\"extra/*.json\", \"mini_mod/*.py\"]\n"),
        &["mini_mod/__init__.py", "mini_mod/a.txt", "extra/a.json"],
        &["mini_mod/__init__.py", "mini_mod/a.txt"],
    );
    check(
        format!("{HATCH}{MINI}{wheel}include = [\"pkg/*.py\", \"/data\"]\nsources = {{\"pkg\" = \"mini\"}}\n"),
        &["pkg/__init__.py", "pkg/a.py", "pkg/sub/b.py", "data/x.json", "pkg/data/y"],
        &["data/x.json", "mini/__init__.py", "mini/a.py"],
    );
    check(
        format!("{HATCH}{MINI}{wheel}only-include = [\"src/pkg\", \"one.py\"]\nsources = [\"src\"]\n"),
        &["src/pkg/__init__.py", "src/pkg/a.dat", "one.py", "two.py"],
        &["one.py", "pkg/__init__.py", "pkg/a.dat"],
    );
    check(
        format!("{HATCH}{MINI}"),
        &["ns/mini_mod/__init__.py", "ns/mini_mod/a.dat", "ns/x.py"],
        &["ns/mini_mod/__init__.py", "ns/mini_mod/a.dat", "ns/x.py"],
    );
    let pyproject = format!("{HATCH}{MINI}");
    let files = [
        ("pyproject.toml", pyproject.as_str()),
        (".gitignore", "*.log\n!keep.log\n/src/mini_mod/build/\n"),
        ("src/mini_mod/__init__.py", ""),
        ("src/mini_mod/x.log", ""),
        ("src/mini_mod/keep.log", ""),
        ("src/mini_mod/build/x.py", ""),
    ];
    assert_eq!(paths(&files), ["mini_mod/__init__.py", "mini_mod/keep.log"]);
}

#[test]
fn chooses_as_the_others_do() {
    check(
        format!("{FLIT}{MINI}description = \"d\"\n[tool.flit.module]\nname = \"ns.a\"\n"),
        &["src/ns/a/__init__.py", "src/ns/b/__init__.py"],
        &["ns/a/__init__.py"],
    );
    let uv = "[tool.uv.build-backend]\nmodule-root = \"py\"\nmodule-name = [\"a.b\", \"c\"]\n";
    let files =
        ["py/a/b/__init__.py", "py/a/b/t.txt", "py/c/__init__.py", "py/c/x/y.py", "py/c/z/x/y.py", "py/d/__init__.py"];
    let (a, c, cx, czx) = ("a/b/__init__.py", "c/__init__.py", "c/x/y.py", "c/z/x/y.py");
    for (pattern, expected) in [
        ("/py/c/x/**", &[a, c, czx][..]),
        ("/c/x", &[a, c, cx, czx]),
        ("c/x", &[a, c, czx]),
        ("x", &[a, c]),
        ("py/c", &[a]),
    ] {
        check(format!("{UV}{MINI}{uv}wheel-exclude = [\"*.txt\", \"{pattern}\"]\n"), &files, expected);
    }
    check(
        format!("{UV}{MINI}[tool.uv.build-backend]\nmodule-name = \"a\"\nnamespace = true\n"),
        &["src/a/b/__init__.py", "src/a/c/__init__.py"],
        &["a/b/__init__.py", "a/c/__init__.py"],
    );
    check(
        format!(
            "{PDM}{MINI}[tool.pdm.build]\nincludes = [\"one\", \"two/*.json\", \"single.py\"]\nexcludes = [\"one/skip\", \"**/*.tmp\"]\n"
        ),
        &[
            "one/__init__.py",
            "one/skip/a.py",
            "one/a.tmp",
            "one/sub/b.tmp",
            "one/sub/b.dat",
            "two/a.json",
            "two/b.py",
            "single.py",
            "tests/t.py",
        ],
        &["one/__init__.py", "one/sub/b.dat", "single.py", "two/a.json"],
    );
    // A file that is included itself is laid though its directory is excluded, unless that pattern is for it as well and no
    // less specific.
    let files = ["a/__init__.py", "a/no/c.py", "a/no/d.txt", "a/x.py", "a/y.py", "top.py"];
    for (includes, excludes, expected) in [
        ("\"a/**/*.py\"", "\"a/no\"", &["a/__init__.py", "a/no/c.py", "a/x.py", "a/y.py"][..]),
        ("\"a/**/*.py\"", "\"a/no/**\"", &["a/__init__.py", "a/x.py", "a/y.py"]),
        ("\"a/**/*.py\"", "\"a/no/*\"", &["a/__init__.py", "a/x.py", "a/y.py"]),
        ("\"a\"", "\"a/no\"", &["a/__init__.py", "a/x.py", "a/y.py"]),
        ("\"a\", \"a/no/c.py\"", "\"a/no\"", &["a/__init__.py", "a/no/c.py", "a/x.py", "a/y.py"]),
        ("\"a\", \"a/x.py\"", "\"a/*.py\"", &["a/no/c.py", "a/no/d.txt", "a/x.py"]),
        ("\"a\", \"a/no\"", "\"a/*\"", &["a/no/c.py", "a/no/d.txt"]),
        ("\"a/*\"", "\"a/n*\", \"a/x.py\"", &["a/__init__.py", "a/y.py"]),
        ("\".\"", "\"a\", \"pyproject.toml\"", &["top.py"]),
    ] {
        check(
            format!("{PDM}{MINI}[tool.pdm.build]\nincludes = [{includes}]\nexcludes = [{excludes}]\n"),
            &files,
            expected,
        );
    }
    check(
        format!("{PDM}{MINI}"),
        &["a/__init__.py", "a/d.json", "b/__init__.py", "nopkg/x.py", "m.py", "tests/__init__.py"],
        &["a/__init__.py", "a/d.json", "b/__init__.py"],
    );
    check(
        format!(
            "{POETRY}{MINI}[tool.poetry]\npackages = [{{include = \"a\", from = \"lib\"}}, {{include = \"b/**/*.py\"}}, {{include = \
             \"c\", to = \"t\"}}]\ninclude = [{{path = \"extra.txt\", format = \"wheel\"}}, \"sdistonly.txt\"]\nexclude = \
             [\"lib/a/skip\", \"**/*.tmp\"]\n"
        ),
        &[
            "lib/a/__init__.py",
            "lib/a/skip/x.py",
            "lib/a/x.tmp",
            "lib/a/x.json",
            "b/__init__.py",
            "b/c/d.py",
            "b/x.txt",
            "c/__init__.py",
            "extra.txt",
            "sdistonly.txt",
        ],
        &["a/__init__.py", "a/x.json", "b/__init__.py", "b/c/d.py", "extra.txt", "t/c/__init__.py"],
    );
    for backend in ["", HATCH, FLIT, POETRY, PDM] {
        check(format!("{backend}{MINI}"), &["mini_mod.py", "other.txt"], &["mini_mod.py"]);
    }
}

#[test]
fn takes_the_folder_itself_for_the_package() {
    for backend in [SETUPTOOLS, HATCH, FLIT, POETRY, PDM, UV] {
        check(
            format!("{backend}{MINI}"),
            &[
                "__init__.py",
                "client/__init__.py",
                "data/schema/table.json",
                "utils/tests/x.py",
                "tests/test_x.py",
                "docs/index.md",
                "build/lib/x.py",
                "dist/x.whl",
                "x.egg-info/PKG-INFO",
                ".venv/x.py",
                "__pycache__/x.pyc",
            ],
            &[
                "mini_mod/__init__.py",
                "mini_mod/client/__init__.py",
                "mini_mod/data/schema/table.json",
                "mini_mod/utils/tests/x.py",
            ],
        );
    }
}

#[test]
fn lays_the_examples_of_this_repository() {
    for (name, version, without) in
        [("receipt_dynamo", "2.4.0", "data/samples"), ("receipt_label", "1.7.2", "data/samples")]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("layers").join(name);
        let laid = laid(&folder);
        let is_there = |path: &str| laid.contains_key(&format!("{name}/{path}"));
        assert!(is_there("__init__.py") && is_there("version.py") && is_there("py.typed"));
        assert!(!is_there("pyproject.toml") && !is_there("README.md"));
        assert!(!laid.keys().any(|path| path.starts_with(&format!("{name}/tests/")) || path.contains(without)));
        assert!(laid[&format!("{name}-{version}.dist-info/METADATA")].contains(&format!("\nVersion: {version}\n")));
        // All of the package's files that its layer in the specs holds, and nothing else.
        let context = Context::open(&folder, &[]).unwrap();
        let found = context.scan(b"", &crate::workers::Workers::new(1)).unwrap();
        let files = found.iter().filter(|found| found.kind != crate::context::FoundKind::Directory);
        let expected: Vec<String> =
            files.map(|found| format!("{name}/{}", std::str::from_utf8(&found.path).unwrap())).collect();
        let package: Vec<&String> = laid.keys().filter(|path| !path.contains(".dist-info/")).collect();
        assert_eq!(package, expected.iter().collect::<Vec<_>>());
    }
}
