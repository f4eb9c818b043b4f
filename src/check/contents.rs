//! Rules about what single layers hold.

use super::files::Lying;
use super::finding::{Finding, Paths, counted};
use super::layers::{Holds, Layer};
use super::subject::Subject;
use crate::error::Error;
use crate::spec::Rule;

/// What is wrong with the contents of an image's layers.
pub(super) fn findings(subject: &Subject) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for layer in subject.layers.iter().filter(|layer| layer.own) {
        let Some(holds) = &layer.holds else { continue };
        found.extend(secrets(layer, holds));
        found.extend(programs(subject, layer, holds));
        found.extend(litter(layer, holds));
        found.extend(environments(subject, layer, holds)?);
        found.extend(covered(subject, layer, holds));
        found.extend(empty(layer, holds));
    }
    found.retain(|finding| {
        let layer = finding.place.layer.as_ref().and_then(|place| subject.layers.get(place.index));
        !layer.is_some_and(|layer| layer.is_spared(finding.rule))
    });
    Ok(found)
}

fn secrets(layer: &Layer, holds: &Holds) -> Vec<Finding> {
    let finding = |(what, paths): (&&str, &Paths)| {
        let why = format!("{} holds {what}: everybody with the image can read it", layer.called());
        let help = match layer.from_context {
            true => "leave it out with an ignore pattern, and give it to what runs the image instead",
            false => "make the layer without it, deleting it above is not enough, and replace the secret",
        };
        layer.finding(Rule::Credentials, paths.clone(), why, help)
    };
    holds.secrets.iter().map(finding).collect()
}

fn programs(subject: &Subject, layer: &Layer, holds: &Holds) -> Vec<Finding> {
    let finding = |(architecture, paths): (&&str, &Paths)| {
        let why = format!(
            "{} holds programs or libraries for {architecture}, and the image is for {}: they cannot be loaded",
            layer.called(),
            subject.platform
        );
        let help = "install the packages for the image's platform (pip: `--platform`, npm: `--cpu`)";
        layer.finding(Rule::ForeignBinary, paths.clone(), why, help)
    };
    holds.foreign.iter().map(finding).collect()
}

/// What no image needs.
fn litter(layer: &Layer, holds: &Holds) -> Vec<Finding> {
    let kinds = [
        (
            Rule::GitFolder,
            &holds.git,
            "holds a repository of git: its whole history, size and secrets included",
            "**/.git",
        ),
        (
            Rule::PythonCache,
            &holds.python_cache,
            "holds caches of Python: they are as large as the code and make another layer of the same sources",
            "**/__pycache__",
        ),
        (Rule::DesktopFile, &holds.desktop, "holds files of a desktop", "**/.DS_Store"),
    ];
    let found = kinds.into_iter().filter(|(_, paths, _, _)| !paths.is_empty());
    let found = found.map(|(rule, paths, what, pattern)| {
        let help = match layer.from_context {
            true => format!("add the ignore pattern `{pattern}`"),
            false => "leave it out where the layer is made".to_owned(),
        };
        layer.finding(rule, paths.clone(), format!("{} {what}", layer.called()), help)
    });
    found.collect()
}

/// A virtual environment names the Python it was made with by its path on the machine it was made on. One that was made
/// in the image itself finds it.
fn environments(subject: &Subject, layer: &Layer, holds: &Holds) -> Result<Option<Finding>, Error> {
    let mut paths = Paths::default();
    for folder in &holds.environments {
        let python = [folder, &b"/bin/python"[..]].concat();
        let works = matches!(subject.files.find(&python)?, Some((_, Lying::File { .. })));
        if layer.from_context || (!works && subject.files.is_complete()) {
            paths.add(folder, 0);
        }
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let why = format!(
        "{} holds a virtual environment of another machine: its links and scripts name paths there",
        layer.called()
    );
    let help = "leave it out, and install the packages into the image's own Python (`pip install --target`)";
    Ok(Some(layer.finding(Rule::VirtualEnvironment, paths, why, help)))
}

fn covered(subject: &Subject, layer: &Layer, holds: &Holds) -> Option<Finding> {
    if holds.files == 0 || holds.left > 0 {
        return None;
    }
    let above = holds.covered_by.iter().filter_map(|place| subject.layers.get(*place)).map(Layer::called);
    let above: Vec<String> = above.collect();
    let above = if above.is_empty() { "layers above".to_owned() } else { above.join(" and ") };
    let all = counted(holds.files, "file");
    let why = format!("{} adds nothing: {above} replaces or removes all it has ({all})", layer.called());
    let paths = Paths { size: holds.plain, ..Paths::default() };
    Some(layer.finding(Rule::OverwrittenLayer, paths, why, "drop the layer, or lay it elsewhere"))
}

fn empty(layer: &Layer, holds: &Holds) -> Option<Finding> {
    // A layer of directories alone is one that somebody wrote so, unless it was to bring a context's files.
    if (if layer.from_context { holds.files } else { holds.entries }) > 0 {
        return None;
    }
    let (why, help) = match layer.from_context {
        true => ("brings no file of its context", "look at the context's ignore file and at `from`, or drop the layer"),
        false => ("holds nothing", "drop what makes it"),
    };
    Some(layer.finding(Rule::EmptyLayer, Paths::default(), format!("{} {why}", layer.called()), help))
}
