//! References: how people name images in registries, layouts and archives.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::digest::Digest;

/// A repository in a registry: `host[:port]/path`.
///
/// Docker's short names are spelled out when parsed: `debian` is `docker.io/library/debian`. The first component is a
/// host if it holds a `.` or a `:` or is `localhost`, as in
/// [distribution/reference](https://github.com/distribution/reference/blob/main/normalize.go).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Host and port, as a person writes it; `docker.io` for Docker Hub.
    pub host: String,
    /// The repository's path in that registry.
    pub path: String,
}

impl Repository {
    /// The repository `child` below this one.
    pub fn join(&self, child: &str) -> Repository {
        Repository { host: self.host.clone(), path: format!("{}/{child}", self.path) }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// A reference that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {why}")]
pub struct InvalidReference {
    text: String,
    why: &'static str,
}

fn invalid(text: &str, why: &'static str) -> InvalidReference {
    InvalidReference { text: text.chars().take(300).collect(), why }
}

/// One component of a repository's path: lower-case alphanumerics joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !(bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric)) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port))
        });
    }
    let (name, port) = match host.find(':') {
        Some(colon) => host.split_at(colon),
        None => (host, ""),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(label) && (port.is_empty() || is_port(port))
}

fn is_port(port: &str) -> bool {
    port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok())
}

/// Whether `tag` is a tag: at most 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`.
pub fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !tag.starts_with(['.', '-'])
}

impl FromStr for Repository {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Repository, InvalidReference> {
        let (host, path) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
            Some(_) => ("docker.io", text.to_owned()),
            None => ("docker.io", format!("library/{text}")),
        };
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        if !is_host(host) {
            return Err(invalid(text, "its host is malformed"));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid(text, "a repository's name is lower-case"));
        }
        if path.len() > 255 || !path.split('/').all(is_path_component) {
            return Err(invalid(text, "its repository is malformed"));
        }
        let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
        Ok(Repository { host: host.to_owned(), path })
    }
}

/// An image in a registry: `host/repo[:tag][@digest]`. Without tag and digest, `latest` is meant.
///
/// ```
/// use tarsia::image::Reference;
///
/// let reference: Reference = "debian:12".parse().unwrap();
/// assert_eq!(reference.to_string(), "docker.io/library/debian:12");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The repository.
    pub repository: Repository,
    /// The tag as written.
    pub tag: Option<String>,
    /// The digest as written. It wins over the tag.
    pub digest: Option<Digest>,
}

impl Reference {
    /// What to ask the registry for: the digest, else the tag, else `latest`.
    pub fn asks_for(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(digest.parse().map_err(|_| invalid(text, "its digest is not sha256:<64 hex digits>"))?))
            }
            None => (text, None),
        };
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid(text, "its tag is malformed"));
        }
        Ok(Reference { repository: name.parse()?, tag: tag.map(str::to_owned), digest })
    }
}

/// Where an image is or goes: a registry, or files of this machine.
///
/// ```
/// use tarsia::image::Location;
///
/// assert!(matches!("oci:out:receipt".parse(), Ok(Location::Layout { .. })));
/// assert!(matches!("public.ecr.aws/lambda/python:3.12".parse(), Ok(Location::Registry(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// `host/repo[:tag][@digest]`
    Registry(Reference),
    /// `oci:DIR[:name]`, an OCI image layout
    Layout {
        /// The layout's folder.
        path: PathBuf,
        /// The image's `org.opencontainers.image.ref.name` in it.
        name: Option<String>,
    },
    /// `oci-archive:FILE[:name]`, a layout in a tar file
    OciArchive {
        /// The tar file.
        path: PathBuf,
        /// The image's `org.opencontainers.image.ref.name` in it.
        name: Option<String>,
    },
    /// `docker-archive:FILE[:name]`, what `docker save` writes
    DockerArchive {
        /// The tar file.
        path: PathBuf,
        /// The image's tag in it, `repo[:tag]`.
        name: Option<String>,
    },
}

impl FromStr for Location {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Location, InvalidReference> {
        let file = |rest: &str| -> Result<(PathBuf, Option<String>), InvalidReference> {
            // A name may hold colons and slashes itself (`repo:tag`), a path seldom does: the first colon parts them.
            let (path, name) = match rest.split_once(':') {
                Some((path, name)) => (path, Some(name)),
                None => (rest, None),
            };
            if path.is_empty() {
                return Err(invalid(text, "its path is empty"));
            }
            Ok((path.into(), name.filter(|name| !name.is_empty()).map(str::to_owned)))
        };
        if let Some(rest) = text.strip_prefix("oci:") {
            let (path, name) = file(rest)?;
            Ok(Location::Layout { path, name })
        } else if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (path, name) = file(rest)?;
            Ok(Location::OciArchive { path, name })
        } else if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (path, name) = file(rest)?;
            Ok(Location::DockerArchive { path, name })
        } else {
            Ok(Location::Registry(text.parse()?))
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, name) = match self {
            Location::Registry(reference) => return reference.fmt(f),
            Location::Layout { path, name } => ("oci", path, name),
            Location::OciArchive { path, name } => ("oci-archive", path, name),
            Location::DockerArchive { path, name } => ("docker-archive", path, name),
        };
        write!(f, "{scheme}:{}", path.display())?;
        match name {
            Some(name) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_as_the_image_vocabulary_reads_them() {
        for text in [
            "debian",
            "debian:12",
            "library/debian",
            "user/repo:v1",
            "localhost/app",
            "localhost:5000/a/b__c/d--e:tag_1.2-x",
            "public.ecr.aws/lambda/python:3.12",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/base-receipt-label-dev",
            "index.docker.io/library/debian",
            "docker.io/debian",
            "h.example/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "h.example/a:t@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            let ours: Reference = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let theirs: oci_spec::distribution::Reference = text.parse().unwrap();
            assert_eq!(ours.repository.host, theirs.registry(), "{text}");
            assert_eq!(ours.repository.path, theirs.repository(), "{text}");
            assert_eq!(ours.digest.map(|d| d.to_string()).as_deref(), theirs.digest(), "{text}");
            if ours.digest.is_none() {
                assert_eq!(Some(ours.asks_for().as_str()), theirs.tag(), "{text}");
            }
        }
    }

    #[test]
    fn malformed_references_say_why() {
        for (text, why) in [
            ("", "malformed"),
            ("Debian", "lower-case"),
            ("a//b", "malformed"),
            ("a/-b", "malformed"),
            ("a:", "tag"),
            ("a:.x", "tag"),
            ("a@sha256:00", "digest"),
            ("-h.example/a", "host"),
            ("h.example:99999/a", "host"),
            ("a b", "malformed"),
            ("a___b", "malformed"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn locations_of_files_keep_the_colons_of_their_names() {
        let location: Location = "docker-archive:x.tar:repo/app:v1".parse().unwrap();
        assert_eq!(location, Location::DockerArchive { path: "x.tar".into(), name: Some("repo/app:v1".into()) });
        assert!("oci:".parse::<Location>().is_err());
    }
}
