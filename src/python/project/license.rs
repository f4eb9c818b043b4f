//! Licenses: expressions and the files that go with a distribution
//! ([license expression](https://packaging.python.org/en/latest/specifications/license-expression/)).

use super::backend::Backend;
use super::fault::{Fault, quoted};
use super::folder::{Folder, inside};
use super::glob::{Notation, compile};
use super::value::Value;

/// What is taken if a project names no license files, as most backends do.
const DEFAULTS: [&str; 4] = ["LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*"];

/// The directory of which Poetry takes all files if a project names none.
const POETRYS: &str = "LICENSES";

/// How deep the directories are that a pattern with `**` looks into.
const DEEPEST: usize = 16;

/// How many license files there are at most.
const MOST: usize = 100;

/// Checks a license expression and writes its operators in capitals.
///
/// # Errors
///
/// Why it is none, to be said after it.
pub(super) fn expression(text: &str) -> Result<String, String> {
    let wrong = "is no SPDX license expression";
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut out: Vec<String> = Vec::new();
    let (mut depth, mut wants_operand) = (0_usize, true);
    let mut is_exception = false;
    for token in spaced.split_whitespace() {
        let upper = token.to_ascii_uppercase();
        match upper.as_str() {
            "(" if wants_operand && !is_exception => depth += 1,
            ")" if !wants_operand && depth > 0 => depth -= 1,
            "AND" | "OR" | "WITH" if !wants_operand => {
                wants_operand = true;
                is_exception = upper == "WITH";
                out.push(upper);
                continue;
            }
            "AND" | "OR" | "WITH" | "(" | ")" => return Err(wrong.to_owned()),
            _ if wants_operand => {
                let id = token.strip_suffix('+').unwrap_or(token);
                let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
                if !is_id {
                    return Err(wrong.to_owned());
                }
                (wants_operand, is_exception) = (false, false);
            }
            _ => return Err(wrong.to_owned()),
        }
        out.push(token.to_owned());
    }
    if wants_operand || depth > 0 {
        return Err(wrong.to_owned());
    }
    Ok(out.join(" ").replace("( ", "(").replace(" )", ")"))
}

/// The license files of a project with their texts, sorted by path.
pub(super) fn files(
    folder: &Folder,
    backend: Backend,
    patterns: Option<&Value>,
) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let (patterns, line) = match patterns {
        Some(value) => (value.texts()?, value.line),
        None => {
            // PDM has no pattern for authors, and uv has none at all.
            let is_taken = |pattern: &&&str| match backend {
                Backend::Uv => false,
                Backend::Pdm => **pattern != "AUTHORS*",
                _ => true,
            };
            (DEFAULTS.iter().filter(is_taken).map(|pattern| (*pattern).to_owned()).collect(), 0)
        }
    };
    if patterns.len() > MOST {
        return Err(Fault::at(line, format!("there are more than {MOST} patterns for license files")));
    }
    let is_named = line != 0;
    let depth = |pattern: &String| match pattern.contains("**") {
        true => DEEPEST,
        false => pattern.split('/').count(),
    };
    let Some(depth) = patterns.iter().map(depth).max() else { return Ok(Vec::new()) };
    let listed = folder.list("", depth).map_err(|why| Fault::at(line, why))?;
    let mut chosen = std::collections::BTreeSet::new();
    if !is_named && backend == Backend::Poetry && folder.is_dir(POETRYS) {
        chosen.extend(folder.list(POETRYS, DEEPEST).map_err(|why| Fault::at(line, why))?);
    }
    for pattern in &patterns {
        let wrong = |why: String| Fault::at(line, format!("the license file {} {why}", quoted(pattern)));
        if inside(pattern).map_err(wrong)? != *pattern || pattern.is_empty() {
            return Err(wrong("is to be a path or a pattern within the project's folder".to_owned()));
        }
        let matcher = compile(pattern, Notation::Path).map_err(wrong)?;
        let before = chosen.len();
        let matching: Vec<&String> = listed.iter().filter(|path| matcher.is_match(path)).collect();
        // A link is no listed file; a name without wildcards may be one that stays within the folder.
        let is_linked = matching.is_empty() && !pattern.contains(['*', '?', '[']) && is_named;
        if is_linked {
            folder.bytes(pattern).map_err(wrong)?;
            chosen.insert(pattern.clone());
        }
        chosen.extend(matching.into_iter().cloned());
        if is_named && chosen.len() == before && !listed.iter().any(|path| matcher.is_match(path)) {
            return Err(wrong("matches no file".to_owned()));
        }
    }
    chosen.retain(|path| !folder.is_excluded(path));
    if chosen.len() > MOST {
        return Err(Fault::at(line, format!("there are more than {MOST} license files")));
    }
    let read = |path: String| {
        let bytes =
            folder.bytes(&path).map_err(|why| Fault::at(line, format!("the license file {} {why}", quoted(&path))))?;
        Ok((path, bytes))
    };
    chosen.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn reads_expressions() {
        let cases = [
            ("MIT", Some("MIT")),
            ("mit or Apache-2.0", Some("mit OR Apache-2.0")),
            ("GPL-2.0-or-later with Classpath-exception-2.0", Some("GPL-2.0-or-later WITH Classpath-exception-2.0")),
            ("(MIT OR  LicenseRef-Own) and ISC", Some("(MIT OR LicenseRef-Own) AND ISC")),
            ("GPL-2.0+", Some("GPL-2.0+")),
            ("", None),
            ("MIT License", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT AND OR ISC", None),
            ("MIT\nName: x", None),
            ("MIT WITH (x)", None),
        ];
        for (text, expected) in cases {
            assert_eq!(expression(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
