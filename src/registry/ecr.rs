//! Amazon ECR: what is different about its registries, and what its own interface does better than the protocol.
//!
//! A registry of Amazon's is told by its host alone ([`EcrHost`]). Nothing of the SDK is set up before the first
//! request that needs it:
//!
//! | file | what for |
//! |---|---|
//! | `interface` | the few questions asked of Amazon's interface, and what can come of them |
//! | `token` | the password for the registry: kept, renewed before its end, and after a refusal |
//! | `availability` | which of many blobs a repository has, in one request |
//! | `repository` | repositories created, tags that may not move |
//! | `sdk` | the answers, by `aws-config` and `aws-sdk-ecr` (cargo feature `ecr`) |
//!
//! An image of a registry whose login docker's or podman's files hold is handled like that of any other registry: the
//! environment's AWS credentials may belong to somebody else.

mod availability;
mod interface;
mod repository;
#[cfg(feature = "ecr")]
mod sdk;
mod token;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::answer::Answer;
use super::auth::CredentialProvider;
use super::credentials::{Credentials, CredentialsError, Found};
use super::error::Login;
use super::retry::{Failure, RetryPolicy, Tries};
use super::traffic::Traffic;
use super::transport::Transport;
use crate::image::Repository;
pub use interface::{Failed, Reason};
pub(super) use interface::{Interface, Service};
#[cfg(test)]
pub(super) use interface::{Place, Token};
pub(super) use repository::Mutability;
use token::Tokens;

/// ECR Public's host.
const PUBLIC: &str = "public.ecr.aws";
/// Where the credentials come from, as in "the credentials from …".
const SOURCE: &str = "the AWS environment";

/// A registry of Amazon's, as its host names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcrHost {
    /// ECR Public.
    Public,
    /// An account's registry in a region.
    Private(PrivateRegistry),
}

/// An account's registry in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateRegistry {
    /// The account, 12 digits.
    pub account: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The part of Amazon's cloud that the region belongs to, such as `aws` or `aws-cn`.
    pub partition: &'static str,
    /// Whether it is a FIPS endpoint.
    pub fips: bool,
    /// Whether it is an endpoint for IPv6 and IPv4.
    pub dual_stack: bool,
}

/// The domains of registries, with their partitions. The second column is for the dual-stack hosts `dkr-ecr.…`.
const DOMAINS: [(&str, bool, &str); 10] = [
    ("amazonaws.com", false, "aws"),
    ("amazonaws.com.cn", false, "aws-cn"),
    ("amazonaws.eu", false, "aws-eusc"),
    ("c2s.ic.gov", false, "aws-iso"),
    ("sc2s.sgov.gov", false, "aws-iso-b"),
    ("cloud.adc-e.uk", false, "aws-iso-e"),
    ("csp.hci.ic.gov", false, "aws-iso-f"),
    ("on.aws", true, "aws"),
    ("on.amazonwebservices.com.cn", true, "aws-cn"),
    ("on.amazonwebservices.eu", true, "aws-eusc"),
];

impl EcrHost {
    /// The registry behind `host`; `None` if it is none of Amazon's.
    pub fn of(host: &str) -> Option<EcrHost> {
        let host = host.to_ascii_lowercase();
        if host == PUBLIC {
            return Some(EcrHost::Public);
        }
        let (account, rest) = host.split_once('.')?;
        let (endpoint, rest) = rest.split_at_checked(rest.find("ecr")? + 3)?;
        let dual_stack = match endpoint {
            "dkr.ecr" => false,
            "dkr-ecr" => true,
            _ => return None,
        };
        let (fips, rest) = match rest.strip_prefix("-fips") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (region, domain) = rest.strip_prefix('.')?.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let is_region = region.starts_with(|c: char| c.is_ascii_alphanumeric())
            && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let (_, _, partition) = DOMAINS.iter().find(|(name, dual, _)| *name == domain && *dual == dual_stack)?;
        let partition = if region.starts_with("us-gov-") { "aws-us-gov" } else { partition };
        (is_account && is_region).then(|| {
            let (account, region) = (account.to_owned(), region.to_owned());
            EcrHost::Private(PrivateRegistry { account, region, partition, fips, dual_stack })
        })
    }

    /// The service that is in charge of it.
    fn service(&self) -> Service {
        match self {
            EcrHost::Public => Service::Public,
            EcrHost::Private(PrivateRegistry { region, fips, dual_stack, .. }) => {
                Service::Private { region: region.clone(), fips: *fips, dual_stack: *dual_stack }
            }
        }
    }

    /// The command that creates the repository `path`.
    pub(super) fn create_command(&self, path: &str) -> String {
        match self {
            // The first component is the registry's alias.
            EcrHost::Public => format!(
                "aws ecr-public create-repository --region us-east-1 --repository-name {}",
                path.split_once('/').map_or(path, |(_, name)| name)
            ),
            EcrHost::Private(registry) => {
                format!("aws ecr create-repository --region {} --repository-name {path}", registry.region)
            }
        }
    }

    /// The command that logs docker in.
    pub(super) fn login_command(&self, host: &str) -> String {
        let (service, region) = match self {
            EcrHost::Public => ("ecr-public", "us-east-1"),
            EcrHost::Private(registry) => ("ecr", registry.region.as_str()),
        };
        format!(
            "aws {service} get-login-password --region {region} | docker login --username AWS --password-stdin {host}"
        )
    }
}

/// As whom requests are made with the credentials of the AWS environment.
pub(super) fn login() -> Login {
    Login::From(SOURCE.to_owned())
}

/// Whether a refusal is about a password that has ended ("Your authorization token has expired. Reauthenticate and try
/// again.").
pub(super) fn speaks_of_an_end(answer: &Answer) -> bool {
    let message = answer.message.to_ascii_lowercase();
    message.contains("token") && ["expired", "invalid", "reauthenticate"].iter().any(|word| message.contains(word))
}

/// What a run knows of Amazon's interface.
#[derive(Debug)]
pub(super) struct Ecr {
    interface: Option<Box<dyn Interface>>,
    retry: RetryPolicy,
    tokens: Tokens,
    /// Registries whose blobs are looked up one by one, since the interface would not tell.
    one_by_one: Mutex<HashSet<String>>,
    /// What repositories say about moving their tags, if they say anything.
    mutability: Mutex<HashMap<Repository, Arc<OnceCell<Option<Mutability>>>>>,
}

impl Ecr {
    /// Sets nothing up yet.
    pub(super) fn new(wanted: bool, transport: &Arc<Transport>, retry: &RetryPolicy) -> Ecr {
        #[cfg(feature = "ecr")]
        let interface = wanted.then(|| Box::new(sdk::Sdk::new(transport.clone())) as Box<dyn Interface>);
        #[cfg(not(feature = "ecr"))]
        let interface = {
            let _ = (wanted, transport);
            None
        };
        Ecr::over(interface, retry)
    }

    fn over(interface: Option<Box<dyn Interface>>, retry: &RetryPolicy) -> Ecr {
        Ecr {
            interface,
            retry: retry.clone(),
            tokens: Tokens::default(),
            one_by_one: Mutex::default(),
            mutability: Mutex::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(interface: Box<dyn Interface>) -> Ecr {
        Ecr::over(Some(interface), &RetryPolicy::quick())
    }

    fn goes_one_by_one(&self, host: &str) -> bool {
        self.one_by_one.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    fn go_one_by_one(&self, host: &str) {
        self.one_by_one.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
    }

    /// Where it is kept what a repository says about moving its tags.
    fn mutability_of(&self, repository: &Repository) -> Arc<OnceCell<Option<Mutability>>> {
        let mut known = self.mutability.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(repository.clone()).or_default().clone()
    }

    /// Asks until there is an answer that more attempts would not change. Requests are counted in `traffic`.
    async fn ask<'a, T>(
        &'a self,
        traffic: &Arc<Traffic>,
        question: impl Fn(&'a dyn Interface) -> BoxFuture<'a, Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let interface = self.interface.as_deref().ok_or_else(Failed::absent)?;
        let mut tries = Tries::new(&self.retry);
        loop {
            let failed = match interface::counted(traffic, question(interface)).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let failure = match failed.reason {
                Reason::Throttled => Failure::Throttled,
                Reason::Server => Failure::Server,
                Reason::Unreachable => Failure::Unreachable,
                _ => return Err(failed),
            };
            match tries.failed(failure, None) {
                Some(delay) => sleep(delay).await,
                None => return Err(failed),
            }
        }
    }
}

impl CredentialProvider for Ecr {
    fn credentials<'a>(
        &'a self,
        host: &'a str,
        writes: bool,
        traffic: &'a Arc<Traffic>,
    ) -> BoxFuture<'a, Result<Option<Found>, CredentialsError>> {
        Box::pin(async move {
            // Everybody may read ECR Public, and who may ask for its token is another question.
            let service = match EcrHost::of(host) {
                Some(EcrHost::Public) if !writes => return Ok(None),
                Some(registry) if self.interface.is_some() => registry.service(),
                _ => return Ok(None),
            };
            let fetch = || {
                let service = service.clone();
                self.ask(traffic, move |interface| interface.token(service.clone()))
            };
            let password = self.tokens.get(&service, fetch).await.map_err(|failed| CredentialsError::Provider {
                host: host.to_owned(),
                why: failed.to_string(),
                help: failed.help(),
            })?;
            let credentials = Credentials::Basic { username: "AWS".to_owned(), password };
            Ok(Some(Found { credentials, source: SOURCE.to_owned() }))
        })
    }

    fn refused<'a>(&'a self, host: &'a str, credentials: &'a Credentials) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let (Some(registry), Credentials::Basic { password, .. }) = (EcrHost::of(host), credentials) {
                self.tokens.refused(&registry.service(), password).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_tell_account_region_and_partition() {
        for (host, account, region, partition, fips, dual_stack) in [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "123456789012", "us-east-1", "aws", false, false),
            ("123456789012.DKR.ecr.eu-west-3.amazonaws.com", "123456789012", "eu-west-3", "aws", false, false),
            ("000000000001.dkr.ecr.cn-north-1.amazonaws.com.cn", "000000000001", "cn-north-1", "aws-cn", false, false),
            (
                "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
                "123456789012",
                "us-gov-west-1",
                "aws-us-gov",
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com",
                "123456789012",
                "us-gov-east-1",
                "aws-us-gov",
                true,
                false,
            ),
            ("123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", "123456789012", "us-east-2", "aws", true, false),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "123456789012", "us-west-2", "aws", false, true),
            ("123456789012.dkr-ecr-fips.us-west-2.on.aws", "123456789012", "us-west-2", "aws", true, true),
            (
                "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
                "123456789012",
                "cn-north-1",
                "aws-cn",
                false,
                true,
            ),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "123456789012",
                "eusc-de-east-1",
                "aws-eusc",
                false,
                false,
            ),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "123456789012", "us-iso-east-1", "aws-iso", false, false),
        ] {
            let registry =
                PrivateRegistry { account: account.into(), region: region.into(), partition, fips, dual_stack };
            assert_eq!(EcrHost::of(host), Some(EcrHost::Private(registry)), "{host}");
        }
        assert_eq!(EcrHost::of("public.ecr.aws"), Some(EcrHost::Public));
    }

    #[test]
    fn other_hosts_are_not_taken_for_ecr() {
        for host in [
            "",
            "ecr",
            "docker.io",
            "public.ecr.aws.evil.example",
            "x.public.ecr.aws",
            "12345678901.dkr.ecr.us-east-1.amazonaws.com",
            "12345678901a.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:443",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.us-east-1.evil.example",
            "123456789012.dkr-ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.on.aws",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.-x.amazonaws.com",
            "123456789012.dkr.ecrx.us-east-1.amazonaws.com",
            "a.123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.s3.us-east-1.amazonaws.com",
        ] {
            assert_eq!(EcrHost::of(host), None, "{host}");
        }
    }

    #[test]
    fn commands_name_region_and_repository() {
        let private = EcrHost::of("123456789012.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
        assert_eq!(
            private.create_command("team/app"),
            "aws ecr create-repository --region eu-west-1 --repository-name team/app"
        );
        assert_eq!(
            EcrHost::Public.create_command("alias/team/app"),
            "aws ecr-public create-repository --region us-east-1 --repository-name team/app"
        );
        assert!(
            EcrHost::Public.login_command(PUBLIC).starts_with("aws ecr-public get-login-password --region us-east-1")
        );
    }
}
