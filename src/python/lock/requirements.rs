//! `requirements.txt` with hashes ([pip's format](https://pip.pypa.io/en/stable/reference/requirements-file-format/)), as
//! `pip-compile --generate-hashes` and `uv export` write it.

use std::path::{Component, Path, PathBuf};

use super::condition::Condition;
use super::file::check_address;
use super::pin::{self, Pin};
use super::text::{LockText, MOST_BYTES, Place, listed, shown};
use super::{Environment, Extras, LockError, LockedPackage};

mod lines;
mod option;
mod requirement;

use lines::Line;
use option::{Meaning, Setting};

/// How many files may include each other.
const MOST_DEEP: usize = 16;

/// How many files may be included.
const MOST_FILES: usize = 256;

/// A lock in pip's format.
#[derive(Debug, Clone)]
pub(super) struct Requirements {
    pins: Vec<ConditionalPin>,
    /// The addresses of indexes, the first one first.
    pub indexes: Vec<String>,
    /// Whether no index is to be asked.
    pub no_index: bool,
    /// Folders of wheels, relative to the lock.
    pub find_links: Vec<PathBuf>,
    whole: Place,
}

#[derive(Debug, Clone)]
struct ConditionalPin {
    pin: Pin,
    marker: Option<Condition>,
}

impl Requirements {
    /// Reads the lock, and what it includes.
    ///
    /// # Errors
    ///
    /// If something is malformed, not pinned or without hash, or cannot be laid without running something.
    pub fn read(text: &LockText) -> Result<Requirements, LockError> {
        let mut reader = Reader {
            pins: Vec::new(),
            index: None,
            extra_indexes: Vec::new(),
            no_index: false,
            find_links: Vec::new(),
            including: vec![identity(text.file())],
            bytes: text.text().len() as u64,
            files: 1,
        };
        reader.file(text, Path::new(""), None)?;
        let indexes = match reader.no_index {
            true => Vec::new(),
            false => reader.index.into_iter().chain(reader.extra_indexes).collect(),
        };
        Ok(Requirements {
            pins: reader.pins,
            indexes,
            no_index: reader.no_index,
            find_links: reader.find_links,
            whole: Place::whole(text.file()),
        })
    }

    /// What is to be installed.
    ///
    /// # Errors
    ///
    /// If extras or groups are asked for, a marker cannot be decided, or two lines of one name do not say the same.
    pub fn packages(&self, environment: &Environment, extras: &Extras) -> Result<Vec<LockedPackage>, LockError> {
        let mut asked = extras.extras.union(&extras.groups).map(String::as_str).peekable();
        if asked.peek().is_some() {
            let what =
                format!("extras or groups are asked for, {}, and a file of requirements has none", listed(asked));
            return Err(self.whole.error(what, "write them into it: `pip-compile --extra`, `uv export --extra`"));
        }
        let mut wanted = Vec::new();
        for ConditionalPin { pin, marker } in &self.pins {
            let holds = marker.as_ref().map(|marker| marker.holds(environment)).transpose()?;
            if holds.unwrap_or(true) {
                wanted.push(pin);
            }
        }
        pin::packages(wanted, true)
    }
}

struct Reader {
    pins: Vec<ConditionalPin>,
    index: Option<String>,
    extra_indexes: Vec<String>,
    no_index: bool,
    find_links: Vec<PathBuf>,
    /// The files that are being read, each included by the one before it.
    including: Vec<PathBuf>,
    /// What was read so far.
    bytes: u64,
    files: usize,
}

impl Reader {
    /// Reads a file. `folder` is its own, relative to the lock's; `line` is that of the lock which included it.
    fn file(&mut self, text: &LockText, folder: &Path, line: Option<usize>) -> Result<(), LockError> {
        for logical in lines::logical(text)? {
            let place = logical.place(text, 0);
            let line = line.unwrap_or(place.line);
            if let Some(at) = variable(logical.text()) {
                return Err(logical.place(text, at).error(
                    "it depends on a variable of the environment, so it is another lock on every machine",
                    "write the value; credentials belong into the credentials of the index's host, not here",
                ));
            }
            if logical.text().starts_with('-') {
                self.options(text, &logical, folder, line)?;
            } else {
                let (pin, marker) = requirement::read(text, &logical, folder, line)?;
                self.pins.push(ConditionalPin { pin, marker });
            }
        }
        Ok(())
    }

    fn options(&mut self, text: &LockText, line: &Line, folder: &Path, at: usize) -> Result<(), LockError> {
        for Setting { meaning, value, place } in option::settings(text, line, 0)? {
            match meaning {
                Meaning::Index => self.index = Some(index(&value, &place)?),
                Meaning::ExtraIndex => self.extra_indexes.push(index(&value, &place)?),
                Meaning::NoIndex => self.no_index = true,
                Meaning::FindLinks => self.find_links.push(wheelhouse(&value, folder, &place)?),
                Meaning::Include => self.include(&value, text, folder, at, &place)?,
                Meaning::Hash => {
                    return Err(place.error("a hash needs a requirement before it", "put it behind `name==version`"));
                }
                Meaning::NoBinary if value == ":none:" => {}
                Meaning::NoBinary => {
                    let what = format!("--no-binary wants {} built from source, and nothing is built", shown(&value));
                    return Err(place.error(what, "take it out; build a wheel of it and put that into the wheelhouse"));
                }
                Meaning::Editable => {
                    let what = format!("`{}` is to be installed from its sources", shown(&value));
                    let help =
                        "take it out (`uv export --no-emit-project`), and lay it with a layer of `package = \"…\"`";
                    return Err(place.error(what, help));
                }
                Meaning::Harmless => {}
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        value: &str,
        text: &LockText,
        folder: &Path,
        at: usize,
        place: &Place,
    ) -> Result<(), LockError> {
        if value.contains("://") {
            return Err(place.error("an included file must lie on this machine", "download it, and name the file"));
        }
        let file = text.file().with_file_name("").join(value);
        let identity = identity(&file);
        if let Some(first) = self.including.iter().position(|other| *other == identity) {
            let chain = self.including.iter().skip(first).chain([&identity]);
            let chain: Vec<String> = chain.map(|file| shown(&file.display().to_string())).collect();
            return Err(place.error(
                format!("the files include each other in a circle: {}", chain.join(" → ")),
                "take one of the `-r` out",
            ));
        }
        self.files += 1;
        if self.including.len() >= MOST_DEEP || self.files > MOST_FILES {
            let what = format!("at most {MOST_FILES} files are included, {MOST_DEEP} deep");
            return Err(place.error(what, "write the requirements into fewer files"));
        }
        let included = LockText::read(&file, MOST_BYTES.saturating_sub(self.bytes)).map_err(|error| {
            let reason = place.error(format!("`{}` cannot be included: {}", shown(value), error.what), "");
            LockError { help: error.help, ..reason }
        })?;
        self.bytes += included.text().len() as u64;
        self.including.push(identity);
        let below = folder.join(value).parent().map(Path::to_owned).unwrap_or_default();
        self.file(&included, &below, Some(at))?;
        self.including.pop();
        Ok(())
    }
}

/// The address of an index.
fn index(value: &str, place: &Place) -> Result<String, LockError> {
    check_address(value, place)?;
    if let Some((address, _)) = value.split_once(['?', '#']) {
        let what = format!("the address `{}` of an index has a query or a fragment", shown(address));
        return Err(place.error(what, "an index is asked for pages below its address; name a folder with --find-links"));
    }
    let scheme = value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("https" | "http") => Ok(value.to_owned()),
        _ => Err(place.error(
            format!("`{}` is not the address of an index", shown(value)),
            "indexes are at https:// or http://; a folder of wheels is named with --find-links",
        )),
    }
}

/// A folder of wheels.
fn wheelhouse(value: &str, folder: &Path, place: &Place) -> Result<PathBuf, LockError> {
    use super::file::Location;
    let location = match value.contains("://") {
        true => Location::address(value, place)?,
        false => Location::path(value, place)?,
    };
    match location {
        Location::Path(path) => Ok(relative(folder, &path)),
        Location::Url(url) => Err(place.error(
            format!("the page `{}` is not searched for links", shown(&url)),
            "download what it lists into a folder, and name that",
        )),
    }
}

/// A path of a file in `folder`, without detours where they are plain to see.
fn relative(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// What tells files apart. One that does not exist is told apart by its name, and refused when it is read.
fn identity(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

/// Where pip would put a variable's value: `${NAME}`.
fn variable(text: &str) -> Option<usize> {
    let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    let names = |at: usize| {
        let rest = text.as_bytes().get(at + 2..).unwrap_or_default();
        // No `$` is in a name, so no byte is looked at twice.
        let length = rest.iter().take_while(|b| is_name(b)).count();
        length > 0 && rest.get(length) == Some(&b'}')
    };
    text.match_indices("${").map(|(at, _)| at).find(|at| names(*at))
}
