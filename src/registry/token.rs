//! Tokens: what a token server hands out, and how long it can be used.

use std::time::{Duration, Instant, SystemTime};

use reqwest::header::HeaderValue;
use serde_json::Value;

use super::date::rfc3339;

/// How long a token lasts when its server does not say
/// ([token specification](https://distribution.github.io/distribution/spec/auth/token/)).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// The longest lifetime believed: a day.
const LONGEST_LIFETIME: u64 = 24 * 3600;
/// How long before its end a token is replaced, for requests that are still on their way then.
const MARGIN: Duration = Duration::from_secs(10);

/// An `Authorization` header that works until it is too old.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    fresh_until: Instant,
}

/// `Bearer` and a token, marked so that it is never printed.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

impl Token {
    /// Reads a token server's answer.
    pub(super) fn read(body: &[u8]) -> Result<Token, &'static str> {
        let document: Value = serde_json::from_slice(body).map_err(|_| "the token server's answer is not JSON")?;
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let token = text("token").or_else(|| text("access_token")).ok_or("the token server's answer has no token")?;
        let seconds = match document.get("expires_in") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let lifetime = match seconds {
            Some(seconds) if seconds >= 1.0 => Duration::from_secs((seconds as u64).min(LONGEST_LIFETIME)),
            _ => DEFAULT_LIFETIME,
        };
        // A token may come out of the server's own cache and be some seconds old. An age beyond its whole life says
        // that the clocks differ, and then only the lifetime counts.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let age = text("issued_at").and_then(rfc3339).and_then(|issued| now.checked_sub(issued)).unwrap_or(0);
        let age = Duration::from_secs(age);
        let left = if age < lifetime { lifetime - age } else { lifetime };
        let fresh = left - MARGIN.min(left / 4);
        let header = bearer(token).ok_or("the token server's token cannot stand in a header")?;
        Ok(Token { header, fresh_until: Instant::now() + fresh })
    }

    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.fresh_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(body: &str) -> u64 {
        let token = Token::read(body.as_bytes()).unwrap_or_else(|why| panic!("{body}: {why}"));
        token.fresh_until.saturating_duration_since(Instant::now()).as_secs_f64().round() as u64
    }

    #[test]
    fn lifetimes() {
        assert_eq!(left(r#"{"token":"t"}"#), 50);
        assert_eq!(left(r#"{"access_token":"t","expires_in":300}"#), 290);
        assert_eq!(left(r#"{"token":"t","expires_in":"300"}"#), 290);
        assert_eq!(left(r#"{"token":"t","expires_in":0}"#), 50);
        assert_eq!(left(r#"{"token":"t","expires_in":-1e300}"#), 50);
        assert_eq!(left(r#"{"token":"t","expires_in":1e300}"#), 86_390);
        assert_eq!(left(r#"{"token":"t","expires_in":8}"#), 6);
        assert_eq!(left(r#"{"token":"t","expires_in":300,"issued_at":"2015-01-01T00:00:00Z"}"#), 290);
        assert_eq!(left(r#"{"token":"t","expires_in":300,"issued_at":"2999-01-01T00:00:00Z"}"#), 290);
    }

    #[test]
    fn rubbish_is_refused() {
        for body in ["", "[]", "{}", r#"{"token":7}"#, r#"{"token":"a\nb"}"#, r#"{"token":""}"#] {
            assert!(Token::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
