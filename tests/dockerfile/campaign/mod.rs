//! The campaign: several hundred pairs of a Dockerfile and a context, put to docker and to tarsia.
//!
//! `tests/run --campaign` asks docker itself (and buildkit and buildah beside it) about every pair, compares what tarsia
//! builds, and prints a summary. What docker answered is committed in `outcomes.jsonl`, so that tarsia is compared
//! with it in every run of the tests, with no docker there.

mod announced;
mod archive;
mod authorities;
mod bases;
mod families;
mod flatten;
mod house;
mod live;
mod outcome;
mod pair;
mod random;
mod record;
mod subject;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bases::{Bases, NO_SHELL};
use record::Record;
use subject::Subject;

/// The least number of pairs of which an outcome is recorded.
const LEAST_RECORDED: usize = 60;

#[test]
fn every_pair_has_a_name_of_its_own() {
    let pairs = families::all();
    assert!(pairs.len() >= 300, "{}", pairs.len());
    let names: BTreeSet<&str> = pairs.iter().map(|pair| &pair.id[..]).collect();
    assert_eq!(names.len(), pairs.len());
}

#[test]
fn tarsia_builds_what_docker_built() {
    // Enough of every family in every run; all of them on request.
    hold_to_records(|at| at % 8 == 0);
}

#[test]
#[ignore = "takes two minutes: cargo test -- --ignored every_recorded"]
fn tarsia_builds_every_recorded_pair() {
    hold_to_records(|_| true);
}

/// Builds the pairs that are chosen by their number, and compares with what docker made of them.
fn hold_to_records(chosen: impl Fn(usize) -> bool) {
    let folder = tempfile::TempDir::new().unwrap();
    let bases = Bases::write(folder.path(), &bases::bases(NO_SHELL));
    let records = Record::all();
    assert!(records.len() >= LEAST_RECORDED, "{}", records.len());
    let all = families::all().into_iter().enumerate();
    let pairs: Vec<_> = all.filter(|(at, _)| chosen(*at)).map(|(_, pair)| pair).collect();
    let subject = Subject::new(&bases);
    let failures = Mutex::new(Vec::new());
    each(&pairs, |pair| {
        let record = records.get(&pair.id).unwrap_or_else(|| panic!("{} has no record", pair.id));
        assert_eq!(record.content, pair.fingerprint(), "{} changed: record it again", pair.id);
        let place = folder.path().join(pair.id.replace('/', "-"));
        pair.write(&place);
        let expected = record.outcome(&bases);
        let found = subject.build(pair, &place);
        let differences = expected.differences(&found);
        if !differences.is_empty() && announced::reason(pair, &expected, &found).is_none() {
            failures.lock().unwrap().push(format!("{}\n{}", live::told(pair), differences.join("\n")));
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} pairs differ:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// What specs refuse to say: a port that is none, a trigger that is no instruction, a name that is a whiteout's.
const UNSPEAKABLE: [&str; 3] = ["EXPOSE 0", "ONBUILD NONSENSE", "/.wh."];

#[test]
fn the_specs_that_init_writes_make_the_same_images() {
    // Each is built twice: some of every family are enough for every day.
    let pairs: Vec<pair::Pair> = families::all().into_iter().step_by(10).collect();
    let folder = tempfile::TempDir::new().unwrap();
    let bases = Bases::write(folder.path(), &bases::bases(NO_SHELL));
    let subject = Subject::new(&bases);
    let failures = Mutex::new(Vec::new());
    let same = AtomicUsize::new(0);
    each(&pairs, |pair| {
        let place = folder.path().join(pair.id.replace('/', "-"));
        pair.write(&place);
        let why = match subject.build_both_ways(pair, &place) {
            None => return,
            Some(Ok([one, two])) if one == two => {
                same.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Some(Ok(_)) => "other digests".to_owned(),
            Some(Err(_)) if UNSPEAKABLE.iter().any(|words| pair.dockerfile.contains(words)) => return,
            Some(Err(why)) => why,
        };
        failures.lock().unwrap().push(format!("{}\n{why}", live::told(pair)));
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} pairs differ:\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(same.into_inner() >= LEAST_RECORDED);
}

#[test]
#[ignore = "needs docker: tests/run --campaign"]
fn campaign() {
    live::campaign();
}

/// Does something with each of some things, on every core.
fn each<T: Sync>(things: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(thing);
                }
            });
        }
    });
}
