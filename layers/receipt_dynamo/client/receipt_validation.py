"""The client's methods for receipt validations."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index
from ..entities.receipt_validation import ReceiptValidation
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptValidationMixin(ClientBase):
    """Reads and writes receipt validations."""

    def add_receipt_validation(self, receipt_validation: ReceiptValidation) -> None:
        """Add a receipt validation.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_validation)

    def put_receipt_validations(self, receipt_validations: Iterable[ReceiptValidation]) -> int:
        """Write receipt validations in batches, over those that are there; returns how many."""
        return self._put_all(receipt_validations)

    def update_receipt_validation(self, receipt_validation: ReceiptValidation) -> None:
        """Replace a receipt validation.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_validation)

    def get_receipt_validation(
        self, image_id: str, receipt_id: int, check_name: str
    ) -> ReceiptValidation:
        """Read one receipt validation.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(
            ReceiptValidation, ReceiptValidation.key_of(image_id, receipt_id, check_name)
        )

    def get_receipt_validations_by_keys(
        self, keys: Iterable[tuple[str, int, str]]
    ) -> list[ReceiptValidation]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptValidation, (ReceiptValidation.key_of(*key) for key in keys))

    def delete_receipt_validation(self, image_id: str, receipt_id: int, check_name: str) -> None:
        """Delete one receipt validation.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(
            ReceiptValidation, ReceiptValidation.key_of(image_id, receipt_id, check_name)
        )

    def delete_receipt_validations(self, receipt_validations: Iterable[ReceiptValidation]) -> int:
        """Delete receipt validations in batches; returns how many were asked for."""
        return self._delete_all(record.key for record in receipt_validations)

    def list_receipt_validations(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptValidation]:
        """All receipt validations, a page at a time."""
        return self._list(ReceiptValidation, limit, cursor)

    def list_receipt_validations_of_receipt(
        self, image_id: str, receipt_id: int, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptValidation]:
        """The receipt validations of one receipt, in order."""
        pk = compose("IMAGE", image_id)
        prefix = compose("RECEIPT", receipt_id, "CHECK", "")
        return self._list_below(ReceiptValidation, pk, prefix, limit, cursor)

    def list_receipt_validations_by_check(
        self,
        check_name: str,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptValidation]:
        """Receipt validations of one check, oldest first."""
        partition = compose("CHECK", check_name)
        return self._list_index(ReceiptValidation, Index.GSI1, partition, limit, cursor)
