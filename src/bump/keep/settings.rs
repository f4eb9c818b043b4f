//! Settings: whether two configs run a container the same way.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::replace::shown;
use crate::image::Config;

/// What decides how a container runs, and what its builder's commands saw.
const KEYS: [&str; 12] = [
    "Env",
    "WorkingDir",
    "User",
    "Shell",
    "Entrypoint",
    "Cmd",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "OnBuild",
];

/// The first of the settings of `one` on which `other` does not agree.
pub(super) fn unlike(one: &Config, other: &Config) -> Option<String> {
    let differs = |key: &&str| match *key {
        // Who builds an image adds labels to it that no Dockerfile says, and no command sees any.
        "Labels" => !labels(one).iter().all(|(name, value)| labels(other).get(name) == Some(value)),
        // What OCI's config has no place for, builders leave out; the history tells that it was said.
        "Healthcheck" | "Shell" | "OnBuild" if setting(other, key).is_none() && was_said(other, key) => false,
        key => setting(one, key) != setting(other, key),
    };
    KEYS.into_iter().find(differs).map(|key| match key {
        "Env" => {
            let (one, other) = (variables(one), variables(other));
            let differs = |name: &&String| one.get(*name) != other.get(*name);
            let name = one.keys().chain(other.keys()).find(differs).cloned().unwrap_or_default();
            format!("the variable `{name}`")
        }
        key => format!("`{key}`"),
    })
}

fn setting(config: &Config, key: &str) -> Option<Value> {
    let value = config.setting(key)?.clone();
    let value = match (key, value) {
        ("Env", _) => return Some(serde_json::json!(variables(config))),
        ("WorkingDir", Value::String(path)) if path == "/" => return None,
        (_, value) => value,
    };
    let is_nothing = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    (!is_nothing).then_some(value)
}

/// Whether the history has an instruction of this name.
fn was_said(config: &Config, key: &str) -> bool {
    let says = |entry: &Value| {
        let text = shown(entry.get("created_by").and_then(Value::as_str).unwrap_or_default());
        text.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(key))
    };
    config.history().iter().any(says)
}

fn labels(config: &Config) -> Map<String, Value> {
    config.setting("Labels").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn variables(config: &Config) -> BTreeMap<String, String> {
    let list = config.setting("Env").and_then(Value::as_array);
    let lines = list.into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| line.split_once('=').unwrap_or((line, ""))).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}
