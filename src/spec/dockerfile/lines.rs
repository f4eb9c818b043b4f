//! A Dockerfile's lines: directives, comments, continuations, and the bodies of heredocs.

use std::ops::Range;

use super::error::ParseError;
use super::text::{Places, lowercase};

/// The longest line of a Dockerfile, in bytes without its newline: what BuildKit's reader holds.
pub const LINE_LIMIT: usize = 65_535;

/// The largest Dockerfile, in bytes. Those that people write are a thousandth of it.
pub const FILE_LIMIT: usize = 4 << 20;

/// An instruction's lines joined.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub line: String,
    pub places: Places,
    /// From its first to its last byte in the file.
    pub range: Range<usize>,
}

/// Reads a Dockerfile from its top to its end.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The next line's first byte.
    at: usize,
    pub escape: char,
    /// The directives seen, while there may be more.
    directives: Option<Vec<&'static str>>,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Lines<'a> {
        Lines { text, at: 0, escape: '\\', directives: Some(Vec::new()) }
    }

    /// The next line with its end, and where it begins.
    fn next_line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next()?;
        self.at = start + line.len();
        Some((start, line))
    }

    /// The next instruction, or `None` at the end of the file. After an error it can go on.
    pub fn next(&mut self) -> Result<Option<Joined>, ParseError> {
        while let Some((start, line)) = self.next_line() {
            let mut line = without_newline(line);
            if start == 0 {
                line = super::expand::without_mark(line);
            }
            let text = line.trim_start();
            let end = start + without_newline(self.text.get(start..self.at).unwrap_or_default()).len();
            self.read_directive(text, end - text.len()..end)?;
            let (kept, goes_on) = self.continued(text);
            if text.starts_with('#') || (kept.is_empty() && !goes_on) {
                continue;
            }
            let mut joined = Joined { range: end - text.len()..end, ..Joined::default() };
            joined.places.mark(0, joined.range.start);
            joined.line.push_str(kept);
            if goes_on {
                self.join(&mut joined);
            }
            return Ok(Some(joined));
        }
        Ok(None)
    }

    /// Appends the lines that continue this one.
    fn join(&mut self, joined: &mut Joined) {
        while let Some((start, line)) = self.next_line() {
            let line = without_newline(line);
            let text = line.trim_start();
            // An empty line ends nothing: docker only warns of it.
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (kept, goes_on) = self.continued(line);
            if !kept.is_empty() {
                joined.places.mark(joined.line.len(), start);
                joined.line.push_str(kept);
            }
            joined.range.end = start + line.len();
            if !goes_on {
                break;
            }
        }
    }

    /// The line without what joins the next one to it, and whether it does.
    fn continued<'l>(&self, line: &'l str) -> (&'l str, bool) {
        match line.trim_end_matches([' ', '\t']).strip_suffix(self.escape) {
            Some(before) if !before.ends_with(self.escape) => (before, true),
            _ => (line, false),
        }
    }

    /// The text up to the line that reads `name`, and its bytes; `None` if there is none, and then the file is at its end.
    pub fn heredoc(&mut self, name: &str, chomp: bool) -> Option<(Range<usize>, &'a str)> {
        let start = self.at;
        loop {
            let (end, line) = self.next_line()?;
            let line = without_newline(line);
            if name == if chomp { line.trim_start_matches('\t') } else { line } {
                return Some((start..end, self.text.get(start..end)?));
            }
        }
    }

    /// Takes a line for `# name=value` as long as only such lines came before.
    fn read_directive(&mut self, line: &str, range: Range<usize>) -> Result<(), ParseError> {
        let Some(seen) = &mut self.directives else { return Ok(()) };
        let Some((name, value)) = directive(line) else {
            self.directives = None;
            return Ok(());
        };
        if seen.contains(&name) {
            return Err(ParseError::new(range, format!("the directive `{name}` stands here a second time"))
                .with_help("remove one of the two"));
        }
        seen.push(name);
        if name == "escape" {
            self.escape = match value {
                "\\" => '\\',
                "`" => '`',
                _ => {
                    return Err(ParseError::new(range, format!("`{value}` cannot be the escape character"))
                        .with_help("it is `\\`, or a backtick"));
                }
            };
        }
        Ok(())
    }
}

fn without_newline(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// The directive that a line is.
fn directive(line: &str) -> Option<(&'static str, &str)> {
    let is_blank = |c| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let text = line.strip_prefix('#')?.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (name, rest) = text.split_at_checked(end)?;
    let rest = rest.trim_start_matches(is_blank).strip_prefix('=')?;
    // White space alone is a value too, of one character: that is what docker's expression finds.
    let value = match rest.trim_matches(is_blank) {
        "" => rest.get(rest.len().checked_sub(1)?..)?,
        value => value,
    };
    let name = ["syntax", "escape", "check"].into_iter().find(|known| lowercase(name) == *known)?;
    Some((name, value))
}
