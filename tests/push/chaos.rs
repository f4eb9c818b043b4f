//! A registry on its worst day.

use crate::support::examples::{assert_whole, push_small, small};
use crate::support::registry::{Chaos, Quirks, Registry};

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
