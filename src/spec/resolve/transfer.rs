//! What a layer copies as `COPY` does, and what commands do in it.

use std::cell::RefCell;

use toml::Spanned;

use super::layer::Key;
use super::{OtherSpec, Source};
use crate::context::IgnoreRules;
use crate::digest::Digest;
use crate::layer::{Copy, CopySource, Step};
use crate::spec::dockerfile::{Environment, steps};
use crate::spec::error::SpecError;
use crate::spec::file::{ImageField, LayerTable, SourceField, SourceTable};
use crate::spec::recipe::{CopyFrom, LayerContent, join};
use crate::spec::variables::Variables;

impl Source {
    /// What `sources` are, and the spec whose image they are of.
    pub(super) fn transfer(
        &self,
        table: &LayerTable,
        sources: &Spanned<Vec<Spanned<SourceField>>>,
        variables: &Variables,
    ) -> Result<(LayerContent, Option<OtherSpec>), SpecError> {
        if let Some(from) = &table.from {
            let help = "write the whole paths in `sources`";
            return Err(self.error_with_help(from.span(), "`from` does not go with `sources`", help));
        }
        if let Some(entries) = &table.entries {
            let place = entries.first().map_or(sources.span(), Spanned::span);
            let help = "make two layers of them";
            return Err(self.error_with_help(place, "a layer has `sources` or `entries`, not both", help));
        }
        let Some(to) = &table.to else {
            let message = format!("the layer `{}` does not say where its sources go", table.name.get_ref());
            return Err(self.error_with_help(sources.span(), message, "add `to = \"/…/\"`"));
        };
        self.absolute(to)?;
        let mut found = Vec::new();
        for source in sources.get_ref() {
            found.push(self.source(source)?);
        }
        if found.is_empty() {
            return Err(self.error(sources.span(), "`sources` names nothing to copy"));
        }
        if found.len() > 1 && !to.get_ref().ends_with('/') {
            let message = format!("{} sources go to `{}`, which is written as one file", found.len(), to.get_ref());
            return Err(self.error_with_help(to.span(), message, format!("write `{}/`", to.get_ref())));
        }
        for pattern in &table.exclude {
            let mut rules = IgnoreRules::default();
            rules.push(pattern.get_ref()).map_err(|error| self.error(pattern.span(), format!("{error}")))?;
        }
        let (from, other) = self.copied_from(table, sources, variables)?;
        let chmod = match &table.chmod {
            Some(text) => Some(text.get_ref().parse().map_err(|error| self.error(text.span(), format!("{error}")))?),
            None => None,
        };
        let copy = Copy {
            sources: found,
            to: to.get_ref().clone().into_bytes(),
            exclude: table.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
            parents: table.parents.as_ref().is_some_and(|parents| *parents.get_ref()),
            unpack: table.unpack.as_ref().is_some_and(|unpack| *unpack.get_ref()),
            chmod,
        };
        let owner = table.owner.as_ref().map(|owner| owner.get_ref().clone());
        Ok((LayerContent::Copy { from, copy, owner }, other))
    }

    fn copied_from(
        &self,
        table: &LayerTable,
        sources: &Spanned<Vec<Spanned<SourceField>>>,
        variables: &Variables,
    ) -> Result<(CopyFrom, Option<OtherSpec>), SpecError> {
        let context =
            |path: &str, ignore| CopyFrom::Context { folder: self.folder().to_owned(), path: path.to_owned(), ignore };
        let Some(image) = &table.image else {
            let path = match &table.context {
                Some(path) if path.get_ref().is_empty() => {
                    let help = "write `.` for the folder of the spec";
                    return Err(self.error_with_help(
                        path.span(),
                        "a context is a directory, and this names none",
                        help,
                    ));
                }
                Some(path) => path.get_ref(),
                None => {
                    match sources.get_ref().iter().find(|source| matches!(source.get_ref(), SourceField::Path(_))) {
                        Some(source) => {
                            let message = "the layer does not say where this is copied from";
                            let help = "add `context = \"DIR\"` or `image = \"REFERENCE\"`";
                            return Err(self.error_with_help(source.span(), message, help));
                        }
                        // Nothing is read there.
                        None => ".",
                    }
                }
            };
            let ignore = match &table.ignore_file {
                None => None,
                Some(file) => {
                    let path = join(self.folder(), file.get_ref());
                    if !path.is_file() {
                        return Err(self.error(file.span(), format!("there is no file `{}`", path.display())));
                    }
                    Some(path)
                }
            };
            return Ok((context(path, ignore), None));
        };
        let keys: [Key; 3] = [
            ("context", |table| table.context.as_ref().map(Spanned::span)),
            ("ignore_file", |table| table.ignore_file.as_ref().map(Spanned::span)),
            ("modes", |table| table.modes.as_ref().map(Spanned::span)),
        ];
        self.refuse_keys(table, &keys, "does not go with an `image`")?;
        match image.get_ref() {
            ImageField::Reference(text) => match self.image(text, image.span(), variables)? {
                Some((location, name)) => Ok((CopyFrom::Image { location, name }, None)),
                None => Err(self.error(image.span(), "there is nothing to copy from `scratch`")),
            },
            ImageField::Spec(spec) => {
                let platform = spec.platform.as_ref().map(|platform| {
                    platform.get_ref().parse().map_err(|error| self.error(platform.span(), format!("{error}")))
                });
                let other = OtherSpec { path: join(self.folder(), &spec.spec), span: self.span(image.span()) };
                // The name is put in once that spec is read.
                Ok((CopyFrom::Recipe { name: String::new(), platform: platform.transpose()? }, Some(other)))
            }
        }
    }

    fn source(&self, source: &Spanned<SourceField>) -> Result<CopySource, SpecError> {
        let help = "a source is a path, { name = \"a.txt\", text = \"…\" } or \
                    { url = \"https://…\", checksum = \"sha256:…\" }";
        let refuse = |message: String, help: &str| Err(self.error_with_help(source.span(), message, help));
        match source.get_ref() {
            SourceField::Path(path) if is_url(path) => refuse(
                format!("what `{path}` holds may be something else tomorrow"),
                &format!("say what it has to be: {{ url = \"{path}\", checksum = \"sha256:…\" }}"),
            ),
            SourceField::Path(path) if path.is_empty() => {
                refuse("a source is a path, and this names none".to_owned(), "write `.` for all of the context")
            }
            SourceField::Path(path) if path.contains('\0') => refuse("no path has a NUL byte".to_owned(), help),
            SourceField::Path(path) => Ok(CopySource::Path(path.clone().into_bytes())),
            SourceField::Table(SourceTable {
                name: Some(name),
                text: Some(text),
                url: None,
                checksum: None,
                unpack: None,
            }) => {
                if matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']) {
                    return refuse(format!("`{name}` is no file's name"), help);
                }
                Ok(CopySource::Text { name: name.clone(), text: text.clone().into_bytes() })
            }
            SourceField::Table(SourceTable {
                name: None,
                text: None,
                url: Some(url),
                checksum: Some(checksum),
                unpack,
            }) => {
                if !is_url(url) {
                    return refuse(format!("`{url}` does not begin with https:// or http://"), help);
                }
                match checksum.parse::<Digest>() {
                    Ok(checksum) => Ok(CopySource::Url { url: url.clone(), checksum, unpack: unpack.unwrap_or(false) }),
                    Err(_) => refuse(format!("`{checksum}` is no checksum such as sha256:…"), help),
                }
            }
            SourceField::Table(_) => refuse("this says neither a file's text nor where one is".to_owned(), help),
        }
    }

    /// What the commands of `run` do.
    pub(super) fn run(
        &self,
        table: &LayerTable,
        run: &Spanned<Vec<Spanned<String>>>,
    ) -> Result<LayerContent, SpecError> {
        let mut all = Vec::new();
        for command in run.get_ref() {
            let refuse = |what: String| {
                let help = "there are mkdir, chmod, chown, touch, ln -s and rm, joined by `&&`";
                Err(self.error_with_help(command.span(), format!("nothing is run here, and this needs {what}"), help))
            };
            let variables = NoVariables::default();
            match steps(command.get_ref(), b"", &variables) {
                Ok(steps) => all.extend(steps),
                Err(refusal) => return refuse(refusal.what),
            }
            if let Some(name) = variables.asked.into_inner() {
                return refuse(format!("the variable `{name}`"));
            }
        }
        if all.is_empty() {
            return Err(self.error(run.span(), "`run` does nothing"));
        }
        let owner = table.owner.as_ref().map(|owner| owner.get_ref().clone());
        Ok(LayerContent::Steps { steps: all, owner })
    }

    /// The directory that is made to work in.
    pub(super) fn workdir(&self, table: &LayerTable, workdir: &Spanned<String>) -> Result<LayerContent, SpecError> {
        let path = self.absolute(workdir)?.into_vec();
        if path.is_empty() {
            return Err(self.error(workdir.span(), "the root itself need not be made"));
        }
        let owner = table.owner.as_ref().map(|owner| owner.get_ref().clone());
        Ok(LayerContent::Steps { steps: vec![Step::WorkingDirectory { path }], owner })
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// An environment without variables, which remembers the last that was asked for.
#[derive(Default)]
struct NoVariables {
    asked: RefCell<Option<String>>,
}

impl Environment for NoVariables {
    fn get(&self, name: &str) -> Option<&str> {
        *self.asked.borrow_mut() = Some(name.to_owned());
        None
    }
}
