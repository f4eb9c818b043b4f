"""The client's methods for label counts."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.label_count import LabelCount
from ..pagination import Page
from .base import ClientBase


class LabelCountMixin(ClientBase):
    """Reads and writes label counts."""

    def add_label_count(self, label_count: LabelCount) -> None:
        """Add a label count.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(label_count)

    def put_label_counts(self, label_counts: Iterable[LabelCount]) -> int:
        """Write label counts in batches, over those that are there; returns how many."""
        return self._put_all(label_counts)

    def update_label_count(self, label_count: LabelCount) -> None:
        """Replace a label count.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(label_count)

    def get_label_count(self, label: str) -> LabelCount:
        """Read one label count.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(LabelCount, LabelCount.key_of(label))

    def get_label_counts_by_keys(self, keys: Iterable[tuple[str]]) -> list[LabelCount]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(LabelCount, (LabelCount.key_of(*key) for key in keys))

    def delete_label_count(self, label: str) -> None:
        """Delete one label count.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(LabelCount, LabelCount.key_of(label))

    def delete_label_counts(self, label_counts: Iterable[LabelCount]) -> int:
        """Delete label counts in batches; returns how many were asked for."""
        return self._delete_all(label_count.key for label_count in label_counts)

    def list_label_counts(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[LabelCount]:
        """All label counts, a page at a time."""
        return self._list(LabelCount, limit, cursor)
