//! Conditions of a lock: markers, and what Python something is for.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use super::text::{Place, shown};
use super::{Environment, LockError};
use crate::python::marker::Marker;

/// A marker of a lock.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    marker: Marker,
    /// Where it stands.
    pub place: Place,
}

impl Condition {
    /// Reads a marker.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn marker(text: &str, place: Place) -> Result<Condition, LockError> {
        match Marker::parse(text) {
            Ok(marker) => Ok(Condition { marker, place }),
            Err(why) => {
                let what = format!("`{}` is not an environment marker: {}", shown(text), shown(&why));
                Err(place.error(what, "write the lock anew with the tool that made it"))
            }
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    ///
    /// If that cannot be known.
    pub fn holds(&self, environment: &Environment) -> Result<bool, LockError> {
        self.decide("the marker cannot be decided", environment)
    }

    /// Whether it holds; `what` begins the message where that cannot be known.
    fn decide(&self, what: &str, environment: &Environment) -> Result<bool, LockError> {
        self.marker.holds(environment).map_err(|why| {
            let help = match environment.micro_is_unknown {
                true => "say the interpreter's whole version, such as python = \"3.12.8\"",
                false => "",
            };
            self.place.error(format!("{what}: {}", shown(&why)), help)
        })
    }
}

/// Which versions of Python something is for: `Requires-Python`.
#[derive(Debug, Clone)]
pub(super) struct RequiresPython {
    text: String,
    /// The same as a marker, which knows what to do if the micro version is not known; without one it is for all.
    condition: Option<Condition>,
}

impl RequiresPython {
    /// Reads version specifiers.
    ///
    /// # Errors
    ///
    /// If they are none.
    pub fn parse(text: &str, place: Place) -> Result<RequiresPython, LockError> {
        if let Err(error) = VersionSpecifiers::from_str(text) {
            let why = error.to_string();
            let why = why.lines().next().unwrap_or_default();
            let what = format!("`{}` does not say versions of Python: {}", shown(text), shown(why));
            return Err(place.error(what, "write the lock anew with the tool that made it"));
        }
        let comparison = |specifier: &str| {
            let version = specifier.trim_start_matches(['<', '>', '=', '!', '~']);
            let operator = specifier.strip_suffix(version).unwrap_or_default();
            format!("python_full_version {operator} '{}'", version.trim())
        };
        let specifiers = text.split(',').map(str::trim).filter(|specifier| !specifier.is_empty());
        let comparisons: Vec<String> = specifiers.map(comparison).collect();
        let condition = match comparisons.is_empty() {
            true => None,
            false => Some(Condition::marker(&comparisons.join(" and "), place)?),
        };
        Ok(RequiresPython { text: text.to_owned(), condition })
    }

    /// Checks that it is for the target's Python. `what`: "the lock", "`numpy`".
    ///
    /// # Errors
    ///
    /// If it is not, or if that cannot be known.
    pub fn check(&self, what: &str, environment: &Environment) -> Result<(), LockError> {
        let Some(condition) = &self.condition else { return Ok(()) };
        let unknown = format!("{what} is for Python {}, and the target's may be one or not", shown(&self.text));
        if condition.decide(&unknown, environment)? {
            return Ok(());
        }
        let target = environment.variables.get("python_full_version").map(String::as_str).unwrap_or("another");
        let what = format!("{what} is for Python {}, and the target has {target}", shown(&self.text));
        Err(condition.place.error(what, "choose another interpreter with `python`, or lock for this one"))
    }
}
