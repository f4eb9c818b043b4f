//! Settings: what of a config decides how a container runs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::compare::FieldDifference;
use crate::compare::fields::environment;
use crate::image::Config;

/// Settings whose value is one thing.
const WHOLE: [&str; 7] = ["Cmd", "Entrypoint", "Healthcheck", "OnBuild", "Shell", "StopSignal", "User"];
/// Settings that are sets or tables.
const KEYED: [&str; 3] = ["ExposedPorts", "Labels", "Volumes"];
/// Labels by which builders sign.
const SIGNATURES: [&str; 1] = ["io.buildah.version"];

/// The settings that differ. Empty ones are as good as none; an environment has no order.
pub fn compare(left: &Config, right: &Config) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    let mut see = |field: String, left: Option<Value>, right: Option<Value>| {
        if left != right {
            found.push(FieldDifference { field, left, right });
        }
    };
    let text = |value: Option<String>| value.map(Value::from);
    let (one, other) = (left.platform(), right.platform());
    see("architecture".to_owned(), Some(json!(one.architecture)), Some(json!(other.architecture)));
    see("os".to_owned(), Some(json!(one.os)), Some(json!(other.os)));
    if !one.accepts(&other) && one.architecture == other.architecture && one.os == other.os {
        see("variant".to_owned(), text(one.variant), text(other.variant));
    }
    for key in WHOLE {
        see(format!("config.{key}"), setting(left, key), setting(right, key));
    }
    see("config.WorkingDir".to_owned(), workdir(left), workdir(right));
    match (environment(left.setting("Env")), environment(right.setting("Env"))) {
        (Some(before), Some(now)) => {
            let names: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
            for name in names {
                let value = |value: Option<&&str>| value.map(|value| json!(value));
                see(format!("config.Env.{name}"), value(before.get(name)), value(now.get(name)));
            }
        }
        _ => see("config.Env".to_owned(), setting(left, "Env"), setting(right, "Env")),
    }
    let empty = Map::new();
    for key in KEYED {
        let before = left.setting(key).and_then(Value::as_object).unwrap_or(&empty);
        let now = right.setting(key).and_then(Value::as_object).unwrap_or(&empty);
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for name in names.into_iter().filter(|name| key != "Labels" || !SIGNATURES.contains(&name.as_str())) {
            see(format!("config.{key}.{name}"), before.get(name).cloned(), now.get(name).cloned());
        }
    }
    found
}

/// A setting that says something.
fn setting(config: &Config, key: &str) -> Option<Value> {
    let value = config.setting(key)?;
    let is_empty = match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    (!is_empty).then(|| value.clone())
}

/// The working directory; the root is what there is without one.
fn workdir(config: &Config) -> Option<Value> {
    let value = setting(config, "WorkingDir")?;
    match value.as_str().map(|path| path.trim_end_matches('/')) {
        Some("") => None,
        Some(path) => Some(json!(path)),
        None => Some(value),
    }
}
