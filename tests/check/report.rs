//! How findings are told, what is left out, and how a run ends.

use serde_json::{Value, json};
use tarsia::spec::{Rule, Severity};

use super::{check, findings, function, lambda, lambda_base, only, plain, rules};
use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;
use crate::support::sandbox::repository;

/// A spec with two errors and two warnings.
fn several() -> Sandbox {
    let sandbox = lambda();
    sandbox.file("code/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\n").file("code/p/__pycache__/a.pyc", "1");
    sandbox.file("code/.dockerignore", ".dockerignore\n__pycache__\n");
    function(&sandbox, "", "modes = { file = \"0600\" }");
    sandbox
}

#[test]
fn all_mistakes_at_once_errors_first() {
    let sandbox = several();
    let expected = ["credentials", "unreadable-code", "ignore-pattern", "python-cache"];
    assert_eq!(rules(&sandbox, &["app.toml"]), expected);
    let first = check(&sandbox, &["app.toml"]).stdout;
    for _ in 0..3 {
        assert_eq!(check(&sandbox, &["app.toml"]).stdout, first);
    }
}

#[test]
fn the_text_reads_as_a_compilers() {
    let sandbox = several();
    let run = sandbox.run(["check", "app.toml"]);
    assert_eq!((run.code, run.stderr.contains("error")), (1, false), "{}", run.stderr);
    let first = "error[credentials]: the layer `code` holds a private key: everybody with the image can read it\n  \
                 --> app.toml:7:11, layer 1 `code`\n      /var/task/id_rsa\n      32 B together\n  help: leave it out";
    assert!(run.stdout.starts_with(first), "{}", run.stdout);
    let pattern = "warning[ignore-pattern]: the ignore pattern `__pycache__` matches nothing, because it is anchored at the \
                   context's root: `**/__pycache__` would leave out 1 file\n  --> code/.dockerignore:2, layer 1 `code`\n      \
                   p/__pycache__/a.pyc\n";
    assert!(run.stdout.contains(pattern), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n\napp linux/arm64 (lambda): 2 errors, 2 warnings\n"), "{}", run.stdout);
}

#[test]
fn the_document_has_these_keys() {
    let sandbox = several();
    let run = check(&sandbox, &["app.toml"]);
    let mut document = run.documents().remove(0);
    let finding = document["findings"][0].take();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut found = keys(&finding);
    found.sort();
    assert_eq!(found, ["help", "rule", "severity", "where", "why"]);
    document["findings"] = json!([]);
    let expected = json!({
        "schema": 1,
        "name": "app",
        "ref": null,
        "platform": "linux/arm64",
        "profile": "lambda",
        "findings": [],
        "ok": false,
    });
    assert_eq!(document, expected);
    let image = check(&sandbox, &["oci:bases:lambda"]).documents().remove(0);
    assert_eq!((&image["name"], &image["ref"]), (&Value::Null, &json!("oci:bases:lambda")));
    assert_eq!((&image["profile"], &image["ok"]), (&Value::Null, &json!(true)));
}

#[test]
fn warnings_alone_are_no_reason_to_fail() {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    sandbox.file("code/__pycache__/a.pyc", "");
    let run = sandbox.run(["check", "app.toml"]).ok();
    assert!(run.stdout.ends_with("app linux/amd64: 0 errors, 1 warning\n"), "{}", run.stdout);
}

#[test]
fn what_is_allowed_is_left_out() {
    let sandbox = several();
    let flags = ["--allow", "credentials", "--allow", "unreadable-code"];
    let run = check(&sandbox, &[&["app.toml"], &flags[..]].concat());
    assert_eq!((run.code, findings(&run).len()), (0, 2));
    // What is allowed need not be found.
    function(
        &sandbox,
        "allow = [\"credentials\", \"ignore-pattern\", \"python-cache\", \"too-large\"]",
        "modes = { file = \"0600\" }",
    );
    only(&sandbox, &["app.toml"], "unreadable-code");
}

#[test]
fn a_rule_that_does_not_exist() {
    let sandbox = several();
    function(&sandbox, "allow = [\n  \"credentials\",\n  \"python-caches\",\n]", "");
    // Whatever the spec is read for.
    for command in ["check", "build"] {
        let run = sandbox.run([command, "app.toml"]).refused(2, "app.toml:6:3: there is no rule `python-caches`");
        assert!(run.stderr.contains("did you mean `python-cache`?"), "{}", run.stderr);
    }
    let run = sandbox.run(["check", "code", "--allow", "nonsense"]).refused(2, "there is no rule `nonsense`");
    assert!(run.stderr.contains("tarsia check --rules"), "{}", run.stderr);
}

#[test]
fn a_profile_that_does_not_exist() {
    let sandbox = several();
    sandbox.run(["check", "app.toml", "--profile", "lamda"]).refused(2, "there is no profile `lamda`, but `lambda`");
    sandbox.file("bad.toml", "name = \"bad\"\nbase = \"scratch\"\nprofile = \"lamda\"\n");
    sandbox.run(["check", "bad.toml"]).refused(2, "bad.toml:3:11");
}

#[test]
fn the_profile_of_a_spec_is_its_own_and_the_flag_is_for_all() {
    let sandbox = lambda();
    function(&sandbox, "", "compression = \"none\"");
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("plain.toml", spec.replace("\"app\"", "\"plain\"").replace("profile = \"lambda\"", ""));
    let run = check(&sandbox, &["app.toml", "plain.toml"]);
    let oks: Vec<Value> = run.documents().iter().map(|document| document["ok"].clone()).collect();
    assert_eq!((run.code, oks), (1, vec![json!(false), json!(true)]));
    assert_eq!(rules(&sandbox, &["plain.toml", "--profile", "lambda"]), ["uncompressed-layer"]);
}

#[test]
fn a_mistake_is_told_with_the_spec_that_makes_it() {
    let sandbox = lambda();
    sandbox.file("code/__pycache__/a.pyc", "1").file("top/x.py", "");
    function(&sandbox, "", "modes = { file = \"0600\" }");
    let top = |more: &str| {
        let layer = "[[layer]]\nname = \"top\"\ncontext = \"top\"\nto = \"/var/task/top/\"\n";
        sandbox.file("top.toml", format!("name = \"top\"\nbase = {{ spec = \"app.toml\" }}\n{more}\n{layer}"));
    };
    top("profile = \"lambda\"");
    let of = |arguments: &[&str]| -> Vec<usize> {
        let documents = check(&sandbox, arguments).documents();
        documents.iter().map(|document| document["findings"].as_array().unwrap().len()).collect()
    };
    // Of both, each once; of the upper one alone, with what it is built on.
    assert_eq!(of(&["app.toml", "top.toml"]), [2, 0]);
    assert_eq!(of(&["top.toml"]), [2]);
    // Rules of a profile that only the upper one has are told there.
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("profile = \"lambda\"", ""));
    assert_eq!(of(&["app.toml", "top.toml"]), [1, 1]);
    // What the lower one allows for its layers is allowed.
    sandbox.file("app.toml", spec.replace("profile = \"lambda\"", "allow = [\"python-cache\"]"));
    assert_eq!(of(&["top.toml"]), [1]);
}

#[test]
fn specs_and_images_in_one_run() {
    let sandbox = lambda();
    function(&sandbox, "", "");
    sandbox.build(&["app.toml"]);
    let run = check(&sandbox, &["oci:out:app", "app.toml", "--profile", "lambda"]);
    let names: Vec<(Value, Value)> =
        run.documents().iter().map(|document| (document["name"].clone(), document["ref"].clone())).collect();
    assert_eq!(names, [(json!("app"), Value::Null), (Value::Null, json!("oci:out:app"))]);
    // A folder holds specs; so does a layout, if it is not named as one.
    sandbox.run(["check", "out"]).refused(2, "holds no `.toml` file");
    sandbox.run(["check", "Not/An/Image"]).refused(2, "neither a spec nor an image");
    sandbox.run(["check"]).refused(2, "SPEC|IMAGE");
    sandbox.run(["check", "missing.toml"]).refused(2, "missing.toml");
    sandbox.run(["check", "oci:nowhere"]).refused(2, "nowhere");
}

#[test]
fn an_image_in_a_registry() {
    let sandbox = Sandbox::new();
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.file("deep/x", b"");
    lambda_base().layer(&tar.end()).put(&registry, "team/app", "v1");
    let image = format!("{}/team/app:v1", registry.host());
    let found = only(&sandbox, &[&image, "--profile", "lambda", "--allow", "command-unset"], "missing-parent");
    assert_eq!(found["where"]["paths"], json!(["/deep"]));
    // Each blob is read once.
    let blobs: Vec<String> = registry
        .log()
        .0
        .iter()
        .filter(|request| request.path.contains("/blobs/"))
        .map(|request| request.path.clone())
        .collect();
    let mut once = blobs.clone();
    once.sort();
    once.dedup();
    assert_eq!((blobs.len(), once.len()), (3, 3), "{blobs:?}");
    sandbox.run(["check", &format!("{}/team/other", registry.host())]).refused(3, "team/other");
}

#[test]
fn nothing_is_made_and_nothing_is_written_beside_the_store() {
    let sandbox = several();
    let before = sandbox.tree("");
    check(&sandbox, &["app.toml"]);
    let after: Vec<String> = sandbox.tree("").into_iter().filter(|path| !path.starts_with("cache")).collect();
    assert_eq!(after, before);
    assert!(!sandbox.path("cache/layers").exists() || sandbox.names("cache/layers").is_empty());
}

#[test]
fn hostile_images() {
    let sandbox = Sandbox::new();
    let with = |tar: Vec<u8>| HandMade::new().layer(&tar).write(&sandbox.path("bases"), "x");
    // What would steer a terminal is not printed.
    let mut tar = Tar::default();
    tar.folder("\x1b[31m/", 0o755).folder("\x1b[31m/.git/", 0o755).file("\x1b[31m/.git/x", b"");
    with(tar.end());
    let run = sandbox.run(["check", "oci:bases:x"]).ok();
    assert!(run.stdout.contains("[31m/.git") && !run.stdout.contains('\x1b'), "{:?}", run.stdout);
    // A size that is not there, a path out of the root, no tar at all, another blob than the digest says.
    let mut huge = Tar::default();
    huge.header(b'0', b"id_rsa", 0o644, 7 << 30, "").content(b"short");
    let broken = |why: &str| {
        let found = only(&sandbox, &["oci:bases:x"], "unreadable-layer");
        assert!(found["why"].as_str().unwrap().contains(why), "{found}");
    };
    with(huge.open_end());
    broken("unexpected EOF");
    let mut outside = Tar::default();
    outside.file("../../etc/passwd", b"");
    with(outside.end());
    broken("it holds the path `../../etc/passwd`, which leaves the root");
    with(b"no tar".repeat(500));
    broken("cannot be read");
    // Links in circles, a thousand whiteouts, an entry point that is no text.
    let mut tar = Tar::default();
    tar.symlink("a", "b").symlink("b", "a");
    for number in 0..1000 {
        tar.file(&format!("d{number}/.wh.x"), b"");
    }
    let mut image = HandMade::new().layer(&tar.end());
    image.config["config"] = json!({"Entrypoint": ["/a/b/c"], "Cmd": 3, "Env": [1, {"PATH": 2}], "WorkingDir": ["x"]});
    image.write(&sandbox.path("bases"), "x");
    assert_eq!(rules(&sandbox, &["oci:bases:x"]), ["entrypoint-missing"]);
    assert_eq!(rules(&sandbox, &["oci:bases:x", "--profile", "lambda"]), ["entrypoint-missing", "missing-parent"]);
}

#[test]
fn the_manual_lists_exactly_the_rules() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Mistakes").expect("a section on mistakes");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let listed: Vec<(&str, &str, &str)> = section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.trim_end_matches('`');
            Some((name, cells.next()?, cells.next()?))
        })
        .collect();
    let expected: Vec<(&str, &str, &str)> = Rule::ALL
        .iter()
        .map(|rule| (rule.name(), rule.severity().word(), rule.profile().map_or("any", |profile| profile.name())))
        .collect();
    assert_eq!(listed, expected);
    for rule in Rule::ALL {
        assert!(section.contains(&format!(" | {} |", rule.finds())), "`{rule}` {}", rule.finds());
    }
    // And so does the program.
    let sandbox = Sandbox::new();
    let text = sandbox.run(["check", "--rules"]).ok().stdout;
    assert_eq!(text.lines().count(), Rule::ALL.len());
    let documents = sandbox.run(["check", "--rules", "--json"]).ok().documents();
    for (document, rule) in documents.iter().zip(Rule::ALL) {
        assert_eq!(document["rule"], rule.name());
        assert_eq!(document["severity"] == "error", rule.severity() == Severity::Error);
    }
}
