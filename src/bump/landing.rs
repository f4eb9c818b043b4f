//! Landing: where a changed image goes, and how it gets there: blobs first, documents next, and last the tags, each only
//! if it still stands for what was read.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, TryStreamExt};

use super::next::Next;
use super::subject::Subject;
use crate::base::Origin;
use crate::build::{Known, Status};
use crate::copy;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::Step::{At, Key};
use crate::image::{Descriptor, Location, Reference, Repository, Splice, is_tag};
use crate::output::{Layout, REF_NAME};
use crate::push::deliver::{Parcel, Presence, deliver};
use crate::registry::{self, BlobSource, ReadTag, RemoteRepository, Traffic};
use crate::workshop::Workshop;

/// Where a changed image goes.
pub(super) enum Landing {
    /// To a repository, under these tags.
    Repository(RemoteRepository, Vec<ReadTag>),
    /// Into a layout, under these names.
    Layout(PathBuf, Vec<ReadTag>),
}

/// What came of it.
pub(super) struct Landed {
    /// The topmost document.
    pub top: Descriptor,
    /// The tags.
    pub tags: Vec<String>,
    /// Whether anything is new there.
    pub changed: bool,
}

impl Landing {
    /// Of a subject: under these tags (none: its own) in its own place, or in another repository. What they stand for
    /// now is what they must still stand for when they are moved.
    ///
    /// # Errors
    ///
    /// A tag that is none, a place that nothing can be written to, a registry that refuses to answer.
    pub fn of(
        workshop: &Workshop,
        subject: &Subject,
        to: Option<&Repository>,
        tags: &[String],
        traffic: &Arc<Traffic>,
    ) -> Result<Landing, Error> {
        if let Some(tag) = tags.iter().find(|tag| !is_tag(&tag.replace("{digest}", "0123456789ab"))) {
            let help = "tags are up to 128 letters, digits, `_`, `.` and `-`; `{digest}` may stand in them";
            return Err(Error::request(format!("`{tag}` is not a tag"), help));
        }
        match (&subject.location, to) {
            (Location::Registry(reference), _) => {
                let repository = to.unwrap_or(&reference.repository);
                let own = match (&reference.tag, reference.digest) {
                    (None, Some(_)) => None,
                    (tag, _) => Some(tag.clone().unwrap_or_else(|| "latest".to_owned())),
                };
                let tags = named(tags, own.as_deref(), &subject.location)?;
                let remote = workshop.door().repository(repository, traffic)?.for_push();
                let read = workshop.door().block_on(async {
                    let mut read = Vec::new();
                    for name in tags {
                        let is_read = *repository == reference.repository && Some(&name) == own.as_ref();
                        let digest = match is_read && reference.digest.is_none() {
                            true => Some(subject.top.digest),
                            false if name.contains("{digest}") => None,
                            false => remote.tag_digest(&name).await?,
                        };
                        read.push(ReadTag { name, digest });
                    }
                    Ok::<_, registry::Error>(read)
                })??;
                Ok(Landing::Repository(remote, read))
            }
            (Location::Layout { path, name }, None) => {
                let layout = Layout::open(path)?;
                let mut descriptor = layout.find(name.as_deref())?;
                let only = descriptor.annotations.remove(REF_NAME);
                let tags = named(tags, name.as_ref().or(only.as_ref()).map(String::as_str), &subject.location)?;
                let read = tags.into_iter().map(|name| {
                    let digest = layout.find(Some(&name)).ok().map(|descriptor| descriptor.digest);
                    ReadTag { name, digest }
                });
                Ok(Landing::Layout(path.clone(), read.collect()))
            }
            (location, Some(_)) => {
                let help = format!("copy it there first: tarsia copy {location} REPOSITORY:TAG");
                Err(Error::request("only an image of a registry can be bumped into a repository", help))
            }
            (location, None) => {
                let help = format!("bring it into a layout first: tarsia copy {location} oci:DIR:NAME");
                Err(Error::request(format!("`{location}` cannot be changed: it is an archive"), help))
            }
        }
    }

    /// Where it is, without tags.
    pub fn place(&self) -> String {
        match self {
            Landing::Repository(remote, _) => remote.repository().to_string(),
            Landing::Layout(path, _) => format!("oci:{}", path.display()),
        }
    }

    fn tags(&self) -> &[ReadTag] {
        match self {
            Landing::Repository(_, tags) | Landing::Layout(_, tags) => tags,
        }
    }

    /// The tags by their names, `{digest}` replaced by this digest's beginning. What such a tag stands for is known only
    /// now; nobody else has a reason to move it.
    fn tags_for(&self, workshop: &Workshop, digest: &Digest) -> Result<Vec<ReadTag>, Error> {
        let tags = self.tags().iter().map(|tag| {
            if !tag.name.contains("{digest}") {
                return Ok(tag.clone());
            }
            let name = tag.name.replace("{digest}", &digest.short());
            let digest = match self {
                Landing::Repository(remote, _) => workshop.door().block_on(remote.tag_digest(&name))??,
                Landing::Layout(path, _) => Layout::open(path)?.find(Some(&name)).ok().map(|found| found.digest),
            };
            Ok(ReadTag { name, digest })
        });
        tags.collect()
    }

    /// Brings the images there, or only says what would be. `outcome` hears what became of each blob.
    ///
    /// # Errors
    ///
    /// Whatever the place refuses; a tag that somebody else has moved since it was read.
    pub fn land(
        &self,
        workshop: &Workshop,
        subject: &Subject,
        next: &mut [Next],
        dry_run: bool,
        traffic: &Arc<Traffic>,
        note: &dyn Fn(String),
    ) -> Result<Landed, Error> {
        let (top, bytes) = top(subject, next, note)?;
        let tags = self.tags_for(workshop, &top.digest)?;
        let names = tags.iter().map(|tag| tag.name.clone()).collect();
        if tags.iter().all(|tag| tag.digest == Some(top.digest)) {
            return Ok(Landed { top, tags: names, changed: false });
        }
        if dry_run {
            return Ok(Landed { top, tags: names, changed: true });
        }
        match self {
            Landing::Repository(remote, _) => {
                if let Location::Registry(from) = &subject.location
                    && from.repository != *remote.repository()
                {
                    bring(workshop, subject, from, remote.repository(), traffic)?;
                }
                let whole = subject.index.is_some();
                workshop.door().block_on(send(workshop, next, remote, whole))??;
                let bytes = Bytes::from(bytes);
                let moved = workshop.door().block_on(remote.move_tags(&tags, &top.media_type, &bytes))??;
                for (tag, slow) in moved.iter().filter_map(|tag| Some((&tag.name, tag.slow?))) {
                    let seconds = slow.as_secs_f64();
                    note(format!(
                        "`{tag}` was put {seconds:.1} s after it was looked at: if somebody else has moved it in between, \
                         their image is under its digest only"
                    ));
                }
            }
            Landing::Layout(path, _) => write(workshop, next, &Layout::create(path)?, &tags, &top, &bytes)?,
        }
        Ok(Landed { top, tags: names, changed: true })
    }
}

/// The annotation by which builders say what an attestation is about.
const ATTESTED: &str = "vnd.docker.reference.digest";

/// The tags that were asked for, else the one that the image was read by.
fn named(tags: &[String], own: Option<&str>, location: &Location) -> Result<Vec<String>, Error> {
    match (tags, own) {
        ([], Some(own)) => Ok(vec![own.to_owned()]),
        ([], None) => Err(Error::request(format!("`{location}` names no tag that could be moved"), "use --tag TAG")),
        (tags, _) => Ok(tags.to_vec()),
    }
}

/// The topmost document: the subject's, pointing at the new images.
fn top(subject: &Subject, next: &[Next], note: &dyn Fn(String)) -> Result<(Descriptor, Vec<u8>), Error> {
    let Some(index) = &subject.index else {
        let [only] = next else {
            return Err(Error::request("the image has no manifest for this platform", "choose another --platform"));
        };
        return Ok((Descriptor::of(&only.manifest.media_type, &only.manifest_bytes), only.manifest_bytes.clone()));
    };
    let mut splice = Splice::of(&subject.bytes)?;
    for image in next {
        let before = &subject.images[image.place].digest;
        if image.digest() == *before {
            continue;
        }
        let tells_of_it = |descriptor: &&Descriptor| {
            descriptor.annotations.get(ATTESTED).is_some_and(|attested| *attested == before.to_string())
        };
        if let Some(attestation) = index.manifests.iter().find(tells_of_it) {
            note(format!(
                "the attestation {} in the index tells of the image before, {}: it was not made for this one",
                attestation.digest.short(),
                before.short()
            ));
        }
        for (at, _) in index.manifests.iter().enumerate().filter(|(_, descriptor)| descriptor.digest == *before) {
            let path = [Key("manifests"), At(at)];
            // A descriptor that embeds its content would go on telling the old.
            splice.remove(&path, "data");
            let replaced = splice.replace(&[path[0], path[1], Key("digest")], &image.digest())
                && splice.replace(&[path[0], path[1], Key("size")], &image.manifest_bytes.len());
            if !replaced {
                return Err(Error::request("the index cannot be changed: it has no place for the new manifest", ""));
            }
        }
    }
    let bytes = splice.finish();
    Ok((Descriptor::of(&index.media_type, &bytes), bytes))
}

/// Brings all that an image of another repository has, so that only what is new is left to be sent.
fn bring(
    workshop: &Workshop,
    subject: &Subject,
    from: &Reference,
    to: &Repository,
    traffic: &Arc<Traffic>,
) -> Result<(), Error> {
    let by_digest = |repository: &Repository| {
        Location::Registry(Reference { repository: repository.clone(), tag: None, digest: Some(subject.top.digest) })
    };
    copy::copy(workshop, &by_digest(&from.repository), &by_digest(to), &[], traffic).map(|_| ())
}

/// Sends what is new to a repository that has the subject.
async fn send(
    workshop: &Workshop,
    next: &mut [Next],
    remote: &RemoteRepository,
    below_an_index: bool,
) -> Result<(), Error> {
    for image in next.iter_mut() {
        let host = &remote.repository().host;
        registry::limits::check(host, &image.manifest.layers, image.manifest_bytes.len() as u64)?;
        let Next { base, made, layers, .. } = image;
        let sending: FuturesUnordered<_> = FuturesUnordered::new();
        let below = base.iter().flat_map(|base| base.documents.layers.iter().map(move |layer| (base, layer)));
        let parcels = below.map(|(base, layer)| Parcel::of_base(base, layer));
        let parcels = parcels.chain(made.iter().map(|layer| Parcel::of_layer(&Known::built(layer.clone()))));
        for parcel in parcels {
            sending.push(deliver(workshop, parcel, remote, Presence::Unknown, None));
        }
        for (digest, status) in sending.try_collect::<Vec<(Digest, Status)>>().await? {
            let same = layers.iter_mut().filter(|layer| layer.descriptor.digest == digest);
            same.filter(|layer| layer.status != Status::Base).for_each(|layer| layer.status = status);
        }
        let config = BlobSource::Bytes(Bytes::copy_from_slice(&image.config_bytes));
        if !remote.blob_exists(&image.manifest.config.digest).await? {
            remote.upload(&image.manifest.config, config, None, &|_| {}).await?;
        }
        if below_an_index {
            let bytes = Bytes::copy_from_slice(&image.manifest_bytes);
            remote.put_manifest(&image.digest().to_string(), &image.manifest.media_type, &bytes).await?;
        }
    }
    Ok(())
}

/// Writes what is new into the subject's layout.
fn write(
    workshop: &Workshop,
    next: &mut [Next],
    layout: &Layout,
    tags: &[ReadTag],
    top: &Descriptor,
    bytes: &[u8],
) -> Result<(), Error> {
    for image in next.iter_mut() {
        for layer in &image.made {
            layout.put_blob_file(&layer.digest, &workshop.store().blob_path(&layer.digest))?;
        }
        for (base, layer) in image.base.iter().flat_map(|base| base.documents.layers.iter().map(move |l| (base, l))) {
            if !layout.has_blob(&layer.digest, layer.size) && !matches!(*base.origin, Origin::Scratch) {
                crate::base::keep_layer(workshop, &base.origin, base.name(), layer)?;
                layout.put_blob_file(&layer.digest, &workshop.store().blob_path(&layer.digest))?;
            }
        }
        layout.put_blob(&image.config_bytes)?;
        layout.put_blob(&image.manifest_bytes)?;
    }
    layout.put_blob(bytes)?;
    let named: Vec<(String, Descriptor)> = tags.iter().map(|tag| (tag.name.clone(), top.clone())).collect();
    layout.name_images_if(&named, |name, now| {
        let now = now.map(|descriptor| descriptor.digest);
        let read = tags.iter().find(|tag| tag.name == name).and_then(|tag| tag.digest);
        if now == read || now == Some(top.digest) {
            return Ok(());
        }
        let stands = now.map_or_else(|| "gone".to_owned(), |digest| format!("{digest} now"));
        let message = format!("`{name}` in `{}` was changed meanwhile: it is {stands}", layout.root().display());
        Err(Error::request(message, "nothing is lost; run again, and the run begins with what it is now"))
    })
}
