//! `<<NAME` in an instruction: which words announce a text below it.

use super::expand::{ExpandError, Lexer};

/// A word that announces a heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sign {
    pub name: String,
    pub expand: bool,
    pub chomp: bool,
}

/// The line's words for this purpose: quotes and escapes stay in them.
const WORDS: Lexer = Lexer { raw_quotes: true, raw_escapes: true, skip_unset: true, ..Lexer::new('\\') };

/// The heredocs that a joined line announces. A line that cannot be split into words announces none.
pub(super) fn signs(line: &str) -> Result<Vec<Sign>, ExpandError> {
    let words = match WORDS.words(line, &()) {
        Err(error) if !error.is_limit() => return Ok(Vec::new()),
        words => words?,
    };
    let signs = words.iter().map(|word| sign(word));
    signs.filter_map(Result::transpose).collect()
}

/// What a word announces, if it does.
pub(super) fn sign(word: &str) -> Result<Option<Sign>, ExpandError> {
    let Some(rest) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else { return Ok(None) };
    let (rest, chomp) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let rest = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let plain = Lexer { skip_unset: true, ..Lexer::new('\\') };
    let [name] = &plain.words(rest, &())?[..] else { return Ok(None) };
    let [raw] = &Lexer { raw_quotes: true, ..plain }.words(rest, &())?[..] else {
        return Err(ExpandError::Syntax(format!("`{rest}` is not one word")));
    };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    Ok(Some(Sign { name: name.clone(), expand: quotes(name) == quotes(raw), chomp }))
}

/// The text without the tabs at the beginnings of its lines.
pub(super) fn chomp(text: &str) -> String {
    text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}
