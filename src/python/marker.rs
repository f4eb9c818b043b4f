//! Environment markers
//! ([dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers)).

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::name::normalise_name;
use super::target::{GREATEST_MICRO, alike, micro_is_needed};

/// A condition on the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    text: String,
    condition: Condition,
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

/// A marker taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// One of these: `or`.
    Any(Vec<Condition>),
    /// All of these: `and`.
    All(Vec<Condition>),
    /// A variable compared with a text.
    Compared { variable: Variable, operator: &'static str, text: String, is_reversed: bool },
    /// Whether a name, which is normalised, is in a set.
    Member { name: String, set: Set, is_in: bool },
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    /// `extra`.
    Extra,
    /// One of [`Environment::variables`].
    Named(&'static str),
}

/// What something is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Extras,
    DependencyGroups,
}

/// The variables that tell the micro version.
const FULL_VERSIONS: [&str; 2] = ["python_full_version", "implementation_version"];

impl Marker {
    /// Reads a marker, what follows the `;` of a requirement.
    ///
    /// # Errors
    ///
    /// Why it is none, in words.
    pub fn parse(text: &str) -> Result<Marker, String> {
        let condition = parse::parse(text)?;
        Ok(Marker { text: text.trim().to_owned(), condition })
    }

    /// Whether it holds in this environment.
    ///
    /// A marker on `extra` holds if it does for any of the extras, or for an empty one if there are none, as for pip.
    ///
    /// # Errors
    ///
    /// Why that cannot be known, in words: it depends on a micro version that is not known, or compares what cannot be compared.
    pub fn holds(&self, environment: &Environment) -> Result<bool, String> {
        let sees_micro = |variable| matches!(variable, Variable::Named(name) if FULL_VERSIONS.contains(&name));
        if !environment.micro_is_unknown || !self.condition.has(&sees_micro) {
            return self.holds_for_extras(environment);
        }
        let minor = environment.variables.get("python_version").map_or("", String::as_str);
        let mut guess = environment.clone();
        let each = (0..=GREATEST_MICRO).map(|micro| {
            for name in FULL_VERSIONS {
                guess.variables.insert(name, format!("{minor}.{micro}"));
            }
            self.holds_for_extras(&guess)
        });
        alike(each)?.ok_or_else(|| micro_is_needed(&self.text, minor))
    }

    fn holds_for_extras(&self, environment: &Environment) -> Result<bool, String> {
        let without = String::new();
        let extras: Vec<&String> =
            if environment.extras.is_empty() { vec![&without] } else { environment.extras.iter().collect() };
        let count = if self.condition.has(&|variable| variable == Variable::Extra) { extras.len() } else { 1 };
        let mut any = false;
        for extra in extras.into_iter().take(count) {
            any |= evaluate::holds(&self.condition, environment, &normalise_name(extra))?;
        }
        Ok(any)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Condition {
    /// Whether a variable of this kind is compared anywhere in it.
    fn has(&self, kind: &dyn Fn(Variable) -> bool) -> bool {
        match self {
            Condition::Any(parts) | Condition::All(parts) => parts.iter().any(|part| part.has(kind)),
            Condition::Compared { variable, .. } => kind(*variable),
            Condition::Member { .. } => false,
        }
    }
}
