//! Amazon's registries, with somebody else in the place of Amazon's interface.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::server::{Reply, Seen, Server, anonymous, logged_in, reply, repository};
use crate::digest::Digest;
use crate::image::{Descriptor, media_type};
use crate::registry::ecr::{Ecr, Failed, Interface, Mutability, Place, Reason, Service, Token};
use crate::registry::{BlobSource, Client, Error, Mirror, RemoteRepository, RetryPolicy, Settings};
use crate::spec::{LifecyclePolicy, RepositorySettings, TagMutability};

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// Answers from memory, and writes down what it was asked.
#[derive(Debug, Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    asked: Vec<String>,
    tokens: u32,
    there: BTreeSet<Digest>,
    mutability: Option<Mutability>,
    /// What these questions are answered with.
    failing: Vec<(&'static str, Reason)>,
}

impl Fake {
    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    fn fail(&self, question: &'static str, reason: Reason) {
        self.0.lock().unwrap().failing.push((question, reason));
    }

    fn note<'a, T: Send + 'a>(
        &self,
        question: &'static str,
        about: String,
        answer: impl FnOnce(&mut State) -> Result<T, Failed>,
    ) -> BoxFuture<'a, Result<T, Failed>> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(format!("{question} {about}").trim_end().to_owned());
        let failing = state.failing.iter().find(|(name, _)| *name == question).copied();
        let answer = match failing {
            Some((_, reason)) => Err(Failed { reason, code: "NoException".into(), message: "no".into() }),
            None => answer(&mut state),
        };
        Box::pin(async move {
            tokio::task::yield_now().await;
            answer
        })
    }
}

impl Interface for Fake {
    fn token(&self, service: Service) -> BoxFuture<'_, Result<Token, Failed>> {
        self.note("token", format!("{service:?}"), |state| {
            state.tokens += 1;
            Ok(Token { password: format!("p{}", state.tokens), expires: Some(SystemTime::UNIX_EPOCH) })
        })
    }

    fn available(&self, place: Place, digests: Vec<Digest>) -> BoxFuture<'_, Result<BTreeSet<Digest>, Failed>> {
        assert!((1..=100).contains(&digests.len()));
        self.note("available", format!("{} {}", place.path, digests.len()), |state| {
            Ok(digests.into_iter().filter(|digest| state.there.contains(digest)).collect())
        })
    }

    fn mutability(&self, place: Place) -> BoxFuture<'_, Result<Mutability, Failed>> {
        self.note("mutability", place.path, |state| {
            let missing = || Failed { reason: Reason::NotFound, code: String::new(), message: String::new() };
            state.mutability.clone().ok_or_else(missing)
        })
    }

    fn create(&self, place: Place, settings: RepositorySettings) -> BoxFuture<'_, Result<(), Failed>> {
        let Place { account, path, .. } = place;
        self.note("create", format!("{account} {path} {:?}", settings.tag_mutability), |_| Ok(()))
    }

    fn put_lifecycle_policy(&self, place: Place, policy: String) -> BoxFuture<'_, Result<(), Failed>> {
        self.note("policy", format!("{} {policy}", place.path), |_| Ok(()))
    }
}

/// A repository of ECR, behind which this server stands.
fn ecr(server: &Server, fake: &Fake, settings: Settings) -> RemoteRepository {
    let mirrors = [HOST, "public.ecr.aws"]
        .map(|host| Mirror { host: host.into(), endpoint: format!("http://{}", server.host()) })
        .into();
    let settings = Settings { mirrors, retry: RetryPolicy::quick(), ..settings };
    repository(&Client::with_ecr(settings, Ecr::for_test(Box::new(fake.clone()))), HOST, "team/app")
}

/// A registry that takes one password at a time.
fn guarded(password: &Arc<Mutex<&'static str>>, refusal: fn() -> Reply) -> Server {
    let password = password.clone();
    Server::start(move |seen| match seen.header("authorization") {
        None => reply(401).header("www-authenticate", "Basic realm=\"x\",service=\"ecr.amazonaws.com\""),
        Some(header) if header == basic(*password.lock().unwrap()) => reply(200),
        Some(_) => refusal(),
    })
}

fn basic(password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("AWS:{password}")))
}

fn digests(count: u32) -> Vec<Digest> {
    (0..count).map(|number| Digest::of(&number.to_le_bytes())).collect()
}

fn expired() -> Reply {
    reply(403).body(
        r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#,
    )
}

const TOKEN: &str = r#"token Private { region: "eu-west-1", fips: false, dual_stack: false }"#;

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_all_and_a_clock_that_lies_makes_no_second() {
    let password = Arc::new(Mutex::new("p1"));
    let (server, fake) = (guarded(&password, || reply(401)), Fake::default());
    let here = ecr(&server, &fake, anonymous());
    let tasks: Vec<_> = digests(20)
        .into_iter()
        .map(|digest| {
            let here = here.clone();
            tokio::spawn(async move { here.blob_exists(&digest).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert_eq!(fake.asked(), [TOKEN]);
    assert_eq!(server.lines().len(), 21, "one 401 and twenty answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_in_mid_push_is_replaced_once_for_all_uploads() {
    let bodyless: fn() -> Reply = || reply(403);
    let challenge: fn() -> Reply = || reply(401).header("www-authenticate", "Basic realm=\"x\"");
    for refusal in [expired, bodyless, challenge] {
        let password = Arc::new(Mutex::new("p1"));
        let (server, fake) = (guarded(&password, refusal), Fake::default());
        let here = ecr(&server, &fake, anonymous());
        assert!(here.blob_exists(&digests(1)[0]).await.unwrap());
        *password.lock().unwrap() = "p2";
        let tasks: Vec<_> = digests(10)
            .into_iter()
            .map(|digest| {
                let here = here.clone();
                tokio::spawn(async move { here.blob_exists(&digest).await })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().unwrap());
        }
        assert_eq!(fake.asked(), [TOKEN, TOKEN]);
        // The next that is refused within the minute is not asked for again.
        *password.lock().unwrap() = "p9";
        for _ in 0..3 {
            assert!(here.blob_exists(&digests(1)[0]).await.unwrap_err().is_denied());
        }
        assert_eq!(fake.asked().len(), 2);
    }
}

#[tokio::test]
async fn an_upload_survives_the_end_of_its_token() {
    let password = Arc::new(Mutex::new("p1"));
    let current = password.clone();
    let server = Server::start(move |seen: &Seen| {
        let Some(header) = seen.header("authorization") else {
            return reply(401).header("www-authenticate", "Basic realm=\"x\"");
        };
        if header != basic(*current.lock().unwrap()) {
            return expired();
        }
        match seen.line.split(' ').next().unwrap() {
            "POST" => {
                // It ends between the opening of the upload and the last byte.
                *current.lock().unwrap() = "p2";
                reply(202).header("location", "/v2/team/app/blobs/uploads/1")
            }
            _ => reply(201),
        }
    });
    let fake = Fake::default();
    let here = ecr(&server, &fake, anonymous());
    let descriptor = Descriptor::of(media_type::LAYER_GZIP, b"layer");
    let source = BlobSource::Bytes(Bytes::from_static(b"layer"));
    here.upload(&descriptor, source, None, &|_| {}).await.unwrap();
    assert_eq!(fake.asked(), [TOKEN, TOKEN]);
    let lines: Vec<String> = server.lines().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["POST", "POST", "PUT", "POST", "PUT"], "a new upload, not the old one");
}

#[tokio::test]
async fn a_refusal_for_another_reason_asks_for_no_new_token() {
    let server = Server::start(|seen| match seen.header("authorization") {
        None => reply(401).header("www-authenticate", "Basic realm=\"x\""),
        Some(_) => reply(403).body(
            r#"{"errors":[{"code":"DENIED","message":"User: x is not authorized to perform: ecr:BatchGetImage"}]}"#,
        ),
    });
    let fake = Fake::default();
    let error = ecr(&server, &fake, anonymous()).manifest("v1").await.unwrap_err();
    assert!(matches!(&error, Error::Denied { .. }) && error.to_string().contains("ecr:BatchGetImage"), "{error}");
    assert!(error.help().unwrap().contains("the credentials from the AWS environment need the permission"));
    assert_eq!(fake.asked(), [TOKEN]);
}

#[tokio::test]
async fn docker_s_login_goes_before_the_environment() {
    let password = Arc::new(Mutex::new("docker"));
    let (server, fake) = (guarded(&password, || reply(401)), Fake::default());
    let config = format!(r#"{{"auths":{{"{HOST}":{{"username":"AWS","password":"docker"}}}}}}"#);
    let (_home, settings) = logged_in(&config);
    let here = ecr(&server, &fake, settings);
    assert_eq!(here.existing(&digests(3)).await.unwrap().len(), 3);
    assert!(here.tag_may_move("v1").await.unwrap());
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn no_credentials_at_all_are_explained() {
    let password = Arc::new(Mutex::new("p1"));
    let (server, fake) = (guarded(&password, || reply(401)), Fake::default());
    fake.fail("token", Reason::NoCredentials);
    let error = ecr(&server, &fake, anonymous()).manifest("v1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("failed to get credentials for `{HOST}`: the AWS environment has no credentials: no")
    );
    assert!(error.help().unwrap().contains("aws sso login"));
}

#[tokio::test]
async fn a_hundred_blobs_are_one_question() {
    let (server, fake) = (Server::start(|_| reply(200)), Fake::default());
    let here = ecr(&server, &fake, anonymous());
    let all = digests(250);
    fake.0.lock().unwrap().there = all.iter().step_by(2).copied().collect();
    assert_eq!(here.existing(&[]).await.unwrap(), BTreeSet::new());
    assert_eq!(here.existing(&all).await.unwrap().len(), 125);
    let mut asked = fake.asked();
    asked.sort();
    assert_eq!(asked, ["available team/app 100", "available team/app 100", "available team/app 50"]);
    assert_eq!(server.lines(), Vec::<String>::new());
    // The same question twice is one, and a single one is a HEAD.
    assert_eq!(here.existing(&[all[0], all[0]]).await.unwrap().len(), 1);
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn where_the_question_is_not_permitted_every_blob_is_looked_up() {
    for reason in [Reason::Denied, Reason::NoCredentials, Reason::Other, Reason::Throttled, Reason::Unreachable] {
        let server = Server::start(|_| reply(404));
        let fake = Fake::default();
        fake.fail("available", reason);
        let here = ecr(&server, &fake, anonymous());
        assert!(here.existing(&digests(5)).await.unwrap().is_empty());
        let asked = fake.asked().len();
        // Throttling and broken connections are sat out; everything else is said once.
        assert_eq!(asked > 1, matches!(reason, Reason::Throttled | Reason::Unreachable), "{reason:?}");
        assert!(here.existing(&digests(5)).await.unwrap().is_empty());
        assert_eq!(fake.asked().len(), asked, "{reason:?}: remembered for the rest of the run");
        assert_eq!(server.lines().len(), 10);
    }
    let (server, fake) = (Server::start(|_| reply(200)), Fake::default());
    fake.fail("available", Reason::NotFound);
    assert!(ecr(&server, &fake, anonymous()).existing(&digests(5)).await.unwrap().is_empty());
    assert_eq!(server.lines().len(), 0);
}

#[tokio::test]
async fn other_registries_are_asked_for_each_blob() {
    let server = Server::start(|seen| reply(if seen.line.contains(&digests(1)[0].hex()) { 200 } else { 404 }));
    assert_eq!(server.repository("a").existing(&digests(3)).await.unwrap(), BTreeSet::from([digests(1)[0]]));
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_missing_repository_is_created_with_its_policy() {
    let (server, fake) = (Server::start(|_| reply(500)), Fake::default());
    let here = ecr(&server, &fake, anonymous());
    let policy = r#"{"rules":[]}"#;
    let settings = RepositorySettings {
        tag_mutability: Some(TagMutability::Immutable),
        lifecycle_policy: Some(LifecyclePolicy::Text(policy.into())),
        ..RepositorySettings::default()
    };
    assert!(here.ensure_repository(&settings).await.unwrap());
    let expected = [
        "mutability team/app".to_owned(),
        "create 123456789012 team/app Some(Immutable)".to_owned(),
        format!("policy team/app {policy}"),
    ];
    assert_eq!(fake.asked(), expected);

    // One that is there is left as it is.
    fake.0.lock().unwrap().mutability = Some(Mutability { immutable: false, except: vec![] });
    assert!(!here.ensure_repository(&settings).await.unwrap());
    assert_eq!(fake.asked().len(), 4);

    // Who may not look may still create, or find that somebody was faster.
    fake.fail("mutability", Reason::Denied);
    fake.fail("create", Reason::Exists);
    assert!(!here.ensure_repository(&settings).await.unwrap());

    let (server, fake) = (Server::start(|_| reply(500)), Fake::default());
    fake.fail("create", Reason::Denied);
    let error = ecr(&server, &fake, anonymous()).ensure_repository(&settings).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("failed to create repository `{HOST}/team/app`: Amazon answered NoException: no")
    );
    assert!(error.help().unwrap().contains("ecr:CreateRepository") && error.is_denied());

    let unreadable = RepositorySettings { lifecycle_policy: Some(LifecyclePolicy::Text("{".into())), ..settings };
    let fake = Fake::default();
    let error = ecr(&server, &fake, anonymous()).ensure_repository(&unreadable).await.unwrap_err();
    assert!(error.is_input() && fake.asked().is_empty(), "{error}");

    assert!(!server.repository("a").ensure_repository(&unreadable).await.unwrap(), "other registries need none");
}

#[tokio::test]
async fn a_tag_that_may_not_move_is_known_before_it_is_put() {
    let (server, fake) = (Server::start(|_| reply(500)), Fake::default());
    fake.0.lock().unwrap().mutability = Some(Mutability { immutable: true, except: vec!["latest".into()] });
    let here = ecr(&server, &fake, anonymous());
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    here.may_replace("v1", &old, &old).await.unwrap();
    here.may_replace("latest", &old, &new).await.unwrap();
    let error = here.may_replace("v1", &old, &new).await.unwrap_err();
    assert!(error.is_immutable_tag());
    let said = error.to_string();
    assert!(said.contains(&format!("{HOST}/team/app:v1`: the tag cannot be moved: it stands for {old}")), "{said}");
    assert_eq!(fake.asked(), ["mutability team/app"], "asked once for all tags");

    // If it is not told, it shows when the tag is put.
    let fake = Fake::default();
    fake.fail("mutability", Reason::Denied);
    ecr(&server, &fake, anonymous()).may_replace("v1", &old, &new).await.unwrap();
}

#[tokio::test]
async fn an_immutable_tag_that_stands_for_the_same_image_is_success() {
    let manifest = Bytes::from_static(b"{}");
    for (current, succeeds) in [(Digest::of(&manifest), true), (Digest::of(b"other"), false)] {
        let server = Server::start(move |seen| {
            match seen.line.starts_with("PUT") {
            true => reply(400).body(r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag 'v1' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable."}]}"#),
            false => reply(200).header("docker-content-digest", current.to_string()),
        }
        });
        let here = ecr(&server, &Fake::default(), anonymous());
        let put = here.put_manifest("v1", media_type::MANIFEST, &manifest).await;
        match put {
            Ok(put) => assert!(succeeds && put.digest == current),
            Err(error) => {
                assert!(!succeeds && error.is_immutable_tag(), "{error}");
                assert!(error.to_string().contains(&format!("it stands for {current}")), "{error}");
                assert!(error.help().unwrap().contains("another tag"));
            }
        }
    }
}

#[tokio::test]
async fn ecr_public_is_read_by_anybody_and_pushed_to_with_its_own_token() {
    let server = Server::start(|seen| {
        if seen.line.contains(" /token") {
            let user =
                seen.header("authorization").map_or("nobody", |header| if header == basic("p1") { "AWS" } else { "?" });
            return reply(200).body(format!(r#"{{"token":"{user}","expires_in":300}}"#));
        }
        let here = format!("http://{}/token", seen.header("host").unwrap());
        match (seen.header("authorization"), seen.line.starts_with("HEAD")) {
            (Some("Bearer nobody"), true) | (Some("Bearer AWS"), false) => reply(201),
            _ => reply(401).header("www-authenticate", format!(r#"Bearer realm="{here}",service="public.ecr.aws""#)),
        }
    });
    let fake = Fake::default();
    let client = ecr(&server, &fake, anonymous());
    let here = repository(client.client(), "public.ecr.aws", "alias/app");
    assert!(here.blob_exists(&digests(1)[0]).await.unwrap());
    assert_eq!(fake.asked(), Vec::<String>::new());
    here.put_manifest("v1", media_type::MANIFEST, &Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(fake.asked(), ["token Public"]);
    let error = here.ensure_repository(&RepositorySettings::default()).await.unwrap_err();
    assert!(error.to_string().contains("aws ecr-public create-repository --region us-east-1 --repository-name app"));
}
