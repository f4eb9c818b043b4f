//! `entry_points.txt`: which scripts a distribution wants
//! ([entry points](https://packaging.python.org/en/latest/specifications/entry-points/)).

use std::collections::BTreeMap;

use super::scripts::EntryPoint;
use crate::python::zip::shown;

/// The scripts of both kinds, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPoints {
    /// `console_scripts`.
    pub console: BTreeMap<String, EntryPoint>,
    /// `gui_scripts`.
    pub gui: BTreeMap<String, EntryPoint>,
}

impl EntryPoints {
    /// Reads the groups of scripts as `importlib.metadata` does; those of other groups concern nobody here.
    ///
    /// # Errors
    ///
    /// If a script makes no sense, in words.
    pub fn parse(text: &[u8]) -> Result<EntryPoints, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        // Python takes some of these for the end of a line.
        let strange =
            |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t') || matches!(c, '\u{2028}' | '\u{2029}');
        if text.contains(strange) {
            return Err("it has control characters".to_owned());
        }
        let mut points = EntryPoints::default();
        let mut group = "";
        for line in text.split(['\n', '\r']).map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with('[') && line.ends_with(']') {
                group = line.trim_matches(['[', ']']);
                continue;
            }
            let scripts = match group {
                "console_scripts" => &mut points.console,
                "gui_scripts" => &mut points.gui,
                _ => continue,
            };
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| format!("`{}` is not of the form `name = module:function`", shown(line)))?;
            let (name, value) = (name.trim(), value.trim());
            check_name(name)?;
            let point = EntryPoint::parse(value).map_err(|why| format!("the script `{}` {why}", shown(name)))?;
            match scripts.insert(name.to_owned(), point.clone()) {
                Some(other) if other != point => {
                    return Err(format!("the script `{}` stands there twice, as two things", shown(name)));
                }
                _ => {}
            }
        }
        Ok(points)
    }

    /// Whether a script has this name, of either kind.
    pub fn has(&self, name: &str) -> bool {
        self.console.contains_key(name) || self.gui.contains_key(name)
    }
}

/// Refuses names that are no file's, and those that pip reads differently or not at all.
fn check_name(name: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("a script has the name `{}`, which {why}", shown(name)));
    if name.contains('/') || name.contains('\\') {
        return refused("would lie elsewhere");
    }
    if name.starts_with('[') || name.contains(char::is_whitespace) {
        return refused("is none for a command");
    }
    if crate::entry::unfit(name.as_bytes()).is_some() || crate::entry::names_a_whiteout(name.as_bytes()) {
        return refused("no file can have");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_from_two_groups() {
        let text = "# made by hand\nlost = a:b\n[console_scripts]\r\nblack = black:patched_main\n  x.y-2=m.n:o.p [d, e]\n; no\n\
                    [other]\nwhatever\n[gui_scripts]\nblack = black:gui\n[console_scripts]\nblack=black:patched_main";
        let points = EntryPoints::parse(text.as_bytes()).unwrap();
        assert_eq!(points.console.keys().collect::<Vec<_>>(), ["black", "x.y-2"]);
        assert_eq!(points.gui.keys().collect::<Vec<_>>(), ["black"]);
        assert!(points.has("black") && !points.has("lost"));
        assert_ne!(points.console["black"], points.gui["black"]);
    }

    #[test]
    fn scripts_that_make_no_sense_are_refused() {
        for (line, why) in [
            ("a", "is not of the form `name = module:function`"),
            ("a = ", "the script `a` has no function: `` is not of the form `module:function`"),
            ("a = b", "has no function"),
            ("a = b:c:d", "has no function"),
            ("a = b : c", "has no function"),
            ("a = b:c\u{7}", "it has control characters"),
            ("a = b:c();import os", "has no function"),
            ("a = b.:c", "has no function"),
            ("a = b:c [d", "has extras that do not end"),
            ("../a = b:c", "would lie elsewhere"),
            ("/a = b:c", "would lie elsewhere"),
            (".. = b:c", "no file can have"),
            (".wh.a = b:c", "no file can have"),
            (" = b:c", "no file can have"),
            ("a b = b:c", "is none for a command"),
            ("a = b:c\na = b:d", "stands there twice, as two things"),
        ] {
            let error = EntryPoints::parse(format!("[console_scripts]\n{line}\n").as_bytes()).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
