//! The ways in which real registries differ, each a switch.

use std::time::Duration;

use super::faults::Chaos;

/// A registry's habits. The default is a plain registry of the OCI distribution specification 1.1:
/// no authentication, absolute locations, mounts, referrers, repositories created by the first push.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// Who may do what.
    pub auth: Auth,
    /// The token service's address in the challenge, instead of `/token` on this server.
    pub realm: Option<String>,
    /// Each PATCH of a session after its first one is answered as if it had been received, and
    /// dropped (Amazon ECR, aws/containers-roadmap#2831).
    pub patch_lost_after_first: bool,
    /// PATCH answers 201 instead of 202 (Amazon ECR).
    pub patch_answers_201: bool,
    /// Only a blob that a manifest of the source repository names can be mounted; else 202
    /// (Amazon ECR, aws/containers-roadmap#2860).
    pub mount_only_referenced: bool,
    /// No mount ever succeeds; each is answered with an upload session.
    pub no_mount: bool,
    /// A tag that exists is not overwritten, not even with the same manifest: 400 `TAG_INVALID`
    /// (Amazon ECR, aws/containers-roadmap#2380).
    pub immutable_tags: bool,
    /// No answer carries `Docker-Content-Digest`.
    pub no_content_digest_header: bool,
    /// `Location` is a path without scheme and host.
    pub relative_location: bool,
    /// An upload's `Location` carries a query, new with every answer, without which the session
    /// is refused.
    pub location_with_query: bool,
    /// The referrers endpoint, and `OCI-Subject` when a manifest with a subject is pushed. Off: 404
    /// and no header.
    pub referrers: bool,
    /// The first push makes a repository. Off: 404 `NAME_UNKNOWN` unless
    /// [`Registry::create_repository`](super::Registry::create_repository) made it.
    pub create_on_push: bool,
    /// Requests below `/v2/` beyond this number in any second are answered 429
    /// `TOOMANYREQUESTS`, without `Retry-After`.
    pub max_requests_per_second: Option<u32>,
    /// `tags/list` with a larger `n` is refused with 400, and pages are never longer
    /// (Amazon ECR: 1000).
    pub max_tags_page: Option<usize>,
    /// GET of a blob answers 307 to this host: a name or address for this machine, such as
    /// `localhost`, where a second port serves the bytes, or `host:port` of another registry. The log
    /// shows the second request as [`Kind::Storage`](super::Kind::Storage), with its
    /// `authorization`, which should be `None`.
    pub redirect_blobs_to: Option<String>,
    /// A name and password that are not the right ones are answered with 403 "has expired", not with a challenge
    /// (Amazon ECR).
    pub wrong_password_answers_403: bool,
    /// After so many requests a password ends; Amazon's interface gives out another then.
    pub password_lasts: Option<u32>,
    /// `POST /` is Amazon's interface: tokens, availability, repositories.
    pub amazon: bool,
    /// Operations of Amazon's interface that are answered with `AccessDeniedException`.
    pub amazon_denies: Vec<&'static str>,
    /// Random failures.
    pub chaos: Option<Chaos>,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            auth: Auth::None,
            realm: None,
            patch_lost_after_first: false,
            patch_answers_201: false,
            mount_only_referenced: false,
            no_mount: false,
            immutable_tags: false,
            no_content_digest_header: false,
            relative_location: false,
            location_with_query: false,
            referrers: true,
            create_on_push: true,
            max_requests_per_second: None,
            max_tags_page: None,
            redirect_blobs_to: None,
            wrong_password_answers_403: false,
            password_lasts: None,
            amazon: false,
            amazon_denies: Vec::new(),
            chaos: None,
        }
    }
}

impl Quirks {
    /// Amazon ECR's habits: Basic authentication as `AWS`, one useful PATCH a session, mounts of
    /// referenced blobs only, repositories that must exist, pages of 1000 tags; and Amazon's own interface.
    pub fn ecr(password: &str) -> Quirks {
        Quirks {
            auth: Auth::basic("AWS", password),
            patch_lost_after_first: true,
            patch_answers_201: true,
            mount_only_referenced: true,
            create_on_push: false,
            max_tags_page: Some(1000),
            wrong_password_answers_403: true,
            amazon: true,
            ..Quirks::default()
        }
    }
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Everyone may do everything.
    None,
    /// Each request carries user and password.
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
    /// Each request carries a token from `/token`, which is bound to the scopes it was given for.
    Bearer {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
        /// How long a token is good for.
        token_ttl: Duration,
        /// The token service gives `pull` to who shows no credentials.
        anonymous_pull: bool,
    },
}

impl Auth {
    /// Basic authentication.
    pub fn basic(user: &str, password: &str) -> Auth {
        Auth::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    /// Tokens that are good for five minutes, and none without credentials.
    pub fn bearer(user: &str, password: &str) -> Auth {
        Auth::Bearer {
            user: user.to_owned(),
            password: password.to_owned(),
            token_ttl: Duration::from_secs(300),
            anonymous_pull: false,
        }
    }
}
