//! Credentials: where they are found, where they go, and where they never go.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::examples::{assert_whole, push_small, small};
use crate::support::images::HandMade;
use crate::support::registry::{Action, Auth, Fault, Kind, Log, Quirks, Registry};
use crate::support::{Run, Sandbox};

const USER: &str = "inlayer";
/// Nothing like it stands anywhere else.
const PASSWORD: &str = "Ebony&Ivory:77";

fn basic() -> Quirks {
    Quirks { auth: Auth::basic(USER, PASSWORD), ..Quirks::default() }
}

fn bearer() -> Quirks {
    Quirks { auth: Auth::bearer(USER, PASSWORD), ..Quirks::default() }
}

fn encoded(password: &str) -> String {
    STANDARD.encode(format!("{USER}:{password}"))
}

/// Writes docker's configuration.
fn configure(sandbox: &Sandbox, auths: &Value) {
    sandbox.file("home/.docker/config.json", json!({ "auths": auths }).to_string());
}

/// A sandbox with the small image and docker's configuration for the registry.
fn logged_in(registry: &Registry) -> Sandbox {
    let sandbox = small();
    configure(&sandbox, &json!({registry.host(): {"auth": encoded(PASSWORD)}}));
    sandbox
}

/// Makes sure that no secret is printed: not the password, not its encoded form, no token of the log.
#[track_caller]
fn assert_discreet(run: &Run, logs: &[&Log]) {
    let mut secrets = vec![PASSWORD.to_owned(), encoded(PASSWORD)];
    for request in logs.iter().flat_map(|log| &log.0) {
        if let Some(authorization) = &request.authorization {
            secrets.push(authorization.split(' ').next_back().unwrap().to_owned());
        }
    }
    for secret in secrets {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(&secret), "the secret {secret} in:\n{text}");
        }
    }
}

/// Makes sure that no request carried any credentials.
#[track_caller]
fn assert_anonymous(log: &Log) {
    let told = log.only(|request| request.authorization.is_some() || request.target().contains(PASSWORD));
    assert!(told.is_empty(), "{told}");
}

#[test]
fn dockers_configuration_serves_for_basic_and_bearer() {
    for (quirks, scheme) in [(basic(), "Basic "), (bearer(), "Bearer ")] {
        let registry = Registry::with(quirks);
        let sandbox = logged_in(&registry);
        let run = push_small(&sandbox, &registry).ok();
        assert_whole(&registry, "app", "latest");
        let log = registry.log();
        // One 401 tells what is wanted; from then on each request brings it.
        assert_eq!(log.count_where(|request| request.status == 401), 1, "{log}");
        let api = log.only(|request| request.kind != Kind::Token && request.status != 401);
        for request in &api.0 {
            assert!(request.authorization.as_deref().unwrap().starts_with(scheme), "{request}");
        }
        // One token, for reading and for writing.
        assert_eq!(log.count(Kind::Token), usize::from(scheme == "Bearer "), "{log}");
        assert_discreet(&run, &[&log]);
    }
}

#[test]
fn names_and_passwords_are_found_in_all_forms() {
    let registry = Registry::with(basic());
    let host = registry.host();
    let plain = json!({"username": USER, "password": PASSWORD});
    for auths in [
        json!({&host: plain}),
        json!({format!("http://{host}"): {"auth": encoded(PASSWORD)}}),
        json!({format!("https://{host}/v2/"): {"auth": encoded(PASSWORD)}}),
        json!({&host: {"auth": encoded("wrong")}, format!("{host}/app"): {"auth": encoded(PASSWORD)}}),
    ] {
        let sandbox = small();
        configure(&sandbox, &auths);
        let run = sandbox.run(["push", "app.toml", "--no-remote-cache", "--set", &format!("REGISTRY={host}")]);
        assert_eq!(run.code, 0, "{auths}: {}", run.stderr);
    }
    let registry = Registry::with(bearer());
    let sandbox = small();
    let config = json!({registry.host(): {"identitytoken": registry.refresh_token()}});
    configure(&sandbox, &config);
    push_small(&sandbox, &registry).ok();
}

#[test]
fn a_token_that_runs_out_under_way_is_replaced() {
    // The first request of all is the one that is told to get a token.
    let kinds = [
        (Kind::BlobHead, 2),
        (Kind::UploadStart, 1),
        (Kind::UploadPut, 1),
        (Kind::ManifestHead, 0),
        (Kind::ManifestPut, 0),
    ];
    std::thread::scope(|scope| {
        for (kind, skip) in kinds {
            scope.spawn(move || {
                let mut quirks = bearer();
                if let Auth::Bearer { token_ttl, .. } = &mut quirks.auth {
                    *token_ttl = Duration::from_secs(1);
                }
                let registry = Registry::with(quirks);
                // The request is there in time, and is looked at when its token is not good any more.
                registry.fault(Fault::on(kind, Action::Delay(Duration::from_millis(1200))).skip(skip));
                push_small(&logged_in(&registry), &registry).ok();
                assert_whole(&registry, "app", "latest");
                let log = registry.log();
                assert!(log.count_where(|request| request.status == 401) >= 2, "{kind:?}\n{log}");
            });
        }
    });
}

#[test]
fn who_is_not_logged_in_is_told_how() {
    for quirks in [basic(), bearer()] {
        let registry = Registry::with(quirks);
        let sandbox = small();
        let run = push_small(&sandbox, &registry).refused(3, "not logged in: the registry answered 401");
        let help = format!("help: run `docker login {0}` or `podman login {0}`", registry.host());
        assert!(run.stderr.contains(&help), "{}", run.stderr);
        assert_anonymous(&registry.log());
    }
}

#[test]
fn credentials_that_are_refused_are_named_but_not_shown() {
    for quirks in [basic(), bearer()] {
        let registry = Registry::with(quirks);
        let sandbox = small();
        configure(&sandbox, &json!({registry.host(): {"auth": encoded("Ivory&Ebony:78")}}));
        let mut command = sandbox.command([
            "push",
            "app.toml",
            "--no-remote-cache",
            "--set",
            &format!("REGISTRY={}", registry.host()),
        ]);
        let run = Run::of(command.env("RUST_BACKTRACE", "1").output().unwrap());
        let run = run.refused(3, "the credentials were refused: the registry answered 401");
        assert!(run.stderr.contains("the credentials from ~/.docker/config.json were refused"), "{}", run.stderr);
        assert!(!run.stderr.contains("Ivory") && !run.stderr.contains(&encoded("Ivory&Ebony:78")), "{}", run.stderr);
        assert_discreet(&run, &[&registry.log()]);
        // Asked once with them, not again and again: that locks accounts.
        let log = registry.log();
        assert!(log.count_where(|request| request.authorization.is_some()) <= 1, "{log}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_named_but_not_shown() {
    let registry = Registry::with(basic());
    let refused = |config: String| {
        let sandbox = small();
        sandbox.file("home/.docker/config.json", config);
        let run = push_small(&sandbox, &registry);
        let run = run.refused(3, "failed to read credentials from `~/.docker/config.json`");
        assert!(run.stderr.contains("help: repair `~/.docker/config.json`"), "{}", run.stderr);
        assert_discreet(&run, &[&registry.log()]);
    };
    refused(format!("{{\"auths\": {{\"{PASSWORD}\": "));
    refused(json!({"auths": {registry.host(): {"auth": PASSWORD}}}).to_string());
    refused(json!({"auths": {registry.host(): {"auth": STANDARD.encode(PASSWORD.replace(':', ""))}}}).to_string());

    let sandbox = small();
    sandbox.file("home/.docker/config.json", json!({"credHelpers": {registry.host(): "nowhere"}}).to_string());
    let run = push_small(&sandbox, &registry).refused(3, "from `docker-credential-nowhere`");
    assert!(run.stderr.contains("help: install or repair `docker-credential-nowhere`"), "{}", run.stderr);
}

#[test]
fn a_helper_is_asked_and_its_failure_is_told_without_what_it_says() {
    let registry = Registry::with(basic());
    let sandbox = small();
    sandbox.file("home/.docker/config.json", json!({"credHelpers": {registry.host(): "drawer"}}).to_string());
    let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    let set = format!("REGISTRY={}", registry.host());
    let push = || {
        Run::of(
            sandbox
                .command(["push", "app.toml", "--no-remote-cache", "--set", &set])
                .env("PATH", &path)
                .output()
                .unwrap(),
        )
    };
    let answer = json!({"ServerURL": registry.host(), "Username": USER, "Secret": PASSWORD});
    sandbox.executable("bin/docker-credential-drawer", format!("#!/bin/sh\ncat >/dev/null\necho '{answer}'\n"));
    let run = push().ok();
    assert_discreet(&run, &[&registry.log()]);
    sandbox.file("app/app.py", "app = 2\n");
    for script in [format!("echo '{PASSWORD}'; exit 0"), format!("echo '{{\"Secret\": \"{PASSWORD}\"'; exit 1")] {
        sandbox.executable("bin/docker-credential-drawer", format!("#!/bin/sh\ncat >/dev/null\n{script}\n"));
        let run = push().refused(3, "failed to get credentials for `");
        assert_discreet(&run, &[]);
    }
}

#[test]
fn storage_on_another_host_gets_no_credentials() {
    for quirks in [basic(), bearer()] {
        let registry = Registry::with(Quirks { redirect_blobs_to: Some("localhost".to_owned()), ..quirks });
        HandMade::small().put(&registry, "base", "1");
        let sandbox = logged_in(&registry);
        let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", spec.replace("scratch", &format!("{}/base:1", registry.host())));
        let run = push_small(&sandbox, &registry).ok();
        assert_whole(&registry, "app", "latest");
        let log = registry.log();
        let storage = log.of(Kind::Storage);
        assert!(!storage.is_empty(), "nothing was redirected\n{log}");
        assert_anonymous(&storage);
        assert_discreet(&run, &[&log]);
    }
    // Nor does another registry, which would understand them.
    let other = Registry::start();
    let registry = Registry::with(Quirks { redirect_blobs_to: Some(other.host()), ..basic() });
    HandMade::small().put(&registry, "base", "1");
    let sandbox = logged_in(&registry);
    let spec = std::fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox.file("app.toml", spec.replace("scratch", &format!("{}/base:1", registry.host())));
    let run = push_small(&sandbox, &registry);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(!other.log().is_empty());
    assert_anonymous(&other.log());
    assert_discreet(&run, &[&registry.log()]);
}

#[test]
fn a_token_server_on_another_host_gets_no_credentials() {
    let thief = Registry::with(bearer());
    let port = thief.host().rsplit(':').next().unwrap().to_owned();
    // The same machine under another name is another host.
    let realm = Some(format!("http://localhost:{port}/token"));
    let registry = Registry::with(Quirks { realm: realm.clone(), ..bearer() });
    let sandbox = logged_in(&registry);
    let run = push_small(&sandbox, &registry).refused(3, "the credentials were not sent");
    assert!(run.stderr.contains("were not sent to `http://localhost:"), "{}", run.stderr);
    assert!(!thief.log().is_empty(), "the token server was never asked");
    assert_anonymous(&thief.log());
    assert_anonymous(&registry.log());
    assert_discreet(&run, &[&thief.log(), &registry.log()]);
    // Nor the refresh token.
    configure(&sandbox, &json!({registry.host(): {"identitytoken": PASSWORD}}));
    let run = push_small(&sandbox, &registry).refused(3, "the credentials were not sent");
    assert_eq!(thief.log().bytes_up(), 0, "{}", thief.log());
    assert_discreet(&run, &[]);
}

#[test]
fn one_registrys_credentials_are_not_for_another() {
    let (ours, theirs) = (Registry::with(basic()), Registry::with(basic()));
    let sandbox = logged_in(&ours);
    push_small(&sandbox, &theirs).refused(3, "not logged in");
    assert_anonymous(&theirs.log());
    assert!(ours.log().is_empty());
}

#[test]
fn who_may_not_push_is_told_what_is_missing() {
    let registry = Registry::with(basic());
    let sandbox = logged_in(&registry);
    for (kind, skip) in [(Kind::BlobHead, 1), (Kind::UploadStart, 0), (Kind::ManifestPut, 0)] {
        registry.clear_faults();
        registry.fault(Fault::on(kind, Action::Status(403, Some("DENIED"))).skip(skip).always());
        let run = push_small(&sandbox, &registry).refused(3, "not permitted: the registry answered 403");
        let verb = if kind == Kind::BlobHead { "pull from" } else { "push to" };
        let help = format!("from ~/.docker/config.json need the permission to {verb} `{}/app`", registry.host());
        assert!(run.stderr.contains(&help), "{}", run.stderr);
        assert_discreet(&run, &[&registry.log()]);
        assert_eq!(registry.tags("app"), Vec::<String>::new());
    }
}

/// A server that wants Basic and then says no, repeating what it was told. Returns its address.
fn parrot() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let mut authorization = None;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization: ") {
                    authorization = Some(line[line.len() - value.len()..].trim().to_owned());
                }
                line.clear();
            }
            let answer = match authorization {
                None => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n".to_owned(),
                Some(told) => {
                    let message = format!("\u{1b}[31mnot with {told}, that is {USER}:{PASSWORD}");
                    let body = json!({"errors": [{"code": "DENIED", "message": message}]}).to_string();
                    format!("403 {told}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                }
            };
            let end = if answer.contains("errors") { "" } else { "\r\n" };
            let _ = (&stream).write_all(format!("HTTP/1.1 {answer}{end}").as_bytes());
        }
    });
    host
}

#[test]
fn a_registry_that_repeats_the_secret_does_not_make_us_say_it() {
    let host = parrot();
    let sandbox = small();
    configure(&sandbox, &json!({&host: {"auth": encoded(PASSWORD)}}));
    // A request with a body in its answer: reading the base.
    sandbox.file("base.toml", format!("name = \"b\"\nbase = \"{host}/b:1\"\n"));
    let run = sandbox.run(["build", "base.toml"]).refused(3, "not permitted: the registry answered 403");
    assert!(!run.stderr.contains('\u{1b}'), "a registry writes to the terminal: {:?}", run.stderr);
    assert_discreet(&run, &[]);
}
