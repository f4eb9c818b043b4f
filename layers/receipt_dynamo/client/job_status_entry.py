"""The client's methods for job status entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..entities.job_status_entry import JobStatusEntry
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class JobStatusEntryMixin(ClientBase):
    """Reads and writes job status entries."""

    def add_job_status_entry(self, job_status_entry: JobStatusEntry) -> None:
        """Add a job status entry.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(job_status_entry)

    def put_job_status_entries(self, job_status_entries: Iterable[JobStatusEntry]) -> int:
        """Write job status entries in batches, over those that are there; returns how many."""
        return self._put_all(job_status_entries)

    def update_job_status_entry(self, job_status_entry: JobStatusEntry) -> None:
        """Replace a job status entry.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(job_status_entry)

    def get_job_status_entry(self, job_id: str, changed_at: datetime) -> JobStatusEntry:
        """Read one job status entry.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(JobStatusEntry, JobStatusEntry.key_of(job_id, changed_at))

    def get_job_status_entries_by_keys(
        self, keys: Iterable[tuple[str, datetime]]
    ) -> list[JobStatusEntry]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(JobStatusEntry, (JobStatusEntry.key_of(*key) for key in keys))

    def delete_job_status_entry(self, job_id: str, changed_at: datetime) -> None:
        """Delete one job status entry.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(JobStatusEntry, JobStatusEntry.key_of(job_id, changed_at))

    def delete_job_status_entries(self, job_status_entries: Iterable[JobStatusEntry]) -> int:
        """Delete job status entries in batches; returns how many were asked for."""
        return self._delete_all(job_status_entry.key for job_status_entry in job_status_entries)

    def list_job_status_entries(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobStatusEntry]:
        """All job status entries, a page at a time."""
        return self._list(JobStatusEntry, limit, cursor)

    def list_job_status_entries_of_job(
        self, job_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobStatusEntry]:
        """The job status entries of one job, in order."""
        pk = compose("JOB", job_id)
        prefix = "STATUS_AT#"
        return self._list_below(JobStatusEntry, pk, prefix, limit, cursor)
