//! Core metadata: what `[project]` says, and `METADATA` as build backends write it
//! ([`pyproject.toml`](https://packaging.python.org/en/latest/specifications/pyproject-toml/),
//! [core metadata](https://packaging.python.org/en/latest/specifications/core-metadata/)).

use std::str::FromStr;

use pep440_rs::Version;

use super::backend::Backend;
use super::dynamic::Dynamic;
use super::entry_points::{self, Groups};
use super::fault::{Fault, is_in_line, quoted};
use super::folder::Folder;
use super::license;
use super::requirement::{Requirement, check_name, specifiers_text};
use super::value::{Value, nearest};
use crate::python::normalise_name;

/// The most bytes of a value that is one line.
const LONGEST: usize = 4096;

const KEYS: [&str; 19] = [
    "name",
    "version",
    "description",
    "readme",
    "requires-python",
    "license",
    "license-files",
    "authors",
    "maintainers",
    "keywords",
    "classifiers",
    "urls",
    "scripts",
    "gui-scripts",
    "entry-points",
    "dependencies",
    "optional-dependencies",
    "dynamic",
    "import-names",
];

/// What a project says about itself.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The name as it is written.
    pub name: String,
    /// The version in its normal form.
    pub version: String,
    /// Which versions of Python it is for.
    pub requires_python: Option<String>,
    /// Its entry points.
    pub entry_points: Groups,
    /// Its license files and their texts.
    pub license_files: Vec<(String, Vec<u8>)>,
    text: String,
}

impl Metadata {
    /// `METADATA`.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reads `[project]`, with the values of what is dynamic in it.
    pub(super) fn read(
        project: &Value,
        backend: Backend,
        folder: &Folder,
        dynamic: &Dynamic,
    ) -> Result<Metadata, Fault> {
        if let Some((key, value)) = project.stranger(&KEYS)? {
            let fault = value.wrong("is no key of `[project]`");
            return Err(match nearest(key, &KEYS) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        if let Some(value) = project.get("import-names") {
            return Err(value.backend("is not read here"));
        }
        let name = read_name(project)?;
        let version = version(project, dynamic)?;
        let entry_points = entry_points::read(project)?;
        let license_files = license::files(folder, backend, project.get("license-files"))?;

        let mut fields = Fields::default();
        fields.push("Metadata-Version", "2.4");
        fields.push("Name", &name);
        fields.push("Version", &version);
        if let Some(summary) = of_either(project, "description", dynamic.description.as_deref())? {
            fields.push("Summary", &summary);
        }
        for (key, field) in [("authors", "Author"), ("maintainers", "Maintainer")] {
            people(project, key, field, &mut fields)?;
        }
        let classifiers = texts_of_either(project, "classifiers", dynamic.classifiers.as_ref())?;
        write_license(project, backend, folder, &classifiers, &mut fields)?;
        urls(project, &mut fields)?;
        let keywords = texts_of_either(project, "keywords", None)?;
        if keywords.iter().any(|keyword| keyword.contains(',')) {
            return Err(Fault::at(
                line_of(project, "keywords"),
                "a keyword has a comma, which parts keywords in metadata",
            ));
        }
        if !keywords.is_empty() {
            fields.push("Keywords", &keywords.join(","));
        }
        classifiers.iter().for_each(|classifier| fields.push("Classifier", classifier));
        let requires_python = requires_python(project)?;
        if let Some(specifiers) = &requires_python {
            fields.push("Requires-Python", specifiers);
        }
        let description = readme(project, folder, dynamic)?;
        if let Some((_, kind)) = &description {
            fields.push("Description-Content-Type", kind);
        }
        for (path, _) in &license_files {
            one_line(path).map_err(|why| Fault::at(0, format!("the license file {} {why}", quoted(path))))?;
            fields.push("License-File", path);
        }
        dependencies(project, dynamic, &mut fields)?;
        fields.end(description.as_ref().map(|(text, _)| text.as_str()));
        Ok(Metadata { name, version, requires_python, entry_points, license_files, text: fields.0 })
    }
}

/// The headers of `METADATA`; what goes in is a line already.
#[derive(Default)]
struct Fields(String);

impl Fields {
    fn push(&mut self, field: &str, value: &str) {
        self.0 += &format!("{field}: {value}\n");
    }

    /// A text of several lines: those after the first are indented, so that none begins a header.
    fn push_folded(&mut self, field: &str, text: &str) {
        let clean = |line: &str| line.chars().filter(|&c| is_in_line(c) || c == '\t').collect::<String>();
        let is_end = |c: char| {
            matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
        };
        let lines: Vec<String> = text.trim_end().replace("\r\n", "\n").split(is_end).map(clean).collect();
        self.push(field, &lines.join("\n        "));
    }

    fn end(&mut self, description: Option<&str>) {
        if let Some(text) = description.filter(|text| !text.is_empty()) {
            self.0 += "\n";
            self.0 += text;
            if !text.ends_with('\n') {
                self.0 += "\n";
            }
        }
    }
}

/// Checks that a text can be a header's value.
fn one_line(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    if !text.chars().all(is_in_line) {
        return Err("has a line's end or another control character".to_owned());
    }
    Ok(())
}

fn line_text(value: &Value) -> Result<String, Fault> {
    let text = value.text()?;
    one_line(text).map_err(|why| value.wrong(why))?;
    Ok(text.trim().to_owned())
}

fn line_of(project: &Value, key: &str) -> usize {
    project.get(key).or_else(|| project.get("dynamic")).map_or(0, |value| value.line)
}

/// The name of the project.
pub(super) fn read_name(project: &Value) -> Result<String, Fault> {
    let value = project.get("name").ok_or_else(|| project.wrong("has no `name`"))?;
    let name = value.text()?;
    check_name(name).map_err(|why| Fault::at(value.line, format!("the name {} {why}", quoted(name))))?;
    match name.len() > 200 {
        true => Err(value.wrong("has more than 200 bytes")),
        false => Ok(name.to_owned()),
    }
}

fn version(project: &Value, dynamic: &Dynamic) -> Result<String, Fault> {
    let Some(written) = of_either(project, "version", dynamic.version.as_deref())? else {
        return Err(project.wrong("has neither a `version` nor one that is dynamic"));
    };
    match Version::from_str(&written) {
        Ok(version) if written.len() <= 100 => Ok(version.to_string()),
        _ => {
            let what = format!("the version {} is none of Python's", quoted(&written));
            Err(Fault::at(line_of(project, "version"), what)
                .help("see https://packaging.python.org/en/latest/specifications/version-specifiers/"))
        }
    }
}

/// A line that is written or dynamic.
fn of_either(project: &Value, key: &str, dynamic: Option<&str>) -> Result<Option<String>, Fault> {
    match (project.get(key), dynamic) {
        (Some(value), _) => Ok(Some(line_text(value)?)),
        (None, Some(text)) => {
            one_line(text).map_err(|why| Fault::at(line_of(project, key), format!("the dynamic `{key}` {why}")))?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

fn texts_of_either(project: &Value, key: &str, dynamic: Option<&Vec<String>>) -> Result<Vec<String>, Fault> {
    match (project.get(key), dynamic) {
        (Some(value), _) => value.list()?.iter().map(line_text).collect(),
        (None, Some(texts)) => {
            for text in texts {
                one_line(text).map_err(|why| Fault::at(line_of(project, key), format!("the dynamic `{key}` {why}")))?;
            }
            Ok(texts.clone())
        }
        (None, None) => Ok(Vec::new()),
    }
}

/// Who has an address goes with it, who has none by name.
fn people(project: &Value, key: &str, field: &str, fields: &mut Fields) -> Result<(), Fault> {
    let Some(value) = project.get(key) else { return Ok(()) };
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for person in value.list()? {
        if let Some((_, value)) = person.stranger(&["name", "email"])? {
            return Err(value.wrong("is neither `name` nor `email`"));
        }
        let name = person.get("name").map(line_text).transpose()?.filter(|name| !name.is_empty());
        let email = person.get("email").map(line_text).transpose()?.filter(|email| !email.is_empty());
        if email.as_ref().is_some_and(|email| email.contains(['<', '>', ',', ' '])) {
            return Err(person.wrong("has an `email` that is no address"));
        }
        match (name, email) {
            (Some(name), Some(email)) => addresses.push(format!("{} <{email}>", display_name(&name))),
            (None, Some(email)) => addresses.push(email),
            (Some(name), None) => names.push(name),
            (None, None) => return Err(person.wrong("has neither a `name` nor an `email`")),
        }
    }
    if !names.is_empty() {
        fields.push(field, &names.join(", "));
    }
    if !addresses.is_empty() {
        fields.push(&format!("{field}-email"), &addresses.join(", "));
    }
    Ok(())
}

/// A name before an address; in quotes if it has one of the characters that mean something there (RFC 822).
fn display_name(name: &str) -> String {
    match name.contains(['(', ')', '<', '>', '@', ',', ';', ':', '\\', '"', '.', '[', ']']) {
        true => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
        false => name.to_owned(),
    }
}

fn write_license(
    project: &Value,
    backend: Backend,
    folder: &Folder,
    classifiers: &[String],
    fields: &mut Fields,
) -> Result<(), Fault> {
    let Some(value) = project.get("license") else { return Ok(()) };
    if value.is_text() {
        let text = line_text(value)?;
        let expression = license::expression(&text).map_err(|why| {
            value.wrong(format!("is {}, which {why}", quoted(&text))).help("write it as `MIT` or `Apache-2.0 OR MIT`")
        })?;
        // These three refuse it, the others do not.
        let is_strict = matches!(backend, Backend::Setuptools | Backend::Flit | Backend::Pdm);
        if is_strict && classifiers.iter().any(|classifier| classifier.starts_with("License ::")) {
            return Err(value
                .wrong("is an expression, and a license classifier says it again")
                .help("remove the classifier"));
        }
        fields.push("License-Expression", &expression);
        return Ok(());
    }
    if let Some((_, value)) = value.stranger(&["text", "file"])? {
        return Err(value.wrong("is neither `text` nor `file`"));
    }
    let text = match (value.text_at("text")?, value.text_at("file")?) {
        (Some(text), None) => text.to_owned(),
        (None, Some(file)) => folder.laid_text(value, file)?,
        _ => return Err(value.wrong("is to have either `text` or `file`")),
    };
    fields.push_folded("License", &text);
    Ok(())
}

fn urls(project: &Value, fields: &mut Fields) -> Result<(), Fault> {
    let Some(table) = project.get("urls") else { return Ok(()) };
    for (label, value) in table.table()? {
        let url = line_text(value)?;
        one_line(label).map_err(|why| value.wrong(why))?;
        if label.is_empty() || label.chars().count() > 32 || label.contains(',') {
            return Err(value.wrong("is no label of a URL: it has 1 to 32 characters and no comma"));
        }
        fields.push("Project-URL", &format!("{label}, {url}"));
    }
    Ok(())
}

fn requires_python(project: &Value) -> Result<Option<String>, Fault> {
    let Some(value) = project.get("requires-python") else { return Ok(None) };
    let text = line_text(value)?;
    let specifiers = specifiers_text(&text).map_err(|why| value.wrong(why))?;
    Ok(Some(specifiers).filter(|specifiers| !specifiers.is_empty()))
}

/// The long description and its content type.
fn readme(project: &Value, folder: &Folder, dynamic: &Dynamic) -> Result<Option<(String, String)>, Fault> {
    let Some(value) = project.get("readme") else { return Ok(dynamic.readme.clone()) };
    let read = |file: &str| folder.laid_text(value, file);
    let typed = |file: &str| {
        content_type(file).map(str::to_owned).ok_or_else(|| {
            value
                .wrong(format!("names {}, whose suffix says no content type", quoted(file)))
                .help("write `readme = { file = \"…\", content-type = \"text/markdown\" }`")
        })
    };
    if value.is_text() {
        let file = value.text()?;
        return Ok(Some((read(file)?, typed(file)?)));
    }
    if let Some((_, value)) = value.stranger(&["text", "file", "content-type"])? {
        return Err(value.wrong("is none of `text`, `file` and `content-type`"));
    }
    let given = value.get("content-type").map(line_text).transpose()?;
    if let Some(kind) = &given
        && !["text/markdown", "text/x-rst", "text/plain"].contains(&kind.split(';').next().unwrap_or_default().trim())
    {
        return Err(value.wrong(format!("has the content type {}, which is no readme's", quoted(kind))));
    }
    let (text, kind) = match (value.text_at("text")?, value.text_at("file")?) {
        (Some(text), None) => (text.to_owned(), given),
        (None, Some(file)) => (read(file)?, given.map_or_else(|| typed(file).map(Some), |kind| Ok(Some(kind)))?),
        _ => return Err(value.wrong("is to have either `text` or `file`")),
    };
    let kind = kind.ok_or_else(|| value.wrong("has no `content-type`"))?;
    Ok(Some((text, kind)))
}

/// The content type of a readme, by its name.
pub(super) fn content_type(file: &str) -> Option<&'static str> {
    let suffix = file.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    match suffix.as_deref() {
        Some("md") => Some("text/markdown"),
        Some("rst") => Some("text/x-rst"),
        Some("txt") => Some("text/plain"),
        _ => None,
    }
}

/// Writes the requirements.
fn dependencies(project: &Value, dynamic: &Dynamic, fields: &mut Fields) -> Result<(), Fault> {
    let parse = |text: &str, line: usize| {
        Requirement::parse(text).map_err(|why| Fault::at(line, format!("the requirement {} {why}", quoted(text))))
    };
    let parse_all =
        |texts: &[String], line: usize| texts.iter().map(|text| parse(text, line)).collect::<Result<Vec<_>, _>>();
    let plain = match (project.get("dependencies"), &dynamic.dependencies) {
        (Some(value), _) => {
            value.list()?.iter().map(|value| parse(value.text()?, value.line)).collect::<Result<Vec<_>, _>>()?
        }
        (None, Some(texts)) => parse_all(texts, line_of(project, "dependencies"))?,
        (None, None) => Vec::new(),
    };
    plain.iter().for_each(|requirement| fields.push("Requires-Dist", &requirement.text()));

    let mut extras: Vec<(String, usize, Vec<Requirement>)> = Vec::new();
    if let Some(table) = project.get("optional-dependencies") {
        for (extra, value) in table.table()? {
            let requirements = value.list()?.iter().map(|value| parse(value.text()?, value.line));
            extras.push((extra.clone(), value.line, requirements.collect::<Result<_, _>>()?));
        }
    }
    for (extra, texts) in &dynamic.optional_dependencies {
        let line = line_of(project, "optional-dependencies");
        extras.push((extra.clone(), line, parse_all(texts, line)?));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (extra, line, requirements) in extras {
        check_name(&extra).map_err(|why| Fault::at(line, format!("the extra {} {why}", quoted(&extra))))?;
        let extra = normalise_name(&extra);
        if !seen.insert(extra.clone()) {
            return Err(Fault::at(
                line,
                format!("the extra {} is there twice, once names are normalised", quoted(&extra)),
            ));
        }
        fields.push("Provides-Extra", &extra);
        requirements.iter().for_each(|requirement| fields.push("Requires-Dist", &requirement.text_for(&extra)));
    }
    Ok(())
}
