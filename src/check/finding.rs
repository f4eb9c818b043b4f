//! Findings: which rule, where, why, and what to do about it.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::spec::{Rule, Span};

/// How many paths a finding names; the others are counted.
pub const NAMED: usize = 5;

/// A mistake.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that found it.
    pub rule: Rule,
    /// Where it is.
    pub place: Place,
    /// What is wrong and why that matters.
    pub why: String,
    /// What to do about it.
    pub help: String,
}

/// Where a finding is.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// A place in a file of the user's.
    pub file: Option<FilePlace>,
    /// A layer.
    pub layer: Option<LayerPlace>,
    /// A field of the image's documents or of the spec.
    pub field: Option<String>,
    /// Paths of the image, or of the context where the finding is about its ignore rules.
    pub paths: Paths,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, if one is meant.
    pub line: Option<usize>,
    /// The column, from 1, if one is meant.
    pub column: Option<usize>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlace {
    /// Its place among the image's layers, the lowest being 0.
    pub index: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The digest of its blob, if there is one yet.
    pub digest: Option<Digest>,
}

impl Place {
    /// A field.
    pub fn field(name: impl Into<String>) -> Place {
        Place { field: Some(name.into()), ..Place::default() }
    }
}

impl From<&Span> for FilePlace {
    fn from(span: &Span) -> FilePlace {
        let (line, column) = span.line_and_column();
        FilePlace { file: span.file.clone(), line: Some(line), column: Some(column) }
    }
}

/// Some paths: the first few by name, how many there are and how many bytes they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// The first [`NAMED`] of them, with a `/` in front.
    pub named: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// How many bytes of files they are.
    pub size: u64,
}

impl Paths {
    /// Adds a path of the image of so many bytes.
    pub fn add(&mut self, path: &[u8], size: u64) {
        self.add_named(|| display(path), size);
    }

    /// Adds something of so many bytes that is called otherwise than paths of the image are.
    pub fn add_named(&mut self, name: impl FnOnce() -> String, size: u64) {
        if self.named.len() < NAMED {
            self.named.push(name());
        }
        self.count += 1;
        self.size = self.size.saturating_add(size);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// A path of an image for messages.
pub(super) fn display(path: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(&path[..path.len().min(LONGEST)]);
    format!("/{text}{}", if path.len() > LONGEST { "…" } else { "" })
}
