//! The document of `--json`. Its keys are a contract.

use serde_json::{Value, json};
use tarsia::Error;
use tarsia::inspect::{
    Event, Files, InspectedFile, InspectedIndex, InspectedLayer, LayerChange, OutlineRow, Pointed, Removal, Told, Trace,
};

use super::{Contents, View, files, tree};
use crate::cli::report;

/// How many bytes are printed at once.
const AT_ONCE: usize = 1 << 20;

/// Prints the document of an image, on one line. Of what may be millions of rows, some are printed at a time.
pub fn print(view: &View<'_>, index: Option<&InspectedIndex>) -> Result<(), Error> {
    let mut text = documents(view, index).to_string();
    match &view.contents {
        Contents::None | Contents::Tree(_) | Contents::LayerTree(_) | Contents::Paths(_) => {}
        Contents::Files(all) => text = list(text, rows(view, all))?,
        Contents::LayerFiles(changes) => {
            let place = view.layer.unwrap_or_default();
            let rows = files::sorted(view, changes).into_iter().map(|(path, change)| match change {
                LayerChange::Put(file) => row(path, file),
                LayerChange::Whiteout => json!({"path": text_of(path), "kind": "w", "layer": place}),
                LayerChange::Opaque => json!({"path": text_of(path), "kind": "o", "layer": place}),
            });
            text = list(text, rows)?;
        }
    }
    report::print(&format!("{text}\n"))
}

fn rows<'a>(view: &'a View<'_>, all: &'a Files) -> impl Iterator<Item = Value> + 'a {
    view.below.iter().flat_map(|directory| {
        let own = all.get(directory).map(|file| row(directory, file));
        own.into_iter().chain(all.below(directory).map(|(path, file)| row(path, file)))
    })
}

/// Puts a list of files at the end of a document.
fn list(document: String, rows: impl Iterator<Item = Value>) -> Result<String, Error> {
    let mut text = document;
    text.truncate(text.len() - 1);
    text.push_str(",\"files\":[");
    for (nth, row) in rows.enumerate() {
        if nth > 0 {
            text.push(',');
        }
        text.push_str(&row.to_string());
        if text.len() > AT_ONCE {
            report::print(&std::mem::take(&mut text))?;
        }
    }
    text.push_str("]}");
    Ok(text)
}

fn documents(view: &View<'_>, index: Option<&InspectedIndex>) -> Value {
    let image = view.image;
    let named = image.image.documents.named.as_ref();
    let mut document = json!({
        "schema": 1,
        "ref": named.map(|(name, _)| name),
        "digest": image.digest,
        "platform": image.image.platform.to_string(),
        "index": index.map(index_object),
        "base": image.base.as_ref().map(|base| {
            json!({"ref": base.name, "digest": base.digest, "layers": base.layers})
        }),
        "annotations": image.image.documents.annotations,
        "config": image.image.documents.config.as_json(),
        "layers": image.layers.iter().zip(&view.told).map(|(each, told)| layer(each, *told)).collect::<Vec<_>>(),
    });
    if let Some(place) = view.layer {
        document["layer"] = json!(place);
    }
    match &view.contents {
        Contents::Tree(_) | Contents::LayerTree(_) => {
            let outlines = tree::outlines(view);
            document["depth"] = json!(outlines.iter().map(|(_, outline)| outline.depth).max());
            let rows = outlines.iter().flat_map(|(directory, outline)| {
                let top = json!({
                    "path": text_of(directory), "kind": "d", "size": outline.size, "paths": outline.paths,
                    "layers": outline.layers,
                });
                std::iter::once(top).chain(outline.rows.iter().map(branch))
            });
            document["tree"] = rows.collect();
        }
        Contents::Paths(traces) => document["paths"] = traces.iter().map(history).collect(),
        Contents::None | Contents::Files(_) | Contents::LayerFiles(_) => {}
    }
    document
}

fn index_object(index: &InspectedIndex) -> Value {
    let manifests = index.manifests.iter().map(|(descriptor, pointed)| {
        let mut object = json!({
            "digest": descriptor.digest,
            "media_type": descriptor.media_type,
            "size": descriptor.size,
            "platform": descriptor.platform.as_ref().map(ToString::to_string),
            "kind": match pointed {
                Pointed::Image => "image",
                Pointed::Attestation(_) => "attestation",
                Pointed::Other => "other",
            },
        });
        if let Pointed::Attestation(of) = pointed {
            object["of"] = json!(of);
        }
        object
    });
    json!({"digest": index.digest, "media_type": index.media_type, "manifests": manifests.collect::<Vec<_>>()})
}

fn layer(layer: &InspectedLayer, told: Option<Told>) -> Value {
    json!({
        "name": layer.name,
        "key": layer.key,
        "digest": layer.descriptor.digest,
        "diff_id": layer.diff_id,
        "size": layer.descriptor.size,
        "media_type": layer.descriptor.media_type,
        "created_by": layer.created_by,
        "source": layer.source(),
        "base": layer.base,
        "told_by": told.map(Told::word),
    })
}

fn text_of(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

fn row(path: &[u8], file: &InspectedFile) -> Value {
    let mut object = entry(file);
    object["path"] = json!(text_of(path));
    object
}

fn entry(file: &InspectedFile) -> Value {
    json!({
        "kind": file.kind.to_string(),
        "mode": format!("{:04o}", file.mode),
        "uid": file.uid,
        "gid": file.gid,
        "size": file.size,
        "link": file.link.as_ref().map(|link| String::from_utf8_lossy(link)),
        "layer": file.layer,
    })
}

fn branch(row: &OutlineRow<'_>) -> Value {
    let mut object = json!({
        "path": text_of(row.path),
        "kind": row.file.map_or(if row.whiteout { 'w' } else { 'd' }, |file| file.kind).to_string(),
        "size": row.size,
        "paths": row.paths,
        "layers": row.layers,
        "link": row.file.and_then(|file| file.link.as_ref()).map(|link| String::from_utf8_lossy(link)),
    });
    if row.opaque {
        object["opaque"] = json!(true);
    }
    object
}

fn history(trace: &Trace) -> Value {
    let mut events = past(&trace.past);
    events.extend(trace.file.iter().map(|file| json!({"layer": file.layer, "did": "put", "entry": entry(file)})));
    let links: Vec<Value> = trace
        .links
        .iter()
        .map(|link| {
            let target = String::from_utf8_lossy(&link.target);
            json!({"path": text_of(&link.path), "target": target, "layer": link.layer})
        })
        .collect();
    json!({
        "asked": text_of(&trace.asked),
        "path": text_of(&trace.path),
        "found": trace.is_there(),
        "entry": trace.file.as_ref().map(entry),
        "layer": trace.file.as_ref().map(|file| file.layer),
        "links": links,
        "leads": trace.leads.as_ref().map(|path| text_of(path)),
        "history": events,
        "before_links": trace.before_links.iter().map(|(path, events)| {
            json!({"path": text_of(path), "history": past(events)})
        }).collect::<Vec<_>>(),
        "below": trace.below.as_ref().map(|below| {
            json!({"paths": below.paths, "size": below.size, "layers": below.layers})
        }),
        "not_looked_at": trace.merged,
        "near": trace.near.iter().map(|path| text_of(path)).collect::<Vec<_>>(),
    })
}

fn past(events: &[Event]) -> Vec<Value> {
    let event = |event: &Event| match event {
        Event::Put(file) => json!({"layer": file.layer, "did": "put", "entry": entry(file)}),
        Event::Removed { layer, how } => {
            let (how, at) = match how {
                Removal::Whiteout(at) => ("whiteout", at),
                Removal::Opaque(at) => ("opaque", at),
                Removal::Replaced(at) => ("replaced", at),
            };
            json!({"layer": layer, "did": "removed", "how": how, "at": text_of(at)})
        }
    };
    events.iter().map(event).collect()
}
