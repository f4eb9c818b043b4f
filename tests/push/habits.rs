//! The habits of real registries, each as a switch of the one in the tests.

use crate::support::Sandbox;
use crate::support::examples::{assert_whole, examples, push, push_small, small};
use crate::support::images::HandMade;
use crate::support::registry::{Kind, Quirks, Registry};

/// Writes docker's configuration with a password for the registry.
fn log_in(sandbox: &Sandbox, registry: &Registry, user: &str, password: &str) {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let config = serde_json::json!({"auths": {registry.host(): {"auth": auth}}});
    sandbox.file("home/.docker/config.json", config.to_string());
}

#[test]
fn ecr_gets_one_post_and_one_put_a_blob() {
    let registry = Registry::with(Quirks {
        relative_location: true,
        no_content_digest_header: true,
        location_with_query: true,
        ..Quirks::ecr("secret")
    });
    for image in ["base", "receipt-dynamo", "receipt-label"] {
        registry.create_repository(&format!("receipts/{image}"));
    }
    let sandbox = examples();
    log_in(&sandbox, &registry, "AWS", "secret");
    let run = push(&sandbox, &registry).ok();
    for (document, image) in run.documents().iter().zip(["base", "receipt-dynamo", "receipt-label"]) {
        assert_eq!(document["digest"], *assert_whole(&registry, &format!("receipts/{image}"), "latest"));
    }
    let log = registry.log();
    assert_eq!(log.count(Kind::UploadPatch), 0, "{log}");
    // ECR mounts only what a manifest of the source names, so each mount waits for the manifest of the image before.
    assert_eq!(log.count_where(|request| request.kind == Kind::Mount && request.status == 201), 5, "{log}");
    assert_eq!(log.count_where(|request| request.kind == Kind::UploadStart && request.status == 202), 7, "{log}");
    assert_eq!(log.count(Kind::UploadPut), 7, "{log}");
    for put in &log.of(Kind::UploadPut).0 {
        assert_eq!(put.content_length, Some(put.bytes_up), "a body of unknown length\n{put}");
        assert_eq!(put.content_range, None, "{put}");
        assert_eq!(put.status, 201, "{put}");
    }
    assert_eq!(registry.open_uploads(), 0, "a session was opened and left");

    // Without the digest's header, a tag takes a GET to be known. The first request of a run is answered with a 401.
    registry.clear_log();
    push(&sandbox, &registry).ok();
    let log = registry.log();
    assert_eq!((log.count(Kind::ManifestHead), log.count(Kind::ManifestGet), log.len()), (7, 6, 13), "{log}");
}

#[test]
fn ecr_mounts_the_layers_of_a_base_that_is_there() {
    let registry = Registry::with(Quirks::ecr("secret"));
    HandMade::small().put(&registry, "bases/python", "3.12");
    registry.create_repository("app");
    let sandbox = small();
    log_in(&sandbox, &registry, "AWS", "secret");
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("scratch", &format!("{}/bases/python:3.12", registry.host())));
    let run = push_small(&sandbox, &registry).ok();
    assert_whole(&registry, "app", "latest");
    let log = registry.log();
    assert_eq!(log.count_where(|request| request.kind == Kind::Mount && request.status == 201), 1, "{log}");
    assert_eq!(log.count(Kind::UploadPut), 3, "{log}");
    let layers = run.documents()[0]["layers"].clone();
    let statuses: Vec<&str> = layers.as_array().unwrap().iter().map(|l| l["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["base", "uploaded", "uploaded"]);
}

#[test]
fn a_repository_that_has_to_be_made_first_is_named() {
    let registry = Registry::with(Quirks { create_on_push: false, ..Quirks::default() });
    let sandbox = small();
    let run = push_small(&sandbox, &registry).refused(3, "404 NAME_UNKNOWN");
    let help = format!("help: the repository `{}/app` must be created before a push", registry.host());
    assert!(run.stderr.contains(&help), "{}", run.stderr);
    registry.create_repository("app");
    push_small(&sandbox, &registry).ok();
}

#[test]
fn a_tag_that_may_not_move_is_no_trouble_while_nothing_changes() {
    let registry = Registry::with(Quirks { immutable_tags: true, ..Quirks::default() });
    let sandbox = small();
    push_small(&sandbox, &registry).ok();
    let before = assert_whole(&registry, "app", "latest");
    push_small(&sandbox, &registry).ok();
    // Nor if another machine pushes the same.
    push_small(&small(), &registry).ok();
    sandbox.file("app/app.py", "app = 2\n");
    let run = push_small(&sandbox, &registry).refused(3, "400 TAG_INVALID");
    assert!(run.stderr.contains("the repository is immutable"), "{}", run.stderr);
    assert_eq!(assert_whole(&registry, "app", "latest"), before);
}

#[test]
fn locations_come_in_all_forms() {
    for (relative_location, location_with_query) in [(false, true), (true, false), (true, true)] {
        let registry =
            Registry::with(Quirks { relative_location, location_with_query, no_mount: true, ..Quirks::default() });
        push(&examples(), &registry).ok();
        for image in ["base", "receipt-dynamo", "receipt-label"] {
            assert_whole(&registry, &format!("receipts/{image}"), "latest");
        }
        assert_eq!(registry.open_uploads(), 0);
    }
}

#[test]
fn a_registry_that_bears_few_requests_a_second_gets_them() {
    let registry = Registry::with(Quirks { max_requests_per_second: Some(25), ..Quirks::default() });
    push(&examples(), &registry).ok();
    assert_whole(&registry, "receipts/receipt-label", "latest");
    let log = registry.log();
    assert!(log.count_where(|request| request.status == 429) > 0, "nothing was throttled\n{log}");
}
