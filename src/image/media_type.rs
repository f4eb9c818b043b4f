//! The media types of the image specification and of docker's schema 2, and how one family turns into the other.

/// An OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image config.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// An uncompressed layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A gzip layer.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A zstd layer.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// docker's schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// docker's image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// docker's gzip layer.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// docker's uncompressed layer.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// docker's foreign layer, whose bytes are fetched from a URL.
pub const DOCKER_LAYER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// What a client that can read images accepts in answer to a manifest request.
pub const ACCEPT_MANIFESTS: [&str; 4] = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// Whether `media_type` names a list of images rather than one.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, INDEX | DOCKER_LIST)
}

/// Whether `media_type` names the manifest of one image.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, MANIFEST | DOCKER_MANIFEST)
}

/// The OCI name of a media type of docker's family; any other type stays as it is.
///
/// A manifest is of one family (mixing breaks podman, bazel-contrib/rules_img#518), and the blobs behind both names
/// hold the same bytes, so a docker base is converted by renaming.
pub fn to_oci(media_type: &str) -> &str {
    match media_type {
        DOCKER_MANIFEST => MANIFEST,
        DOCKER_LIST => INDEX,
        DOCKER_CONFIG => CONFIG,
        DOCKER_LAYER_GZIP => LAYER_GZIP,
        DOCKER_LAYER => LAYER,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => LAYER_ZSTD,
        DOCKER_LAYER_FOREIGN => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        other => other,
    }
}

/// Whether a layer's bytes lie behind its URLs and need not be in the registry.
pub fn is_nondistributable(media_type: &str) -> bool {
    media_type == DOCKER_LAYER_FOREIGN || media_type.contains(".nondistributable.")
}
