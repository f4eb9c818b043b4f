//! Base images, made with `umoci` from small trees, and changed by hand where no tool would make them so.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tarsia::digest::Digest;

use super::Sandbox;
use super::tools::tool;

/// How the tests make bases.
impl Sandbox {
    /// An image without layers in the layout `bases`.
    #[track_caller]
    pub fn empty_base(&self, name: &str) {
        let layout = self.path("bases");
        let layout = layout.to_str().unwrap();
        if !Path::new(layout).exists() {
            tool("umoci", ["init", "--layout", layout]);
        }
        tool("umoci", ["new", "--image", &format!("{layout}:{name}")]);
    }

    /// An image of one gzip layer in the layout `bases`: a folder's tree, owners and modes as on disk.
    #[track_caller]
    pub fn base(&self, name: &str, folder: &str) {
        self.empty_base(name);
        let image = format!("{}:{name}", self.path("bases").display());
        tool("umoci", ["insert", "--image", &image, self.path(folder).to_str().unwrap(), "/"]);
    }

    /// Changes the config of an image of the layout `bases` with `umoci config`.
    #[track_caller]
    pub fn configure_base(&self, name: &str, flags: &[&str]) {
        let image = format!("{}:{name}", self.path("bases").display());
        tool("umoci", ["config", "--image", &image].iter().chain(flags));
    }

    /// Changes manifest and config of an image of the layout `bases` by hand.
    #[track_caller]
    pub fn alter_base(&self, name: &str, change: impl FnOnce(&mut Value, &mut Value)) {
        let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let index_file = self.path("bases/index.json");
        let mut index = read(&index_file);
        let descriptors = index["manifests"].as_array_mut().unwrap();
        let named = |descriptor: &&mut Value| descriptor["annotations"]["org.opencontainers.image.ref.name"] == name;
        let descriptor = descriptors.iter_mut().find(named).unwrap();
        let mut manifest = read(&self.blob("bases", descriptor["digest"].as_str().unwrap()));
        let mut config = read(&self.blob("bases", manifest["config"]["digest"].as_str().unwrap()));
        change(&mut manifest, &mut config);
        put(&mut manifest["config"], &self.put_base_blob(config.to_string().as_bytes()));
        put(descriptor, &self.put_base_blob(manifest.to_string().as_bytes()));
        fs::write(index_file, index.to_string()).unwrap();
    }

    /// Puts an index over images of the layout `bases`, each with a platform that the index states.
    #[track_caller]
    pub fn index_of_bases(&self, name: &str, images: &[(&str, Value)]) {
        let index_file = self.path("bases/index.json");
        let mut top: Value = serde_json::from_slice(&fs::read(&index_file).unwrap()).unwrap();
        let named = |name: &str| -> Value {
            let all = top["manifests"].as_array().unwrap();
            let is = |image: &&Value| image["annotations"]["org.opencontainers.image.ref.name"] == name;
            all.iter().find(is).unwrap().clone()
        };
        let below = images.iter().map(|(image, platform)| {
            let descriptor = named(image);
            json!({
                "mediaType": descriptor["mediaType"],
                "digest": descriptor["digest"],
                "size": descriptor["size"],
                "platform": platform,
            })
        });
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": below.collect::<Vec<_>>()});
        let mut descriptor =
            json!({"mediaType": media_type, "annotations": {"org.opencontainers.image.ref.name": name}});
        put(&mut descriptor, &self.put_base_blob(index.to_string().as_bytes()));
        top["manifests"].as_array_mut().unwrap().push(descriptor);
        fs::write(index_file, top.to_string()).unwrap();
    }

    /// Puts a blob into the layout `bases` and describes it.
    pub fn put_base_blob(&self, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes).to_string();
        fs::write(self.blob("bases", &digest), bytes).unwrap();
        json!({"digest": digest, "size": bytes.len()})
    }
}

/// Points a descriptor at a blob.
fn put(descriptor: &mut Value, blob: &Value) {
    descriptor["digest"] = blob["digest"].clone();
    descriptor["size"] = blob["size"].clone();
}
