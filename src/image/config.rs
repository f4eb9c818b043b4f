//! Image configs: kept lossless, written canonically.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::ImageError;
use super::platform::Platform;
use crate::digest::Digest;

/// Where programs are looked for if an image does not say: what docker sets.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The largest config that is read, in bytes.
pub const CONFIG_LIMIT: u64 = 8 << 20;

/// An image config.
///
/// It is kept as the JSON document it is, so that fields this version does not know survive (`Healthcheck`, `OnBuild`
/// and `Shell` among those that typed readers lose). Written as canonical JSON: keys sorted at every level, no white
/// space. See the [config specification](https://github.com/opencontainers/image-spec/blob/main/config.md).
#[derive(Debug, Clone, PartialEq)]
pub struct Config(Map<String, Value>);

/// What a spec changes in the config of its base. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigEdits {
    /// Environment variables: replaced in place where the base has them, else appended in this order.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub workdir: Option<String>,
    /// The entry point. Setting it drops the base's `cmd`, as docker does.
    pub entrypoint: Option<Vec<String>>,
    /// The command.
    pub cmd: Option<Vec<String>>,
    /// User, or user and group.
    pub user: Option<String>,
    /// Labels, added to the base's.
    pub labels: BTreeMap<String, String>,
    /// Ports, `8080` or `53/udp`, added to the base's.
    pub expose: Vec<String>,
    /// Volumes, added to the base's.
    pub volumes: Vec<String>,
    /// The signal that stops the container.
    pub stop_signal: Option<String>,
    /// The health check.
    pub healthcheck: Option<Healthcheck>,
    /// What runs the shell forms of an image that is built on this one.
    pub shell: Option<Vec<String>>,
    /// Instructions for images that are built on this one; an empty list takes the base's away.
    pub on_build: Option<Vec<String>>,
    /// Who made it.
    pub author: Option<String>,
    /// Docker's mark of a command that its builder wrote.
    pub args_escaped: Option<bool>,
}

/// A health check, times in nanoseconds as configs have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    pub test: Vec<String>,
    /// Time between two checks.
    pub interval: Option<u64>,
    /// Time after which a check has failed.
    pub timeout: Option<u64>,
    /// Time in which failures do not count.
    pub start_period: Option<u64>,
    /// Time between two checks during the start period.
    pub start_interval: Option<u64>,
    /// How many failures in a row make a container unhealthy.
    pub retries: Option<u64>,
}

impl Config {
    /// The config of an empty image.
    pub fn scratch(platform: &Platform) -> Config {
        let mut config = Map::new();
        config.insert("architecture".into(), json!(platform.architecture));
        config.insert("os".into(), json!(platform.os));
        if let Some(variant) = &platform.variant {
            config.insert("variant".into(), json!(variant));
        }
        config.insert("config".into(), json!({}));
        config.insert("rootfs".into(), json!({"type": "layers", "diff_ids": []}));
        config.insert("history".into(), json!([]));
        Config(config)
    }

    /// Reads a config.
    ///
    /// # Errors
    ///
    /// [`ImageError`] if it is too large, no JSON object, or its `rootfs` is none of layers.
    pub fn parse(bytes: &[u8]) -> Result<Config, ImageError> {
        if bytes.len() as u64 > CONFIG_LIMIT {
            return Err(ImageError::TooLarge { what: "config", limit: CONFIG_LIMIT });
        }
        let malformed = |source| ImageError::Malformed { what: "config", source };
        let config = Config(serde_json::from_slice(bytes).map_err(malformed)?);
        let diff_ids = config.0.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).cloned();
        // Writers in Go say `null` for an empty list.
        serde_json::from_value::<Option<Vec<Digest>>>(diff_ids.into()).map_err(malformed)?;
        Ok(config)
    }

    /// The config's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Sorted here and not by the map: whether serde_json's maps are sorted is decided by features that any other
        // crate of a program may turn on.
        let mut document = Value::Object(self.0.clone());
        document.sort_all_objects();
        // A document that was parsed or built from JSON values serialises.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// The whole document.
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The digests of the plain layers, lowest first.
    pub fn diff_ids(&self) -> Vec<Digest> {
        let diff_ids = self.0.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        diff_ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
    }

    /// The platform it is for.
    pub fn platform(&self) -> Platform {
        let text = |key: &str| self.0.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut platform = Platform::new(&text("os"), &text("architecture"));
        platform.variant = Some(text("variant")).filter(|variant| !variant.is_empty());
        platform.os_version = Some(text("os.version")).filter(|version| !version.is_empty());
        platform
    }

    /// A text field of the inner `config` object, such as `WorkingDir`.
    pub fn setting(&self, key: &str) -> Option<&Value> {
        self.0.get("config").and_then(|config| config.get(key)).filter(|value| !value.is_null())
    }

    /// A list of texts of the inner `config` object, such as `Cmd`; empty if there is none.
    pub fn words(&self, key: &str) -> Vec<&str> {
        let list = self.setting(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The value of an environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.words("Env").into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// The history entries.
    pub fn history(&self) -> &[Value] {
        self.0.get("history").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// How many history entries stand for a layer.
    pub fn layers_of_history(&self) -> usize {
        let with_layer = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) != Some(true);
        self.history().iter().filter(with_layer).count()
    }

    /// Makes the number of history entries that stand for a layer equal to the number of layers, if there are fewer.
    ///
    /// Some bases ship no history; adding an entry of our own to it breaks readers that count
    /// (aws/aws-lambda-base-images#2).
    pub fn pad_history(&mut self, created: &str) {
        let missing = self.diff_ids().len().saturating_sub(self.layers_of_history());
        let padding = json!({"created": created, "created_by": "a layer of the base image, which states no history"});
        self.history_mut().extend(std::iter::repeat_n(padding, missing));
    }

    /// Adds a layer and its history entry.
    pub fn push_layer(&mut self, diff_id: Digest, created: &str, created_by: &str) {
        let rootfs = self.0.entry("rootfs").or_insert_with(|| json!({"type": "layers", "diff_ids": []}));
        if let Some(diff_ids) = rootfs.get_mut("diff_ids").and_then(Value::as_array_mut) {
            diff_ids.push(json!(diff_id));
        } else {
            *rootfs = json!({"type": "layers", "diff_ids": [diff_id]});
        }
        self.history_mut().push(json!({"created": created, "created_by": created_by}));
    }

    fn history_mut(&mut self) -> &mut Vec<Value> {
        let history = self.0.entry("history").or_insert_with(|| json!([]));
        if !history.is_array() {
            *history = json!([]);
        }
        match history {
            Value::Array(entries) => entries,
            _ => unreachable!("it was made an array above"),
        }
    }

    /// Sets the time the image was made.
    pub fn set_created(&mut self, created: &str) {
        self.0.insert("created".into(), json!(created));
    }

    /// Applies a spec's edits.
    pub fn edit(&mut self, edits: &ConfigEdits) {
        let inner = self.0.entry("config").or_insert_with(|| json!({}));
        if !inner.is_object() {
            *inner = json!({});
        }
        let Value::Object(inner) = inner else { return };
        if !edits.env.is_empty() {
            let mut env: Vec<String> = inner
                .get("Env")
                .and_then(Value::as_array)
                .map(|env| env.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default();
            for (name, value) in &edits.env {
                let line = format!("{name}={value}");
                let prefix = format!("{name}=");
                match env.iter_mut().find(|line| line.starts_with(&prefix)) {
                    Some(existing) => *existing = line,
                    None => env.push(line),
                }
            }
            inner.insert("Env".into(), json!(env));
        }
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                inner.insert(key.into(), value);
            }
        };
        set("WorkingDir", edits.workdir.as_ref().map(|workdir| json!(workdir)));
        set("User", edits.user.as_ref().map(|user| json!(user)));
        set("StopSignal", edits.stop_signal.as_ref().map(|signal| json!(signal)));
        set("Healthcheck", edits.healthcheck.as_ref().map(Healthcheck::to_json));
        set("ArgsEscaped", edits.args_escaped.map(|escaped| json!(escaped)));
        if edits.entrypoint.is_some() {
            inner.remove("Cmd");
        }
        let lists = [
            ("Entrypoint", &edits.entrypoint),
            ("Cmd", &edits.cmd),
            ("Shell", &edits.shell),
            ("OnBuild", &edits.on_build),
        ];
        for (key, list) in lists {
            match list {
                // An empty list and none at all mean the same; writers in Go leave it out.
                Some(list) if list.is_empty() => drop(inner.remove(key)),
                Some(list) => drop(inner.insert(key.into(), json!(list))),
                None => {}
            }
        }
        for (name, value) in &edits.labels {
            object(inner, "Labels").insert(name.clone(), json!(value));
        }
        for port in &edits.expose {
            let port = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
            object(inner, "ExposedPorts").insert(port, json!({}));
        }
        for volume in &edits.volumes {
            object(inner, "Volumes").insert(volume.clone(), json!({}));
        }
        if let Some(author) = &edits.author {
            self.0.insert("author".into(), json!(author));
        }
    }
}

/// The object at `key`, made if it is not there.
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object above"),
    }
}

impl Healthcheck {
    fn to_json(&self) -> Value {
        let mut check = Map::new();
        check.insert("Test".into(), json!(self.test));
        let numbers = [
            ("Interval", self.interval),
            ("Timeout", self.timeout),
            ("StartPeriod", self.start_period),
            ("StartInterval", self.start_interval),
            ("Retries", self.retries),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                check.insert(key.into(), json!(number));
            }
        }
        Value::Object(check)
    }
}

/// A time as RFC 3339 writes it, in UTC: `1970-01-01T00:00:00Z` for 0.
pub fn timestamp(epoch: i64) -> String {
    // Days to civil date, after Howard Hinnant's `civil_from_days`.
    let (days, seconds) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The time that [`timestamp`] writes so; nothing for a text that it does not write.
pub fn epoch_of(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    // Civil date to days, by the inverse of what `timestamp` does.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let epoch = (era * 146_097 + day_of_era - 719_468) * 86_400 + seconds;
    (timestamp(epoch) == text).then_some(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(epoch), text);
            assert_eq!(epoch_of(text), Some(epoch));
        }
        for text in
            ["", "1970-01-01T00:00:00.5Z", "1970-02-30T00:00:00Z", "1970-01-01T00:00:00+00:00", "é970-01-01T00:00:00Z"]
        {
            assert_eq!(epoch_of(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_fields_survive_and_keys_are_sorted() {
        let text = r#"{"z":[1.5,9007199254740993],"rootfs":{"type":"layers","diff_ids":[]},"config":{"Shell":["x"],"OnBuild":["RUN y"]},"os":"linux","architecture":"arm64"}"#;
        let mut config = Config::parse(text.as_bytes()).unwrap();
        config.edit(&ConfigEdits { cmd: Some(vec!["a".into()]), ..ConfigEdits::default() });
        assert_eq!(
            String::from_utf8(config.to_bytes()).unwrap(),
            r#"{"architecture":"arm64","config":{"Cmd":["a"],"OnBuild":["RUN y"],"Shell":["x"]},"os":"linux","rootfs":{"diff_ids":[],"type":"layers"},"z":[1.5,9007199254740993]}"#
        );
    }

    #[test]
    fn an_entry_point_drops_the_inherited_command_and_env_is_replaced_in_place() {
        let mut config = Config::scratch(&Platform::new("linux", "amd64"));
        config.edit(&ConfigEdits {
            cmd: Some(vec!["old".into()]),
            env: vec![("A".into(), "1".into()), ("B".into(), "2".into())],
            ..ConfigEdits::default()
        });
        config.edit(&ConfigEdits {
            entrypoint: Some(vec!["new".into()]),
            env: vec![("A".into(), "3".into()), ("C".into(), "4".into())],
            expose: vec!["80".into(), "53/udp".into()],
            ..ConfigEdits::default()
        });
        assert_eq!(config.setting("Cmd"), None);
        assert_eq!(config.setting("Env"), Some(&json!(["A=3", "B=2", "C=4"])));
        assert_eq!(config.setting("ExposedPorts"), Some(&json!({"53/udp": {}, "80/tcp": {}})));
    }

    #[test]
    fn missing_history_is_padded() {
        let text = r#"{"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"history":[{"empty_layer":true}]}"#;
        let mut config = Config::parse(text.as_bytes()).unwrap();
        config.pad_history("t");
        assert_eq!(config.history().len(), 3);
        config.pad_history("t");
        assert_eq!(config.history().len(), 3);
    }
}
