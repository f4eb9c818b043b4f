//! The cache image: an ordinary image in a repository whose layers are the layers that were pushed there, so that any
//! machine finds them again by key.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::{LAYER_KEY, LAYER_NAME, Layer};
use super::descriptor::Descriptor;
use super::manifest::Manifest;
use super::media_type;
use crate::digest::Digest;

/// How many blobs a cache image holds, listings and trees among them. A layer limit of registries and readers is 127.
pub const CACHE_LIMIT: usize = 120;

/// The annotation that holds the digest of a layer's plain tar stream.
pub const LAYER_DIFF_ID: &str = "dev.tarsia.layer.diff_id";
/// The annotation that holds the name of the image a layer was made for.
pub const LAYER_IMAGE: &str = "dev.tarsia.layer.image";
/// The annotation that holds the digest of the manifest whose tree a blob is.
pub const TREE_OF: &str = "dev.tarsia.tree.of";
/// The media type of a layer's listing.
pub const LISTING: &str = "application/vnd.tarsia.listing.v2+zstd";
/// The media type of a base tree. Its version is that of the form: a tree of another form is none, and is replaced.
pub const TREE: &str = "application/vnd.tarsia.tree.v3+zstd";
/// The media type of what is remembered of the Python distributions of an image.
pub const DISTRIBUTIONS: &str = "application/vnd.tarsia.distributions.v1+zstd";

/// Of how many images what they are made of is remembered: some keep all of theirs in one repository.
const DISTRIBUTIONS_LIMIT: usize = 24;

/// The config of every cache image: of no platform, so that nobody takes it for an image to run.
pub const CACHE_CONFIG: &[u8] =
    br#"{"architecture":"unknown","config":{},"os":"unknown","rootfs":{"diff_ids":[],"type":"layers"}}"#;

/// A layer in a cache image.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedLayer {
    /// The layer.
    pub layer: Layer,
    /// The image it was made for.
    pub image: String,
    /// Its listing, if there is one.
    pub listing: Option<Descriptor>,
}

/// What a repository's cache image says, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CacheImage {
    /// The layers.
    pub layers: Vec<CachedLayer>,
    /// Base trees, with the digest of the manifest each belongs to.
    pub trees: Vec<(Digest, Descriptor)>,
    /// What is remembered of the distributions of images, with their names.
    pub distributions: Vec<(String, Descriptor)>,
}

impl CacheImage {
    /// Reads a cache image. What is malformed in it is left out: anybody who can push may have written it.
    pub fn read(manifest: &Manifest) -> CacheImage {
        let mut cache = CacheImage::default();
        let text = |descriptor: &Descriptor, key: &str| descriptor.annotations.get(key).cloned();
        let digest = |descriptor: &Descriptor, key: &str| text(descriptor, key)?.parse::<Digest>().ok();
        let listings: BTreeMap<Digest, &Descriptor> = manifest
            .layers
            .iter()
            .filter(|blob| blob.media_type == LISTING)
            .filter_map(|blob| Some((digest(blob, LAYER_KEY)?, blob)))
            .collect();
        for blob in manifest.layers.iter().take(CACHE_LIMIT) {
            match blob.media_type.as_str() {
                TREE => cache
                    .trees
                    .extend(digest(blob, TREE_OF).map(|of| (of, Descriptor::new(TREE, blob.digest, blob.size)))),
                DISTRIBUTIONS => cache.distributions.extend(
                    text(blob, LAYER_IMAGE)
                        .map(|image| (image, Descriptor::new(DISTRIBUTIONS, blob.digest, blob.size))),
                ),
                media_type::LAYER | media_type::LAYER_GZIP | media_type::LAYER_ZSTD => {
                    let (Some(key), Some(diff_id)) = (digest(blob, LAYER_KEY), digest(blob, LAYER_DIFF_ID)) else {
                        continue;
                    };
                    let layer = Layer {
                        name: text(blob, LAYER_NAME).unwrap_or_default(),
                        key,
                        diff_id,
                        digest: blob.digest,
                        size: blob.size,
                        media_type: blob.media_type.clone(),
                    };
                    cache.layers.push(CachedLayer {
                        layer,
                        image: text(blob, LAYER_IMAGE).unwrap_or_default(),
                        listing: listings.get(&key).map(|blob| Descriptor::new(LISTING, blob.digest, blob.size)),
                    });
                }
                _ => {}
            }
        }
        cache
    }

    /// Puts newer layers and trees before those that are there. What is there already moves to the front.
    pub fn add(&mut self, layers: Vec<CachedLayer>, trees: Vec<(Digest, Descriptor)>) {
        let keys: BTreeSet<Digest> = layers.iter().map(|cached| cached.layer.key).collect();
        self.layers.retain(|cached| !keys.contains(&cached.layer.key));
        self.layers.splice(0..0, layers);
        let of: BTreeSet<Digest> = trees.iter().map(|(of, _)| *of).collect();
        self.trees.retain(|(other, _)| !of.contains(other));
        self.trees.splice(0..0, trees);
    }

    /// Puts what is remembered of an image's distributions in the place of what was.
    pub fn add_distributions(&mut self, image: &str, distributions: Descriptor) {
        self.distributions.retain(|(other, _)| other != image);
        self.distributions.insert(0, (image.to_owned(), distributions));
    }

    /// Leaves out what these blobs were said to be.
    pub fn forget(&mut self, gone: &BTreeSet<Digest>) {
        self.layers.retain(|cached| !gone.contains(&cached.layer.digest));
        for cached in &mut self.layers {
            cached.listing.take_if(|listing| gone.contains(&listing.digest));
        }
        self.trees.retain(|(_, tree)| !gone.contains(&tree.digest));
        self.distributions.retain(|(_, distributions)| !gone.contains(&distributions.digest));
    }

    /// The manifest, cut to [`CACHE_LIMIT`] blobs. Two trees at most are kept: a repository has few bases.
    pub fn to_manifest(&self) -> Manifest {
        let mut blobs: Vec<Descriptor> = Vec::new();
        for (of, tree) in self.trees.iter().take(2) {
            let mut blob = Descriptor::new(TREE, tree.digest, tree.size);
            blob.annotations.insert(TREE_OF.into(), of.to_string());
            blobs.push(blob);
        }
        for (image, distributions) in self.distributions.iter().take(DISTRIBUTIONS_LIMIT) {
            let mut blob = Descriptor::new(DISTRIBUTIONS, distributions.digest, distributions.size);
            blob.annotations.insert(LAYER_IMAGE.into(), image.clone());
            blobs.push(blob);
        }
        for cached in &self.layers {
            let more = 1 + usize::from(cached.listing.is_some());
            if blobs.len() + more > CACHE_LIMIT {
                break;
            }
            let mut blob = cached.layer.descriptor();
            blob.annotations.insert(LAYER_DIFF_ID.into(), cached.layer.diff_id.to_string());
            blob.annotations.insert(LAYER_IMAGE.into(), cached.image.clone());
            blobs.push(blob);
            if let Some(listing) = &cached.listing {
                let mut blob = Descriptor::new(LISTING, listing.digest, listing.size);
                blob.annotations.insert(LAYER_KEY.into(), cached.layer.key.to_string());
                blobs.push(blob);
            }
        }
        Manifest {
            schema_version: 2,
            media_type: media_type::MANIFEST.to_owned(),
            config: Descriptor::of(media_type::CONFIG, CACHE_CONFIG),
            layers: blobs,
            annotations: BTreeMap::new(),
            other: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(name: &str) -> CachedLayer {
        let digest = Digest::of(name.as_bytes());
        let layer = Layer {
            name: name.to_owned(),
            key: digest,
            diff_id: digest,
            digest,
            size: 1,
            media_type: media_type::LAYER_GZIP.to_owned(),
        };
        CachedLayer { layer, image: "i".into(), listing: Some(Descriptor::of(LISTING, name.as_bytes())) }
    }

    #[test]
    fn the_newest_stay_when_there_are_too_many() {
        let mut cache = CacheImage::default();
        for number in 0..100 {
            cache
                .add(vec![cached(&format!("layer {number}"))], vec![(Digest::of(b"base"), Descriptor::of(TREE, b"t"))]);
        }
        cache.add(vec![cached("layer 70")], Vec::new());
        let manifest = cache.to_manifest();
        assert!(manifest.layers.len() <= CACHE_LIMIT);
        let read = CacheImage::read(&manifest);
        assert_eq!(read.trees.len(), 1);
        let names: Vec<&str> = read.layers.iter().map(|cached| cached.layer.name.as_str()).collect();
        assert_eq!(&names[..4], ["layer 70", "layer 99", "layer 98", "layer 97"]);
        assert_eq!(names.len(), 59);
        assert_eq!(read.layers[0], cached("layer 70"), "with its listing");
    }

    #[test]
    fn what_is_remembered_of_an_image_replaces_what_was() {
        let mut cache = CacheImage::default();
        for number in 0..30 {
            cache.add_distributions(&format!("image {number}"), Descriptor::of(DISTRIBUTIONS, &[number]));
        }
        cache.add_distributions("image 7", Descriptor::of(DISTRIBUTIONS, b"new"));
        let read = CacheImage::read(&cache.to_manifest());
        let names: Vec<&str> = read.distributions.iter().map(|(image, _)| image.as_str()).collect();
        assert_eq!((names.len(), &names[..3]), (DISTRIBUTIONS_LIMIT, &["image 7", "image 29", "image 28"][..]));
        assert_eq!(read.distributions[0].1.digest, Digest::of(b"new"));
    }

    #[test]
    fn what_is_malformed_is_left_out() {
        let mut manifest = CacheImage { layers: vec![cached("a"), cached("b")], ..CacheImage::default() }.to_manifest();
        manifest.layers[0].annotations.insert(LAYER_DIFF_ID.into(), "nonsense".into());
        manifest.layers[2].annotations.remove(LAYER_KEY);
        assert_eq!(CacheImage::read(&manifest), CacheImage::default());
    }
}
