//! One pattern of an ignore file, with docker's meaning.
//!
//! The rules are those of [moby/patternmatcher](https://github.com/moby/patternmatcher), which every docker client
//! uses, oddities included: a pattern is first checked, half-heartedly, by Go's `filepath.Match`, then becomes an
//! exact text, a prefix, a suffix or a regular expression. Where that expression means something nobody intended
//! (`[*]`, `\d`, `a|b*`), it means the same here: a context must hold the files that docker would send.

use std::sync::OnceLock;

use regex::bytes::Regex;

use super::expression;
use super::parts::{Parts, wildcard_matches};

/// A pattern without its `!`.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Vec<u8>,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Exact,
    /// `abc**`: all that begins so.
    Prefix(Vec<u8>),
    /// `**abc`: all that ends so, and for `**/abc` also `abc` itself.
    Suffix(Vec<u8>),
    Expression(Box<Expression>),
}

/// A regular expression, made when it is first needed.
#[derive(Debug)]
struct Expression {
    /// Of patterns that need none, what finds the same sooner, in paths that it can read.
    parts: Option<Parts>,
    /// In Go's notation.
    text: String,
    /// Nothing if it is malformed: docker finds out only when the pattern is first tried.
    regex: OnceLock<Option<Regex>>,
}

impl Expression {
    fn matches(&self, path: &[u8]) -> Result<bool, Reason> {
        if let Some(answer) = self.parts.as_ref().and_then(|parts| parts.matches(path)) {
            return Ok(answer);
        }
        let compile = || expression::translate(&self.text).and_then(|ours| Regex::new(&ours).ok());
        let regex = self.regex.get_or_init(compile).as_ref().ok_or("it is no valid expression")?;
        Ok(match std::str::from_utf8(path) {
            Ok(_) => regex.is_match(path),
            Err(_) => regex.is_match(replace_invalid(path).as_bytes()),
        })
    }
}

/// Why a pattern cannot be used.
pub(super) type Reason = String;

impl Pattern {
    /// Reads a cleaned pattern, or says why it is none.
    pub(super) fn new(text: &[u8]) -> Result<Pattern, Reason> {
        check_syntax(text)?;
        Ok(Pattern { text: text.to_vec(), matcher: Matcher::new(text) })
    }

    /// The same below any directory; nothing if it is so already.
    pub(super) fn anywhere(&self) -> Option<Pattern> {
        if self.text.starts_with(b"**") {
            return None;
        }
        Pattern::new(&[b"**/", &self.text[..]].concat()).ok()
    }

    /// Whether the pattern matches this whole path, relative to the context.
    pub(super) fn matches(&self, path: &[u8]) -> Result<bool, Reason> {
        Ok(match &self.matcher {
            Matcher::Exact => self.text == path,
            Matcher::Prefix(prefix) => path.starts_with(prefix),
            Matcher::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix(b"/").is_some_and(|whole| whole == path)
            }
            Matcher::Expression(expression) => return expression.matches(path),
        })
    }

    /// The text that docker's walk compares with directories: without `/**` and then `/*` at its end.
    fn stem(&self) -> &[u8] {
        let stem = self.text.strip_suffix(b"/**").unwrap_or(&self.text);
        stem.strip_suffix(b"/*").unwrap_or(stem)
    }

    /// Whether docker's walk takes this pattern for a plain path.
    pub(super) fn is_plain_stem(&self) -> bool {
        !self.stem().iter().any(|byte| b"*[]?^\\".contains(byte))
    }

    /// Whether the stem lies in or below `directory`.
    pub(super) fn stem_lies_below(&self, directory: &[u8]) -> bool {
        let stem = self.stem();
        stem == directory || stem.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
    }

    /// Whether the pattern could match a path below the directory `directory`. Errs towards yes.
    ///
    /// Paths that it matches because it matches a parent are not meant: who walks a tree knows those already.
    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        // A class may hold a `/`, an escape may hide one, a `|` parts the whole expression: nothing is certain then.
        if self.text.iter().any(|byte| b"[]\\|{}^".contains(byte)) {
            return true;
        }
        let mut components = self.text.split(|&byte| byte == b'/');
        for part in directory.split(|&byte| byte == b'/') {
            let Some(component) = components.next() else { return false };
            if component.windows(2).any(|pair| pair == b"**") {
                return true;
            }
            // A `?` stands for a character of one to four bytes: nothing is certain then either.
            if !component.contains(&b'?') && !wildcard_matches(component, part) {
                return false;
            }
        }
        components.next().is_some()
    }
}

/// Go reads a byte that is no UTF-8 as U+FFFD, each by itself.
fn replace_invalid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// What `filepath.Match(pattern, ".")` finds wrong with a pattern. It looks at the first piece between stars, and at
/// the second only if the first one matches `.`; what stands later is never looked at.
fn check_syntax(pattern: &[u8]) -> Result<(), Reason> {
    if std::str::from_utf8(pattern).is_err() && pattern.contains(&b'[') {
        return Err("a class in it is not UTF-8".into());
    }
    let text = replace_invalid(pattern);
    let all: Vec<char> = text.chars().collect();
    let mut rest: &[char] = &all;
    for _ in 0..2 {
        while let ['*', after @ ..] = rest {
            rest = after;
        }
        let (chunk, after) = rest.split_at(chunk_length(rest));
        check_chunk(chunk)?;
        if !is_one_dot(chunk) {
            break;
        }
        rest = after;
    }
    Ok(())
}

/// Where the piece before the next `*` outside of a class ends.
fn chunk_length(pattern: &[char]) -> usize {
    let mut in_class = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    at.min(pattern.len())
}

fn check_chunk(mut chunk: &[char]) -> Result<(), Reason> {
    while let [first, rest @ ..] = chunk {
        chunk = match first {
            '[' => class(rest)?.1,
            '\\' => rest.get(1..).ok_or("it ends in a lone `\\`")?,
            _ => rest,
        };
    }
    Ok(())
}

/// Whether the piece is one element that matches `.`.
fn is_one_dot(chunk: &[char]) -> bool {
    match chunk {
        ['.' | '?'] | ['\\', '.'] => true,
        ['[', rest @ ..] => matches!(class(rest), Ok((true, []))),
        _ => false,
    }
}

/// Reads what follows a `[`: whether the class holds `.`, and what follows its `]`.
fn class(chunk: &[char]) -> Result<(bool, &[char]), Reason> {
    let negated = chunk.first() == Some(&'^');
    let mut rest = &chunk[usize::from(negated)..];
    let (mut holds, mut ranges) = (false, 0);
    loop {
        if let [']', after @ ..] = rest
            && ranges > 0
        {
            return Ok((holds != negated, after));
        }
        let (low, after) = class_member(rest)?;
        let (high, after) = match after {
            ['-', after @ ..] => class_member(after)?,
            _ => (low, after),
        };
        holds |= (low..=high).contains(&'.');
        rest = after;
        ranges += 1;
    }
}

fn class_member(class: &[char]) -> Result<(char, &[char]), Reason> {
    let (member, rest) = match class {
        [] | ['\\'] => return Err("its `[` has no `]`".into()),
        ['-' | ']', ..] => return Err("a class in it has a stray `-` or is empty".into()),
        ['\\', member, rest @ ..] | [member, rest @ ..] => (*member, rest),
    };
    if rest.is_empty() { Err("its `[` has no `]`".into()) } else { Ok((member, rest)) }
}

impl Matcher {
    /// Follows `Pattern.compile` of patternmatcher step by step.
    fn new(pattern: &[u8]) -> Matcher {
        #[derive(PartialEq)]
        enum Kind {
            Exact,
            Prefix,
            Suffix,
            Expression,
        }
        let text = replace_invalid(pattern);
        let mut expression = String::from("^");
        let mut kind = Kind::Exact;
        // Go's scanner drops a byte-order mark at the beginning of what it scans.
        let mut chars = text.strip_prefix('\u{feff}').unwrap_or(&text).chars().peekable();
        let mut first = true;
        while let Some(character) = chars.next() {
            match character {
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    chars.next_if_eq(&'/');
                    if chars.peek().is_some() {
                        expression.push_str("(.*/)?");
                        kind = Kind::Expression;
                    } else if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        expression.push_str(".*");
                        kind = Kind::Expression;
                    }
                    if first {
                        kind = Kind::Suffix;
                    }
                }
                '*' => {
                    expression.push_str("[^/]*");
                    kind = Kind::Expression;
                }
                '?' => {
                    expression.push_str("[^/]");
                    kind = Kind::Expression;
                }
                '.' | '+' | '(' | ')' | '$' => expression.extend(['\\', character]),
                '\\' => {
                    expression.push('\\');
                    if let Some(escaped) = chars.next() {
                        expression.push(escaped);
                        kind = Kind::Expression;
                    }
                }
                '[' | ']' => {
                    expression.push(character);
                    kind = Kind::Expression;
                }
                other => expression.push(other),
            }
            first = false;
        }
        match kind {
            Kind::Exact => Matcher::Exact,
            Kind::Prefix => Matcher::Prefix(pattern[..pattern.len() - 2].to_vec()),
            Kind::Suffix => Matcher::Suffix(pattern[2..].to_vec()),
            Kind::Expression => {
                expression.push('$');
                let parts = Parts::new(pattern);
                Matcher::Expression(Box::new(Expression { parts, text: expression, regex: OnceLock::new() }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_answer_as_the_expression_does(
            pattern in "[ab.+(é*/?]{1,8}|(\\*\\*/|\\*|\\?|a|b|/|\\[ab\\]|\\[a-b0\\]|\\[b-a\\]){1,7}",
            path in "[ab.é+(]{1,3}(/[ab.é+(\n]{1,3}){0,3}",
        ) {
            let Ok(pattern) = Pattern::new(pattern.as_bytes()) else { return Ok(()) };
            let Matcher::Expression(with) = &pattern.matcher else { return Ok(()) };
            let without = Expression { parts: None, text: with.text.clone(), regex: OnceLock::new() };
            prop_assert_eq!(with.matches(path.as_bytes()), without.matches(path.as_bytes()), "{}", with.text);
        }
    }
}
