//! Rules that are true of any image: its documents, and what it runs.

use std::collections::BTreeSet;

use super::command::{self, Program};
use super::finding::Finding;
use super::handler;
use super::subject::Subject;
use crate::error::Error;
use crate::spec::{Profile, Rule};

/// Variables that hold nothing but a secret.
const SECRETS: [&str; 7] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "NPM_TOKEN",
    "PYPI_TOKEN",
    "TWINE_PASSWORD",
];

/// What is wrong with the documents of an image, and with what it runs.
pub(super) fn findings(subject: &Subject) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    found.extend(mixed_families(subject));
    found.extend(platform(subject));
    found.extend(history(subject));
    found.extend(environment(subject));
    found.extend(program(subject)?);
    found.extend(sticky_bits(subject)?);
    Ok(found)
}

/// One manifest is one family: podman cannot pull a mixed one (bazel-contrib/rules_img#518).
fn mixed_families(subject: &Subject) -> Option<Finding> {
    let is_docker = |media_type: &str| media_type.starts_with("application/vnd.docker.");
    let (_, first) = subject.media_types.first()?;
    let (field, other) = subject.media_types.iter().find(|(_, other)| is_docker(other) != is_docker(first))?;
    let family = |media_type: &str| if is_docker(media_type) { "Docker's" } else { "OCI's" };
    let why = format!(
        "the manifest is of {} family and `{other}` of {}: podman and others refuse a mixture",
        family(first),
        family(other)
    );
    Some(subject.field(
        Rule::MixedMediaTypes,
        field,
        why,
        "rewrite it as one, for example with `skopeo copy --format oci`",
    ))
}

fn platform(subject: &Subject) -> Option<Finding> {
    let mut stated = subject.config.platform();
    // Many a config leaves the variant out.
    stated.variant = stated.variant.or_else(|| subject.platform.variant.clone());
    if subject.platform.accepts(&stated) {
        return None;
    }
    let why = format!(
        "the image is for {}, but its config says {stated}: it is started on machines that cannot run it",
        subject.platform
    );
    Some(subject.field(Rule::PlatformMismatch, "config.architecture", why, "name a base that is made for the platform"))
}

/// A history that counts wrongly breaks readers that go by it (aws/aws-lambda-base-images#2); none at all does not.
fn history(subject: &Subject) -> Option<Finding> {
    let layers = subject.layers.len();
    if subject.config.history().is_empty() || subject.history == layers {
        return None;
    }
    let why = format!(
        "the history has {} entries for {layers} layers: podman and others take it at its word",
        subject.history
    );
    let help = "write one entry a layer, those of nothing marked `empty_layer`, or no history at all";
    Some(subject.field(Rule::HistoryCount, "config.history", why, help))
}

fn environment(subject: &Subject) -> Vec<Finding> {
    let is_set = |name: &&&str| subject.config.variable(name).is_some_and(|value| !value.is_empty());
    let finding = |name: &&str| {
        let why = format!("the variable `{name}` is a secret that everybody with the image can read");
        subject.field(Rule::Credentials, "config.Env", why, "take it out, and give it to what runs the image instead")
    };
    SECRETS.iter().filter(is_set).map(finding).collect()
}

fn program(subject: &Subject) -> Result<Option<Finding>, Error> {
    let Some((field, program)) = command::program(&subject.config) else { return Ok(None) };
    if subject.platform.os == "windows" {
        // Its paths and its search for programs are others.
        return Ok(None);
    }
    // The function's user is neither root nor the owner.
    let bits = if subject.profile == Some(Profile::Lambda) { 0o001 } else { 0o111 };
    let field = format!("config.{field}");
    Ok(match command::find(program, &subject.config, &*subject.files, bits)? {
        Program::Fine => None,
        Program::Missing => {
            let where_to = if program.contains('/') { "at that path" } else { "in any folder of PATH" };
            let mut why = format!("the image runs `{program}`, and there is no such file {where_to}");
            let mut help = "add the layer that holds it, or change `entrypoint`".to_owned();
            if program.is_empty() {
                why = "the name of the program that the image runs is empty".to_owned();
                help = "name a program, or leave the setting out".to_owned();
            }
            if field.ends_with("Cmd") && program.contains('.') && !handler::is_taken(&subject.config) {
                help = "it looks like a handler: name a base, or an `entrypoint`, that takes one".to_owned();
            }
            Some(subject.field(Rule::EntrypointMissing, field, why, help))
        }
        Program::NotExecutable(real) => {
            let why = format!("the image runs `{program}`, and `{real}` may not be executed");
            let help = "give the file the mode 0755: in the context, or with `modes` or `chmod` in the spec";
            Some(subject.field(Rule::EntrypointNotExecutable, field, why, help))
        }
    })
}

/// Directories such as `/tmp` in which everybody may delete everybody's files now.
fn sticky_bits(subject: &Subject) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let mut told: BTreeSet<&[u8]> = BTreeSet::new();
    for layer in subject.layers.iter().rev() {
        let mut paths = super::Paths::default();
        for path in layer.holds.iter().flat_map(|holds| &holds.unstuck) {
            let still = subject.files.at(path)?.is_some_and(
                |lying| matches!(lying, super::files::Lying::Directory { mode, .. } if mode & 0o1000 == 0),
            );
            if still && told.insert(path) {
                paths.add(path, 0);
            }
        }
        if !paths.is_empty() && !layer.is_spared(Rule::StickyBitLost) {
            let why = format!(
                "{} takes the sticky bit from a directory: users may delete each other's files",
                layer.called()
            );
            found.push(layer.finding(
                Rule::StickyBitLost,
                paths,
                why,
                "keep the mode of the image below, such as 1777",
            ));
        }
    }
    Ok(found)
}
