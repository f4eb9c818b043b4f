//! `tarsia inspect`

mod document;
mod files;
mod path;
mod table;
mod tree;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use clap::Args;
use tarsia::image::{Location, Platform};
use tarsia::inspect::{Changed, Files, Inspected, Reading, Told, Trace, trace};
use tarsia::registry::Traffic;
use tarsia::{Error, Workshop};

use super::arguments::{CacheImageArguments, CommonArguments};
use super::progress::Progress;
use super::report;
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub struct InspectArguments {
    /// host/repo[:tag][@digest], oci:DIR[:name], oci-archive:FILE[:name] or docker-archive:FILE[:name]
    #[arg(value_name = "IMAGE")]
    pub image: Location,
    /// Tell which layer put this path there, and which held it before; with --files or --tree, show what lies below it
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
    /// Show the image for this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,
    /// List the files, each with the layer that put it there
    #[arg(long)]
    pub files: bool,
    /// Show the tree of directories, with the size of each and the layers that it comes from
    #[arg(long, conflicts_with = "files")]
    pub tree: bool,
    /// Show so many directories one in another (default: what fits into some 60 lines)
    #[arg(long, value_name = "N", requires = "tree", value_parser = clap::value_parser!(u16).range(1..))]
    pub depth: Option<u16>,
    /// Show this layer alone, by number, name or digest: with --files or --tree what it holds itself, deletions included
    #[arg(long, value_name = "LAYER")]
    pub layer: Option<String>,
    #[command(flatten)]
    pub cache: CacheImageArguments,
    #[command(flatten)]
    pub common: CommonArguments,
}

/// What is to be shown of an image.
pub struct View<'a> {
    /// The image.
    pub image: &'a Inspected,
    /// The layer that is shown alone.
    pub layer: Option<usize>,
    /// What was read of its files, if that was asked for.
    pub contents: Contents,
    /// The paths that were asked for, without slashes at their ends; one empty one for the root if none was.
    pub below: Vec<Box<[u8]>>,
    /// How deep the tree goes.
    pub depth: Option<usize>,
    /// What told of each layer, if it was looked into.
    pub told: Vec<Option<Told>>,
}

/// What was read of an image's files.
pub enum Contents {
    /// Nothing.
    None,
    /// All of them, to be listed.
    Files(Files),
    /// All of them, for the tree.
    Tree(Files),
    /// What one layer itself holds, to be listed.
    LayerFiles(Vec<Changed>),
    /// What one layer itself holds, for the tree.
    LayerTree(Vec<Changed>),
    /// The history of paths.
    Paths(Vec<Trace>),
}

/// Answers false if a path that was asked for is not there.
pub fn run(arguments: &InspectArguments) -> Result<bool, Error> {
    let is_listing = arguments.files || arguments.tree;
    if arguments.layer.is_some() && !arguments.paths.is_empty() && !is_listing {
        let message = "the history of a path is that of all layers";
        return Err(Error::request(message, "leave --layer out, or list what the layer holds there with --files"));
    }
    let progress = Progress::start(arguments.common.progress);
    let workshop = arguments.common.workshop_or_look(progress.events())?;
    let traffic = Arc::new(Traffic::default());
    let inspection = tarsia::inspect::inspect(&workshop, &arguments.image, arguments.platform.as_ref(), &traffic)?;
    let mut views = Vec::new();
    for image in &inspection.images {
        views.push(view(&workshop, image, arguments)?);
    }
    progress.finish();
    let terminal = Terminal::of_stdout();
    let index = inspection.index.as_ref();
    if arguments.common.json {
        for view in &views {
            document::print(view, index)?;
        }
    } else {
        let alone = views.len() == 1 && index.is_none();
        if let Some(index) = index.filter(|_| arguments.platform.is_none()) {
            report::print(&table::index(index, &arguments.image.to_string(), terminal))?;
        }
        for view in &views {
            print(view, alone, terminal)?;
        }
    }
    Ok(views.iter().all(|view| match &view.contents {
        Contents::Paths(traces) => traces.iter().all(Trace::is_there),
        _ => true,
    }))
}

fn view<'a>(workshop: &Workshop, image: &'a Inspected, arguments: &InspectArguments) -> Result<View<'a>, Error> {
    let layer = arguments.layer.as_deref().map(|meant| image.find_layer(meant)).transpose()?;
    let asked: Vec<&[u8]> = arguments.paths.iter().map(|path| path.as_bytes()).collect();
    let reading = Reading::of(workshop, image, arguments.cache.lookup());
    let alone = |place| reading.layer(place);
    let all = || reading.files(false);
    let mut contents = match (arguments.files, arguments.tree, layer) {
        (true, _, Some(place)) => Contents::LayerFiles(alone(place)?),
        (_, true, Some(place)) => Contents::LayerTree(alone(place)?),
        (true, _, None) => Contents::Files(all()?),
        (_, true, None) => Contents::Tree(all()?),
        (false, false, None) if !asked.is_empty() => {
            let files = reading.files(true)?;
            Contents::Paths(asked.iter().map(|path| trace(&files, path)).collect())
        }
        (false, false, _) => Contents::None,
    };
    let mut below: Vec<Box<[u8]>> = asked
        .iter()
        .map(|path| match &contents {
            // A link that leads to a directory stands for it where the question is what lies below.
            Contents::Files(files) | Contents::Tree(files) => files.directory(path),
            _ => tarsia::entry::lexical(path).into(),
        })
        .collect();
    if below.is_empty() {
        below.push(Box::default());
    }
    if let Contents::Files(files) | Contents::Tree(files) = &contents {
        let missing: Vec<Trace> =
            asked.iter().map(|path| trace(files, path)).filter(|trace| !trace.is_there()).collect();
        if !missing.is_empty() {
            contents = Contents::Paths(missing);
        }
    }
    let told = (0..image.layers.len()).map(|place| reading.told(place)).collect();
    Ok(View { image, layer, contents, below, depth: arguments.depth.map(usize::from), told })
}

/// Prints what is to be shown of an image, piece by piece: there may be millions of files.
fn print(view: &View<'_>, alone: bool, terminal: Terminal) -> Result<(), Error> {
    match &view.contents {
        Contents::None => report::print(&table::whole(view, terminal)),
        Contents::Files(all) => {
            report::print(&table::whole(view, terminal))?;
            files::print(view, all, terminal)
        }
        Contents::LayerFiles(changes) => files::print_layer(view, changes, terminal),
        Contents::Tree(_) | Contents::LayerTree(_) => tree::print(view, terminal),
        Contents::Paths(traces) => {
            let head = if alone { String::new() } else { table::head(view.image, terminal) };
            report::print(&format!("{head}{}", path::text(view.image, traces, terminal)))
        }
    }
}
