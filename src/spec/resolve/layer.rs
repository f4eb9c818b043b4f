//! Layers: what a `[[layer]]` says.

use std::ops::Range;

use toml::Spanned;

use super::{OtherSpec, Source};
use crate::context::IgnoreRules;
use crate::entry::normalise_path;
use crate::image::accounts::OwnerName;
use crate::layer::{InlineContent, InlineEntry, Modes};
use crate::spec::error::SpecError;
use crate::spec::file::{EntryTable, LayerTable, ModesField, ModesWord};
use crate::spec::recipe::{LayerContent, LayerRecipe};
use crate::spec::variables::Variables;

impl Source {
    /// A layer, and the spec whose image it copies from.
    pub(super) fn layer(
        &self,
        layer: Spanned<LayerTable>,
        variables: &Variables,
    ) -> Result<(LayerRecipe, Option<OtherSpec>), SpecError> {
        let range = layer.span();
        let table = layer.into_inner();
        let name = table.name.get_ref();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(self.error(table.name.span(), "a layer's name is a line of text"));
        }
        let mut other = None;
        let says;
        if table.wheels.is_none() && table.package.is_none() {
            self.refuse_python_keys(&table)?;
        }
        let content = if let Some(wheels) = &table.wheels {
            says = wheels.span();
            self.wheels(&table, wheels)?
        } else if let Some(package) = &table.package {
            says = package.span();
            self.package(&table, package)?
        } else if let Some(run) = &table.run {
            self.alone(&table, "run")?;
            says = run.span();
            self.run(&table, run)?
        } else if let Some(workdir) = &table.workdir {
            self.alone(&table, "workdir")?;
            says = workdir.span();
            self.workdir(&table, workdir)?
        } else if let Some(sources) = &table.sources {
            let copied = self.transfer(&table, sources, variables)?;
            other = copied.1;
            says = sources.span();
            copied.0
        } else {
            self.refuse_keys(&table, &SOURCES_KEYS, "goes with `sources`")?;
            says = table.context.as_ref().unwrap_or(&table.name).span();
            match (&table.context, &table.entries) {
                (Some(_), Some(_)) => {
                    let help = "make two layers of them";
                    return Err(self.error_with_help(range, "a layer has a `context` or `entries`, not both", help));
                }
                (None, None) => {
                    let message = format!(
                        "the layer `{name}` has neither a `context` nor `entries`, `sources`, `run`, `workdir`, `wheels` or `package`"
                    );
                    return Err(self.error(range, message));
                }
                (Some(context), None) => self.context(&table, context)?,
                (None, Some(entries)) => {
                    self.refuse_keys(&table, &CONTEXT_KEYS[2..], "goes with a `context`")?;
                    let entries: Result<_, _> = entries.iter().map(|entry| self.entry(entry)).collect();
                    LayerContent::Entries(entries?)
                }
            }
        };
        let owner = table.owner.as_ref().map(|owner| self.owner(owner)).transpose()?;
        let mut recipe = LayerRecipe::new(name, content);
        recipe.span = Some(self.span(says));
        recipe.exclude_spans = table.exclude.iter().map(|pattern| self.span(pattern.span())).collect();
        recipe.modes = table.modes.as_ref().map(|modes| self.modes(modes)).transpose()?.unwrap_or_default();
        recipe.mtime = table.mtime;
        recipe.compression = table.compression;
        if let LayerContent::Context { .. }
        | LayerContent::Entries(_)
        | LayerContent::Wheels(_)
        | LayerContent::Package(_) = recipe.content
        {
            recipe.owner = owner.unwrap_or_default();
        }
        if table.platforms.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.error(table.name.span(), format!("the layer `{name}` is for no platform")));
        }
        recipe.platforms = table.platforms.as_deref().map(|platforms| self.platforms(platforms)).transpose()?;
        Ok((recipe, other))
    }

    /// Refuses what does not go with commands or a directory to work in, whose key is `key`.
    fn alone(&self, table: &LayerTable, key: &str) -> Result<(), SpecError> {
        let others: [Key; 2] = [("modes", |table| place(&table.modes)), ("workdir", |table| place(&table.workdir))];
        for keys in [&CONTEXT_KEYS[..], &SOURCES_KEYS, &others] {
            let keys: Vec<Key> = keys.iter().filter(|(other, _)| *other != key).copied().collect();
            self.refuse_keys(table, &keys, &format!("does not go with `{key}`"))?;
        }
        Ok(())
    }

    /// Refuses those of the keys that are given.
    pub(super) fn refuse_keys(&self, table: &LayerTable, keys: &[Key], why: &str) -> Result<(), SpecError> {
        match keys.iter().find_map(|(key, place)| Some((key, place(table)?))) {
            Some((key, range)) => Err(self.error(range, format!("`{key}` {why}"))),
            None => Ok(()),
        }
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

    pub(super) fn owner(&self, owner: &Spanned<String>) -> Result<OwnerName, SpecError> {
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
}

/// A key of a layer's table, and where its value stands if it is given.
pub(super) type Key = (&'static str, fn(&LayerTable) -> Option<Range<usize>>);

pub(super) fn place<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

/// What a layer of a context has.
const CONTEXT_KEYS: [Key; 5] = [
    ("context", |table| place(&table.context)),
    ("entries", |table| table.entries.as_ref().map(|entries| entries.first().map_or(table.name.span(), Spanned::span))),
    ("from", |table| place(&table.from)),
    ("to", |table| place(&table.to)),
    ("exclude", |table| table.exclude.first().map(Spanned::span)),
];

/// What only a layer of `sources` has.
const SOURCES_KEYS: [Key; 6] = [
    ("sources", |table| place(&table.sources)),
    ("image", |table| place(&table.image)),
    ("ignore_file", |table| place(&table.ignore_file)),
    ("parents", |table| place(&table.parents)),
    ("unpack", |table| place(&table.unpack)),
    ("chmod", |table| place(&table.chmod)),
];
