//! From the file's tables to a recipe: everything that TOML cannot say is checked here, with the place it stands at.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::duration;
use super::error::{Span, SpecError};
use super::file::{
    BaseField, ConfigTable, EcrTable, EncryptionField, EncryptionWord, EntryTable, HealthcheckTable, LayerTable,
    ModesField, ModesWord, PolicyField, PortField, SpecFile,
};
use super::recipe::{Base, LayerContent, LayerRecipe, Recipe, join};
use super::repository::{Encryption, LifecyclePolicy, RepositorySettings};
use super::variables::{Template, Variables};
use crate::context::IgnoreRules;
use crate::entry::normalise_path;
use crate::image::accounts::OwnerName;
use crate::image::{ConfigEdits, Healthcheck, Location, Platform};
use crate::layer::{InlineContent, InlineEntry, Modes};

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

/// A recipe whose base, if it is another spec, is still that spec's file.
pub(super) struct Resolved {
    pub recipe: Recipe,
    pub base_spec: Option<(PathBuf, Span)>,
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
        for layer in file.layer {
            let name = layer.get_ref().name.span();
            let layer = self.layer(layer)?;
            if layers.iter().any(|other| other.name == layer.name) {
                return Err(self.error(name, format!("two layers are named `{}`", layer.name)));
            }
            layers.push(layer);
        }
        let mut recipe = Recipe::scratch(name);
        recipe.base = base;
        recipe.base_tree = file.base_tree;
        recipe.platforms = self.platforms(&file.platforms)?;
        recipe.repository = file.repository.as_ref().map(|text| self.template(text)).transpose()?;
        recipe.tags = file.tags.iter().map(|text| self.template(text)).collect::<Result<_, _>>()?;
        recipe.profile = file.profile;
        recipe.allow = file.allow;
        recipe.layers = layers;
        recipe.config = self.config(file.config)?;
        recipe.ecr = self.repository_settings(file.ecr)?;
        recipe.file = Some(self.file.clone());
        Ok(Resolved { recipe, base_spec })
    }

    fn base(
        &self,
        base: &Spanned<BaseField>,
        variables: &Variables,
    ) -> Result<(Base, Option<(PathBuf, Span)>), SpecError> {
        let text = match base.get_ref() {
            BaseField::Spec(spec) => {
                let path = join(self.folder(), &spec.spec);
                // The name is put in once that spec is read.
                return Ok((Base::Recipe(String::new()), Some((path, self.span(base.span())))));
            }
            BaseField::Reference(text) => text,
        };
        let template = Template::parse(text).map_err(|why| self.error(base.span(), why))?;
        let name = template.expand(variables).map_err(|unset| {
            let help = format!("set it in the environment or with --set {}=VALUE", unset.0);
            self.error_with_help(base.span(), format!("the variable `{}` has no value", unset.0), help)
        })?;
        if name == "scratch" {
            return Ok((Base::Scratch, None));
        }
        let mut location: Location = name.parse().map_err(|error| self.error(base.span(), format!("{error}")))?;
        if let Location::Layout { path, .. }
        | Location::OciArchive { path, .. }
        | Location::DockerArchive { path, .. } = &mut location
        {
            *path = self.folder().join(&path);
            // A path of this machine, which a variable may hold, is nobody else's business: the name is as written.
            return Ok((Base::Image { location, name: text.clone() }, None));
        }
        Ok((Base::Image { location, name }, None))
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

    fn layer(&self, layer: Spanned<LayerTable>) -> Result<LayerRecipe, SpecError> {
        let range = layer.span();
        let table = layer.into_inner();
        let name = table.name.get_ref();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(self.error(table.name.span(), "a layer's name is a line of text"));
        }
        let content = match (&table.context, &table.entries) {
            (Some(_), Some(_)) => {
                let help = "make two layers of them";
                return Err(self.error_with_help(range, "a layer has a `context` or `entries`, not both", help));
            }
            (None, None) => {
                let message = format!("the layer `{name}` has neither a `context` nor `entries`");
                return Err(self.error(range, message));
            }
            (Some(context), None) => self.context(&table, context)?,
            (None, Some(entries)) => {
                for (key, text) in [("from", &table.from), ("to", &table.to)] {
                    if let Some(text) = text {
                        return Err(self.error(text.span(), format!("`{key}` goes with a `context`")));
                    }
                }
                if let Some(pattern) = table.exclude.first() {
                    return Err(self.error(pattern.span(), "`exclude` goes with a `context`"));
                }
                let entries: Result<_, _> = entries.iter().map(|entry| self.entry(entry)).collect();
                LayerContent::Entries(entries?)
            }
        };
        let mut recipe = LayerRecipe::new(name, content);
        let says = table.context.as_ref().unwrap_or(&table.name);
        recipe.span = Some(self.span(says.span()));
        recipe.owner = table.owner.as_ref().map(|owner| self.owner(owner)).transpose()?.unwrap_or_default();
        recipe.modes = table.modes.as_ref().map(|modes| self.modes(modes)).transpose()?.unwrap_or_default();
        recipe.mtime = table.mtime;
        recipe.compression = table.compression;
        if table.platforms.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.error(table.name.span(), format!("the layer `{name}` is for no platform")));
        }
        recipe.platforms = table.platforms.as_deref().map(|platforms| self.platforms(platforms)).transpose()?;
        Ok(recipe)
    }

    fn context(&self, table: &LayerTable, context: &Spanned<String>) -> Result<LayerContent, SpecError> {
        let Some(to) = &table.to else {
            let message = format!("the layer `{}` does not say where its context goes", table.name.get_ref());
            return Err(self.error_with_help(context.span(), message, "add `to = \"/…/\"`"));
        };
        self.absolute(to)?;
        if context.get_ref().is_empty() {
            let help = "write `.` for the folder of the spec";
            return Err(self.error_with_help(context.span(), "a context is a directory, and this names none", help));
        }
        let from = match &table.from {
            Some(from) => normalise_path(from.get_ref().as_bytes())
                .ok_or_else(|| self.error(from.span(), "`from` has to stay within the context"))?,
            None => Box::default(),
        };
        for pattern in &table.exclude {
            let mut rules = IgnoreRules::default();
            rules.push(pattern.get_ref()).map_err(|error| self.error(pattern.span(), format!("{error}")))?;
        }
        Ok(LayerContent::Context {
            folder: self.folder().to_owned(),
            path: context.get_ref().clone(),
            from: from.into(),
            to: to.get_ref().clone().into_bytes(),
            exclude: table.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        })
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

    fn entry(&self, entry: &Spanned<EntryTable>) -> Result<InlineEntry, SpecError> {
        let table = entry.get_ref();
        let path = table.path.get_ref();
        if self.absolute(&table.path)?.is_empty() {
            return Err(self.error(table.path.span(), "the root itself is no entry"));
        }
        let content = match (&table.text, &table.link) {
            (Some(_), Some(_)) => return Err(self.error(entry.span(), "an entry has a `text` or a `link`, not both")),
            (Some(text), None) => InlineContent::Text(text.clone().into_bytes()),
            (None, Some(link)) if !link.is_empty() && !link.contains('\0') => {
                InlineContent::Link(link.clone().into_bytes())
            }
            (None, Some(_)) => return Err(self.error(entry.span(), "a `link` has to lead somewhere")),
            (None, None) => InlineContent::Directory,
        };
        if content != InlineContent::Directory && path.ends_with('/') {
            return Err(self.error(table.path.span(), format!("`{path}` ends in `/`, so it would be a directory")));
        }
        if let (InlineContent::Link(_), Some(mode)) = (&content, &table.mode) {
            return Err(self.error(mode.span(), "a link has no mode"));
        }
        Ok(InlineEntry {
            path: path.clone().into_bytes(),
            mode: table.mode.as_ref().map(|mode| self.mode(mode.get_ref(), mode.span())).transpose()?,
            owner: table.owner.as_ref().map(|owner| self.owner(owner)).transpose()?,
            content,
        })
    }

    fn mode(&self, text: &str, range: Range<usize>) -> Result<u32, SpecError> {
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|&mode| mode <= 0o7777 && !text.starts_with('+'))
            .ok_or_else(|| self.error(range, format!("`{text}` is not an octal mode up to 7777")))
    }

    fn owner(&self, owner: &Spanned<String>) -> Result<OwnerName, SpecError> {
        let help = "an owner is `user`, `user:group` or `:group`, by names of the image or by numbers";
        match owner.get_ref().parse() {
            _ if owner.get_ref().is_empty() => Err(self.error_with_help(owner.span(), "the owner is empty", help)),
            _ if owner.get_ref().matches(':').count() > 1 => {
                Err(self.error_with_help(owner.span(), format!("`{}` is no owner", owner.get_ref()), help))
            }
            Ok(name) => Ok(name),
            Err(error) => Err(self.error_with_help(owner.span(), error.to_string(), help)),
        }
    }

    fn modes(&self, modes: &Spanned<ModesField>) -> Result<Modes, SpecError> {
        match modes.get_ref() {
            ModesField::Word(ModesWord::Normalize) => Ok(Modes::Normalize),
            ModesField::Word(ModesWord::Keep) => Ok(Modes::Keep),
            ModesField::Table(table) => {
                let mode = |text: &Option<String>| text.as_ref().map(|text| self.mode(text, modes.span())).transpose();
                Ok(Modes::Fixed { file: mode(&table.file)?, dir: mode(&table.dir)? })
            }
        }
    }

    fn config(&self, table: ConfigTable) -> Result<ConfigEdits, SpecError> {
        let mut env = Vec::new();
        for (name, value) in table.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(self.error(value.span(), format!("`{name}` is not a variable's name")));
            }
            env.push((name, value.into_inner()));
        }
        let mut expose = Vec::new();
        for port in table.expose {
            let text = match port.get_ref() {
                PortField::Number(number) => number.to_string(),
                PortField::Text(text) => text.clone(),
            };
            let (number, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit())
                && number.parse::<u16>().is_ok_and(|number| number > 0);
            if !is_number || !["tcp", "udp", "sctp"].contains(&protocol) {
                return Err(self.error(port.span(), format!("`{text}` is not a port such as 8080 or 53/udp")));
            }
            expose.push(text);
        }
        if let Some(workdir) = &table.workdir {
            self.absolute(workdir)?;
        }
        Ok(ConfigEdits {
            shell: None,
            on_build: None,
            author: None,
            args_escaped: None,
            env,
            workdir: table.workdir.map(Spanned::into_inner),
            entrypoint: table.entrypoint,
            cmd: table.cmd,
            user: table.user,
            labels: table.labels,
            expose,
            volumes: table.volumes,
            stop_signal: table.stop_signal,
            healthcheck: table.healthcheck.map(|check| self.healthcheck(check)).transpose()?,
        })
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

    fn healthcheck(&self, check: Spanned<HealthcheckTable>) -> Result<Healthcheck, SpecError> {
        let range = check.span();
        let table = check.into_inner();
        let well_formed = match table.test.first().map(String::as_str) {
            Some("NONE") => table.test.len() == 1,
            Some("CMD") => table.test.len() > 1,
            Some("CMD-SHELL") => table.test.len() == 2,
            _ => false,
        };
        if !well_formed {
            let message = "`test` is [\"CMD\", …], [\"CMD-SHELL\", text] or [\"NONE\"]";
            return Err(self.error(range, message));
        }
        let time = |text: Option<String>| {
            text.map(|text| {
                duration::parse(&text)
                    .ok_or_else(|| self.error(range.clone(), format!("`{text}` is not a duration such as 1m30s")))
            })
            .transpose()
        };
        Ok(Healthcheck {
            test: table.test,
            interval: time(table.interval)?,
            timeout: time(table.timeout)?,
            start_period: time(table.start_period)?,
            start_interval: time(table.start_interval)?,
            retries: table.retries,
        })
    }
}

/// Whether an image may be called so.
pub(super) fn is_image_name(name: &str) -> bool {
    name.parse::<crate::image::Repository>().is_ok_and(|_| !name.contains([':', '.', '/']))
        || format!("x.example/{name}").parse::<crate::image::Repository>().is_ok()
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
