//! What was asked for: specs, resolved and validated into [recipes](Recipe).
//!
//! Every front end ends in a [`Recipe`]: a TOML file's says its layers at once, a Dockerfile's says them for a platform when
//! the config of the base is known. Nothing after that knows which of them it was, or whether it was written in code.

pub mod dockerfile;
mod duration;
mod error;
mod file;
mod lock;
mod python;
mod recipe;
mod repository;
mod resolve;
mod rule;
mod schema;
mod variables;
mod workspace;
mod write;

pub use error::{Span, SpecError};
pub use lock::{LOCK_FILE, Lock};
pub use python::{Installation, Package, Wheels};
pub use recipe::{Base, BaseTree, CopyFrom, LayerContent, LayerRecipe, Profile, Ran, Recipe, Setting};
pub use repository::{Encryption, LifecyclePolicy, RepositorySettings, TagMutability};
pub(crate) use resolve::is_image_name;
pub use resolve::parse_toml;
pub use rule::{Rule, Severity, UnknownRule};
pub use schema::schema;
pub use variables::{Template, Unset, Variables};
pub use workspace::{Dockerfiles, Workspace, is_dockerfile, load, load_with};
pub(crate) use write::{read_back, write, write_layer};
