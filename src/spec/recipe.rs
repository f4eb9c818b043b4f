//! Recipes: what every front end makes of what the user wrote.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::dockerfile::Stage;
use super::error::{Span, SpecError};
use super::lock::Lock;
use super::python::{Package, Wheels, for_platform};
use super::repository::RepositorySettings;
use super::rule::Rule;
use super::variables::{Template, Unset, Variables};
use crate::image::accounts::OwnerName;
use crate::image::{ConfigEdits, Location, Platform};
use crate::layer::{Codec, Copy, InlineEntry, Modes, Step};
use crate::python::Split;

/// An image that is to be: its base, its layers in order, its config.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The image's name.
    pub name: String,
    /// What it is built on.
    pub base: Base,
    /// Whether the base's tree is read.
    pub base_tree: BaseTree,
    /// What it is built for; empty: what the base is for, else [`Platform::fallback`].
    pub platforms: Vec<Platform>,
    /// Where it is pushed to.
    pub repository: Option<Template>,
    /// Under which tags; `{digest}` in them stands for the first 12 hex digits of the manifest's digest.
    pub tags: Vec<Template>,
    /// The platform whose rules it is checked against.
    pub profile: Option<Profile>,
    /// Rules of `check` that do not apply to it.
    pub allow: Vec<Rule>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerRecipe>,
    /// What changes in the base's config.
    pub config: ConfigEdits,
    /// What its repository is created with.
    pub ecr: RepositorySettings,
    /// What its base is pinned to, if there is a lock file beside the spec.
    pub lock: Option<Lock>,
    /// The spec's file, for messages; nothing for a recipe that was written in code.
    pub file: Option<PathBuf>,
    /// The stage of a Dockerfile that says the layers and the config: they depend on the platform and on the config of
    /// the base. `base`, `layers` and `config` say nothing then.
    pub stage: Option<Stage>,
}

impl Recipe {
    /// A recipe from nothing, without layers.
    pub fn scratch(name: &str) -> Recipe {
        Recipe {
            name: name.to_owned(),
            base: Base::Scratch,
            base_tree: BaseTree::Read,
            platforms: Vec::new(),
            repository: None,
            tags: Vec::new(),
            profile: None,
            allow: Vec::new(),
            layers: Vec::new(),
            config: ConfigEdits::default(),
            ecr: RepositorySettings::default(),
            lock: None,
            file: None,
            stage: None,
        }
    }

    /// The published images that it is built on and copies from, each once.
    ///
    /// # Errors
    ///
    /// If a Dockerfile names what is no image.
    pub fn images(&self, platform: Option<&Platform>) -> Result<Vec<(Location, String)>, SpecError> {
        let mut images = match &self.stage {
            Some(stage) => stage.images(platform)?,
            None => Vec::new(),
        };
        if let Base::Image { location, name } = &self.base {
            images.push((location.clone(), name.clone()));
        }
        for layer in &self.layers {
            if let LayerContent::Copy { from: CopyFrom::Image { location, name }, .. } = &layer.content {
                images.push((location.clone(), name.clone()));
            }
        }
        let mut each: Vec<(Location, String)> = Vec::new();
        for image in images {
            if !each.contains(&image) {
                each.push(image);
            }
        }
        Ok(each)
    }

    /// Its tags with their variables expanded and `{digest}` still in them; `latest` if it has none.
    ///
    /// # Errors
    ///
    /// [`Unset`].
    pub fn expand_tags(&self, variables: &Variables) -> Result<Vec<String>, Unset> {
        if self.tags.is_empty() {
            return Ok(vec!["latest".to_owned()]);
        }
        self.tags.iter().map(|tag| tag.expand(variables)).collect()
    }
}

/// What an image is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// A published image, or one in a layout or an archive.
    Image {
        /// Where it is.
        location: Location,
        /// How the spec names it: what the image's annotation says.
        name: String,
    },
    /// The image that another recipe of the same run makes, by its name.
    Recipe(String),
}

/// Whether the base's tree is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BaseTree {
    /// Read once per base digest, so that parents keep the base's modes and owners and links are followed.
    #[default]
    Read,
    /// Never read: parents are 0755 and 0:0, links are not followed.
    Assume,
}

/// A set of rules of a target platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// AWS Lambda.
    Lambda,
}

impl Profile {
    /// Its name in specs.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Lambda => "lambda",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Profile, String> {
        match name {
            "lambda" => Ok(Profile::Lambda),
            _ => Err(format!("there is no profile `{name}`, but `lambda`")),
        }
    }
}

/// A layer that is to be.
#[derive(Debug, Clone)]
pub struct LayerRecipe {
    /// Its name, unique in the image.
    pub name: String,
    /// What it holds.
    pub content: LayerContent,
    /// Who owns what it holds.
    pub owner: OwnerName,
    /// The modes of what it holds.
    pub modes: Modes,
    /// The time of its entries; the run's epoch if not given.
    pub mtime: Option<i64>,
    /// How it is compressed.
    pub compression: Codec,
    /// The platforms it is for; `None` for all of the image's.
    pub platforms: Option<Vec<Platform>>,
    /// Where the spec says what it holds, for messages; nothing for a layer that was written in code.
    pub span: Option<Span>,
    /// Where the spec says each of the ignore patterns beside those of the context's file; nothing where it is not known.
    pub exclude_spans: Vec<Span>,
    /// What it comes from, if that is a RUN whose layer may be kept.
    pub ran: Option<Ran>,
}

/// What a RUN runs, as histories of images tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The program and its arguments; of a shell's form the shell, and the whole text as the last.
    pub command: Vec<String>,
    /// Its flags.
    pub flags: Vec<String>,
    /// The ARGs of its stage that stand before it, sorted by their names.
    pub arguments: Vec<(String, String)>,
    /// Those of them that do not show: an ENV has the same name.
    pub hidden: Vec<String>,
    /// The flag that shows it files which no layer holds, if it has one.
    pub mount: Option<String>,
    /// How many of the stage's [settings](super::dockerfile::Evaluated::settings) stand before it.
    pub settings: usize,
}

/// An instruction that decides what commands see beside files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its word, in capitals.
    pub keyword: String,
    /// What follows it: as it is written, and with its variables.
    pub forms: Vec<String>,
}

impl LayerRecipe {
    /// A layer of these entries, with all else as usual.
    pub fn new(name: &str, content: LayerContent) -> LayerRecipe {
        LayerRecipe {
            name: name.to_owned(),
            content,
            owner: OwnerName::default(),
            modes: Modes::default(),
            mtime: None,
            compression: Codec::default(),
            platforms: None,
            span: None,
            ran: None,
            exclude_spans: Vec::new(),
        }
    }

    /// The recipe of one of the layers that this one makes, by the layer's name: its own, or of wheels that are split
    /// `NAME/PART`.
    pub fn part(&self, name: &str) -> Option<LayerRecipe> {
        match (&self.content, name.strip_prefix(&self.name)) {
            (LayerContent::Wheels(wheels), rest) if wheels.split != Split::One => {
                let part = rest?.strip_prefix('/')?;
                let wheels = Wheels { part: Some(part.to_owned()), ..(**wheels).clone() };
                Some(LayerRecipe {
                    name: name.to_owned(),
                    content: LayerContent::Wheels(Box::new(wheels)),
                    ..self.clone()
                })
            }
            (_, rest) => rest?.is_empty().then(|| self.clone()),
        }
    }

    /// Whether the layer is part of the image for `platform`.
    pub fn is_for(&self, platform: &Platform) -> bool {
        self.platforms.as_ref().is_none_or(|platforms| platforms.iter().any(|own| own.accepts(platform)))
    }
}

/// Where a layer's entries come from.
#[derive(Debug, Clone)]
pub enum LayerContent {
    /// A directory of this machine.
    Context {
        /// What relative paths are relative to.
        folder: PathBuf,
        /// The directory; `{os}`, `{arch}` and `{variant}` stand for the platform's.
        path: String,
        /// What of it is laid: a directory or a file below it; empty for all.
        from: Vec<u8>,
        /// Where it is laid.
        to: Vec<u8>,
        /// Ignore patterns that follow those of the `.dockerignore` in it.
        exclude: Vec<String>,
    },
    /// The spec itself.
    Entries(Vec<InlineEntry>),
    /// What `COPY` and `ADD` copy.
    Copy {
        /// From where.
        from: CopyFrom,
        /// What, and how.
        copy: Copy,
        /// Who owns it: `user`, `user:group` or `:group`, by names or numbers.
        owner: Option<String>,
    },
    /// What the commands of a `RUN` do.
    Steps {
        /// The commands.
        steps: Vec<Step>,
        /// Who owns what they make.
        owner: Option<String>,
    },
    /// Python wheels, laid as installed: one layer or several.
    Wheels(Box<Wheels>),
    /// A Python project, laid as installed.
    Package(Box<Package>),
    /// What a `RUN` makes that is not done here: its layer can only be kept.
    Run,
}

/// Where something is copied from.
#[derive(Debug, Clone)]
pub enum CopyFrom {
    /// A directory of this machine.
    Context {
        /// What relative paths are relative to.
        folder: PathBuf,
        /// The directory; `{os}`, `{arch}` and `{variant}` stand for the platform's.
        path: String,
        /// The ignore file that takes the place of the `.dockerignore` in it.
        ignore: Option<PathBuf>,
    },
    /// Another image.
    Image {
        /// Where it is.
        location: Location,
        /// How the spec names it.
        name: String,
    },
    /// The image that another recipe of the same run makes.
    Recipe {
        /// Its name.
        name: String,
        /// For which platform it is taken; for the one that is built if not given.
        platform: Option<Platform>,
    },
    /// Another stage of the same Dockerfile.
    Stage(Stage),
}

impl LayerContent {
    /// The context's directory for `platform`.
    pub fn context_path(&self, platform: &Platform) -> Option<PathBuf> {
        match self {
            LayerContent::Context { folder, path, .. }
            | LayerContent::Copy { from: CopyFrom::Context { folder, path, .. }, .. } => {
                Some(join(folder, &for_platform(path, platform)))
            }
            LayerContent::Package(package) => Some(join(&package.folder, &for_platform(&package.path, platform))),
            LayerContent::Entries(_)
            | LayerContent::Copy { .. }
            | LayerContent::Steps { .. }
            | LayerContent::Wheels(_)
            | LayerContent::Run => None,
        }
    }
}

/// `path` below `folder`, without the `./` that a spec in the current folder would put in front of every message.
pub(super) fn join(folder: &Path, path: &str) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(path) } else { folder.join(path) }
}
