//! Settings: what of a config decides how a container runs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::compare::FieldDifference;
use crate::compare::fields::environment;
use crate::image::Config;

/// Settings that are sets or tables.
const KEYED: [&str; 3] = ["ExposedPorts", "Labels", "Volumes"];
/// Settings that are compared in their own way; and those by which builders sign.
const APART: [&str; 4] = ["Env", "WorkingDir", "ArgsEscaped", "Image"];
/// Labels by which builders sign.
const SIGNATURES: [&str; 1] = ["io.buildah.version"];

/// The settings that differ: all there are but the marks of builders. Empty ones are as good as none; an environment
/// has no order.
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
    for key in ["os.version", "os.features"] {
        see(key.to_owned(), said(left.as_json().get(key)), said(right.as_json().get(key)));
    }
    for key in keys(left, right).into_iter().filter(|key| !KEYED.contains(key) && !APART.contains(key)) {
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

/// The names of all settings.
fn keys<'a>(left: &'a Config, right: &'a Config) -> BTreeSet<&'a str> {
    let inner = |config: &'a Config| config.as_json().get("config").and_then(Value::as_object);
    [inner(left), inner(right)].into_iter().flatten().flat_map(Map::keys).map(String::as_str).collect()
}

/// A setting that says something.
fn setting(config: &Config, key: &str) -> Option<Value> {
    let value = config.setting(key)?;
    match key {
        // To stop at once is not to stop after the default time.
        "StopTimeout" => Some(value.clone()),
        // What builders leave there is the name of the container that they worked in.
        "Hostname" => said(Some(value)).filter(|value| !value.as_str().is_some_and(is_container)),
        _ => said(Some(value)),
    }
}

/// Whether a name is the beginning of a container's digest, as builders name their containers.
fn is_container(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A value that says something.
fn said(value: Option<&Value>) -> Option<Value> {
    let is_empty = |value: &&Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    };
    value.filter(|value| !is_empty(value)).cloned()
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
