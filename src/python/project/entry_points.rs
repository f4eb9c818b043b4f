//! Entry points: scripts and plugins
//! ([entry points](https://packaging.python.org/en/latest/specifications/entry-points/)).

use std::collections::BTreeMap;

use super::fault::{Fault, is_plain, quoted};
use super::value::Value;

/// The entry points of each group, by name.
pub(super) type Groups = BTreeMap<String, BTreeMap<String, String>>;

/// The scripts for a terminal, and those for a window.
pub(super) const SCRIPTS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// Reads `scripts`, `gui-scripts` and `entry-points` of `[project]`.
pub(super) fn read(project: &Value) -> Result<Groups, Fault> {
    let mut groups = Groups::new();
    let [console, window] = SCRIPTS;
    for (key, group) in [("scripts", console), ("gui-scripts", window)] {
        if let Some(table) = project.get(key) {
            groups.insert(group.to_owned(), read_group(table, true)?);
        }
    }
    let Some(others) = project.get("entry-points") else { return Ok(without_empty(groups)) };
    for (group, table) in others.table()? {
        if SCRIPTS.contains(&group.as_str()) {
            return Err(table.wrong("is to be written as `project.scripts` or `project.gui-scripts`"));
        }
        let is_fit = group
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)));
        if !is_fit {
            return Err(table.wrong("is no name of a group of entry points"));
        }
        groups.insert(group.clone(), read_group(table, false)?);
    }
    Ok(without_empty(groups))
}

fn without_empty(mut groups: Groups) -> Groups {
    groups.retain(|_, points| !points.is_empty());
    groups
}

fn read_group(table: &Value, are_scripts: bool) -> Result<BTreeMap<String, String>, Fault> {
    let mut points = BTreeMap::new();
    for (name, value) in table.table()? {
        let is_fit = match are_scripts {
            // A script's name becomes a file's.
            true => {
                name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
                    && !name.trim_matches('.').is_empty()
            }
            false => {
                !name.is_empty()
                    && name.trim() == name
                    && name.chars().all(is_plain)
                    && !name.contains('=')
                    && !name.starts_with(['[', '#', ';'])
            }
        };
        if !is_fit || name.len() > 200 {
            return Err(value.wrong("is no name of an entry point"));
        }
        let object = value.text()?.trim();
        if !is_reference(object, are_scripts) {
            return Err(value.wrong(format!("is {}: it is to be `package.module:function`", quoted(object))));
        }
        points.insert(name.clone(), object.to_owned());
    }
    Ok(points)
}

/// Whether this is `module:attribute [extra]`.
fn is_reference(object: &str, needs_attribute: bool) -> bool {
    let reference = match object.split_once('[') {
        Some((reference, extras)) if extras.ends_with(']') && extras.chars().all(is_plain) => reference.trim_end(),
        Some(_) => return false,
        None => object,
    };
    let is_dotted = |text: &str| text.split('.').all(is_identifier);
    match reference.split_once(':') {
        Some((module, attribute)) => is_dotted(module.trim()) && is_dotted(attribute.trim()),
        None => !needs_attribute && is_dotted(reference),
    }
}

/// Whether a text is a name in Python.
pub(super) fn is_identifier(text: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || c == '_';
    text.chars().next().is_some_and(is_start) && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// `entry_points.txt`.
pub(super) fn text(groups: &Groups) -> String {
    let group = |(name, points): (&String, &BTreeMap<String, String>)| {
        let lines: String = points.iter().map(|(name, object)| format!("{name} = {object}\n")).collect();
        format!("[{name}]\n{lines}")
    };
    groups.iter().map(group).collect::<Vec<_>>().join("\n")
}
