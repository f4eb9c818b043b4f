"""The client's methods for ocr jobs."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, OcrStatus
from ..entities.ocr_job import OcrJob
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class OcrJobMixin(ClientBase):
    """Reads and writes ocr jobs."""

    def add_ocr_job(self, ocr_job: OcrJob) -> None:
        """Add an ocr job.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(ocr_job)

    def put_ocr_jobs(self, ocr_jobs: Iterable[OcrJob]) -> int:
        """Write ocr jobs in batches, over those that are there; returns how many."""
        return self._put_all(ocr_jobs)

    def update_ocr_job(self, ocr_job: OcrJob) -> None:
        """Replace an ocr job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(ocr_job)

    def get_ocr_job(self, image_id: str, job_id: str) -> OcrJob:
        """Read one ocr job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(OcrJob, OcrJob.key_of(image_id, job_id))

    def get_ocr_jobs_by_keys(self, keys: Iterable[tuple[str, str]]) -> list[OcrJob]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(OcrJob, (OcrJob.key_of(*key) for key in keys))

    def delete_ocr_job(self, image_id: str, job_id: str) -> None:
        """Delete one ocr job.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(OcrJob, OcrJob.key_of(image_id, job_id))

    def delete_ocr_jobs(self, ocr_jobs: Iterable[OcrJob]) -> int:
        """Delete ocr jobs in batches; returns how many were asked for."""
        return self._delete_all(ocr_job.key for ocr_job in ocr_jobs)

    def list_ocr_jobs(self, limit: int | None = None, cursor: str | None = None) -> Page[OcrJob]:
        """All ocr jobs, a page at a time."""
        return self._list(OcrJob, limit, cursor)

    def list_ocr_jobs_of_image(
        self, image_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[OcrJob]:
        """The ocr jobs of one image, in order."""
        pk = compose("IMAGE", image_id)
        prefix = "OCR_JOB#"
        return self._list_below(OcrJob, pk, prefix, limit, cursor)

    def list_ocr_jobs_by_status(
        self, status: OcrStatus, limit: int | None = None, cursor: str | None = None
    ) -> Page[OcrJob]:
        """Ocr jobs in one state, oldest first."""
        partition = compose("OCR_STATUS", status.value)
        return self._list_index(OcrJob, Index.GSI1, partition, limit, cursor)
