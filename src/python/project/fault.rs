//! What is wrong with a project, before it is known which folder it lies in.

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Fault {
    /// The file that says so, relative to the folder; `pyproject.toml` if it is empty.
    pub file: String,
    /// The line, from 1; 0 if it is about the whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What to do about a project that only its build backend can turn into files.
const BUILD: &str = "build a wheel (`pip wheel --no-deps .` or `python -m build --wheel`) and name it under `wheels`";

impl Fault {
    /// Something that is wrong in this line of `pyproject.toml`.
    pub(super) fn at(line: usize, what: impl Into<String>) -> Fault {
        Fault { file: String::new(), line, what: what.into(), help: None }
    }

    /// Something that is right but takes the build backend, which is never run.
    pub(super) fn backend(line: usize, what: impl Into<String>) -> Fault {
        Fault { help: Some(BUILD.to_owned()), ..Fault::at(line, what) }
    }

    /// The same with what to do about it.
    pub(super) fn help(self, help: impl Into<String>) -> Fault {
        Fault { help: Some(help.into()), ..self }
    }

    /// The same in another file.
    pub(super) fn of(self, file: &str) -> Fault {
        Fault { file: file.to_owned(), ..self }
    }
}

/// A text of a project in a message: in back-ticks, nothing in it that a terminal heeds, and no longer than a line or two.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        match is_plain(character) {
            true => shown.push(character),
            false => shown.extend(character.escape_unicode()),
        }
    }
    shown.push('`');
    shown
}

/// Whether a character can stand in one line of metadata: no control and no line's end.
pub(super) fn is_in_line(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether a character is what it looks like: it can stand in a line, and does not turn the direction of writing.
pub(super) fn is_plain(character: char) -> bool {
    is_in_line(character)
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        && !matches!(character, '\u{2066}'..='\u{2069}' | '\u{feff}')
}
