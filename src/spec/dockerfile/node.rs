//! An instruction's line taken apart: keyword, flags, and the forms its arguments may have.

use super::error::ParseError;
use super::json::Json;
use super::text::{Piece, Text, lowercase};

/// A line taken apart.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// The keyword in lower case, whether or not there is such an instruction.
    pub keyword: String,
    /// The keyword as written.
    pub name: Piece<'a>,
    pub flags: Vec<Text>,
    /// What is left.
    pub arguments: Piece<'a>,
}

/// Arguments in one of two forms.
#[derive(Debug)]
pub(super) enum Form {
    Json(Vec<Text>),
    /// Anything but a JSON array.
    Plain,
}

impl<'a> Node<'a> {
    pub fn new(line: Piece<'a>, escape: char) -> Result<Node<'a>, ParseError> {
        let (name, rest) = line.trim().split();
        let rest = rest.unwrap_or(name.from(name.text.len()));
        let (flags, arguments) = flags(rest, escape)?;
        Ok(Node { keyword: lowercase(name.text), name, flags, arguments: arguments.trim() })
    }

    /// Whether a `<<` in it announces a heredoc.
    pub fn may_hold_heredocs(&self, escape: char) -> bool {
        match &self.keyword[..] {
            "add" | "copy" | "run" => !matches!(form(self.arguments), Ok(Form::Json(_))),
            "onbuild" => Node::new(self.arguments, escape)
                .is_ok_and(|trigger| trigger.keyword != "onbuild" && trigger.may_hold_heredocs(escape)),
            _ => false,
        }
    }
}

/// Which form the arguments have.
pub(super) fn form(arguments: Piece<'_>) -> Result<Form, ParseError> {
    let arguments = arguments.from(arguments.text.len() - arguments.text.trim_start().len());
    match Json::parse(arguments.text) {
        Json::No => Ok(Form::Plain),
        Json::Strings(strings) => {
            let range = |inner: std::ops::Range<usize>| {
                arguments.places.range(arguments.at + inner.start..arguments.at + inner.end)
            };
            Ok(Form::Json(strings.into_iter().map(|(value, inner)| Text { value, range: range(inner) }).collect()))
        }
        Json::Other(inner) => {
            let other = arguments.from(inner.start).up_to(inner.len());
            Err(ParseError::new(other.range(), "an array in JSON form may hold only strings")
                .with_help("put it in double quotes"))
        }
    }
}

/// The arguments of a JSON array, or parted by white space.
pub(super) fn list(arguments: Piece<'_>) -> Result<Vec<Text>, ParseError> {
    Ok(match form(arguments)? {
        Form::Json(strings) => strings,
        Form::Plain => split(arguments),
    })
}

/// The words parted by white space, with whatever quotes they have.
pub(super) fn split(arguments: Piece<'_>) -> Vec<Text> {
    let mut words = Vec::new();
    let mut rest = Some(arguments);
    while let Some(piece) = rest.filter(|piece| !piece.is_empty()) {
        let (word, after) = piece.split();
        words.push(word.to_text());
        rest = after;
    }
    words
}

/// The words parted by white space outside of quotes; quotes and escapes stay.
pub(super) fn words(arguments: Piece<'_>, escape: char) -> Vec<Text> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut start = 0;
    let mut in_word = false;
    let mut quote = None;
    let mut chars = arguments.text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if in_word && !word.is_empty() {
                let range = arguments.from(start).up_to(at - start).range();
                words.push(Text { value: std::mem::take(&mut word), range });
            }
            in_word = false;
            continue;
        }
        if !in_word {
            (in_word, start) = (true, at);
        }
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => (),
        }
        if c == escape && quote != Some('\'') {
            // At the very end it escapes nothing and goes.
            let Some((_, escaped)) = chars.next() else { break };
            word.extend([c, escaped]);
        } else {
            word.push(c);
        }
    }
    if in_word && !word.is_empty() {
        words.push(Text { value: word, range: arguments.from(start).range() });
    }
    words
}

/// The `--flags` at the beginning, their quotes and escapes taken away, and what follows them.
fn flags(arguments: Piece<'_>, escape: char) -> Result<(Vec<Text>, Piece<'_>), ParseError> {
    let is_space = |c: char| c.is_ascii() && c.is_whitespace();
    let mut flags = Vec::new();
    let mut rest = arguments;
    loop {
        let start = rest.text.find(|c| !is_space(c)).unwrap_or(rest.text.len());
        rest = rest.from(start);
        if !rest.text.starts_with("--") {
            return Ok((flags, rest));
        }
        let mut flag = String::new();
        let mut quote = None;
        let mut end = rest.text.len();
        let mut chars = rest.text.char_indices();
        while let Some((at, c)) = chars.next() {
            match quote {
                None if is_space(c) => {
                    end = at;
                    break;
                }
                None if matches!(c, '\'' | '"') => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ if c == escape => flag.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => flag.push(c),
            }
        }
        let written = rest.up_to(end);
        rest = rest.from(end);
        if flag == "--" {
            return Ok((flags, rest));
        }
        if !flag.is_ascii() {
            return Err(ParseError::new(written.range(), format!("the flag `{flag}` holds more than ASCII"))
                .with_help(
                    "docker reads flags byte by byte and would take it for something else; write it otherwise",
                ));
        }
        flags.push(Text { value: flag, range: written.range() });
    }
}
