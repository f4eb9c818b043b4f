//! `tarsia cache`

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::json;
use tarsia::Error;
use tarsia::store::{Keep, Store};

use super::arguments::CacheFolder;
use super::report::{self, bytes};

#[derive(Debug, Args)]
pub struct CacheArguments {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List the layers, last used first
    List(CacheListArguments),
    /// Remove layers that are not needed
    Prune(PruneArguments),
    /// Read every blob, and remove those that are damaged
    Verify(CacheListArguments),
}

#[derive(Debug, Args)]
pub struct CacheListArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub cache: CacheFolder,
}

#[derive(Debug, Args)]
pub struct PruneArguments {
    /// Remove layers that were not used for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub unused_for: u32,
    /// Keep no more than so much: 500MB, 2GB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub keep: Option<u64>,
    /// Remove everything
    #[arg(long, conflicts_with_all = ["unused_for", "keep"])]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub cache: CacheFolder,
}

/// Answers false if something damaged was found.
pub fn run(arguments: &CacheArguments) -> Result<bool, Error> {
    match &arguments.command {
        CacheCommand::List(arguments) => list(arguments).map(|()| true),
        CacheCommand::Prune(arguments) => prune(arguments).map(|()| true),
        CacheCommand::Verify(arguments) => verify(arguments),
    }
}

fn list(arguments: &CacheListArguments) -> Result<(), Error> {
    let store = Store::open(&arguments.cache.path()?)?;
    let mut text = String::new();
    for kept in store.layers()? {
        let layer = &kept.layer;
        let days = SystemTime::now().duration_since(kept.used).unwrap_or_default().as_secs() / 86_400;
        if arguments.json {
            let document = json!({
                "schema": 1,
                "name": layer.name,
                "key": layer.key,
                "digest": layer.digest,
                "diff_id": layer.diff_id,
                "size": layer.size,
                "media_type": layer.media_type,
                "here": kept.here,
                "unused_days": days,
            });
            text.push_str(&format!("{document}\n"));
        } else {
            let used = if days == 0 { "today".to_owned() } else { format!("{days} days ago") };
            let here = if kept.here { "" } else { " (not on this machine)" };
            text.push_str(&format!(
                "{:>9}  {}  {used:<12}  {}{here}\n",
                bytes(layer.size),
                layer.digest.short(),
                layer.name
            ));
        }
    }
    report::print(&text)
}

fn prune(arguments: &PruneArguments) -> Result<(), Error> {
    let store = Store::open(&arguments.cache.path()?)?;
    let keep = if arguments.all {
        Keep { unused_for: None, bytes: Some(0) }
    } else {
        let days = Duration::from_secs(u64::from(arguments.unused_for) * 86_400);
        Keep { unused_for: Some(days), bytes: arguments.keep }
    };
    let pruned = store.prune(keep)?;
    report::print(&if arguments.json {
        format!("{}\n", json!({"schema": 1, "layers": pruned.layers, "bytes": pruned.bytes}))
    } else {
        format!("removed {} layers, {}\n", pruned.layers, bytes(pruned.bytes))
    })
}

fn verify(arguments: &CacheListArguments) -> Result<bool, Error> {
    let store = Store::open(&arguments.cache.path()?)?;
    let damaged = store.verify(&|_| {})?;
    let mut text = String::new();
    for blob in &damaged {
        text.push_str(&if arguments.json {
            format!("{}\n", json!({"schema": 1, "blob": blob.name, "holds": blob.holds}))
        } else {
            format!("removed {}: it held {}\n", blob.name, blob.holds)
        });
    }
    if damaged.is_empty() && !arguments.json {
        text.push_str("every blob is what its digest says\n");
    }
    report::print(&text)?;
    Ok(damaged.is_empty())
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" | "K" => 1000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("`{text}` is not a size such as 500MB or 2GiB")),
    };
    let number: u64 = text[..digits].parse().map_err(|_| format!("`{text}` is not a size such as 500MB or 2GiB"))?;
    number.checked_mul(unit).ok_or_else(|| format!("`{text}` is too large"))
}
