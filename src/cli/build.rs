//! `tarsia build`

use clap::Args;
use tarsia::Error;
use tarsia::image::Location;

use super::arguments::{CommonArguments, SpecArguments};
use super::progress::Progress;
use super::report::{self, Row};

#[derive(Debug, Args)]
pub struct BuildArguments {
    #[command(flatten)]
    pub specs: SpecArguments,
    /// Where the images go: oci:DIR[:name], oci-archive:FILE[:name], docker-archive:FILE[:name], or a folder
    #[arg(short, long, value_name = "DEST", default_value = "oci:out", value_parser = output)]
    pub output: Location,
    #[command(flatten)]
    pub common: CommonArguments,
}

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

/// Where `build` writes: what names no scheme is a layout's folder, unless it looks like a registry's host.
fn output(text: &str) -> Result<Location, String> {
    let has_scheme = ["oci:", "oci-archive:", "docker-archive:"].iter().any(|scheme| text.starts_with(scheme));
    let first = text.split('/').next().unwrap_or_default();
    let is_host =
        text.contains('/') && (first.contains(':') || first == "localhost" || first.trim_matches('.').contains('.'));
    if !has_scheme && (!is_host || std::path::Path::new(text).is_dir()) {
        return Ok(Location::Layout { path: text.into(), name: None });
    }
    text.parse().map_err(|error: tarsia::image::InvalidReference| error.to_string())
}
