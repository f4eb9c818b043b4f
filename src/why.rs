//! Why a layer is assembled: compared with its last version, as this machine or the repository knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::{Options, Prepared, PreparedImage, PreparedLayer};
use crate::digest::Digest;
use crate::layer::{Difference, Listing};
use crate::published::{Published, Source};
use crate::survey::{Survey, Target, chain};
use crate::workshop::Workshop;

/// Why a layer is assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// `--no-cache` was asked for.
    Asked,
    /// No version of it is known.
    New,
    /// This machine knows none, and repositories were not to be asked.
    NotAsked,
    /// The image about to be replaced has another version, whose listing nobody knows.
    Unlisted,
    /// Its key differs from that of the last version known.
    Changed(Difference),
    /// It is known, and its blob exists nowhere any more.
    Lost,
    /// It is as it was, and neither this machine nor the registry has it.
    Forgotten,
}

impl Why {
    /// What makes a layer another one than its last version, if one is known.
    pub fn between(last: Option<&Listing>, layer: &PreparedLayer) -> Why {
        let Some(last) = last else { return Why::New };
        let difference = Difference::between(last, layer.codec, layer.contents.entries());
        if difference == Difference::default() { Why::Forgotten } else { Why::Changed(difference) }
    }

    /// In a line.
    pub fn words(&self) -> String {
        match self {
            Why::Asked => "the cache is not to be used".to_owned(),
            Why::New => "no earlier version is known".to_owned(),
            Why::NotAsked => {
                "no earlier version is known here, and what the repository has is not looked at (--no-remote-cache)"
                    .to_owned()
            }
            Why::Unlisted => {
                "key differs from that of the image about to be replaced, whose listing is not known".to_owned()
            }
            Why::Changed(difference) => format!("key differs: {}", difference.summary()),
            Why::Lost => "the blob exists nowhere any more".to_owned(),
            Why::Forgotten => "unchanged, but its blob is not known any more".to_owned(),
        }
    }
}

/// Where a layer is known from that need not be assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This machine's store: the blob with its record, or the record alone.
    Here {
        /// Whether the blob is there.
        blob: bool,
    },
    /// A repository.
    There(Source),
    /// An image before it in the run, for which it is assembled.
    Before,
}

impl Found {
    /// Of a layer of the image at a place, if it is known.
    pub(crate) fn of(survey: &Survey, place: usize, key: &Digest) -> Option<Found> {
        let Some(known) = survey.layers.get(key) else { return Some(Found::Before) };
        if known.here || known.holders.is_empty() {
            return Some(Found::Here { blob: known.here });
        }
        survey.published.source(place, &known.layer).map(Found::There)
    }

    /// In a line.
    pub fn words(&self) -> String {
        let place = match self {
            Found::Here { blob: true } => "in this machine's store".to_owned(),
            Found::Here { blob: false } => "in this machine's records".to_owned(),
            Found::There(Source::Tag(image)) => format!("in the image that `{image}` stands for"),
            Found::There(Source::CacheFrom(image)) => format!("in `{image}` (--cache-from)"),
            Found::There(Source::Cache(image)) => format!("in the cache image `{image}`"),
            Found::Before => return "assembled for an image before it in this run".to_owned(),
        };
        format!("key unchanged: found {place}")
    }
}

/// Why layers are assembled, by key.
pub type Whys = BTreeMap<Digest, Why>;

/// What is to be found out of layers. What this machine knows is looked up at once: assembling overwrites it.
#[derive(Debug, Default)]
pub(crate) struct Inquiry {
    known: Whys,
    open: BTreeMap<Digest, Question>,
}

/// A layer of whose last version this machine knows nothing.
#[derive(Debug)]
struct Question {
    layer: PreparedLayer,
    place: usize,
    /// The name of the image whose recipe says it.
    image: String,
    /// The key it has in the image that is about to be replaced.
    replaced: Option<Digest>,
}

impl Inquiry {
    /// Of every layer that images with work left need and that is not known. `lost` are those that were known, and whose
    /// blobs exist nowhere.
    pub(crate) fn of(workshop: &Workshop, survey: &Survey, options: &Options, lost: &BTreeSet<Digest>) -> Inquiry {
        let mut inquiry = Inquiry::default();
        for target in survey.pending() {
            for platform in &survey.prepared[target.place].platforms {
                for image in chain(&survey.prepared, platform) {
                    for layer in image.layers.iter().filter(|layer| !survey.layers.contains_key(&layer.key)) {
                        if lost.contains(&layer.key) {
                            inquiry.known.insert(layer.key, Why::Lost);
                        } else {
                            inquiry.add(workshop, survey, target, platform, image, layer, options);
                        }
                    }
                }
            }
        }
        inquiry
    }

    /// Of one layer of an image that is, or is below, the image for a platform of a target.
    #[expect(clippy::too_many_arguments, reason = "they are what a layer of a run is found by")]
    pub(crate) fn add(
        &mut self,
        workshop: &Workshop,
        survey: &Survey,
        target: &Target,
        platform: &PreparedImage,
        image: &PreparedImage,
        layer: &PreparedLayer,
        options: &Options,
    ) {
        if self.known.contains_key(&layer.key) || self.open.contains_key(&layer.key) {
            return;
        }
        if options.no_cache {
            self.known.insert(layer.key, Why::Asked);
            return;
        }
        let store = workshop.store();
        let image = owner(&survey.prepared, image).to_owned();
        // What is about to be replaced is of this platform, and was pushed; what was last made here may be neither.
        let replaced = survey.published.replaced_key(target.place, &platform.platform, &layer.name);
        let latest = || store.latest(&image, &layer.platform, &layer.name);
        let here = replaced.and_then(|key| store.listing(&key));
        let here =
            here.or_else(|| match replaced.is_some_and(|key| survey.published.has_listing(target.place, &key)) {
                true => None,
                false => latest().and_then(|key| store.listing(&key)),
            });
        match here {
            Some(last) => drop(self.known.insert(layer.key, Why::between(Some(&last), layer))),
            None => {
                let question = Question { layer: layer.clone(), place: target.place, image, replaced };
                self.open.insert(layer.key, question);
            }
        }
    }

    /// Asks repositories for what this machine does not know: one listing a layer at most. Their cache images were looked at
    /// when the layer was looked for.
    pub(crate) fn finish(self, published: &Published) -> Whys {
        let mut whys = self.known;
        for (key, question) in self.open {
            let Question { layer, place, image, replaced } = question;
            let last = replaced.and_then(|key| published.listing(place, &key));
            let last = last.or_else(|| published.last_listing(place, &image, &layer.name));
            let why = match (&last, replaced) {
                (None, _) if !published.is_asked() => Why::NotAsked,
                (None, Some(replaced)) if replaced == key => Why::Forgotten,
                (None, Some(_)) => Why::Unlisted,
                _ => Why::between(last.as_ref(), &layer),
            };
            whys.insert(key, why);
        }
        whys
    }
}

/// The name of the image whose recipe says these layers.
fn owner<'a>(prepared: &'a [Prepared], image: &PreparedImage) -> &'a str {
    let is_its = |prepared: &&Prepared| prepared.platforms.iter().any(|platform| std::ptr::eq(platform, image));
    prepared.iter().find(is_its).map_or("", |prepared| &prepared.name)
}
