"""The client's methods for receipts."""

from __future__ import annotations

from collections.abc import Iterable

from ..entities.receipt import Receipt
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptMixin(ClientBase):
    """Reads and writes receipts."""

    def add_receipt(self, receipt: Receipt) -> None:
        """Add a receipt.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt)

    def put_receipts(self, receipts: Iterable[Receipt]) -> int:
        """Write receipts in batches, over those that are there; returns how many."""
        return self._put_all(receipts)

    def update_receipt(self, receipt: Receipt) -> None:
        """Replace a receipt.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt)

    def get_receipt(self, image_id: str, receipt_id: int) -> Receipt:
        """Read one receipt.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(Receipt, Receipt.key_of(image_id, receipt_id))

    def get_receipts_by_keys(self, keys: Iterable[tuple[str, int]]) -> list[Receipt]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(Receipt, (Receipt.key_of(*key) for key in keys))

    def delete_receipt(self, image_id: str, receipt_id: int) -> None:
        """Delete one receipt.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(Receipt, Receipt.key_of(image_id, receipt_id))

    def delete_receipts(self, receipts: Iterable[Receipt]) -> int:
        """Delete receipts in batches; returns how many were asked for."""
        return self._delete_all(receipt.key for receipt in receipts)

    def list_receipts(self, limit: int | None = None, cursor: str | None = None) -> Page[Receipt]:
        """All receipts, a page at a time."""
        return self._list(Receipt, limit, cursor)

    def list_receipts_of_image(
        self, image_id: str, limit: int | None = None, cursor: str | None = None
    ) -> Page[Receipt]:
        """The receipts of one image, in order."""
        pk = compose("IMAGE", image_id)
        prefix = "RECEIPT#"
        return self._list_below(Receipt, pk, prefix, limit, cursor)
