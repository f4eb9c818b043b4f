//! `tarsia inspect`

use std::sync::Arc;

use serde_json::{Value, json};
use tarsia::Error;
use tarsia::inspect::{Inspected, InspectedFile};
use tarsia::registry::Traffic;

use super::arguments::InspectArguments;
use super::progress::Progress;
use super::report::{self, bytes};

pub fn run(arguments: &InspectArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop_or_look(progress.events())?;
    let traffic = Arc::new(Traffic::default());
    let images = tarsia::inspect::inspect(&workshop, &arguments.image, arguments.platform.as_ref(), &traffic)?;
    let mut reports = Vec::new();
    for image in &images {
        let files = match arguments.files {
            true => Some(tarsia::inspect::files(&workshop, &image.image)?.into_iter().collect::<Vec<_>>()),
            false => None,
        };
        reports.push(if arguments.common.json {
            format!("{}\n", document(image, files.as_deref()))
        } else {
            table(image, files.as_deref())
        });
    }
    progress.finish();
    report::print(&if arguments.common.json { reports.concat() } else { shown(&reports.concat()) })
}

/// A text of somebody else's image, without what would steer a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A path and what is there.
type Row = (Vec<u8>, InspectedFile);

fn table(image: &Inspected, files: Option<&[Row]>) -> String {
    let digest = image.image.documents.named.as_ref().map(|(_, digest)| digest.to_string()).unwrap_or_default();
    let mut text = format!("{} {} {digest}\n", image.image.name(), image.image.platform);
    let settings = &image.image.documents.config;
    for (label, key) in
        [("entrypoint", "Entrypoint"), ("cmd", "Cmd"), ("workdir", "WorkingDir"), ("user", "User"), ("env", "Env")]
    {
        if let Some(value) = settings.setting(key) {
            text.push_str(&format!("  {label:<10} {value}\n"));
        }
    }
    for (place, layer) in image.layers.iter().enumerate() {
        let name = layer.name.as_deref().or(layer.created_by.as_deref()).unwrap_or_default();
        let line = format!(
            "  {place:>3} {:>9}  {}  {}",
            bytes(layer.descriptor.size),
            layer.descriptor.digest.short(),
            name.chars().take(100).collect::<String>()
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for (path, file) in files.unwrap_or_default() {
        let link = file.link.as_ref().map(|link| format!(" -> {link}")).unwrap_or_default();
        text.push_str(&format!(
            "{:>3} {}{:04o} {}:{} {:>9} /{}{link}\n",
            file.layer,
            file.kind,
            file.mode,
            file.uid,
            file.gid,
            file.size,
            String::from_utf8_lossy(path)
        ));
    }
    text
}

fn document(image: &Inspected, files: Option<&[Row]>) -> Value {
    let layers: Vec<Value> = image
        .layers
        .iter()
        .map(|layer| {
            json!({
                "name": layer.name,
                "key": layer.key,
                "digest": layer.descriptor.digest,
                "diff_id": layer.diff_id,
                "size": layer.descriptor.size,
                "media_type": layer.descriptor.media_type,
                "created_by": layer.created_by,
            })
        })
        .collect();
    let named = image.image.documents.named.as_ref();
    let mut document = json!({
        "schema": 1,
        "ref": named.map(|(name, _)| name),
        "digest": named.map(|(_, digest)| digest),
        "platform": image.image.platform.to_string(),
        "config": image.image.documents.config.as_json(),
        "layers": layers,
    });
    if let Some(files) = files {
        let rows = files.iter().map(|(path, file)| {
            json!({
                "path": format!("/{}", String::from_utf8_lossy(path)),
                "kind": file.kind.to_string(),
                "mode": format!("{:04o}", file.mode),
                "uid": file.uid,
                "gid": file.gid,
                "size": file.size,
                "link": file.link,
                "layer": file.layer,
            })
        });
        document["files"] = rows.collect();
    }
    document
}
