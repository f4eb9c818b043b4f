//! Two bumps for one tag: registries know no put-if-unchanged, and still nothing is lost without a word.

use std::thread;
use std::time::Duration;

use super::{over, packages, published};
use crate::support::registry::{Action, Fault, Kind, Registry};
use crate::support::workspace::json_of;
use crate::support::{DockerRegistry, Run, Sandbox};

/// A machine that has changed one package.
fn machine(reference: &str, number: usize) -> Sandbox {
    let machine = packages(reference, &[number]);
    machine.file(&format!("p{number}/lib/code.py"), format!("code = \"new {number}\"\n"));
    machine
}

fn bump(machine: &Sandbox, registry: &Registry, number: usize) -> Run {
    over(machine, "bump", registry, &["--layer", &format!("p{number}")])
}

#[test]
fn a_tag_that_was_moved_meanwhile_is_left_alone() {
    let (_bases, registry, reference) = published();
    let (slow, fast) = (machine(&reference, 1), machine(&reference, 2));
    // The first has read what the tag stands for, and takes its time to send its layer.
    registry.fault(Fault::on(Kind::UploadPut, Action::Delay(Duration::from_secs(3))));
    registry.clear_log();
    let handle = registry.clone();
    let slow = thread::spawn(move || bump(&slow, &handle, 1));
    while registry.log().count(Kind::UploadStart) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let winner = bump(&fast, &registry, 2).ok().documents().remove(0)["digest"].as_str().unwrap().to_owned();
    let refused = slow.join().unwrap().refused(3, "it stood for sha256:");
    assert!(refused.stderr.contains(&format!("stands for {winner} now")), "{}", refused.stderr);
    assert!(refused.stderr.contains("run again"), "{}", refused.stderr);
    assert_eq!(registry.resolve("team/app", "latest").unwrap(), winner);
}

#[test]
fn of_two_that_look_at_the_same_moment_one_learns_that_it_lost() {
    let (_bases, registry, reference) = published();
    // Both have looked before either has put.
    registry.fault(Fault::on(Kind::ManifestPut, Action::Delay(Duration::from_millis(1500))).times(2));
    let runs: Vec<Run> = thread::scope(|scope| {
        let one = |number| {
            let (registry, machine) = (registry.clone(), machine(&reference, number));
            scope.spawn(move || bump(&machine, &registry, number))
        };
        let both = [one(1), one(2)];
        both.map(|run| run.join().unwrap()).into()
    });
    let current = registry.resolve("team/app", "latest").unwrap();
    let (won, lost): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.code == 0);
    assert_eq!((won.len(), lost.len()), (1, 1));
    assert_eq!(won[0].documents()[0]["digest"], current.as_str());
    let lost = lost.into_iter().next().unwrap().refused(3, "somebody else moved it at the same time");
    assert!(lost.stderr.contains(&format!("stands for {current} now")), "{}", lost.stderr);
    // What it has made is there still, by its digest.
    let kept = lost.stderr.split("kept as ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(registry.manifest("team/app", kept).is_some());
}

#[test]
fn whoever_is_told_that_it_won_has_won() {
    let registry = DockerRegistry::start();
    let sandbox = packages("scratch", &Vec::from_iter(0..super::LAYERS));
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run(["push", "app.toml", "--set", &set]).ok();
    for round in 0..8 {
        let runs: Vec<(usize, Run)> = thread::scope(|scope| {
            let one = |number: usize| {
                let (machine, set) = (packages("scratch", &[number]), set.clone());
                machine.file(&format!("p{number}/lib/code.py"), format!("{round}\n"));
                let layer = format!("p{number}");
                scope.spawn(move || {
                    (number, machine.run(["bump", "app.toml", "--json", "--set", &set, "--layer", &layer]))
                })
            };
            let both = [one(3), one(4)];
            both.map(|run| run.join().unwrap()).into()
        });
        let current = crate::support::judge::raw_manifest(&format!("docker://{}/team/app:latest", registry.host()));
        assert!(runs.iter().any(|(_, run)| run.code == 0));
        for (number, run) in &runs {
            match run.code {
                0 => {
                    let layer = &run.documents()[0]["layers"][*number];
                    assert_eq!(
                        layer["digest"], current["layers"][*number]["digest"],
                        "round {round}: p{number} is lost"
                    );
                }
                code => assert!(code == 3 && run.stderr.contains("sha256:"), "{}", run.stderr),
            }
        }
    }
}

#[test]
fn a_tag_that_is_to_be_new_must_not_be_there_by_then() {
    let (_bases, registry, reference) = published();
    let machine = machine(&reference, 1);
    registry.fault(Fault::on(Kind::UploadPut, Action::Delay(Duration::from_secs(2))));
    registry.clear_log();
    let handle = registry.clone();
    let run = thread::spawn(move || over(&machine, "bump", &handle, &["--layer", "p1", "--tag", "v2"]));
    while registry.log().count(Kind::UploadStart) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let (media_type, manifest) = registry.manifest("team/app", "latest").unwrap();
    registry.put_manifest("team/app", "v2", &media_type, manifest);
    run.join().unwrap().refused(3, "it stood for nothing when it was read");
    assert_eq!(json_of(&registry, "team/app", "v2"), json_of(&registry, "team/app", "latest"));
}

#[test]
fn of_several_tags_the_first_decides() {
    let (_bases, registry, reference) = published();
    registry.fault(Fault::on(Kind::ManifestPut, Action::Delay(Duration::from_millis(1500))).times(2));
    let tags = ["--tag", "latest", "--tag", "two", "--tag", "three"];
    let runs: Vec<Run> = thread::scope(|scope| {
        let one = |number: usize| {
            let (registry, machine) = (registry.clone(), machine(&reference, number));
            let layer = format!("p{number}");
            scope.spawn(move || over(&machine, "bump", &registry, &[&["--layer", &layer][..], &tags].concat()))
        };
        let both = [one(1), one(2)];
        both.map(|run| run.join().unwrap()).into()
    });
    let mut codes: Vec<i32> = runs.iter().map(|run| run.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 3]);
    let won = runs.iter().find(|run| run.code == 0).unwrap().documents().remove(0);
    for tag in ["latest", "two", "three"] {
        assert_eq!(registry.resolve("team/app", tag).unwrap(), won["digest"].as_str().unwrap(), "{tag}");
    }
    // It took long enough for somebody to have come in between.
    assert!(runs.iter().any(|run| run.stdout.contains("after it was looked at")));
}
