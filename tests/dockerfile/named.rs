//! What stands for names: named contexts, stages, build arguments, platforms, ignore files.

use serde_json::json;

use crate::support::Sandbox;
use crate::support::images::{HandMade, MANIFEST, Tar};
use crate::support::registry::Registry;

/// A small image with this file.
fn image(architecture: &str, path: &str, text: &str) -> HandMade {
    let mut tar = Tar::default();
    tar.file(path, text.as_bytes());
    let mut image = HandMade::new().layer(&tar.end());
    image.config["architecture"] = architecture.into();
    image.config["config"]["Env"] = json!(["PATH=/bin", format!("FROM_BASE={text}")]);
    image
}

#[test]
fn a_folder_is_a_context_of_its_own_with_its_own_ignore_file() {
    let sandbox = Sandbox::new();
    sandbox
        .file("docs/a.md", "a\n")
        .file("docs/b.tmp", "b\n")
        .file("docs/.dockerignore", "*.tmp\n")
        .file("app/b.tmp", "app's\n");
    let text = "FROM scratch\nCOPY --from=docs . /docs/\nCOPY *.tmp /\n";
    let image = sandbox.built(text, &["--build-context", "docs=docs"]);
    assert_eq!(
        image.shown(),
        ["b.tmp: f 0644 0:0 = app's", "docs/.dockerignore: f 0644 0:0 = *.tmp", "docs/a.md: f 0644 0:0 = a"]
    );
}

#[test]
fn an_image_stands_for_a_base_a_stage_or_what_is_copied_from() {
    let registry = Registry::start();
    let (sandbox, other) = (Sandbox::new(), image("arm64", "other", "other\n"));
    let digest = other.put(&registry, "team/other", "1");
    other.write(&sandbox.path("shelf"), "named");
    let reference = format!("docker-image://{}/team/other", registry.host());
    let by_digest = format!("{reference}@{digest}");
    let by_tag = format!("{reference}:1");
    for context in [&by_digest, &by_tag, "oci-layout://shelf:named", "oci-layout://shelf", "oci:shelf:named"] {
        for (name, text) in [
            ("stage", "FROM debian:12 AS stage\nRUN make\nFROM stage\n"),
            ("stage", "FROM debian:12 AS Stage\nRUN make\nFROM stage\n"),
            ("debian:12", "FROM debian:12\n"),
            ("debian:12", "FROM docker.io/library/debian:12 AS x\nFROM x\n"),
            ("files", "FROM scratch\nCOPY --from=files /other /\n"),
            ("debian", "FROM scratch\nCOPY --from=debian /other /\n"),
            ("stage", "FROM scratch AS stage\nRUN make\nFROM scratch\nCOPY --from=stage other /\n"),
        ] {
            let context = format!("{name}={context}");
            let image = sandbox.built(text, &["--build-context", &context, "--platform", "linux/arm64"]);
            assert_eq!(image.shown(), ["other: f 0644 0:0 = other"], "{context}\n{text}");
        }
    }
}

#[test]
fn a_layout_is_pinned_by_its_digest() {
    let sandbox = Sandbox::new();
    let digest = image("amd64", "other", "other\n").write(&sandbox.path("shelf"), "named");
    let context = format!("base=oci-layout://shelf@{digest}");
    let built = sandbox.built("FROM base\n", &["--build-context", &context]);
    assert_eq!(built.shown(), ["other: f 0644 0:0 = other"]);
    let wrong = format!("base=oci-layout://shelf@sha256:{}", "0".repeat(64));
    let run = sandbox.try_dockerfile("FROM base\n", &["--build-context", &wrong]);
    assert!(run.code != 0 && run.stderr.contains("sha256:000"), "{}", run.stderr);
}

#[test]
fn a_folder_may_be_a_base_and_other_schemes_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.file("docs/read.me", "1\n");
    let image = sandbox.built("FROM docs\nWORKDIR /in\n", &["--build-context", "docs=docs"]);
    assert_eq!(image.shown(), ["read.me: f 0644 0:0 = 1"]);
    sandbox
        .try_dockerfile("FROM scratch\n", &["--build-context", "docs=https://example.org/x.git"])
        .refused(2, "`https://` is not supported: give a folder, docker-image://REFERENCE or oci-layout://DIR");
    sandbox
        .try_dockerfile("FROM scratch\n", &["--build-context", "Stage=docs"])
        .refused(2, "`Stage` is no name of a stage or an image");
}

#[test]
fn the_ignore_file_of_the_dockerfile_wins_over_the_context_s() {
    let sandbox = Sandbox::new();
    sandbox.file("app/a", "a\n").file("app/b", "b\n").file("app/Dockerfile", "FROM scratch\nCOPY a* b* /\n");
    sandbox.file("app/.dockerignore", "a\n");
    let names = |flags: &[&str]| {
        sandbox.run(flags.iter().chain(&["--name", "app"])).ok();
        sandbox.unpack("app").paths()
    };
    assert_eq!(names(&["build", "app/Dockerfile"]), ["b"]);
    sandbox.file("app/Dockerfile.dockerignore", "b\n");
    assert_eq!(names(&["build", "app/Dockerfile"]), ["a"]);
    // It lies beside the Dockerfile, wherever the context is.
    sandbox.file("deploy/Web.Dockerfile", "FROM scratch\nCOPY a* b* /\n");
    assert_eq!(names(&["build", "deploy/Web.Dockerfile", "--context", "app"]), ["b"]);
    sandbox.file("deploy/Web.Dockerfile.dockerignore", "");
    assert_eq!(names(&["build", "deploy/Web.Dockerfile", "--context", "app"]), ["a", "b"]);
}

const STAGES: &str = "
FROM scratch AS one
COPY <<x /one
1
x
FROM one AS Two
COPY <<x /two
2
x
FROM scratch
COPY --from=two /one /three
COPY --from=0 /one /four
RUN make
";

#[test]
fn targets_are_stages_by_name() {
    let sandbox = Sandbox::new();
    for (target, paths) in
        [("one", &["one"][..]), ("ONE", &["one"]), ("two", &["one", "two"]), ("Two", &["one", "two"])]
    {
        assert_eq!(sandbox.built(STAGES, &["--target", target]).paths(), paths, "{target}");
    }
    // BuildKit knows no numbers here, though `--from` does.
    for target in ["0", "1", "three", ""] {
        let flag = format!("--target={target}");
        sandbox
            .try_dockerfile(STAGES, &[&flag])
            .refused(2, &format!("there is no stage `{target}`"))
            .refused(2, "the stages are `one`, `two`");
    }
    sandbox.try_dockerfile(STAGES, &[]).refused(2, "the command `make`");
    let last = sandbox.built(&STAGES.replace("RUN make\n", ""), &[]);
    assert_eq!(last.shown(), ["four: f 0644 0:0 = 1", "three: f 0644 0:0 = 1"]);
}

#[test]
fn build_arguments_take_the_place_of_defaults() {
    let sandbox = Sandbox::new();
    sandbox.file("app/x", "");
    let text = "ARG BASE=scratch\nARG TAG=one\nFROM $BASE\nARG TAG\nARG LATE=late\nARG NOTHING\nARG TAG2=${TAG}2\n\
                ENV ALL=$TAG,$LATE,${NOTHING-unset},$TAG2,$UNDECLARED\nCOPY x /$LATE/$TAG\n";
    let env = |arguments: &[&str], variables: &[(&str, &str)]| {
        sandbox.dockerfile(text);
        let mut command = sandbox.command(["build", "app/Dockerfile"].iter().chain(arguments));
        crate::support::Run::of(command.envs(variables.iter().copied()).output().unwrap()).ok();
        let config = sandbox.config("app");
        let env = config["config"]["Env"].as_array().unwrap();
        env.iter().filter_map(|line| line.as_str()?.strip_prefix("ALL=")).collect::<String>()
    };
    assert_eq!(env(&[], &[]), "one,late,unset,one2,");
    assert_eq!(env(&["--build-arg", "TAG=two"], &[]), "two,late,unset,two2,");
    assert_eq!(env(&["--build-arg", "LATE=soon", "--build-arg=NOTHING="], &[]), "one,soon,,one2,");
    assert!(sandbox.unpack("app").line("soon/one").starts_with('f'));
    assert_eq!(env(&["--build-arg", "TAG"], &[("TAG", "from outside")]), "from outside,late,unset,from outside2,");
    // Not asked for, not there, not declared.
    assert_eq!(env(&[], &[("TAG", "from outside")]), "one,late,unset,one2,");
    assert_eq!(env(&["--build-arg", "TAG"], &[]), "one,late,unset,one2,");
    assert_eq!(env(&["--build-arg", "UNDECLARED=x"], &[]), "one,late,unset,one2,");
    // The last one counts.
    assert_eq!(env(&["--build-arg", "TAG=1", "--build-arg", "TAG=2"], &[]), "2,late,unset,22,");
    sandbox.try_dockerfile(text, &["--build-arg", "=x"]).refused(2, "is not of the form NAME=VALUE");
    sandbox.try_dockerfile(text, &["--build-arg", "BASE="]).refused(2, "app/Dockerfile:3:6: `$BASE` names no image");
}

#[test]
fn proxies_need_no_arg_and_leave_no_trace() {
    let sandbox = Sandbox::new();
    sandbox.file("app/x", "");
    let text = "FROM scratch\nCOPY x /x\n";
    let plain = sandbox.digest_of_dockerfile(text, &[]);
    assert_eq!(sandbox.digest_of_dockerfile(text, &["--build-arg", "HTTP_PROXY=http://proxy:3128"]), plain);
}

/// An index of images for two platforms in a registry.
fn two_platforms(registry: &Registry) -> String {
    let manifests = ["amd64", "arm64"].map(|architecture| {
        let digest = image(architecture, "arch", &format!("{architecture}\n")).put(registry, "base", architecture);
        let size = registry.manifest("base", &digest).unwrap().1.len();
        let platform = json!({"os": "linux", "architecture": architecture});
        json!({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform})
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    registry.put_manifest("base", "1", media_type, index.to_string());
    format!("{}/base:1", registry.host())
}

/// The image for one platform in the layout `out`, unpacked, and its environment.
fn look(sandbox: &Sandbox, architecture: &str) -> (Vec<String>, String) {
    let name = format!("oci:{}:{architecture}", sandbox.path("single").display());
    crate::support::tools::tool(
        "skopeo",
        ["--override-arch", architecture, "--insecure-policy", "copy", "-q", &sandbox.image("app"), &name],
    );
    let unpacked = crate::support::Unpacked::of(&sandbox.path("single"), architecture);
    let config = crate::support::judge::raw_config(&name);
    assert_eq!(config["architecture"], architecture);
    (unpacked.shown(), config["config"]["Env"].to_string())
}

#[test]
fn platforms_choose_bases_stages_sources_and_variables() {
    let registry = Registry::start();
    let base = two_platforms(&registry);
    let sandbox = Sandbox::new();
    sandbox.file("app/bin-amd64", "for amd64\n").file("app/bin-arm64", "for arm64\n");
    let text = format!(
        "FROM {base} AS build-amd64\nFROM {base} AS build-arm64\nCOPY <<end /only-arm64\nx\nend\n\
         FROM build-${{TARGETARCH}}\nARG TARGETARCH\nARG TARGETPLATFORM\n\
         COPY bin-$TARGETARCH /bin/tool\nCOPY --from={base} /arch /copied\nENV P=$TARGETPLATFORM\n"
    );
    sandbox.try_dockerfile(&text, &["--platform", "linux/amd64", "--platform", "linux/arm64"]).ok();
    let index = sandbox.manifest("app");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    let (amd64, amd64_env) = look(&sandbox, "amd64");
    assert_eq!(amd64, ["arch: f 0644 0:0 = amd64", "bin/tool: f 0644 0:0 = for amd64", "copied: f 0644 0:0 = amd64"]);
    assert!(amd64_env.contains("\"P=linux/amd64\"") && amd64_env.contains("FROM_BASE=amd64"), "{amd64_env}");
    let (arm64, arm64_env) = look(&sandbox, "arm64");
    assert_eq!(
        arm64,
        [
            "arch: f 0644 0:0 = arm64",
            "bin/tool: f 0644 0:0 = for arm64",
            "copied: f 0644 0:0 = arm64",
            "only-arm64: f 0644 0:0 = x"
        ]
    );
    assert!(arm64_env.contains("\"P=linux/arm64\"") && arm64_env.contains("FROM_BASE=arm64"), "{arm64_env}");
}

#[test]
fn a_stage_that_names_its_platform_is_of_that_platform() {
    let registry = Registry::start();
    let base = two_platforms(&registry);
    let sandbox = Sandbox::new();
    let text = format!(
        "FROM --platform=$BUILDPLATFORM {base} AS build\nFROM --platform=linux/arm64 {base} AS arm\n\
         FROM {base}\nCOPY --from=build /arch /build\nCOPY --from=arm /arch /arm\n"
    );
    sandbox.try_dockerfile(&text, &["--platform", "linux/arm64"]).ok();
    // Where it is built is always the same platform: the image does not depend on the machine.
    assert_eq!(
        look(&sandbox, "arm64").0,
        ["arch: f 0644 0:0 = arm64", "arm: f 0644 0:0 = arm64", "build: f 0644 0:0 = amd64"]
    );
    let named = format!("FROM --platform=linux/arm64 {base}\n");
    sandbox.try_dockerfile(&named, &[]).ok();
    assert_eq!(look(&sandbox, "arm64").0, ["arch: f 0644 0:0 = arm64"]);
    sandbox.try_dockerfile(&named, &["--platform", "linux/amd64"]).refused(2, "but its FROM names linux/arm64");
    let missing = sandbox.try_dockerfile(&format!("FROM {base}\n"), &["--platform", "linux/s390x"]);
    missing.refused(2, "linux/amd64, linux/arm64");
}
