"""The client's methods for receipt letters."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.receipt_letter import ReceiptLetter
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptLetterMixin(ClientBase):
    """Reads and writes receipt letters."""

    def add_receipt_letter(self, receipt_letter: ReceiptLetter) -> None:
        """Add a receipt letter.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_letter)

    def put_receipt_letters(self, receipt_letters: Iterable[ReceiptLetter]) -> int:
        """Write receipt letters in batches, over those that are there; returns how many."""
        return self._put_all(receipt_letters)

    def update_receipt_letter(self, receipt_letter: ReceiptLetter) -> None:
        """Replace a receipt letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_letter)

    def get_receipt_letter(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int, letter_id: int
    ) -> ReceiptLetter:
        """Read one receipt letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(
            ReceiptLetter,
            ReceiptLetter.key_of(image_id, receipt_id, line_id, word_id, letter_id),
        )

    def get_receipt_letters_by_keys(
        self, keys: Iterable[tuple[str, int, int, int, int]]
    ) -> list[ReceiptLetter]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptLetter, (ReceiptLetter.key_of(*key) for key in keys))

    def delete_receipt_letter(
        self, image_id: str, receipt_id: int, line_id: int, word_id: int, letter_id: int
    ) -> None:
        """Delete one receipt letter.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(
            ReceiptLetter,
            ReceiptLetter.key_of(image_id, receipt_id, line_id, word_id, letter_id),
        )

    def delete_receipt_letters(self, receipt_letters: Iterable[ReceiptLetter]) -> int:
        """Delete receipt letters in batches; returns how many were asked for."""
        return self._delete_all(receipt_letter.key for receipt_letter in receipt_letters)

    def list_receipt_letters(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptLetter]:
        """All receipt letters, a page at a time."""
        return self._list(ReceiptLetter, limit, cursor)

    def list_receipt_letters_of_word(
        self,
        image_id: str,
        receipt_id: int,
        line_id: int,
        word_id: int,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptLetter]:
        """The receipt letters of one word, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", line_id, "WORD", word_id, "LETTER", "")
        return self._list_below(ReceiptLetter, pk, prefix, limit, cursor)
