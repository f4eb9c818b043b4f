//! From a Dockerfile's text to its instructions.

use super::error::ParseError;
use super::expand::ExpandError;
use super::heredoc::{self, Sign};
use super::instruction::{Dockerfile, Heredoc, Instruction, Line};
use super::interpret::interpret;
use super::lines::{FILE_LIMIT, Joined, LINE_LIMIT, Lines};
use super::node::Node;
use super::text::{Piece, is_blank};

/// How many mistakes are told at once.
pub const ERROR_LIMIT: usize = 100;

/// Reads a Dockerfile.
///
/// # Errors
///
/// Every mistake that docker would refuse it for, in the file's order; after [`ERROR_LIMIT`] of them it stops.
pub fn parse(text: &str) -> Result<Dockerfile, Vec<ParseError>> {
    let (dockerfile, errors) = parse_what_can_be(text);
    if errors.is_empty() { Ok(dockerfile) } else { Err(errors) }
}

/// The instructions that can be read, and the mistakes in the others.
pub(super) fn parse_what_can_be(text: &str) -> (Dockerfile, Vec<ParseError>) {
    let mut errors = too_long(text);
    if text.len() > FILE_LIMIT || errors.len() >= ERROR_LIMIT {
        return (Dockerfile { escape: '\\', instructions: Vec::new() }, errors);
    }
    let mut lines = Lines::new(text);
    let mut instructions = Vec::new();
    let mut stage_begun = false;
    while errors.len() < ERROR_LIMIT {
        let joined = match lines.next() {
            Ok(Some(joined)) => joined,
            Ok(None) => break,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let before_stage = !stage_begun;
        let parsed = read(&joined, &mut lines, |keyword| stage_begun |= keyword == "from");
        match parsed {
            Err(error) => errors.push(error),
            Ok(line) => {
                if before_stage && !matches!(line.instruction, Instruction::From { .. } | Instruction::Arg(_)) {
                    let name = line.instruction.name();
                    errors.push(
                        ParseError::new(line.range.clone(), format!("`{name}` stands before the first `FROM`"))
                            .with_help("begin with `FROM`; only `ARG` may stand before it"),
                    );
                    // Said once, it need not be said of all the others.
                    stage_begun = true;
                }
                instructions.push(line);
            }
        }
    }
    if errors.is_empty() && !stage_begun {
        errors.push(ParseError::new(0..0, "there is no `FROM`, so no stage and no image"));
    }
    errors.sort_by_key(|error| error.range.start);
    (Dockerfile { escape: lines.escape, instructions }, errors)
}

/// Reads an instruction that an image's config holds for images built on it, written by ONBUILD.
///
/// Its escape character is `\`, whatever the Dockerfile's was that it comes from.
///
/// # Errors
///
/// What docker would refuse it for; ranges are those of `text`.
pub fn parse_trigger(text: &str) -> Result<Line, ParseError> {
    if let Some(error) = too_long(text).into_iter().next() {
        return Err(error);
    }
    let mut lines = Lines::new(text);
    let one = || ParseError::new(0..text.len(), "a trigger of `ONBUILD` is one instruction");
    let joined = lines.next()?.ok_or_else(one)?;
    let line = read(&joined, &mut lines, |_| ())?;
    if lines.next()?.is_some() {
        return Err(one());
    }
    if let Instruction::From { .. } = line.instruction {
        return Err(ParseError::new(line.range, "`FROM` cannot be a trigger of `ONBUILD`"));
    }
    Ok(line)
}

/// The lines that are too long, or the file if it is.
fn too_long(text: &str) -> Vec<ParseError> {
    if text.len() > FILE_LIMIT {
        return vec![ParseError::new(0..0, format!("a Dockerfile may hold {FILE_LIMIT} bytes at most"))];
    }
    let mut start = 0;
    let mut errors = Vec::new();
    for line in text.split_inclusive('\n') {
        let length = line.strip_suffix('\n').unwrap_or(line).len();
        if length > LINE_LIMIT && errors.len() < ERROR_LIMIT {
            let message = format!("a line may hold {LINE_LIMIT} bytes at most");
            errors
                .push(ParseError::new(start..start + length, message).with_help("break it with the escape character"));
        }
        start += line.len();
    }
    errors
}

/// Reads an instruction with its heredocs, telling its keyword in lower case first.
fn read(joined: &Joined, lines: &mut Lines<'_>, mut keyword: impl FnMut(&str)) -> Result<Line, ParseError> {
    let line = Piece { text: &joined.line, at: 0, places: &joined.places };
    let node = match Node::new(line, lines.escape) {
        Ok(node) => node,
        Err(error) => {
            // Still to be passed, or their lines would be taken for instructions.
            if let Ok(signs) = heredoc::signs(&joined.line) {
                for sign in signs {
                    lines.heredoc(&sign.name, sign.chomp);
                }
            }
            return Err(error);
        }
    };
    keyword(&node.keyword);
    let mut heredocs = Vec::new();
    if joined.line.contains("<<") && node.may_hold_heredocs(lines.escape) {
        let refuse = |error: ExpandError| ParseError::new(joined.range.clone(), error.to_string());
        for Sign { name, expand, chomp } in heredoc::signs(&joined.line).map_err(refuse)? {
            let Some((range, content)) = lines.heredoc(&name, chomp) else {
                return Err(ParseError::new(joined.range.clone(), format!("the heredoc `{name}` does not end"))
                    .with_help(format!("put a line that holds only `{name}` after its text")));
            };
            heredocs.push(Heredoc { name, content: content.into(), expand, chomp, range });
        }
    }
    Ok(Line {
        instruction: interpret(&node, line, lines.escape, heredocs)?,
        text: joined.line.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
        range: joined.range.clone(),
    })
}
