//! Obtaining: wheels that were chosen become files that can be read, downloaded where they are not here.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::choose::{Choice, Place};
use super::house::digest_of;
use crate::build::supply;
use crate::digest::Digesting;
use crate::error::Error;
use crate::events::Task;
use crate::layer::{Source, shown_url};
use crate::python::WheelFile;
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
        Place::There { url } if workshop.store().keeps() => kept(workshop, choice, url)?,
        Place::There { url } => passing(workshop, choice, url)?,
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
    let what = format!("`{}` is not what the lock says, but {digest}", path.display());
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

/// A wheel of the web, in the store.
fn kept(workshop: &Workshop, choice: &Choice, url: &str) -> Result<WheelFile, Error> {
    let content = supply::fetch(workshop, url, &choice.digest, "lock again if that is the file that is meant")?;
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
        let what = format!("`{}` is not what its checksum says, but {digest}", shown_url(url));
        return Err(Error::request(what, "lock again if that is the file that is meant"));
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
