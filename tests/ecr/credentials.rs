//! Where credentials come from: the chain that every AWS tool looks through, and docker's files before it.

use base64::Engine as _;

use super::{HOST, nobody, operations, registry, run, sandbox, somebody};
use crate::support::Sandbox;
use crate::support::registry::Registry;

/// Pushes with what `prepare` puts into the environment.
fn pushes(prepare: impl Fn(&Sandbox, &Registry, &mut std::process::Command)) -> Registry {
    let registry = registry();
    registry.create_repository("team/app");
    let sandbox = sandbox(&registry.url());
    let mut command = nobody(&sandbox, &registry.url(), &["push", "app.toml"]);
    prepare(&sandbox, &registry, &mut command);
    run(command).ok();
    registry
}

#[test]
fn a_profile_holds_them() {
    let registry = pushes(|sandbox, _, command| {
        sandbox.file(
            "home/.aws/credentials",
            "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = no\n\
             [ci]\naws_access_key_id = AKIDCI\naws_secret_access_key = yes\n",
        );
        command.env("AWS_PROFILE", "ci");
    });
    let log = registry.log();
    let signed = log.0.iter().find_map(|request| request.authorization.as_ref()).unwrap();
    assert!(signed.contains("Credential=AKIDCI/"), "{signed}");
    assert!(signed.contains("/eu-west-1/ecr/aws4_request"), "{signed}");
}

#[test]
fn a_profile_s_process_prints_them() {
    let registry = pushes(|sandbox, _, _| {
        sandbox.executable(
            "vault",
            "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"yes\"}'\n",
        );
        let process = format!("[default]\ncredential_process = {}\n", sandbox.path("vault").display());
        sandbox.file("home/.aws/config", process);
    });
    assert!(registry.log().0.iter().any(|request| {
        request.authorization.as_ref().is_some_and(|header| header.contains("Credential=AKIDPROCESS/"))
    }));
}

#[test]
fn a_container_is_given_them() {
    let registry = pushes(|_, registry, command| {
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/credentials", registry.url()));
    });
    assert!(registry.log().0.iter().any(|request| {
        request.authorization.as_ref().is_some_and(|header| header.contains("Credential=AKIDCONTAINER/"))
    }));
}

#[test]
fn docker_s_file_goes_before_them() {
    let registry = registry();
    registry.create_repository("team/app");
    let sandbox = sandbox(&registry.url());
    let auth = base64::engine::general_purpose::STANDARD.encode("AWS:first");
    sandbox.file("home/.docker/config.json", format!(r#"{{"auths":{{"{HOST}":{{"auth":"{auth}"}}}}}}"#));
    run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).ok();
    assert_eq!(operations(&registry), Vec::<String>::new());
}

#[test]
fn docker_s_helper_goes_before_them() {
    let registry = registry();
    registry.create_repository("team/app");
    let sandbox = sandbox(&registry.url());
    sandbox.file("home/.docker/config.json", format!(r#"{{"credHelpers":{{"{HOST}":"ecr-login"}}}}"#)).executable(
        "bin/docker-credential-ecr-login",
        "#!/bin/sh\necho '{\"Username\":\"AWS\",\"Secret\":\"first\"}'\n",
    );
    let mut command = somebody(&sandbox, &registry.url(), &["push", "app.toml"]);
    let path = [sandbox.path("bin"), "/usr/bin".into(), "/bin".into()];
    command.env("PATH", std::env::join_paths(path).unwrap());
    run(command).ok();
    assert_eq!(operations(&registry), Vec::<String>::new());
}

#[test]
fn nobody_is_told_how_to_log_in() {
    let registry = registry();
    registry.create_repository("team/app");
    let sandbox = sandbox(&registry.url());
    let refused = run(nobody(&sandbox, &registry.url(), &["push", "app.toml"]))
        .refused(3, &format!("failed to get credentials for `{HOST}`: the AWS environment has no credentials"));
    assert!(refused.stderr.contains("aws sso login"), "{}", refused.stderr);
}
