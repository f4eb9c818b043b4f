//! Names: of projects, and of wheels' files.

use pep440_rs::Version;

use super::tags::Tag;

/// No file system of Linux has names of more bytes than this.
const LONGEST_FILE: usize = 255;
/// The most tags that the compressed sets of one name may stand for. Wheels on PyPI stay below twenty.
const MOST_TAGS: usize = 256;

/// A project's name in the form in which names are compared: lower case, runs of `-`, `_` and `.` as one `-`
/// ([names](https://packaging.python.org/en/latest/specifications/name-normalization/)).
pub fn normalise_name(name: &str) -> String {
    let mut normalised = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if normalised.ends_with('-') => {}
            '-' | '_' | '.' => normalised.push('-'),
            _ => normalised.extend(character.to_lowercase()),
        }
    }
    normalised
}

/// What a wheel's file name says
/// ([file name convention](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The file's name.
    pub file: String,
    /// The distribution's name, normalised.
    pub distribution: String,
    /// The version as it is written.
    pub version: String,
    /// The build's number and the rest of its tag; the greater of two wait for no other reason.
    pub build: Option<(u64, String)>,
    /// The tags, compressed sets taken apart, sorted, each once.
    pub tags: Vec<Tag>,
}

impl WheelName {
    /// Takes a file name apart.
    ///
    /// # Errors
    ///
    /// Why it is no wheel's, in words.
    pub fn parse(file: &str) -> Result<WheelName, String> {
        let no_wheel = |why: &str| format!("`{}` is not the name of a wheel: {why}", shown(file));
        if file.len() > LONGEST_FILE {
            return Err(no_wheel(&format!("it is longer than {LONGEST_FILE} bytes")));
        }
        let stem = file.strip_suffix(".whl").ok_or_else(|| no_wheel("it does not end with `.whl`"))?;
        if let Some(odd) = stem.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.+!~".contains(*c)) {
            return Err(no_wheel(&format!("it contains `{}`", odd.escape_debug())));
        }

        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tag) = match parts.as_slice() {
            [name, version, python, abi, platform] => (*name, *version, None, [*python, *abi, *platform]),
            [name, version, build, python, abi, platform] => {
                (*name, *version, Some(*build), [*python, *abi, *platform])
            }
            _ => return Err(no_wheel("it is not `name-version[-build]-python-abi-platform.whl`")),
        };
        if !is_project_name(name) || name.contains("__") {
            return Err(no_wheel(&format!("`{name}` is not a project's name with `_` for each `-`")));
        }
        if version.parse::<Version>().is_err() {
            return Err(no_wheel(&format!("`{version}` is not a version")));
        }
        let build = match build {
            Some(build) => Some(build_tag(build).ok_or_else(|| {
                no_wheel(&format!(
                    "the build tag `{build}` does not begin with a number, or with one that is too large"
                ))
            })?),
            None => None,
        };
        let tags = expanded(tag).map_err(|why| no_wheel(&why))?;
        Ok(WheelName {
            file: file.to_owned(),
            distribution: normalise_name(name),
            version: version.to_owned(),
            build,
            tags,
        })
    }
}

/// Whether this is a project's name: ASCII letters, digits, `.`, `_` and `-`, the first and the last a letter or digit
/// ([names](https://packaging.python.org/en/latest/specifications/name-normalization/#name-format)).
pub(super) fn is_project_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// A text that others wrote, for a message: what does not print is escaped, and it is cut where it gets long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == LONGEST => {
                shown.push('…');
                break;
            }
            '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

fn build_tag(text: &str) -> Option<(u64, String)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text.strip_suffix(rest)?.parse().ok()?;
    Some((number, rest.to_owned()))
}

/// The tags that compressed sets stand for: each interpreter with each ABI with each platform.
fn expanded(sets: [&str; 3]) -> Result<Vec<Tag>, String> {
    let [pythons, abis, platforms] = sets.map(|set| set.split('.').collect::<Vec<&str>>());
    let members = || pythons.iter().chain(&abis).chain(&platforms);
    if let Some(part) =
        members().find(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    {
        return Err(format!("`{part}` cannot be a part of a tag"));
    }
    if let Some(python) = pythons.iter().find(|python| python.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(format!("`{python}` is not an interpreter"));
    }
    let count = pythons.len().saturating_mul(abis.len()).saturating_mul(platforms.len());
    if count > MOST_TAGS {
        return Err(format!("it stands for {count} tags, and more than {MOST_TAGS} are refused"));
    }

    let mut tags = Vec::with_capacity(count);
    for python in &pythons {
        for abi in &abis {
            tags.extend(platforms.iter().map(|platform| Tag::new(python, abi, platform)));
        }
    }
    tags.sort();
    tags.dedup();
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_normalised() {
        for (name, normalised) in [
            ("requests", "requests"),
            ("Django", "django"),
            ("oslo.concurrency", "oslo-concurrency"),
            ("typing_extensions", "typing-extensions"),
            ("a-_.-b", "a-b"),
            ("Foo__Bar..baz", "foo-bar-baz"),
            ("", ""),
            ("_x_", "-x-"),
        ] {
            assert_eq!(normalise_name(name), normalised, "{name}");
        }
    }

    #[test]
    fn a_name_is_taken_apart() {
        let name = WheelName::parse("Typing_Extensions-1!4.12.2+Local.1-3abc-PY2.py3-none-any.whl").unwrap();
        assert_eq!(name.distribution, "typing-extensions");
        assert_eq!(name.version, "1!4.12.2+Local.1");
        assert_eq!(name.build, Some((3, "abc".to_owned())));
        assert_eq!(name.tags, [Tag::new("py2", "none", "any"), Tag::new("py3", "none", "any")]);
        assert_eq!(name.file, "Typing_Extensions-1!4.12.2+Local.1-3abc-PY2.py3-none-any.whl");

        let name = WheelName::parse(
            "numpy-2.1.3-cp312.cp313-abi3.cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.manylinux2014_x86_64.whl",
        )
        .unwrap();
        assert_eq!(name.build, None);
        assert_eq!(name.tags.len(), 8, "each once: {:?}", name.tags);
        assert!(name.tags.is_sorted());
    }

    #[test]
    fn what_others_wrote_is_harmless_in_messages() {
        assert_eq!(shown("it's \"5\"\u{1b}[2J\u{202e}\n"), "it's \"5\"\\u{1b}[2J\\u{202e}\\n");
        assert_eq!(shown(&"é".repeat(160)), "é".repeat(160));
        assert_eq!(shown(&"é".repeat(161)), format!("{}…", "é".repeat(160)));
    }

    #[test]
    fn names_are_taken_apart_as_packaging_does() {
        for line in include_str!("name/recorded.txt").lines().filter(|line| !line.starts_with('#')) {
            let (expected, file) = match line.split_at(2) {
                ("+ ", taken) => taken.split_once(" = ").map(|(file, parts)| (Some(parts), file)).unwrap(),
                (_, file) => (None, file),
            };
            let found = WheelName::parse(file).ok().map(|name| {
                let build = name.build.map_or("-".to_owned(), |(number, rest)| format!("{number}|{rest}"));
                let mut tags: Vec<String> = name.tags.iter().map(ToString::to_string).collect();
                tags.sort();
                format!("{} {build} {}", name.distribution, tags.join(","))
            });
            assert_eq!(found.as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let many = format!("a-1-{}-b-any.whl", ["py3"; 60].join("."));
        assert!(WheelName::parse(&many).is_ok(), "one tag written sixty times");
        let too_many =
            format!("a-1-{}-{}-{}.whl", ["a", "b"].repeat(5).join("."), ["x"; 9].join("."), ["y"; 9].join("."));
        let long = format!("{}-1-py3-none-any.whl", "a".repeat(300));
        for (file, why) in [
            ("", "does not end with `.whl`"),
            (".whl", "it is not `name-version"),
            ("a-1-py3-none-any.WHL", "does not end with `.whl`"),
            ("a-1-py3-none-any.zip", "does not end with `.whl`"),
            ("a-1-py3-none.whl", "it is not `name-version"),
            ("a-1-1-x-py3-none-any.whl", "it is not `name-version"),
            ("-1-py3-none-any.whl", "not a project's name"),
            ("_a-1-py3-none-any.whl", "not a project's name"),
            ("a.-1-py3-none-any.whl", "not a project's name"),
            ("a__b-1-py3-none-any.whl", "not a project's name"),
            ("a+b-1-py3-none-any.whl", "not a project's name"),
            ("a-one-py3-none-any.whl", "`one` is not a version"),
            ("a--py3-none-any.whl", "`` is not a version"),
            ("a-1_2-py3-none-any.whl", "`1_2` is not a version"),
            ("a-99999999999999999999-py3-none-any.whl", "is not a version"),
            ("a-1-x1-py3-none-any.whl", "build tag `x1`"),
            ("a-1--py3-none-any.whl", "build tag ``"),
            ("a-1-99999999999999999999-py3-none-any.whl", "build tag"),
            ("a-1-py3..py2-none-any.whl", "cannot be a part of a tag"),
            ("a-1-py3--any.whl", "`` cannot be a part of a tag"),
            ("a-1-py3-none-any..whl", "cannot be a part of a tag"),
            ("a-1-3py-none-any.whl", "`3py` is not an interpreter"),
            ("a-1-py3-no+ne-any.whl", "cannot be a part of a tag"),
            ("../a-1-py3-none-any.whl", "it contains `/`"),
            ("a-1-py3-none-any\n.whl", "it contains `\\n`"),
            ("a-1 -py3-none-any.whl", "it contains ` `"),
            ("é-1-py3-none-any.whl", "it contains `é`"),
            (&too_many, "it stands for 810 tags"),
            (&long, "longer than 255 bytes"),
        ] {
            let refused = WheelName::parse(file).unwrap_err();
            assert!(refused.contains(why), "{file}: {refused}");
            assert!(!refused.contains(char::is_control) && refused.chars().count() < 400, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(file in any::<String>(), parts in "[-a-zA-Z0-9._+!~ é]{0,80}(\\.whl)?") {
            let _ = (WheelName::parse(&file), WheelName::parse(&parts), normalise_name(&file), shown(&file));
        }

        #[test]
        fn what_is_put_together_is_taken_apart(
            name in "[A-Za-z0-9]([._]?[A-Za-z0-9]){0,9}",
            version in "[0-9]{1,4}(\\.[0-9]{1,3}){0,3}",
            build in proptest::option::of((any::<u32>(), "[a-z_]{0,4}")),
            python in "[a-z]{2}[0-9]{1,3}",
            abi in "[a-z0-9_]{1,8}",
            platform in "[a-z0-9_]{1,20}",
        ) {
            let part = build.as_ref().map(|(number, rest)| format!("{number}{rest}-")).unwrap_or_default();
            let file = format!("{name}-{version}-{part}{python}-{abi}-{platform}.whl");
            let parsed = WheelName::parse(&file).unwrap();
            prop_assert_eq!(parsed.distribution, normalise_name(&name));
            prop_assert_eq!(parsed.version, version);
            prop_assert_eq!(parsed.build, build.map(|(number, rest)| (u64::from(number), rest)));
            prop_assert_eq!(parsed.tags, vec![Tag::new(&python, &abi, &platform)]);
        }

        #[test]
        fn normalising_twice_changes_nothing(name in "[A-Za-z0-9._-]{0,40}") {
            let once = normalise_name(&name);
            prop_assert_eq!(normalise_name(&once), once);
        }
    }
}
