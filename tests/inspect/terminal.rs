//! On a terminal lines are as wide as it is; elsewhere they are never cut and never coloured.

use serde_json::json;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::tools::tool;

/// What the program shows on a terminal of so many columns.
fn shown(sandbox: &Sandbox, columns: usize, arguments: &str, environment: &str) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_tarsia");
    let folder = sandbox.path("");
    let line = format!(
        "cd {} && stty cols {columns} rows 40 && env -u NO_COLOR TERM=xterm {environment} TARSIA_CACHE_DIR=cache HOME=home \
         {program} inspect {arguments} 2>/dev/null",
        folder.display()
    );
    let text = tool("script", ["-qec", &line, "/dev/null"]);
    text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// How many columns a line takes, colours left out. Each of the letters used here takes one, or two if it is Chinese.
fn columns(line: &str) -> usize {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.chars().map(|c| if ('\u{4e00}'..'\u{a000}').contains(&c) { 2 } else { 1 }).sum()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.file(&format!("usr/lib/python3/{}/x.py", "long-name/".repeat(4)), b"x");
    tar.file(&format!("{}.txt", "漢字".repeat(10)), b"x");
    tar.file("gone", b"x");
    let mut image = HandMade::new().layer(&tar.end());
    image.config["history"] = json!([{"created_by": format!("RUN {}", "make everything && ".repeat(20))}]);
    image.config["config"]["Env"] = json!([format!("PATH={}", "/usr/bin:".repeat(30))]);
    let mut second = Tar::default();
    second.folder("a/", 0o755).symlink("a/link", &"far/".repeat(20)).file(".wh.gone", b"");
    image.layer(&second.end()).write(&sandbox.path("made"), "app");
    sandbox
}

#[test]
fn lines_are_as_wide_as_the_terminal() {
    let sandbox = sandbox();
    let path = format!("/usr/lib/python3/{}x.py", "long-name/".repeat(4));
    for width in [40, 60, 80, 120] {
        for arguments in ["", "--files", "--tree", "--tree --depth 2", "--tree --layer 1", &path, "/a/link"] {
            let lines = shown(&sandbox, width, &format!("oci:made:app {arguments}"), "");
            assert!(lines.len() >= 2, "{lines:?}");
            // What is known of one layer is never cut.
            let is_whole = |line: &&String| line.contains("sha256:") || line.starts_with("  media type");
            for line in lines.iter().filter(|line| !is_whole(line)) {
                assert!(columns(line) <= width, "{arguments} {width}: {} {line:?}", columns(line));
            }
        }
    }
    // What is said after a name is there where there is room for it.
    let deep = shown(&sandbox, 60, "oci:made:app --tree --depth 2", "NO_COLOR=1").join("\n");
    assert!(deep.contains("lib/ (6 below)"), "{deep}");
    let gone = shown(&sandbox, 40, "oci:made:app --tree --layer 1", "NO_COLOR=1").join("\n");
    assert!(gone.contains("gone (deleted)"), "{gone}");
    let narrow = shown(&sandbox, 50, "oci:made:app --files", "").join("\n");
    assert!(narrow.contains("/usr/li") && narrow.contains("…") && narrow.contains("/x.py"), "{narrow}");
    // A digest is never cut.
    let digest = sandbox.run(["inspect", "oci:made:app", "--json"]).ok().documents()[0]["digest"].clone();
    assert!(narrow.contains(digest.as_str().unwrap()), "{narrow}");
    // Nor is anything that goes to a file.
    let whole = sandbox.run(["inspect", "oci:made:app", "--files"]).ok().stdout;
    assert!(!whole.contains('…') && whole.contains(&path) && whole.contains(&"/usr/bin:".repeat(30)), "{whole}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let sandbox = sandbox();
    let coloured = |environment: &str| shown(&sandbox, 80, "oci:made:app", environment).join("\n").contains('\x1b');
    assert!(coloured(""));
    assert!(!coloured("NO_COLOR=1"));
    assert!(!coloured("TERM=dumb"));
    assert!(!sandbox.run(["inspect", "oci:made:app"]).ok().stdout.contains('\x1b'));
}

#[test]
fn a_digest_that_does_not_fit_has_its_own_line() {
    let sandbox = Sandbox::new();
    HandMade::small().write(&sandbox.path("bases"), "one");
    let attestation = json!({"os": "unknown", "architecture": "unknown"});
    let image = json!({"os": "linux", "architecture": "arm64"});
    sandbox.index_of_bases("index", &[("one", image), ("one", attestation)]);
    for (width, folded) in [(40, true), (60, true), (120, false)] {
        let lines = shown(&sandbox, width, "oci:bases:index", "NO_COLOR=1");
        let whole: Vec<&String> = lines.iter().filter(|line| line.contains("sha256:")).collect();
        assert_eq!(whole.len(), 2, "{lines:?}");
        assert!(whole.iter().all(|line| line.starts_with("  sha256:") == folded), "{width}: {lines:?}");
        assert!(lines.iter().all(|line| line.contains("sha256:") || columns(line) <= width), "{width}: {lines:?}");
    }
}
