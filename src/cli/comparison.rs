//! The report of `verify` and `diff`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use tarsia::Error;
use tarsia::compare::{
    Comparison, FieldDifference, FileDifference, Found, Ignore, LayerComparison, LayerSide, Options, Side, What,
};
use tarsia::image::{Member, MemberKind, timestamp};

use super::report::{self, bytes};
use super::terminal::shown;

/// How many files of a layer, and how many entries of a history, are named in text.
const NAMED: usize = 10;

/// What `verify` and `diff` are told alike.
#[derive(Debug, Args)]
pub struct ComparisonArguments {
    /// Compare this layer only, by its name; may be repeated
    #[arg(long = "layer", value_name = "NAME", conflicts_with = "tree")]
    pub layers: Vec<String>,
    /// What does not count; may be repeated
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreArgument>,
    /// Compare the unpacked trees and what decides how a container runs, not how the image is cut and written
    #[arg(long)]
    pub tree: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IgnoreArgument {
    /// Times of files and documents
    Time,
    /// Owners and groups
    Owner,
    /// Permission bits
    Mode,
}

impl ComparisonArguments {
    /// As the library has it.
    pub fn options(&self) -> Options {
        let mut ignore: Vec<Ignore> = self
            .ignore
            .iter()
            .map(|ignore| match ignore {
                IgnoreArgument::Time => Ignore::Time,
                IgnoreArgument::Owner => Ignore::Owner,
                IgnoreArgument::Mode => Ignore::Mode,
            })
            .collect();
        ignore.sort();
        ignore.dedup();
        Options { layers: self.layers.clone(), ignore, tree: self.tree, thorough: false }
    }
}

/// Prints what was found out. Answers false if anything differs.
pub fn report(comparisons: &[Comparison], arguments: &ComparisonArguments, as_json: bool) -> Result<bool, Error> {
    let text: String = match as_json {
        true => comparisons.iter().map(|comparison| format!("{}\n", document(comparison))).collect(),
        false => comparisons.iter().map(|comparison| table(comparison, arguments)).collect(),
    };
    report::print(&text)?;
    Ok(comparisons.iter().all(Comparison::is_equal))
}

fn table(comparison: &Comparison, arguments: &ComparisonArguments) -> String {
    let mut lines = vec![headline(comparison, arguments)];
    if let Some(why) = &comparison.damaged {
        lines.push(format!("  {}", shown(why)));
    }
    if let Some((name, digest)) = &comparison.base {
        lines.push(format!("  base: {} {digest}", shown(name)));
    }
    let is_history = |field: &&FieldDifference| field.field.starts_with("history[");
    lines.extend(comparison.manifest.iter().map(field));
    lines.extend(comparison.config.iter().filter(|difference| !is_history(difference)).map(field));
    let history: Vec<&FieldDifference> = comparison.config.iter().filter(is_history).collect();
    lines.extend(history.iter().take(NAMED).map(|difference| field(difference)));
    if history.len() > NAMED {
        lines.push(format!("    and {} more fields of the history (--json lists all)", history.len() - NAMED));
    }
    let is_told = |layer: &&LayerComparison| !comparison.is_equal() || layer.why.is_some();
    for layer in comparison.layers.iter().filter(is_told) {
        lines.extend(layer_lines(layer));
    }
    lines.extend(file_lines(&comparison.files, "  "));
    lines.extend(comparison.hints.iter().map(|hint| format!("  note: {}", shown(hint))));
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn headline(comparison: &Comparison, arguments: &ComparisonArguments) -> String {
    let platform = match &comparison.platform {
        Some(platform) => shown(&platform.to_string()),
        None if comparison.damaged.is_some() => "image".to_owned(),
        None => "index".to_owned(),
    };
    if comparison.damaged.is_some() {
        return format!("{platform} damaged: {}", names(comparison));
    }
    let (left, right) = match (&comparison.left, &comparison.right) {
        (Some(left), Some(right)) => (left, right),
        (Some(left), None) => return format!("{platform} missing: only {} has it", shown(&left.name)),
        (None, Some(right)) => return format!("{platform} extra: only {} has it", shown(&right.name)),
        (None, None) => return platform,
    };
    if !comparison.is_equal() {
        return format!("{platform} differs: {} → {}", side(left), side(right));
    }
    if let Some(digest) = comparison.same_digest() {
        return format!("{platform} identical: {digest}");
    }
    let mut words = match (comparison.tree, arguments.layers.is_empty()) {
        (true, _) => "equal in tree and settings".to_owned(),
        (false, false) => format!("identical in {}", arguments.layers.join(", ")),
        (false, true) => "identical".to_owned(),
    };
    if !comparison.ignored.is_empty() {
        let ignored: Vec<&str> = comparison.ignored.iter().map(|ignored| ignored.word()).collect();
        words.push_str(&format!(", ignoring {}", ignored.join(", ")));
    }
    format!("{platform} {words}: {} → {}", side(left), side(right))
}

/// What is compared, as far as it is there.
fn names(comparison: &Comparison) -> String {
    let sides = [&comparison.left, &comparison.right].into_iter().flatten();
    sides.map(|side| shown(&side.name)).collect::<Vec<_>>().join(" → ")
}

fn side(side: &Side) -> String {
    let digest = side.digest.map(|digest| format!(" {}", digest.short())).unwrap_or_default();
    format!("{}{digest}", shown(&side.name))
}

fn field(difference: &FieldDifference) -> String {
    let value = |value: &Option<Value>| match value {
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(200) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
        None => "(none)".to_owned(),
    };
    let line = format!("  {}: {} → {}", difference.field, value(&difference.left), value(&difference.right));
    shown(&line)
}

fn layer_lines(layer: &LayerComparison) -> Vec<String> {
    let one = layer.right.as_ref().or(layer.left.as_ref());
    let (size, digest) = one.map_or_else(Default::default, |side| {
        (bytes(side.layer.descriptor.size), side.layer.descriptor.digest.short())
    });
    let name: String = shown(layer.name().unwrap_or_default()).chars().take(100).collect();
    let mut lines = vec![format!("  {:<15} {size:>9}  {digest:<12}  {name}", layer.verdict.word())];
    if let (true, Some(left), Some(right)) = (layer.moved, &layer.left, &layer.right) {
        lines.push(format!("    at another place among the layers: {} → {}", left.place, right.place));
    }
    if let (Some(left), Some(right)) = (&layer.left, &layer.right)
        && left.layer.descriptor.digest != right.layer.descriptor.digest
    {
        let id = |side: &LayerSide| side.layer.marks.diff_id.map(|id| id.short()).unwrap_or_default();
        let digest = |side: &LayerSide| side.layer.descriptor.digest.short();
        lines.push(format!("    digest {} → {}, diff_id {} → {}", digest(left), digest(right), id(left), id(right)));
    }
    lines.extend(layer.why.iter().map(|why| format!("    {}", shown(why))));
    lines.extend(file_lines(&layer.files, "    "));
    lines
}

/// The files that differ, the weightiest differences first; how the tar stream is written on one line for all of them.
fn file_lines(files: &[FileDifference], margin: &str) -> Vec<String> {
    let mut real: Vec<&FileDifference> =
        files.iter().filter(|file| file.what.iter().any(|what| !what.is_of_form())).collect();
    real.sort_by_key(|file| file.what.iter().min());
    let line = |file: &FileDifference, what: &mut dyn Iterator<Item = &What>| {
        let what: Vec<String> = what.map(|what| shown(&words(*what, file))).collect();
        format!("{}: {}", shown(&format!("/{}", text(&file.path))), what.join("; "))
    };
    let mut lines: Vec<String> = real
        .iter()
        .take(NAMED)
        .map(|file| format!("{margin}{}", line(file, &mut file.what.iter().filter(|what| !what.is_of_form()))))
        .collect();
    if real.len() > NAMED {
        lines.push(format!("{margin}and {} more (--json lists all)", real.len() - NAMED));
    }
    let mut of_form = files.iter().filter(|file| file.what.iter().any(|what| what.is_of_form()));
    if let Some(first) = of_form.next() {
        let count = match 1 + of_form.count() {
            1 => "1 entry is".to_owned(),
            count => format!("{count} entries are"),
        };
        let first = line(first, &mut first.what.iter().filter(|what| what.is_of_form()));
        lines.push(format!("{margin}{count} written otherwise, as {first}"));
    }
    lines
}

/// Bytes as text; where they are none, those that make no character as `\xNN`, so that different ones stay different.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes
            .utf8_chunks()
            .map(|chunk| format!("{}{}", chunk.valid().replace('\\', r"\\"), chunk.invalid().escape_ascii()))
            .collect(),
    }
}

/// One difference of a file in words, with both values.
fn words(what: What, file: &FileDifference) -> String {
    let by = |found: &Option<Found>| match found.as_ref().and_then(|found| found.layer) {
        Some(place) => format!(" (layer {place})"),
        None => String::new(),
    };
    let (before, now) = match (&file.left, &file.right) {
        (Some(before), Some(now)) => (&before.member, &now.member),
        (None, Some(found)) | (Some(found), None) => {
            let by = format!("{}{}", by(&file.left), by(&file.right));
            return format!("{} {}{by}", what.word(), found.member.kind.word());
        }
        (None, None) => return what.word().to_owned(),
    };
    if what == What::TarForm {
        let (one, other) = (before.form.words(true, true), now.form.words(true, true));
        let fields = before.form.header.unlike(&now.form.header).join(", ");
        return match (one == other, fields.is_empty()) {
            (true, _) => format!("{} {one}, in the header {fields}", what.word()),
            (false, true) => format!("{} {one} → {other}", what.word()),
            (false, false) => format!("{} {one} → {other}, in the header {fields}", what.word()),
        };
    }
    let value = |member: &Member| match what {
        What::Kind => member.kind.word().to_owned(),
        What::Content => {
            let digest = member.digest.map(|digest| digest.short()).unwrap_or_default();
            format!("{digest} {}", bytes(member.size))
        }
        What::Link => text(member.link.as_deref().unwrap_or_default()),
        What::Device => member.device.map(|(major, minor)| format!("{major}:{minor}")).unwrap_or_default(),
        What::Mode => format!("{:04o}", member.mode),
        What::Owner => format!("{}:{}", member.uid, member.gid),
        What::Time => time(member),
        What::Attributes => {
            let attributes = member.attributes.iter();
            let list: Vec<String> =
                attributes.map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii())).collect();
            if list.is_empty() { "(none)".to_owned() } else { list.join(" ") }
        }
        What::OwnerNames => {
            format!("`{}`:`{}`", member.form.user.escape_ascii(), member.form.group.escape_ascii())
        }
        What::Added | What::Removed | What::TarForm => String::new(),
    };
    format!("{} {}{} → {}{}", what.word(), value(before), by(&file.left), value(now), by(&file.right))
}

/// A time as people read it, with the fraction that it has.
fn time(member: &Member) -> String {
    // Documents have four digits for the year; times beyond are shown as numbers.
    let (seconds, nanoseconds) = member.time;
    if !(0..=253_402_300_799).contains(&seconds) {
        return format!("{seconds}.{nanoseconds:09}");
    }
    let whole = timestamp(seconds);
    match nanoseconds {
        0 => whole,
        _ => whole.replace('Z', &format!(".{nanoseconds:09}Z")),
    }
}

/// The document of `--json`. Its keys are a contract.
fn document(comparison: &Comparison) -> Value {
    let side = |side: &Option<Side>| side.as_ref().map(|side| json!({"ref": side.name, "digest": side.digest}));
    let fields = |fields: &[FieldDifference]| -> Vec<Value> {
        fields.iter().map(|field| json!({"field": field.field, "left": field.left, "right": field.right})).collect()
    };
    let files = |files: &[FileDifference]| -> Vec<Value> { files.iter().map(file).collect() };
    let layers: Vec<Value> = comparison
        .layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.name(),
                "verdict": layer.verdict.word(),
                "moved": layer.moved,
                "why": layer.why,
                "left": layer.left.as_ref().map(layer_side),
                "right": layer.right.as_ref().map(layer_side),
                "files": files(&layer.files),
            })
        })
        .collect();
    json!({
        "schema": 1,
        "equal": comparison.is_equal(),
        "platform": comparison.platform.as_ref().map(ToString::to_string),
        "left": side(&comparison.left),
        "right": side(&comparison.right),
        "base": comparison.base.as_ref().map(|(name, digest)| json!({"ref": name, "digest": digest})),
        "damaged": comparison.damaged,
        "tree": comparison.tree,
        "ignored": comparison.ignored.iter().map(|ignored| ignored.word()).collect::<Vec<_>>(),
        "manifest": fields(&comparison.manifest),
        "config": fields(&comparison.config),
        "layers": layers,
        "files": files(&comparison.files),
        "notes": comparison.hints,
    })
}

fn layer_side(side: &LayerSide) -> Value {
    let descriptor = &side.layer.descriptor;
    json!({
        "place": side.place,
        "digest": descriptor.digest,
        "diff_id": side.layer.marks.diff_id,
        "size": descriptor.size,
        "media_type": descriptor.media_type,
    })
}

fn file(file: &FileDifference) -> Value {
    let mut object = json!({
        "path": format!("/{}", text(&file.path)),
        "what": file.what.iter().map(|what| what.word()).collect::<Vec<_>>(),
        "left": file.left.as_ref().map(found),
        "right": file.right.as_ref().map(found),
    });
    if let (true, Some(left), Some(right)) = (file.what.contains(&What::TarForm), &file.left, &file.right) {
        object["header"] = json!(left.member.form.header.unlike(&right.member.form.header));
    }
    object
}

fn found(found: &Found) -> Value {
    let member = &found.member;
    let is_file = matches!(member.kind, MemberKind::File | MemberKind::Pieces);
    let mut object = json!({
        "kind": member.kind.word(),
        "mode": format!("{:04o}", member.mode),
        "uid": member.uid,
        "gid": member.gid,
        "time": time(member),
        "size": is_file.then_some(member.size),
        "digest": member.digest,
        "link": member.link.as_deref().map(text),
    });
    if let Some((major, minor)) = member.device {
        object["device"] = json!(format!("{major}:{minor}"));
    }
    if !member.attributes.is_empty() {
        let attributes = member.attributes.iter();
        let attributes: Map<String, Value> = attributes
            .map(|(name, value)| (name.escape_ascii().to_string(), json!(value.escape_ascii().to_string())))
            .collect();
        object["xattrs"] = Value::Object(attributes);
    }
    match found.layer {
        Some(place) => object["layer"] = json!(place),
        None => {
            object["user"] = json!(text(&member.form.user));
            object["group"] = json!(text(&member.form.group));
            object["form"] = json!(member.form.words(true, true));
        }
    }
    object
}
