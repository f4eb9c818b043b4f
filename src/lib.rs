pub mod digest;
pub mod image;
pub mod registry;
