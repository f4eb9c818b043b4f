//! Why a layer would be built: compared with the version that was last made here or, on a fresh machine, was last pushed.

use serde_json::{Value, json};

use crate::support::registry::Registry;
use crate::support::{Run, Sandbox};

/// One image of two layers.
fn app() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n\
         [[layer]]\nname = \"lib\"\ncontext = \"lib\"\nto = \"/lib/\"\n\
         [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/code/\"\n",
    );
    for number in 0..12 {
        sandbox.file(&format!("code/m{number:02}.py"), format!("m = {number}\n"));
    }
    sandbox.file("lib/lib.py", "lib = 1\n");
    sandbox
}

fn run(sandbox: &Sandbox, command: &str, registry: &Registry, flags: &[&str]) -> Run {
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run([command, "app.toml", "--set", &set].iter().chain(flags)).ok()
}

/// Status and reason of each layer.
fn whys(sandbox: &Sandbox, registry: &Registry, flags: &[&str]) -> Vec<(String, Option<String>)> {
    let flags: Vec<&str> = flags.iter().copied().chain(["--json"]).collect();
    let documents = run(sandbox, "plan", registry, &flags).documents();
    let layers = documents[0]["layers"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    layers.map(|layer| (text(&layer["status"]).unwrap(), text(&layer["why"]))).collect()
}

fn built(why: &str) -> (String, Option<String>) {
    ("built".to_owned(), Some(why.to_owned()))
}

fn reused() -> (String, Option<String>) {
    ("reused".to_owned(), None)
}

/// Three files with another content, one more, one less, one with another mode.
fn change(sandbox: &Sandbox) {
    for number in 0..3 {
        sandbox.file(&format!("code/m{number:02}.py"), "changed\n");
    }
    sandbox.file("code/new.py", "").executable("code/m05.py", "m = 5\n");
    std::fs::remove_file(sandbox.path("code/m11.py")).unwrap();
}

const CHANGED: &str = "key differs: 3 files changed, 1 added, 1 removed, 1 mode";

#[test]
fn a_layer_that_was_never_made_is_new() {
    let registry = Registry::start();
    let new = built("no earlier version is known");
    assert_eq!(whys(&app(), &registry, &[]), [new.clone(), new]);
}

#[test]
fn a_changed_layer_says_what_changed_on_a_warm_and_on_a_fresh_machine() {
    let registry = Registry::start();
    let warm = app();
    run(&warm, "push", &registry, &[]);
    for sandbox in [warm, app()] {
        change(&sandbox);
        assert_eq!(whys(&sandbox, &registry, &[]), [reused(), built(CHANGED)]);
        let text = run(&sandbox, "plan", &registry, &[]).stdout;
        let expected = format!(
            "           {CHANGED}\n             /code/m00.py (content)\n             /code/m01.py (content)\n             /code/m02.py (content)\n             /code/m05.py (mode 0644 → 0755)\n             /code/m11.py (removed)\n             /code/new.py (added)\n"
        );
        assert!(text.contains(&expected), "{text}");
        let documents = run(&sandbox, "plan", &registry, &["--json"]).documents();
        let differences = &documents[0]["layers"][1]["differences"];
        assert_eq!(differences[3], json!({"path": "/code/m05.py", "what": ["mode"]}));
        assert_eq!(differences.as_array().unwrap().len(), 6);
    }
}

#[test]
fn ten_are_named_and_the_rest_on_request() {
    let registry = Registry::start();
    let sandbox = app();
    run(&sandbox, "push", &registry, &[]);
    for number in 0..12 {
        sandbox.file(&format!("code/m{number:02}.py"), "all changed\n");
    }
    let text = run(&sandbox, "plan", &registry, &[]).stdout;
    assert!(text.contains("key differs: 12 files changed\n"), "{text}");
    assert!(text.contains("/code/m09.py") && !text.contains("/code/m10.py"), "{text}");
    assert!(text.contains("and 2 more (--explain code)"), "{text}");
    let text = run(&sandbox, "plan", &registry, &["--explain", "code"]).stdout;
    assert!(text.contains("/code/m11.py (content)") && !text.contains("more (--explain"), "{text}");
    // Another layer's name explains nothing of this one.
    let text = run(&sandbox, "plan", &registry, &["--explain", "lib"]).stdout;
    assert!(text.contains("and 2 more"), "{text}");
}

#[test]
fn a_name_to_explain_that_is_no_layer_is_refused() {
    let (registry, sandbox) = (Registry::start(), app());
    let set = format!("REGISTRY={}", registry.host());
    let run = sandbox.run(["plan", "app.toml", "--set", &set, "--explain", "cod"]).refused(2, "`cod`");
    assert!(run.stderr.contains("`code`"), "{}", run.stderr);
}

#[test]
fn what_was_pushed_and_is_gone_is_lost_or_forgotten() {
    let registry = Registry::start();
    let first = app();
    let pushed = run(&first, "push", &registry, &["--json"]).documents();
    let lib = pushed[0]["layers"][0]["digest"].as_str().unwrap().to_owned();

    // A machine that knows the layer from the registry alone, while its blob is deleted.
    let fresh = app();
    fresh.file("code/new.py", "");
    run(&fresh, "push", &registry, &[]);
    registry.delete_blob("app", &lib);
    fresh.file("code/new.py", "again");
    assert_eq!(whys(&fresh, &registry, &[])[0], built("the blob exists nowhere any more"));

    // A machine that has it does not mind.
    first.file("code/new.py", "again");
    assert_eq!(whys(&first, &registry, &[])[0], ("uploaded".to_owned(), None));

    // A fresh machine whose tag is gone, and whose cache image knows what the layer was, but not where it is.
    let registry = Registry::start();
    let sandbox = app();
    run(&sandbox, "push", &registry, &[]);
    let path = sandbox.path("cache");
    for folder in ["layers", "blobs/sha256"] {
        std::fs::remove_dir_all(path.join(folder)).unwrap();
    }
    for tag in ["latest", "tarsia-cache"] {
        registry.delete_tag("app", tag);
    }
    let forgotten = built("unchanged, but its blob is not known any more");
    assert_eq!(whys(&sandbox, &registry, &[]), [forgotten.clone(), forgotten]);
}

#[test]
fn no_cache_is_a_reason() {
    let registry = Registry::start();
    let sandbox = app();
    run(&sandbox, "push", &registry, &[]);
    let asked = built("the cache is not to be used");
    assert_eq!(whys(&sandbox, &registry, &["--no-cache"]), [asked.clone(), asked]);
    // Without repositories this machine's store remains.
    assert_eq!(whys(&sandbox, &registry, &["--no-remote-cache"]), [reused(), reused()]);
    let new =
        built("no earlier version is known here, and what the repository has is not looked at (--no-remote-cache)");
    assert_eq!(whys(&app(), &registry, &["--no-remote-cache"]), [new.clone(), new]);
}

#[test]
fn another_compression_is_a_reason() {
    let registry = Registry::start();
    let sandbox = app();
    run(&sandbox, "push", &registry, &[]);
    for sandbox in [sandbox, app()] {
        let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", spec.replace("name = \"code\"", "name = \"code\"\ncompression = \"zstd\""));
        assert_eq!(whys(&sandbox, &registry, &[]), [reused(), built("key differs: compression gzip → zstd")]);
    }
}

#[test]
fn a_layer_that_is_known_says_where_it_was_found() {
    let registry = Registry::start();
    let warm = app();
    run(&warm, "push", &registry, &[]);
    let host = registry.host();
    let found = |sandbox: &Sandbox, flags: &[&str]| -> String {
        let flags: Vec<&str> = flags.iter().copied().chain(["--explain", "lib"]).collect();
        let text = run(sandbox, "plan", &registry, &flags).stdout;
        let mut lines = text.lines().skip_while(|line| !line.ends_with("  lib")).skip(1);
        let line = lines.next().unwrap().trim_start().to_owned();
        let documents = run(sandbox, "plan", &registry, &[&flags[..], &["--json"]].concat()).documents();
        assert_eq!(documents[0]["layers"][0]["found"], line, "{documents:?}");
        line
    };
    assert_eq!(found(&warm, &[]), "key unchanged: found in this machine's store");
    let tag = format!("key unchanged: found in the image that `{host}/app:latest` stands for");
    assert_eq!(found(&app(), &[]), tag);
    change(&warm);
    assert_eq!(found(&warm, &[]), "key unchanged: found in this machine's store");
    let changed = app();
    change(&changed);
    assert_eq!(found(&changed, &[]), tag);
    // Whoever does not ask is not told.
    assert!(!run(&changed, "plan", &registry, &[]).stdout.contains("key unchanged"));

    registry.delete_tag("app", "latest");
    assert_eq!(found(&app(), &[]), format!("key unchanged: found in the cache image `{host}/app:tarsia-cache`"));
    let other = app();
    run(&other, "push", &registry, &["--tag", "v1", "--no-remote-cache"]);
    registry.delete_tag("app", "tarsia-cache");
    let from = found(&app(), &["--cache-from", &format!("{host}/app:v1")]);
    assert!(from.starts_with(&format!("key unchanged: found in `{host}/app@sha256:")), "{from}");
    assert!(from.ends_with("` (--cache-from)"), "{from}");
}

#[test]
fn a_version_without_a_listing_is_no_new_layer() {
    let registry = Registry::start();
    run(&app(), "push", &registry, &[]);
    registry.delete_tag("app", "tarsia-cache");
    let fresh = app();
    change(&fresh);
    let unlisted = built("key differs from that of the image about to be replaced, whose listing is not known");
    assert_eq!(whys(&fresh, &registry, &[]), [reused(), unlisted]);
}
