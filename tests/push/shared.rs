//! Several images, or several tags, in one repository.

use std::fs;

use super::cache::app;
use crate::support::Sandbox;
use crate::support::examples::assert_whole;
use crate::support::registry::{Kind, Registry};
use crate::support::workspace::{IMAGES, digests, json_of, over, stored_layers, workspace};

/// The workspace, all of whose images go to one repository; each under its name, or all under the same.
fn together(tag: Option<&str>) -> Sandbox {
    let sandbox = workspace("scratch", "");
    for image in IMAGES {
        let file = format!("specs/{image}.toml");
        let spec = fs::read_to_string(sandbox.path(&file)).unwrap();
        let tagged = format!("/all\"\ntags = [\"{}\"]", tag.unwrap_or(image));
        sandbox.file(&file, spec.replace(&format!("/team/{image}\""), &tagged));
    }
    sandbox
}

#[test]
fn images_of_one_repository_share_what_they_have() {
    let registry = Registry::start();
    let first = over(&together(None), "push", &registry, &[]).ok();
    let log = registry.log();
    assert_eq!(log.count(Kind::Mount), 0, "{log}");
    for (image, digest) in IMAGES.iter().zip(digests(&first)) {
        assert_eq!(assert_whole(&registry, "all", image), digest);
    }
    // Three layers, three configs, three listings, the cache image's config.
    assert_eq!(log.count(Kind::UploadPut), 10, "{log}");
    // All are in the one cache image.
    assert_eq!(json_of(&registry, "all", "tarsia-cache")["layers"].as_array().unwrap().len(), 6);
    for image in IMAGES {
        registry.delete_tag("all", image);
    }
    let fresh = together(None);
    assert_eq!(digests(&over(&fresh, "push", &registry, &[]).ok()), digests(&first));
    assert_eq!(stored_layers(&fresh), Vec::<String>::new());
}

#[test]
fn two_images_cannot_have_one_tag() {
    let registry = Registry::start();
    let message = format!("`a` and `b` both go to `{}/all:latest`", registry.host());
    for command in ["push", "plan"] {
        over(&together(Some("latest")), command, &registry, &[]).refused(2, &message);
    }
    over(&together(None), "push", &registry, &["--tag", "v1"]).refused(2, "both go to");
    assert!(registry.log().is_empty());
    // A tag that is named after the digest is each image's own.
    over(&together(Some("{digest}")), "push", &registry, &[]).ok();
    assert_eq!(registry.tags("all").len(), 4);
}

#[test]
fn the_cache_image_does_not_take_the_place_of_an_image() {
    let registry = Registry::start();
    for flags in [&["--tag", "tarsia-cache"][..], &["--cache-tag", "latest"]] {
        for command in ["push", "plan"] {
            let run = over(&app(1, "scratch"), command, &registry, flags).refused(2, "cache image");
            assert!(run.stderr.contains("--cache-tag"), "{}", run.stderr);
        }
    }
    assert!(registry.log().is_empty());
    over(&app(1, "scratch"), "push", &registry, &["--tag", "tarsia-cache", "--no-remote-cache"]).ok();
    assert_whole(&registry, "app", "tarsia-cache");
}
