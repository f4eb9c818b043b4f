//! The JSON form of arguments: an array of strings in double quotes.

use std::ops::Range;

/// How deep arrays and objects may lie in each other: what Go's decoder takes.
const NESTING_LIMIT: usize = 10_000;

/// What a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// No JSON array; then it is the shell form.
    No,
    /// An array of strings, with the bytes of each.
    Strings(Vec<(String, Range<usize>)>),
    /// An array that holds something else, at these bytes.
    Other(Range<usize>),
}

impl Json {
    /// Reads it as Go's decoder does.
    pub fn parse(text: &str) -> Json {
        Reader { text, at: 0 }.array().unwrap_or(Json::No)
    }
}

/// Every step answers `None` where the text is no JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.at += 1;
        }
        next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn skip_digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn array(&mut self) -> Option<Json> {
        let mut strings = Vec::new();
        let mut other = None;
        if !self.take(b'[') {
            return None;
        }
        self.skip_blanks();
        let mut more = !self.take(b']');
        while more {
            self.skip_blanks();
            let start = self.at;
            if self.peek() == Some(b'"') {
                let string = self.string()?;
                strings.push((string, start..self.at));
            } else {
                self.value()?;
                other = other.or(Some(start..self.at));
            }
            self.skip_blanks();
            more = self.take(b',');
            if !more && !self.take(b']') {
                return None;
            }
        }
        self.skip_blanks();
        if self.at < self.text.len() {
            return None;
        }
        Some(other.map_or(Json::Strings(strings), Json::Other))
    }

    /// Passes a value of any kind, without recursion.
    fn value(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek()? {
                opening @ (b'[' | b'{') => {
                    // This one, and the array around everything.
                    if open.len() + 2 > NESTING_LIMIT {
                        return None;
                    }
                    self.at += 1;
                    self.skip_blanks();
                    let closing = if opening == b'[' { b']' } else { b'}' };
                    if !self.take(closing) {
                        if closing == b'}' {
                            self.key()?;
                        }
                        open.push(closing);
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number()?,
            }
            loop {
                let Some(&closing) = open.last() else { return Some(()) };
                self.skip_blanks();
                if self.take(b',') {
                    if closing == b'}' {
                        self.skip_blanks();
                        self.key()?;
                    }
                    break;
                }
                if !self.take(closing) {
                    return None;
                }
                open.pop();
            }
        }
    }

    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.skip_blanks();
        self.take(b':').then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let end = self.at + word.len();
        let found = self.text.get(self.at..end) == Some(word);
        self.at = end;
        found.then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.skip_digits()?;
        }
        if self.take(b'.') {
            self.skip_digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.skip_digits()?;
        }
        // Beyond what a float can be, Go has no value for it and the whole is no JSON.
        let number: f64 = self.text.get(start..self.at)?.parse().ok()?;
        number.is_finite().then_some(())
    }

    fn string(&mut self) -> Option<String> {
        if !self.take(b'"') {
            return None;
        }
        let mut string = String::new();
        loop {
            let rest = self.text.get(self.at..)?;
            let end = rest.find(|c: char| matches!(c, '"' | '\\') || c < ' ')?;
            string.push_str(rest.get(..end)?);
            self.at += end;
            if self.take(b'"') {
                return Some(string);
            }
            if !self.take(b'\\') {
                return None;
            }
            string.push(self.escaped()?);
        }
    }

    /// What follows a `\`.
    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                let after_first = self.at;
                let second = if (0xd800..0xdc00).contains(&first) && self.take(b'\\') && self.take(b'u') {
                    self.four_digits()
                } else {
                    None
                };
                let units = [first, second.unwrap_or_default()];
                match char::decode_utf16(units).next() {
                    Some(Ok(c)) if second.is_some() || !(0xd800..0xe000).contains(&first) => c,
                    // Half a pair: Go puts the replacement character, and reads what follows by itself.
                    _ => {
                        self.at = after_first;
                        char::REPLACEMENT_CHARACTER
                    }
                }
            }
            _ => return None,
        })
    }

    fn four_digits(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}
