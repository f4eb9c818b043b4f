//! `tarsia bump`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tarsia::Error;
use tarsia::build::Options;
use tarsia::bump::{Bumped, NamedLayer, Replace, Request};
use tarsia::image::{Location, Repository};
use tarsia::push::Destination;
use tarsia::spec::{Variables, is_dockerfile, load_with};

use super::arguments::{CacheImageArguments, CommonArguments, SpecFlags};
use super::progress::Progress;
use super::report::{self, bytes};
use super::terminal;
use super::why::{self, Extent};

#[derive(Debug, Args)]
pub struct BumpArguments {
    /// A spec (*.toml) or a Dockerfile; with --replace, an image: host/repo[:tag][@digest] or oci:DIR[:name]
    #[arg(value_name = "SPEC|IMAGE")]
    pub subject: PathBuf,
    /// Make this layer of the spec anew, from DIR instead of the spec's context if it is given; may be repeated
    #[arg(long = "layer", value_name = "NAME[=DIR]", value_parser = named_layer)]
    pub layers: Vec<NamedLayer>,
    /// Put the layers onto what the base's reference stands for now
    #[arg(long)]
    pub base: bool,
    /// Replace the layer that SELECTOR means (a digest, a place, a text of its history entry) by the files of DIR; may
    /// be repeated
    #[arg(long = "replace", value_name = "SELECTOR=DIR:/DEST", conflicts_with_all = ["layers", "base", "image"])]
    pub replace: Vec<Replace>,
    /// Begin with this image (default: what the spec's first tag stands for)
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<Location>,
    /// Keep what a Dockerfile copies from this stage, which runs something: you say that nothing it is made of has
    /// changed; may be repeated
    #[arg(long = "unchanged-stage", value_name = "STAGE", conflicts_with_all = ["layers", "base", "replace"])]
    pub unchanged_stages: Vec<String>,
    /// Push to this repository instead; without --image a spec's image is read from there as well
    #[arg(long, value_name = "REPOSITORY")]
    pub to: Option<Repository>,
    /// Tag instead of the image's own tag; {digest} stands for the first 12 digits of the digest; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Only say what would change: layers are assembled on this machine, and nothing leaves it
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub flags: SpecFlags,
    /// Assemble the layers, whatever is known
    #[arg(long)]
    pub no_cache: bool,
    #[command(flatten)]
    pub cache: CacheImageArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

pub fn run(arguments: &BumpArguments) -> Result<(), Error> {
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop(progress.events())?;
    let flags = &arguments.flags;
    let options = Options { no_cache: arguments.no_cache, ..flags.options(vec![arguments.common.cache.path()?]) };
    let variables = Variables::with_environment(flags.variables());
    let request = Request {
        image: arguments.image.clone(),
        destination: Destination {
            to: arguments.to.clone(),
            tags: arguments.tags.clone(),
            variables: variables.clone(),
            create_repository: false,
        },
        lookup: arguments.cache.lookup(),
        unchanged_stages: arguments.unchanged_stages.clone(),
        dry_run: arguments.dry_run,
    };
    let is_spec = is_spec(&arguments.subject);
    let bumped = match (is_spec, arguments.replace.is_empty()) {
        (true, true) => {
            let mut dockerfiles = flags.dockerfile.dockerfiles();
            dockerfiles.arguments.keep_runs = true;
            let workspace = load_with(std::slice::from_ref(&arguments.subject), &variables, &dockerfiles)?;
            match arguments.layers.is_empty() && !arguments.base {
                true => tarsia::bump::keep(&workshop, &workspace, &options, &request)?,
                false => {
                    tarsia::bump::bump(&workshop, &workspace, &options, &arguments.layers, arguments.base, &request)?
                }
            }
        }
        (false, false) => {
            let image: Location = arguments.subject.to_string_lossy().parse().map_err(|error| {
                let help = "images are host/repo[:tag][@digest] or oci:DIR[:name]";
                Error::request(format!("{error}"), help)
            })?;
            tarsia::bump::replace(&workshop, &image, &options, &arguments.replace, &request)?
        }
        (true, false) => {
            let message = format!("`{}` is a spec, and --replace changes an image", arguments.subject.display());
            return Err(Error::request(message, "name the spec's layer with --layer NAME, or name an image"));
        }
        (false, true) => {
            let message = format!("`{}` is not a spec", arguments.subject.display());
            return Err(Error::request(message, "to change an image say what of it: --replace SELECTOR=DIR:/DEST"));
        }
    };
    progress.finish();
    report::print(&match arguments.common.json {
        true => format!("{}\n", document(&bumped, arguments.dry_run)),
        false => text(&bumped, arguments.dry_run),
    })
}

/// Whether this names a spec: a TOML file, a Dockerfile or a folder of them.
fn is_spec(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml") || is_dockerfile(path) || path.is_dir()
}

/// `NAME` or `NAME=DIR`. Names of layers may hold anything, and folders seldom a `=`.
fn named_layer(text: &str) -> Result<NamedLayer, String> {
    let layer = match text.rsplit_once('=') {
        None => NamedLayer { name: text.to_owned(), context: None },
        Some((name, context)) if !context.is_empty() => {
            NamedLayer { name: name.to_owned(), context: Some(context.into()) }
        }
        Some(_) => return Err(format!("`{text}` is not of the form NAME=DIR")),
    };
    if layer.name.is_empty() { Err(format!("`{text}` names no layer")) } else { Ok(layer) }
}

fn text(image: &Bumped, dry_run: bool) -> String {
    let word = match (image.changed, dry_run) {
        (false, _) => "unchanged",
        (true, false) => "changed",
        (true, true) => "would change",
    };
    let mut text = format!("{}@{} {word} tags {}\n", image.place, image.top.digest, image.tags.join(" "));
    if image.replaces != image.top.digest {
        text.push_str(&format!("  from {}\n", image.replaces));
    }
    image.notes.iter().for_each(|note| text.push_str(&format!("  note: {}\n", terminal::shown(note))));
    let how = format!("tarsia diff {0}@{1} {0}@{2} --layer", image.place, image.replaces, image.top.digest);
    for platform in &image.platforms {
        if image.platforms.len() > 1 {
            text.push_str(&format!("  {} {}\n", platform.platform, platform.digest));
        }
        if let (Some((name, Some(now))), Some(before)) = (&platform.base, &platform.base_before)
            && now != before
        {
            text.push_str(&format!("  base {name}: {before} → {now}\n"));
        }
        for layer in &platform.layers {
            let name = layer.name.as_deref().unwrap_or_default();
            let word = if dry_run && layer.before.is_some() { "replace" } else { layer.status.word() };
            let digest = layer.descriptor.digest.short();
            let line = format!("  {word:<8} {:>9}  {digest}  {}", bytes(layer.descriptor.size), terminal::shown(name));
            text.push_str(line.trim_end());
            text.push('\n');
            if let Some(before) = &layer.before {
                text.push_str(&format!("           was {:>9}  {}\n", bytes(before.size), before.digest.short()));
            }
            if let Some(why) = &layer.why {
                why::write(name, why, Extent::First(&how), &mut text);
            }
        }
    }
    text
}

/// The document of `--json`: that of a push, and what is new in it.
fn document(image: &Bumped, dry_run: bool) -> Value {
    let several = image.platforms.len() > 1;
    let mut layers = Vec::new();
    for platform in &image.platforms {
        for layer in &platform.layers {
            let name = layer.name.as_deref();
            let mut object =
                report::layer_object(name, layer.key.as_ref(), &layer.descriptor, &layer.diff_id, layer.status);
            if several {
                object["platform"] = json!(platform.platform.to_string());
            }
            if let Some(before) = &layer.before {
                object["replaces"] = json!(before.digest);
            }
            if let Some(why) = &layer.why {
                why::put(why, &mut object);
            }
            layers.push(object);
        }
    }
    let platforms: Vec<String> = image.platforms.iter().map(|platform| platform.platform.to_string()).collect();
    let base = image.platforms.first().and_then(|platform| platform.base.as_ref());
    let requests = image.traffic.snapshot();
    json!({
        "schema": 1,
        "name": image.name,
        "repository": image.repository.as_ref().map(Repository::to_string),
        "digest": image.top.digest,
        "ref": format!("{}@{}", image.place, image.top.digest),
        "tags": image.tags,
        "platform": platforms.join(","),
        "base": base.map(|(name, digest)| json!({"ref": name, "digest": digest})),
        "layers": layers,
        "requests": {"sent": requests.sent, "bytes_up": requests.bytes_up, "bytes_down": requests.bytes_down},
        "replaces": image.replaces,
        "notes": image.notes,
        "dry_run": dry_run,
        "changed": image.changed,
    })
}
