//! The layers of a Dockerfile: their names, their keys, and what does not change them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::registry::Registry;
use crate::support::tools::tool;
use crate::support::{Run, Sandbox};

const DOCKERFILE: &str = "FROM scratch AS files\n\
    COPY a.txt /made/\n\
    FROM base\n\
    ENV WHERE=/srv\n\
    COPY a.txt b.txt $WHERE/\n\
    COPY --from=files /made/ /srv/made/\n\
    RUN chmod 600 $WHERE/a.txt\n\
    RUN chmod 600 $WHERE/b.txt\n\
    LABEL version=1\n\
    CMD [\"/bin/true\"]\n";

const FLAGS: &[&str] = &["--build-context", "base=oci-layout://bases:base"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("app/a.txt", "a\n").file("app/b.txt", "b\n").file("base/etc/issue", "base\n");
    // The base's own time would differ between two sandboxes.
    let day = fs::File::options().write(true).open(sandbox.path("base/etc/issue")).unwrap();
    day.set_modified(std::time::UNIX_EPOCH).unwrap();
    for folder in ["base/etc", "base"] {
        fs::File::open(sandbox.path(folder)).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    sandbox.base("base", "base");
    sandbox.alter_base("base", |_, config| {
        config["created"] = json!("2020-01-01T00:00:00Z");
        config["history"] = json!([{"created_by": "made"}]);
    });
    sandbox
}

fn layers(run: &Run) -> Vec<Value> {
    run.documents()[0]["layers"].as_array().unwrap().clone()
}

fn build(sandbox: &Sandbox, text: &str) -> Run {
    let flags: Vec<&str> = FLAGS.iter().copied().chain(["--json"]).collect();
    sandbox.try_dockerfile(text, &flags).ok()
}

fn texts(layers: &[Value], key: &str) -> Vec<String> {
    layers.iter().map(|layer| layer[key].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn layers_are_called_by_the_text_of_their_instructions() {
    let sandbox = sandbox();
    let names = texts(&layers(&build(&sandbox, DOCKERFILE)), "name");
    assert_eq!(
        names[1..],
        [
            "COPY a.txt b.txt $WHERE/",
            "COPY --from=files /made/ /srv/made/",
            "RUN chmod 600 $WHERE/a.txt",
            "RUN chmod 600 $WHERE/b.txt"
        ]
    );
    let manifest = sandbox.manifest("app");
    let annotations = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["annotations"].clone());
    let annotated = texts(&annotations.collect::<Vec<_>>(), "dev.tarsia.layer.name");
    assert_eq!(annotated[1..], names[1..]);
}

#[test]
fn equal_instructions_have_names_of_their_own() {
    let sandbox = sandbox();
    let text = "FROM scratch\nCOPY a.txt /x/\nRUN chmod 600 /x/a.txt\nCOPY a.txt /x/\nENV X=1\nCOPY a.txt /x/\nCOPY  a.txt   /x/\n";
    let names = texts(&layers(&build(&sandbox, text)), "name");
    let unique: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), 5, "{names:?}");
    assert_eq!(names[..2], ["COPY a.txt /x/", "RUN chmod 600 /x/a.txt"]);
    assert_eq!(names[2..4], ["COPY a.txt /x/ (2)", "COPY a.txt /x/ (3)"]);
}

#[test]
fn a_long_instruction_has_a_shorter_name_in_one_line() {
    let sandbox = sandbox();
    let sources = "a.txt ".repeat(100);
    let text = format!("FROM scratch\nCOPY {sources} \\\n  b.txt /x/\nCOPY <<EOF /y\nline\nEOF\n");
    let names = texts(&layers(&build(&sandbox, &text)), "name");
    assert!(names.iter().all(|name| name.chars().count() <= 200 && !name.contains('\n')), "{names:?}");
    assert!(names[0].ends_with('…'));
}

#[test]
fn remarks_and_blank_lines_change_nothing() {
    let sandbox = sandbox();
    let first = build(&sandbox, DOCKERFILE);
    let remarks = DOCKERFILE.replace('\n', "\n\n# a remark\n");
    let second = build(&sandbox, &format!("# syntax=docker/dockerfile:1\n# another\n\n{remarks}\n"));
    assert_eq!(second.documents()[0]["digest"], first.documents()[0]["digest"]);
    assert!(texts(&layers(&second), "status")[1..].iter().all(|status| status == "reused"), "{}", second.stdout);
    let lines = sandbox.digest_of_dockerfile(&DOCKERFILE.replace('\n', "\r\n"), FLAGS);
    assert_eq!(first.documents()[0]["digest"], *lines);
}

#[test]
fn a_checkout_elsewhere_later_with_another_umask_is_the_same_image() {
    let first = build(&sandbox(), DOCKERFILE);
    let other = sandbox();
    fs::rename(other.path("app"), other.path("elsewhere")).unwrap();
    other.file("elsewhere/Dockerfile", DOCKERFILE);
    for name in ["a.txt", "b.txt"] {
        let path = other.path("elsewhere").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    }
    fs::set_permissions(other.path("elsewhere"), fs::Permissions::from_mode(0o700)).unwrap();
    let program = other.command(["build", "elsewhere/Dockerfile", "--name", "app", "--json"].iter().chain(FLAGS));
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077 && exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(other.path(""))
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "C");
    let second = Run::of(command.output().unwrap()).ok();
    assert_eq!(second.documents()[0]["digest"], first.documents()[0]["digest"]);
}

#[test]
fn neighbours_do_not_change_a_layer() {
    let sandbox = sandbox();
    let before = layers(&build(&sandbox, DOCKERFILE));
    sandbox.file("app/new.txt", "new\n");
    let text = DOCKERFILE.replace("ENV WHERE=/srv\n", "ENV WHERE=/srv\nCOPY new.txt /opt/\n");
    let after = layers(&build(&sandbox, &text));
    let mut digests = texts(&after, "digest");
    assert_eq!(texts(&after, "status")[1..], ["built", "reused", "reused", "reused", "reused"]);
    digests.remove(1);
    assert_eq!(digests, texts(&before, "digest"));
}

#[test]
fn a_history_entry_stands_for_each_layer_and_what_is_unknown_stays() {
    let sandbox = sandbox();
    sandbox.alter_base("base", |_, config| {
        config["moby.buildkit.buildinfo.v1"] = json!("eyJ9");
        config["config"]["Hostname"] = json!("made-up");
        config["config"]["Labels"] = json!({"of": "base"});
        config["author"] = json!("somebody");
    });
    build(&sandbox, DOCKERFILE);
    let config = sandbox.config("app");
    let history = config["history"].as_array().unwrap();
    let full = history.iter().filter(|entry| entry["empty_layer"] != true).count();
    assert_eq!(full, config["rootfs"]["diff_ids"].as_array().unwrap().len());
    assert_eq!(full, sandbox.manifest("app")["layers"].as_array().unwrap().len());
    assert_eq!(history[0], json!({"created_by": "made"}));
    assert_eq!(config["moby.buildkit.buildinfo.v1"], "eyJ9");
    assert_eq!(config["config"]["Hostname"], "made-up");
    assert_eq!(config["config"]["Labels"], json!({"of": "base", "version": "1"}));
    assert_eq!(config["author"], "somebody");
    assert_eq!(config["config"]["Cmd"], json!(["/bin/true"]));
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
}

#[test]
fn no_cache_makes_every_layer_again_and_the_same() {
    let sandbox = sandbox();
    let first = build(&sandbox, DOCKERFILE);
    let flags: Vec<&str> = FLAGS.iter().copied().chain(["--json", "--no-cache"]).collect();
    let again = sandbox.try_dockerfile(DOCKERFILE, &flags).ok();
    assert_eq!(texts(&layers(&again), "status")[1..], ["built"; 4]);
    assert_eq!(again.documents()[0]["digest"], first.documents()[0]["digest"]);
}

#[test]
fn plan_says_why_and_inspect_says_where() {
    let registry = Registry::start();
    let sandbox = sandbox();
    sandbox.dockerfile(DOCKERFILE);
    let to = format!("{}/app", registry.host());
    let run = |command: &str, more: &[&str]| {
        sandbox.run([command, "app/Dockerfile", "--to", &to].iter().chain(FLAGS).chain(more)).ok()
    };
    run("push", &[]);
    let plan = |sandbox: &Sandbox| {
        let run = sandbox.run(["plan", "app/Dockerfile", "--to", &to, "--json"].iter().chain(FLAGS)).ok();
        let layers = run.documents()[0]["layers"].as_array().unwrap().clone();
        (texts(&layers, "status"), texts(&layers, "why"))
    };
    assert_eq!(plan(&sandbox).0[1..], ["reused"; 4]);
    sandbox.file("app/b.txt", "changed\n");
    let (status, why) = plan(&sandbox);
    assert_eq!(status[1..], ["built", "reused", "reused", "built"]);
    assert_eq!(why[1], "key differs: 1 file changed");
    assert_eq!(why[4], "key differs: 1 file changed");
    let explained = run("plan", &["--explain", "COPY a.txt b.txt $WHERE/"]);
    assert!(explained.stdout.contains("srv/b.txt") && !explained.stdout.contains("srv/a.txt"), "{}", explained.stdout);

    let image = format!("{to}:latest");
    let inspected = sandbox.run(["inspect", &image, "--files", "--json"]).ok();
    let document = &inspected.documents()[0];
    let files = document["files"].as_array().unwrap();
    let of = |path: &str| files.iter().find(|file| file["path"] == path).unwrap_or_else(|| panic!("no {path}"));
    assert_eq!((&of("/srv/a.txt")["layer"], &of("/srv/a.txt")["mode"]), (&json!(3), &json!("0600")));
    assert_eq!(of("/srv/b.txt")["layer"], 4);
    assert_eq!(of("/srv/made/a.txt")["layer"], 2);
    assert_eq!(of("/etc/issue")["layer"], 0);
    assert_eq!(document["layers"][3]["name"], "RUN chmod 600 $WHERE/a.txt");
    assert_eq!(document["layers"][3]["created_by"], "tarsia layer RUN chmod 600 $WHERE/a.txt");
}

#[test]
fn instructions_without_files_make_no_layer() {
    let sandbox = sandbox();
    let text = "FROM base\nRUN true\nRUN chmod 644 /etc/issue && rm -f /none\nRUN mkdir -p /etc\nWORKDIR /etc\nCOPY none* /etc/\n";
    assert_eq!(layers(&build(&sandbox, text)).len(), 1);
    let config = sandbox.config("app");
    assert_eq!(config["config"]["WorkingDir"], "/etc");
    tool("umoci", ["stat", "--image", &format!("{}:app", sandbox.path("out").display()), "--json"]);
}
