//! `tarsia build`

use tarsia::Error;
use tarsia::image::Location;

use super::arguments::BuildArguments;
use super::progress::Progress;
use super::report::{self, Row};

pub fn run(arguments: &BuildArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let (workspace, _) = arguments.specs.load()?;
    let workshop = arguments.common.workshop(progress.events())?;
    let mut outputs = vec![arguments.common.cache.path()?];
    match &arguments.output {
        Location::Layout { path, .. } | Location::OciArchive { path, .. } | Location::DockerArchive { path, .. } => {
            outputs.push(path.clone());
        }
        Location::Registry(_) => {}
    }
    let built = tarsia::build::build(&workshop, &workspace, &arguments.specs.options(outputs))?;
    let written = tarsia::write::write(&workshop, &built, &arguments.output)?;
    progress.finish();
    for (image, named) in built.iter().zip(&written) {
        let Some((name, changed)) = named else { continue };
        let mut place = arguments.output.clone();
        match &mut place {
            Location::Layout { name: slot, .. }
            | Location::OciArchive { name: slot, .. }
            | Location::DockerArchive { name: slot, .. } => *slot = Some(name.clone()),
            Location::Registry(_) => {}
        }
        let row =
            Row { image, repository: None, reference: place.to_string(), tags: &[], changed: *changed, whys: None };
        report::image(&row, arguments.common.json)?;
    }
    Ok(())
}
