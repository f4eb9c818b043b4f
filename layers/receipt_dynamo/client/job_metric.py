"""The client's methods for job metrics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..constants import Index
from ..entities.job_metric import JobMetric
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class JobMetricMixin(ClientBase):
    """Reads and writes job metrics."""

    def add_job_metric(self, job_metric: JobMetric) -> None:
        """Add a job metric.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(job_metric)

    def put_job_metrics(self, job_metrics: Iterable[JobMetric]) -> int:
        """Write job metrics in batches, over those that are there; returns how many."""
        return self._put_all(job_metrics)

    def update_job_metric(self, job_metric: JobMetric) -> None:
        """Replace a job metric.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(job_metric)

    def get_job_metric(self, job_id: str, metric: str, measured_at: datetime) -> JobMetric:
        """Read one job metric.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(JobMetric, JobMetric.key_of(job_id, metric, measured_at))

    def get_job_metrics_by_keys(
        self, keys: Iterable[tuple[str, str, datetime]]
    ) -> list[JobMetric]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(JobMetric, (JobMetric.key_of(*key) for key in keys))

    def delete_job_metric(self, job_id: str, metric: str, measured_at: datetime) -> None:
        """Delete one job metric.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(JobMetric, JobMetric.key_of(job_id, metric, measured_at))

    def delete_job_metrics(self, job_metrics: Iterable[JobMetric]) -> int:
        """Delete job metrics in batches; returns how many were asked for."""
        return self._delete_all(job_metric.key for job_metric in job_metrics)

    def list_job_metrics(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobMetric]:
        """All job metrics, a page at a time."""
        return self._list(JobMetric, limit, cursor)

    def list_job_metrics_of_job(
        self, job_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobMetric]:
        """The job metrics of one job, in order."""
        pk = compose("JOB", job_id)
        prefix = "METRIC#"
        return self._list_below(JobMetric, pk, prefix, limit, cursor)

    def list_job_metrics_of_metric(
        self, job_id: str, metric: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobMetric]:
        """The job metrics of one metric, in order."""
        pk = compose("JOB", job_id)
        prefix = compose("METRIC", metric, "AT", "")
        return self._list_below(JobMetric, pk, prefix, limit, cursor)

    def list_job_metrics_by_name(
        self, metric: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[JobMetric]:
        """Job metrics of one name over all jobs."""
        partition = compose("METRIC", metric)
        return self._list_index(JobMetric, Index.GSI1, partition, limit, cursor)
