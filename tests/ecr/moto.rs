//! moto as Amazon's interface, and Debian's docker-registry as the registry that takes its passwords.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use tarsia::digest::Digest;
use tarsia::image::Repository;
use tarsia::registry::{Client, Mirror, Settings, Traffic};
use tarsia::spec::RepositorySettings;

use super::{HOST, forget, nobody, run, sandbox, somebody};
use crate::support::moto::PASSWORD;
use crate::support::{DockerRegistry, Moto};

/// What docker-registry knows of the user `AWS`: the bcrypt of moto's password.
const HTPASSWD: &str = "AWS:$2b$04$RYW3tt5YEqd6QQC.j04RPuqLjoxRD.GWE6cdgLyBljB/hi9q8zdkC\n";

#[test]
fn a_push_with_real_parts() {
    assert_eq!(PASSWORD, "123456789012-auth-token", "HTPASSWD is made of it");
    let (moto, registry) = (Moto::start(), DockerRegistry::with_htpasswd(HTPASSWD));
    let sandbox = sandbox(&format!("http://{}", registry.host()));
    let push = ["push", "app.toml", "--json", "--create-repository"];
    let first = run(somebody(&sandbox, &moto.url(), &push)).ok().documents();
    assert_eq!(first[0]["changed"], true);

    // moto's tokens end in 2015: that makes nobody ask more than once, and the second run finds everything.
    let second = run(somebody(&sandbox, &moto.url(), &push)).ok().documents();
    assert_eq!(second[0]["changed"], false);
    assert_eq!(second[0]["requests"]["sent"], 3, "a challenge, a token, the tag");
    assert_eq!(second[0]["digest"], first[0]["digest"]);

    // A fresh machine, a changed layer, and a role instead of a user.
    forget(&sandbox);
    sandbox.file("two/main.py", "print(3)\n").file("identity", "a.web.token");
    let mut command = nobody(&sandbox, &moto.url(), &push);
    command
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci")
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", sandbox.path("identity"));
    let third = run(command).ok().documents();
    assert_eq!(third[0]["changed"], true);
    assert_ne!(third[0]["digest"], first[0]["digest"]);

    // The library's own questions, in a process of their own.
    let asked = Command::new(std::env::current_exe().unwrap())
        .args(["ecr::moto::asks_in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"])
        .env("HOME", sandbox.path("home"))
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("TARSIA_TEST_REGISTRY", registry.host())
        .env_remove("DOCKER_CONFIG")
        .env_remove("REGISTRY_AUTH_FILE")
        .output()
        .unwrap();
    assert!(
        asked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&asked.stdout),
        String::from_utf8_lossy(&asked.stderr)
    );
}

/// The SDK reads the environment of its process, which a test shares with all others.
#[test]
#[ignore = "a part of `a_push_with_real_parts`, which gives it its environment"]
fn asks_in_a_process_of_its_own() {
    let Ok(server) = std::env::var("TARSIA_TEST_REGISTRY") else { return };
    let mirrors = vec![Mirror { host: HOST.into(), endpoint: format!("http://{server}") }];
    let client = Client::new(Settings { mirrors, ..Settings::default() }).unwrap();
    let repository = |path: &str| {
        client.repository(&Repository { host: HOST.into(), path: path.into() }, Arc::new(Traffic::default()))
    };
    let digests: Vec<Digest> = (0..150u32).map(|number| Digest::of(&number.to_le_bytes())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // moto knows nothing of the registry's blobs and says so as failures.
        let there = repository("team/app");
        assert_eq!(there.existing(&digests).await.unwrap(), BTreeSet::new());
        assert_eq!(there.traffic().snapshot().sent, 2, "two questions for 150 blobs");
        assert!(there.tag_may_move("v1").await.unwrap());
        assert!(!there.ensure_repository(&RepositorySettings::default()).await.unwrap());
        // What does not exist holds nothing.
        let nowhere = repository("no/where");
        assert_eq!(nowhere.existing(&digests[..2]).await.unwrap(), BTreeSet::new());
        assert_eq!(nowhere.traffic().snapshot().sent, 1);
    });
}
