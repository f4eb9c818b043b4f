"""The client's methods for receipt line items."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, ValidationStatus
from ..entities.receipt_line_item import ReceiptLineItem
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptLineItemMixin(ClientBase):
    """Reads and writes receipt line items."""

    def add_receipt_line_item(self, receipt_line_item: ReceiptLineItem) -> None:
        """Add a receipt line item.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_line_item)

    def put_receipt_line_items(self, receipt_line_items: Iterable[ReceiptLineItem]) -> int:
        """Write receipt line items in batches, over those that are there; returns how many."""
        return self._put_all(receipt_line_items)

    def update_receipt_line_item(self, receipt_line_item: ReceiptLineItem) -> None:
        """Replace a receipt line item.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_line_item)

    def get_receipt_line_item(
        self, image_id: str, receipt_id: int, item_number: int
    ) -> ReceiptLineItem:
        """Read one receipt line item.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(
            ReceiptLineItem, ReceiptLineItem.key_of(image_id, receipt_id, item_number)
        )

    def get_receipt_line_items_by_keys(
        self, keys: Iterable[tuple[str, int, int]]
    ) -> list[ReceiptLineItem]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptLineItem, (ReceiptLineItem.key_of(*key) for key in keys))

    def delete_receipt_line_item(self, image_id: str, receipt_id: int, item_number: int) -> None:
        """Delete one receipt line item.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(ReceiptLineItem, ReceiptLineItem.key_of(image_id, receipt_id, item_number))

    def delete_receipt_line_items(self, receipt_line_items: Iterable[ReceiptLineItem]) -> int:
        """Delete receipt line items in batches; returns how many were asked for."""
        return self._delete_all(receipt_line_item.key for receipt_line_item in receipt_line_items)

    def list_receipt_line_items(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptLineItem]:
        """All receipt line items, a page at a time."""
        return self._list(ReceiptLineItem, limit, cursor)

    def list_receipt_line_items_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptLineItem]:
        """The receipt line items of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "ITEM", "")
        return self._list_below(ReceiptLineItem, pk, prefix, limit, cursor)

    def list_receipt_line_items_by_status(
        self,
        validation_status: ValidationStatus,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptLineItem]:
        """Receipt line items in one state of checking, oldest first."""
        partition = compose("ITEM_STATUS", validation_status.value)
        return self._list_index(ReceiptLineItem, Index.GSI2, partition, limit, cursor)
