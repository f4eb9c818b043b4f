use std::error::Error;

use crate::error::Class;

/// Why a tree cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path's links go in a circle or are too many.
    #[error("the links of `/{0}` in the image below lead in a circle")]
    Loop(String),
    /// A layer's tar stream is malformed.
    #[error("failed to read a layer of the base image")]
    Read(#[from] std::io::Error),
    /// A layer holds a path that no layer may hold.
    #[error("a layer of the base image holds the path `{0}`, which leaves the root")]
    Outside(String),
    /// A layer holds a path that no file system holds.
    #[error("a layer of the base image holds a path of {0} bytes")]
    TooLong(usize),
    /// There is too much of something.
    #[error("the base image has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many would be allowed.
        limit: u64,
    },
    /// The base's paths are needed and cannot be had.
    #[error("failed to read the tree of the base image")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A stored tree cannot be read back.
    #[error("the stored base tree is damaged")]
    Damaged,
    /// A name cannot be looked up.
    #[error("names cannot be looked up in `/{path}` of the image below: {why}")]
    Accounts {
        /// The file.
        path: &'static str,
        /// Why not.
        why: String,
    },
    /// What a layer of the image itself wrote cannot be read.
    #[error("failed to read `/{path}` as a layer of the image wrote it")]
    Own {
        /// The file.
        path: &'static str,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is nobody of this name.
    #[error("there is no {what} `{name}` in `/{path}` of the image")]
    Unknown {
        /// User or group.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it should stand.
        path: &'static str,
    },
    /// What was asked for has no content.
    #[error("`/{0}` of the image is no file whose content can be read")]
    NoContent(String),
}

impl TreeError {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            TreeError::Unavailable(why) | TreeError::Own { source: why, .. } => {
                why.downcast_ref::<crate::Error>().map_or(Class::Input, crate::Error::class)
            }
            _ => Class::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            TreeError::Unknown { .. } | TreeError::Accounts { .. } => {
                Some("name the owner by its numbers, as in `1000:1000`".to_owned())
            }
            TreeError::Unavailable(why) | TreeError::Own { source: why, .. } => {
                why.downcast_ref::<crate::Error>().and_then(crate::Error::help)
            }
            _ => None,
        }
    }
}
