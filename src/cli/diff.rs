//! `tarsia diff`

use std::sync::Arc;

use clap::Args;
use tarsia::Error;
use tarsia::image::{Location, Platform};
use tarsia::registry::Traffic;

use super::arguments::CommonArguments;
use super::comparison::{self, ComparisonArguments};
use super::progress::Progress;

#[derive(Debug, Args)]
pub struct DiffArguments {
    /// host/repo[:tag][@digest], oci:DIR[:name], oci-archive:FILE[:name] or docker-archive:FILE[:name]
    #[arg(value_name = "IMAGE")]
    pub left: Location,
    /// The image it is compared with, in the same forms
    #[arg(value_name = "IMAGE")]
    pub right: Location,
    /// Compare the images for this platform only; may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    #[command(flatten)]
    pub comparison: ComparisonArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

/// Answers false if the images differ.
pub fn run(arguments: &DiffArguments) -> Result<bool, Error> {
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop_or_look(progress.events())?;
    let comparisons = tarsia::diff::diff(
        &workshop,
        &arguments.left,
        &arguments.right,
        &arguments.platforms,
        &arguments.comparison.options(),
        &Arc::new(Traffic::default()),
    )?;
    progress.finish();
    comparison::report(&comparisons, &arguments.comparison, arguments.common.json)
}
