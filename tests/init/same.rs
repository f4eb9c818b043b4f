//! Dockerfiles and their specs: the same digests.

use super::{FLAGS, digest, init, sandbox};
use crate::support::Sandbox;
use crate::support::registry::{Registry, digest_of};

/// Makes sure that this Dockerfile and the specs that init writes make the same image. Answers the image's spec.
#[track_caller]
fn same_in(sandbox: &Sandbox, dockerfile: &str, flags: &[&str]) -> String {
    sandbox.file("Dockerfile", dockerfile);
    let all: Vec<&str> = FLAGS.iter().chain(flags).copied().collect();
    let expected = digest(sandbox, "Dockerfile", &all);
    let written = init(sandbox, flags).ok().stdout;
    let text = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    assert_eq!(digest(sandbox, "app.toml", &[]), expected, "{dockerfile}\n{text}");
    // Nobody has to ask the base again.
    for file in written.lines() {
        std::fs::remove_file(sandbox.path(file)).unwrap();
    }
    text
}

#[track_caller]
fn same(dockerfile: &str) -> String {
    same_in(&sandbox(), dockerfile, &[])
}

#[test]
fn copies_of_the_context() {
    let sandbox = sandbox();
    for body in [
        "COPY a.txt /x",
        "COPY a.txt /x/",
        "COPY a.txt b.txt /x/",
        "COPY . /all/",
        "COPY [\"name with \\\\'quotes\\\\\\\"\", \"/q u o/te/\"]",
        "COPY [\"name with *\", \"/q u o/te/\"]",
        "COPY *.txt /x/",
        "COPY src/*/*.py [ab].txt /x/",
        "COPY ./src/ /lib/",
        "COPY src /lib",
        "COPY --chmod=u+x,go=rX src /x/",
        "COPY --chmod=0640 a.txt /x",
        "COPY --chown=app a.txt /x",
        "COPY --chown=app:staff src /home/app/",
        "COPY --chown=7:8 --link a.txt /new/deep/x",
        "COPY --exclude=**/*.pyc --exclude=deep src /x/",
        "COPY --parents src/./deep/*.py /x/",
        "COPY --parents src/deep /x/",
        "ADD archive.tar /x/",
        "ADD --unpack=false archive.tar /x/",
        "COPY archive.tar /x",
        "COPY <<EOF /etc/motd\nhello \"you\" \\ there\n\tagain\nEOF",
        "ARG WHO=me\nCOPY <<one <<'two' /texts/\nfor $WHO\none\nfor $WHO \"\"\"three\"\"\"\r\ntwo",
        "COPY <<EOF a.txt /texts/\nEOF",
        "WORKDIR /w/d\nCOPY a.txt .\nCOPY b.txt rel/\nCOPY a.txt ../up",
    ] {
        same_in(&sandbox, &format!("FROM plain\n{body}\n"), &[]);
        if !body.contains("app") {
            same_in(&sandbox, &format!("FROM scratch\n{body}\n"), &[]);
        }
    }
}

#[test]
fn commands_that_need_no_shell() {
    let sandbox = sandbox();
    for body in [
        "RUN mkdir -p /a/b 'c d'",
        "RUN mkdir -m 0700 /secret && touch /secret/x && chmod -R go-rwx /secret",
        "RUN chmod 600 /usr/lib/*.so",
        "RUN chmod -- -x /usr/bin/tool && chmod a+rX /usr/bin/[t]ool",
        "RUN chown -R app:staff /home/app && chown app: /usr/bin/tool && chown -h :50 /lib",
        "RUN ln -sf ../lib/x.so /usr/lib/z.so && ln -s -- -odd /link",
        "RUN rm -rf /var/cache/apt /usr/lib/?.so && rm -f /none",
        "RUN [\"mkdir\", \"/a *b\"]",
        "RUN true\nRUN echo nothing",
        "ENV D=/opt/app\nRUN mkdir -p $D/x \"${D}/y z\"",
        "RUN <<EOF\nmkdir /h\ntouch /h/x\nEOF",
        "USER app\nWORKDIR /home/app/w\nUSER 0\nWORKDIR x\nRUN touch here",
        "COPY a.txt /x\nRUN rm /x\nCOPY a.txt /x",
        "RUN touch \"/q'\" '/st*r' /dollar\\$x",
        "RUN rm -f /usr/lib/[!x]*.so && chmod -R -- -x /usr/bin && chmod -R u=rwx,go= '/home'/[a-b]*",
        "RUN <<EOF\nrm -f '/a\n\\b'* \"/c d\"?\nEOF",
        "RUN <<EOF\ntouch '/new\nline'\nEOF",
    ] {
        same_in(&sandbox, &format!("FROM plain\n{body}\n"), &[]);
    }
}

#[test]
fn every_setting() {
    let sandbox = sandbox();
    for body in [
        "ENV Z=1 A=\"two words\" M='$x'\nENV B=${A}",
        "ENV PATH=/opt/bin:$PATH LD=\\\\x",
        "LABEL a.b=c \"q r\"='\"' multi=\"a\\\nb\"\nLABEL long=\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"",
        "CMD [\"a\", \"b c\"]",
        "CMD echo \"$HOME\" && true",
        "ENTRYPOINT [\"/x\"]\nCMD []",
        "CMD x\nENTRYPOINT y",
        "SHELL [\"/bin/bash\", \"-c\"]\nCMD run\nENTRYPOINT go",
        "EXPOSE 80 53/udp 8000-8002/sctp",
        "VOLUME /data /more",
        "VOLUME [\"/a b\"]",
        "STOPSIGNAL SIGINT",
        "USER app:staff",
        "USER 12",
        "HEALTHCHECK NONE",
        "HEALTHCHECK --interval=1m30s --timeout=1500ms --start-period=1h --start-interval=7s --retries=3 CMD curl \"x\"",
        "HEALTHCHECK CMD [\"a\", \"b\"]",
        "ONBUILD COPY a.txt /x\nONBUILD RUN true",
        "MAINTAINER Some One <one@example.org>",
        "WORKDIR /w\nWORKDIR /w/../v/./",
        "ARG V=1.2\nENV VERSION=$V\nLABEL version=$V",
    ] {
        for base in ["scratch", "plain", "full"] {
            same_in(&sandbox, &format!("FROM {base}\n{body}\n"), &[]);
        }
    }
}

#[test]
fn a_base_says_its_part() {
    // The environment, the user, the triggers and the health check of the base.
    let text = same("FROM full\nCOPY a.txt ${TASK_ROOT}/\nUSER root\nWORKDIR $TASK_ROOT\nRUN mkdir sub\n");
    assert!(text.contains("onbuild = []"), "{text}");
    assert!(text.contains("COPY a.txt /triggered/"), "{text}");
}

#[test]
fn stages_and_images_that_are_copied_from() {
    let sandbox = sandbox();
    for body in [
        "FROM plain AS build\nCOPY src /src\nRUN rm -r /src/deep\nFROM scratch\nCOPY --from=build /src /app\n",
        "FROM scratch\nCOPY a.txt /x\nCOPY b.txt /y\nFROM scratch\nCOPY --from=0 /x /y /z/\n",
        "FROM plain AS deps\nRUN mkdir /opt\nFROM deps\nCOPY --from=deps /usr/lib /copied\nCOPY a.txt /opt/\n",
        "FROM scratch AS one\nCOPY a.txt /a\nFROM scratch AS two\nCOPY --from=one /a /b\nFROM plain\nCOPY --from=two /b /c\nCOPY --from=one --chmod=600 /a /d\n",
        "FROM scratch\nCOPY --from=plain /lib/x.so /usr/bin/t*l /out/\n",
        "FROM scratch\nCOPY --from=full --chown=3 --exclude=*.so /usr /usr\n",
        "FROM scratch AS Odd..Name_\nCOPY a.txt /\nFROM scratch\nCOPY --from=Odd..Name_ /a.txt /\n",
        "FROM scratch AS same\nCOPY a.txt /\nFROM scratch\nCOPY --from=same / /one/\nFROM scratch AS same\nCOPY b.txt /\nFROM scratch\nCOPY --from=1 / /\nCOPY --from=same / /\n",
    ] {
        same_in(&sandbox, body, &[]);
    }
}

#[test]
fn files_from_elsewhere() {
    let sandbox = sandbox();
    let registry = Registry::start();
    let tar = std::fs::read(sandbox.path("ctx/archive.tar")).unwrap();
    let url = registry.put_file("/files/some.tar", tar.clone());
    let checksum = digest_of(&tar);
    for flags in ["", "--unpack", "--unpack=false --chmod=600 --chown=app"] {
        for to in ["/x/", "/x"] {
            let line = format!("ADD --checksum={checksum} {flags} {url} {to}\n");
            let text = same_in(&sandbox, &format!("FROM plain\n{line}"), &[]);
            assert_eq!(text.contains("unpack = true"), flags == "--unpack", "{text}");
        }
    }
}

#[test]
fn targets_arguments_and_folders_by_name() {
    let sandbox = sandbox();
    sandbox.file("more/x.txt", "x\n").file("more/.dockerignore", "*.md\n").file("more/y.md", "y\n");
    let dockerfile =
        "ARG BASE=scratch\nFROM $BASE AS one\nARG V\nLABEL v=$V\nCOPY --from=more . /more/\nFROM one\nCOPY nothing /\n";
    let flags = ["--target", "one", "--build-arg", "V=7", "--build-arg", "BASE=plain", "--build-context", "more=more"];
    let text = same_in(&sandbox, dockerfile, &flags);
    assert!(text.contains("context = \"more\""), "{text}");

    // A stage that stands for something else.
    let dockerfile = "FROM plain AS deps\nRUN pip install everything\nFROM deps\nCOPY a.txt /\n";
    same_in(&sandbox, dockerfile, &["--build-context", "deps=oci-layout://bases:full"]);
}

#[test]
fn ignore_files() {
    let sandbox = sandbox();
    sandbox.file("ctx/.dockerignore", "src\n");
    same_in(&sandbox, "FROM scratch\nCOPY . /\n", &[]);
    sandbox.file("Dockerfile.dockerignore", "*.txt\n!b.txt\n");
    let text = same_in(&sandbox, "FROM scratch\nCOPY . /\nADD src /s\n", &[]);
    assert_eq!(text.matches("ignore_file = \"Dockerfile.dockerignore\"").count(), 2, "{text}");
}

#[test]
fn platforms() {
    let sandbox = sandbox();
    let dockerfile = "FROM --platform=$BUILDPLATFORM scratch AS build\nCOPY src /src\nFROM scratch AS each\nARG TARGETARCH\n\
         COPY a.txt /$TARGETARCH\nFROM scratch\nARG TARGETARCH\nCOPY b.txt /b\nCOPY b.txt /$TARGETARCH\n\
         COPY --from=build /src /src\nCOPY --from=each / /each/\nWORKDIR /w\n";
    let text = same_in(&sandbox, dockerfile, &["--platform", "linux/arm64", "--platform", "linux/amd64"]);
    assert_eq!(text.matches("platforms = [\"linux/arm64\", \"linux/amd64\"]").count(), 1, "{text}");
    assert_eq!(text.matches("platforms = [\"linux/arm64\"]").count(), 1, "{text}");
    assert!(text.contains("platform = \"linux/amd64\""), "{text}");
    same_in(&sandbox, dockerfile, &["--platform", "linux/arm64"]);
    // ARGs speak of the platform that is built for, wherever a stage is.
    let dockerfile = "FROM scratch AS each\nARG TARGETARCH\nCOPY a.txt /e-$TARGETARCH\n\
         FROM --platform=$BUILDPLATFORM scratch AS build\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\n\
         COPY --from=each / /\nFROM scratch\nCOPY --from=build / /\n";
    let text = same_in(&sandbox, dockerfile, &["--platform", "linux/arm64"]);
    assert!(text.contains("image = { spec = \"app-build.toml\", platform = \"linux/amd64\" }"), "{text}");
    same_in(&sandbox, "FROM --platform=linux/s390x scratch\nCOPY a.txt /\n", &[]);
    same_in(&sandbox, "FROM scratch\nCOPY a.txt /\n", &["--platform", "linux/arm/v7"]);
}

#[test]
fn elsewhere() {
    // Another folder, with a base and contexts that are named from here.
    let sandbox = sandbox();
    sandbox
        .folder("out of/the way")
        .file("Dockerfile", "FROM base AS x\nFROM x\nCOPY a.txt /\nCOPY --from=plain /lib /l\n");
    let absolute = format!("base=oci-layout://{}:plain", sandbox.path("bases").display());
    let flags = ["--build-context", absolute.as_str()];
    let all: Vec<&str> = FLAGS.iter().chain(&flags).copied().collect();
    let expected = digest(&sandbox, "Dockerfile", &all);
    init(&sandbox, &[&flags[..], &["--output", "out of/the way/mine.toml"]].concat()).ok();
    assert_eq!(digest(&sandbox, "out of/the way/mine.toml", &[]), expected);
    let text = std::fs::read_to_string(sandbox.path("out of/the way/mine.toml")).unwrap();
    assert!(text.contains("context = \"../../ctx\"") && text.contains("image = \"oci:../../bases:plain\""), "{text}");
}
