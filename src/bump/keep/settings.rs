//! Settings: whether two configs run a container the same way.

use std::collections::BTreeMap;

use serde_json::Value;

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

/// Labels that builders leave of themselves.
const MARKS: [&str; 1] = ["io.buildah.version"];

/// The first of the settings on which two configs do not agree.
pub(super) fn unlike(one: &Config, other: &Config) -> Option<String> {
    KEYS.into_iter().find(|key| setting(one, key) != setting(other, key)).map(|key| match key {
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
        ("Labels", Value::Object(mut labels)) => {
            labels.retain(|name, _| !MARKS.contains(&name.as_str()));
            Value::Object(labels)
        }
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

fn variables(config: &Config) -> BTreeMap<String, String> {
    let list = config.setting("Env").and_then(Value::as_array);
    let lines = list.into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| line.split_once('=').unwrap_or((line, ""))).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}
