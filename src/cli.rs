//! The command line: arguments in, one library call, a report out.

mod arguments;
mod build;
mod bump;
mod cache;
mod check;
mod command;
mod comparison;
mod config;
mod copy;
mod diff;
mod init;
mod inspect;
mod lock;
mod plan;
mod progress;
mod push;
mod report;
mod schema;
mod terminal;
mod user;
mod verify;
mod why;

use std::process::ExitCode;

use clap::Parser;

use command::{Arguments, Command};

/// Runs the program and gives its exit code.
pub fn run() -> ExitCode {
    let mut arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = arguments.command.complete().and_then(|()| run_command(arguments.command));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.class().exit_code())
        }
    }
}

/// Runs a command; answers false if the run went well and the answer is no.
fn run_command(command: Command) -> Result<bool, tarsia::Error> {
    match command {
        Command::Build(arguments) => build::run(&arguments).map(|()| true),
        Command::Push(arguments) => push::run(&arguments).map(|()| true),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Bump(arguments) => bump::run(&arguments).map(|()| true),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Lock(arguments) => lock::run(&arguments).map(|()| true),
        Command::Copy(arguments) => copy::run(&arguments).map(|()| true),
        Command::Init(arguments) => init::run(&arguments).map(|()| true),
        Command::Check(arguments) => check::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Cache(arguments) => cache::run(&arguments),
        Command::Schema => schema::print().map(|()| true),
        Command::Completions { shell } => schema::completions(shell).map(|()| true),
    }
}
