//! `tarsia copy`

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tarsia::Error;
use tarsia::image::{Location, Platform};
use tarsia::registry::Traffic;

use super::arguments::CommonArguments;
use super::progress::Progress;
use super::report::{self, bytes};

#[derive(Debug, Args)]
pub struct CopyArguments {
    /// What is copied: host/repo[:tag][@digest], oci:DIR[:name], oci-archive:FILE[:name] or docker-archive:FILE[:name]
    #[arg(value_name = "IMAGE")]
    pub image: Location,
    /// Where it goes, in the same forms
    #[arg(value_name = "DEST", value_parser = destination)]
    pub destination: Location,
    /// Copy the image for this platform only; may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    #[command(flatten)]
    pub common: CommonArguments,
}

pub fn run(arguments: &CopyArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop(progress.events())?;
    let traffic = Arc::new(Traffic::default());
    let copied =
        tarsia::copy::copy(&workshop, &arguments.image, &arguments.destination, &arguments.platforms, &traffic)?;
    progress.finish();
    if arguments.common.json {
        let repository = match &copied.destination {
            Location::Registry(reference) => Some(reference.repository.to_string()),
            _ => None,
        };
        let tags: Vec<&String> = match &copied.destination {
            Location::Registry(reference) => reference.tag.iter().collect(),
            _ => Vec::new(),
        };
        let layers: Vec<_> = copied
            .blobs
            .iter()
            .map(|(blob, status)| {
                json!({
                    "name": blob.annotations.get(tarsia::image::LAYER_NAME),
                    "key": blob.annotations.get(tarsia::image::LAYER_KEY),
                    "digest": blob.digest,
                    "diff_id": null,
                    "size": blob.size,
                    "media_type": blob.media_type,
                    "status": status.word(),
                })
            })
            .collect();
        let platforms: Vec<String> = copied.platforms.iter().map(ToString::to_string).collect();
        let requests = traffic.snapshot();
        let document = json!({
            "schema": 1,
            "name": arguments.image.to_string(),
            "repository": repository,
            "digest": copied.digest,
            "ref": copied.destination.to_string(),
            "tags": tags,
            "platform": platforms.join(","),
            "base": null,
            "layers": layers,
            "requests": {"sent": requests.sent, "bytes_up": requests.bytes_up, "bytes_down": requests.bytes_down},
            "changed": copied.changed,
        });
        return report::print(&format!("{document}\n"));
    }
    let mut text = format!("{} {}", copied.destination, if copied.changed { "changed" } else { "unchanged" });
    if !matches!(copied.destination, Location::Registry(_)) {
        text.push_str(&format!(" {}", copied.digest));
    }
    text.push('\n');
    for (blob, status) in &copied.blobs {
        text.push_str(&format!("  {:<8} {:>9}  {}\n", status.word(), bytes(blob.size), blob.digest.short()));
    }
    report::print(&text)
}

/// Where `copy` writes: what names no scheme is a registry, unless it is a path.
fn destination(text: &str) -> Result<Location, String> {
    if text.starts_with(['.', '/']) {
        return Ok(Location::Layout { path: text.into(), name: None });
    }
    text.parse().map_err(|error: tarsia::image::InvalidReference| error.to_string())
}
