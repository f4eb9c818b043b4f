//! `${NAME}` in references.

use std::collections::BTreeMap;
use std::fmt;

/// A text in which `${NAME}` stands for a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

/// A variable that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset(pub String);

/// Where variables get their values: `--set NAME=VALUE` first, then the environment.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    set: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl Variables {
    /// These values, and those of the process's environment.
    pub fn with_environment(set: BTreeMap<String, String>) -> Variables {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Variables { set, environment: environment.collect() }
    }

    /// These values and no others.
    pub fn only(set: BTreeMap<String, String>) -> Variables {
        Variables { set, environment: BTreeMap::new() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.set.get(name).or_else(|| self.environment.get(name)).map(String::as_str)
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// A `${` without a `}` or around something that is no name.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let after = &rest[start + 2..];
            let end = after.find('}').ok_or("`${` has no `}`")?;
            let name = &after[..end];
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return Err(format!("`${{{name}}}` is not a variable: names are letters, digits and `_`"));
            }
            rest = &after[end + 1..];
        }
        Ok(Template(text.to_owned()))
    }

    /// The text with every variable replaced by its value. Values are not expanded again.
    ///
    /// # Errors
    ///
    /// [`Unset`] with the name of the first variable that has no value. An empty value is a value.
    pub fn expand(&self, variables: &Variables) -> Result<String, Unset> {
        let mut expanded = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            expanded.push_str(before);
            expanded.push_str(variables.get(name).ok_or_else(|| Unset(name.to_owned()))?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once() {
        let variables =
            Variables::only(BTreeMap::from([("A".to_owned(), "${B}".to_owned()), ("EMPTY".to_owned(), String::new())]));
        let expand = |text| Template::parse(text).unwrap().expand(&variables);
        assert_eq!(expand("x${A}y${EMPTY}z$"), Ok("x${B}yz$".to_owned()));
        assert_eq!(expand("${B}"), Err(Unset("B".to_owned())));
        for text in ["${", "${}", "${1A}", "${A-b}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
