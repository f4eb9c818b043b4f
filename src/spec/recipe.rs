//! Recipes: what every front end makes of what the user wrote.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::Span;
use super::lock::Lock;
use super::repository::RepositorySettings;
use super::variables::{Template, Unset, Variables};
use crate::entry::Owner;
use crate::image::{ConfigEdits, Location, Platform};
use crate::layer::{Codec, InlineEntry, Modes};

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
    pub allow: Vec<String>,
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
        }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// AWS Lambda.
    Lambda,
}

/// A layer that is to be.
#[derive(Debug, Clone)]
pub struct LayerRecipe {
    /// Its name, unique in the image.
    pub name: String,
    /// What it holds.
    pub content: LayerContent,
    /// Who owns what it holds.
    pub owner: Owner,
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
}

impl LayerRecipe {
    /// A layer of these entries, with all else as usual.
    pub fn new(name: &str, content: LayerContent) -> LayerRecipe {
        LayerRecipe {
            name: name.to_owned(),
            content,
            owner: Owner::default(),
            modes: Modes::default(),
            mtime: None,
            compression: Codec::default(),
            platforms: None,
            span: None,
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
}

impl LayerContent {
    /// The context's directory for `platform`.
    pub fn context_path(&self, platform: &Platform) -> Option<PathBuf> {
        match self {
            LayerContent::Context { folder, path, .. } => Some(join(
                folder,
                &path
                    .replace("{os}", &platform.os)
                    .replace("{arch}", &platform.architecture)
                    .replace("{variant}", platform.variant.as_deref().unwrap_or_default()),
            )),
            LayerContent::Entries(_) => None,
        }
    }
}

/// `path` below `folder`, without the `./` that a spec in the current folder would put in front of every message.
pub(super) fn join(folder: &Path, path: &str) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(path) } else { folder.join(path) }
}
