//! Absent wheels: what they lay is remembered, and their contents are fetched when a layer has to be made after all.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use super::Python;
use super::choose::{Choice, Place};
use super::obtain;
use crate::build::supply;
use crate::error::Error;
use crate::layer::{Source, Stream};
use crate::python::{DistributionFile, Laid, Remembered, Scheme, Wheel, WheelError, WheelFile, wheel_id};
use crate::workshop::Workshop;

impl Python<'_> {
    /// What is remembered of the image's distributions.
    pub(super) fn remembered(&self) -> Option<Arc<Remembered>> {
        self.memory.distributions(self.place, self.image)
    }
}

/// The wheel as it is remembered to be laid, if it would have to be downloaded.
pub(super) fn remembered(python: &Python<'_>, choice: &Choice, scheme: &Scheme) -> Option<Laid> {
    let Place::There { url } = &choice.place else { return None };
    if supply::is_kept(python.workshop, &choice.digest) {
        return None;
    }
    let remembered = python.remembered()?;
    let laid = remembered.find(&wheel_id(&choice.digest, &choice.file, scheme, choice.is_local()))?;
    if laid.distribution.name != choice.name || choice.size.is_some_and(|size| size != laid.size) {
        return None;
    }
    let questions = choice.question.into_iter().collect();
    let mut laid = Laid { url: Some(url.clone()), questions, ..laid.clone() };
    let wheel = Arc::new(Absent {
        workshop: python.workshop.clone(),
        choice: choice.clone(),
        scheme: scheme.clone(),
        remembered: laid.clone(),
        contents: OnceLock::new(),
    });
    for DistributionFile { path, content, .. } in &mut laid.distribution.files {
        let wheel = Arc::clone(&wheel);
        content.source = Source::Stream(Arc::new(Member { wheel, path: path.clone() }));
    }
    Some(laid)
}

/// A wheel as it is laid.
pub(super) fn lay(file: WheelFile, choice: &Choice, scheme: &Scheme) -> Result<Laid, WheelError> {
    let size = file.size;
    let wheel = Wheel::open(file)?;
    let distribution = wheel.lay(scheme, choice.is_local())?;
    Ok(Laid {
        id: wheel_id(&choice.digest, &choice.file, scheme, choice.is_local()),
        file: choice.file.clone(),
        digest: choice.digest,
        size,
        url: match &choice.place {
            Place::There { url } => Some(url.clone()),
            _ => None,
        },
        questions: choice.question.into_iter().collect(),
        requires_python: wheel.requires_python().map(str::to_owned),
        distribution,
        is_news: false,
    })
}

/// What a wheel lays, by path.
type Members = BTreeMap<Box<[u8]>, Source>;

/// A wheel that is downloaded when the first of its contents is needed.
struct Absent {
    workshop: Workshop,
    choice: Choice,
    scheme: Scheme,
    /// What it is said to lay.
    remembered: Laid,
    contents: OnceLock<Result<Members, Arc<Error>>>,
}

impl Absent {
    fn contents(&self) -> Result<&Members, Arc<Error>> {
        let fetch = || -> Result<Members, Error> {
            let file = obtain::one(&self.workshop, &self.choice)?;
            let laid = lay(file, &self.choice, &self.scheme)
                .map_err(|error| Error::Request { message: error.to_string(), help: None })?;
            // Who remembers it may lie, or have laid wheels otherwise: then nothing is made of it.
            if !laid.is_same(&self.remembered) {
                return Err(Error::Elsewhere {
                    message: format!("`{}` does not lay what the cache image remembers of it", self.choice.file),
                    help: "push with --no-remote-cache: what is remembered is written anew".to_owned(),
                });
            }
            Ok(laid.distribution.files.into_iter().map(|file| (file.path, file.content.source)).collect())
        };
        self.contents.get_or_init(|| fetch().map_err(Arc::new)).as_ref().map_err(Arc::clone)
    }
}

/// A file of an absent wheel. What it is remembered to be is made sure of by whoever reads it.
struct Member {
    wheel: Arc<Absent>,
    path: Box<[u8]>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Stream for Member {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let contents = self.wheel.contents().map_err(io::Error::other)?;
        match contents.get(&self.path) {
            Some(source) => source.open().map_err(io::Error::other),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "the wheel has no such file")),
        }
    }

    fn name(&self) -> String {
        let path = String::from_utf8_lossy(&self.path);
        format!("`/{}` of `{}`", path.escape_debug(), self.wheel.choice.file)
    }
}
