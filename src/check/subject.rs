//! What is checked: an image for one platform, published or not made yet, in one form.

use super::files::Files;
use super::finding::{FilePlace, Finding, Paths, Place};
use super::layers::Layer;
use crate::image::{Config, Platform};
use crate::spec::{Profile, Rule};

/// An image for one platform.
pub(super) struct Subject {
    /// The name that its spec gives it.
    pub name: Option<String>,
    /// What it was asked for by.
    pub reference: Option<String>,
    pub platform: Platform,
    pub profile: Option<Profile>,
    /// Rules that do not apply to it.
    pub allow: Vec<Rule>,
    /// Its spec.
    pub file: Option<FilePlace>,
    /// What an index holds, if the image is one.
    pub index: Option<String>,
    /// The media types of its documents and layers, each with the field that says so; nothing if none are stored.
    pub media_types: Vec<(String, String)>,
    /// The config, as it is or will be.
    pub config: Config,
    /// How many entries of its history stand for a layer.
    pub history: usize,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    pub files: Box<dyn Files>,
    /// What the reading itself has found.
    pub findings: Vec<Finding>,
}

impl Subject {
    /// A finding about the image as a whole.
    pub fn finding(&self, rule: Rule, why: impl Into<String>, help: impl Into<String>) -> Finding {
        let place = Place { file: self.file.clone(), ..Place::default() };
        Finding { rule, place, why: why.into(), help: help.into() }
    }

    /// A finding about a field of its documents.
    pub fn field(
        &self,
        rule: Rule,
        field: impl Into<String>,
        why: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        let mut finding = self.finding(rule, why, help);
        finding.place.field = Some(field.into());
        finding
    }
}

impl Layer {
    /// A finding about paths of the layer.
    pub fn finding(&self, rule: Rule, paths: Paths, why: impl Into<String>, help: impl Into<String>) -> Finding {
        let place = Place { file: self.file.clone(), layer: Some(self.place.clone()), field: None, paths };
        Finding { rule, place, why: why.into(), help: help.into() }
    }

    /// Whether a rule is not for this layer: its spec allows it, or it is told with the image that has made it.
    pub fn is_spared(&self, rule: Rule) -> bool {
        let is_told = |profile: Option<Profile>| rule.profile().is_none_or(|needed| profile == Some(needed));
        self.allow.contains(&rule) || self.elsewhere.is_some_and(is_told)
    }

    /// What it is called in messages.
    pub fn called(&self) -> String {
        match &self.place.name {
            Some(name) => format!("the layer `{name}`"),
            None => format!("layer {}", self.place.index),
        }
    }
}
