//! What version control, or the spec, leaves out.

use super::*;

const DESCRIBED: &str = "[project]\nname = \"mini-mod\"\nversion = \"0.1\"\ndescription = \"d\"\n";

/// The paths outside of `.dist-info` of a project in a folder below this one.
fn below(folder: &Path, place: &str) -> Vec<String> {
    laid(&folder.join(place)).into_keys().filter(|path| !path.contains(".dist-info/")).collect()
}

/// A repository with a project `a/mini`, which has files that are ignored.
fn repository(backend: &str, above: &[(&str, &str)]) -> tempfile::TempDir {
    let pyproject = format!("{backend}{DESCRIBED}");
    let folder = project(&[
        (".git/HEAD", "ref: refs/heads/main\n"),
        ("a/mini/pyproject.toml", &pyproject),
        ("a/mini/mini_mod/__init__.py", ""),
        ("a/mini/mini_mod/_gen.py", ""),
        ("a/mini/mini_mod/x.dat", ""),
        ("a/mini/mini_mod/sub/y.dat", ""),
        ("a/mini/mini_mod/sub/z.log", ""),
    ]);
    write(folder.path(), above);
    folder
}

/// The ignore files, and what is laid.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

const ALL: [&str; 5] =
    ["mini_mod/__init__.py", "mini_mod/_gen.py", "mini_mod/sub/y.dat", "mini_mod/sub/z.log", "mini_mod/x.dat"];

#[test]
fn leaves_out_what_hatchling_finds_ignored_above() {
    // As hatchling 1.33.0 laid these.
    let cases: [Case<'_>; 12] = [
        (&[(".gitignore", "*.dat\n_gen.py\n")], &["mini_mod/__init__.py", "mini_mod/sub/z.log"]),
        // The next file is the only one.
        (&[(".gitignore", "*.dat\n"), ("a/.gitignore", "_gen.py\n")], &[ALL[0], ALL[2], ALL[3], ALL[4]]),
        // Patterns are about paths from the project's folder, wherever their file lies.
        (&[(".gitignore", "/mini_mod/sub\n/a/mini/mini_mod/_gen.py\n")], &[ALL[0], ALL[1], ALL[4]]),
        // A project that is ignored as a whole is laid as a whole.
        (&[(".gitignore", "*.dat\nmini\n")], &ALL),
        (&[(".gitignore", "*.dat\n**/mini\n")], &ALL),
        (&[(".gitignore", "*.dat\na/\n")], &ALL),
        (&[(".gitignore", "*\n")], &ALL),
        // These do not match its whole path, of which it is the last part.
        (&[(".gitignore", "*.dat\nmini/\n/a/mini\na/mini\n")], &[ALL[0], ALL[1], ALL[3]]),
        (&[("a/mini/.gitignore", "*\n")], &ALL),
        // Not beyond the repository.
        (&[(".gitignore", "*.dat\n"), ("a/.git/HEAD", "")], &ALL),
        (&[(".hgignore", "sub\nsyntax: glob\n*.dat\nsyntax: regexp\n_gen.*\n")], &[ALL[0], ALL[1], ALL[3]]),
        (&[(".gitignore", "*.dat\n"), (".hgignore", "syntax: glob\n*.log\n")], &[ALL[0], ALL[1]]),
    ];
    for (above, expected) in cases {
        assert_eq!(below(repository(HATCH, above).path(), "a/mini"), expected, "{above:?}");
    }
    let heedless = format!("{HATCH}[tool.hatch.build]\nignore-vcs = true\n");
    assert_eq!(below(repository(&heedless, &[(".gitignore", "*.dat\n")]).path(), "a/mini"), ALL);
}

#[test]
fn leaves_out_what_git_ignores_of_poetrys() {
    // As poetry-core 2.5.0 laid these with git 2.47.
    let cases: [Case<'_>; 8] = [
        (&[(".gitignore", "*.dat\n_gen.py\n")], &[ALL[0], ALL[3]]),
        // All files count, each from where it lies, and the innermost decides.
        (&[(".gitignore", "*.dat\n/mini_mod\n"), ("a/mini/mini_mod/sub/.gitignore", "!y.dat\nz.*\n.g*\n")], &ALL[..3]),
        (
            &[(".gitignore", "*.dat\n!/a/mini/mini_mod/x.dat\n"), ("a/.gitignore", "_gen.py\n")],
            &[ALL[0], ALL[3], ALL[4]],
        ),
        // Nothing comes back into a directory that is ignored, and a pattern for a directory is for no file.
        (&[(".gitignore", "sub/\n!y.dat\n_gen.py/\n")], &[ALL[0], ALL[1], ALL[4]]),
        (&[(".gitignore", "**/sub/*.log\n**/mini_mod/**/*.dat\n!sub/\n")], &ALL[..2]),
        (&[(".gitignore", "sub/*.log\nmini_mod/**/*.dat\n")], &ALL),
        (&[(".gitignore", "*.dat\nmini/\n")], &ALL),
        (&[(".gitignore", "*.dat\n"), ("a/mini/.git/HEAD", "")], &ALL),
    ];
    for (above, expected) in cases {
        assert_eq!(below(repository(POETRY, above).path(), "a/mini"), expected, "{above:?}");
    }
    // Without a repository nothing is ignored.
    let folder = repository(POETRY, &[(".gitignore", "*.dat\n")]);
    fs::remove_file(folder.path().join(".git/HEAD")).unwrap();
    assert_eq!(below(folder.path(), "a/mini"), ALL);
    // What is included comes back, and the other backends heed nothing.
    let included = format!("{POETRY}[tool.poetry]\ninclude = [{{path = \"mini_mod/x.dat\", format = \"wheel\"}}]\n");
    let above = [(".gitignore", "*.dat\n_gen.py\n")];
    assert_eq!(below(repository(&included, &above).path(), "a/mini"), [ALL[0], ALL[3], ALL[4]]);
    for backend in [FLIT, PDM] {
        assert_eq!(below(repository(backend, &above).path(), "a/mini"), ALL);
    }
}

/// An index as git writes it: its version, and what it names.
fn index(version: u8, names: &[&str]) -> Vec<u8> {
    let mut bytes = [&b"DIRC\0\0\0"[..], &[version], &u32::try_from(names.len()).unwrap().to_be_bytes()].concat();
    let mut before = "";
    for name in names {
        let start = bytes.len();
        bytes.extend([7; 60]);
        let extended = if version == 3 { 0x4000 } else { 0 };
        bytes.extend((u16::try_from(name.len()).unwrap() | extended).to_be_bytes());
        if version == 3 {
            bytes.extend([0, 0]);
        }
        if version == 4 {
            let same = name.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
            // Offsets above 127 take a second byte, which counts from 128.
            let gone = before.len() - same;
            match gone.checked_sub(128) {
                Some(rest) => {
                    bytes.extend([0x80 | u8::try_from(rest >> 7).unwrap(), u8::try_from(rest & 0x7f).unwrap()])
                }
                None => bytes.push(u8::try_from(gone).unwrap()),
            }
            bytes.extend(&name.as_bytes()[same..]);
            bytes.push(0);
            before = name;
        } else {
            bytes.extend(name.as_bytes());
            bytes.push(0);
            while (bytes.len() - start) % 8 != 0 {
                bytes.push(0);
            }
        }
    }
    bytes.extend([9; 20]);
    bytes
}

#[test]
fn lays_what_is_tracked_although_it_is_ignored() {
    let long = format!("a/mini/mini_mod/{}", "l".repeat(300));
    let names = ["a/mini/mini_mod/_gen.py", long.as_str(), "a/mini/mini_mod/sub/z.log", "b"];
    let expected = [ALL[0], ALL[1], ALL[3]];
    for version in [2, 3, 4] {
        let folder = repository(POETRY, &[(".gitignore", "*.dat\n_gen.py\nsub/\n")]);
        fs::write(folder.path().join(".git/index"), index(version, &names)).unwrap();
        assert_eq!(below(folder.path(), "a/mini"), expected, "{version}");
        // A work tree has its index elsewhere.
        fs::rename(folder.path().join(".git"), folder.path().join("elsewhere")).unwrap();
        fs::write(folder.path().join(".git"), "gitdir: elsewhere\n").unwrap();
        assert_eq!(below(folder.path(), "a/mini"), expected, "{version}");
    }
}

#[test]
fn refuses_an_index_that_it_cannot_read() {
    let whole = index(2, &["a/mini/mini_mod/_gen.py", "b"]);
    let mut split = whole.clone();
    split.splice(whole.len() - 20.., *b"link\0\0\0\0");
    let mut longer = whole.clone();
    // An entry of SHA-256.
    longer.splice(12..12, [7; 12]);
    let broken = "the index is not what it is to be";
    let cases = [
        (split, "the index is split"),
        (longer, broken),
        (whole[..whole.len() - 30].to_vec(), broken),
        (index(4, &["a", "b"])[..40].to_vec(), broken),
        (b"DIRC\0\0\0\x05\0\0\0\0".to_vec(), "the index has a form that is not read here"),
    ];
    for (bytes, why) in cases {
        let folder = repository(POETRY, &[(".gitignore", "_gen.py\n")]);
        let index = folder.path().join(".git/index");
        fs::write(&index, bytes).unwrap();
        let error = lay_in(&folder.path().join("a/mini")).unwrap_err();
        let expected =
            format!("git ignores `mini_mod/_gen.py`, and whether it is tracked all the same is not known: {why}");
        assert_eq!(error.what, expected);
        // Where nothing is ignored, nobody asks.
        fs::write(folder.path().join(".gitignore"), "").unwrap();
        assert_eq!(below(folder.path(), "a/mini"), ALL);
    }
}

#[test]
fn refuses_patterns_that_it_cannot_read_with_their_line() {
    for backend in [HATCH, POETRY] {
        let folder = repository(backend, &[(".gitignore", "*.dat\nx\\[a]\n")]);
        let error = lay_in(&folder.path().join("a/mini")).unwrap_err();
        let file = fs::canonicalize(folder.path()).unwrap().join(".gitignore");
        let expected = format!("{}:2: the pattern `x\\[a]` has a backslash that is not read here", file.display());
        assert_eq!(error.to_string(), expected);
    }
}

/// A project that tells of itself in files, read with what a spec leaves out.
fn excluding(tail: &str, exclude: &[&str]) -> Result<BTreeMap<String, String>, ProjectError> {
    let pyproject = format!("{SETUPTOOLS}{MINI}{tail}\n");
    let folder = project(&[
        ("pyproject.toml", &pyproject),
        ("mini_mod.py", ""),
        ("README.md", "secret"),
        ("LICENSE", "secret"),
        ("NOTICE", "mine"),
        (".dockerignore", "NOTICE\n"),
    ]);
    let exclude: Vec<String> = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
    let context = Context::open(folder.path(), &exclude).unwrap();
    let distribution =
        Project::read(folder.path(), &exclude)?.lay(&context, &scheme(), None, &crate::workers::Workers::new(1))?;
    let name = |file: &DistributionFile| String::from_utf8_lossy(&file.path).rsplit('/').next().unwrap().to_owned();
    Ok(distribution.files.iter().map(|file| (name(file), text_of(&file.content))).collect())
}

#[test]
fn heeds_the_layers_exclude_in_what_describes_it() {
    let laid = excluding("readme = \"README.md\"", &["*.txt"]).unwrap();
    assert!(laid.contains_key("LICENSE") && laid.contains_key("NOTICE") && laid["METADATA"].ends_with("\n\nsecret\n"));
    for named in ["", "license-files = [\"LICENSE\", \"NOTICE\"]"] {
        let laid = excluding(named, &["LICENSE"]).unwrap();
        assert!(!laid.contains_key("LICENSE") && laid["NOTICE"] == "mine", "{named}");
        assert!(!laid["METADATA"].contains("LICENSE") && laid["METADATA"].contains("License-File: NOTICE\n"));
    }
    let dynamic = "[tool.setuptools.dynamic]\nreadme = {file = [\"README.md\"]}";
    let cases = [
        ("readme = \"README.md\"".to_owned(), "*.md", "7: `project.readme` names `README.md`"),
        (
            "readme = {file = \"README.md\", content-type = \"text/plain\"}".to_owned(),
            "README.md",
            "7: `project.readme` names `README.md`",
        ),
        ("license = {file = \"LICENSE\"}".to_owned(), "LICENSE", "7: `project.license` names `LICENSE`"),
        (
            format!("dynamic = [\"readme\"]\n{dynamic}"),
            "*.md",
            "9: `tool.setuptools.dynamic.readme.file` names `README.md`",
        ),
    ];
    for (tail, exclude, words) in cases {
        let error = excluding(&tail, &[exclude]).unwrap_err();
        let expected = format!("pyproject.toml:{words}, which the layer's `exclude` leaves out");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert_eq!(error.help.as_deref(), Some("take it out of one of the two"));
    }
}
