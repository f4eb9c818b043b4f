"""The client's methods for word labels."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, ValidationStatus
from ..entities.word_label import WordLabel
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class WordLabelMixin(ClientBase):
    """Reads and writes word labels."""

    def add_word_label(self, word_label: WordLabel) -> None:
        """Add a word label.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(word_label)

    def put_word_labels(self, word_labels: Iterable[WordLabel]) -> int:
        """Write word labels in batches, over those that are there; returns how many."""
        return self._put_all(word_labels)

    def update_word_label(self, word_label: WordLabel) -> None:
        """Replace a word label.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(word_label)

    def get_word_label(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int, label: str
    ) -> WordLabel:
        """Read one word label.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(
            WordLabel, WordLabel.key_of(image_id, receipt_id, line_id, word_id, label)
        )

    def get_word_labels_by_keys(
        self, keys: Iterable[tuple[str, int, int, int, str]]
    ) -> list[WordLabel]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(WordLabel, (WordLabel.key_of(*key) for key in keys))

    def delete_word_label(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int, label: str
    ) -> None:
        """Delete one word label.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(WordLabel, WordLabel.key_of(image_id, receipt_id, line_id, word_id, label))

    def delete_word_labels(self, word_labels: Iterable[WordLabel]) -> int:
        """Delete word labels in batches; returns how many were asked for."""
        return self._delete_all(word_label.key for word_label in word_labels)

    def list_word_labels(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[WordLabel]:
        """All word labels, a page at a time."""
        return self._list(WordLabel, limit, cursor)

    def list_word_labels_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[WordLabel]:
        """The word labels of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", "")
        return self._list_below(WordLabel, pk, prefix, limit, cursor)

    def list_word_labels_of_word(
        self,
        image_id: str,
        receipt_id: int,
        line_id: int,
        word_id: int,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WordLabel]:
        """The word labels of one word, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", line_id, "WORD", word_id, "LABEL", "")
        return self._list_below(WordLabel, pk, prefix, limit, cursor)

    def list_word_labels_by_label(
        self, label: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[WordLabel]:
        """Word labels with one label."""
        partition = compose("LABEL", label)
        return self._list_index(WordLabel, Index.GSI1, partition, limit, cursor)

    def list_word_labels_by_status(
        self,
        validation_status: ValidationStatus,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[WordLabel]:
        """Word labels in one state of checking, oldest first."""
        partition = compose("LABEL_STATUS", validation_status.value)
        return self._list_index(WordLabel, Index.GSI2, partition, limit, cursor)
