//! The rules of `check`: what a spec may allow, so their names belong to its language.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;

use super::recipe::Profile;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The image, or who uses it, will suffer from it: `check` ends with exit code 1.
    Error,
    /// It is probably not what was meant.
    Warning,
}

impl Severity {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// The table of rules: variant, name, severity, the profile it belongs to (none: any image), what it finds.
macro_rules! rules {
    ($($variant:ident $name:literal $severity:ident $profile:expr, $finds:literal;)*) => {
        /// A rule of `check`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
        pub enum Rule {
            $(
                #[doc = $finds]
                #[schemars(rename = $name)]
                $variant,
            )*
        }

        impl Rule {
            /// All rules, in the order in which findings are told.
            pub const ALL: &[Rule] = &[$(Rule::$variant),*];

            /// Its name: words joined by `-`. It never changes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Rule::$variant => $name,)*
                }
            }

            /// How much what it finds weighs.
            pub fn severity(self) -> Severity {
                match self {
                    $(Rule::$variant => Severity::$severity,)*
                }
            }

            /// The profile that it belongs to; nothing if it is true of any image.
            pub fn profile(self) -> Option<Profile> {
                match self {
                    $(Rule::$variant => $profile,)*
                }
            }

            /// What it finds, in a line.
            pub fn finds(self) -> &'static str {
                match self {
                    $(Rule::$variant => $finds,)*
                }
            }
        }
    };
}

rules! {
    MixedMediaTypes "mixed-media-types" Error None, "OCI and Docker media types in one manifest";
    UnreadableLayer "unreadable-layer" Error None, "a layer that is missing, damaged, or holds what no layer may hold";
    WrongDiffId "wrong-diff-id" Error None, "a layer whose plain stream is not what the config's diff_id says";
    TrailingBytes "trailing-bytes" Error None, "a layer with bytes after the end of its gzip stream";
    PlatformMismatch "platform-mismatch" Error None, "a base or a config for another platform than its spec or its index says";
    HistoryCount "history-count" Warning None, "a history that does not have one entry a layer";
    EntrypointMissing "entrypoint-missing" Error None, "a program to run that is not in the image";
    EntrypointNotExecutable "entrypoint-not-executable" Error None, "a program to run that nobody may execute";
    StickyBitLost "sticky-bit-lost" Error None, "a directory such as `/tmp` that a layer takes the sticky bit from";
    Credentials "credentials" Error None, "private keys, passwords and tokens in a layer or in the environment";
    ForeignBinary "foreign-binary" Warning None, "programs and libraries for another architecture than the image's";
    IgnorePattern "ignore-pattern" Warning None, "an ignore pattern that matches nothing although `**/pattern` would";
    GitFolder "git-folder" Warning None, "a `.git` in a layer";
    PythonCache "python-cache" Warning None, "`__pycache__` in a layer";
    VirtualEnvironment "virtual-environment" Warning None, "a Python virtual environment from elsewhere in a layer";
    DesktopFile "desktop-file" Warning None, "`.DS_Store` and the like in a layer";
    OverwrittenLayer "overwritten-layer" Warning None, "a layer of which those above leave no file";
    EmptyLayer "empty-layer" Warning None, "a layer without a file";
    ImageIndex "image-index" Error Some(Profile::Lambda), "an index, also one with attestations only";
    UnsupportedPlatform "unsupported-platform" Error Some(Profile::Lambda), "neither linux/amd64 nor linux/arm64";
    UncompressedLayer "uncompressed-layer" Error Some(Profile::Lambda), "a layer without compression";
    ZstdLayer "zstd-layer" Warning Some(Profile::Lambda), "a layer compressed with zstd, which is unproven there";
    GzipMembers "gzip-members" Warning Some(Profile::Lambda), "a layer of several gzip members, which is unproven there";
    TooManyLayers "too-many-layers" Error Some(Profile::Lambda), "more than 127 layers";
    TooLarge "too-large" Error Some(Profile::Lambda), "more than 10 GB once it is unpacked";
    MissingParent "missing-parent" Error Some(Profile::Lambda), "a path whose parent directories do not come before it in its layer";
    DirectoryChanged "directory-changed" Warning Some(Profile::Lambda), "a parent directory with another mode or owner than below";
    UnreadableCode "unreadable-code" Error Some(Profile::Lambda), "code that the function's user cannot read";
    UnreadablePath "unreadable-path" Warning Some(Profile::Lambda), "other paths that the function's user cannot read";
    HandlerMissing "handler-missing" Error Some(Profile::Lambda), "a handler whose module is not in the image";
    CommandUnset "command-unset" Warning Some(Profile::Lambda), "an image that does not say its handler or what to run";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{name}`")]
pub struct UnknownRule {
    /// The name.
    pub name: String,
    /// The rule that was probably meant.
    pub near: Option<Rule>,
}

impl UnknownRule {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self.near {
            Some(rule) => format!("did you mean `{rule}`?"),
            None => "`tarsia check --rules` lists them".to_owned(),
        }
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Rule, UnknownRule> {
        if let Some(rule) = Rule::ALL.iter().find(|rule| rule.name() == name) {
            return Ok(*rule);
        }
        let distance = |rule: &Rule| strsim::damerau_levenshtein(name, rule.name());
        let near =
            Rule::ALL.iter().filter(|rule| distance(rule) <= rule.name().len() / 3).min_by_key(|rule| distance(rule));
        Err(UnknownRule { name: name.to_owned(), near: near.copied() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_misspelt_ones_suggest() {
        for rule in Rule::ALL {
            assert_eq!(rule.name().parse(), Ok(*rule));
        }
        assert_eq!("overwriten-layers".parse::<Rule>().unwrap_err().near, Some(Rule::OverwrittenLayer));
        assert_eq!("nonsense".parse::<Rule>().unwrap_err().near, None);
    }
}
