//! `tarsia verify`

use std::path::PathBuf;

use clap::Args;
use tarsia::Error;
use tarsia::build::Options;
use tarsia::image::Location;

use super::arguments::{CommonArguments, SpecFlags};
use super::comparison::{self, ComparisonArguments};
use super::progress::Progress;

#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A spec (*.toml) or a Dockerfile
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,
    /// The published image: host/repo[:tag][@digest], oci:DIR[:name], oci-archive:FILE[:name] or
    /// docker-archive:FILE[:name]
    #[arg(value_name = "IMAGE")]
    pub image: Location,
    #[command(flatten)]
    pub flags: SpecFlags,
    #[command(flatten)]
    pub comparison: ComparisonArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

/// Answers false if the image is not what its sources give.
pub fn run(arguments: VerifyArguments) -> Result<bool, Error> {
    let VerifyArguments { spec, image, flags, comparison, common } = arguments;
    let progress = Progress::start(common.progress);
    let (workspace, _) = flags.load(&[spec])?;
    let workshop = common.workshop_apart(progress.events())?;
    let options = Options { no_cache: true, ..flags.options(vec![common.cache.path()?]) };
    let comparisons = tarsia::verify::verify(&workshop, workspace, &image, &options, &comparison.options())?;
    progress.finish();
    comparison::report(&comparisons, &comparison, common.json)
}
