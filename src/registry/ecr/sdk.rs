//! The SDK: Amazon's interface by `aws-config` and `aws-sdk-ecr`.
//!
//! It brings the default chain of credentials (environment, profiles with SSO and processes, web identity, containers,
//! instances), signatures and the endpoints of all partitions. Requests go through [our own transport](transport), so
//! proxies, `--ca-file` and counting hold for them too, and no second TLS is needed. Endpoints are overridden as for
//! every AWS tool: `AWS_ENDPOINT_URL_ECR`, `AWS_ENDPOINT_URL`, the profile's `endpoint_url`.

mod public;
mod transport;

use std::collections::{BTreeSet, HashMap};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, LayerAvailability,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::service_config::ServiceConfigKey;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::interface::{Failed, Interface, Place, Reason, Service, Token};
use super::repository::Mutability;
use crate::digest::Digest;
use crate::registry::answer::printable;
use crate::registry::transport::Transport;
use crate::spec::{Encryption, RepositorySettings, TagMutability};

/// ECR Public answers in one region only.
const PUBLIC_REGION: &str = "us-east-1";
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);
/// The longest message kept of an error, in characters.
const MAX_MESSAGE: usize = 400;

/// The SDK, set up when it is first asked.
#[derive(Debug)]
pub(super) struct Sdk {
    transport: Arc<Transport>,
    config: OnceCell<SdkConfig>,
    clients: Mutex<HashMap<Service, Client>>,
}

impl Sdk {
    pub(super) fn new(transport: Arc<Transport>) -> Sdk {
        Sdk { transport, config: OnceCell::new(), clients: Mutex::default() }
    }

    /// The environment's configuration. `region` is for those parts of it that need one and are told none: asking the
    /// instance for it would only cost time.
    async fn config(&self, region: &str) -> &SdkConfig {
        let load = || async {
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .or_else(Region::new(region.to_owned()));
            aws_config::defaults(BehaviorVersion::v2026_01_12())
                .http_client(transport::Http::new(self.transport.clone()))
                .region(region)
                .load()
                .await
        };
        self.config.get_or_init(load).await
    }

    async fn client(&self, service: &Service) -> Client {
        let Service::Private { region, fips, dual_stack } = service else {
            // ECR Public speaks another protocol; nobody asks it these questions.
            return Client::new(self.config(PUBLIC_REGION).await);
        };
        let config = self.config(region).await;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let mut builder = aws_sdk_ecr::config::Builder::from(config)
                .region(Region::new(region.clone()))
                // Whoever asks repeats the question, as patiently as any other of this program.
                .retry_config(RetryConfig::disabled())
                .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build());
            // An endpoint that the user names is used as it is; the SDK refuses to make another one of it.
            if endpoint(config, "ECR").is_none() {
                builder.set_use_fips(fips.then_some(true).or(config.use_fips()));
                builder.set_use_dual_stack(dual_stack.then_some(true).or(config.use_dual_stack()));
            }
            Client::from_conf(builder.build())
        };
        clients.entry(service.clone()).or_insert_with(make).clone()
    }
}

/// The endpoint that the environment or the profile names for a service.
fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).profile("endpoint_url").env("AWS_ENDPOINT_URL").build();
    let named = config.service_config().zip(key.ok()).and_then(|(loader, key)| loader.load_config(key));
    named.or_else(|| config.endpoint_url().map(str::to_owned))
}

impl Interface for Sdk {
    fn token(&self, service: Service) -> BoxFuture<'_, Result<Token, Failed>> {
        Box::pin(async move {
            if service == Service::Public {
                return public::token(self.config(PUBLIC_REGION).await, &self.transport).await;
            }
            let client = self.client(&service).await;
            let answer = client.get_authorization_token().send().await.map_err(failed)?;
            let data = answer.authorization_data().first();
            let text = data.and_then(|data| data.authorization_token());
            let text = text.ok_or_else(|| Failed::other("Amazon's answer holds no token"))?;
            let expires = data.and_then(|data| data.expires_at()).and_then(|time| SystemTime::try_from(*time).ok());
            Token::read(text, expires)
        })
    }

    fn available(&self, place: Place, digests: Vec<Digest>) -> BoxFuture<'_, Result<BTreeSet<Digest>, Failed>> {
        Box::pin(async move {
            let answer = self
                .client(&place.service)
                .await
                .batch_check_layer_availability()
                .registry_id(place.account)
                .repository_name(place.path)
                .set_layer_digests(Some(digests.iter().map(Digest::to_string).collect()))
                .send()
                .await
                .map_err(failed)?;
            // What is missing comes as a failure or as unavailable.
            let there = answer
                .layers()
                .iter()
                .filter(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
                .filter_map(|layer| layer.layer_digest()?.parse().ok());
            Ok(there.collect())
        })
    }

    fn mutability(&self, place: Place) -> BoxFuture<'_, Result<Mutability, Failed>> {
        Box::pin(async move {
            let answer = self
                .client(&place.service)
                .await
                .describe_repositories()
                .registry_id(place.account)
                .repository_names(place.path)
                .send()
                .await
                .map_err(failed)?;
            let repository = answer.repositories().first();
            let repository = repository.ok_or_else(|| Failed::other("Amazon's answer holds no repository"))?;
            let immutable = matches!(
                repository.image_tag_mutability(),
                Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion)
            );
            let filters = repository.image_tag_mutability_exclusion_filters();
            Ok(Mutability { immutable, except: filters.iter().map(|filter| filter.filter().to_owned()).collect() })
        })
    }

    fn create(&self, place: Place, settings: RepositorySettings) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            let invalid = |error: aws_smithy_types::error::operation::BuildError| Failed::other(error.to_string());
            let mutability = settings.tag_mutability.map(|mutability| match mutability {
                TagMutability::Mutable => ImageTagMutability::Mutable,
                TagMutability::Immutable => ImageTagMutability::Immutable,
            });
            let scanning =
                settings.scan_on_push.map(|scan| ImageScanningConfiguration::builder().scan_on_push(scan).build());
            let encryption = settings.encryption.map(|encryption| {
                let builder = EncryptionConfiguration::builder();
                match encryption {
                    Encryption::Aes256 => builder.encryption_type(EncryptionType::Aes256),
                    Encryption::Kms { key } => builder.encryption_type(EncryptionType::Kms).set_kms_key(key),
                }
                .build()
            });
            self.client(&place.service)
                .await
                .create_repository()
                .registry_id(place.account)
                .repository_name(place.path)
                .set_image_tag_mutability(mutability)
                .set_image_scanning_configuration(scanning)
                .set_encryption_configuration(encryption.transpose().map_err(invalid)?)
                .send()
                .await
                .map_err(failed)?;
            Ok(())
        })
    }

    fn put_lifecycle_policy(&self, place: Place, policy: String) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            self.client(&place.service)
                .await
                .put_lifecycle_policy()
                .registry_id(place.account)
                .repository_name(place.path)
                .lifecycle_policy_text(policy)
                .send()
                .await
                .map_err(failed)?;
            Ok(())
        })
    }
}

/// What went wrong, in our own words.
fn failed<E>(error: SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let SdkError::ServiceError(refused) = &error {
        let status = refused.raw().status().as_u16();
        let code = refused.err().code().unwrap_or_default();
        let message = refused.err().message().unwrap_or_default();
        return answered(status, code, message);
    }
    let reason = match &error {
        _ if lacks_credentials(&error) => Reason::NoCredentials,
        SdkError::TimeoutError(_) => Reason::Unreachable,
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Reason::Unreachable,
        _ => Reason::Other,
    };
    match reason {
        Reason::NoCredentials => no_credentials(&error),
        reason => Failed { reason, code: String::new(), message: deepest(&error) },
    }
}

/// No credentials. What is told is what the last of the chain said, which is mostly not the one that was meant.
fn no_credentials(error: &(dyn StdError + 'static)) -> Failed {
    let mut message = deepest(error);
    if let Ok(profile) = std::env::var("AWS_PROFILE") {
        message.push_str(&format!(" (AWS_PROFILE is `{}`)", printable(&profile, MAX_MESSAGE)));
    }
    Failed { reason: Reason::NoCredentials, code: String::new(), message }
}

/// The failure that an answer of Amazon's stands for.
fn answered(status: u16, code: &str, message: &str) -> Failed {
    // Names come with or without their namespace.
    let code = code.rsplit('#').next().unwrap_or_default();
    let reason = match (code, status) {
        ("RepositoryNotFoundException", _) => Reason::NotFound,
        ("RepositoryAlreadyExistsException", _) => Reason::Exists,
        (
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "ExpiredTokenException"
            | "NotAuthorized"
            | "OptInRequired",
            _,
        ) => Reason::Denied,
        ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded", _) | (_, 429) => {
            Reason::Throttled
        }
        (_, 401 | 403) => Reason::Denied,
        ("ServerException", _) | (_, 500..) => Reason::Server,
        _ => Reason::Other,
    };
    let code = if code.is_empty() { status.to_string() } else { printable(code, MAX_MESSAGE) };
    Failed { reason, code, message: printable(message, MAX_MESSAGE) }
}

/// An error and all that lies below it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Whether an error is about credentials, however deep that lies.
fn lacks_credentials(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|error| error.is::<aws_credential_types::provider::error::CredentialsError>())
}

/// The messages of an error and what lies below it, where each says something new.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut message = String::new();
    for error in causes(error) {
        let text = error.to_string();
        let vague = ["dispatch failure", "service error", "unhandled error", "other", "io error", "timeout"];
        if vague.contains(&text.as_str()) || message.contains(&text) {
            continue;
        }
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&text);
    }
    printable(&message, MAX_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_by_name_and_status() {
        for (status, code, reason) in [
            (400, "RepositoryNotFoundException", Reason::NotFound),
            (400, "com.amazonaws.ecr#RepositoryNotFoundException", Reason::NotFound),
            (400, "RepositoryAlreadyExistsException", Reason::Exists),
            (400, "AccessDeniedException", Reason::Denied),
            (403, "", Reason::Denied),
            (400, "ThrottlingException", Reason::Throttled),
            (429, "", Reason::Throttled),
            (500, "ServerException", Reason::Server),
            (503, "", Reason::Server),
            (400, "InvalidParameterException", Reason::Other),
        ] {
            assert_eq!(answered(status, code, "why").reason, reason, "{status} {code}");
        }
        assert_eq!(answered(400, "a#B", "why\nmore").to_string(), "Amazon answered B: why");
        assert_eq!(answered(418, "", "").to_string(), "Amazon answered 418");
    }
}
