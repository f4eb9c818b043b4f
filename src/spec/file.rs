//! The TOML file as the user writes it; the JSON schema is made from these types.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::recipe::{BaseTree, Profile};
use super::repository::TagMutability;
use super::rule::Rule;

pub(super) use layer::{
    EntryTable, ImageField, LayerTable, ModesField, ModesWord, PythonField, SourceField, SourceTable, SplitField,
    SplitWord, WheelsField,
};

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
    #[schemars(with = "Vec<Rule>")]
    pub allow: Vec<Spanned<String>>,
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

// It uses the macro above.
mod layer;

text_or_table!(
    BaseField,
    "a reference, or a table such as { spec = \"base.toml\" }",
    text: Some(BaseField::Reference(text.to_owned())),
    Spec
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

/// What changes in the base's config.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigTable {
    /// Environment variables: a table, whose new ones follow the base's sorted by name, or a list of `NAME=VALUE`, which
    /// keeps its order.
    #[serde(default)]
    pub env: EnvField,
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
    pub labels: BTreeMap<String, String>,
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
    /// What runs the shell forms of a Dockerfile that is built on this image.
    #[serde(default)]
    pub shell: Option<Vec<String>>,
    /// Instructions for Dockerfiles that are built on this image; an empty list takes the base's away.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub onbuild: Option<Vec<Spanned<String>>>,
    /// Who made the image.
    #[serde(default)]
    pub author: Option<String>,
    /// Docker's mark of a command that its builder wrote.
    #[serde(default)]
    pub args_escaped: Option<bool>,
}

/// Environment variables.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(super) enum EnvField {
    /// By name.
    Table(#[schemars(with = "BTreeMap<String, String>")] BTreeMap<String, Spanned<String>>),
    /// `NAME=VALUE`, in this order.
    List(#[schemars(with = "Vec<String>")] Vec<Spanned<String>>),
}

impl Default for EnvField {
    fn default() -> EnvField {
        EnvField::Table(BTreeMap::new())
    }
}

impl<'de> Deserialize<'de> for EnvField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EnvField, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = EnvField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table such as { NAME = \"value\" }, or an array of \"NAME=value\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvField, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(EnvField::Table)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<EnvField, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(EnvField::List)
            }
        }

        deserializer.deserialize_any(Either)
    }
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
