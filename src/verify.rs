//! Verifying: an image rebuilt from its sources, with nothing that anybody remembers, and compared with the published one.

use std::sync::Arc;

use crate::build::{self, Built};
use crate::compare::{self, Comparison, Ignore, Kept, Offer, Offered, Side, Subject};
use crate::diff;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{
    BASE_DIGEST, BASE_FACTS, BASE_NAME, Document, ImageError, Location, Manifest, Platform, Reference, epoch_of,
    timestamp,
};
use crate::registry::Traffic;
use crate::spec::{Base, Workspace};
use crate::workshop::Workshop;

/// Rebuilds the only image that `workspace` was asked for and compares it with the one at `location`.
///
/// It is rebuilt over the base that the published image's annotations name, else the one that the lock file pins, else
/// the one that is there now; with `options.locked` the lock file alone counts. Notes say where nothing names it, and where
/// annotations and lock file contradict each other. Whatever `workshop` remembers is used, so it
/// should be one [`apart`](Workshop::apart).
///
/// # Errors
///
/// If the image cannot be found, the workspace asks for several images or for none, or the image cannot be rebuilt.
pub fn verify(
    workshop: &Workshop,
    mut workspace: Workspace,
    location: &Location,
    options: &build::Options,
    comparing: &compare::Options,
) -> Result<Vec<Comparison>, Error> {
    let at = only(&workspace)?;
    let traffic = Arc::new(Traffic::default());
    let published = Offered::load(workshop, location, &traffic)?;
    let recipe = &workspace.recipes[at];
    let name = recipe.file.as_ref().map_or_else(|| recipe.name.clone(), |file| file.display().to_string());
    let wanted = wanted(&workspace, at, &published, options)?;
    let platforms: Vec<Option<&Platform>> = wanted.iter().map(Some).collect();
    let (partners, rest) = diff::partners(&platforms, published.images.iter().collect());
    let found: Vec<(&Platform, Option<&Offer>)> = wanted.iter().zip(partners).collect();
    let there: Vec<(&Platform, &Subject)> = found
        .iter()
        .filter_map(|(platform, offer)| Some((*platform, offer.as_ref()?.subject.as_ref().ok()?.as_ref())))
        .collect();
    let mut notes: Vec<Vec<String>> = Vec::new();
    for (platform, subject) in &there {
        notes.push(pin(&mut workspace, at, platform, &subject.manifest, options.locked)?.into_iter().collect());
    }
    for ((platform, _), notes) in there.iter().zip(&mut notes) {
        note_unpinned(&workspace, at, platform, notes)?;
    }
    let built = rebuild(workshop, &workspace, at, &there, options)?;
    let base_is_made = matches!(workspace.recipes[at].base, Base::Recipe(_));
    let images = built.iter().flat_map(|built| &built.platforms);
    let rebuilt: Vec<Rebuilt<'_>> = there
        .iter()
        .zip(images)
        .zip(notes)
        .map(|(((platform, _), image), notes)| Rebuilt {
            platform,
            subject: Subject::built(workshop, &name, image, base_is_made),
            base: image.base.documents.named.clone(),
            notes,
        })
        .collect();
    let lefts = rebuilt.iter().map(|rebuilt| &rebuilt.subject);
    compare::check_names(&comparing.layers, lefts.chain(diff::subjects(&published)))?;
    let comparing = compare::Options { thorough: true, ..comparing.clone() };
    let mut kept = Kept::default();
    let mut comparisons = Vec::new();
    for (platform, offer) in &found {
        let left = rebuilt.iter().find(|rebuilt| rebuilt.platform == *platform);
        comparisons.push(match (left, offer.map(|offer| &offer.subject)) {
            (Some(left), Some(Ok(right))) => {
                let mut comparison = compare::compare(&left.subject, right, &comparing, &mut kept)?;
                comparison.base.clone_from(&left.base);
                comparison.hints.extend(left.notes.iter().cloned());
                if !comparison.is_equal() {
                    comparison.hints.extend(epoch_hint(right, options.epoch));
                }
                comparison
            }
            (_, offer) => alone(Some(platform), Some(&name), offer, &published.name),
        });
    }
    for offer in rest {
        let is_meant = match &offer.platform {
            Some(platform) => options.platforms.is_empty() || wanted.iter().any(|wanted| wanted.accepts(platform)),
            // What is damaged before it says its platform may be any.
            None => true,
        };
        if is_meant {
            comparisons.push(alone(offer.platform.as_ref(), None, Some(&offer.subject), &published.name));
        }
    }
    // Only an image that was rebuilt for all its platforms has an index to compare.
    if let Some(built) =
        built.filter(|_| options.platforms.is_empty() && comparing.layers.is_empty() && !comparing.tree)
        && comparisons.iter().all(|comparison| comparison.left.is_some() && comparison.right.is_some())
    {
        comparisons.extend(index(&name, &built, &published, &comparing.ignore)?);
    }
    Ok(comparisons)
}

/// The image as the sources give it for a platform.
struct Rebuilt<'a> {
    platform: &'a Platform,
    subject: Subject,
    /// The published image at its bottom.
    base: Option<(String, Digest)>,
    /// What there is to say of how it was chosen.
    notes: Vec<String>,
}

/// An image that cannot be compared: only one side has it, or it is damaged.
fn alone(
    platform: Option<&Platform>,
    spec: Option<&str>,
    published: Option<&Result<Box<Subject>, String>>,
    image: &str,
) -> Comparison {
    let side = |name: &str, digest| Side { name: name.to_owned(), digest };
    let right = published.map(|subject| side(image, subject.as_ref().ok().and_then(|subject| subject.digest())));
    let mut comparison = Comparison::of(platform.cloned(), spec.map(|spec| side(spec, None)), right);
    comparison.damaged = published.and_then(|subject| subject.as_ref().err().cloned());
    comparison
}

/// The place of the only recipe that was asked for.
fn only(workspace: &Workspace) -> Result<usize, Error> {
    let asked = workspace.requested.iter().enumerate().filter(|(_, asked)| **asked).map(|(at, _)| at);
    match asked.collect::<Vec<_>>()[..] {
        [at] if at < workspace.recipes.len() => Ok(at),
        ref several => {
            let names: Vec<String> =
                several.iter().filter_map(|at| Some(format!("`{}`", workspace.recipes.get(*at)?.name))).collect();
            let message =
                format!("one image can be verified at a time, and there are {}: {}", names.len(), names.join(", "));
            Err(Error::request(message, "name the spec of one of them"))
        }
    }
}

/// What the image should be for: what was asked for, else what the spec says or the specs below it, else what the image
/// is for.
fn wanted(
    workspace: &Workspace,
    at: usize,
    published: &Offered,
    options: &build::Options,
) -> Result<Vec<Platform>, Error> {
    if !options.platforms.is_empty() {
        return Ok(options.platforms.clone());
    }
    let mut below = Some(at);
    while let Some(recipe) = below.and_then(|at| workspace.recipes.get(at)) {
        if !recipe.platforms.is_empty() {
            return Ok(recipe.platforms.clone());
        }
        let base = match &recipe.stage {
            Some(stage) => {
                let from = stage.base(None)?;
                if let Some(platform) = from.platform {
                    return Ok(vec![platform]);
                }
                from.base
            }
            None => recipe.base.clone(),
        };
        below = beneath(workspace, below, &base);
    }
    let mut wanted: Vec<Platform> = Vec::new();
    for platform in published.images.iter().filter_map(|offer| offer.platform.as_ref()) {
        // One that is there twice is built once.
        if !wanted.iter().any(|other| other.accepts(platform)) {
            wanted.push(platform.clone());
        }
    }
    Ok(wanted)
}

/// The place of the recipe that this one is built on, if it is one of the workspace.
fn beneath(workspace: &Workspace, at: Option<usize>, base: &Base) -> Option<usize> {
    let Base::Recipe(name) = base else { return None };
    workspace.recipes.iter().position(|recipe| recipe.name == *name).filter(|below| Some(*below) < at)
}

/// Pins the base at the bottom of the image to the one that the published image was built on, unless only the lock file
/// counts. Gives a note if that pins another.
fn pin(
    workspace: &mut Workspace,
    at: usize,
    platform: &Platform,
    manifest: &Manifest,
    locked: bool,
) -> Result<Option<String>, Error> {
    let annotation = |key: &str| manifest.annotations.get(key).map(String::as_str);
    let mut bottom = at;
    while let Base::Recipe(_) = &workspace.recipes[bottom].base {
        match beneath(workspace, Some(bottom), &workspace.recipes[bottom].base) {
            Some(below) => bottom = below,
            None => return Ok(None),
        }
    }
    let recipe = &mut workspace.recipes[bottom];
    let base = match &recipe.stage {
        Some(stage) => stage.base(Some(platform))?.base,
        None => recipe.base.clone(),
    };
    let Base::Image { location: Location::Registry(reference), name } = base else { return Ok(None) };
    if reference.digest.is_some() {
        return Ok(None);
    }
    let named: Option<Digest> = if bottom == at {
        // Another name is another base: its digest says nothing of this one.
        annotation(BASE_NAME).filter(|other| is_same_name(other, &reference)).and(annotation(BASE_DIGEST))
    } else {
        // The annotations name the image of the other spec; the one at the bottom is the one that was asked for facts.
        annotation(BASE_FACTS).and_then(|facts| facts.split(' ').next())
    }
    .and_then(|digest| digest.parse().ok());
    let Some(digest) = named else { return Ok(None) };
    let pinned = recipe.lock.as_ref().and_then(|lock| lock.pin(&name, Some(platform))).map(|(_, pinned)| pinned);
    let taken = match locked {
        true => "the lock file's was taken",
        false => "the image's was taken (--locked takes the lock file's)",
    };
    let note = pinned.filter(|pinned| *pinned != digest).map(|pinned| {
        format!("the image says it was made of `{name}` {digest}, and the lock file pins {pinned}: {taken}")
    });
    if !locked {
        recipe.lock.get_or_insert_default().set(&name, platform, digest);
    }
    Ok(note)
}

/// Whether a name that a builder wrote is this one: tools spell out what others leave to be understood.
fn is_same_name(written: &str, reference: &Reference) -> bool {
    let tag = |reference: &Reference| reference.tag.clone().unwrap_or_else(|| "latest".to_owned());
    written
        .parse::<Reference>()
        .is_ok_and(|written| written.repository == reference.repository && tag(&written) == tag(reference))
}

/// Says of which images the newest is taken, because nothing says which one was.
fn note_unpinned(workspace: &Workspace, at: usize, platform: &Platform, hints: &mut Vec<String>) -> Result<(), Error> {
    for recipe in &workspace.recipes[..=at] {
        for (location, name) in recipe.images(Some(platform))? {
            let Location::Registry(reference) = location else { continue };
            let is_pinned = recipe.lock.as_ref().is_some_and(|lock| lock.pin(&name, Some(platform)).is_some());
            let hint =
                format!("neither the image nor a lock file says which `{name}` it was made of: the newest was taken");
            if reference.digest.is_none() && !is_pinned && !hints.contains(&hint) {
                hints.push(hint);
            }
        }
    }
    Ok(())
}

/// Builds the image for the platforms that were published; nothing if there are none.
fn rebuild(
    workshop: &Workshop,
    workspace: &Workspace,
    at: usize,
    there: &[(&Platform, &Subject)],
    options: &build::Options,
) -> Result<Option<Built>, Error> {
    if there.is_empty() {
        return Ok(None);
    }
    let platforms: Vec<Platform> = there.iter().map(|(platform, _)| (*platform).clone()).collect();
    let options = build::Options { platforms, no_cache: true, ..options.clone() };
    let mut built = build::build(workshop, workspace, &options)?;
    Ok(if at < built.len() { Some(built.swap_remove(at)) } else { None })
}

/// The time that the published image states, if it is another than that of the run.
fn epoch_hint(published: &Subject, epoch: i64) -> Option<String> {
    let created = published.config.as_json().get("created")?.as_str()?;
    let stated = epoch_of(created).filter(|_| created != timestamp(epoch))?;
    Some(format!("the image was made with another epoch: --epoch {stated}"))
}

fn index(name: &str, built: &Built, published: &Offered, ignore: &[Ignore]) -> Result<Option<Comparison>, Error> {
    let index = match &built.index {
        Some((_, bytes)) => match Document::parse(bytes, "")? {
            Document::Index(index) => Some((index, bytes.clone())),
            Document::Manifest(manifest) => return Err(ImageError::MediaType(manifest.media_type).into()),
        },
        None => None,
    };
    let left = Offered { name: name.to_owned(), index, images: Vec::new() };
    // An index over one image is what others make of it; what it points at is what was compared.
    if left.index.is_none() && published.images.len() == 1 {
        return Ok(None);
    }
    Ok(diff::indexes(&left, published, ignore))
}
