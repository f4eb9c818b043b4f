"""The client's methods for job checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..entities.job_checkpoint import JobCheckpoint
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class JobCheckpointMixin(ClientBase):
    """Reads and writes job checkpoints."""

    def add_job_checkpoint(self, job_checkpoint: JobCheckpoint) -> None:
        """Add a job checkpoint.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(job_checkpoint)

    def put_job_checkpoints(self, job_checkpoints: Iterable[JobCheckpoint]) -> int:
        """Write job checkpoints in batches, over those that are there; returns how many."""
        return self._put_all(job_checkpoints)

    def update_job_checkpoint(self, job_checkpoint: JobCheckpoint) -> None:
        """Replace a job checkpoint.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(job_checkpoint)

    def get_job_checkpoint(self, job_id: str, saved_at: datetime) -> JobCheckpoint:
        """Read one job checkpoint.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(JobCheckpoint, JobCheckpoint.key_of(job_id, saved_at))

    def get_job_checkpoints_by_keys(
        self, keys: Iterable[tuple[str, datetime]]
    ) -> list[JobCheckpoint]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(JobCheckpoint, (JobCheckpoint.key_of(*key) for key in keys))

    def delete_job_checkpoint(self, job_id: str, saved_at: datetime) -> None:
        """Delete one job checkpoint.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(JobCheckpoint, JobCheckpoint.key_of(job_id, saved_at))

    def delete_job_checkpoints(self, job_checkpoints: Iterable[JobCheckpoint]) -> int:
        """Delete job checkpoints in batches; returns how many were asked for."""
        return self._delete_all(job_checkpoint.key for job_checkpoint in job_checkpoints)

    def list_job_checkpoints(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobCheckpoint]:
        """All job checkpoints, a page at a time."""
        return self._list(JobCheckpoint, limit, cursor)

    def list_job_checkpoints_of_job(
        self, job_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobCheckpoint]:
        """The job checkpoints of one job, in order."""
        pk = compose("JOB", job_id)
        prefix = "CHECKPOINT#"
        return self._list_below(JobCheckpoint, pk, prefix, limit, cursor)

    def get_best_job_checkpoint(self, job_id: str) -> JobCheckpoint | None:
        """The checkpoint marked as best, the latest if there are several."""
        page = self.list_job_checkpoints_of_job(job_id)
        best = [each for each in page if each.is_best]
        return best[-1] if best else None
