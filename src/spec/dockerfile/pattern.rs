//! The shell's patterns in `${name#pattern}` and `${name/pattern/replacement}`: `*` and `?`, no classes.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::expand::{ExpandError, without_mark};

/// How much matching one text may ask for: the sum over its patterns of pattern length times value length, and as much
/// as 64 bytes of value for each pattern by itself.
pub const MATCHING_LIMIT: usize = 1 << 22;

/// What making a pattern ready costs, in bytes of value matched.
const PREPARATION: usize = 64;

/// Matches until it has done enough.
pub(super) struct Matcher {
    left: usize,
}

impl Matcher {
    pub fn new() -> Matcher {
        Matcher { left: MATCHING_LIMIT }
    }

    fn prepare(&mut self, pattern: &str, value: &str, greedy: bool, anchored: bool) -> Result<Regex, ExpandError> {
        let cost = pattern.len().saturating_mul(value.len().saturating_add(PREPARATION));
        self.left = self.left.checked_sub(cost).ok_or(ExpandError::TooMuchMatching)?;
        let expression = to_regex(pattern, greedy, anchored)?;
        RegexBuilder::new(&expression).build().map_err(|_| ExpandError::TooMuchMatching)
    }

    /// The value without its shortest, or if greedy longest, beginning that matches.
    pub fn trim_start(&mut self, pattern: &str, value: &str, greedy: bool) -> Result<String, ExpandError> {
        let regex = self.prepare(pattern, value, greedy, true)?;
        let end = regex.find(value).map_or(0, |found| found.end());
        Ok(value.get(end..).unwrap_or_default().to_owned())
    }

    /// The value with its first, or every, longest match replaced. More than `limit` bytes are an error.
    pub fn replace(
        &mut self,
        pattern: &str,
        value: &str,
        replacement: &str,
        all: bool,
        limit: usize,
    ) -> Result<String, ExpandError> {
        let regex = self.prepare(pattern, value, true, false)?;
        let mut result = String::new();
        let mut end = 0;
        for found in regex.find_iter(value).take(if all { usize::MAX } else { 1 }) {
            result.push_str(value.get(end..found.start()).unwrap_or_default());
            if all {
                push_template(&mut result, replacement, found.as_str(), limit);
            } else {
                result.push_str(replacement);
            }
            if result.len() > limit {
                return Err(ExpandError::TooLarge);
            }
            end = found.end();
        }
        result.push_str(value.get(end..).unwrap_or_default());
        Ok(result)
    }
}

/// Appends a replacement as Go's `ReplaceAllString` does: `$0` in it is the match, other `$name` are nothing.
/// Stops early when the result is past `limit`.
fn push_template(result: &mut String, template: &str, found: &str, limit: usize) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$').filter(|_| result.len() <= limit) {
        result.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((name, after)) = template_name(rest) {
            if name == "0" {
                result.push_str(found);
            }
            rest = after;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
}

/// The name after a `$`, and what follows it.
fn template_name(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let text = braced.unwrap_or(text);
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    match braced {
        Some(_) => Some((name, rest.strip_prefix('}')?)),
        None => Some((name, rest)),
    }
}

fn to_regex(pattern: &str, greedy: bool, anchored: bool) -> Result<String, ExpandError> {
    let mut expression = if anchored { "^".to_owned() } else { String::new() };
    let mut chars = without_mark(pattern).chars().peekable();
    while let Some(c) = chars.next() {
        let literal = match c {
            '*' => {
                expression.push_str(if greedy { ".*" } else { ".*?" });
                continue;
            }
            '?' => {
                expression.push('.');
                continue;
            }
            // These end the pattern unless escaped; the escape is not part of it.
            '\\' if matches!(chars.peek(), Some('}' | '/')) => continue,
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '?' | '\\')) => escaped,
                Some(other) => return Err(invalid(pattern, &format!("`\\{other}` escapes nothing"))),
                None => return Err(invalid(pattern, "it ends in `\\`")),
            },
            other => other,
        };
        let mut bytes = [0; 4];
        expression.push_str(&regex::escape(literal.encode_utf8(&mut bytes)));
    }
    Ok(expression)
}

fn invalid(pattern: &str, why: &str) -> ExpandError {
    ExpandError::Syntax(format!("the pattern `{pattern}` is malformed: {why}"))
}

/// The pattern for a value read from behind; what is escaped stays so.
pub(super) fn reversed(pattern: &str) -> String {
    let mut result = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (escape, Some(escaped)) => result.extend([escaped, escape]),
            (c, None) => result.push(c),
        }
    }
    result.iter().rev().collect()
}

/// Whether Go takes it for a digit: Unicode's decimal numbers.
pub(super) fn is_digit(c: char) -> bool {
    static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}").ok());
    c.is_ascii_digit() || (!c.is_ascii() && is_match(&DIGIT, c))
}

/// Whether Go lets it into a name: `_`, and Unicode's letters and decimal numbers.
pub(super) fn is_name(c: char) -> bool {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}]").ok());
    c == '_' || c.is_ascii_alphanumeric() || (!c.is_ascii() && is_match(&NAME, c))
}

fn is_match(class: &LazyLock<Option<Regex>>, c: char) -> bool {
    class.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}
