//! Errors: each station has its own; [`Error`] joins them and says whose fault it is.

use crate::image::{ImageError, TreeError};
use crate::registry;
use crate::spec::{LayerRecipe, Span};

/// Whose fault an error is, and with it the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The user's input: a spec, a flag, a missing file. Exit code 2.
    Input,
    /// A registry, the network, a credential. Exit code 3.
    Remote,
    /// This machine: its disk, its permissions. Exit code 4.
    Local,
}

impl Class {
    /// Whose fault a failure is on a path that the user named: theirs if something else or nothing lies there.
    pub(crate) fn of_path(failure: &std::io::Error) -> Class {
        use std::io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound};
        match failure.kind() {
            NotFound | NotADirectory | IsADirectory | InvalidData => Class::Input,
            _ => Class::Local,
        }
    }

    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Input => 2,
            Class::Remote => 3,
            Class::Local => 4,
        }
    }
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A spec is wrong.
    #[error(transparent)]
    Spec(#[from] Box<crate::spec::SpecError>),
    /// A context cannot be read.
    #[error(transparent)]
    Context(#[from] Box<crate::context::Error>),
    /// A layer cannot be made.
    #[error("{}the layer `{layer}` of the image `{image}` cannot be made", place(span.as_deref()))]
    Layer {
        /// Where the spec says what it holds, if that is at fault.
        span: Option<Box<Span>>,
        /// The image.
        image: String,
        /// The layer.
        layer: String,
        /// Why.
        source: Box<crate::layer::Error>,
    },
    /// A base cannot be used.
    #[error("the base `{base}` of the image `{image}` cannot be used")]
    Base {
        /// The image.
        image: String,
        /// Its base.
        base: String,
        /// Why.
        source: Box<Error>,
    },
    /// An image's documents make no sense.
    #[error(transparent)]
    Image(#[from] crate::image::ImageError),
    /// The tree of an image cannot be computed.
    #[error(transparent)]
    Tree(#[from] crate::image::TreeError),
    /// A layout or an archive cannot be read or written.
    #[error(transparent)]
    Output(#[from] Box<crate::output::OutputError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A registry, or the way to it, failed.
    #[error(transparent)]
    Registry(#[from] Box<registry::Error>),
    /// A file of a Python distribution cannot be had.
    #[error("no wheel of the distribution `{name}` can be had")]
    Distribution {
        /// The distribution.
        name: String,
        /// Why.
        source: Box<Error>,
        /// What to do about it, if that is not what it is for others.
        help: Option<String>,
    },
    /// What was asked for is impossible or contradicts itself.
    #[error("{message}")]
    Request {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// What others say is not so.
    #[error("{message}")]
    Elsewhere {
        /// What is not so.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// The result cannot be printed.
    #[error("failed to write to standard output")]
    Print(#[source] std::io::Error),
    /// No threads.
    #[error("failed to start worker threads: {0}")]
    Threads(String),
}

/// Errors of stations travel in boxes: a result is mostly a success, and small.
macro_rules! boxed {
    ($($variant:ident($error:ty),)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::$variant(Box::new(error))
            }
        }
    )*};
}

boxed! {
    Spec(crate::spec::SpecError),
    Context(crate::context::Error),
    Output(crate::output::OutputError),
    Registry(registry::Error),
}

/// A place in front of a message.
fn place(span: Option<&Span>) -> String {
    span.map(|span| format!("{span}: ")).unwrap_or_default()
}

/// What to do where a file of a distribution cannot be had: indexes are no registries, and know no login.
fn distribution_help(source: &Error) -> String {
    const WHEELHOUSE: &str = "name a folder that holds the locked wheel as `wheelhouse`";
    match source {
        Error::Registry(error) => match error.as_ref() {
            registry::Error::Offline { .. } => format!("run again without `--offline`, or {WHEELHOUSE}"),
            registry::Error::WrongDigest { .. } => {
                format!("the server sent something else than what was locked: do not use it, and {WHEELHOUSE}")
            }
            registry::Error::Unauthorized { .. } | registry::Error::Denied { .. } => {
                format!("credentials for indexes are not supported; {WHEELHOUSE}")
            }
            registry::Error::Broken { .. } => match error.help() {
                Some(help) => format!("{help}; or {WHEELHOUSE}"),
                None => WHEELHOUSE.to_owned(),
            },
            _ => WHEELHOUSE.to_owned(),
        },
        _ => WHEELHOUSE.to_owned(),
    }
}

impl Error {
    /// A layer that cannot be made. Where that is for the base it is laid over, it is the base's error.
    pub(crate) fn layer(image: &str, layer: &LayerRecipe, source: crate::layer::Error) -> Error {
        let of_layer = |source| Error::Layer {
            span: layer.span.clone().map(Box::new),
            image: image.to_owned(),
            layer: layer.name.clone(),
            source: Box::new(source),
        };
        match source {
            crate::layer::Error::Tree(TreeError::Unavailable(why)) => match why.downcast::<Error>() {
                Ok(error) => *error,
                Err(why) => of_layer(TreeError::Unavailable(why).into()),
            },
            source => of_layer(source),
        }
    }

    /// A distribution of which no file can be had. What this machine is to blame for stays as it is.
    pub(crate) fn distribution(name: &str, source: Error) -> Error {
        match source.class() {
            Class::Remote => Error::Distribution { name: name.to_owned(), source: Box::new(source), help: None },
            Class::Input | Class::Local => source,
        }
    }

    /// A request that cannot be met.
    pub fn request(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Request { message: message.into(), help: Some(help.into()) }
    }

    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            Error::Spec(error) => error.class(),
            Error::Request { .. } => Class::Input,
            Error::Context(error) => error.class(),
            Error::Layer { source, .. } => source.class(),
            Error::Base { source, .. } | Error::Distribution { source, .. } => source.class(),
            Error::Image(_) => Class::Input,
            Error::Tree(error) => error.class(),
            Error::Output(error) => error.class(),
            Error::Store(_) | Error::Threads(_) | Error::Print(_) => Class::Local,
            Error::Registry(error) if error.is_local() => Class::Local,
            Error::Registry(error) if error.is_input() => Class::Input,
            Error::Registry(_) | Error::Elsewhere { .. } => Class::Remote,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Spec(error) => error.help(),
            Error::Context(error) => error.help(),
            Error::Layer { source, .. } => source.help(),
            Error::Base { source, .. } => source.help(),
            Error::Distribution { source, help, .. } => Some(help.clone().unwrap_or_else(|| distribution_help(source))),
            Error::Output(error) => error.help(),
            Error::Store(error) => error.help(),
            Error::Registry(error) => error.help(),
            Error::Request { help, .. } => help.clone(),
            Error::Elsewhere { help, .. } => Some(help.clone()),
            Error::Image(ImageError::Platform { .. }) => {
                Some("name one that there is with --platform or in `platforms`".to_owned())
            }
            Error::Tree(error) => error.help(),
            Error::Image(_) | Error::Threads(_) | Error::Print(_) => None,
        }
    }

    /// The place in a spec, if there is one.
    pub fn span(&self) -> Option<&Span> {
        match self {
            Error::Spec(error) => error.span(),
            Error::Base { source, .. } => source.span(),
            Error::Layer { span, .. } => span.as_deref(),
            _ => None,
        }
    }
}
