//! Sources: what made a layer, as far as the image's documents tell.

use super::InspectedLayer;
use crate::base::BaseImage;
use crate::digest::Digest;
use crate::image::{BASE_DIGEST, BASE_FACTS, BASE_NAME, Document, LAYER_KEY};
use crate::workshop::Workshop;

/// What an image's annotations say of its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedBase {
    /// Its reference.
    pub name: Option<String>,
    /// The digest of its manifest.
    pub digest: Option<Digest>,
    /// How many layers, from the lowest, are known to be its.
    pub layers: usize,
    /// Whether the layers above those may be its too: it was built by this program on another image.
    pub may_be_more: bool,
}

impl InspectedBase {
    pub(super) fn of(workshop: &Workshop, image: &BaseImage) -> Option<InspectedBase> {
        let annotations = &image.documents.annotations;
        let name = annotations.get(BASE_NAME).cloned();
        let digest: Option<Digest> = annotations.get(BASE_DIGEST).and_then(|digest| digest.parse().ok());
        if name.is_none() && digest.is_none() {
            return None;
        }
        let stated = digest.and_then(|digest| layers_of(workshop, image, &digest));
        let lowest = lowest(image);
        let may_be_more = stated.is_none() && lowest.is_some() && lowest != digest;
        let layers = stated.unwrap_or_else(|| layers_below_ours(image));
        Some(InspectedBase { name, digest, layers, may_be_more })
    }
}

/// The digest of the image at the bottom, whose tree the layers asked, if the image says it.
pub(super) fn lowest(image: &BaseImage) -> Option<Digest> {
    let facts = image.documents.annotations.get(BASE_FACTS)?;
    facts.split_once(' ')?.0.parse().ok()
}

/// How many layers the base has whose manifest has this digest, if it is on this machine and its layers are the lowest of
/// this image.
pub(super) fn layers_of(workshop: &Workshop, image: &BaseImage, base: &Digest) -> Option<usize> {
    let bytes = workshop.store().known_document(base)?;
    let Ok(Document::Manifest(manifest)) = Document::parse(&bytes, "") else { return None };
    let same = |below: &[crate::image::Descriptor]| {
        below.iter().zip(&manifest.layers).all(|(here, there)| here.digest == there.digest)
    };
    image.documents.layers.get(..manifest.layers.len()).filter(|below| same(below)).map(<[_]>::len)
}

/// How many layers lie below the lowest one of ours; none if none is ours.
fn layers_below_ours(image: &BaseImage) -> usize {
    let ours = |layer: &crate::image::Descriptor| layer.annotations.contains_key(LAYER_KEY);
    image.documents.layers.iter().position(ours).unwrap_or(0)
}

impl InspectedLayer {
    /// What made it, in a line: the key of a layer of ours, else what the history says, without the noise of builders.
    pub fn source(&self) -> String {
        match &self.key {
            Some(key) => {
                format!("key {}", key.strip_prefix("sha256:").unwrap_or(key).chars().take(12).collect::<String>())
            }
            None => cleaned(self.created_by.as_deref().unwrap_or_default()),
        }
    }

    /// What it is called where there is room for one word: its name, what made it, or its digest.
    pub fn label(&self) -> String {
        let source = || Some(cleaned(self.created_by.as_deref()?)).filter(|source| !source.is_empty());
        self.name.clone().or_else(source).unwrap_or_else(|| self.descriptor.digest.short())
    }
}

/// What a history entry says, without what docker's builders put around it: `/bin/sh -c #(nop) CMD […]` is `CMD […]`,
/// `RUN |1 A=b /bin/sh -c make # buildkit` is `RUN make`. White space becomes single spaces.
pub fn cleaned(created_by: &str) -> String {
    const SHELL: &str = "/bin/sh -c ";
    let line = created_by.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix(" # buildkit").unwrap_or(&line);
    if let Some(instruction) = line.strip_prefix(SHELL).and_then(|rest| rest.strip_prefix("#(nop)")) {
        return instruction.trim_start().to_owned();
    }
    let command = line.strip_prefix("RUN ").unwrap_or(line);
    // `|2 A=b C=d` before the shell are build arguments.
    let shell = match command.strip_prefix('|') {
        Some(arguments) => arguments.split_once(SHELL).map(|(_, command)| command),
        None => command.strip_prefix(SHELL),
    };
    match shell {
        Some(command) => format!("RUN {}", command.trim_start()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_lose_the_noise_of_builders() {
        for (written, clean) in [
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c #(nop) ADD file:ab in / ", "ADD file:ab in /"),
            ("/bin/sh -c apt-get update\t&& \\\n apt-get install", "RUN apt-get update && \\ apt-get install"),
            ("RUN /bin/sh -c make # buildkit", "RUN make"),
            ("RUN |2 A=b C=d e /bin/sh -c make all # buildkit", "RUN make all"),
            ("|1 A=b /bin/sh -c make", "RUN make"),
            ("COPY handler.py /var/task/ # buildkit", "COPY handler.py /var/task/"),
            ("tarsia layer code", "tarsia layer code"),
            ("", ""),
        ] {
            assert_eq!(cleaned(written), clean, "{written}");
        }
    }
}
