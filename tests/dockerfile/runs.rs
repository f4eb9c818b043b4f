//! `RUN` without a shell: what the one-liners do to the files of a base, as `umoci` unpacks it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown};
use std::path::Path;

use crate::support::{Sandbox, Unpacked};

/// A base `bases:base` with accounts, files, links, hidden files and modes of all kinds.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
        .file("tree/etc/group", "root:x:0:\nstaff:x:50:\napp:x:1001:\n")
        .file("tree/srv/a.txt", "a\n")
        .file("tree/srv/b.txt", "b\n")
        .file("tree/srv/.hidden", "hidden\n")
        .executable("tree/srv/run", "#!/bin/sh\n")
        .file("tree/srv/sub/deep/c.txt", "c\n")
        .link("tree/srv/link", "a.txt")
        .link("tree/srv/dangling", "nowhere")
        .link("tree/lib", "srv/sub")
        .folder("tree/srv/empty")
        .folder("tree/tmp");
    fs::set_permissions(sandbox.path("tree/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(sandbox.path("tree/srv/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    sandbox.base("base", "tree");
    sandbox
}

fn build(sandbox: &Sandbox, run: &str) -> Unpacked {
    sandbox.built(&format!("FROM base\nENV DIR=/srv NAME=\"two words\"\nWORKDIR /srv\n{run}\n"), FLAGS)
}

const FLAGS: &[&str] = &["--build-context", "base=oci-layout://bases:base"];

/// What differs between two listings, one line each: `+` what is there now, `-` what was.
fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    for path in paths {
        match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) if old == new => {}
            (_, Some(new)) => lines.push(format!("{path}: {new}")),
            (Some(_), None) => lines.push(format!("{path}: -")),
            (None, None) => {}
        }
    }
    lines
}

/// Each line, and what differs afterwards from the base.
const CASES: &[(&str, &[&str])] = &[
    ("RUN mkdir new", &["srv/new: d 0755 0:0"]),
    ("RUN mkdir -p new/er /srv/sub", &["srv/new: d 0755 0:0", "srv/new/er: d 0755 0:0"]),
    ("RUN mkdir -m 0700 a && mkdir -pm 1777 b/c", &["srv/a: d 0700 0:0", "srv/b: d 0755 0:0", "srv/b/c: d 1777 0:0"]),
    ("RUN mkdir -m u=rwx,go= a b", &["srv/a: d 0700 0:0", "srv/b: d 0700 0:0"]),
    ("RUN mkdir -p -m 700 sub", &[]),
    ("RUN mkdir /lib/x", &["srv/sub/x: d 0755 0:0"]),
    ("RUN mkdir -p a && chmod 700 a && touch a/b", &["srv/a: d 0700 0:0", "srv/a/b: f 0644 0:0"]),
    ("RUN chmod 600 a.txt b.txt", &["srv/a.txt: f 0600 0:0", "srv/b.txt: f 0600 0:0"]),
    ("RUN chmod 600 *.txt", &["srv/a.txt: f 0600 0:0", "srv/b.txt: f 0600 0:0"]),
    ("RUN chmod 0600 [!a].txt", &["srv/b.txt: f 0600 0:0"]),
    ("RUN chmod 600 ?.txt '*'.md || true", &["!"]),
    ("RUN chmod 600 link", &["srv/a.txt: f 0600 0:0"]),
    ("RUN chmod 600 /lib/deep/*", &["srv/sub/deep/c.txt: f 0600 0:0"]),
    ("RUN chmod +x a.txt", &["srv/a.txt: f 0755 0:0"]),
    ("RUN chmod u+x,g-r,o= a.txt", &["srv/a.txt: f 0700 0:0"]),
    ("RUN chmod -x run", &["srv/run: f 4644 0:0"]),
    ("RUN chmod a=r,u+w run", &["srv/run: f 0644 0:0"]),
    ("RUN chmod g+s,+t empty", &["srv/empty: d 3755 0:0"]),
    ("RUN chmod 755 run", &["srv/run: f 0755 0:0"]),
    ("RUN chmod 700 /tmp", &["tmp: d 0700 0:0"]),
    ("RUN chmod -R 700 sub", &["srv/sub: d 0700 0:0", "srv/sub/deep: d 0700 0:0", "srv/sub/deep/c.txt: f 0700 0:0"]),
    ("RUN chmod -R go-rX sub", &["srv/sub: d 0700 0:0", "srv/sub/deep: d 0700 0:0", "srv/sub/deep/c.txt: f 0600 0:0"]),
    ("RUN chmod -R a+rX sub", &[]),
    ("RUN chmod --recursive 711 empty", &["srv/empty: d 0711 0:0"]),
    ("RUN chown 7 a.txt", &["srv/a.txt: f 0644 7:0"]),
    ("RUN chown 7:8 a.txt", &["srv/a.txt: f 0644 7:8"]),
    ("RUN chown app a.txt", &["srv/a.txt: f 0644 1000:0"]),
    ("RUN chown app: a.txt", &["srv/a.txt: f 0644 1000:1001"]),
    ("RUN chown app:staff a.txt", &["srv/a.txt: f 0644 1000:50"]),
    ("RUN chown :staff a.txt", &["srv/a.txt: f 0644 0:50"]),
    ("RUN chown app run", &["srv/run: f 0755 1000:0"]),
    ("RUN chown app link", &["srv/a.txt: f 0644 1000:0"]),
    ("RUN chown -h app link", &["srv/link: l 1000:0 -> a.txt"]),
    (
        "RUN chown -R app:app sub link",
        &[
            "srv/link: l 1000:1001 -> a.txt",
            "srv/sub: d 0755 1000:1001",
            "srv/sub/deep: d 0755 1000:1001",
            "srv/sub/deep/c.txt: f 0644 1000:1001",
        ],
    ),
    ("RUN touch new a.txt", &["srv/new: f 0644 0:0"]),
    ("RUN touch dangling", &["srv/nowhere: f 0644 0:0"]),
    (
        "RUN touch .dot 'with space' \"$NAME\"",
        &["srv/.dot: f 0644 0:0", "srv/two words: f 0644 0:0", "srv/with space: f 0644 0:0"],
    ),
    ("RUN touch $NAME", &["srv/two: f 0644 0:0", "srv/words: f 0644 0:0"]),
    ("RUN touch ${DIR}/${X:-x} ${DIR:+set}", &["srv/set: f 0644 0:0", "srv/x: f 0644 0:0"]),
    ("ARG X=arg\nRUN touch $X", &["srv/arg: f 0644 0:0"]),
    ("RUN touch $HOME-x", &["root-x: f 0644 0:0"]),
    ("RUN ln -s a.txt new", &["srv/new: l 0:0 -> a.txt"]),
    ("RUN ln -s /etc/passwd", &["srv/passwd: l 0:0 -> /etc/passwd"]),
    (
        "RUN ln -s /etc/passwd /etc/group empty",
        &["srv/empty/group: l 0:0 -> /etc/group", "srv/empty/passwd: l 0:0 -> /etc/passwd"],
    ),
    ("RUN ln -sf b.txt link", &["srv/link: l 0:0 -> b.txt"]),
    ("RUN ln -sf b.txt a.txt", &["srv/a.txt: l 0:0 -> b.txt"]),
    ("RUN ln -sf x /lib", &["srv/sub/x: l 0:0 -> x"]),
    ("RUN ln -sfn x /lib", &["lib: l 0:0 -> x"]),
    ("RUN ln -snf x empty", &["srv/empty/x: l 0:0 -> x"]),
    ("RUN rm a.txt", &["srv/a.txt: -"]),
    ("RUN rm -f a.txt none", &["srv/a.txt: -"]),
    ("RUN rm *.txt", &["srv/a.txt: -", "srv/b.txt: -"]),
    ("RUN rm -f *.none a.txt/ dangling/", &[]),
    ("RUN rm link", &["srv/link: -"]),
    ("RUN rm -r sub", &["srv/sub: -", "srv/sub/deep: -", "srv/sub/deep/c.txt: -"]),
    ("RUN rm -rf /lib/*", &["srv/sub/deep: -", "srv/sub/deep/c.txt: -"]),
    ("RUN rm -rf /lib", &["lib: -"]),
    (
        "RUN rm -rf ./* ../tmp",
        &[
            "srv/a.txt: -",
            "srv/b.txt: -",
            "srv/dangling: -",
            "srv/empty: -",
            "srv/link: -",
            "srv/run: -",
            "srv/sub: -",
            "srv/sub/deep: -",
            "srv/sub/deep/c.txt: -",
            "tmp: -",
        ],
    ),
    ("RUN rm -rf sub && mkdir sub", &["srv/sub/deep: -", "srv/sub/deep/c.txt: -"]),
    ("RUN rm -rf sub && mkdir -p sub/deep", &["srv/sub/deep/c.txt: -"]),
    (
        "RUN rm -rf sub && mkdir -p -m 700 sub && touch sub/x",
        &["srv/sub: d 0700 0:0", "srv/sub/deep: -", "srv/sub/deep/c.txt: -", "srv/sub/x: f 0644 0:0"],
    ),
    ("RUN rm -rf sub\nRUN mkdir sub", &["srv/sub/deep: -", "srv/sub/deep/c.txt: -"]),
    ("RUN rm -rf sub\nCOPY deep.txt sub/deep", &["srv/sub/deep: f 0644 0:0", "srv/sub/deep/c.txt: -"]),
    ("RUN rm -rf sub && touch sub", &["srv/sub: f 0644 0:0", "srv/sub/deep: -", "srv/sub/deep/c.txt: -"]),
    ("RUN rm sub/deep/c.txt && rm -r sub && mkdir -p sub/deep", &["srv/sub/deep/c.txt: -"]),
    ("RUN rm a.txt && touch a.txt && chmod 600 a.txt", &["srv/a.txt: f 0600 0:0"]),
    ("RUN touch x && rm x", &[]),
    ("RUN true && : && echo \"nothing; here\" && touch x", &["srv/x: f 0644 0:0"]),
    (
        "RUN touch x && \\\n    # a remark\n    touch y \\\n    z",
        &["srv/x: f 0644 0:0", "srv/y: f 0644 0:0", "srv/z: f 0644 0:0"],
    ),
    ("RUN [\"touch\", \"*.txt\", \"$DIR\"]", &["srv/$DIR: f 0644 0:0", "srv/*.txt: f 0644 0:0"]),
    ("RUN [\"/bin/rm\", \"-f\", \"*.txt\", \"a.txt\"]", &["srv/a.txt: -"]),
    (
        "RUN <<EOF\ntouch x\n# a remark\nchmod 600 x\n\nmkdir -p \\\n  y\nEOF",
        &["srv/x: f 0600 0:0", "srv/y: d 0755 0:0"],
    ),
    ("RUN <<'EOF'\ntouch ${DIR}/x\nEOF", &["srv/x: f 0644 0:0"]),
    ("USER root\nRUN touch x", &["srv/x: f 0644 0:0"]),
    ("USER 0:0\nRUN touch x", &["srv/x: f 0644 0:0"]),
    ("SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN touch x", &["srv/x: f 0644 0:0"]),
    ("WORKDIR sub\nRUN touch x ../y", &["srv/sub/x: f 0644 0:0", "srv/y: f 0644 0:0"]),
    ("USER app\nWORKDIR made/by", &["srv/made: d 0755 1000:1001", "srv/made/by: d 0755 1000:1001"]),
];

#[test]
fn one_liners_do_what_their_commands_do() {
    let sandbox = sandbox();
    sandbox.file("app/deep.txt", "deep\n");
    let before = build(&sandbox, "").listing();
    let mut wrong = Vec::new();
    for (run, expected) in CASES {
        if *expected == ["!"] {
            assert_eq!(sandbox.try_dockerfile(&format!("FROM base\nWORKDIR /srv\n{run}\n"), FLAGS).code, 2, "{run}");
            continue;
        }
        let text = format!("FROM base\nENV DIR=/srv NAME=\"two words\"\nWORKDIR /srv\n{run}\n");
        let done = sandbox.try_dockerfile(&text, FLAGS);
        if done.code != 0 {
            wrong.push(format!("{run}\n  {}", done.stderr));
            continue;
        }
        let found = differences(&before, &sandbox.unpack("app").listing());
        if found != *expected {
            wrong.push(format!("{run}\n  {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines that fail, and what is said of them.
const FAILING: &[(&str, &str)] = &[
    ("RUN mkdir sub", "`mkdir` would fail: `/srv/sub` exists"),
    ("RUN mkdir none/x", "`mkdir` would fail: there is no directory `/srv/none`"),
    ("RUN mkdir -p a.txt", "`mkdir` would fail: `/srv/a.txt` exists"),
    ("RUN mkdir -p a.txt/x", "/srv/a.txt"),
    ("RUN mkdir dangling", "`mkdir` would fail: `/srv/dangling` exists"),
    ("RUN mkdir -p dangling/x", "`mkdir` would fail: `/srv/dangling` exists"),
    ("RUN chmod 600 a.txt/", "`chmod` would fail: `/srv/a.txt` is no directory"),
    ("RUN rm a.txt/", "`rm` would fail: `/srv/a.txt` is no directory"),
    ("RUN mkdir -p dangling", "`mkdir` would fail: `/srv/dangling` exists"),
    ("RUN chmod 600 none", "`chmod` would fail: there is no `/srv/none`"),
    ("RUN chmod 600 *.none", "`chmod` would fail: there is no `/srv/*.none`"),
    ("RUN chmod 600 dangling", "`chmod` would fail: there is no `/srv/dangling`"),
    ("RUN chown nobody a.txt", "nobody"),
    ("RUN chown app:nobody a.txt", "nobody"),
    ("RUN chown 7: a.txt", "`chown` would fail: `7:` names no group"),
    ("RUN touch none/x", "`touch` would fail: there is no directory `/srv/none`"),
    ("RUN touch new/", "`touch` would fail"),
    ("RUN touch a.txt/", "`touch` would fail"),
    ("RUN ln -s x a.txt", "`ln` would fail: `/srv/a.txt` exists"),
    ("RUN ln -s x none/y", "`ln` would fail: there is no directory `/srv/none`"),
    ("RUN ln -s x y none", "`ln` would fail: `/srv/none` is no directory"),
    ("RUN ln -sf x/etc /", "`ln` would fail: `/etc` is a directory"),
    ("RUN rm none", "`rm` would fail: there is no `/srv/none`"),
    ("RUN rm *.none", "`rm` would fail: there is no `/srv/*.none`"),
    ("RUN rm sub", "`rm` would fail: `/srv/sub` is a directory"),
    ("RUN rm -f sub", "`rm` would fail: `/srv/sub` is a directory"),
    ("RUN rm -r empty/.", "`rm` would fail"),
    ("RUN rm -rf sub/..", "`rm` would fail"),
    ("RUN rm -rf /lib/", "`rm` would fail"),
    ("RUN rm -rf /", "`rm` would fail: the root cannot be removed"),
    ("RUN touch x && rm none && touch y", "`rm` would fail"),
];

#[test]
fn a_command_that_fails_fails_the_build_where_it_stands() {
    let sandbox = sandbox();
    let mut wrong = Vec::new();
    for (run, words) in FAILING {
        let done = sandbox.try_dockerfile(&format!("FROM base\nWORKDIR /srv\n{run}\n"), FLAGS);
        let says = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        if done.code != 2 || !says.contains(words) || !says.contains("app/Dockerfile:3:1") {
            wrong.push(format!("{run}: {}\n{}", done.code, done.stderr));
        }
        if sandbox.path("out").exists() {
            wrong.push(format!("{run} left something behind"));
            fs::remove_dir_all(sandbox.path("out")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_may_not_do_everything_runs_nothing() {
    let sandbox = sandbox();
    for user in ["app", "1000", "app:root", "$WHO"] {
        let text = format!("FROM base\nENV WHO=app\nUSER {user}\nRUN touch /srv/x\n");
        sandbox.try_dockerfile(&text, FLAGS).refused(2, "app/Dockerfile:4:1").refused(2, "as the user");
    }
    // A base's own user is one too.
    sandbox.configure_base("base", &["--config.user", "app"]);
    sandbox.try_dockerfile("FROM base\nRUN touch /srv/x\n", FLAGS).refused(2, "as the user `app`");
    assert_eq!(sandbox.built("FROM base\nUSER root\nRUN touch /srv/x\n", FLAGS).line("srv/x"), "f 0644 0:0");
}

#[test]
fn all_that_would_have_to_run_is_listed_at_once() {
    let sandbox = sandbox();
    let text = "FROM base AS tools\nRUN apt-get update\nRUN echo x > /x\nFROM base\n\
                COPY --from=tools /x /x\nRUN pip install x\nRUN cd /srv && touch x\nRUN a | b\nRUN --mount=type=cache,target=/c touch x\n\
                RUN <<EOF\nif true; then touch x; fi\nEOF\nRUN touch $(date)\nSHELL [\"powershell\", \"-c\"]\nRUN touch x\n";
    let run = sandbox.try_dockerfile(text, FLAGS);
    for (line, what) in [
        (2, "the command `apt-get`"),
        (3, "a redirection, `>`"),
        (6, "the command `pip`"),
        (7, "the command `cd`"),
        (8, "a pipe, `|`"),
        (9, "the flag `--mount=type=cache,target=/c`"),
        (10, "commands joined by `;`"),
        (13, "a command substitution"),
        (15, "the shell `powershell -c`"),
    ] {
        let place = format!("app/Dockerfile:{line}:1: tarsia runs nothing, and this RUN needs {what}");
        assert!(run.stderr.contains(&place), "no `{place}` in\n{}", run.stderr);
    }
    run.refused(2, "9 mistakes");
}

#[test]
fn a_file_that_changes_its_owner_keeps_its_content_and_a_link_its_target() {
    let sandbox = sandbox();
    chown(sandbox.path("tree/srv/sub"), Some(3_000_000), Some(50)).unwrap();
    lchown(sandbox.path("tree/srv/link"), Some(5), Some(5)).unwrap();
    sandbox.base("base2", "tree");
    let image = sandbox.built(
        "FROM base2\nRUN chown -R app:staff /srv && chmod -R g+w /srv\n",
        &["--build-context", "base2=oci-layout://bases:base2"],
    );
    assert_eq!(image.text("srv/a.txt"), "a\n");
    assert_eq!(image.text("srv/sub/deep/c.txt"), "c\n");
    assert_eq!(image.line("srv/sub/deep/c.txt"), "f 0664 1000:50");
    assert_eq!(image.line("srv/sub"), "d 0775 1000:50");
    assert_eq!(image.line("srv/link"), "l 1000:50 -> a.txt");
    assert_eq!(image.line("lib"), "l 0:0 -> srv/sub");
    assert!(Path::new(&image.path("srv/.hidden")).exists());
}

#[test]
fn a_pattern_with_a_slash_at_its_end_means_directories() {
    let sandbox = Sandbox::new();
    let image = sandbox.built(
        "FROM scratch\nRUN mkdir -p /h/sub /h/other && touch /h/file /h/sub/x && ln -s file /h/link\n\
         RUN rm -rf /h/*/\n",
        &[],
    );
    assert_eq!(image.paths(), ["h", "h/file", "h/link"]);
}
