//! Platforms: operating system, architecture and variant, as image indexes name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an image runs on, written `os/architecture[/variant]`.
///
/// Fields follow the [image index specification](https://github.com/opencontainers/image-spec/blob/main/image-index.md).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The CPU architecture in Go's words: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system in Go's words: `linux`, `windows`, …
    pub os: String,
    /// The version of the operating system, which Windows images state.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features of the operating system that the image needs.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the architecture: `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform `os/architecture`.
    pub fn new(os: &str, architecture: &str) -> Platform {
        Platform {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: None,
            os_features: Vec::new(),
            variant: None,
        }
    }

    /// `linux/amd64`: what an image is for when neither spec, flags nor base say. It is not the platform of this
    /// machine, because the same spec must give the same image everywhere; crane and ko chose the same.
    pub fn fallback() -> Platform {
        Platform::new("linux", "amd64")
    }

    /// The variant, unless it is the one that the architecture means anyway: `arm64` is `arm64/v8`, `amd64` is
    /// `amd64/v1`.
    fn effective_variant(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        }
    }

    /// Whether an image for `offered` serves a request for this platform.
    ///
    /// The variants have to be the same: `amd64` is `amd64/v1`, `arm64` is `arm64/v8`, `arm` is `arm/v7`. An image for a
    /// lower variant would run as well, but which image was meant is then a guess.
    pub fn accepts(&self, offered: &Platform) -> bool {
        self.os == offered.os
            && self.architecture == offered.architecture
            && self.effective_variant() == offered.effective_variant()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform of the form os/architecture[/variant]")]
pub struct InvalidPlatform(String);

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let invalid = || InvalidPlatform(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        let well_formed =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(well_formed) {
            return Err(invalid());
        }
        let architecture = match parts[1] {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            "i386" => "386",
            other => other,
        };
        let mut platform = Platform::new(parts[0], architecture);
        platform.variant = parts.get(2).map(|&variant| variant.to_owned());
        if platform.effective_variant().is_none() {
            platform.variant = None;
        }
        Ok(platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm64_is_its_v8_and_amd64_its_v1() {
        let asked = |text: &str| text.parse::<Platform>().unwrap();
        let mut offered = Platform::new("linux", "arm64");
        offered.variant = Some("v8".into());
        assert!(asked("linux/arm64").accepts(&offered));
        assert!(asked("linux/arm64/v8").accepts(&Platform::new("linux", "arm64")));
        assert_eq!(asked("linux/aarch64"), Platform::new("linux", "arm64"));
        assert!(!asked("linux/amd64").accepts(&asked("linux/amd64/v3")));
        assert!(asked("linux/arm").accepts(&asked("linux/arm/v7")));
        assert!(!asked("linux/arm/v6").accepts(&asked("linux/arm/v7")));
    }

    #[test]
    fn malformed_platforms_are_refused() {
        for text in ["", "linux", "linux/", "/arm64", "linux/arm64/v8/x", "linux/ar m"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
