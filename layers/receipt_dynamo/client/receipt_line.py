"""The client's methods for receipt lines."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.receipt_line import ReceiptLine
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptLineMixin(ClientBase):
    """Reads and writes receipt lines."""

    def add_receipt_line(self, receipt_line: ReceiptLine) -> None:
        """Add a receipt line.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_line)

    def put_receipt_lines(self, receipt_lines: Iterable[ReceiptLine]) -> int:
        """Write receipt lines in batches, over those that are there; returns how many."""
        return self._put_all(receipt_lines)

    def update_receipt_line(self, receipt_line: ReceiptLine) -> None:
        """Replace a receipt line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_line)

    def get_receipt_line(self, image_id: str, receipt_id: int, line_id: int) -> ReceiptLine:
        """Read one receipt line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(ReceiptLine, ReceiptLine.key_of(image_id, receipt_id, line_id))

    def get_receipt_lines_by_keys(
        self, keys: Iterable[tuple[str, int, int]]
    ) -> list[ReceiptLine]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptLine, (ReceiptLine.key_of(*key) for key in keys))

    def delete_receipt_line(self, image_id: str, receipt_id: int, line_id: int) -> None:
        """Delete one receipt line.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(ReceiptLine, ReceiptLine.key_of(image_id, receipt_id, line_id))

    def delete_receipt_lines(self, receipt_lines: Iterable[ReceiptLine]) -> int:
        """Delete receipt lines in batches; returns how many were asked for."""
        return self._delete_all(receipt_line.key for receipt_line in receipt_lines)

    def list_receipt_lines(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptLine]:
        """All receipt lines, a page at a time."""
        return self._list(ReceiptLine, limit, cursor)

    def list_receipt_lines_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptLine]:
        """The receipt lines of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "LINE", "")
        return self._list_below(ReceiptLine, pk, prefix, limit, cursor)
