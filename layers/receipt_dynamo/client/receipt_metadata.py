"""The client's methods for receipt metadata records."""

from __future__ import annotations

from collections.abc import Iterable

from ..constants import Index, ValidationStatus
from ..entities.receipt_metadata import ReceiptMetadata
from ..keys import compose
from ..pagination import Page
from .base import ClientBase


class ReceiptMetadataMixin(ClientBase):
    """Reads and writes receipt metadata records."""

    def add_receipt_metadata(self, receipt_metadata: ReceiptMetadata) -> None:
        """Add a receipt metadata.

        Raises:
            EntityExists: there is one with the same key.
        """
        self._add(receipt_metadata)

    def put_receipt_metadata_records(
        self, receipt_metadata_records: Iterable[ReceiptMetadata]
    ) -> int:
        """Write receipt metadata records in batches; returns how many."""
        return self._put_all(receipt_metadata_records)

    def update_receipt_metadata(self, receipt_metadata: ReceiptMetadata) -> None:
        """Replace a receipt metadata.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._update(receipt_metadata)

    def get_receipt_metadata(self, image_id: str, receipt_id: int) -> ReceiptMetadata:
        """Read one receipt metadata.

        Raises:
            EntityNotFound: there is none with that key.
        """
        return self._get(ReceiptMetadata, ReceiptMetadata.key_of(image_id, receipt_id))

    def get_receipt_metadata_records_by_keys(
        self, keys: Iterable[tuple[str, int]]
    ) -> list[ReceiptMetadata]:
        """Read many at once, in the order of their keys; missing ones are left out."""
        return self._get_all(ReceiptMetadata, (ReceiptMetadata.key_of(*key) for key in keys))

    def delete_receipt_metadata(self, image_id: str, receipt_id: int) -> None:
        """Delete one receipt metadata.

        Raises:
            EntityNotFound: there is none with that key.
        """
        self._delete(ReceiptMetadata, ReceiptMetadata.key_of(image_id, receipt_id))

    def delete_receipt_metadata_records(
        self, receipt_metadata_records: Iterable[ReceiptMetadata]
    ) -> int:
        """Delete receipt metadata records in batches; returns how many were asked for."""
        return self._delete_all(record.key for record in receipt_metadata_records)

    def list_receipt_metadata_records(
        self, limit: int | None = None, cursor: str | None = None
    ) -> Page[ReceiptMetadata]:
        """All receipt metadata records, a page at a time."""
        return self._list(ReceiptMetadata, limit, cursor)

    def list_receipt_metadata_records_of_image(
        self,
        image_id: str,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptMetadata]:
        """The receipt metadata records of one image, in order."""
        pk = compose("IMAGE", image_id)
        prefix = "RECEIPT#"
        return self._list_below(ReceiptMetadata, pk, prefix, limit, cursor)

    def list_receipt_metadata_records_by_merchant(
        self,
        merchant_name: str,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptMetadata]:
        """Receipt metadata records of one shop."""
        partition = compose("MERCHANT", merchant_name)
        return self._list_index(ReceiptMetadata, Index.GSI1, partition, limit, cursor)

    def list_receipt_metadata_records_by_status(
        self,
        validation_status: ValidationStatus,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ReceiptMetadata]:
        """Receipt metadata records in one state of checking, oldest first."""
        partition = compose("METADATA_STATUS", validation_status.value)
        return self._list_index(ReceiptMetadata, Index.GSI2, partition, limit, cursor)
