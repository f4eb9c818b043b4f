//! What is refused, with the words: file, line and column, why, and what to do. Nothing is left behind.

use insta::assert_snapshot;
use regex::Regex;

use crate::support::images::{HandMade, Tar};
use crate::support::registry::{Registry, digest_of};
use crate::support::{Run, Sandbox};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("app/a.txt", "a\n").file("app/b.txt", "b\n").file("app/dir/c.txt", "c\n");
    let mut base = Tar::default();
    base.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n").file("srv/file", b"file\n");
    base.file("srv/dir/inner", b"inner\n");
    let mut image = HandMade::new().layer(&base.end());
    image.config["architecture"] = "amd64".into();
    image.write(&sandbox.path("bases"), "base");
    sandbox
}

const BASE: &str = "base=oci-layout://bases:base";

/// The exit code and what was said, without what differs from run to run; makes sure that nothing was left behind.
#[track_caller]
pub fn said(sandbox: &Sandbox, run: &Run) -> String {
    assert_eq!(run.stdout, "");
    assert!(!sandbox.path("out").exists(), "an image was left behind");
    if sandbox.path("cache/temporary").exists() {
        assert_eq!(sandbox.names("cache/temporary"), Vec::<String>::new());
    }
    let mut text = run.stderr.replace(sandbox.path("").to_str().unwrap(), "/sandbox/");
    for (pattern, instead) in [(r"127\.0\.0\.1:\d+", "web.example"), (r"sha256:[0-9a-f]{64}", "sha256:…")] {
        text = Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("exit code {}\n{}", run.code, lines.join("\n").trim_end())
}

#[track_caller]
fn refused(text: &str) -> String {
    refused_in(&sandbox(), text)
}

#[track_caller]
fn refused_in(sandbox: &Sandbox, text: &str) -> String {
    said(sandbox, &sandbox.try_dockerfile(text, &["--build-context", BASE]))
}

#[test]
fn an_unknown_instruction() {
    assert_snapshot!(refused("FROM base\nCOPPY a.txt /\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: `COPPY` is not an instruction
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPPY a.txt /
       · ─────
       ╰────
      help: did you mean `COPY`?
    "#);
}

#[test]
fn commands_that_have_to_run() {
    assert_snapshot!(refused(
        "FROM base AS deps\nRUN apt-get update && apt-get install -y gcc\nFROM deps\nCOPY a.txt /\nRUN pip install x | tee log\n"
    ), @r#"
    exit code 2
    error: app/Dockerfile:2:1: tarsia runs nothing, and this RUN needs the command `apt-get`
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base AS deps
     2 │ RUN apt-get update && apt-get install -y gcc
       · ────────────────────────────────────────────
     3 │ FROM deps
       ╰────
      help: build the stage once where it can run (docker build --target deps), push it, and build with --build-context deps=docker-image://REPOSITORY@DIGEST
    error: app/Dockerfile:5:1: tarsia runs nothing, and this RUN needs a pipe, `|`
       ╭─[app/Dockerfile:5:1]
     4 │ COPY a.txt /
     5 │ RUN pip install x | tee log
       · ───────────────────────────
       ╰────
      help: move what has to run, and all above it, into a stage of its own (FROM … AS deps; then FROM deps), build that once where it can run, and build with --build-context deps=docker-image://REPOSITORY@DIGEST
    error: 2 mistakes
    "#);
}

#[test]
fn commands_that_install_python_packages() {
    assert_snapshot!(refused("FROM base\nRUN pip install -r requirements.txt\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: tarsia runs nothing, and this RUN needs the command `pip`
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ RUN pip install -r requirements.txt
       · ───────────────────────────────────
       ╰────
      help: write a spec of it (`tarsia init`) without this RUN, and a layer of `wheels` with a lock of what it installs; or move what has to run, and all above it, into a stage of its own (FROM … AS deps; then FROM deps), build that once where it can run, and build with --build-context deps=docker-image://REPOSITORY@DIGEST
    "#);
}

#[test]
fn a_missing_source() {
    assert_snapshot!(refused("FROM base\nCOPY a.txt none.txt /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY a.txt none.txt /srv/` of the image `app` cannot be made
      ╰─▶ the context `app` has no `/none.txt`
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY a.txt none.txt /srv/
       · ─────────────────────────
       ╰────
      help: paths are relative to the context, and what its ignore file names is not in it
    "#);
}

#[test]
fn a_source_that_is_ignored() {
    let sandbox = sandbox();
    sandbox.file("app/.dockerignore", "*.txt\n");
    assert_snapshot!(refused_in(&sandbox, "FROM base\nCOPY a.txt /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY a.txt /srv/` of the image `app` cannot be made
      ╰─▶ the context `app` has no `/a.txt`
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY a.txt /srv/
       · ────────────────
       ╰────
      help: paths are relative to the context, and what its ignore file names is not in it
    "#);
}

#[test]
fn a_source_that_another_stage_has_not() {
    assert_snapshot!(refused("FROM base AS build\nFROM scratch\nCOPY --from=build /srv/none /\n"), @r#"
    exit code 2
    error: app/Dockerfile:3:1: the layer `COPY --from=build /srv/none /` of the image `app` cannot be made
      ╰─▶ the stage `build` has no `/srv/none`
       ╭─[app/Dockerfile:3:1]
     2 │ FROM scratch
     3 │ COPY --from=build /srv/none /
       · ─────────────────────────────
       ╰────
    "#);
}

#[test]
fn an_unknown_from() {
    assert_snapshot!(refused("FROM base\nCOPY --from=Builder /a /b\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:6: there is no stage `Builder` before this one, and as an image: `Builder` is not an image reference: a repository's name is lower-case
       ╭─[app/Dockerfile:2:6]
     1 │ FROM base
     2 │ COPY --from=Builder /a /b
       ·      ──────────────
       ╰────
      help: name a stage above, an image or a --build-context
    "#);
}

#[test]
fn a_stage_that_stands_later() {
    assert_snapshot!(refused("FROM base\nCOPY --from=later /a /b\nFROM base AS later\nCOPY --from=0 /b /c\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:6: the stage `later` cannot be copied from: it does not stand before this one
       ╭─[app/Dockerfile:2:6]
     1 │ FROM base
     2 │ COPY --from=later /a /b
       ·      ────────────
     3 │ FROM base AS later
       ╰────
    "#);
}

#[test]
fn an_unknown_target() {
    let sandbox = sandbox();
    let run = sandbox.try_dockerfile("FROM scratch AS one\nFROM scratch AS two\n", &["--target", "three"]);
    assert_snapshot!(said(&sandbox, &run), @r#"
    exit code 2
    error: app/Dockerfile:1:1: there is no stage `three`
       ╭─[app/Dockerfile:1:1]
     1 │ FROM scratch AS one
       · ▲
     2 │ FROM scratch AS two
       ╰────
      help: the stages are `one`, `two`
    "#);
}

#[test]
fn an_unknown_user() {
    assert_snapshot!(refused("FROM base\nCOPY --chown=app a.txt /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY --chown=app a.txt /srv/` of the image `app` cannot be made
      ╰─▶ there is no user `app` in `/etc/passwd` of the image
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY --chown=app a.txt /srv/
       · ────────────────────────────
       ╰────
      help: name the owner by its numbers, as in `1000:1000`
    "#);
}

#[test]
fn an_owner_that_is_none() {
    assert_snapshot!(refused("FROM base\nCOPY --chown=a:b:c a.txt /srv/\nCOPY --chmod=999 a.txt /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:6: `a:b:c` is no owner such as `user` or `user:group`
       ╭─[app/Dockerfile:2:6]
     1 │ FROM base
     2 │ COPY --chown=a:b:c a.txt /srv/
       ·      ─────────────
     3 │ COPY --chmod=999 a.txt /srv/
       ╰────
    error: app/Dockerfile:3:6: `999` is not a mode: write it octal, from 0 to 07777, or symbolic, such as `u+x,go=rX`
       ╭─[app/Dockerfile:3:6]
     2 │ COPY --chown=a:b:c a.txt /srv/
     3 │ COPY --chmod=999 a.txt /srv/
       ·      ───────────
       ╰────
    error: 2 mistakes
    "#);
}

#[test]
fn a_file_from_elsewhere_without_a_checksum() {
    assert_snapshot!(refused("FROM base\nADD https://example.org/x.tar /srv/\nCOPY https://example.org/x.tar /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:5: what `https://example.org/x.tar` holds may be something else tomorrow
       ╭─[app/Dockerfile:2:5]
     1 │ FROM base
     2 │ ADD https://example.org/x.tar /srv/
       ·     ─────────────────────────
     3 │ COPY https://example.org/x.tar /srv/
       ╰────
      help: say what it has to be: ADD --checksum=sha256:…
    error: app/Dockerfile:3:6: COPY does not fetch `https://example.org/x.tar`
       ╭─[app/Dockerfile:3:6]
     2 │ ADD https://example.org/x.tar /srv/
     3 │ COPY https://example.org/x.tar /srv/
       ·      ─────────────────────────
       ╰────
      help: use ADD with --checksum
    error: 2 mistakes
    "#);
}

#[test]
fn a_wrong_checksum() {
    let registry = Registry::start();
    let url = registry.put_file("/x.txt", "something else\n");
    let text = format!("FROM base\nADD --checksum={} {url} /srv/\n", digest_of(b"x"));
    // The underline is as long as the line, and that as the port.
    let said = Regex::new("─{20,}|·  *─+").unwrap().replace_all(&refused(&text), "…").into_owned();
    assert_snapshot!(said, @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `ADD --checksum=sha256:… http://web.example/x.txt /srv/` of the image `app` cannot be made
      ├─▶ failed to get the contents of files
      ╰─▶ `http://web.example/x.txt` is not what its checksum says, but sha256:…
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ ADD --checksum=sha256:… http://web.example/x.txt /srv/
       …
       ╰────
      help: if that is the file that is meant, write this digest in --checksum
    "#);
}

#[test]
fn a_checksum_of_something_else() {
    let sum = digest_of(b"x");
    assert_snapshot!(refused(&format!(
        "FROM base\nADD --checksum=md5:1 https://example.org/x /srv/\nADD --checksum={sum} a.txt /srv/\n\
         ADD --checksum={sum} https://example.org/x https://example.org/y /srv/\n"
    )), @r#"
    exit code 2
    error: app/Dockerfile:2:5: `md5:1` is no checksum such as sha256:…
       ╭─[app/Dockerfile:2:5]
     1 │ FROM base
     2 │ ADD --checksum=md5:1 https://example.org/x /srv/
       ·     ────────────────
     3 │ ADD --checksum=sha256:… a.txt /srv/
       ╰────
    error: app/Dockerfile:3:88: `a.txt` is a path of the context, and checksums are of files from elsewhere
       ╭─[app/Dockerfile:3:88]
     2 │ ADD --checksum=md5:1 https://example.org/x /srv/
     3 │ ADD --checksum=sha256:… a.txt /srv/
       ·                                                                                        ─────
     4 │ ADD --checksum=sha256:… https://example.org/x https://example.org/y /srv/
       ╰────
      help: leave --checksum out
    error: app/Dockerfile:4:5: one checksum for several sources
       ╭─[app/Dockerfile:4:5]
     3 │ ADD --checksum=sha256:… a.txt /srv/
     4 │ ADD --checksum=sha256:… https://example.org/x https://example.org/y /srv/
       ·     ──────────────────────────────────────────────────────────────────────────────────
       ╰────
      help: write an ADD for each file from elsewhere
    error: 3 mistakes
    "#);
}

#[test]
fn a_git_repository() {
    assert_snapshot!(refused("FROM base\nADD https://github.com/moby/buildkit.git#v0.10.1 /src/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:5: `https://github.com/moby/buildkit.git#v0.10.1` is a git repository, which tarsia does not clone
       ╭─[app/Dockerfile:2:5]
     1 │ FROM base
     2 │ ADD https://github.com/moby/buildkit.git#v0.10.1 /src/
       ·     ────────────────────────────────────────────
       ╰────
      help: check it out, and give its folder with --build-context NAME=DIR and COPY --from=NAME
    "#);
}

#[test]
fn a_file_in_the_place_of_a_directory() {
    let sandbox = sandbox();
    sandbox.file("app/tree/dir", "a file\n");
    assert_snapshot!(refused_in(&sandbox, "FROM base\nCOPY tree /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY tree /srv/` of the image `app` cannot be made
      ╰─▶ `/srv/dir` would be a file, but the image below has a directory there
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY tree /srv/
       · ───────────────
       ╰────
      help: lay it into the directory, as `/srv/dir/NAME`, or write the destination `/srv/dir/`
    "#);
}

#[test]
fn a_directory_in_the_place_of_a_file() {
    assert_snapshot!(refused("FROM base\nCOPY dir /srv/file\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY dir /srv/file` of the image `app` cannot be made
      ╰─▶ `/srv/file` would be a directory, but the image below has a file there
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY dir /srv/file
       · ──────────────────
       ╰────
    "#);
}

#[test]
fn a_directory_below_a_file() {
    assert_snapshot!(refused("FROM base\nCOPY a.txt /srv/file/a.txt\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY a.txt /srv/file/a.txt` of the image `app` cannot be made
      ╰─▶ `/srv/file` would be a directory, but the image below has a file there
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY a.txt /srv/file/a.txt
       · ──────────────────────────
       ╰────
    "#);
}

#[test]
fn several_sources_and_no_directory() {
    assert_snapshot!(refused("FROM base\nCOPY a.txt b.txt /srv/dir\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:18: 2 sources are copied to `/srv/dir`, which is written as one file
       ╭─[app/Dockerfile:2:18]
     1 │ FROM base
     2 │ COPY a.txt b.txt /srv/dir
       ·                  ────────
       ╰────
      help: write `/srv/dir/`
    "#);
}

#[test]
fn a_context_that_is_missing() {
    let sandbox = sandbox();
    let run = sandbox.try_dockerfile("FROM scratch\nCOPY a.txt /\n", &["--context", "none"]);
    assert_snapshot!(said(&sandbox, &run), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY a.txt /` of the image `app` cannot be made
      ╰─▶ the context `none` does not exist
       ╭─[app/Dockerfile:2:1]
     1 │ FROM scratch
     2 │ COPY a.txt /
       · ────────────
       ╰────
      help: paths in a spec are relative to its folder, those of flags to the current one
    "#);
}

#[test]
fn a_named_context_that_is_missing() {
    let sandbox = sandbox();
    let run = sandbox.try_dockerfile("FROM scratch\nCOPY --from=docs a /\n", &["--build-context", "docs=none"]);
    assert_snapshot!(said(&sandbox, &run), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY --from=docs a /` of the image `app` cannot be made
      ╰─▶ the context `none` does not exist
       ╭─[app/Dockerfile:2:1]
     1 │ FROM scratch
     2 │ COPY --from=docs a /
       · ────────────────────
       ╰────
      help: paths in a spec are relative to its folder, those of flags to the current one
    "#);
}

#[test]
fn a_fifo_is_in_the_way_where_it_is_copied() {
    let sandbox = sandbox();
    crate::support::tools::tool("mkfifo", [sandbox.path("app/pipe").to_str().unwrap()]);
    assert_snapshot!(refused_in(&sandbox, "FROM base\nCOPY a* p* /srv/\n"), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY a* p* /srv/` of the image `app` cannot be made
      ╰─▶ `/pipe` is a FIFO, which no layer can hold
       ╭─[app/Dockerfile:2:1]
     1 │ FROM base
     2 │ COPY a* p* /srv/
       · ────────────────
       ╰────
    "#);
    assert_eq!(sandbox.try_dockerfile("FROM base\nCOPY . /srv/\n", &["--build-context", BASE]).code, 2);
    assert_eq!(sandbox.try_dockerfile("FROM base\nCOPY --exclude=pipe . /srv/\n", &["--build-context", BASE]).code, 0);
    assert_eq!(sandbox.try_dockerfile("FROM base\nCOPY a.txt dir /srv/\n", &["--build-context", BASE]).code, 0);
}

#[test]
fn an_output_inside_what_is_copied() {
    let sandbox = sandbox();
    sandbox.folder("app/dir");
    let build = |text: &str, output: &str| {
        sandbox.dockerfile(text);
        sandbox.run(["build", "app/Dockerfile", "-o", output])
    };
    let run = build("FROM scratch\nCOPY . /srv/\n", "oci:app/dir/out");
    assert_snapshot!(said(&sandbox, &run), @r#"
    exit code 2
    error: app/Dockerfile:2:1: the layer `COPY . /srv/` of the image `app` cannot be made
      ╰─▶ `/sandbox/app/dir/out`, where this run writes, lies in the context `app`
       ╭─[app/Dockerfile:2:1]
     1 │ FROM scratch
     2 │ COPY . /srv/
       · ────────────
       ╰────
      help: write elsewhere, or name it in the ignore file or in `exclude`
    "#);
    assert!(!sandbox.path("app/dir/out").exists());
    // Where it is not copied it may lie.
    build("FROM scratch\nCOPY a.txt /srv/\n", "oci:app/dir/out").ok();
    build("FROM scratch\nCOPY a.txt /srv/\n", "oci:app/dir/out").ok();
    sandbox.file("app/.dockerignore", "dir/out\n");
    build("FROM scratch\nCOPY . /srv/\n", "oci:app/dir/out").ok();
}

#[test]
fn what_cannot_be_read_hides_nothing_that_cannot_be_done() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch AS deps\nRUN make\nFROM deps\nFOO bar\nRUN curl x\n";
    let run = sandbox.try_dockerfile(text, &[]).refused(2, "error: 3 mistakes");
    let at = |words: &str| run.stderr.find(words).unwrap_or_else(|| panic!("no `{words}` in:\n{}", run.stderr));
    let places = [at("app/Dockerfile:2:1: "), at("app/Dockerfile:4:1: `FOO`"), at("app/Dockerfile:5:1: ")];
    assert!(places.is_sorted(), "{}", run.stderr);
}
