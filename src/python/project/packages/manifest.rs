//! `MANIFEST.in`: which data files setuptools takes for parts of the packages they lie in
//! ([the commands](https://setuptools.pypa.io/en/latest/userguide/miscellaneous.html)).

use std::collections::BTreeSet;

use regex::Regex;

use super::super::fault::{Fault, quoted};
use super::super::glob::{MOST, Notation, compile};
use super::super::tree::Tree;

/// What a `MANIFEST.in` says.
#[derive(Debug, Default)]
pub(super) struct Manifest(Vec<(bool, Regex)>);

impl Manifest {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Manifest, Fault> {
        let mut commands = Vec::new();
        // A line that ends with a backslash goes on.
        let text = text.replace("\\\n", " ");
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let mut words = line.split_whitespace();
            let Some(command) = words.next() else { continue };
            let words: Vec<&str> = words.map(|word| word.trim_end_matches('/')).collect();
            let wrong = |why: &str| Fault::at(at + 1, format!("{} {why}", quoted(line))).of("MANIFEST.in");
            let (takes, patterns): (bool, Vec<String>) = match (command, &words[..]) {
                ("include" | "exclude", [_, ..]) => {
                    (command == "include", words.iter().map(|&word| word.to_owned()).collect())
                }
                ("global-include" | "global-exclude", [_, ..]) => {
                    (command == "global-include", words.iter().map(|word| format!("**/{word}")).collect())
                }
                ("recursive-include" | "recursive-exclude", [directory, patterns @ ..]) if !patterns.is_empty() => (
                    command == "recursive-include",
                    patterns.iter().map(|word| format!("{directory}/**/{word}")).collect(),
                ),
                ("graft" | "prune", [_]) => {
                    (command == "graft", words.iter().map(|word| format!("{word}/**")).collect())
                }
                _ => return Err(wrong("is no command that is known")),
            };
            for pattern in patterns {
                let pattern = pattern.strip_prefix("./").unwrap_or(&pattern);
                commands.push((takes, compile(pattern, Notation::Dotted).map_err(|why| wrong(&why))?));
            }
            if commands.len() > MOST {
                return Err(wrong("is one of too many"));
            }
        }
        Ok(Manifest(commands))
    }

    /// The files that it takes.
    pub(super) fn files<'a>(&self, tree: &'a Tree) -> BTreeSet<&'a str> {
        let taken = |path: &&str| {
            let last = self.0.iter().rev().find(|(_, pattern)| pattern.is_match(path));
            last.is_some_and(|(takes, _)| *takes)
        };
        if self.0.is_empty() { BTreeSet::new() } else { tree.below("").filter(taken).collect() }
    }
}
