//! Help: the next step after each error.

use super::answer::Answer;
use super::cause::Cause;
use super::ecr::{EcrHost, Reason};
use super::error::{Action, Error, Login};

impl Error {
    /// The next step, if one is known: a sentence for a `hint:` line.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Offline { .. } => Some("run again without `--offline`".to_owned()),
            Error::Unauthorized { action, login, .. } => Some(match login.as_ref() {
                Login::Anonymous => log_in(action),
                ours if *ours == super::ecr::login() => format!(
                    "Amazon gave out a password that `{}` does not take; are the AWS credentials those of the right \
                     account?",
                    action.host
                ),
                Login::From(source) => format!(
                    "the credentials from {source} were refused or lack the permission; log in again with `docker \
                     login {0}` or `podman login {0}`",
                    action.host
                ),
                Login::Withheld { source, realm } => format!(
                    "the credentials from {source} belong to `{}` and were not sent to `{realm}`, where the registry \
                     wants them",
                    action.host
                ),
            }),
            Error::Denied { answer, .. } if speaks_of_a_limit(answer) => Some(
                "a limit of the registry is reached; delete what is not needed there, or have it raised".to_owned(),
            ),
            Error::Denied { action, login, .. } => Some(match login.as_ref() {
                Login::Anonymous => log_in(action),
                Login::From(source) | Login::Withheld { source, .. } => format!(
                    "the credentials from {source} need the permission to {} `{}/{}`",
                    if action.writes { "push to" } else { "pull from" },
                    action.host,
                    action.path
                ),
            }),
            Error::NotFound { action, answer } if action.writes && answer.code == "NAME_UNKNOWN" => {
                Some(match EcrHost::of(&action.host) {
                    Some(EcrHost::Public) => format!(
                        "the repository must be created before a push: `{}`",
                        EcrHost::Public.create_command(&action.path)
                    ),
                    Some(registry) if cfg!(feature = "ecr") => format!(
                        "the repository must be created before a push: run `{}`, or push with `--create-repository`",
                        registry.create_command(&action.path)
                    ),
                    Some(registry) => format!(
                        "the repository must be created before a push: `{}`",
                        registry.create_command(&action.path)
                    ),
                    None => format!("the repository `{}/{}` must be created before a push", action.host, action.path),
                })
            }
            Error::NotFound { action, .. } => {
                Some(format!("check the name: `{}` has no such content, or hides it without a login", action.host))
            }
            Error::Throttled { action, .. } => Some(format!(
                "`{}` limits the rate of requests; wait a minute, log in for a higher limit, or lower `--jobs`",
                action.host
            )),
            Error::Status { action, answer, .. } if answer.message.contains("HTTPS server") => Some(format!(
                "`{}` wants HTTPS: take it out of `--plain-http`, and name its certificate authority with `--ca-file \
                 FILE` if it is on this machine",
                action.host
            )),
            Error::Status { answer, .. } if answer.code == "DIGEST_INVALID" => Some(
                "what was sent is not what it should be: it has changed or is damaged on this machine; try `tarsia \
                 cache verify`"
                    .to_owned(),
            ),
            Error::Status { answer, .. } if answer.status >= 500 => {
                Some("the registry is in trouble; nothing is lost, run again later".to_owned())
            }
            Error::Broken { action, cause, .. } => match cause {
                Cause::UnknownAuthority(_) => Some(format!(
                    "if you trust `{}`, name the certificate authority that signed its certificate with `--ca-file FILE`",
                    action.host
                )),
                Cause::PlainHttp => Some(format!("if you trust the network, use `--plain-http {}`", action.host)),
                Cause::Dns => Some(format!("check the spelling of `{}` and the network", action.host)),
                Cause::Connect(_) | Cause::ConnectTimeout => Some(format!(
                    "is `{}` up, and reachable from here? check its port and the proxy settings",
                    action.host
                )),
                Cause::Idle | Cause::Broken(_) | Cause::Truncated { .. } => {
                    Some("the network or the registry dropped the connection; run again to continue".to_owned())
                }
                Cause::Tls(_) | Cause::Request(_) => None,
            },
            Error::WrongDigest { action, .. } | Error::WrongSize { action, .. } => Some(format!(
                "`{}` or something on the way to it holds damaged content; do not use it, and push it anew",
                action.host
            )),
            Error::TagMoved { .. } => Some(
                "nothing of the other's is lost; run again, and the run begins with what the tag stands for now"
                    .to_owned(),
            ),
            Error::ImmutableTag { .. } => {
                Some("push under another tag, such as `{digest}`, or let the repository's tags be moved".to_owned())
            }
            Error::Limit { help, .. } => Some((*help).to_owned()),
            Error::Amazon { action, failure } if failure.reason == Reason::Denied => {
                Some(match EcrHost::of(&action.host) {
                    Some(registry) if action.verb == "create repository" => format!(
                        "the AWS credentials need the permission `ecr:CreateRepository`; or have it created with `{}`",
                        registry.create_command(&action.path)
                    ),
                    _ => "the AWS credentials lack that permission".to_owned(),
                })
            }
            Error::Amazon { failure, .. } => failure.help(),
            Error::CaFile { .. } => Some("the file must hold certificates in PEM form".to_owned()),
            Error::Credentials(error) => error.help(),
            _ => None,
        }
    }
}

/// Whether a refusal is about a quota, which some registries (ECR among them) answer with 403.
fn speaks_of_a_limit(answer: &Answer) -> bool {
    let message = answer.message.to_ascii_lowercase();
    ["quota", "limit", "exceed"].iter().any(|word| message.contains(word))
}

fn log_in(action: &Action) -> String {
    match EcrHost::of(&action.host) {
        Some(registry) => format!("log in with `{}`", registry.login_command(&action.host)),
        None => format!("run `docker login {0}` or `podman login {0}`", action.host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(writes: bool) -> Action {
        Action {
            verb: "read manifest",
            object: "h.example/a/b:latest".into(),
            host: "h.example".into(),
            path: "a/b".into(),
            writes,
        }
    }

    #[test]
    fn every_case_names_the_next_step() {
        let answer = |status: u16, code: &str| Answer { status, code: code.into(), message: String::new() };
        let anonymous = Error::of_answer(&action(false), &Login::Anonymous, answer(401, ""), 1);
        assert!(anonymous.help().unwrap().contains("docker login h.example"));
        let refused = Error::of_answer(&action(false), &Login::From("~/a.json".into()), answer(401, ""), 1);
        assert!(refused.help().unwrap().contains("credentials from ~/a.json were refused"));
        let denied = Error::of_answer(&action(true), &Login::From("~/a.json".into()), answer(403, "DENIED"), 1);
        assert!(denied.help().unwrap().contains("permission to push to `h.example/a/b`"));
        let missing = Error::of_answer(&action(true), &Login::Anonymous, answer(404, "NAME_UNKNOWN"), 1);
        assert!(missing.help().unwrap().contains("must be created"));
        assert!(missing.is_not_found());
        assert_eq!(
            missing.to_string(),
            "failed to read manifest `h.example/a/b:latest`: the registry answered 404 NAME_UNKNOWN"
        );
        let broken = |cause| Error::Broken { action: Box::new(action(false)), server: None, tries: 1, cause };
        assert!(broken(Cause::PlainHttp).help().unwrap().contains("--plain-http h.example"));
        assert!(broken(Cause::UnknownAuthority(String::new())).help().unwrap().contains("--ca-file"));

        let mut ecr = action(true);
        ecr.host = "123456789012.dkr.ecr.us-east-1.amazonaws.com".into();
        let missing = Error::of_answer(&ecr, &Login::Anonymous, answer(404, "NAME_UNKNOWN"), 1);
        assert!(missing.help().unwrap().contains("create-repository --region us-east-1 --repository-name a/b"));
    }
}
