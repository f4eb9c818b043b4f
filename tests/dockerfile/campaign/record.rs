//! What docker answered, kept beside the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bases::Bases;
use super::flatten;
use super::outcome::{Image, Outcome};

/// An answer; one line of the file.
#[derive(Serialize, Deserialize)]
pub struct Record {
    /// The pair's name.
    pub pair: String,
    /// The pair's fingerprint: after the generator changed, the answer may be one to another question.
    pub content: String,
    /// Who answered.
    pub by: String,
    /// What it said, if it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The base, or `scratch`, that the image is told by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The paths that differ from it; nothing for one that is gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tree: BTreeMap<String, Option<String>>,
    /// The parts of the config that differ from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, Option<Value>>,
}

impl Record {
    fn file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfile/campaign/outcomes.jsonl")
    }

    /// All records, by pair.
    pub fn all() -> BTreeMap<String, Record> {
        let text = fs::read_to_string(Record::file()).unwrap_or_default();
        let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
        records.map(|record| (record.pair.clone(), record)).collect()
    }

    /// Replaces the file.
    pub fn write(records: &BTreeMap<String, Record>) {
        let lines: Vec<String> = records.values().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
        fs::write(Record::file(), lines.concat()).unwrap();
    }

    /// Tells an outcome by the base that makes it shortest.
    pub fn of(pair: &super::pair::Pair, by: &str, outcome: &Outcome, bases: &Bases) -> Record {
        let blank = || Record {
            pair: pair.id.clone(),
            content: pair.fingerprint(),
            by: by.to_owned(),
            refused: None,
            over: None,
            tree: BTreeMap::new(),
            config: BTreeMap::new(),
        };
        let image = match outcome {
            Outcome::Refused(why) => return Record { refused: Some(why.clone()), ..blank() },
            Outcome::Broken(why) => panic!("{}: there is nothing to record: {why}", pair.id),
            Outcome::Image(image) => image,
        };
        let names = std::iter::once("scratch").chain(bases.images.iter().map(|(name, _)| *name));
        let told = names.map(|name| {
            let base = base(bases, name);
            let (tree, config) = (change(&base.tree, &image.tree), change(&base.config, &image.config));
            Record { over: Some(name.to_owned()), tree, config, ..blank() }
        });
        told.min_by_key(|record| serde_json::to_string(record).unwrap().len()).unwrap()
    }

    /// The outcome again.
    pub fn outcome(&self, bases: &Bases) -> Outcome {
        if let Some(why) = &self.refused {
            return Outcome::Refused(why.clone());
        }
        let mut image = base(bases, self.over.as_deref().unwrap());
        apply(&mut image.tree, &self.tree);
        apply(&mut image.config, &self.config);
        Outcome::Image(image)
    }
}

fn base(bases: &Bases, name: &str) -> Image {
    if name == "scratch" { Image::default() } else { flatten::layout(&bases.layout(), Some(name)) }
}

fn change<T: Clone + PartialEq>(from: &BTreeMap<String, T>, to: &BTreeMap<String, T>) -> BTreeMap<String, Option<T>> {
    let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), None));
    let new = to.iter().filter(|(key, value)| from.get(*key) != Some(value));
    gone.chain(new.map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
}

fn apply<T: Clone>(to: &mut BTreeMap<String, T>, change: &BTreeMap<String, Option<T>>) {
    for (key, value) in change {
        match value {
            Some(value) => to.insert(key.clone(), value.clone()),
            None => to.remove(key),
        };
    }
}
