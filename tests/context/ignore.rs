//! The ignore rules against what docker's own code answered, see `ignore_cases.toml`.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tarsia::Workers;
use tarsia::context::{Context, Error, FoundKind, IgnoreRules};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
    random: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    why: String,
    ignore: Option<String>,
    ignore_repeat: Option<Repeat>,
    paths: Vec<String>,
    kept: Option<Vec<String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Repeat {
    text: String,
    times: usize,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Kept(Vec<String>),
    ParseError,
    MatchError,
}

impl Case {
    fn expected(&self) -> Outcome {
        match (&self.kept, self.error.as_deref()) {
            (Some(kept), None) => Outcome::Kept(kept.clone()),
            (None, Some("parse")) => Outcome::ParseError,
            (None, Some("match")) => Outcome::MatchError,
            _ => panic!("the case {} is malformed", self.name),
        }
    }

    fn answered(&self) -> Outcome {
        let text = match (&self.ignore, &self.ignore_repeat) {
            (Some(text), None) => text.clone(),
            (None, Some(repeat)) => repeat.text.repeat(repeat.times),
            _ => panic!("the case {} is malformed", self.name),
        };
        let Ok(rules) = IgnoreRules::parse(text.as_bytes()) else { return Outcome::ParseError };
        let folder = TempDir::new().unwrap();
        for path in &self.paths {
            let place = folder.path().join(path);
            if path.ends_with('/') {
                fs::create_dir_all(place).unwrap();
            } else {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::write(place, "").unwrap();
            }
        }
        scan(folder.path(), rules)
    }
}

fn scan(root: &Path, rules: IgnoreRules) -> Outcome {
    match Context::with_rules(root, rules, &[]).unwrap().scan(b"", &Workers::new(0)) {
        Ok(found) => Outcome::Kept(
            found
                .iter()
                .map(|found| {
                    let path = std::str::from_utf8(&found.path).unwrap();
                    if found.kind == FoundKind::Directory { format!("{path}/") } else { path.to_owned() }
                })
                .collect(),
        ),
        Err(Error::IgnoreFile { .. } | Error::Pattern(_)) => Outcome::MatchError,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_recorded_case_is_answered_as_docker_answers_it() {
    let table: Table = toml::from_str(include_str!("ignore_cases.toml")).unwrap();
    assert!(table.case.len() >= 100);
    let mut wrong = Vec::new();
    for case in table.case.iter().chain(&table.random) {
        let (expected, answered) = (case.expected(), case.answered());
        if expected != answered {
            wrong.push(format!(
                "{} ({})\n  ignore   {:?}\n  expected {expected:?}\n  answered {answered:?}",
                case.name, case.why, case.ignore
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
