//! Two runs at once against the registry that most people run: whatever each of them does, no tag is ever broken.

use serde_json::Value;

use super::cache::app;
use crate::support::judge::raw_manifest;
use crate::support::tools::try_tool;
use crate::support::{DockerRegistry, Run, Sandbox};

const ROUNDS: usize = 20;

fn push(sandbox: &Sandbox, host: &str, tag: &str) -> Run {
    sandbox.run(["push", "specs", "--json", "--tag", tag, "--tag", "latest", "--set", &format!("REGISTRY={host}")])
}

/// Every round two machines push two versions of an image, which share layers and differ in one, to one repository: each
/// under a tag of its own and both under `latest`.
#[test]
fn two_runs_into_one_repository_leave_every_tag_whole() {
    let registry = DockerRegistry::start();
    let host = registry.host();
    let machines = [app(3, "scratch"), app(3, "scratch")];
    let mut pushed: Vec<(String, Value)> = Vec::new();
    for round in 0..ROUNDS {
        let runs = std::thread::scope(|scope| {
            let runs = [0, 1].map(|number: usize| {
                let (host, machine) = (&host, &machines[number]);
                machine.file("l0/file", format!("both, round {round}\n"));
                machine.file("l2/file", format!("machine {number}, round {round}\n"));
                scope.spawn(move || push(machine, host, &format!("r{round}-{number}")))
            });
            runs.map(|run| run.join().unwrap())
        });
        let mut digests = Vec::new();
        for (number, run) in runs.into_iter().enumerate() {
            // Both succeed, or one says clearly why not.
            if run.code != 0 {
                assert!(run.code == 3 && run.stderr.starts_with("error: failed to"), "{}", run.stderr);
                continue;
            }
            let digest = run.documents()[0]["digest"].clone();
            pushed.push((format!("r{round}-{number}"), digest.clone()));
            digests.push(digest);
        }
        assert!(!digests.is_empty(), "round {round}: both failed");
        // The last one to put it has `latest`.
        let latest = try_tool("skopeo", ["inspect", "--tls-verify=false", &format!("docker://{host}/app:latest")]).ok();
        let latest: Value = serde_json::from_str(&latest.stdout).unwrap();
        assert!(digests.contains(&latest["Digest"]), "round {round}");
        // The cache image is one, and every blob in it is there.
        let cache = raw_manifest(&format!("docker://{host}/app:tarsia-cache"));
        assert!(!cache["layers"].as_array().unwrap().is_empty());
    }
    assert!(pushed.len() > ROUNDS, "{} of {} pushes came through", pushed.len(), 2 * ROUNDS);
    let folder = Sandbox::new();
    for (tag, digest) in &pushed {
        let to = folder.path(tag);
        let copy = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"];
        let (from, to) = (format!("docker://{host}/app:{tag}"), format!("dir:{}", to.display()));
        try_tool("skopeo", copy.iter().chain(&[from.as_str(), to.as_str()])).ok();
        let manifest = std::fs::read(folder.path(tag).join("manifest.json")).unwrap();
        assert_eq!(*digest, crate::support::registry::digest_of(&manifest), "{tag}");
    }
    // A third machine, which finds in the cache image what the last two left there.
    let third = app(3, "scratch");
    third.file("l0/file", format!("both, round {}\n", ROUNDS - 1)).file("l2/file", "the third\n");
    let run = push(&third, &host, "third").ok();
    assert!(!run.stderr.contains("cache image"), "{}", run.stderr);
    let statuses: Vec<Value> =
        run.documents()[0]["layers"].as_array().unwrap().iter().map(|layer| layer["status"].clone()).collect();
    assert_eq!(statuses, ["reused", "reused", "uploaded"]);
    let cache = format!("docker://{host}/app:tarsia-cache");
    let to = format!("dir:{}", folder.path("cache-image").display());
    try_tool("skopeo", ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", &cache, &to]).ok();
}
