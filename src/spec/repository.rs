//! Repositories that `push --create-repository` creates, as the `[ecr]` table describes them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// The longest lifecycle policy that ECR takes, in characters.
const LONGEST_POLICY: usize = 30_720;

/// What a repository of Amazon ECR is created with. What is not said is Amazon's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Whether images are scanned when they are pushed.
    pub scan_on_push: Option<bool>,
    /// Whether tags may be moved to other images.
    pub tag_mutability: Option<TagMutability>,
    /// Which images are deleted when.
    pub lifecycle_policy: Option<LifecyclePolicy>,
    /// How images are encrypted.
    pub encryption: Option<Encryption>,
}

/// Whether tags may be moved to other images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TagMutability {
    /// They may.
    Mutable,
    /// A tag stands for one image for ever.
    Immutable,
}

/// How a repository's images are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of Amazon's.
    Aes256,
    /// With a key of the key management service.
    Kms {
        /// Its ARN, id or alias; ECR's own key if not given.
        key: Option<String>,
    },
}

/// A [lifecycle policy](https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecyclePolicy {
    /// A JSON file, read when the repository is created.
    File(PathBuf),
    /// The JSON itself.
    Text(String),
}

impl RepositorySettings {
    /// The lifecycle policy's JSON.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read, or is no lifecycle policy.
    pub fn policy_text(&self) -> Result<Option<String>, String> {
        let (text, name) = match &self.lifecycle_policy {
            None => return Ok(None),
            Some(LifecyclePolicy::Text(text)) => (text.clone(), "the lifecycle policy".to_owned()),
            Some(LifecyclePolicy::File(path)) => {
                let name = format!("the lifecycle policy `{}`", path.display());
                let text = std::fs::read_to_string(path).map_err(|error| format!("failed to read {name}: {error}"))?;
                (text, name)
            }
        };
        match serde_json::from_str::<serde_json::Value>(&text) {
            Err(error) => Err(format!("{name} is not JSON: {error}")),
            Ok(document) if !document["rules"].is_array() => Err(format!("{name} has no list of `rules`")),
            Ok(_) if text.chars().count() > LONGEST_POLICY => {
                Err(format!("{name} is longer than {LONGEST_POLICY} characters"))
            }
            Ok(_) => Ok(Some(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_checked_before_anything_is_created() {
        let policy = |policy| RepositorySettings { lifecycle_policy: Some(policy), ..RepositorySettings::default() };
        let text = |text: &str| policy(LifecyclePolicy::Text(text.to_owned())).policy_text();
        assert_eq!(RepositorySettings::default().policy_text(), Ok(None));
        assert_eq!(text(r#"{"rules":[]}"#), Ok(Some(r#"{"rules":[]}"#.to_owned())));
        assert!(text("{").unwrap_err().contains("is not JSON"));
        assert!(text("{}").unwrap_err().contains("`rules`"));
        let long = format!(r#"{{"rules":[],"x":"{}"}}"#, "y".repeat(LONGEST_POLICY));
        assert!(text(&long).unwrap_err().contains("longer"));
        let missing = policy(LifecyclePolicy::File("/nowhere/policy.json".into())).policy_text().unwrap_err();
        assert!(missing.contains("/nowhere/policy.json"), "{missing}");
    }
}
