//! Mistakes in layers that copy `sources` or `run` commands, and in what such layers go with.

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

/// A layer that copies, lines 5 to 7.
const COPY: &str = "context = \"pkg\"\nto = \"/app/\"\nsources = [\"a.py\"]\n";

#[test]
fn keys_go_with_what_they_are_for() {
    for key in ["parents = true", "unpack = true", "chmod = \"755\"", "ignore_file = \"i\"", "image = \"debian\""] {
        let (name, _) = key.split_once(' ').unwrap();
        let place = format!("7:{}", name.len() + 4);
        let context = format!("context = \"pkg\"\nto = \"/app/\"\n{key}");
        refused(&context, &place, &format!("`{name}` goes with `sources`"), "");
        refused(&format!("\nrun = [\"touch /x\"]\n{key}"), &place, &format!("`{name}` does not go with `run`"), "");
    }
    for key in [
        "to = \"/\"",
        "context = \".\"",
        "exclude = [\"x\"]",
        "modes = \"keep\"",
        "sources = [\"a\"]",
        "entries = [{}]",
    ] {
        let (name, value) = key.split_once(" = ").unwrap();
        let column = name.len() + 4 + usize::from(value.starts_with('[') && name != "sources");
        let line = if name == "entries" { "entries = [{ path = \"/x\" }]" } else { key };
        let text = format!("run = [\"touch /x\"]\n{line}");
        refused(&text, &format!("6:{column}"), &format!("`{name}` does not go with `run`"), "");
    }
    for key in ["run = [\"touch /x\"]", "sources = [\"a\"]", "to = \"/\"", "modes = \"keep\""] {
        let (name, _) = key.split_once(' ').unwrap();
        let text = format!("{key}\nworkdir = \"/w\"");
        let (place, words) = match name {
            "run" => ("6:11".to_owned(), "`workdir` does not go with `run`".to_owned()),
            _ => (format!("5:{}", name.len() + 4), format!("`{name}` does not go with `workdir`")),
        };
        refused(&text, &place, &words, "");
    }
    refused("workdir = \"w\"", "5:11", "`w` is not an absolute path", "write `/w`");
    refused("workdir = \"/\"", "5:11", "the root itself need not be made", "");
    refused(&format!("{COPY}from = \"x\""), "8:8", "`from` does not go with `sources`", "write the whole paths");
    refused(
        &format!("{COPY}entries = [{{ path = \"/x\" }}]"),
        "8:12",
        "a layer has `sources` or `entries`, not both",
        "make two layers of them",
    );
    let image = "image = \"debian\"\nto = \"/\"\nsources = [\"x\"]\n";
    for (key, column) in [("context = \".\"", 11), ("ignore_file = \"i\"", 15), ("modes = \"keep\"", 9)] {
        let (name, _) = key.split_once(' ').unwrap();
        refused(&format!("{image}{key}"), &format!("8:{column}"), &format!("`{name}` does not go with an `image`"), "");
    }
}

#[test]
fn sources_are_paths_texts_or_files_from_elsewhere() {
    let sources = |sources: &str| format!("context = \"pkg\"\nto = \"/app/\"\nsources = [{sources}]");
    let kinds = "a source is a path, { name = \"a.txt\", text = \"…\" } or { url = ";
    refused(&sources(""), "7:11", "`sources` names nothing to copy", "");
    refused(&sources("\"\""), "7:12", "a source is a path, and this names none", "write `.` for all of the context");
    refused(&sources("\"a\\u0000\""), "7:12", "no path has a NUL byte", kinds);
    refused(&sources("3"), "7:12", "invalid type: integer `3`, expected a path, or a table such as", "");
    refused(&sources("{ txt = \"\" }"), "7:14", "unknown key `txt`", "did you mean `text`?");
    refused(&sources("{ text = \"\" }"), "7:12", "this says neither a file's text nor where one is", kinds);
    refused(&sources("{ name = \"a\", text = \"\", url = \"\" }"), "7:12", "this says neither", kinds);
    refused(&sources("{ name = \"a/b\", text = \"\" }"), "7:12", "`a/b` is no file's name", kinds);
    refused(&sources("{ url = \"https://x.example/y\" }"), "7:12", "this says neither", kinds);
    refused(
        &sources("\"https://x.example/y\""),
        "7:12",
        "what `https://x.example/y` holds may be something else tomorrow",
        "say what it has to be: { url = \"https://x.example/y\", checksum = \"sha256:…\" }",
    );
    refused(
        &sources("{ url = \"ftp://x\", checksum = \"sha256:00\" }"),
        "7:12",
        "`ftp://x` does not begin with",
        kinds,
    );
    refused(&sources("{ url = \"https://x\", checksum = \"md5:00\" }"), "7:12", "`md5:00` is no checksum", kinds);
    refused(
        "context = \"pkg\"\nto = \"/app\"\nsources = [\"a\", \"b\"]",
        "6:6",
        "2 sources go to `/app`, which is written as one file",
        "write `/app/`",
    );
    refused(
        "context = \"pkg\"\nsources = [\"a\"]",
        "6:11",
        "the layer `l` does not say where its sources go",
        "add `to",
    );
    refused(
        "to = \"app\"\ncontext = \"pkg\"\nsources = [\"a\"]",
        "5:6",
        "`app` is not an absolute path",
        "write `/app`",
    );
    refused(
        "to = \"/\"\nsources = [{ name = \"n\", text = \"\" }, \"a\"]",
        "6:39",
        "the layer does not say where this is copied from",
        "add `context = ",
    );
    refused(
        "to = \"/\"\ncontext = \"\"\nsources = [\"a\"]",
        "6:11",
        "a context is a directory, and this names none",
        "write `.`",
    );
}

#[test]
fn modes_owners_patterns_and_ignore_files_of_sources() {
    refused(&format!("{COPY}chmod = \"u+q\""), "8:9", "`u+q` is not a mode: write it octal", "");
    refused(&format!("{COPY}chmod = 755"), "8:9", "invalid type: integer `755`, expected a string", "");
    refused(&format!("{COPY}owner = \"a:b:c\""), "8:9", "`a:b:c` is no owner", "an owner is `user`, `user:group`");
    refused(&format!("{COPY}exclude = [\"[a\"]"), "8:12", "the ignore pattern `[a` is malformed", "");
    refused(&format!("{COPY}ignore_file = \"no\""), "8:15", "there is no file `no`", "");
    refused(&format!("{COPY}parents = \"yes\""), "8:11", "invalid type: string \"yes\", expected a boolean", "");
}

#[test]
fn images_that_are_copied_from() {
    let image = |image: &str| format!("image = {image}\nto = \"/\"\nsources = [\"x\"]");
    refused(&image("\"scratch\""), "5:9", "there is nothing to copy from `scratch`", "");
    refused(&image("\"UPPER/case\""), "5:9", "`UPPER/case` is not an image reference", "");
    refused(&image("\"${NO}\""), "5:9", "the variable `NO` has no value", "set it in the environment or with --set");
    refused(&image("{ spec = \"no.toml\" }"), "5:9", "there is no spec `no.toml`", "");
    refused(&image("{ spce = \"no.toml\" }"), "5:11", "unknown key `spce`", "did you mean `spec`?");
    refused(&image("{ spec = \"y.toml\", platform = \"arm\" }"), "5:39", "`arm` is not a platform", "");
}

#[test]
fn commands_that_would_have_to_run() {
    let help = "there are mkdir, chmod, chown, touch, ln -s and rm, joined by `&&`";
    let run = |command: &str| format!("run = [\"touch /x\", \"{command}\"]");
    for (command, what) in [
        ("pip install x", "the command `pip`"),
        ("touch $HOME/x", "the variable `HOME`"),
        ("touch ${X:-/y}", "the variable `X`"),
        ("touch /a; touch /b", "commands joined by `;`"),
        ("echo a > /b", "a redirection, `>`"),
        ("chmod 9 /x", "the mode `9`"),
    ] {
        refused(&run(command), "5:20", &format!("nothing is run here, and this needs {what}"), help);
    }
    refused("run = []", "5:7", "`run` does nothing", "");
    refused("run = [\"true\", \"echo x\"]", "5:7", "`run` does nothing", "");
    refused("run = \"touch /x\"", "5:7", "invalid type: string", "");
    // What fails when it is done is told with the layer's place.
    refused("run = [\"chmod 644 /no\"]", "5:7", "the layer `l` of the image `x` cannot be made", "");
}

#[test]
fn the_config_of_images_that_are_built_on_this_one() {
    let sandbox = Sandbox::new();
    for (line, place, words) in [
        ("env = [\"A\"]", "4:8", "`A` is not of the form NAME=VALUE"),
        ("env = [\"=A\"]", "4:8", "`=A` is not of the form NAME=VALUE"),
        ("env = [\"A=1\", \"A=2\"]", "4:15", "the variable `A` stands twice"),
        (
            "env = 3",
            "4:7",
            "invalid type: integer `3`, expected a table such as { NAME = \"value\" }, or an array of \"NAME=value\"",
        ),
        ("env = { A = 3 }", "4:13", "invalid type: integer `3`, expected a string"),
        ("onbuild = [\"COPY a b\", \"FLY\"]", "4:24", "`FLY` cannot be a trigger: "),
        ("onbuild = [\"FROM x\"]", "4:12", "`FROM x` cannot be a trigger: "),
        ("shell = \"/bin/sh\"", "4:9", "invalid type: string"),
        ("args_escapd = true", "4:1", "unknown key `args_escapd`"),
    ] {
        sandbox.file("x.toml", format!("name = \"x\"\nbase = \"scratch\"\n[config]\n{line}\n"));
        sandbox.run(["build", "x.toml"]).refused(2, &format!("x.toml:{place}: {words}"));
    }
}

#[test]
fn specs_that_need_each_other_in_a_circle() {
    let sandbox = Sandbox::new();
    let spec = |name: &str, base: &str, image: &str| {
        let layer =
            format!("[[layer]]\nname = \"l\"\nimage = {{ spec = \"{image}.toml\" }}\nsources = [\"x\"]\nto = \"/\"\n");
        sandbox.file(&format!("{name}.toml"), format!("name = \"{name}\"\nbase = {base}\n{layer}"));
    };
    spec("a", "\"scratch\"", "b");
    spec("b", "{ spec = \"c.toml\" }", "d");
    spec("c", "\"scratch\"", "a");
    sandbox.file("d.toml", "name = \"d\"\nbase = \"scratch\"\n");
    let circle = "in a circle: `a.toml` → `b.toml` → `c.toml` → `a.toml`";
    sandbox.run(["build", "a.toml"]).refused(2, circle);
    spec("a", "\"scratch\"", "a");
    sandbox.run(["build", "a.toml"]).refused(2, "in a circle: `a.toml` → `a.toml`");
}

#[test]
fn a_layer_of_two_platforms_has_one_name() {
    let layer = |platform: &str| format!("[[layer]]\nname = \"n\"\nentries = []\nplatforms = [\"{platform}\"]\n");
    let sandbox = Sandbox::new();
    let head = "name = \"x\"\nbase = \"scratch\"\n";
    sandbox.file("x.toml", format!("{head}{}{}", layer("linux/amd64"), layer("linux/arm64")));
    sandbox.run(["build", "x.toml"]).ok();
    sandbox.file("x.toml", format!("{head}{}{}", layer("linux/arm64/v8"), layer("linux/arm64")));
    sandbox.run(["build", "x.toml"]).refused(2, "x.toml:8:8: two layers are named `n`");
}
