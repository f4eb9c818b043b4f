//! Ignore patterns that miss what they were written for.

use serde_json::json;

use super::{check, clean, findings, only, plain};
use crate::support::Sandbox;

/// A context with caches below packages.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    plain(&sandbox);
    sandbox.file("code/app.py", "").file("code/pkg/logs/one.log", "12345").file("code/pkg/logs/two.log", "678");
    sandbox
}

#[test]
fn a_pattern_of_the_ignore_file() {
    let sandbox = sandbox();
    sandbox.file("code/.dockerignore", "# left out\n.dockerignore\nlogs/\n");
    let found = only(&sandbox, &["app.toml"], "ignore-pattern");
    let expected = json!({
        "file": "code/.dockerignore",
        "line": 3,
        "column": null,
        "layer": 0,
        "layer_name": "code",
        "layer_digest": null,
        "field": null,
        "paths": ["pkg/logs/one.log", "pkg/logs/two.log"],
        "count": 2,
        "size": 8,
    });
    assert_eq!(found["where"], expected);
    assert!(found["help"].as_str().unwrap().contains("`**/logs/`"), "{found}");
    // So written it matches.
    sandbox.file("code/.dockerignore", ".dockerignore\n**/logs/\n");
    clean(&sandbox, &["app.toml"]);
    // So it is meant.
    sandbox.file("code/.dockerignore", ".dockerignore\n/logs/\n");
    clean(&sandbox, &["app.toml"]);
}

#[test]
fn a_pattern_that_matches_what_another_leaves_out_is_fine() {
    let sandbox = sandbox();
    sandbox.file("code/build/logs/x", "").file("code/.dockerignore", ".dockerignore\nbuild\nbuild/logs\n");
    clean(&sandbox, &["app.toml"]);
    sandbox.file("code/logs/x", "").file("code/.dockerignore", ".dockerignore\nbuild\nlogs\n");
    clean(&sandbox, &["app.toml"]);
}

#[test]
fn a_pattern_for_files_that_nobody_lays() {
    let sandbox = sandbox();
    sandbox.file("code/.dockerignore", "logs\n");
    let spec = "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nfrom = \"app.py\"\nto = \"/srv/\"\n";
    sandbox.file("app.toml", spec);
    clean(&sandbox, &["app.toml"]);
}

#[test]
fn a_pattern_of_the_spec() {
    let sandbox = sandbox();
    let spec = "name = \"app\"\nbase = \"scratch\"\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n\
                exclude = [\"**/*.tmp\",\n  \"*.log\"]\n";
    sandbox.file("app.toml", spec);
    let found = only(&sandbox, &["app.toml"], "ignore-pattern");
    assert_eq!((&found["where"]["file"], &found["where"]["line"]), (&json!("app.toml"), &json!(8)));
    assert_eq!((&found["where"]["column"], &found["where"]["count"]), (&json!(3), &json!(2)));
}

#[test]
fn a_pattern_for_files_that_come_by_way_of_a_stage() {
    let sandbox = sandbox();
    sandbox
        .file("Dockerfile", "FROM scratch AS sources\nCOPY code /src\nFROM scratch\nCOPY --from=sources /src /srv\n");
    sandbox.file(".dockerignore", "logs\n");
    let found = only(&sandbox, &["Dockerfile"], "ignore-pattern");
    assert_eq!((&found["where"]["file"], &found["where"]["line"]), (&json!("./.dockerignore"), &json!(1)));
    assert_eq!(found["where"]["paths"], json!(["code/pkg/logs/one.log", "code/pkg/logs/two.log"]));
}

#[test]
fn patterns_of_a_dockerfile() {
    let sandbox = sandbox();
    sandbox.file("code/pkg/data.txt", "").file(
        "Dockerfile",
        "FROM scratch\nCOPY code/app.py /a/\nCOPY --exclude=logs code/pkg /srv/pkg\nCOPY --exclude=*.log code /b\n",
    );
    sandbox.file("Dockerfile.dockerignore", "*.py\n");
    let run = check(&sandbox, &["Dockerfile"]);
    let found = findings(&run);
    let places: Vec<String> = found
        .iter()
        .map(|finding| {
            format!(
                "{}:{} {}",
                finding["where"]["file"].as_str().unwrap(),
                finding["where"]["line"],
                finding["where"]["paths"]
            )
        })
        .collect();
    // The first `--exclude` matches: it is relative to its source.
    assert_eq!(
        places,
        [r#"Dockerfile.dockerignore:1 ["code/app.py"]"#, r#"Dockerfile:4 ["pkg/logs/one.log","pkg/logs/two.log"]"#,],
        "{found:#?}"
    );
    assert!(found.iter().all(|finding| finding["rule"] == "ignore-pattern"));
}
