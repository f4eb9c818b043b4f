//! The tables of the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Choice;
use crate::python::name::normalise_name;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct LockTable {
    pub requires_python: Option<Spanned<String>>,
    #[serde(default)]
    pub supported_markers: Vec<Spanned<String>>,
    #[serde(default)]
    pub conflicts: Vec<Vec<ChoiceTable>>,
    #[serde(default)]
    pub manifest: ManifestTable,
    #[serde(default)]
    pub package: Vec<Spanned<PackageTable>>,
}

#[derive(Deserialize)]
pub(super) struct ChoiceTable {
    package: String,
    extra: Option<String>,
    group: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ManifestTable {
    #[serde(default)]
    pub members: Vec<String>,
    #[serde(default)]
    pub requirements: Vec<Spanned<EdgeTable>>,
    #[serde(default)]
    pub dependency_groups: EdgesTable,
}

pub(super) type EdgesTable = BTreeMap<String, Vec<Spanned<EdgeTable>>>;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PackageTable {
    pub name: Spanned<String>,
    pub version: Option<String>,
    pub source: Source,
    #[serde(default)]
    pub resolution_markers: Vec<Spanned<String>>,
    #[serde(default)]
    pub dependencies: Vec<Spanned<EdgeTable>>,
    #[serde(default)]
    pub optional_dependencies: EdgesTable,
    #[serde(default)]
    pub dev_dependencies: EdgesTable,
    #[serde(default)]
    pub metadata: MetadataTable,
    pub sdist: Option<FileTable>,
    #[serde(default)]
    pub wheels: Vec<Spanned<FileTable>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct MetadataTable {
    #[serde(default)]
    pub provides_extras: Vec<String>,
    /// Only the names matter: a group without dependencies is named here alone.
    #[serde(default)]
    pub requires_dev: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct EdgeTable {
    pub name: Spanned<String>,
    pub version: Option<String>,
    pub source: Option<Source>,
    pub marker: Option<Spanned<String>>,
    #[serde(default)]
    pub extra: Vec<String>,
    /// The same, where the lock repeats what the project says.
    #[serde(default)]
    pub extras: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct FileTable {
    pub url: Option<String>,
    pub path: Option<String>,
    pub filename: Option<String>,
    pub hash: Option<String>,
    pub size: Option<u64>,
}

/// Where a package comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Source {
    pub registry: Option<String>,
    pub url: Option<String>,
    pub path: Option<String>,
    pub directory: Option<String>,
    pub editable: Option<String>,
    pub r#virtual: Option<String>,
    pub git: Option<String>,
    pub subdirectory: Option<String>,
}

impl Source {
    /// The folder of a project on this machine, if it is one.
    pub fn local(&self) -> Option<&str> {
        self.r#virtual.as_deref().or(self.editable.as_deref()).or(self.directory.as_deref())
    }
}

/// A set of which one may be wanted at a time.
pub(super) fn choices(set: Vec<ChoiceTable>) -> Vec<Choice> {
    let name = |name: String| normalise_name(&name);
    let choice = |choice: ChoiceTable| Choice {
        package: name(choice.package),
        extra: choice.extra.map(name),
        group: choice.group.map(name),
    };
    set.into_iter().map(choice).collect()
}
