//! Checking: what was written down is read again and held against what the Dockerfile says.

use std::path::Path;

use super::Expected;
use super::stages::Planned;
use crate::error::Error;
use crate::image::ConfigEdits;
use crate::spec::{CopyFrom, LayerContent, LayerRecipe, SpecError, read_back};

/// Makes sure that `text` says what the stage does.
pub(super) fn check(path: &Path, text: &str, own: &Planned, expected: &Expected) -> Result<(), Error> {
    let read = match read_back(path, text) {
        Ok(read) => read,
        Err(error) => return Err(unreadable(&error, text, &expected.whole.layers)),
    };
    for (image, layers) in own.images.iter().zip(&expected.layers) {
        let mut found = read.layers.iter().filter(|layer| layer.is_for(&image.platform));
        for layer in layers {
            if found.next().map(said) != Some(said(layer)) {
                return Err(refuse_layer(layer, "a spec would not say the same"));
            }
        }
        let (mut one, mut two) = (image.below.clone(), image.below.clone());
        one.edit(&read.config);
        two.edit(&expected.whole.config);
        if found.next().is_some() || one.to_bytes() != two.to_bytes() {
            let key = difference(&read.config, &expected.whole.config).unwrap_or("config");
            return Err(Error::request(format!("a spec cannot say what `{key}` is here"), "write the spec by hand"));
        }
    }
    if read.base != expected.whole.base {
        return Err(Error::request("a spec cannot name this base", "name the base otherwise"));
    }
    Ok(())
}

/// Whether two lists of layers say the same.
pub(super) fn is_same(one: &[LayerRecipe], two: &[LayerRecipe]) -> bool {
    one.iter().map(said).eq(two.iter().map(said))
}

/// A layer's name, content and owner, in words.
fn said(layer: &LayerRecipe) -> String {
    let mut content = layer.content.clone();
    match &mut content {
        LayerContent::Copy { from: CopyFrom::Recipe { name, .. }, .. } => name.clear(),
        LayerContent::Copy { copy, .. } => {
            // The two mean the same.
            for source in &mut copy.sources {
                if *source == crate::layer::CopySource::Path(b".".to_vec()) {
                    *source = crate::layer::CopySource::Path(Vec::new());
                }
            }
        }
        _ => {}
    }
    format!("{} {content:?}", layer.name)
}

fn refuse_layer(layer: &LayerRecipe, why: &str) -> Error {
    let message = format!("`{}` cannot be written in a spec: {why}", layer.name.escape_debug());
    let help = "write it otherwise, or build from the Dockerfile";
    match &layer.span {
        Some(span) => SpecError::At { span: span.clone(), message, help: Some(help.to_owned()) }.into(),
        None => Error::request(message, help),
    }
}

/// Why the text cannot be read, told of the instruction that it came from.
fn unreadable(error: &SpecError, text: &str, layers: &[LayerRecipe]) -> Error {
    let why = match error {
        SpecError::At { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let at = error.span().map_or(0, |span| span.range.start);
    // The layer whose table the place is in.
    let table = text.get(..at).unwrap_or(text).matches("[[layer]]\nname = ").count();
    let in_config = text.find("\n[config]\n").is_some_and(|config| at > config);
    match table.checked_sub(1).filter(|_| !in_config).and_then(|index| layers.get(index)) {
        Some(layer) => refuse_layer(layer, &why),
        None => {
            Error::request(format!("a spec cannot say this: {why}"), "write it otherwise, or build from the Dockerfile")
        }
    }
}

/// The first setting in which two configs differ, as specs call it.
pub(super) fn difference(one: &ConfigEdits, two: &ConfigEdits) -> Option<&'static str> {
    let same = [
        ("env", one.env == two.env),
        ("workdir", one.workdir == two.workdir),
        ("entrypoint", one.entrypoint == two.entrypoint),
        ("cmd", one.cmd == two.cmd),
        ("user", one.user == two.user),
        ("labels", one.labels == two.labels),
        ("expose", one.expose == two.expose),
        ("volumes", one.volumes == two.volumes),
        ("stop_signal", one.stop_signal == two.stop_signal),
        ("healthcheck", one.healthcheck == two.healthcheck),
        ("shell", one.shell == two.shell),
        ("onbuild", one.on_build == two.on_build),
        ("author", one.author == two.author),
        ("args_escaped", one.args_escaped == two.args_escaped),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(key, _)| key)
}
