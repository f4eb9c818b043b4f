//! Lines: what pip takes for one, continuations joined and comments left out.

use super::super::LockError;
use super::super::text::{LockText, Place, turns};

/// A logical line.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    /// For each piece of it, where it begins here and in the file.
    pieces: Vec<(usize, usize)>,
}

/// A word of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// The word, quotes taken off.
    pub text: String,
    /// Where it begins in the line.
    pub at: usize,
}

impl Line {
    /// The line, without white space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place in the file of a byte of the line.
    pub fn place(&self, text: &LockText, at: usize) -> Place {
        let piece = self.pieces.partition_point(|(begin, _)| *begin <= at).checked_sub(1);
        let (begin, in_file) = piece.and_then(|piece| self.pieces.get(piece)).copied().unwrap_or((0, 0));
        text.place(in_file + (at - begin))
    }

    /// Where the options of a requirement begin: at the first word with a `-` before it; else the line's end.
    pub fn options_at(&self) -> usize {
        let mut before_is_space = true;
        for (at, c) in self.text.char_indices() {
            if before_is_space && c == '-' {
                return at;
            }
            before_is_space = c.is_whitespace();
        }
        self.text.len()
    }

    /// The words from a byte on, as a shell would take them apart.
    ///
    /// # Errors
    ///
    /// If a quote is not closed.
    pub fn words(&self, text: &LockText, from: usize) -> Result<Vec<Word>, LockError> {
        let mut words = Vec::new();
        let mut word: Option<Word> = None;
        let mut quote: Option<(char, usize)> = None;
        let rest = self.text.get(from..).unwrap_or_default();
        for (at, c) in rest.char_indices() {
            let at = from + at;
            match quote {
                Some((open, _)) if c == open => quote = None,
                None if c.is_whitespace() => words.extend(word.take()),
                quoted => {
                    let word = word.get_or_insert_with(|| Word { text: String::new(), at });
                    match quoted.is_none() && matches!(c, '"' | '\'') {
                        true => quote = Some((c, at)),
                        false => word.text.push(c),
                    }
                }
            }
        }
        words.extend(word);
        match quote {
            None => Ok(words),
            Some((open, at)) => Err(self.place(text, at).error(format!("the quote {open} is not closed"), "close it")),
        }
    }
}

/// The logical lines of a file that say something.
///
/// # Errors
///
/// If there is a character that some programs take for a line's end and others do not: two readers would see two files.
pub(super) fn logical(text: &LockText) -> Result<Vec<Line>, LockError> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    let mut begin = 0;
    for physical in text.text().split_inclusive('\n') {
        let at = begin;
        begin += physical.len();
        let content = physical.strip_suffix('\n').unwrap_or(physical);
        let content = content.strip_suffix('\r').unwrap_or(content);
        let strange = |c: char| (c.is_control() && c != '\t') || turns(c);
        if let Some((place, c)) = content.char_indices().find(|(_, c)| strange(*c)) {
            let what = format!("the character U+{:04X} has no place in a file of requirements", u32::from(c));
            return Err(text.place(at + place).error(what, "take it out"));
        }
        let is_comment = content.trim_start().starts_with('#');
        let continued = content.strip_suffix('\\').filter(|_| !is_comment);
        let piece = match continued {
            // However many there are, pip takes them all.
            Some(continued) => continued.trim_end_matches('\\'),
            None => without_comment(content),
        };
        let line = open.get_or_insert_with(|| Line { text: String::new(), pieces: Vec::new() });
        line.pieces.push((line.text.len(), at));
        line.text.push_str(piece);
        if continued.is_none() {
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    Ok(lines.into_iter().filter_map(trimmed).collect())
}

/// A line up to its comment: a `#` at the beginning or after white space.
fn without_comment(content: &str) -> &str {
    let mut before_is_space = true;
    for (at, c) in content.char_indices() {
        if before_is_space && c == '#' {
            return content.get(..at).unwrap_or_default();
        }
        before_is_space = c.is_whitespace();
    }
    content
}

/// The line without white space around it; none if nothing is left.
fn trimmed(line: Line) -> Option<Line> {
    // A comment may also begin where two pieces meet.
    let text = without_comment(&line.text);
    let before = text.len() - text.trim_start().len();
    let text = text.trim().to_owned();
    if text.is_empty() {
        return None;
    }
    let mut pieces = line.pieces;
    for (begin, in_file) in &mut pieces {
        *in_file += before.saturating_sub(*begin);
        *begin = begin.saturating_sub(before);
    }
    Some(Line { text, pieces })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn text(file: &str) -> LockText {
        LockText::new(Path::new("a.txt"), file.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn lines_are_those_of_pip() {
        // Recorded from pip's own `preprocess`.
        let table: [(&str, &[&str]); 12] = [
            ("a\nb\n", &["a", "b"]),
            ("a \\\n b\n", &["a  b"]),
            ("a \\\r\n b\r\n", &["a  b"]),
            ("a # b\n", &["a"]),
            ("a#b\n", &["a#b"]),
            ("# a \\\nb\n", &["b"]),
            ("a \\\n# b\nc\n", &["a", "c"]),
            ("a # b \\\nc\nd\n", &["a", "d"]),
            ("a\\\n#b\nc", &["a", "c"]),
            ("a \\\n\nb\n", &["a", "b"]),
            ("a\\", &["a"]),
            (" \\\n  a \n\t\n", &["a"]),
        ];
        for (file, expected) in table {
            let lines = logical(&text(file)).unwrap();
            let lines: Vec<&str> = lines.iter().map(Line::text).collect();
            assert_eq!(lines, expected, "{file:?}");
        }
    }

    proptest! {
        /// Words lie where their places say.
        #[test]
        fn words_lie_at_their_places(
            words in prop::collection::vec(("[a-z]{1,5}", "( |\t| \\\\\n|  \\\\\r\n )"), 1..8),
        ) {
            let file: String = words.iter().flat_map(|(word, space)| [word.as_str(), space.as_str()]).collect();
            let text = text(&file);
            let mut at = 0;
            let mut expected = Vec::new();
            for (word, space) in &words {
                expected.push((word.clone(), text.place(at)));
                at += word.len() + space.len();
            }
            let mut found = Vec::new();
            for line in logical(&text).unwrap() {
                let words = line.words(&text, 0).unwrap();
                found.extend(words.into_iter().map(|word| (word.text, line.place(&text, word.at))));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
