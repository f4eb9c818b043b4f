//! A lock's text, and where in it things stand.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::LockError;

/// The most bytes that a lock may have, with everything that it includes.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// The most characters of a lock that a message repeats at once.
const MOST_SHOWN: usize = 120;

/// How many bytes of a line are counted to tell a column: a lock may be one line with a million places.
const FARTHEST_COLUMN: usize = 4096;

/// A place in a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1; 0 for the whole.
    pub line: usize,
    /// The column in characters, from 1; 0 for the whole line.
    pub column: usize,
}

impl Place {
    /// The whole of a file.
    pub fn whole(file: &Path) -> Place {
        Place { file: file.into(), line: 0, column: 0 }
    }

    /// What is wrong here, and what to do about it.
    pub fn error(&self, what: impl Into<String>, help: impl Into<String>) -> LockError {
        LockError {
            file: self.file.to_path_buf(),
            line: self.line,
            column: self.column,
            what: what.into(),
            help: Some(help.into()).filter(|help: &String| !help.is_empty()),
        }
    }
}

/// A lock's text.
#[derive(Debug)]
pub(super) struct LockText {
    file: Arc<Path>,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl LockText {
    /// Takes the bytes of a file, in UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    ///
    /// If they are no text.
    pub fn new(file: &Path, bytes: Vec<u8>) -> Result<LockText, LockError> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count() + 1;
                let place = Place { line, ..Place::whole(file) };
                return Err(place.error("it is not UTF-8", "save it as UTF-8"));
            }
        };
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Ok(LockText { file: file.into(), text, lines })
    }

    /// Reads a file of at most so many bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be read, has more, or is no text.
    pub fn read(file: &Path, most: u64) -> Result<LockText, LockError> {
        let whole = Place::whole(file);
        let failed = |error: std::io::Error| whole.error(format!("it cannot be read: {error}"), "");
        // What is no file might never end, or never begin.
        if !std::fs::metadata(file).map_err(failed)?.is_file() {
            return Err(whole.error("it is not a file", ""));
        }
        let mut bytes = Vec::new();
        File::open(file).and_then(|open| open.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > most {
            let what = format!("locks have at most {} MiB, with all that they include", MOST_BYTES >> 20);
            return Err(whole.error(what, "is it the right file?"));
        }
        LockText::new(file, bytes)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The place of a byte.
    pub fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= at);
        let begin = line.checked_sub(1).and_then(|before| self.lines.get(before)).copied().unwrap_or(0);
        let before = self.text.get(begin..at).filter(|before| before.len() <= FARTHEST_COLUMN);
        Place { file: self.file.clone(), line, column: before.map_or(0, |before| before.chars().count() + 1) }
    }

    /// The place of a value.
    pub fn of<T>(&self, value: &Spanned<T>) -> Place {
        self.place(value.span().start)
    }

    /// The text as TOML.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn toml(&self) -> Result<Spanned<DeTable<'_>>, LockError> {
        DeTable::parse(&self.text).map_err(|error| self.malformed(&error))
    }

    /// The tables that a lock of this kind has.
    ///
    /// # Errors
    ///
    /// If one is missing, or holds what it cannot.
    pub fn tables<'de, T: Deserialize<'de>>(&self, table: Spanned<DeTable<'de>>) -> Result<T, LockError> {
        T::deserialize(Deserializer::from(table)).map_err(|error| self.malformed(&error))
    }

    fn malformed(&self, error: &toml::de::Error) -> LockError {
        let place = self.place(error.span().unwrap_or(0..0).start);
        // The parser speaks of Rust's types; locks are TOML.
        let message = error.message().trim_end().replace("expected a sequence", "expected an array");
        let message =
            message.replace("expected a map", "expected a table").replace("expected i64", "expected an integer");
        place.error(shown(&message), "write the lock anew with the tool that made it")
    }
}

/// A text of a lock as messages repeat it: in one line, and not longer than a line.
pub(super) fn shown(text: &str) -> String {
    let one_line = |c: char| if c.is_control() || turns(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(MOST_SHOWN).map(one_line).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character ends the line or turns the direction of the text after it.
pub(super) fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Several names in a sentence.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const MOST: usize = 20;
    let names: Vec<&str> = names.into_iter().collect();
    let mut listed: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", shown(name))).collect();
    if names.len() > MOST {
        listed.push(format!("{} more", names.len() - MOST));
    }
    match listed.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
