"""The client's methods for jobs."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, JobStatus
from ..entities.job import Job
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class JobMixin(ClientBase):
    """Reads and writes jobs."""

    def add_job(self, job: Job) -> None:
        """Add a job.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(job)

    def put_jobs(self, jobs: Iterable[Job]) -> int:
        """Write jobs in batches, over those that are there; returns how many."""
        return self._put_all(jobs)

    def update_job(self, job: Job) -> None:
        """Replace a job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(job)

    def get_job(self, job_id: str) -> Job:
        """Read one job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Job, Job.key_of(job_id))

    def get_jobs_by_keys(self, keys: Iterable[tuple[str]]) -> list[Job]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Job, (Job.key_of(*key) for key in keys))

    def delete_job(self, job_id: str) -> None:
        """Delete one job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Job, Job.key_of(job_id))

    def delete_jobs(self, jobs: Iterable[Job]) -> int:
        """Delete jobs in batches; returns how many were asked for."""
        return self._delete_all(job.key for job in jobs)

    def list_jobs(self, limit: int | None = None, cursor: str | None = None) -> Page[Job]:
        """All jobs, a page at a time."""
        return self._list(Job, limit, cursor)

    def list_jobs_by_status(
        self, status: JobStatus, limit: int | None = None, cursor: str | None = None
    ) -> Page[Job]:
        """Jobs in one state, oldest first."""
        partition = compose("JOB_STATUS", status.value)
        return self._list_index(Job, Index.GSI1, partition, limit, cursor)

    def list_jobs_by_user(
        self, created_by: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[Job]:
        """Jobs of one user, oldest first."""
        partition = compose("JOB_USER", created_by)
        return self._list_index(Job, Index.GSI2, partition, limit, cursor)
