//! Wildcards: `*`, `?`, `[…]` as Go's [`path.Match`](https://pkg.go.dev/path#Match) reads them.

/// Whether a path holds a wildcard that is not escaped.
pub(crate) fn has_wildcard(path: &[u8]) -> bool {
    let mut bytes = path.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => return true,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    false
}

/// Whether a path with wildcards is no pattern: a class in it does not end, or a range in one has no end.
pub(crate) fn is_malformed(pattern: &[u8]) -> bool {
    if !has_wildcard(pattern) {
        return false;
    }
    let mut rest = pattern;
    while let [first, after @ ..] = rest {
        rest = match first {
            b'\\' => match after {
                [] => return true,
                [_, after @ ..] => after,
            },
            b'[' => match class_end(after) {
                Some(after) => after,
                None => return true,
            },
            _ => after,
        };
    }
    false
}

/// What follows a class whose `[` is past, if it is well-formed.
fn class_end(pattern: &[u8]) -> Option<&[u8]> {
    let mut rest = pattern.strip_prefix(b"^").unwrap_or(pattern);
    let mut first = true;
    loop {
        if let [b']', after @ ..] = rest
            && !first
        {
            return Some(after);
        }
        first = false;
        rest = member(rest)?.1;
        if let [b'-', after @ ..] = rest {
            rest = member(after)?.1;
        }
    }
}

/// Whether `path` as a whole matches `pattern`; neither `*`, `?` nor a class matches a `/`. A malformed pattern matches
/// nothing.
pub(crate) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // Part by part: no wildcard crosses a slash, and one star at a time is retried within its part alone.
    let (mut patterns, mut parts) = (pattern.split(|&b| b == b'/'), path.split(|&b| b == b'/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if matches_part(pattern, part) => {}
            _ => return false,
        }
    }
}

fn matches_part(pattern: &[u8], part: &[u8]) -> bool {
    let (mut pattern, mut rest) = (pattern, part);
    // Where to go on if what follows the last star does not fit: one byte further.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = pattern {
            pattern = after;
            retry = Some((after, rest));
            continue;
        }
        match one(pattern, rest) {
            Some((after, left)) => (pattern, rest) = (after, left),
            None if pattern.is_empty() && rest.is_empty() => return true,
            None => match retry {
                Some((after, [first, left @ ..])) => {
                    let width = width(*first, left);
                    let left = &left[width - 1..];
                    retry = Some((after, left));
                    (pattern, rest) = (after, left);
                }
                _ => return false,
            },
        }
    }
}

/// How many bytes a character has that begins so.
fn width(first: u8, after: &[u8]) -> usize {
    let all = [&[first], &after[..after.len().min(3)]].concat();
    character(&all).map_or(1, |(_, width)| width)
}

/// The first character, and how many bytes it takes; a byte that begins none stands for itself.
fn character(bytes: &[u8]) -> Option<(char, usize)> {
    let &first = bytes.first()?;
    let valid = match std::str::from_utf8(&bytes[..bytes.len().min(4)]) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(character) => Some((character, character.len_utf8())),
        None if first < 0x80 => Some((char::from(first), 1)),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

/// Matches one element that is no star: what is left of both, or nothing if it does not fit.
fn one<'p, 's>(pattern: &'p [u8], rest: &'s [u8]) -> Option<(&'p [u8], &'s [u8])> {
    let (found, width) = character(rest)?;
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some((after, &rest[width..])),
        [b'[', after @ ..] => class(after, found).map(|after| (after, &rest[width..])),
        [b'\\', escaped, after @ ..] => (rest.first() == Some(escaped)).then(|| (after, &rest[1..])),
        [literal, after @ ..] => (rest.first() == Some(literal)).then(|| (after, &rest[1..])),
    }
}

/// What follows a class, if `found` is in it.
fn class(pattern: &[u8], found: char) -> Option<&[u8]> {
    let (negated, mut rest) = match pattern {
        [b'^', after @ ..] => (true, after),
        _ => (false, pattern),
    };
    let mut within = false;
    let mut first = true;
    loop {
        if let [b']', after @ ..] = rest
            && !first
        {
            return (within != negated).then_some(after);
        }
        first = false;
        let (low, after) = member(rest)?;
        rest = after;
        let mut high = low;
        if let [b'-', after @ ..] = rest {
            (high, rest) = member(after)?;
        }
        within |= low <= found && found <= high;
    }
}

fn member(pattern: &[u8]) -> Option<(char, &[u8])> {
    let pattern = match pattern {
        [] | [b'-' | b']', ..] => return None,
        [b'\\', after @ ..] => after,
        _ => pattern,
    };
    let (character, width) = character(pattern)?;
    Some((character, &pattern[width..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_go() {
        for (pattern, path, answer) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("ab[!c]", "ab!", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[]a]", "]", false),
            ("[-]", "-", false),
            ("[", "a", false),
            ("[^bc", "a", false),
            ("*.txt", ".txt", true),
            ("*x", "xxx", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), answer, "{pattern} {path}");
        }
    }

    #[test]
    fn malformed_patterns_are_told() {
        for pattern in ["file[1", "[", "a[b-]", "[]a]", "x*\\", "*[^"] {
            assert!(is_malformed(pattern.as_bytes()), "{pattern}");
        }
        for pattern in ["file", "file]", "a\\[b", "[a-c]*", "[^x]?", "[\\]]"] {
            assert!(!is_malformed(pattern.as_bytes()), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let path = vec![b'a'; 5000];
        let pattern = b"a*".repeat(2000);
        assert!(matches(&pattern, &path));
        assert!(!matches(&[&pattern[..], b"b"].concat(), &path));
    }
}
