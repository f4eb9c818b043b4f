//! Mistakes, and what is said about them.

use super::*;

/// What is wrong with a lock, the file's name left out, and what to do about it.
fn mistake(file: &str, text: &str) -> (String, String) {
    let error = parse(file, text).and_then(|lock| lock.packages(&linux(), &Extras::default())).unwrap_err();
    let message = error.to_string();
    (message.strip_prefix(file).unwrap_or(&message).to_owned(), error.help.unwrap_or_default())
}

/// Checks each text's message, and a part of its help. `A` is a digest's digits.
fn check(file: &str, before: &str, table: &[(&str, &str, &str)]) {
    let digits = "a".repeat(64);
    for (text, message, help) in table {
        let text = format!("{before}{}", text.replace("AAA", &digits));
        let (found, found_help) = mistake(file, &text);
        assert_eq!(found, *message, "{text}");
        assert!(found_help.contains(help), "{text}\n{found_help}");
    }
}

#[test]
fn of_requirements() {
    let table = [
        ("foo", ":1:1: `foo` has no version", "pip-compile --generate-hashes"),
        ("\n\n  foo ; python_version > '3' --hash=sha256:AAA", ":3:3: `foo` has no version", "uv export"),
        ("foo>=1 --hash=sha256:AAA", ":1:1: `foo>=1` is not one version", "pip lock"),
        ("foo==1.* --hash=sha256:AAA", ":1:1: `foo==1.*` is not one version", "pin it"),
        ("foo==1,!=2 --hash=sha256:AAA", ":1:1: `foo==1,!=2` is not one version", "pin it"),
        ("foo~=1.0 --hash=sha256:AAA", ":1:1: `foo~=1.0` is not one version", "pin it"),
        ("foo==one --hash=sha256:AAA", ":1:1: `one` is not a version", "1.2.3"),
        ("foo=== --hash=sha256:AAA", ":1:1: `foo===` is not one version", "pin it"),
        ("foo==1 2 --hash=sha256:AAA", ":1:1: `1 2` is not a version", "1.2.3"),
        ("foo==1", ":1:1: `foo` has no hash, so it could be anything", "--generate-hashes"),
        ("foo==1 --hash=md5:00", ":1:1: there are hashes of `md5` alone, and SHA-256 is needed", "write hashes"),
        (
            "foo==1 --hash=sha512:00 --hash=sha384:00",
            ":1:1: there are hashes of `sha512` and `sha384` alone, and SHA-256 is needed",
            "",
        ),
        ("foo==1 --hash=sha256:abc", ":1:1: `abc` is not a SHA-256 hash: those have 64 hex digits", ""),
        ("foo==1 --hash=abc", ":1:8: `abc` is not a hash", "--hash=sha256:…"),
        ("foo==1 \\\n   --hash", ":2:4: `--hash` needs a value", ""),
        ("--hash=sha256:AAA", ":1:1: a hash needs a requirement before it", "name==version"),
        ("foo==1 --hash=sha256:AAA bar==2", ":1:87: `bar==2` stands among options", "a line of its own"),
        (
            "foo==1 --index-url=https://example.org --hash=sha256:AAA",
            ":1:8: the option is about the whole file, not about a requirement",
            "a line of its own",
        ),
        ("foo==1 --hahs=sha256:AAA", ":1:8: `--hahs` is not an option that is known here", "did you mean `--hash`?"),
        (
            "-i https://h.example/simple?x=y",
            ":1:1: the address `https://h.example/simple` of an index has a query or a fragment",
            "below",
        ),
        ("--pre=yes", ":1:1: `--pre` has no value", ""),
        ("foo==1 ; platform = 'x' --hash=sha256:AAA", "", ""),
        ("-e .", ":1:1: `.` is to be installed from its sources", "package ="),
        (
            "--editable=git+https://example.org/x",
            ":1:1: `git+https://example.org/x` is to be installed from its sources",
            "uv export --no-emit-project",
        ),
        (
            "foo @ git+https://example.org/x@abc",
            ":1:1: it comes from a version control system, and would have to be built",
            "pip wheel",
        ),
        (
            "git+https://example.org/x@abc",
            ":1:1: it comes from a version control system, and would have to be built",
            "pip wheel",
        ),
        ("./folder", ":1:1: `./folder` would have to be built", "package ="),
        ("./foo-1.tar.gz --hash=sha256:AAA", ":1:1: `./foo-1.tar.gz` would have to be built", "pip wheel"),
        (
            "foo @ https://example.org/foo.html --hash=sha256:AAA",
            ":1:1: `https://example.org/foo.html` would have to be built",
            "",
        ),
        (
            "foo @ https://example.org/bar-1-py3-none-any.whl --hash=sha256:AAA",
            ":1:1: `bar-1-py3-none-any.whl` is not a wheel of `foo`",
            "",
        ),
        (
            "foo @ https://me:secret@example.org/foo-1-py3-none-any.whl",
            ":1:1: the address at `example.org` holds a user or a password",
            "take them out",
        ),
        (
            "foo @ https://example.org/foo-1-py3-none-any.whl",
            ":1:1: `foo` has no hash, so it could be anything",
            "write hashes",
        ),
        (
            "foo @ ftp://example.org/foo-1-py3-none-any.whl --hash=sha256:AAA",
            ":1:1: `ftp://example.org/foo-1-py3-none-any.whl` is not an address of a file",
            "https://",
        ),
        (
            "foo @ file://host/foo-1-py3-none-any.whl --hash=sha256:AAA",
            ":1:1: `file://host/foo-1-py3-none-any.whl` is not the address of a file on this machine",
            "file:///",
        ),
        (
            "./foo-1-py3-none-any.whl --hash=sha256:AAA --hash=sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            ":1:1: `foo` has several hashes, and is one file",
            "leave the right one",
        ),
        (
            "-i https://${USER}@example.org/simple",
            ":1:12: it depends on a variable of the environment, so it is another lock on every machine",
            "credentials",
        ),
        (
            "-i https://me:secret@example.org/simple",
            ":1:1: the address at `example.org` holds a user or a password",
            "take them out",
        ),
        ("-i ./simple", ":1:1: `./simple` is not the address of an index", "--find-links"),
        (
            "-f https://example.org/links.html",
            ":1:1: the page `https://example.org/links.html` is not searched for links",
            "a folder",
        ),
        ("--no-binary :all:", ":1:1: --no-binary wants :all: built from source, and nothing is built", "wheelhouse"),
        ("-r https://example.org/other.txt", ":1:1: an included file must lie on this machine", "download it"),
        ("-i 'https://example.org", ":1:4: the quote ' is not closed", "close it"),
        (
            "foo==1 --hash=sha256:AAA\u{c}bar==1",
            ":1:86: the character U+000C has no place in a file of requirements",
            "take it out",
        ),
        ("# \u{2028}foo==1", ":1:3: the character U+2028 has no place in a file of requirements", "take it out"),
        ("?", ":1:1: `?` is not a requirement", "name==version"),
        (
            "foo==1 --hash=sha256:AAA\n\nFOO==2 --hash=sha256:AAA",
            ":3:1: `foo` 2 is pinned here, and 1 at line 1: both are for the target",
            "markers",
        ),
        (
            "foo==1 --hash=sha256:AAA\nfoo==1 --hash=sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            ":2:1: `foo` 1 is pinned here, and 1 at line 1: both are for the target",
            "markers",
        ),
    ];
    let (marker, others): (Vec<_>, Vec<_>) = table.into_iter().partition(|(_, message, _)| message.is_empty());
    check("a.txt", "", &others);
    // What is wrong with a marker, others say; where it stands is said here.
    let (found, help) = mistake("a.txt", marker[0].0);
    assert!(found.starts_with(":1:10: `platform = 'x'` is not an environment marker: "), "{found}");
    assert!(help.contains("write the lock anew"), "{help}");
    let error = parse("a.txt", "").unwrap().packages(&linux(), &extras(&["x"], &["y"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.txt: extras or groups are asked for, `x` and `y`, and a file of requirements has none"
    );
}

#[test]
fn of_pylocks() {
    let heads = [
        ("packages = []", ": it has no `lock-version`", "1.0"),
        ("lock-version = 1\npackages = []", ":1:16: `lock-version` is not a version such as \"1.0\"", ""),
        ("lock-version = \"2.0\"\npackages = 1", ":1:16: it is of version 2.0, and this program knows 1.x", "1.0"),
        ("lock-version = \"1\"\npackages = []", ":1:16: it is of version 1, and this program knows 1.x", ""),
        ("lock-version = \"1.0\"\n\"\n", ":2:2: key with no value, expected `=`", "anew"),
        ("lock-version = \"1.0\"\npackages = 3", ":2:12: invalid type: integer `3`, expected an array", "anew"),
        ("lock-version = \"1.0\"\nrequires-python = \"3\"\npackages = []", "", ""),
    ];
    let (versions, others): (Vec<_>, Vec<_>) = heads.into_iter().partition(|(_, message, _)| message.is_empty());
    check("pylock.toml", "", &others);
    let (found, _) = mistake("pylock.toml", versions[0].0);
    assert!(found.starts_with(":2:19: `3` does not say versions of Python: "), "{found}");
    let wheel = "{ url = \"https://example.org/a-1-py3-none-any.whl\", hashes = { sha256 = \"AAA\" } }";
    let packages = [
        ("version = \"1\"", ":2:1: missing field `name`", "anew"),
        ("name = \"-a\"\nwheels = []", ":3:8: `-a` is not a name of a project", ""),
        ("name = \"a\\u0007\"\nwheels = []", ":3:8: `a\u{fffd}` is not a name of a project", ""),
        ("name = \"a\"", ":3:8: `a` comes from nowhere", ""),
        (
            "name = \"a\"\nwheels = []\ndirectory = { path = \".\" }",
            ":3:8: `a` has `directory` and also `sdist` or `wheels`: only one of them can be meant",
            "",
        ),
        (
            "name = \"a\"\nwheels = [{ hashes = { sha256 = \"AAA\" } }]",
            ":4:11: the file has neither `url` nor `path`",
            "",
        ),
        ("name = \"a\"\nwheels = [{ path = \"a-1-py3-none-any.whl\" }]", ":4:11: the file has no hash", "SHA-256"),
        (
            "name = \"a\"\nwheels = [{ path = \"a-1-py3-none-any.whl\", hashes = { sha512 = \"00\" } }]",
            ":4:11: there are hashes of `sha512` alone, and SHA-256 is needed",
            "SHA-256",
        ),
        (
            "name = \"a\"\nwheels = [{ path = \"a-1-py3-none-any.whl\", hashes = { sha256 = \"00\" } }]",
            ":4:11: `00` is not a SHA-256 hash: those have 64 hex digits",
            "",
        ),
        (
            "name = \"a\"\nwheels = [{ path = \"a-1-py3-none-any.whl\", size = -1, hashes = { sha256 = \"AAA\" } }]",
            ":4:11: the file has a negative size",
            "",
        ),
        (
            "name = \"a\"\nwheels = [{ path = \"x/..\", name = \"../a-1-py3-none-any.whl\", hashes = { sha256 = \"AAA\" } }]",
            ":4:11: `../a-1-py3-none-any.whl` is not the name of a wheel: it is not a file's name",
            "",
        ),
        (
            "name = \"a\"\nwheels = [{ url = \"https://example.org/..%2fa-1-py3-none-any.whl\", hashes = { sha256 = \"AAA\" } }]",
            ":4:11: `../a-1-py3-none-any.whl` is not the name of a wheel: it is not a file's name",
            "",
        ),
        (
            "name = \"a\"\nwheels = [{ url = \"https://example.org/a b\", hashes = { sha256 = \"AAA\" } }]",
            ":4:11: `https://example.org/a b` is not an address",
            "%20",
        ),
        ("name = \"b\"\nwheels = [WHEEL]", ":4:11: `a-1-py3-none-any.whl` is not a wheel of `b`", ""),
        (
            "name = \"a\"\nversion = \"2\"\nwheels = [WHEEL]",
            ":5:11: `a-1-py3-none-any.whl` is not a wheel of `a` 2",
            "",
        ),
        (
            "name = \"a\"\nwheels = [WHEEL]\n[[packages]]\nname = \"A\"\nwheels = [WHEEL]",
            ":6:8: `a` is pinned here, and at line 3: both are for the target",
            "markers",
        ),
        ("name = \"a\"\nversion = 1\nwheels = []", ":4:11: invalid type: integer `1`, expected a string", ""),
    ];
    let packages: Vec<(String, &str, &str)> =
        packages.iter().map(|(text, message, help)| (text.replace("WHEEL", wheel), *message, *help)).collect();
    let table: Vec<(&str, &str, &str)> = packages.iter().map(|(text, m, h)| (text.as_str(), *m, *h)).collect();
    check("pylock.toml", "lock-version = \"1.0\"\n[[packages]]\n", &table);
}

#[test]
fn of_uv() {
    let root = "version = 1\n[[package]]\nname = \"root\"\nsource = { virtual = \".\" }\n";
    check(
        "uv.lock",
        "",
        &[
            ("revision = 1", ": it has no `version`", "uv lock"),
            ("version = 2\npackage = 7", ":1:11: it is of version 2, and this program knows 1", "uv lock"),
            ("version = \"1\"", ":1:11: `version` is not a number", "uv lock"),
            (
                "version = 1",
                ": it is of no project: no package's source is `.`, and no members of a workspace are named",
                "uv lock",
            ),
            ("version = 1\n[[package]]\nname = \"root\"", ":2:1: missing field `source`", "anew"),
        ],
    );
    check(
        "uv.lock",
        root,
        &[
            ("dependencies = [\n  { name = \"a\" }]", ":6:12: `a` is needed, and is not in the lock", "uv lock"),
            ("dependencies = [{ name = \"a b\" }]", ":5:26: `a b` is not a name of a project", ""),
            (
                "dependencies = [{ name = \"root\", marker = \"extra == 'project-4-root'\" }]",
                ":5:43: the marker depends on `project-4-root`, and only choices between extras and groups are known",
                "uv export --format pylock.toml",
            ),
            ("dependencies = \"a\"", ":5:16: invalid type: string \"a\", expected an array", ""),
        ],
    );
    let (found, _) = mistake("uv.lock", &format!("{root}dependencies = [{{ name = \"root\", marker = \"python\" }}]"));
    assert!(found.starts_with(":5:43: `python` is not an environment marker: "), "{found}");
    let many: String =
        (0..101).map(|at| format!("[[package]]\nname = \"a\"\nversion = \"{at}\"\nsource = {{}}\n")).collect();
    let (found, _) = mistake("uv.lock", &format!("{root}{many}"));
    assert_eq!(found, ":406:8: there are more than 100 packages named `a`");
}

#[test]
fn a_micro_version_that_is_not_known_is_asked_for() {
    let mut environment = linux();
    environment.micro_is_unknown = true;
    let text = "lock-version = \"1.0\"\nrequires-python = \">=3.12.4\"\npackages = []";
    let error = parse("pylock.toml", text).unwrap().packages(&environment, &Extras::default()).unwrap_err();
    let begin = "pylock.toml:2:19: the lock is for Python >=3.12.4, and the target's may be one or not: ";
    assert!(error.to_string().starts_with(begin), "{error}");
    assert_eq!(error.help.as_deref(), Some("say the interpreter's whole version, such as python = \"3.12.8\""));
    let text = text.replace("3.12.4", "3.12");
    assert!(parse("pylock.toml", &text).unwrap().packages(&environment, &Extras::default()).is_ok());
    let text = format!("foo==1 ; python_full_version >= '3.12.4' --hash=sha256:{}", "a".repeat(64));
    let error = parse("a.txt", &text).unwrap().packages(&environment, &Extras::default()).unwrap_err();
    assert!(error.to_string().starts_with("a.txt:1:10: the marker cannot be decided: "), "{error}");
}

#[test]
fn a_place_far_out_in_a_line_is_told_by_the_line_alone() {
    let text = format!("lock-version = \"1.0\"\npackages = [{}{{ name = \"a\" }}]", " ".repeat(5000));
    assert_eq!(mistake("pylock.toml", &text).0, ":2: `a` comes from nowhere");
}

#[test]
fn messages_stay_in_one_line() {
    let long = "x".repeat(500);
    for (file, text) in [
        ("a.txt", format!("{long}!\u{202e}")),
        ("a.txt", format!("foo==1 ; '{long}' --hash=sha256:00")),
        ("a.txt", format!("--{long}")),
        ("pylock.toml", format!("lock-version = \"1.{long}\\n\"\npackages = []")),
        ("pylock.toml", format!("lock-version = \"1.0\"\npackages = \"{long}\\n\\u001b\\u202e\"")),
        ("pylock.toml", format!("lock-version = \"1.0\"\n[[packages]]\nname = \"{long}\\n\\u001b\"")),
        (
            "uv.lock",
            format!(
                "version = 1\n[[package]]\nname = \"a\"\nsource = {{ virtual = \".\" }}\ndependencies = [{{ name = \"{long}\\r\" }}]"
            ),
        ),
    ] {
        let (message, _) = mistake(file, &text);
        assert!(message.len() < 400, "{message}");
        assert!(!message.chars().any(|c| c.is_control() || text::turns(c)), "{message:?}");
    }
}
