//! The flags of RUN, as far as docker looks at them before it builds.

use super::error::ParseError;
use super::flags::{Flags, Kind};
use super::text::{Text, lowercase};

const FLAGS: [(&str, Kind); 4] =
    [("mount", Kind::Values), ("network", Kind::Value), ("security", Kind::Value), ("device", Kind::Values)];

/// Whether docker would take these flags.
pub(super) fn check_flags(written: &[Text]) -> Result<(), ParseError> {
    let flags = Flags::parse(written, &FLAGS)?;
    flags.values("mount").iter().try_for_each(check_mount)?;
    flags.values("device").iter().try_for_each(check_device)?;
    for (name, known) in [("network", &["default", "none", "host"][..]), ("security", &["insecure", "sandbox"])] {
        if let Some(value) = flags.given(name).filter(|value| !known.contains(&&value[..])) {
            let message = format!("`--{name}` is one of `{}`, not `{value}`", known.join("`, `"));
            return Err(ParseError::new(value.range.clone(), message));
        }
    }
    Ok(())
}

/// The flag that shows a RUN files which are in no layer: a mount of the context, a stage or an image. Caches, secrets
/// and what is in memory only make no difference to what it ought to make.
pub(super) fn shown_files(flags: &[Text]) -> Option<&str> {
    let shows = |flag: &&Text| {
        let Some(mount) = flag.value.strip_prefix("--mount=") else { return false };
        let kind = mount.split(',').find_map(|field| field.trim().strip_prefix("type="));
        !matches!(kind, Some("cache" | "secret" | "ssh" | "tmpfs"))
            || mount.split(',').any(|f| f.trim().starts_with("from="))
    };
    flags.iter().find(shows).map(|flag| &*flag.value)
}

fn check_mount(mount: &Text) -> Result<(), ParseError> {
    for field in fields(mount)? {
        if let Some((key, value)) = field.split_once('=')
            && lowercase(key) == "from"
            && value.find('$').is_some_and(|at| at + 1 < value.len())
        {
            return Err(ParseError::new(mount.range.clone(), "`from` of a mount cannot hold a variable")
                .with_help("begin a stage with `FROM` and the variable, and name that stage"));
        }
    }
    Ok(())
}

fn check_device(device: &Text) -> Result<(), ParseError> {
    let refuse = |why: String| Err(ParseError::new(device.range.clone(), why));
    let mut named = false;
    for field in fields(device)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (lowercase(key), Some(value)),
            None => (lowercase(&field), None),
        };
        match (&key[..], value) {
            ("required", None) => (),
            ("required", Some(value)) => {
                if !["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"].contains(&value) {
                    return refuse(format!("`required` of a device is `true` or `false`, not `{value}`"));
                }
            }
            ("name", Some(_)) if named => return refuse("the device is named twice".to_owned()),
            ("name", Some(value)) => named = !value.is_empty(),
            _ if !named => named = !field.is_empty(),
            _ => return refuse(format!("`{field}` says nothing about a device")),
        }
    }
    Ok(())
}

/// The comma-separated fields of a flag's value, as CSV has them.
fn fields(flag: &Text) -> Result<Vec<String>, ParseError> {
    let refuse = || ParseError::new(flag.range.clone(), format!("`{flag}` is not a list of fields parted by commas"));
    let mut fields = Vec::new();
    let mut rest = &flag.value[..];
    if rest.is_empty() {
        return Err(refuse());
    }
    loop {
        let Some(mut quoted) = rest.strip_prefix('"') else {
            let (field, after) = match rest.split_once(',') {
                Some((field, after)) => (field, Some(after)),
                None => (rest, None),
            };
            if field.contains('"') {
                return Err(refuse());
            }
            fields.push(field.to_owned());
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        loop {
            let (before, after) = quoted.split_once('"').ok_or_else(refuse)?;
            field.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    quoted = after;
                }
                None => {
                    quoted = after;
                    break;
                }
            }
        }
        fields.push(field);
        match quoted.strip_prefix(',') {
            Some(after) => rest = after,
            None if quoted.is_empty() => return Ok(fields),
            None => return Err(refuse()),
        }
    }
}
