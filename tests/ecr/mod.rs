//! Amazon ECR: the registry's habits and Amazon's interface in the test's own process, and moto beside a real registry.
//!
//! The AWS environment is that of the program, as everywhere; the user's file leads the host of ECR to this machine.

mod credentials;
mod moto;
mod push;

use std::path::Path;
use std::process::Command;

use crate::support::registry::{Quirks, Registry};
use crate::support::{Run, Sandbox};

/// The registry of an account.
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// A registry with ECR's habits.
fn registry() -> Registry {
    Registry::with(Quirks::ecr("first"))
}

/// A folder with two packages and a spec, whose image goes to ECR, that is: to the server at this URL.
fn sandbox(url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("home/.config/tarsia/config.toml", format!("[[mirror]]\nhost = \"{HOST}\"\nendpoint = \"{url}\"\n"))
        .file("one/main.py", "print(1)\n")
        .file("two/main.py", "print(2)\n")
        .file("app.toml", spec("tags = [\"v1\"]"));
    sandbox
}

fn spec(more: &str) -> String {
    format!(
        r#"
name = "app"
base = "scratch"
platforms = ["linux/amd64"]
repository = "{HOST}/team/app"
{more}

[[layer]]
name = "one"
context = "one"
to = "/one/"

[[layer]]
name = "two"
context = "two"
to = "/two/"
"#
    )
}

/// The program with an AWS environment in which nobody is logged in.
fn nobody(sandbox: &Sandbox, url: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("AWS_ENDPOINT_URL", url).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The program with credentials in its environment.
fn somebody(sandbox: &Sandbox, url: &str, arguments: &[&str]) -> Command {
    let mut command = nobody(sandbox, url, arguments);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

fn run(mut command: Command) -> Run {
    Run::of(command.output().unwrap())
}

/// Forgets what this machine knows: the next run is on a fresh one.
fn forget(sandbox: &Sandbox) {
    let cache = sandbox.path("cache");
    if Path::new(&cache).exists() {
        std::fs::remove_dir_all(cache).unwrap();
    }
}

/// The operations that Amazon's interface was asked.
fn operations(registry: &Registry) -> Vec<String> {
    registry.amazon().into_iter().map(|(operation, _)| operation).collect()
}

/// A repository's tags, but for the one of its cache image.
fn tags(registry: &Registry, repository: &str) -> Vec<String> {
    registry.tags(repository).into_iter().filter(|tag| tag != "tarsia-cache").collect()
}
