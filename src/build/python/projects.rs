//! Projects that a lock wants from this machine's files: no wheel of them is locked, so another layer has to lay them.

use std::path::Path;

use super::Python;
use crate::python::{Environment, Lock, LockError};
use crate::spec::{LayerContent, Wheels};

/// Tells which projects a lock wants that lie in no wheel, but for the one that it is of, and those that another layer lays.
pub(super) fn note(
    python: &Python<'_>,
    lock: &Lock,
    environment: &Environment,
    wheels: &Wheels,
    beside: &Path,
) -> Result<(), LockError> {
    let folder = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let is_laid = |path: &Path| {
        let packages = python.layers.iter().filter(|layer| matches!(layer.content, LayerContent::Package(_)));
        packages
            .filter_map(|layer| layer.content.context_path(python.platform))
            .any(|laid| folder(&laid) == folder(path))
    };
    for project in lock.local_projects(environment, &wheels.extras)? {
        let path = beside.join(&project.path);
        if project.is_package && project.path != "." && !is_laid(&path) {
            python.workshop.events().note_once(format!(
                "the layer `{}` of the image `{}` lacks the project `{}`, which the lock wants from {path:?}: lay it with a \
                 layer of `package = \"…\"`",
                python.layer.name, python.image, project.name
            ));
        }
    }
    Ok(())
}
