//! Errors: everything that can go wrong between this machine and a registry, and what to do about each.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::answer::Answer;
use super::cause::Cause;
use super::credentials::CredentialsError;
use super::ecr::{Failed, Reason};
use crate::digest::Digest;

/// What was attempted, on what: the beginning of every message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What is done, as in "failed to …".
    pub verb: &'static str,
    /// What it is done to: a reference, a blob, a repository.
    pub object: String,
    /// The registry as the user names it.
    pub host: String,
    /// The repository's path in it.
    pub path: String,
    /// Whether it changes the repository.
    pub writes: bool,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.verb, self.object)
    }
}

/// As whom a request was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// No credentials are known for the registry.
    Anonymous,
    /// With credentials from this file or helper.
    From(String),
    /// Credentials exist, but the registry wanted them sent to a host that they do not belong to.
    Withheld {
        /// Where the credentials were found.
        source: String,
        /// The host that would have received them.
        realm: String,
    },
}

impl Login {
    /// What a 401 means for it.
    fn refused(&self) -> &'static str {
        match self {
            Login::Anonymous => "not logged in",
            Login::From(_) => "the credentials were refused",
            Login::Withheld { .. } => "the credentials were not sent",
        }
    }
}

/// A failed conversation with a registry.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request was needed and the settings forbid requests.
    #[error("failed to {action}: offline, and it is not on this machine")]
    Offline {
        /// What was wanted.
        action: Box<Action>,
    },
    /// 401, after credentials were offered if there were any.
    #[error("failed to {action}: {}: {answer}", login.refused())]
    Unauthorized {
        /// What was attempted.
        action: Box<Action>,
        /// As whom.
        login: Box<Login>,
        /// The answer of the registry or of its token server.
        answer: Box<Answer>,
    },
    /// 403.
    #[error("failed to {action}: not permitted: {answer}")]
    Denied {
        /// What was attempted.
        action: Box<Action>,
        /// As whom.
        login: Box<Login>,
        /// The registry's answer.
        answer: Box<Answer>,
    },
    /// 404.
    #[error("failed to {action}: {answer}")]
    NotFound {
        /// What was attempted.
        action: Box<Action>,
        /// The registry's answer.
        answer: Box<Answer>,
    },
    /// 429, sat out as long as the retry policy allows.
    #[error("failed to {action}: throttled, {tries} attempts: {answer}")]
    Throttled {
        /// What was attempted.
        action: Box<Action>,
        /// How often.
        tries: u32,
        /// The last answer.
        answer: Box<Answer>,
    },
    /// A tag that stands for another image, in a repository whose tags may not be moved.
    #[error(
        "failed to {action}: the tag cannot be moved: {}the image is {new}{}",
        match current { Some(current) => format!("it stands for {current}, "), None => String::new() },
        match answer { Some(answer) => format!(": {answer}"), None => String::new() }
    )]
    ImmutableTag {
        /// What was attempted, or would have been.
        action: Box<Action>,
        /// What the tag stands for, if that is known.
        current: Option<Box<Digest>>,
        /// What it was to stand for.
        new: Box<Digest>,
        /// The registry's answer, if it was tried.
        answer: Option<Box<Answer>>,
    },
    /// Somebody else has moved a tag.
    #[error("failed to {action}: {}", moved(read.as_deref(), now.as_deref(), put.as_deref()))]
    TagMoved {
        /// What was attempted.
        action: Box<Action>,
        /// What the tag stood for when it was read.
        read: Option<Box<Digest>>,
        /// What it stands for now.
        now: Option<Box<Digest>>,
        /// What was put under it before it was moved away; nothing if nothing was put.
        put: Option<Box<Digest>>,
    },
    /// More than the registry takes.
    #[error("{what}, and `{host}` takes at most {limit}")]
    Limit {
        /// What there is too much of.
        what: String,
        /// The registry.
        host: String,
        /// How much it takes.
        limit: String,
        /// What to do.
        help: &'static str,
    },
    /// Amazon's own interface refused or failed.
    #[error("failed to {action}: {failure}")]
    Amazon {
        /// What was attempted.
        action: Box<Action>,
        /// Why it failed.
        failure: Box<Failed>,
    },
    /// Any other status that is no success.
    #[error("failed to {action}: {answer}{}", if *tries > 1 { format!(" ({tries} attempts)") } else { String::new() })]
    Status {
        /// What was attempted.
        action: Box<Action>,
        /// How often.
        tries: u32,
        /// The last answer.
        answer: Box<Answer>,
    },
    /// No answer: no connection, or it broke.
    #[error("failed to {action}{}: {cause}", match server { Some(server) => format!(" at `{server}`"), None => String::new() })]
    Broken {
        /// What was attempted.
        action: Box<Action>,
        /// The machine that was spoken to, when it is not the one the user named.
        server: Option<Box<str>>,
        /// How often.
        tries: u32,
        /// What happened.
        cause: Cause,
    },
    /// The content is not the content that was asked for.
    #[error("failed to {action}: wrong content: expected {expected}, got {found}")]
    WrongDigest {
        /// What was attempted.
        action: Box<Action>,
        /// The digest asked for.
        expected: Box<Digest>,
        /// The digest of what came, or that the registry claims.
        found: Box<Digest>,
    },
    /// The content is longer or shorter than its descriptor says.
    #[error("failed to {action}: wrong size: expected {expected} bytes, got {found}")]
    WrongSize {
        /// What was attempted.
        action: Box<Action>,
        /// The descriptor's size.
        expected: u64,
        /// The size that came or was announced; at least that, if it was too long.
        found: u64,
    },
    /// More than this program takes into memory.
    #[error("failed to {action}: it is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What was attempted.
        action: Box<Action>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The registry does not keep to the protocol.
    #[error("failed to {action}: the registry's answer makes no sense: {what}")]
    Malformed {
        /// What was attempted.
        action: Box<Action>,
        /// What is wrong with the answer.
        what: String,
    },
    /// A redirect that is not followed.
    #[error("failed to {action}: the registry redirects to `{to}`: {why}")]
    Redirect {
        /// What was attempted.
        action: Box<Action>,
        /// The target's scheme, host and port; never its path or query, which may hold a secret.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// The credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A file with certificate authorities cannot be read.
    #[error("failed to read certificate authorities from `{}`: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A setting, a host or a reference that no request can be made of.
    #[error("{0}")]
    Invalid(String),
    /// This machine gives no more threads.
    #[error("failed to start the threads of the network: {0}")]
    Threads(Arc<io::Error>),
    /// A local file or writer failed.
    #[error("failed to {action}: {what}: {source}")]
    Local {
        /// What was attempted.
        action: Box<Action>,
        /// What was done locally, and to which file.
        what: String,
        /// The failure.
        source: Arc<io::Error>,
    },
}

/// What happened to a tag.
fn moved(read: Option<&Digest>, now: Option<&Digest>, put: Option<&Digest>) -> String {
    let stands =
        |digest: Option<&Digest>| digest.map_or_else(|| "for nothing".to_owned(), |digest| format!("for {digest}"));
    match put {
        None => format!("it stood {} when it was read, and stands {} now", stands(read), stands(now)),
        Some(put) => format!(
            "somebody else moved it at the same time: it stands {} now; this image is kept as {put} without the tag",
            stands(now)
        ),
    }
}

impl Error {
    /// The error of an answer that is no success.
    pub(super) fn of_answer(action: &Action, login: &Login, answer: Answer, tries: u32) -> Error {
        let (action, answer) = (Box::new(action.clone()), Box::new(answer));
        match answer.status {
            401 => Error::Unauthorized { action, login: Box::new(login.clone()), answer },
            403 => Error::Denied { action, login: Box::new(login.clone()), answer },
            404 => Error::NotFound { action, answer },
            429 => Error::Throttled { action, tries, answer },
            _ => Error::Status { action, tries, answer },
        }
    }

    pub(super) fn malformed(action: &Action, what: impl Into<String>) -> Error {
        Error::Malformed { action: Box::new(action.clone()), what: what.into() }
    }

    pub(super) fn local(action: &Action, what: impl Into<String>, source: io::Error) -> Error {
        Error::Local { action: Box::new(action.clone()), what: what.into(), source: Arc::new(source) }
    }

    /// The registry's answer, if there was one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Error::Unauthorized { answer, .. }
            | Error::Denied { answer, .. }
            | Error::NotFound { answer, .. }
            | Error::Throttled { answer, .. }
            | Error::Status { answer, .. }
            | Error::ImmutableTag { answer: Some(answer), .. } => Some(answer),
            _ => None,
        }
    }

    /// What was attempted, if it was a request.
    pub fn action(&self) -> Option<&Action> {
        match self {
            Error::Offline { action }
            | Error::Unauthorized { action, .. }
            | Error::Denied { action, .. }
            | Error::NotFound { action, .. }
            | Error::Throttled { action, .. }
            | Error::Status { action, .. }
            | Error::Broken { action, .. }
            | Error::WrongDigest { action, .. }
            | Error::WrongSize { action, .. }
            | Error::TooLarge { action, .. }
            | Error::Malformed { action, .. }
            | Error::Redirect { action, .. }
            | Error::ImmutableTag { action, .. }
            | Error::TagMoved { action, .. }
            | Error::Amazon { action, .. }
            | Error::Local { action, .. } => Some(action),
            Error::Credentials(_)
            | Error::CaFile { .. }
            | Error::Invalid(_)
            | Error::Limit { .. }
            | Error::Threads(_) => None,
        }
    }

    /// Whether the registry says that the manifest, blob or repository does not exist.
    pub fn is_not_found(&self) -> bool {
        let unknown = |answer: &Answer| {
            matches!(answer.code.as_str(), "MANIFEST_UNKNOWN" | "NAME_UNKNOWN" | "BLOB_UNKNOWN" | "NOT_FOUND")
        };
        match self {
            Error::NotFound { .. } => true,
            Error::Denied { answer, .. } | Error::Status { answer, .. } => answer.status < 500 && unknown(answer),
            Error::Amazon { failure, .. } => failure.reason == Reason::NotFound,
            _ => false,
        }
    }

    /// Whether the request could succeed for somebody with more rights.
    pub fn is_denied(&self) -> bool {
        match self {
            Error::Amazon { failure, .. } => matches!(failure.reason, Reason::Denied | Reason::NoCredentials),
            _ => matches!(self, Error::Unauthorized { .. } | Error::Denied { .. }),
        }
    }

    /// Whether a tag was not put because it stands for an image already and may not be moved (ECR: 400 `TAG_INVALID`;
    /// others have other codes, but the same word).
    pub fn is_immutable_tag(&self) -> bool {
        match self {
            Error::ImmutableTag { .. } => true,
            Error::Denied { answer, .. } | Error::Status { answer, .. } => {
                answer.status < 500 && answer.message.to_ascii_lowercase().contains("immutable")
            }
            _ => false,
        }
    }

    /// Whether this machine failed, rather than the registry or the network.
    pub fn is_local(&self) -> bool {
        matches!(self, Error::Local { .. } | Error::Threads(_))
    }

    /// Whether the user's own words are at fault: a setting, a host, a file that was named.
    pub fn is_input(&self) -> bool {
        matches!(self, Error::CaFile { .. } | Error::Invalid(_) | Error::Limit { .. })
    }
}
