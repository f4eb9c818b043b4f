/// Why an image's document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It is no JSON, or not of the right shape.
    #[error("the {what} is malformed")]
    Malformed {
        /// Which document.
        what: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is larger than any registry would take.
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge {
        /// Which document.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is of docker's first manifest format, or of one to come.
    #[error("the manifest has schema version {0}; only 2 can be read")]
    Schema(u64),
    /// It is something else than an image.
    #[error("`{0}` is not the media type of an image")]
    MediaType(String),
    /// The config does not fit the manifest.
    #[error("the config lists {diff_ids} layers and the manifest {layers}")]
    LayerCount {
        /// In the config.
        diff_ids: usize,
        /// In the manifest.
        layers: usize,
    },
    /// There is no image for the platform.
    #[error("there is no image for {wanted}; there are {offered}")]
    Platform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        offered: String,
    },
}
