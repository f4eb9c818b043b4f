//! Checking: mistakes in specs and images, before they cost a deployment.
//!
//! A spec is prepared as for a build, and nothing of it is assembled; a published image's layers are read once. Both
//! become a *subject*, and the rules are asked about that.

mod command;
mod content;
mod contents;
mod contexts;
mod files;
mod finding;
mod handler;
mod image;
mod lambda;
mod layers;
mod platforms;
mod prepared;
mod published;
mod readable;
mod stream;
mod subject;

use std::sync::Arc;

use crate::build::Options;
use crate::error::Error;
use crate::image::{Location, Platform};
use crate::registry::Traffic;
use crate::spec::{Profile, Rule, Severity, Workspace};
use crate::workshop::Workshop;

pub use finding::{FilePlace, Finding, LayerPlace, NAMED, Paths, Place};

use platforms::{Mismatch, Preparation};
use subject::Subject;

/// What a run decides beside the specs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The profile; that of each spec if not given.
    pub profile: Option<Profile>,
    /// Rules that do not apply, beside those that each spec allows.
    pub allow: Vec<Rule>,
}

/// What was found in an image, for one platform.
#[derive(Debug)]
pub struct Checked {
    /// The name that its spec gives it; nothing for a published image.
    pub name: Option<String>,
    /// The published image's reference.
    pub reference: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// The profile whose rules were applied.
    pub profile: Option<Profile>,
    /// The mistakes: errors first, then by rule and place.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether there is no error.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.rule.severity() != Severity::Error)
    }
}

/// Checks the images that a workspace's specs would make. No layer is made. What is for a platform that its base is not
/// is a finding; the others are of the image for what the base is for.
///
/// # Errors
///
/// If a context or a base cannot be read, or a layer cannot be made.
pub fn check_specs(
    workshop: &Workshop,
    all: &Workspace,
    options: &Options,
    settings: &Settings,
) -> Result<Vec<Checked>, Error> {
    let Preparation { workspace, prepared, mismatches } = platforms::prepare(workshop, all, options)?;
    let mut checked = Vec::new();
    for mut subject in prepared::read(&workspace, &prepared, settings)? {
        let is_its = |mismatch: &&Mismatch| mismatch.is_prepared && subject.name.as_ref() == Some(&mismatch.name);
        let mismatch = mismatches.iter().find(is_its);
        subject.findings.extend(mismatch.map(|mismatch| mismatch.finding.clone()));
        let mut found = check(subject)?;
        if let Some(mismatch) = mismatch {
            found.platform = mismatch.platform.clone();
        }
        checked.push(found);
    }
    // Nothing is known of the others but that they are not to be had.
    for Mismatch { name, platform, finding, .. } in mismatches.into_iter().filter(|mismatch| !mismatch.is_prepared) {
        let Some(recipe) = all.recipes.iter().find(|recipe| recipe.name == name) else { continue };
        let is_allowed = recipe.allow.iter().chain(&settings.allow).any(|allowed| *allowed == finding.rule);
        let findings = if is_allowed { Vec::new() } else { vec![finding] };
        let profile = settings.profile.or(recipe.profile);
        let after =
            checked.iter().rposition(|other| other.name.as_ref() == Some(&name)).map_or(checked.len(), |at| at + 1);
        checked.insert(after, Checked { name: Some(name), reference: None, platform, profile, findings });
    }
    Ok(checked)
}

/// Checks a published image, for one platform or for all that it is for. Its layers are read, once.
///
/// # Errors
///
/// If it cannot be found or read.
pub fn check_image(
    workshop: &Workshop,
    location: &Location,
    platform: Option<&Platform>,
    settings: &Settings,
    traffic: &Arc<Traffic>,
) -> Result<Vec<Checked>, Error> {
    let mut subjects = published::read(workshop, location, platform, traffic)?;
    for subject in &mut subjects {
        subject.profile = settings.profile;
        subject.allow.clone_from(&settings.allow);
    }
    subjects.into_iter().map(check).collect()
}

/// Asks the rules.
fn check(mut subject: Subject) -> Result<Checked, Error> {
    let mut findings = std::mem::take(&mut subject.findings);
    findings.extend(stream::findings(&subject));
    findings.extend(image::findings(&subject)?);
    findings.extend(contents::findings(&subject)?);
    if subject.profile == Some(Profile::Lambda) {
        findings.extend(lambda::findings(&subject)?);
    }
    findings.retain(|finding| !subject.allow.contains(&finding.rule));
    findings.sort_by_cached_key(|finding| {
        let place = &finding.place;
        let file = place.file.as_ref().map(|file| (file.file.clone(), file.line, file.column));
        let layer = place.layer.as_ref().map(|layer| layer.index);
        (finding.rule.severity(), finding.rule, layer, file, place.field.clone(), finding.why.clone())
    });
    let Subject { name, reference, platform, profile, .. } = subject;
    Ok(Checked { name, reference, platform, profile, findings })
}
