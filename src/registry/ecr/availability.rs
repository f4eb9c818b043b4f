//! Availability: which of many blobs a repository has.

use std::collections::BTreeSet;

use futures_util::stream::{FuturesUnordered, TryStreamExt as _};

use super::interface::{MOST_DIGESTS, Reason};
use crate::digest::Digest;
use crate::image::Descriptor;
use crate::registry::client::RemoteRepository;
use crate::registry::error::Error;

impl RemoteRepository {
    /// Those of `digests` that the repository holds: on ECR one request for each hundred of them, elsewhere, and where
    /// Amazon does not permit that, one each.
    ///
    /// # Errors
    ///
    /// As [`blob_exists`](Self::blob_exists).
    pub async fn existing(&self, digests: &[Digest]) -> Result<BTreeSet<Digest>, Error> {
        let digests: BTreeSet<Digest> = digests.iter().copied().collect();
        // For a single blob the protocol is as quick, and needs no other connection.
        if digests.len() > 1
            && let Some(found) = self.available(&digests).await?
        {
            return Ok(found);
        }
        let asked: FuturesUnordered<_> = digests
            .into_iter()
            .map(|digest| async move { Ok::<_, Error>((digest, self.blob_exists(&digest).await?)) })
            .collect();
        let answers: Vec<(Digest, bool)> = asked.try_collect().await?;
        Ok(answers.into_iter().filter_map(|(digest, exists)| exists.then_some(digest)).collect())
    }

    /// The digests of those of `blobs` that the repository holds, asked for in the same way. Where each is asked for by
    /// itself, one of another size than its descriptor says is not that blob.
    ///
    /// # Errors
    ///
    /// As [`holds`](Self::holds).
    pub async fn holding(&self, blobs: &[Descriptor]) -> Result<BTreeSet<Digest>, Error> {
        let digests: BTreeSet<Digest> = blobs.iter().map(|blob| blob.digest).collect();
        if digests.len() > 1
            && let Some(found) = self.available(&digests).await?
        {
            return Ok(found);
        }
        let asked: FuturesUnordered<_> =
            blobs.iter().map(async |blob| Ok::<_, Error>((blob.digest, self.holds(blob).await?))).collect();
        let answers: Vec<(Digest, bool)> = asked.try_collect().await?;
        Ok(answers.into_iter().filter_map(|(digest, holds)| holds.then_some(digest)).collect())
    }

    /// Asks Amazon's interface; `None` if it is not there or does not tell.
    async fn available(&self, digests: &BTreeSet<Digest>) -> Result<Option<BTreeSet<Digest>>, Error> {
        let ecr = self.ecr();
        let host = &self.repository().host;
        if ecr.goes_one_by_one(host) {
            return Ok(None);
        }
        let Some(place) = self.ecr_place().await? else { return Ok(None) };
        let all: Vec<Digest> = digests.iter().copied().collect();
        let asked: FuturesUnordered<_> = all
            .chunks(MOST_DIGESTS)
            .map(|chunk| {
                let place = place.clone();
                ecr.ask(self.traffic(), move |interface| interface.available(place.clone(), chunk.to_vec()))
            })
            .collect();
        match asked.try_collect::<Vec<BTreeSet<Digest>>>().await {
            Ok(found) => Ok(Some(found.into_iter().flatten().collect())),
            // Nothing is in a repository that does not exist; a push will say so.
            Err(failed) if failed.reason == Reason::NotFound => Ok(Some(BTreeSet::new())),
            // Whatever it is, the registry itself can be asked; if that fails too, it is the error to tell.
            Err(_) => {
                ecr.go_one_by_one(host);
                Ok(None)
            }
        }
    }
}
