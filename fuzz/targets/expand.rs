//! The expander: it always answers, and within its limits.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use tarsia::spec::dockerfile::{EXPANSION_LIMIT, Lexer, expand, expand_raw, expand_words};

// The switches in a byte, two values on a line each, the text.
fuzz_target!(|input: &[u8]| {
    let Some((&switches, rest)) = input.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let mut parts = rest.splitn(3, '\n');
    let (Some(first), Some(second), Some(text)) = (parts.next(), parts.next(), parts.next()) else { return };
    let environment = BTreeMap::from([
        ("A".to_owned(), first.to_owned()),
        ("B".to_owned(), second.to_owned()),
        ("EMPTY".to_owned(), String::new()),
    ]);
    let is_on = |bit: u8| switches >> bit & 1 == 1;
    let escape = if is_on(0) { '`' } else { '\\' };
    let lexer =
        Lexer { escape, raw_quotes: is_on(1), raw_escapes: is_on(2), skip_quotes: is_on(3), skip_unset: is_on(4) };
    let word = lexer.word(text, &environment);
    let words = lexer.words(text, &environment);
    assert_eq!(word.is_ok(), words.is_ok());
    if let (Ok(word), Ok(words)) = (&word, &words) {
        // What is written more than once, a text of its own nested in each, comes to no more than this.
        let most = 2 * text.len() + 2 * EXPANSION_LIMIT;
        assert!(word.len() <= most, "{} bytes", word.len());
        assert!(words.iter().map(String::len).sum::<usize>() <= most);
        assert!(words.iter().all(|word| !word.is_empty()));
        if !text.contains(['$', '\'', '"', '\\', '`', '\u{feff}']) {
            assert_eq!(word, text);
        }
    }
    let _ = expand_raw(text, &environment);
    if switches >> 1 == 0 {
        assert_eq!(expand(text, escape, &environment), word);
        assert_eq!(expand_words(text, escape, &environment), words);
    }
});
