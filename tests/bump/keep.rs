//! Dockerfiles with RUN, built by somebody else: their layers are kept.

use serde_json::Value;

use crate::support::{Run, Sandbox, Unpacked};

/// Two stages: the dependencies, and what changes every day. The base is a file system with a shell.
const DOCKERFILE: &str = r#"FROM scratch AS dependencies
ARG GREETING="hello there"
COPY root/ /
WORKDIR /var/task
COPY requirements.txt .
RUN echo "installed: $(cat requirements.txt)" > /opt/installed && \
    echo "$GREETING" > /opt/greeting
RUN ["/bin/sh", "-c", "echo exec > /opt/exec"]

FROM dependencies
ENV MODE=fast
COPY --chown=7:8 handler.py lib/ ./
COPY conf /etc/app/conf
RUN chmod 600 /etc/app/conf
CMD ["handler.handler"]
"#;

/// The places of layers of [`built`]'s image.
const HANDLER: usize = 4;
const CONF: usize = 5;
const CHMOD: usize = 6;

/// A folder with [`DOCKERFILE`] and what it copies, and the image that buildah made of it: `oci:out:app`.
fn built() -> Sandbox {
    let sandbox = Sandbox::new();
    let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox"));
    let busybox = busybox.expect("`busybox` is there: install Debian's package `busybox-static`, or use tests/run");
    sandbox.executable("app/root/bin/busybox", busybox).folder("app/root/opt").folder("app/root/etc");
    for name in ["sh", "cat", "echo", "chmod"] {
        sandbox.link(&format!("app/root/bin/{name}"), "busybox");
    }
    sandbox.file("app/Dockerfile", DOCKERFILE).file("app/requirements.txt", "dep==1\n");
    sandbox.file("app/handler.py", "one\n").file("app/lib/part.py", "part\n").file("app/conf", "a = 1\n");
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers"], "oci:out:app");
    sandbox
}

fn bump(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(["bump", "app/Dockerfile", "--image", "oci:out:app", "--json"].iter().chain(flags))
}

/// The places of the layers that were replaced.
fn replaced(document: &Value) -> Vec<usize> {
    let layers = document["layers"].as_array().unwrap().iter().enumerate();
    layers.filter(|(_, layer)| layer.get("replaces").is_some()).map(|(at, _)| at).collect()
}

#[test]
fn a_changed_handler_is_laid_anew_and_nothing_is_run() {
    let sandbox = built();
    let before = sandbox.manifest("app");
    sandbox.file("app/handler.py", "two\n").file("app/lib/new.py", "new\n");
    let document = bump(&sandbox, &["--tag", "new"]).ok().documents().remove(0);
    assert_eq!(replaced(&document), [HANDLER]);
    let after = sandbox.manifest("new");
    for (at, (old, new)) in
        before["layers"].as_array().unwrap().iter().zip(after["layers"].as_array().unwrap()).enumerate()
    {
        assert_eq!(old == new, at != HANDLER, "layer {at}");
    }
    // The old tag still stands for what it did, and the new image differs in these files alone.
    let (old, new) = (sandbox.unpack("app"), sandbox.unpack("new"));
    let (old_files, new_files) = (old.listing(), new.listing());
    let differing: Vec<&String> =
        new_files.iter().filter(|(path, line)| old_files.get(*path) != Some(line)).map(|(path, _)| path).collect();
    assert_eq!(
        differing,
        ["var/task/lib/new.py".replace("lib/", "").as_str()],
        "size and mode of handler.py are the same"
    );
    assert_eq!((old.text("var/task/handler.py"), new.text("var/task/handler.py")), ("one\n".into(), "two\n".into()));
    assert_eq!(new.text("opt/installed"), "installed: dep==1\n");
    // Config and history are as they were, but for the digest.
    let (mut one, mut other) = (sandbox.config("app"), sandbox.config("new"));
    assert_ne!(one["rootfs"], other["rootfs"]);
    one["rootfs"] = Value::Null;
    other["rootfs"] = Value::Null;
    assert_eq!(one, other);
}

#[test]
fn a_changed_dependency_is_refused_with_its_name_and_the_run() {
    let sandbox = built();
    sandbox.file("app/requirements.txt", "dep==2\n").file("app/handler.py", "two\n");
    let run = bump(&sandbox, &[]).refused(2, "`/var/task/requirements.txt` has changed");
    assert!(run.stderr.contains("`RUN echo \"installed: $(cat requirements.txt)\""), "{}", run.stderr);
    assert!(run.stderr.contains("app/Dockerfile:6:1"), "{}", run.stderr);
    assert_eq!(sandbox.manifest("app")["layers"].as_array().unwrap().len(), CHMOD + 1);
    // Below a RUN that changed by itself nothing helps either, and a file more is a change as well.
    sandbox.file("app/requirements.txt", "dep==1\n").file("app/root/opt/more", "");
    bump(&sandbox, &[]).refused(2, "`/opt/more` is new");
}

#[test]
fn what_a_run_does_here_is_done_again() {
    let sandbox = built();
    sandbox.file("app/conf", "a = 22\n");
    let document = bump(&sandbox, &[]).ok().documents().remove(0);
    // The command that changes its mode holds the file as well.
    assert_eq!(replaced(&document), [CONF, CHMOD]);
    let unpacked: Unpacked = sandbox.unpack("app");
    assert_eq!(unpacked.text("etc/app/conf"), "a = 22\n");
    assert!(unpacked.line("etc/app/conf").contains("600"), "{}", unpacked.line("etc/app/conf"));
}

#[test]
fn nothing_to_do_is_said() {
    let sandbox = built();
    let before = sandbox.manifest("app");
    let document = bump(&sandbox, &[]).ok().documents().remove(0);
    assert_eq!((&document["changed"], replaced(&document)), (&Value::Bool(false), Vec::new()));
    assert_eq!(sandbox.manifest("app"), before);
    // A bump of a bump finds the layers that the first one made.
    sandbox.file("app/handler.py", "two\n");
    bump(&sandbox, &[]).ok();
    assert_eq!(bump(&sandbox, &[]).ok().documents().remove(0)["changed"], false);
    sandbox.file("app/handler.py", "three\n");
    assert_eq!(replaced(&bump(&sandbox, &[]).ok().documents().remove(0)), [HANDLER]);
}

#[test]
fn another_dockerfile_is_refused() {
    let sandbox = built();
    for (from, to, words) in [
        ("> /opt/greeting", "> /opt/greetings", "the image was not built by `RUN"),
        ("hello there", "goodbye", "the image was not built by `RUN"),
        ("ENV MODE=fast", "ENV MODE=slow", "do not agree on the variable `MODE`"),
        ("[\"handler.handler\"]", "[\"other.handler\"]", "do not agree on `Cmd`"),
        ("RUN chmod 600 /etc/app/conf\n", "", "which the Dockerfile does not say"),
        ("COPY conf /etc/app/conf\n", "", "the image was not built by `RUN chmod"),
        ("COPY conf /etc/app/conf\n", "COPY conf /a\nCOPY conf /etc/app/conf\n", "the image was not built by"),
    ] {
        sandbox.file("app/Dockerfile", DOCKERFILE.replace(from, to));
        bump(&sandbox, &[]).refused(2, words);
    }
    sandbox.file("app/Dockerfile", DOCKERFILE);
    bump(&sandbox, &["--build-arg", "GREETING=goodbye"]).refused(2, "the image was not built by `RUN");
    sandbox.run(["bump", "app/Dockerfile"]).refused(2, "--image IMAGE");
}

#[test]
fn an_image_of_one_layer_tells_nothing() {
    let sandbox = built();
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers=false"], "oci:out:app");
    bump(&sandbox, &[]).refused(2, "the image was not built by");
}

#[test]
fn files_that_only_a_mount_shows_cannot_be_proven() {
    let sandbox = built();
    let mounted = "RUN --mount=type=bind,source=requirements.txt,target=/r cat /r > /opt/r\nCMD [\"handler.handler\"]";
    sandbox.file("app/Dockerfile", DOCKERFILE.replace("CMD [\"handler.handler\"]", mounted));
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers"], "oci:out:app");
    bump(&sandbox, &[]).refused(2, "files that no layer holds");
}

/// A Dockerfile whose RUN sees what a later instruction hides.
const SEEING: &str = r#"FROM scratch
COPY root/ /
ENV MODE=build
WORKDIR /v/one
COPY --chmod=600 requirements.txt /opt/
COPY --chown=5:5 links /opt/links
ARG APP_VERSION=1
ARG VERSION=2
USER 5
RUN id; env
USER 6
ENV MODE=run
WORKDIR /v/two
COPY --chmod=640 conf /opt/conf
CMD ["handler.handler"]
"#;

#[test]
fn what_a_run_saw_counts_although_it_is_hidden_later() {
    let sandbox = built();
    sandbox.link("app/links/one", "two").folder("app/links/empty").link("app/root/bin/id", "busybox");
    sandbox.link("app/root/bin/env", "busybox").file("app/Dockerfile", SEEING);
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers"], "oci:out:app");
    // A working directory that the builder has put into the next layer is no change.
    let document = bump(&sandbox, &[]).ok().documents().remove(0);
    assert_eq!(document["changed"], false);
    for (from, to, words) in [
        ("USER 5\n", "USER 7\n", "`USER 7` stands before it, and `USER 5` did"),
        ("USER 5\n", "", "`USER 5` stood before it"),
        ("ENV MODE=build", "ENV MODE=other", "`ENV MODE=other` stands before it, and `ENV MODE=build` did"),
        ("WORKDIR /v/one", "WORKDIR /v/three", "`WORKDIR /v/three` stands before it"),
        (
            "USER 5\nRUN id; env\n",
            "USER 5\nENV MODE=run\nRUN id; env\n",
            "`ENV MODE=run` stands before it, and did not",
        ),
        ("ARG VERSION=2", "ARG VERSION=1", "the image was not built by `RUN id; env`"),
        ("--chmod=600 req", "--chmod=644 req", "`/opt/requirements.txt` has another mode or owner"),
        ("--chown=5:5 links", "links", "`/opt/links/empty` has another mode or owner"),
    ] {
        assert!(SEEING.contains(from), "{from}");
        sandbox.file("app/Dockerfile", SEEING.replace(from, to));
        bump(&sandbox, &[]).refused(2, words);
    }
    // After the last RUN a mode is laid anew.
    sandbox.file("app/Dockerfile", SEEING.replace("--chmod=640", "--chmod=644"));
    let document = bump(&sandbox, &["--tag", "new"]).ok().documents().remove(0);
    assert_eq!(replaced(&document).len(), 1);
    let unpacked = sandbox.unpack("new");
    assert!(unpacked.line("opt/conf").contains("0644"), "{}", unpacked.line("opt/conf"));
    assert!(unpacked.paths().contains(&"v/two".to_owned()));
}

#[test]
fn what_is_copied_from_a_stage_that_runs_something_is_kept_on_the_users_word() {
    let sandbox = built();
    let text = "FROM scratch AS deps\nCOPY root/ /\nCOPY requirements.txt /\nRUN cat /requirements.txt > /opt/installed\n\
                FROM scratch\nCOPY --from=deps /opt /opt\nCOPY handler.py /var/task/\nLABEL a=b\n";
    sandbox.file("app/Dockerfile", text);
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers", "--label", "ci=42"], "oci:out:app");
    sandbox.file("app/handler.py", "two\n");
    let run = bump(&sandbox, &[]).refused(2, "nobody can tell here whether what `COPY --from=deps /opt /opt` copies");
    assert!(run.stderr.contains("--unchanged-stage deps"), "{}", run.stderr);
    let document = bump(&sandbox, &["--unchanged-stage", "deps", "--tag", "new"]).ok().documents().remove(0);
    assert_eq!(replaced(&document), [1]);
    let unpacked = sandbox.unpack("new");
    assert_eq!(
        (unpacked.text("var/task/handler.py"), unpacked.text("opt/installed")),
        ("two\n".into(), "dep==1\n".into())
    );
}

/// What people write: a user, a folder to work in, dependencies first and everything afterwards.
const USUAL: &str = r#"FROM scratch
COPY root/ /
USER 5
WORKDIR /srv/app
COPY --chown=5:5 requirements.txt ./
RUN id > /tmp/id
COPY --chown=5:5 . ./
COPY --chmod=640 conf /srv/closed/
HEALTHCHECK CMD true
"#;

#[test]
fn an_unchanged_image_of_a_usual_dockerfile_is_left_alone() {
    let sandbox = built();
    sandbox.link("app/root/bin/id", "busybox").folder("app/root/tmp").file("app/Dockerfile", USUAL);
    sandbox.file("app/.dockerignore", "root\nlinks\n");
    let root = sandbox.path("app/root/tmp");
    std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    sandbox.file("app/.dockerignore", "links\n").file("app/secret", "secret\n");
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(sandbox.path("app/secret"), closed).unwrap();
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers"], "oci:out:app");
    assert_eq!(bump(&sandbox, &[]).ok().documents().remove(0)["changed"], false);
    // Only what has changed changes: a closed file stays closed, and so does the folder's owner.
    sandbox.file("app/handler.py", "two\n");
    let document = bump(&sandbox, &["--tag", "new"]).ok().documents().remove(0);
    assert_eq!(replaced(&document).len(), 1);
    let (old, new) = (sandbox.unpack("app"), sandbox.unpack("new"));
    let differing: Vec<(String, String)> = {
        let after = new.listing();
        old.listing().into_iter().filter(|(path, line)| after.get(path) != Some(line)).collect()
    };
    assert_eq!(differing, []);
    assert_eq!(new.text("srv/app/handler.py"), "two\n");
    assert!(new.line("srv/app/secret").contains("0600"), "{}", new.line("srv/app/secret"));
}

#[test]
fn the_users_word_is_of_the_stage_and_not_of_the_copy() {
    let sandbox = built();
    let text = "FROM scratch AS deps\nCOPY root/ /\nRUN echo x > /opt/installed\nFROM scratch\n\
                COPY --from=deps /opt /opt\nCOPY handler.py /var/task/\n";
    sandbox.file("app/Dockerfile", text);
    sandbox.build_with_buildah("app/Dockerfile", "app", &["--layers"], "oci:out:app");
    let word = ["--unchanged-stage", "Deps"];
    assert_eq!(bump(&sandbox, &word).ok().documents().remove(0)["changed"], false);
    for copy in ["/opt /other", "--chown=7:7 /opt /opt", "--chmod=600 /opt /opt"] {
        let copy = match copy.split_once(' ') {
            Some((flag, rest)) if flag.starts_with("--") => format!("COPY {flag} --from=deps {rest}"),
            _ => format!("COPY --from=deps {copy}"),
        };
        sandbox.file("app/Dockerfile", text.replace("COPY --from=deps /opt /opt", &copy));
        bump(&sandbox, &word).refused(2, "in its layer is not what");
    }
}
