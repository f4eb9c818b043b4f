//! `tarsia copy`

use std::sync::Arc;

use serde_json::json;
use tarsia::Error;
use tarsia::image::Location;
use tarsia::registry::Traffic;

use super::arguments::CopyArguments;
use super::progress::Progress;
use super::report::{self, bytes};

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
