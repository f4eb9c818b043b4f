pub mod digest;
pub mod image;
