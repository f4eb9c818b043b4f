//! Keeping: the image of a Dockerfile whose commands were run elsewhere. The layers of RUN are kept if nothing that they
//! could see has changed; what is copied after the last of them is laid anew.

mod history;
mod same;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::below::Below;
use super::next::{FactsEdit, Next, Replacement};
use super::resemble::{Alike, edited, resembling};
use super::subject::SubjectImage;
use super::{Bumped, Replacements, Request, Run, only};
use crate::base::BaseImage;
use crate::build::{Bases, Options, PreparedBase, PreparedLayer, Single};
use crate::entry::{Entry, Kind, lexical, parents};
use crate::error::Error;
use crate::image::Descriptor;
use crate::image::accounts::OwnerName;
use crate::layer::{self, Chmod, Contents, Listing, SourceKind, SourceTree, Stack};
use crate::spec::dockerfile::Stage;
use crate::spec::{CopyFrom, LayerContent, LayerRecipe, SpecError, Workspace};
use crate::why::Why;
use crate::workshop::Workshop;

use history::{align, saw_the_same};
use same::{Mismatch, Modes, mismatches};
use settings::unlike;

/// Brings the image that was built of a Dockerfile up to what the contexts are now, without running anything, and moves
/// the tags if they still stand for what was read.
///
/// # Errors
///
/// A Dockerfile or a base that the image was not built of; a change that a RUN could see, with the file and the RUN;
/// whatever laying and assembling report, whatever the registry refuses, a tag that somebody else has moved.
pub fn keep(workshop: &Workshop, workspace: &Workspace, options: &Options, request: &Request) -> Result<Bumped, Error> {
    let recipe = only(workspace)?;
    let Some(stage) = &recipe.stage else {
        let help = "name layers with --layer NAME, or put all onto a new base with --base";
        return Err(Error::request("nothing is to change", help));
    };
    if request.image.is_none() {
        let help = "name the image that was built of it: --image IMAGE";
        return Err(Error::request("a Dockerfile does not say where its image is", help));
    }
    let run = Run::begin(workshop, workspace, recipe, options, request)?;
    let mut next = Vec::new();
    for place in 0..run.subject.images.len() {
        next.push(one(&run, stage, place)?);
    }
    run.finish(next)
}

fn one(run: &Run<'_>, stage: &Stage, place: usize) -> Result<Next, Error> {
    let image = &run.subject.images[place];
    let base = base(run, image)?;
    let evaluated = stage.evaluate(&image.platform, &base.documents.config)?;
    let mut expected = base.documents.config.clone();
    expected.edit(&evaluated.config);
    if let Some(what) = unlike(&expected, &image.config) {
        let message = format!("the Dockerfile and `{}` do not agree on {what}", run.subject.location);
        return Err(Error::request(message, "only files are bumped: build the image again"));
    }
    let aligned = align(run, image, base.documents.layers.len(), &evaluated.layers)?;
    let last_run = aligned.iter().rposition(|(layer, _)| layer.content_is_kept());
    for &(layer, at) in aligned.iter().take(last_run.map_or(0, |last| last + 1)) {
        if let Some(at) = at {
            saw_the_same(run, image, &base.documents.config, (layer, at), &evaluated.settings)?;
        }
    }
    let mut keeping = Keeping {
        run,
        image,
        single: Single::new(run.workshop, run.recipe, run.options, &run.traffic),
        layers: image.manifest.layers.clone(),
        replacements: Replacements::new(),
    };
    for (index, &(layer, at)) in aligned.iter().enumerate() {
        // Builders that make no layer for a working directory have it in the next one.
        let start = aligned[..index].iter().rposition(|(_, at)| at.is_some()).map_or(0, |last| last + 1);
        let before = &aligned[start..index];
        match at {
            Some(at) if last_run.is_some_and(|last| index <= last) => {
                let run_after = aligned[index..].iter().find(|(after, _)| after.content_is_kept());
                keeping.prove(before, layer, at, run_after.map_or(layer, |(after, _)| after))?;
            }
            Some(at) => keeping.renew(before, layer, at)?,
            None => {}
        }
    }
    for (layer, _) in aligned.iter().filter(|(layer, _)| layer.content_is_kept()) {
        if let Some(mount) = layer.ran.as_ref().and_then(|ran| ran.mount.as_ref()) {
            let what = format!(
                "`{mount}` shows `{}` files that no layer holds, so nobody can tell whether they changed",
                layer.name
            );
            return Err(at_line(layer, what));
        }
    }
    let replacements = keeping.replacements;
    Next::replacing(place, image, replacements, &FactsEdit::Keep)
}

impl LayerRecipe {
    /// Whether the layer is a RUN's that cannot be done here.
    fn content_is_kept(&self) -> bool {
        matches!(self.content, LayerContent::Run)
    }
}

/// The image below the Dockerfile's instructions, made sure to be what lies at the bottom.
fn base(run: &Run<'_>, image: &SubjectImage) -> Result<BaseImage, Error> {
    let &Run { workshop, recipe, options, traffic, .. } = &run;
    let bases = Bases { workshop, recipe, locked: options.locked, traffic, prepared: &[] };
    let found = bases.find(std::slice::from_ref(&image.platform))?.pop();
    let Some((_, PreparedBase::Image(base))) = found else {
        return Err(Error::request(format!("the image `{}` has no base", recipe.name), "build it again"));
    };
    // Builders compress the layers of a base anew: what they hold counts.
    let below = base.documents.config.diff_ids();
    if image.diff_ids.starts_with(&below) {
        return Ok(base);
    }
    let message = format!("`{}` is not what lies at the bottom of `{}`", base.name(), run.subject.location);
    Err(Error::request(
        message,
        "its commands would have to be run again over the new base; to keep the old one, pin it: FROM IMAGE@DIGEST",
    ))
}

/// An error at the line of an instruction.
fn at_line(layer: &LayerRecipe, message: String) -> Error {
    at_line_with(layer, message, "build the image again where its commands can be run")
}

/// The same with another way out.
fn at_line_with(layer: &LayerRecipe, message: String, help: &str) -> Error {
    let help = help.to_owned();
    match &layer.span {
        Some(span) => SpecError::At { span: span.clone(), message, help: Some(help) }.into(),
        None => Error::request(message, help),
    }
}

/// An image some of whose layers are new already.
struct Keeping<'a> {
    run: &'a Run<'a>,
    image: &'a SubjectImage,
    single: Single<'a>,
    layers: Vec<Descriptor>,
    replacements: Replacements,
}

impl Keeping<'_> {
    /// The lowest layers.
    fn below(&self, count: usize) -> Below {
        self.run.below(self.image, count, &self.layers)
    }

    /// What an instruction makes over the layers below its own, those before it that have no layer included; and the
    /// directories that these make.
    fn laid(
        &mut self,
        before: &[(&LayerRecipe, Option<usize>)],
        layer: &LayerRecipe,
        at: usize,
    ) -> Result<Option<(PreparedLayer, MadeBefore)>, Error> {
        let mut stack = self.below(at).stack();
        let mut lay = |layer: &LayerRecipe| {
            let laid = self.single.lay(layer, &self.image.platform, &mut stack);
            laid.map_err(|error| from_stage(layer, error))
        };
        let mut laid: Option<PreparedLayer> = None;
        for (layer, _) in before {
            laid = match (laid, lay(layer)?) {
                (Some(below), Some(next)) => Some(both(&below, next)?),
                (below, next) => next.or(below),
            };
        }
        let made = laid.iter().flat_map(|laid| laid.contents.entries()).map(|entry| entry.path.clone()).collect();
        laid = match (laid, lay(layer)?) {
            (Some(below), Some(next)) => Some(both(&below, next)?),
            (below, next) => next.or(below),
        };
        let name = layer.name.clone();
        Ok(laid.map(|laid| (PreparedLayer { name, ..laid }, made)))
    }

    /// What an instruction makes now, what its layer held, and where they differ. Nothing in place of the first if it
    /// makes nothing; nothing at all if it makes the very layer that is there.
    fn compared(
        &mut self,
        before: &[(&LayerRecipe, Option<usize>)],
        layer: &LayerRecipe,
        at: usize,
    ) -> Result<Option<Compared>, Error> {
        let laid = self.laid(before, layer, at)?;
        let is_there = |laid: &PreparedLayer| self.image.layer_key(at) == Some(laid.key);
        if laid.as_ref().is_some_and(|(laid, _)| is_there(laid)) {
            return Ok(None);
        }
        let published = self.published(at)?;
        let modes = modes_of(layer);
        let laid = match laid {
            // What commands make has the modes that they say.
            Some((laid, made)) if matches!(layer.content, LayerContent::Copy { .. }) => {
                let alike = Alike { files: modes == Modes::Execute, owners: false };
                let laid = resembling(laid, &published, alike)?;
                // A directory to work in is owned by whom the builder took for its owner.
                let owned: BTreeMap<&[u8], (u64, u64)> = published
                    .iter()
                    .filter(|entry| entry.kind == Kind::Directory && made.contains(&entry.path))
                    .map(|entry| (&*entry.path, (entry.uid, entry.gid)))
                    .collect();
                Some(edited(laid, |entry| {
                    if let Some(&(uid, gid)) = owned.get(&*entry.path) {
                        (entry.uid, entry.gid) = (uid, gid);
                    }
                })?)
            }
            laid => laid.map(|(laid, _)| laid),
        };
        if laid.as_ref().is_some_and(is_there) {
            return Ok(None);
        }
        let mut changed = mismatches(&published, laid.iter().flat_map(|laid| laid.contents.entries()), modes);
        if let Some(laid) = &laid
            && changed.iter().any(Mismatch::is_new)
        {
            // Builders leave out what lies below just so.
            let stack = self.below(at).stack();
            let mut left = Vec::new();
            for mismatch in changed {
                let entry = laid.contents.find(&mismatch.path).map(|item| &item.entry).filter(|_| mismatch.is_new());
                let is_below = entry.map(|entry| lies_below(&stack, entry, modes)).transpose();
                if !is_below.map_err(|error| Error::layer(&self.run.recipe.name, layer, error))?.unwrap_or(false) {
                    left.push(mismatch);
                }
            }
            changed = left;
        }
        Ok(Some(Compared { laid, published, changed }))
    }

    /// Whether it copies from a stage of which the user says that nothing in it has changed: then what its layer holds
    /// has to lie where the instruction says, with the owner that it says.
    ///
    /// # Errors
    ///
    /// If it does not.
    fn is_vouched_for(&self, layer: &LayerRecipe, at: usize) -> Result<bool, Error> {
        let Some(stage) = stage_of(layer) else { return Ok(false) };
        if !self.run.request.unchanged_stages.iter().any(|named| named.to_lowercase() == stage) {
            return Ok(false);
        }
        let LayerContent::Copy { copy, owner, .. } = &layer.content else { return Ok(false) };
        let to = lexical(&copy.to);
        let owner = owner.as_deref().map(str::parse::<OwnerName>).transpose();
        let stack = self.below(at).stack();
        let failed = |error| Error::layer(&self.run.recipe.name, layer, error);
        let owner = owner.map_err(|error| Error::request(error.to_string(), "see `--chown`"))?;
        let owner = owner.map(|owner| stack.owner(&owner)).transpose().map_err(failed)?;
        let is_its = |entry: &Entry| {
            let is_in_place = to.is_empty() || *entry.path == *to || parents(&entry.path).any(|parent| *parent == *to);
            let is_owned = owner.is_none_or(|owner| (owner.uid, owner.gid) == (entry.uid, entry.gid));
            let mode = copy.chmod.as_ref().and_then(Chmod::octal);
            is_in_place && is_owned && mode.is_none_or(|mode| mode == entry.mode)
        };
        let files = self.published(at)?;
        let mut files = files.iter().filter(|entry| matches!(entry.kind, Kind::File { .. } | Kind::Hardlink { .. }));
        match files.find(|file| !is_its(file)) {
            None => Ok(true),
            Some(file) => {
                let path = String::from_utf8_lossy(&file.path).into_owned();
                let what = format!("`/{path}` in its layer is not what `{}` would copy", layer.name);
                Err(at_line(layer, what))
            }
        }
    }

    /// What the published layer holds.
    fn published(&self, at: usize) -> Result<Arc<[Entry]>, Error> {
        self.below(at + 1).entries(at)
    }

    /// Makes sure that an instruction before a RUN would do what it did.
    fn prove(
        &mut self,
        before: &[(&LayerRecipe, Option<usize>)],
        layer: &LayerRecipe,
        at: usize,
        run_after: &LayerRecipe,
    ) -> Result<(), Error> {
        // Of commands and working directories the history has told that they are the same.
        if !matches!(layer.content, LayerContent::Copy { .. }) || self.is_vouched_for(layer, at)? {
            return Ok(());
        }
        let Some(Compared { changed, .. }) = self.compared(before, layer, at)? else { return Ok(()) };
        if changed.is_empty() {
            return Ok(());
        }
        let more = changed.len().saturating_sub(NAMED);
        let named: Vec<String> = changed.iter().take(NAMED).map(Mismatch::to_string).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!(
            "`{}` would have to be run again: {}{more}, which `{}` brings",
            run_after.name,
            named.join(", "),
            layer.name
        );
        Err(at_line(run_after, message))
    }

    /// Lays an instruction after the last RUN anew, if it would do something else than it did.
    fn renew(&mut self, before: &[(&LayerRecipe, Option<usize>)], layer: &LayerRecipe, at: usize) -> Result<(), Error> {
        if self.is_vouched_for(layer, at)? {
            return Ok(());
        }
        let Some(Compared { laid, published, changed }) = self.compared(before, layer, at)? else { return Ok(()) };
        let Some(laid) = laid else { return self.must_be_nothing(layer, at) };
        if changed.is_empty() {
            return Ok(());
        }
        let last = Listing { codec: laid.codec, entries: published.to_vec(), extents: Vec::new() };
        let why = Some(Why::between(Some(&last), &laid));
        let made = self.run.made(&laid)?;
        self.layers[at] = made.descriptor();
        self.replacements.insert(at, Replacement { layer: made, why });
        Ok(())
    }

    /// An instruction that does nothing now must have done nothing then.
    fn must_be_nothing(&self, layer: &LayerRecipe, at: usize) -> Result<(), Error> {
        let published = self.published(at)?;
        let held = mismatches(&published, std::iter::empty(), modes_of(layer));
        // What lies below already is said again by builders.
        let stack = self.below(at).nodes()?;
        let new = held.iter().find(|held| stack.get(&held.path).is_none());
        match new {
            None => Ok(()),
            Some(held) => Err(at_line(layer, format!("`{}` would change nothing now, and {held}", layer.name))),
        }
    }
}

/// The directories that instructions without a layer of their own make.
type MadeBefore = BTreeSet<Box<[u8]>>;

/// An instruction's layer as it would be, as it is, and where the two differ.
struct Compared {
    laid: Option<PreparedLayer>,
    published: Arc<[Entry]>,
    changed: Vec<Mismatch>,
}

/// What two instructions make as one layer.
fn both(below: &PreparedLayer, above: PreparedLayer) -> Result<PreparedLayer, Error> {
    let lower = below.contents.items().iter().filter(|item| above.contents.find(&item.entry.path).is_none());
    let items = lower.chain(above.contents.items()).cloned().collect();
    let failed = |source| Error::Layer {
        span: None,
        image: above.recipe.name.clone(),
        layer: above.name.clone(),
        source: Box::new(source),
    };
    let contents = Contents::new(items).map_err(failed)?;
    Ok(PreparedLayer { key: contents.key(above.codec), contents: Arc::new(contents), ..above })
}

/// Whether a file lies below just as a layer would say it.
fn lies_below(stack: &Stack, entry: &Entry, modes: Modes) -> Result<bool, layer::Error> {
    let Kind::File { size, digest } = &entry.kind else { return Ok(false) };
    let Some(below) = stack.look(&entry.path)?.filter(|below| below.kind == SourceKind::File) else { return Ok(false) };
    let counts = |mode: u32| if modes == Modes::All { mode } else { mode & 0o100 };
    if (below.uid, below.gid, counts(below.mode)) != (entry.uid, entry.gid, counts(entry.mode)) {
        return Ok(false);
    }
    let content = stack.contents(&[&below])?.pop();
    Ok(content.is_some_and(|content| (content.size, content.digest) == (*size, *digest)))
}

/// The stage that an instruction copies from.
fn stage_of(layer: &LayerRecipe) -> Option<String> {
    match &layer.content {
        LayerContent::Copy { from: CopyFrom::Stage(stage), .. } => Some(stage.name()),
        _ => None,
    }
}

/// Says of a failure whose stage it is.
fn from_stage(layer: &LayerRecipe, error: Error) -> Error {
    let Some(stage) = stage_of(layer) else { return error };
    let message = format!("nobody can tell here whether what `{}` copies has changed: {error}", layer.name);
    let help = format!(
        "build the image again; or if nothing that the stage `{stage}` is made of has changed, say so: --unchanged-stage {stage}"
    );
    match &layer.span {
        Some(span) => SpecError::At { span: span.clone(), message, help: Some(help) }.into(),
        None => Error::request(message, help),
    }
}

/// Whether an instruction sets modes, or takes those that files have on disk.
fn modes_of(layer: &LayerRecipe) -> Modes {
    match &layer.content {
        LayerContent::Copy { copy, .. } if copy.chmod.is_none() => Modes::Execute,
        _ => Modes::All,
    }
}

/// How many files a message names.
const NAMED: usize = 5;
