//! What became of a pair, and how two outcomes differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The parts of a config that a Dockerfile decides.
const PARTS: [&str; 13] = [
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
    "ArgsEscaped",
];

/// What became of a pair.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An error, with its first line.
    Refused(String),
    Image(Image),
    /// Neither: somebody failed.
    Broken(String),
}

/// A flattened image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// A line for each path but the root.
    pub tree: BTreeMap<String, String>,
    /// The parts that are there and not empty.
    pub config: BTreeMap<String, Value>,
}

impl Image {
    pub fn new(tree: BTreeMap<String, String>, document: &Value) -> Image {
        let parts = PARTS.iter().map(|part| (*part, &document["config"][*part]));
        let others = ["author", "os", "architecture", "variant"].map(|part| (part, &document[part]));
        let there = parts.chain(others).filter(|(_, value)| !is_empty(value));
        Image { tree, config: there.map(|(part, value)| (part.to_owned(), sorted(value))).collect() }
    }

    /// How `other` differs from this one, a line each.
    pub fn differences(&self, other: &Image) -> Vec<String> {
        let mut lines = Vec::new();
        compare(&self.tree, &other.tree, &mut lines);
        let written = |config: &BTreeMap<String, Value>| -> BTreeMap<String, String> {
            config.iter().map(|(part, value)| (format!("config.{part}"), value.to_string())).collect()
        };
        compare(&written(&self.config), &written(&other.config), &mut lines);
        lines
    }
}

impl Outcome {
    /// How `other` differs from this one, a line each; that both refuse is no difference.
    pub fn differences(&self, other: &Outcome) -> Vec<String> {
        match (self, other) {
            (Outcome::Broken(why), _) | (_, Outcome::Broken(why)) => vec![format!("no outcome: {why}")],
            (Outcome::Refused(_), Outcome::Refused(_)) => Vec::new(),
            (Outcome::Image(one), Outcome::Image(other)) => one.differences(other),
            (Outcome::Refused(why), Outcome::Image(_)) => vec![format!("should be refused: {why}")],
            (Outcome::Image(_), Outcome::Refused(why)) => vec![format!("should not be refused: {why}")],
        }
    }
}

fn compare(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>, lines: &mut Vec<String>) {
    for (key, value) in one {
        match other.get(key) {
            None => lines.push(format!("{key}: should be `{value}`, is missing")),
            Some(found) if found != value => lines.push(format!("{key}: should be `{value}`, is `{found}`")),
            Some(_) => {}
        }
    }
    for (key, value) in other.iter().filter(|(key, _)| !one.contains_key(*key)) {
        lines.push(format!("{key}: should be missing, is `{value}`"));
    }
}

/// Go writes what is absent in several ways.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The same value with every map in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}
