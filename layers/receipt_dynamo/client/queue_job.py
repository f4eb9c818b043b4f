"""The client's methods for queue jobs."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index
from ..entities.queue_job import QueueJob
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class QueueJobMixin(ClientBase):
    """Reads and writes queue jobs."""

    def add_queue_job(self, queue_job: QueueJob) -> None:
        """Add a queue job.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(queue_job)

    def put_queue_jobs(self, queue_jobs: Iterable[QueueJob]) -> int:
        """Write queue jobs in batches, over those that are there; returns how many."""
        return self._put_all(queue_jobs)

    def update_queue_job(self, queue_job: QueueJob) -> None:
        """Replace a queue job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(queue_job)

    def get_queue_job(self, queue_name: str, job_id: str) -> QueueJob:
        """Read one queue job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(QueueJob, QueueJob.key_of(queue_name, job_id))

    def get_queue_jobs_by_keys(self, keys: Iterable[tuple[str, str]]) -> list[QueueJob]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(QueueJob, (QueueJob.key_of(*key) for key in keys))

    def delete_queue_job(self, queue_name: str, job_id: str) -> None:
        """Delete one queue job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(QueueJob, QueueJob.key_of(queue_name, job_id))

    def delete_queue_jobs(self, queue_jobs: Iterable[QueueJob]) -> int:
        """Delete queue jobs in batches; returns how many were asked for."""
        return self._delete_all(queue_job.key for queue_job in queue_jobs)

    def list_queue_jobs(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[QueueJob]:
        """All queue jobs, a page at a time."""
        return self._list(QueueJob, limit, cursor)

    def list_queue_jobs_of_queue(
        self, queue_name: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[QueueJob]:
        """The queue jobs of one queue, in order."""
        pk = compose("QUEUE", queue_name)
        prefix = "JOB#"
        return self._list_below(QueueJob, pk, prefix, limit, cursor)

    def list_queue_jobs_by_job(
        self, job_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[QueueJob]:
        """Queue jobs of one job, in every queue."""
        partition = compose("QUEUED_JOB", job_id)
        return self._list_index(QueueJob, Index.GSI1, partition, limit, cursor)
