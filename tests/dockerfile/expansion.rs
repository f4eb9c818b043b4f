//! The expander against what BuildKit's own code answered, see `expansion_cases.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use tarsia::spec::dockerfile::{ExpandError, Lexer, expand, expand_raw, expand_words};

#[derive(Deserialize)]
struct Table {
    environment: BTreeMap<String, String>,
    case: Vec<Case>,
    random: Vec<Case>,
    deviation: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    why: Option<String>,
    text: Option<String>,
    repeat: Option<Vec<(String, usize)>>,
    #[serde(default = "backslash")]
    escape: char,
    #[serde(default)]
    modes: Vec<String>,
    word: Option<String>,
    words: Option<Vec<String>>,
}

fn backslash() -> char {
    '\\'
}

type Answer = Result<(String, Vec<String>), ExpandError>;

impl Case {
    fn text(&self) -> String {
        match (&self.text, &self.repeat) {
            (Some(text), None) => text.clone(),
            (None, Some(repeat)) => repeat.iter().map(|(text, times)| text.repeat(*times)).collect(),
            _ => panic!("the case {} is malformed", self.name),
        }
    }

    fn answer(&self, environment: &BTreeMap<String, String>) -> Answer {
        let is_on = |mode: &str| self.modes.iter().any(|on| on == mode);
        let lexer = Lexer {
            escape: self.escape,
            raw_quotes: is_on("raw_quotes"),
            raw_escapes: is_on("raw_escapes"),
            skip_quotes: is_on("skip_quotes"),
            skip_unset: is_on("skip_unset"),
        };
        let text = self.text();
        Ok((lexer.word(&text, environment)?, lexer.words(&text, environment)?))
    }
}

fn table() -> Table {
    toml::from_str(include_str!("expansion_cases.toml")).unwrap()
}

#[test]
fn every_recorded_text_is_expanded_as_buildkit_expands_it() {
    let table = table();
    assert!(table.case.len() >= 200);
    let mut wrong = Vec::new();
    for case in table.case.iter().chain(&table.random) {
        let expected = case.word.clone().zip(case.words.clone());
        let answer = case.answer(&table.environment);
        if expected != answer.as_ref().ok().cloned() {
            wrong.push(format!(
                "{} ({})\n  text     {:?}\n  expected {expected:?}\n  answered {answer:?}",
                case.name,
                case.why.as_deref().unwrap_or("random"),
                case.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_passes_the_limits_is_refused() {
    let table = table();
    for case in &table.deviation {
        let error = case.answer(&table.environment).unwrap_err();
        assert!(error.is_limit(), "{}: {error}", case.name);
    }
}

#[test]
fn the_three_ways_to_expand_differ_in_quotes_and_words() {
    let environment = BTreeMap::from([("A".to_owned(), "x y".to_owned())]);
    assert_eq!(expand("\"$A\" `$A", '`', &environment).unwrap(), "x y $A");
    assert_eq!(expand_words("\"$A\" $A", '`', &environment).unwrap(), ["x y", "x", "y"]);
    assert_eq!(expand_raw("\"$A\" \\$A `it's`\n", &environment).unwrap(), "\"x y\" $A `it's`\n");
}

#[test]
fn what_must_be_set_says_what_the_text_says() {
    let message = |text| expand(text, '\\', &()).unwrap_err().to_string();
    assert_eq!(message("${VERSION:?set it with --build-arg}"), "`VERSION`: set it with --build-arg");
    assert_eq!(message("${VERSION?}"), "`VERSION`: it has no value");
}
