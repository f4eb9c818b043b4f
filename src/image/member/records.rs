//! Records: what the PAX header before an entry says of it, each taken apart by the length it begins with, as
//! [POSIX](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03) has it.

use std::collections::BTreeMap;
use std::io;

use super::between::malformed;
use crate::digest::Digest;
use crate::image::tree::TreeError;

/// How many bytes the names of one entry's attributes and records may take.
const NAMES_LIMIT: usize = 64 << 10;
/// The longest value of an attribute or a record that is kept as it is; of a longer one its digest is.
const VALUE_LIMIT: usize = 64;
/// The longest name of an owner: no system has longer ones.
const OWNER_LIMIT: usize = 1024;

/// What unpacking sets beside the members' own fields; records of extended attributes aside.
const ATTRIBUTES: [&[u8]; 4] = [b"SCHILY.acl.access", b"SCHILY.acl.default", b"SCHILY.fflags", b"RHT.security.selinux"];

/// What the PAX records of an entry say.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The keys of those that are no attributes, sorted; with the value, unless it is told elsewhere.
    pub keys: Vec<Box<str>>,
    pub path: Option<Box<[u8]>>,
    pub link: Option<Box<[u8]>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub time: Option<(i64, u32)>,
    pub user: Option<Box<[u8]>>,
    pub group: Option<Box<[u8]>>,
    pub attributes: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Whether what the stream holds of a file is not its content, but the pieces between its holes.
    pub in_pieces: bool,
}

impl Records {
    pub(super) fn of(bytes: &[u8]) -> Result<Records, TreeError> {
        let mut found = Records::default();
        let mut names = 0;
        let mut others: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for (key, value) in parse(bytes)? {
            names += key.len();
            if names > NAMES_LIMIT {
                let what = "bytes in the names of an entry's attributes";
                return Err(TreeError::TooMany { what, limit: NAMES_LIMIT as u64 });
            }
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                found.attributes.insert(name.into(), kept(value));
                continue;
            }
            if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                others.insert(name, value);
                continue;
            }
            if ATTRIBUTES.contains(&key) {
                found.attributes.insert(key.into(), kept(value));
                continue;
            }
            found.in_pieces |= key.starts_with(b"GNU.sparse.");
            // An empty value takes back what a global header said, and readers of layers heed none.
            let said = Some(value).filter(|value| !value.is_empty());
            match key {
                b"path" => found.path = said.map(Into::into),
                b"linkpath" => found.link = said.map(Into::into),
                b"size" => found.size = said.map(number).transpose()?,
                b"uid" => found.uid = said.map(number).transpose()?,
                b"gid" => found.gid = said.map(number).transpose()?,
                b"mtime" => found.time = said.and_then(time),
                b"uname" => found.user = Some(owner(value)?),
                b"gname" => found.group = Some(owner(value)?),
                _ => {
                    found.keys.push(format!("{}={}", key.escape_ascii(), kept(value).escape_ascii()).into());
                    continue;
                }
            }
            found.keys.push(key.escape_ascii().to_string().into());
        }
        // bsdtar says each attribute twice.
        others.retain(|name, _| !found.attributes.contains_key(*name));
        for (name, value) in others {
            found.attributes.insert([b"LIBARCHIVE.xattr.", name].concat().into(), kept(value));
        }
        found.keys.sort();
        found.keys.dedup();
        Ok(found)
    }
}

/// The records, as keys and values.
fn parse(bytes: &[u8]) -> io::Result<Vec<(&[u8], &[u8])>> {
    let broken = || malformed("a PAX record is malformed");
    let mut records = Vec::new();
    let mut rest = bytes;
    // Some writers fill the block up.
    while rest.iter().any(|&byte| byte != 0) {
        let space = rest.iter().take(20).position(|&byte| byte == b' ').ok_or_else(broken)?;
        let length = std::str::from_utf8(&rest[..space]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(broken)?;
        let (record, others) = rest.split_at_checked(length).ok_or_else(broken)?;
        let record = record.get(space + 1..).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(broken)?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(broken)?;
        records.push((&record[..equals], &record[equals + 1..]));
        rest = others;
    }
    Ok(records)
}

fn kept(value: &[u8]) -> Box<[u8]> {
    match value.len() {
        0..=VALUE_LIMIT => value.into(),
        _ => Digest::of(value).to_string().into_bytes().into(),
    }
}

fn owner(name: &[u8]) -> Result<Box<[u8]>, TreeError> {
    match name.len() {
        0..=OWNER_LIMIT => Ok(name.into()),
        _ => Err(TreeError::TooMany { what: "bytes in the name of an owner", limit: OWNER_LIMIT as u64 }),
    }
}

fn number(text: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a number in a PAX record is malformed"))
}

/// A time as PAX writes it: decimal seconds, with a fraction or not.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    // Of a time before 1970 the fraction goes further back.
    Some(match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => (seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds),
        _ => (seconds, nanoseconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_records_have_fractions() {
        for (text, expected) in [
            ("0", Some((0, 0))),
            ("12.5", Some((12, 500_000_000))),
            ("1.0000000019", Some((1, 1))),
            ("-1.5", Some((-2, 500_000_000))),
            ("-0.25", Some((-1, 750_000_000))),
            ("x", None),
            ("1.x", None),
        ] {
            assert_eq!(time(text.as_bytes()), expected, "{text}");
        }
    }

    fn record(key: &str, value: &str) -> String {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap();
        format!("{length} {key}={value}\n")
    }

    #[test]
    fn records_are_as_long_as_they_say() {
        let all = [
            record("SCHILY.xattr.security.capability", "\u{1}\n\n\u{7f}"),
            record("SCHILY.xattr.user.a", "x\n14 path=evil\n"),
            record("SCHILY.acl.access", "user::rwx"),
            record("LIBARCHIVE.xattr.user.a", "eA=="),
            record("LIBARCHIVE.xattr.user.b", "eA=="),
            record("comment", "why\nnot"),
            record("path", "first"),
            record("path", "last"),
            record("uid", "3000000"),
            record("gid", ""),
        ];
        let found = Records::of(all.concat().as_bytes()).unwrap();
        let keys: Vec<&str> = found.keys.iter().map(AsRef::as_ref).collect();
        assert_eq!(keys, ["comment=why\\nnot", "gid", "path", "uid"]);
        assert_eq!((found.path.as_deref(), found.uid, found.gid), (Some(&b"last"[..]), Some(3_000_000), None));
        let attributes: Vec<(&[u8], &[u8])> =
            found.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"LIBARCHIVE.xattr.user.b", b"eA=="),
            (b"SCHILY.acl.access", b"user::rwx"),
            (b"security.capability", b"\x01\n\n\x7f"),
            (b"user.a", b"x\n14 path=evil\n"),
        ];
        assert_eq!(attributes, expected);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in
            ["x", "9 a=b\n", "5 a=b\n", "6 a=bc", "6 abc\n", "+6 a=b\n", "99999999999999999999 a=b\n", "8 uid=x\n"]
        {
            assert!(Records::of(text.as_bytes()).is_err(), "{text:?}");
        }
        Records::of(b"6 a=b\n\0\0").unwrap();
        assert!(Records::of(record("uname", &"u".repeat(1025)).as_bytes()).is_err());
        Records::of(record("uname", &"u".repeat(1024)).as_bytes()).unwrap();
    }
}
