//! Environment markers
//! ([dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers)).

use std::collections::{BTreeMap, BTreeSet};

/// A condition on the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    text: String,
}

/// What markers see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The variables but `extra`, by name: `sys_platform`, `python_version`, …
    pub variables: BTreeMap<&'static str, String>,
    /// Whether the micro version in `python_full_version` is a guess, so that a marker may not depend on it.
    pub micro_is_unknown: bool,
    /// The value of `extra`, each in turn, and the values of `extras`.
    pub extras: BTreeSet<String>,
    /// The values of `dependency_groups`.
    pub groups: BTreeSet<String>,
}

impl Marker {
    /// Reads a marker, what follows the `;` of a requirement.
    ///
    /// # Errors
    ///
    /// Why it is none, in words.
    pub fn parse(text: &str) -> Result<Marker, String> {
        let _ = text;
        unimplemented!()
    }

    /// Whether it holds in this environment.
    ///
    /// # Errors
    ///
    /// Why that cannot be known, in words: it depends on a micro version that is not known, or compares what cannot be compared.
    pub fn holds(&self, environment: &Environment) -> Result<bool, String> {
        let _ = (environment, &self.text);
        unimplemented!()
    }
}
