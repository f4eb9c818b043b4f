//! From the file's tables to a recipe: everything that TOML cannot say is checked here, with the place it stands at.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::error::{Span, SpecError};
use super::file::{BaseField, EcrTable, EncryptionField, EncryptionWord, PolicyField, SpecFile};
use super::recipe::{Base, LayerRecipe, Recipe, join};
use super::repository::{Encryption, LifecyclePolicy, RepositorySettings};
use super::rule::Rule;
use super::variables::{Template, Variables};
use crate::entry::normalise_path;
use crate::image::{Location, Platform};

mod config;
mod layer;
mod python;
mod transfer;

/// A spec's text and where it comes from.
pub(super) struct Source {
    pub file: PathBuf,
    pub text: Arc<str>,
}

/// Reads any TOML document as specs are read: a mistake is told with its place, an unknown key with the one that was
/// probably meant.
///
/// # Errors
///
/// [`SpecError::At`] with the first mistake.
pub fn parse_toml<T: DeserializeOwned>(file: &Path, text: Arc<str>) -> Result<T, SpecError> {
    Source { file: file.to_owned(), text }.parse()
}

/// A recipe whose base, if it is another spec, is still that spec's file, and so is what its layers copy from.
pub(super) struct Resolved {
    pub recipe: Recipe,
    pub base_spec: Option<OtherSpec>,
    /// The layers that copy from other specs, by their places, in their order.
    pub copied_specs: Vec<(usize, OtherSpec)>,
}

/// Another spec's file, and where it is named.
pub(super) struct OtherSpec {
    pub path: PathBuf,
    pub span: Span,
}

impl Source {
    fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file.clone(), text: Arc::clone(&self.text), range }
    }

    fn error(&self, range: Range<usize>, message: impl Into<String>) -> SpecError {
        SpecError::At { span: self.span(range), message: message.into(), help: None }
    }

    fn error_with_help(&self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> SpecError {
        SpecError::At { span: self.span(range), message: message.into(), help: Some(help.into()) }
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, SpecError> {
        toml::from_str(&self.text).map_err(|error| self.explain(&error))
    }

    /// The parser's error, with a suggestion where a key is unknown.
    fn explain(&self, error: &toml::de::Error) -> SpecError {
        let range = error.span().unwrap_or(0..0);
        // The parser speaks of Rust's types; specs are TOML.
        let message = error.message().trim_end().replace("expected a sequence", "expected an array");
        let message = message.replace("expected i64", "expected an integer");
        let Some(rest) = message.strip_prefix("unknown field `") else { return self.error(range, message) };
        let mut names = rest.split('`').step_by(2);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
            .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
            .min();
        let help = match near {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => format!("the keys here are {}", listed(&known)),
        };
        self.error_with_help(range, format!("unknown key `{unknown}`"), help)
    }

    pub(super) fn resolve(&self, file: SpecFile, variables: &Variables) -> Result<Resolved, SpecError> {
        let name = file.name.get_ref();
        if !is_image_name(name) {
            let help = "names are lower-case letters and digits, joined by `-`, `_`, `.` or `/`";
            return Err(self.error_with_help(file.name.span(), format!("`{name}` is not an image name"), help));
        }
        let (base, base_spec) = self.base(&file.base, variables)?;
        let mut layers: Vec<LayerRecipe> = Vec::new();
        let mut copied_specs = Vec::new();
        for layer in file.layer {
            let name = layer.get_ref().name.span();
            let (layer, other) = self.layer(layer, variables)?;
            if layers.iter().any(|other| other.name == layer.name && may_meet(other, &layer)) {
                return Err(self.error(name, format!("two layers are named `{}`", layer.name)));
            }
            if let Some(wheels) =
                layers.iter().find(|other| may_meet(other, &layer) && other.part(&layer.name).is_some())
            {
                let message = format!("`{}` is what a part of `{}` may be called", layer.name, wheels.name);
                return Err(self.error_with_help(name, message, "call it otherwise, without the `/`"));
            }
            if let Some(part) = layers.iter().find(|other| may_meet(other, &layer) && layer.part(&other.name).is_some())
            {
                let message = format!("`{}` is what a part of `{}` may be called", part.name, layer.name);
                return Err(self.error_with_help(name, message, "call it otherwise"));
            }
            copied_specs.extend(other.map(|other| (layers.len(), other)));
            layers.push(layer);
        }
        let mut recipe = Recipe::scratch(name);
        recipe.base = base;
        recipe.base_tree = file.base_tree;
        recipe.platforms = self.platforms(&file.platforms)?;
        recipe.repository = file.repository.as_ref().map(|text| self.template(text)).transpose()?;
        recipe.tags = file.tags.iter().map(|text| self.template(text)).collect::<Result<_, _>>()?;
        recipe.profile = file.profile;
        recipe.allow = self.allowed(&file.allow)?;
        recipe.layers = layers;
        recipe.config = self.config(file.config)?;
        recipe.ecr = self.repository_settings(file.ecr)?;
        recipe.file = Some(self.file.clone());
        Ok(Resolved { recipe, base_spec, copied_specs })
    }

    fn base(&self, base: &Spanned<BaseField>, variables: &Variables) -> Result<(Base, Option<OtherSpec>), SpecError> {
        match base.get_ref() {
            BaseField::Spec(spec) => {
                let other = OtherSpec { path: join(self.folder(), &spec.spec), span: self.span(base.span()) };
                // The name is put in once that spec is read.
                Ok((Base::Recipe(String::new()), Some(other)))
            }
            BaseField::Reference(text) => Ok((
                match self.image(text, base.span(), variables)? {
                    Some((location, name)) => Base::Image { location, name },
                    None => Base::Scratch,
                },
                None,
            )),
        }
    }

    /// Where an image is, and how it is named; nothing for `scratch`.
    fn image(
        &self,
        text: &str,
        range: Range<usize>,
        variables: &Variables,
    ) -> Result<Option<(Location, String)>, SpecError> {
        let template = Template::parse(text).map_err(|why| self.error(range.clone(), why))?;
        let name = template.expand(variables).map_err(|unset| {
            let help = format!("set it in the environment or with --set {}=VALUE", unset.0);
            self.error_with_help(range.clone(), format!("the variable `{}` has no value", unset.0), help)
        })?;
        if name == "scratch" {
            return Ok(None);
        }
        let mut location: Location = name.parse().map_err(|error| self.error(range, format!("{error}")))?;
        if let Location::Layout { path, .. }
        | Location::OciArchive { path, .. }
        | Location::DockerArchive { path, .. } = &mut location
        {
            *path = self.folder().join(&path);
            // A path of this machine, which a variable may hold, is nobody else's business: the name is as written.
            return Ok(Some((location, text.to_owned())));
        }
        Ok(Some((location, name)))
    }

    fn template(&self, text: &Spanned<String>) -> Result<Template, SpecError> {
        Template::parse(text.get_ref()).map_err(|why| self.error(text.span(), why))
    }

    fn platforms(&self, texts: &[Spanned<String>]) -> Result<Vec<Platform>, SpecError> {
        let mut platforms: Vec<Platform> = Vec::new();
        for text in texts {
            let platform = text.get_ref().parse().map_err(|error| self.error(text.span(), format!("{error}")))?;
            if platforms.contains(&platform) {
                return Err(self.error(text.span(), format!("the platform {platform} stands twice")));
            }
            platforms.push(platform);
        }
        Ok(platforms)
    }

    fn allowed(&self, names: &[Spanned<String>]) -> Result<Vec<Rule>, SpecError> {
        let rule = |name: &Spanned<String>| {
            name.get_ref()
                .parse::<Rule>()
                .map_err(|error| self.error_with_help(name.span(), error.to_string(), error.help()))
        };
        names.iter().map(rule).collect()
    }

    fn absolute(&self, path: &Spanned<String>) -> Result<Box<[u8]>, SpecError> {
        let text = path.get_ref();
        if !text.starts_with('/') {
            let help = format!("write `/{text}`");
            return Err(self.error_with_help(path.span(), format!("`{text}` is not an absolute path"), help));
        }
        let Some(normal) = normalise_path(text.as_bytes()) else {
            return Err(self.error(path.span(), format!("`{text}` has to stay within the image's root")));
        };
        if normal.split(|&byte| byte == b'/').any(|name| name.starts_with(b".wh.")) {
            return Err(self.error(path.span(), format!("`{text}` is named like a whiteout")));
        }
        Ok(normal)
    }

    fn repository_settings(&self, table: EcrTable) -> Result<RepositorySettings, SpecError> {
        let policy = table.lifecycle_policy.map(|policy| {
            let range = policy.span();
            match policy.into_inner() {
                PolicyField::File(path) => Ok(LifecyclePolicy::File(join(self.folder(), &path))),
                PolicyField::Table(table) if table.get("rules").is_some_and(serde_json::Value::is_array) => {
                    Ok(LifecyclePolicy::Text(serde_json::Value::Object(table).to_string()))
                }
                PolicyField::Table(_) => Err(self.error(range, "a lifecycle policy has a list of `rules`")),
            }
        });
        Ok(RepositorySettings {
            scan_on_push: table.scan_on_push,
            tag_mutability: table.tag_mutability,
            lifecycle_policy: policy.transpose()?,
            encryption: table.encryption.map(|encryption| match encryption {
                EncryptionField::Word(EncryptionWord::Aes256) => Encryption::Aes256,
                EncryptionField::Word(EncryptionWord::Kms) => Encryption::Kms { key: None },
                EncryptionField::Key(key) => Encryption::Kms { key: Some(key.kms) },
            }),
        })
    }
}

/// Whether an image may be called so.
pub(crate) fn is_image_name(name: &str) -> bool {
    name.parse::<crate::image::Repository>().is_ok_and(|_| !name.contains([':', '.', '/']))
        || format!("x.example/{name}").parse::<crate::image::Repository>().is_ok()
}

/// Whether an image may have both layers.
fn may_meet(one: &LayerRecipe, other: &LayerRecipe) -> bool {
    let (Some(one), Some(other)) = (&one.platforms, &other.platforms) else { return true };
    one.iter().any(|one| other.iter().any(|other| one.accepts(other)))
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
