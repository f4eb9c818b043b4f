//! Whether a condition holds, as `packaging.markers` decides it.

use super::{Condition, Environment, Set, Variable};
use crate::python::name::{normalise_name, shown};
use crate::python::specifier::Specifier;

/// The variables that are compared as versions where what they are compared with can be one; all others are texts.
const VERSIONS: [&str; 4] = ["implementation_version", "platform_release", "python_full_version", "python_version"];

/// Whether a condition holds. Every part of it is looked at, so that what cannot be compared is an error whatever the rest is.
pub(super) fn holds(condition: &Condition, environment: &Environment, extra: &str) -> Result<bool, String> {
    match condition {
        Condition::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(any | holds(part, environment, extra)?)),
        Condition::All(parts) => parts.iter().try_fold(true, |all, part| Ok(all & holds(part, environment, extra)?)),
        Condition::Member { name, set, is_in } => {
            let set = match set {
                Set::Extras => &environment.extras,
                Set::DependencyGroups => &environment.groups,
            };
            Ok(set.iter().any(|member| normalise_name(member) == *name) == *is_in)
        }
        Condition::Compared { variable, operator, text, is_reversed } => {
            let (value, is_version) = match variable {
                Variable::Extra => (extra, false),
                Variable::Named(name) => {
                    let value = environment.variables.get(name);
                    let value = value.ok_or_else(|| format!("what `{name}` is for the target is not known"))?;
                    (value.as_str(), VERSIONS.contains(name))
                }
            };
            let (left, right) = if *is_reversed { (text.as_str(), value) } else { (value, text.as_str()) };
            compare(left, operator, right, is_version)
        }
    }
}

fn compare(left: &str, operator: &str, right: &str, is_version: bool) -> Result<bool, String> {
    if is_version && let Some(specifier) = Specifier::parse(&format!("{operator}{right}")) {
        return Ok(specifier.contains(left));
    }
    match operator {
        "in" => Ok(right.contains(left)),
        "not in" => Ok(!right.contains(left)),
        // Texts have no order: of two only equal ones are at most and at least as great as each other.
        "==" | "<=" | ">=" => Ok(left == right),
        "!=" => Ok(left != right),
        "<" | ">" => Ok(false),
        _ => Err(format!("`{}` and `{}` cannot be compared by `{operator}`", shown(left), shown(right))),
    }
}
