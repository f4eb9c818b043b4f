//! Go's regular expressions, as far as ignore patterns can produce them, in the notation of the `regex` crate.
//!
//! The two languages share their origin and differ in corners that an ignore pattern can reach: sets inside classes,
//! `\<`, Unicode meanings of `\d`, a `{` that repeats nothing. Literals are written as code points, so that nothing
//! is left to be read differently.

use std::fmt::Write;

/// Translates an expression; `None` if Go would not compile it.
pub(super) fn translate(go: &str) -> Option<String> {
    let chars: Vec<char> = go.chars().collect();
    let mut rest: &[char] = &chars;
    let mut out = String::new();
    // Go refuses a repetition of a repetition; `*` and `?` come from stars alone and follow a class or a group.
    let mut repeated = false;
    while let [first, after @ ..] = rest {
        rest = after;
        let mut repeats = false;
        match first {
            '[' => rest = class(after, &mut out)?,
            '\\' => rest = escape(after, &mut out)?,
            '*' | '?' => {
                if repeated {
                    return None;
                }
                out.push(*first);
                repeats = true;
            }
            '{' => match repetition(after) {
                Some((least, most, after)) => {
                    if repeated || least > 1000 || most.flatten().is_some_and(|most| most > 1000 || most < least) {
                        return None;
                    }
                    match most {
                        None => write!(out, "{{{least}}}"),
                        Some(None) => write!(out, "{{{least},}}"),
                        Some(Some(most)) => write!(out, "{{{least},{most}}}"),
                    }
                    .ok()?;
                    rest = after;
                    repeats = true;
                }
                None => literal('{', &mut out),
            },
            '^' | '$' | '|' | '(' | ')' | '.' => out.push(*first),
            other => literal(*other, &mut out),
        }
        repeated = repeats;
    }
    Some(out)
}

fn literal(character: char, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\x{{{:x}}}", u32::from(character));
}

/// `n}`, `n,}` or `n,m}` after a `{`: least, most (`Some(None)` for no bound), and what follows.
type Repetition<'a> = (u32, Option<Option<u32>>, &'a [char]);

fn repetition(text: &[char]) -> Option<Repetition<'_>> {
    fn number(text: &[char]) -> Option<(u32, &[char])> {
        let length = text.iter().take_while(|c| c.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(length);
        if length == 0 || (length > 1 && digits[0] == '0') {
            return None;
        }
        // A number too large to hold is too large to repeat.
        Some((digits.iter().collect::<String>().parse().unwrap_or(u32::MAX), rest))
    }
    let (least, rest) = number(text)?;
    match rest {
        ['}', rest @ ..] => Some((least, None, rest)),
        [',', '}', rest @ ..] => Some((least, Some(None), rest)),
        [',', rest @ ..] => match number(rest)? {
            (most, ['}', rest @ ..]) => Some((least, Some(Some(most)), rest)),
            _ => None,
        },
        _ => None,
    }
}

/// The members of `\d`, `\s`, `\w` and of their complements, which mean ASCII in Go.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        's' => "\\t\\n\\x0c\\r ",
        'w' => "0-9A-Za-z_",
        _ => return None,
    })
}

/// Reads an escape outside of a class.
fn escape<'a>(text: &'a [char], out: &mut String) -> Option<&'a [char]> {
    let (&letter, rest) = text.split_first()?;
    if let Some(members) = perl_class(letter.to_ascii_lowercase()) {
        let negated = if letter.is_ascii_uppercase() { "^" } else { "" };
        let _ = write!(out, "[{negated}{members}]");
        return Some(rest);
    }
    match letter {
        'A' | 'z' => out.extend(['\\', letter]),
        'b' | 'B' => {
            let _ = write!(out, "(?-u:\\{letter})");
        }
        'Q' => {
            let end = rest.windows(2).position(|pair| pair == ['\\', 'E']);
            rest[..end.unwrap_or(rest.len())].iter().for_each(|&character| literal(character, out));
            return Some(end.map_or(&[], |end| &rest[end + 2..]));
        }
        'p' | 'P' => return property(letter, rest, out),
        _ => {
            let (character, rest) = character(text)?;
            literal(character, out);
            return Some(rest);
        }
    }
    Some(rest)
}

/// `\pL`, `\p{Greek}`: the names are Unicode's in both languages.
fn property<'a>(letter: char, text: &'a [char], out: &mut String) -> Option<&'a [char]> {
    let (name, rest) = match text {
        ['{', rest @ ..] => {
            let end = rest.iter().position(|&c| c == '}')?;
            (rest[..end].iter().collect::<String>(), &rest[end + 1..])
        }
        [single, rest @ ..] => (single.to_string(), rest),
        [] => return None,
    };
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let _ = write!(out, "\\{letter}{{{name}}}");
    Some(rest)
}

/// The character that an escape stands for, and what follows: Go's `parseEscape`.
fn character(text: &[char]) -> Option<(char, &[char])> {
    let (&letter, rest) = text.split_first()?;
    let control = |character| Some((character, rest));
    match letter {
        'a' => control('\x07'),
        'f' => control('\x0c'),
        'n' => control('\n'),
        'r' => control('\r'),
        't' => control('\t'),
        'v' => control('\x0b'),
        '0'..='7' => {
            let digits = text.iter().take(3).take_while(|c| c.is_digit(8)).count();
            if letter != '0' && digits == 1 {
                return None;
            }
            let value = text[..digits].iter().filter_map(|c| c.to_digit(8)).fold(0, |value, digit| value * 8 + digit);
            Some((char::from_u32(value)?, &text[digits..]))
        }
        'x' => {
            let (digits, rest) = match rest {
                ['{', inner @ ..] => {
                    let end = inner.iter().position(|&c| c == '}')?;
                    (&inner[..end], &inner[end + 1..])
                }
                _ => rest.split_at_checked(2)?,
            };
            if digits.is_empty() || digits.len() > 8 {
                return None;
            }
            let value = u32::from_str_radix(&digits.iter().collect::<String>(), 16).ok()?;
            Some((char::from_u32(value)?, rest))
        }
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some((other, rest)),
        _ => None,
    }
}

/// Reads a class after its `[`.
fn class<'a>(text: &'a [char], out: &mut String) -> Option<&'a [char]> {
    const POSIX: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ];
    out.push('[');
    let mut rest = text;
    if let ['^', after @ ..] = rest {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        match rest {
            [] => return None,
            [']', after @ ..] if !first => {
                out.push(']');
                return Some(after);
            }
            ['[', ':', after @ ..] if after.windows(2).any(|pair| pair == [':', ']']) => {
                let end = after.windows(2).position(|pair| pair == [':', ']'])?;
                let name: String = after[..end].iter().collect();
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(&name)) {
                    return None;
                }
                let _ = write!(out, "[:{name}:]");
                rest = &after[end + 2..];
            }
            ['\\', letter, after @ ..] if perl_class(letter.to_ascii_lowercase()).is_some() => {
                let members = perl_class(letter.to_ascii_lowercase())?;
                let negated = if letter.is_ascii_uppercase() { "^" } else { "" };
                let _ = write!(out, "[{negated}{members}]");
                rest = after;
            }
            ['\\', letter @ ('p' | 'P'), after @ ..] => rest = property(*letter, after, out)?,
            _ => {
                let (low, after) = member(rest)?;
                literal(low, out);
                rest = after;
                if let ['-', next, ..] = after
                    && *next != ']'
                {
                    let (high, after) = member(&after[1..])?;
                    if high < low {
                        return None;
                    }
                    out.push('-');
                    literal(high, out);
                    rest = after;
                }
            }
        }
        first = false;
    }
}

fn member(text: &[char]) -> Option<(char, &[char])> {
    match text {
        ['\\', after @ ..] => character(after),
        [member, after @ ..] => Some((*member, after)),
        [] => None,
    }
}
