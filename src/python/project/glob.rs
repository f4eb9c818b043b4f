//! Patterns for paths, in the notations that build backends read. All of them become regular expressions, which take
//! time linear in the path's length.

use regex::{Regex, RegexBuilder};

/// The most bytes of a pattern.
const LONGEST: usize = 1000;

/// The most patterns in one place.
pub(super) const MOST: usize = 1000;

/// What a pattern's wildcards mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// Python's `fnmatch`: `*` is any text, `/` included.
    Name,
    /// Python's recursive `glob`: `*` is any text within a part, never its leading dot; `**` is any number of parts.
    Path,
    /// The same with leading dots: `pathlib` and setuptools' manifest.
    Dotted,
}

/// A pattern that a whole path has to match.
///
/// # Errors
///
/// Why it is none, in words.
pub(super) fn compile(pattern: &str, notation: Notation) -> Result<Regex, String> {
    expression(&format!("^{}$", translate(pattern, notation)?))
}

fn expression(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(1 << 20).dot_matches_new_line(true).build();
    built.map_err(|_| "is no pattern that can be read".to_owned())
}

fn translate(pattern: &str, notation: Notation) -> Result<String, String> {
    if pattern.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    if notation == Notation::Name {
        return part_of(pattern, ".*", ".");
    }
    let mut out = String::new();
    let parts: Vec<&str> = pattern.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        if *part == "**" {
            let any = if notation == Notation::Path { "[^/.][^/]*" } else { "[^/]+" };
            out += &if is_last { format!("(?:{any}/)*{any}") } else { format!("(?:{any}/)*") };
            continue;
        }
        // A part that begins with a wildcard matches no name that begins with a dot.
        if notation == Notation::Path && part.starts_with(['*', '?', '[']) {
            let first = part_of(part, "[^/]*", "[^/]")?;
            out += &match part.strip_prefix('*') {
                Some(rest) => {
                    let rest = part_of(rest.trim_start_matches('*'), "[^/]*", "[^/]")?;
                    // `*x`: nothing before the `x`, or something that begins with no dot.
                    if rest.is_empty() { "[^/.][^/]*".to_owned() } else { starless(&rest) }
                }
                None if part.starts_with('?') => {
                    format!("[^/.]{}", part_of(part.get(1..).unwrap_or_default(), "[^/]*", "[^/]")?)
                }
                None => first,
            };
        } else {
            out += &part_of(part, "[^/]*", "[^/]")?;
        }
        if !is_last {
            out.push('/');
        }
    }
    Ok(out)
}

/// `*` and then `rest`, without a leading dot.
fn starless(rest: &str) -> String {
    match rest.starts_with("\\.") {
        true => format!("[^/.][^/]*{rest}"),
        false => format!("(?:[^/.][^/]*)?{rest}"),
    }
}

fn part_of(part: &str, star: &str, one: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = part.chars();
    while let Some(character) = rest.next() {
        match character {
            '*' => {
                // Two stars within a part mean what one does.
                if !out.ends_with(star) {
                    out += star;
                }
            }
            '?' => out += one,
            '[' => match class(rest.as_str()) {
                Some((class, after)) => {
                    out += &class;
                    rest = after.chars();
                }
                None => out += "\\[",
            },
            _ => out += &regex::escape(character.encode_utf8(&mut [0; 4])),
        }
    }
    Ok(out)
}

/// A character class after its `[`, and what comes after its `]`; nothing if it has none.
fn class(text: &str) -> Option<(String, &str)> {
    let (negated, body) = match text.strip_prefix(['!', '^']) {
        Some(body) => ("^", body),
        None => ("", text),
    };
    // A `]` that comes first is one of the characters.
    let from = usize::from(body.starts_with(']'));
    let end = from + body.get(from..)?.find(']')?;
    let (inner, after) = (body.get(..end)?, body.get(end + 1..)?);
    let mut escaped = String::new();
    for character in inner.chars() {
        if !matches!(character, '-') && !character.is_alphanumeric() {
            escaped.push('\\');
        }
        match character {
            // No class of a path's pattern matches its separator.
            _ if character.is_control() || character.is_whitespace() => return None,
            _ => escaped.push(character),
        }
    }
    Some((format!("[{negated}{escaped}]"), after))
}

/// Patterns in the notation of `.gitignore`, the last that matches decides.
#[derive(Debug, Default)]
pub(super) struct GitPatterns(Vec<(Regex, bool)>);

impl GitPatterns {
    /// Adds a line; a comment or an empty one says nothing.
    ///
    /// # Errors
    ///
    /// Why it is none, in words.
    pub(super) fn push(&mut self, line: &str) -> Result<(), String> {
        let Some(line) = GitLine::parse(line)? else { return Ok(()) };
        if self.0.len() >= MOST {
            return Err(format!("is one of more than {MOST}"));
        }
        let after = if line.only_directories { "/.*" } else { "(?:/.*)?" };
        self.0.push((expression(&format!("^{}{after}$", line.expression))?, line.matches));
        Ok(())
    }

    /// Adds all patterns of others after these.
    pub(super) fn append(&mut self, others: GitPatterns) {
        self.0.extend(others.0);
    }

    /// Whether the last pattern that matches the path, or a directory above it, is one without `!`.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.iter().rev().find(|(pattern, _)| pattern.is_match(path)).is_some_and(|&(_, matches)| matches)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The patterns of one `.gitignore` as git itself reads them: each is about a path alone, not about what lies below.
#[derive(Debug, Default)]
pub(super) struct GitIgnore(Vec<(Regex, GitLine)>);

impl GitIgnore {
    /// Adds a line; a comment or an empty one says nothing.
    ///
    /// # Errors
    ///
    /// Why it is none, in words.
    pub(super) fn push(&mut self, line: &str) -> Result<(), String> {
        let Some(line) = GitLine::parse(line)? else { return Ok(()) };
        if self.0.len() >= MOST {
            return Err(format!("is one of more than {MOST}"));
        }
        self.0.push((expression(&format!("^{}$", line.expression))?, line));
        Ok(())
    }

    /// Whether the path, relative to where the file lies, is ignored or not; nothing if no pattern is about it.
    pub(super) fn judge(&self, path: &str, is_directory: bool) -> Option<bool> {
        let is_meant =
            |(pattern, line): &&(Regex, GitLine)| (is_directory || !line.only_directories) && pattern.is_match(path);
        self.0.iter().rev().find(is_meant).map(|(_, line)| line.matches)
    }
}

/// A pattern in the notation of `.gitignore`.
#[derive(Debug)]
struct GitLine {
    expression: String,
    /// It has no `!`.
    matches: bool,
    only_directories: bool,
}

impl GitLine {
    fn parse(line: &str) -> Result<Option<GitLine>, String> {
        let ends_escaping = |line: &str| (line.len() - line.trim_end_matches('\\').len()) % 2 == 1;
        let line = line.trim_end_matches(['\n', '\r']);
        let trimmed = line.trim_end();
        // A blank after a backslash is one of the name.
        let line = match ends_escaping(trimmed) {
            true => line.get(..trimmed.len() + 1).unwrap_or(trimmed),
            false => trimmed,
        };
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (line, matches) = line.strip_prefix('!').map_or((line, true), |line| (line, false));
        if ends_escaping(line) || line.contains('\\') && line.contains('[') {
            return Err("has a backslash that is not read here".to_owned());
        }
        let (body, only_directories) = line.strip_suffix('/').map_or((line, false), |body| (body, true));
        let is_anchored = body.contains('/');
        let body = body.strip_prefix('/').unwrap_or(body);
        if body.is_empty() {
            return Ok(None);
        }
        let before = if is_anchored { "" } else { "(?:.*/)?" };
        let expression = format!("{before}{}", translate(&unescaped(body), Notation::Dotted)?);
        Ok(Some(GitLine { expression, matches, only_directories }))
    }
}

/// What is behind a backslash is meant as it is.
fn unescaped(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some(wildcard @ ('*' | '?')) => out.extend(['[', wildcard, ']']),
                Some(plain) => out.push(plain),
                None => {}
            },
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_pythons_modules_mean() {
        // Each line as `fnmatch.fnmatchcase`, `glob.glob(recursive=True)` and `Path.match` of full paths answer it.
        let cases = [
            (Notation::Name, "a.*", "a.b.c", true),
            (Notation::Name, "*tests", "a/tests", true),
            (Notation::Name, "[!a]*", "b", true),
            (Notation::Name, "[!a]*", "a", false),
            (Notation::Name, "[._]*", ".x", true),
            (Notation::Name, "a[b", "a[b", true),
            (Notation::Path, "*.json", "a.json", true),
            (Notation::Path, "*.json", ".a.json", false),
            (Notation::Path, "*.json", ".json", false),
            (Notation::Path, "*a", ".a", false),
            (Notation::Path, "*a", "a", true),
            (Notation::Path, "*.json", "d/a.json", false),
            (Notation::Path, "**/*.json", "a.json", true),
            (Notation::Path, "**/*.json", "d/e/a.json", true),
            (Notation::Path, "**/*.json", "d/.e/a.json", false),
            (Notation::Path, "d/**", "d/e/f", true),
            (Notation::Path, "?x", ".x", false),
            (Notation::Path, "LICEN[CS]E*", "LICENSE.txt", true),
            (Notation::Dotted, "*", ".x", true),
            (Notation::Dotted, "**/x", "a/.b/x", true),
            (Notation::Path, "a+b", "a+b", true),
        ];
        for (notation, pattern, path, expected) in cases {
            let is_match = compile(pattern, notation).unwrap().is_match(path);
            assert_eq!(is_match, expected, "{notation:?} {pattern} {path}");
        }
    }

    #[test]
    fn ignores_what_git_ignores() {
        let mut patterns = GitPatterns::default();
        for line in ["# x", "", "*.log", "/top", "dir/", "a/b", "!keep.log", "\\#*\\#", "\\!x", "st\\*r", "end\\ "] {
            patterns.push(line).unwrap();
        }
        for line in ["a\\", "\\[a]"] {
            assert!(patterns.push(line).is_err(), "{line}");
        }
        let ignored =
            ["#x#", "!x", "st*r", "end ", "x.log", "a/x.log", "top", "top/x", "dir/x", "c/dir/x", "a/b", "a/b/c"];
        let kept = ["star", "end", "keep.log", "a/keep.log", "a/top", "dir", "c/a/b", "# x"];
        for path in ignored {
            assert!(patterns.matches(path), "{path}");
        }
        for path in kept {
            assert!(!patterns.matches(path), "{path}");
        }
    }
}
