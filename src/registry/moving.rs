//! Moving tags that others may move as well.
//!
//! The protocol has no "put if it is still so": between looking and putting lies one request. So a tag is looked at right
//! before it is put and once more after it, when whoever looked at the same moment has put its own: of two that race, the
//! one whose manifest was replaced learns of it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client::RemoteRepository;
use super::error::Error;
use crate::digest::Digest;

/// How many times the time of a look and a put are waited for before a tag is looked at again: whoever looked before the
/// put has put by then.
const PATIENCE: u32 = 2;
/// The shortest and the longest such wait.
const LEAST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A tag, and what it stood for when the change to it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTag {
    /// The tag.
    pub name: String,
    /// What it stood for; nothing if there was no such tag.
    pub digest: Option<Digest>,
}

impl RemoteRepository {
    /// What a tag stands for; nothing if there is no such tag.
    ///
    /// # Errors
    ///
    /// Any refusal but a 404.
    pub async fn tag_digest(&self, tag: &str) -> Result<Option<Digest>, Error> {
        match self.head_manifest(tag).await? {
            None => Ok(None),
            Some(head) if head.digest.is_some() => Ok(head.digest),
            // A registry that does not name the digest has to be asked for the manifest itself.
            Some(_) => Ok(self.try_manifest(tag).await?.map(|manifest| manifest.digest)),
        }
    }

    /// Moves tags to a manifest if each of them still stands for what it did when it was read, or for this manifest
    /// already. All are looked at before any is moved, and again afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::TagMoved`] if somebody else has moved one, [`Error::ImmutableTag`] if one may not be moved, any refusal.
    pub async fn move_tags(&self, tags: &[ReadTag], media_type: &str, bytes: &Bytes) -> Result<(), Error> {
        let new = Digest::of(bytes);
        let mut moving = Vec::new();
        let mut since = Instant::now();
        for tag in tags {
            since = Instant::now();
            let now = self.tag_digest(&tag.name).await?;
            if now == Some(new) {
                continue;
            }
            if now != tag.digest {
                return Err(self.tag_moved(tag, now, None));
            }
            if let Some(current) = now {
                self.may_replace(&tag.name, &current, &new).await?;
            }
            moving.push(tag);
        }
        for tag in &moving {
            self.put_manifest(&tag.name, media_type, bytes).await?;
        }
        if moving.is_empty() {
            return Ok(());
        }
        tokio::time::sleep((since.elapsed() * PATIENCE).clamp(LEAST_WAIT, LONGEST_WAIT)).await;
        for tag in &moving {
            let now = self.tag_digest(&tag.name).await?;
            if now != Some(new) {
                return Err(self.tag_moved(tag, now, Some(new)));
            }
        }
        Ok(())
    }

    fn tag_moved(&self, tag: &ReadTag, now: Option<Digest>, put: Option<Digest>) -> Error {
        Error::TagMoved {
            action: Box::new(self.manifest_action("move the tag", &tag.name, true)),
            read: tag.digest.map(Box::new),
            now: now.map(Box::new),
            put: put.map(Box::new),
        }
    }
}
