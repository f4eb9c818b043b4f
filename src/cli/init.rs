//! `tarsia init`

use serde_json::json;
use tarsia::Error;
use tarsia::init::{Request, Written, init};

use super::arguments::InitArguments;
use super::progress::Progress;
use super::report;

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
