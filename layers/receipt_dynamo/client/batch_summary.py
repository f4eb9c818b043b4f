"""The client's methods for batch summaries."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, BatchStatus
from ..entities.batch_summary import BatchSummary
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class BatchSummaryMixin(ClientBase):
    """Reads and writes batch summaries."""

    def add_batch_summary(self, batch_summary: BatchSummary) -> None:
        """Add a batch summary.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(batch_summary)

    def put_batch_summaries(self, batch_summaries: Iterable[BatchSummary]) -> int:
        """Write batch summaries in batches, over those that are there; returns how many."""
        return self._put_all(batch_summaries)

    def update_batch_summary(self, batch_summary: BatchSummary) -> None:
        """Replace a batch summary.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(batch_summary)

    def get_batch_summary(self, batch_id: str) -> BatchSummary:
        """Read one batch summary.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(BatchSummary, BatchSummary.key_of(batch_id))

    def get_batch_summaries_by_keys(self, keys: Iterable[tuple[str]]) -> list[BatchSummary]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(BatchSummary, (BatchSummary.key_of(*key) for key in keys))

    def delete_batch_summary(self, batch_id: str) -> None:
        """Delete one batch summary.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(BatchSummary, BatchSummary.key_of(batch_id))

    def delete_batch_summaries(self, batch_summaries: Iterable[BatchSummary]) -> int:
        """Delete batch summaries in batches; returns how many were asked for."""
        return self._delete_all(batch_summary.key for batch_summary in batch_summaries)

    def list_batch_summaries(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[BatchSummary]:
        """All batch summaries, a page at a time."""
        return self._list(BatchSummary, limit, cursor)

    def list_batch_summaries_by_status(
        self, status: BatchStatus, limit: int | None = None, cursor: str | None = None
    ) -> Page[BatchSummary]:
        """Batch summaries in one state."""
        partition = compose("BATCH_STATUS", status.value)
        return self._list_index(BatchSummary, Index.GSI1, partition, limit, cursor)
