//! Writing: built images into layouts and archives of this machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

use crate::base;
use crate::build::{Built, BuiltImage, BuiltLayer, Status};
use crate::digest::{Digest, Digesting};
use crate::error::Error;
use crate::events::Task;
use crate::image::{Descriptor, Image, Location, media_type};
use crate::output::{
    Archive, ArchiveContents, ArchiveImage, Layout, OutputError, REF_NAME, write_docker_archive, write_oci_archive,
};
use crate::workshop::Workshop;

/// Writes the images that were asked for to `destination` and returns, for each of `built`, the name it has there
/// (none if it was not asked for) and whether that name was new or stood for something else.
///
/// # Errors
///
/// If a layer of a base cannot be fetched, or the destination cannot be written or is a registry.
pub fn write(
    workshop: &Workshop,
    built: &[Built],
    destination: &Location,
) -> Result<Vec<Option<(String, bool)>>, Error> {
    let requested = built.iter().filter(|image| image.requested).count();
    let names = |named: &Option<String>| -> Result<Vec<Option<String>>, Error> {
        if named.is_some() && requested > 1 {
            return Err(Error::request(
                format!("`{destination}` names one image, and {requested} were built"),
                "leave the name away: each image then goes under its own",
            ));
        }
        let name = |image: &Built| image.requested.then(|| named.clone().unwrap_or_else(|| image.name.clone()));
        Ok(built.iter().map(name).collect())
    };
    let _running = workshop.events().begin(Task::Write { output: destination.to_string() }, 0);
    match destination {
        Location::Layout { path, name } => {
            let names = names(name)?;
            let layout = Layout::create(path)?;
            let before = layout.index()?;
            let mut entries = Vec::new();
            let mut report = Vec::new();
            for (image, name) in built.iter().zip(names) {
                let Some(name) = name else {
                    report.push(None);
                    continue;
                };
                for platform in &image.platforms {
                    put_platform(workshop, &layout, platform)?;
                }
                if let Some((_, bytes)) = &image.index {
                    layout.put_blob(bytes)?;
                }
                let changed = !before
                    .manifests
                    .iter()
                    .any(|other| other.digest == image.top().digest && other.annotations.get(REF_NAME) == Some(&name));
                entries.push((name.clone(), image.top().clone()));
                report.push(Some((name, changed)));
            }
            layout.name_images(&entries)?;
            Ok(report)
        }
        Location::OciArchive { path, name } | Location::DockerArchive { path, name } => {
            let names = names(name)?;
            let before: Vec<Option<Digest>> =
                names.iter().map(|name| archived(destination, name.as_deref()?)).collect();
            let mut contents = ArchiveContents::default();
            let mut images = Vec::new();
            let mut seen = BTreeSet::new();
            for (image, name) in built.iter().zip(&names) {
                let Some(name) = name else { continue };
                for platform in &image.platforms {
                    for layer in distributable(platform) {
                        base::keep_layer(workshop, &platform.base.origin, platform.base.name(), &layer.descriptor)?;
                        if seen.insert(layer.descriptor.digest) {
                            contents.layers.push(layer.descriptor.clone());
                        }
                    }
                    let Image { manifest, manifest_bytes, descriptor, config_bytes, .. } = &platform.image;
                    contents.documents.insert(manifest.config.digest, config_bytes.clone());
                    contents.documents.insert(descriptor.digest, manifest_bytes.clone());
                }
                contents.documents.insert(image.top().digest, image.top_bytes().to_vec());
                contents.named.push((name.clone(), image.top().clone()));
                let platforms = image.platforms.iter().map(|platform| &platform.image).collect();
                images.push(ArchiveImage { name: name.clone(), images: platforms });
            }
            let mut open = |layer: &Descriptor| -> Result<Box<dyn Read>, OutputError> {
                let path = workshop.store().blob_path(&layer.digest);
                match File::open(&path) {
                    Ok(file) => Ok(base::checked(Box::new(file), layer)),
                    Err(source) => Err(OutputError::Io { doing: "open", path, source }),
                }
            };
            match destination {
                Location::OciArchive { .. } => write_oci_archive(path, &contents, &mut open)?,
                _ => write_docker_archive(path, &images, &mut open)?,
            }
            let report = built.iter().zip(names).zip(before).map(|((image, name), before)| {
                // A docker archive knows no manifests; its images are known by their configs.
                let config = image.platforms[0].image.manifest.config.digest;
                name.map(|name| (name, ![Some(image.top().digest), Some(config)].contains(&before)))
            });
            Ok(report.collect())
        }
        Location::Registry(reference) => Err(Error::request(
            format!("`{reference}` is a registry, and build writes to this machine only"),
            "use `tarsia push`, or an output such as `oci:out`, `oci-archive:FILE` or `docker-archive:FILE`",
        )),
    }
}

/// The digest of the manifest, or of the config, that an image of this name has in the archive that is there.
fn archived(archive: &Location, name: &str) -> Option<Digest> {
    match archive {
        Location::OciArchive { path, .. } => Some(Archive::open(path).ok()?.find(Some(name)).ok()?.digest),
        Location::DockerArchive { path, .. } => {
            Some(Archive::open(path).ok()?.docker_image(Some(name)).ok()?.manifest.config.digest)
        }
        _ => None,
    }
}

/// The layers whose bytes belong to the image, each once.
fn distributable(platform: &BuiltImage) -> impl Iterator<Item = &BuiltLayer> {
    let mut seen = BTreeSet::new();
    platform.layers.iter().filter(move |layer| {
        !media_type::is_nondistributable(&layer.descriptor.media_type) && seen.insert(layer.descriptor.digest)
    })
}

fn put_platform(workshop: &Workshop, layout: &Layout, platform: &BuiltImage) -> Result<(), Error> {
    for layer in distributable(platform) {
        let descriptor = &layer.descriptor;
        if layout.has_blob(&descriptor.digest, descriptor.size) {
            continue;
        }
        if !workshop.store().has_blob(&descriptor.digest, descriptor.size) {
            base::keep_layer(workshop, &platform.base.origin, platform.base.name(), descriptor)?;
        }
        if layer.status != Status::Built {
            // What was written a moment ago was digested a moment ago; the others may have been damaged since.
            let mut blob = workshop.store().open_blob(&descriptor.digest, descriptor.size)?;
            let digest = blob.as_mut().map(digest_of).transpose();
            let path = workshop.store().blob_path(&descriptor.digest);
            let digest = digest.map_err(|source| OutputError::Io { doing: "read", path, source })?;
            if digest.is_some_and(|digest| digest != descriptor.digest) {
                return Err(workshop.store().discard(&descriptor.digest).into());
            }
        }
        layout.put_blob_file(&descriptor.digest, &workshop.store().blob_path(&descriptor.digest))?;
    }
    layout.put_blob(&platform.image.config_bytes)?;
    layout.put_blob(&platform.image.manifest_bytes)?;
    Ok(())
}

fn digest_of(file: &mut File) -> std::io::Result<Digest> {
    let mut digesting = Digesting::new(file);
    std::io::copy(&mut digesting, &mut std::io::sink())?;
    Ok(digesting.finish().1)
}
