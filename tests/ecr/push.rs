//! Pushing: repositories, tags that may not move, passwords that end, throttling.

use serde_json::json;

use super::{HOST, forget, nobody, operations, registry, run, sandbox, somebody, spec, tags};
use crate::support::registry::{Action, Fault, Kind, Quirks, Registry};

#[test]
fn the_environment_s_credentials_are_all_it_takes() {
    let registry = registry();
    registry.create_repository("team/app");
    let sandbox = sandbox(&registry.url());
    let push = || run(somebody(&sandbox, &registry.url(), &["push", "app.toml", "--json"])).ok().documents();

    let first = push();
    assert_eq!(first[0]["changed"], true);
    assert_eq!(operations(&registry), ["GetAuthorizationToken"]);
    assert_eq!(tags(&registry, "team/app"), ["v1"]);
    // Amazon's interface is counted like the registry.
    assert_eq!(first[0]["requests"]["sent"], registry.log().len());
    assert_eq!(registry.log().count(Kind::UploadPatch), 0);

    registry.clear_log();
    let second = push();
    assert_eq!(second[0]["changed"], false);
    let log = registry.log();
    assert_eq!(log.len(), 3, "a challenge, a token, the tag:\n{log}");
}

#[test]
fn a_missing_repository_is_told_with_the_command_that_creates_it() {
    let registry = registry();
    let sandbox = sandbox(&registry.url());
    let refused = run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).refused(3, "NAME_UNKNOWN");
    let command = "aws ecr create-repository --region eu-west-1 --repository-name team/app";
    assert!(refused.stderr.contains(command) && refused.stderr.contains("--create-repository"), "{}", refused.stderr);
}

#[test]
fn a_repository_is_created_as_the_spec_says() {
    let registry = registry();
    let sandbox = sandbox(&registry.url());
    let policy = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}"#;
    sandbox.file("lifecycle.json", policy).file(
        "app.toml",
        format!(
            "{}\n[ecr]\nscan_on_push = true\ntag_mutability = \"immutable\"\nlifecycle_policy = \"lifecycle.json\"\n\
             encryption = {{ kms = \"alias/images\" }}\n",
            spec("tags = [\"v1\"]")
        ),
    );
    let push = || run(somebody(&sandbox, &registry.url(), &["push", "app.toml", "--create-repository"])).ok();
    push();
    let asked = registry.amazon();
    let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["GetAuthorizationToken", "DescribeRepositories", "CreateRepository", "PutLifecyclePolicy"]);
    assert_eq!(
        asked[2].1,
        json!({
            "registryId": "123456789012",
            "repositoryName": "team/app",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": { "scanOnPush": true },
            "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/images" },
        })
    );
    assert_eq!(asked[3].1["lifecyclePolicyText"], policy);
    assert_eq!(tags(&registry, "team/app"), ["v1"]);
    // Nothing to push, nothing to create.
    push();
    assert_eq!(registry.amazon().len(), 5, "only another token");
    // The next image finds its repository.
    sandbox.file("two/main.py", "print(3)\n");
    run(somebody(&sandbox, &registry.url(), &["push", "app.toml", "--create-repository", "--tag", "v2"])).ok();
    assert_eq!(operations(&registry)[5..], ["GetAuthorizationToken", "DescribeRepositories"]);
}

#[test]
fn a_policy_may_stand_in_the_spec_and_mistakes_are_found_first() {
    let registry = registry();
    let sandbox = sandbox(&registry.url());
    let push = |table: &str| {
        sandbox.file("app.toml", format!("{}\n[ecr]\n{table}\n", spec("")));
        run(somebody(&sandbox, &registry.url(), &["push", "app.toml", "--create-repository"]))
    };
    push("scan_on_pull = true").refused(2, "did you mean `scan_on_push`?");
    push("tag_mutability = \"fixed\"").refused(2, "app.toml:");
    push("lifecycle_policy = { rule = [] }").refused(2, "a lifecycle policy has a list of `rules`");
    push("lifecycle_policy = \"nowhere.json\"").refused(2, "nowhere.json");
    push("encryption = \"rot13\"").refused(2, "expected `aes256`, `kms`");
    assert!(registry.repositories().is_empty());
    push("lifecycle_policy = { rules = [] }\nencryption = \"aes256\"").ok();
    let asked = registry.amazon();
    let (_, set) = asked.iter().find(|(name, _)| name == "PutLifecyclePolicy").unwrap();
    assert_eq!(set["lifecyclePolicyText"], r#"{"rules":[]}"#);
}

#[test]
fn who_may_not_create_is_told_what_is_missing() {
    let registry = registry();
    registry.set_quirks(Quirks { amazon_denies: vec!["CreateRepository"], ..registry.quirks() });
    let sandbox = sandbox(&registry.url());
    let push = ["push", "app.toml", "--create-repository"];
    let refused = run(somebody(&sandbox, &registry.url(), &push)).refused(3, "AccessDeniedException");
    assert!(refused.stderr.contains("is not authorized to perform: ecr:CreateRepository"), "{}", refused.stderr);
    assert_eq!(registry.log().count(Kind::UploadStart), 0);
}

#[test]
fn what_is_there_is_asked_in_one_question_or_one_by_one() {
    for denied in [false, true] {
        let registry = registry();
        registry.create_repository("team/app");
        if denied {
            let amazon_denies = vec!["BatchCheckLayerAvailability"];
            registry.set_quirks(Quirks { amazon_denies, ..registry.quirks() });
        }
        let sandbox = sandbox(&registry.url());
        let mut text = spec("tags = [\"v1\"]");
        for number in 3..8 {
            sandbox.file(&format!("more{number}/main.py"), format!("print({number})\n"));
            let layer =
                format!("\n[[layer]]\nname = \"l{number}\"\ncontext = \"more{number}\"\nto = \"/l{number}/\"\n");
            text.push_str(&layer);
        }
        sandbox.file("app.toml", text);
        run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).ok();

        // Another machine changes one of seven layers: it has to know whether the six are still there.
        forget(&sandbox);
        sandbox.file("two/main.py", "print(22)\n");
        let asked = registry.amazon().len();
        registry.clear_log();
        run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).ok();
        let batches: Vec<_> =
            registry.amazon().split_off(asked).into_iter().filter(|(name, _)| name.starts_with("Batch")).collect();
        assert_eq!(batches.len(), 1, "{batches:?}");
        assert_eq!(batches[0].1["layerDigests"].as_array().unwrap().len(), 6);
        assert_eq!(batches[0].1["registryId"], "123456789012");
        let log = registry.log();
        let found = log.count_where(|request| request.kind == Kind::BlobHead && request.status == 200);
        assert_eq!(found >= 6, denied, "{log}");
        assert_eq!(log.count_where(|request| request.method == "PUT" && request.path.ends_with("/v1")), 1);
    }
}

#[test]
fn an_immutable_tag_takes_the_same_image_again_and_no_other() {
    let registry = registry();
    registry.create_repository("team/app");
    registry.set_quirks(Quirks { immutable_tags: true, ..registry.quirks() });
    let sandbox = sandbox(&registry.url());
    let push = || run(somebody(&sandbox, &registry.url(), &["push", "app.toml", "--json"]));
    assert_eq!(push().ok().documents()[0]["changed"], true);
    assert_eq!(push().ok().documents()[0]["changed"], false);
    forget(&sandbox);
    assert_eq!(push().ok().documents()[0]["changed"], false);

    sandbox.file("two/main.py", "print(3)\n");
    for fresh in [false, true] {
        if fresh {
            forget(&sandbox);
        }
        registry.clear_log();
        let refused = push().refused(3, "the tag cannot be moved");
        assert!(refused.stderr.contains(&format!("{HOST}/team/app:v1")), "{}", refused.stderr);
        let log = registry.log();
        assert_eq!(log.count(Kind::UploadStart) + log.count(Kind::ManifestPut), 0, "something was sent:\n{log}");
    }

    // Who may not look into the settings finds out at the end.
    registry.set_quirks(Quirks { amazon_denies: vec!["DescribeRepositories"], ..registry.quirks() });
    forget(&sandbox);
    push().refused(3, "the tag cannot be moved: it stands for sha256:");
    // Another tag is another thing.
    sandbox.file("app.toml", spec("tags = [\"v2\"]"));
    push().ok();
    assert_eq!(tags(&registry, "team/app"), ["v1", "v2"]);
}

#[test]
fn a_password_that_ends_in_mid_push_is_replaced() {
    for lasts in 1..12 {
        let registry = registry();
        registry.create_repository("team/app");
        registry.set_quirks(Quirks { password_lasts: Some(lasts), ..registry.quirks() });
        let sandbox = sandbox(&registry.url());
        let mut command = somebody(&sandbox, &registry.url(), &["push", "app.toml"]);
        let output = command.output().unwrap();
        let tokens = operations(&registry).iter().filter(|name| *name == "GetAuthorizationToken").count();
        assert!(tokens <= 2, "at most one more a minute, but {tokens} with {lasts}");
        // The second one ends too if it lasts too short: every upload that was under way begins anew. Two of nine do not
        // reach: each new layer is looked for while its upload is opened.
        if lasts >= 10 {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!((tokens, tags(&registry, "team/app").len()), (2, 1));
        }
    }
}

#[test]
fn throttling_and_lost_answers_are_sat_out() {
    let registry = registry();
    registry.create_repository("team/app");
    registry.fault(Fault::on(Kind::UploadStart, Action::Status(429, Some("TOOMANYREQUESTS"))).times(3));
    registry.fault(Fault::on(Kind::UploadPut, Action::StatusWithRetryAfter(429, 0)));
    registry.fault(Fault::on(Kind::UploadPut, Action::ResetAfterBytes(10)));
    registry.fault(Fault::on(Kind::ManifestPut, Action::NoLocation));
    registry.fault(Fault::on(Kind::Amazon, Action::Status(503, None)));
    let sandbox = sandbox(&registry.url());
    run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).ok();
    assert_eq!(tags(&registry, "team/app"), ["v1"]);
}

#[test]
fn a_manifest_whose_answer_was_lost_is_no_conflict_of_immutable_tags() {
    let registry = registry();
    registry.create_repository("team/app");
    registry.set_quirks(Quirks { immutable_tags: true, ..registry.quirks() });
    registry.fault(Fault::on(Kind::ManifestPut, Action::ResetBeforeResponse));
    let sandbox = sandbox(&registry.url());
    run(somebody(&sandbox, &registry.url(), &["push", "app.toml"])).ok();
    assert_eq!(registry.log().count_where(|request| request.method == "PUT" && request.path.ends_with("/v1")), 2);
}

#[test]
fn ecr_public_has_its_own_token() {
    let registry = Registry::with(Quirks { create_on_push: true, ..Quirks::ecr("first") });
    let sandbox = sandbox(&registry.url());
    let mirror = format!("[[mirror]]\nhost = \"public.ecr.aws\"\nendpoint = \"{}\"\n", registry.url());
    sandbox.file("home/.config/tarsia/config.toml", mirror);
    let push = ["push", "app.toml", "--to", "public.ecr.aws/alias/app"];
    run(somebody(&sandbox, &registry.url(), &push)).ok();
    assert_eq!(operations(&registry), ["GetAuthorizationToken"]);
    assert_eq!(tags(&registry, "alias/app"), ["v1"]);
    run(nobody(&sandbox, &registry.url(), &["push", "app.toml", "--to", "public.ecr.aws/alias/other"]))
        .refused(3, "the AWS environment has no credentials");
}

#[test]
fn an_endpoint_that_is_named_goes_before_fips_and_dual_stack() {
    let registry = registry();
    registry.create_repository("team/app");
    for host in ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "123456789012.dkr-ecr.eu-west-1.on.aws"] {
        let sandbox = sandbox(&registry.url());
        let mirror = format!("[[mirror]]\nhost = \"{host}\"\nendpoint = \"{}\"\n", registry.url());
        sandbox.file("home/.config/tarsia/config.toml", mirror);
        let mut command = somebody(&sandbox, "http://127.0.0.1:1", &["push", "app.toml", "--to"]);
        command.arg(format!("{host}/team/app")).env("AWS_ENDPOINT_URL_ECR", registry.url());
        run(command).ok();
    }
}

#[test]
fn a_proxy_stands_in_for_any_registry_below_a_prefix() {
    let registry = Registry::start();
    let sandbox = sandbox(&registry.url());
    let mirror = format!("[[mirror]]\nhost = \"registry.example\"\nendpoint = \"{}/corporate\"\n", registry.url());
    sandbox.file("home/.config/tarsia/config.toml", mirror);
    sandbox.run(["push", "app.toml", "--to", "registry.example/app"]).ok();
    assert_eq!(registry.repositories(), ["corporate/app"]);

    let config = sandbox.path("xdg");
    sandbox.file("xdg/tarsia/config.toml", "jobs = 2\n\n[[miror]]\nhost = \"a\"\n");
    let mut command = sandbox.command(["push", "app.toml"]);
    command.env("XDG_CONFIG_HOME", config);
    let refused = run(command).refused(2, "xdg/tarsia/config.toml:3:3: unknown key `miror`");
    assert!(refused.stderr.contains("did you mean `mirror`?"), "{}", refused.stderr);
}
