//! A registry on its worst day.

use super::cache::{app, push};
use crate::support::examples::{assert_whole, push_small, small};
use crate::support::registry::{Chaos, Quirks, Registry};
use crate::support::workspace::{digests, over};

/// Almost a third of all requests fail: throttled, refused, broken off, answered into a closed connection. Ten pushes
/// come through, each with the digest it has on a good day.
#[test]
fn pushes_come_through_chaos() {
    let calm = push_small(&small(), &Registry::start()).ok().documents()[0]["digest"].clone();
    let struck: usize = std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..10)
            .map(|seed| {
                let calm = &calm;
                scope.spawn(move || {
                    let chaos = Some(Chaos { seed, percent: 30 });
                    let registry = Registry::with(Quirks { chaos, ..Quirks::default() });
                    push_small(&small(), &registry).ok();
                    assert_eq!(*calm, assert_whole(&registry, "app", "latest"), "seed {seed}");
                    registry.log().count_where(|request| matches!(request.status, 0 | 429 | 503))
                })
            })
            .collect();
        pushes.into_iter().map(|push| push.join().unwrap()).sum()
    });
    assert!(struck > 20, "{struck} requests failed: that is no chaos");
}

/// Fifty pushes of an image that changes each time, ten in a row from five machines each with a registry of its own: the
/// cache image is read and written in the same weather. Each has the digest that a build on a calm day gives it.
#[test]
fn fifty_changing_pushes_come_through_chaos() {
    let struck: usize = std::thread::scope(|scope| {
        let machines: Vec<_> = (0..5)
            .map(|machine| {
                scope.spawn(move || {
                    let chaos = Some(Chaos { seed: 100 + machine, percent: 30 });
                    let registry = Registry::with(Quirks { chaos, ..Quirks::default() });
                    let mut sandbox = app(2, "scratch");
                    for round in 0..10 {
                        if round == 5 {
                            // Another machine goes on with what the registry has.
                            sandbox = app(2, "scratch");
                        }
                        sandbox.file("l1/file", format!("machine {machine}, round {round}\n"));
                        let pushed = push(&sandbox, &registry, &[]);
                        let calm = over(&sandbox, "push", &Registry::start(), &["--no-remote-cache"]).ok();
                        assert_eq!(digests(&pushed), digests(&calm), "machine {machine}, round {round}");
                        assert_eq!(digests(&pushed), [assert_whole(&registry, "app", "latest")]);
                    }
                    registry.log().count_where(|request| matches!(request.status, 0 | 429 | 503))
                })
            })
            .collect();
        machines.into_iter().map(|machine| machine.join().unwrap()).sum()
    });
    assert!(struck > 150, "{struck} requests failed: that is no chaos");
}
