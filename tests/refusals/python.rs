//! Mistakes in layers of Python distributions.

use crate::support::Sandbox;

/// The beginning of every spec here, four lines long.
const HEAD: &str = "name = \"x\"\nbase = \"scratch\"\n[[layer]]\nname = \"l\"\n";

/// Makes sure that a layer with these lines, the first of which is line 5, is refused at this place, for this reason and
/// with this advice.
#[track_caller]
fn refused(lines: &str, place: &str, reason: &str, help: &str) {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n").file("x.toml", format!("{HEAD}{lines}\n"));
    let run = sandbox.run(["build", "x.toml"]).refused(2, &format!("error: x.toml:{place}: {reason}"));
    match help {
        "" => assert!(!run.stderr.contains("help:"), "{}", run.stderr),
        help => assert!(run.stderr.contains(&format!("help: {help}")), "no `{help}` in:\n{}", run.stderr),
    }
}

#[test]
fn keys_go_with_what_they_are_for() {
    for key in
        ["context = \".\"", "to = \"/x\"", "from = \"x\"", "modes = \"keep\"", "workdir = \"/\"", "unpack = true"]
    {
        let name = key.split_once(' ').unwrap().0;
        for what in ["wheels", "package"] {
            let text = format!("{what} = \"w\"\npython = \"3.12\"\n{key}");
            refused(&text, &format!("7:{}", name.len() + 4), &format!("`{name}` does not go with `{what}`"), "");
        }
    }
    for key in ["wheelhouse = \"w\"", "index = \"https://x/\"", "extras = [\"x\"]", "groups = [\"x\"]", "split = 2"] {
        let name = key.split_once(' ').unwrap().0;
        let place = name.len() + 4;
        let text = format!("package = \"w\"\npython = \"3.12\"\n{key}");
        refused(&text, &format!("7:{place}"), &format!("`{name}` goes with `wheels`"), "");
        refused(
            &format!("run = [\"touch /x\"]\n{key}"),
            &format!("6:{place}"),
            &format!("`{name}` goes with `wheels`"),
            "",
        );
    }
    for key in ["python = \"3.12\"", "into = \"/x\"", "interpreter = \"/p\"", "libc = \"musl 1.2\""] {
        let name = key.split_once(' ').unwrap().0;
        let text = format!("context = \"pkg\"\nto = \"/x\"\n{key}");
        refused(&text, &format!("7:{}", name.len() + 4), &format!("`{name}` goes with `wheels` or `package`"), "");
    }
    refused("wheels = \"w\"\npackage = \"p\"", "6:11", "`package` goes into a layer of its own", "");
    refused("wheels = \"w\"\npython = \"3.12\"\nexclude = [\"x\"]", "7:12", "`exclude` does not go with `wheels`", "");
}

#[test]
fn values_that_make_no_sense() {
    let with = |line: &str| format!("wheels = \"w\"\npython = \"3.12\"\n{line}");
    refused("wheels = \"w\"", "5:10", "the layer `l` does not say for which Python", "add `python = \"3.12\"`");
    refused("package = \"p\"", "5:11", "the layer `l` does not say for which Python", "add `python = \"3.12\"`");
    refused("wheels = []\npython = \"3.12\"", "5:10", "`wheels` names no wheels", "name a folder of wheels");
    refused("wheels = \"\"\npython = \"3.12\"", "5:10", "`wheels` names no wheels", "name a folder of wheels");
    refused("package = \"\"\npython = \"3.12\"", "5:11", "a package is a directory", "write `.`");
    refused("wheels = 3", "5:10", "expected a path, or an array of paths", "");
    refused(&with("split = \"all\""), "7:9", "expected `one`, `each`, or a number of groups", "");
    refused(&with("split = 0"), "7:9", "there cannot be 0 groups", "write a number from 1 to 100");
    refused(&with("split = 101"), "7:9", "there cannot be 101 groups", "write a number from 1 to 100");
    refused(&with("into = \"x\""), "7:8", "`x` is not an absolute path", "write `/x`");
    refused(&with("interpreter = \"python\""), "7:15", "`python` is no program", "write a path of the image");
    refused(&with("index = \"pypi.org\""), "7:9", "`pypi.org` is no index", "write an address");
    refused("wheels = \"w\"\npython = \"three\"", "6:10", "`three` is not a version of Python", "");
    for (number, text) in [("3.12", "3.12"), ("3.10", "3.10"), ("3", "3.12"), ("-3e9", "3.12"), ("nan", "3.12")] {
        for what in ["wheels", "package"] {
            let lines = format!("{what} = \"w\"\npython = {number}");
            let help = format!("write python = \"{text}\"\n");
            refused(&lines, "6:10", "the version of Python is a text, and this is a number", &help);
        }
    }
    refused("wheels = \"w\"\npython = [3.12]", "6:10", "expected a text such as \"3.12\"", "");
    refused(&with("libc = \"glibc\""), "7:8", "`glibc` is not a C library", "");
    refused(&with("wheelhose = \"x\""), "7:1", "unknown key `wheelhose`", "did you mean `wheelhouse`?");
}

#[test]
fn wheels_that_are_not_there() {
    let at = |text: &str| {
        let sandbox = Sandbox::new();
        sandbox.file("empty/x.txt", "").file("odd/odd.whl", "").file("pylock.toml", "lock-version = \"1.0\"\n");
        sandbox.file("x.toml", format!("{HEAD}{text}\npython = \"3.12\"\ninto = \"/x\"\n"));
        sandbox.run(["build", "x.toml"]).refused(2, "x.toml:5:")
    };
    for (text, reason) in [
        ("wheels = \"none\"", "`none` is neither a folder nor a wheel nor a lock"),
        ("wheels = \"none.whl\"", "there is no wheel `none.whl`"),
        ("wheels = \"empty\"", "the folder `empty` holds no wheel"),
        ("wheels = \"empty/*.whl\"", "there is no wheel `empty/*.whl`"),
        ("wheels = \"empty/[a.whl\"", "`empty/[a.whl` is no pattern"),
        ("wheels = \"odd\"", "`odd/odd.whl` is not named like a wheel"),
        ("wheels = \"uv.lock\"", "uv.lock"),
        ("wheels = \"lock.toml\"", "lock.toml"),
        ("wheels = [\"pylock.toml\", \"odd\"]", "is not the only thing that `wheels` names"),
        ("wheels = \"empty/*.whl\"\nwheelhouse = \"odd\"", "`wheelhouse` goes with a lock"),
        ("package = \"none\"", "none"),
        ("package = \"empty\"", "pyproject.toml"),
    ] {
        let run = at(text);
        assert!(run.stderr.contains(reason), "no `{reason}` in:\n{}", run.stderr);
    }
}

#[test]
fn a_base_without_python_needs_a_place() {
    let sandbox = Sandbox::new();
    crate::support::wheels::SmallWheel::new("a", "1").write(&sandbox.path("w"));
    sandbox.file("x.toml", format!("{HEAD}wheels = \"w\"\npython = \"3.12\"\n"));
    let run = sandbox.run(["build", "x.toml"]).refused(2, "the image has no python3.12 in its PATH");
    assert!(run.stderr.contains("help: say where the distributions go, for example into = \"/var/task/\""));
}
