//! Limits: what registries take, checked before the first byte is sent.

use super::ecr::EcrHost;
use super::error::Error;
use super::pull::MAX_MANIFEST;
use crate::image::{Descriptor, LAYER_NAME};

const MIB: u64 = 1 << 20;

/// What a registry takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest layer, in bytes.
    pub layer: Option<u64>,
    /// The most layers of an image.
    pub layers: Option<usize>,
    /// The largest manifest, in bytes.
    pub manifest: u64,
}

impl Limits {
    /// The limits of the registry `host`.
    ///
    /// ECR's are its [quotas](https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html) that nobody
    /// can have raised. It does not limit the number of layers; what runs its images does: 127 is the most that docker
    /// stacks (`max depth exceeded`).
    pub fn of(host: &str) -> Limits {
        let (layer, layers) = match EcrHost::of(host) {
            Some(EcrHost::Private(_)) => (Some(52_000 * MIB), Some(127)),
            Some(EcrHost::Public) => (Some(10_000 * MIB), Some(127)),
            None => (None, None),
        };
        Limits { layer, layers, manifest: MAX_MANIFEST }
    }
}

/// Checks an image that is to be pushed to the registry `host`: its layers' sizes and number, its manifest's size.
///
/// # Errors
///
/// [`Error::Limit`] for the first limit that it exceeds.
pub fn check(host: &str, layers: &[Descriptor], manifest_len: u64) -> Result<(), Error> {
    check_number(host, layers.len())?;
    for layer in layers {
        check_layer(host, layer)?;
    }
    let most = Limits::of(host).manifest;
    match manifest_len > most {
        true => Err(Error::Limit {
            what: format!("the manifest has {manifest_len} bytes"),
            host: host.to_owned(),
            limit: format!("{most} bytes"),
            help: "shorten its annotations",
        }),
        false => Ok(()),
    }
}

/// Checks the number of layers of an image that is to be pushed to the registry `host`, before they are made.
///
/// # Errors
///
/// [`Error::Limit`] if there are too many.
pub fn check_number(host: &str, layers: usize) -> Result<(), Error> {
    match Limits::of(host).layers {
        Some(most) if layers > most => Err(Error::Limit {
            what: format!("the image has {layers} layers"),
            host: host.to_owned(),
            limit: format!("{most} layers"),
            help: "put several contexts into one layer, or build on a base with fewer layers",
        }),
        _ => Ok(()),
    }
}

/// Checks one layer that is to be sent to the registry `host`.
///
/// # Errors
///
/// [`Error::Limit`] if it is too large.
pub fn check_layer(host: &str, layer: &Descriptor) -> Result<(), Error> {
    match Limits::of(host).layer {
        Some(largest) if layer.size > largest => {
            let name = layer.annotations.get(LAYER_NAME).cloned().unwrap_or_else(|| layer.digest.to_string());
            Err(Error::Limit {
                what: format!("the layer `{name}` has {} bytes", layer.size),
                host: host.to_owned(),
                limit: format!("{largest} bytes a layer"),
                help: "split its context into several layers",
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::image::media_type;

    #[test]
    fn what_ecr_would_refuse_is_refused_before() {
        let private = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
        let layer = |size: u64| Descriptor::new(media_type::LAYER_GZIP, Digest::of(b"x"), size);
        let mut named = layer(52_000 * MIB + 1);
        named.annotations.insert(LAYER_NAME.into(), "models".into());
        for (host, layers, manifest, expected) in [
            (private, vec![layer(52_000 * MIB); 127], MAX_MANIFEST, None),
            (private, vec![layer(1), named.clone()], 1, Some("the layer `models` has 54525952001 bytes")),
            (private, vec![layer(1); 128], 1, Some("the image has 128 layers")),
            (private, vec![], MAX_MANIFEST + 1, Some("the manifest has 4194305 bytes")),
            ("public.ecr.aws", vec![layer(10_000 * MIB + 1)], 1, Some("sha256:")),
            ("ghcr.io", vec![named; 500], 1, None),
            ("ghcr.io", vec![], MAX_MANIFEST + 1, Some("the manifest has")),
        ] {
            let result = check(host, &layers, manifest);
            match expected {
                None => result.unwrap(),
                Some(words) => {
                    let error = result.unwrap_err();
                    assert!(error.to_string().contains(words), "{error}");
                    assert!(error.to_string().contains(host) && error.help().is_some() && error.is_input());
                }
            }
        }
    }
}
