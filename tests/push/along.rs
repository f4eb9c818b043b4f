//! Layers that go up while they are being made.

use std::sync::Arc;
use std::time::Duration;

use tarsia::Workshop;
use tarsia::build::Options;
use tarsia::events::{Event, Events, Task};
use tarsia::push::{self, Destination, Lookup};
use tarsia::registry::{RetryPolicy, Settings};
use tarsia::spec::{Variables, load};

use crate::support::examples::assert_whole;
use crate::support::registry::{Action, Fault, Kind, Log, Quirks, Registry};
use crate::support::workspace::{digests, kinds, noise, over};
use crate::support::{DockerRegistry, Run, Sandbox};

/// As many bytes as make a layer worth it.
const LARGE: usize = 9 << 20;

/// One image of a large and a small layer into an empty repository: 18 requests.
const FIRST: &[(Kind, usize)] = &[
    // Is the small layer there under its digest? A run that failed may have left it. Asked while its session is opened.
    (Kind::BlobHead, 1),
    // A session for each layer, its listing, and the configs of the image and of the cache image.
    (Kind::UploadStart, 6),
    // The large layer as it is made.
    (Kind::UploadPatch, 1),
    // The others, and the end of the large one.
    (Kind::UploadPut, 6),
    // The tag; the cache image, when keys are looked for and before it is written.
    (Kind::ManifestGet, 3),
    // The tag and the cache image's.
    (Kind::ManifestPut, 2),
];

/// What it takes more if the upload breaks off: a look whether the layer is there, and another session.
const BROKEN: &[(Kind, usize)] = &[(Kind::BlobHead, 1), (Kind::UploadStart, 1)];

/// If it comes to nothing at its end, that was one more.
const REFUSED: &[(Kind, usize)] = &[(Kind::BlobHead, 1), (Kind::UploadStart, 1), (Kind::UploadPut, 1)];

/// The same into the real registry.
const REAL: u64 = 14;

fn image(large: u32, small: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut spec = "name = \"app\"\nbase = \"scratch\"\nrepository = \"${REGISTRY}/app\"\n".to_owned();
    for number in 0..large + small {
        spec += &format!("[[layer]]\nname = \"l{number}\"\ncontext = \"../l{number}\"\nto = \"/l{number}/\"\n");
        let length = if number < large { LARGE } else { 1000 };
        sandbox.file(&format!("l{number}/noise"), noise(number + 1, length));
    }
    sandbox.file("specs/app.toml", spec);
    sandbox
}

/// Pushes one layer after the other, and makes sure that what is there is what a build makes.
#[track_caller]
fn push_whole(sandbox: &Sandbox, registry: &Registry) -> Run {
    let run = over(sandbox, "push", registry, &["--jobs", "1"]).ok();
    assert_eq!(digests(&run), [assert_whole(registry, "app", "latest")]);
    let calm = over(sandbox, "push", &Registry::start(), &["--no-remote-cache"]).ok();
    assert_eq!(digests(&run), digests(&calm));
    run
}

fn with(first: &[(Kind, usize)], more: &[(Kind, usize)]) -> Vec<(Kind, usize)> {
    let mut sum = first.to_vec();
    for &(kind, count) in more {
        match sum.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, all)) => *all += count,
            None => sum.push((kind, count)),
        }
    }
    sum.sort();
    sum
}

/// Pushes an image with one large layer through a fault.
#[track_caller]
fn push_through(fault: Fault) -> Log {
    let registry = Registry::start();
    registry.fault(fault);
    push_whole(&image(1, 1), &registry);
    registry.log()
}

/// The digest of the large layer.
fn large() -> String {
    let run = over(&image(1, 1), "push", &Registry::start(), &["--no-remote-cache"]).ok();
    run.documents()[0]["layers"][0]["digest"].as_str().unwrap()["sha256:".len()..].to_owned()
}

#[test]
fn a_large_layer_goes_up_while_it_is_made() {
    let registry = Registry::start();
    let run = push_whole(&image(1, 1), &registry);
    let log = registry.log();
    assert_eq!(kinds(&log), FIRST, "{log}");
    let (patch, layer) = (&log.of(Kind::UploadPatch).0[0], &run.documents()[0]["layers"][0]);
    assert_eq!((patch.content_length, patch.bytes_up), (None, layer["size"].as_u64().unwrap()), "{log}");
    let digest = layer["digest"].as_str().unwrap().replace(':', "%3A");
    let end = log.only(|request| request.kind == Kind::UploadPut && request.query.contains(&digest));
    assert_eq!((end.0[0].content_length, end.0[0].path == patch.path), (Some(0), true), "{log}");
    assert_eq!(layer["status"], "uploaded");
    assert_eq!(run.documents()[0]["requests"]["bytes_up"], log.bytes_up());
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn what_a_refused_run_has_sent_is_not_sent_again_by_another_machine() {
    let registry = Registry::start();
    let denied = Action::Status(403, Some("DENIED"));
    registry.fault(Fault::on(Kind::ManifestPut, denied).path("/manifests/latest").always());
    over(&image(1, 1), "push", &registry, &[]).refused(3, "403");
    assert!(!registry.tags("app").contains(&"latest".to_owned()));
    registry.clear_faults();
    registry.clear_log();
    let run = over(&image(1, 1), "push", &registry, &[]).ok();
    assert_eq!(digests(&run), [assert_whole(&registry, "app", "latest")]);
    let log = registry.log();
    assert_eq!(log.count(Kind::UploadPatch), 0, "{log}");
    assert!(log.bytes_up() < 10_000, "{log}");
}

#[test]
fn where_keys_are_not_asked_for_layers_are_looked_for() {
    let registry = Registry::start();
    over(&image(1, 1), "push", &registry, &["--no-remote-cache"]).ok();
    registry.clear_log();
    // Another machine that asks nobody: what it makes is there.
    over(&image(1, 1), "push", &registry, &["--no-remote-cache"]).ok();
    assert_eq!(kinds(&registry.log()), [(Kind::BlobHead, 2), (Kind::ManifestHead, 1)]);
}

#[test]
fn a_registry_that_refuses_is_not_asked_again() {
    let refusals = [404, 405, 411, 416, 501].map(|status| Action::Status(status, None));
    std::thread::scope(|scope| {
        for action in refusals.into_iter().chain([Action::ResetBeforeBody]) {
            scope.spawn(move || {
                let registry = Registry::start();
                registry.fault(Fault::on(Kind::UploadPatch, action.clone()).always());
                push_whole(&image(3, 0), &registry);
                let log = registry.log();
                assert_eq!(log.count(Kind::UploadPatch), 1, "{action:?}\n{log}");
                // Each layer is looked for: the first after it was refused, the others, which are not sent along any
                // more, while their sessions are opened.
                assert_eq!(log.count(Kind::BlobHead), 3, "{action:?}\n{log}");
                // Three layers, their listings, two configs, and the first layer's first session.
                assert_eq!(log.count(Kind::UploadStart), 9, "{action:?}\n{log}");
                assert_eq!(log.count(Kind::UploadPut), 8, "{action:?}\n{log}");
            });
        }
    });
}

#[test]
fn what_passes_spoils_one_layer_only() {
    std::thread::scope(|scope| {
        for status in [401, 429, 503] {
            scope.spawn(move || {
                let registry = Registry::start();
                registry.fault(Fault::on(Kind::UploadPatch, Action::Status(status, None)));
                push_whole(&image(2, 0), &registry);
                let log = registry.log();
                assert_eq!((log.count(Kind::UploadPatch), log.count(Kind::BlobHead)), (2, 1), "{status}\n{log}");
            });
        }
    });
}

#[test]
fn an_upload_that_breaks_is_begun_anew_when_the_layer_is_there() {
    let large = large();
    let end = |action| Fault::on(Kind::UploadPut, action).path(&large);
    for action in [Action::ResetAfterBytes(1 << 20), Action::ResetBeforeResponse] {
        let log = push_through(Fault::on(Kind::UploadPatch, action.clone()));
        assert_eq!(kinds(&log), with(FIRST, BROKEN), "{action:?}\n{log}");
    }
    for action in [
        Action::Status(404, Some("BLOB_UPLOAD_UNKNOWN")),
        Action::Status(400, Some("DIGEST_INVALID")),
        Action::ResetBeforeBody,
    ] {
        let log = push_through(end(action.clone()));
        assert_eq!(kinds(&log), with(FIRST, REFUSED), "{action:?}\n{log}");
    }
    // Only the answer was lost.
    let log = push_through(end(Action::ResetBeforeResponse));
    assert_eq!(kinds(&log), with(FIRST, &[(Kind::BlobHead, 1)]), "{log}");
}

#[test]
fn a_registry_that_confirms_something_else_is_not_believed() {
    let registry = Registry::start();
    registry.fault(Fault::on(Kind::UploadPut, Action::WrongDigestHeader).path(large()));
    over(&image(1, 1), "push", &registry, &[]).refused(3, "wrong content: expected sha256:");
    assert_eq!(registry.tags("app"), Vec::<String>::new());
}

#[test]
fn habits_of_registries_do_not_matter() {
    let habits = [
        Quirks { patch_answers_201: true, patch_lost_after_first: true, ..Quirks::default() },
        Quirks { location_with_query: true, relative_location: true, ..Quirks::default() },
        Quirks { no_content_digest_header: true, ..Quirks::default() },
    ];
    for quirks in habits {
        let registry = Registry::with(quirks);
        push_whole(&image(1, 1), &registry);
        let log = registry.log();
        assert_eq!(kinds(&log), FIRST, "{log}");
    }
}

#[test]
fn other_repositories_mount_it() {
    let registry = Registry::start();
    let sandbox = image(1, 0);
    let spec = std::fs::read_to_string(sandbox.path("specs/app.toml")).unwrap();
    sandbox.file("specs/b.toml", spec.replace("name = \"app\"", "name = \"b\"").replace("/app\"", "/b\""));
    over(&sandbox, "push", &registry, &[]).ok();
    let log = registry.log();
    assert_eq!((log.count(Kind::UploadPatch), log.count(Kind::Mount), log.count(Kind::BlobHead)), (1, 1, 0), "{log}");
    assert_whole(&registry, "app", "latest");
    assert_whole(&registry, "b", "latest");
}

#[test]
fn a_layer_that_is_given_up_ends_the_run() {
    let registry = Registry::start();
    let sandbox = image(1, 0);
    // Two files: the first is on its way when it turns out that the second is another one.
    sandbox.file("l0/tail", noise(7, 4 << 20));
    let file = sandbox.path("l0/tail");
    let change = move |event| {
        if let Event::Begin { task: Task::Assemble { .. }, .. } = event {
            std::fs::write(&file, "something else").unwrap();
        }
    };
    let settings = Settings { retry: RetryPolicy::quick(), ..Settings::default() };
    let workshop = Workshop::open(&sandbox.path("cache"), 1, settings, Events::to(Arc::new(change))).unwrap();
    let variables = Variables::only([("REGISTRY".to_owned(), registry.host())].into());
    let workspace = load(&[sandbox.path("specs")], &variables).unwrap();
    let destination = Destination { variables, ..Destination::default() };
    let error = push::push(&workshop, &workspace, &Options::default(), &destination, &Lookup::default());
    let error = error.map(|_| ()).unwrap_err();
    assert!(format!("{error:?}").contains("Changed"), "{error:?}");
    assert_eq!(registry.tags("app"), Vec::<String>::new());
    assert_eq!(registry.blobs("app"), Vec::<String>::new());
}

#[test]
fn the_real_registry_takes_it() {
    let registry = DockerRegistry::start();
    let sandbox = image(1, 0);
    let set = format!("REGISTRY={}", registry.host());
    let run = sandbox.run(["push", "specs", "--json", "--set", &set]).ok();
    assert_eq!(run.documents()[0]["requests"]["sent"], REAL);
    // skopeo fetches every blob and compares it with its digest.
    let url = format!("docker://{}/app:latest", registry.host());
    crate::support::judge::skopeo_copy(&url, &format!("dir:{}", sandbox.path("copied").display()), &[]);
}

#[test]
fn a_base_layer_that_is_not_there_ends_the_reading_of_the_others() {
    let registry = Registry::start();
    let run = over(&image(0, 24), "push", &registry, &["--no-remote-cache"]).ok();
    let lowest = run.documents()[0]["layers"][0]["digest"].as_str().unwrap().to_owned();
    let sandbox = Sandbox::new();
    let base = format!("{}/app:latest", registry.host());
    let layer = "[[layer]]\nname = \"top\"\ncontext = \"../top\"\nto = \"/l0/\"\n";
    sandbox.file(
        "specs/top.toml",
        format!("name = \"top\"\nbase = \"{base}\"\nrepository = \"${{REGISTRY}}/top\"\n{layer}"),
    );
    sandbox.file("top/file", "on top");
    registry.clear_log();
    registry.fault(Fault::on(Kind::BlobGet, Action::Status(404, Some("BLOB_UNKNOWN"))).path(&lowest).always());
    let slowly = Action::Delay(Duration::from_millis(100));
    registry.fault(Fault::on(Kind::BlobGet, slowly).always());
    over(&sandbox, "push", &registry, &["--jobs", "4"]).refused(3, &lowest[..20]);
    // The config, and those that were being read.
    let asked = registry.log().count(Kind::BlobGet);
    assert!(asked < 16, "{}", registry.log());
}
