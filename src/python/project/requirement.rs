//! Requirements
//! ([dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/)), in the form
//! in which build backends write them.

use crate::python::normalise_name;
use std::str::FromStr;

use pep440_rs::VersionSpecifier;

use super::fault::is_plain;

/// The most bytes of one.
const LONGEST: usize = 4096;

/// How deep the parentheses of a marker may be.
const DEEPEST: usize = 32;

/// A requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    /// The name with its extras.
    subject: String,
    /// ` @ URL` or the version specifiers.
    which: String,
    is_url: bool,
    marker: Option<Marker>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Marker {
    text: String,
    /// Whether an `or` stands outside of all parentheses.
    is_alternative: bool,
}

impl Requirement {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Why it is none, to be said after it.
    pub(super) fn parse(text: &str) -> Result<Requirement, String> {
        if text.len() > LONGEST {
            return Err(format!("has more than {LONGEST} bytes"));
        }
        if !text.chars().all(is_plain) {
            return Err("has a line's end or another control character".to_owned());
        }
        let text = text.trim();
        let end = text.find(|c: char| !is_name_character(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        check_name(name)?;
        let mut rest = rest.trim_start();
        let mut subject = name.to_owned();
        if let Some(inner) = rest.strip_prefix('[') {
            let (extras, after) = inner.split_once(']').ok_or("has a `[` without its `]`")?;
            subject += &extras_text(extras)?;
            rest = after.trim_start();
        }
        if let Some(url) = rest.strip_prefix('@') {
            let url = url.trim_start();
            // What is glued to the address belongs to it.
            let (url, marker) = match url.split_once(" ;").or_else(|| url.split_once("\t;")) {
                Some((url, marker)) => (url.trim_end(), Some(marker)),
                None => (url, None),
            };
            if url.is_empty() || url.contains(char::is_whitespace) || !url.contains(':') {
                return Err("names no URL after its `@`".to_owned());
            }
            if url.contains(['{', '}']) {
                return Err("has a URL with braces, which only its build backend fills in".to_owned());
            }
            let marker = marker.map(read_marker).transpose()?;
            return Ok(Requirement { subject, which: format!(" @ {url}"), is_url: true, marker });
        }
        let (specifiers, marker) = match rest.split_once(';') {
            Some((specifiers, marker)) => (specifiers, Some(marker)),
            None => (rest, None),
        };
        let specifiers = specifiers.trim();
        let bare = specifiers.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(specifiers);
        let which = specifiers_text(bare)?;
        Ok(Requirement { subject, which, is_url: false, marker: marker.map(read_marker).transpose()? })
    }

    /// The requirement as metadata have it.
    pub(super) fn text(&self) -> String {
        self.with(self.marker.as_ref().map(|marker| marker.text.clone()))
    }

    /// The same for who wants the extra, whose name is normalised.
    pub(super) fn text_for(&self, extra: &str) -> String {
        let wanted = format!("extra == \"{extra}\"");
        self.with(Some(match &self.marker {
            Some(marker) if marker.is_alternative => format!("({}) and {wanted}", marker.text),
            Some(marker) => format!("{} and {wanted}", marker.text),
            None => wanted,
        }))
    }

    fn with(&self, marker: Option<String>) -> String {
        let Requirement { subject, which, .. } = self;
        let space = if self.is_url { " " } else { "" };
        marker.map_or_else(|| format!("{subject}{which}"), |marker| format!("{subject}{which}{space}; {marker}"))
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Checks a name of a project or of an extra.
///
/// # Errors
///
/// Why it is none, to be said after it.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if ends(name.chars().next()) && ends(name.chars().next_back()) && name.chars().all(is_name_character) {
        return Ok(());
    }
    Err("is no name: it is to begin and end with a letter or a digit, with `.`, `-` and `_` between them".to_owned())
}

fn extras_text(extras: &str) -> Result<String, String> {
    let mut names = Vec::new();
    for extra in extras.split(',').map(str::trim).filter(|_| !extras.trim().is_empty()) {
        check_name(extra).map_err(|why| format!("has an extra that {why}"))?;
        names.push(normalise_name(extra));
    }
    names.sort_unstable();
    names.dedup();
    Ok(if names.is_empty() { String::new() } else { format!("[{}]", names.join(",")) })
}

/// Version specifiers as metadata have them: sorted, without white space.
///
/// # Errors
///
/// Why they are none, to be said after them.
pub(super) fn specifiers_text(text: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    let last = text.split(',').count() - 1;
    for (at, part) in text.split(',').enumerate() {
        let part: String = part.split_whitespace().collect();
        // A comma may come last.
        if part.is_empty() && at == last {
            continue;
        }
        let is_arbitrary = part.strip_prefix("===").is_some_and(|version| !version.is_empty());
        if !is_arbitrary && VersionSpecifier::from_str(&part).is_err() {
            return Err("has a version specifier that is none".to_owned());
        }
        parts.push(part);
    }
    parts.sort_unstable();
    parts.dedup();
    Ok(parts.join(","))
}

const VARIABLES: [&str; 16] = [
    "python_version",
    "python_full_version",
    "os_name",
    "os.name",
    "sys_platform",
    "sys.platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform.version",
    "platform_machine",
    "platform.machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
];

/// Reads a marker and writes it with single spaces and double quotes.
fn read_marker(text: &str) -> Result<Marker, String> {
    enum Wanted {
        Operand,
        Operator,
        Second,
        Link,
    }
    let wrong = |what: &str| Err(format!("has a marker that is none: {what}"));
    let (mut wanted, mut depth, mut is_alternative) = (Wanted::Operand, 0_usize, false);
    let mut out = String::new();
    let mut tokens = Tokens { rest: text };
    while let Some(token) = tokens.next()? {
        let is_operand = token.starts_with(['"', '\'']) || VARIABLES.contains(&token);
        wanted = match (wanted, token) {
            (Wanted::Operand, "(") if depth < DEEPEST => {
                depth += 1;
                out.push('(');
                Wanted::Operand
            }
            (Wanted::Operand, "(") => return wrong("its parentheses are too deep"),
            (Wanted::Operand, token) if is_operand => {
                out += &operand(token);
                Wanted::Operator
            }
            (Wanted::Operator, "not") => match tokens.next()? {
                Some("in") => {
                    out += " not in ";
                    Wanted::Second
                }
                _ => return wrong("`not` is to be followed by `in`"),
            },
            (Wanted::Operator, "in" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "~=" | "===") => {
                out += &format!(" {token} ");
                Wanted::Second
            }
            (Wanted::Second, token) if is_operand => {
                out += &operand(token);
                Wanted::Link
            }
            (Wanted::Link, ")") if depth > 0 => {
                depth -= 1;
                out.push(')');
                Wanted::Link
            }
            (Wanted::Link, "and" | "or") => {
                is_alternative |= token == "or" && depth == 0;
                out += &format!(" {token} ");
                Wanted::Operand
            }
            _ => return wrong("a part of it is out of place"),
        };
    }
    match wanted {
        Wanted::Link if depth == 0 => Ok(Marker { text: out, is_alternative }),
        _ => wrong("it is incomplete"),
    }
}

/// A variable, or a text in double quotes unless it holds one.
fn operand(token: &str) -> String {
    let token = match token {
        "os.name" => "os_name",
        "sys.platform" => "sys_platform",
        "platform.version" => "platform_version",
        "platform.machine" => "platform_machine",
        token => token,
    };
    match token.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) if !text.contains('"') => format!("\"{text}\""),
        _ => token.to_owned(),
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, String> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let length = match first {
            '(' | ')' => 1,
            '"' | '\'' => match self.rest.get(1..).and_then(|rest| rest.find(first)) {
                Some(end) => end + 2,
                None => return Err("has a marker with a quote that does not end".to_owned()),
            },
            '<' | '>' | '=' | '!' | '~' => {
                self.rest.find(|c| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(self.rest.len())
            }
            c if c.is_ascii_alphabetic() => {
                self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c)).unwrap_or(self.rest.len())
            }
            _ => return Err("has a marker with a character out of place".to_owned()),
        };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_packaging_writes() {
        // The answers of `str(packaging.requirements.Requirement(text))`, but for the order of extras' case.
        let cases = [
            ("requests", "requests"),
            ("boto3 >= 1.34, <2", "boto3<2,>=1.34"),
            ("a (>=1)", "a>=1"),
            ("a[X_y, b]>=1", "a[b,x-y]>=1"),
            ("a[]", "a"),
            ("a;python_version<'3.9'", "a; python_version < \"3.9\""),
            ("a ; (os_name == 'nt' or os.name=='x') and extra not  in 'q\"'", {
                "a; (os_name == \"nt\" or os_name == \"x\") and extra not in 'q\"'"
            }),
            ("a @ https://x/y.whl ; sys_platform == 'linux'", "a @ https://x/y.whl ; sys_platform == \"linux\""),
            ("a@https://x/y;z", "a @ https://x/y;z"),
            ("a===1.0.weird", "a===1.0.weird"),
            ("a~=1.4.2,", "a~=1.4.2"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Requirement::parse(text).map(|requirement| requirement.text()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn appends_the_extra() {
        let cases = [
            ("a", "a; extra == \"x\""),
            ("a; os_name == 'nt'", "a; os_name == \"nt\" and extra == \"x\""),
            ("a; os_name == 'nt' or os_name == 'x'", "a; (os_name == \"nt\" or os_name == \"x\") and extra == \"x\""),
            ("a; (os_name == 'nt' or os_name == 'x')", "a; (os_name == \"nt\" or os_name == \"x\") and extra == \"x\""),
            ("a; os_name == ' or '", "a; os_name == \" or \" and extra == \"x\""),
            ("a @ https://x/y", "a @ https://x/y ; extra == \"x\""),
        ];
        for (text, expected) in cases {
            assert_eq!(Requirement::parse(text).unwrap().text_for("x"), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_requirement() {
        let deep = format!("a; {}os_name == 'x'{}", "(".repeat(40), ")".repeat(40));
        let refused = [
            "",
            "-r other.txt",
            "a-",
            "a b",
            "a[x",
            "a[-]",
            "a >= x",
            "a,",
            "a>=1,,<2",
            "a @ ",
            "a @ x y",
            "a @ {root:uri}/x",
            "a @ file:///${PROJECT_ROOT}/x",
            "a; ",
            "a; os_name",
            "a; os_name == ",
            "a; os_name == 'x",
            "a; os_name == 'x')",
            "a; (os_name == 'x'",
            "a; os_name = 'x'",
            "a; nonsense == 'x'",
            "a; os_name == 'x' and",
            "a; os_name not 'x'",
            "a\nRequires-Dist: b",
            "a; os_name == 'x\u{2028}'",
            &deep,
        ];
        for text in refused {
            assert!(Requirement::parse(text).is_err(), "{text:?}");
        }
    }
}
