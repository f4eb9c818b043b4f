//! Variables and quotes, as BuildKit's shell lexer has them.

use std::collections::BTreeMap;
use std::str::Chars;

use super::pattern::{self, Matcher};

/// How deep `${a:-${b:-…}}` may go.
pub const NESTING_LIMIT: usize = 100;

/// The most bytes that the variables of one text may bring, also those that do not reach the result.
pub const EXPANSION_LIMIT: usize = 1 << 20;

/// Where variables get their values.
pub trait Environment {
    /// The variable's value, or `None` if it is unset.
    fn get(&self, name: &str) -> Option<&str>;
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        BTreeMap::get(self, name).map(String::as_str)
    }
}

/// No variable is set.
impl Environment for () {
    fn get(&self, _: &str) -> Option<&str> {
        None
    }
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// It is not well-formed.
    #[error("{0}")]
    Syntax(String),
    /// `${name?}` or `${name:?}` without a value.
    #[error("`{name}`: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the text says about it.
        message: String,
    },
    /// Beyond [`NESTING_LIMIT`].
    #[error("variables are nested more than {NESTING_LIMIT} deep")]
    TooDeep,
    /// Beyond [`EXPANSION_LIMIT`].
    #[error("the variables bring more than {EXPANSION_LIMIT} bytes")]
    TooLarge,
    /// Beyond [`MATCHING_LIMIT`](super::MATCHING_LIMIT).
    #[error("the patterns and the values that they are held against are too long")]
    TooMuchMatching,
}

impl ExpandError {
    /// Whether it is only a limit that was reached.
    pub fn is_limit(&self) -> bool {
        matches!(self, ExpandError::TooDeep | ExpandError::TooLarge | ExpandError::TooMuchMatching)
    }
}

/// A word with its variables replaced and its quotes and escapes taken away.
///
/// ```
/// use std::collections::BTreeMap;
/// use tarsia::spec::dockerfile::expand;
///
/// let env = BTreeMap::from([("VERSION".to_owned(), "v1.2".to_owned())]);
/// assert_eq!(expand(r#""a b"/${VERSION#v}/${UNSET:-x}"#, '\\', &env).unwrap(), "a b/1.2/x");
/// ```
///
/// # Errors
///
/// What BuildKit refuses, and what passes the limits.
pub fn expand(word: &str, escape: char, env: &dyn Environment) -> Result<String, ExpandError> {
    Lexer::new(escape).word(word, env)
}

/// The same, split at white space outside of quotes: what EXPOSE does.
pub fn expand_words(word: &str, escape: char, env: &dyn Environment) -> Result<Vec<String>, ExpandError> {
    Lexer::new(escape).words(word, env)
}

/// A heredoc's body with its variables replaced: quotes stay, and `\` is the escape whatever the file says.
pub fn expand_raw(body: &str, env: &dyn Environment) -> Result<String, ExpandError> {
    Lexer { skip_quotes: true, ..Lexer::new('\\') }.word(body, env)
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lexer {
    /// What takes the meaning from a character.
    pub escape: char,
    /// Quotes are obeyed, but stay.
    pub raw_quotes: bool,
    /// Escapes are obeyed, but stay.
    pub raw_escapes: bool,
    /// Quotes mean nothing.
    pub skip_quotes: bool,
    /// Variables that are unset stay as written.
    pub skip_unset: bool,
}

impl Lexer {
    /// Takes quotes and escapes away and makes nothing of what is unset.
    pub const fn new(escape: char) -> Lexer {
        Lexer { escape, raw_quotes: false, raw_escapes: false, skip_quotes: false, skip_unset: false }
    }

    /// The text expanded.
    pub fn word(self, text: &str, env: &dyn Environment) -> Result<String, ExpandError> {
        Ok(self.run(text, env)?.0)
    }

    /// The text expanded and split at white space outside of quotes.
    pub fn words(self, text: &str, env: &dyn Environment) -> Result<Vec<String>, ExpandError> {
        Ok(self.run(text, env)?.1)
    }

    fn run(self, text: &str, env: &dyn Environment) -> Result<(String, Vec<String>), ExpandError> {
        Expansion {
            lexer: self,
            env,
            rest: without_mark(text).chars(),
            raw_escapes: self.raw_escapes,
            word: String::new(),
            depth: 0,
            bytes: EXPANSION_LIMIT,
            matcher: Matcher::new(),
        }
        .up_to(None, self.raw_escapes)
    }
}

/// The scanner beneath BuildKit's lexer skips a byte-order mark wherever it begins.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn syntax<T>(message: impl Into<String>) -> Result<T, ExpandError> {
    Err(ExpandError::Syntax(message.into()))
}

fn no_modifier<T>(name: &str, colon: &str, modifier: char) -> Result<T, ExpandError> {
    syntax(format!("`{colon}{modifier}` is no modifier in `${{{name}…}}`"))
}

/// The words found so far; the one being built is [`Expansion::word`].
#[derive(Default)]
struct Words {
    words: Vec<String>,
    in_word: bool,
}

impl Words {
    fn finish(mut self, word: &mut String) -> Vec<String> {
        if !word.is_empty() {
            self.words.push(std::mem::take(word));
        }
        self.words
    }

    fn add(&mut self, c: char, word: &mut String) {
        if !c.is_whitespace() {
            self.add_raw(c, word);
        } else if self.in_word && !word.is_empty() {
            self.words.push(std::mem::take(word));
            self.in_word = false;
        }
    }

    fn add_raw(&mut self, c: char, word: &mut String) {
        word.push(c);
        self.in_word = true;
    }
}

struct Expansion<'a> {
    lexer: Lexer,
    env: &'a dyn Environment,
    rest: Chars<'a>,
    raw_escapes: bool,
    /// The word being built. A nested text uses it too and empties it: `80${x:-90}` is the one word `90`. That is a
    /// slip of BuildKit's, which what it builds depends on.
    word: String,
    depth: usize,
    /// How many more bytes variables may bring.
    bytes: usize,
    matcher: Matcher,
}

impl<'a> Expansion<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    fn next_if(&mut self, c: char) -> bool {
        let next = self.peek() == Some(c);
        if next {
            self.next();
        }
        next
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ExpandError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(ExpandError::TooLarge)?;
        Ok(())
    }

    /// Everything up to `stop`, which is consumed, or to the end if there is none.
    fn up_to(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>), ExpandError> {
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let result = self.text_up_to(stop);
        self.raw_escapes = outer;
        result
    }

    fn text_up_to(&mut self, stop: Option<char>) -> Result<(String, Vec<String>), ExpandError> {
        let mut result = String::new();
        let mut words = Words::default();
        self.word.clear();
        while let Some(c) = self.peek() {
            if stop == Some(c) {
                self.next();
                return Ok((result, words.finish(&mut self.word)));
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|c| words.add(c, &mut self.word));
                    result.push_str(&value);
                }
                '<' => {
                    self.next();
                    let sign = self.heredoc_sign();
                    words.in_word = true;
                    self.word.push_str(&sign);
                    result.push_str(&sign);
                }
                '\'' | '"' if !self.lexer.skip_quotes => {
                    let quoted = if c == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    words.in_word = true;
                    self.word.push_str(&quoted);
                    result.push_str(&quoted);
                }
                _ => {
                    self.next();
                    if c != self.lexer.escape {
                        words.add(c, &mut self.word);
                        result.push(c);
                        continue;
                    }
                    if self.raw_escapes {
                        words.add_raw(c, &mut self.word);
                        result.push(c);
                    }
                    let Some(escaped) = self.next() else { break };
                    words.add_raw(escaped, &mut self.word);
                    result.push(escaped);
                }
            }
        }
        match stop {
            Some(stop) => syntax(format!("the text ends without a `{stop}`")),
            None => Ok((result, words.finish(&mut self.word))),
        }
    }

    /// What follows a `<` that may open a heredoc's delimiter: the white space after `<<` belongs to the word.
    fn heredoc_sign(&mut self) -> String {
        let mut sign = "<".to_owned();
        if self.next_if('<') {
            sign.push('<');
            while let Some(blank @ ('\t' | '\r' | ' ')) = self.peek() {
                self.next();
                sign.push(blank);
            }
        }
        sign
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        let mut result = String::new();
        let quote = self.next();
        result.extend(quote.filter(|_| self.lexer.raw_quotes));
        loop {
            match self.next() {
                None => return syntax("a single quote is not closed"),
                Some('\'') => break,
                Some(c) => result.push(c),
            }
        }
        result.extend(quote.filter(|_| self.lexer.raw_quotes));
        Ok(result)
    }

    fn double_quoted(&mut self) -> Result<String, ExpandError> {
        let mut result = String::new();
        let quote = self.next();
        result.extend(quote.filter(|_| self.lexer.raw_quotes));
        loop {
            match self.peek() {
                None => return syntax("a double quote is not closed"),
                Some('"') => break,
                Some('$') => result.push_str(&self.dollar()?),
                Some(mut c) => {
                    self.next();
                    if c == self.lexer.escape {
                        if self.raw_escapes {
                            result.push(c);
                        }
                        match self.peek() {
                            None => continue,
                            Some(next) if next == '"' || next == '$' || next == self.lexer.escape => {
                                self.next();
                                c = next;
                            }
                            Some(_) => (),
                        }
                    }
                    result.push(c);
                }
            }
        }
        self.next();
        result.extend(quote.filter(|_| self.lexer.raw_quotes));
        Ok(result)
    }

    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.next();
        if self.next_if('{') {
            if self.depth == NESTING_LIMIT {
                return Err(ExpandError::TooDeep);
            }
            self.depth += 1;
            let value = self.braced()?;
            self.depth -= 1;
            return Ok(value);
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        match self.value(&name)? {
            None if self.lexer.skip_unset => Ok(format!("${name}")),
            value => Ok(value.unwrap_or_default().to_owned()),
        }
    }

    /// What follows `${`.
    fn braced(&mut self) -> Result<String, ExpandError> {
        match self.peek() {
            None => return syntax("`${` has no `}`"),
            Some('{' | '}' | ':') => return syntax("`${` is not followed by a variable's name"),
            Some(_) => (),
        }
        let name = self.name();
        match self.next() {
            None => syntax("`${` has no `}`"),
            Some('}') => match self.value(&name)? {
                None if self.lexer.skip_unset => Ok(format!("${{{name}}}")),
                value => Ok(value.unwrap_or_default().to_owned()),
            },
            Some(':') => match self.next() {
                Some(modifier @ ('#' | '%')) => no_modifier(&name, ":", modifier),
                Some(modifier) => self.modified(&name, modifier, true),
                None => syntax("`${` has no `}`"),
            },
            Some(modifier @ ('-' | '+' | '?')) => self.modified(&name, modifier, false),
            Some(end @ ('#' | '%')) => self.trimmed(&name, end),
            Some('/') => self.replaced(&name),
            Some(modifier) => no_modifier(&name, "", modifier),
        }
    }

    /// `${name-word}`, `+` and `?`, which with a colon take what is empty for unset. Whether it is one of these comes
    /// last: what is left as written may be anything.
    fn modified(&mut self, name: &str, modifier: char, colon: bool) -> Result<String, ExpandError> {
        let (word, _) = self.up_to(Some('}'), false)?;
        let value = self.value(name)?;
        let written_colon = if colon { ":" } else { "" };
        if value.is_none() && self.lexer.skip_unset {
            return Ok(format!("${{{name}{written_colon}{modifier}{word}}}"));
        }
        let has_value = value.is_some_and(|value| !colon || !value.is_empty());
        let value = value.unwrap_or_default();
        match modifier {
            '+' if has_value => Ok(word),
            '+' => Ok(String::new()),
            '-' | '?' if has_value => Ok(value.to_owned()),
            '-' => Ok(word),
            '?' => {
                let message = match &word[..] {
                    "" if colon => "it has no value, or an empty one",
                    "" => "it has no value",
                    word => word,
                };
                Err(ExpandError::Required { name: name.to_owned(), message: message.to_owned() })
            }
            _ => no_modifier(name, written_colon, modifier),
        }
    }

    /// `${name#pattern}`, `##`, `%` and `%%`.
    fn trimmed(&mut self, name: &str, end: char) -> Result<String, ExpandError> {
        let (word, _) = self.up_to(Some('}'), true)?;
        let Some(value) = self.value(name)? else {
            if self.lexer.skip_unset {
                return Ok(format!("${{{name}{end}{word}}}"));
            }
            // What is unset is still held against the pattern, which may be malformed.
            return self.trim(&word, "", end);
        };
        self.trim(&word, value, end)
    }

    fn trim(&mut self, word: &str, value: &str, end: char) -> Result<String, ExpandError> {
        let (pattern, greedy) = match word.strip_prefix(end) {
            Some(pattern) => (pattern, true),
            None => (word, false),
        };
        if end == '#' {
            return self.matcher.trim_start(pattern, value, greedy);
        }
        // Seen from behind, the shortest end is the shortest beginning.
        let from_behind: String = value.chars().rev().collect();
        let trimmed = self.matcher.trim_start(&pattern::reversed(pattern), &from_behind, greedy)?;
        Ok(trimmed.chars().rev().collect())
    }

    /// `${name/pattern/replacement}` and `${name//pattern/replacement}`.
    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.next_if('/');
        let (pattern, _) = self.up_to(Some('/'), true)?;
        let (replacement, _) = self.up_to(Some('}'), true)?;
        let value = match self.value(name)? {
            None if self.lexer.skip_unset => return Ok(format!("${{{name}/{pattern}/{replacement}}}")),
            value => value.unwrap_or_default(),
        };
        let replaced = self.matcher.replace(&pattern, value, &replacement, all, self.bytes)?;
        self.charge(replaced.len())?;
        Ok(replaced)
    }

    /// A name: letters, digits and `_`, or digits alone, or one of the shell's own like `$@`.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(first) if pattern::is_digit(first) => {
                while let Some(digit) = self.peek().filter(|c| pattern::is_digit(*c)) {
                    self.next();
                    name.push(digit);
                }
            }
            Some(special @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.next();
                name.push(special);
            }
            _ => {
                while let Some(c) = self.peek().filter(|c| pattern::is_name(*c)) {
                    self.next();
                    name.push(c);
                }
            }
        }
        name
    }

    fn value(&mut self, name: &str) -> Result<Option<&'a str>, ExpandError> {
        let value = self.env.get(name);
        self.charge(value.map_or(0, str::len))?;
        Ok(value)
    }
}
