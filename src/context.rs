//! What is on disk: a directory, filtered by ignore rules, and the digests of the files that are left.
//!
//! A context is the only thing a layer can see of the machine. This station knows no spec and no layer: it answers
//! with what it [found](Found), sorted by path, and never with anything that an ignore rule leaves out.

mod digests;
mod error;
mod expression;
mod ignore;
mod index;
mod miss;
mod parts;
mod pattern;
mod scan;
mod walk;

pub use digests::{ContextIndex, digest_files, read_unchanged};
pub use error::Error;
pub use ignore::{IgnoreRules, InvalidPattern, LINE_LIMIT, Verdict};
pub use miss::{Ground, Miss, misses};
pub use scan::{Context, Found, FoundKind, Identity, Moment, Scanned};
