//! `tarsia check`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tarsia::Error;
use tarsia::check::{Checked, Finding, LayerPlace, Place, Settings};
use tarsia::image::Location;
use tarsia::registry::Traffic;
use tarsia::spec::{Profile, Rule, Severity, UnknownRule, is_dockerfile};

use super::arguments::{CommonArguments, SpecFlags};
use super::progress::Progress;
use super::report::{self, bytes};
use super::terminal::shown;

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A spec (*.toml), a Dockerfile or a folder of specs; or an image: host/repo[:tag][@digest], oci:DIR[:name],
    /// oci-archive:FILE[:name] or docker-archive:FILE[:name]
    #[arg(required_unless_present = "rules", value_name = "SPEC|IMAGE")]
    pub targets: Vec<PathBuf>,
    /// Apply the rules of this target platform as well (there is `lambda`), whatever the spec says
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<Profile>,
    /// Leave out what this rule finds; may be repeated
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub allow: Vec<Rule>,
    /// List the rules, and do nothing else
    #[arg(long)]
    pub rules: bool,
    #[command(flatten)]
    pub flags: SpecFlags,
    #[command(flatten)]
    pub common: CommonArguments,
}

fn rule(name: &str) -> Result<Rule, String> {
    name.parse().map_err(|error: UnknownRule| format!("{error}: {}", error.help()))
}

/// Answers false if there is an error.
pub fn run(arguments: &CheckArguments) -> Result<bool, Error> {
    if arguments.rules {
        return report::print(&rules(arguments.common.json)).map(|()| true);
    }
    let progress = Progress::start(arguments.common.progress);
    let (specs, images) = targets(&arguments.targets)?;
    let workshop = arguments.common.workshop_or_look(progress.events())?;
    let settings = Settings { profile: arguments.profile, allow: arguments.allow.clone() };
    let mut checked = Vec::new();
    if !specs.is_empty() {
        let (workspace, _) = arguments.flags.load(&specs)?;
        let options = arguments.flags.options(vec![arguments.common.cache.path()?]);
        checked.extend(tarsia::check::check_specs(&workshop, &workspace, &options, &settings)?);
    }
    let traffic = Arc::new(Traffic::default());
    for image in &images {
        match arguments.flags.platforms.as_slice() {
            [] => checked.extend(tarsia::check::check_image(&workshop, image, None, &settings, &traffic)?),
            platforms => {
                for platform in platforms {
                    let found = tarsia::check::check_image(&workshop, image, Some(platform), &settings, &traffic)?;
                    checked.extend(found);
                }
            }
        }
    }
    progress.finish();
    let text: String = match arguments.common.json {
        true => checked.iter().map(|image| format!("{}\n", document(image))).collect(),
        false => checked.iter().map(text).collect(),
    };
    report::print(&text)?;
    Ok(checked.iter().all(Checked::is_ok))
}

/// Parts specs from images: what ends in `.toml`, is called as Dockerfiles are, or is a folder, is a spec.
fn targets(targets: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Location>), Error> {
    let (mut specs, mut images) = (Vec::new(), Vec::new());
    for target in targets {
        let is_toml = target.extension().is_some_and(|extension| extension == "toml");
        if is_toml || is_dockerfile(target) || Path::new(target).is_dir() {
            specs.push(target.clone());
            continue;
        }
        let text = target.to_string_lossy();
        let image = text.parse::<Location>().map_err(|error| {
            let help =
                "specs end in `.toml`, or are called Dockerfile, Dockerfile.* or *.Dockerfile, or are folders of specs";
            Error::request(format!("`{text}` is neither a spec nor an image: {error}"), help)
        })?;
        images.push(image);
    }
    Ok((specs, images))
}

/// An image and what was found in it, as a compiler tells it.
fn text(image: &Checked) -> String {
    let called = image.name.as_ref().or(image.reference.as_ref()).map_or("", String::as_str);
    let mut text = String::new();
    let mut counts = [0, 0];
    for finding in &image.findings {
        let severity = finding.rule.severity();
        counts[usize::from(severity == Severity::Warning)] += 1;
        text.push_str(&format!("{}[{}]: {}\n", severity.word(), finding.rule, shown(&finding.why)));
        text.push_str(&format!("  --> {}\n", shown(&place(&finding.place, called))));
        let paths = &finding.place.paths;
        paths.named.iter().for_each(|path| text.push_str(&format!("      {}\n", shown(path))));
        if paths.count > paths.named.len() {
            text.push_str(&format!("      and {} more\n", paths.count - paths.named.len()));
        }
        if paths.size > 0 {
            text.push_str(&format!("      {} together\n", bytes(paths.size)));
        }
        text.push_str(&format!("  help: {}\n\n", shown(&finding.help)));
    }
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let verdict = match counts {
        [0, 0] => "no mistakes".to_owned(),
        [errors, warnings] => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    let profile = image.profile.map(|profile| format!(" ({})", profile.name())).unwrap_or_default();
    text.push_str(&format!("{} {}{profile}: {verdict}\n", shown(called), image.platform));
    text
}

fn place(place: &Place, called: &str) -> String {
    let mut parts = Vec::new();
    if let Some(file) = &place.file {
        let numbers = [file.line, file.column].into_iter().flatten().map(|number| format!(":{number}"));
        parts.push(format!("{}{}", file.file.display(), numbers.collect::<String>()));
    }
    if let Some(LayerPlace { index, name, digest }) = &place.layer {
        let name = name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        let digest = digest.map(|digest| format!(" {}", digest.short())).unwrap_or_default();
        parts.push(format!("layer {index}{name}{digest}"));
    }
    parts.extend(place.field.clone());
    if parts.is_empty() { called.to_owned() } else { parts.join(", ") }
}

/// The document of `--json`. Its keys are a contract.
fn document(image: &Checked) -> Value {
    json!({
        "schema": 1,
        "name": image.name,
        "ref": image.reference,
        "platform": image.platform.to_string(),
        "profile": image.profile.map(Profile::name),
        "findings": image.findings.iter().map(finding).collect::<Vec<_>>(),
        "ok": image.is_ok(),
    })
}

fn finding(finding: &Finding) -> Value {
    let Place { file, layer, field, paths } = &finding.place;
    json!({
        "rule": finding.rule.name(),
        "severity": finding.rule.severity().word(),
        "where": {
            "file": file.as_ref().map(|file| file.file.display().to_string()),
            "line": file.as_ref().and_then(|file| file.line),
            "column": file.as_ref().and_then(|file| file.column),
            "layer": layer.as_ref().map(|layer| layer.index),
            "layer_name": layer.as_ref().and_then(|layer| layer.name.as_ref()),
            "layer_digest": layer.as_ref().and_then(|layer| layer.digest),
            "field": field,
            "paths": paths.named,
            "count": paths.count,
            "size": paths.size,
        },
        "why": finding.why,
        "help": finding.help,
    })
}

/// The rules, one a line.
fn rules(as_json: bool) -> String {
    let line = |rule: &Rule| {
        let (name, severity, profile) = (rule.name(), rule.severity().word(), rule.profile().map(Profile::name));
        match as_json {
            true => format!(
                "{}\n",
                json!({"schema": 1, "rule": name, "severity": severity, "profile": profile, "finds": rule.finds()})
            ),
            false => format!("{severity:<8} {:<7} {name:<26} {}\n", profile.unwrap_or_default(), rule.finds()),
        }
    };
    Rule::ALL.iter().map(line).collect()
}
