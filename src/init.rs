//! Writing a Dockerfile down as specs that make the same image.

mod check;
mod merge;
mod place;
mod stages;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::image::{ConfigEdits, Platform};
use crate::spec::dockerfile::Stage;
use crate::spec::{self, Base, Dockerfiles, LayerRecipe, Recipe, SpecError, Variables};
use crate::workshop::Workshop;

use place::Place;
use stages::{Planned, Planning};

/// What is written down, and where.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// What it is built with.
    pub dockerfiles: Dockerfiles,
    /// The platforms it is built for; the one its base is for if none is named.
    pub platforms: Vec<Platform>,
    /// The spec's file; that of the image's name beside the Dockerfile if not given.
    pub output: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The image's name.
    pub name: String,
    /// The files, that of the image first, those of the stages it copies from after it.
    pub files: Vec<PathBuf>,
}

/// Writes the specs of the image that a Dockerfile makes: its own, and one for each stage that is copied from. They are
/// read again before anything is written, so that they say what the Dockerfile says or nothing is written at all.
///
/// # Errors
///
/// Whatever a build of the Dockerfile would find wrong before it reads its contexts; what a spec cannot say; a file that
/// is there already or cannot be written.
pub fn init(workshop: &Workshop, request: &Request) -> Result<Written, Error> {
    let variables = Variables::only(BTreeMap::new());
    let files = [request.dockerfile.clone()];
    let workspace = spec::load_with(&files, &variables, &request.dockerfiles)?;
    let Some((recipe, stage)) = workspace.recipes.first().and_then(|recipe| Some((recipe, recipe.stage.clone()?)))
    else {
        let message = format!("`{}` is no Dockerfile", request.dockerfile.display());
        return Err(Error::request(message, "name a file called Dockerfile, Dockerfile.* or *.Dockerfile"));
    };
    let output = output(request, &recipe.name)?;
    let place = Place::of(&output)?;
    let planned = Planning::new(workshop, recipe).plan(&stage, &request.platforms)?;
    let names = names(&recipe.name, &planned);
    let paths: Vec<PathBuf> = std::iter::once(output.clone())
        .chain(names.iter().skip(1).map(|name| output.with_file_name(file_name(name))))
        .collect();
    let file_of = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let by_name: BTreeMap<String, String> = names.iter().cloned().zip(paths.iter().map(file_of)).collect();
    let mut texts = Vec::new();
    for (at, (own, (name, path))) in planned.iter().zip(names.iter().zip(&paths)).enumerate() {
        let described = Described { request, place: &place, names: &names, planned: &planned };
        let recipe = described.recipe(own, name, path, at == 0)?;
        let head = head(request, own, &by_name[&names[0]], at == 0, &place);
        let text = spec::write(&recipe.whole, &by_name, &head);
        check::check(path, &text, own, &recipe)?;
        texts.push((path.clone(), text));
    }
    write_all(&texts)?;
    Ok(Written { name: recipe.name.clone(), files: paths })
}

/// A planned image as a recipe.
struct Expected {
    whole: Recipe,
    /// The layers for each platform, as the Dockerfile has them.
    layers: Vec<Vec<LayerRecipe>>,
}

struct Described<'a> {
    request: &'a Request,
    place: &'a Place,
    names: &'a [String],
    planned: &'a [Planned],
}

impl Described<'_> {
    fn recipe(&self, own: &Planned, name: &str, path: &Path, is_main: bool) -> Result<Expected, Error> {
        let mut whole = Recipe::scratch(name);
        whole.file = Some(path.to_owned());
        whole.base = self.base(own, is_main)?;
        if is_main {
            whole.config = self.config(own)?;
        }
        let mut layers: Vec<Vec<LayerRecipe>> = Vec::new();
        let mut each: BTreeMap<&Platform, usize> = BTreeMap::new();
        for (at, image) in own.images.iter().enumerate() {
            let elsewhere = (image.platform != image.target).then_some((&image.target, &image.platform));
            let copied = |stage: &Stage| stages::copied(self.planned, self.names, stage, &image.target);
            let rewritten = image.evaluated.layers.iter().map(|layer| self.place.rewrite(layer, elsewhere, &copied));
            layers.push(rewritten.collect::<Result<Vec<_>, Error>>()?);
            let first = *each.entry(&image.platform).or_insert(at);
            if !check::is_same(&layers[first], &layers[at]) {
                let message = format!(
                    "a spec has one image for {}, and for the stage `{}` it is another on the way to {} than to {}",
                    image.platform,
                    own.stage.name(),
                    image.target,
                    own.images[first].target
                );
                return Err(refuse(own, message, "write a spec for each platform: --platform and --output"));
            }
        }
        // Each platform once, in the order in which they were found.
        let mut firsts: Vec<usize> = each.into_values().collect();
        firsts.sort_unstable();
        let platforms: Vec<Platform> = firsts.iter().map(|&at| own.images[at].platform.clone()).collect();
        let written: Option<Vec<Platform>> =
            platforms.iter().map(|platform| platform.to_string().parse().ok()).collect();
        whole.platforms = written.unwrap_or_default();
        let of_each: Vec<Vec<LayerRecipe>> = firsts.iter().map(|&at| layers[at].clone()).collect();
        whole.layers = merge::merge(&of_each, &platforms);
        Ok(Expected { whole, layers })
    }

    fn base(&self, own: &Planned, is_main: bool) -> Result<Base, Error> {
        let Some(first) = own.images.first() else { return Ok(Base::Scratch) };
        if let Some(other) = own.images.iter().find(|image| image.base != first.base) {
            let message =
                format!("a spec has one base, and this is another for {} than for {}", other.platform, first.platform);
            return Err(refuse(own, message, "write a spec for each platform: --platform and --output"));
        }
        let Base::Image { location, name } = &first.base else { return Ok(first.base.clone()) };
        let (location, written) =
            self.place.image(location, name).map_err(|why| refuse(own, why, "name the image otherwise"))?;
        if is_main && written != *name {
            let message = format!(
                "the image says what its base is called, and `{name}` would be `{written}` in `{}`",
                self.place.folder().display()
            );
            return Err(refuse(
                own,
                message,
                "give the base with an absolute path, or run in the folder the spec is for",
            ));
        }
        Ok(Base::Image { location, name: written })
    }

    /// What changes in the config, the same for all platforms.
    fn config(&self, own: &Planned) -> Result<ConfigEdits, Error> {
        let Some(first) = own.images.first() else { return Ok(ConfigEdits::default()) };
        for other in &own.images {
            if let Some(key) = check::difference(&first.evaluated.config, &other.evaluated.config) {
                let message = format!(
                    "a spec has one config, and `{key}` is another for {} than for {} in `{}`",
                    other.platform,
                    first.platform,
                    self.request.dockerfile.display()
                );
                return Err(Error::request(message, "write a spec for each platform: --platform and --output"));
            }
        }
        Ok(first.evaluated.config.clone())
    }
}

/// An error at a stage's FROM.
fn refuse(own: &Planned, message: String, help: &str) -> Error {
    match own.stage.base_span() {
        Some(span) => SpecError::At { span, message, help: Some(help.to_owned()) }.into(),
        None => Error::request(message, help),
    }
}

fn output(request: &Request, name: &str) -> Result<PathBuf, Error> {
    let output = request.output.clone().unwrap_or_else(|| request.dockerfile.with_file_name(file_name(name)));
    if output.extension().is_none_or(|extension| extension != "toml") {
        let message = format!("`{}` would be no spec: specs end in `.toml`", output.display());
        return Err(Error::request(message, format!("write `{}.toml`", output.display())));
    }
    Ok(output)
}

fn file_name(name: &str) -> String {
    format!("{}.toml", name.replace('/', "-"))
}

/// The names of the images, each another.
fn names(main: &str, planned: &[Planned]) -> Vec<String> {
    let mut names = vec![main.to_owned()];
    for own in planned.iter().skip(1) {
        let (_, index) = own.stage.identity();
        let whole = format!("{main}-{}", own.stage.name());
        let is_free = |name: &String| spec::is_image_name(name) && !names.iter().any(|other| other == name);
        // A stage may have a name that no image can have, or that of another.
        let mut name = if is_free(&whole) { whole } else { format!("{main}-stage{index}") };
        while names.contains(&name) {
            name.push('x');
        }
        names.push(name);
    }
    names
}

/// The comment at the beginning.
fn head(request: &Request, own: &Planned, main: &str, is_main: bool, place: &Place) -> String {
    let file = place.show(&request.dockerfile);
    let schema = if place.has_schema() { "#:schema ./spec.schema.json\n" } else { "" };
    if is_main {
        format!("{schema}# What `{file}` says, as `tarsia init` wrote it down.\n")
    } else {
        format!(
            "{schema}# The stage `{}` of `{file}`, which `{main}` copies from; nothing of its config.\n",
            own.stage.name()
        )
    }
}

/// Writes all files or none. None of them is there yet.
fn write_all(texts: &[(PathBuf, String)]) -> Result<(), Error> {
    let exists = |path: &Path| {
        let help = "name another file with --output, or remove this one";
        Error::request(format!("`{}` is there already", path.display()), help)
    };
    if let Some((path, _)) = texts.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(exists(path));
    }
    let mut made: Vec<&PathBuf> = Vec::new();
    // The others are needed by the first.
    for (path, text) in texts.iter().rev() {
        if let Err(source) = write_new(path, text) {
            for path in made {
                let _ = std::fs::remove_file(path);
            }
            return Err(match source.kind() {
                std::io::ErrorKind::AlreadyExists => exists(path),
                _ => SpecError::Write { path: path.clone(), source }.into(),
            });
        }
        made.push(path);
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}
