use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::variables::Unset;
use crate::error::Class;

/// A place in a spec: the file, its text, and the bytes meant.
#[derive(Debug, Clone)]
pub struct Span {
    /// The file.
    pub file: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// The bytes meant.
    pub range: Range<usize>,
}

impl Span {
    /// Line and column of its beginning, from 1, the column in characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.range.start).unwrap_or(&self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Span {
    /// `file:line:column`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column();
        write!(f, "{}:{line}:{column}", self.file.display())
    }
}

/// Why a spec cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Something in it is wrong.
    #[error("{span}: {message}")]
    At {
        /// Where.
        span: Span,
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Several things in it are wrong.
    #[error("{} mistakes, the first of them at {}", .0.len(), .0.first().map(SpecError::to_string).unwrap_or_default())]
    Several(Vec<SpecError>),
    /// Its file cannot be read.
    #[error("failed to read the spec `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of a kind that is no spec.
    #[error("`{}` is not a spec: specs end in `.toml`, or are called Dockerfile, Dockerfile.* or *.Dockerfile", .0.display())]
    Kind(PathBuf),
    /// A name that no image can have.
    #[error("`{0}` is not an image name")]
    Name(String),
    /// A folder without specs.
    #[error("the folder `{}` holds no `.toml` file", .0.display())]
    NoSpecs(PathBuf),
    /// Specs that are built on each other in a circle.
    #[error("the specs are built on each other in a circle: {0}")]
    Cycle(String),
    /// Two specs make images of one name.
    #[error("`{}` and `{}` both make the image `{name}`", first.display(), second.display())]
    SameName {
        /// The name.
        name: String,
        /// One spec.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The lock file is unusable.
    #[error("`{}` cannot be used: {why}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A spec cannot be written.
    #[error("failed to write the spec `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The lock file cannot be written.
    #[error("failed to write `{}`", path.display())]
    WriteLock {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A variable that has no value.
    #[error("{file}: the variable `{}` has no value", unset.0)]
    Unset {
        /// The spec.
        file: String,
        /// The variable.
        unset: Unset,
    },
}

impl SpecError {
    /// All of these as one.
    pub(super) fn all(errors: impl IntoIterator<Item = SpecError>) -> SpecError {
        let mut all = Vec::new();
        for error in errors {
            match error {
                SpecError::Several(errors) => all.extend(errors),
                error => all.push(error),
            }
        }
        if all.len() == 1 { all.remove(0) } else { SpecError::Several(all) }
    }

    /// Several mistakes of one file in the order of their places.
    pub(super) fn in_order(mut self) -> SpecError {
        if let SpecError::Several(errors) = &mut self {
            errors.sort_by_key(|error| error.span().map(|span| span.range.start));
        }
        self
    }

    /// The single mistakes.
    pub fn each(&self) -> &[SpecError] {
        match self {
            SpecError::Several(errors) => errors,
            error => std::slice::from_ref(error),
        }
    }

    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            SpecError::Read { source, .. } | SpecError::Write { source, .. } => Class::of_path(source),
            _ => Class::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            SpecError::At { help, .. } => help.clone(),
            SpecError::Unset { unset, .. } => {
                Some(format!("set it in the environment or with --set {}=VALUE", unset.0))
            }
            SpecError::Lock { .. } => Some("remove it and run `tarsia lock` again".to_owned()),
            SpecError::Name(_) => {
                Some("names are lower-case letters and digits, joined by `-`, `_`, `.` or `/`".to_owned())
            }
            SpecError::SameName { .. } => Some("give one of them another `name`".to_owned()),
            _ => None,
        }
    }

    /// The place in the spec, if there is one.
    pub fn span(&self) -> Option<&Span> {
        match self {
            SpecError::At { span, .. } => Some(span),
            _ => None,
        }
    }
}
