//! What a Python module says about itself in plain literals. Nothing is run and nothing is guessed: a name that is
//! assigned in any other way has no value here.

/// A string literal that is assigned to `name` at the module's top level.
///
/// # Errors
///
/// Why there is none, to be said after the name.
pub(super) fn assigned(source: &str, name: &str) -> Result<String, String> {
    let mut found: Option<String> = None;
    for statement in Statements::new(source) {
        let Some(value) = statement_value(statement?, name) else { continue };
        let value = value.ok_or("is assigned something that is no plain string")?;
        if found.as_ref().is_some_and(|found| *found != value) {
            return Err("is assigned more than once".to_owned());
        }
        found = Some(value);
    }
    found.ok_or_else(|| "is not assigned at the module's top level".to_owned())
}

/// The first line of a module's docstring.
///
/// # Errors
///
/// Why there is none, in words.
pub(super) fn summary(source: &str) -> Result<String, String> {
    let first = Statements::new(source).next().transpose()?.unwrap_or_default();
    let literal = string(first).filter(|(_, rest)| rest.trim_start().is_empty() || rest.trim_start().starts_with('#'));
    let (text, _) = literal.ok_or("it begins with no plain docstring")?;
    match text.trim_start().lines().next() {
        Some(line) => Ok(line.trim_end().to_owned()),
        None => Err("its docstring is empty".to_owned()),
    }
}

/// What a statement assigns to `name`: nothing if it is about something else, `Some(None)` if it is no plain string.
fn statement_value(statement: &str, name: &str) -> Option<Option<String>> {
    let mut rest = statement;
    let mut is_named = false;
    // `a = b = "…"`: each target in turn, the annotation of the first one skipped.
    loop {
        let trimmed = rest.trim_start();
        let length = trimmed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(trimmed.len());
        let (target, after) = trimmed.split_at(length);
        let mut after = after.trim_start();
        if let Some(annotation) = after.strip_prefix(':').filter(|_| !is_named) {
            after = annotation.find('=').and_then(|at| annotation.get(at..)).unwrap_or_default();
        }
        let is_assignment = after.starts_with('=') && !after.starts_with("==");
        if target.is_empty() || !is_assignment {
            break;
        }
        is_named |= target == name;
        rest = after.get(1..).unwrap_or_default();
    }
    if !is_named {
        return binds_otherwise(statement, name).then_some(None);
    }
    let value = string(rest.trim_start()).filter(|(_, after)| {
        let after = after.trim_start();
        after.is_empty() || after.starts_with('#')
    });
    Some(value.map(|(text, _)| text))
}

/// Whether a statement may change what `name` is in a way that is not read here: `a, name = …`, `name += …`, `del name`,
/// `from x import name`.
fn binds_otherwise(statement: &str, name: &str) -> bool {
    let has = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
    let head = statement.split(['"', '\'', '#', '(', '[', '{']).next().unwrap_or_default();
    if ["del ", "from ", "import "].iter().any(|keyword| head.starts_with(keyword)) {
        return has(statement);
    }
    let head = ["==", "!=", "<=", ">="].iter().fold(head.to_owned(), |head, sign| head.replace(sign, " "));
    head.rfind('=').and_then(|at| head.get(..at)).is_some_and(has)
}

/// A string literal without escapes at the beginning of `text`, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.find(['"', '\''])?;
    let (prefix, literal) = text.split_at(quote);
    let is_raw = match prefix {
        "" | "u" | "U" => false,
        "r" | "R" => true,
        _ => return None,
    };
    let mark = literal.get(..1)?;
    let triple = mark.repeat(3);
    let (open, is_long) = if literal.starts_with(&triple) { (triple.as_str(), true) } else { (mark, false) };
    let body = literal.get(open.len()..)?;
    let end = body.find(open)?;
    let (content, rest) = (body.get(..end)?, body.get(end + open.len()..)?);
    if content.contains('\\') && !is_raw || !is_long && content.contains('\n') {
        return None;
    }
    // A raw string's backslash still guards its quote.
    if is_raw && content.ends_with('\\') {
        return None;
    }
    Some((content.to_owned(), rest))
}

/// The logical lines of a module that begin without indentation.
struct Statements<'a> {
    rest: &'a str,
}

impl<'a> Statements<'a> {
    fn new(source: &'a str) -> Statements<'a> {
        Statements { rest: source.strip_prefix('\u{feff}').unwrap_or(source) }
    }

    /// The length of the logical line that begins here: strings and brackets may hold ends of lines.
    fn line(&self) -> Result<usize, String> {
        let bytes = self.rest.as_bytes();
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'#' => at += bytes.iter().skip(at).take_while(|&&byte| byte != b'\n').count(),
                b'\\' => at += 2,
                b'"' | b'\'' => {
                    at = end_of_string(bytes, at).ok_or("cannot be found: the module has a string that does not end")?
                }
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    at += 1;
                }
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    at += 1;
                }
                b'\n' if depth == 0 => return Ok(at + 1),
                _ => at += 1,
            }
        }
        Ok(bytes.len())
    }
}

impl<'a> Iterator for Statements<'a> {
    type Item = Result<&'a str, String>;

    fn next(&mut self) -> Option<Result<&'a str, String>> {
        while !self.rest.is_empty() {
            let length = match self.line() {
                Ok(length) => length,
                Err(why) => {
                    self.rest = "";
                    return Some(Err(why));
                }
            };
            let (line, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
            self.rest = rest;
            let statement = line.trim();
            if !statement.is_empty() && !statement.starts_with('#') && !line.starts_with([' ', '\t', '\u{c}']) {
                return Some(Ok(statement));
            }
        }
        None
    }
}

/// Where the string that begins at `at` ends.
fn end_of_string(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let is_long = bytes.get(at..at + 3).is_some_and(|open| open.iter().all(|&byte| byte == quote));
    let mut at = at + if is_long { 3 } else { 1 };
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' if !is_long => return None,
            byte if byte == quote && !is_long => return Some(at + 1),
            byte if byte == quote && bytes.get(at..at + 3).is_some_and(|end| end.iter().all(|&byte| byte == quote)) => {
                return Some(at + 3);
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_assignments() {
        let cases = [
            ("__version__ = \"1.2\"\n", "1.2"),
            ("\u{feff}\"\"\"Doc.\n\n__version__ = '0'\n\"\"\"\n\n__version__='1.2' # now\n", "1.2"),
            ("__version__: str = \"1\"\n", "1"),
            ("__version__: Final[str] = '1'", "1"),
            ("__version__ = VERSION = r'1'", "1"),
            ("VERSION = __version__ = '''1'''", "1"),
            ("x = (\n1, \"a\"\n)\n__version__ = u'1'\n", "1"),
            ("def f():\n    __version__ = '2'\n\n__version__ = '1'\n", "1"),
            ("x = 'it\\'s'\n__version__ = '1'\n", "1"),
            ("print(__version__ == 'x')\n__version__ = '1'\nsetup(version=__version__, name='x')\n", "1"),
            ("__version__ = '1'\nif __version__ == '2':\n    pass\n", "1"),
            ("__all__ = ['__version__']\n__version__ = '1'\n", "1"),
        ];
        for (source, expected) in cases {
            assert_eq!(assigned(source, "__version__").as_deref(), Ok(expected), "{source:?}");
        }
    }

    #[test]
    fn refuses_what_has_to_be_run() {
        let refused = [
            "",
            "version = '1'",
            "__version__ = get()",
            "__version__ = '.'.join(x)",
            "__version__ = 'a' + 'b'",
            "__version__ = 'a' 'b'",
            "__version__ = f'{x}'",
            "__version__ = b'1'",
            "__version__ = '\\x31'",
            "__version__ = ('1')",
            "__version__ = 1.2",
            "__version__ = '1'\n__version__ = '2'\n",
            "__version__ = '1'\n__version__ += 'x'\n",
            "__version__, x = '1', '2'",
            "from .version import __version__",
            "__version__ = '1'\ndel __version__\n",
            "__version__ = '1'; x = 2",
            "if True:\n    __version__ = '1'\n",
            "__version__ = 'x",
            "__version__ = \"\"\"x",
        ];
        for source in refused {
            assert!(assigned(source, "__version__").is_err(), "{source:?}");
        }
    }

    #[test]
    fn reads_the_docstrings_first_line() {
        assert_eq!(summary("# y\n\n\"\"\"\n  A thing.  \n\nMore.\n\"\"\"\nx = 1\n").as_deref(), Ok("A thing."));
        assert_eq!(summary("'''A thing.'''").as_deref(), Ok("A thing."));
        for source in ["", "x = 1", "''''''", "b'x'", "'x'.upper()", "import x\n'''a'''", "'a\\n'"] {
            assert!(summary(source).is_err(), "{source:?}");
        }
    }
}
