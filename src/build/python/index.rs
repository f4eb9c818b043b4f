//! Indexes: where the files of a distribution are, by their digests
//! ([simple repository API](https://packaging.python.org/en/latest/specifications/simple-repository-api/)).
//!
//! An index is asked for addresses only: what is laid is what the lock's digests say.

use std::collections::BTreeSet;
use std::io::Read;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::page::{self, Listed};
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::events::Task;
use crate::layer::shown_url;
use crate::python::WheelName;
use crate::registry;
use crate::workshop::Workshop;

/// How many bytes a page of an index may have.
const PAGE_LIMIT: u64 = 64 << 20;

/// What indexes are asked: which files of a distribution have these digests.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The distribution's name, normalised.
    pub name: String,
    /// The indexes' addresses.
    pub indexes: Vec<String>,
    pub digests: BTreeSet<Digest>,
}

/// What they answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// The wheels that have one of the digests.
    pub wheels: Vec<IndexFile>,
    /// Whether every digest is some file's. Otherwise the indexes may know more another day.
    pub is_complete: bool,
    /// Why there is no answer at all: none of the indexes has the project.
    pub unknown: Option<Box<registry::Error>>,
}

/// A wheel that an index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexFile {
    pub name: WheelName,
    pub url: String,
    pub digest: Digest,
    pub size: Option<u64>,
}

/// How the store remembers an answer.
#[derive(Serialize, Deserialize)]
struct Remembered {
    is_complete: bool,
    files: Vec<RememberedFile>,
}

#[derive(Serialize, Deserialize)]
struct RememberedFile {
    file: String,
    url: String,
    digest: Digest,
    size: Option<u64>,
}

impl Question {
    /// The answer: one that is remembered if it was complete, since another file with one of these digests is the same
    /// file; or, if `anew`, what the indexes say now. Without the network the last one has to do.
    pub fn ask(&self, workshop: &Workshop, anew: bool) -> Result<Answer, Error> {
        let remembered = self.remembered(workshop);
        match remembered {
            Some(answer) if answer.is_complete && !anew => Ok(answer),
            remembered => match (self.ask_all(workshop), remembered) {
                (Err(Error::Registry(error)), Some(answer)) if matches!(*error, registry::Error::Offline { .. }) => {
                    Ok(answer)
                }
                (Err(error), _) => Err(Error::distribution(&self.name, error)),
                (Ok(answer), _) => {
                    self.remember(workshop, &answer)?;
                    Ok(answer)
                }
            },
        }
    }

    fn ask_all(&self, workshop: &Workshop) -> Result<Answer, Error> {
        let mut listed = Vec::new();
        let mut unknown = None;
        let mut is_known = false;
        for index in &self.indexes {
            match self.page(workshop, index) {
                Ok(files) => {
                    is_known = true;
                    listed.extend(files);
                }
                // It has no files of it. Another one may.
                Err(Error::Registry(error)) if matches!(*error, registry::Error::NotFound { .. }) => {
                    unknown.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        listed.retain(|file| self.digests.contains(&file.digest));
        let found: BTreeSet<Digest> = listed.iter().map(|file| file.digest).collect();
        let wheel = |Listed { file, url, digest, size }| {
            Some(IndexFile { name: WheelName::parse(&file).ok()?, url, digest, size })
        };
        Ok(Answer {
            wheels: listed.into_iter().filter_map(wheel).collect(),
            is_complete: found == self.digests,
            unknown: unknown.filter(|_| !is_known),
        })
    }

    fn page(&self, workshop: &Workshop, index: &str) -> Result<Vec<Listed>, Error> {
        let address = format!("{}/{}/", index.trim_end_matches('/'), self.name);
        let _running = workshop.events().begin(Task::Download { url: shown_url(&address) }, 0);
        let mut page = workshop.door().download(&address)?;
        let mut text = Vec::new();
        page.by_ref().take(PAGE_LIMIT + 1).read_to_end(&mut text).map_err(|error| {
            match error.downcast::<registry::Error>() {
                Ok(error) => error.into(),
                Err(error) => Error::request(format!("failed to read `{}`: {error}", shown_url(&address)), "try again"),
            }
        })?;
        if text.len() as u64 > PAGE_LIMIT {
            return Err(registry::Error::TooLarge { action: Box::new(page.action().clone()), limit: PAGE_LIMIT }.into());
        }
        let malformed = |what| registry::Error::Malformed { action: Box::new(page.action().clone()), what };
        let base = Url::parse(page.address()).map_err(|error| malformed(error.to_string()))?;
        Ok(page::parse(&base, &String::from_utf8_lossy(&text)).map_err(malformed)?)
    }

    fn key(&self) -> Digest {
        let mut key = Hasher::new();
        key.field(b"an answer of indexes");
        key.field(self.name.as_bytes());
        key.field(&self.indexes.len().to_le_bytes());
        self.indexes.iter().for_each(|index| key.field(index.as_bytes()));
        self.digests.iter().for_each(|digest| key.field(digest.as_bytes()));
        key.finish()
    }

    fn remembered(&self, workshop: &Workshop) -> Option<Answer> {
        let pack = workshop.store().pack(&self.key())?;
        let remembered = serde_json::from_slice::<Remembered>(pack.index()).ok()?;
        let wheel = |one: RememberedFile| {
            let name = WheelName::parse(&one.file).ok()?;
            Some(IndexFile { name, url: one.url, digest: one.digest, size: one.size })
        };
        let wheels = remembered.files.into_iter().filter_map(wheel).collect();
        Some(Answer { wheels, is_complete: remembered.is_complete, unknown: None })
    }

    fn remember(&self, workshop: &Workshop, answer: &Answer) -> Result<(), Error> {
        if answer.wheels.is_empty() {
            return Ok(());
        }
        let file = |file: &IndexFile| RememberedFile {
            file: file.name.file.clone(),
            url: file.url.clone(),
            digest: file.digest,
            size: file.size,
        };
        let files = answer.wheels.iter().map(file).collect();
        if let Ok(bytes) = serde_json::to_vec(&Remembered { is_complete: answer.is_complete, files }) {
            workshop.store().new_pack()?.commit(&self.key(), bytes)?;
        }
        Ok(())
    }
}
