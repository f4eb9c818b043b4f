//! The JSON schema of specs, for editors.

use super::file::SpecFile;

/// The schema as it is committed at `specs/spec.schema.json`, with a newline at its end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(SpecFile);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
