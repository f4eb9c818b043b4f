//! Obtaining: wheels that were chosen become files that can be read, downloaded where they are not here.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;

use super::choose::{Choice, Place};
use super::house::digest_of;
use crate::build::supply;
use crate::digest::{Digest, Digesting};
use crate::error::Error;
use crate::events::Task;
use crate::layer::{Source, shown_url};
use crate::python::WheelFile;
use crate::registry::{self, Action};
use crate::workshop::Workshop;

/// How many wheels are downloaded at once.
const AT_ONCE: usize = 8;

/// The files of the chosen wheels, in their order.
pub(super) fn obtain(workshop: &Workshop, choices: &[&Choice]) -> Result<Vec<WheelFile>, Error> {
    let next = AtomicUsize::new(0);
    let obtained: Mutex<Vec<Option<Result<WheelFile, Error>>>> = Mutex::new(choices.iter().map(|_| None).collect());
    let is_far = choices.iter().filter(|choice| matches!(choice.place, Place::There { .. })).count();
    std::thread::scope(|scope| {
        for _ in 0..is_far.clamp(1, AT_ONCE) {
            scope.spawn(|| {
                while let Some((at, choice)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, choices.get(at)?)))
                {
                    let file = one(workshop, choice);
                    // The first of several failures by place: what was begun before it is finished.
                    let has_failed = file.is_err();
                    if let Some(place) = obtained.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
                        *place = Some(file);
                    }
                    if has_failed {
                        next.store(choices.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    obtained.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// The file of a chosen wheel.
pub(super) fn one(workshop: &Workshop, choice: &Choice) -> Result<WheelFile, Error> {
    let file = match &choice.place {
        Place::House { path, .. } => here(choice, path)?,
        Place::Beside { path } => {
            make_sure(choice, path)?;
            here(choice, path)?
        }
        Place::There { url } => far(workshop, choice, url).map_err(|error| Error::distribution(&choice.name, error))?,
    };
    match choice.size {
        Some(size) if size != file.size => {
            let what = format!("`{}` has {} bytes, and {size} were expected", choice.file, file.size);
            Err(Error::request(what, "run again if it was changed meanwhile, or lock again"))
        }
        _ => Ok(file),
    }
}

fn make_sure(choice: &Choice, path: &Path) -> Result<(), Error> {
    let failed = |source| crate::context::Error::Io { doing: "read", path: path.to_owned(), source };
    let (digest, _) = digest_of(path).map_err(failed)?;
    if digest == choice.digest {
        return Ok(());
    }
    let what = format!("`{}` is not what the lock says, {}, but {digest}", path.display(), choice.digest);
    Err(Error::request(what, "lock again, or bring back the file that was locked"))
}

/// A wheel of this machine.
fn here(choice: &Choice, path: &Path) -> Result<WheelFile, Error> {
    let failed = |source| crate::context::Error::Io { doing: "open", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok(WheelFile {
        name: choice.file.clone(),
        path: path.to_owned(),
        file: Arc::new(file),
        offset: 0,
        size,
        digest: choice.digest,
    })
}

/// A wheel of the web. If it is not any more where an index said that it is, the index is asked once more.
fn far(workshop: &Workshop, choice: &Choice, url: &str) -> Result<WheelFile, Error> {
    let fetch = |url: &str| match workshop.store().keeps() {
        true => kept(workshop, choice, url),
        false => passing(workshop, choice, url),
    };
    fetch(url).or_else(|error| {
        let Some(asked) = choice.asked.as_ref().filter(|_| is_gone(&error)) else { return Err(error) };
        let Ok(answer) = asked.ask(workshop, true) else { return Err(error) };
        match answer.wheels.iter().find(|file| file.digest == choice.digest && file.url != url) {
            Some(moved) => fetch(&moved.url),
            None => Err(error),
        }
    })
}

/// Whether a server says that it has no such file, or not for us any more: addresses may be signed, and expire.
fn is_gone(error: &Error) -> bool {
    let Error::Registry(error) = error else { return false };
    error.answer().is_some_and(|answer| matches!(answer.status, 403 | 404 | 410))
}

/// A server sends something else than what is locked. That is no reason to lock it.
fn other(url: &str, choice: &Choice, found: Digest) -> Error {
    let action = Action {
        verb: "fetch",
        object: shown_url(url),
        host: Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default(),
        path: String::new(),
        writes: false,
    };
    let (expected, found) = (Box::new(choice.digest), Box::new(found));
    registry::Error::WrongDigest { action: Box::new(action), expected, found }.into()
}

/// A wheel of the web, in the store.
fn kept(workshop: &Workshop, choice: &Choice, url: &str) -> Result<WheelFile, Error> {
    let content = supply::fetch(workshop, url, &choice.digest, &|found| other(url, choice, found))?;
    let unreadable = || Error::request(format!("`{}` cannot be read back from the store", choice.file), "run again");
    let Source::Slice(slice) = &content.source else { return Err(unreadable()) };
    let file = slice.file.file.as_ref().ok_or_else(unreadable)?.try_clone();
    let file =
        file.map_err(|source| crate::context::Error::Io { doing: "open", path: slice.file.path.clone(), source })?;
    Ok(WheelFile {
        name: choice.file.clone(),
        path: slice.file.path.clone(),
        file: Arc::new(file),
        offset: slice.offset,
        size: slice.size,
        digest: choice.digest,
    })
}

/// A wheel of the web that is only looked at: it goes with the file without a name that it is written to.
fn passing(workshop: &Workshop, choice: &Choice, url: &str) -> Result<WheelFile, Error> {
    let _running = workshop.events().begin(Task::Download { url: shown_url(url) }, 0);
    let failed = |error: io::Error| match error.downcast::<crate::registry::Error>() {
        Ok(error) => error.into(),
        Err(error) => Error::request(format!("failed to fetch `{}`: {error}", shown_url(url)), "try again"),
    };
    let mut file = tempfile::tempfile().map_err(failed)?;
    let mut content = Digesting::new(workshop.door().download(url)?.take(supply::FETCH_LIMIT + 1));
    let size = io::copy(&mut content, &mut file).map_err(failed)?;
    file.flush().and_then(|()| file.rewind()).map_err(failed)?;
    let (_, digest, _) = content.finish();
    if digest != choice.digest {
        return Err(other(url, choice, digest));
    }
    Ok(WheelFile {
        name: choice.file.clone(),
        path: PathBuf::from(&choice.file),
        file: Arc::new(file),
        offset: 0,
        size,
        digest,
    })
}
