//! What an image is: documents, references, platforms. Knows no registry, no file system and no spec.

mod descriptor;
pub mod media_type;
mod platform;
mod reference;

pub use descriptor::Descriptor;
pub use platform::{InvalidPlatform, Platform};
pub use reference::{InvalidReference, Location, Reference, Repository, is_tag};
