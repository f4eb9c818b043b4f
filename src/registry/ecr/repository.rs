//! Repositories: created if that is wanted, and tags of theirs that may not move.

use super::interface::{Place, Reason};
use super::{EcrHost, Failed};
use crate::digest::Digest;
use crate::registry::answer::Answer;
use crate::registry::client::RemoteRepository;
use crate::registry::error::Error;
use crate::spec::RepositorySettings;

/// What a repository says about moving its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::registry) struct Mutability {
    /// Whether tags stand for one image for ever.
    pub(in crate::registry) immutable: bool,
    /// For which tags the opposite holds: texts in which `*` stands for any number of characters.
    pub(in crate::registry) except: Vec<String>,
}

impl Mutability {
    /// Whether `tag` may be made to stand for another image.
    pub(super) fn may_move(&self, tag: &str) -> bool {
        let excepted = self.except.iter().any(|pattern| matches(pattern, tag));
        self.immutable == excepted
    }
}

/// Whether `text` is what `pattern` says.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|text| (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))),
    }
}

impl RemoteRepository {
    /// The repository at Amazon's interface; `None` for other registries, for ECR Public, and where docker's or
    /// podman's files say who the user is: the AWS environment may be somebody else's then.
    pub(super) async fn ecr_place(&self) -> Result<Option<Place>, Error> {
        let Some(EcrHost::Private(registry)) = EcrHost::of(&self.repository().host) else { return Ok(None) };
        if self.ecr().interface.is_none() || self.wire().offline || self.has_stored_login().await? {
            return Ok(None);
        }
        Ok(Some(self.place(registry)))
    }

    fn place(&self, registry: super::PrivateRegistry) -> Place {
        let account = registry.account.clone();
        Place { service: EcrHost::Private(registry).service(), account, path: self.repository().path.clone() }
    }

    /// Makes sure that the repository exists, and creates it with these settings if it does not. Answers whether it was
    /// created. Registries that are none of Amazon's create repositories by themselves: nothing is asked of them.
    ///
    /// # Errors
    ///
    /// [`Error::Amazon`] if Amazon refuses, [`Error::Invalid`] for a lifecycle policy that cannot be read, and for ECR
    /// Public, whose repositories are created with its own command.
    pub async fn ensure_repository(&self, settings: &RepositorySettings) -> Result<bool, Error> {
        let repository = self.repository();
        let registry = match EcrHost::of(&repository.host) {
            None => return Ok(false),
            Some(public @ EcrHost::Public) => {
                return Err(Error::Invalid(format!(
                    "`{repository}` is not created by `--create-repository`: ECR Public has its own command, `{}`",
                    public.create_command(&repository.path)
                )));
            }
            Some(EcrHost::Private(registry)) => registry,
        };
        let action = self.action("create repository", "", true);
        if self.wire().offline {
            return Err(Error::Offline { action: Box::new(action) });
        }
        // A policy that cannot be read should not leave a repository behind that has none.
        let policy = settings.policy_text().map_err(Error::Invalid)?;
        let place = self.place(registry);
        let (ecr, traffic) = (self.ecr(), self.traffic());
        let failed = |failure: Failed| Error::Amazon { action: Box::new(action.clone()), failure: Box::new(failure) };
        match ecr.ask(traffic, |interface| interface.mutability(place.clone())).await {
            Ok(mutability) => {
                // Another may have been faster, with the same answer.
                let _ = ecr.mutability_of(repository).set(Some(mutability));
                return Ok(false);
            }
            // Who may not look may still create.
            Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Denied) => {}
            Err(failure) => return Err(failed(failure)),
        }
        match ecr.ask(traffic, |interface| interface.create(place.clone(), settings.clone())).await {
            Ok(()) => {}
            // Somebody was faster, or it could not be looked at.
            Err(failure) if failure.reason == Reason::Exists => return Ok(false),
            Err(failure) => return Err(failed(failure)),
        }
        if let Some(policy) = policy {
            let set = ecr.ask(traffic, |interface| interface.put_lifecycle_policy(place.clone(), policy.clone())).await;
            set.map_err(|failure| Error::Amazon {
                action: Box::new(self.action("set the lifecycle policy of the new repository", "", true)),
                failure: Box::new(failure),
            })?;
        }
        Ok(true)
    }

    /// Whether a tag that stands for an image may be made to stand for another, as far as that can be found out
    /// without trying. One request for each repository of ECR, none elsewhere.
    ///
    /// # Errors
    ///
    /// The login of docker or podman cannot be read. That Amazon does not tell is none.
    pub async fn tag_may_move(&self, tag: &str) -> Result<bool, Error> {
        let ecr = self.ecr();
        let cell = ecr.mutability_of(self.repository());
        let ask = || async {
            let Some(place) = self.ecr_place().await? else { return Ok(None) };
            // Who may not look finds out when the tag is put.
            Ok::<_, Error>(ecr.ask(self.traffic(), |interface| interface.mutability(place.clone())).await.ok())
        };
        Ok(cell.get_or_try_init(ask).await?.as_ref().is_none_or(|mutability| mutability.may_move(tag)))
    }

    /// Whether a tag exists and may not be moved: then the image has to be known before anything is sent. Nothing is
    /// asked of other registries than ECR.
    ///
    /// # Errors
    ///
    /// As [`head_manifest`](Self::head_manifest) and [`tag_may_move`](Self::tag_may_move).
    pub async fn is_fixed(&self, tag: &str) -> Result<bool, Error> {
        let is_ours = self.ecr_place().await?.is_some();
        Ok(is_ours && self.head_manifest(tag).await?.is_some() && !self.tag_may_move(tag).await?)
    }

    /// Makes sure that a tag may be made to stand for `new` instead of `current`. To be asked before anything is
    /// uploaded.
    ///
    /// # Errors
    ///
    /// [`Error::ImmutableTag`] if the registry would refuse it; as [`tag_may_move`](Self::tag_may_move).
    pub async fn may_replace(&self, tag: &str, current: &Digest, new: &Digest) -> Result<(), Error> {
        match current == new || self.tag_may_move(tag).await? {
            true => Ok(()),
            false => Err(self.immutable_tag(tag, Some(*current), *new, None)),
        }
    }

    /// The error of a tag that may not move.
    pub(in crate::registry) fn immutable_tag(
        &self,
        tag: &str,
        current: Option<Digest>,
        new: Digest,
        answer: Option<&Answer>,
    ) -> Error {
        Error::ImmutableTag {
            action: Box::new(self.manifest_action("put manifest", tag, true)),
            current: current.map(Box::new),
            new: Box::new(new),
            answer: answer.cloned().map(Box::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_turn_the_rule_around() {
        let mutability = |immutable, except: &[&str]| Mutability {
            immutable,
            except: except.iter().map(|text| text.to_string()).collect(),
        };
        assert!(mutability(false, &[]).may_move("latest"));
        assert!(!mutability(true, &[]).may_move("latest"));
        assert!(mutability(true, &["latest", "dev-*"]).may_move("latest"));
        assert!(mutability(true, &["latest", "dev-*"]).may_move("dev-7"));
        assert!(!mutability(true, &["latest", "dev-*"]).may_move("v7"));
        assert!(!mutability(false, &["v*"]).may_move("v7"));
        assert!(mutability(false, &["v*"]).may_move("latest"));
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("*", "x", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("*-rc*", "v1-rc2", true),
            ("a", "ab", false),
            ("**x", "yx", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
