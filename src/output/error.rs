use std::io;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::error::Class;
use crate::image::ImageError;

/// Why a layout or an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
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
    /// It is not what it is said to be.
    #[error("`{}` is not {what}: {why}", path.display())]
    Not {
        /// The file or folder.
        path: PathBuf,
        /// What it was taken for.
        what: &'static str,
        /// Why it is none.
        why: String,
    },
    /// Where a layout is to be written there is something else.
    #[error("`{}` is not an OCI layout: it is a folder that holds other things", .0.display())]
    Taken(PathBuf),
    /// There is no image of that name, or there are several and none was named.
    #[error("`{}` holds {found}", path.display())]
    Image {
        /// The layout or archive.
        path: PathBuf,
        /// What there is instead.
        found: String,
    },
    /// A blob is missing.
    #[error("`{}` does not hold the blob {digest}", path.display())]
    MissingBlob {
        /// The layout or archive.
        path: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A blob is not what its digest says.
    #[error("the blob {expected} is damaged: what was read has the digest {actual}")]
    WrongBlob {
        /// Its name.
        expected: Digest,
        /// The digest of what was read.
        actual: Digest,
    },
    /// The format holds images for one platform.
    #[error("`{}` can hold an image for one platform only, and this one is for {platforms}", path.display())]
    Platforms {
        /// The archive that is to be.
        path: PathBuf,
        /// The platforms.
        platforms: String,
    },
    /// A document in it is unusable.
    #[error("`{}` holds an image that cannot be used", path.display())]
    Document {
        /// The layout or archive.
        path: PathBuf,
        /// Why not.
        source: ImageError,
    },
}

impl OutputError {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            OutputError::Io { source, .. } => Class::of_path(source),
            _ => Class::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            OutputError::Platforms { .. } => Some("choose one with --platform, or write an oci-archive".to_owned()),
            OutputError::Image { .. } => Some("name one of its images after a colon".to_owned()),
            OutputError::Taken(_) => Some("name a folder that is a layout, empty, or not there yet".to_owned()),
            _ => None,
        }
    }
}
