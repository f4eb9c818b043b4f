//! Registries that say no, or something else than what was asked: exit code 3, and in the end nothing is there.

use std::net::TcpListener;

use tarsia::build::Options;
use tarsia::events::Events;
use tarsia::push::{Destination, Lookup};
use tarsia::registry::{RetryPolicy, Settings};
use tarsia::spec::{Variables, load};
use tarsia::{Class, Error, Workshop};

use crate::support::examples::{push_small, small};
use crate::support::images::{HandMade, MANIFEST};
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};
use crate::support::{Run, Sandbox};

/// A sandbox with an image on `base:1` of the registry, in `x.toml`.
fn on_base(registry: &Registry, reference: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("pkg/a.py", "a = 1\n").file(
        "x.toml",
        format!(
            "name = \"x\"\nbase = \"{}/base{reference}\"\n[[layer]]\nname = \"l\"\ncontext = \"pkg\"\nto = \"/app/\"\n",
            registry.host()
        ),
    );
    sandbox
}

/// Builds on a small base that is read through a fault.
fn build_through(fault: Fault) -> (Run, Registry) {
    let registry = Registry::start();
    HandMade::small().put(&registry, "base", "1");
    registry.fault(fault);
    let sandbox = on_base(&registry, ":1");
    let run = sandbox.run(["build", "x.toml"]);
    assert_eq!(run.code == 0, sandbox.path("out").exists());
    (run, registry)
}

const READ: [Kind; 2] = [Kind::ManifestGet, Kind::BlobGet];

#[test]
fn a_registry_that_refuses_ends_the_run() {
    for kind in READ {
        for (status, code, words) in [
            (401, "UNAUTHORIZED", "not logged in: the registry answered 401 UNAUTHORIZED"),
            (403, "DENIED", "not permitted: the registry answered 403 DENIED"),
            (404, "MANIFEST_UNKNOWN", "the registry answered 404 MANIFEST_UNKNOWN"),
            (400, "NAME_INVALID", "the registry answered 400 NAME_INVALID"),
            (418, "TEAPOT", "the registry answered 418 TEAPOT"),
        ] {
            let (run, registry) = build_through(Fault::on(kind, Action::Status(status, Some(code))).always());
            run.refused(3, words);
            // Asked once: it would say the same again.
            let log = registry.log();
            assert!(log.count(kind) <= 1, "{log}");
        }
    }
    // ECR says that a quota is exceeded with a 403, which no login cures.
    let (run, _) = build_through(Fault::on(Kind::ManifestGet, Action::Status(403, Some("TOOMANYREQUESTS"))).always());
    assert!(run.refused(3, "403").stderr.contains("help: a limit of the registry is reached"));
}

#[test]
fn what_is_not_there_is_named() {
    let registry = Registry::start();
    HandMade::small().put(&registry, "base", "1");
    let unknown = format!("@sha256:{}", "0".repeat(64));
    for reference in [":2", unknown.as_str(), "/other:1"] {
        let run = on_base(&registry, reference).run(["build", "x.toml"]).refused(3, "the registry answered 404");
        let name = format!("{}/base{reference}", registry.host());
        assert!(run.stderr.contains(&format!("the base `{name}` of the image `x` cannot be used")), "{}", run.stderr);
        assert!(run.stderr.contains("help: check the name: `127.0.0.1:"), "{}", run.stderr);
    }
}

#[test]
fn trouble_that_passes_is_sat_out_and_lasting_trouble_is_not() {
    std::thread::scope(|scope| {
        for kind in READ {
            for fault in [
                Fault::on(kind, Action::Status(429, Some("TOOMANYREQUESTS"))),
                Fault::on(kind, Action::Status(500, None)).times(3),
                Fault::on(kind, Action::ResetBeforeBody).times(3),
                Fault::on(kind, Action::TruncateResponse(10)).times(3),
            ] {
                scope.spawn(|| build_through(fault).0.ok());
            }
            scope.spawn(move || {
                let (run, registry) = build_through(Fault::on(kind, Action::Status(500, None)).always());
                run.refused(3, "the registry answered 500 Internal Server Error (4 attempts)");
                let log = registry.log();
                assert_eq!(log.count(kind), 4, "{log}");
            });
        }
    });
}

/// Pushes the small image as the program does, with as many attempts but shorter waits, and gives the error.
fn push_impatiently(host: &str) -> Error {
    let sandbox = small();
    let settings = Settings { retry: RetryPolicy::quick(), ..Settings::default() };
    let workshop = Workshop::open(&sandbox.path("cache"), 1, settings, Events::silent()).unwrap();
    let variables = Variables::only([("REGISTRY".to_owned(), host.to_owned())].into());
    let workspace = load(&[sandbox.path("app.toml")], &variables).unwrap();
    let destination = Destination { variables, ..Destination::default() };
    let error =
        tarsia::push::push(&workshop, &workspace, &Options::default(), &destination, &Lookup::default()).unwrap_err();
    assert_eq!(error.class(), Class::Remote);
    error
}

#[test]
fn what_takes_the_program_long_to_give_up_is_given_up() {
    let registry = Registry::start();
    registry.fault(Fault::any(Action::Status(429, Some("TOOMANYREQUESTS"))).always());
    let error = push_impatiently(&registry.host());
    assert!(error.to_string().contains("throttled, 8 attempts: the registry answered 429"), "{error}");
    assert!(error.help().unwrap().contains("limits the rate of requests"), "{:?}", error.help());

    registry.clear_faults();
    registry.fault(Fault::any(Action::ResetBeforeBody).always());
    let error = push_impatiently(&registry.host());
    assert!(error.to_string().contains("the connection broke"), "{error}");
    assert!(error.help().unwrap().contains("run again to continue"), "{:?}", error.help());

    // Somebody is there who is no registry.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = std::io::Write::write_all(&mut &stream, b"SSH-2.0-OpenSSH_9.9\r\n");
        }
    });
    let error = push_impatiently(&host);
    assert!(error.to_string().contains("the connection broke"), "{error}");
}

#[test]
fn a_wrong_content_is_not_taken() {
    let wrong = |kind: Kind, bytes: Vec<u8>, words: &str| {
        let (run, _) = build_through(Fault::on(kind, Action::WrongBody(bytes)).always());
        run.refused(3, words);
    };
    let base = HandMade::small();
    // A manifest that is a fine one, but not the one that the header names.
    let mut other = base.manifest();
    other["annotations"] = serde_json::json!({"a": "b"});
    wrong(Kind::ManifestGet, other.to_string().into_bytes(), "wrong content: expected sha256:");
    // A config and a layer of the right size, and of another.
    for bytes in [base.config_bytes(), base.layers[0].1.clone()] {
        let digest = digest_of(&bytes);
        for (bytes, words) in [
            (bytes.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>(), format!("wrong content: expected {digest}")),
            (bytes[1..].to_vec(), format!("wrong size: expected {} bytes", bytes.len())),
            ([&bytes[..], b" "].concat(), format!("wrong size: expected {} bytes", bytes.len())),
        ] {
            let fault = Fault::on(Kind::BlobGet, Action::WrongBody(bytes)).path(digest.clone()).always();
            let run = build_through(fault).0.refused(3, &words);
            assert!(run.stderr.contains("holds damaged content; do not use it"), "{}", run.stderr);
        }
    }
    let (run, _) = build_through(Fault::on(Kind::ManifestGet, Action::WrongDigestHeader).always());
    run.refused(3, "wrong content: expected sha256:");
}

#[test]
fn a_base_that_is_named_by_its_digest_is_that_one() {
    let registry = Registry::start();
    let base = HandMade::small();
    let digest = base.put(&registry, "base", "1");
    let mut other = base.manifest();
    other["annotations"] = serde_json::json!({"a": "b"});
    let fault = Fault::on(Kind::ManifestGet, Action::WrongBody(other.to_string().into_bytes()));
    registry.fault(fault.always());
    registry.fault(Fault::on(Kind::ManifestGet, Action::DropDigestHeader).always());
    let run = on_base(&registry, &format!(":1@{digest}")).run(["build", "x.toml"]);
    let run = run.refused(3, &format!("wrong content: expected {digest}, got sha256:"));
    assert!(!run.stderr.contains("panicked"));
    registry.clear_faults();
    on_base(&registry, &format!(":1@{digest}")).run(["build", "x.toml"]).ok();
}

#[test]
fn an_answer_that_makes_no_sense_is_no_image() {
    let answer = |bytes: &[u8], words: &str| {
        let registry = Registry::start();
        registry.put_manifest("base", "1", MANIFEST, bytes);
        on_base(&registry, ":1").run(["build", "x.toml"]).refused(3, words);
    };
    let malformed = "the registry's answer makes no sense";
    answer(b"<html>Please log in</html>", malformed);
    answer(b"", malformed);
    answer(b"[]", malformed);
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    answer(format!("{{\"mediaType\":\"{docker}\"}}").as_bytes(), "the manifest's media type is not that of its header");
    answer(&vec![b' '; (4 << 20) + 1], "it is larger than the limit of 4194304 bytes");
}

#[test]
fn nobody_answers() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let sandbox = small();
    let run = sandbox.run(["push", "app.toml", "--set", &format!("REGISTRY={host}")]).refused(3, "cannot connect");
    assert!(run.stderr.contains(&format!("help: is `{host}` up, and reachable from here?")), "{}", run.stderr);
    let run = sandbox.run(["push", "app.toml", "--set", "REGISTRY=registry.invalid"]).refused(3, "cannot be resolved");
    assert!(run.stderr.contains("help: check the spelling of `registry.invalid`"), "{}", run.stderr);
}

#[test]
fn certificate_authorities_are_files_with_certificates() {
    let registry = Registry::start();
    let sandbox = small();
    let push = |file: &str| {
        sandbox.run(["push", "app.toml", "--ca-file", file, "--set", &format!("REGISTRY={}", registry.host())])
    };
    push("no.pem").refused(2, "failed to read certificate authorities from `no.pem`");
    push("app.toml").refused(2, "failed to read certificate authorities from `app.toml`: it holds no certificate");
    push_small(&sandbox, &registry).ok();
}
