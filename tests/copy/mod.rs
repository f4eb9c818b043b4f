//! Images copied as they are, between registries, layouts and archives.

mod archives;
mod registries;
