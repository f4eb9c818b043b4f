//! Assembles OCI images as an ordinary process: each package directory becomes one thin, reproducible layer, found
//! again by content.
//!
//! # The map
//!
//! A file's way from the disk to a registry passes the modules in this order; each knows those before it and none
//! after it.
//!
//! | station | what it holds |
//! |---|---|
//! | [`spec`] | what was asked for: TOML specs and Dockerfiles become a [`Recipe`](spec::Recipe) |
//! | [`context`] | what is on disk: a directory filtered by docker's ignore rules, and the digests of its files |
//! | [`layer`] | the bytes: entries, the layer key, tar, blocks, compression, the listing |
//! | [`image`] | what an image is: descriptor, manifest, config, index, platform, reference, base tree |
//! | [`store`] | this machine's blobs, and which key gave which layer |
//! | [`registry`] | the wire: the distribution protocol, credentials, retries |
//! | [`output`] | OCI layouts and archives |
//!
//! [`digest`], [`entry`] and [`events`] are the words they share. [`base`] finds the image below, wherever it is. The
//! use cases read from top to bottom: [`mod@build`], [`write`](mod@write), [`push`](mod@push), [`plan`](mod@plan),
//! [`inspect`](mod@inspect), [`check`](mod@check), [`bump`](mod@bump), [`verify`](mod@verify), [`diff`](mod@diff), [`init`](mod@init); [`compare`](mod@compare) is
//! what verify and diff share, [`survey`](mod@survey) and [`why`](mod@why) are what push and plan share, [`published`] what repositories hold.
//! Each runs in a [`Workshop`]: a store, worker threads, the door to registries, a listener for progress. The library
//! prints nothing.
//!
//! # An image from a recipe in code
//!
//! ```
//! use tarsia::events::Events;
//! use tarsia::layer::{InlineContent, InlineEntry};
//! use tarsia::registry::Settings;
//! use tarsia::spec::{LayerContent, LayerRecipe, Recipe, Workspace};
//! use tarsia::{Workshop, build, write};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::fs::create_dir(folder.path().join("package"))?;
//! # std::fs::write(folder.path().join("package/main.py"), "print('hello')\n")?;
//! let mut recipe = Recipe::scratch("hello");
//! recipe.layers = vec![
//!     LayerRecipe::new(
//!         "skeleton",
//!         LayerContent::Entries(vec![InlineEntry {
//!             path: b"/tmp".to_vec(),
//!             mode: Some(0o1777),
//!             owner: None,
//!             content: InlineContent::Directory,
//!         }]),
//!     ),
//!     LayerRecipe::new(
//!         "package",
//!         LayerContent::Context {
//!             folder: folder.path().to_owned(),
//!             path: "package".to_owned(),
//!             from: Vec::new(),
//!             to: b"/app/".to_vec(),
//!             exclude: vec!["**/__pycache__".to_owned()],
//!         },
//!     ),
//! ];
//! recipe.config.cmd = Some(vec!["python3".to_owned(), "/app/main.py".to_owned()]);
//!
//! let workshop = Workshop::open(&folder.path().join("store"), 0, Settings::default(), Events::silent())?;
//! let built = build::build(&workshop, &Workspace::of(vec![recipe]), &build::Options::default())?;
//! write::write(&workshop, &built, &format!("oci:{}", folder.path().join("out").display()).parse()?)?;
//!
//! // The same bytes on every machine.
//! assert_eq!(
//!     built[0].top().digest.to_string(),
//!     "sha256:79a42b2054ee6f51996a785c5ca81e1024870e85e2082cb47c900b2f1435744e"
//! );
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod base;
mod binary;
pub mod build;
pub mod bump;
pub mod check;
pub mod compare;
pub mod context;
pub mod copy;
pub mod diff;
pub mod digest;
pub mod entry;
pub mod error;
pub mod events;
pub mod image;
pub mod init;
pub mod inspect;
pub mod layer;
pub mod output;
mod percent;
pub mod pin;
pub mod plan;
pub mod published;
pub mod push;
pub mod python;
pub mod registry;
pub mod spec;
pub mod store;
pub mod survey;
pub mod verify;
pub mod why;
mod workers;
mod workshop;
pub mod write;

pub use error::{Class, Error};
pub use workers::Workers;
pub use workshop::Workshop;
