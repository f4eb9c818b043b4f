//! Names: of projects, and of wheels' files.

use super::tags::Tag;

/// A project's name in the form in which names are compared: lower case, runs of `-`, `_` and `.` as one `-`
/// ([names](https://packaging.python.org/en/latest/specifications/name-normalization/)).
pub fn normalise_name(name: &str) -> String {
    let _ = name;
    unimplemented!()
}

/// What a wheel's file name says
/// ([file name convention](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The file's name.
    pub file: String,
    /// The distribution's name, normalised.
    pub distribution: String,
    /// The version as it is written.
    pub version: String,
    /// The build's number and the rest of its tag; the greater of two wait for no other reason.
    pub build: Option<(u64, String)>,
    /// The tags, compressed sets taken apart, sorted, each once.
    pub tags: Vec<Tag>,
}

impl WheelName {
    /// Takes a file name apart.
    ///
    /// # Errors
    ///
    /// Why it is no wheel's, in words.
    pub fn parse(file: &str) -> Result<WheelName, String> {
        let _ = file;
        unimplemented!()
    }
}
