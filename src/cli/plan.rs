//! `tarsia plan`

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};
use tarsia::Error;
use tarsia::build::Status;
use tarsia::plan::{Planned, PlannedLayer};
use tarsia::push::Destination;

use super::progress::Progress;
use super::push::PushArguments;
use super::report::{self, bytes};
use super::terminal::shown;
use super::why::{self, Extent};

#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub push: PushArguments,
    /// End with exit code 1 if there is work
    #[arg(long)]
    pub exit_code: bool,
    /// List every file that differs in this layer, or in the layers of these wheels, or tell where it is known from
    #[arg(long, value_name = "LAYER")]
    pub explain: Option<String>,
}

/// Answers false if there is work and that was the question.
pub fn run(arguments: &PlanArguments) -> Result<bool, Error> {
    let push = &arguments.push;
    let progress = Progress::start(push.common.progress);
    let (workspace, variables) = push.specs.load()?;
    let workshop = push.common.workshop_to_look(progress.events())?;
    let destination = Destination { to: push.to.clone(), tags: push.tags.clone(), variables, create_repository: false };
    let lookup = push.lookup.lookup();
    let planned = tarsia::plan::plan(
        &workshop,
        &workspace,
        &push.specs.options(vec![push.common.cache.path()?]),
        &destination,
        &lookup,
    )?;
    progress.finish();
    // Wheels may be split into several layers, which their name stands for.
    let is_part = |layer: &str, name: &str| {
        let mut named = workspace.recipes.iter().flat_map(|recipe| &recipe.layers).filter(|one| one.name == name);
        named.any(|one| one.part(layer).is_some())
    };
    let is_explained =
        |layer: &str| arguments.explain.as_deref().is_some_and(|name| layer == name || is_part(layer, name));
    if let Some(name) = &arguments.explain {
        let layers = planned.iter().flat_map(|image| &image.platforms).flat_map(|platform| &platform.layers);
        let names: BTreeSet<&str> = layers.filter_map(|layer| layer.name.as_deref()).collect();
        if !names.iter().any(|layer| is_explained(layer)) {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let help = format!("the layers are {}", names.join(", "));
            return Err(Error::request(format!("no image of this run has a layer `{name}`"), help));
        }
    }
    let mut text = String::new();
    for image in &planned {
        if push.common.json {
            text.push_str(&format!("{}\n", document(image)));
        } else {
            write(image, &is_explained, &mut text);
        }
    }
    report::print(&text)?;
    Ok(!(arguments.exit_code && planned.iter().any(|image| image.work)))
}

fn write(image: &Planned, is_explained: &dyn Fn(&str) -> bool, text: &mut String) {
    let digest = image.digest.map_or_else(|| "digest not known yet".to_owned(), |digest| digest.to_string());
    let work = if image.work { "to push" } else { "nothing to do" };
    text.push_str(&format!("{} {work}, {digest} tags {}\n", image.repository, image.tags.join(" ")));
    for platform in &image.platforms {
        if image.platforms.len() > 1 {
            text.push_str(&format!("  {}\n", platform.platform));
        }
        for layer in &platform.layers {
            let (size, digest) = match &layer.descriptor {
                Some(descriptor) => (bytes(descriptor.size), descriptor.digest.short()),
                None => (String::new(), String::new()),
            };
            let name = layer.name.as_deref().unwrap_or_default();
            let line = format!("  {:<8} {size:>9}  {digest:<12}  {name}", word(layer));
            text.push_str(line.trim_end());
            text.push('\n');
            if let Some(why) = &layer.why {
                let extent = if is_explained(name) { Extent::All } else { Extent::First("--explain") };
                why::write(name, why, extent, text);
            }
            if let Some(found) = layer.found.as_ref().filter(|_| is_explained(name)) {
                text.push_str(&format!("           {}\n", shown(&found.words())));
            }
        }
    }
}

fn word(layer: &PlannedLayer) -> &'static str {
    match layer.status {
        Status::Built => "build",
        Status::Uploaded => "upload",
        other => other.word(),
    }
}

fn document(image: &Planned) -> Value {
    let several = image.platforms.len() > 1;
    let mut layers = Vec::new();
    for platform in &image.platforms {
        for layer in &platform.layers {
            let mut object = json!({
                "name": layer.name,
                "key": layer.key,
                "digest": layer.descriptor.as_ref().map(|descriptor| descriptor.digest),
                "diff_id": layer.diff_id,
                "size": layer.descriptor.as_ref().map(|descriptor| descriptor.size),
                "media_type": layer.descriptor.as_ref().map(|descriptor| &descriptor.media_type),
                "status": layer.status.word(),
            });
            if several {
                object["platform"] = json!(platform.platform);
            }
            if let Some(why) = &layer.why {
                why::put(why, &mut object);
            }
            if let Some(found) = &layer.found {
                object["found"] = json!(found.words());
            }
            layers.push(object);
        }
    }
    let platforms: Vec<&str> = image.platforms.iter().map(|platform| platform.platform.as_str()).collect();
    let requests = image.requests;
    json!({
        "schema": 1,
        "name": image.name,
        "repository": image.repository.to_string(),
        "digest": image.digest,
        "ref": image.digest.map(|digest| format!("{}@{digest}", image.repository)),
        "tags": image.tags,
        "platform": platforms.join(","),
        "base": image.base.as_ref().map(|(name, digest)| json!({"ref": name, "digest": digest})),
        "layers": layers,
        "requests": {"sent": requests.sent, "bytes_up": requests.bytes_up, "bytes_down": requests.bytes_down},
        "changed": image.work,
    })
}
