//! What init refuses: nothing is written then.

use super::{init, sandbox};

#[test]
fn a_file_that_is_there_is_left_alone() {
    let sandbox = sandbox();
    sandbox.file("Dockerfile", "FROM scratch AS b\nCOPY a.txt /\nFROM scratch\nCOPY --from=b / /\n");
    for file in ["app.toml", "app-b.toml"] {
        sandbox.file(file, "mine");
        let run = init(&sandbox, &[]).refused(2, &format!("`{file}` is there already"));
        assert!(run.stderr.contains("help: name another file with --output"), "{}", run.stderr);
        assert_eq!(std::fs::read_to_string(sandbox.path(file)).unwrap(), "mine");
        std::fs::remove_file(sandbox.path(file)).unwrap();
    }
    assert_eq!(sandbox.names("").iter().filter(|name| name.contains("toml") || name.starts_with(".tmp")).count(), 0);
}

#[test]
fn what_a_spec_cannot_say_is_named() {
    let sandbox = sandbox();
    sandbox.base("arm", "root");
    sandbox.alter_base("arm", |_, config| config["architecture"] = "arm64".into());
    for (dockerfile, flags, words) in [
        ("FROM scratch\nCOPY a.txt /\nRUN pip install x\n", &[][..], "Dockerfile:3:1: tarsia runs nothing"),
        (
            "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n",
            &["--platform", "linux/amd64", "--platform", "linux/arm64"],
            "a spec has one config, and `labels` is another for linux/arm64 than for linux/amd64",
        ),
        (
            "ARG TARGETARCH\nFROM base-$TARGETARCH\n",
            &[
                "--platform",
                "linux/amd64",
                "--platform",
                "linux/arm64",
                "--build-context",
                "base-amd64=oci-layout://bases:plain",
                "--build-context",
                "base-arm64=oci-layout://bases:arm",
            ],
            "Dockerfile:2:6: a spec has one base, and this is another for linux/arm64 than for linux/amd64",
        ),
        (
            "FROM --platform=$BUILDPLATFORM scratch AS b\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\nFROM scratch\n\
             COPY --from=b / /\n",
            &["--platform", "linux/amd64", "--platform", "linux/arm64"],
            "Dockerfile:1:32: a spec has one image for linux/amd64, and for the stage `b` it is another on the way to",
        ),
        (
            "FROM --platform=$BUILDPLATFORM scratch AS b\nCOPY --from=x /lib /\nFROM scratch\nCOPY --from=b / /\n",
            &["--platform", "linux/arm64", "--build-context", "x=oci-layout://bases:arm"],
            "Dockerfile:2:1: a spec for linux/amd64 cannot copy what is for linux/arm64",
        ),
        ("FROM scratch\nEXPOSE 0\n", &[], "a spec cannot say this: `0` is not a port"),
        ("FROM scratch\nCOPY [\"a\u{1}.txt\", \"/\"]\n", &[], "Dockerfile:2:1: `COPY "),
        ("FROM plain\n", &["-o", "x/app.toml"], "failed to write the spec `x/app.toml`"),
        ("FROM plain\n", &["-o", "app"], "`app` would be no spec: specs end in `.toml`"),
        ("FROM plain\n", &["-o", "ctx/app.toml"], "would be `oci:../bases:plain` in `ctx`"),
    ] {
        sandbox.file("Dockerfile", dockerfile);
        init(&sandbox, flags).refused(2, words);
        assert!(!sandbox.path("app.toml").exists(), "{dockerfile}");
    }
    sandbox.file("x.toml", "name = \"x\"\nbase = \"scratch\"\n");
    sandbox.run(["init", "x.toml"]).refused(2, "`x.toml` is no Dockerfile");
}
