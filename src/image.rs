//! What an image is: documents, references, platforms, the tree of its paths. Knows no registry and no spec.

pub mod accounts;
mod cache;
mod compose;
mod config;
mod descriptor;
mod error;
mod layer_reader;
mod manifest;
pub mod media_type;
mod member;
mod nodes;
mod platform;
mod reference;
mod splice;
mod tree;

pub use cache::{CACHE_CONFIG, CACHE_LIMIT, CacheImage, CachedLayer, DISTRIBUTIONS, LAYER_DIFF_ID, LISTING, TREE};
pub use compose::{BASE_DIGEST, BASE_FACTS, BASE_NAME, BaseDocuments, Image, LAYER_KEY, LAYER_NAME, Layer, compose};
pub use config::{CONFIG_LIMIT, Config, ConfigEdits, DEFAULT_PATH, Healthcheck, epoch_of, timestamp};
pub use descriptor::Descriptor;
pub use error::ImageError;
pub(crate) use layer_reader::LAYER_LIMIT;
pub use layer_reader::{Change, LayerEntry, read_contents, read_layer};
pub use manifest::{Document, Index, MANIFEST_LIMIT, Manifest};
pub use member::{Form, Member, MemberKind, Shape, Whiteout, read_members};
pub use nodes::{Detail, DetailKind, Node, Nodes, Placed, PlacedNode, Watch};
pub(crate) use nodes::{ReadChange, read_changes};
pub use platform::{InvalidPlatform, Platform};
pub use reference::{InvalidReference, Location, Reference, Repository, is_tag};
pub use splice::{Splice, Step};
pub use tree::{Facts, Listed, Loader, OwnFile, Tree, TreeError, Where, parse_facts};
pub(crate) use tree::{follow, resolve};
