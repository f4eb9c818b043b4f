//! A bump of one layer is, to the byte, what a push of everything would be: over layers that overlap, over links, with
//! owners by name, copied, run, on other specs.

use serde_json::Value;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;

/// A base with links, closed folders and users.
fn base() -> HandMade {
    let mut tar = Tar::default();
    tar.folder("etc/", 0o755).file("etc/passwd", b"root:x:0:0::/:/bin/sh\napp:x:7:8::/:/bin/sh\n");
    tar.file("etc/group", b"root:x:0:\napp:x:8:\n").folder("srv/", 0o750).folder("usr/", 0o755);
    tar.folder("usr/lib/", 0o711).symlink("lib", "usr/lib").folder("var/", 0o755).folder("var/task/", 0o711);
    tar.file("srv/old", b"old").folder("tmp/", 0o1777);
    let mut base = HandMade::new().layer(&tar.end());
    base.config["architecture"] = "amd64".into();
    base
}

/// Layers over the base; `code` is the one that changes. Its context is `code`, that of any other is `other`.
const LAYERS: &[(&str, &str)] = &[
    (
        "beside each other",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/var/task/lib/"
        [[layer]]
        name = "code"
        context = "code"
        to = "/var/task/code/"
        [[layer]]
        name = "above"
        context = "other"
        to = "/var/task/above/"
        "#,
    ),
    (
        "into one folder, the lower with closed folders",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/opt/python/"
        owner = "9:9"
        modes = { dir = "0700" }
        [[layer]]
        name = "code"
        context = "code"
        to = "/opt/python/"
        "#,
    ),
    (
        "parents of another owner",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/opt/python/lib/"
        owner = "9:9"
        [[layer]]
        name = "code"
        context = "code"
        to = "/opt/python/code/"
        "#,
    ),
    (
        "behind a link of the base, beside where it leads",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/usr/lib/python/"
        modes = { dir = "0700" }
        [[layer]]
        name = "code"
        context = "code"
        to = "/lib/python/"
        "#,
    ),
    (
        "behind a link of a lower layer",
        r#"
        [[layer]]
        name = "links"
        entries = [{ path = "/current", link = "srv/v2" }, { path = "/srv/v2/", mode = "0700" }, { path = "/a/b/", mode = "0711" }]
        [[layer]]
        name = "code"
        context = "code"
        to = "/current/app/"
        "#,
    ),
    (
        "an owner by a name of the base",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/var/task/lib/"
        [[layer]]
        name = "code"
        context = "code"
        to = "/srv/code/"
        owner = "app:app"
        "#,
    ),
    (
        "an owner by a name of a lower layer",
        r#"
        [[layer]]
        name = "users"
        entries = [{ path = "/etc/passwd", text = "root:x:0:0::/:/bin/sh\napp:x:77:88::/:/bin/sh\n" }]
        [[layer]]
        name = "code"
        context = "code"
        to = "/srv/code/"
        owner = "app"
        "#,
    ),
    (
        "a time, a compression and modes of its own",
        r#"
        [[layer]]
        name = "code"
        context = "code"
        to = "/srv/"
        mtime = 1234567890
        compression = "zstd"
        modes = "keep"
        exclude = ["**/*.log"]
        [[layer]]
        name = "above"
        context = "other"
        to = "/srv/"
        "#,
    ),
    (
        "copied, and changed by what follows",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/app/"
        modes = { dir = "0700" }
        [[layer]]
        name = "code"
        context = "code"
        sources = ["main.py", "pkg"]
        to = "/app/"
        chmod = "0640"
        "#,
    ),
    (
        "commands above that hold what they change",
        r#"
        [[layer]]
        name = "code"
        context = "code"
        to = "/srv/b/"
        [[layer]]
        name = "above"
        context = "other"
        to = "/elsewhere/"
        [[layer]]
        name = "closed"
        run = ["chmod 600 /srv/b/main.py", "mkdir /srv/b/made"]
        "#,
    ),
    (
        "a link of a lower layer that brings two together",
        r#"
        [[layer]]
        name = "low"
        context = "other"
        to = "/b/c/"
        modes = { dir = "0700" }
        [[layer]]
        name = "links"
        entries = [{ path = "/a", link = "b" }]
        [[layer]]
        name = "code"
        context = "code"
        to = "/a/c/d/"
        "#,
    ),
    (
        "a file by itself",
        r#"
        [[layer]]
        name = "lib"
        context = "other"
        to = "/app/"
        [[layer]]
        name = "code"
        context = "code"
        from = "main.py"
        to = "/app/run.py"
        "#,
    ),
];

/// The specs and contexts; of the contexts only these.
fn machine(specs: &[(String, String)], contexts: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in specs {
        sandbox.file(name, text);
    }
    if contexts.contains(&"code") {
        sandbox.file("code/main.py", "one\n").file("code/pkg/part.py", "part\n").executable("code/run", "#!/bin/sh\n");
        sandbox.link("code/link", "main.py").file("code/x.log", "log\n");
    }
    if contexts.contains(&"other") {
        sandbox.file("other/lib.py", "lib\n").file("other/pkg/deep/lib.py", "lib\n").file("other/main.py", "other\n");
    }
    sandbox
}

fn change(sandbox: &Sandbox) {
    sandbox.file("code/main.py", "two\n").file("code/pkg/deep/new.py", "new\n").file("code/fresh/er/new.py", "new\n");
    std::fs::remove_file(sandbox.path("code/link")).unwrap();
}

/// Pushes, bumps from a machine that has one context only, and pushes again from one that has all.
#[track_caller]
fn bump_and_push(registry: &Registry, specs: &[(String, String)], spec: &str, flags: &[&str], what: &str) {
    let set = format!("REGISTRY={}", registry.host());
    let run = |sandbox: &Sandbox, command: &str, spec: &str, more: &[&str]| -> Vec<Value> {
        let arguments = [command, spec, "--json", "--set", &set];
        let run = sandbox.run(arguments.iter().chain(flags).chain(more));
        assert_eq!(run.code, 0, "{what}: {}", run.stderr);
        run.documents()
    };
    run(&machine(specs, &["code", "other"]), "push", ".", &[]);
    let one = machine(specs, &["code"]);
    change(&one);
    let bumped = run(&one, "bump", spec, &["--layer", "code"]).remove(0);
    assert_eq!(bumped["changed"], true, "{what}");
    let all = machine(specs, &["code", "other"]);
    change(&all);
    let pushed = run(&all, "push", spec, &[]).pop().unwrap();
    let manifest = |document: &Value| {
        let repository = document["repository"].as_str().unwrap().split_once('/').unwrap().1.to_owned();
        let (_, bytes) = registry.manifest(&repository, document["digest"].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(manifest(&pushed), manifest(&bumped), "{what}");
    assert_eq!(pushed["changed"], false, "{what}");
}

#[test]
fn over_a_base_of_a_registry() {
    for (what, layers) in LAYERS {
        let (bases, registry) = (Registry::start(), Registry::start());
        base().put(&bases, "base", "v1");
        let head = format!("name = \"app\"\nbase = \"{}/base:v1\"\nrepository = \"${{REGISTRY}}/app\"\n", bases.host());
        bump_and_push(&registry, &[("app.toml".into(), format!("{head}{layers}"))], "app.toml", &[], what);
        // Over nothing, the spec says the same unless it asks for somebody by a name.
        if !layers.contains("\"app:app\"") {
            let head = head.replace(&format!("{}/base:v1", bases.host()), "scratch").replace("/app\"", "/scratch\"");
            bump_and_push(&registry, &[("app.toml".into(), format!("{head}{layers}"))], "app.toml", &[], what);
        }
    }
}

#[test]
fn a_layer_above_that_would_be_another_is_named() {
    let registry = Registry::start();
    let set = format!("REGISTRY={}", registry.host());
    let spec = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n\
                [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/opt/\"\nmodes = \"keep\"\n\
                [[layer]]\nname = \"above\"\ncontext = \"other\"\nto = \"/opt/pkg/\"\n";
    let sandbox = machine(&[("app.toml".into(), spec.into())], &["code", "other"]);
    let run = |command: &str, flags: &[&str]| sandbox.run([command, "app.toml", "--set", &set].iter().chain(flags));
    run("push", &[]).ok();
    // A file more is none of its business.
    sandbox.file("code/pkg/more.py", "more\n");
    run("bump", &["--layer", "code"]).ok();
    // The layer above says the directory again, with the mode that it had.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(sandbox.path("code/pkg"), mode).unwrap();
    let refused =
        run("bump", &["--layer", "code"]).refused(2, "the layer `above` above would have to be made anew: `/opt/pkg`");
    assert!(refused.stderr.contains("--layer above"), "{}", refused.stderr);
    run("bump", &["--layer", "code", "--layer", "above"]).ok();
    run("bump", &["--layer", "code", "--layer", "code"]).refused(2, "named twice");
    assert!(run("push", &[]).ok().stdout.contains("unchanged"));
}

#[test]
fn what_a_push_would_do_above_is_not_left_out() {
    let registry = Registry::start();
    let set = format!("REGISTRY={}", registry.host());
    let bump = |layers: &str, change: &dyn Fn(&Sandbox), layer: &str, words: &str| {
        let head = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n";
        let sandbox = machine(&[("app.toml".into(), format!("{head}{layers}"))], &["code", "other"]);
        sandbox.file("users/etc/passwd", "app:x:5:6::/:/bin/sh\n");
        sandbox.run(["push", "app.toml", "--set", &set]).ok();
        change(&sandbox);
        sandbox.run(["bump", "app.toml", "--set", &set, "--layer", layer]).refused(2, words);
    };
    // Who owns the layer above, by a name that has other numbers now.
    bump(
        "[[layer]]\nname = \"users\"\ncontext = \"users\"\nto = \"/\"\n\
         [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\nowner = \"app\"\n",
        &|sandbox| {
            sandbox.file("users/etc/passwd", "app:x:7:8::/:/bin/sh\n");
        },
        "users",
        "whose numbers may be others now",
    );
    // Commands that had nothing to do, and have now.
    bump(
        "[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n\
         [[layer]]\nname = \"clean\"\nrun = [\"rm -f /srv/draft\"]\n",
        &|sandbox| {
            sandbox.file("code/draft", "");
        },
        "code",
        "did nothing before, and would do something now",
    );
    // A file where the layer above has a directory.
    bump(
        "[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n\
         [[layer]]\nname = \"above\"\ncontext = \"other\"\nto = \"/srv/pkg/\"\n",
        &|sandbox| {
            std::fs::remove_dir_all(sandbox.path("code/pkg")).unwrap();
            sandbox.file("code/pkg", "a file\n");
        },
        "code",
        "`/srv/pkg` is another directory or link now",
    );
}

#[test]
fn over_a_base_that_is_never_read() {
    let (bases, registry) = (Registry::start(), Registry::start());
    base().put(&bases, "base", "v1");
    let head = format!(
        "name = \"app\"\nbase = \"{}/base:v1\"\nbase_tree = \"assume\"\nrepository = \"${{REGISTRY}}/app\"\n",
        bases.host()
    );
    let (what, layers) = LAYERS[3];
    bump_and_push(&registry, &[("app.toml".into(), format!("{head}{layers}"))], "app.toml", &[], what);
}

#[test]
fn over_the_image_of_another_spec_and_without_a_cache() {
    let (bases, registry) = (Registry::start(), Registry::start());
    base().put(&bases, "base", "v1");
    let lower = format!(
        "name = \"lower\"\nbase = \"{}/base:v1\"\nrepository = \"${{REGISTRY}}/lower\"\n[[layer]]\nname = \"lib\"\n\
         context = \"other\"\nto = \"/opt/python/\"\nmodes = {{ dir = \"0700\" }}\nowner = \"3:4\"\n",
        bases.host()
    );
    for (flags, what) in [(&[][..], "with the cache image"), (&["--no-remote-cache"], "without it")] {
        let upper = "name = \"upper\"\nbase = { spec = \"lower.toml\" }\nrepository = \"${REGISTRY}/upper\"\n[[layer]]\n\
                     name = \"code\"\ncontext = \"code\"\nto = \"/opt/python/\"\n";
        let specs = [("lower.toml".to_owned(), lower.clone()), ("upper.toml".to_owned(), upper.to_owned())];
        bump_and_push(&registry, &specs, "upper.toml", flags, what);
    }
}

#[test]
fn for_several_platforms_with_a_layer_for_one() {
    let registry = Registry::start();
    let spec = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n\
                platforms = [\"linux/arm64\", \"linux/amd64\"]\n\
                [[layer]]\nname = \"lib\"\ncontext = \"other\"\nto = \"/opt/\"\nplatforms = [\"linux/arm64\"]\n\
                [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/opt/\"\n";
    bump_and_push(&registry, &[("app.toml".into(), spec.into())], "app.toml", &[], "two platforms");
}

#[test]
fn on_a_base_that_was_itself_pushed() {
    let registry = Registry::start();
    let set = format!("REGISTRY={}", registry.host());
    let lower = "name = \"lower\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/lower\"\n[[layer]]\nname = \"code\"\n\
                 context = \"other\"\nto = \"/opt/code/\"\nmodes = { dir = \"0711\" }\n";
    let sandbox = machine(&[("lower.toml".into(), lower.into())], &["other"]);
    sandbox.run(["push", "lower.toml", "--set", &set]).ok();
    // A layer of the same name as one of the base's.
    let upper = format!(
        "name = \"upper\"\nbase = \"{}/lower:latest\"\nrepository = \"${{REGISTRY}}/upper\"\n[[layer]]\n\
         name = \"code\"\ncontext = \"code\"\nto = \"/opt/code/\"\n",
        registry.host()
    );
    bump_and_push(&registry, &[("upper.toml".into(), upper)], "upper.toml", &[], "a base of ours");
}
