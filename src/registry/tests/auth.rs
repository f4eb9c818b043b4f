//! Who is told what.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::server::{Reply, Seen, Server, anonymous, client, logged_in, reply, repository};
use crate::digest::Digest;
use crate::registry::{Credentials, Error, Found, Login, Mirror, MountOutcome, Settings};

/// A registry with a token server under `/token` that numbers its tokens. `accepts` says whether a token is still good.
fn token_registry(realm: Option<String>, accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    let issued = AtomicUsize::new(0);
    Server::start(move |seen| {
        if seen.line.contains(" /token") {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return reply(200).body(format!(r#"{{"token":"t{number}","expires_in":300}}"#));
        }
        match seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if accepts(token) => reply(200),
            _ => {
                let here = format!("http://{}/token", seen.header("host").unwrap());
                let realm = realm.as_deref().unwrap_or(&here);
                let challenge = format!(r#"Bearer realm="{realm}",service="the, service""#);
                reply(401).header("www-authenticate", challenge)
            }
        }
    })
}

fn tokens(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.line.contains(" /token")).collect()
}

#[tokio::test]
async fn the_first_request_learns_what_the_others_send_at_once() {
    let server = token_registry(None, |_| true);
    let repository = server.repository("a/b");
    for _ in 0..3 {
        assert!(repository.blob_exists(&Digest::of(b"x")).await.unwrap());
    }
    let lines = server.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(lines[1], "GET /token?service=the%2C+service&scope=repository%3Aa%2Fb%3Apull");
    assert_eq!(repository.traffic().snapshot().sent, 5);

    // Another repository of the host skips the challenge too, but needs a token of its own.
    let other = token_registry(None, |_| true);
    let client = client(anonymous());
    for path in ["a", "b"] {
        repository_exists(&client, &other, path).await;
    }
    assert_eq!(other.lines().len(), 5, "{:?}", other.lines());
}

async fn repository_exists(client: &crate::registry::Client, server: &Server, path: &str) {
    assert!(repository(client, &server.host(), path).blob_exists(&Digest::of(b"x")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_share_one_token() {
    let server = token_registry(None, |_| true);
    let repository = server.repository("a");
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let repository = repository.clone();
            tokio::spawn(async move { repository.blob_exists(&Digest::of(b"x")).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert_eq!(tokens(&server).len(), 1);
    assert_eq!(server.lines().len(), 22, "one 401, one token, twenty answers");
}

#[tokio::test]
async fn a_token_refused_in_mid_run_is_replaced_once() {
    let good = Arc::new(std::sync::Mutex::new("t1".to_owned()));
    let current = good.clone();
    let server = token_registry(None, move |token| *current.lock().unwrap() == token);
    let repository = server.repository("a");
    assert!(repository.blob_exists(&Digest::of(b"x")).await.unwrap());
    *good.lock().unwrap() = "t2".to_owned();
    assert!(repository.blob_exists(&Digest::of(b"x")).await.unwrap());
    assert_eq!(tokens(&server).len(), 2);

    *good.lock().unwrap() = "none".to_owned();
    let error = repository.blob_exists(&Digest::of(b"x")).await.unwrap_err();
    assert!(matches!(&error, Error::Unauthorized { login, .. } if **login == Login::Anonymous), "{error}");
    assert!(error.help().unwrap().contains("docker login 127.0.0.1:"));
    assert_eq!(tokens(&server).len(), 3);
}

#[tokio::test]
async fn pushing_asks_for_both_permissions_and_a_mount_for_the_source_too() {
    let server = token_registry(None, |_| true);
    let here = server.repository("new/app");
    let from = crate::image::Repository { host: server.host(), path: "base/os".into() };
    here.blob_exists(&Digest::of(b"x")).await.unwrap();
    // This registry answers 200 to everything, which is no upload session.
    here.mount(&Digest::of(b"x"), &from).await.unwrap_err();
    here.put_manifest("v1", crate::image::media_type::MANIFEST, &Bytes::from_static(b"{}")).await.unwrap();
    let scopes: Vec<String> = tokens(&server).into_iter().map(|seen| seen.line).collect();
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    assert!(scopes[0].ends_with("scope=repository%3Anew%2Fapp%3Apull"), "{scopes:?}");
    assert!(
        scopes[1].ends_with("scope=repository%3Abase%2Fos%3Apull&scope=repository%3Anew%2Fapp%3Apull%2Cpush"),
        "{scopes:?}"
    );
    // One token for looking and pushing, if it is known beforehand that there will be a push.
    let server = token_registry(None, |_| true);
    let here = server.repository("new/app").for_push();
    here.blob_exists(&Digest::of(b"x")).await.unwrap();
    here.put_manifest("v1", crate::image::media_type::MANIFEST, &Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(tokens(&server).len(), 1);
}

#[tokio::test]
async fn a_mount_that_is_not_permitted_becomes_an_upload() {
    let server = Server::start(|seen| match seen.line.contains("mount=") {
        true => reply(403),
        false => reply(202).header("location", "/v2/a/blobs/uploads/1"),
    });
    let from = crate::image::Repository { host: server.host(), path: "secret".into() };
    let outcome = server.repository("a").mount(&Digest::of(b"x"), &from).await.unwrap();
    assert!(matches!(outcome, MountOutcome::Session(_)));
}

#[tokio::test]
async fn basic_credentials_are_sent_to_the_registry_and_named_when_refused() {
    let server = Server::start(|seen| match seen.header("authorization") {
        // u:p
        Some("Basic dTpw") => reply(200),
        _ => reply(401).header("www-authenticate", r#"Basic realm="x""#),
    });
    let login = |auth: &str| format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, server.host());
    let (_home, settings) = logged_in(&login("dTpw"));
    let good = repository(&client(settings), &server.host(), "a");
    for _ in 0..2 {
        assert!(good.blob_exists(&Digest::of(b"x")).await.unwrap());
    }
    assert_eq!(server.lines().len(), 3);

    let (_home, settings) = logged_in(&login("dTp3cm9uZw=="));
    let bad = repository(&client(settings), &server.host(), "a");
    let error = bad.blob_exists(&Digest::of(b"x")).await.unwrap_err();
    let text = format!("{error} {error:?} {}", error.help().unwrap());
    assert!(text.contains("credentials from ~/.docker/config.json were refused"), "{text}");
    assert!(!text.contains("wrong") && !text.contains("dTp3"), "{text}");
    assert_eq!(server.lines().len(), 5, "refused credentials are not tried again");
}

#[tokio::test]
async fn a_realm_elsewhere_gets_no_credentials() {
    let elsewhere = token_registry(None, |_| true);
    // `localhost` and `127.0.0.1` are two hosts.
    let realm = format!("http://localhost:{}/token", elsewhere.port);
    let server = token_registry(Some(realm), |token| token == "t2");
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host()));
    let remote = repository(&client(settings), &server.host(), "a");
    let error = remote.blob_exists(&Digest::of(b"x")).await.unwrap_err();
    assert_eq!(tokens(&elsewhere).len(), 1);
    assert_eq!(tokens(&elsewhere)[0].header("authorization"), None);
    assert!(error.help().unwrap().contains("were not sent to `http://localhost:"), "{:?}", error.help());

    // The same host on another port is the registry's own, on loopback.
    let server = token_registry(Some(format!("http://127.0.0.1:{}/token", elsewhere.port)), |_| true);
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host()));
    repository_exists(&client(settings), &server, "a").await;
    assert_eq!(tokens(&elsewhere)[1].header("authorization"), Some("Basic dTpw"));
}

#[tokio::test]
async fn identity_tokens_are_exchanged_and_registry_tokens_are_sent_as_they_are() {
    let server = token_registry(None, |token| token == "t1");
    let host = server.host();
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{host}":{{"identitytoken":"re&fresh"}}}}}}"#));
    repository_exists(&client(settings), &server, "a").await;
    let token = &tokens(&server)[0];
    assert_eq!(token.line, "POST /token");
    assert_eq!(token.header("authorization"), None);
    let body = String::from_utf8(token.body.clone()).unwrap();
    assert_eq!(
        body,
        "grant_type=refresh_token&service=the%2C+service&client_id=tarsia&scope=repository%3Aa%3Apull\
         &refresh_token=re%26fresh"
    );

    let server = token_registry(None, |token| token == "raw");
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{}":{{"registrytoken":"raw"}}}}}}"#, server.host()));
    repository_exists(&client(settings), &server, "a").await;
    assert!(tokens(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_server_that_refuses_is_asked_once_for_all_who_wait() {
    let server = Server::start(|seen| match seen.line.contains(" /token") {
        true => {
            std::thread::sleep(std::time::Duration::from_millis(100));
            reply(401).body(r#"{"details":"incorrect username or password"}"#)
        }
        false => {
            let realm = format!(r#"Bearer realm="http://{}/token""#, seen.header("host").unwrap());
            reply(401).header("www-authenticate", realm)
        }
    });
    let (_home, settings) =
        logged_in(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpzZWNyZXQtd29yZA=="}}}}}}"#, server.host()));
    let remote = repository(&client(settings), &server.host(), "a");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.blob_exists(&Digest::of(b"x")).await.unwrap_err() })
        })
        .collect();
    for task in tasks {
        let error = task.await.unwrap();
        assert!(error.to_string().contains("incorrect username or password"), "{error}");
        assert!(error.help().unwrap().contains("~/.docker/config.json"));
    }
    assert!(tokens(&server).len() <= 2, "{}", tokens(&server).len());
}

#[tokio::test]
async fn mirrors_get_the_credentials_of_the_registry_they_stand_for() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some(_) => reply(200),
        None => reply(401).header("www-authenticate", "Basic"),
    });
    let exists = async |config: &str| {
        let (_home, mut settings) = logged_in(config);
        settings.mirrors = vec![Mirror { host: "docker.io".into(), endpoint: format!("http://{}/hub", server.host()) }];
        repository(&client(settings), "docker.io", "library/debian").blob_exists(&Digest::of(b"x")).await
    };
    assert!(exists(r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#).await.unwrap());
    assert!(exists(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host())).await.unwrap());
    exists("{}").await.unwrap_err();
    assert!(server.lines()[0].starts_with("HEAD /v2/hub/library/debian/blobs/sha256:"), "{:?}", server.lines());
}

#[derive(Debug)]
struct Cloud;

impl crate::registry::CredentialProvider for Cloud {
    fn credentials<'a>(
        &'a self,
        _host: &'a str,
        _writes: bool,
        _traffic: &'a Arc<crate::registry::Traffic>,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<Found>, crate::registry::CredentialsError>> {
        let credentials = Credentials::Basic { username: "u".into(), password: "p".into() };
        Box::pin(async move { Ok(Some(Found { credentials, source: "the cloud".into() })) })
    }
}

#[tokio::test]
async fn providers_are_asked_when_files_have_nothing() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some("Basic dTpw") => reply(200),
        _ => reply(401).header("www-authenticate", "Basic"),
    });
    let settings = Settings { providers: vec![Arc::new(Cloud)], ..anonymous() };
    repository_exists(&client(settings), &server, "a").await;
}

#[tokio::test]
async fn redirects_take_no_authorization_to_another_server() {
    let elsewhere = Server::start(|_| reply(200).body("x"));
    let port = elsewhere.port;
    let server = Server::start(move |seen| match seen.header("authorization") {
        _ if seen.line.contains("/loop") => reply(302).header("location", "/v2/loop"),
        Some(_) => reply(307).header("location", format!("http://127.0.0.1:{port}/signed?key=s3cret")),
        None => reply(401).header("www-authenticate", "Basic"),
    });
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host()));
    let client = client(settings);
    let remote = repository(&client, &server.host(), "a");
    let blob = crate::image::Descriptor::of("x", b"x");
    assert_eq!(remote.blob(&blob, 10).await.unwrap(), b"x");
    assert_eq!(elsewhere.seen()[0].header("authorization"), None);
    assert_eq!(elsewhere.seen()[0].line, "GET /signed?key=s3cret");

    let error = repository(&client, &server.host(), "loop").blob(&blob, 10).await.unwrap_err();
    assert!(error.to_string().contains("long chain of redirects"), "{error}");
}

#[tokio::test]
async fn redirects_neither_leave_encryption_nor_http() {
    let redirect = |to: &'static str| async move {
        let server = Server::start(move |_| reply(302).header("location", to));
        server.repository("a").blob_exists(&Digest::of(b"x")).await.unwrap_err()
    };
    let error = redirect("file:///etc/passwd").await;
    assert!(matches!(error, Error::Redirect { .. }), "{error}");

    // From https, the rule itself: a server with a certificate is more than this test needs.
    let settings = Settings { plain_http: vec!["plain.example".into()], ..anonymous() };
    let remote = repository(&client(settings), "h.example", "a");
    let action = remote.action("read", "", false);
    let goes =
        |from: &str, to: &str| remote.wire().may_go(&action, &from.parse().unwrap(), &to.parse().unwrap()).is_ok();
    assert!(goes("https://h.example/", "https://other.example/"));
    assert!(!goes("https://h.example/", "http://h.example/"));
    assert!(goes("https://h.example/", "http://plain.example:80/"));
    assert!(goes("https://h.example/", "http://127.0.0.1:5000/"));
    assert!(goes("http://h.example/", "http://other.example/"));
}

#[tokio::test]
async fn an_uploads_session_elsewhere_gets_no_authorization() {
    let elsewhere = Server::start(|_| reply(201));
    let port = elsewhere.port;
    let server = Server::start(move |seen| -> Reply {
        match seen.header("authorization") {
            Some(_) => reply(202).header("location", format!("http://127.0.0.1:{port}/up?sig=1%2F2")),
            None => reply(401).header("www-authenticate", "Basic"),
        }
    });
    let (_home, settings) = logged_in(&format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, server.host()));
    let remote = repository(&client(settings), &server.host(), "a");
    let blob = crate::image::Descriptor::of("x", b"x");
    let source = crate::registry::BlobSource::Bytes(Bytes::from_static(b"x"));
    remote.upload(&blob, source, None, &|_| ()).await.unwrap();
    let put = &elsewhere.seen()[0];
    assert_eq!(put.line, format!("PUT /up?sig=1%2F2&digest=sha256%3A{}", blob.digest.hex()));
    assert_eq!(put.header("authorization"), None);
    assert_eq!(put.body, b"x");
}
