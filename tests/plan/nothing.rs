//! Planning writes nothing, neither at the registry nor on this machine, and says of each layer what push would do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::Sandbox;
use crate::support::registry::{Registry, digest_of};
use crate::support::workspace::{base, digests, over, statuses, workspace};

/// Every path below a folder with what is there.
fn everything(folder: &Path) -> BTreeMap<String, (u32, i64, String)> {
    use std::os::unix::fs::MetadataExt;
    let mut all = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() { String::new() } else { digest_of(&fs::read(&path).unwrap()) };
            let seen = (metadata.mode(), metadata.mtime_nsec(), content);
            all.insert(path.display().to_string(), seen);
            if metadata.is_dir() {
                todo.push(path);
            }
        }
    }
    all
}

#[track_caller]
fn assert_only_looked(registry: &Registry) {
    let log = registry.log();
    assert!(!log.is_empty());
    assert_eq!(log.count_where(|request| !matches!(request.method.as_str(), "GET" | "HEAD")), 0, "{log}");
    assert_eq!(log.bytes_up(), 0, "{log}");
    registry.clear_log();
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let reference = format!("{}/bases/python:3.12", registry.host());
    let sandbox = workspace(&reference, "");
    let before = everything(&sandbox.path("."));
    let plan = over(&sandbox, "plan", &registry, &[]).ok();
    assert_only_looked(&registry);
    assert_eq!(everything(&sandbox.path(".")), before);
    assert!(!sandbox.path("cache").exists());
    assert_eq!(registry.repositories(), ["bases/python"]);
    // Not a digest is known yet, but every layer is told.
    assert!(plan.documents().iter().all(|image| image["digest"].is_null() && image["changed"] == true));
    let layers: Vec<usize> = statuses(&plan).iter().map(Vec::len).collect();
    assert_eq!(layers, [5, 6, 7]);
    // Nor when everything is published.
    over(&workspace(&reference, ""), "push", &registry, &[]).ok();
    registry.clear_log();
    let plan = over(&sandbox, "plan", &registry, &[]).ok();
    assert_only_looked(&registry);
    assert!(!sandbox.path("cache").exists());
    assert!(statuses(&plan).iter().flatten().all(|status| status == "base" || status == "reused"));
}

#[test]
fn a_store_is_left_byte_for_byte() {
    let registry = Registry::start();
    base().put(&registry, "bases/python", "3.12");
    let sandbox = workspace(&format!("{}/bases/python:3.12", registry.host()), "");
    let pushed = over(&sandbox, "push", &registry, &[]).ok();
    let before = everything(&sandbox.path("."));
    registry.clear_log();
    let plan = over(&sandbox, "plan", &registry, &["--exit-code"]).ok();
    assert_only_looked(&registry);
    assert_eq!(digests(&plan), digests(&pushed));
    assert_eq!(everything(&sandbox.path(".")), before);
    sandbox.file("b/b.py", "name = \"changed\"\n").file("b/new.py", "");
    let before = everything(&sandbox.path("."));
    let plan = over(&sandbox, "plan", &registry, &["--exit-code"]);
    assert_eq!(plan.code, 1, "{}", plan.stderr);
    assert_only_looked(&registry);
    assert_eq!(everything(&sandbox.path(".")), before);
    let changed: Vec<bool> = plan.documents().iter().map(|image| image["changed"].as_bool().unwrap()).collect();
    assert_eq!(changed, [false, true, true]);
}

/// What plan says, and what push then does, layer by layer.
#[track_caller]
fn plan_and_push(sandbox: &Sandbox, registry: &Registry, flags: &[&str]) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let plan = over(sandbox, "plan", registry, flags).ok();
    let push = over(sandbox, "push", registry, flags).ok();
    let known: Vec<_> = plan.documents().into_iter().zip(push.documents()).collect();
    for (planned, pushed) in known {
        assert!(planned["digest"].is_null() || planned["digest"] == pushed["digest"], "{planned} {pushed}");
        assert_eq!(planned["changed"], pushed["changed"], "{planned}");
        for (planned, pushed) in planned["layers"].as_array().unwrap().iter().zip(pushed["layers"].as_array().unwrap())
        {
            assert_eq!(planned["key"], pushed["key"]);
            assert!(planned["digest"].is_null() || planned["digest"] == pushed["digest"]);
            assert!(planned["diff_id"].is_null() || planned["diff_id"] == pushed["diff_id"]);
        }
    }
    (statuses(&plan), statuses(&push))
}

#[test]
fn what_is_planned_is_what_happens() {
    let registry = Registry::start();
    let sandbox = workspace("scratch", "");
    // Nothing is known: each layer is assembled once, and mounted where it is needed again.
    let (plan, push) = plan_and_push(&sandbox, &registry, &[]);
    assert_eq!(plan, [vec!["built"], vec!["mounted", "built"], vec!["mounted", "mounted", "built"]]);
    assert_eq!(push, [vec!["uploaded"], vec!["mounted", "uploaded"], vec!["mounted", "mounted", "uploaded"]]);

    // All is known and published.
    let (plan, push) = plan_and_push(&sandbox, &registry, &[]);
    assert_eq!(plan, [vec!["reused"], vec!["reused"; 2], vec!["reused"; 3]]);
    assert_eq!(push, plan);

    // All is on this machine, and the registry is another.
    let other = Registry::start();
    let (plan, push) = plan_and_push(&sandbox, &other, &[]);
    assert_eq!(plan, [vec!["uploaded"], vec!["mounted", "uploaded"], vec!["mounted", "mounted", "uploaded"]]);
    assert_eq!(push, plan);

    // One image goes to a new repository; the others, which are left alone, have what it is built on.
    let spec = fs::read_to_string(sandbox.path("specs/c.toml")).unwrap();
    sandbox.file("specs/c.toml", spec.replace("team/c", "elsewhere/c"));
    let (plan, push) = plan_and_push(&sandbox, &registry, &[]);
    assert_eq!(plan, [vec!["reused"], vec!["reused"; 2], vec!["mounted", "mounted", "uploaded"]]);
    assert_eq!(push, plan);

    // A fresh machine, and a change in the middle.
    let fresh = workspace("scratch", "");
    fresh.file("b/b.py", "name = \"changed\"\n");
    let (plan, push) = plan_and_push(&fresh, &registry, &[]);
    assert_eq!(plan, [vec!["reused"], vec!["reused", "built"], vec!["reused", "mounted", "reused"]]);
    assert_eq!(push, [vec!["reused"], vec!["reused", "uploaded"], vec!["reused", "mounted", "reused"]]);
}

#[test]
fn platforms_are_told_apart() {
    let registry = Registry::start();
    let sandbox = workspace("scratch", "platforms = [\"linux/amd64\", \"linux/arm64\"]");
    let plan = over(&sandbox, "plan", &registry, &[]).ok().documents();
    let platforms: Vec<&str> =
        plan[0]["layers"].as_array().unwrap().iter().map(|layer| layer["platform"].as_str().unwrap()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let pushed = over(&sandbox, "push", &registry, &[]).ok();
    let again =
        over(&workspace("scratch", "platforms = [\"linux/amd64\", \"linux/arm64\"]"), "plan", &registry, &[]).ok();
    assert_eq!(digests(&again), digests(&pushed));
}

#[test]
fn the_exit_code_answers_only_if_asked() {
    let registry = Registry::start();
    let sandbox = workspace("scratch", "");
    over(&sandbox, "plan", &registry, &[]).ok();
    assert_eq!(over(&sandbox, "plan", &registry, &["--exit-code"]).code, 1);
    over(&sandbox, "push", &registry, &[]).ok();
    over(&sandbox, "plan", &registry, &["--exit-code"]).ok();
    // A tag that does not stand for the image is work, though every blob is there.
    assert_eq!(over(&sandbox, "plan", &registry, &["--exit-code", "--tag", "latest", "--tag", "v2"]).code, 1);
    // A registry that cannot be asked is no answer.
    over(&sandbox, "plan", &registry, &["--exit-code", "--offline"]).refused(3, "offline");
}
