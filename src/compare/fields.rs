//! Fields: manifests and configs compared value by value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::difference::Measure;
use super::subject::Subject;
use crate::image::{BASE_DIGEST, Descriptor};

/// A field that is not the same on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Its path, as in `config.Env.PATH`.
    pub field: String,
    /// What the left side says, if it says anything.
    pub left: Option<Value>,
    /// What the right side says.
    pub right: Option<Value>,
}

/// The fields of two configs that differ. The digests of the layers are not among them: layers are compared as such.
pub fn configs(left: &Map<String, Value>, right: &Map<String, Value>, measure: Measure) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    let without = |map: &Map<String, Value>| {
        let mut map = map.clone();
        map.remove("history");
        if measure.ignore_time {
            map.remove("created");
        }
        if let Some(Value::Object(rootfs)) = map.get_mut("rootfs") {
            rootfs.remove("diff_ids");
        }
        map
    };
    objects("", &without(left), &without(right), &mut found);
    histories(left.get("history"), right.get("history"), measure, &mut found);
    found
}

/// The fields of two manifests that differ, layers aside, as `manifest.…`.
pub fn manifests(left: &Subject, right: &Subject, measure: Measure) -> Vec<FieldDifference> {
    let document = |subject: &Subject| {
        let mut document = to_object(json!(subject.manifest));
        document.remove("layers");
        if let Some(Value::Object(config)) = document.get_mut("config") {
            config.remove("digest");
            config.remove("size");
        }
        // The digest of an image of the same run says what its own layers say.
        if measure.ignores()
            && left.base_is_made
            && let Some(Value::Object(annotations)) = document.get_mut("annotations")
        {
            annotations.remove(BASE_DIGEST);
        }
        document
    };
    let mut found = Vec::new();
    objects("manifest", &document(left), &document(right), &mut found);
    found
}

/// The fields of two descriptors that differ, digests and sizes aside, below `path`.
pub fn descriptors(path: &str, left: &Descriptor, right: &Descriptor, without: &[&str]) -> Vec<FieldDifference> {
    let document = |descriptor: &Descriptor| {
        let mut document = to_object(json!(descriptor));
        document.remove("digest");
        document.remove("size");
        if let Some(Value::Object(annotations)) = document.get_mut("annotations") {
            without.iter().for_each(|key| drop(annotations.remove(*key)));
        }
        document
    };
    let mut found = Vec::new();
    objects(path, &document(left), &document(right), &mut found);
    found
}

fn to_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Two objects, key by key.
pub fn objects(path: &str, left: &Map<String, Value>, right: &Map<String, Value>, found: &mut Vec<FieldDifference>) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let field = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        values(field, left.get(key), right.get(key), found);
    }
}

fn values(field: String, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<FieldDifference>) {
    let empty = Map::new();
    match (left, right) {
        (left, right) if left == right => {}
        (Some(Value::Object(left)), Some(Value::Object(right))) => objects(&field, left, right, found),
        (Some(Value::Object(one)), None) if !one.is_empty() => objects(&field, one, &empty, found),
        (None, Some(Value::Object(one))) if !one.is_empty() => objects(&field, &empty, one, found),
        (Some(Value::Array(left)), Some(Value::Array(right))) if are_objects(left) && are_objects(right) => {
            for place in 0..left.len().max(right.len()) {
                values(format!("{field}[{place}]"), left.get(place), right.get(place), found);
            }
        }
        _ if field == "config.Env" => variables(field, left, right, found),
        _ => found.push(FieldDifference { field, left: left.cloned(), right: right.cloned() }),
    }
}

fn are_objects(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_object)
}

/// Environments, variable by variable; if no variable differs, their order does.
fn variables(field: String, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<FieldDifference>) {
    let (Some(before), Some(now)) = (environment(left), environment(right)) else {
        found.push(FieldDifference { field, left: left.cloned(), right: right.cloned() });
        return;
    };
    let names: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
    let count = found.len();
    for name in names {
        let (left, right) = (before.get(name), now.get(name));
        if left != right {
            let value = |value: Option<&&str>| value.map(|value| json!(value));
            found.push(FieldDifference { field: format!("{field}.{name}"), left: value(left), right: value(right) });
        }
    }
    if found.len() == count {
        found.push(FieldDifference { field, left: left.cloned(), right: right.cloned() });
    }
}

/// The variables of an environment; nothing if it is none, or one of them is set twice.
pub fn environment(value: Option<&Value>) -> Option<BTreeMap<&str, &str>> {
    let lines = match value {
        None | Some(Value::Null) => return Some(BTreeMap::new()),
        Some(value) => value.as_array()?,
    };
    let mut variables = BTreeMap::new();
    for line in lines {
        let line = line.as_str()?;
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if variables.insert(name, value).is_some() {
            return None;
        }
    }
    Some(variables)
}

/// Histories, entry by entry from the first that differs to the last.
fn histories(left: Option<&Value>, right: Option<&Value>, measure: Measure, found: &mut Vec<FieldDifference>) {
    let entries = |history: Option<&Value>| -> Option<Vec<Value>> {
        let mut entries = match history {
            None | Some(Value::Null) => Vec::new(),
            Some(history) => history.as_array()?.clone(),
        };
        for entry in entries.iter_mut().filter(|_| measure.ignore_time) {
            entry.as_object_mut().map(|entry| entry.remove("created"));
        }
        Some(entries)
    };
    let (Some(before), Some(now)) = (entries(left), entries(right)) else {
        values("history".to_owned(), left, right, found);
        return;
    };
    if before.is_empty() && now.is_empty() {
        // Nothing, `null` and an empty list are three ways to write it.
        values("history".to_owned(), left, right, found);
        return;
    }
    let tail = before.iter().rev().zip(now.iter().rev()).take_while(|(before, now)| before == now).count();
    let (left, right) = match before.len() == now.len() {
        true => (&before[..], &now[..]),
        // Entries that follow an added one are the same at another place.
        false => {
            let head = before.iter().zip(&now).take_while(|(before, now)| before == now).count();
            let tail = tail.min(before.len().min(now.len()) - head);
            (&before[..before.len() - tail], &now[..now.len() - tail])
        }
    };
    for place in 0..left.len().max(right.len()) {
        values(format!("history[{place}]"), left.get(place), right.get(place), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_fields(left: Value, right: Value, expected: &[&str]) {
        let fields = configs(&to_object(left), &to_object(right), Measure::default());
        let shown = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let shown: Vec<String> = fields
            .into_iter()
            .map(|field| format!("{} {} {}", field.field, shown(field.left), shown(field.right)))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn one_changed_variable_is_named() {
        assert_fields(
            json!({"config": {"Env": ["A=1", "B=2", "C=3"], "Labels": {"x": "1", "y": "2"}, "ExposedPorts": {"80/tcp": {}}}}),
            json!({"config": {"Env": ["A=1", "B=3"], "Labels": {"x": "1", "y": "3"}, "ExposedPorts": {"81/tcp": {}}}}),
            &[
                r#"config.Env.B "2" "3""#,
                r#"config.Env.C "3" -"#,
                r#"config.ExposedPorts.80/tcp {} -"#,
                r#"config.ExposedPorts.81/tcp - {}"#,
                r#"config.Labels.y "2" "3""#,
            ],
        );
        assert_fields(
            json!({"config": {"Env": ["A=1", "B=2"]}}),
            json!({"config": {"Env": ["B=2", "A=1"]}}),
            &[r#"config.Env ["A=1","B=2"] ["B=2","A=1"]"#],
        );
        assert_fields(
            json!({"config": {"Env": ["A=1", "A=2"]}}),
            json!({"config": {"Env": ["A=1"]}}),
            &[r#"config.Env ["A=1","A=2"] ["A=1"]"#],
        );
    }

    #[test]
    fn whole_objects_that_one_side_lacks_are_told_by_their_fields() {
        assert_fields(
            json!({"config": {"Cmd": ["a"], "Labels": {"x": "1"}, "Volumes": {}}}),
            json!({"config": {"Cmd": ["b"]}}),
            &[r#"config.Cmd ["a"] ["b"]"#, r#"config.Labels.x "1" -"#, "config.Volumes {} -"],
        );
        assert_fields(json!({"a": null}), json!({}), &["a null -"]);
        assert_fields(json!({"a": [1]}), json!({"a": {"b": 1}}), &[r#"a [1] {"b":1}"#]);
    }

    #[test]
    fn an_entry_added_to_a_history_shifts_no_other() {
        let entry = |text: &str| json!({"created_by": text});
        assert_fields(
            json!({"history": [entry("a"), entry("b"), entry("c")]}),
            json!({"history": [entry("a"), entry("x"), entry("b"), entry("c")]}),
            &[r#"history[1].created_by - "x""#],
        );
        assert_fields(
            json!({"history": [entry("a"), entry("b")]}),
            json!({"history": [entry("a"), entry("c")]}),
            &[r#"history[1].created_by "b" "c""#],
        );
        assert_fields(
            json!({"history": [entry("a"), entry("a")]}),
            json!({"history": [entry("a")]}),
            &[r#"history[1].created_by "a" -"#],
        );
    }
}
