//! What standard output is: how wide, and whether it shows colours. Where it is no terminal nothing is cut or coloured,
//! so that a search finds everything.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The least that is left of a text that is cut, in columns: lines of narrower terminals are broken by the terminal.
pub const LEAST: usize = 8;

/// How standard output is written to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// How many columns it has; nothing if it is no terminal.
    width: Option<usize>,
    colours: bool,
}

impl Terminal {
    /// What standard output is.
    pub fn of_stdout() -> Terminal {
        if !std::io::stdout().is_terminal() {
            return Terminal::default();
        }
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Terminal { width: width.filter(|&width| width > 0), colours: !dumb && !set("NO_COLOR") }
    }

    /// How many columns are left of a line of which so many are taken.
    pub fn room(self, taken: usize) -> usize {
        self.width.map_or(usize::MAX, |width| width.saturating_sub(taken).max(LEAST))
    }

    /// The same where nothing has to be left: 0 if the line is full.
    pub fn left(self, taken: usize) -> usize {
        self.width.map_or(usize::MAX, |width| width.saturating_sub(taken))
    }

    /// Pale: what is there for completeness.
    pub fn dim(self, text: &str) -> String {
        self.coloured("2", text)
    }

    /// What a text begins with.
    pub fn bold(self, text: &str) -> String {
        self.coloured("1", text)
    }

    /// What is gone.
    pub fn red(self, text: &str) -> String {
        self.coloured("31", text)
    }

    fn coloured(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A text of somebody else's, on one line and without what would steer a terminal.
pub fn shown(text: &str) -> String {
    // Marks that turn the direction of writing make a text look like another.
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
    text.chars()
        .map(|c| if c.is_control() || turns(c) || breaks(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// A path of an image as it is shown.
pub fn shown_path(path: &[u8]) -> String {
    format!("/{}", shown(&String::from_utf8_lossy(path)))
}

/// How many columns a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// A text, cut at its end to so many columns.
pub fn cut_end(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    format!("{}…", beginning(text.chars(), room.saturating_sub(1)))
}

/// A text, cut in its middle to so many columns: of a path, beginning and end tell most.
pub fn cut_middle(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let left = room.saturating_sub(1);
    let first = beginning(text.chars(), left / 3);
    let last = beginning(text.chars().rev(), left - columns(&first));
    // A mark that combines with a letter before it would stand alone.
    let last: String = last.chars().rev().skip_while(|c| c.width() == Some(0)).collect();
    format!("{first}…{last}")
}

/// A text, cut at its beginning to so many columns.
pub fn cut_start(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let last = beginning(text.chars().rev(), room.saturating_sub(1));
    format!("…{}", last.chars().rev().collect::<String>())
}

/// As many characters as fit into so many columns.
fn beginning(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= room
    };
    characters.take_while(fits).collect()
}

/// A text with spaces up to so many columns.
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns_not_by_characters() {
        assert_eq!(cut_end("abcdef", 6), "abcdef");
        assert_eq!(cut_end("abcdefg", 6), "abcde…");
        // Each of these takes two columns.
        assert_eq!(cut_end("漢字漢字", 8), "漢字漢字");
        assert_eq!(cut_end("漢字漢字", 7), "漢字漢…");
        assert_eq!(cut_end("漢字漢字", 6), "漢字…");
        // And this combining mark none.
        assert_eq!(cut_end("e\u{301}e\u{301}e\u{301}", 3), "e\u{301}e\u{301}e\u{301}");
        assert_eq!(cut_end("e\u{301}e\u{301}e\u{301}e", 3), "e\u{301}e\u{301}…");
        assert_eq!(columns(&padded("漢", 4)), 4);
    }

    #[test]
    fn paths_keep_beginning_and_end() {
        assert_eq!(cut_middle("/usr/lib/python3/dist-packages/x.py", 20), "/usr/l…packages/x.py");
        assert_eq!(cut_middle("/漢字漢字漢字漢字漢字/漢字", 12), "/漢…字/漢字");
        assert_eq!(cut_middle("aaaaaaaa\u{301}b", 3), "…a\u{301}b");
        assert_eq!(cut_middle("aaaaaaaa\u{301}b", 2), "…b");
        for room in 1..20 {
            assert!(columns(&cut_middle("/a/漢字/b/e\u{301}/cccccccccccc", room)) <= room);
        }
    }

    #[test]
    fn nothing_steers_the_terminal_or_forges_a_line() {
        assert_eq!(shown("a\x1b[31m\r\nb\u{202e}c\u{9b}"), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(shown_path(b"a\xff"), "/a\u{fffd}");
    }

    #[test]
    fn what_is_no_terminal_is_never_cut() {
        let none = Terminal::default();
        assert_eq!((none.room(500), none.bold("x")), (usize::MAX, "x".to_owned()));
        let narrow = Terminal { width: Some(20), colours: true };
        assert_eq!((narrow.room(5), narrow.room(50)), (15, LEAST));
        assert_eq!((none.left(500), narrow.left(5), narrow.left(50)), (usize::MAX, 15, 0));
        assert_eq!(
            (cut_start("│   ├── ", 8), cut_start("│   │   ├── ", 8)),
            ("│   ├── ".to_owned(), "…   ├── ".to_owned())
        );
        assert_eq!(narrow.red("x"), "\x1b[31mx\x1b[0m");
    }
}
