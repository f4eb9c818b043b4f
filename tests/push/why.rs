//! A push says of every layer that it assembled why: compared with what it replaces, on a warm and on a fresh machine.

use serde_json::{Value, json};

use crate::support::registry::{Kind, Registry};
use crate::support::workspace::{of_repository, over};
use crate::support::{Run, Sandbox};

const SPEC: &str = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n\
     [[layer]]\nname = \"lib\"\ncontext = \"../lib\"\nto = \"/lib/\"\n\
     [[layer]]\nname = \"code\"\ncontext = \"../code\"\nto = \"/srv/code/\"\n";

/// One image of two layers.
fn app() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("specs/app.toml", SPEC).file("lib/lib.py", "lib = 1\n");
    for number in 0..12 {
        sandbox.file(&format!("code/m{number:02}.py"), format!("m = {number}\n"));
    }
    sandbox
}

/// The same with a line more in the layer `code`.
fn say(sandbox: &Sandbox, line: &str) {
    sandbox.file("specs/app.toml", format!("{SPEC}{line}\n"));
}

#[track_caller]
fn push(sandbox: &Sandbox, registry: &Registry, flags: &[&str]) -> Run {
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run(["push", "specs", "--set", &set].iter().chain(flags)).ok()
}

/// What a push says under the line of the layer `code`.
fn said(run: &Run) -> String {
    let lines = run.stdout.lines().skip_while(|line| !line.ends_with("  code")).skip(1);
    lines.map(|line| format!("{}\n", line.trim())).collect()
}

/// Pushes, changes something, and pushes from the same machine and from a fresh one: both say the same, `plan` before
/// them says it too, and the layer that has not changed is not spoken of.
#[track_caller]
fn changed(change: impl Fn(&Sandbox), flags: &[&str], expected: &str) {
    for fresh in [false, true] {
        let registry = Registry::start();
        let mut sandbox = app();
        push(&sandbox, &registry, &[]);
        if fresh {
            sandbox = app();
        }
        change(&sandbox);
        let set = format!("REGISTRY={}", registry.host());
        let planned = sandbox.run(["plan", "specs", "--explain", "code", "--set", &set].iter().chain(flags)).ok();
        assert_eq!(said(&planned), expected, "plan, fresh: {fresh}");
        let pushed = push(&sandbox, &registry, flags);
        assert_eq!(said(&pushed), expected, "push, fresh: {fresh}\n{}", pushed.stdout);
        // What has been said is over.
        let again = push(&sandbox, &registry, flags);
        assert!(again.stdout.contains(" unchanged ") && said(&again).is_empty(), "{}", again.stdout);
    }
}

#[test]
fn a_file_that_changed() {
    changed(
        |sandbox| {
            sandbox.file("code/m03.py", "other\n");
        },
        &[],
        "key differs: 1 file changed\n/srv/code/m03.py (content)\n",
    );
}

#[test]
fn files_more_and_less() {
    changed(
        |sandbox| {
            sandbox.file("code/new.py", "new\n");
            std::fs::remove_file(sandbox.path("code/m11.py")).unwrap();
        },
        &[],
        "key differs: 1 added, 1 removed\n/srv/code/m11.py (removed)\n/srv/code/new.py (added)\n",
    );
}

#[test]
fn a_mode() {
    changed(
        |sandbox| {
            sandbox.executable("code/m05.py", "m = 5\n");
        },
        &[],
        "key differs: 1 mode\n/srv/code/m05.py (mode 0644 → 0755)\n",
    );
}

#[test]
fn an_owner_is_said_once() {
    changed(|sandbox| say(sandbox, "owner = \"7:8\""), &[], "key differs: owner 0:0 → 7:8\n");
}

#[test]
fn the_compression() {
    changed(|sandbox| say(sandbox, "compression = \"zstd\""), &[], "key differs: compression gzip → zstd\n");
}

#[test]
fn a_destination_is_said_once_and_what_changed_beside_it() {
    let to = |sandbox: &Sandbox| {
        sandbox.file("specs/app.toml", SPEC.replace("/srv/code/", "/opt/app/code/"));
    };
    changed(to, &[], "key differs: destination /srv/code → /opt/app/code\n");
    changed(
        |sandbox| {
            to(sandbox);
            sandbox.file("code/m00.py", "other\n");
        },
        &[],
        "key differs: destination /srv/code → /opt/app/code, 1 file changed\n/opt/app/code/m00.py (content)\n",
    );
}

#[test]
fn the_epoch_is_said_once_with_both_values() {
    changed(|_| (), &["--epoch", "1700000000"], "key differs: time 0 → 1700000000\n");
}

#[test]
fn a_first_push_has_nothing_to_compare_with() {
    let registry = Registry::start();
    let run = push(&app(), &registry, &[]);
    assert_eq!(run.stdout.matches("\n           no earlier version is known\n").count(), 2, "{}", run.stdout);
    let asked = push(&app(), &registry, &["--no-cache"]);
    assert_eq!(asked.stdout.matches("\n           the cache is not to be used\n").count(), 2, "{}", asked.stdout);
}

#[test]
fn a_layer_that_was_lost_says_so() {
    let registry = Registry::start();
    let first = over(&app(), "push", &registry, &[]).ok().documents().remove(0);
    registry.delete_blob("app", first["layers"][0]["digest"].as_str().unwrap());
    let fresh = app();
    fresh.file("code/new.py", "");
    let run = push(&fresh, &registry, &[]);
    assert!(run.stdout.contains("  lib\n           the blob exists nowhere any more\n"), "{}", run.stdout);
    assert_eq!(said(&run), "key differs: 1 added\n/srv/code/new.py (added)\n");
}

#[test]
fn ten_files_are_named() {
    let registry = Registry::start();
    let sandbox = app();
    push(&sandbox, &registry, &[]);
    for number in 0..12 {
        sandbox.file(&format!("code/m{number:02}.py"), "all changed\n");
    }
    let said = said(&push(&sandbox, &registry, &[]));
    assert_eq!(said.lines().count(), 12, "{said}");
    assert!(said.ends_with("m09.py (content)\nand 2 more (before a push: tarsia plan --explain code)\n"), "{said}");
}

#[test]
fn the_document_says_the_same_as_that_of_plan() {
    let registry = Registry::start();
    push(&app(), &registry, &[]);
    let sandbox = app();
    say(&sandbox, "owner = \"7:8\"\ncompression = \"zstd\"");
    sandbox.file("code/m03.py", "other\n");
    let of = |run: Run| -> Value { run.documents()[0]["layers"].clone() };
    let planned = of(over(&sandbox, "plan", &registry, &[]).ok());
    let pushed = of(over(&sandbox, "push", &registry, &[]).ok());
    for layers in [&planned, &pushed] {
        assert!(layers[0].get("why").is_none(), "{layers}");
        assert_eq!(layers[1]["why"], "key differs: compression gzip → zstd, owner 0:0 → 7:8, 1 file changed");
        let expected = json!({
            "compression": {"before": "gzip", "now": "zstd"},
            "owner": {"before": "0:0", "now": "7:8"},
        });
        assert_eq!(layers[1]["changes"], expected);
        assert_eq!(layers[1]["differences"], json!([{"path": "/srv/code/m03.py", "what": ["content"]}]));
    }
}

/// What is replaced counts, and not what this machine made last.
#[test]
fn a_push_is_compared_with_what_it_replaces() {
    let registry = Registry::start();
    let sandbox = app();
    push(&sandbox, &registry, &[]);
    let other = app();
    other.file("code/theirs.py", "theirs\n");
    push(&other, &registry, &[]);
    sandbox.file("code/mine.py", "mine\n");
    let said = said(&push(&sandbox, &registry, &[]));
    assert_eq!(said, "key differs: 1 added, 1 removed\n/srv/code/mine.py (added)\n/srv/code/theirs.py (removed)\n");
}

/// Images of two platforms have layers of one name.
#[test]
fn each_platform_is_compared_with_its_own() {
    let registry = Registry::start();
    let machine = || {
        let sandbox = app();
        let spec = SPEC.replace("scratch\"\n", "scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n");
        sandbox.file("specs/app.toml", spec.replace("../code", "../code-{arch}"));
        for architecture in ["amd64", "arm64"] {
            sandbox.file(&format!("code-{architecture}/{architecture}.so"), architecture);
        }
        sandbox
    };
    let warm = machine();
    push(&warm, &registry, &[]);
    for sandbox in [warm, machine()] {
        // Something else each time: what is known already needs no reason.
        sandbox.file(&format!("code-amd64/new-{}.so", registry.log().len()), "new");
        let layers = over(&sandbox, "push", &registry, &[]).ok().documents()[0]["layers"].clone();
        let whys: Vec<&Value> = layers.as_array().unwrap().iter().filter_map(|layer| layer.get("why")).collect();
        assert_eq!(whys.len(), 1, "{layers}");
        assert!(whys[0].as_str().unwrap().starts_with("key differs: 1 added"), "{layers}");
    }
}

/// On a fresh machine it takes one small request a layer, and where nothing was rebuilt or the last version is known here, none.
#[test]
fn a_reason_costs_one_listing_at_most() {
    let registry = Registry::start();
    let warm = app();
    push(&warm, &registry, &[]);
    let cache = crate::support::workspace::json_of(&registry, "app", "tarsia-cache");
    let listings: Vec<String> = cache["layers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|blob| blob["mediaType"] == "application/vnd.tarsia.listing.v2+zstd")
        .map(|blob| blob["digest"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listings.len(), 2);
    let fetched = |registry: &Registry| {
        let log = of_repository(&registry.log(), "app");
        let is_listing = |path: &str| listings.iter().any(|listing| path.ends_with(listing.as_str()));
        log.count_where(|request| request.kind == Kind::BlobGet && is_listing(&request.path))
    };
    let fresh = app();
    registry.clear_log();
    push(&fresh, &registry, &[]);
    assert_eq!(fetched(&registry), 0, "nothing was rebuilt");
    fresh.file("code/new.py", "");
    push(&fresh, &registry, &[]);
    assert_eq!(fetched(&registry), 1, "one layer was rebuilt");
    registry.clear_log();
    warm.file("lib/new.py", "");
    push(&warm, &registry, &[]);
    assert_eq!(fetched(&registry), 0, "its last version was made here");
    let other = app();
    other.file("lib/more.py", "");
    registry.clear_log();
    push(&other, &registry, &["--no-remote-cache"]);
    assert_eq!(fetched(&registry), 0, "nothing is believed");
}
