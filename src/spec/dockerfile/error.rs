use std::ops::Range;

/// A mistake in a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The bytes of the file that are meant.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ParseError {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError { range, message: message.into(), help: None }
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> ParseError {
        ParseError { help: Some(help.into()), ..self }
    }
}

/// The one of `known` that was probably meant, if one is near.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Nothing that long is a misspelling of a name.
    const LONGEST: usize = 32;
    if written.len() > LONGEST {
        return None;
    }
    let distances = known.iter().map(|name| (strsim::damerau_levenshtein(written, name), *name));
    distances.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
}
