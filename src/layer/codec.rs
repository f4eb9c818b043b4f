//! How a layer is compressed: gzip by default, zstd or nothing on request.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{gzip, zstd};
use crate::image::media_type;

/// A layer's compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// One gzip member of independently compressed blocks. Every registry and runtime reads it.
    #[default]
    Gzip,
    /// One zstd frame a block.
    Zstd,
    /// The plain tar stream.
    None,
}

impl Codec {
    /// What names the bytes this codec makes: algorithm, implementation with its version, level. Part of the layer
    /// key, because no compressor promises the same bytes across versions.
    pub fn id(self) -> &'static str {
        match self {
            Codec::Gzip => gzip::ID,
            Codec::Zstd => zstd::ID,
            Codec::None => "none",
        }
    }

    /// The media type of a layer compressed so.
    pub fn media_type(self) -> &'static str {
        match self {
            Codec::Gzip => media_type::LAYER_GZIP,
            Codec::Zstd => media_type::LAYER_ZSTD,
            Codec::None => media_type::LAYER,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::None => "none",
        })
    }
}

impl FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Codec, String> {
        match text {
            "gzip" => Ok(Codec::Gzip),
            "zstd" => Ok(Codec::Zstd),
            "none" => Ok(Codec::None),
            other => Err(format!("`{other}` is not gzip, zstd or none")),
        }
    }
}
