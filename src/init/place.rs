//! The spec's place: paths that a Dockerfile has relative to the working directory become relative to the spec's folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;
use crate::image::{Location, Platform};
use crate::layer::CopySource;
use crate::spec::dockerfile::Stage;
use crate::spec::{CopyFrom, LayerContent, LayerRecipe, SpecError};

/// What stands for a platform's words in a context's path.
const PLACEHOLDERS: [&str; 3] = ["{os}", "{arch}", "{variant}"];

/// A spec's folder.
pub(super) struct Place {
    /// As it is given; empty for the working directory.
    folder: PathBuf,
    /// Where it really is.
    real: PathBuf,
}

impl Place {
    /// Of the folder of this file.
    pub fn of(file: &Path) -> Result<Place, Error> {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let opened = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        match fs::canonicalize(opened) {
            Ok(real) => Ok(Place { folder, real }),
            Err(source) => Err(SpecError::Write { path: file.to_owned(), source }.into()),
        }
    }

    pub fn folder(&self) -> &Path {
        if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder }
    }

    /// Whether the schema lies there.
    pub fn has_schema(&self) -> bool {
        self.real.join("spec.schema.json").is_file()
    }

    /// A path for a comment.
    pub fn show(&self, path: &Path) -> String {
        let shown = self.relative(path).unwrap_or_else(|_| path.to_string_lossy().into_owned());
        shown.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
    }

    /// An existing path, relative to the folder.
    fn relative(&self, path: &Path) -> Result<String, String> {
        let real = fs::canonicalize(path).map_err(|error| format!("`{}` cannot be found: {error}", path.display()))?;
        let common = real.components().zip(self.real.components()).take_while(|(one, two)| one == two).count();
        let up = self.real.components().skip(common).map(|_| Component::ParentDir);
        let relative: PathBuf = up.chain(real.components().skip(common)).collect();
        match relative.to_str() {
            Some("") => Ok(".".to_owned()),
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("the path `{}` is not UTF-8, as a spec is", path.display())),
        }
    }

    /// A context's directory, in which platforms may be named.
    fn context(&self, path: &str) -> Result<String, String> {
        let at = PLACEHOLDERS.iter().filter_map(|word| path.find(word)).min();
        let (fixed, rest) = match at {
            None => (path, ""),
            // From the part on that a platform is named in.
            Some(at) => path.split_at(path[..at].rfind('/').map_or(0, |slash| slash + 1)),
        };
        let relative = self.relative(Path::new(if fixed.is_empty() { "." } else { fixed }))?;
        if PLACEHOLDERS.iter().any(|word| relative.contains(word)) {
            return Err(format!("the path `{relative}` holds what stands for a platform in a spec"));
        }
        match (relative.as_str(), rest) {
            (_, "") => Ok(relative),
            (".", rest) => Ok(rest.to_owned()),
            (relative, rest) => Ok(format!("{relative}/{rest}")),
        }
    }

    /// An image's place and name as the spec has them.
    pub fn image(&self, location: &Location, name: &str) -> Result<(Location, String), String> {
        let written = match location {
            Location::Registry(_) => name.to_owned(),
            Location::Layout { path, name: image }
            | Location::OciArchive { path, name: image }
            | Location::DockerArchive { path, name: image } => {
                let is_same = |path: &Path| fs::canonicalize(self.real.join(path)).ok() == fs::canonicalize(path).ok();
                if is_same(path) {
                    name.to_owned()
                } else {
                    let relative = self.relative(path)?;
                    let scheme = match location {
                        Location::Layout { .. } => "oci",
                        Location::OciArchive { .. } => "oci-archive",
                        _ => "docker-archive",
                    };
                    let image = image.as_ref().map(|image| format!(":{image}")).unwrap_or_default();
                    format!("{scheme}:{relative}{image}")
                }
            }
        };
        let read = written.parse::<Location>().map_err(|error| error.to_string())?;
        let read = self.below(read);
        let is_same = match (&read, location) {
            (Location::Registry(read), Location::Registry(location)) => read == location,
            (read, location) => parts(read) == parts(location) && parts(read).is_some(),
        };
        match is_same && !written.contains("${") {
            true => Ok((read, written)),
            false => Err(format!("a spec cannot name the image `{name}`: it would be read as something else")),
        }
    }

    fn below(&self, mut location: Location) -> Location {
        if let Location::Layout { path, .. }
        | Location::OciArchive { path, .. }
        | Location::DockerArchive { path, .. } = &mut location
        {
            *path = self.folder.join(&path);
        }
        location
    }

    /// A layer as the spec has it. `elsewhere` names the platform that is built for and that of the stage, if they are
    /// two.
    pub fn rewrite(
        &self,
        layer: &LayerRecipe,
        elsewhere: Option<(&Platform, &Platform)>,
        copied: &dyn Fn(&Stage) -> Result<CopyFrom, Error>,
    ) -> Result<LayerRecipe, Error> {
        let span = layer.span.clone();
        let refuse = |message: String| match &span {
            Some(span) => SpecError::At { span: span.clone(), message, help: None }.into(),
            None => Error::request(message, "leave it out"),
        };
        let mut layer = layer.clone();
        if let LayerContent::Copy { from, copy, .. } = &mut layer.content {
            let needs_tree = copy.sources.iter().any(|source| matches!(source, CopySource::Path(_)));
            // Files from elsewhere say it themselves.
            copy.unpack &= needs_tree;
            if let Some((target, own)) = elsewhere
                && match &*from {
                    CopyFrom::Image { .. } => true,
                    CopyFrom::Context { path, .. } => PLACEHOLDERS.iter().any(|word| path.contains(word)),
                    _ => false,
                }
            {
                return Err(refuse(format!("a spec for {own} cannot copy what is for {target}")));
            }
            *from = match &*from {
                // What the spec itself holds needs no context.
                CopyFrom::Context { .. } if !needs_tree => {
                    CopyFrom::Context { folder: self.folder.clone(), path: ".".to_owned(), ignore: None }
                }
                CopyFrom::Context { folder, path, ignore } => {
                    let whole = folder.join(path);
                    let path = whole.to_str().ok_or_else(|| refuse("the context's path is not UTF-8".to_owned()))?;
                    let ignore = ignore.as_ref().map(|ignore| self.relative(ignore)).transpose().map_err(refuse)?;
                    CopyFrom::Context {
                        folder: self.folder.clone(),
                        path: self.context(path).map_err(refuse)?,
                        ignore: ignore.map(|ignore| self.folder.join(ignore)),
                    }
                }
                CopyFrom::Image { location, name } => {
                    let (location, name) = self.image(location, name).map_err(refuse)?;
                    CopyFrom::Image { location, name }
                }
                CopyFrom::Stage(stage) => copied(stage)?,
                other @ CopyFrom::Recipe { .. } => other.clone(),
            };
        }
        Ok(layer)
    }
}

/// What a location of this machine is made of: its kind, where it really is, the image in it.
fn parts(location: &Location) -> Option<(u8, PathBuf, Option<&String>)> {
    let (kind, path, name) = match location {
        Location::Registry(_) => return None,
        Location::Layout { path, name } => (0, path, name),
        Location::OciArchive { path, name } => (1, path, name),
        Location::DockerArchive { path, name } => (2, path, name),
    };
    Some((kind, fs::canonicalize(path).ok()?, name.as_ref()))
}
