//! Answers: what a registry says when it does not do what was asked.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde::Deserialize;

/// The longest error code kept of an answer, in characters.
const MAX_CODE: usize = 64;
/// The longest error message kept of an answer, in characters.
const MAX_MESSAGE: usize = 400;

/// A registry's answer that was not the one hoped for. Bounded, and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The first error's code, as in the distribution specification (`NAME_UNKNOWN`), or empty.
    pub code: String,
    /// The first error's message, or empty.
    pub message: String,
}

impl Answer {
    /// Reads an error document. `secret` is what was sent to prove who asks: a registry that sends it back must not
    /// thereby bring it into a message.
    pub(super) fn read(status: StatusCode, body: &[u8], secret: Option<&str>) -> Answer {
        #[derive(Deserialize)]
        struct Document {
            // Token servers and cloud gateways each have their own form.
            #[serde(default)]
            errors: Vec<Item>,
            #[serde(default)]
            error: Option<serde_json::Value>,
            #[serde(default)]
            error_description: Option<serde_json::Value>,
            #[serde(default)]
            details: Option<serde_json::Value>,
            #[serde(default)]
            message: Option<serde_json::Value>,
        }
        #[derive(Deserialize)]
        struct Item {
            #[serde(default)]
            code: serde_json::Value,
            #[serde(default)]
            message: serde_json::Value,
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (code, message) = match serde_json::from_slice::<Document>(body) {
            Ok(document) => match document.errors.first() {
                Some(item) => (text(&item.code), text(&item.message)),
                None => {
                    let message = [document.error_description, document.details, document.message];
                    let message = message.iter().flatten().map(text).find(|text| !text.is_empty());
                    (document.error.as_ref().map(text).unwrap_or_default(), message.unwrap_or_default())
                }
            },
            Err(_) if body.starts_with(b"<") => Default::default(),
            Err(_) => (String::new(), String::from_utf8_lossy(body).into_owned()),
        };
        let clean = |text: String, longest| printable(&hide(text, secret), longest);
        Answer { status: status.as_u16(), code: clean(code, MAX_CODE), message: clean(message, MAX_MESSAGE) }
    }
}

/// Takes the secret part of an authorization header out of a text, and the password that it stands for.
fn hide(text: String, authorization: Option<&str>) -> String {
    let Some((scheme, secret)) = authorization.and_then(|header| header.split_once(' ')) else { return text };
    if secret.is_empty() {
        return text;
    }
    let text = text.replace(secret, "…");
    let decoded = STANDARD.decode(secret).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    match decoded.and_then(|pair| Some(String::from_utf8(pair).ok()?.split_once(':')?.1.to_owned())) {
        // A shorter one is part of any sentence.
        Some(password) if password.len() >= 4 => text.replace(&password, "…"),
        _ => text,
    }
}

/// At most `longest` characters of the first line of `text` that says something, without control characters.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(longest).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the registry answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        } else if let Some(reason) = StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason()) {
            write!(f, " {reason}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bounded_and_hold_neither_control_characters_nor_secrets() {
        let body = br#"{"errors":[{"code":"DENIED","message":"you \u001b[31msent c2VjcmV0\nsecond line"}]}"#;
        let answer = Answer::read(StatusCode::FORBIDDEN, body, Some("Basic c2VjcmV0"));
        assert_eq!(answer.to_string(), "the registry answered 403 DENIED: you [31msent …");

        let long = vec![b'x'; 100_000];
        assert_eq!(Answer::read(StatusCode::OK, &long, None).message.len(), MAX_MESSAGE);
        let page = Answer::read(StatusCode::BAD_GATEWAY, b"<html>", None);
        assert_eq!(page.to_string(), "the registry answered 502 Bad Gateway");
        let token = Answer::read(StatusCode::UNAUTHORIZED, br#"{"details":"incorrect username or password"}"#, None);
        assert_eq!(token.message, "incorrect username or password");
        let odd = Answer::read(StatusCode::BAD_REQUEST, br#"{"errors":[{"code":7,"message":{}}]}"#, None);
        assert_eq!((odd.code.as_str(), odd.message.as_str()), ("", ""));
    }
}
