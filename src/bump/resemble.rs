//! Resembling: a new layer with the modes and owners that its paths had, so that only what is in them changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::build::PreparedLayer;
use crate::entry::{Entry, Kind};
use crate::error::Error;
use crate::layer::Contents;

/// What paths keep beside the modes of directories.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alike {
    /// The modes of files. A right to execute that was given or taken away is a change.
    pub files: bool,
    /// Who owns them.
    pub owners: bool,
}

/// The layer with what its paths had in `old`.
///
/// # Errors
///
/// If its entries contradict each other, which they did not before.
pub(super) fn resembling(laid: PreparedLayer, old: &[Entry], alike: Alike) -> Result<PreparedLayer, Error> {
    let old: BTreeMap<&[u8], &Entry> = old.iter().map(|entry| (&*entry.path, entry)).collect();
    edited(laid, |entry| {
        let Some(before) = old.get(&*entry.path) else { return };
        let is_file = |kind: &Kind| matches!(kind, Kind::File { .. } | Kind::Hardlink { .. });
        let keeps_mode = match (&entry.kind, &before.kind) {
            (Kind::Directory, Kind::Directory) => true,
            (Kind::Symlink { .. }, Kind::Symlink { .. }) => false,
            (now, before_kind) if is_file(now) && is_file(before_kind) => {
                alike.files && (entry.mode ^ before.mode) & 0o100 == 0
            }
            _ => return,
        };
        if keeps_mode {
            entry.mode = before.mode;
        }
        if alike.owners {
            (entry.uid, entry.gid) = (before.uid, before.gid);
        }
    })
}

/// The layer with its entries edited.
///
/// # Errors
///
/// If they contradict each other then.
pub(super) fn edited(laid: PreparedLayer, edit: impl Fn(&mut Entry)) -> Result<PreparedLayer, Error> {
    let items = laid.contents.items().iter().map(|item| {
        let mut item = item.clone();
        edit(&mut item.entry);
        item
    });
    let failed = |source| Error::Layer {
        span: None,
        image: laid.recipe.name.clone(),
        layer: laid.name.clone(),
        source: Box::new(source),
    };
    let contents = Contents::new(items.collect()).map_err(failed)?;
    Ok(PreparedLayer { key: contents.key(laid.codec), contents: Arc::new(contents), ..laid })
}
