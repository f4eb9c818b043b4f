//! What a path means.

use super::http::Head;
use super::log::Kind;

/// What a request's path names.
pub(super) enum Target {
    Ping,
    Token,
    Amazon,
    Credentials,
    Uploads { repository: String },
    Upload { repository: String, session: String },
    Blob { repository: String, digest: String },
    Manifest { repository: String, reference: String },
    Tags { repository: String },
    Referrers { repository: String, digest: String },
    Storage { repository: String, digest: String },
    Unknown,
}

impl Target {
    pub(super) fn of(path: &str) -> Target {
        match path {
            "/v2" | "/v2/" => return Target::Ping,
            "/token" => return Target::Token,
            "/" => return Target::Amazon,
            "/credentials" => return Target::Credentials,
            _ => {}
        }
        let (stored, rest) = match (path.strip_prefix("/v2/"), path.strip_prefix("/storage/")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Target::Unknown,
        };
        let words: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        let name = |tail: usize| words[..words.len() - tail].join("/");
        match words[..] {
            [_, .., "blobs", digest] if stored => Target::Storage { repository: name(2), digest: digest.to_owned() },
            _ if stored => Target::Unknown,
            [_, .., "blobs", "uploads"] => Target::Uploads { repository: name(2) },
            [_, .., "blobs", "uploads", session] => Target::Upload { repository: name(3), session: session.to_owned() },
            [_, .., "blobs", digest] => Target::Blob { repository: name(2), digest: digest.to_owned() },
            [_, .., "manifests", reference] => {
                Target::Manifest { repository: name(2), reference: reference.to_owned() }
            }
            [_, .., "tags", "list"] => Target::Tags { repository: name(2) },
            [_, .., "referrers", digest] => Target::Referrers { repository: name(2), digest: digest.to_owned() },
            _ => Target::Unknown,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Target::Ping | Target::Token | Target::Amazon | Target::Credentials | Target::Unknown => None,
            Target::Uploads { repository }
            | Target::Upload { repository, .. }
            | Target::Blob { repository, .. }
            | Target::Manifest { repository, .. }
            | Target::Tags { repository }
            | Target::Referrers { repository, .. }
            | Target::Storage { repository, .. } => Some(repository),
        }
    }

    pub(super) fn kind(&self, head: &Head) -> Kind {
        match (self, head.method.as_str()) {
            (Target::Ping, "GET" | "HEAD") => Kind::Ping,
            (Target::Token, "GET" | "POST") => Kind::Token,
            (Target::Amazon, "POST") => Kind::Amazon,
            (Target::Uploads { .. }, "POST") if head.query("mount").is_some() => Kind::Mount,
            (Target::Uploads { .. }, "POST") => Kind::UploadStart,
            (Target::Upload { .. }, "PATCH") => Kind::UploadPatch,
            (Target::Upload { .. }, "PUT") => Kind::UploadPut,
            (Target::Blob { .. }, "HEAD") => Kind::BlobHead,
            (Target::Blob { .. }, "GET") => Kind::BlobGet,
            (Target::Manifest { .. }, "HEAD") => Kind::ManifestHead,
            (Target::Manifest { .. }, "GET") => Kind::ManifestGet,
            (Target::Manifest { .. }, "PUT") => Kind::ManifestPut,
            (Target::Tags { .. }, "GET") => Kind::Tags,
            (Target::Referrers { .. }, "GET") => Kind::Referrers,
            (Target::Storage { .. }, "GET" | "HEAD") => Kind::Storage,
            _ => Kind::Other,
        }
    }

    /// What a request asks for, in words that are the same when it is asked again: without
    /// the number of an upload session, and of the query only what names a blob.
    pub(super) fn asks(&self, head: &Head) -> String {
        let what = match self {
            Target::Upload { repository, .. } => format!("/v2/{repository}/blobs/uploads/"),
            _ => head.path.clone(),
        };
        let named = |name| head.query(name).unwrap_or_default();
        format!("{} {what} {} {}", head.method, named("digest"), named("mount"))
    }
}
