//! The tails of real projects' Dockerfiles: a few files over a large base. Each number of requests is a promise.

use std::collections::BTreeMap;

use crate::support::examples::assert_whole;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::{Kind, Log, Registry};
use crate::support::workspace::{self, kinds, layers_of, noise, statuses, stored_layers};
use crate::support::{Run, Sandbox};

/// A base as Lambda's are: large, with the place for the code in its environment.
fn lambda() -> HandMade {
    let mut base = workspace::base();
    base.config["config"]["Env"] = serde_json::json!(["PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task"]);
    base
}

/// Puts the base into the registry; the answer is its reference, by digest.
fn put(registry: &Registry) -> String {
    let digest = lambda().put(registry, "bases/lambda", "3.12");
    format!("{}/bases/lambda@{digest}", registry.host())
}

fn dockerfile(base: &str) -> String {
    format!(
        "FROM {base} AS dependencies\n\
         COPY receipt_dynamo/ ${{LAMBDA_TASK_ROOT}}/receipt_dynamo/\n\
         \n\
         FROM dependencies\n\
         RUN mkdir -p ${{LAMBDA_TASK_ROOT}}/receipt_label/data\n\
         COPY receipt_label/ ${{LAMBDA_TASK_ROOT}}/receipt_label/\n\
         COPY handler.py ${{LAMBDA_TASK_ROOT}}/\n\
         RUN chmod 644 \"${{LAMBDA_TASK_ROOT}}/handler.py\" && chmod 600 ${{LAMBDA_TASK_ROOT}}/receipt_label/*.json\n\
         CMD [\"handler.handler\"]\n"
    )
}

/// The same as a spec, as far as a spec can say it.
fn spec(base: &str) -> String {
    let layer =
        |name: &str| format!("[[layer]]\nname = \"{name}\"\ncontext = \"app/{name}\"\nto = \"/var/task/{name}/\"\n");
    format!("name = \"spec\"\nbase = {base:?}\n{}{}", layer("receipt_dynamo"), layer("receipt_label"))
}

/// A machine with a checkout of the project.
fn machine(base: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("app/receipt_dynamo/__init__.py", "import boto3\n")
        .file("app/receipt_label/__init__.py", "label = 1\n")
        .file("app/receipt_label/labels.json", "{}\n")
        .executable("app/handler.py", "def handler(event, context): pass\n")
        .file("spec.toml", spec(base));
    sandbox.dockerfile(&dockerfile(base));
    sandbox
}

fn push(sandbox: &Sandbox, registry: &Registry, repository: &str) -> Run {
    let to = format!("{}/{repository}", registry.host());
    sandbox.run(["push", "app/Dockerfile", "--to", &to, "--json"]).ok()
}

/// How often each layer of an image was downloaded.
fn downloads(log: &Log, image: &HandMade) -> Vec<usize> {
    let gets = log.of(Kind::BlobGet);
    layers_of(image).iter().map(|digest| gets.count_where(|get| get.path.ends_with(digest.as_str()))).collect()
}

#[test]
fn the_tail_is_what_docker_would_make() {
    let registry = Registry::start();
    let sandbox = machine(&put(&registry));
    sandbox.run(["build", "app/Dockerfile"]).ok();
    let image = sandbox.unpack("app");
    assert_eq!(image.line("var/task"), "d 0711 0:0");
    assert_eq!(image.line("var/task/handler.py"), "f 0644 0:0");
    assert_eq!(image.line("var/task/receipt_dynamo/__init__.py"), "f 0644 0:0");
    assert_eq!(image.line("var/task/receipt_label/data"), "d 0755 0:0");
    assert_eq!(image.line("var/task/receipt_label/labels.json"), "f 0600 0:0");
    let config = sandbox.config("app");
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["handler.handler"]));
    assert_eq!(config["config"]["Env"], lambda().config["config"]["Env"]);
}

#[test]
fn each_layer_of_the_base_is_downloaded_once_in_its_life() {
    let registry = Registry::start();
    let sandbox = machine(&put(&registry));
    sandbox.run(["build", "app/Dockerfile"]).ok();
    assert_eq!(downloads(&registry.log(), &lambda()), [1; workspace::BASE_LAYERS], "{}", registry.log());
    registry.clear_log();

    sandbox.run(["build", "app/Dockerfile"]).ok();
    assert_eq!(downloads(&registry.log(), &lambda()), [0; workspace::BASE_LAYERS], "{}", registry.log());
    assert!(registry.log().bytes_down() < 20_000, "{}", registry.log());
    registry.clear_log();

    let first = push(&sandbox, &registry, "team/app");
    let second = push(&sandbox, &registry, "team/app");
    let other = push(&sandbox, &registry, "team/other");
    assert_eq!(downloads(&registry.log(), &lambda()), [0; workspace::BASE_LAYERS], "{}", registry.log());
    let digest = assert_whole(&registry, "team/app", "latest");
    assert_eq!(assert_whole(&registry, "team/other", "latest"), digest);
    for run in [&first, &second, &other] {
        assert_eq!(run.documents()[0]["digest"], *digest);
    }
    assert_eq!(second.documents()[0]["changed"], false);
}

#[test]
fn a_push_alone_reads_each_layer_of_the_base_at_most_once() {
    let registry = Registry::start();
    let base = put(&registry);
    let sandbox = machine(&base);
    push(&sandbox, &registry, "team/app");
    push(&sandbox, &registry, "team/other");
    sandbox.run(["build", "app/Dockerfile"]).ok();
    let counts = downloads(&registry.log(), &lambda());
    assert!(counts.iter().all(|&count| count <= 1), "{counts:?}\n{}", registry.log());
}

#[test]
fn a_second_run_does_nothing() {
    let registry = Registry::start();
    let sandbox = machine(&put(&registry));
    push(&sandbox, &registry, "team/app");
    registry.clear_log();
    let second = push(&sandbox, &registry, "team/app");
    let log = registry.log();
    assert_eq!(log.bytes_up(), 0, "{log}");
    assert!(log.0.iter().all(|request| !matches!(request.kind, Kind::BlobGet | Kind::BlobHead)), "{log}");
    assert!(log.len() <= 2, "{log}");
    assert!(statuses(&second).iter().flatten().all(|status| status == "base" || status == "reused"));
}

#[test]
fn a_fresh_machine_asks_no_more_for_a_dockerfile_than_for_a_spec() {
    let registry = Registry::start();
    let base = put(&registry);
    let first = push(&machine(&base), &registry, "team/app");
    let to = format!("{}/team/spec", registry.host());
    machine(&base).run(["push", "spec.toml", "--to", &to]).ok();
    registry.clear_log();

    machine(&base).run(["push", "spec.toml", "--to", &to]).ok();
    let of_spec = registry.log();
    registry.clear_log();

    let fresh = machine(&base);
    let again = push(&fresh, &registry, "team/app");
    let of_dockerfile = registry.log();
    assert_eq!(kinds(&of_dockerfile), kinds(&of_spec), "{of_dockerfile}\n\nthe spec:\n{of_spec}");
    assert_eq!(kinds(&of_dockerfile), [(Kind::BlobGet, 2), (Kind::ManifestGet, 2)]);
    assert_eq!(of_dockerfile.bytes_up(), 0);
    assert_eq!(downloads(&of_dockerfile, &lambda()), [0; workspace::BASE_LAYERS]);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new(), "a layer was assembled or fetched");
    assert_eq!(fresh.names("cache/trees"), Vec::<String>::new());
    assert_eq!(again.documents()[0]["digest"], first.documents()[0]["digest"]);
}

/// The digests of an image's layers, by their names.
fn by_name(run: &Run) -> BTreeMap<String, String> {
    let document = &run.documents()[0];
    let layers = document["layers"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    layers.map(|layer| (text(&layer["name"]), text(&layer["digest"]))).collect()
}

#[test]
fn one_changed_source_changes_one_layer() {
    let registry = Registry::start();
    let base = put(&registry);
    let before = by_name(&push(&machine(&base), &registry, "team/app"));
    let fresh = machine(&base);
    fresh.file("app/receipt_dynamo/__init__.py", "import boto3, json\n");
    registry.clear_log();
    let run = push(&fresh, &registry, "team/app");
    let after = by_name(&run);
    let changed: Vec<&str> = after
        .iter()
        .filter(|(name, digest)| before.get(*name) != Some(digest))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(changed, ["COPY receipt_dynamo/ ${LAMBDA_TASK_ROOT}/receipt_dynamo/"]);
    let log = registry.log();
    // The layer and the config; the lists and trees of the cache image aside.
    let uploaded = statuses(&run)[0].iter().filter(|status| *status == "uploaded").count();
    assert_eq!(uploaded, 1, "{log}");
    assert_eq!(downloads(&log, &lambda()), [0; workspace::BASE_LAYERS], "{log}");
    assert_whole(&registry, "team/app", "latest");
}

/// An image of tools: three layers of noise, the wanted files in the second and the third.
fn tools() -> HandMade {
    let mut image = HandMade::new();
    let mut first = Tar::default();
    first.folder("opt/", 0o755).file("opt/big", &noise(1, 1 << 20));
    let mut second = Tar::default();
    second.folder("usr/", 0o755).folder("usr/bin/", 0o755).file("usr/bin/tool", b"tool 1\n");
    second.symlink("bin", "usr/bin").file("usr/more", &noise(2, 1 << 18));
    let mut third = Tar::default();
    third.folder("etc/", 0o750).file("etc/tool.conf", b"conf\n").file("etc/noise", &noise(3, 1 << 18));
    for tar in [first, second, third] {
        image = image.layer(&tar.end());
    }
    image
}

fn with_tools(tools: &str, base: &str) -> String {
    format!("FROM {base}\nCOPY --from={tools} /bin/tool /usr/local/bin/\n")
}

#[test]
fn an_image_that_is_copied_from_gives_the_layers_with_the_files_and_no_other() {
    let registry = Registry::start();
    let base = put(&registry);
    let digest = tools().put(&registry, "team/tools", "1");
    let reference = format!("{}/team/tools@{digest}", registry.host());
    let sandbox = Sandbox::new();
    sandbox.dockerfile(&with_tools(&reference, &base));
    push(&sandbox, &registry, "team/app");
    // Its tree has to be known: all three layers are read, each once.
    assert_eq!(downloads(&registry.log(), &tools()), [1, 1, 1], "{}", registry.log());
    registry.clear_log();

    // More of the same image: the tree is known, and the layers with the files are read once.
    sandbox.dockerfile(&format!("{}COPY --from={reference} /etc/tool.conf /etc/\n", with_tools(&reference, &base)));
    push(&sandbox, &registry, "team/app");
    let log = registry.log();
    let counts = downloads(&log, &tools());
    assert_eq!(counts[..2], [0, 0], "{log}");
    assert!(counts[2] <= 1, "{log}");
    registry.clear_log();
    push(&sandbox, &registry, "team/app");
    assert_eq!(downloads(&registry.log(), &tools()), [0, 0, 0], "{}", registry.log());
}

#[test]
fn what_is_copied_from_an_image_is_the_files_with_their_modes() {
    let registry = Registry::start();
    let base = put(&registry);
    tools().put(&registry, "team/tools", "1");
    let reference = format!("{}/team/tools:1", registry.host());
    let sandbox = Sandbox::new();
    let image = sandbox
        .built(&format!("{}COPY --from={reference} --chown=7:8 /etc /opt/etc\n", with_tools(&reference, &base)), &[]);
    assert_eq!(image.text("usr/local/bin/tool"), "tool 1\n");
    assert_eq!(image.line("opt/etc/tool.conf"), "f 0644 7:8");
    assert_eq!(image.line("opt/etc/noise"), "f 0644 7:8");
}

#[test]
fn a_stage_that_has_to_run_is_built_elsewhere_and_named() {
    let registry = Registry::start();
    let base = put(&registry);
    let sandbox = Sandbox::new();
    let text = format!(
        "FROM {base} AS deps\n\
         RUN apt-get update && apt-get install -y gcc\n\
         RUN pip install -r requirements.txt --target ${{LAMBDA_TASK_ROOT}}\n\
         FROM deps\n\
         COPY handler.py ${{LAMBDA_TASK_ROOT}}/\n\
         RUN chmod 755 ${{LAMBDA_TASK_ROOT}}/handler.py\n\
         CMD [\"handler.handler\"]\n"
    );
    sandbox.file("app/handler.py", "def handler(event, context): pass\n");
    let refused = sandbox.try_dockerfile(&text, &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--build-context deps=docker-image://REPOSITORY@DIGEST"), "{}", refused.stderr);

    // What somebody built where commands can run.
    let mut installed = lambda();
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o711).file("var/task/boto3.py", &noise(9, 1 << 18));
    installed = installed.layer(&tar.end());
    let digest = installed.put(&registry, "team/deps", "1");
    let context = format!("deps=docker-image://{}/team/deps@{digest}", registry.host());
    let image = sandbox.built(&text, &["--build-context", &context]);
    assert_eq!(image.line("var/task/handler.py"), "f 0755 0:0");
    assert_eq!(image.line("var/task/boto3.py"), "f 0644 0:0");
    assert_eq!(image.line("var/task"), "d 0711 0:0");
    let manifest = sandbox.manifest("app");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.digest"], *digest);
    assert_eq!(manifest["layers"].as_array().unwrap().len(), workspace::BASE_LAYERS + 3);
}

#[test]
fn a_fresh_machine_reads_of_the_base_what_its_layers_have_to_say_again() {
    let registry = Registry::start();
    let base = put(&registry);
    // A file whose mode changes is said again with its content; directories and whiteouts have none.
    for (run, read) in [
        ("chmod 600 /opt/lib1", [0, 1, 0, 0]),
        ("rm -rf /opt/*", [0; workspace::BASE_LAYERS]),
        ("chmod -R 755 /var", [0; workspace::BASE_LAYERS]),
        ("touch /opt/lib1 /opt/new", [0; workspace::BASE_LAYERS]),
    ] {
        let machine = || {
            let sandbox = Sandbox::new();
            sandbox.dockerfile(&format!("FROM {base}\nRUN {run}\n"));
            sandbox
        };
        push(&machine(), &registry, "team/app");
        registry.clear_log();
        push(&machine(), &registry, "team/app");
        assert_eq!(downloads(&registry.log(), &lambda()), read, "{run}\n{}", registry.log());
        assert_eq!(registry.log().bytes_up(), 0, "{run}\n{}", registry.log());
    }
}

#[test]
fn a_fresh_machine_reads_only_the_layer_with_the_file_that_is_copied() {
    let registry = Registry::start();
    let base = put(&registry);
    let digest = tools().put(&registry, "team/tools", "1");
    let reference = format!("{}/team/tools@{digest}", registry.host());
    let machine = || {
        let sandbox = Sandbox::new();
        sandbox.dockerfile(&with_tools(&reference, &base));
        sandbox
    };
    push(&machine(), &registry, "team/app");
    registry.clear_log();
    push(&machine(), &registry, "team/app");
    let log = registry.log();
    assert_eq!(log.bytes_up(), 0, "{log}");
    // The cache image tells what lies where: only the layer with the file is read, for its digest.
    assert_eq!(downloads(&log, &tools()), [0, 1, 0], "{log}");
    assert_eq!(downloads(&log, &lambda()), [0; workspace::BASE_LAYERS], "{log}");
}
