//! `tarsia push`

use tarsia::Error;
use tarsia::push::Destination;

use super::arguments::PushArguments;
use super::progress::Progress;
use super::report::{self, Row};

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
