//! The commands, as the manual names them.

use clap::{Parser, Subcommand};

use super::build::BuildArguments;
use super::bump::BumpArguments;
use super::cache::CacheArguments;
use super::check::CheckArguments;
use super::copy::CopyArguments;
use super::diff::DiffArguments;
use super::init::InitArguments;
use super::inspect::InspectArguments;
use super::lock::LockArguments;
use super::plan::PlanArguments;
use super::push::PushArguments;
use super::verify::VerifyArguments;

/// Assembles OCI images from package directories: no daemon, no root, no Dockerfile execution.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Assemble images; nothing leaves this machine
    Build(BuildArguments),
    /// Assemble what is missing, send what is missing, manifests last
    Push(PushArguments),
    /// Say what push would do and why, layer by layer; nothing is written anywhere
    Plan(PlanArguments),
    /// Replace layers of a published image, and take all else from it
    Bump(BumpArguments),
    /// Rebuild an image from its sources and compare it with the published one
    Verify(VerifyArguments),
    /// Compare two images, from the documents down to the files
    Diff(DiffArguments),
    /// Pin each base reference to the digest it stands for now
    Lock(LockArguments),
    /// Copy an image, byte for byte, between registries, layouts and archives
    Copy(CopyArguments),
    /// Write the spec that makes the same image as a Dockerfile
    Init(InitArguments),
    /// Find mistakes in specs and images, before they cost a deployment
    Check(CheckArguments),
    /// Show what is in an image, and which layer put it there
    Inspect(InspectArguments),
    /// Look after this machine's store of layers
    Cache(CacheArguments),
    /// Print the JSON schema of specs
    Schema,
    /// Print a completion script
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
}
