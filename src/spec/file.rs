//! The TOML file as the user writes it; the JSON schema is made from these types.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::recipe::{BaseTree, Profile};
use super::repository::TagMutability;
use crate::layer::Codec;

/// A tarsia image spec.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tarsia image spec", rename = "Spec")]
pub(super) struct SpecFile {
    /// The image's name: its name in a layout, and below the prefix of `--to`.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What the image is built on: `scratch`, a reference such as `public.ecr.aws/lambda/python:3.12`, `oci:DIR[:name]`,
    /// `oci-archive:FILE[:name]`, `docker-archive:FILE[:name]`, or another spec. `${NAME}` may stand in it.
    #[schemars(with = "BaseField")]
    pub base: Spanned<BaseField>,
    /// Whether the base's tree is read (`read`, the default), so that parents keep its modes and owners, or never
    /// (`assume`).
    #[serde(default)]
    pub base_tree: BaseTree,
    /// What the image is built for, `os/arch[/variant]`. More than one make an index.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub platforms: Vec<Spanned<String>>,
    /// Where the image is pushed to. `${NAME}` may stand in it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub repository: Option<Spanned<String>>,
    /// The tags it gets; `{digest}` stands for the first 12 digits of its digest. `${NAME}` may stand in them.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub tags: Vec<Spanned<String>>,
    /// The platform whose rules `check` applies.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Rules of `check` that do not apply to this image.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The layers, lowest first.
    #[serde(default)]
    #[schemars(with = "Vec<LayerTable>")]
    pub layer: Vec<Spanned<LayerTable>>,
    /// What changes in the base's config.
    #[serde(default)]
    pub config: ConfigTable,
    /// What the repository is created with, if it is one of Amazon ECR and `push --create-repository` creates it.
    #[serde(default)]
    pub ecr: EcrTable,
}

/// A repository of Amazon ECR. What is not said is Amazon's default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EcrTable {
    /// Whether images are scanned when they are pushed.
    #[serde(default)]
    pub scan_on_push: Option<bool>,
    /// Whether tags may be moved to other images.
    #[serde(default)]
    pub tag_mutability: Option<TagMutability>,
    /// Which images are deleted when: a JSON file, relative to the spec's folder, or the policy itself as a table.
    #[serde(default)]
    #[schemars(with = "Option<PolicyField>")]
    pub lifecycle_policy: Option<Spanned<PolicyField>>,
    /// `aes256`, `kms`, or `{ kms = "KEY" }`.
    #[serde(default)]
    pub encryption: Option<EncryptionField>,
}

/// A lifecycle policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a JSON file's path, or a table with `rules`")]
pub(super) enum PolicyField {
    /// A JSON file.
    File(String),
    /// The policy itself.
    Table(serde_json::Map<String, serde_json::Value>),
}

/// How images are encrypted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `aes256`, `kms`, or a table such as { kms = \"KEY\" }")]
pub(super) enum EncryptionField {
    /// With keys of Amazon's, or with ECR's own key of the key management service.
    Word(EncryptionWord),
    /// With a key of the key management service.
    Key(EncryptionKey),
}

/// How images are encrypted, without a key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum EncryptionWord {
    /// With keys of Amazon's.
    Aes256,
    /// With ECR's own key of the key management service.
    Kms,
}

/// A key of the key management service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EncryptionKey {
    /// Its ARN, id or alias.
    pub kms: String,
}

/// Reads a value that is either a text or a table, so that a mistake in the table is told as one in a table.
macro_rules! text_or_table {
    ($field:ident, $expecting:literal, $text:ident: $from_text:expr, $table:ident) => {
        impl<'de> Deserialize<'de> for $field {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$field, D::Error> {
                struct Either;

                impl<'de> Visitor<'de> for Either {
                    type Value = $field;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, $text: &str) -> Result<$field, E> {
                        $from_text.ok_or_else(|| E::invalid_value(Unexpected::Str($text), &self))
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$field, A::Error> {
                        Deserialize::deserialize(MapAccessDeserializer::new(map)).map($field::$table)
                    }
                }

                deserializer.deserialize_any(Either)
            }
        }
    };
}

text_or_table!(
    BaseField,
    "a reference, or a table such as { spec = \"base.toml\" }",
    text: Some(BaseField::Reference(text.to_owned())),
    Spec
);

text_or_table!(
    ModesField,
    "`normalize`, `keep`, or a table such as { file = \"0644\", dir = \"0755\" }",
    text: match text {
        "normalize" => Some(ModesField::Word(ModesWord::Normalize)),
        "keep" => Some(ModesField::Word(ModesWord::Keep)),
        _ => None,
    },
    Table
);

/// What an image is built on.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(super) enum BaseField {
    /// `scratch`, a reference, a layout or an archive.
    Reference(String),
    /// Another spec.
    Spec(BaseSpec),
}

/// Another spec whose image is the base.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BaseSpec {
    /// The spec's file, relative to this one.
    pub spec: String,
}

/// A layer: a context and where it goes, or entries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LayerTable {
    /// The layer's name, unique in the image.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// A directory, relative to the spec's; its `.dockerignore` is honoured. `{os}`, `{arch}`, `{variant}` may stand in it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub context: Option<Spanned<String>>,
    /// What of the context is laid: a directory or a file in it; all of it if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Spanned<String>>,
    /// Where it goes, absolute. A directory's contents go into it. A file goes into it if it ends in `/`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub to: Option<Spanned<String>>,
    /// Ignore patterns, in the notation of `.dockerignore` and after those of the file.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub exclude: Vec<Spanned<String>>,
    /// Entries without a context.
    #[serde(default)]
    #[schemars(with = "Option<Vec<EntryTable>>")]
    pub entries: Option<Vec<Spanned<EntryTable>>>,
    /// Who owns the entries, `uid:gid` (default `0:0`).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub owner: Option<Spanned<String>>,
    /// `normalize` (default): 0755 for directories and executables, 0644 for other files; `keep`: as on disk; or a
    /// table.
    #[serde(default)]
    #[schemars(with = "Option<ModesField>")]
    pub modes: Option<Spanned<ModesField>>,
    /// The time of every entry in seconds since 1970; the run's epoch if not given.
    #[serde(default)]
    pub mtime: Option<i64>,
    /// How the layer is compressed (default `gzip`).
    #[serde(default)]
    pub compression: Codec,
    /// The platforms the layer is for; all of the image's if not given.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub platforms: Option<Vec<Spanned<String>>>,
}

/// The modes that a layer's files get.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(super) enum ModesField {
    /// By rule.
    Word(ModesWord),
    /// By number.
    Table(ModesTable),
}

/// A rule for modes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModesWord {
    /// 0755 for directories and executables, 0644 for other files.
    Normalize,
    /// As on disk.
    Keep,
}

/// Modes by number, octal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModesTable {
    /// For files.
    #[serde(default)]
    pub file: Option<String>,
    /// For directories.
    #[serde(default)]
    pub dir: Option<String>,
}

/// An entry without a context: a directory, or a file if it has a `text`, or a symlink if it has a `link`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryTable {
    /// Its path, absolute.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// Its mode, octal.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub mode: Option<Spanned<String>>,
    /// Its owner, `uid:gid`; the layer's if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub owner: Option<Spanned<String>>,
    /// The file's content.
    #[serde(default)]
    pub text: Option<String>,
    /// Where the symlink points.
    #[serde(default)]
    pub link: Option<String>,
}

/// What changes in the base's config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigTable {
    /// Environment variables.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub env: std::collections::BTreeMap<String, Spanned<String>>,
    /// The working directory.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub workdir: Option<Spanned<String>>,
    /// The entry point. Setting it drops the base's command, as docker does.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// The command.
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// The user, or user and group.
    #[serde(default)]
    pub user: Option<String>,
    /// Labels.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Ports: `8080`, `53/udp`.
    #[serde(default)]
    #[schemars(with = "Vec<PortField>")]
    pub expose: Vec<Spanned<PortField>>,
    /// Volumes.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// The signal that stops the container.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// The health check.
    #[serde(default)]
    #[schemars(with = "Option<HealthcheckTable>")]
    pub healthcheck: Option<Spanned<HealthcheckTable>>,
}

/// A port, as a number or as `port/protocol`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a port such as 8080 or \"53/udp\"")]
pub(super) enum PortField {
    /// A TCP port.
    Number(u16),
    /// A port with its protocol.
    Text(String),
}

/// A health check. Durations are texts such as `30s` or `1m30s`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthcheckTable {
    /// `["CMD", …]`, `["CMD-SHELL", text]`, or `["NONE"]` to drop the base's.
    pub test: Vec<String>,
    /// Time between two checks.
    #[serde(default)]
    pub interval: Option<String>,
    /// Time after which a check has failed.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Time in which failures do not count.
    #[serde(default)]
    pub start_period: Option<String>,
    /// Time between two checks during the start period.
    #[serde(default)]
    pub start_interval: Option<String>,
    /// How many failures in a row make the container unhealthy.
    #[serde(default)]
    pub retries: Option<u64>,
}
