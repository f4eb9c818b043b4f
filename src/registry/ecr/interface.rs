//! Interface: the few questions asked of Amazon's own interface. Whoever answers them can be replaced in tests.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;

use super::repository::Mutability;
use crate::digest::Digest;
use crate::registry::traffic::Traffic;
use crate::spec::RepositorySettings;

/// The most digests that can be asked about at once
/// ([BatchCheckLayerAvailability](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html)).
pub(in crate::registry) const MOST_DIGESTS: usize = 100;

tokio::task_local! {
    /// Who pays for the requests of the task: the SDK's calls carry nothing of the caller's.
    static PAYER: Arc<Traffic>;
}

/// Does something whose requests are counted in `traffic`.
pub(super) async fn counted<T>(traffic: &Arc<Traffic>, work: impl Future<Output = T>) -> T {
    PAYER.scope(traffic.clone(), work).await
}

/// The counter for a request made now.
#[cfg(feature = "ecr")]
pub(super) fn payer() -> Arc<Traffic> {
    PAYER.try_with(Clone::clone).unwrap_or_default()
}

/// Who is asked. Registries that share one share its tokens too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::registry) enum Service {
    Public,
    Private { region: String, fips: bool, dual_stack: bool },
}

/// A repository as the interface knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::registry) struct Place {
    pub(in crate::registry) service: Service,
    pub(in crate::registry) account: String,
    pub(in crate::registry) path: String,
}

/// A password for a registry.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::registry) struct Token {
    pub(in crate::registry) password: String,
    /// When it ends, if that was said.
    pub(in crate::registry) expires: Option<SystemTime>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the base64 of `AWS:password`.
    #[cfg(feature = "ecr")]
    pub(super) fn read(text: &str, expires: Option<SystemTime>) -> Result<Token, Failed> {
        use base64::Engine as _;

        let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
        let pair = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let password = pair.as_deref().and_then(|pair| pair.strip_prefix("AWS:")).filter(|text| !text.is_empty());
        match password {
            Some(password) => Ok(Token { password: password.to_owned(), expires }),
            None => Err(Failed::other("the token is not the base64 of `AWS:password`")),
        }
    }
}

/// What Amazon's interface is asked.
pub(in crate::registry) trait Interface: Send + Sync + fmt::Debug {
    /// A password for the service's registries.
    fn token(&self, service: Service) -> BoxFuture<'_, Result<Token, Failed>>;

    /// Which of at most [`MOST_DIGESTS`] blobs a repository has.
    fn available(&self, place: Place, digests: Vec<Digest>) -> BoxFuture<'_, Result<BTreeSet<Digest>, Failed>>;

    /// What a repository says about its tags. [`Reason::NotFound`] if there is no such repository.
    fn mutability(&self, place: Place) -> BoxFuture<'_, Result<Mutability, Failed>>;

    /// Creates a repository. [`Reason::Exists`] if there is one already.
    fn create(&self, place: Place, settings: RepositorySettings) -> BoxFuture<'_, Result<(), Failed>>;

    /// Sets a repository's lifecycle policy, a JSON text.
    fn put_lifecycle_policy(&self, place: Place, policy: String) -> BoxFuture<'_, Result<(), Failed>>;
}

/// Why Amazon's interface did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No credentials were found in the AWS environment.
    NoCredentials,
    /// The credentials lack the permission, or are no good.
    Denied,
    /// There is no such repository.
    NotFound,
    /// There is such a repository already.
    Exists,
    /// It is asked too often.
    Throttled,
    /// It is in trouble.
    Server,
    /// There was no answer.
    Unreachable,
    /// Anything else.
    Other,
}

/// Amazon's interface did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The kind of failure.
    pub reason: Reason,
    /// The error's name at Amazon, such as `AccessDeniedException`, or empty.
    pub code: String,
    /// What was said about it.
    pub message: String,
}

impl Failed {
    pub(super) fn other(message: impl Into<String>) -> Failed {
        Failed { reason: Reason::Other, code: String::new(), message: message.into() }
    }

    /// The next step, if one is known.
    pub(in crate::registry) fn help(&self) -> Option<String> {
        let help = match self.reason {
            Reason::NoCredentials => {
                "log in to AWS (`aws sso login`), name a profile in AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY; a login by docker or podman counts too"
            }
            Reason::Denied => {
                "are the AWS credentials still good, and those of the right account? they need the permission \
                 `ecr:GetAuthorizationToken`"
            }
            Reason::Unreachable => {
                "check the network and the proxy settings: Amazon's interface is another host than the registry"
            }
            Reason::Throttled | Reason::Server => "nothing is lost, run again later",
            _ => return None,
        };
        Some(help.to_owned())
    }

    /// There is no interface to ask.
    pub(super) fn absent() -> Failed {
        Failed::other(match cfg!(feature = "ecr") {
            true => "Amazon's interface is not to be used",
            false => "this program was built without its `ecr` feature",
        })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.code.as_str()) {
            (Reason::NoCredentials, _) => write!(f, "the AWS environment has no credentials: {}", self.message),
            (Reason::Unreachable, _) => write!(f, "Amazon cannot be reached: {}", self.message),
            (_, "") => f.write_str(&self.message),
            (_, code) if self.message.is_empty() => write!(f, "Amazon answered {code}"),
            (_, code) => write!(f, "Amazon answered {code}: {}", self.message),
        }
    }
}
