"""The client's methods for receipt words."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.receipt_word import ReceiptWord
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptWordMixin(ClientBase):
    """Reads and writes receipt words."""

    def add_receipt_word(self, receipt_word: ReceiptWord) -> None:
        """Add a receipt word.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_word)

    def put_receipt_words(self, receipt_words: Iterable[ReceiptWord]) -> int:
        """Write receipt words in batches, over those that are there; returns how many."""
        return self._put_all(receipt_words)

    def update_receipt_word(self, receipt_word: ReceiptWord) -> None:
        """Replace a receipt word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_word)

    def get_receipt_word(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int
    ) -> ReceiptWord:
        """Read one receipt word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(
            ReceiptWord, ReceiptWord.key_of(image_id, receipt_id, line_id, word_id)
        )

    def get_receipt_words_by_keys(
        self, keys: Iterable[tuple[str, int, int, int]]
    ) -> list[ReceiptWord]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptWord, (ReceiptWord.key_of(*key) for key in keys))

    def delete_receipt_word(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int
    ) -> None:
        """Delete one receipt word.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(ReceiptWord, ReceiptWord.key_of(image_id, receipt_id, line_id, word_id))

    def delete_receipt_words(self, receipt_words: Iterable[ReceiptWord]) -> int:
        """Delete receipt words in batches; returns how many were asked for."""
        return self._delete_all(receipt_word.key for receipt_word in receipt_words)

    def list_receipt_words(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptWord]:
        """All receipt words, a page at a time."""
        return self._list(ReceiptWord, limit, cursor)

    def list_receipt_words_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptWord]:
        """The receipt words of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", "")
        return self._list_below(ReceiptWord, pk, prefix, limit, cursor)

    def list_receipt_words_of_line(
        self,
        image_id: str,
        receipt_id: int,
        line_id: int,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptWord]:
        """The receipt words of one line, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", line_id, "WORD", "")
        return self._list_below(ReceiptWord, pk, prefix, limit, cursor)
