//! `tarsia schema` and `tarsia completions`

use clap::CommandFactory;
use tarsia::Error;

use super::command::Arguments;
use super::report;

pub fn print() -> Result<(), Error> {
    report::print(&tarsia::spec::schema())
}

pub fn completions(shell: clap_complete::Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tarsia", &mut script);
    report::print(&String::from_utf8_lossy(&script))
}
