//! Why a layer is assembled, under its line in a report and in documents. `plan`, `push` and `bump` say it in the same words.

use serde_json::{Value, json};
use tarsia::why::Why;

use super::terminal::shown;

/// How much is said of a layer whose files differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// The first files; the words say how to see all of them.
    First(&'a str),
    /// All files.
    All,
}

/// The reason for the layer of this name, and the files that differ, a line each.
pub fn write(name: &str, why: &Why, extent: Extent<'_>, text: &mut String) {
    text.push_str(&format!("           {}\n", shown(&why.words())));
    let Why::Changed(difference) = why else { return };
    let (named, how) = match extent {
        Extent::All => (difference.all(), ""),
        Extent::First(how) => (difference.named(), how),
    };
    named.iter().for_each(|entry| text.push_str(&format!("             {}\n", shown(entry))));
    let more = difference.entries.len() - named.len();
    if more > 0 {
        text.push_str(&format!("             and {more} more ({how} {name})\n"));
    }
}

/// Puts the same into a layer's object: `why`, `changes` of the layer as a whole, and `differences` of its files.
pub fn put(why: &Why, object: &mut Value) {
    object["why"] = json!(why.words());
    let Why::Changed(difference) = why else { return };
    let mut changes = serde_json::Map::new();
    for (word, before, now) in difference.whole() {
        changes.insert(word.to_owned(), json!({"before": before, "now": now}));
    }
    object["changes"] = Value::Object(changes);
    object["differences"] = difference
        .entries
        .iter()
        .map(|(path, aspects)| {
            let words: Vec<&str> = aspects.iter().map(|aspect| aspect.word()).collect();
            json!({"path": format!("/{}", String::from_utf8_lossy(path)), "what": words})
        })
        .collect();
}
