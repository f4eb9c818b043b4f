//! Accounts: the names of users and groups, as an image's `/etc/passwd` and `/etc/group` give them.
//!
//! What docker's builder makes of these files, and of `--chown`: malformed and missing numbers are 0, the first line
//! with a name counts, and a user without a group brings its primary one
//! ([`readUser`](https://github.com/moby/buildkit/blob/master/solver/llbsolver/ops/user_linux.go),
//! [`moby/sys/user`](https://github.com/moby/sys/blob/main/user/user.go)). Where it takes 0 for a name that there is
//! not, whoever asks gets an error here.

use std::str::FromStr;

use crate::entry::Owner;

/// The largest of either file that is kept, in bytes.
pub const ACCOUNTS_LIMIT: u64 = 1 << 20;

/// The largest id that a file can belong to: the one above it means "as it is" to the system.
const ID_LIMIT: u64 = u32::MAX as u64 - 1;
/// The largest id that docker takes as a number.
const WRITTEN_ID_LIMIT: u64 = i32::MAX as u64;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountFile {
    /// Of users.
    Passwd,
    /// Of groups.
    Group,
}

impl AccountFile {
    /// Both.
    pub const ALL: [AccountFile; 2] = [AccountFile::Passwd, AccountFile::Group];

    /// Where it lies, below the root.
    pub fn path(self) -> &'static str {
        match self {
            AccountFile::Passwd => "etc/passwd",
            AccountFile::Group => "etc/group",
        }
    }

    /// The file that lies at `path`, if it is one of the two.
    pub fn at(path: &[u8]) -> Option<AccountFile> {
        AccountFile::ALL.into_iter().find(|file| file.path().as_bytes() == path)
    }
}

/// A number that nothing can belong to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is no user or group: ids go from 0 to {limit}")]
pub struct InvalidId {
    id: String,
    limit: u64,
}

/// A user or a group, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By number.
    Id(u64),
    /// By name.
    Name(String),
}

/// An owner as `--chown` takes it: `user`, `user:group` or `:group`, each a name or a number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnerName {
    /// The user; nothing is 0.
    pub user: Option<UserRef>,
    /// The group; nothing is that of the user.
    pub group: Option<UserRef>,
}

impl FromStr for OwnerName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<OwnerName, InvalidId> {
        let Some((user, group)) = text.split_once(':') else {
            return Ok(OwnerName { user: reference(text)?, group: None });
        };
        // A group that is written and empty is docker's group 0.
        Ok(OwnerName { user: reference(user)?, group: reference(group)?.or(Some(UserRef::Id(0))) })
    }
}

impl OwnerName {
    /// Whether no file has to be asked who this is.
    pub fn is_numeric(&self) -> bool {
        let is_name = |who: &Option<UserRef>| matches!(who, Some(UserRef::Name(_)));
        !is_name(&self.user) && !is_name(&self.group)
    }

    /// The numbers. A user by number has the group of that number, one by name its primary group; a group that is
    /// given wins over both.
    ///
    /// # Errors
    ///
    /// Whatever the two look-ups say.
    pub fn resolve<E>(
        &self,
        user: impl FnOnce(&str) -> Result<(u64, u64), E>,
        group: impl FnOnce(&str) -> Result<u64, E>,
    ) -> Result<Owner, E> {
        let (uid, primary) = match &self.user {
            None => (0, 0),
            Some(UserRef::Id(id)) => (*id, *id),
            Some(UserRef::Name(name)) => user(name)?,
        };
        let gid = match &self.group {
            None => primary,
            Some(UserRef::Id(id)) => *id,
            Some(UserRef::Name(name)) => group(name)?,
        };
        Ok(Owner { uid, gid })
    }
}

fn reference(text: &str) -> Result<Option<UserRef>, InvalidId> {
    if text.is_empty() {
        return Ok(None);
    }
    // Docker asks no file who this is.
    if text == "root" {
        return Ok(Some(UserRef::Id(0)));
    }
    match number(text.as_bytes()) {
        Number::None => Ok(Some(UserRef::Name(text.to_owned()))),
        Number::Some(id) if id <= WRITTEN_ID_LIMIT => Ok(Some(UserRef::Id(id))),
        // Docker looks for a user of that name, or wraps around.
        _ => Err(InvalidId { id: text.chars().take(100).collect(), limit: WRITTEN_ID_LIMIT }),
    }
}

/// The number and the primary group of the user of this name, in the text of a `passwd` file.
///
/// # Errors
///
/// [`InvalidId`], if they are none.
pub fn user(passwd: &[u8], name: &str) -> Result<Option<(u64, u64)>, InvalidId> {
    // Not even a comment is one here.
    let Some(line) = line(passwd, name, |_| false) else { return Ok(None) };
    Ok(Some((id(&line, 2)?, id(&line, 3)?)))
}

/// The number of the group of this name, in the text of a `group` file.
///
/// # Errors
///
/// [`InvalidId`], if it is none.
pub fn group(group: &[u8], name: &str) -> Result<Option<u64>, InvalidId> {
    let Some(line) = line(group, name, |line| line.starts_with(b"#")) else { return Ok(None) };
    id(&line, 2).map(Some)
}

/// The fields of the first line with this name.
fn line<'a>(text: &'a [u8], name: &str, skip: impl Fn(&[u8]) -> bool) -> Option<Vec<&'a [u8]>> {
    let lines = text.split(|&byte| byte == b'\n').map(trim).filter(|line| !line.is_empty() && !skip(line));
    let mut fields = lines.map(|line| line.split(|&byte| byte == b':'));
    let found = fields.find(|fields| fields.clone().next() == Some(name.as_bytes()))?;
    Some(found.collect())
}

fn trim(line: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let start = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

fn id(fields: &[&[u8]], at: usize) -> Result<u64, InvalidId> {
    let written = fields.get(at).copied().unwrap_or_default();
    match number(written) {
        Number::None => Ok(0),
        Number::Some(id) if id <= ID_LIMIT => Ok(id),
        _ => {
            let id = String::from_utf8_lossy(&written[..written.len().min(100)]).into_owned();
            Err(InvalidId { id, limit: ID_LIMIT })
        }
    }
}

enum Number {
    /// It is not written like a number.
    None,
    /// It is one.
    Some(u64),
    /// It is below zero or beyond reason.
    Outside,
}

fn number(text: &[u8]) -> Number {
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Number::None;
    }
    let value = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    match value {
        Some(0) => Number::Some(0),
        Some(value) if !text.starts_with(b"-") => Number::Some(value),
        _ => Number::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_with_a_name_counts() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n\n  app:x:1000:1001::/home/app:/bin/sh\r\napp:x:1:1::/:\n\
            short:x:7\nempty\nodd:x:seven:+8\n#c:x:5:6\nsigned:x:-0:4294967294\nbig:x:4294967295:0\nneg:x:1:-1\n\
            \x0bspaced:x:9:9 \nhuge:x:99999999999999999999999:1\nlast:x:3:4";
        for (name, ids) in [
            ("root", Some((0, 0))),
            ("app", Some((1000, 1001))),
            ("short", Some((7, 0))),
            ("empty", Some((0, 0))),
            ("odd", Some((0, 8))),
            ("#c", Some((5, 6))),
            ("signed", Some((0, 4_294_967_294))),
            ("spaced", Some((9, 9))),
            ("last", Some((3, 4))),
            ("ap", None),
            ("apps", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(user(passwd, name), Ok(ids), "{name}");
        }
        for name in ["big", "neg", "huge"] {
            assert!(user(passwd, name).is_err(), "{name}");
        }
    }

    #[test]
    fn groups_have_comments() {
        let text = b"#staff:x:1:\n staff:x:50:a,b\nstaff:x:51\nnone\n";
        for (name, id) in [("staff", Some(50)), ("#staff", None), ("none", Some(0)), ("50", None)] {
            assert_eq!(group(text, name), Ok(id), "{name}");
        }
        assert_eq!(group(b"", "staff"), Ok(None));
    }

    #[test]
    fn owners_are_resolved_as_docker_does() {
        let user = |name: &str| if name == "app" { Ok((1000, 1001)) } else { Err(format!("user {name}")) };
        let group = |name: &str| if name == "staff" { Ok(50) } else { Err(format!("group {name}")) };
        for (written, resolved) in [
            ("", Ok((0, 0))),
            ("root", Ok((0, 0))),
            ("5", Ok((5, 5))),
            ("+5", Ok((5, 5))),
            ("5:", Ok((5, 0))),
            ("5:6", Ok((5, 6))),
            ("5:root", Ok((5, 0))),
            ("5:staff", Ok((5, 50))),
            ("app", Ok((1000, 1001))),
            ("app:", Ok((1000, 0))),
            ("app:staff", Ok((1000, 50))),
            ("app:7", Ok((1000, 7))),
            (":7", Ok((0, 7))),
            (":staff", Ok((0, 50))),
            (":", Ok((0, 0))),
            ("2147483647", Ok((2_147_483_647, 2_147_483_647))),
            ("nobody", Err("user nobody")),
            ("app:wheel", Err("group wheel")),
            ("app:staff:x", Err("group staff:x")),
            ("0x5", Err("user 0x5")),
            ("5 ", Err("user 5 ")),
        ] {
            let owner: OwnerName = written.parse().unwrap();
            let resolved = resolved.map(|(uid, gid)| Owner { uid, gid }).map_err(str::to_owned);
            assert_eq!(owner.resolve(user, group), resolved, "{written}");
        }
        for written in ["2147483648", "-1", "app:4294967295", "99999999999999999999999"] {
            assert!(written.parse::<OwnerName>().is_err(), "{written}");
        }
    }
}
