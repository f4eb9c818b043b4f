"""The client's methods for receipt sections."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import SectionType
from ..entities.receipt_section import ReceiptSection
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptSectionMixin(ClientBase):
    """Reads and writes receipt sections."""

    def add_receipt_section(self, receipt_section: ReceiptSection) -> None:
        """Add a receipt section.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_section)

    def put_receipt_sections(self, receipt_sections: Iterable[ReceiptSection]) -> int:
        """Write receipt sections in batches, over those that are there; returns how many."""
        return self._put_all(receipt_sections)

    def update_receipt_section(self, receipt_section: ReceiptSection) -> None:
        """Replace a receipt section.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_section)

    def get_receipt_section(
        self, image_id: str, receipt_id: int, section: SectionType
    ) -> ReceiptSection:
        """Read one receipt section.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(ReceiptSection, ReceiptSection.key_of(image_id, receipt_id, section))

    def get_receipt_sections_by_keys(
        self, keys: Iterable[tuple[str, int, SectionType]]
    ) -> list[ReceiptSection]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptSection, (ReceiptSection.key_of(*key) for key in keys))

    def delete_receipt_section(
        self, image_id: str, receipt_id: int, section: SectionType
    ) -> None:
        """Delete one receipt section.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(ReceiptSection, ReceiptSection.key_of(image_id, receipt_id, section))

    def delete_receipt_sections(self, receipt_sections: Iterable[ReceiptSection]) -> int:
        """Delete receipt sections in batches; returns how many were asked for."""
        return self._delete_all(receipt_section.key for receipt_section in receipt_sections)

    def list_receipt_sections(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptSection]:
        """All receipt sections, a page at a time."""
        return self._list(ReceiptSection, limit, cursor)

    def list_receipt_sections_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptSection]:
        """The receipt sections of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "SECTION", "")
        return self._list_below(ReceiptSection, pk, prefix, limit, cursor)
