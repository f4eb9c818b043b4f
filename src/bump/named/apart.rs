//! Which layers of a spec keep out of each other's way, as far as the spec alone tells.

use crate::entry::{normalise_path, parents};
use crate::image::{Tree, TreeError};
use crate::spec::{LayerContent, LayerRecipe};

/// Where a layer's files go, as far as the spec alone tells.
pub(super) fn destinations(layer: &LayerRecipe) -> Option<Vec<Box<[u8]>>> {
    match &layer.content {
        LayerContent::Context { to, .. } => Some(vec![normalise_path(to)?]),
        LayerContent::Entries(entries) => entries.iter().map(|entry| normalise_path(&entry.path)).collect(),
        LayerContent::Copy { .. }
        | LayerContent::Steps { .. }
        | LayerContent::Wheels(_)
        | LayerContent::Package(_)
        | LayerContent::Run => None,
    }
}

pub(super) fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() || path == directory || parents(path).any(|parent| parent == directory)
}

/// Whether a layer may hold something at this path that the layers below it do not.
pub(super) fn may_hold(layer: &LayerRecipe, path: &[u8]) -> bool {
    destinations(layer).is_none_or(|all| all.iter().any(|to| is_at_or_below(path, to)))
}

/// Whether nothing that `lower` holds changes how `layer` is laid: their files go to different places, and the
/// directories above both are what either of them would make of them.
pub(super) fn is_apart(tree: &Tree, lower: &LayerRecipe, layer: &LayerRecipe) -> Result<bool, TreeError> {
    if lower.owner != layer.owner {
        return Ok(false);
    }
    // Distributions of one recipe are laid as if none of the others were there.
    if is_part_beside(lower, layer) {
        return Ok(true);
    }
    let (Some(lower), Some(upper)) = (destinations(lower), destinations(layer)) else { return Ok(false) };
    for one in &lower {
        let one = tree.resolve(one)?;
        for other in &upper {
            let other = tree.resolve(other)?;
            if is_at_or_below(&one, &other) || is_at_or_below(&other, &one) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether both are parts of the same wheels.
pub(super) fn is_part_beside(one: &LayerRecipe, other: &LayerRecipe) -> bool {
    match (&one.content, &other.content) {
        (LayerContent::Wheels(one), LayerContent::Wheels(other)) => one.is_beside(other),
        _ => false,
    }
}
