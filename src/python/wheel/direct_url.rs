//! `direct_url.json`: that a distribution was named itself
//! ([direct URL](https://packaging.python.org/en/latest/specifications/direct-url/)).

use crate::digest::Digest;

/// What it says of a wheel. The URL has the file's name and no directory: where it lay on the machine that built the
/// image is nobody's business, and would make it another image on each. As pip's, keys are sorted.
pub fn of_wheel(file: &str, digest: &Digest) -> Vec<u8> {
    let (hex, url) = (digest.hex(), percent_encoded(file));
    format!(
        "{{\"archive_info\": {{\"hash\": \"sha256={hex}\", \"hashes\": {{\"sha256\": \"{hex}\"}}}}, \
         \"url\": \"file:///{url}\"}}"
    )
    .into_bytes()
}

/// A file's name in a URL, with what `urllib.parse.quote` leaves alone.
fn percent_encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_pip_but_for_the_directory() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let text = of_wheel("a-1+b!é \".whl", &Digest::of(b""));
        let expected = format!(
            "{{\"archive_info\": {{\"hash\": \"sha256={hex}\", \"hashes\": {{\"sha256\": \"{hex}\"}}}}, \
             \"url\": \"file:///a-1%2Bb%21%C3%A9%20%22.whl\"}}"
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert!(serde_json::from_str::<serde_json::Value>(&expected).is_ok());
    }
}
