//! Failures in the middle of a push: what passes is sat out, what does not leaves everything as it was, and the next
//! run goes on from there.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tarsia::Workshop;
use tarsia::build::Options;
use tarsia::events::{Event, Events, Task};
use tarsia::push::{self, Destination, Lookup};
use tarsia::registry::{RetryPolicy, Settings};
use tarsia::spec::{Variables, load};

use crate::support::Sandbox;
use crate::support::examples::{assert_whole, examples, push, push_small, small};
use crate::support::images::HandMade;
use crate::support::registry::{Action, Fault, Kind, Log, Registry, digest_of};

/// How often a request is made that is answered with a server error: once, and three times more.
const TRIES: usize = 4;

/// The session of each PUT, in order.
fn sessions(log: &Log) -> Vec<String> {
    let puts = log.of(Kind::UploadPut);
    puts.0.iter().map(|put| put.path.rsplit('/').next().unwrap().to_owned()).collect()
}

/// Pushes the small image through a fault, and gives the log.
#[track_caller]
fn push_through(fault: Fault) -> Log {
    let registry = Registry::start();
    registry.fault(fault.clone());
    let run = push_small(&small(), &registry).ok();
    assert_eq!(run.documents()[0]["digest"], *assert_whole(&registry, "app", "latest"), "{fault:?}");
    registry.log()
}

/// Everything that a push asks: two layers, a config, a tag.
const ASKED: [Kind; 5] = [Kind::BlobHead, Kind::UploadStart, Kind::UploadPut, Kind::ManifestHead, Kind::ManifestPut];

/// Calls the closure with each kind, all at once: what is waited for is not the machine.
fn for_each_kind(test: impl Fn(Kind) + Sync) {
    std::thread::scope(|scope| {
        for kind in ASKED {
            let test = &test;
            scope.spawn(move || test(kind));
        }
    });
}

#[test]
fn what_passes_is_sat_out() {
    let undisturbed = push_through(Fault::on(Kind::Tags, Action::NoLocation)).len();
    for_each_kind(|kind| {
        for (action, times) in [
            (Action::Status(429, Some("TOOMANYREQUESTS")), 1),
            (Action::StatusWithRetryAfter(429, 0), 2),
            (Action::Status(500, None), TRIES - 1),
            (Action::Status(503, Some("UNAVAILABLE")), 1),
            (Action::StatusWithRetryAfter(503, 0), 1),
            (Action::ResetBeforeBody, 2),
        ] {
            let log = push_through(Fault::on(kind, action.clone()).times(times));
            // Each attempt at an upload has a session of its own; nothing else is asked twice without need.
            let more = if kind == Kind::UploadPut { 2 * times } else { times };
            // A connection that breaks after all has been sent may have brought it there: that is looked up.
            let looked_up = if kind == Kind::UploadPut { log.count(Kind::BlobHead) - 2 } else { 0 };
            assert!(looked_up <= times, "{log}");
            assert_eq!(log.len(), undisturbed + more + looked_up, "{kind:?} {action:?}\n{log}");
        }
    });
}

#[test]
fn an_upload_that_breaks_is_repeated_in_a_new_session() {
    // One byte, some bytes, and all bytes but no answer.
    for action in [Action::ResetAfterBytes(1), Action::ResetAfterBytes(100), Action::ResetBeforeBody] {
        let log = push_through(Fault::on(Kind::UploadPut, action.clone()));
        let sessions = sessions(&log);
        assert_eq!(sessions.len(), 4, "{action:?}\n{log}");
        assert_eq!(sessions.iter().collect::<BTreeSet<_>>().len(), 4, "a session was used again\n{log}");
        assert_eq!(log.count(Kind::UploadStart), 4, "{action:?}\n{log}");
    }
    // A session that is not known any more is no reason to give up either.
    for status in [(404, "BLOB_UPLOAD_UNKNOWN"), (416, "RANGE_INVALID")] {
        let log = push_through(Fault::on(Kind::UploadPut, Action::Status(status.0, Some(status.1))));
        assert_eq!(sessions(&log).iter().collect::<BTreeSet<_>>().len(), 4, "{log}");
    }
}

#[test]
fn an_answer_that_is_lost_does_not_send_the_bytes_again() {
    let log = push_through(Fault::on(Kind::UploadPut, Action::ResetBeforeResponse));
    assert_eq!(log.count(Kind::UploadPut), 3, "{log}");
    assert_eq!(log.count(Kind::BlobHead), 3, "{log}");
    let log = push_through(Fault::on(Kind::ManifestPut, Action::ResetBeforeResponse));
    assert_eq!(log.count(Kind::ManifestPut), 2, "{log}");
}

#[test]
fn a_large_layer_survives_resets() {
    let registry = Registry::start();
    let sandbox = small();
    // It does not compress: some megabytes go over the wire.
    let mut noise = 1u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(5 << 20)
    .collect();
    sandbox.file("app/model.bin", bytes);
    for at in [4 << 20, 1 << 20, 70_000] {
        registry.fault(Fault::on(Kind::UploadPut, Action::ResetAfterBytes(at)));
    }
    push_small(&sandbox, &registry).ok();
    assert_whole(&registry, "app", "latest");
}

#[test]
fn what_does_not_pass_ends_the_run() {
    for_each_kind(|kind| {
        let registry = Registry::start();
        registry.fault(Fault::on(kind, Action::Status(500, None)).always());
        let run = push_small(&small(), &registry).refused(3, "the registry answered 500");
        assert!(run.stderr.contains("help: the registry is in trouble; nothing is lost, run again later"), "{kind:?}");
        assert!(run.stderr.contains(&format!("({TRIES} attempts)")), "{}", run.stderr);
        assert_eq!(registry.tags("app"), Vec::<String>::new());

        // What cannot succeed is not tried again.
        let registry = Registry::start();
        registry.fault(Fault::on(kind, Action::Status(400, Some("UNSUPPORTED"))).always());
        push_small(&small(), &registry).refused(3, "the registry answered 400");
        let log = registry.log();
        let asked: Vec<String> = log.of(kind).0.iter().map(|request| request.target()).collect();
        let times = if kind == Kind::UploadStart { 2 } else { 1 };
        for target in &asked {
            assert!(asked.iter().filter(|other| *other == target).count() <= times, "asked again after a 400\n{log}");
        }
    });
}

#[test]
fn a_registry_that_confirms_something_else_is_not_believed() {
    for kind in [Kind::UploadPut, Kind::ManifestPut] {
        let registry = Registry::start();
        registry.fault(Fault::on(kind, Action::WrongDigestHeader));
        push_small(&small(), &registry).refused(3, "wrong content: expected sha256:");
        let log = registry.log();
        assert!(log.count(kind) < 4, "{log}");
    }
    let registry = Registry::start();
    registry.fault(Fault::on(Kind::UploadStart, Action::NoLocation));
    // Some registries name the session in another header only.
    push_small(&small(), &registry).ok();
    assert_whole(&registry, "app", "latest");
}

/// A sandbox whose one image has four layers of one file each.
fn four_layers() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n".to_owned();
    for layer in 1..=4 {
        spec += &format!("[[layer]]\nname = \"l{layer}\"\ncontext = \"l{layer}\"\nto = \"/l{layer}/\"\n");
    }
    sandbox.file("app.toml", spec);
    write_layers(&sandbox, "first");
    sandbox
}

fn write_layers(sandbox: &Sandbox, content: &str) {
    for layer in 1..=4 {
        sandbox.file(&format!("l{layer}/file"), format!("{content} {layer}\n"));
    }
}

#[test]
fn a_failed_run_leaves_the_tag_and_the_next_one_goes_on() {
    let registry = Registry::start();
    let sandbox = four_layers();
    push_small(&sandbox, &registry).ok();
    let before = assert_whole(&registry, "app", "latest");
    let blobs = registry.blobs("app");

    // The third upload fails, and each after it.
    write_layers(&sandbox, "second");
    registry.clear_log();
    registry.fault(Fault::on(Kind::UploadPut, Action::Status(400, Some("UNSUPPORTED"))).skip(2).always());
    push_small(&sandbox, &registry).refused(3, "failed to upload blob `");
    assert_eq!(assert_whole(&registry, "app", "latest"), before);
    assert_eq!(registry.log().count(Kind::ManifestPut), 0);
    let there = registry.blobs("app");
    assert_eq!(there.len(), blobs.len() + 2);

    // Four layers and a config, of which two are there. The config goes up beside the layers and may be one of them: it
    // is not looked for, the layers are.
    registry.clear_faults();
    registry.clear_log();
    let run = push_small(&sandbox, &registry).ok();
    let log = registry.log();
    let layers = run.documents()[0]["layers"].as_array().unwrap().clone();
    let is_there = |layer: &&Value| there.iter().any(|blob| layer["digest"] == **blob);
    let missing = 4 - layers.iter().filter(is_there).count();
    assert!((2..=3).contains(&missing), "{log}");
    assert_eq!((log.count(Kind::UploadStart), log.count(Kind::UploadPut)), (missing + 1, missing + 1), "{log}");
    assert_eq!(log.count(Kind::ManifestPut), 1, "{log}");
    assert_eq!(layers.iter().filter(|layer| layer["status"] == "uploaded").count(), missing, "{}", run.stdout);
    assert_ne!(assert_whole(&registry, "app", "latest"), before);
}

#[test]
fn a_manifest_that_is_refused_leaves_the_tag() {
    let registry = Registry::start();
    let sandbox = four_layers();
    push_small(&sandbox, &registry).ok();
    let before = assert_whole(&registry, "app", "latest");
    write_layers(&sandbox, "second");
    registry.fault(Fault::on(Kind::ManifestPut, Action::Status(400, Some("MANIFEST_INVALID"))));
    push_small(&sandbox, &registry).refused(3, "failed to put manifest `");
    assert_eq!(assert_whole(&registry, "app", "latest"), before);
    // Everything else has been sent: what is left is the config, which is not looked for, and the manifest.
    registry.clear_log();
    push_small(&sandbox, &registry).ok();
    let log = registry.log();
    assert_eq!((log.count(Kind::UploadPut), log.count(Kind::ManifestPut)), (1, 1), "{log}");
}

#[test]
fn a_base_streams_through_faults_of_both_registries() {
    let (source, target) = (Registry::start(), Registry::start());
    let big: Vec<u8> = (0..3 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut tar = crate::support::images::Tar::default();
    tar.folder("opt/", 0o755).file("opt/big", &big);
    HandMade::new().layer(&tar.end()).put(&source, "base", "1");
    let sandbox = small();
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("scratch", &format!("{}/base:1", source.host())));
    source.fault(Fault::on(Kind::BlobGet, Action::TruncateResponse(100_000)).times(3));
    source.fault(Fault::on(Kind::BlobGet, Action::Status(503, None)).times(2));
    target.fault(Fault::on(Kind::UploadPut, Action::ResetAfterBytes(500_000)));
    push_small(&sandbox, &target).ok();
    assert_whole(&target, "app", "latest");
    // What was received is not asked for again.
    let log = source.log();
    assert!(log.0.iter().any(|get| get.range.as_deref().is_some_and(|range| range != "bytes=0-")), "{log}");
}

#[test]
fn a_base_that_turns_bad_on_its_way_is_not_passed_on() {
    let (source, target) = (Registry::start(), Registry::start());
    let base = HandMade::small();
    base.put(&source, "base", "1");
    let sandbox = small();
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    let spec = spec.replace("\"scratch\"", &format!("\"{}/base:1\"\nbase_tree = \"assume\"", source.host()));
    sandbox.file("app.toml", spec);
    // Nobody reads the layer for its tree: it goes from one registry to the other.
    let layer = &base.layers[0].1;
    let mut wrong = layer.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let path = format!("/blobs/{}", digest_of(layer));
    source.fault(Fault::on(Kind::BlobGet, Action::WrongBody(wrong.clone())).path(&path).always());
    push_small(&sandbox, &target).refused(3, "wrong content: expected sha256:");
    assert!(target.blob("app", &digest_of(layer)).is_none() && target.blob("app", &digest_of(&wrong)).is_none());
    assert_eq!(target.tags("app"), Vec::<String>::new());
}

#[test]
fn two_pushes_at_once_get_along() {
    let registry = Registry::start();
    for round in 0..5 {
        let sandbox = four_layers();
        write_layers(&sandbox, &format!("round {round}"));
        let digests = std::thread::scope(|scope| {
            let pushes = [0, 1].map(|_| scope.spawn(|| push_small(&sandbox, &registry).ok().documents().remove(0)));
            pushes.map(|push| push.join().unwrap()["digest"].clone())
        });
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[0], *assert_whole(&registry, "app", "latest"));
    }
}

#[test]
fn no_tag_moves_before_everything_is_there() {
    let registry = Registry::start();
    let sandbox = examples();
    // The last image's own layer cannot be sent: the images below it are complete, and still no tag appears.
    let refusal = Fault::on(Kind::UploadStart, Action::Status(403, Some("DENIED")));
    registry.fault(refusal.path("receipts/receipt-label/").always());
    push(&sandbox, &registry).refused(3, "403");
    for image in ["base", "receipt-dynamo", "receipt-label"] {
        assert_eq!(registry.tags(&format!("receipts/{image}")), Vec::<String>::new(), "{image}");
    }
    registry.clear_faults();
    push(&sandbox, &registry).ok();
    assert_whole(&registry, "receipts/receipt-label", "latest");
}

#[test]
fn a_layer_that_cannot_be_made_ends_the_run_for_all_images() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    for (name, base) in [("a", "\"scratch\""), ("b", "{ spec = \"a.toml\" }"), ("c", "{ spec = \"b.toml\" }")] {
        sandbox.file(&format!("{name}/file"), name).file(
            &format!("{name}.toml"),
            format!(
                "name = \"{name}\"\nbase = {base}\n[[layer]]\nname = \"{name}\"\ncontext = \"{name}\"\nto = \"/{name}/\"\n"
            ),
        );
    }
    // As soon as b's layer is to be packed, its file is another one. What c shares with a waits for a's manifest, what
    // it shares with b for b's, which never comes: nobody may wait for that.
    let file = sandbox.path("b/file");
    let change = move |event| {
        if let Event::Begin { task: Task::Assemble { layer, .. }, .. } = event
            && layer == "b"
        {
            std::fs::write(&file, "something else").unwrap();
        }
    };
    let settings = Settings { retry: RetryPolicy::quick(), ..Settings::default() };
    let workshop = Workshop::open(&sandbox.path("cache"), 1, settings, Events::to(Arc::new(change))).unwrap();
    let workspace = load(&[sandbox.path("")], &Variables::default()).unwrap();
    let to = format!("{}/x", registry.host()).parse().ok();
    let destination = Destination { to, ..Destination::default() };
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let result = push::push(&workshop, &workspace, &Options::default(), &destination, &Lookup::default());
        let _ = sender.send(result.map(|_| ()));
    });
    let error = receiver.recv_timeout(std::time::Duration::from_secs(60)).expect("the run to end").unwrap_err();
    assert!(format!("{:?}", error).contains("Changed"), "{error:?}");
    assert_eq!(registry.tags("x/a"), Vec::<String>::new());
}
