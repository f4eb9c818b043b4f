//! Images that are not made yet: their specs' layers over the base, of which nothing is assembled.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::Settings;
use super::contexts;
use super::files::{Prepared as PreparedFiles, of_layer};
use super::finding::{FilePlace, LayerPlace};
use super::layers::{Directory, Holds, Layer, Member, MemberKind, Reading};
use super::readable::Unreadable;
use super::subject::Subject;
use crate::base::BaseImage;
use crate::build::{Prepared, PreparedBase, PreparedImage, PreparedLayer};
use crate::entry::{Entry, Kind, parents};
use crate::error::Error;
use crate::image::{Config, Node, Nodes, media_type, timestamp};
use crate::layer::{Item, Stack};
use crate::spec::{BaseTree, CopyFrom, LayerContent, Recipe, Workspace};

/// The images of a run that were asked for.
pub(super) fn read(workspace: &Workspace, prepared: &[Prepared], settings: &Settings) -> Result<Vec<Subject>, Error> {
    let mut subjects = Vec::new();
    for (place, image) in prepared.iter().enumerate().filter(|(_, image)| image.requested) {
        for at in 0..image.platforms.len() {
            if let Some(chain) = Chain::of(workspace, prepared, place, at) {
                subjects.push(subject(workspace, &chain, settings, image.platforms.len())?);
            }
        }
    }
    Ok(subjects)
}

/// An image with those of the run that it is built on.
struct Chain<'a> {
    /// Lowest first: each with the recipe's place.
    images: Vec<(usize, &'a Recipe, &'a PreparedImage)>,
    base: &'a BaseImage,
}

impl<'a> Chain<'a> {
    fn of(workspace: &'a Workspace, prepared: &'a [Prepared], place: usize, at: usize) -> Option<Chain<'a>> {
        let mut images = Vec::new();
        let (mut place, mut at) = (place, at);
        loop {
            let image = prepared.get(place)?.platforms.get(at)?;
            images.push((place, workspace.recipes.get(place)?, image));
            match &image.base {
                PreparedBase::Prepared(below, below_at) => (place, at) = (*below, *below_at),
                PreparedBase::Image(base) => {
                    images.reverse();
                    return Some(Chain { images, base });
                }
            }
        }
    }

    fn layers(&self) -> impl Iterator<Item = &'a PreparedLayer> {
        self.images.iter().flat_map(|(_, _, image)| &image.layers)
    }

    /// Whether the base's paths are known.
    fn is_complete(&self) -> bool {
        let bottom = self.images.first().map(|(_, recipe, _)| recipe.base_tree);
        bottom != Some(BaseTree::Assume) || self.base.documents.named.is_none()
    }
}

fn subject(workspace: &Workspace, chain: &Chain<'_>, settings: &Settings, platforms: usize) -> Result<Subject, Error> {
    let Some(&(_, recipe, image)) = chain.images.last() else {
        return Err(Error::request("there is no image to check", "name a spec"));
    };
    let stack = image.stack();
    let config = config(chain);
    let mut layers = base_layers(chain.base);
    let mut below = Directories::over(chain, stack)?;
    let mut unreadable = Unreadable::new(&config);
    for &(place, own, image) in &chain.images {
        let is_last = std::ptr::eq(own, recipe);
        let is_told = !is_last && workspace.requested.get(place).copied().unwrap_or(false);
        for layer in &image.layers {
            let at = layers.len();
            let holds = read_layer(layer, at, &image.platform.architecture, &mut below, &mut unreadable)?;
            layers.push(Layer {
                place: LayerPlace { index: at, name: Some(layer.name.clone()), digest: None },
                file: layer.recipe.span.as_ref().map(FilePlace::from),
                media_type: layer.codec.media_type().to_owned(),
                blob_size: 0,
                own: true,
                from_context: matches!(
                    layer.recipe.content,
                    LayerContent::Context { .. } | LayerContent::Copy { from: CopyFrom::Context { .. }, .. }
                ),
                allow: own.allow.clone(),
                elsewhere: is_told.then(|| settings.profile.or(own.profile)),
                stream: None,
                holds: Some(holds),
            });
        }
    }
    for (place, (code, other)) in unreadable.finish() {
        if let Some(holds) = layers.get_mut(place).and_then(|layer| layer.holds.as_mut()) {
            (holds.unreadable_code, holds.unreadable) = (code, other);
        }
    }
    cover(chain, stack, &mut layers);
    let documents = [
        ("mediaType".to_owned(), media_type::MANIFEST.to_owned()),
        ("config.mediaType".to_owned(), media_type::CONFIG.to_owned()),
    ];
    let media_types =
        layers.iter().map(|layer| (format!("layers[{}].mediaType", layer.place.index), layer.media_type.clone()));
    let own = chain.layers().count();
    let mut allow = recipe.allow.clone();
    allow.extend(&settings.allow);
    Ok(Subject {
        name: Some(recipe.name.clone()),
        reference: None,
        platform: image.platform.clone(),
        profile: settings.profile.or(recipe.profile),
        allow,
        file: recipe.file.clone().map(|file| FilePlace { file, line: None, column: None }),
        index: (platforms > 1).then(|| format!("{platforms} images")),
        media_types: documents.into_iter().chain(media_types).collect(),
        history: config.layers_of_history() + own,
        config,
        findings: contexts::findings(image, chain.base.documents.layers.len() + own - image.layers.len())?,
        layers,
        files: Box::new(PreparedFiles { stack: stack.clone(), is_complete: chain.is_complete() }),
    })
}

/// The config as it will be, but for what speaks of layers that are not made yet.
fn config(chain: &Chain<'_>) -> Config {
    let mut config = chain.base.documents.config.clone();
    config.pad_history(&timestamp(0));
    for (_, _, image) in &chain.images {
        config.edit(&image.config);
    }
    config
}

/// The base's layers, as the image will point at them. They are not read for this: `check` of the base itself does that.
fn base_layers(base: &BaseImage) -> Vec<Layer> {
    let layers = base.documents.layers.iter().enumerate();
    let layers = layers.map(|(index, descriptor)| Layer {
        place: LayerPlace { index, name: None, digest: Some(descriptor.digest) },
        file: None,
        media_type: media_type::to_oci(&descriptor.media_type).to_owned(),
        blob_size: descriptor.size,
        own: false,
        from_context: false,
        allow: Vec::new(),
        elsewhere: None,
        stream: None,
        holds: None,
    });
    layers.collect()
}

/// The directories below the layer that is being read.
struct Directories<'a> {
    ground: Option<&'a Nodes>,
    /// What layers have put there: nothing where they put no directory, or took one away.
    own: BTreeMap<Box<[u8]>, Option<Directory>>,
    /// Directories of which nothing is left that lower layers hold.
    emptied: BTreeSet<Box<[u8]>>,
}

impl<'a> Directories<'a> {
    fn over(chain: &Chain<'_>, stack: &'a Stack) -> Result<Directories<'a>, Error> {
        let ground = if chain.is_complete() { Some(stack.tree().ground()?) } else { None };
        Ok(Directories { ground, own: BTreeMap::new(), emptied: BTreeSet::new() })
    }

    fn get(&self, path: &[u8]) -> Option<Directory> {
        if let Some(own) = self.own.get(path) {
            return *own;
        }
        let is_gone = |parent| matches!(self.own.get(parent), Some(None)) || self.emptied.contains(parent);
        if self.emptied.contains(&b""[..]) || parents(path).any(is_gone) {
            return None;
        }
        match self.ground?.get(path) {
            Some(&Node::Directory { mode, uid, gid }) => Some((mode, uid, gid)),
            _ => None,
        }
    }
}

fn read_layer(
    layer: &PreparedLayer,
    at: usize,
    architecture: &str,
    below: &mut Directories<'_>,
    unreadable: &mut Unreadable,
) -> Result<Holds, Error> {
    let mut reading = Reading::new(true, architecture);
    let mut hidden = Vec::new();
    for item in layer.contents.items() {
        let whiteout = whiteout(&item.entry.path);
        let member = match &whiteout {
            Some(Hidden { path, .. }) => Member { path, kind: MemberKind::Whiteout, mode: 0, uid: 0, gid: 0, size: 0 },
            None => member(&item.entry),
        };
        match &whiteout {
            Some(Hidden { path, is_opaque: true }) => {
                unreadable.remove_below(path);
                reading.renew(path);
            }
            _ => unreadable.put(at, true, &member),
        }
        let head = match reading.head(&member) {
            0 => Vec::new(),
            wanted => first_bytes(item, wanted as u64)?,
        };
        reading.take(&member, below.get(member.path), &head);
        hidden.extend(whiteout);
    }
    // A layer's whiteouts hide what lies below it, never what it holds itself.
    for Hidden { path, is_opaque } in hidden {
        below.own.retain(|own, _| !lies_below(own, &path));
        match is_opaque {
            true => below.emptied.insert(path.into()),
            false => below.own.insert(path.into(), None).is_none(),
        };
    }
    for entry in layer.contents.entries().filter(|entry| whiteout(&entry.path).is_none()) {
        let directory = match entry.kind {
            Kind::Directory => Some((entry.mode, entry.uid, entry.gid)),
            _ => None,
        };
        below.own.insert(entry.path.clone(), directory);
    }
    Ok(reading.finish())
}

fn lies_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

fn first_bytes(item: &Item, count: u64) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    let content = item.source.open().map_err(of_layer)?;
    content.take(count).read_to_end(&mut head).map_err(|source| {
        let path = String::from_utf8_lossy(&item.entry.path).into_owned().into();
        crate::context::Error::Io { doing: "read", path, source }
    })?;
    Ok(head)
}

fn member(entry: &Entry) -> Member<'_> {
    let (kind, size) = match &entry.kind {
        Kind::Directory => (MemberKind::Directory, 0),
        Kind::File { size, .. } => (MemberKind::File, *size),
        Kind::Symlink { .. } => (MemberKind::Symlink, 0),
        Kind::Hardlink { .. } => (MemberKind::HardLink, 0),
    };
    Member { path: &entry.path, kind, mode: entry.mode, uid: entry.uid, gid: entry.gid, size }
}

/// What an entry hides, if it is a whiteout.
struct Hidden {
    path: Vec<u8>,
    is_opaque: bool,
}

fn whiteout(path: &[u8]) -> Option<Hidden> {
    let parent = parents(path).last().unwrap_or_default();
    let name = if parent.is_empty() { path } else { &path[parent.len() + 1..] };
    match name.strip_prefix(b".wh.")? {
        b".wh..opq" => Some(Hidden { path: parent.to_vec(), is_opaque: true }),
        name if parent.is_empty() => Some(Hidden { path: name.to_vec(), is_opaque: false }),
        name => Some(Hidden { path: [parent, b"/", name].concat(), is_opaque: false }),
    }
}

/// Counts what the image still has of each layer, and who has covered the rest.
fn cover(chain: &Chain<'_>, stack: &Stack, layers: &mut [Layer]) {
    let base = chain.base.documents.layers.len();
    for (place, layer) in chain.layers().enumerate() {
        let Some(holds) = layers.get_mut(base + place).and_then(|layer| layer.holds.as_mut()) else { continue };
        let mut covered_by = BTreeSet::new();
        for entry in layer.contents.entries() {
            if matches!(entry.kind, Kind::Directory | Kind::Hardlink { .. }) || whiteout(&entry.path).is_some() {
                continue;
            }
            match stack.tree().own_layer(&entry.path) {
                Some(own) if own == place => holds.left += 1,
                Some(other) => covered_by.extend([base + other]),
                None => {}
            }
        }
        holds.covered_by = covered_by;
    }
}
