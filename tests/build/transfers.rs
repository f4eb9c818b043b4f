//! Layers that copy as `COPY` does, from contexts, images and other specs, and those that commands make.

use std::collections::BTreeMap;

use crate::support::Sandbox;
use crate::support::judge::raw_config;

#[test]
fn sources_follow_the_rules_of_copy() {
    let sandbox = Sandbox::new();
    sandbox
        .file("pkg/a.py", "a\n")
        .file("pkg/b.py", "b\n")
        .file("pkg/deep/c.py", "c\n")
        .file("pkg/deep/c.txt", "c\n")
        .file("x.dockerignore", "b.py\n")
        .file(
            "x.toml",
            r#"
name = "x"
base = "scratch"

[[layer]]
name = "files"
context = "pkg"
ignore_file = "x.dockerignore"
sources = ["*.py", { name = "motd", text = "hello\n" }]
to = "/app/"
chmod = "u+x"
owner = "3:4"

[[layer]]
name = "parents"
context = "pkg"
sources = ["deep"]
to = "/tree/"
parents = true
exclude = ["**/*.txt"]

[[layer]]
name = "text"
sources = [{ name = "n", text = "exit\n" }]
to = "/bin/hello"
chmod = "0755"

[[layer]]
name = "steps"
run = ["mkdir -p /var/empty && chmod 0700 /var/empty", "ln -s hello /bin/hi", "rm /app/motd"]
owner = "9"

[[layer]]
name = "workdir"
workdir = "/srv/work"
"#,
        );
    sandbox.run(["build", "x.toml"]).ok();
    let expected = [
        ("app", "d 0755 3:4"),
        ("app/a.py", "f 0744 3:4"),
        ("bin", "d 0755 0:0"),
        ("bin/hello", "f 0755 0:0"),
        ("bin/hi", "l 9:9 -> hello"),
        ("srv", "d 0755 0:0"),
        ("srv/work", "d 0755 0:0"),
        ("tree", "d 0755 0:0"),
        ("tree/deep", "d 0755 0:0"),
        ("tree/deep/c.py", "f 0644 0:0"),
        ("var", "d 0755 9:9"),
        ("var/empty", "d 0700 9:9"),
    ];
    let expected: BTreeMap<String, String> =
        expected.map(|(path, what)| (path.to_owned(), what.to_owned())).into_iter().collect();
    assert_eq!(sandbox.unpack("x").listing(), expected);
}

/// A spec with one layer that copies all of another image to `/`.
fn copying(name: &str, image: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\nbase = \"scratch\"\n{more}\n[[layer]]\nname = \"copied\"\nimage = {image}\nsources = [\"/\"]\nto = \"/\"\n"
    )
}

#[test]
fn other_specs_are_copied_from_and_not_assembled() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a/one", "1")
        .file("b/two", "2")
        .file("specs/a.toml", "name = \"a\"\nbase = \"scratch\"\n[[layer]]\nname = \"one\"\ncontext = \"../a\"\nto = \"/one/\"\n")
        .file(
            "specs/b.toml",
            "name = \"b\"\nbase = { spec = \"a.toml\" }\n[[layer]]\nname = \"two\"\ncontext = \"../b\"\nto = \"/two/\"\n",
        )
        .file("specs/c.toml", copying("c", "{ spec = \"b.toml\" }", ""))
        .file("specs/d.toml", copying("d", "{ spec = \"b.toml\" }", "").replace("\"scratch\"", "{ spec = \"a.toml\" }"));
    let run = sandbox.run(["build", "specs/c.toml", "--json"]).ok();
    assert_eq!(run.documents().len(), 1);
    assert_eq!(sandbox.unpack("c").paths(), ["one", "one/one", "two", "two/two"]);
    // The config, the manifest and the only layer: nothing of what was copied from.
    assert_eq!(sandbox.names("out/blobs/sha256").len(), 3);
    assert_eq!(sandbox.names("cache/blobs/sha256").len(), 1);

    // The same image is copied from, built on and asked for: each gets what it needs, once.
    let all = sandbox.run(["build", "specs", "--json"]).ok().documents();
    let names: Vec<&str> = all.iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let digest = |of: &serde_json::Value| of["digest"].clone();
    assert_eq!(digest(&all[2]), digest(&run.documents()[0]));
    let alone = sandbox.run(["build", "specs/b.toml", "--json"]).ok().documents();
    assert_eq!(digest(&alone[0]), digest(&all[1]));
}

#[test]
fn what_is_copied_from_has_the_platforms_of_what_copies() {
    let sandbox = Sandbox::new();
    let copied = |platforms: &str| {
        let layer = "[[layer]]\nname = \"l\"\nentries = [{ path = \"/x\", text = \"x\" }]\n";
        sandbox.file("a.toml", format!("name = \"a\"\nbase = \"scratch\"\nplatforms = [{platforms}]\n{layer}"));
    };
    let arm = "platforms = [\"linux/arm64\"]";
    sandbox.file("b.toml", copying("b", "{ spec = \"a.toml\" }", arm));
    copied("\"linux/amd64\"");
    let run = sandbox.run(["build", "b.toml"]);
    let words = "b.toml:7:11: the image `a` is copied from for linux/arm64, and it is made for linux/amd64";
    let run = run.refused(2, words);
    assert!(run.stderr.contains("help: add the platform to its `platforms`, or name one of these"), "{}", run.stderr);
    copied("\"linux/amd64\", \"linux/arm64\"");
    sandbox.run(["build", "b.toml"]).ok();

    // One that is named is enough, whatever else is asked for.
    copied("\"linux/amd64\"");
    sandbox.file("b.toml", copying("b", "{ spec = \"a.toml\", platform = \"linux/amd64\" }", arm));
    sandbox.run(["build", "b.toml"]).ok();
    sandbox.run(["build", "b.toml", "--platform", "linux/s390x"]).ok();
    assert_eq!(raw_config(&sandbox.image("b"))["architecture"], "s390x");
}

#[test]
fn images_are_copied_from() {
    let sandbox = Sandbox::new();
    sandbox.file("root/usr/lib/x.so", "so").link("root/lib", "usr/lib").base("base", "root");
    sandbox.file("specs/x.toml", copying("x", "\"oci:../bases:base\"", "").replace("[\"/\"]", "[\"/lib/*.so\"]"));
    sandbox.run(["build", "specs/x.toml"]).ok();
    assert_eq!(sandbox.unpack("x").listing(), BTreeMap::from([("x.so".to_owned(), "f 0644 0:0".to_owned())]));
}

#[test]
fn the_config_keeps_its_order_and_what_dockerfiles_need() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "x.toml",
        r#"
name = "x"
base = "scratch"

[config]
env = ["Z=1", "A==2=", "M="]
shell = ["/bin/bash", "-c"]
onbuild = ["COPY . /app/"]
author = "Somebody"
args_escaped = true
"#,
    );
    sandbox.run(["build", "x.toml"]).ok();
    let config = raw_config(&sandbox.image("x"));
    assert_eq!(config["author"], "Somebody");
    let expected = serde_json::json!({
        "Env": ["Z=1", "A==2=", "M="],
        "Shell": ["/bin/bash", "-c"],
        "OnBuild": ["COPY . /app/"],
        "ArgsEscaped": true,
    });
    assert_eq!(config["config"], expected);
}
