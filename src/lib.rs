mod base;
mod binary;
pub mod build;
pub mod context;
pub mod digest;
pub mod entry;
pub mod error;
pub mod events;
pub mod image;
pub mod layer;
pub mod output;
pub mod registry;
pub mod spec;
pub mod store;
mod workshop;
pub mod write;

pub use error::{Class, Error};
pub use workshop::Workshop;
