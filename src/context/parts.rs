//! The patterns that most people write: literals, `*`, `?`, small classes and whole parts `**`. They are matched part by
//! part, without a regular expression.

/// A pattern cut at its slashes.
#[derive(Debug)]
pub(super) struct Parts(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// `**/`: any number of directories, or none.
    Any,
    /// `**` at the end: all that is left, and something has to be.
    Rest,
    /// A name in which only `*` is special.
    Name(Box<[u8]>),
    /// A name with others that are.
    Signs(Box<[Sign]>),
}

#[derive(Debug, Clone, Copy)]
enum Sign {
    Byte(u8),
    /// `?`: any character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// `[a-z]`: one of these bytes, all of them ASCII: a bit each.
    Class(u128),
}

impl Parts {
    /// The parts of a pattern; nothing if it needs an expression.
    pub(super) fn new(pattern: &[u8]) -> Option<Parts> {
        let text = std::str::from_utf8(pattern).ok()?;
        // What else the expression takes for special, and the mark that Go drops.
        if text.contains(['\\', '{', '}', '|', '^', '\n', '\u{feff}']) {
            return None;
        }
        let mut parts = Vec::new();
        let mut pieces = pattern.split(|&byte| byte == b'/').peekable();
        while let Some(piece) = pieces.next() {
            parts.push(match piece {
                // Nothing lies in a part without a name: no path matches, as long as it is read part by part.
                b"" => return None,
                b"**" if pieces.peek().is_some() => Part::Any,
                b"**" => Part::Rest,
                _ if piece.windows(2).any(|pair| pair == b"**") => return None,
                _ if piece.iter().any(|byte| b"[]?".contains(byte)) => Part::Signs(signs(piece)?),
                _ => Part::Name(piece.into()),
            });
        }
        Some(Parts(parts))
    }

    /// Whether all of the path matches; nothing if only the expression knows.
    pub(super) fn matches(&self, path: &[u8]) -> Option<bool> {
        // A `.` of the expression matches no new line, and what is no UTF-8 is read as something else.
        // Nor is a character always a byte.
        let has_signs = || self.0.iter().any(|part| matches!(part, Part::Signs(_)));
        if path.contains(&b'\n') || !path.is_ascii() && (has_signs() || std::str::from_utf8(path).is_err()) {
            return None;
        }
        let (mut parts, mut rest) = (&self.0[..], Some(path));
        // Where to go on if a name does not match: the parts after the last `**/`, with one directory more left out. What
        // comes before it need not be tried otherwise: it can only have left more to it.
        let mut again: Option<(&[Part], &[u8])> = None;
        loop {
            let is_match = match (parts, rest) {
                ([], None) => return Some(true),
                ([Part::Any, after @ ..], Some(path)) => {
                    again = Some((after, path));
                    parts = after;
                    continue;
                }
                ([Part::Rest], Some(_)) => return Some(true),
                ([Part::Name(name), after @ ..], Some(path)) => {
                    let (part, below) = split(path);
                    (parts, rest) = (after, below);
                    wildcard_matches(name, part)
                }
                ([Part::Signs(signs), after @ ..], Some(path)) => {
                    let (part, below) = split(path);
                    (parts, rest) = (after, below);
                    signs_match(signs, part)
                }
                _ => false,
            };
            if !is_match {
                let Some((after, Some(below))) = again.map(|(after, path)| (after, split(path).1)) else {
                    return Some(false);
                };
                again = Some((after, below));
                (parts, rest) = (after, Some(below));
            }
        }
    }
}

/// The signs of a name; nothing if there is a class of other than letters and digits.
fn signs(name: &[u8]) -> Option<Box<[Sign]>> {
    let mut signs = Vec::new();
    let mut rest = name;
    while let [first, after @ ..] = rest {
        rest = after;
        signs.push(match first {
            b'*' => Sign::Many,
            b'?' => Sign::One,
            b'[' => {
                let (class, after) = class(rest)?;
                rest = after;
                Sign::Class(class)
            }
            b']' => return None,
            byte => Sign::Byte(*byte),
        });
    }
    Some(signs.into())
}

/// Reads a class after its `[`, and what follows it.
fn class(text: &[u8]) -> Option<(u128, &[u8])> {
    let (mut bits, mut rest) = (0, text);
    loop {
        let (&low, after) = rest.split_first()?;
        if low == b']' && bits != 0 {
            return Some((bits, after));
        }
        let (high, after) = match after {
            [b'-', high, after @ ..] => (*high, after),
            _ => (low, after),
        };
        if !low.is_ascii_alphanumeric() || !high.is_ascii_alphanumeric() || high < low {
            return None;
        }
        (low..=high).for_each(|byte| bits |= 1 << byte);
        rest = after;
    }
}

/// Whether signs stand for all of a name, which is ASCII.
fn signs_match(signs: &[Sign], name: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    // Where to go on if a sign does not match: after the last `*`, with one byte more for it.
    let mut again = None;
    loop {
        let is_match = match (signs.get(at), name.get(next)) {
            (None, None) => return true,
            (Some(Sign::Many), _) => {
                again = Some((at + 1, next));
                at += 1;
                continue;
            }
            (Some(Sign::Byte(sign)), Some(byte)) => sign == byte,
            (Some(Sign::One), Some(_)) => true,
            (Some(Sign::Class(bits)), Some(byte)) => {
                bits.checked_shr(u32::from(*byte)).is_some_and(|bits| bits & 1 == 1)
            }
            _ => false,
        };
        if is_match {
            (at, next) = (at + 1, next + 1);
            continue;
        }
        match again {
            Some((after, from)) if from < name.len() => {
                again = Some((after, from + 1));
                (at, next) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// A path's first part, and what follows its slash.
fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

/// Whether `name`, in which only `*` is special, matches `part`.
pub(super) fn wildcard_matches(name: &[u8], part: &[u8]) -> bool {
    let mut pieces = name.split(|&byte| byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = part.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = (0..=rest.len().saturating_sub(piece.len())).find(|&at| rest[at..].starts_with(piece)) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
