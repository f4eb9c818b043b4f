//! A layer's table.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::layer::Codec;

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

text_or_table!(
    SourceField,
    "a path, or a table such as { name = \"a.txt\", text = \"…\" } or { url = \"https://…\", checksum = \"sha256:…\" }",
    text: Some(SourceField::Path(text.to_owned())),
    Table
);

text_or_table!(
    ImageField,
    "a reference, or a table such as { spec = \"other.toml\" }",
    text: Some(ImageField::Reference(text.to_owned())),
    Spec
);

/// A layer: a context and where it goes; or `sources` copied as `COPY` does; or entries; or what
/// commands do; or a directory to work in; or Python `wheels`; or a Python `package`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::spec) struct LayerTable {
    /// The layer's name, unique among the layers of a platform.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// A directory, relative to the spec's; its `.dockerignore` is honoured. `{os}`, `{arch}`, `{variant}` may stand in it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub context: Option<Spanned<String>>,
    /// The ignore file that takes the place of the context's own, relative to the spec's folder. Goes with `sources`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ignore_file: Option<Spanned<String>>,
    /// An image whose files the `sources` are, in the place of a context: a reference, `oci:DIR[:name]` and the other
    /// forms of `base`, or another spec. `${NAME}` may stand in it.
    #[serde(default)]
    #[schemars(with = "Option<ImageField>")]
    pub image: Option<Spanned<ImageField>>,
    /// What of the context is laid: a directory or a file in it; all of it if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub from: Option<Spanned<String>>,
    /// What is copied, by the rules of a Dockerfile's `COPY`: paths of the context or the image, `*`, `?` and `[…]`
    /// allowed in them; files that the spec itself holds; files from elsewhere.
    #[serde(default)]
    #[schemars(with = "Option<Vec<SourceField>>")]
    pub sources: Option<Spanned<Vec<Spanned<SourceField>>>>,
    /// Where it goes, absolute. A directory's contents go into it. A file goes into it if it ends in `/`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub to: Option<Spanned<String>>,
    /// Ignore patterns, in the notation of `.dockerignore` and after those of the file. With `sources` they are relative
    /// to each of these.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub exclude: Vec<Spanned<String>>,
    /// Whether the directories above each of the `sources` are kept, as `COPY --parents` does; `/./` in a path parts
    /// those that are not.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub parents: Option<Spanned<bool>>,
    /// Whether those of the `sources` that are archives are unpacked, as `ADD` does. Files from elsewhere say so
    /// themselves.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub unpack: Option<Spanned<bool>>,
    /// The mode of the `sources`: octal, or symbolic such as `u+x,go=rX`. Without it a context's files have those that
    /// `modes` says, an image's their own.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub chmod: Option<Spanned<String>>,
    /// Entries without a context.
    #[serde(default)]
    #[schemars(with = "Option<Vec<EntryTable>>")]
    pub entries: Option<Vec<Spanned<EntryTable>>>,
    /// Commands whose effect on the image's files is known without running them: `mkdir`, `chmod`, `chown`, `touch`,
    /// `ln -s` and `rm`, as a Dockerfile's `RUN` has them. Relative paths begin at `/`; `*`, `?` and `[…]` stand for
    /// files of the image.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub run: Option<Spanned<Vec<Spanned<String>>>>,
    /// A directory that is made as a Dockerfile's `WORKDIR` makes it: with those above it, where links lead, if it is not
    /// there yet.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub workdir: Option<Spanned<String>>,
    /// Python wheels, laid as installed: a folder of them, files such as `wheels/*.whl`, or a lock (`pylock.toml`,
    /// `requirements.txt` with hashes, `uv.lock`), relative to the spec's folder. `{os}`, `{arch}`, `{variant}` may stand in
    /// it.
    #[serde(default)]
    #[schemars(with = "Option<WheelsField>")]
    pub wheels: Option<Spanned<WheelsField>>,
    /// Where the wheels of a lock are looked for, by their digests, before they are downloaded: a folder, relative to the
    /// spec's.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub wheelhouse: Option<Spanned<String>>,
    /// The index that knows where the files of a `requirements.txt` are (default: the one that it names, else
    /// `https://pypi.org/simple/`).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub index: Option<Spanned<String>>,
    /// Extras of the locked project.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub extras: Option<Spanned<Vec<String>>>,
    /// Dependency groups of the locked project.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub groups: Option<Spanned<Vec<String>>>,
    /// How the wheels are split into layers: `one` (default), `each`, or in how many groups at most, large ones alone.
    #[serde(default)]
    #[schemars(with = "Option<SplitField>")]
    pub split: Option<Spanned<SplitField>>,
    /// A pure-Python project, laid as installed: the folder of its `pyproject.toml`, relative to the spec's. Its
    /// `.dockerignore` is honoured.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub package: Option<Spanned<String>>,
    /// The version of the interpreter that wheels or package are for: `3.12`, or `3.12.8`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub python: Option<Spanned<PythonField>>,
    /// Where wheels or package are laid, absolute; the `site-packages` of the interpreter that `PATH` finds in the image if
    /// not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub into: Option<Spanned<String>>,
    /// The program that scripts name; the interpreter that `PATH` finds in the image if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub interpreter: Option<Spanned<String>>,
    /// The image's C library, `glibc 2.34` or `musl 1.2`; what its files show if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub libc: Option<Spanned<String>>,
    /// Who owns the entries: `user`, `user:group` or `:group`, by names of the image or by numbers (default `0:0`; an
    /// image's files keep their owners).
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

/// Wheels: one path, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a path, or an array of paths")]
pub(in crate::spec) enum WheelsField {
    /// A folder, a pattern or a lock.
    One(String),
    /// Folders and patterns.
    Several(Vec<String>),
}

/// A version of Python.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text such as \"3.12\"")]
pub(in crate::spec) enum PythonField {
    /// Its only form.
    Text(String),
    /// What is easily written instead. Which one does not matter: 3.10 would be 3.1.
    #[serde(deserialize_with = "any_number")]
    Number,
}

fn any_number<'de, D: Deserializer<'de>>(value: D) -> Result<(), D::Error> {
    f64::deserialize(value).map(drop)
}

/// How wheels are split into layers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `one`, `each`, or a number of groups")]
pub(in crate::spec) enum SplitField {
    /// By rule.
    Word(SplitWord),
    /// Into as many groups at most.
    Groups(i64),
}

/// A rule for splitting wheels.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::spec) enum SplitWord {
    /// All in one layer.
    One,
    /// Each in its own.
    Each,
}

/// Something to copy.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(in crate::spec) enum SourceField {
    /// A path of the context or the image, wildcards allowed.
    Path(String),
    /// A file of another kind.
    Table(SourceTable),
}

/// A file to copy that lies in no context: one that the spec holds (`name`, `text`), or one from elsewhere (`url`,
/// `checksum`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::spec) struct SourceTable {
    /// The file's name, where it is put into a directory.
    #[serde(default)]
    pub name: Option<String>,
    /// The file's content.
    #[serde(default)]
    pub text: Option<String>,
    /// Where the file is, `https://…`. It is called by the last part of its path.
    #[serde(default)]
    pub url: Option<String>,
    /// The digest of what is there, `sha256:…`.
    #[serde(default)]
    pub checksum: Option<String>,
    /// Whether the file from elsewhere is unpacked if it is an archive.
    #[serde(default)]
    pub unpack: Option<bool>,
}

/// An image that is copied from.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(in crate::spec) enum ImageField {
    /// A reference, a layout or an archive.
    Reference(String),
    /// Another spec.
    Spec(ImageSpec),
}

/// Another spec whose image is copied from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::spec) struct ImageSpec {
    /// The spec's file, relative to this one.
    pub spec: String,
    /// For which platform it is taken; for the one that is built if not given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub platform: Option<Spanned<String>>,
}

/// The modes that a layer's files get.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub(in crate::spec) enum ModesField {
    /// By rule.
    Word(ModesWord),
    /// By number.
    Table(ModesTable),
}

/// A rule for modes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::spec) enum ModesWord {
    /// 0755 for directories and executables, 0644 for other files.
    Normalize,
    /// As on disk.
    Keep,
}

/// Modes by number, octal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::spec) struct ModesTable {
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
pub(in crate::spec) struct EntryTable {
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
