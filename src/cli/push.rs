//! `tarsia push`

use clap::Args;
use tarsia::Error;
use tarsia::image::Repository;
use tarsia::push::Destination;

use super::arguments::{CommonArguments, LookupArguments, SpecArguments};
use super::progress::Progress;
use super::report::{self, Row};

#[derive(Debug, Args)]
pub struct PushArguments {
    #[command(flatten)]
    pub specs: SpecArguments,
    /// Push to this repository instead of the spec's; with several images, to REPOSITORY/name each
    #[arg(long, value_name = "REPOSITORY")]
    pub to: Option<Repository>,
    /// Tag instead of the spec's; {digest} stands for the first 12 digits of the digest
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Create repositories of Amazon ECR that do not exist, as `[ecr]` in the spec says
    #[arg(long)]
    pub create_repository: bool,
    #[command(flatten)]
    pub lookup: LookupArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

pub fn run(arguments: &PushArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let (workspace, variables) = arguments.specs.load()?;
    let workshop = arguments.common.workshop(progress.events())?;
    let destination = Destination {
        to: arguments.to.clone(),
        tags: arguments.tags.clone(),
        variables,
        create_repository: arguments.create_repository,
    };
    let pushed = tarsia::push::push(
        &workshop,
        &workspace,
        &arguments.specs.options(vec![arguments.common.cache.path()?]),
        &destination,
        &arguments.lookup.lookup(),
    )?;
    progress.finish();
    for image in &pushed {
        let repository = image.repository.to_string();
        let row = Row {
            image: &image.built,
            reference: format!("{repository}@{}", image.built.top().digest),
            repository: Some(repository),
            tags: &image.tags,
            changed: image.changed,
            whys: Some(&image.whys),
        };
        report::image(&row, arguments.common.json)?;
    }
    Ok(())
}
