//! Moving tags that others may move as well.
//!
//! The protocol has no "put if it is still so": between looking and putting lies one request. So a tag is looked at right
//! before it is put, and once more when whoever looked at the same moment has put its own: of two that race, the one
//! whose manifest was replaced learns of it. A put that took longer than that is told of by whoever made it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client::RemoteRepository;
use super::error::Error;
use crate::digest::Digest;

/// How long after a put its tag is looked at again, at least: whoever looked before the put and has needed less than
/// this has put by then.
const LEAST_WAIT: Duration = Duration::from_millis(400);
/// How many times the time of a look and a put are waited for, should they take longer.
const PATIENCE: u32 = 2;
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// A tag, and what it stood for when the change to it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTag {
    /// The tag.
    pub name: String,
    /// What it stood for; nothing if there was no such tag.
    pub digest: Option<Digest>,
}

/// How a tag was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The tag.
    pub name: String,
    /// How long it took from the look before it to the end of the put, if that was so long that somebody else who has
    /// moved it meanwhile may believe to have won.
    pub slow: Option<Duration>,
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
    /// already. All are looked at before any is moved. Who wins the first that has to move moves the others too: of two
    /// that race, one leaves all of them alone. Answers those that were moved.
    ///
    /// # Errors
    ///
    /// [`Error::TagMoved`] if somebody else has moved one, [`Error::ImmutableTag`] if one may not be moved, any refusal.
    pub async fn move_tags(&self, tags: &[ReadTag], media_type: &str, bytes: &Bytes) -> Result<Vec<Moved>, Error> {
        let new = Digest::of(bytes);
        let mut moving = Vec::new();
        let mut looked = Instant::now();
        // The first is looked at last: nothing lies between that and its put.
        for tag in tags.iter().rev() {
            looked = Instant::now();
            if self.is_to_move(tag, &new).await? {
                moving.push(tag);
            }
        }
        moving.reverse();
        for tag in &moving {
            if let Some(current) = &tag.digest {
                self.may_replace(&tag.name, current, &new).await?;
            }
        }
        let mut moved = Vec::new();
        for (index, tag) in moving.iter().enumerate() {
            let is_fresh = index == 0 && tags.first() == Some(*tag);
            if !is_fresh {
                looked = Instant::now();
                if !self.is_to_move(tag, &new).await? {
                    continue;
                }
            }
            self.put_manifest(&tag.name, media_type, bytes).await?;
            let taken = looked.elapsed();
            moved.push(Moved { name: tag.name.clone(), slow: Some(taken).filter(|taken| *taken > LEAST_WAIT) });
            if index == 0 {
                tokio::time::sleep((taken * PATIENCE).clamp(LEAST_WAIT, LONGEST_WAIT)).await;
                self.must_stand(tag, &new).await?;
            }
        }
        for tag in moving.iter().skip(1) {
            self.must_stand(tag, &new).await?;
        }
        Ok(moved)
    }

    /// Whether a tag does not stand for `new` yet; an error if it does not stand for what was read either.
    async fn is_to_move(&self, tag: &ReadTag, new: &Digest) -> Result<bool, Error> {
        let now = self.tag_digest(&tag.name).await?;
        match now {
            Some(now) if now == *new => Ok(false),
            now if now == tag.digest => Ok(true),
            now => Err(self.tag_moved(tag, now, None)),
        }
    }

    async fn must_stand(&self, tag: &ReadTag, new: &Digest) -> Result<(), Error> {
        let now = self.tag_digest(&tag.name).await?;
        if now == Some(*new) { Ok(()) } else { Err(self.tag_moved(tag, now, Some(*new))) }
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
