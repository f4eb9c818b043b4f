//! The rules of AWS Lambda.
//!
//! Where they come from: Amazon's documentation (the sizes, the platforms, that everything has to be readable by its
//! user), and threads of those whose images were refused (an index: docker/buildx#1533; layers that are not gzip:
//! aspect-build/rules_aws#145; `MissingParentDirectory`: aspect-build/rules_aws#96, nix2container#54). Docker and the
//! local emulator do not show any of it.

use super::command;
use super::finding::{Finding, Paths};
use super::handler;
use super::layers::Layer;
use super::stream;
use super::subject::Subject;
use crate::error::Error;
use crate::spec::Rule;

/// How many layers an image may have.
pub const LAYER_LIMIT: usize = 127;
/// How many bytes an image may have once it is unpacked.
pub const SIZE_LIMIT: u64 = 10 << 30;

/// Why Lambda would refuse an image, or not run it.
pub(super) fn findings(subject: &Subject) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    found.extend(index(subject));
    found.extend(platform(subject));
    found.extend(compression(subject));
    found.extend(layer_count(subject));
    found.extend(size(subject));
    for layer in &subject.layers {
        found.extend(stream::members(layer));
        found.extend(parents(layer));
        found.extend(directories(layer));
        found.extend(unreadable(layer));
    }
    found.extend(handler(subject)?);
    found.retain(|finding| {
        let layer = finding.place.layer.as_ref().and_then(|place| subject.layers.get(place.index));
        !layer.is_some_and(|layer| layer.is_spared(finding.rule))
    });
    Ok(found)
}

fn index(subject: &Subject) -> Option<Finding> {
    let holds = subject.index.as_ref()?;
    let why = format!("the image is an index of {holds}: Lambda takes the manifest of one image only");
    let help = match subject.name {
        Some(_) => "name one platform: in `platforms`, or with --platform",
        None => "publish one platform's manifest, made with `--provenance=false --sbom=false` if buildx made it",
    };
    Some(subject.finding(Rule::ImageIndex, why, help))
}

fn platform(subject: &Subject) -> Option<Finding> {
    let platform = &subject.platform;
    if platform.os == "linux" && matches!(platform.architecture.as_str(), "amd64" | "arm64") {
        return None;
    }
    let why = format!("the image is for {platform}: Lambda runs linux/amd64 and linux/arm64");
    Some(subject.field(Rule::UnsupportedPlatform, "platform", why, "make it for one of these"))
}

fn compression(subject: &Subject) -> Vec<Finding> {
    let mut found = Vec::new();
    for layer in &subject.layers {
        let (rule, why) = match layer.media_type.as_str() {
            // An archive's own layers are compressed, or not, by whoever pushes it.
            _ if subject.media_types.is_empty() => continue,
            media_type if media_type.ends_with("gzip") => continue,
            media_type if media_type.ends_with("zstd") => {
                (Rule::ZstdLayer, "is compressed with zstd, and nobody has shown that Lambda reads that")
            }
            _ => (Rule::UncompressedLayer, "is not compressed: Lambda answers `UnsupportedImageLayerDetected`"),
        };
        let mut finding =
            layer.finding(rule, Paths::default(), format!("{} {why}", layer.called()), "compress it with gzip");
        finding.place.field = Some(format!("layers[{}].mediaType", layer.place.index));
        found.push(finding);
    }
    found
}

fn layer_count(subject: &Subject) -> Option<Finding> {
    let layers = subject.layers.len();
    if layers <= LAYER_LIMIT {
        return None;
    }
    let why = format!("the image has {layers} layers, and {LAYER_LIMIT} are the most");
    Some(subject.field(Rule::TooManyLayers, "layers", why, "merge some of them"))
}

fn size(subject: &Subject) -> Option<Finding> {
    // What was not read is at least as large as its blob.
    let sizes = subject.layers.iter().map(|layer| layer.holds.as_ref().map_or(layer.blob_size, |holds| holds.plain));
    let total = sizes.fold(0, u64::saturating_add);
    if total <= SIZE_LIMIT {
        return None;
    }
    let is_exact = subject.layers.iter().all(|layer| layer.holds.is_some());
    let about = if is_exact { "has" } else { "has at least" };
    let why = format!("the image {about} {total} bytes once it is unpacked, and {SIZE_LIMIT} are the most");
    Some(subject.field(Rule::TooLarge, "layers", why, "leave out what the function does not need"))
}

fn parents(layer: &Layer) -> Vec<Finding> {
    let Some(holds) = &layer.holds else { return Vec::new() };
    let help = "write each directory before what lies in it, with the mode and owner it has below";
    let kinds = [
        (&holds.absent, "holds paths whose parent directories it does not hold"),
        (&holds.late, "holds directories after what lies in them"),
    ];
    let found = kinds.into_iter().filter(|(paths, _)| !paths.is_empty());
    let found = found.map(|(paths, what)| {
        let why = format!("{} {what}: Lambda answers `MissingParentDirectory`", layer.called());
        layer.finding(Rule::MissingParent, paths.clone(), why, help)
    });
    found.collect()
}

fn directories(layer: &Layer) -> Option<Finding> {
    let holds = layer.holds.as_ref().filter(|holds| layer.own && !holds.changed.is_empty())?;
    let why = format!("{} gives directories that it only lays something into another mode or owner", layer.called());
    let help = "write parents with the mode and owner that the image below gives them";
    Some(layer.finding(Rule::DirectoryChanged, holds.changed.clone(), why, help))
}

fn unreadable(layer: &Layer) -> Vec<Finding> {
    let Some(holds) = &layer.holds else { return Vec::new() };
    let help = "files need 0644 and directories 0755: `modes`, `chmod` or `mode` in the spec say so";
    let kinds =
        [(Rule::UnreadableCode, &holds.unreadable_code, "code"), (Rule::UnreadablePath, &holds.unreadable, "paths")];
    let found = kinds.into_iter().filter(|(_, paths, _)| !paths.is_empty());
    let found = found.map(|(rule, paths, what)| {
        let why =
            format!("{} holds {what} that others may not read, and the function's user is another", layer.called());
        layer.finding(rule, paths.clone(), why, help)
    });
    found.collect()
}

fn handler(subject: &Subject) -> Result<Option<Finding>, Error> {
    let config = &subject.config;
    if let Some(named) = handler::handler(config) {
        let Err(looked) = handler::find(named, config, &*subject.files)? else { return Ok(None) };
        let first: Vec<&str> = looked.iter().take(3).map(String::as_str).collect();
        let why = format!(
            "the handler is `{named}`, and its module is not in the image, such as at `{}`",
            first.join("`, `")
        );
        let help = "lay the code below the task root, or name the module from there: `folder.module.function`";
        return Ok(Some(subject.field(Rule::HandlerMissing, "config.Cmd", why, help)));
    }
    if handler::is_taken(config) {
        let why = "the entry point takes a handler, and the image names none";
        let help = "set `cmd` to the handler, `module.function`, or say it with each function's configuration";
        return Ok(Some(subject.field(Rule::CommandUnset, "config.Cmd", why, help)));
    }
    Ok(command::program(config).is_none().then(|| {
        let why = "the image says nothing to run";
        let help = "set `entrypoint` or `cmd`, or say it with each function's configuration";
        subject.field(Rule::CommandUnset, "config.Entrypoint", why, help)
    }))
}
