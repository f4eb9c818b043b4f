"""The client's methods for job logs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..entities.job_log import JobLog
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class JobLogMixin(ClientBase):
    """Reads and writes job logs."""

    def add_job_log(self, job_log: JobLog) -> None:
        """Add a job log.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(job_log)

    def put_job_logs(self, job_logs: Iterable[JobLog]) -> int:
        """Write job logs in batches, over those that are there; returns how many."""
        return self._put_all(job_logs)

    def update_job_log(self, job_log: JobLog) -> None:
        """Replace a job log.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(job_log)

    def get_job_log(self, job_id: str, logged_at: datetime) -> JobLog:
        """Read one job log.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(JobLog, JobLog.key_of(job_id, logged_at))

    def get_job_logs_by_keys(self, keys: Iterable[tuple[str, datetime]]) -> list[JobLog]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(JobLog, (JobLog.key_of(*key) for key in keys))

    def delete_job_log(self, job_id: str, logged_at: datetime) -> None:
        """Delete one job log.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(JobLog, JobLog.key_of(job_id, logged_at))

    def delete_job_logs(self, job_logs: Iterable[JobLog]) -> int:
        """Delete job logs in batches; returns how many were asked for."""
        return self._delete_all(job_log.key for job_log in job_logs)

    def list_job_logs(self, limit: int | None = None, cursor: str | None = None) -> Page[JobLog]:
        """All job logs, a page at a time."""
        return self._list(JobLog, limit, cursor)

    def list_job_logs_of_job(
        self, job_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobLog]:
        """The job logs of one job, in order."""
        pk = compose("JOB", job_id)
        prefix = "LOG#"
        return self._list_below(JobLog, pk, prefix, limit, cursor)
