use std::io;

use crate::error::Class;

/// Why a layer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two entries have the same path.
    #[error("`{0}` stands twice in the layer")]
    Duplicate(String),
    /// An entry lies below something that is no directory.
    #[error("`{child}` cannot lie in `{path}`, which is a {kind}")]
    NotADirectory {
        /// The parent.
        path: String,
        /// What it is.
        kind: &'static str,
        /// What would lie in it.
        child: String,
    },
    /// A directory would replace something else, or the other way round.
    #[error("`{path}` would be a {new}, but the image below has a {old} there")]
    Replaces {
        /// The path.
        path: String,
        /// What the layer holds.
        new: &'static str,
        /// What is there already.
        old: &'static str,
    },
    /// A parent directory is missing; the caller has to supply it.
    #[error("the layer holds `{path}` but not its parent `{parent}`")]
    NoParent {
        /// The path.
        path: String,
        /// Its parent.
        parent: String,
    },
    /// A path at which nothing can lie.
    #[error("nothing can lie at `{path}`: {why}")]
    Unfit {
        /// The path, its beginning if it is long.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// A layer of more entries than there may be.
    #[error("the layer has more than {0} entries")]
    TooMany(usize),
    /// A destination that is no path below the root.
    #[error("`{0}` is not a path below the image's root")]
    Destination(String),
    /// Something to copy is not there.
    #[error("{tree} has no `{path}`")]
    MissingSource {
        /// What was named.
        path: String,
        /// Where it was looked for.
        tree: String,
    },
    /// A source whose wildcards make no sense.
    #[error("`{0}` is no pattern: a `[` in it does not end")]
    Pattern(String),
    /// What is to be copied lies behind links that go in a circle.
    #[error("the links of `{path}` in {tree} lead in a circle")]
    SourceLoop {
        /// What was named.
        path: String,
        /// Where it was looked for.
        tree: String,
    },
    /// Something that no layer holds.
    #[error("`{path}` is a {kind}, which no layer can hold")]
    Special {
        /// Where it is.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// Something that was there is not there any more.
    #[error("`{0}` was there and is not any more")]
    Vanished(String),
    /// A command would fail.
    #[error("`{step}` would fail: {why}")]
    Step {
        /// The command.
        step: &'static str,
        /// Why.
        why: String,
    },
    /// An owner that is no user and no group.
    #[error(transparent)]
    Owner(#[from] crate::image::accounts::InvalidId),
    /// An archive cannot be unpacked.
    #[error("the archive `{archive}` cannot be unpacked: {why}")]
    Archive {
        /// The archive.
        archive: String,
        /// Why not.
        why: String,
    },
    /// Contents of the image below, or from elsewhere, cannot be had.
    #[error("failed to get the contents of files")]
    Elsewhere(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The base's links lead nowhere.
    #[error(transparent)]
    Tree(#[from] crate::image::TreeError),
    /// A file could not be read, or changed.
    #[error(transparent)]
    Context(#[from] crate::context::Error),
    /// The layer could not be written.
    #[error("failed to write the layer")]
    Write(#[source] io::Error),
    /// What the store keeps of contents cannot be read.
    #[error("failed to read `{}`", path.display())]
    Slice {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What the store keeps of contents is not what it was. It is gone now.
    #[error("`{}` in the store was damaged", .0.display())]
    Damaged(std::path::PathBuf),
    /// What an archive holds cannot be read.
    #[error("failed to read {what}")]
    Stream {
        /// What it is called.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// What an archive holds is not what it says of it. Wheels are the archives that say it.
    #[error("{0} is not what the wheel's RECORD says")]
    NotAsStated(String),
    /// Whoever supplies what the layer is to hold refuses it.
    #[error("{what}")]
    Refused {
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A listing cannot be read back.
    #[error("the layer's listing is damaged: {0}")]
    Listing(&'static str),
}

impl Error {
    pub(super) fn stream(stream: &dyn super::Stream, source: io::Error) -> Error {
        Error::Stream { what: stream.name(), source }
    }

    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            Error::Context(error) => error.class(),
            Error::Tree(error) => error.class(),
            // It comes from stations that layers know nothing of.
            Error::Elsewhere(error) => elsewhere(error.as_ref()).map_or(Class::Input, crate::Error::class),
            Error::Stream { source, .. } => passed(source).map_or(Class::Input, crate::Error::class),
            Error::Write(_) | Error::Listing(_) | Error::Slice { .. } | Error::Damaged(_) => Class::Local,
            _ => Class::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Context(error) => error.help(),
            Error::Tree(error) => error.help(),
            Error::Elsewhere(error) => elsewhere(error.as_ref()).and_then(crate::Error::help),
            Error::Refused { help, .. } => help.clone(),
            Error::Stream { source, .. } => passed(source).and_then(crate::Error::help),
            Error::MissingSource { tree, .. } if tree.starts_with("the context") => {
                Some("paths are relative to the context, and what its ignore file names is not in it".to_owned())
            }
            Error::Replaces { old: "symlink", .. } => {
                Some("copy to the place the link leads to, so that the link stays".to_owned())
            }
            Error::Replaces { new: "file", old: "directory", path } => {
                Some(format!("lay it into the directory, as `{path}/NAME`, or write the destination `{path}/`"))
            }
            Error::NotAsStated(_) => Some(
                "get the wheel again; if it is the same, whoever made it has to mend it: take another version"
                    .to_owned(),
            ),
            Error::Damaged(_) => Some("it was removed; run again, and it is made or fetched anew".to_owned()),
            Error::Write(source) if source.kind() == io::ErrorKind::StorageFull => {
                Some("make room, for example with `tarsia cache prune`".to_owned())
            }
            Error::Replaces { path, old: "symlink to a directory", .. } => {
                Some(format!("write `{path}/` to copy into the directory"))
            }
            _ => None,
        }
    }
}

fn elsewhere<'a>(error: &'a (dyn std::error::Error + Send + Sync + 'static)) -> Option<&'a crate::Error> {
    error.downcast_ref()
}

/// An error of another station that came through a reader.
fn passed(error: &io::Error) -> Option<&crate::Error> {
    error.get_ref()?.downcast_ref::<std::sync::Arc<crate::Error>>().map(AsRef::as_ref)
}

/// A path for messages.
pub(super) fn display(path: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(&path[..path.len().min(LONGEST)]);
    format!("/{text}{}", if path.len() > LONGEST { "…" } else { "" })
}

/// Refuses a path at which nothing can lie.
pub(super) fn check_fit(path: &[u8]) -> Result<(), Error> {
    let why = match crate::entry::unfit(path) {
        _ if path.is_empty() => return Ok(()),
        None if crate::entry::names_a_whiteout(path) => "names that begin with `.wh.` are whiteouts",
        None => return Ok(()),
        Some(why) => why,
    };
    Err(Error::Unfit { path: display(path), why })
}
