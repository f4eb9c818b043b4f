mod binary;
pub mod context;
pub mod digest;
pub mod entry;
pub mod error;
pub mod image;
pub mod layer;
pub mod spec;
pub mod store;
