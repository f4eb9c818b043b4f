//! The Dockerfile parser: it always answers, and every place it names is one of the file.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use tarsia::spec::dockerfile::{Command, Healthcheck, Heredoc, Instruction, Line, Text, parse, parse_trigger};

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(file) => {
            assert!(file.escape == '\\' || file.escape == '`');
            assert!(file.instructions.iter().any(|line| matches!(line.instruction, Instruction::From { .. })));
            file.instructions.iter().for_each(|line| check(text, line));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                stands(text, &error.range);
                assert!(!error.message.is_empty());
            }
        }
    }
    match parse_trigger(text) {
        Ok(line) => check(text, &line),
        Err(error) => stands(text, &error.range),
    }
});

fn check(text: &str, line: &Line) {
    stands(text, &line.range);
    assert!(!line.text.contains('\n'));
    let one = |piece: &Text| stands(text, &piece.range);
    let pair = |(name, value): &(Text, Text)| [name, value].into_iter().for_each(one);
    let command = |command: &Command| match command {
        Command::Shell(line) => one(line),
        Command::Exec(words) => words.iter().for_each(one),
    };
    let heredoc = |heredoc: &Heredoc| stands(text, &heredoc.range);
    match &line.instruction {
        Instruction::From { image, platform, name } => {
            one(image);
            platform.iter().chain(name).for_each(one);
        }
        Instruction::Arg(pairs) => pairs.iter().for_each(|(name, value)| {
            one(name);
            value.iter().for_each(one);
        }),
        Instruction::Env(pairs) | Instruction::Label(pairs) => pairs.iter().for_each(pair),
        Instruction::Copy(transfer) | Instruction::Add(transfer) => {
            transfer.sources.iter().chain(&transfer.exclude).chain([&transfer.destination]).for_each(one);
            let flags = [&transfer.from, &transfer.chown, &transfer.chmod, &transfer.checksum];
            flags.into_iter().flatten().for_each(one);
            transfer.heredocs.iter().for_each(heredoc);
        }
        Instruction::Run { flags, command: run, heredocs } => {
            flags.iter().for_each(one);
            command(run);
            heredocs.iter().for_each(heredoc);
        }
        Instruction::Cmd(run) | Instruction::Entrypoint(run) => command(run),
        Instruction::Healthcheck(Healthcheck::Cmd { command: run, .. }) => command(run),
        Instruction::Healthcheck(Healthcheck::None) => (),
        Instruction::Shell(words) | Instruction::Expose(words) | Instruction::Volume(words) => {
            words.iter().for_each(one);
        }
        Instruction::Workdir(word)
        | Instruction::User(word)
        | Instruction::StopSignal(word)
        | Instruction::OnBuild(word)
        | Instruction::Maintainer(word) => one(word),
    }
}

/// It can be cut out of the file.
fn stands(text: &str, range: &Range<usize>) {
    assert!(text.get(range.clone()).is_some(), "{range:?} is no place in the file");
}
