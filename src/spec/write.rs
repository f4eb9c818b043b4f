//! Writing: a recipe as the text of a spec, so that reading it gives the same recipe.

use std::collections::BTreeMap;
use std::path::Path;

use super::duration;
use super::error::SpecError;
use super::recipe::{Base, CopyFrom, LayerContent, LayerRecipe, Recipe};
use super::resolve::Source;
use super::variables::Variables;
use crate::image::{ConfigEdits, Healthcheck, Platform};
use crate::layer::{Copy, CopySource, Step};

/// How long a line may be before a list in it is broken, in characters.
const LINE: usize = 110;

/// The text of a recipe whose layers are copied or done by steps, as those of Dockerfiles are. `files` says where the
/// specs of other recipes are, by their names; `head` is the comment that stands first.
pub(crate) fn write(recipe: &Recipe, files: &BTreeMap<String, String>, head: &str) -> String {
    let mut table = Table(head.to_owned());
    table.set("name", text(&recipe.name));
    match &recipe.base {
        Base::Scratch => table.set("base", text("scratch")),
        Base::Image { name, .. } => table.set("base", text(name)),
        Base::Recipe(name) => table.set("base", inline([("spec", text(file_of(files, name)))])),
    }
    if !recipe.platforms.is_empty() {
        table.list("platforms", platforms(&recipe.platforms));
    }
    let mut whole = table.0;
    for layer in &recipe.layers {
        whole.push('\n');
        whole.push_str(&write_layer(layer, files));
    }
    let config = write_config(&recipe.config);
    if !config.is_empty() {
        whole.push_str("\n[config]\n");
        whole.push_str(&config);
    }
    whole
}

/// The recipe that a spec's text says, other specs in it not read.
///
/// # Errors
///
/// As reading a spec.
pub(crate) fn read_back(file: &Path, text: &str) -> Result<Recipe, SpecError> {
    let source = Source { file: file.to_owned(), text: text.into() };
    Ok(source.resolve(source.parse()?, &Variables::only(BTreeMap::new()))?.recipe)
}

/// The table of a layer.
pub(crate) fn write_layer(layer: &LayerRecipe, files: &BTreeMap<String, String>) -> String {
    let mut table = Table("[[layer]]\n".to_owned());
    table.set("name", text(&layer.name));
    let owner = match &layer.content {
        LayerContent::Copy { from, copy, owner } => {
            write_copy(&mut table, from, copy, files);
            owner.as_ref()
        }
        LayerContent::Steps { steps, owner } => {
            if let [Step::WorkingDirectory { path }] = steps.as_slice() {
                table.set("workdir", bytes(&[b"/", path.as_slice()].concat()));
            } else {
                table.list("run", steps.iter().map(|step| text(&step.to_string())));
            }
            owner.as_ref()
        }
        LayerContent::Context { .. }
        | LayerContent::Entries(_)
        | LayerContent::Wheels(_)
        | LayerContent::Package(_)
        | LayerContent::Run => None,
    };
    if let Some(owner) = owner {
        table.set("owner", text(owner));
    }
    if let Some(own) = &layer.platforms {
        table.list("platforms", platforms(own));
    }
    table.0
}

fn write_copy(table: &mut Table, from: &CopyFrom, copy: &Copy, files: &BTreeMap<String, String>) {
    let needs_tree = copy.sources.iter().any(|source| matches!(source, CopySource::Path(_)));
    match from {
        CopyFrom::Context { folder, path, ignore } => {
            if needs_tree || path != "." {
                table.set("context", text(path));
            }
            if let Some(ignore) = ignore {
                let ignore = ignore.strip_prefix(folder).unwrap_or(ignore);
                table.set("ignore_file", text(&ignore.to_string_lossy()));
            }
        }
        CopyFrom::Image { name, .. } => table.set("image", text(name)),
        CopyFrom::Recipe { name, platform } => {
            let platform = platform.as_ref().map(|platform| ("platform", text(&platform.to_string())));
            let spec = ("spec", text(file_of(files, name)));
            table.set("image", inline([spec].into_iter().chain(platform)));
        }
        // A recipe of its own stands for it.
        CopyFrom::Stage(_) => {}
    }
    table.list("sources", copy.sources.iter().map(source));
    table.set("to", bytes(&copy.to));
    if !copy.exclude.is_empty() {
        table.list("exclude", copy.exclude.iter().map(|pattern| text(pattern)));
    }
    for (key, is_set) in [("parents", copy.parents), ("unpack", copy.unpack)] {
        if is_set {
            table.set(key, "true".to_owned());
        }
    }
    if let Some(chmod) = &copy.chmod {
        table.set("chmod", text(&chmod.to_string()));
    }
}

fn source(source: &CopySource) -> String {
    match source {
        CopySource::Path(path) if path.is_empty() => text("."),
        CopySource::Path(path) => bytes(path),
        CopySource::Text { name, text: content } => inline([("name", text(name)), ("text", bytes(content))]),
        CopySource::Url { url, checksum, unpack } => {
            let unpack = unpack.then(|| ("unpack", "true".to_owned()));
            let file = [("url", text(url)), ("checksum", text(&checksum.to_string()))];
            inline(file.into_iter().chain(unpack))
        }
    }
}

fn write_config(edits: &ConfigEdits) -> String {
    let mut table = Table(String::new());
    let is_sorted = edits.env.is_sorted_by(|(one, _), (two, _)| one < two);
    let env = inline(edits.env.iter().map(|(name, value)| (name, text(value))));
    if is_sorted && env.chars().count() <= LINE && !env.contains('\n') {
        if !edits.env.is_empty() {
            table.set("env", env);
        }
    } else {
        table.list("env", edits.env.iter().map(|(name, value)| text(&format!("{name}={value}"))));
    }
    for (key, value) in [("workdir", &edits.workdir), ("user", &edits.user)] {
        if let Some(value) = value {
            table.set(key, text(value));
        }
    }
    for (key, list) in [("entrypoint", &edits.entrypoint), ("cmd", &edits.cmd), ("shell", &edits.shell)] {
        if let Some(list) = list {
            table.list(key, list.iter().map(|word| text(word)));
        }
    }
    if let Some(escaped) = edits.args_escaped {
        table.set("args_escaped", escaped.to_string());
    }
    if !edits.expose.is_empty() {
        table.list("expose", edits.expose.iter().map(|port| port_number(port).unwrap_or_else(|| text(port))));
    }
    if !edits.volumes.is_empty() {
        table.list("volumes", edits.volumes.iter().map(|volume| text(volume)));
    }
    if let Some(signal) = &edits.stop_signal {
        table.set("stop_signal", text(signal));
    }
    if let Some(check) = &edits.healthcheck {
        table.set("healthcheck", healthcheck(check));
    }
    if let Some(triggers) = &edits.on_build {
        table.list("onbuild", triggers.iter().map(|trigger| text(trigger)));
    }
    if let Some(author) = &edits.author {
        table.set("author", text(author));
    }
    let labels = inline(edits.labels.iter().map(|(name, value)| (name, text(value))));
    if labels.chars().count() <= LINE && !labels.contains('\n') {
        if !edits.labels.is_empty() {
            table.set("labels", labels);
        }
    } else {
        table.0.push_str("\n[config.labels]\n");
        for (name, value) in &edits.labels {
            table.set(name, text(value));
        }
    }
    table.0
}

/// A TCP port as a number.
fn port_number(port: &str) -> Option<String> {
    let number = port.strip_suffix("/tcp").unwrap_or(port);
    number.parse::<u16>().ok().filter(|parsed| parsed.to_string() == number).map(|_| number.to_owned())
}

fn healthcheck(check: &Healthcheck) -> String {
    let times = [
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start_period", check.start_period),
        ("start_interval", check.start_interval),
    ];
    let times = times.into_iter().filter_map(|(key, time)| Some((key, text(&duration::write(time?)))));
    let test = ("test", array(check.test.iter().map(|word| text(word))));
    inline([test].into_iter().chain(times).chain(check.retries.map(|retries| ("retries", retries.to_string()))))
}

/// The keys of a table, line by line.
struct Table(String);

impl Table {
    fn set(&mut self, name: impl AsRef<str>, value: String) {
        self.0.push_str(&key(name.as_ref()));
        self.0.push_str(" = ");
        self.0.push_str(&value);
        self.0.push('\n');
    }

    fn list(&mut self, name: &str, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        let line = array(items.iter().cloned());
        if line.contains('\n') || line.chars().count() + name.len() > LINE {
            let lines: String = items.iter().map(|item| format!("  {item},\n")).collect();
            self.set(name, format!("[\n{lines}]"));
        } else {
            self.set(name, line);
        }
    }
}

fn platforms(platforms: &[Platform]) -> impl Iterator<Item = String> {
    platforms.iter().map(|platform| text(&platform.to_string()))
}

fn file_of<'a>(files: &'a BTreeMap<String, String>, name: &'a str) -> &'a str {
    files.get(name).map_or(name, String::as_str)
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn inline(pairs: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{} = {value}", key(name.as_ref()))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A text. The parser takes a carriage return away before a line's end unless it is escaped.
fn text(value: &str) -> String {
    let is_long = value.trim_end_matches('\n').contains('\n');
    if is_long && !value.contains('\r') {
        let mut lines = String::new();
        let mut characters = value.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '\n' => lines.push(c),
                // Three in a row end the text.
                '"' if characters.peek().is_some_and(|&next| next != '"') => lines.push(c),
                c => lines.push_str(&escaped(c)),
            }
        }
        return format!("\"\"\"\n{lines}\"\"\"");
    }
    let is_literal = value.contains(['"', '\\']) && !value.contains('\'') && !value.contains(char::is_control);
    if is_literal { format!("'{value}'") } else { quoted(value) }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.chars().map(escaped).collect::<String>())
}

fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    }
}

/// Bytes that came from a Dockerfile, which is UTF-8.
fn bytes(value: &[u8]) -> String {
    text(&String::from_utf8_lossy(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct One {
        value: String,
    }

    proptest! {
        #[test]
        fn texts_come_back(value: String, dressed in "[ab\"'\\\\\n\r\t\u{0}\u{7f}\u{85}#=\\[{]{0,12}") {
            for value in [value, dressed] {
                let read: One = toml::from_str(&format!("value = {}\n", text(&value))).unwrap();
                prop_assert_eq!(&read.value, &value);
                let read: BTreeMap<String, String> = toml::from_str(&format!("{} = 'x'\n", key(&value))).unwrap();
                prop_assert!(read.contains_key(&value));
            }
        }

        #[test]
        fn recipes_come_back(
            sources in proptest::collection::vec("[a-z*?/. \"'\\\\\n$é]{1,8}", 1..4),
            (name, content) in ("[a-zA-Z.\"' ]{1,6}x", "[a-z\"'\\\\\n\r\t\u{0}]{0,40}"),
            (to, exclude, owner) in ("/[a-z\"' ]{0,6}/", "[a-z*\"' ]{1,5}x", proptest::option::of("[a-z]{1,4}:[0-9]{1,4}")),
            (parents, unpack) in (any::<bool>(), any::<bool>()),
            env in proptest::collection::btree_map("[A-Z\"' ]{1,4}", any::<String>(), 0..4),
            words in proptest::collection::vec(any::<String>(), 0..5),
            seconds in 0u64..100_000_000,
        ) {
            let mut recipe = Recipe::scratch("x");
            let mut all: Vec<CopySource> =
                sources.iter().map(|path| CopySource::Path(path.clone().into_bytes())).collect();
            all.push(CopySource::Text { name, text: content.into_bytes() });
            let checksum = crate::digest::Digest::of(b"");
            all.push(CopySource::Url { url: format!("https://x.example/{to}"), checksum, unpack });
            let copy = Copy {
                sources: all,
                to: to.into_bytes(),
                exclude: vec![exclude],
                parents,
                unpack,
                chmod: Some("u+x,go=rX".parse().unwrap()),
            };
            let from = CopyFrom::Context { folder: "specs".into(), path: "../é \"x\"".to_owned(), ignore: None };
            recipe.layers.push(LayerRecipe::new("COPY", LayerContent::Copy { from, copy, owner }));
            // Out of order, so that a list has to keep it.
            recipe.config.env = env.into_iter().rev().collect();
            recipe.config.labels = recipe.config.env.iter().cloned().collect();
            (recipe.config.cmd, recipe.config.shell) = (Some(words.clone()), Some(words));
            recipe.config.healthcheck = Some(Healthcheck {
                test: vec!["NONE".to_owned()],
                interval: Some(seconds * 1_000_000_007).filter(|&time| time != 0),
                retries: Some(seconds),
                ..Healthcheck::default()
            });
            let text = write(&recipe, &BTreeMap::new(), "# A comment.\n");
            let read = read_back(Path::new("specs/x.toml"), &text).unwrap();
            prop_assert_eq!(format!("{:?}", read.layers[0].content), format!("{:?}", recipe.layers[0].content));
            prop_assert_eq!(read.config, recipe.config);
        }
    }
}
