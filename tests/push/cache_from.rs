//! `--cache-from`: layers of other images, wherever they are.

use super::cache::{app, push};
use crate::support::examples::assert_whole;
use crate::support::registry::{Action, Fault, Kind, Registry};
use crate::support::workspace::{digests, noise, of_repository, over, statuses, stored_layers};
use crate::support::{Run, Sandbox};

/// The image with a layer of a megabyte.
fn large() -> Sandbox {
    let sandbox = app(2, "scratch");
    sandbox.file("l0/noise", noise(1, 1 << 20));
    sandbox
}

/// Pushes to a repository that has nothing yet.
fn push_to(sandbox: &Sandbox, registry: &Registry, from: &str) -> Run {
    let to = format!("{}/new", registry.host());
    over(sandbox, "push", registry, &["--to", &to, "--cache-from", from])
}

#[test]
fn of_the_same_registry_they_are_mounted() {
    let registry = Registry::start();
    let first = push(&large(), &registry, &[]);
    registry.clear_log();
    let fresh = large();
    let run = push_to(&fresh, &registry, &format!("{}/app:latest", registry.host())).ok();
    assert_eq!(statuses(&run), [["mounted", "mounted"]]);
    assert_eq!(digests(&run), digests(&first));
    assert_whole(&registry, "new", "latest");
    let log = registry.log();
    // Config and manifest, and the cache image's: documents.
    assert!(log.bytes_up() < 10_000 && log.bytes_down() < 10_000, "{log}");
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
}

#[test]
fn of_another_registry_they_stream_through() {
    let (source, target) = (Registry::start(), Registry::start());
    let first = push(&large(), &source, &[]);
    source.clear_log();
    let fresh = large();
    let run = push_to(&fresh, &target, &format!("{}/app:latest", source.host())).ok();
    assert_eq!(statuses(&run), [["uploaded", "uploaded"]]);
    assert_eq!(digests(&run), digests(&first));
    assert_whole(&target, "new", "latest");
    assert_eq!(stored_layers(&fresh), Vec::<String>::new(), "a blob touched the disk");
    // The config and two layers, each once.
    assert_eq!(source.log().count(Kind::BlobGet), 3, "{}", source.log());
    assert_eq!(source.log().count_where(|request| !matches!(request.method.as_str(), "GET" | "HEAD")), 0);

    // By digest as well, and only what is missing.
    let changed = large();
    changed.file("l1/file", "changed\n");
    let other = Registry::start();
    source.clear_log();
    let run = push_to(&changed, &other, &format!("{}/app@{}", source.host(), digests(&first)[0])).ok();
    assert_eq!(statuses(&run), [["uploaded", "uploaded"]]);
    assert_eq!(stored_layers(&changed).len(), 1);
    assert_eq!(source.log().count(Kind::BlobGet), 2, "{}", source.log());
}

#[test]
fn several_are_looked_at_and_the_tag_comes_first() {
    let registry = Registry::start();
    for (repository, layer) in [("one", "l0"), ("two", "l1")] {
        // Each has one of the layers as it is.
        let sandbox = app(2, "scratch");
        let other = if layer == "l0" { "l1" } else { "l0" };
        sandbox.file(&format!("{other}/file"), "other\n");
        let to = format!("{}/{repository}", registry.host());
        over(&sandbox, "push", &registry, &["--to", &to]).ok();
    }
    let from = ["one", "two"].map(|repository| format!("{}/{repository}:latest", registry.host()));
    let fresh = app(2, "scratch");
    let flags = ["--cache-from", &from[0], "--cache-from", &from[1]];
    assert_eq!(statuses(&push(&fresh, &registry, &flags)), [["mounted", "mounted"]]);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
    // What the tag's own repository has needs no mount.
    registry.clear_log();
    let fresh = app(2, "scratch");
    fresh.file("l1/file", "new\n");
    assert_eq!(statuses(&push(&fresh, &registry, &flags)), [["reused", "uploaded"]]);
    assert_eq!(registry.log().count(Kind::Mount), 0, "{}", registry.log());
}

#[test]
fn a_warm_machine_does_not_look() {
    let registry = Registry::start();
    let sandbox = app(2, "scratch");
    push(&sandbox, &registry, &[]);
    registry.clear_log();
    push(&sandbox, &registry, &["--cache-from", &format!("{}/other:latest", registry.host())]);
    assert!(of_repository(&registry.log(), "other").is_empty(), "{}", registry.log());
}

#[test]
fn a_machine_that_only_heard_of_a_layer_looks_where_it_may_be() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &[]);
    // It has pushed the same before, found everything there, and made nothing itself.
    let heard = app(2, "scratch");
    push(&heard, &registry, &[]);
    let from = format!("{}/app:latest", registry.host());
    assert_eq!(statuses(&push_to(&heard, &registry, &from).ok()), [["mounted", "mounted"]]);
}

#[test]
fn one_that_cannot_be_looked_at_is_a_note() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &[]);
    let host = registry.host();
    // Not there: nothing to say. A port where nobody listens, a registry that refuses, nonsense behind the tag.
    let run = push_to(&app(2, "scratch"), &registry, &format!("{host}/absent:latest")).ok();
    assert_eq!(statuses(&run), [["uploaded", "uploaded"]]);
    let unreachable = "127.0.0.1:9/app:latest";
    let refusing = Registry::start();
    refusing.fault(Fault::on(Kind::ManifestGet, Action::Status(403, Some("DENIED"))).always());
    for from in [unreachable.to_owned(), format!("{}/app:latest", refusing.host())] {
        let target = Registry::start();
        let run = push_to(&app(2, "scratch"), &target, &from).ok();
        assert!(run.stderr.contains(&format!("`{from}` could not be looked at")), "{}", run.stderr);
        assert_whole(&target, "new", "latest");
    }
}

#[test]
fn one_that_loses_its_blobs_or_goes_away_is_done_without() {
    for fault in [
        Fault::on(Kind::BlobHead, Action::Status(404, Some("BLOB_UNKNOWN"))),
        Fault::on(Kind::BlobHead, Action::Status(403, Some("DENIED"))),
        Fault::on(Kind::BlobHead, Action::Status(400, Some("UNSUPPORTED"))),
    ] {
        let (source, target) = (Registry::start(), Registry::start());
        let first = push(&app(2, "scratch"), &source, &[]);
        source.fault(fault.clone().always());
        let fresh = app(2, "scratch");
        let run = push_to(&fresh, &target, &format!("{}/app:latest", source.host())).ok();
        assert_eq!(digests(&run), digests(&first), "{fault:?}");
        assert_whole(&target, "new", "latest");
        assert_eq!(stored_layers(&fresh).len(), 2);
    }
}

#[test]
fn one_that_is_this_images_own_repository_is_no_harm() {
    let registry = Registry::start();
    push(&app(2, "scratch"), &registry, &["--tag", "old"]);
    let fresh = app(2, "scratch");
    let run = push(&fresh, &registry, &["--cache-from", &format!("{}/app:old", registry.host())]);
    assert_eq!(statuses(&run), [["reused", "reused"]]);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
}

#[test]
fn a_cache_image_serves_as_well() {
    let registry = Registry::start();
    let sandbox = app(2, "scratch");
    push(&sandbox, &registry, &[]);
    // The layer as it was is in no image any more.
    sandbox.file("l0/file", "moved on\n");
    push(&sandbox, &registry, &[]);
    let fresh = app(2, "scratch");
    let run = push_to(&fresh, &registry, &format!("{}/app:tarsia-cache", registry.host())).ok();
    assert_eq!(statuses(&run), [["mounted", "mounted"]]);
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
    assert_whole(&registry, "new", "latest");
}
