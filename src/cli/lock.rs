//! `tarsia lock`

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tarsia::Error;
use tarsia::registry::Traffic;

use super::arguments::{CommonArguments, SpecArguments};
use super::progress::Progress;
use super::report;

#[derive(Debug, Args)]
pub struct LockArguments {
    #[command(flatten)]
    pub specs: SpecArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

pub fn run(arguments: &LockArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let (workspace, _) = arguments.specs.load()?;
    let workshop = arguments.common.workshop(progress.events())?;
    let pinned =
        tarsia::pin::pin(&workshop, &workspace, &arguments.specs.flags.platforms, &Arc::new(Traffic::default()))?;
    progress.finish();
    let mut text = String::new();
    for pin in &pinned {
        let changed = pin.before != Some(pin.digest);
        text.push_str(&if arguments.common.json {
            let document = json!({
                "schema": 1,
                "file": pin.file.display().to_string(),
                "ref": pin.reference,
                "platform": pin.platform.to_string(),
                "digest": pin.digest,
                "before": pin.before,
                "changed": changed,
            });
            format!("{document}\n")
        } else {
            let state = match pin.before {
                _ if !changed => "unchanged".to_owned(),
                Some(before) => format!("was {}", before.short()),
                None => "new".to_owned(),
            };
            format!("{} {} {} {state}\n", pin.reference, pin.platform, pin.digest)
        });
    }
    if pinned.is_empty() && !arguments.common.json {
        text.push_str("no base has to be pinned\n");
    }
    report::print(&text)
}
