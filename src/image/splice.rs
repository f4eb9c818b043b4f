//! Splicing: a JSON document with some of its values replaced. Every other byte stays as it was: fields unknown to this
//! version, numbers as they were written, white space.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ImageError;

/// A step on the way to a value.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The value of this key of an object.
    Key(&'a str),
    /// The element at this place of an array.
    At(usize),
}

/// A document and what is to be replaced in it.
#[derive(Debug)]
pub struct Splice<'a> {
    text: &'a str,
    /// Replacements by where they begin and end. They never overlap; what is put in comes before what is taken out.
    edits: BTreeMap<(usize, usize), String>,
}

impl<'a> Splice<'a> {
    /// Of a document.
    ///
    /// # Errors
    ///
    /// If it is no JSON.
    pub fn of(bytes: &'a [u8]) -> Result<Splice<'a>, ImageError> {
        let malformed = |source| ImageError::Malformed { what: "document", source };
        let document: &RawValue = serde_json::from_slice(bytes).map_err(malformed)?;
        // Raw values borrow from what they were read from, and that is text then.
        let text = std::str::from_utf8(bytes).unwrap_or(document.get());
        Ok(Splice { text, edits: BTreeMap::new() })
    }

    /// Puts `value` in the place of the value at `path`. Answers whether there is one.
    #[must_use]
    pub fn replace(&mut self, path: &[Step<'_>], value: &impl serde::Serialize) -> bool {
        let Some(range) = self.find(path) else { return false };
        self.edit(range, json(value));
        true
    }

    /// Gives the object at `path` a value for `key`: in the place of the one it has, else before the first key that
    /// sorts after it. Answers whether there is such an object.
    #[must_use]
    pub fn set(&mut self, path: &[Step<'_>], key: &str, value: &impl serde::Serialize) -> bool {
        let Some(object) = self.find(path) else { return false };
        let Some(members) = members(&self.text[object.clone()]) else { return false };
        if let Some(range) = self.find(&[path, &[Step::Key(key)]].concat()) {
            self.edit(range, json(value));
            return true;
        }
        let (key_text, value) = (json(&key), json(value));
        match members.iter().find(|member| *member.key > *key) {
            Some(next) => {
                // The key's own quote is the last one before the value.
                let at = object.start + next.begins;
                self.edit(at..at, format!("{key_text}:{value},"));
            }
            None => {
                let comma = if members.is_empty() { "" } else { "," };
                let at = match members.last() {
                    Some(last) => object.start + last.value.end,
                    None => object.start + 1,
                };
                self.edit(at..at, format!("{comma}{key_text}:{value}"));
            }
        }
        true
    }

    /// Takes a key out of the object at `path`, if it has it.
    pub fn remove(&mut self, path: &[Step<'_>], key: &str) {
        let Some(object) = self.find(path) else { return };
        let Some(members) = members(&self.text[object.clone()]) else { return };
        let Some(at) = members.iter().position(|member| *member.key == *key) else { return };
        // With the comma that parts it from a neighbour.
        let range = match (members.get(at + 1), at.checked_sub(1).and_then(|before| members.get(before))) {
            (Some(next), _) => members[at].begins..next.begins,
            (None, Some(before)) => before.value.end..members[at].value.end,
            (None, None) => members[at].begins..members[at].value.end,
        };
        self.edit(object.start + range.start..object.start + range.end, String::new());
    }

    fn edit(&mut self, range: Range<usize>, text: String) {
        self.edits.insert((range.start, range.end), text);
    }

    fn find(&self, path: &[Step<'_>]) -> Option<Range<usize>> {
        let raw: &RawValue = serde_json::from_str(self.text).ok()?;
        let start = offset(self.text, raw.get());
        let mut range = start..start + raw.get().len();
        for step in path {
            let value = &self.text[range.clone()];
            let inner = match *step {
                // Of a key that stands twice, readers take the last.
                Step::Key(key) => members(value)?.into_iter().rev().find(|member| *member.key == *key)?.value,
                Step::At(place) => {
                    let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
                    let element = elements.get(place)?.get();
                    let start = offset(value, element);
                    start..start + element.len()
                }
            };
            range = range.start + inner.start..range.start + inner.end;
        }
        Some(range)
    }

    /// The document with the replacements.
    pub fn finish(self) -> Vec<u8> {
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for ((start, end), value) in self.edits {
            text.push_str(&self.text[at..start]);
            text.push_str(&value);
            at = end;
        }
        text.push_str(&self.text[at..]);
        text.into_bytes()
    }
}

/// Where a part of a text begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Compact JSON. Descriptors, digests and texts serialise.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

struct Member {
    key: String,
    /// Where the key begins.
    begins: usize,
    value: Range<usize>,
}

/// The members of an object in their order; nothing if it is none.
fn members(object: &str) -> Option<Vec<Member>> {
    struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

    impl<'de> Deserialize<'de> for Pairs<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
            struct Reader;

            impl<'de> Visitor<'de> for Reader {
                type Value = Pairs<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }

            deserializer.deserialize_map(Reader)
        }
    }

    let pairs: Pairs<'_> = serde_json::from_str(object).ok()?;
    let members = pairs.0.into_iter().map(|(key, value)| {
        let start = offset(object, value.get());
        let name = serde_json::from_str(key.get()).ok()?;
        Some(Member { key: name, begins: offset(object, key.get()), value: start..start + value.get().len() })
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use super::Step::{At, Key};
    use super::*;

    /// A document as writers in Go indent it, with what no typed reader would keep.
    const DOCUMENT: &str = "{\n   \"size\": 1e2,\n   \"list\": [1, {\"x\" : 0.10, \"\\u0061\": null}],\n   \"big\": 123456789012345678901\n}";

    #[test]
    fn everything_else_stays() {
        let mut splice = Splice::of(DOCUMENT.as_bytes()).unwrap();
        assert!(splice.replace(&[Key("list"), At(1), Key("a")], &"new"));
        assert!(splice.replace(&[Key("list"), At(0)], &7));
        let expected = DOCUMENT.replace("null", "\"new\"").replace("[1,", "[7,");
        assert_eq!(String::from_utf8(splice.finish()).unwrap(), expected);
    }

    #[test]
    fn what_is_not_there_is_not_replaced() {
        let mut splice = Splice::of(DOCUMENT.as_bytes()).unwrap();
        for path in [&[Key("none")][..], &[Key("list"), At(2)], &[Key("size"), At(0)], &[At(0)]] {
            assert!(!splice.replace(path, &1), "{path:?}");
        }
        assert_eq!(splice.finish(), DOCUMENT.as_bytes());
    }

    #[test]
    fn a_key_goes_with_its_comma() {
        for (key, expected) in
            [("a", r#"{"b" : 2, "c":3}"#), ("b", r#"{ "a":1, "c":3}"#), ("c", r#"{ "a":1, "b" : 2}"#)]
        {
            let text = r#"{ "a":1, "b" : 2, "c":3}"#;
            let mut splice = Splice::of(text.as_bytes()).unwrap();
            splice.remove(&[], key);
            splice.remove(&[], "none");
            let spliced: serde_json::Value = serde_json::from_slice(&splice.finish()).unwrap();
            assert_eq!(spliced, serde_json::from_str::<serde_json::Value>(expected).unwrap(), "{key}");
        }
        let mut splice = Splice::of(br#"{"o":{"a":1}}"#).unwrap();
        splice.remove(&[Key("o")], "a");
        assert_eq!(splice.finish(), br#"{"o":{}}"#);
    }

    #[test]
    fn new_keys_keep_the_order() {
        for (text, key, expected) in [
            (r#"{"o":{"a":1,"c":2}}"#, "b", r#"{"o":{"a":1,"b":0,"c":2}}"#),
            (r#"{"o":{"a":1}}"#, "b", r#"{"o":{"a":1,"b":0}}"#),
            (r#"{"o":{ "b":1}}"#, "a", r#"{"o":{ "a":0,"b":1}}"#),
            (r#"{"o":{ }}"#, "a", r#"{"o":{"a":0 }}"#),
            (r#"{"o":{"a":1,"b":2}}"#, "b", r#"{"o":{"a":1,"b":0}}"#),
        ] {
            let mut splice = Splice::of(text.as_bytes()).unwrap();
            assert!(splice.set(&[Key("o")], key, &0), "{text}");
            assert_eq!(String::from_utf8(splice.finish()).unwrap(), expected);
        }
        assert!(!Splice::of(b"[1]").unwrap().set(&[], "a", &0));
        assert!(Splice::of(b"{").is_err());
    }
}
