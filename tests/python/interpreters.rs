//! Where the base has its interpreter, and what is said where it has none.

use crate::support::wheels::SmallWheel;
use crate::support::{Run, Sandbox};

/// Builds a small wheel for platforms over a base of these paths with this `PATH`; `layer` are more lines of the layer.
fn build(entries: &[&str], search_path: &str, layer: &str) -> (Sandbox, Run) {
    let sandbox = Sandbox::new();
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| match entry.split_once(" -> ") {
            Some((path, target)) => format!("{{ path = {path:?}, link = {target:?} }}"),
            None if entry.ends_with('/') => format!("{{ path = {entry:?} }}"),
            None => format!("{{ path = {entry:?}, text = \"\", mode = \"0755\" }}"),
        })
        .collect();
    sandbox.file(
        "base.toml",
        format!(
            "name = \"base\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[[layer]]\nname = \"skeleton\"\n\
             entries = [\n  {},\n]\n\n[config]\nenv = {{ PATH = {search_path:?} }}\n",
            entries.join(",\n  ")
        ),
    );
    SmallWheel::new("quick", "1.0")
        .binary("cp312-cp312-manylinux_2_17_x86_64")
        .script("quick = quick:main")
        .data("purelib/slow.py", "")
        .write(&sandbox.path("wheels"));
    sandbox.file(
        "app.toml",
        format!(
            "name = \"app\"\nbase = {{ spec = \"base.toml\" }}\nplatforms = [\"linux/amd64\"]\n\n\
             [[layer]]\nname = \"dependencies\"\nwheels = \"wheels/\"\npython = \"3.12\"\n{layer}\n"
        ),
    );
    let run = sandbox.run(["build", "app.toml"]);
    (sandbox, run)
}

/// Makes sure that the build is refused with these words.
#[track_caller]
fn refused((sandbox, run): (Sandbox, Run), words: &[&str]) {
    assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
    let told = run.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    for words in words {
        assert!(told.contains(words), "`{words}`: {}", run.stderr);
    }
    super::assert_nothing_left(&sandbox);
}

const LIBC: &str = "/lib64/libc.so.6";

#[test]
fn an_interpreter_that_is_a_link_has_its_library_elsewhere() {
    let (sandbox, run) = build(
        &[
            LIBC,
            "/opt/python/3.12.4/bin/python3.12",
            "/opt/python/3.12.4/lib/python3.12/site-packages/",
            "/usr/local/bin/python3.12 -> /opt/python/3.12.4/bin/python3.12",
        ],
        "/usr/local/bin:/usr/bin:/bin",
        "",
    );
    run.ok();
    let image = sandbox.unpack("app");
    let site = "opt/python/3.12.4/lib/python3.12/site-packages";
    for path in ["quick.py", "slow.py", "quick-1.0.dist-info/RECORD"] {
        assert_eq!(image.line(&format!("{site}/{path}")), "f 0644 0:0", "{path}");
    }
    assert_eq!(image.line("usr/local/lib"), "-");
    let script = image.text("opt/python/3.12.4/bin/quick");
    assert!(script.starts_with("#!/usr/local/bin/python3.12\n"), "{script}");
}

#[test]
fn modules_of_the_platform_have_a_place_of_their_own_where_lib64_is_one() {
    let (sandbox, run) = build(
        &[
            LIBC,
            "/usr/bin/python3.12",
            "/usr/lib/python3.12/site-packages/",
            "/usr/lib64/python3.12/os.py",
            "/usr/lib64/python3.12/site-packages/",
        ],
        "/usr/bin/../bin",
        "",
    );
    run.ok();
    let image = sandbox.unpack("app");
    for path in ["lib64/python3.12/site-packages/quick.py", "lib/python3.12/site-packages/slow.py"] {
        assert_eq!(image.line(&format!("usr/{path}")), "f 0644 0:0", "{path}");
    }
    let record = image.text("usr/lib64/python3.12/site-packages/quick-1.0.dist-info/RECORD");
    assert!(record.contains("\n../../../lib/python3.12/site-packages/slow.py,sha256="), "{record}");
}

#[test]
fn what_is_no_interpreter_is_not_taken_for_one() {
    for other in ["/usr/local/bin/python3.12 -> /nowhere", "/usr/local/bin/python3.12/", "/usr/local/bin/python3.12"] {
        let built = build(&[LIBC, other], "/usr/local/bin", "");
        refused(built, &["the image has no python3.12 in its PATH, `/usr/local/bin`", "for example into = "]);
    }
}

#[test]
fn interpreters_of_other_versions_are_named() {
    let base = [LIBC, "/var/lang/bin/python3.11", "/var/lang/lib/python3.11/site-packages/"];
    refused(
        build(&base, "/var/lang/bin:/usr/bin", ""),
        &[
            "the image has no python3.12 in its PATH, `/var/lang/bin:/usr/bin`; it has `/var/lang/bin/python3.11`",
            "write python = \"3.11\", or say where the distributions go",
        ],
    );
    // Nor is a folder of another version laid into as if it were any folder.
    for into in ["/var/lang/lib/python3.11/site-packages", "/opt/site/"] {
        let base = [&base[..], &["/opt/site -> /var/lang/lib/python3.11/site-packages"]].concat();
        refused(
            build(&base, "/var/lang/bin", &format!("into = {into:?}")),
            &[
                &format!("`{}` is where python3.11 looks, and the layer is for python3.12", into.trim_end_matches('/')),
                "write python = \"3.11\", or another folder for `into`",
            ],
        );
    }
}
