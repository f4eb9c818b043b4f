//! Reports on standard output, errors on standard error.

use std::fmt;
use std::io::{IsTerminal, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::json;
use tarsia::Error;
use tarsia::build::{Built, BuiltLayer, Status};
use tarsia::digest::Digest;
use tarsia::image::Descriptor;
use tarsia::spec::{Span, SpecError};
use tarsia::why::{Why, Whys};

use super::why::{self, Extent};

/// Prints to standard output. A reader that has gone away is no error of ours; a full disk is.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Print(error)),
        _ => Ok(()),
    }
}

/// What is reported of an image.
pub struct Row<'a> {
    /// The image.
    pub image: &'a Built,
    /// Its repository, if it was pushed.
    pub repository: Option<String>,
    /// Where it is now.
    pub reference: String,
    /// Its tags.
    pub tags: &'a [String],
    /// Whether anything is new.
    pub changed: bool,
    /// Why layers were assembled, by key, if that was found out.
    pub whys: Option<&'a Whys>,
}

impl Row<'_> {
    /// Why a layer was assembled, if it was. Where it was mounted from another image of the run, that one says it.
    fn why<'l>(&'l self, layer: &'l BuiltLayer) -> Option<(&'l str, &'l Why)> {
        let (name, key) = layer.ours.as_ref().filter(|_| layer.status != Status::Mounted)?;
        Some((name, self.whys?.get(key)?))
    }
}

/// Prints an image: a line and one for each layer, or a JSON document on one line.
pub fn image(row: &Row<'_>, as_json: bool) -> Result<(), Error> {
    if as_json {
        return print(&format!("{}\n", document(row)));
    }
    let image = row.image;
    let mut text = format!("{} {}", row.reference, if row.changed { "changed" } else { "unchanged" });
    if row.repository.is_some() {
        text.push_str(&format!(" tags {}", row.tags.join(" ")));
    } else {
        text.push_str(&format!(" {}", image.top().digest));
    }
    text.push('\n');
    for platform in &image.platforms {
        if image.platforms.len() > 1 {
            text.push_str(&format!("  {} {}\n", platform.platform, platform.image.descriptor.digest));
        }
        for layer in &platform.layers {
            let name = layer.ours.as_ref().map_or("", |(name, _)| name);
            let line = format!(
                "  {:<8} {:>9}  {}  {name}",
                layer.status.word(),
                bytes(layer.descriptor.size),
                layer.descriptor.digest.short()
            );
            text.push_str(line.trim_end());
            text.push('\n');
            if let Some((name, why)) = row.why(layer) {
                why::write(name, why, Extent::First("before a push: tarsia plan --explain"), &mut text);
            }
        }
    }
    print(&text)
}

/// A layer in documents. Its keys are a contract.
pub fn layer_object(
    name: Option<&str>,
    key: Option<&Digest>,
    descriptor: &Descriptor,
    diff_id: &Digest,
    status: Status,
) -> serde_json::Value {
    json!({
        "name": name,
        "key": key,
        "digest": descriptor.digest,
        "diff_id": diff_id,
        "size": descriptor.size,
        "media_type": descriptor.media_type,
        "status": status.word(),
    })
}

/// The document of `--json`. Its keys are a contract.
fn document(row: &Row<'_>) -> serde_json::Value {
    let image = row.image;
    let several = image.platforms.len() > 1;
    let mut layers = Vec::new();
    for platform in &image.platforms {
        for layer in &platform.layers {
            let ours = layer.ours.as_ref();
            let (name, key) = (ours.map(|(name, _)| name.as_str()), ours.map(|(_, key)| key));
            let mut object = layer_object(name, key, &layer.descriptor, &layer.diff_id, layer.status);
            if several {
                object["platform"] = json!(platform.platform.to_string());
            }
            if let Some((_, why)) = row.why(layer) {
                why::put(why, &mut object);
            }
            layers.push(object);
        }
    }
    let platforms: Vec<String> = image.platforms.iter().map(|image| image.platform.to_string()).collect();
    let annotations = &image.platforms[0].image.manifest.annotations;
    let base = annotations
        .get(tarsia::image::BASE_NAME)
        .map(|name| json!({"ref": name, "digest": annotations.get(tarsia::image::BASE_DIGEST)}));
    let requests = image.traffic.snapshot();
    json!({
        "schema": 1,
        "name": image.name,
        "repository": row.repository,
        "digest": image.top().digest,
        "ref": row.reference,
        "tags": row.tags,
        "platform": platforms.join(","),
        "base": base,
        "layers": layers,
        "requests": {"sent": requests.sent, "bytes_up": requests.bytes_up, "bytes_down": requests.bytes_down},
        "changed": row.changed,
    })
}

/// A number of bytes as people read it: `41.2 kB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// An error that says where it is and what to do.
trait Told: std::error::Error {
    fn told_help(&self) -> Option<String>;
    fn told_span(&self) -> Option<&Span>;
}

impl Told for Error {
    fn told_help(&self) -> Option<String> {
        self.help()
    }

    fn told_span(&self) -> Option<&Span> {
        self.span()
    }
}

impl Told for SpecError {
    fn told_help(&self) -> Option<String> {
        self.help()
    }

    fn told_span(&self) -> Option<&Span> {
        self.span()
    }
}

/// An error with its place, its causes and what to do.
#[derive(Debug)]
struct Diagnostic<'a> {
    error: &'a dyn Told,
    source: Option<NamedSource<String>>,
}

impl fmt::Display for Diagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error, f)
    }
}

impl std::error::Error for Diagnostic<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl miette::Diagnostic for Diagnostic<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.error.told_help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let range = self.error.told_span()?.range.clone();
        Some(Box::new(std::iter::once(LabeledSpan::underline(range))))
    }
}

/// Prints an error to standard error; several mistakes of one spec one after the other.
pub fn error(error: &Error) {
    match error {
        Error::Spec(several) if several.each().len() > 1 => {
            for mistake in several.each() {
                one_error(mistake);
            }
            let _ = writeln!(std::io::stderr(), "error: {} mistakes", several.each().len());
        }
        error => one_error(error),
    }
}

fn one_error(error: &dyn Told) {
    let source = error.told_span().map(|span| NamedSource::new(span.file.display().to_string(), span.text.to_string()));
    let theme = match (std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR")) {
        (true, None) => GraphicalTheme::unicode(),
        _ => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(width());
    let mut text = String::new();
    if handler.render_report(&mut text, &Diagnostic { error, source }).is_err() {
        text = format!("{error}\n");
    }
    let _ = std::io::stderr()
        .write_all(format!("error:{}\n", text.trim_end().strip_prefix("  ×").unwrap_or(&text)).as_bytes());
}

/// How wide messages may be. Where nobody looks, they are not broken, so that a search finds them.
fn width() -> usize {
    if std::io::stderr().is_terminal() { 100 } else { 10_000 }
}
