use std::fmt;
use std::ops::{Deref, Range};

/// A piece of a Dockerfile as written, and where it stands.
///
/// Two are equal if they read the same, wherever they stand.
#[derive(Debug, Clone, Default, Eq)]
pub struct Text {
    /// What it says, continuations joined.
    pub value: String,
    /// Its bytes in the file, from its first to its last.
    pub range: Range<usize>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.value == other.value
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.value == other
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// Which bytes of the file a joined line's bytes are.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// Where in the line a stretch begins, and where in the file. Ascending; the first begins at 0.
    stretches: Vec<(usize, usize)>,
}

impl Places {
    /// From here on, the line's bytes are the file's from `file`.
    pub fn mark(&mut self, line: usize, file: usize) {
        self.stretches.push((line, file));
    }

    fn place(&self, offset: usize) -> usize {
        let after = self.stretches.partition_point(|(line, _)| *line <= offset);
        match after.checked_sub(1).and_then(|index| self.stretches.get(index)) {
            Some((line, file)) => file + (offset - line),
            None => offset,
        }
    }

    /// The file's bytes from the first to the last of these.
    pub fn range(&self, line: Range<usize>) -> Range<usize> {
        let start = self.place(line.start);
        if line.is_empty() { start..start } else { start..self.place(line.end - 1) + 1 }
    }
}

/// A part of a joined line that knows where in it it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    /// Its first byte in the line.
    pub at: usize,
    pub places: &'a Places,
}

impl<'a> Piece<'a> {
    pub fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// Everything from the byte `offset`, which must be where a character begins.
    pub fn from(self, offset: usize) -> Piece<'a> {
        Piece { text: self.text.get(offset..).unwrap_or_default(), at: self.at + offset, ..self }
    }

    pub fn up_to(self, offset: usize) -> Piece<'a> {
        Piece { text: self.text.get(..offset).unwrap_or(self.text), ..self }
    }

    pub fn trim(self) -> Piece<'a> {
        let trimmed = self.text.trim_start();
        let start = self.text.len() - trimmed.len();
        Piece { text: trimmed.trim_end(), at: self.at + start, ..self }
    }

    /// What is before the first run of [white space](is_blank), and what after it if there is one.
    pub fn split(self) -> (Piece<'a>, Option<Piece<'a>>) {
        match self.text.find(is_blank) {
            None => (self, None),
            Some(end) => {
                let rest = self.from(end);
                let blanks = rest.text.find(|c| !is_blank(c)).unwrap_or(rest.text.len());
                (self.up_to(end), Some(rest.from(blanks)))
            }
        }
    }

    pub fn range(self) -> Range<usize> {
        self.places.range(self.at..self.at + self.text.len())
    }

    pub fn to_text(self) -> Text {
        Text { value: self.text.to_owned(), range: self.range() }
    }
}

/// The white space that parts an instruction's words: narrower than Unicode's.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// Lower case, one character for one as Go does it.
pub(super) fn lowercase(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// Upper case, one character for one.
pub(super) fn uppercase(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}
