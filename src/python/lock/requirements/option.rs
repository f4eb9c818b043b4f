//! Options of pip, those of a whole file and those of a requirement.

use super::super::LockError;
use super::super::text::{LockText, Place, shown};
use super::lines::Line;

/// What an option is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Index,
    ExtraIndex,
    NoIndex,
    FindLinks,
    Include,
    Editable,
    NoBinary,
    Hash,
    /// It changes nothing where all is pinned and nothing is built.
    Harmless,
}

/// An option with its value.
#[derive(Debug)]
pub(super) struct Setting {
    /// What it is about.
    pub meaning: Meaning,
    /// Its value; empty if it has none.
    pub value: String,
    /// Where the option stands.
    pub place: Place,
}

/// The options by name, what each is about, and whether a value follows.
///
/// A constraint is harmless: it restricts versions, and a version that is pinned has no more freedom. So is what chooses
/// between versions, what is about building, and what is about trust in a host: the hash decides.
const OPTIONS: [(&str, Meaning, bool); 29] = [
    ("-i", Meaning::Index, true),
    ("--index-url", Meaning::Index, true),
    ("--pypi-url", Meaning::Index, true),
    ("--extra-index-url", Meaning::ExtraIndex, true),
    ("--no-index", Meaning::NoIndex, false),
    ("-f", Meaning::FindLinks, true),
    ("--find-links", Meaning::FindLinks, true),
    ("-r", Meaning::Include, true),
    ("--requirement", Meaning::Include, true),
    ("--requirements", Meaning::Include, true),
    ("-e", Meaning::Editable, true),
    ("--editable", Meaning::Editable, true),
    ("--no-binary", Meaning::NoBinary, true),
    ("--hash", Meaning::Hash, true),
    ("-c", Meaning::Harmless, true),
    ("--constraint", Meaning::Harmless, true),
    ("--constraints", Meaning::Harmless, true),
    ("--only-binary", Meaning::Harmless, true),
    ("--trusted-host", Meaning::Harmless, true),
    ("--use-feature", Meaning::Harmless, true),
    ("--require-hashes", Meaning::Harmless, false),
    ("--prefer-binary", Meaning::Harmless, false),
    ("--pre", Meaning::Harmless, false),
    ("--all-releases", Meaning::Harmless, true),
    ("--only-final", Meaning::Harmless, true),
    ("--uploaded-prior-to", Meaning::Harmless, true),
    ("-C", Meaning::Harmless, true),
    ("--config-settings", Meaning::Harmless, true),
    ("--global-option", Meaning::Harmless, true),
];

/// The options of a line from a byte on.
///
/// # Errors
///
/// If one is unknown, or has a value where none belongs, or none where one does.
pub(super) fn settings(text: &LockText, line: &Line, from: usize) -> Result<Vec<Setting>, LockError> {
    let mut settings = Vec::new();
    let mut words = line.words(text, from)?.into_iter();
    while let Some(word) = words.next() {
        let place = line.place(text, word.at);
        if !word.text.starts_with('-') {
            let what = format!("`{}` stands among options", shown(&word.text));
            return Err(place.error(what, "write each requirement into a line of its own, its options last"));
        }
        let (name, attached) = match (word.text.split_once('='), word.text.starts_with("--")) {
            (Some((name, value)), true) => (name, Some(value)),
            (None, true) => (word.text.as_str(), None),
            // `-rother.txt`: the letter, and what is left.
            (_, false) => match word.text.char_indices().nth(2) {
                None => (word.text.as_str(), None),
                Some((at, _)) => {
                    let (name, value) = word.text.split_at_checked(at).unwrap_or((&word.text, ""));
                    (name, Some(value))
                }
            },
        };
        let Some((_, meaning, takes_value)) = OPTIONS.iter().find(|(known, ..)| *known == name) else {
            return Err(unknown(name, &place));
        };
        let value = match (takes_value, attached) {
            (true, Some(value)) => value.to_owned(),
            (true, None) => words.next().map(|word| word.text).unwrap_or_default(),
            (false, None) => String::new(),
            (false, Some(_)) => return Err(place.error(format!("`{name}` has no value"), "take what follows it out")),
        };
        if *takes_value && value.is_empty() {
            return Err(place.error(format!("`{name}` needs a value"), ""));
        }
        settings.push(Setting { meaning: *meaning, value, place });
    }
    Ok(settings)
}

fn unknown(name: &str, place: &Place) -> LockError {
    let near = OPTIONS.iter().map(|(known, ..)| (strsim::damerau_levenshtein(&shown(name), known), known)).min();
    let help = match near {
        Some((distance, known)) if distance <= 2 && known.len() > 2 => format!("did you mean `{known}`?"),
        _ => "take it out, if it changes nothing".to_owned(),
    };
    place.error(format!("`{}` is not an option that is known here", shown(name)), help)
}
