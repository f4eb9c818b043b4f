//! `tarsia verify`

use std::path::PathBuf;

use clap::Args;
use tarsia::Error;
use tarsia::image::{Location, Platform};

use super::arguments::{CommonArguments, DockerfileArguments, SpecArguments, assignment, epoch};
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
    /// Verify the image for this platform only; may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    /// The value of a variable in specs
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// The time of all files and documents, in seconds since 1970: the one that the image was made with
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH", default_value_t = 0, hide_env_values = true,
        value_parser = epoch)]
    pub epoch: i64,
    /// Use no base that tarsia.lock or a digest in its reference does not pin, whatever the image's annotations name
    #[arg(long)]
    pub locked: bool,
    #[command(flatten)]
    pub comparison: ComparisonArguments,
    #[command(flatten)]
    pub dockerfile: DockerfileArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

/// Answers false if the image is not what its sources give.
pub fn run(arguments: VerifyArguments) -> Result<bool, Error> {
    let VerifyArguments { spec, image, platforms, set, epoch, locked, comparison, dockerfile, common } = arguments;
    let specs = SpecArguments { specs: vec![spec], platforms, set, dockerfile, epoch, no_cache: true, locked };
    let progress = Progress::start(common.progress);
    let (workspace, _) = specs.load()?;
    let workshop = common.workshop_apart(progress.events())?;
    let outputs = vec![common.cache.path()?];
    let comparisons =
        tarsia::verify::verify(&workshop, workspace, &image, &specs.options(outputs), &comparison.options())?;
    progress.finish();
    comparison::report(&comparisons, &comparison, common.json)
}
