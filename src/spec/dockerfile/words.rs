//! Words: a command line of `RUN` as `sh` splits and expands it, as far as no program has to run for that.

use super::expand::Environment;

/// A word after expansion and the removal of quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word {
    /// Each byte, and whether it was quoted.
    bytes: Vec<(u8, bool)>,
    /// Whether a variable brought some of it.
    has_variable: bool,
}

impl Word {
    /// A word in which nothing is expanded.
    pub fn quoted(text: &str) -> Word {
        Word { bytes: text.bytes().map(|byte| (byte, true)).collect(), has_variable: false }
    }

    /// The word as it is.
    pub fn text(&self) -> Vec<u8> {
        self.bytes.iter().map(|&(byte, _)| byte).collect()
    }

    /// Whether it stands as it was written.
    pub fn is_literal(&self) -> bool {
        !self.has_variable
    }

    /// Whether names are to be found by it.
    pub fn is_pattern(&self) -> bool {
        self.bytes.iter().any(|&(byte, quoted)| !quoted && b"*?[".contains(&byte))
    }

    /// The word as a pattern: what is no wildcard is escaped.
    pub fn pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::with_capacity(self.bytes.len());
        for &(byte, quoted) in &self.bytes {
            if byte == b'\\' || (quoted && b"*?[]^!-".contains(&byte)) {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern
    }
}

/// What a line asks of a shell that nothing but a shell can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NeedsShell(pub String);

/// How many bytes the words of one `RUN` may have once variables are expanded.
const LIMIT: usize = 1 << 20;

/// Splits a script into its commands, and those into words. Commands are joined by `&&` or stand on lines of their own.
///
/// # Errors
///
/// [`NeedsShell`] if there is more to it: pipes, redirections, substitutions, conditions.
pub(super) fn commands(script: &str, environment: &dyn Environment) -> Result<Vec<Vec<Word>>, NeedsShell> {
    let mut splitter =
        Splitter { rest: script, environment, commands: Vec::new(), words: Vec::new(), word: None, size: 0 };
    splitter.run()?;
    Ok(splitter.commands)
}

struct Splitter<'a> {
    rest: &'a str,
    environment: &'a dyn Environment,
    commands: Vec<Vec<Word>>,
    words: Vec<Word>,
    word: Option<Word>,
    size: usize,
}

impl Splitter<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn push(&mut self, text: &str, quoted: bool) -> Result<(), NeedsShell> {
        self.size = self.size.saturating_add(text.len());
        if self.size > LIMIT {
            return Err(NeedsShell("more than 1 MiB of words".to_owned()));
        }
        self.word.get_or_insert_default().bytes.extend(text.bytes().map(|byte| (byte, quoted)));
        Ok(())
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    /// Ends a command. `joined` tells that another has to follow.
    fn end_command(&mut self, joined: bool) -> Result<(), NeedsShell> {
        self.end_word();
        if self.words.is_empty() && joined {
            return Err(NeedsShell("a command is missing before `&&`".to_owned()));
        }
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), NeedsShell> {
        let refuse = |what: &str| Err(NeedsShell(what.to_owned()));
        let mut awaited = false;
        while let Some(character) = self.next() {
            let starts_word = self.word.is_none();
            if !matches!(character, ' ' | '\t' | '\n' | '\r') {
                awaited = false;
            }
            match character {
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' if awaited => self.end_word(),
                '\n' => self.end_command(false)?,
                '&' if self.rest.starts_with('&') => {
                    self.next();
                    self.end_command(true)?;
                    awaited = true;
                }
                '&' => return refuse("a command in the background, `&`"),
                ';' => return refuse("commands joined by `;`"),
                '|' if self.rest.starts_with('|') => return refuse("an alternative, `||`"),
                '|' => return refuse("a pipe, `|`"),
                '>' | '<' => return refuse(&format!("a redirection, `{character}`")),
                '(' | ')' => return refuse("a subshell"),
                '`' => return refuse("a command substitution"),
                '{' | '}' => return refuse("braces, which some shells expand and others do not"),
                '#' if starts_word => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                '~' if starts_word => return refuse("a home directory, `~`"),
                '!' if starts_word && self.words.is_empty() => return refuse("a negation, `!`"),
                '\'' => {
                    let Some(end) = self.rest.find('\'') else { return refuse("a quote that does not end") };
                    let text = &self.rest[..end];
                    self.rest = &self.rest[end + 1..];
                    self.push(text, true)?;
                }
                '"' => self.double_quoted()?,
                '\\' => match self.next() {
                    Some('\n') => {}
                    Some(escaped) => self.push(escaped.encode_utf8(&mut [0; 4]), true)?,
                    None => self.push("\\", true)?,
                },
                '$' => {
                    if let Some(value) = self.variable()? {
                        self.split_value(&value)?;
                        if let Some(word) = &mut self.word {
                            word.has_variable = true;
                        }
                    }
                }
                other => self.push(other.encode_utf8(&mut [0; 4]), false)?,
            }
        }
        if awaited {
            return refuse("a command is missing after `&&`");
        }
        self.end_command(false)
    }

    fn double_quoted(&mut self) -> Result<(), NeedsShell> {
        self.push("", true)?;
        loop {
            match self.next() {
                None => return Err(NeedsShell("a quote that does not end".to_owned())),
                Some('"') => return Ok(()),
                Some('`') => return Err(NeedsShell("a command substitution".to_owned())),
                Some('$') => {
                    if let Some(value) = self.variable()? {
                        self.push(&value, true)?;
                        if let Some(word) = &mut self.word {
                            word.has_variable = true;
                        }
                    }
                }
                Some('\\') => match self.next() {
                    Some('\n') => {}
                    Some(escaped @ ('$' | '`' | '"' | '\\')) => self.push(escaped.encode_utf8(&mut [0; 4]), true)?,
                    Some(other) => {
                        self.push("\\", true)?;
                        self.push(other.encode_utf8(&mut [0; 4]), true)?;
                    }
                    None => return Err(NeedsShell("a quote that does not end".to_owned())),
                },
                Some(other) => self.push(other.encode_utf8(&mut [0; 4]), true)?,
            }
        }
    }

    /// What an unquoted variable stands for: its blanks separate words.
    fn split_value(&mut self, value: &str) -> Result<(), NeedsShell> {
        let mut parts = value.split([' ', '\t', '\n']).peekable();
        while let Some(part) = parts.next() {
            if !part.is_empty() {
                self.push(part, false)?;
            }
            if parts.peek().is_some() {
                self.end_word();
            }
        }
        Ok(())
    }

    /// The value after a `$`; the `$` itself stands where no name follows. Nothing for an empty value.
    fn variable(&mut self) -> Result<Option<String>, NeedsShell> {
        let rest = self.rest;
        let name_length = |text: &str| {
            let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
            if first { length } else { 0 }
        };
        if rest.starts_with('(') {
            return Err(NeedsShell("a command substitution".to_owned()));
        }
        let value = |name: &str| self.environment.get(name).unwrap_or_default().to_owned();
        if let Some(inner) = rest.strip_prefix('{') {
            let length = name_length(inner);
            let (name, after) = inner.split_at(length);
            let Some(end) = after.find('}').filter(|_| length > 0) else {
                return Err(NeedsShell("a parameter expansion".to_owned()));
            };
            let modifier = &after[..end];
            // What follows the sign is taken as it is; anything in it that a shell would expand is not.
            let word = modifier.trim_start_matches(':').get(1..).unwrap_or_default();
            if word.contains(['$', '`', '\'', '"', '\\', '{']) {
                return Err(NeedsShell("a nested parameter expansion".to_owned()));
            }
            let (current, is_set) = (value(name), self.environment.get(name).is_some());
            let is_used = |colon: bool| if colon { !current.is_empty() } else { is_set };
            let chosen = match modifier.as_bytes() {
                [] => current,
                [b':', b'-', ..] | [b'-', ..] => {
                    if is_used(modifier.starts_with(':')) {
                        current
                    } else {
                        word.to_owned()
                    }
                }
                [b':', b'+', ..] | [b'+', ..] => {
                    if is_used(modifier.starts_with(':')) {
                        word.to_owned()
                    } else {
                        String::new()
                    }
                }
                _ => return Err(NeedsShell("a parameter expansion".to_owned())),
            };
            self.rest = &after[end + 1..];
            return Ok(Some(chosen));
        }
        let length = name_length(rest);
        if length == 0 {
            if rest.starts_with(|c: char| c.is_ascii_digit() || "@*#?-$!".contains(c)) {
                return Err(NeedsShell("a special parameter".to_owned()));
            }
            return Ok(Some("$".to_owned()));
        }
        let (name, after) = rest.split_at(length);
        let value = value(name);
        self.rest = after;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Environment for Two {
        fn get(&self, name: &str) -> Option<&str> {
            match name {
                "DIR" => Some("/opt/app"),
                "TWO" => Some("a  b*"),
                "EMPTY" => Some(""),
                _ => None,
            }
        }
    }

    fn split(script: &str) -> Result<Vec<Vec<String>>, String> {
        let text = |word: &Word| {
            let text = if word.is_pattern() { word.pattern() } else { word.text() };
            String::from_utf8(text).unwrap()
        };
        commands(script, &Two)
            .map(|commands| commands.iter().map(|words| words.iter().map(text).collect()).collect())
            .map_err(|NeedsShell(what)| what)
    }

    #[test]
    fn lines_are_split_as_sh_splits_them() {
        for (script, expected) in [
            ("mkdir -p /a  /b", "mkdir|-p|/a|/b"),
            ("mkdir $DIR/x && chmod 1 \"$DIR\"/y", "mkdir|/opt/app/x && chmod|1|/opt/app/y"),
            ("touch $TWO", "touch|a|b*"),
            ("touch \"$TWO\"", "touch|a  b*"),
            ("touch $EMPTY x", "touch|x"),
            ("touch \"$EMPTY\" x", "touch||x"),
            ("touch ${DIR}z ${NO:-def} ${NO-d} ${EMPTY:-e} ${EMPTY-e} ${DIR:+yes}", "touch|/opt/appz|def|d|e|yes"),
            ("touch 'a b'\\ c \"d\\\"e\" $'", "?a quote that does not end"),
            ("touch 'a b'\\ c \"d\\\"e\\x\"", "touch|a b c|d\"e\\x"),
            ("touch '*'x* a\\*b", "touch|\\*x*|a*b"),
            ("a \\\n b", "a|b"),
            ("a &&\n b\nc # note\n\nd", "a && b && c && d"),
            ("a a#b", "a|a#b"),
            ("echo $ 5$", "echo|$|5$"),
            ("a | b", "?a pipe, `|`"),
            ("a; b", "?commands joined by `;`"),
            ("a > b", "?a redirection, `>`"),
            ("a || b", "?an alternative, `||`"),
            ("a & b", "?a command in the background, `&`"),
            ("a $(b)", "?a command substitution"),
            ("a `b`", "?a command substitution"),
            ("a \"`b`\"", "?a command substitution"),
            ("a &&", "?a command is missing after `&&`"),
            ("&& a", "?a command is missing before `&&`"),
            ("a {b,c}", "?braces, which some shells expand and others do not"),
            ("a ~/b", "?a home directory, `~`"),
            ("a ${DIR%x}", "?a parameter expansion"),
            ("a ${NO:-$DIR}", "?a nested parameter expansion"),
            ("a $1", "?a special parameter"),
            ("(a)", "?a subshell"),
            ("! a", "?a negation, `!`"),
        ] {
            let found = match split(script) {
                Ok(commands) => commands.iter().map(|words| words.join("|")).collect::<Vec<_>>().join(" && "),
                Err(what) => format!("?{what}"),
            };
            assert_eq!(found, expected, "{script}");
        }
    }
}
