//! `tarsia verify`: an image is what its sources give, or it is told what differs.

mod altered;
mod bases;
mod places;
mod refusals;
mod tree;

use serde_json::Value;

use crate::support::{Run, Sandbox};

/// A sandbox with the image `app` of three layers over a base, built into the layout `out`.
pub fn sandbox() -> Sandbox {
    let sandbox = sources();
    sandbox.build(&["app.toml"]);
    sandbox
}

/// The same, not built.
pub fn sources() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("tree/etc/motd", "base\n").folder("tree/srv").base("base", "tree");
    sandbox.file("app.toml", SPEC).file("code/main.py", "print('hello')\n").executable("code/run", "#!/bin/sh\n");
    sandbox.link("code/latest", "main.py").file("code/lib/a.py", "a = 1\n").file("code/lib/b.py", "b = 1\n");
    sandbox.file("data/words", "one two three\n");
    sandbox
}

const SPEC: &str = r#"name = "app"
base = "oci:bases:base"

[[layer]]
name = "skeleton"
entries = [{ path = "/tmp/", mode = "1777" }, { path = "/etc/app", text = "on\n" }]

[[layer]]
name = "code"
context = "code"
to = "/srv/"

[[layer]]
name = "data"
context = "data"
to = "/data/"

[config]
env = { COLOUR = "green", SHAPE = "round" }
cmd = ["/srv/run"]
"#;

/// How the tests read reports.
impl Run {
    /// Makes sure that a difference was found, and gives the only document of `--json`.
    #[track_caller]
    pub fn differs(self) -> Value {
        assert_eq!(self.code, 1, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{}", self.stdout);
        let document = documents.remove(0);
        assert_eq!((&document["schema"], &document["equal"]), (&1.into(), &false.into()));
        document
    }
}

/// The verdict of each layer: `identical base, content differs code`; of one without a name `-`.
pub fn verdicts(document: &Value) -> Vec<String> {
    let layers = document["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| format!("{} {}", layer["verdict"].as_str().unwrap(), layer["name"].as_str().unwrap_or("-")))
        .collect()
}

/// The files that differ of a layer: `/srv/run mode`.
#[track_caller]
pub fn files(document: &Value, layer: &str) -> Vec<String> {
    let layers = document["layers"].as_array().unwrap();
    let layer = layers.iter().find(|other| other["name"] == layer).unwrap_or_else(|| panic!("no layer {layer}"));
    lines(&layer["files"])
}

pub fn lines(files: &Value) -> Vec<String> {
    let words = |what: &Value| what.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
    let line = |file: &Value| {
        let words: Vec<String> = words(&file["what"]);
        format!("{} {}", file["path"].as_str().unwrap(), words.join(","))
    };
    files.as_array().unwrap().iter().map(line).collect()
}

/// A file that differs.
#[track_caller]
pub fn file<'a>(document: &'a Value, layer: &str, path: &str) -> &'a Value {
    let layers = document["layers"].as_array().unwrap();
    let layer = layers.iter().find(|other| other["name"] == layer).unwrap_or_else(|| panic!("no layer {layer}"));
    let files = layer["files"].as_array().unwrap();
    files.iter().find(|file| file["path"] == path).unwrap_or_else(|| panic!("no {path} in {files:?}"))
}

/// The fields that differ: `config.Env.A "1" "2"`.
pub fn fields(document: &Value, key: &str) -> Vec<String> {
    let fields = document[key].as_array().unwrap().iter();
    fields.map(|field| format!("{} {} {}", field["field"].as_str().unwrap(), field["left"], field["right"])).collect()
}
