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
use crate::python::{DistributionFile, Laid, Remembered, Scheme, Wheel, wheel_id};
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
    let mut laid = Laid { url: Some(url.clone()), question: choice.question, ..laid.clone() };
    let wheel = Arc::new(Absent {
        workshop: python.workshop.clone(),
        choice: choice.clone(),
        scheme: scheme.clone(),
        contents: OnceLock::new(),
    });
    for DistributionFile { path, content, .. } in &mut laid.distribution.files {
        let wheel = Arc::clone(&wheel);
        content.source = Source::Stream(Arc::new(Member { wheel, path: path.clone() }));
    }
    Some(laid)
}

/// What a wheel lays, by path.
type Members = BTreeMap<Box<[u8]>, Source>;

/// A wheel that is downloaded when the first of its contents is needed.
struct Absent {
    workshop: Workshop,
    choice: Choice,
    scheme: Scheme,
    contents: OnceLock<Result<Members, Arc<Error>>>,
}

impl Absent {
    fn contents(&self) -> Result<&Members, Arc<Error>> {
        let fetch = || -> Result<Members, Error> {
            let file = obtain::one(&self.workshop, &self.choice)?;
            let refused = |error: crate::python::WheelError| Error::Request { message: error.to_string(), help: None };
            let laid = Wheel::open(file).and_then(|wheel| wheel.lay(&self.scheme, self.choice.is_local()));
            let files = laid.map_err(refused)?.files;
            Ok(files.into_iter().map(|file| (file.path, file.content.source)).collect())
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
