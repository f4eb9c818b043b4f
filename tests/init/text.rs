//! What init writes, and says.

use super::{init, sandbox};

#[test]
fn the_spec_reads_like_one_written_by_hand() {
    let sandbox = sandbox();
    sandbox.file(
        "Dockerfile",
        "FROM plain AS build\nRUN mkdir -p /out\nCOPY src /out/src\n\nFROM plain\nENV PYTHONUNBUFFERED=1\nWORKDIR /app\n\
         COPY --from=build --chown=app /out/src ./src/\nCOPY <<EOF /etc/motd\nhello\n\"you\"\nEOF\n\
         RUN chmod 644 /app/src/*.py && rm -rf /var/cache/apt\nEXPOSE 8080\nCMD [\"python3\", \"src/one.py\"]\n",
    );
    let run = init(&sandbox, &[]).ok();
    assert_eq!(run.stdout, "app.toml\napp-build.toml\n");
    let text = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    assert_eq!(
        text,
        r##"# What `Dockerfile` says, as `tarsia init` wrote it down.
name = "app"
base = "oci:bases:plain"
platforms = ["linux/amd64"]

[[layer]]
name = "WORKDIR /app"
workdir = "/app"

[[layer]]
name = "COPY --from=build --chown=app /out/src ./src/"
image = { spec = "app-build.toml" }
sources = ["/out/src"]
to = "/app/src/"
owner = "app"

[[layer]]
name = "COPY <<EOF /etc/motd"
sources = [
  { name = "EOF", text = """
hello
"you"
""" },
]
to = "/etc/motd"

[[layer]]
name = "RUN chmod 644 /app/src/*.py && rm -rf /var/cache/apt"
run = ["chmod 644 /app/src/*.py", "rm -rf /var/cache/apt"]

[config]
env = { PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", PYTHONUNBUFFERED = "1" }
workdir = "/app"
cmd = ["python3", "src/one.py"]
args_escaped = true
expose = [8080]
"##
    );
    let text = std::fs::read_to_string(sandbox.path("app-build.toml")).unwrap();
    assert_eq!(
        text,
        r#"# The stage `build` of `Dockerfile`, which `app.toml` copies from; nothing of its config.
name = "app-build"
base = "oci:bases:plain"
platforms = ["linux/amd64"]

[[layer]]
name = "RUN mkdir -p /out"
run = ["mkdir -p /out"]

[[layer]]
name = "COPY src /out/src"
context = "ctx"
sources = ["src"]
to = "/out/src"
"#
    );
}

#[test]
fn the_report_is_one_document() {
    let sandbox = sandbox();
    sandbox.file("Dockerfile", "FROM scratch AS b\nCOPY a.txt /\nFROM scratch\nCOPY --from=b / /\n");
    sandbox.folder("specs").file("specs/spec.schema.json", "{}");
    let run = init(&sandbox, &["--json", "-o", "specs/mine.toml"]).ok();
    let files = serde_json::json!(["specs/mine.toml", "specs/app-b.toml"]);
    assert_eq!(run.documents(), [serde_json::json!({"schema": 1, "name": "app", "files": files})]);
    let text = std::fs::read_to_string(sandbox.path("specs/mine.toml")).unwrap();
    assert!(text.starts_with("#:schema ./spec.schema.json\n# What `../Dockerfile` says"), "{text}");
}
