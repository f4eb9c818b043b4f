//! Flags of instructions: which there are, and what was given.

use super::error::{ParseError, nearest};
use super::text::{Text, lowercase};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true`, `false`, or nothing for `true`.
    Switch,
    /// A value, once.
    Value,
    /// A value, any number of times.
    Values,
}

/// The flags that were given, each with its value.
#[derive(Debug)]
pub(super) struct Flags(Vec<(&'static str, Text)>);

impl Flags {
    pub fn parse(written: &[Text], known: &[(&'static str, Kind)]) -> Result<Flags, ParseError> {
        let mut given: Vec<(&'static str, Text)> = Vec::new();
        for flag in written {
            let refuse = |message: String| ParseError::new(flag.range.clone(), message);
            let (name, value) = match flag.value.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (&flag.value[..], None),
            };
            let bare = name.strip_prefix("--").unwrap_or(name);
            let Some(&(name, kind)) = known.iter().find(|(name, _)| *name == bare) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let error = refuse(format!("there is no flag `{name}` here"));
                return Err(match nearest(bare, &names) {
                    Some(name) => error.with_help(format!("did you mean `--{name}`?")),
                    None => error,
                });
            };
            if kind != Kind::Values && given.iter().any(|(other, _)| *other == name) {
                return Err(refuse(format!("the flag `--{name}` is given twice")));
            }
            let value = match (kind, value) {
                (Kind::Switch, None) => "true".to_owned(),
                (Kind::Switch, Some(value)) if matches!(&lowercase(value)[..], "true" | "false") => lowercase(value),
                (Kind::Switch, Some(value)) => {
                    let message = format!("the flag `--{name}` is `true` or `false`, not `{value}`");
                    return Err(refuse(message));
                }
                (_, Some(value)) => value.to_owned(),
                (_, None) => return Err(refuse(format!("the flag `--{name}` has no value: write `--{name}=…`"))),
            };
            given.push((name, Text { value, range: flag.range.clone() }));
        }
        Ok(Flags(given))
    }

    /// The flag's value. To docker an empty one is as good as none.
    pub fn value(&self, name: &str) -> Option<Text> {
        self.given(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The flag's value, also if it is empty.
    pub fn given(&self, name: &str) -> Option<&Text> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    pub fn values(&self, name: &str) -> Vec<Text> {
        self.0.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.clone()).collect()
    }

    pub fn switch(&self, name: &str) -> Option<bool> {
        self.given(name).map(|value| value == "true")
    }
}
