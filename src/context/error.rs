use std::io;
use std::path::PathBuf;

use super::ignore::InvalidPattern;
use crate::error::Class;

/// Why a context cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory is not there.
    #[error("the context `{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// It is there, and no directory.
    #[error("the context `{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// What the layer takes from the context is not there, or ignored.
    #[error("`{from}` does not exist in the context `{}`, or its ignore rules leave it out", context.display())]
    MissingSource {
        /// The context.
        context: PathBuf,
        /// The path in it.
        from: String,
    },
    /// What the layer takes from the context lies elsewhere.
    #[error("`{from}` in the context `{}` is a link, or lies behind one, that leads out of it", context.display())]
    Outside {
        /// The context.
        context: PathBuf,
        /// The path in it.
        from: String,
    },
    /// A line of an ignore file is malformed.
    #[error("`{}`, line {}: {pattern}", file.display(), pattern.line)]
    IgnoreFile {
        /// The ignore file.
        file: PathBuf,
        /// The pattern.
        pattern: InvalidPattern,
    },
    /// A pattern of the layer's own is malformed.
    #[error(transparent)]
    Pattern(InvalidPattern),
    /// A file that no layer can hold.
    #[error("`{}` is a {kind}, which a layer cannot hold", path.display())]
    Special {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A name that means "deleted" in a layer.
    #[error("`{}` is named like a whiteout: in a layer it would delete a file instead of being one", .0.display())]
    Whiteout(PathBuf),
    /// The file is not what it was when the context was scanned.
    #[error("`{}` changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The run would write into what it packs.
    #[error("`{}`, where this run writes, lies in the context `{}`", output.display(), context.display())]
    Output {
        /// The context.
        context: PathBuf,
        /// Where the run writes.
        output: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            Error::Io { source, .. } => Class::of_path(source),
            _ => Class::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Error::Missing(_) | Error::NotADirectory(_) => {
                "paths in a spec are relative to its folder, those of flags to the current one".to_owned()
            }
            Error::Output { .. } => "write elsewhere, or name it in the ignore file or in `exclude`".to_owned(),
            Error::Special { .. } => "remove it, or name it in the ignore file or in `exclude`".to_owned(),
            Error::Whiteout(_) => "rename it, or name it in the ignore file or in `exclude`".to_owned(),
            Error::Changed(_) => "run again when nothing writes to the context".to_owned(),
            Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "make it readable for this user, or name it in the ignore file or in `exclude`".to_owned()
            }
            Error::Pattern(_) | Error::IgnoreFile { .. } => {
                "the notation is docker's: https://docs.docker.com/build/concepts/context/#dockerignore-files"
                    .to_owned()
            }
            Error::Outside { .. } => "name the folder it leads to as the `context`".to_owned(),
            Error::MissingSource { .. } | Error::Io { .. } => return None,
        })
    }
}
