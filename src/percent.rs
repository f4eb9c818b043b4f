//! Percent-encoding: how addresses and facts write bytes that mean something else in them.

/// The bytes that a text stands for; nothing if a `%` in it is not followed by two hex digits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}

/// The text that a text stands for.
pub(crate) fn decode_text(text: &str) -> Option<String> {
    String::from_utf8(decode(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pair_of_digits_is_refused() {
        for (text, bytes) in [
            ("a%2Bb", Some("a+b")),
            ("%c3%A9", Some("é")),
            ("", Some("")),
            ("%", None),
            ("%4", None),
            ("%+1", None),
            ("%é", None),
        ] {
            assert_eq!(decode_text(text).as_deref(), bytes, "{text}");
        }
        assert_eq!((decode("%FF"), decode_text("%FF")), (Some(vec![0xff]), None));
    }
}
