//! The command line: arguments in, one library call, a report out.

mod arguments;
mod build;
mod cache;
mod config;
mod inspect;
mod progress;
mod push;
mod report;
mod schema;
mod user;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.class().exit_code())
        }
    }
}

fn run_command(command: Command) -> Result<(), tarsia::Error> {
    match command {
        Command::Build(arguments) => build::run(&arguments),
        Command::Push(arguments) => push::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Cache(arguments) => cache::run(&arguments),
        Command::Schema => schema::print(),
        Command::Completions { shell } => schema::completions(shell),
    }
}
