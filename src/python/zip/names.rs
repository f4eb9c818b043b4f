//! Members' names: which are refused, and which are too much alike.

use super::central::Entry;
use super::named;
use crate::entry;

/// Takes a member's name for a path and whether it is a directory's.
pub fn check(name: &[u8], is_utf8: bool) -> Result<(&str, bool), String> {
    let text = std::str::from_utf8(name)
        .map_err(|_| format!("the member `{}` has a name that is not UTF-8", shown(&String::from_utf8_lossy(name))))?;
    let refused = |why: &str| Err(format!("the member `{}` {why}", shown(text)));
    if !is_utf8 && !text.is_ascii() {
        return refused("has a name of which it is not said that it is UTF-8");
    }
    if text.chars().any(char::is_control) {
        return refused("has a control character in its name");
    }
    if text.contains('\\') {
        return refused("has a backslash in its name");
    }
    if text.starts_with('/') {
        return refused("has an absolute path");
    }
    if text.split('/').any(|part| part == "..") {
        return refused("leaves its directory through `..`");
    }
    if let [letter, b':', ..] = name
        && letter.is_ascii_alphabetic()
    {
        return refused("names a drive");
    }
    let (path, is_directory) = match text.strip_suffix('/') {
        Some(path) => (path, true),
        None => (text, false),
    };
    if let Some(why) = entry::unfit(path.as_bytes()) {
        return refused(&format!("cannot lie anywhere: {why}"));
    }
    if entry::names_a_whiteout(path.as_bytes()) {
        return refused("has a name that begins with `.wh.`, which would be a whiteout");
    }
    Ok((path, is_directory))
}

/// Refuses two members of one name, or of names that some file systems take for one, those of folders included, and files
/// in which others lie.
pub fn check_apart(entries: &[Entry]) -> Result<(), String> {
    // With a NUL for `/` what lies in something comes right after it: nothing sorts between.
    let folded = |entry: &Entry| entry.member.path.to_lowercase().replace('/', "\0");
    let mut names: Vec<(String, &Entry)> = entries.iter().map(|entry| (folded(entry), entry)).collect();
    names.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
    for pair in names.windows(2) {
        let [(first_name, first), (second_name, second)] = pair else { continue };
        if first.name == second.name {
            return Err(format!("it has two members of the name {}", first.shown()));
        }
        if first_name == second_name && first.member.path == second.member.path {
            return Err(format!("its {} is a file and a directory", first.shown()));
        }
        if first_name == second_name {
            return Err(format!("its members {} and {} differ in case alone", first.shown(), second.shown()));
        }
        let lies_in_it = second_name.strip_prefix(first_name.as_str()).is_some_and(|rest| rest.starts_with('\0'));
        if lies_in_it && !first.member.is_directory {
            return Err(format!("its {} is a file, and {} lies in it", first.shown(), second.shown()));
        }
        // What lies in one folder, whatever its case, stands together: looking at neighbours is enough.
        let parts = first.member.path.split('/').zip(second.member.path.split('/'));
        let mut length = 0;
        for ((one, other), _) in
            parts.zip(first_name.split('\0').zip(second_name.split('\0')).take_while(|(a, b)| a == b))
        {
            if one != other {
                let [one, other] = [(first, one), (second, other)]
                    .map(|(entry, part)| named(entry.member.path.get(..length + part.len()).unwrap_or(part)));
                return Err(format!("its folders {one} and {other} differ in case alone"));
            }
            length += one.len() + 1;
        }
    }
    Ok(())
}

/// A text of somebody else's for messages: its beginning, without what would steer a terminal.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut chars = text.chars();
    let mut shown: String = chars
        .by_ref()
        .take(LONGEST)
        .map(|c| if c.is_control() || turns(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}
