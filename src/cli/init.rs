//! `tarsia init`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tarsia::Error;
use tarsia::image::Platform;
use tarsia::init::{Request, Written, init};

use super::arguments::{CommonArguments, DockerfileArguments};
use super::progress::Progress;
use super::report;

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The Dockerfile
    #[arg(value_name = "DOCKERFILE")]
    pub file: PathBuf,
    /// Write the spec of the image for this platform (default: the base's); may be repeated
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    /// The spec's file; those of the stages it copies from lie beside it (default: NAME.toml beside the Dockerfile)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub dockerfile: DockerfileArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

pub fn run(arguments: &InitArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop_or_look(progress.events())?;
    let Written { name, files } = init(
        &workshop,
        &Request {
            dockerfile: arguments.file.clone(),
            dockerfiles: arguments.dockerfile.dockerfiles(),
            platforms: arguments.platforms.clone(),
            output: arguments.output.clone(),
        },
    )?;
    progress.finish();
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    if arguments.common.json {
        return report::print(&format!("{}\n", json!({"schema": 1, "name": name, "files": files})));
    }
    report::print(&files.iter().map(|file| format!("{file}\n")).collect::<String>())
}
