//! Challenges: how a registry says in `WWW-Authenticate` what it wants to see
//! ([RFC 9110, 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// The most challenges read from one answer.
const MAX_CHALLENGES: usize = 16;
/// The most parameters kept of one challenge.
const MAX_PARAMETERS: usize = 16;

/// One challenge: a scheme and its parameters, both named in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of an answer, in its order. What cannot be read is skipped.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        if let Ok(text) = value.to_str() {
            parse(text, &mut found);
        }
    }
    found
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte)
}

/// Reads a header value. A word followed by `=` is a parameter of the challenge before it, any other begins a challenge.
fn parse(text: &str, found: &mut Vec<Challenge>) {
    let mut rest = text;
    // Parameters must not be given to a challenge of an earlier header line.
    let mut current: Option<usize> = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', '=']);
        let end = rest.bytes().position(|b| !is_token(b)).unwrap_or(rest.len());
        if end == 0 {
            // Neither a word nor the end: skip what cannot be read, up to the next comma.
            match rest.find(',') {
                Some(comma) => rest = &rest[comma..],
                None => return,
            }
            continue;
        }
        let word = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let after = rest.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), current) {
            (Some(value), Some(index)) => {
                let (value, after) = parse_value(value.trim_start_matches([' ', '\t']));
                rest = after;
                let parameters = &mut found[index].parameters;
                if parameters.len() < MAX_PARAMETERS {
                    parameters.push((word, value));
                }
            }
            _ => {
                if found.len() == MAX_CHALLENGES {
                    return;
                }
                found.push(Challenge { scheme: word, parameters: Vec::new() });
                current = Some(found.len() - 1);
            }
        }
    }
}

/// A token or a quoted string at the beginning of `text`, and what follows it.
fn parse_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|b| !is_token(b)).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        challenges(&headers)
    }

    #[test]
    fn bearer_with_commas_in_quotes() {
        let read = read(&[
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        ]);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].scheme, "bearer");
        assert_eq!(read[0].parameter("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(read[0].parameter("service"), Some("registry.docker.io"));
        assert_eq!(read[0].parameter("scope"), Some("repository:a/b:pull,push"));
    }

    #[test]
    fn several_challenges_in_one_line_and_in_several() {
        let one = read(&[r#"Basic realm="a, \"b\"" , BEARER  Realm = "r",Service=s, Negotiate"#]);
        let schemes: Vec<&str> = one.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["basic", "bearer", "negotiate"]);
        assert_eq!(one[0].parameter("realm"), Some(r#"a, "b""#));
        assert_eq!(one[1].parameter("realm"), Some("r"));
        assert_eq!(one[1].parameter("service"), Some("s"));

        let two = read(&["Negotiate abc==", r#"Basic realm="x""#]);
        assert_eq!(two.last().unwrap().parameter("realm"), Some("x"));
    }

    #[test]
    fn rubbish_ends() {
        for text in ["", ",,,", "=", "\"", "Bearer realm=\"open", "Bearer realm", "a=b", "Basic ;;; , Bearer realm=x"] {
            read(&[text]);
        }
        let read = read(&["Basic ;;; , Bearer realm=x"]);
        assert_eq!(read.last().unwrap().parameter("realm"), Some("x"));
    }
}
