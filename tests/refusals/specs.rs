//! Mistakes in specs: each is told with file, line and column, and ends with exit code 2.

use crate::support::Sandbox;

/// The beginning of every spec here, two lines long.
const HEAD: &str = "name = \"x\"\nbase = \"scratch\"\n";

/// A layer with a context, from line 3 to line 6.
const LAYER: &str = "[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n";

/// A sandbox with a context `pkg`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n");
    sandbox
}

/// Makes sure that `x.toml` with this text is refused at this place, for this reason and with this advice.
#[track_caller]
fn refused(text: &str, place: &str, reason: &str, help: &str) {
    let sandbox = sandbox();
    sandbox.file("x.toml", text);
    let run = sandbox.run(["build", "x.toml"]).refused(2, &format!("error: x.toml:{place}: {reason}"));
    assert_eq!(run.stdout, "");
    match help {
        "" => assert!(!run.stderr.contains("help:"), "{}", run.stderr),
        help => assert!(run.stderr.contains(&format!("help: {help}")), "no `{help}` in:\n{}", run.stderr),
    }
    assert!(!sandbox.path("out").exists(), "a refused spec left an output");
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    refused(&format!("{HEAD}platfroms = []\n"), "3:1", "unknown key `platfroms`", "did you mean `platforms`?");
    refused(&format!("{HEAD}{LAYER}exlude = []\n"), "7:1", "unknown key `exlude`", "did you mean `exclude`?");
    refused(
        &format!("{HEAD}[[layer]]\nname = \"l\"\nentries = [{{ path = \"/x\", txt = \"\" }}]\n"),
        "5:27",
        "unknown key `txt`",
        "did you mean `text`?",
    );
    refused(&format!("{HEAD}[config]\nentrypiont = []\n"), "4:1", "unknown key", "did you mean `entrypoint`?");
    refused(&format!("{HEAD}helm_chart = 1\n"), "3:1", "unknown key `helm_chart`", "the keys here are `name`, `base`");
}

#[test]
fn a_file_that_is_no_toml_is_an_error() {
    refused("FROM scratch\n", "1:6", "key with no value, expected `=`", "");
    refused(&format!("{HEAD}name = \"y\"\n"), "3:1", "duplicate key", "");
    refused("name = \"x\"\n", "1:1", "missing field `base`", "");
    refused("base = \"scratch\"\n", "1:1", "missing field `name`", "");
    refused(&format!("{HEAD}[[layer]]\n"), "3:1", "missing field `name`", "");
}

#[test]
fn a_value_of_the_wrong_type_is_an_error() {
    refused("name = 3\nbase = \"scratch\"\n", "1:8", "invalid type: integer `3`, expected a string", "");
    refused(&format!("{HEAD}platforms = \"linux/arm64\"\n"), "3:13", "invalid type: string \"linux/arm64\"", "");
    refused(&format!("{HEAD}[config]\ncmd = \"a b\"\n"), "4:7", "invalid type: string \"a b\"", "");
    refused(&format!("{HEAD}{LAYER}mtime = \"now\"\n"), "7:9", "invalid type: string \"now\"", "");
    refused(&format!("{HEAD}{LAYER}exclude = [3]\n"), "7:12", "invalid type: integer `3`, expected a string", "");
    refused("name = \"x\"\nbase = { spec = 3 }\n", "2:17", "invalid type: integer `3`, expected a string", "");
    refused("name = \"x\"\nbase = 3\n", "2:8", "invalid type: integer `3`, expected a reference, or a table", "");
    refused("name = \"x\"\nbase = { sepc = \"y\" }\n", "2:10", "unknown key `sepc`", "did you mean `spec`?");
}

#[test]
fn a_word_that_is_none_of_the_known_ones_is_an_error() {
    refused(&format!("{HEAD}profile = \"azure\"\n"), "3:11", "unknown variant `azure`, expected `lambda`", "");
    refused(&format!("{HEAD}base_tree = \"guess\"\n"), "3:13", "unknown variant `guess`, expected `read` or", "");
    refused(
        &format!("{HEAD}{LAYER}compression = \"xz\"\n"),
        "7:15",
        "unknown variant `xz`, expected one of `gzip`",
        "",
    );
    refused(
        &format!("{HEAD}{LAYER}modes = \"strict\"\n"),
        "7:9",
        "invalid value: string \"strict\", expected `normalize`",
        "",
    );
    refused(
        &format!("{HEAD}{LAYER}modes = {{ fil = \"0644\" }}\n"),
        "7:11",
        "unknown key `fil`",
        "did you mean `file`?",
    );
}

#[test]
fn names_platforms_and_bases_have_a_form() {
    let names = "names are lower-case letters and digits";
    refused("name = \"X y\"\nbase = \"scratch\"\n", "1:8", "`X y` is not an image name", names);
    refused("name = \"a/../b\"\nbase = \"scratch\"\n", "1:8", "`a/../b` is not an image name", names);
    refused(&format!("{HEAD}platforms = [\"linux\"]\n"), "3:14", "`linux` is not a platform of the form", "");
    refused(&format!("{HEAD}platforms = [\"linux/arm64/v8\", \"linux/arm64\"]\n"), "3:32", "the platform", "");
    refused(&format!("{HEAD}{LAYER}platforms = [\"windows\"]\n"), "7:14", "`windows` is not a platform", "");
    refused("name = \"x\"\nbase = \"UPPER/case\"\n", "2:8", "`UPPER/case` is not an image reference", "");
    refused("name = \"x\"\nbase = \"a/b@sha256:12\"\n", "2:8", "`a/b@sha256:12` is not an image reference", "");
}

#[test]
fn variables_have_a_form_and_a_value_where_it_is_needed() {
    let set = "set it in the environment or with --set BASE=VALUE";
    refused("name = \"x\"\nbase = \"${BASE}\"\n", "2:8", "the variable `BASE` has no value", set);
    refused("name = \"x\"\nbase = \"${BASE\"\n", "2:8", "`${` has no `}`", "");
    refused(&format!("{HEAD}repository = \"${{1}}\"\n"), "3:14", "`${1}` is not a variable", "");

    // What build does not need, build does not ask for.
    let sandbox = sandbox();
    sandbox.file("x.toml", format!("{HEAD}repository = \"${{HOST}}/x\"\ntags = [\"${{TAG}}\"]\n"));
    sandbox.run(["build", "x.toml"]).ok();
    let run = sandbox.run(["push", "x.toml"]).refused(2, "x.toml: the variable `HOST` has no value");
    assert!(run.stderr.contains("--set HOST=VALUE"), "{}", run.stderr);
    sandbox.run(["push", "x.toml", "--set", "HOST=127.0.0.1:1"]).refused(2, "x.toml: the variable `TAG` has no value");
}

#[test]
fn a_layer_has_a_context_or_entries() {
    refused(
        &format!("{HEAD}{LAYER}entries = []\n"),
        "3:1",
        "a layer has a `context` or `entries`, not both",
        "make two layers of them",
    );
    refused(&format!("{HEAD}[[layer]]\nname = \"l\"\n"), "3:1", "the layer `l` has neither a `context` nor", "");
    refused(
        &format!("{HEAD}[[layer]]\nname = \"l\"\ncontext = \"pkg\"\n"),
        "5:11",
        "the layer `l` does not say where its context goes",
        "add `to = ",
    );
    for key in ["to", "from"] {
        let text = format!("{HEAD}[[layer]]\nname = \"l\"\nentries = []\n{key} = \"/x\"\n");
        refused(&text, &format!("6:{}", key.len() + 4), &format!("`{key}` goes with a `context`"), "");
    }
    refused(&format!("{HEAD}[[layer]]\nname = \"\"\nentries = []\n"), "4:8", "a layer's name is a line of text", "");
}

#[test]
fn layer_names_are_unique() {
    // The name stands elsewhere too, before and after: the place is that of the second layer's.
    let text = format!("{HEAD}{LAYER}[[layer]]\nname = \"l\"\nentries = []\n[config.labels]\nl = \"l\"\n");
    refused(&text, "8:8", "two layers are named `l`", "");
}

#[test]
fn destinations_are_absolute_and_stay_in_the_image() {
    let to = |to: &str| format!("{HEAD}[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"{to}\"\n");
    refused(&to("app"), "6:6", "`app` is not an absolute path", "write `/app`");
    refused(&to("/app/../../x"), "6:6", "`/app/../../x` has to stay within the image's root", "");
    refused(&to("/app/.wh.x/"), "6:6", "`/app/.wh.x/` is named like a whiteout", "");
    refused(&format!("{HEAD}{LAYER}from = \"../x\"\n"), "7:8", "`from` has to stay within the context", "");
}

#[test]
fn modes_are_octal_and_owners_are_users_and_groups() {
    for mode in ["0888", "17777", "rwx", "-1", "+755", ""] {
        let text = format!("{HEAD}{LAYER}modes = {{ file = \"{mode}\" }}\n");
        refused(&text, "7:9", &format!("`{mode}` is not an octal mode up to 7777"), "");
        let text = format!("{HEAD}[[layer]]\nname = \"l\"\nentries = [{{ path = \"/x\", mode = \"{mode}\" }}]\n");
        refused(&text, "5:34", &format!("`{mode}` is not an octal mode up to 7777"), "");
    }
    let help = "an owner is `user`, `user:group` or `:group`, by names of the image or by numbers";
    for (owner, why) in [
        ("-1:0", "`-1` is no user or group"),
        ("1:2:3", "`1:2:3` is no owner"),
        ("4294967296:0", "`4294967296` is no user or group"),
        ("", "the owner is empty"),
    ] {
        let text = format!("{HEAD}{LAYER}owner = \"{owner}\"\n");
        refused(&text, "7:9", why, help);
    }
    // A name that the image does not have is found out when the image is known.
    let text = format!("{HEAD}{LAYER}owner = \"nobody-here\"\n");
    let sandbox = sandbox();
    sandbox.file("x.toml", text);
    sandbox.run(["build", "x.toml"]).refused(2, "there is no user `nobody-here` in `/etc/passwd` of the image");
}

#[test]
fn entries_make_sense() {
    let entry = |entry: &str| format!("{HEAD}[[layer]]\nname = \"l\"\nentries = [{{ {entry} }}]\n");
    refused(&entry("path = \"x\""), "5:21", "`x` is not an absolute path", "write `/x`");
    refused(&entry("path = \"/\""), "5:21", "the root itself is no entry", "");
    refused(&entry("path = \"/a/../b\""), "5:21", "`/a/../b` has to stay within", "");
    refused(&entry("path = \"/a/.wh.b\", text = \"\""), "5:21", "`/a/.wh.b` is named like a whiteout", "");
    refused(&entry("path = \"/a/.wh.b/c\", text = \"\""), "5:21", "`/a/.wh.b/c` is named like a whiteout", "");
    refused(&entry("path = \"/x/\", text = \"\""), "5:21", "`/x/` ends in `/`, so it would be a directory", "");
    refused(
        &entry("path = \"/x\", text = \"\", link = \"y\""),
        "5:12",
        "an entry has a `text` or a `link`, not both",
        "",
    );
    refused(&entry("path = \"/x\", link = \"\""), "5:12", "a `link` has to lead somewhere", "");
    refused(&entry("path = \"/x\", link = \"y\", mode = \"0644\""), "5:46", "a link has no mode", "");

    let sandbox = sandbox();
    let entries = |entries: &str| {
        sandbox.file("x.toml", format!("{HEAD}[[layer]]\nname = \"l\"\nentries = [{entries}]\n"));
        sandbox.run(["build", "x.toml"])
    };
    entries("{ path = \"/x\", text = \"1\" }, { path = \"/x\", text = \"2\" }")
        .refused(2, "`/x` stands twice in the layer");
    entries("{ path = \"/x\", text = \"1\" }, { path = \"/x/y\", text = \"2\" }")
        .refused(2, "`/x/y` cannot lie in `/x`, which is a file");
}

#[test]
fn the_config_makes_sense() {
    let config = |line: &str| format!("{HEAD}[config]\n{line}\n");
    refused(&config("env = { \"A=B\" = \"c\" }"), "4:17", "`A=B` is not a variable's name", "");
    refused(&config("expose = [70000]"), "4:10", "expected a port such as 8080 or \"53/udp\"", "");
    refused(&config("expose = [80, \"http\"]"), "4:15", "`http` is not a port such as 8080 or 53/udp", "");
    refused(&config("expose = [\"80/smtp\"]"), "4:11", "`80/smtp` is not a port", "");
    refused(&config("workdir = \"app\""), "4:11", "`app` is not an absolute path", "write `/app`");
    refused(&config("healthcheck = { test = [\"curl\"] }"), "4:15", "`test` is [\"CMD\", …]", "");
    refused(
        &config("healthcheck = { test = [\"NONE\"], interval = \"3 days\" }"),
        "4:15",
        "`3 days` is not a duration",
        "",
    );
}

#[test]
fn ignore_patterns_in_the_spec_are_well_formed() {
    refused(
        &format!("{HEAD}{LAYER}exclude = [\"*.log\", \"[a\"]\n"),
        "7:21",
        "the ignore pattern `[a` is malformed: its `[` has no `]`",
        "",
    );
}

#[test]
fn specs_that_are_built_on_each_other_in_a_circle_are_named() {
    let sandbox = sandbox();
    let spec = |name: &str, base: &str| {
        sandbox.file(&format!("{name}.toml"), format!("name = \"{name}\"\nbase = {{ spec = \"{base}.toml\" }}\n"));
    };
    spec("a", "b");
    spec("b", "c");
    spec("c", "b");
    let circle = "the specs are built on each other in a circle: `b.toml` → `c.toml` → `b.toml`";
    sandbox.run(["build", "a.toml"]).refused(2, circle);
    sandbox.run(["build", "."]).refused(2, "in a circle: `./b.toml` → ");
    spec("a", "a");
    sandbox.run(["build", "a.toml"]).refused(2, "in a circle: `a.toml` → `a.toml`");
}

#[test]
fn two_specs_of_one_name_are_named() {
    let sandbox = sandbox();
    sandbox.file("x.toml", HEAD).file("y.toml", HEAD);
    let run = sandbox.run(["build", "x.toml", "y.toml"]);
    let run = run.refused(2, "`x.toml` and `y.toml` both make the image `x`");
    assert!(run.stderr.contains("help: give one of them another `name`"), "{}", run.stderr);
    // The same spec twice is no second image.
    sandbox.run(["build", "x.toml", "./x.toml"]).ok();
}

#[test]
fn what_is_named_is_a_spec() {
    let sandbox = sandbox();
    sandbox.file("x.toml", "name = \"x\"\nbase = { spec = \"no.toml\" }\n").file("notes.md", "# no spec\n");
    sandbox.run(["build", "x.toml"]).refused(2, "x.toml:2:8: there is no spec `no.toml`");
    sandbox.run(["build", "no.toml"]).refused(2, "failed to read the spec `no.toml`");
    sandbox.run(["build", "pkg"]).refused(2, "the folder `pkg` holds no `.toml` file");
    sandbox.run(["build", "notes.md"]).refused(2, "`notes.md` is not a spec: specs end in `.toml`");
    sandbox.file("latin.toml", b"name = \"caf\xe9\"\n");
    sandbox.run(["build", "latin.toml"]).refused(2, "failed to read the spec `latin.toml`");
}
